"""A large file is split where that pays, into ranges of one version, and never into more than hosts allow."""

from __future__ import annotations

import math
from typing import Any

import pytest

from scraper.files import shares
from scraper.server import Line, Response

KIB = 1024
TOTAL = 640 * KIB
LANES = 3


@pytest.mark.parametrize("files", [{}, {"durable": True}, {"duplicates": "link"}, {"existing": "overwrite"}], ids=str)
def test_each_byte_is_fetched_once_of_one_version(files: dict[str, Any], large: Any, fetch: Any) -> None:
    def in_order(line: Line, ask: Any) -> None:
        """Whoever begins where the first exchange ends has its share before that one is there."""
        if large.ranges.index(ask) < LANES:
            large.wait("all lanes ask", lambda: len(large.ranges) >= LANES)
            is_first = ask.begin == edges(large)[1]
            large.wait("the second share is there", lambda: is_first or len(large.ranges) > LANES)
        large.right(line, ask)

    large.range, large.lanes = in_order, LANES + 1
    fetch(**files)
    fetch.saved()
    first, *others = large.asks
    assert (first.is_range, large.sent) == (False, TOTAL)
    assert sorted((ask.begin, ask.end) for ask in large.asks) == [
        (begin, end) for begin, end in zip(edges(large), [*edges(large)[1:], TOTAL], strict=True)
    ]
    assert {ask.headers["if-range"] for ask in others} == {large.etag}
    assert {ask.headers["accept-encoding"] for ask in large.asks} == {"identity"}


def edges(large: Any) -> list[int]:
    return sorted(ask.begin for ask in large.asks)


@pytest.mark.parametrize(
    ("per_host", "segments", "jobs", "most"), [(2, 4, 16, 2), (8, 3, 16, 3), (8, 4, 16, 4), (8, 4, 2, 2)]
)
def test_never_more_at_once_than_slots_segments_and_jobs(
    per_host: int, segments: int, jobs: int, most: int, large: Any, fetch: Any
) -> None:
    large.lanes = most - 1
    large.range = lambda line, ask: (large.wait("all at once", lambda: large.peak >= most), large.right(line, ask))
    large.whole = large.gated
    fetch.more = {"polite": {"per_host": per_host}}
    fetch(segments=segments, jobs=jobs)
    fetch.saved()
    assert large.peak == most


@pytest.mark.parametrize(("per_host", "segments", "jobs"), [(1, 4, 16), (8, 1, 16), (8, 4, 1)])
def test_one_exchange_brings_it_all_where_there_can_be_only_one(
    per_host: int, segments: int, jobs: int, large: Any, fetch: Any
) -> None:
    large.whole = large.plain
    fetch.more = {"polite": {"per_host": per_host}}
    fetch(segments=segments, jobs=jobs)
    fetch.saved()
    assert [(ask.is_range, ask.sent) for ask in large.asks] == [(False, TOTAL)]


UNFIT: dict[str, dict[str, str | None]] = {
    "no Accept-Ranges": {"Accept-Ranges": None},
    "Accept-Ranges: none": {"Accept-Ranges": "none"},
    "other units": {"Accept-Ranges": "pages"},
    "a weak ETag": {"ETag": 'W/"1"'},
    "no validator": {"ETag": None},
    "a date that may be of this second": {"ETag": None, "Last-Modified": "Tue, 14 Nov 2023 22:13:20 GMT",
                                          "Date": "Tue, 14 Nov 2023 22:13:21 GMT"},
    "no length": {"Content-Length": None},
}  # fmt: skip


@pytest.mark.parametrize("unfit", UNFIT)
def test_what_cannot_be_continued_is_not_split(unfit: str, large: Any, fetch: Any) -> None:
    large.fields |= UNFIT[unfit]
    large.whole = large.plain
    fetch()
    fetch.saved()
    assert [(ask.is_range, ask.sent) for ask in large.asks] == [(False, TOTAL)]


THRESHOLDS: dict[str, Any] = {"WORTH": TOTAL + 1, "PIECE": TOTAL, "MEASURED": math.inf, "MOMENT": math.inf, "FAST": 0}


@pytest.mark.parametrize("name", THRESHOLDS)
def test_what_does_not_gain_by_it_is_not_split(
    name: str, large: Any, fetch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shares, name, THRESHOLDS[name])
    large.whole = large.plain
    fetch()
    fetch.saved()
    assert [ask.is_range for ask in large.asks] == [False]


def test_a_strong_date_will_do(large: Any, fetch: Any) -> None:
    date = "Tue, 14 Nov 2023 22:13:20 GMT"
    large.fields |= {"ETag": None, "Last-Modified": date, "Date": "Tue, 14 Nov 2023 23:13:20 GMT"}
    large.etag, large.whole = date, large.gated
    fetch()
    fetch.saved()
    assert {ask.headers["if-range"] for ask in large.ranges} == {date}


def test_ranges_are_asked_for_where_the_redirect_led(large: Any, fetch: Any) -> None:
    signed: list[str] = []

    @large.site.route("/start.bin")
    def redirect(request: Any) -> Response:
        signed.append(request.target)
        return Response(302, {"Location": "/big.bin?signed"})

    large.whole = large.gated
    fetch("/start.bin")
    fetch.saved(name="start.bin")
    assert (signed, {ask.target for ask in large.asks}) == (["/start.bin"], {"/big.bin?signed"})


def test_the_idle_one_takes_over_the_later_half_of_a_slow_share(
    large: Any, fetch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shares, "STOLEN", 4 * KIB)

    def slow(line: Line, ask: Any) -> None:
        """The first range sends one byte, and the rest when others have asked for some of it."""
        assert ask.end is not None
        large.head_206(line, ask)
        large.body(line, ask, ask.begin, ask.begin + 1)
        large.wait("taken over", lambda: any(ask.begin < each.begin < ask.end for each in large.ranges))
        large.body(line, ask, ask.begin + 1, ask.end)

    large.plays = {1: slow}
    large.whole = large.gated
    fetch()
    fetch.saved()
