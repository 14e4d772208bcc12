"""Slots, delays and parking, with a clock that the test turns; threads only where waking is the point."""

from __future__ import annotations

import math
import threading

import pytest

from scraper.job.parts import HostPolicy, Polite
from scraper.net.hosts import LocalGate, Policy, Scheduler, Told, policy_for
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


def test_what_is_put_first_comes_before_what_waits() -> None:
    line = scheduler(Clock(), slots=9)
    for task in "abc":
        line.put("page", HOST, task, first=task == "c")
    assert line.take_many("page", 9) == [(HOST, "c"), (HOST, "a"), (HOST, "b")]


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


# -- batches -----------------------------------------------------------------------------------------------


def test_a_batch_takes_what_the_hosts_allow_and_never_waits() -> None:
    line = scheduler(Clock(), slots=2)
    line.put_many("file", HOST, ["a", "b", "c"])
    line.put_many("file", "other:80", ["d"])
    assert line.take_many("file", 9) == [(HOST, "a"), (HOST, "b"), ("other:80", "d")]
    assert line.take_many("file", 9) == []
    line.release_many("file", [(HOST, Told("ok", 0.1)), ("other:80", None)])
    assert line.take_many("file", 9) == [(HOST, "c")]


def test_a_batch_is_no_larger_than_asked() -> None:
    line = scheduler(Clock(), slots=9)
    line.put_many("file", HOST, "abcde")
    assert [len(line.take_many("file", 2)) for _ in range(4)] == [2, 2, 1, 0]


def test_a_batch_gives_one_task_of_a_host_with_a_delay() -> None:
    clock = Clock()
    line = scheduler(clock, slots=9, low=2)
    line.put_many("file", HOST, "abc")
    assert (line.take_many("file", 9), line.wait_for("file")) == ([(HOST, "a")], 2)
    clock.now += 2
    assert line.take_many("file", 9) == [(HOST, "b")]


def test_neither_kind_takes_more_than_half_in_a_batch_while_the_other_waits() -> None:
    line = scheduler(Clock(), slots=5)
    line.put_many("file", HOST, "abcdefgh")
    line.put("page", HOST, "page")
    assert len(line.take_many("file", 9)) == 3
    assert line.take_many("page", 9) == [(HOST, "page")]
    assert len(line.take_many("file", 9)) == 1


def test_a_task_whose_wait_is_over_does_not_stand_behind_all_that_come_later() -> None:
    clock = Clock()
    line = scheduler(clock, slots=1)
    line.put("file", HOST, "again", wait=5)
    line.put_many("file", HOST, "ab")
    clock.now += 5
    taken = []
    for _ in range(3):
        taken += line.take_many("file", 1)
        line.release("file", HOST)
        line.put("file", HOST, "more")
    assert [task for _, task in taken] == ["a", "b", "again"]


def test_waiting_counts_by_host_and_kind() -> None:
    line = scheduler(Clock(), slots=1)
    line.put_many("file", HOST, "abc")
    line.put("file", HOST, "later", wait=9)
    line.put("page", "other:80", "page")
    line.take("file")
    assert (line.waiting("file"), line.waiting("page")) == ({HOST: 3}, {"other:80": 1})


# -- when to come again ------------------------------------------------------------------------------------


def test_wait_for_tells_when_the_clock_alone_makes_something_ready() -> None:
    clock = Clock()
    line = scheduler(clock, slots=1)
    waits = [line.wait_for("file")]
    line.put("file", HOST, "later", wait=7)
    waits.append(line.wait_for("file"))
    line.put("file", "other:80", "sooner", wait=3)
    waits.append(line.wait_for("file"))
    clock.now += 3
    assert line.take_many("file", 9) == [("other:80", "sooner")]
    waits.append(line.wait_for("file"))
    line.put("file", "third:80", "now")
    waits.append(line.wait_for("file"))
    assert waits == [None, 7, 3, 4, 0]


def test_wait_for_tells_nothing_where_only_a_release_helps() -> None:
    line = scheduler(Clock(), slots=1)
    line.put_many("file", HOST, "ab")
    line.take_many("file", 9)
    assert line.wait_for("file") is None


def test_wait_for_tells_the_end_of_parking() -> None:
    line = scheduler(Clock(), slots=1)
    line.put("file", HOST, "a")
    line.park(HOST, 30)
    assert (line.take_many("file", 9), line.wait_for("file")) == ([], 30)


def bell(line: Scheduler[str], kind: str = "file") -> list[int]:
    """Counts how often a bell rings; it asks the scheduler, so that a lock held would be found out."""
    rung: list[int] = []
    line.on_ready(kind, lambda: rung.append(len(line.waiting(kind))))
    return rung


