"""What a split file must be is judged like any other; what is wrong with it may be the fault of a range."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from typing import Any

import pytest

from scraper.server import Line

KIB = 1024
TOTAL = 640 * KIB


def digest(data: bytes) -> str:
    return f"sha-256=:{b64encode(sha256(data).digest()).decode()}:"


def spoilt(large: Any) -> Any:
    """The right range with a wrong byte."""

    def play(line: Line, ask: Any) -> None:
        large.head_206(line, ask)
        line.send(b"?" + large.data[ask.begin + 1 : ask.end])

    return play


def test_a_digest_that_does_not_fit_may_be_the_fault_of_a_range(large: Any, fetch: Any) -> None:
    large.fields["Repr-Digest"] = digest(large.data)
    large.plays, large.wholes, large.whole = {2: spoilt(large)}, {1: large.broken}, large.plain
    fetch()
    fetch.saved()
    assert [ask.is_range for ask in large.asks if not ask.is_range or ask is large.asks[-1]] == [False, False]


def test_a_digest_that_fits_no_better_by_one_exchange_is_wrong(large: Any, fetch: Any) -> None:
    large.fields["Repr-Digest"] = digest(b"another file")
    large.wholes, large.whole = {1: large.broken}, large.plain
    fetch()
    fetch.failed("failed:digest")
    assert len([ask for ask in large.asks if not ask.is_range]) == 2


PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\1\0\0\0\1\0\x08\2\0\0\0"


@pytest.mark.parametrize(
    ("data", "accept", "ending"),
    [
        (PNG + bytes(TOTAL), {"types": ["image/jpeg"]}, "failed:type"),
        (PNG + bytes(TOTAL), {"max_bytes": "500k"}, "skipped:size"),
        (PNG + bytes(TOTAL), {"min_width": 257}, "skipped:size"),
        (b"<!doctype html><title>no</title>" + b" " * TOTAL, {"types": ["image/*"]}, "failed:type"),
    ],
)
def test_what_is_not_wanted_is_not_split(data: bytes, accept: Any, ending: str, large: Any, fetch: Any) -> None:
    large.data, large.whole = data, large.plain
    large.fields["Content-Type"] = "image/png"
    fetch(accept=accept)
    fetch.failed(ending, 0 if ending.startswith("skipped") else 4)
    assert large.ranges == []


def test_a_picture_without_its_end_fails_though_all_its_bytes_came(large: Any, fetch: Any) -> None:
    """By several exchanges, and then by one alone at each attempt, since the end might have been a range's fault."""
    large.data = PNG + bytes(TOTAL - len(PNG))
    large.fields["Content-Type"] = "image/png"
    large.wholes, large.whole = {1: large.broken}, large.plain
    fetch()
    fetch.failed("failed:length")
    _, again, *_ = [ask for ask in large.asks if not ask.is_range]
    alone = large.asks[large.asks.index(again) :]
    assert (len(alone) > 1, [ask for ask in alone if ask.is_range]) == (True, [])
