"""A byte rate, with a clock that the test turns."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.net.rate import BURST, Rate

MB = 1_000_000


class Clock:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


def test_without_a_limit_nobody_waits() -> None:
    free = Rate(None, Clock())
    assert [free.spend(10**15) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert not free.is_limited


def test_a_quarter_of_a_second_may_be_read_at_once_and_then_the_rate_holds() -> None:
    clock = Clock()
    rate = Rate(MB, clock)
    assert [rate.spend(250_000), rate.spend(100_000)] == [0.0, pytest.approx(0.1)]
    clock.now += 0.1
    assert rate.spend(0) == pytest.approx(0.0)
    assert rate.spend(500_000) == pytest.approx(0.5)


def test_a_pause_does_not_earn_more_than_the_burst() -> None:
    clock = Clock()
    rate = Rate(MB, clock)
    clock.now += 3600
    assert [rate.spend(250_000), rate.spend(MB)] == [0.0, pytest.approx(1.0)]


def test_to_spend_nothing_tells_how_the_debt_stands() -> None:
    clock = Clock()
    rate = Rate(1000, clock)
    rate.spend(1250)
    assert [rate.spend(0), rate.spend(0)] == [pytest.approx(1.0)] * 2


def test_a_clock_that_stands_still_makes_no_tokens() -> None:
    rate = Rate(1000, Clock())
    assert [rate.spend(250), rate.spend(250), rate.spend(250)] == [0.0, pytest.approx(0.25), pytest.approx(0.5)]


@pytest.mark.parametrize("wrong", [0, -1, float("nan")])
def test_a_rate_is_more_than_nothing(wrong: float) -> None:
    with pytest.raises(ValueError, match="more than 0"):
        Rate(wrong)


@given(st.integers(1, 10**9), st.lists(st.tuples(st.integers(0, 10**7), st.floats(0, 2)), max_size=50))
def test_whoever_waits_as_told_keeps_the_rate(rate: int, steps: list[tuple[int, float]]) -> None:
    """In any span that begins with the bucket, at most the rate and one burst, counted when a read is allowed."""
    clock = Clock()
    bucket, begun, total = Rate(rate, clock), clock.now, 0
    for count, idle in steps:
        total += count
        clock.now += bucket.spend(count)
        assert total <= rate * (clock.now - begun + BURST) * (1 + 1e-6) + 1
        clock.now += idle


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=30))
def test_who_waits_as_told_waits_no_longer_than_the_rate_needs(counts: list[int]) -> None:
    clock = Clock()
    bucket, begun = Rate(MB, clock), clock.now
    for count in counts:
        clock.now += bucket.spend(count)
    assert clock.now - begun == pytest.approx(max(0.0, sum(counts) / MB - BURST), abs=1e-6)


def test_what_many_threads_spend_adds_up() -> None:
    rate = Rate(1000, Clock())

    def spend() -> None:
        for _ in range(1000):
            rate.spend(1)

    threads = [threading.Thread(target=spend) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert rate.spend(0) == pytest.approx((4000 - 250) / 1000)
