"""Faults as data: what is wrong is told by its place, and other people's words for faults are understood."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from scraper.errors import JobError
from scraper.server import Server, Site
from scraper.server.faults import FAULTS, judge, load_faults, make, meant_by, read_faults
from scraper.server.faults.entries import _ALSO


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "faults.yaml"
    path.write_text(text)
    return path


def test_a_file_is_a_list_of_faults(tmp_path: Path) -> None:
    path = written(tmp_path, '- {url: "*/3.jpg", do: reset, at: 50%, times: 1}\n- {do: status, code: 404, after: 2}\n')
    assert [(rule.fault.name, rule.url, rule.times, rule.after) for rule in load_faults(path).rules] == [
        ("reset", "*/3.jpg", 1, 0), ("status", "*", None, 2),
    ]  # fmt: skip


def test_too_many_requests_three_times_for_each_url(tmp_path: Path) -> None:
    site = Site()
    site.route("/a")(lambda request: "a")
    site.route("/b")(lambda request: "b")
    site.lay(load_faults(written(tmp_path, '- {host: "*", do: status, code: 429, retry_after: 2, times: 3}\n')))
    with Server(site) as server, requests.Session() as session:
        answers = [session.get(f"{server.url}/{path}", timeout=20) for path in "aaabab"]
    assert [one.status_code for one in answers] == [429, 429, 429, 429, 200, 429]
    assert [one.headers.get("Retry-After") for one in answers] == ["2", "2", "2", "2", None, "2"]


MISTAKES = """\
- {do: reset, at: half, times: -1}
- {url: "*/x", do: truncated-gzip, at: 3}
- {do: cut, att: 4}
- 3
- {do: 429}
- url: "*"
- {do: status, code: 404}
"""
TOLD = [
    "1:19: 0.at: reset: at: 'half' is not a size; write a number of bytes, or 500k, 20M, 1.5G, or a share such as 50%",
    "1:32: 0.times: times cannot be -1; write a whole number, such as 1",
    "2:20: 1.do: there is no fault 'truncated-gzip'; did you mean 'gzip_cut'?",
    "3:13: 2.att: cut does not take 'att'; did you mean 'at'?",
    '4:3: 3: an entry is a mapping such as {url: "*/3.jpg", do: reset, at: 50%, times: 1}',
    "5:8: 4.do: `do` is missing: the name of a fault; write do: status, code: 429",
    "6:3: 5: `do` is missing: the name of a fault",
]


def test_every_mistake_is_told_where_it_stands(tmp_path: Path) -> None:
    path = written(tmp_path, MISTAKES)
    with pytest.raises(JobError) as caught:
        load_faults(path)
    assert str(caught.value).replace(f"{path}:", "").splitlines() == TOLD
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "1:1: this is no list of faults"),
        ("do: reset\n", "1:1: this is no list of faults"),
        ("- {do: reset\n", "1:3: "),
        ("- {do: reset, do: cut}\n", "1:15: 0.do: duplicate key; it stands on line 1 already"),
        ("- &a {do: reset, <<: 3}\n", "0.<<: merge keys are not read"),
    ],
)
def test_what_is_no_list_is_told(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(JobError, match=re.escape(told)):
        load_faults(written(tmp_path, text))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"none.yaml:1:1: cannot be read: No such file or directory"):
        load_faults(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("word", "fault"),
    [
        ("refuse", "refuse"), ("reset at", "reset"), ("stalled", "stall"), ("Drip", "drip"), ("slow", "drip"),
        ("short_length", "length"), ("long length", "length"), ("no-length", "no_length"), ("cut-chunk", "chunk_cut"),
        ("cut_chunks", "chunk_cut"), ("bad chunk", "bad_chunk"), ("truncated_gzip", "gzip_cut"),
        ("gzip-bomb", "bomb"), ("wrong_range", "wrong_offset"), ("wrong range answers", "wrong_offset"),
        ("changed ETag", "change"), ("retry-after", "status"), ("redirect loop", "redirect"), ("loop", "redirect"),
        ("huge headers", "big_head"), ("garbage header", "bad_header"), ("1xx flood", "interim"),
        ("HTTP/0.9", "http09"), ("zzz", None), ("", None),
    ],
)  # fmt: skip
def test_words_that_people_use_are_understood(word: str, fault: str | None) -> None:
    assert meant_by(word) == fault


def test_every_word_means_a_fault_and_none_is_one() -> None:
    words = [word for each in _ALSO.values() for word in each.split()]
    assert set(_ALSO) <= set(FAULTS)
    assert len(words) == len(set(words))
    assert set(words) & set(FAULTS) == set()


@pytest.mark.parametrize("code", ["429", "503", 404])
def test_a_bare_status_is_told_how_to_write_it(code: Any) -> None:
    assert [one.message.partition("; ")[2] for one in judge({"do": code})] == [f"write do: status, code: {code}"]


def test_a_fault_is_not_made_by_another_word() -> None:
    with pytest.raises(ValueError, match="did you mean 'gzip_cut'"):
        make("truncated_gzip")


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"do": "stall", "seconds": float("nan")}, "nan is no time"),
        ({"do": "silence", "seconds": float("inf")}, "inf is no time"),
        ({"do": "silence", "seconds": -1}, "-1 is no time"),
        ({"do": "stall", "seconds": 10**30}, "is no time"),
        ({"do": "many_headers", "count": 10**9}, "1000000000 is more than 1000000"),
        ({"do": "bomb", "layers": 10**30}, "is more than 1000000"),
        ({"do": "long_header", "size": "100G"}, "100G is more than 64M"),
        ({"do": "redirect", "to": "/\r\nX: y"}, "breaks out of its line; bad_header sends such a one"),
        ({"do": "two_locations", "other": "\0"}, "breaks out of its line"),
        ({"do": "status", "retry_after": "\n"}, "breaks out of its line"),
        ({"do": "gzipped", "coding": "\r"}, "breaks out of its line"),
        ({"do": "bomb", "code": 302, "to": "\n"}, "breaks out of its line"),
        ({"do": "status", "body": "\ud800"}, "is half of a character, and cannot be sent"),
        ({"do": "bad_header", "value": "\udfff"}, "is half of a character"),
    ],
)
def test_what_could_not_be_done_when_it_strikes_is_told_before(entry: dict[str, Any], told: str) -> None:
    assert told in str(_refusal(entry))


@given(st.dictionaries(st.sampled_from(["do", "url", "host", "times", "after", "at", "x"]), st.sampled_from(
    ["reset", "cut", "50%", 3, -1, None, True, "no"]
)))  # fmt: skip
def test_what_is_judged_right_can_be_read_and_nothing_else(entry: dict[str, Any]) -> None:
    told = [f"fault 1: {one.message}" for one in judge(entry)]
    assert _refusal(entry) == (told[0] if told else None)


def _refusal(entry: dict[str, Any]) -> str | None:
    try:
        read_faults([entry])
    except ValueError as error:
        return str(error)
    return None
