"""What every book of the ledger stands on: the database, the run, what is still open."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Set

from scraper.model import Outcome, Stood
from scraper.state.db import Database

Look = Callable[[str], Stood | None]

_AGAIN = "SELECT count(*) FROM reads r JOIN pages p ON p.id = r.page WHERE r.state = 3 AND p.run = ?"
_OPEN = {
    "page": "SELECT host, count(*) AS n FROM pages WHERE run = ? AND state = 0 GROUP BY host",
    "file": "SELECT host, count(*) AS n FROM files WHERE run = ? AND state = 0 GROUP BY host",
}


class Book:
    """A part of the ledger.

    Args:
        look: what stands on the disk under a path below dest.
        existing: `files.existing` of the job.
        templates: digests of the path templates that the job has now.

    Attributes:
        run: the run that is worked on.
        pending: how many pages and files have no ending, by kind and host.
    """

    def __init__(self, db: Database, look: Look, existing: str = "skip", templates: Set[str] = frozenset()) -> None:
        self.db = db
        self.run = ""
        self.pending: dict[str, Counter[str]] = {kind: Counter() for kind in _OPEN}
        self._look = look
        self._existing = existing
        self._templates = templates
        self._outcomes: list[tuple[int, Outcome]] = []
        self._full = threading.Lock()
        self._claimed: set[int] = set()

    def begin(self, run: str) -> None:
        """Works on this run from now on."""
        self.run = run
        for kind, query in _OPEN.items():
            self.pending[kind] = Counter({row["host"]: row["n"] for row in self.db.rows(query, run)})

    @property
    def open_count(self) -> int:
        """How many pages and files have no ending yet; a reading that is to be done again counts as a page."""
        with self.db.held():
            waiting = sum(sum(each.values()) for each in self.pending.values())
            return waiting + int(self.db.value(_AGAIN, self.run))

    def pending_hosts(self, kind: str) -> list[tuple[str, int]]:
        """The hosts that have open pages or files, and how many."""
        with self.db.held():
            return list(self.pending[kind].items())

    def _is_folder(self, path: str) -> bool:
        stood = self._look(path)
        return stood is not None and stood.is_folder

    def _is_file(self, path: str) -> bool:
        stood = self._look(path)
        return stood is not None and not stood.is_folder

    def _more(self, kind: str, host: str) -> None:
        self.pending[kind][host] += 1

    def _less(self, kind: str, host: str) -> None:
        self.pending[kind][host] -= 1
        if self.pending[kind][host] <= 0:
            del self.pending[kind][host]
