"""How long one attempt may take, and how slowly a body may come. Pure: the clock is passed in.

A socket's timeout counts from one recv to the next, so a server that sends a byte now
and then holds a plain client for ever. Pace bounds the whole attempt (`total`), and
asks every `read` seconds whether at least `slowest` bytes a second came.
"""

from __future__ import annotations

from collections.abc import Callable

from scraper import errors
from scraper.job.parts import Timeout


class Pace:
    """The bounds of one attempt, counted from its making."""

    def __init__(self, timeout: Timeout, url: str, clock: Callable[[], float]) -> None:
        self._timeout = timeout
        self._url = url
        self._clock = clock
        self._started = self._window = clock()
        self._bytes = 0

    @property
    def left(self) -> float | None:
        """Seconds until `total` is over, or None where nothing bounds the attempt."""
        total = self._timeout.total
        return None if total is None else total - (self._clock() - self._started)

    def step(self, count: int) -> None:
        """So many bytes came.

        Raises:
            TimeoutError: the attempt takes longer than `total`.
            StalledError: fewer than `slowest` bytes a second over `read` seconds.
        """
        now = self._clock()
        total = self._timeout.total
        if total is not None and now - self._started > total:
            raise errors.TimeoutError(self._url, f"the attempt took longer than {total:g} s")
        self._bytes += count
        if now - self._window < self._timeout.read:
            return
        rate = self._bytes / (now - self._window)
        if rate < self._timeout.slowest:
            raise errors.StalledError(self._url, f"only {rate:.2f} bytes/s came, below `slowest`")
        self._window, self._bytes = now, 0
