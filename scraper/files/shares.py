"""Who fetches which bytes of one file, where several exchanges bring it at once. Pure: the clock's time is an argument.

    shares = Shares(total, written)          what stands there already
    span = shares.take(parts, now)           what another exchange is to fetch, or None
    shares.reserve(span, count, …)           as many bytes as may be written now, at span.at; then shares.wrote(…)
    span.is_sure = True                      its exchange is answered: nobody goes on into it
    shares.drop(span, now)                   its exchange is over; what it did not bring belongs to nobody again

Theory. Three things are wanted at once. Few requests: so a share is large at first, and small only near the end.
The digest in order, without a second pass: so shares are handed out from the front, each a part of what nobody has
yet, and the bytes from the beginning on stay close behind those that came last. No idle exchange: when nothing is
left to hand out, the later half of the largest share under way is taken over, unless that will be there in a moment.

A share is sure once its exchange is answered as it should be. Until then an answer that reaches it goes on into it, and
takes it over whole: else an exchange that was well under way would end for others that are refused.

Every byte is written, or belongs to one share, or to nobody; a share loses bytes only behind those that it reserved.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

WORTH = 32 * 1024 * 1024
"""Bytes of the smallest file that is shared out."""
PIECE = 16 * 1024 * 1024
"""Bytes of the smallest share that is handed out; a request costs a round trip."""
LARGEST = 256 * 1024 * 1024
"""Bytes of the largest: what was written and not hashed yet is to be in memory still."""
STOLEN = 256 * 1024
"""Bytes that are taken over at least; as many stay."""
MOMENT = 1.0
"""Seconds: what is there as soon as that is not taken over."""
MEASURED = 0.4
"""Seconds over which a connection is watched before its file is shared out."""
FAST = 256 * 1024 * 1024
"""Bytes a second beyond which a connection is not what holds the file up."""

Ranges = tuple[tuple[int, int], ...]
"""Half-open byte ranges in order, none empty, none that touch each other."""


def merged(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """The same bytes as Ranges."""
    found: list[tuple[int, int]] = []
    for begin, end in sorted(ranges):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        elif begin < end:
            found.append((begin, end))
    return tuple(found)


def gaps(ranges: Ranges, total: int) -> Ranges:
    """What lies between and behind them, up to `total`."""
    ends = [0, *(end for _, end in ranges)]
    begins = [*(begin for begin, _ in ranges), total]
    return tuple((end, begin) for end, begin in zip(ends, begins, strict=True) if end < begin)


def pays(seconds: float, came: int, left: int) -> bool:
    """Whether a file gains by being shared out.

    Args:
        seconds, came: for how long its connection was watched, and the bytes that it brought.
        left: bytes that are still to come.
    """
    rate = came / seconds if seconds > 0 else math.inf
    return left > PIECE and rate < FAST and left > rate * MOMENT


def parts_of(left: int, most: int) -> int:
    """How many exchanges fetch so many bytes at once."""
    return max(1, min(most, -(-left // PIECE)))


@dataclass(slots=True, eq=False)
class Span:
    """The share of one exchange.

    Attributes:
        begin, end: its bytes. at: up to there they are written; top: up to there they are about to be.
        since: when it was taken.
        is_sure: whether it is being brought, as far as is known; set by whoever sees the answer.
    """

    begin: int
    end: int
    at: int
    top: int
    since: float
    is_sure: bool = False

    @property
    def left(self) -> int:
        """Bytes that may still be taken over."""
        return self.end - self.top

    def rate(self, now: float) -> float:
        """Bytes a second so far."""
        return (self.at - self.begin) / (now - self.since) if now > self.since else 0.0


class Shares:
    """The bytes of one file. Not locked.

    Args:
        written: what stands there already.

    Attributes:
        count: bytes that are written.
    """

    def __init__(self, total: int, written: Iterable[tuple[int, int]] = ()) -> None:
        self.total = total
        self._usual = 0.0  # bytes a second of the shares that came before
        self._done = merged(written)
        self._spans: list[Span] = []
        self.count = sum(end - begin for begin, end in self._done)

    @property
    def is_whole(self) -> bool:
        """Whether all is written."""
        return self.count == self.total

    @property
    def written(self) -> Ranges:
        """What is."""
        return merged([*self._done, *((span.begin, span.at) for span in self._spans)])

    @property
    def front(self) -> int:
        """How many bytes from the beginning on are."""
        written = self.written
        return written[0][1] if written and written[0][0] == 0 else 0

    def _free(self) -> Ranges:
        """What is not written and belongs to nobody."""
        return gaps(merged([*self._done, *((span.begin, span.end) for span in self._spans)]), self.total)

    # -- handing out -----------------------------------------------------------------------------------

    def has_more(self, now: float) -> bool:
        """Whether there is a share for one more exchange."""
        return bool(self._free()) or self._victim(now) is not None

    def take(self, parts: int, now: float) -> Span | None:
        """A share for one more exchange; None: there is nothing worth it.

        Args:
            parts: how many exchanges there are in all.
        """
        free = self._free()
        if free:
            begin = free[0][0]
            return self._add(begin, begin + _size(free, parts), now)
        victim = self._victim(now)
        if victim is None:
            return None
        middle, end = victim.end - victim.left // 2, victim.end
        victim.end = middle
        return self._add(middle, end, now)

    def _add(self, begin: int, end: int, now: float) -> Span:
        span = Span(begin, end, begin, begin, now)
        self._spans.append(span)
        return span

    def _victim(self, now: float) -> Span | None:
        """The share of which half is taken over: the largest that will not be there in a moment."""
        slow = [span for span in self._spans if span.left >= 2 * STOLEN and self._seconds(span, now) > MOMENT]
        return max(slow, key=lambda span: span.left, default=None)

    def _seconds(self, span: Span, now: float) -> float:
        """After how many a share will be there; one that has just begun comes as fast as those before it."""
        rate = span.rate(now)
        if now - span.since < MOMENT:
            rate = max(rate, self._usual)
        return span.left / rate if rate else math.inf

    # -- bytes -----------------------------------------------------------------------------------------

    def reserve(self, span: Span, count: int, limit: int, parts: int) -> int:
        """How many of `count` bytes that came may be written at `span.at`; 0: the share is at its end.

        A share whose answer brings more (up to `limit`) goes on into what belongs to nobody, or to nobody for sure.
        """
        if span.top == span.end and not self._grow(span, limit, parts):
            return 0
        count = min(count, span.end - span.top)
        span.top += count
        return count

    def is_over(self, span: Span, limit: int, parts: int) -> bool:
        """Whether an answer that brings more, up to `limit`, brings nothing more for this share."""
        return span.top == span.end < limit and not self._grow(span, limit, parts)

    def _grow(self, span: Span, limit: int, parts: int) -> bool:
        free = tuple((begin, min(end, limit)) for begin, end in self._free() if begin == span.end < limit)
        if free:
            span.end += _size(free, parts)
            return True
        unsure = (each for each in self._spans if each.begin == span.end < each.end <= limit and not each.is_sure)
        taken = next(unsure, None)
        if taken is not None:
            span.end, taken.end = taken.end, taken.begin
        return taken is not None

    def wrote(self, span: Span, count: int) -> None:
        """So many bytes that were reserved are written."""
        span.at += count
        self.count += count

    def drop(self, span: Span, now: float) -> None:
        """Its exchange is over."""
        self._spans.remove(span)
        self._usual = (self._usual + span.rate(now)) / 2 if self._usual else span.rate(now)
        self._done = merged([*self._done, (span.begin, span.at)])


def _size(free: Ranges, parts: int) -> int:
    """Bytes of a share at the beginning of the first range: no crumb is left of it."""
    begin, end = free[0]
    left = sum(end - begin for begin, end in free)
    size = max(PIECE, min(LARGEST, left // (2 * parts)))
    return end - begin if end - begin < size + PIECE // 2 else size
