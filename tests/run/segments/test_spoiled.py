"""Ranges that are refused, broken off, or of another version: the file is one version, and little is fetched again."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from scraper.server import Line

KIB = 1024
TOTAL = 640 * KIB
FIRST = 48 * KIB
LANES = 3
SIZES = {"same": TOTAL, "bigger": TOTAL + 1000, "smaller": TOTAL - 1000, "tiny": 20 * KIB}


# -- what a server may do instead ----------------------------------------------------------------------------


WHOLE = "200, the same version"
REFUSALS: dict[str, tuple[int, dict[str, str | None]]] = {
    "another offset": (206, {"Content_Range": f"bytes 0-65535/{TOTAL}"}),
    "another end": (206, {"Content_Range": f"bytes 110592-{TOTAL - 1}/{TOTAL}"}),
    "no Content-Range": (206, {"Content_Range": None}),
    "an unsound Content-Range": (206, {"Content_Range": "bytes a-b/c"}),
    "multipart": (206, {"Content_Range": None, "Content_Type": "multipart/byteranges; boundary=x"}),
    "an encoding": (206, {"Content_Encoding": "gzip"}),
    "no ETag": (206, {"ETag": None}),
    "416, the same size": (416, {"Content_Range": f"bytes */{TOTAL}"}),
    "416 and no more": (416, {}),
    "a redirect": (302, {"Location": "/elsewhere.bin"}),
    "404": (404, {}),
    "403": (403, {}),
    "412": (412, {}),
    "304": (304, {}),
    "204": (204, {"Content_Length": None}),
}


def refusal(large: Any, kind: str) -> Any:
    """How a range is answered."""
    if kind == WHOLE:
        return large.plain
    status, fields = REFUSALS[kind]
    return large.told(status, **fields)


@pytest.mark.parametrize("kind", [WHOLE, *REFUSALS])
def test_where_ranges_are_refused_the_first_exchange_goes_on_alone(kind: str, large: Any, fetch: Any) -> None:
    large.range, large.whole = refusal(large, kind), large.gated
    fetch()
    fetch.saved()
    assert [ask.is_range for ask in large.asks] == [False] + [True] * LANES
    assert large.asks[0].sent == TOTAL


@pytest.mark.parametrize("kind", [WHOLE, *REFUSALS])
def test_one_refusal_costs_one_exchange(kind: str, large: Any, fetch: Any) -> None:
    """The others bring it all: nothing is fetched again."""
    large.plays = {2: refusal(large, kind)}
    large.whole = large.gated
    fetch()
    fetch.saved()
    assert [ask for ask in large.asks if not ask.is_range] == large.asks[:1]


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_busy_answer_is_asked_again_and_the_others_go_on(status: int, large: Any, fetch: Any) -> None:
    large.plays = {2: large.told(status, Retry_After="0")}
    large.whole = large.gated
    fetch()
    fetch.saved()
    assert [ask for ask in large.asks if not ask.is_range] == large.asks[:1]


def test_a_host_that_is_busy_for_ever_but_for_one(large: Any, fetch: Any) -> None:
    large.range, large.whole = large.told(503, Retry_After="0"), large.gated
    fetch()
    fetch.saved()
    assert [ask for ask in large.asks if not ask.is_range] == large.asks[:1]


@pytest.mark.parametrize("reset", [False, True], ids=["cut", "reset"])
def test_a_range_that_breaks_off_goes_on_where_it_did(reset: bool, large: Any, fetch: Any) -> None:
    large.plays, large.whole = {2: large.cut(5000, reset=reset)}, large.broken
    fetch()
    fetch.saved()
    broken = large.ranges[1]
    least = broken.begin if reset else broken.begin + 5000  # a reset may overtake what the client has not read yet
    again = [ask for ask in large.ranges if ask is not broken and least <= ask.begin <= broken.begin + 5000]
    assert (len(again), large.sent) == (1, TOTAL + broken.begin + 5000 - again[0].begin)


def test_every_exchange_breaks_off_again_and_again(large: Any, fetch: Any) -> None:
    """Nothing that came is asked for again."""
    large.whole = large.broken
    large.plays = dict.fromkeys(range(1, 7), large.cut(5000))
    fetch()
    fetch.saved()
    assert large.sent == TOTAL


def test_an_attempt_has_failed_when_its_last_exchange_has(large: Any, fetch: Any) -> None:
    """The next one continues what stands; when none is left, nothing is."""
    large.whole, large.range = large.broken, large.cut(0)
    fetch()
    fetch.failed("failed:length")


# -- another version -----------------------------------------------------------------------------------------


def obeys(large: Any) -> Any:
    """If-Range is heeded: another version is sent whole."""
    return large.right


def ignores(large: Any) -> Any:
    """If-Range is not heeded: the bytes of another version, which says so."""

    def play(line: Line, ask: Any) -> None:
        if ask.begin >= large.total:
            large.head(line, 416, 0, Content_Range=f"bytes */{large.total}")
            return
        ask.end = min(ask.end or large.total, large.total)
        large.head_206(line, ask)
        large.body(line, ask, ask.begin, ask.end)

    return play


@pytest.mark.parametrize("answers", [obeys, ignores])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("after", [0, 1, 4])
def test_a_file_that_changes_meanwhile_starts_again_and_is_one_version(
    answers: Any, size: str, after: int, large: Any, fetch: Any
) -> None:
    """After so many ranges of the first version. What began before goes on to bring that, as of an open file."""
    old = large.data
    changed = threading.Event()

    def first(line: Line, ask: Any) -> None:
        """Slowly, as long as anybody reads it."""
        large.begun(line)
        large.body(line, ask, 0, FIRST)
        large.wait("the file has changed", changed.is_set)
        for begin in range(FIRST, TOTAL, 4 * KIB):
            if line.hold(0.05):
                break
            line.send(old[begin : begin + 4 * KIB])

    def then(line: Line, ask: Any) -> None:
        with large.changed:
            if not changed.is_set():
                large.put(2, SIZES[size])
                changed.set()
                large.changed.notify_all()
        answers(large)(line, ask)

    large.wholes, large.whole = {1: first}, large.plain
    large.plays = dict.fromkeys(range(1, after + 1), large.right)
    large.range = then
    fetch()
    fetch.saved()
    again = [ask.is_range for ask in large.asks]
    assert (again.count(False), again[-1]) == (2, False), "the file is fetched again by one exchange alone"


@pytest.mark.parametrize("field", ["ETag", "Last-Modified"])
def test_ranges_that_tell_no_version_are_not_believed(field: str, large: Any, fetch: Any) -> None:
    """If-Range is not heeded, the size is the same, and the answer does not say of which version it is."""
    old = large.data
    large.fields |= {"ETag": None, "Date": "Tue, 14 Nov 2023 23:13:20 GMT"}
    large.fields[field] = '"1"' if field == "ETag" else "Tue, 14 Nov 2023 22:13:20 GMT"

    def first(line: Line, ask: Any) -> None:
        large.begun(line)
        large.body(line, ask, 0, FIRST)
        large.wait("all lanes ask", lambda: len(large.ranges) >= LANES)
        line.send(old[FIRST:])

    def then(line: Line, ask: Any) -> None:
        large.put(2)
        large.head_206(line, ask, **{field: None})
        line.send(large.data[ask.begin : ask.end])

    large.whole, large.range = first, then
    fetch()
    fetch.saved(old)


def test_a_last_range_that_is_refused_is_fetched_by_one_exchange_alone(large: Any, fetch: Any) -> None:
    """What stands is not fetched again."""
    refuse = large.told(206, Content_Range=None)

    def last(line: Line, ask: Any) -> None:
        """When all the others are there."""
        rest = ask.end - ask.begin if ask.end else 0
        large.wait("all the others are there", lambda: large.sent == TOTAL - rest)
        while fetch.noted() != [[[0, ask.begin], [ask.end, TOTAL]]]:
            line.hold(0.01)
        refuse(line, ask)
        ask.sent = 0

    large.whole, large.plays = large.broken, {2: last}
    fetch()
    fetch.saved()
    assert large.sent == TOTAL
