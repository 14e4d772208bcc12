"""Which bytes a Range asks for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.server.ranges import Choice, choose_range

WHOLE, NONE = Choice.WHOLE, Choice.UNSATISFIABLE


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("bytes=0-0", (0, 0)),
        ("bytes=0-", (0, 9)),
        ("bytes=3-5", (3, 5)),
        ("bytes=3-99", (3, 9)),
        ("bytes=9-9", (9, 9)),
        ("bytes=-1", (9, 9)),
        ("bytes=-10", (0, 9)),
        ("bytes=-11", (0, 9)),
        ("Bytes=1-2", (1, 2)),
        ("bytes= 1-2 ", (1, 2)),
        ("bytes=1-2,", (1, 2)),
        ("bytes=1-2, 99-", (1, 2)),
        ("bytes=0-999999999999999999999", (0, 9)),
        ("bytes=10-", NONE),
        ("bytes=10-20", NONE),
        ("bytes=99-, 50-60", NONE),
        ("bytes=-0", NONE),
        ("bytes=999999999999999999999-", NONE),
        ("bytes=0-1,3-4", WHOLE),
        ("bytes=0-5,3-9", WHOLE),
        ("bytes=" + ",".join(["0-"] * 1000), WHOLE),
        ("bytes=5-3", WHOLE),
        ("bytes=1-2,5-3", WHOLE),
        ("bytes=-", WHOLE),
        ("bytes=", WHOLE),
        ("bytes=,", WHOLE),
        ("bytes", WHOLE),
        ("", WHOLE),
        ("bytes=a-b", WHOLE),
        ("bytes=1", WHOLE),
        ("bytes=+1-2", WHOLE),
        ("bytes=1 - 2", WHOLE),
        ("bytes=\u0661-\u0662", WHOLE),
        ("bytes=" + "1" * 5000 + "-", WHOLE),
        ("items=0-1", WHOLE),
    ],
)
def test_a_range_of_ten_bytes(value: str, expected: object) -> None:
    assert choose_range(value, 10) == expected


@pytest.mark.parametrize(("value", "expected"), [("bytes=0-", NONE), ("bytes=-5", WHOLE), ("bytes=0-0", NONE)])
def test_a_range_of_nothing(value: str, expected: object) -> None:
    assert choose_range(value, 0) == expected


@given(st.text(alphabet="0123456789-,= bytes", max_size=30), st.integers(0, 50))
def test_a_range_is_always_within_the_bytes_there_are(specs: str, size: int) -> None:
    found = choose_range(f"bytes={specs}", size)

    assert isinstance(found, Choice) or 0 <= found[0] <= found[1] < size
