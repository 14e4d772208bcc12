"""What waits, by kind of work and host; a worker gets what its host allows, and never waits on a host.

Whoever asks gets tasks of the host with most work left (its tasks x the time one takes): a run lasts as
long as its longest host, so that one is never to stand idle while it could be asked ("longest processing
time first", Graham 1969). Where pages and files wait for one host, neither takes more than half of its
slots, so that a flood of files does not starve the pages that find the next ones, nor the other way round.

Threads wait in `take`. An event loop asks `take_many`, sleeps no longer than `wait_for`, and has its bell
(`on_ready`) wake it. All callables given to a scheduler run without its lock, in the thread that caused
them; they may call the scheduler.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Generic, TypeVar

from scraper import secrets, units
from scraper.net.hosts.breaker import Told, Verdict
from scraper.net.hosts.gate import Clock, HostGate
from scraper.net.hosts.lines import Bell, Host, Kind, Line

log = logging.getLogger("scraper")
T = TypeVar("T")


def _tell(host: str, words: str) -> None:
    log.warning("%s: %s", secrets.display(host), words)


class Scheduler(Generic[T]):
    """What waits, by kind of work and host. Every method may be called from any thread.

    Args:
        gate: who may be asked when; it is used under this scheduler's lock.
        kinds: the names of the kinds of work.
        clock: monotonic seconds, the gate's.
        on_verdict: is told each change in what is thought of a host, with the words for people; default: the log.
        longest: seconds that a task waits at most, whatever it is put with.
    """

    def __init__(
        self,
        gate: HostGate,
        kinds: tuple[str, ...],
        clock: Clock = time.monotonic,
        on_verdict: Callable[[str, str], None] = _tell,
        longest: float = math.inf,
    ) -> None:
        self._longest = longest
        self._gate = gate
        self._clock = clock
        self._on_verdict = on_verdict
        self._order = itertools.count()
        self._lock = threading.Lock()
        self._kinds: dict[str, Kind[T]] = {name: Kind(at, self._lock, gate.pace) for at, name in enumerate(kinds)}
        self._all = tuple(self._kinds.values())
        self._hosts: dict[str, Host[T]] = {}
        self._closed = False

    # -- putting ---------------------------------------------------------------------------------------

    def put(self, kind: str, host: str, task: T, wait: float = 0.0, *, first: bool = False) -> None:
        """Adds a task that may be taken after `wait` seconds; `first`: before what waits, if that is at once."""
        rung: list[Bell] = []
        with self._lock:
            found, line = self._kinds[kind], self._line(kind, host)
            line.host.work += 1
            if wait > 0 and not self._gate.given_up(host):
                when = self._clock() + min(wait, self._longest)
                heapq.heappush(line.later, (when, next(self._order), task))
                if not (line.ready or line.blocked) and found.enlist(line, when):
                    found.ring(rung)
            else:
                (line.ready.appendleft if first else line.ready.append)(task)
                if not line.blocked:
                    found.enlist(line, 0.0)
                    found.ring(rung)
        for bell in rung:
            bell()

    def put_many(self, kind: str, host: str, tasks: Iterable[T]) -> None:
        """Adds tasks of one host that may be taken now."""
        rung: list[Bell] = []
        with self._lock:
            found, line = self._kinds[kind], self._line(kind, host)
            before = len(line.ready)
            line.ready.extend(tasks)
            added = len(line.ready) - before
            line.host.work += added
            if added and not line.blocked:
                found.enlist(line, 0.0)
                found.ring(rung)
        for bell in rung:
            bell()

    def expect(self, kind: str, host: str, count: int) -> None:
        """So many tasks of the host wait elsewhere (in the ledger): they count where the most work goes first."""
        with self._lock:
            line = self._line(kind, host)
            line.host.work += count - line.outside
            line.outside = count
            if line.ready and not line.blocked:
                self._kinds[kind].enlist(line, 0.0)
            self._forget(line.host)

    def _line(self, kind: str, name: str) -> Line[T]:
        host = self._hosts.get(name)
        if host is None:
            host = self._hosts[name] = Host(name, len(self._all))
        at = self._kinds[kind].at
        line = host.lines[at]
        if line is None:
            line = host.lines[at] = Line(host)
        return line

    # -- taking ----------------------------------------------------------------------------------------

    def take(self, kind: str, patience: float | None = None) -> tuple[str, T] | None:
        """The next task of this kind and its host, whose slot is taken then; None once closed. Waits.

        With `patience` only so many seconds: then None too, or sooner.

        Where the host was given up (`given_up`) the task comes out at once, so that it can be ended.
        """
        rung: list[Bell] = []
        taken: list[tuple[str, T]] = []
        with self._lock:
            found = self._kinds[kind]
            while not self._closed:
                taken = self._take(found, 1, rung)
                if taken:
                    found.pass_on()
                    break
                if patience is not None and patience <= 0:
                    break
                until = found.next_time
                pause = None if until is None else max(0.0, until - self._clock())
                found.sleepers += 1
                found.changed.wait(pause if patience is None else min(patience, patience if pause is None else pause))
                found.sleepers -= 1
                patience = None if patience is None else 0.0
        for bell in rung:
            bell()
        return taken[0] if taken else None

    def take_many(self, kind: str, most: int) -> list[tuple[str, T]]:
        """Up to so many tasks whose hosts have a slot now, their slots taken; never waits. Empty once closed.

        Tasks of hosts that were given up (`given_up`) come out too, without regard to slots.
        """
        rung: list[Bell] = []
        with self._lock:
            taken = [] if self._closed else self._take(self._kinds[kind], most, rung)
        for bell in rung:
            bell()
        return taken

    def wait_for(self, kind: str) -> float | None:
        """Seconds until a task of the kind may become ready; None: not before a put, a release or the end."""
        with self._lock:
            found = self._kinds[kind]
            if self._closed:
                return None
            found.restless = True
            if found.has_ready:
                return 0.0
            until = found.next_time
            return None if until is None else max(0.0, until - self._clock())

    def on_ready(self, kind: str, bell: Bell) -> None:
        """Has `bell` called when a task of the kind may have become ready, by a put, a release, or the end.

        Only if `take_many` gave fewer than were asked, or `wait_for` was asked, since it rang last; sometimes for
        nothing. What becomes ready by the clock alone (delays, parked hosts) does not ring: `wait_for` tells it.
        Every bell of the kind rings. It runs in the thread that put or released, without any lock of the
        scheduler's, and holds that thread up: a byte into a pipe is what it is for.
        """
        with self._lock:
            self._kinds[kind].bells.append(bell)

    def _take(self, kind: Kind[T], most: int, rung: list[Bell]) -> list[tuple[str, T]]:
        now = self._clock()
        kind.promote(now)
        before = kind.next_time
        taken: list[tuple[str, T]] = []
        while len(taken) < most and (line := kind.pop()) is not None:
            line.ripen(now)
            if line.ready:
                self._serve(kind, line, self._share(line, now, most - len(taken)), now, taken)
                if not line.ready:
                    self._unblock(line.host, rung)
            elif line.later:
                kind.enlist(line, line.later[0][0])
        if kind.next_time != before:
            kind.ring(rung)  # whoever has room must know the time, and who took these may be away with them
        if len(taken) < most:
            kind.restless = True
        return taken

    def _serve(self, kind: Kind[T], line: Line[T], most: int, now: float, taken: list[tuple[str, T]]) -> None:
        """Takes what one host allows, and lists the line for what is left."""
        host, ready = line.host, line.ready
        if most <= 0:
            line.blocked = True
            return
        got, wait = self._gate.acquire_many(host.name, min(most, len(ready)))
        if got:
            name, pop = host.name, ready.popleft
            taken.extend([(name, pop()) for _ in range(got)])
            line.flying += got
            host.flying += got
            host.work -= got
        if not ready:
            if line.later:
                kind.enlist(line, line.later[0][0])
        elif wait == math.inf:
            line.blocked = True
        else:
            kind.enlist(line, now + wait if wait else 0.0)
            line.blocked = wait > 0  # a release may help sooner, where slots are shared with other processes

    def _share(self, line: Line[T], now: float, most: int) -> int:
        """How many slots this kind may take: half of the host's, and one, where another kind could use one.

        Where it may take none it holds one, so a release will unblock its line.
        """
        for other in line.host.lines:
            if other is not None and other is not line and other.has_ready(now):
                name = line.host.name
                if self._gate.given_up(name):
                    break
                return min(most, max(1, -(-self._gate.slots(name) // 2)) - line.flying)
        return most

    def _unblock(self, host: Host[T], rung: list[Bell]) -> None:
        """Lists the blocked lines of a host again; whose slots are taken is found out when they are asked."""
        for kind, line in zip(self._all, host.lines, strict=True):
            if line is not None and line.blocked:
                kind.enlist(line, 0.0)
                kind.ring(rung)

    # -- releasing -------------------------------------------------------------------------------------

    def release(self, kind: str, host: str, told: Told | None = None) -> None:
        """Gives the slot of a taken task back, with how the exchange went, if there was one."""
        self.release_many(kind, ((host, told),))

    def release_many(self, kind: str, told: Iterable[tuple[str, Told | None]]) -> None:
        """Gives the slots of taken tasks back; a task that is tried again is best put before."""
        rung: list[Bell] = []
        news: list[tuple[str, Verdict]] = []
        with self._lock:
            at = self._kinds[kind].at
            for name, each in told:
                self._release(at, self._hosts[name], each, rung, news)
        for bell in rung:
            bell()
        for name, verdict in news:
            self._on_verdict(name, verdict.words)

    def _release(
        self, at: int, host: Host[T], told: Told | None, rung: list[Bell], news: list[tuple[str, Verdict]]
    ) -> None:
        line = host.lines[at]
        assert line is not None, "what is released was taken"
        line.flying -= 1
        host.flying -= 1
        left = host.work + host.flying if told is not None and told.kind == "dead" else 0
        verdict = self._gate.release(host.name, told, left)
        if verdict is not None:
            news.append((host.name, verdict))
            self._reconsider(host)
        self._unblock(host, rung)
        if not host.flying:
            self._forget(host)

    def _reconsider(self, host: Host[T]) -> None:
        """A verdict may end a wait: every line with tasks is asked anew; of a host given up none waits for its time."""
        lost = self._gate.given_up(host.name) is not None
        for line in host.lines:
            if line is not None and line.count:
                line.ripen(math.inf if lost else self._clock())
                line.blocked = True

    def _forget(self, host: Host[T]) -> None:
        """Memory is flat in the number of hosts, too."""
        if not host.work and not host.flying:
            del self._hosts[host.name]

    # -- hosts -----------------------------------------------------------------------------------------

    def park(self, host: str, seconds: float) -> None:
        """Nobody asks the host for so long."""
        with self._lock:
            self._gate.park(host, seconds)

    def slow(self, host: str, seconds: float) -> None:
        """At least so long lies between two requests to the host (Crawl-delay of its robots.txt); says so if capped."""
        with self._lock:
            kept = self._gate.slow(host, seconds)
        if kept < seconds:
            asked, told = units.human_seconds(seconds), units.human_seconds(kept)
            self._on_verdict(host, f"robots.txt asks for {asked} between requests; {told} are kept, the most there is")

    def given_up(self, host: str) -> Verdict | None:
        """Why the host is not asked any more in this run: its tasks are to be ended, `failed:<why>`, in these words."""
        return self._gate.given_up(host)

    def waiting(self, kind: str) -> Mapping[str, int]:
        """How many tasks of this kind wait here, by host."""
        with self._lock:
            at = self._kinds[kind].at
            lines = ((name, host.lines[at]) for name, host in self._hosts.items())
            return {name: line.count for name, line in lines if line is not None and line.count}

    def tend(self) -> None:
        """To be called several times a second: slots that are not used go to other processes."""
        with self._lock:
            self._gate.tend()

    def leave(self) -> None:
        """The run is over, with all its requests: other processes may have the slots."""
        with self._lock:
            self._gate.leave()

    @property
    def closed(self) -> bool:
        """Whether no more tasks are given out."""
        return self._closed

    def close(self) -> None:
        """No more tasks are given out; everybody who waits is woken."""
        with self._lock:
            self._closed = True
            for kind in self._all:
                kind.changed.notify_all()
        for kind in self._all:
            for bell in kind.bells:
                bell()
