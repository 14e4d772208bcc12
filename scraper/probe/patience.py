"""How long a probe waits: for each connection, for each answer, and in all."""

from __future__ import annotations

import time
from collections.abc import Callable

TOTAL = 30.0
"""Seconds that a probe takes at most."""
_LEAST = 0.001
"""A timeout of 0 would mean that there is none."""


class Patience:
    """Counted from its making.

    Args:
        connect: seconds for a name, a connection, a handshake; read: for an answer; total: for everything.
    """

    def __init__(
        self, connect: float = 5.0, read: float = 10.0, total: float = TOTAL,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self.clock = clock
        self.total = total
        self._connect, self._read = connect, read
        self._began = clock()

    @property
    def age(self) -> float:
        """Seconds since it began."""
        return self.clock() - self._began

    @property
    def left(self) -> float:
        """Seconds of all that are left, above 0."""
        return max(_LEAST, self.total - self.age)

    @property
    def is_over(self) -> bool:
        """Whether nothing is left."""
        return self.age >= self.total

    @property
    def connecting(self) -> float:
        """Seconds that the next connection may take."""
        return min(self._connect, self.left)

    @property
    def reading(self) -> float:
        """Seconds that the next answer may take."""
        return min(self._read, self.left)
