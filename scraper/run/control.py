"""What the main thread and the workers share: the stop, and the window."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

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


class Bounds(Protocol):
    """The limits of a run (limits.py)."""

    def ended(self, outcome: Outcome) -> None:
        """A file has its ending."""
        ...

    def page_ended(self, ending: str) -> None:
        """A page has its ending."""
        ...

    def look_at_clock(self) -> None:
        """Whether the deadline is reached."""
        ...


class Control:
    """What stops the workers: a signal, a limit, a full disk, a bug. The main thread waits here for changes.

    Args:
        outer: of several runs, one after the other: what stops that stops this one, and not the other way round.

    Attributes:
        bounds: the limits of the run, where it has any.
        limit: which of them is reached, in words.
    """

    def __init__(self, outer: Control | None = None) -> None:
        self._outer = outer
        self._code: int | None = None
        self.changed = threading.Event()
        self.error: BaseException | None = None
        self.limit: str | None = None
        self.bounds: Bounds | None = None
        self.ended = Ended(self.changed)

    @property
    def stop_code(self) -> int | None:
        """With which exit code it is to stop; None: it is not."""
        return self._outer.stop_code if self._code is None and self._outer is not None else self._code

    def fail(self, error: BaseException) -> None:
        """A worker met what is no outcome."""
        self.error = self.error or error
        self.changed.set()

    def stop(self, code: int) -> None:
        """No new work, please."""
        self._code = code
        self.changed.set()

    def reach(self, limit: str) -> None:
        """A limit of the job is reached: no new work either."""
        if self.limit is None:
            self.limit = limit
            self.changed.set()

    def page_ended(self, ending: str) -> None:
        """A page has its ending."""
        if self.bounds is not None:
            self.bounds.page_ended(ending)

    def file_ended(self, host: str, key: int, outcome: Outcome, held: int) -> None:
        """A file has its ending; the rest as `Ended.put`."""
        self.ended.put(host, key, outcome, held)
        if self.bounds is not None:
            self.bounds.ended(outcome)

    def is_over(self) -> bool:
        """Whether the run is to end; asked where the main thread waits and looks at no limit: in a login."""
        if self.bounds is not None:
            self.bounds.look_at_clock()
        return self.stopping

    @property
    def stopping(self) -> bool:
        """Whether the run is to end before its work does."""
        return self.error is not None or self.limit is not None or self.stop_code is not None


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

    Theory. A page has one login of its own. What counts is whether its attempt saw the newest one: an attempt that
    began before that, or while it went on, says nothing about it, and is only made again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Any] = []
        self._number = 0
        self._is_running = False

    def seen(self) -> int:
        """The login that an attempt sees which begins now; -1 while one goes on."""
        with self._lock:
            return -1 if self._is_running else self._number

    def ask(self, work: Any) -> bool:
        """Whether a page that shows that the session is gone waits here; if not, it has had its login."""
        with self._lock:
            is_newest = work.logins == self._number
            if work.asked_login and is_newest:
                return False
            if not is_newest:
                work.attempt -= 1  # the one that is made again counts for it
            self._waiting.append(work)
            return True

    def begin(self) -> bool:
        """Whether a login is due: for those that saw the newest one; it is theirs, and goes on from now."""
        with self._lock:
            due = [work for work in self._waiting if work.logins == self._number]
            for work in due:
                work.asked_login = True
            self._is_running = bool(due)
            return self._is_running

    def end(self) -> None:
        """There is a new one."""
        with self._lock:
            self._number += 1
            self._is_running = False

    def take(self) -> list[Any]:
        """What waits; it waits no more."""
        with self._lock:
            taken, self._waiting = self._waiting, []
            return taken


class Tokens:
    """Whose token is in force, until when, and who was refused with it (401) and waits for another.

    Theory. A 401 says that the token has ended, or that this page is not for its bearer; only a new token shows
    which. So who is refused asks for one. Refused again with the very token that it asked for, it has its ending,
    unless others were served with that one, so that it has ended too; five times at most. Where asking was in vain
    three times in a row, nobody asks any more until a new token helps somebody.

    Args:
        doubts: whether asking may be in vain; in a replay the tape knows, and others are served in another order.

    Attributes:
        number: of the token in force; 0: the job has none.
        step: the step of the login that fetches it, and where it stands.
    """

    VAIN, ASKS = 3, 5

    def __init__(self, *, doubts: bool = True) -> None:
        self._doubts = doubts
        self._lock = threading.Lock()
        self._waiting: list[tuple[str, Any]] = []
        self._due: float | None = None
        self._vain = 0
        self._served = 0
        self.number = 0
        self.step: tuple[int, Any] = (0, None)

    def fetched(self, step: tuple[int, Any], due: float | None) -> None:
        """There is a new one; it is to be renewed at `due` (the run's clock, None: not before it is refused)."""
        with self._lock:
            self.step, self._due = step, due
            self.number += 1

    def ask(self, kind: str, work: Any) -> bool:
        """Whether a work that was refused waits for a token, another than it was sent with."""
        with self._lock:
            if work.token == self.number:
                is_own = 0 < work.asked_token == self.number - 1
                is_vain = self._doubts and is_own and self._served < self.number
                self._vain += is_vain
                if is_vain or self._vain >= self.VAIN or work.asks >= self.ASKS:
                    return False
                work.asked_token, work.asks = work.token, work.asks + 1
            self._waiting.append((kind, work))
            return True

    def served(self, work: Any) -> None:
        """The work came through with its token; one that had asked for another shows that asking helps."""
        with self._lock:
            self._served = max(self._served, work.token)
            self._vain = 0 if work.asked_token else self._vain

    def is_due(self, now: float) -> bool:
        """Whether a new one is to be fetched: this one ends soon, or was refused."""
        with self._lock:
            is_late = self._due is not None and now >= self._due
            return is_late or any(work.token == self.number for _, work in self._waiting)

    def take(self) -> list[tuple[str, Any]]:
        """Kind and work of what waits; it waits no more."""
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
