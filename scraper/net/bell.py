"""What wakes an event loop: a descriptor that its epoll watches."""

from __future__ import annotations

import os
import threading
from typing import Protocol


class Waker(Protocol):
    """What a loop watches.

    Attributes:
        descriptor: readable when the loop is to wake.
    """

    descriptor: int

    def hush(self) -> None:
        """The loop is awake."""
        ...


class Bell:
    """Rung from any thread; once for any number of rings.

    Attributes:
        descriptor: readable from a ring until `hush`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def ring(self) -> None:
        """Wakes the loop; nothing once it is closed."""
        with self._lock:
            if self.descriptor >= 0:
                os.eventfd_write(self.descriptor, 1)

    def hush(self) -> None:
        """The loop is awake."""
        os.eventfd_read(self.descriptor)

    def close(self) -> None:
        """Somebody may still ring it."""
        with self._lock:
            descriptor, self.descriptor = self.descriptor, -1
            os.close(descriptor)
