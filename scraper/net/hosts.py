"""Politeness per host, and the waiting that it takes. Owns waiting: no worker ever sleeps on a host.

A *gate* says whether a host may be asked now: its slots, its delay, whether it is
parked. A *scheduler* holds what waits, a heap for each kind of work (pages, files)
and host, and gives a worker the next task whose host has a free slot. Both kinds
share a host's slots; where both wait, neither takes more than half, so that a flood
of files does not starve the pages that find the next ones, nor the other way round.

`HostGate` is a protocol so that two jobs, and later shards, can share a host.
"""

from __future__ import annotations

import fnmatch
import heapq
import itertools
import math
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from scraper import units
from scraper.job.parts import Polite

T = TypeVar("T")
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Policy:
    """What one host may expect: requests in flight, and the delay between two."""

    slots: int = 4
    delay: units.Delay = field(default_factory=units.Delay)


def policy_for(host: str, polite: Polite) -> Policy:
    """The policy for `host:port`; the first matching pattern of `polite.hosts` (name or name:port) wins."""
    special = next((own for pattern, own in polite.hosts.items() if _fits(host, pattern.lower())), None)
    slots = special.per_host if special and special.per_host is not None else polite.per_host
    delay = special.delay if special and special.delay is not None else polite.delay
    return Policy(slots, units.delay(delay))


def _fits(host: str, pattern: str) -> bool:
    """Whether a pattern is of `host:port`; a bracket in it is an IPv6 address, not a set of characters."""
    name = host.rpartition(":")[0]
    pattern = pattern.replace("[", "[[]")
    return any(fnmatch.fnmatchcase(one, pattern) for one in (name, name.strip("[]"), host))


class HostGate(Protocol):
    """Who may be asked when. All times are seconds."""

    def acquire(self, host: str) -> float:
        """Takes a slot and gives 0.0, else the seconds after which to ask again (inf: after a release)."""
        ...

    def release(self, host: str) -> None:
        """Gives a slot back."""
        ...

    def park(self, host: str, seconds: float) -> None:
        """Nobody asks the host for so long."""
        ...

    def slots(self, host: str) -> int:
        """How many requests may be in flight."""
        ...


class LocalGate:
    """A HostGate for one process. Not locked: its scheduler is."""

    def __init__(
        self, policy: Callable[[str], Policy], clock: Clock = time.monotonic, chance: Clock = random.random
    ) -> None:
        self._policy = policy
        self._clock = clock
        self._chance = chance
        self._policies: dict[str, Policy] = {}
        self._flying: Counter[str] = Counter()
        self._next: dict[str, float] = {}

    def _of(self, host: str) -> Policy:
        if host not in self._policies:
            self._policies[host] = self._policy(host)
        return self._policies[host]

    def slots(self, host: str) -> int:
        """How many requests may be in flight."""
        return self._of(host).slots

    def acquire(self, host: str) -> float:
        """Takes a slot and gives 0.0, else the seconds after which to ask again (inf: after a release)."""
        policy, now = self._of(host), self._clock()
        if self._flying[host] >= policy.slots:
            return math.inf
        if (wait := self._next.get(host, 0.0) - now) > 0:
            return wait
        self._flying[host] += 1
        if policy.delay.high:
            self._next[host] = now + policy.delay.draw(self._chance())
        return 0.0

    def release(self, host: str) -> None:
        """Gives a slot back."""
        self._flying[host] -= 1

    def park(self, host: str, seconds: float) -> None:
        """Nobody asks the host for so long."""
        self._next[host] = max(self._next.get(host, 0.0), self._clock() + seconds)


