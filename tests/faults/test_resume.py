"""A large file is cut, and the server answers its resumption wrongly, or has another version by then.

Parts over 1 MiB are continued (DESIGN 4.2, 4.3): only with If-Range on a strong validator, and only by a 206
that fits. Whatever else comes, the file is in the end to the byte what the server has now, or there is none.
"""

from __future__ import annotations

from typing import Any

import pytest

from scraper.server.faults import changed
from scraper.server.faults.replies import PAGE

MIB = 1 << 20
SIZE = 3 * MIB
CUT = {"do": "cut", "at": "50%", "times": 1}


@pytest.fixture
def large(trial: Any, records: Any) -> Any:
    """A trial with a file of 3 MiB."""
    trial.put("/a.bin", records(1, SIZE))
    return trial


def ranges(trial: Any) -> list[str]:
    """The ranges that were asked for, in order."""
    return [headers["range"] for headers in trial.asked("/a.bin") if headers.get("range", "bytes=0-") != "bytes=0-"]


def first_byte(value: str) -> int:
    return int(value.removeprefix("bytes=").partition("-")[0])


# -- what is continued -------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["cut", "reset", "stall"])
def test_a_cut_file_is_continued_where_it_was_cut(large: Any, fault: str) -> None:
    large.spoil({"do": fault, "at": "50%", "times": 1})
    large.fetch("/a.bin", read=0.3)
    large.ends({"/a.bin": "saved"})
    asked = [headers for headers in large.asked("/a.bin") if headers.get("range") in ranges(large)]
    assert [first_byte(headers["range"]) > MIB for headers in asked] == [True]
    assert asked[0]["if-range"].startswith('"')


def test_a_file_that_is_cut_again_and_again_goes_on(large: Any) -> None:
    large.spoil({"do": "cut", "at": "40%", "times": 3})
    large.fetch("/a.bin", attempts=4)
    large.ends({"/a.bin": "saved"})
    starts = [first_byte(value) for value in ranges(large)]
    assert (len(starts), starts) == (3, sorted(starts))


def test_a_part_below_one_mebibyte_may_start_again(large: Any) -> None:
    large.spoil({"do": "cut", "at": "500k", "times": 1})
    large.fetch("/a.bin")
    large.ends({"/a.bin": "saved"})


def test_no_part_is_left_where_no_attempt_is_left(large: Any) -> None:
    large.spoil({"do": "cut", "at": "50%"})
    large.fetch("/a.bin", attempts=2)
    large.ends({"/a.bin": "failed:length"})


def test_all_bytes_came_but_not_the_last_chunk(large: Any) -> None:
    """A part that is whole already: a range behind its end is answered 416 with its very size."""
    large.spoil({"do": "no_last_chunk", "times": 1})
    large.fetch("/a.bin")
    large.ends({"/a.bin": "saved"})


def test_a_file_of_which_one_byte_is_missing(large: Any) -> None:
    large.spoil({"do": "cut", "at": SIZE - 1, "times": 1})
    large.fetch("/a.bin")
    large.ends({"/a.bin": "saved"})


def test_a_file_cut_in_its_first_attempt_is_right_in_a_later_run(large: Any) -> None:
    large.spoil({"do": "cut", "at": "50%", "times": 1}, {"do": "change", "after": 1})
    large.fetch("/a.bin", attempts=1)
    large.ends({"/a.bin": "failed:length"})
    large.fetch("/a.bin")
    large.ends({"/a.bin": "saved"}, {"/a.bin": changed(large._files["/a.bin"])})


# -- wrong answers to a range ------------------------------------------------------------------------------

