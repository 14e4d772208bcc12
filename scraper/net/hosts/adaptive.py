"""How many requests may be in flight to one host: down on evidence, up again while it answers. Pure.

The slots begin at what the job allows (the ceiling) and never exceed it. Three rules:

*Busy* (429, 503). As TCP answers a loss (RFC 5681 section 3.1, equation 4): half of what was in
flight, at least one, and once for all that were in flight together. Then one slot more with each
full window of answers, and only if the window was in use (RFC 7661).
*Slow.* By Little's law (in flight = throughput x latency) a request too many does not make a host
faster, it makes the answers later. So latency alone is no evidence: a page may simply take long, and
a thousand at once wait in our own queue too. Where answers take 4 times the least seen (as Vegas and
BBR compare with the smallest round trip) and more than a second, slots are taken away *on trial*,
to 0.7 (CUBIC, RFC 9438 section 4.6). If latency falls as much as the slots did, throughput lost
nothing: what was taken was only queue. If it does not, the slots come back at once, that latency is
the new least, and the next trial takes longer to begin.
*Back from the dead.* One slot, then twice as many with each window (slow start) up to the ceiling.
"""

from __future__ import annotations

import math

SLOWER = 4.0
"""So many times the least latency is evidence."""
FLOOR = 1.0
"""Seconds of latency that nobody calls slow; below lies what our own queue does when we ask with 1000 at once."""
SAMPLE = 32
"""Answers at least that a mean is taken of."""
TRIAL = 0.7
PATIENCE = (2, 64)
"""Slow rounds in a row before a trial: at first, and at most; each trial in vain doubles them."""


class Slots:
    """How many requests may be in flight to one host.

    Args:
        ceiling: what the job allows, at least 1.

    Attributes:
        now: the slots at this moment, between 1 and the ceiling.
        peak: the most in flight in this window; whoever takes slots keeps it.
        latency: smoothed seconds to an answer's head, 0.0 while unknown (RFC 6298's 1/8).
    """

    __slots__ = (
        "_best", "_count", "_cut", "_oks", "_old", "_patience", "_skip", "_slow", "_sum", "_threshold", "_trial",
        "ceiling", "latency", "now", "peak",
    )  # fmt: skip

    def __init__(self, ceiling: int) -> None:
        self.now = self.ceiling = self._threshold = ceiling
        self.peak = 0
        self.latency = 0.0
        self._best = math.inf
        self._old = 0  # in flight since before the last cut
        self._cut = -math.inf  # when that was
        self._oks = self._count = self._slow = self._skip = 0
        self._sum = 0.0
        self._patience = PATIENCE[0]
        self._trial: tuple[int, int, float] | None = None  # slots, those in use, and mean latency before it

    @property
    def is_untouched(self) -> bool:
        """Whether nothing would be forgotten with this object but a latency."""
        return self.now == self.ceiling and self._trial is None

    def returned(self) -> bool:
        """A request came back, however it went; called before what it told is. Whether it may be from before a cut."""
        if self._old:
            self._old -= 1
            return True
        return False

    def ok(self, seconds: float, flying: int) -> None:
        """An answer came, its head after so many seconds (0.0: unknown); `flying` are still on their way."""
        if self.now < self.ceiling:
            self._grow(flying)
        if seconds > 0.0:
            latency = self.latency
            self.latency = latency = latency + (seconds - latency) * 0.125 if latency else seconds
            if latency < self._best:
                self._best = latency
            if self._skip:
                self._skip -= 1
                return
            self._sum += seconds
            self._count += 1
            if self._count >= SAMPLE and self._count >= self.now:
                self._judge(self._sum / self._count)

    def busy(self, seconds: float, flying: int, now: float, *, old: bool = False) -> None:
        """A 429 or 503 came after so many seconds; `now` is any clock's, `old` what `returned` said."""
        if old or now - seconds < self._cut:
            return  # asked before the last cut: the same evidence again
        flight = min(self.now, max(self.peak, flying + 1))
        self.now = self._threshold = max(1, flight // 2)
        self._cut, self._old, self._oks = now, flying, 0
        self.peak = flying
        self._trial, self._slow, self._skip = None, 0, flying
        self._begin_round()

    def restart(self) -> None:
        """The host is back: one slot, then slow start."""
        self.now, self._threshold = 1, self.ceiling
        self._oks = self._slow = self._skip = 0
        self.peak, self._trial = 1, None
        self._begin_round()

    def _begin_round(self) -> None:
        self._sum, self._count = 0.0, 0

    def _grow(self, flying: int) -> None:
        if self._old or self._slow or self._trial is not None:
            return
        self._oks += 1
        if self.now < self._threshold:
            if 2 * self.peak >= self.now:
                self.now += 1
        elif self._oks >= self.now:
            if self.peak >= self.now:
                self.now += 1
            self._oks, self.peak = 0, flying

    def _judge(self, mean: float) -> None:
        """After each round of answers: begins a trial of fewer slots, ends it, or neither."""
        self._begin_round()
        helped = False
        if self._trial is not None:
            helped = self._end_trial(mean)
            if not helped:
                return
        if mean <= max(FLOOR, SLOWER * self._best) or self.now == 1:
            self._slow = 0
            return
        self._slow += 1
        if helped or self._slow >= self._patience:
            self._begin_trial(mean)

    def _begin_trial(self, mean: float) -> None:
        used = min(self.now, max(2, self.peak))
        self._trial = (self.now, used, mean)
        self.now = self._threshold = max(1, int(TRIAL * used))
        self._skip = used  # these were asked before it
        self._oks = 0

    def _end_trial(self, mean: float) -> bool:
        """Whether fewer slots cost no throughput; else all is as before."""
        assert self._trial is not None
        before, used, was = self._trial
        self._trial = None
        self._slow = 0
        if mean <= was * (1 + self.now / used) / 2:  # nearer to "it was queue" than to "it was not"
            self._patience = PATIENCE[0]
            if mean <= max(FLOOR, SLOWER * self._best) / 2:
                self._threshold = before  # it was slow for a moment only: back soon
            return True
        self.now = self._threshold = before
        self._best = mean
        self._patience = min(PATIENCE[1], 2 * self._patience)
        return False
