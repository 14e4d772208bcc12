"""Who fetches which bytes of a file: no byte by two, none by nobody, all in the end."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.files import shares
from scraper.files.shares import Shares, Span, gaps, merged, parts_of, pays

MIB = 1 << 20
TOTAL = 200


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of files of some hundred bytes."""
    for name, value in {"PIECE": 8, "LARGEST": 64, "STOLEN": 2}.items():
        monkeypatch.setattr(shares, name, value)


ranges = st.lists(st.tuples(st.integers(0, TOTAL), st.integers(0, 40)).map(lambda each: (each[0], sum(each))))


def cells(given_: Any) -> set[int]:
    return {at for begin, end in given_ for at in range(begin, end)}


@given(ranges)
def test_ranges_are_merged_without_a_byte_lost_or_won(given_: list[tuple[int, int]]) -> None:
    found = merged(given_)
    assert cells(found) == cells(given_)
    flat = [at for each in found for at in each]
    assert flat == sorted(set(flat))


@given(ranges)
def test_gaps_are_what_is_not_there(given_: list[tuple[int, int]]) -> None:
    there = merged((begin, min(end, TOTAL)) for begin, end in given_)
    assert cells(gaps(there, TOTAL)) == set(range(TOTAL)) - cells(there)


class Play:
    """Exchanges that take shares, bring bytes, break off, and end; each byte is written by one of them, once."""

    def __init__(self, written: list[tuple[int, int]]) -> None:
        self.shares = Shares(TOTAL, written)
        self.there = cells(written)
        self.limits: dict[Span, int] = {}
        self.now = 0.0

    def check(self) -> None:
        assert self.shares.count == len(self.there)
        assert cells(self.shares.written) == self.there
        assert self.shares.front == next(at for at in range(TOTAL + 1) if at == TOTAL or at not in self.there)
        owned = [at for span in self.limits for at in range(span.at, span.end)]
        assert len(owned) == len(set(owned)), "two fetch the same"
        assert not self.there.intersection(owned), "somebody fetches what is there"

    def take(self, limit: int = 0) -> None:
        """With a limit its answer is there, and goes on so far."""
        span = self.shares.take(4, self.now)
        if span is None:
            missing = set(range(TOTAL)) - self.there
            assert all(any(span.at <= at < span.end for span in self.limits) for at in missing), "nobody fetches it"
        else:
            assert span.begin < span.end
            self.limits[span] = max(span.end, limit)
            span.is_sure = limit > 0

    def bring(self, span: Span, count: int) -> None:
        """Some bytes of its answer; who is at its end is gone, and who was taken over before it came."""
        if span.begin == span.end:
            self.leave(span)
            return
        span.is_sure = True
        limit = self.limits[span]
        count = min(count, limit - span.top)
        while count:
            room = self.shares.reserve(span, count, limit, 4)
            if not room:
                self.leave(span)
                return
            self.there.update(range(span.at, span.at + room))
            self.shares.wrote(span, room)
            count -= room
        if span.top == limit or self.shares.is_over(span, limit, 4):
            self.leave(span)

    def leave(self, span: Span) -> None:
        del self.limits[span]
        self.shares.drop(span, self.now)


steps = st.lists(st.tuples(st.sampled_from(["take", "go on", "bring", "leave"]), st.integers(0, 9), st.integers(1, 40)))


@given(ranges, steps)
def test_no_byte_is_fetched_twice_none_is_forgotten(written: list[tuple[int, int]], steps: Any) -> None:
    play = Play(list(merged((begin, min(end, TOTAL)) for begin, end in written)))
    play.check()
    for step, which, count in steps:
        play.now += count / 10
        running = list(play.limits)
        if step == "take":
            play.take()
        elif step == "go on":
            play.take(TOTAL)
        elif running and step == "bring":
            play.bring(running[which % len(running)], count)
        elif running:
            play.leave(running[which % len(running)])
        play.check()
    while not play.shares.is_whole:
        play.take()
        for span in list(play.limits):
            play.bring(span, 7)
        play.check()
    assert play.there == set(range(TOTAL))


def test_shares_come_from_the_front_and_become_smaller_to_the_end() -> None:
    shared = Shares(TOTAL)
    taken = [shared.take(2, 0.0) for _ in range(8)]
    assert [(span.begin, span.end) for span in taken if span] == [
        (0, 50), (50, 87), (87, 115), (115, 136), (136, 152), (152, 164), (164, 173), (173, 181),
    ]  # fmt: skip


def all_taken(shared: Shares) -> list[Span]:
    """Shares of a file that is handed out to the last byte, to exchanges that bring nothing yet."""
    spans = []
    while shared._free():
        span = shared.take(1, 0.0)
        assert span is not None
        spans.append(span)
    return spans


