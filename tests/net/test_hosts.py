"""Slots, delays and parking, with a clock that the test turns; threads only where waking is the point."""

from __future__ import annotations

import math
import threading

import pytest

from scraper.job.parts import HostPolicy, Polite
from scraper.net.hosts import LocalGate, Policy, Scheduler, policy_for
from scraper.units import Delay

HOST = "h:80"


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def gate(clock: Clock, slots: int = 1, low: float = 0, high: float | None = None) -> LocalGate:
    delay = Delay(low, low if high is None else high)
    return LocalGate(lambda _: Policy(slots, delay), clock, chance=lambda: 0.5)


def test_a_host_has_so_many_slots_and_no_more() -> None:
    two = gate(Clock(), slots=2)
    assert [two.acquire(HOST) for _ in range(3)] == [0, 0, math.inf]
    two.release(HOST)
    assert two.acquire(HOST) == 0


def test_between_two_requests_lies_the_delay() -> None:
    clock = Clock()
    slow = gate(clock, slots=9, low=1, high=3)
    assert [slow.acquire(HOST), slow.acquire(HOST)] == [0, 2]
    clock.now += 2
    assert slow.acquire(HOST) == 0


def test_a_parked_host_waits_as_long_as_it_asked() -> None:
    clock = Clock()
    parked = gate(clock, slots=9)
    parked.park(HOST, 30)
    parked.park(HOST, 5)
    assert parked.acquire(HOST) == 30
    assert parked.acquire("other:80") == 0


@pytest.mark.parametrize(
    ("host", "policy"),
    [
        ("img.example.com:443", Policy(1, Delay(2, 2))),
        ("example.com:443", Policy(4, Delay())),
        ("[::1]:8000", Policy(2, Delay())),
        ("127.0.0.1:81", Policy(7, Delay())),
    ],
)
def test_hosts_may_have_a_policy_of_their_own(host: str, policy: Policy) -> None:
    polite = Polite(
        hosts={
            "*.example.com": HostPolicy(per_host=1, delay=2),
            "::1": HostPolicy(per_host=2),
            "127.0.0.1:81": HostPolicy(per_host=7),
        }
    )
    assert policy_for(host, polite) == policy


def scheduler(clock: Clock, **policy: float) -> Scheduler[str]:
    return Scheduler(gate(clock, **policy), ("page", "file"), clock)  # type: ignore[arg-type]


def test_tasks_of_a_host_come_in_order() -> None:
    line = scheduler(Clock(), slots=9)
    for task in "abc":
        line.put("page", HOST, task)
    assert [line.take("page") for _ in "abc"] == [(HOST, "a"), (HOST, "b"), (HOST, "c")]


def test_a_full_host_does_not_stop_another() -> None:
    line = scheduler(Clock(), slots=1)
    line.put("page", HOST, "first")
    line.put("page", HOST, "second")
    line.put("page", "other:80", "third")
    assert [line.take("page"), line.take("page")] == [(HOST, "first"), ("other:80", "third")]


def test_a_parked_host_does_not_stop_another() -> None:
    line = scheduler(Clock(), slots=9)
    line.park(HOST, 60)
    line.put("page", HOST, "parked")
    line.put("page", "other:80", "free")
    assert line.take("page") == ("other:80", "free")


def test_a_task_that_waits_lets_others_of_its_host_pass() -> None:
    line = scheduler(Clock(), slots=9)
    line.put("page", HOST, "later", wait=10)
    line.put("page", HOST, "now")
    assert line.take("page") == (HOST, "now")


def test_pages_and_files_share_the_slots_and_neither_takes_them_all() -> None:
    line = scheduler(Clock(), slots=4)
    for number in range(4):
        line.put("page", HOST, f"page {number}")
        line.put("file", HOST, f"file {number}")
    taken = [line.take("page"), line.take("page")]
    assert taken == [(HOST, "page 0"), (HOST, "page 1")]
    assert [line.take("file"), line.take("file")] == [(HOST, "file 0"), (HOST, "file 1")]
    line.release("page", HOST)
    assert line.take("page") == (HOST, "page 2")


def test_who_waits_is_woken_by_a_release() -> None:
    line = scheduler(Clock(), slots=1)
    line.put("page", HOST, "first")
    line.put("page", HOST, "second")
    line.take("page")
    got: list[object] = []
    waiter = threading.Thread(target=lambda: got.append(line.take("page")))
    waiter.start()
    line.release("page", HOST)
    waiter.join(10)
    assert got == [(HOST, "second")]


def test_a_closed_scheduler_gives_nothing_and_wakes_who_waits() -> None:
    line = scheduler(Clock(), slots=1)
    got: list[object] = []
    waiter = threading.Thread(target=lambda: got.append(line.take("page")))
    waiter.start()
    line.put("file", HOST, "left alone")
    line.close()
    waiter.join(10)
    assert got == [None]
    assert line.take("file") is None
