"""A host where nobody is, is left alone, and says so; what retries do for a single task stays theirs."""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from scraper import errors
from scraper.job.parts import Retry
from scraper.net.hosts import LocalGate, Patience, Policy, Scheduler, Told
from scraper.net.retry import Attempt, Wait, decide_retry

DEAD, ALIVE = "dead:80", "alive:80"
NOBODY = Told("dead", 0.01, "connect")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Went:
    """How a run went: when each host was asked and its last task ended, endings and words by host."""

    asked: dict[str, list[float]] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)
    endings: Counter[tuple[str, str]] = field(default_factory=Counter)
    words: list[tuple[str, str]] = field(default_factory=list)


class World:
    """A run in virtual time, with retries as net/retry.py decides them.

    Args:
        tasks: how many of each host.
        answer: what a host does when it is asked at a time, and how long that takes.
        first: whether a slot is given back before its task is put back, or after.
    """

    def __init__(
        self, tasks: dict[str, int], answer: Callable[[str, float], Told], *, slots: int = 16, attempts: int = 5,
        first: bool = False,
    ) -> None:  # fmt: skip
        self.clock, self.answer, self.first = Clock(), answer, first
        self.policy = Retry(attempts=attempts)
        self.went = Went({host: [] for host in tasks})
        gate = LocalGate(lambda _: Policy(slots), self.clock)
        self.line: Scheduler[int] = Scheduler(
            gate, ("file",), self.clock, lambda host, words: self.went.words.append((host, words))
        )
        for host, count in tasks.items():
            self.line.put_many("file", host, [1] * count)
        self._order = itertools.count()
        self._flying: list[tuple[float, int, str, int, Told]] = []

    def run(self) -> Went:
        """To the end of every task."""
        while True:
            for host, attempt in self.line.take_many("file", 1000):
                self._begin(host, attempt)
            wait = self.line.wait_for("file")
            back = self._flying[0][0] - self.clock.now if self._flying else None
            if back is None and wait is None:
                return self.went
            self.clock.now += min(each for each in (back, wait) if each is not None)
            while self._flying and self._flying[0][0] <= self.clock.now:
                self._end(*heapq.heappop(self._flying)[2:])

    def _begin(self, host: str, attempt: int) -> None:
        verdict = self.line.given_up(host)
        if verdict is not None:
            self._finish(host, f"failed:{verdict.why}")
            self.line.release("file", host)
            return
        self.went.asked[host].append(self.clock.now)
        told = self.answer(host, self.clock.now)
        heapq.heappush(self._flying, (self.clock.now + told.seconds, next(self._order), host, attempt, told))

    def _end(self, host: str, attempt: int, told: Told) -> None:
        if self.first:
            self.line.release("file", host, told)
        if told.kind == "ok":
            self._finish(host, "saved")
        else:
            failed = (errors.DnsError if told.why == "dns" else errors.ConnectError)(f"http://{host}/", "nobody")
            decision = decide_retry(Attempt(attempt, "GET", failed), self.policy)
            if isinstance(decision, Wait):
                self.line.put("file", host, attempt + 1, decision.seconds)
            else:
                self._finish(host, failed.ending)
        if not self.first:
            self.line.release("file", host, told)

    def _finish(self, host: str, ending: str) -> None:
        self.went.endings[host, ending] += 1
        self.went.ended[host] = self.clock.now


def dead_and_alive(host: str, now: float) -> Told:
    return NOBODY if host == DEAD else Told("ok", 0.05)


# -- many tasks of a dead host -----------------------------------------------------------------------------


@pytest.mark.parametrize("first", [True, False])
def test_a_hundred_urls_of_a_refused_port_are_a_few_tries_and_half_a_minute(first: bool) -> None:
    """Without a breaker: 500 tries. In flight when it opens are 16, then come four probes."""
    went = World({DEAD: 100}, dead_and_alive, first=first).run()
    assert went.endings == {(DEAD, "failed:connect"): 100}
    assert len(went.asked[DEAD]) <= 16 + 4
    assert went.ended[DEAD] <= 2 + 4 + 8 + 16 + 1


def test_a_dead_host_delays_no_other() -> None:
    alone = World({ALIVE: 2000}, dead_and_alive).run()
    beside = World({DEAD: 100, ALIVE: 2000}, dead_and_alive).run()
    assert beside.ended[ALIVE] == pytest.approx(alone.ended[ALIVE])
    assert beside.endings == {(DEAD, "failed:connect"): 100, (ALIVE, "saved"): 2000}


