"""What waits at a scheduler: a line for each kind of work and host, and the lines of a kind in two heaps.

A line is *listed* in one heap at most: among the `ready` (most work of its host first) or among the
`timed` (the next time at which anything can happen first). It is *blocked* where only a release can help.
Entries are not removed from the heaps when a line moves; each carries a token, and only the line's present
one counts. No clock, no lock: the scheduler has them.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
Bell = Callable[[], None]
RISEN = 1.25
"""A line whose work grew by so much moves up in its heap; less is not worth an entry."""


class Host(Generic[T]):
    """A host with its lines.

    Attributes:
        work: tasks that wait here or are announced, of all kinds.
        flying: slots taken.
    """

    __slots__ = ("flying", "lines", "name", "work")

    def __init__(self, name: str, kinds: int) -> None:
        self.name = name
        self.lines: list[Line[T] | None] = [None] * kinds
        self.work = 0
        self.flying = 0


class Line(Generic[T]):
    """The tasks of one kind for one host.

    Attributes:
        ready: tasks that may be taken, in order; later: those that wait for a time of their own.
        outside: tasks that are announced.
        flying: slots that this kind holds.
        token, when: its entry in a heap (0: none), and for when; work, pace: by what it was rated there.
        blocked: only a release can help.
    """

    __slots__ = ("blocked", "flying", "host", "later", "outside", "pace", "ready", "token", "when", "work")

    def __init__(self, host: Host[T]) -> None:
        self.host = host
        self.ready: deque[T] = deque()
        self.later: list[tuple[float, int, T]] = []
        self.outside = 0
        self.flying = 0
        self.token = 0
        self.when = 0.0
        self.work = 0
        self.pace = 0.0
        self.blocked = False

    def ripen(self, now: float) -> None:
        """Tasks whose time has come stand at the end of the ready ones."""
        while self.later and self.later[0][0] <= now:
            self.ready.append(heapq.heappop(self.later)[2])

    def has_ready(self, now: float) -> bool:
        """Whether a task may be taken as far as the line goes."""
        return bool(self.ready) or (bool(self.later) and self.later[0][0] <= now)

    @property
    def count(self) -> int:
        """How many tasks wait here."""
        return len(self.ready) + len(self.later)


class Kind(Generic[T]):
    """The lines of one kind of work, and who waits for it.

    Args:
        pace: about how many seconds a task of a host takes.

    Attributes:
        sleepers: threads that wait on `changed`; restless: whether an event loop found less than it asked for.
    """

    def __init__(self, at: int, lock: threading.Lock, pace: Callable[[str], float]) -> None:
        self.at = at
        self.changed = threading.Condition(lock)
        self.sleepers = 0
        self.restless = False
        self.bells: list[Bell] = []
        self._pace = pace
        self._tokens = itertools.count(1)
        self._ready: list[tuple[float, int, Line[T]]] = []
        self._timed: list[tuple[float, int, Line[T]]] = []

    def enlist(self, line: Line[T], when: float) -> bool:
        """Lists a line as ready (0.0) or for a time, unless it stands no later; gives whether that is any news."""
        line.blocked = False
        if line.token and line.when <= when and (when or line.host.work <= RISEN * line.work):
            return False
        line.when = when
        line.token = token = next(self._tokens)
        if when:
            heapq.heappush(self._timed, (when, token, line))
            return self._timed[0][1] == token
        line.work = line.host.work
        line.pace = self._pace(line.host.name)
        heapq.heappush(self._ready, (-line.work * line.pace, token, line))
        return True

    def promote(self, now: float) -> None:
        """Lines whose time has come are ready."""
        timed = self._timed
        while timed and timed[0][0] <= now:
            _, token, line = heapq.heappop(timed)
            if line.token == token:
                line.token = 0
                self.enlist(line, 0.0)

    def pop(self) -> Line[T] | None:
        """The ready line whose host has the most work left; it is not listed any more."""
        heap = self._ready
        while heap:
            _, token, line = heap[0]
            if line.token == token:
                work = line.host.work
                if work < line.work and len(heap) > 1 and -work * line.pace > min(heap[1:3])[0]:  # others have more now
                    line.work = work
                    heapq.heapreplace(heap, (-work * line.pace, token, line))
                    continue
                line.token, line.blocked = 0, False
                heapq.heappop(heap)
                return line
            heapq.heappop(heap)
        return None

    @property
    def has_ready(self) -> bool:
        """Whether a line is listed as ready."""
        heap = self._ready
        while heap and heap[0][2].token != heap[0][1]:
            heapq.heappop(heap)
        return bool(heap)

    @property
    def next_time(self) -> float | None:
        """When the next line is ready by the clock alone."""
        timed = self._timed
        while timed and timed[0][2].token != timed[0][1]:
            heapq.heappop(timed)
        return timed[0][0] if timed else None

    def pass_on(self) -> None:
        """A thread goes away with a task: another one watches over what is ready, or will be by the clock."""
        if self.sleepers and (self.has_ready or self.next_time is not None):
            self.changed.notify()

    def ring(self, rung: list[Bell]) -> None:
        """A task may have become ready: wakes one thread, and once the event loops that wait."""
        if self.sleepers:
            self.changed.notify()
        if self.restless and self.bells:
            self.restless = False
            rung.extend(self.bells)
