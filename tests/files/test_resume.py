"""Which bytes of a part are asked for, and which answers are believed: no bytes of two versions meet."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.files.resume import Resume, content_range, fits, is_other, resumed, validator_of
from scraper.files.shares import gaps, merged
from scraper.model import PartNote

TOTAL = 1000
ETAG, DATE = '"1"', "Tue, 14 Nov 2023 22:13:20 GMT"
TAIL = Resume(400, ETAG, TOTAL)
PIECE = Resume(400, ETAG, TOTAL, 500)
RIGHT = {"etag": ETAG, "content-range": f"bytes 400-999/{TOTAL}"}


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({"etag": ETAG}, ETAG),
        ({"etag": 'W/"1"'}, None),
        ({"etag": "1"}, None),
        ({"etag": '"a b"'}, None),
        ({"etag": ETAG, "content-encoding": "gzip"}, None),
        ({"etag": ETAG, "content-encoding": "identity"}, ETAG),
        ({"last-modified": DATE, "date": "Tue, 14 Nov 2023 22:14:20 GMT"}, DATE),
        ({"last-modified": DATE, "date": "Tue, 14 Nov 2023 22:14:19 GMT"}, None),
        ({"last-modified": DATE}, None),
        ({"last-modified": "yesterday", "date": DATE}, None),
        ({"etag": 'W/"1"', "last-modified": DATE, "date": "Tue, 14 Nov 2023 23:14:20 GMT"}, None),
        ({}, None),
    ],
)
def test_only_a_strong_validator_is_one(headers: dict[str, str], found: str | None) -> None:
    assert validator_of(headers) == found


def test_what_was_asked_for_is_believed() -> None:
    assert fits(TAIL, 206, RIGHT) is None
    assert fits(PIECE, 206, {**RIGHT, "content-range": f"bytes 400-499/{TOTAL}"}) is None
    assert fits(TAIL, 206, {**RIGHT, "content-range": "BYTES  400-999/*"}) is None
    assert fits(Resume(400, DATE, TOTAL), 206, {**RIGHT, "last-modified": DATE}) is None


@pytest.mark.parametrize(
    ("status", "changes"),
    [
        (200, {}),
        (416, {}),
        (206, {"content-range": None}),
        (206, {"content-range": "bytes 400-999"}),
        (206, {"content-range": "bytes 400-1000/1000"}),
        (206, {"content-range": "bytes 999-400/1000"}),
        (206, {"content-range": "bytes 401-999/1000"}),
        (206, {"content-range": "bytes 400-998/1000"}),
        (206, {"content-range": "bytes 400-1000/1001"}),
        (206, {"content-range": "bytes 400-998/999"}),
        (206, {"content-range": f"bytes 400-999/{'9' * 40}"}),
        (206, {"content-range": "pages 400-999/1000"}),
        (206, {"content-encoding": "gzip"}),
        (206, {"etag": '"2"'}),
        (206, {"etag": 'W/"1"'}),
        (206, {"etag": None}),
    ],
)
def test_nothing_else_is(status: int, changes: dict[str, str | None]) -> None:
    headers = {name: value for name, value in {**RIGHT, **changes}.items() if value is not None}
    assert fits(TAIL, status, headers) is not None


def test_a_date_that_was_asked_for_is_to_be_told() -> None:
    asked = Resume(400, DATE, TOTAL)
    assert fits(asked, 206, RIGHT) == "the range does not say of which version it is"
    assert fits(asked, 206, {**RIGHT, "last-modified": "Tue, 14 Nov 2023 22:13:21 GMT"}) is not None


@pytest.mark.parametrize(
    ("status", "headers", "other"),
    [
        (200, {"etag": '"2"'}, True),
        (200, {"etag": ETAG, "content-length": "1000"}, False),
        (200, {"content-length": "1001"}, True),
        (200, {"content-length": "10", "content-encoding": "gzip"}, False),
        (200, {}, False),
        (206, {"content-range": "bytes 400-499/1001"}, True),
        (206, {"content-range": "bytes 0-99/1000", "etag": ETAG}, False),
        (206, {"content-range": "bytes 0-99/1000", "etag": '"2"'}, True),
        (206, {}, False),
        (416, {"content-range": "bytes */1000"}, False),
        (416, {"content-range": "bytes */300"}, True),
        (416, {}, False),
        (404, {"etag": '"2"'}, False),
    ],
)
def test_an_answer_that_does_not_fit_may_say_that_the_file_is_another(
    status: int, headers: dict[str, str], other: bool
) -> None:
    assert is_other(PIECE, status, headers) is other


def note(**changes: Any) -> PartNote:
    given = {"inode": 1, "validator": ETAG, "etag": ETAG, "last_modified": None, "total": TOTAL, "ranges": None}
    return PartNote(**{**given, "boot": "b", **changes})


@pytest.mark.parametrize(
    ("noted", "size", "expected"),
    [
        (note(), 400, Resume(400, ETAG, TOTAL)),
        (note(total=None), 400, Resume(400, ETAG, None)),
        (note(), TOTAL, Resume(TOTAL - 1, ETAG, TOTAL)),
        (note(), TOTAL + 1, None),
        (note(), 0, None),
        (note(validator=None), 400, None),
        (None, 400, None),
        (note(ranges=((0, 100), (300, 400))), 400, Resume(100, ETAG, TOTAL, 300, ((0, 100), (300, 400)))),
        (note(ranges=((300, 400),)), 400, Resume(0, ETAG, TOTAL, 300, ((300, 400),))),
        (note(ranges=((0, TOTAL),)), TOTAL, Resume(TOTAL - 1, ETAG, TOTAL, TOTAL, ((0, TOTAL - 1),))),
        (note(ranges=((0, 100), (300, 400))), 399, None),
        (note(ranges=((300, 400), (0, 100))), 400, None),
        (note(ranges=((0, 100), (50, 400))), 400, None),
        (note(ranges=((-5, 100),)), 400, None),
        (note(ranges=()), 400, None),
        (note(ranges=((0, 100),), total=None), 400, None),
    ],
)
def test_a_part_is_continued_as_far_as_its_note_is_true(
    noted: PartNote | None, size: int, expected: Resume | None
) -> None:
    assert resumed(noted, size) == expected


ranges = st.lists(st.tuples(st.integers(0, TOTAL - 1), st.integers(1, 200)).map(lambda each: (each[0], sum(each))))


@given(ranges)
def test_what_is_asked_for_of_a_part_with_holes_is_its_first_hole(given_: list[tuple[int, int]]) -> None:
    written = merged((begin, min(end, TOTAL)) for begin, end in given_)
    asked = resumed(note(ranges=written), TOTAL)
    if not written:
        assert asked is None
        return
    assert asked is not None
    assert asked.written is not None
    assert (asked.offset, asked.end) == gaps(asked.written, TOTAL)[0]


@given(st.text(max_size=60))
def test_whatever_a_content_range_says_it_is_sound_or_none(text: str) -> None:
    found = content_range({"content-range": text})
    assert found is None or 0 <= found[0] <= found[1]


@given(st.integers(0, 2000), st.integers(0, 2000), st.one_of(st.none(), st.integers(0, 2000)))
def test_a_sound_content_range_is_read(first: int, last: int, total: int | None) -> None:
    found = content_range({"content-range": f"bytes {first}-{last}/{'*' if total is None else total}"})
    assert found == ((first, last, total) if first <= last and (total is None or last < total) else None)
