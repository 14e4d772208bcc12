"""How long one attempt may take, and how slowly a body may come. Pure: the clock is passed in.

A socket's timeout counts from one recv to the next, so a server that sends a byte now
and then holds a plain client for ever. Pace bounds the whole attempt (`total`), and
asks every `read` seconds whether at least `slowest` bytes a second came.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from scraper import errors

if TYPE_CHECKING:
    from scraper.job.parts import Timeout


class Pace:
    """The bounds of one attempt, counted from its making.

    Args:
        deadline: seconds that are left of `total`, where the attempt began earlier.
    """

    __slots__ = ("_bytes", "_clock", "_last", "_started", "_timeout", "_total", "_url", "_window")

    def __init__(
        self, timeout: Timeout, url: str, clock: Callable[[], float], *, deadline: float | None = None
    ) -> None:
        self._timeout = timeout
        self._url = url
        self._clock = clock
        self._started = self._window = self._last = clock()
        self._total = timeout.total if deadline is None else deadline
        self._bytes = 0

    @property
    def left(self) -> float | None:
        """Seconds until `total` is over, or None where nothing bounds the attempt."""
        return None if self._total is None else self._total - self.age

    @property
    def age(self) -> float:
        """Seconds since it began."""
        return self._clock() - self._started

    def step(self, count: int) -> None:
        """So many bytes came; 0: somebody looks whether any did.

        Raises:
            TimeoutError: the attempt takes longer than `total`.
            StalledError: no bytes for `read` seconds, or fewer than `slowest` bytes a second over them.
        """
        now = self.check_total()
        if count:
            self._last = now
        elif now - self._last >= self._timeout.read:
            raise errors.StalledError(self._url, "no bytes came in time")
        self._bytes += count
        if now - self._window < self._timeout.read:
            return
        rate = self._bytes / (now - self._window)
        if rate < self._timeout.slowest:
            raise errors.StalledError(self._url, f"only {rate:.2f} bytes/s came, below `slowest`")
        self._window, self._bytes = now, 0

    def paused(self, seconds: float) -> None:
        """So long nobody read because we did not want to: no fault of the server's. `total` counts on."""
        self._window += seconds
        self._last += seconds

    def connecting(self) -> None:
        """There is no connection yet, which is bounded elsewhere; what waits for an answer counts from here on."""
        self._window = self._last = self.check_total()

    def waiting(self) -> None:
        """The head is not whole yet.

        Raises:
            TimeoutError: nor will it be within `read`.
        """
        if self.check_total() - self._last >= self._timeout.read:
            raise errors.TimeoutError(self._url, "no answer in time")

    def check_total(self) -> float:
        """The time now.

        Raises:
            TimeoutError: the attempt takes longer than `total`.
        """
        now = self._clock()
        if self._total is not None and now - self._started > self._total:
            given = self._total if self._timeout.total is None else self._timeout.total
            raise errors.TimeoutError(self._url, f"the attempt took longer than {given:g} s")
        return now
