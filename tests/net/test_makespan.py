"""Who goes first, how long a whole batch takes, and that nothing is lost on the way; virtual time but for threads."""

from __future__ import annotations

import heapq
import itertools
import random
import threading
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.net.hosts import LocalGate, Policy, Scheduler, Told
from scraper.units import Delay

HOST = "h:80"


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def scheduler(clock: Clock, slots: int) -> Scheduler[str]:
    gate = LocalGate(lambda _: Policy(slots), clock)
    return Scheduler(gate, ("page", "file"), clock, on_verdict=lambda host, words: None)


# -- most work first ---------------------------------------------------------------------------------------


def test_the_host_with_most_work_left_goes_first() -> None:
    line = scheduler(Clock(), slots=1)
    line.put_many("file", "few:80", "ab")
    line.put_many("file", "most:80", "abcd")
    line.put_many("file", "more:80", "abc")
    assert [host for host, _ in line.take_many("file", 2)] == ["most:80", "more:80"]


def test_tasks_that_wait_elsewhere_count_as_work() -> None:
    line = scheduler(Clock(), slots=1)
    line.put_many("file", "few:80", "ab")
    line.put("file", HOST, "a")
    line.expect("file", HOST, 1000)
    assert line.take("file") == (HOST, "a")
    line.expect("file", HOST, 0)
    line.put("file", HOST, "b")
    line.release("file", HOST)
    assert line.take("file") == ("few:80", "a")


def test_work_is_counted_in_time() -> None:
    """Two tasks a minute apart take longer than a hundred that go four at once."""
    clock = Clock()
    policies = {"slow:80": Policy(4, Delay(60, 60))}
    own = LocalGate(lambda host: policies.get(host, Policy(4)), clock)
    line: Scheduler[int] = Scheduler(own, ("file",), clock)
    line.put_many("file", "fast:80", range(100))
    line.put_many("file", "slow:80", range(2))
    assert line.take("file") == ("slow:80", 0)


class Batch:
    """A batch over many hosts in virtual time, each exchange `seconds` long; counts what is in flight."""

    def __init__(self, policy: Callable[[str], Policy], workers: int, seconds: float) -> None:
        self.clock = Clock()
        self.begun = self.clock.now
        self.line: Scheduler[int] = Scheduler(LocalGate(policy, self.clock, lambda: 0.5), ("file",), self.clock)
        self.workers, self.seconds = workers, seconds
        self.flying: Counter[str] = Counter()
        self.most: Counter[str] = Counter()

    def run(self) -> float:
        """The seconds it took."""
        events: list[tuple[float, int, str]] = []
        order = itertools.count()
        while True:
            for host, _ in self.line.take_many("file", self.workers - len(events)):
                self.flying[host] += 1
                self.most[host] = max(self.most[host], self.flying[host])
                heapq.heappush(events, (self.clock.now + self.seconds, next(order), host))
            wait = self.line.wait_for("file")
            if not events:
                if wait is None:
                    return self.clock.now - self.begun
                self.clock.now += wait
                continue
            if wait and len(events) < self.workers and self.clock.now + wait < events[0][0]:
                self.clock.now += wait
                continue
            self.clock.now = events[0][0]
            while events and events[0][0] <= self.clock.now:
                host = heapq.heappop(events)[2]
                self.flying[host] -= 1
                self.line.release("file", host, Told("ok", self.seconds))


def zipf(hosts: int, tasks: int) -> Counter[str]:
    weights = [1 / rank for rank in range(1, hosts + 1)]
    return Counter(random.Random(7).choices([f"host{rank}:80" for rank in range(hosts)], weights, k=tasks))


@pytest.mark.parametrize("workers", [64, 1_000_000])
def test_a_batch_over_a_thousand_hosts_takes_as_long_as_its_longest_host(workers: int) -> None:
    """Two slots each; no schedule is shorter than the longest host, nor than all work on all workers."""
    counts, seconds = zipf(1000, 20_000), 0.02
    batch = Batch(lambda _: Policy(2), workers, seconds)
    for host, count in counts.items():
        batch.line.put_many("file", host, range(count))
    bound = max(max(counts.values()) / 2 * seconds, 20_000 * seconds / workers)
    assert batch.run() <= 1.05 * bound
    assert max(batch.most.values()) == 2


def test_the_same_where_only_a_window_of_each_host_is_known() -> None:
    """As a run is fed from its ledger: eight tasks of a host wait here, the rest is announced."""
    counts, seconds, window = zipf(1000, 20_000), 0.02, 8
    batch = Batch(lambda _: Policy(2), 64, seconds)
    left = dict(counts)
    held: Counter[str] = Counter()

    def feed(host: str) -> None:
        given = min(window - held[host], left[host])
        left[host] -= given
        held[host] += given
        batch.line.put_many("file", host, range(given))
        batch.line.expect("file", host, left[host])

    for host in counts:
        feed(host)
    release = batch.line.release

    def release_and_feed(kind: str, host: str, told: Told | None = None) -> None:
        release(kind, host, told)
        held[host] -= 1
        if left[host] and held[host] <= window // 2:
            feed(host)

    batch.line.release = release_and_feed  # type: ignore[method-assign]
    assert batch.run() <= 1.05 * max(max(counts.values()) / 2 * seconds, 20_000 * seconds / 64)


