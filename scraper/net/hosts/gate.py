"""Who may be asked when: slots, delays, parking, and what is learnt of a host by asking it.

Three clocks hold a host back: its *delay* (the time of the next request), its *slots* (hosts/adaptive.py,
counted by requests in flight), its *breaker* (hosts/breaker.py). A gate does not wait; it says how long.

What is known of a host is forgotten when nothing of it is in flight and nothing speaks against it, so
that a list over a million hosts takes no more memory than one over a thousand.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from typing import Protocol

from scraper.net.hosts.adaptive import Slots
from scraper.net.hosts.breaker import Breaker, Patience, Told, Verdict
from scraper.net.hosts.policy import Policy

Clock = Callable[[], float]
USUAL = Patience()
LONGEST_DELAY = 60.0
"""Seconds of delay that a robots.txt can ask for. Crawl-delay is no part of RFC 9309, and an hour between two
requests is no rate but a no, for which there is Disallow."""
NO_TIME = 1e-6
REMEMBERED = 600.0
"""Seconds after which what speaks against an idle host is forgotten too."""


class HostGate(Protocol):
    """Who may be asked when. All times are seconds; infinite means: after a release."""

    def acquire(self, host: str) -> float:
        """Takes a slot and gives 0.0, else the seconds after which to ask again."""
        ...

    def acquire_many(self, host: str, most: int) -> tuple[int, float]:
        """Takes up to so many slots; how many it took, and the seconds after which there may be another."""
        ...

    def release(self, host: str, told: Told | None = None, left: int = 0) -> Verdict | None:
        """Gives a slot back, with how it went; `left` tasks of the host have no ending (asked only for dead)."""
        ...

    def park(self, host: str, seconds: float) -> None:
        """Nobody asks the host for so long."""
        ...

    def slow(self, host: str, seconds: float) -> float:
        """At least so long lies between two requests; gives what is kept of it."""
        ...

    def slots(self, host: str) -> int:
        """How many requests may be in flight now."""
        ...

    def pace(self, host: str) -> float:
        """About how many seconds a task of this host takes, its slots in use."""
        ...

    def given_up(self, host: str) -> Verdict | None:
        """Why the host is not asked any more in this run; its slots are free for all then."""
        ...

    def tend(self) -> None:
        """Several times a second: what is held and not used can be given back."""
        ...

    def leave(self) -> None:
        """The run is over."""
        ...


class _State:
    """What is known of one host."""

    __slots__ = ("breaker", "delay", "flying", "known", "last", "next", "slots", "used")

    def __init__(self, policy: Policy) -> None:
        self.slots = Slots(policy.slots)
        self.delay = policy.delay
        self.flying = 0
        self.next = self.last = self.used = -math.inf
        self.known = False
        self.breaker: Breaker | None = None

    def may_go(self, now: float) -> bool:
        """Whether it can be forgotten."""
        if self.flying or self.next > now or (self.breaker and self.breaker.given_up):
            return False
        return now - self.used > REMEMBERED or (
            self.slots.is_untouched and (self.breaker is None or self.breaker.is_idle)
        )


class LocalGate:
    """A HostGate for one process. Not locked: its scheduler is.

    Args:
        policy: what a host may expect, by `host:port`.
        clock, chance: monotonic seconds; a number between 0 and 1 for the delays.
        patience: when a silent host is left alone.
        holds: whether what hosts ask for (Retry-After, Crawl-delay) is kept; in a replay they asked for it long ago.
    """

    def __init__(
        self,
        policy: Callable[[str], Policy],
        clock: Clock = time.monotonic,
        chance: Clock = random.random,
        patience: Patience = USUAL,
        *,
        holds: bool = True,
    ) -> None:
        self._holds = holds
        self._policy = policy
        self._clock = clock
        self._chance = chance
        self._patience = patience
        self._states: dict[str, _State] = {}
        self._sweep_at = 1024
        self._delays: dict[str, float] = {}
        self._lost: dict[str, Verdict] = {}
        self._typical = 0.1  # seconds to the head, over all hosts; a guess at first

    def _of(self, host: str) -> _State:
        state = self._states.get(host)
        if state is None:
            if len(self._states) >= self._sweep_at:
                self._sweep()
            state = self._states[host] = _State(self._policy(host))
        return state

    def _sweep(self) -> None:
        """Forgets; each sweep waits until as many hosts have come as the last one left."""
        now = self._clock()
        self._states = {host: state for host, state in self._states.items() if not state.may_go(now)}
        self._sweep_at = 1024 + 2 * len(self._states)

    @property
    def remembered(self) -> int:
        """Of how many hosts anything is kept."""
        return len(self._states)

    def slots(self, host: str) -> int:
        """How many requests may be in flight now."""
        return self._of(host).slots.now

    def pace(self, host: str) -> float:
        """About how many seconds a task of this host takes, its slots in use (Little: latency / slots)."""
        state = self._states.get(host)
        if state is None:  # it waits only: nothing is to be kept for it yet
            policy = self._policy(host)
            seconds, delay = self._typical / policy.slots, policy.delay
        else:
            seconds, delay = (state.slots.latency or self._typical) / state.slots.now, state.delay
        if delay.high or self._delays:
            return max(seconds, (delay.low + delay.high) / 2, self._delays.get(host, 0.0))
        return seconds

    def given_up(self, host: str) -> Verdict | None:
        """Why the host is not asked any more in this run; its slots are free for all then."""
        return self._lost.get(host) if self._lost else None

    def acquire(self, host: str) -> float:
        """Takes a slot and gives 0.0, else the seconds after which to ask again (inf: after a release)."""
        took, wait = self.acquire_many(host, 1)
        return 0.0 if took else wait

    def acquire_many(self, host: str, most: int) -> tuple[int, float]:
        """Takes up to so many slots; how many it took, and the seconds after which there may be another."""
        state, now = self._of(host), self._clock()
        room = state.slots.now - state.flying
        if state.breaker is not None and state.breaker.until is not None:
            if state.breaker.given_up:
                state.flying += most
                return most, 0.0
            room = min(room, state.breaker.room(state.flying))
        if room <= 0:
            return 0, math.inf
        if (wait := self._wait(state, now)) > 0:
            return 0, wait
        delay = self._draw(host, state)
        took = 1 if delay else min(most, room)
        state.used = state.last = now
        state.flying += took
        if state.flying > state.slots.peak:
            state.slots.peak = state.flying
        if delay:
            state.next = now + delay
        return took, math.inf if took == room else delay

    def _wait(self, state: _State, now: float) -> float:
        until = state.breaker.until if state.breaker else None
        return max(state.next, until) - now if until is not None else state.next - now

    def _draw(self, host: str, state: _State) -> float:
        """The seconds to the next request; a robots.txt can only make them more (with jitter where the job has it)."""
        delay = state.delay.draw(self._chance()) if state.delay.high else 0.0
        return max(delay, self._delays.get(host, 0.0)) if self._delays else delay

    def release(self, host: str, told: Told | None = None, left: int = 0) -> Verdict | None:
        """Gives a slot back, with how it went; gives what is thought of the host now where that changed."""
        state = self._states[host]
        state.flying -= 1
        old = state.slots.returned()
        stale = state.breaker.returned() if state.breaker is not None else False
        if told is None:
            return None
        if told.kind == "dead":
            return self._silent(host, state, told, left, stale=stale)
        if told.kind == "ok":
            state.slots.ok(told.seconds, state.flying)
            if told.seconds:
                self._typical += (told.seconds - self._typical) * 0.01
        elif told.kind == "busy":
            state.slots.busy(told.seconds, state.flying, self._clock(), old=old)
        state.known = True
        if state.breaker is None:
            return None
        verdict = state.breaker.answered()
        if verdict is not None:
            state.slots.restart()
        return verdict

    def _silent(self, host: str, state: _State, told: Told, left: int, *, stale: bool) -> Verdict | None:
        if state.breaker is None:
            state.breaker = Breaker(self._patience, known=state.known)
        verdict = state.breaker.dead(self._clock(), state.flying, left, told, stale=stale)
        if verdict is not None and verdict.kind == "given up":
            self._lost[host] = verdict
        return verdict

    def park(self, host: str, seconds: float) -> None:
        """Nobody asks the host for so long (Retry-After, RFC 9110 section 10.2.3)."""
        if not self._holds:
            return
        state = self._of(host)
        state.next = max(state.next, self._clock() + seconds)

    def slow(self, host: str, seconds: float) -> float:
        """At least so long lies between two requests, counted from the last one; 60 s at most are kept."""
        kept = min(LONGEST_DELAY, max(0.0, seconds))
        if self._holds and kept > self._delays.get(host, 0.0):
            self._delays[host] = kept
            state = self._of(host)
            state.next = max(state.next, state.last + kept)
        return kept

    def least_delay(self, host: str) -> float:
        """Seconds that lie between two requests at least; more than none where a delay is drawn."""
        delay = self._of(host).delay
        return max(delay.low, NO_TIME if delay.high else 0.0, self._delays.get(host, 0.0))

    def next_at(self, host: str) -> float:
        """When the next request may be sent as far as delays and parking go, by the clock."""
        return self._of(host).next

    def tend(self) -> None:
        """Nothing is held but what is in use."""

    def leave(self) -> None:
        """Nobody else knows of it."""