def test_it_says_so_once_per_change() -> None:
    went = World({DEAD: 100, ALIVE: 100}, dead_and_alive, slots=8).run()
    assert {host for host, _ in went.words} == {DEAD}
    assert [words for _, words in went.words] == [
        "no answer to 8 tries in 0.0 s (connect); asked again in 2.0 s",
        "no answer to 9 tries in 2.0 s (connect); asked again in 4.0 s",
        "no answer to 10 tries in 6.0 s (connect); asked again in 8.0 s",
        "no answer to 11 tries in 14.0 s (connect); asked again in 16.0 s",
        "no answer to 12 tries in 30.0 s (connect); the host is not asked any more in this run",
    ]


def test_a_name_without_an_address_ends_as_dns() -> None:
    went = World({DEAD: 100}, lambda host, now: Told("dead", 0.01, "dns")).run()
    assert went.endings == {(DEAD, "failed:dns"): 100}


def test_hosts_that_time_out_cost_slots_of_their_own_only() -> None:
    """Ten seconds until nobody answers: the probes take as long."""
    answers = {DEAD: Told("dead", 10.0, "timeout"), ALIVE: Told("ok", 0.05)}
    went = World({DEAD: 100, ALIVE: 2000}, lambda host, now: answers[host]).run()
    assert len(went.asked[DEAD]) <= 16 + 4
    assert went.ended[DEAD] <= 10 + 30 + 4 * 10 + 1
    assert went.ended[ALIVE] <= 2000 / 16 * 0.05 + 0.1


# -- few tasks: their own retries decide -------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 7])
def test_a_few_urls_of_a_dead_host_end_by_their_own_retries(count: int) -> None:
    """1 + 2 + 4 + 8 s and jitter; nobody waits for a probe."""
    went = World({DEAD: count}, dead_and_alive).run()
    assert (len(went.asked[DEAD]), went.words) == (5 * count, [])
    assert went.ended[DEAD] <= 15 + 4 * 0.5 + 1


def test_the_last_few_of_a_host_that_answered_are_not_held_back() -> None:
    """995 are saved, then it is gone; 30 s of parking would be for nothing."""
    count = itertools.count()
    went = World({ALIVE: 1000}, lambda host, now: Told("ok", 0.05) if next(count) < 995 else NOBODY).run()
    assert went.endings == {(ALIVE, "saved"): 995, (ALIVE, "failed:connect"): 5}
    assert went.ended[ALIVE] <= 995 * 0.05 / 16 + 18


# -- a host that comes back --------------------------------------------------------------------------------


def test_a_host_that_is_restarted_loses_nothing() -> None:
    """It answered before, so it is hoped for longer: away for five minutes, all is saved, with few tries in vain."""
    went = World({ALIVE: 1000}, lambda host, now: NOBODY if 1 < now < 300 else Told("ok", 0.05)).run()
    assert went.endings == {(ALIVE, "saved"): 1000}
    assert len(went.asked[ALIVE]) <= 1000 + 16 + 4
    assert [words.rpartition("; ")[2] for _, words in went.words] == [
        "asked again in 30.0 s",
        "asked again in 1 min 00 s",
        "asked again in 2 min 00 s",
        "asked again in 4 min 00 s",
        "the host answers again",
    ]


def test_a_host_that_is_back_is_asked_gently_at_first() -> None:
    clock = Clock()
    gate = LocalGate(lambda _: Policy(64), clock, patience=Patience(stranger_pause=1))
    gate.acquire_many(DEAD, 8)
    for _ in range(8):
        gate.release(DEAD, NOBODY, 100)
    clock.now += 1
    assert gate.acquire_many(DEAD, 64)[0] == 1
    gate.release(DEAD, Told("ok", 0.1), 100)
    taken = []
    for _ in range(8):
        taken.append(gate.acquire_many(DEAD, 64)[0])
        for _ in range(taken[-1]):
            gate.release(DEAD, Told("ok", 0.1), 100)
    assert taken == [1, 2, 4, 8, 16, 32, 64, 64]


def test_while_it_is_left_alone_only_one_probe_is_out() -> None:
    clock = Clock()
    gate = LocalGate(lambda _: Policy(8), clock)
    gate.acquire_many(DEAD, 8)
    for _ in range(8):
        gate.release(DEAD, NOBODY, 100)
    assert gate.acquire_many(DEAD, 8) == (0, 2.0)
    clock.now += 2
    assert [gate.acquire_many(DEAD, 8)[0], gate.acquire_many(DEAD, 8)] == [1, (0, float("inf"))]


def test_a_probe_that_tells_nothing_is_sent_again() -> None:
    """Its task ended without an exchange: left out, or stopped."""
    clock = Clock()
    gate = LocalGate(lambda _: Policy(8), clock)
    gate.acquire_many(DEAD, 8)
    for _ in range(8):
        gate.release(DEAD, NOBODY, 100)
    clock.now += 2
    assert gate.acquire(DEAD) == 0
    gate.release(DEAD)
    assert gate.acquire(DEAD) == 0