def test_hosts_with_delays_and_slow_ones_do_not_stretch_each_other() -> None:
    """The bound of a host: its tasks x the longer of its delay and seconds / slots."""
    policies = {"delay:80": Policy(4, Delay(1, 1)), "narrow:80": Policy(1), "wide:80": Policy(50)}
    counts = {"delay:80": 100, "narrow:80": 400, "wide:80": 10_000}
    batch = Batch(policies.__getitem__, 16, 0.2)
    for host, count in counts.items():
        batch.line.put_many("file", host, range(count))
    bound = max(99 * 1 + 0.2, 400 * 0.2, 10_000 * 0.2 / 50, (100 + 400 + 10_000) * 0.2 / 16)
    assert batch.run() <= 1.05 * bound
    assert batch.most["narrow:80"] == 1


# -- nothing lost, nothing twice ---------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "later", "take", "release", "release", "park", "pass", "slow", "expect"]),
        st.integers(0, 2),
        st.sampled_from(["page", "file"]),
        st.sampled_from(["ok", "busy", "dead", "failed", None]),
    ),
    max_size=200,
)


@given(STEPS, st.integers(1, 4))
def test_whatever_happens_every_task_comes_out_once_and_no_host_is_asked_too_much(
    steps: list[tuple[str, int, str, str | None]], slots: int
) -> None:
    clock = Clock()
    line = scheduler(clock, slots)
    put: Counter[str] = Counter()
    out: Counter[str] = Counter()
    flying: list[tuple[str, str]] = []

    def take(kind: str, most: int) -> bool:
        got = line.take_many(kind, most)
        out.update(task for _, task in got)
        flying.extend((kind, host) for host, _ in got)
        counts = Counter(host for _, host in flying if line.given_up(host) is None)
        assert max(counts.values(), default=0) <= slots
        return bool(got)

    for number, (step, which, kind, told) in enumerate(steps):
        host = f"h{which}:80"
        if step in ("put", "later"):
            put[f"{number}"] += 1
            line.put(kind, host, f"{number}", wait=which if step == "later" else 0)
        elif step == "take":
            take(kind, which + 1)
        elif step == "release" and flying:
            kind, host = flying.pop(which % len(flying))
            line.release(kind, host, Told(told, 0.1) if told else None)  # type: ignore[arg-type]
        elif step == "park":
            line.park(host, which)
        elif step == "slow":
            line.slow(host, which)
        elif step == "expect":
            line.expect(kind, host, which)
        clock.now += which if step == "pass" else 0
    while True:
        while any([take("page", 3), take("file", 3)]):
            while flying:
                line.release(*flying.pop())
        while flying:
            line.release(*flying.pop())
        waits = [wait for wait in map(line.wait_for, ("page", "file")) if wait is not None]
        if not waits:
            break
        clock.now += min(waits)
    assert out == put


def test_many_threads_get_every_task_once_and_keep_the_slots() -> None:
    """Blocking takers, batches, and a feeder at once; a lost wake-up would hang here."""
    own = LocalGate(lambda _: Policy(3))
    line: Scheduler[int] = Scheduler(own, ("page", "file"))
    lock = threading.Lock()
    flying: Counter[str] = Counter()
    got: list[int] = []
    over: list[str] = []
    done = threading.Event()
    woken = threading.Event()
    line.on_ready("file", woken.set)

    def took(host: str, task: int) -> None:
        with lock:
            flying[host] += 1
            if flying[host] > 3:
                over.append(host)
        with lock:
            flying[host] -= 1
            got.append(task)
            if len(got) == 4000:
                done.set()

    def taker() -> None:
        while (taken := line.take("page")) is not None:
            took(*taken)
            line.release("page", taken[0], Told("ok", 0.01))

    def looper() -> None:
        while not line.closed:
            woken.clear()
            batch = line.take_many("file", 4)
            for host, task in batch:
                took(host, task)
            line.release_many("file", [(host, None) for host, _ in batch])
            if not batch:
                woken.wait(line.wait_for("file"))

    threads = [threading.Thread(target=each) for each in (taker, taker, taker, looper)]
    for thread in threads:
        thread.start()
    for number in range(4000):
        line.put("page" if number % 2 else "file", f"h{number % 5}:80", number)
    assert done.wait(60)
    line.close()
    for thread in threads:
        thread.join(10)
    assert (sorted(got), over) == (list(range(4000)), [])


def test_a_delay_is_waited_for_while_another_thread_is_busy() -> None:
    """Who took the first task is away with it; somebody else must know when the second may go."""
    line: Scheduler[int] = Scheduler(LocalGate(lambda _: Policy(1000, Delay(0.002, 0.002))), ("file",))
    got: list[int] = []
    change = threading.Condition()

    def taker() -> None:
        while (taken := line.take("file")) is not None:
            with change:
                got.append(taken[1])
                change.notify_all()
                change.wait_for(lambda: len(got) % 3 == 0, 30)

    threads = [threading.Thread(target=taker) for _ in range(4)]
    for thread in threads:
        thread.start()
    for wave in range(1, 21):
        line.put_many("file", HOST, range(3))
        with change:
            assert change.wait_for(lambda wave=wave: len(got) == 3 * wave, 10)
    line.close()
    for thread in threads:
        thread.join(10)
    assert got == [0, 1, 2] * 20


def test_a_loop_with_room_learns_when_the_next_may_go_from_one_without() -> None:
    clock = Clock()
    gate = LocalGate(lambda _: Policy(9, Delay(5, 5)), clock)
    line: Scheduler[int] = Scheduler(gate, ("file",), clock)
    rung: list[float | None] = []
    line.on_ready("file", lambda: rung.append(line.wait_for("file")))
    line.wait_for("file")
    line.put_many("file", HOST, range(2))
    assert line.take_many("file", 1) == [(HOST, 0)]
    assert rung == [0, 5]