def test_a_put_rings_once_for_who_found_nothing() -> None:
    line = scheduler(Clock(), slots=9)
    rung = bell(line)
    line.take_many("file", 1)
    line.put_many("file", HOST, "ab")
    line.put("file", HOST, "c")
    line.put("page", HOST, "page")
    assert rung == [1]


def test_a_release_rings_for_who_waits_for_a_slot() -> None:
    line = scheduler(Clock(), slots=1)
    line.put_many("file", HOST, "ab")
    line.take_many("file", 9)
    rung = bell(line)
    line.release("file", HOST)
    assert rung == [1]


def test_a_release_of_one_kind_rings_for_another() -> None:
    line = scheduler(Clock(), slots=1)
    line.put("page", HOST, "page")
    line.take("page")
    line.put("file", HOST, "file")
    line.take_many("file", 1)
    rung = bell(line)
    line.release("page", HOST)
    assert rung == [1]


def test_a_task_that_waits_for_less_than_all_others_rings() -> None:
    line = scheduler(Clock(), slots=1)
    line.put("file", HOST, "later", wait=60)
    line.wait_for("file")
    rung = bell(line)
    line.put("file", "other:80", "even later", wait=90)
    assert rung == []
    line.put("file", "third:80", "sooner", wait=3)
    assert rung == [3]


def test_nobody_rings_for_who_got_all_it_asked_for() -> None:
    line = scheduler(Clock(), slots=9)
    rung = bell(line)
    line.put("file", HOST, "a")
    line.take_many("file", 1)
    line.put("file", HOST, "b")
    assert rung == []


def test_every_bell_rings_at_the_end() -> None:
    line = scheduler(Clock(), slots=9)
    rung = bell(line) + bell(line, "page")
    rings = [bell(line), bell(line, "page")]
    line.close()
    assert (rings, line.closed, line.take_many("file", 1), line.wait_for("file")) == ([[0], [0]], True, [], None)
    assert rung == []


# -- crawl-delay -------------------------------------------------------------------------------------------


def test_a_robots_txt_makes_the_delay_longer_but_not_shorter() -> None:
    clock = Clock()
    own = gate(clock, slots=9, low=2)
    assert (own.acquire(HOST), own.slow(HOST, 5), own.acquire(HOST)) == (0, 5, 5)
    clock.now += 5
    assert (own.acquire(HOST), own.slow(HOST, 1), own.acquire(HOST)) == (0, 1, 5)
    assert (own.acquire("other:80"), own.acquire("other:80")) == (0, 2)


def test_the_delay_counts_from_the_request_before_it_was_known() -> None:
    """That of the robots.txt itself; a host that was never asked may be asked at once."""
    clock = Clock()
    own = gate(clock, slots=9)
    own.acquire(HOST)
    clock.now += 1
    own.slow(HOST, 5)
    own.slow("new:80", 5)
    assert (own.acquire(HOST), own.acquire("new:80")) == (4, 0)


@pytest.mark.parametrize(("asked", "kept"), [(86_400, 60), (60, 60), (-1, 0), (math.inf, 60)])
def test_a_delay_of_a_day_is_a_minute(asked: float, kept: float) -> None:
    assert gate(Clock()).slow(HOST, asked) == kept


def test_a_delay_that_is_not_kept_whole_is_told() -> None:
    clock, told = Clock(), list[str]()
    line: Scheduler[str] = Scheduler(gate(clock), ("file",), clock, lambda host, words: told.append(f"{host}: {words}"))
    line.slow(HOST, 30)
    line.slow(HOST, 86_400)
    assert told == ["h:80: robots.txt asks for 24 h 00 min between requests; 1 min 00 s are kept, the most there is"]


# -- what is remembered ------------------------------------------------------------------------------------


def test_memory_does_not_grow_with_the_hosts() -> None:
    clock = Clock()
    own = gate(clock, slots=2)
    line: Scheduler[str] = Scheduler(own, ("file",), clock)
    for number in range(20_000):
        line.put("file", f"h{number}:80", "only")
        line.release_many("file", [(host, Told("ok", 0.1)) for host, _ in line.take_many("file", 1)])
    assert own.remembered <= 1100


def test_what_speaks_against_a_host_is_remembered_for_a_while() -> None:
    """Its parking, its cut slots; ten minutes later the slots are forgotten with the rest."""
    clock = Clock()
    own = gate(clock, slots=8)
    own.acquire_many(HOST, 8)
    for _ in range(8):
        own.release(HOST, Told("busy"))
    own.park("parked:80", 9000)

    def crowd() -> None:
        for number in range(5000):
            own.acquire(f"{clock.now} {number}")
            own.release(f"{clock.now} {number}")

    crowd()
    assert (own.slots(HOST), own.acquire("parked:80")) == (4, 9000)
    clock.now += 1000
    crowd()
    assert (own.slots(HOST), own.acquire("parked:80")) == (8, 8000)
