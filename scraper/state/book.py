"""What every book of the ledger stands on: the database, the run, what is still open."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from datetime import UTC, datetime

from scraper.model import Stood
from scraper.state.db import Database
from scraper.state.marks import Marks
from scraper.state.numbers import Numbers
from scraper.state.schema import NAME_BITS

Clock = Callable[[], datetime]
Look = Callable[[str], Stood | None]
LookMany = Callable[[Sequence[str]], list[Stood | None]]

_AGAIN = "SELECT count(*) FROM reads r JOIN pages p ON p.id = r.page WHERE r.state = 3 AND p.run = ?"
_OPEN = {
    "page": "SELECT host, count(*) FROM pages WHERE run = ? AND state = 0 GROUP BY host",
    "file": (
        "SELECT h.text, count(*) FROM files f JOIN hosts h ON h.id = f.host"
        " WHERE f.state = 0 AND f.id >> 40 = ? GROUP BY f.host"
    ),
}
OF_NAME = (1 << NAME_BITS) - 1
"""The bits of a file's id that are its name."""


class Book:
    """A part of the ledger.

    Args:
        look: what stands on the disk under a path below dest.
        existing: `files.existing` of the job.
        templates: digests of the path templates that the job has now.
        look_many: as `look`, for many paths at once.
        now: the clock; by default that of the machine.
        wake: called, in whichever thread, when so many outcomes wait that somebody should flush.

    Attributes:
        run: the run that is worked on.
        pending: how many pages and files have no ending, by kind and host.
        newest_first: rules whose items stand in the records before those that older runs found.
        beside: runs that this one mends: their pages count towards its bounds; placed_as: as whose items its items
            stand in the records, by number, 0: as its own.
    """

    def __init__(
        self, db: Database, look: Look, existing: str = "skip", templates: Set[str] = frozenset(), *,
        look_many: LookMany | None = None, wake: Callable[[], None] | None = None, now: Clock | None = None,
    ) -> None:  # fmt: skip
        self.db = db
        self.run = ""
        self.pending: dict[str, dict[str, int]] = {kind: {} for kind in _OPEN}
        self._look = look
        self._look_many: LookMany = look_many or (lambda paths: [look(path) for path in paths])
        self._existing = existing
        self._templates = templates
        self._now: Clock = now or (lambda: datetime.now(UTC))
        self._wake = wake or (lambda: None)
        self._marks = Marks(db)
        self._host_numbers = Numbers(db, "hosts")
        self._template_numbers = Numbers(db, "templates")
        self._number = 0
        self.newest_first: Collection[str] = ()
        self.beside: Collection[str] = ()
        self.placed_as = 0
        self._lock = threading.Lock()
        self._open = dict.fromkeys(_OPEN, 0)
        self._grown: set[tuple[str, str]] = set()
        self._claimed: set[int] = set()
        self._has_again = True  # whether readings of pages that have ended may be left to be done

    def begin(self, run: str) -> None:
        """Works on this run from now on."""
        self.run = run
        self._has_again = True
        self._number = self.db.value("SELECT id FROM runs WHERE run = ?", run)
        for kind, query in _OPEN.items():
            counts = dict(self.db.tuples(query, run if kind == "page" else self._number))
            with self._lock:
                self.pending[kind] = counts
                self._open[kind] = sum(counts.values())
                self._grown |= {(kind, host) for host in counts}

    @property
    def open_count(self) -> int:
        """How many pages and files have no ending yet; a reading that is to be done again counts as a page."""
        with self.db.held():
            return sum(self._open.values()) + (int(self.db.value(_AGAIN, self.run)) if self._has_again else 0)

    def pending_hosts(self, kind: str) -> list[tuple[str, int]]:
        """The hosts that have open pages or files, and how many."""
        with self._lock:
            return list(self.pending[kind].items())

    def take_grown(self) -> set[tuple[str, str]]:
        """Kind and host of what has become more since this was asked last; at first, of all that is open."""
        with self._lock:
            grown, self._grown = self._grown, set()
            return grown

    def _id(self, name: int) -> int:
        """The file of this run that bears a name."""
        return self._number << NAME_BITS | name

    def _is_folder(self, path: str) -> bool:
        stood = self._look(path)
        return stood is not None and stood.is_folder

    def _is_file(self, path: str) -> bool:
        stood = self._look(path)
        return stood is not None and not stood.is_folder

    def _more(self, kind: str, host: str) -> None:
        self._more_of(kind, {host: 1})

    def _more_of(self, kind: str, counts: Mapping[str, int]) -> None:
        with self._lock:
            pending = self.pending[kind]
            for host, count in counts.items():
                pending[host] = pending.get(host, 0) + count
                self._grown.add((kind, host))
            self._open[kind] += sum(counts.values())

    def _less(self, kind: str, host: str) -> None:
        with self._lock:
            self._less_held(kind, host)

    def _less_held(self, kind: str, host: str) -> None:
        """Only with the lock held."""
        pending = self.pending[kind]
        count = pending.pop(host, 0)
        if count > 1:
            pending[host] = count - 1
        self._open[kind] -= count > 0

    def _none_left(self, kind: str) -> None:
        with self._lock:
            self.pending[kind].clear()
            self._open[kind] = 0