WRONG = [
    {"do": "ignore_range"},
    {"do": "wrong_offset", "by": 8},
    {"do": "wrong_offset", "by": -8},
    {"do": "wrong_offset", "by": -SIZE},
    {"do": "wrong_total", "by": 8},
    {"do": "wrong_total", "by": -8},
    {"do": "bad_content_range", "value": "bytes a-b/c"},
    {"do": "bad_content_range", "value": "bytes 0-1/2"},
    {"do": "bad_content_range", "value": f"bytes */{SIZE}"},
    {"do": "bad_content_range", "value": f"pages 1572864-3145727/{SIZE}"},
    {"do": "bad_content_range", "value": ""},
    {"do": "byteranges"},
    {"do": "not_satisfiable", "by": 0},
    {"do": "not_satisfiable", "by": -SIZE // 2},
    {"do": "not_satisfiable", "by": 8},
    {"do": "gzipped"},
    {"do": "cut", "at": 0},
    {"do": "chunk_cut"},
    {"do": "no_length"},
]


@pytest.mark.parametrize("fault", WRONG, ids=lambda fault: " ".join(map(str, fault.values())))
@pytest.mark.parametrize("times", [1, None], ids=["once", "always"])
def test_a_range_is_answered_wrongly(fault: Any, times: int | None, large: Any) -> None:
    """Nothing but the right bytes under the name; where the right ones are to be had, they are there."""
    large.spoil(CUT, {**fault, "after": 1, "times": times})
    large.fetch("/a.bin", attempts=5)
    curable = times == 1 or fault["do"] not in ("cut", "chunk_cut")
    large.ends({"/a.bin": "saved" if curable else ("failed:length", "failed:protocol")})


@pytest.mark.parametrize("times", [1, None], ids=["once", "always"])
def test_a_range_meets_a_page(times: int | None, large: Any) -> None:
    """A whole of its own: nothing of the file before it is left in it."""
    large.spoil(CUT, {"do": "html", "after": 1, "times": times})
    large.fetch("/a.bin")
    large.ends({"/a.bin": ("saved", "failed:type")}, {"/a.bin": PAGE})


@pytest.mark.parametrize("status", [404, 403, 500, 503, 412])
def test_a_range_meets_a_status(status: int, large: Any) -> None:
    large.spoil(CUT, {"do": "status", "code": status, "after": 1, "times": 1})
    large.fetch("/a.bin")
    large.ends({"/a.bin": "saved" if status in (500, 503) else ("saved", f"failed:http:{status}")})


# -- another version ---------------------------------------------------------------------------------------

SIZES = ["same", "bigger", "smaller"]
TEMPTING: dict[str, list[dict[str, Any]]] = {
    "strong ETag": [],
    "weak ETag": [{"do": "weak_etag"}],
    "no validator": [{"do": "no_validators"}],
    "a date alone": [{"do": "no_validators", "date": True}],
    "an ETag alone": [{"do": "no_validators", "etag": True}],
}


@pytest.mark.parametrize("kind", TEMPTING)
@pytest.mark.parametrize("size", SIZES)
def test_the_file_is_another_when_it_is_continued(size: Any, kind: str, large: Any) -> None:
    large.spoil(CUT, *TEMPTING[kind], {"do": "change", "size": size, "after": 1})
    large.fetch("/a.bin")
    large.ends({"/a.bin": "saved"}, {"/a.bin": changed(large._files["/a.bin"], size)})


@pytest.mark.parametrize("kind", ["weak ETag", "no validator"])
def test_without_a_strong_validator_no_range_is_asked_for(kind: str, large: Any) -> None:
    large.spoil(CUT, *TEMPTING[kind])
    large.fetch("/a.bin")
    large.ends({"/a.bin": "saved"})
    assert ranges(large) == []


@pytest.mark.parametrize("size", SIZES)
def test_the_file_changes_and_ranges_are_answered_without_asking_for_if_range(size: Any, large: Any) -> None:
    """A server that ignores If-Range: the ETag of the 206 tells that it is another file."""
    large.spoil(CUT, {"do": "ignore_if_range"}, {"do": "change", "size": size, "after": 1})
    large.fetch("/a.bin")
    large.ends({"/a.bin": "saved"}, {"/a.bin": changed(large._files["/a.bin"], size)})


@pytest.mark.parametrize("size", SIZES)
def test_the_file_changes_twice(size: Any, large: Any) -> None:
    """Cut, changed, cut in the middle of its new version, changed back."""
    large.spoil(CUT, {**CUT, "after": 1}, {"do": "change", "size": size, "after": 1, "times": 1})
    large.fetch("/a.bin", attempts=5)
    large.ends({"/a.bin": "saved"})


def test_the_file_becomes_smaller_than_its_part(large: Any) -> None:
    large.spoil({"do": "cut", "at": SIZE - 100, "times": 1}, {"do": "change", "size": "smaller", "after": 1})
    large.fetch("/a.bin")
    large.ends({"/a.bin": "saved"}, {"/a.bin": changed(large._files["/a.bin"], "smaller")})


def test_the_file_is_gone_when_it_is_continued(large: Any) -> None:
    large.spoil(CUT, {"do": "status", "code": 404, "after": 1})
    large.fetch("/a.bin")
    large.ends({"/a.bin": "failed:http:404"})


def test_a_redirect_leads_to_another_file_when_it_is_continued(large: Any, records: Any) -> None:
    other = large.put("/b.bin", records(2, SIZE))
    large.spoil({"url": "*/a.bin", **CUT}, {"url": "*/a.bin", "do": "redirect", "to": "/b.bin", "after": 1})
    large.fetch("/a.bin")
    large.ends({"/a.bin": "saved"}, {"/a.bin": other})
