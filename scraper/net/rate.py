"""A byte rate for the whole run (`polite.rate`): a token bucket that may go into debt.

Tokens come in at the rate and are kept for a quarter of a second at most, so that a run that was idle
does not make up for it in one burst. What was read was read: a count larger than the tokens makes a debt,
and whoever spends is told how long the debt takes to be paid. Debts of several readers stack up, so that
together they keep the rate. Nobody is held here; who is told to wait reads no more for so long, and TCP
holds the server back meanwhile.

What is read is counted as it comes off the connection, bodies only. Kernels read ahead, by some megabytes a
connection: the rate is that of the run, seen over seconds, and not that of the wire, seen over milliseconds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

BURST = 0.25
"""Seconds of the rate that may be read at once after a pause."""
LEAST = 1024
"""Bytes that are read at once at least; less costs more than it smooths."""


class Rate:
    """Bytes a second. Thread safe.

    Args:
        bytes_per_second: None for no limit.
        clock: monotonic seconds; sleep: for those who have a thread of their own to wait in.

    Raises:
        ValueError: the rate is not positive.
    """

    def __init__(
        self, bytes_per_second: float | None, clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        if bytes_per_second is not None and not bytes_per_second > 0:
            raise ValueError("a rate is more than 0 bytes a second")
        self._rate = bytes_per_second
        self._clock = clock
        self.sleep = sleep
        self._lock = threading.Lock()
        self._tokens = BURST * (bytes_per_second or 0.0)
        self._last = clock()

    @property
    def is_limited(self) -> bool:
        """Whether there is a limit."""
        return self._rate is not None

    def piece(self, most: int) -> int:
        """How many bytes may well be read at once: so few that the debt which they make is soon paid."""
        return most if self._rate is None else max(min(LEAST, most), min(most, int(self._rate * BURST / 4)))

    def spend(self, count: int) -> float:
        """So many bytes were read; gives the seconds to wait before reading more (of 0 bytes: as it stands)."""
        rate = self._rate
        if rate is None:
            return 0.0
        with self._lock:
            now = self._clock()
            self._tokens = min(BURST * rate, self._tokens + (now - self._last) * rate) - count
            self._last = now
            return max(0.0, -self._tokens / rate)