def test_the_later_half_of_the_largest_share_is_taken_over() -> None:
    shared = Shares(64)
    assert [(span.begin, span.end) for span in all_taken(shared)] == [(0, 32), (32, 48), (48, 56), (56, 64)]
    stolen = shared.take(1, 5.0)
    assert stolen is not None
    assert [(span.begin, span.end) for span in shared._spans] == [(0, 16), (32, 48), (48, 56), (56, 64), (16, 32)]


def test_what_will_be_there_in_a_moment_is_left_alone() -> None:
    shared = Shares(40)
    spans = all_taken(shared)
    for span in spans:
        shared.reserve(span, span.left // 2, 40, 1)
        shared.wrote(span, span.top - span.at)
    assert (shared.has_more(0.9), shared.take(1, 0.9)) == (False, None)
    assert shared.has_more(1.1)


def test_what_has_just_begun_is_believed_to_be_as_fast_as_what_came_before() -> None:
    shared = Shares(40)
    first, *_ = all_taken(shared)
    assert shared.has_more(0.5)
    shared.reserve(first, 20, 40, 1)
    shared.wrote(first, 20)
    shared.drop(first, 1.0)
    assert [shared.has_more(now) for now in (0.5, 1.5)] == [False, True]


def test_bytes_that_are_about_to_be_written_are_not_taken_over() -> None:
    shared = Shares(11)
    (span,) = all_taken(shared)
    shared.reserve(span, 5, 11, 1)
    stolen = shared.take(1, 9.0)
    assert stolen is not None
    assert (span.top, span.end, stolen.begin, stolen.end) == (5, 8, 8, 11)


def test_crumbs_are_not_taken_over() -> None:
    shared = Shares(8)
    (span,) = all_taken(shared)
    shared.reserve(span, 5, 8, 1)
    assert shared.take(1, 9.0) is None


def test_a_share_goes_on_into_what_nobody_has_as_far_as_its_answer_goes() -> None:
    shared = Shares(TOTAL)
    span = shared.take(4, 0.0)
    assert span is not None
    limit = span.end + 10
    room = shared.reserve(span, TOTAL, limit, 4)
    assert not shared.is_over(span, limit, 4)
    assert room + shared.reserve(span, TOTAL, limit, 4) == limit
    assert shared.reserve(span, 1, limit, 4) == 0


def test_a_share_ends_where_another_begins() -> None:
    shared = Shares(TOTAL)
    first, second = shared.take(4, 0.0), shared.take(4, 0.0)
    assert first is not None
    assert second is not None
    second.is_sure = True
    assert shared.reserve(first, TOTAL, TOTAL, 4) == second.begin
    assert shared.is_over(first, TOTAL, 4)


def test_a_share_goes_on_into_one_whose_answer_is_not_there_yet() -> None:
    shared = Shares(TOTAL)
    first, second, third = (shared.take(4, 0.0) for _ in range(3))
    assert first is not None
    assert second is not None
    assert third is not None
    end, third.is_sure = second.end, True
    room = shared.reserve(first, TOTAL, TOTAL, 4)
    assert room + shared.reserve(first, TOTAL, TOTAL, 4) == end
    assert (first.end, second.left) == (end, 0)
    assert shared.is_over(first, TOTAL, 4)


def test_a_share_is_taken_over_whole_or_not_at_all() -> None:
    """The answer to it begins where it was asked to."""
    shared = Shares(TOTAL)
    first, second = shared.take(4, 0.0), shared.take(4, 0.0)
    assert first is not None
    assert second is not None
    assert shared.reserve(first, TOTAL, second.end - 1, 4) == second.begin
    assert shared.is_over(first, second.end - 1, 4)


@pytest.mark.parametrize(
    ("seconds", "came", "left", "worth"),
    [
        (0.4, 24 * MIB, 2000 * MIB, True),  # 60 MB/s, and half a minute to go
        (0.4, 24 * MIB, 50 * MIB, False),  # it is there in a second
        (0.4, 200 * MIB, 2000 * MIB, False),  # as fast as we can be
        (0.5, 0, 17 * MIB, True),
        (9.0, MIB, 16 * MIB, False),  # too little for two
        (0.0, 0, 2000 * MIB, False),
    ],
)
def test_a_file_is_shared_out_where_its_connection_is_slow(
    seconds: float, came: int, left: int, worth: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shares, "PIECE", 16 * MIB)
    assert pays(seconds, came, left) is worth


@pytest.mark.parametrize(("left", "most", "parts"), [(8, 4, 1), (9, 4, 2), (80, 4, 4), (0, 4, 1), (80, 1, 1)])
def test_as_many_exchanges_as_have_something_to_do(left: int, most: int, parts: int) -> None:
    assert parts_of(left, most) == parts
