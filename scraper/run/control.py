"""What the main thread and the workers share: the stop, and the window."""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import Any

WINDOW = 64
"""Pages or files of one host that wait in memory."""


class Control:
    """What stops the workers: a signal, a full disk, a bug. The main thread waits here for changes."""

    def __init__(self) -> None:
        self.changed = threading.Event()
        self.error: BaseException | None = None
        self.stop_code: int | None = None

    def fail(self, error: BaseException) -> None:
        """A worker met what is no outcome."""
        self.error = self.error or error
        self.changed.set()

    def stop(self, code: int) -> None:
        """No new work, please."""
        self.stop_code = code
        self.changed.set()

    @property
    def stopping(self) -> bool:
        """Whether the run is to end before its work does."""
        return self.error is not None or self.stop_code is not None


class Window:
    """The pages and files that are in memory, by kind and the host under which the ledger keeps them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[tuple[str, str], set[int]] = defaultdict(set)

    def held(self, kind: str, host: str) -> set[int]:
        """A copy of what is held for a host."""
        with self._lock:
            return set(self._held.get((kind, host), ()))

    @property
    def is_empty(self) -> bool:
        """Whether nothing is on its way; what was found by the way then is in the ledger."""
        with self._lock:
            return not self._held

    def has(self, kind: str) -> bool:
        """Whether anything of this kind is on its way."""
        with self._lock:
            return any(each == kind for each, _ in self._held)

    def add(self, kind: str, host: str, key: int) -> None:
        """Something was taken from the ledger."""
        with self._lock:
            self._held[kind, host].add(key)

    def discard(self, kind: str, host: str, key: int) -> bool:
        """It has its ending in the ledger; gives whether the host's window is half empty now."""
        with self._lock:
            held = self._held[kind, host]
            held.discard(key)
            if not held:
                del self._held[kind, host]
            return len(held) <= WINDOW // 2


class Logins:
    """Pages that wait for a new login: a worker puts them here, the main thread logs in and puts them back.

    Attributes:
        number: how many logins there were.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Any] = []
        self.number = 0

    def ask(self, work: Any) -> None:
        """The page of this work shows that the session is gone."""
        with self._lock:
            self._waiting.append(work)

    @property
    def is_due(self) -> bool:
        """Whether a page waits whose attempt saw the newest login; an older one need only be tried again."""
        with self._lock:
            return any(work.logins == self.number for work in self._waiting)

    def take(self) -> list[Any]:
        """What waits; it waits no more."""
        with self._lock:
            taken, self._waiting = self._waiting, []
            return taken