def test_an_answer_to_what_was_asked_before_ends_the_wait() -> None:
    clock = Clock()
    gate = LocalGate(lambda _: Policy(16), clock)
    gate.acquire_many(DEAD, 9)
    for _ in range(8):
        gate.release(DEAD, NOBODY, 100)
    assert gate.acquire(DEAD) == 2.0
    verdict = gate.release(DEAD, Told("ok", 1.0), 100)
    assert (verdict and verdict.kind, gate.acquire(DEAD)) == ("back", 0)


def test_what_was_in_flight_when_it_was_left_alone_is_no_probe() -> None:
    gate = LocalGate(lambda _: Policy(100), Clock())
    gate.acquire_many(DEAD, 100)
    verdicts = [gate.release(DEAD, NOBODY, 100) for _ in range(100)]
    assert [verdict.kind for verdict in verdicts if verdict] == ["silent"]


@pytest.mark.parametrize("told", [Told("failed"), Told("busy"), Told("ok")])
def test_any_answer_shows_that_somebody_is_there(told: Told) -> None:
    gate = LocalGate(lambda _: Policy(100), Clock())
    gate.acquire_many(DEAD, 15)
    verdicts = [gate.release(DEAD, each, 100) for each in [*[NOBODY] * 7, told, *[NOBODY] * 7]]
    assert verdicts == [None] * 15


# -- given up ----------------------------------------------------------------------------------------------


def given_up(line: Scheduler[str], clock: Clock) -> None:
    """Brings a scheduler with tasks of DEAD to give it up."""
    while line.given_up(DEAD) is None:
        got = line.take_many("file", 8)
        for host, task in got:
            line.put("file", host, task)
            line.release("file", host, NOBODY)
        clock.now += 0 if got else line.wait_for("file") or 0


def scheduler(clock: Clock, gate: LocalGate | None = None) -> Scheduler[str]:
    gate = gate or LocalGate(lambda _: Policy(2), clock)
    return Scheduler(gate, ("page", "file"), clock, on_verdict=lambda host, words: None)


def test_all_tasks_of_a_host_that_was_given_up_come_out_at_once() -> None:
    """Those of other kinds, those that wait for a time of their own, and those that come later."""
    clock = Clock()
    line = scheduler(clock)
    line.put_many("file", DEAD, map(str, range(20)))
    line.put("page", DEAD, "page")
    line.put("page", DEAD, "retry", wait=3600)
    given_up(line, clock)
    assert sorted(task for _, task in line.take_many("file", 100)) == sorted(map(str, range(20)))
    assert line.take_many("page", 100) == [(DEAD, "page"), (DEAD, "retry")]
    line.put("file", DEAD, "new")
    assert line.take("file") == (DEAD, "new")


def test_a_scheduler_that_shares_the_gate_knows_of_it() -> None:
    clock = Clock()
    gate = LocalGate(lambda _: Policy(2), clock)
    line, other = scheduler(clock, gate), scheduler(clock, gate)
    line.put_many("file", DEAD, map(str, range(20)))
    given_up(line, clock)
    other.put_many("file", DEAD, ["a", "b", "c"])
    assert [task for _, task in other.take_many("file", 9)] == ["a", "b", "c"]
    assert other.given_up(DEAD) == line.given_up(DEAD)


def test_a_bell_rings_when_a_host_is_given_up() -> None:
    clock = Clock()
    line = scheduler(clock)
    line.put_many("file", DEAD, map(str, range(20)))
    line.put("page", DEAD, "retry", wait=3600)
    rung: list[str] = []
    line.take_many("page", 1)
    line.on_ready("page", lambda: rung.append("page"))
    given_up(line, clock)
    assert (rung[-1:], line.take_many("page", 9)) == (["page"], [(DEAD, "retry")])


def test_a_verdict_may_ask_the_scheduler() -> None:
    """It runs without the lock."""
    clock = Clock()
    heard: list[object] = []
    gate = LocalGate(lambda _: Policy(8), clock)
    line: Scheduler[str] = Scheduler(gate, ("file",), clock, lambda host, _: heard.append(line.waiting("file")))
    line.put_many("file", DEAD, "abcdefghijklmnopqrst")
    for host, _ in line.take_many("file", 8):
        line.release("file", host, NOBODY)
    assert heard == [{DEAD: 12}]


def test_by_default_the_log_tells_it(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    line: Scheduler[str] = Scheduler(LocalGate(lambda _: Policy(8), clock), ("file",), clock)
    line.put_many("file", DEAD, "abcdefghijklmnopqrst")
    line.release_many("file", [(host, NOBODY) for host, _ in line.take_many("file", 8)])
    assert caplog.messages == ["dead:80: no answer to 8 tries in 0.0 s (connect); asked again in 2.0 s"]
