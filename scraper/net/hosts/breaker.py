"""Stops asking a host where nobody is (Nygard's circuit breaker, `Release It!`, 2007). Pure.

    closed --8 tries in a row unanswered--> open --pause--> half-open --an answer--> closed
                                             ^                  |
                                             +--- unanswered ---+--4 probes--> given up

Any answer, also a wrong one, shows that somebody is there. What retries do for one task (attempts
with growing waits) this does for all tasks of a host at once, so where only a few are left it keeps
out of the way: they come to their end by their own attempts, and nobody waits for a probe.

A host that never answered in this run is most likely no host: its pauses are 2, 4, 8, 16 s, together
twice what the default retries of one task wait. One that answered before is most likely being
restarted: 30, 60, 120, 240 s.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from scraper import units
from scraper.values import dataclass


class Told(NamedTuple):
    """How an exchange went.

    Attributes:
        kind: ok, an answer came; busy, it was 429 or 503; dead, nobody was there (no address, no connection, no
            answer in time); failed, an answer came but was wrong.
        seconds: from asking to the head of the answer; 0.0 where unknown.
        why: for dead, the class of the failure: dns, connect, timeout.
    """

    kind: Literal["ok", "busy", "dead", "failed"]
    seconds: float = 0.0
    why: str = ""


@dataclass(frozen=True, slots=True)
class Patience:
    """When a host counts as dead, and how long it is hoped for.

    Attributes:
        tries: unanswered in a row before it is left alone.
        few: with fewer tasks of it left, their own retries decide.
        pause, stranger_pause: seconds before the first probe of a host that answered before, or never did.
        longest: seconds to which pauses double.
        probes: unanswered ones after which it is given up.
    """

    tries: int = 8
    few: int = 8
    pause: float = 30.0
    stranger_pause: float = 2.0
    longest: float = 300.0
    probes: int = 4


class Verdict(NamedTuple):
    """A change in what is thought of a host, with the words to tell it, and the class of the last failure."""

    kind: Literal["silent", "back", "given up"]
    words: str
    why: str = ""


class Breaker:
    """The state of one host, from its first try that nobody answered.

    Args:
        known: whether it answered before in this run.
    """

    __slots__ = ("_known", "_patience", "_pause", "_probes", "_since", "_stale", "_tries", "given_up", "until")

    def __init__(self, patience: Patience, *, known: bool) -> None:
        self._patience = patience
        self._known = known
        self._tries = self._probes = self._stale = 0
        self._since = self._pause = 0.0
        self.until: float | None = None
        """When a probe may be sent; None while closed."""
        self.given_up: Verdict | None = None

    @property
    def is_idle(self) -> bool:
        """Whether nothing speaks against the host."""
        return self._tries == 0

    def room(self, flying: int) -> int:
        """While open: how many may be asked with so many in flight, 1 or 0; those from before do not count."""
        return max(0, 1 + self._stale - flying)

    def returned(self) -> bool:
        """A request came back, called before what it told is; gives whether it was from before the breaker opened."""
        if self._stale:
            self._stale -= 1
            return True
        return False

    def dead(self, now: float, flying: int, left: int, told: Told, *, stale: bool) -> Verdict | None:
        """Nobody answered; `left` tasks of the host have no ending yet."""
        self._since = self._since if self._tries else now
        self._tries += 1
        if self.until is None:
            if self._tries < self._patience.tries or left < self._patience.few:
                return None
            self._stale = flying
            self._pause = self._patience.pause if self._known else self._patience.stranger_pause
        elif stale or self.given_up:
            return None
        else:
            self._probes += 1
            self._pause = min(self._patience.longest, 2 * self._pause)
        self.until = now + self._pause
        return self._told(now, told.why)

    def answered(self) -> Verdict | None:
        """Somebody is there."""
        self._known = True
        self._tries = self._probes = 0
        if self.until is None or self.given_up:
            return None
        self.until, self._stale = None, 0
        return Verdict("back", "the host answers again")

    def _told(self, now: float, why: str) -> Verdict:
        silent = f"no answer to {self._tries} tries in {units.human_seconds(now - self._since)}"
        silent += f" ({why})" if why else ""
        if self._probes < self._patience.probes:
            return Verdict("silent", f"{silent}; asked again in {units.human_seconds(self._pause)}", why)
        self.given_up = Verdict("given up", f"{silent}; the host is not asked any more in this run", why)
        return self.given_up
