"""A host's politeness shared by all jobs that run at the same time on this machine: LocalGate, and a table.

Theory. What this run allows itself its own gate says. What all runs together may do stands in the table
(hosts/table.py): the sum in flight to a host is never more than the smallest `per_host` of those that are at it
(hosts/fair.py says who gets what), where one of them has a delay no two requests of any of them are closer, and a
Retry-After parks the host for all of them. What is learnt of a host (adaptive slots, the breaker) stays each run's
own: another may go there by another way.

A request must cost next to nothing more for that. So a process takes its slots as a *lease*, all of them while it is
alone, and keeps it while it is busy there (what is idle goes back with the next `tend`, several times a second). Only
a word in memory is read, the mark, which others change when they come, or wait. Then it looks again, and gives back
what is beyond its share as its requests end. Where requests are counted one by one (delays, more processes than
slots) there is no lease but what is in flight.

Nobody waits here: who gets no slot is told when to ask again, after some milliseconds.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Sequence

from scraper.net.hosts import fair, table
from scraper.net.hosts.breaker import Told, Verdict
from scraper.net.hosts.gate import LONGEST_DELAY, Clock, HostGate, LocalGate
from scraper.net.hosts.policy import Policy

log = logging.getLogger("scraper")
SECOND = 1_000_000
STAYS = SECOND
"""Microseconds that a process still counts as being at a host when it has nothing in flight there, or asked."""
TURN = SECOND // 4
"""Microseconds of a turn where there are more processes than slots."""
SOON, LATER, BUSY = 0.005, 0.05, 0.001
"""Seconds until a process asks again: at first, growing to; where another is just looking."""
REMEMBERED = 1024
"""Hosts without a request in flight that are remembered, so that they are found faster."""


class _Lease:
    """What this process has at a host.

    Attributes:
        cell, mark_at, held_at: where that stands in the table; -1: nowhere yet.
        held, flying: slots held, and in use.
        keeps: the most it holds on to when a request ends.
        most: what it may have at once, as last seen.
        mark: the last change of others that it has seen.
        is_counted: whether each request is asked for.
        is_crowded: whether others were there when it looked last.
        since, turn: when it began to wait (0: it does not), and its turn (microseconds).
        parked, next: until when it keeps the host parked for all, and when its own next request may be sent
            (microseconds).
    """

    __slots__ = (
        "bucket", "cell", "flying", "held", "held_at", "is_counted", "is_crowded", "keeps", "limit", "mark",
        "mark_at", "most", "next", "parked", "pause", "since", "tag", "turn",
    )  # fmt: skip

    def __init__(self, host: str, limit: int) -> None:
        self.tag = table.tag_of(host)
        self.bucket = table.bucket_of(self.tag)
        self.limit = self.most = limit
        self.cell = self.mark_at = self.held_at = self.mark = -1
        self.held = self.flying = self.since = self.turn = self.parked = self.next = self.keeps = 0
        self.is_counted = self.is_crowded = False
        self.pause = SOON

    def is_needed(self, now: int) -> bool:
        """Whether it cannot be forgotten: a request is in flight, or a time to wait for is its to keep for all."""
        return self.flying > 0 or self.parked > now or self.next > now

    def lies_in(self, cell: int, seat: int) -> None:
        """Where it stands in the table."""
        self.cell = cell
        self.mark_at = table.start_of(cell) + table.MARK
        self.held_at = table.start_of(cell) + table.HEAD + seat


class SharedGate:
    """A HostGate that shares its hosts with other processes. Not locked: its scheduler is.

    Args:
        own: what this run allows itself.
        policy: what a host may expect, by `host:port`.
        shared: where processes see each other; it is closed when this gate leaves.
        clock: seconds of CLOCK_MONOTONIC, the own gate's.
    """

    def __init__(self, own: LocalGate, policy: Callable[[str], Policy], shared: table.Table, clock: Clock) -> None:
        self._own = own
        self._policy = policy
        self._table = shared
        self._words = shared.words
        self._clock = clock
        self._leases: dict[str, _Lease] = {}
        self._sweep_at = REMEMBERED
        self._is_over = False

    # -- asking ----------------------------------------------------------------------------------------

    def acquire(self, host: str) -> float:
        """Takes a slot and gives 0.0, else the seconds after which to ask again (inf: after a release)."""
        took, wait = self.acquire_many(host, 1)
        return 0.0 if took else wait

    def acquire_many(self, host: str, most: int) -> tuple[int, float]:
        """Takes up to so many slots; how many it took, and the seconds after which there may be another."""
        lease = self._leases.get(host)
        if lease is None:
            lease = self._lease(host)
        room = lease.held - lease.flying
        if room <= 0 or lease.is_counted or self._words[lease.mark_at] != lease.mark:
            return self._ask(host, lease, most)
        took, wait = self._own.acquire_many(host, most if most < room else room)
        lease.flying += took
        return took, wait

    def _lease(self, host: str) -> _Lease:
        if len(self._leases) >= self._sweep_at:
            self._give_back_idle()
            now = self._now()
            self._leases = {name: lease for name, lease in self._leases.items() if lease.is_needed(now)}
            self._sweep_at = REMEMBERED + 2 * len(self._leases)
        lease = self._leases[host] = _Lease(host, self._policy(host).slots)
        return lease

    def _ask(self, host: str, lease: _Lease, most: int) -> tuple[int, float]:
        """The long way, where the lease does not say it all."""
        wants = self._own.slots(host)
        if lease.flying >= wants or self._is_over or self._own.given_up(host):
            took, wait = self._own.acquire_many(host, most)
            lease.flying += took
            return took, wait
        if not self._table.lock(lease.bucket):
            return 0, BUSY
        try:
            return self._ask_all(host, lease, wants, most)
        finally:
            self._table.unlock(lease.bucket)

    def _ask_all(self, host: str, lease: _Lease, wants: int, most: int) -> tuple[int, float]:
        now = self._now()
        others = self._look(host, lease, now)
        if others is None:
            return 0, self._later(lease)
        mine, delay = self._claim(host, lease, wants), self._delay(host, others)
        until = self._held_back(lease, others, delay)
        if until > now:
            self._waits(lease, mine, now, others, until=until, asks=min(most, 1) if delay else 0)
            return 0, (until - now) / SECOND
        count = self._count(lease, mine, others, delay, now)
        if count <= lease.flying:
            self._waits(lease, mine, now, others, until=now, asks=most)
            return 0, self._later(lease)
        return self._take(host, lease, mine, count, most, others, now)

    def _take(
        self, host: str, lease: _Lease, mine: fair.Claim, count: int, most: int, others: Sequence[fair.Claim], now: int
    ) -> tuple[int, float]:
        """Takes as many slots as are its own now, and of these as many as its own gate allows."""
        lease.since, lease.pause = 0, SOON
        if now - lease.turn >= TURN:
            lease.turn = now
        self._write(lease, mine._replace(held=count, want=0, since=now), now, now + STAYS, others)
        took, wait = self._own.acquire_many(host, min(most, count - lease.flying))
        lease.flying += took
        if took and mine.delay:
            lease.next = int(self._own.next_at(host) * SECOND)
        if took and lease.is_counted:
            self._put_next(lease, max(lease.next, now + max((each.delay for each in others), default=0)))
        if lease.is_counted:
            self._hold(lease, lease.flying)
        if not lease.flying:
            self._rest(lease, 0.0 if wait == math.inf else wait)
        return took, wait

    def _count(self, lease: _Lease, mine: fair.Claim, others: Sequence[fair.Claim], delay: int, now: int) -> int:
        """How many slots it may hold now; the lease keeps what it may go on with."""
        if not others:
            lease.most, lease.is_counted = lease.limit, delay > 0
            lease.keeps = 0 if lease.is_counted else lease.limit
            return min(lease.limit, lease.flying + 1) if lease.is_counted else lease.limit
        in_turn = now - lease.turn < TURN
        waits = mine._replace(since=lease.since or now)
        count = fair.share(waits, others, in_turn=in_turn and not delay)
        lease.is_counted = delay > 0 or fair.takes_turns(mine, others)
        lease.most = max(1, fair.limit_of(mine, others) // (1 + len(others)), count)
        lease.keeps = 0 if lease.is_counted else count
        if not lease.is_counted:
            return count
        if delay and any(each.want > each.held and each.is_before(waits) for each in others):
            return lease.flying  # the next one in line takes it
        return min(count, lease.flying + 1)

    def _later(self, lease: _Lease) -> float:
        lease.pause = min(LATER, 1.5 * lease.pause)
        return lease.pause

    # -- the table -------------------------------------------------------------------------------------

    def _now(self) -> int:
        return int(self._clock() * SECOND)

    def _look(self, host: str, lease: _Lease, now: int) -> list[fair.Claim] | None:
        """Who else is at the host; None: there is no cell for it. Its bucket is locked."""
        if not self._table.is_of(lease.cell, lease.tag):
            cell = self._table.find(lease.tag, now)
            if cell is None:
                return None
            lease.lies_in(cell, self._table.seat)
        lease.mark = self._words[lease.mark_at]
        others = self._table.others(lease.cell, now)
        lease.is_crowded = bool(others)
        return others

    def _claim(self, host: str, lease: _Lease, wants: int) -> fair.Claim:
        return fair.Claim(
            self._table.seat, lease.held, wants, lease.limit, lease.since, int(self._own.least_delay(host) * SECOND)
        )

    def _delay(self, host: str, others: Sequence[fair.Claim]) -> int:
        """Whether anybody at the host keeps a delay: the longest one."""
        return max(int(self._own.least_delay(host) * SECOND), *(each.delay for each in others), 0)

    def _held_back(self, lease: _Lease, others: Sequence[fair.Claim], delay: int) -> int:
        """Until when nobody asks the host. What is left from processes that are gone counts no more."""
        start = table.start_of(lease.cell)
        if not others:
            self._words[start + table.NEXT] = lease.next
            self._words[start + table.PARKED] = lease.parked
            return 0  # its own gate knows its own times
        parked = self._words[start + table.PARKED]
        return max(parked, self._words[start + table.NEXT]) if delay else parked

    def _put_next(self, lease: _Lease, until: int) -> None:
        at = table.start_of(lease.cell) + table.NEXT
        self._words[at] = until = max(self._words[at], until)
        self._words[lease.held_at + table.UNTIL] = max(until + STAYS, lease.parked)

    def _waits(
        self, lease: _Lease, mine: fair.Claim, now: int, others: Sequence[fair.Claim], *, until: int, asks: int
    ) -> None:
        """It gets none now, and says that it waits for so many, for as long as it will ask again."""
        lease.since = (lease.since or now) if asks else 0
        held = min(lease.held, max(lease.flying, lease.keeps))
        want = min(mine.want, lease.flying + asks) if asks else 0
        self._write(lease, mine._replace(held=held, since=lease.since, want=want), now, until + STAYS, others)

    def _write(self, lease: _Lease, claim: fair.Claim, now: int, until: int, others: Sequence[fair.Claim]) -> None:
        """Writes its entry, and tells the others where it says something that they must know."""
        at, words = lease.held_at, self._words
        was_here = words[at] == self._table.held_word(lease.held) and (lease.held or words[at + table.UNTIL] > now)
        was = words[at + table.WANT], words[at + table.DELAY]
        self._table.put(lease.cell, claim, max(until, lease.parked))
        lease.held = claim.held
        if others and (not was_here or was != (words[at + table.WANT], claim.delay)):
            self._mark(lease)

    def _mark(self, lease: _Lease) -> None:
        """The others see that something changed, by a word that never stood there; so does it, if others did so."""
        has_seen = self._words[lease.mark_at] == lease.mark
        mark = max(self._now() << 5 | self._table.seat, lease.mark + 1)
        self._words[lease.mark_at] = mark
        lease.mark = mark if has_seen else -1

    def _hold(self, lease: _Lease, held: int) -> None:
        """Holds fewer, which needs no lock; it does not wait for more then."""
        if held < lease.held:
            lease.held = held
            self._words[lease.held_at + table.WANT] = min(lease.limit, 0xFFFFF) << 20
            self._words[lease.held_at] = self._table.held_word(held)

    def _rest(self, lease: _Lease, wait: float = 0.0) -> None:
        """Nothing is in flight: all is given back; the process counts as being there for a while, or for its wait."""
        until = self._now() + int(min(wait, LONGEST_DELAY) * SECOND) + STAYS
        at = lease.held_at + table.UNTIL
        self._words[at] = max(until, lease.parked, self._words[at] if lease.is_counted else 0)
        self._hold(lease, 0)

    # -- giving back -----------------------------------------------------------------------------------

    def release(self, host: str, told: Told | None = None, left: int = 0) -> Verdict | None:
        """Gives a slot back, with how it went; gives what is thought of the host now where that changed."""
        verdict = self._own.release(host, told, left)
        lease = self._leases.get(host)
        if lease is None or self._is_over:
            return verdict
        lease.flying -= 1
        if not lease.flying and (lease.is_crowded or lease.is_counted):
            if lease.held:
                self._rest(lease)
        elif self._words[lease.mark_at] != lease.mark:
            self._look_again(host, lease)
        elif lease.held > lease.keeps:
            self._hold(lease, max(lease.flying, lease.keeps))
        return verdict

    def _look_again(self, host: str, lease: _Lease) -> None:
        """Others have come, or wait: gives back what is beyond its share. Where somebody else looks: the next time."""
        if lease.held <= 0 or not self._table.lock(lease.bucket):
            return
        try:
            now = self._now()
            others = self._look(host, lease, now)
            if others is not None:
                mine = self._claim(host, lease, self._own.slots(host))
                self._count(lease, mine, others, self._delay(host, others), now)
        finally:
            self._table.unlock(lease.bucket)
        self._hold(lease, max(lease.flying, min(lease.held, lease.keeps)))

    def tend(self) -> None:
        """Gives back what others may need and this process does not use, though no request ends for long."""
        if self._is_over:
            return
        self._give_back_idle()
        for host, lease in self._leases.items():
            if lease.flying and lease.held:
                if self._words[lease.mark_at] != lease.mark:
                    self._look_again(host, lease)
                if lease.is_crowded and lease.held > lease.flying:
                    self._hold(lease, lease.flying)

    def _give_back_idle(self) -> None:
        """Where nothing is in flight; not at once, since the next request most often comes at once."""
        for lease in self._leases.values():
            if lease.held and not lease.flying:
                self._rest(lease)

    def leave(self) -> None:
        """The run is over, with all its requests."""
        if not self._is_over:
            self._is_over = True
            self._leases.clear()
            self._table.close()

    # -- what is known of hosts ------------------------------------------------------------------------

    def park(self, host: str, seconds: float) -> None:
        """Nobody asks the host for so long, no other process either while this one is there."""
        self._own.park(host, seconds)
        lease = self._leases.get(host)
        if lease is None or not lease.held or self._is_over:
            return
        lease.parked = max(lease.parked, self._now() + int(seconds * SECOND))
        at = table.start_of(lease.cell) + table.PARKED
        self._words[at] = max(self._words[at], lease.parked)
        self._words[at - table.PARKED + table.LATEST] = lease.parked
        self._mark(lease)
        lease.mark = -1  # it is to see it too

    def slow(self, host: str, seconds: float) -> float:
        """At least so long lies between two requests; gives what is kept of it."""
        kept = self._own.slow(host, seconds)
        lease = self._leases.get(host)
        if lease is not None and lease.held and not self._is_over:
            self._words[lease.held_at + table.DELAY] = int(self._own.least_delay(host) * SECOND)
            self._mark(lease)
            lease.mark = -1
        return kept

    def slots(self, host: str) -> int:
        """How many requests of this process may be in flight now."""
        lease, own = self._leases.get(host), self._own.slots(host)
        return own if lease is None or not lease.is_crowded else min(own, lease.most)

    def pace(self, host: str) -> float:
        """About how many seconds a task of this host takes."""
        return self._own.pace(host)

    def given_up(self, host: str) -> Verdict | None:
        """Why the host is not asked any more in this run; its slots are free for all then."""
        return self._own.given_up(host)


def gate_for(policy: Callable[[str], Policy], own: LocalGate, clock: Clock) -> HostGate:
    """The own gate with what is shared; alone where `SCRAPER_SHARE=0` says so, or where nothing can be shared."""
    if os.environ.get(table.VARIABLE, "") == "0":
        return own
    try:
        shared = table.Table(table.folder())
    except table.NoTableError as error:
        log.info("the limits of hosts are not shared with other runs on this machine: %s", error)
        return own
    return SharedGate(own, policy, shared, clock)
