"""How long an attempt may take, with a clock that the test turns."""

from __future__ import annotations

import pytest

from scraper import errors
from scraper.job.parts import Timeout
from scraper.net.pace import Pace


class Clock:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now

    def pace(self, **timeout: float) -> Pace:
        return Pace(Timeout(**timeout), "http://h/", self)  # type: ignore[arg-type]


def test_an_attempt_without_a_total_may_take_for_ever() -> None:
    clock = Clock()
    pace = clock.pace(read=10, slowest=0)
    for _ in range(1000):
        clock.now += 9
        pace.step(1)
    assert pace.left is None


def test_total_bounds_the_attempt_however_fast_it_is() -> None:
    clock = Clock()
    pace = clock.pace(total=5)
    clock.now += 4
    pace.step(10_000_000)
    assert pace.left == 1
    clock.now += 2
    with pytest.raises(errors.TimeoutError, match="5 s"):
        pace.step(10_000_000)


def test_a_drip_below_slowest_is_stalled_after_read_seconds() -> None:
    clock = Clock()
    pace = clock.pace(read=10, slowest=100)
    clock.now += 9
    pace.step(1)
    clock.now += 1
    with pytest.raises(errors.StalledError, match=r"0\.20 bytes/s"):
        pace.step(1)


def test_each_window_counts_for_itself() -> None:
    clock = Clock()
    pace = clock.pace(read=10, slowest=100)
    clock.now += 10
    pace.step(1_000_000)
    clock.now += 10
    with pytest.raises(errors.StalledError):
        pace.step(999)
