"""What the main thread and the workers share: the stop, and the window."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from typing import Any

from scraper.model import Download, Outcome

LEAST, MOST = 16, 1024
"""Bounds of what waits in memory for one host."""
ALL = 16 * 1024
"""What waits in memory for all hosts, as far as LEAST leaves that be."""


def window_of(slots: int, hosts: int) -> int:
    """How many pages or files of one host wait in memory: enough for some turns of the main thread.

    Args:
        slots: requests that may be in flight to it.
        hosts: how many share the memory.
    """
    return max(LEAST, min(MOST, 32 * slots, ALL // max(1, hosts)))


class Control:
    """What stops the workers: a signal, a full disk, a bug. The main thread waits here for changes."""

    def __init__(self) -> None:
        self.changed = threading.Event()
        self.error: BaseException | None = None
        self.stop_code: int | None = None
        self.ended = Ended(self.changed)

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
    """The pages and files that are in memory, by kind and the host under which the ledger keeps them.

    Attributes:
        size: how many these are.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[tuple[str, str], set[int]] = defaultdict(set)
        self._hungry: set[tuple[str, str]] = set()
        self.size = 0

    def held(self, kind: str, host: str) -> set[int]:
        """A copy of what is held for a host."""
        with self._lock:
            return set(self._held.get((kind, host), ()))

    def count(self, kind: str, host: str) -> int:
        """How much is held for a host."""
        with self._lock:
            return len(self._held.get((kind, host), ()))

    @property
    def is_empty(self) -> bool:
        """Whether nothing is on its way; what was found by the way then is in the ledger."""
        with self._lock:
            return not self._held

    def has(self, kind: str) -> bool:
        """Whether anything of this kind is on its way."""
        with self._lock:
            return any(each == kind for each, _ in self._held)

    def add(self, kind: str, host: str, keys: Iterable[int]) -> None:
        """Something was taken from the ledger."""
        with self._lock:
            held = self._held[kind, host]
            self.size -= len(held)
            held.update(keys)
            self.size += len(held)

    def discard(self, kind: str, host: str, keys: Iterable[int]) -> None:
        """These have their endings."""
        with self._lock:
            held = self._held[kind, host]
            self.size -= len(held)
            held.difference_update(keys)
            self.size += len(held)
            self._hungry.add((kind, host))
            if not held:
                del self._held[kind, host]

    def take_hungry(self) -> set[tuple[str, str]]:
        """Kind and host of what has become less since this was asked last."""
        with self._lock:
            hungry, self._hungry = self._hungry, set()
            return hungry


class Ended:
    """Files that ended, until the main thread writes and tells them.

    Theory. Whoever fetches ends thousands of files a second and must not wait for the ledger, a terminal or a
    log. A deque takes what ends without a lock; the main thread is woken when there is enough for a batch, and
    looks several times a second anyway.
    """

    ENOUGH = 128

    def __init__(self, changed: threading.Event) -> None:
        self._changed = changed
        self._queue: deque[tuple[str, int, Outcome]] = deque()

    def put(self, host: str, key: int, outcome: Outcome, held: int) -> None:
        """The file of this key, which the ledger keeps under this host, ended; so many are held for all hosts."""
        self._queue.append((host, key, outcome))
        if len(self._queue) >= min(self.ENOUGH, held):
            self._changed.set()

    def take(self) -> list[tuple[str, int, Outcome]]:
        """What ended since."""
        queue = self._queue
        return [queue.popleft() for _ in range(len(queue))]


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


class Renewals:
    """Files that were refused and wait until their page is read again; how, stands in renewals.py.

    Attributes:
        fresh: by file in flight, what its page says of it since it was read again: should it be refused too.
    """

    def __init__(self) -> None:
        self.fresh: dict[int, Download] = {}
        self._lock = threading.Lock()
        self._waiting: dict[int, list[Any]] = {}

    def put(self, read: int, file: int, refused: Any) -> bool | None:
        """Whether the page is to be read again for it; if not, that is under way for another one.

        None: that is over, and `fresh` says what the page has for it.
        """
        with self._lock:
            if file in self.fresh:
                return None
            is_first = read not in self._waiting
            self._waiting.setdefault(read, []).append(refused)
            return is_first

    def tell(self, fresh: Mapping[int, Download]) -> None:
        """What a page says now of files in flight."""
        with self._lock:
            self.fresh |= fresh

    def take(self, read: int) -> list[Any]:
        """What waits for a reading that was done. To be called until nothing does: then it is over."""
        with self._lock:
            taken = self._waiting[read]
            if taken:
                self._waiting[read] = []
            else:
                del self._waiting[read]
            return taken
