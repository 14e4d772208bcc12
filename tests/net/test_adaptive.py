"""How many are asked of one host at once: down on 429, 503 and queues, else at the ceiling. Servers are models."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from scraper.net.hosts import LocalGate, Policy, Scheduler, Told
from scraper.net.hosts.adaptive import Slots

HOST = "h:80"
Model = Callable[[float, int], Told]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Course:
    """How a batch went: seconds, slots in the mean over time, the least and the last; most in flight, busy answers."""

    seconds: float
    mean: float
    least: int
    last: int
    most: int
    busy: int


def course(model: Model, ceiling: int, total: int) -> Course:
    """A batch against a model of a server, which is asked as often as the slots allow; busy tasks come again."""
    clock = Clock()
    gate = LocalGate(lambda _: Policy(ceiling), clock)
    line: Scheduler[int] = Scheduler(gate, ("file",), clock)
    line.put_many("file", HOST, range(total))
    events: list[tuple[float, int, Told]] = []
    order = itertools.count()
    ended = Course(0.0, 0.0, ceiling, ceiling, 0, 0)
    done = 0
    while done < total:
        for _ in line.take_many("file", total):
            told = model(clock.now, len(events) + 1)
            heapq.heappush(events, (clock.now + told.seconds, next(order), told))
        ended.most = max(ended.most, len(events))
        when, _, told = heapq.heappop(events)
        ended.mean += gate.slots(HOST) * (when - clock.now)
        clock.now = when
        if told.kind == "busy":
            ended.busy += 1
            line.put("file", HOST, -1)
        done += told.kind == "ok"
        line.release("file", HOST, told)
        ended.least = min(ended.least, gate.slots(HOST))
    ended.seconds, ended.mean, ended.last = clock.now, ended.mean / clock.now, gate.slots(HOST)
    return ended


class Queueing:
    """Answers `capacity` requests a second, one after the other, and each `delay` seconds later."""

    def __init__(self, capacity: float, delay: float) -> None:
        self.capacity = capacity
        self.delay = delay
        self.free = 0.0

    def __call__(self, now: float, flying: int) -> Told:
        self.free = max(self.free, now) + 1 / self.capacity
        return Told("ok", self.free - now + self.delay)


def crowded(bound: int) -> Model:
    """Refuses whoever comes while `bound` are served."""
    return lambda now, flying: Told("busy", 0.01) if flying > bound else Told("ok", 0.05)


# -- at the ceiling ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("at_once", [16, 64, 256, 1000])
@pytest.mark.parametrize("delay", [0.02, 0.1])
def test_a_host_that_answers_is_asked_as_often_as_the_job_allows(delay: float, at_once: int) -> None:
    """8000/s is what one client manages: at 1000 at once its own queue makes answers five times as late."""
    went = course(Queueing(8000, delay), at_once, 20_000)
    assert went.seconds <= 20_000 / min(at_once / delay, 8000) / 0.95
    assert (went.least, went.last, went.most) == (at_once, at_once, at_once)


def test_a_moment_of_silence_is_no_evidence() -> None:
    """Everything stands still for two seconds of every ten."""
    stands = course(lambda now, _: Told("ok", 2.1 - now % 10 if now % 10 < 2 else 0.1), 100, 40_000)
    assert stands.least == 100


def test_pages_that_simply_take_long_are_not_asked_more_slowly() -> None:
    """First from a cache, then three seconds each, however few are asked: a trial in vain is taken back."""
    count = itertools.count()
    went = course(lambda now, _: Told("ok", 0.05 if next(count) < 1000 else 3.0), 16, 4000)
    assert went.seconds <= (1000 * 0.05 + 3000 * 3.0) / 16 * 1.05
    assert went.last == 16


def test_latencies_that_scatter_widely_cost_little() -> None:
    chance = random.Random(5)
    went = course(lambda now, _: Told("ok", chance.lognormvariate(0.2, 1.0)), 16, 4000)
    assert went.mean >= 15


# -- busy --------------------------------------------------------------------------------------------------


def test_busy_halves_and_never_below_one() -> None:
    slots = Slots(16)
    seen = []
    for second in range(6):
        slots.peak = slots.now
        slots.busy(0.1, 0, float(second))
        seen.append(slots.now)
    assert seen == [8, 4, 2, 1, 1, 1]


def test_all_that_were_in_flight_together_are_one_piece_of_evidence() -> None:
    gate = LocalGate(lambda _: Policy(16), Clock())
    assert gate.acquire_many(HOST, 16)[0] == 16
    for _ in range(16):
        gate.release(HOST, Told("busy"))
    assert gate.slots(HOST) == 8


def test_what_was_asked_before_the_cut_is_no_new_evidence() -> None:
    """Known by its latency, also where the count of those in flight says otherwise."""
    slots = Slots(16)
    slots.peak = 16
    slots.busy(0.1, 0, 100.0)
    slots.busy(5.0, 0, 101.0)
    assert slots.now == 8
    slots.peak = 8
    slots.busy(0.5, 0, 101.0)
    assert slots.now == 4


def test_half_is_counted_of_what_was_in_flight() -> None:
    """A thousand slots of which 32 are used: 500 would be no answer (RFC 5681 takes the flight size)."""
    gate = LocalGate(lambda _: Policy(1000), Clock())
    assert gate.acquire_many(HOST, 32)[0] == 32
    gate.release(HOST, Told("busy"))
    assert gate.slots(HOST) == 16


def test_each_full_window_of_answers_adds_one() -> None:
    slots = Slots(8)
    slots.peak = 8
    slots.busy(0.1, 0, 1.0)
    grown = []
    for _ in range(4 + 5 + 6):
        slots.peak = slots.now
        slots.ok(0.1, slots.now - 1)
        grown.append(slots.now)
    assert grown == [4] * 3 + [5] * 5 + [6] * 6 + [7]


def test_slots_that_nobody_uses_do_not_grow() -> None:
    slots = Slots(8)
    slots.peak = 8
    slots.busy(0.1, 0, 1.0)
    slots.peak = 1
    for _ in range(100):
        slots.ok(0.1, 0)
    assert slots.now == 4


def test_a_wrong_answer_or_none_changes_nothing() -> None:
    gate = LocalGate(lambda _: Policy(4), Clock())
    for told in (Told("failed", 9.0), Told("dead"), None):
        gate.acquire(HOST)
        gate.release(HOST, told)
    assert gate.slots(HOST) == 4


@pytest.mark.parametrize("bound", [4, 10, 40])
def test_the_slots_find_what_a_crowded_host_can_bear(bound: int) -> None:
    went = course(crowded(bound), 64, 5000)
    assert bound / 2 <= went.mean <= bound
    assert went.busy <= 5000 / 4
    assert went.seconds <= 1.5 * 5000 * 0.05 / bound


def test_after_a_crowd_has_gone_the_ceiling_is_reached_again() -> None:
    went = course(lambda now, flying: crowded(10 if now < 2 else 1000)(now, flying), 32, 20_000)
    assert (went.least < 10, went.last) == (True, 32)


# -- queues ------------------------------------------------------------------------------------------------


def test_a_host_that_answers_no_faster_for_being_asked_more_is_asked_less() -> None:
    """Ten a second, whatever we do: with 64 at once each answer takes 6.4 s, and nothing is won by it."""
    went = course(Queueing(10, 0.1), 64, 3000)
    assert went.last <= 16
    assert went.seconds <= 3000 / 10 * 1.01


def test_a_thousand_slots_come_down_too() -> None:
    went = course(Queueing(100, 0.05), 1000, 20_000)
    assert went.last <= 150
    assert went.seconds <= 20_000 / 100 * 1.01


def test_unknown_latencies_are_no_evidence() -> None:
    slots = Slots(4)
    for seconds in [0.01] + [0.0] * 500:
        slots.ok(seconds, 3)
    assert (slots.now, slots.latency) == (4, 0.01)