class Scheduler(Generic[T]):
    """What waits, by kind of work and host. Every method may be called from any thread."""

    def __init__(self, gate: HostGate, kinds: tuple[str, ...], clock: Clock = time.monotonic) -> None:
        self._gate = gate
        self._clock = clock
        self._order = itertools.count()
        self._lock = threading.Lock()
        self._changed = {kind: threading.Condition(self._lock) for kind in kinds}
        self._closed = False
        self._tasks: dict[str, dict[str, list[tuple[float, int, T]]]] = {kind: {} for kind in kinds}
        self._hosts: dict[str, list[tuple[float, int, str]]] = {kind: [] for kind in kinds}
        self._listed: dict[str, set[str]] = {kind: set() for kind in kinds}
        self._flying: dict[str, Counter[str]] = defaultdict(Counter)

    def put(self, kind: str, host: str, task: T, wait: float = 0.0) -> None:
        """Adds a task that may be taken after `wait` seconds."""
        with self._lock:
            heap = self._tasks[kind].setdefault(host, [])
            heapq.heappush(heap, (self._clock() + wait if wait else 0.0, next(self._order), task))
            self._list(kind, host, heap[0][0], again=True)
            self._changed[kind].notify()

    def take(self, kind: str) -> tuple[str, T] | None:
        """The next task of this kind and its host, whose slot is taken then; None once closed."""
        with self._lock:
            while not self._closed:
                found = self._ready(kind)
                if found is not None:
                    return found
                heap = self._hosts[kind]
                self._changed[kind].wait(max(0.0, heap[0][0] - self._clock()) if heap else None)
            return None

    def release(self, kind: str, host: str) -> None:
        """Gives the slot of a taken task back."""
        with self._lock:
            self._gate.release(host)
            self._flying[host][kind] -= 1
            for each, tasks in self._tasks.items():
                if host in tasks:
                    self._list(each, host, tasks[host][0][0])
                    self._changed[each].notify()

    def park(self, host: str, seconds: float) -> None:
        """Nobody asks the host for so long."""
        with self._lock:
            self._gate.park(host, seconds)

    def waiting(self, kind: str) -> Mapping[str, int]:
        """How many tasks of this kind wait here, by host."""
        with self._lock:
            return {host: len(heap) for host, heap in self._tasks[kind].items()}

    def close(self) -> None:
        """No more tasks are given out."""
        with self._lock:
            self._closed = True
            for changed in self._changed.values():
                changed.notify_all()

    def _list(self, kind: str, host: str, when: float, *, again: bool = False) -> None:
        """Puts a host into the heap of those worth asking; `again` also where it stands there for later."""
        if again or host not in self._listed[kind]:
            self._listed[kind].add(host)
            heapq.heappush(self._hosts[kind], (when, next(self._order), host))

    def _ready(self, kind: str) -> tuple[str, T] | None:
        heap, now = self._hosts[kind], self._clock()
        while heap and heap[0][0] <= now:
            _, _, host = heapq.heappop(heap)
            self._listed[kind].discard(host)
            tasks = self._tasks[kind].get(host)
            if not tasks:
                continue
            if tasks[0][0] > now:
                self._list(kind, host, tasks[0][0])
                continue
            if self._should_yield(kind, host, now):
                continue
            wait = self._gate.acquire(host)
            if wait == 0.0:
                return host, self._pop(kind, host)
            if wait < math.inf:
                self._list(kind, host, now + wait)
        return None

    def _pop(self, kind: str, host: str) -> T:
        tasks = self._tasks[kind][host]
        _, _, task = heapq.heappop(tasks)
        self._flying[host][kind] += 1
        if tasks:
            self._list(kind, host, tasks[0][0])
        else:
            del self._tasks[kind][host]
        return task

    def _should_yield(self, kind: str, host: str, now: float) -> bool:
        """Whether this kind holds half of the host's slots while another kind could use one.

        It holds at least one then, so a release will list the host again.
        """
        mine = self._flying[host][kind]
        if mine == 0 or mine < self._gate.slots(host) / 2:
            return False
        others = (tasks.get(host) for each, tasks in self._tasks.items() if each != kind)
        return any(heap and heap[0][0] <= now for heap in others)
