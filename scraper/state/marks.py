"""Where names are found: marks (64 bits of a digest) of their keys and of their folded paths.

A mark falls anywhere in a large tree, and each one that is put there alone costs a page read, written to the log
and written back: 10 us and 8 KB where the rest of a file's row costs 5 us and 100 bytes. So the newest marks
stay in memory, a window of them, and go into the tree many at a time and in order, which costs a fifth. Nothing
is lost with the memory: the marks of the names above `marked.upto` are told by the names themselves, those of older
names whose path changed stand in `late`; they are gathered again when a ledger is opened, or after a transaction
was rolled back.

A mark is a hint, never the truth: two texts may share one, and it stays when a name gets another path. So whoever
finds a name looks at it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from scraper.files import naming
from scraper.state.codec import fold_mark, key_mark
from scraper.state.db import Database

WINDOW = 1 << 15
"""Marks in memory before they go into the tree; some 100 bytes each."""
FOLDER = 0
"""In the place of a name: the path is a folder's."""
_INSERT = "INSERT OR IGNORE INTO marks VALUES (?, ?)"


class Marks:
    """The marks of one ledger. Only inside transactions, but for `find`."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._new: dict[int, int] = {}
        self._same: dict[int, list[int]] = {}  # further names of a mark
        self._upto = 0
        self._seen = -1

    def find(self, marks: Collection[int]) -> list[tuple[int, int]]:
        """Mark and name of what bears one of these marks."""
        self._know()
        if not marks:
            return []
        found = [(mark, self._new[mark]) for mark in marks if mark in self._new]
        if self._same:
            found += [(mark, name) for mark in marks for name in self._same.get(mark, ())]
        return found + self._db.tuples(
            "SELECT m.mark, m.name FROM json_each(?) j CROSS JOIN marks m ON m.mark = j.value", repr(sorted(marks))
        )

    def add(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Marks of names that are new; of folders that hold them."""
        self._know()
        for mark, name in pairs:
            if self._new.setdefault(mark, name) != name:
                self._same.setdefault(mark, []).append(name)

    def move(self, name: int, pairs: Iterable[tuple[int, int]]) -> None:
        """A name gets these marks with a new path, and those of the folders that hold it; the old ones stay."""
        pairs = list(pairs)
        self.add(pairs)
        if name <= self._upto:  # who reads the names above alone would not find them
            self._db.many("INSERT INTO late VALUES (?, ?)", pairs)

    def settle(self) -> None:
        """Puts the window into the tree where it is full; call when the new names are in their table."""
        if len(self._new) >= WINDOW:
            self._settle(self._db.value("SELECT max(id) FROM names"))

    def _settle(self, upto: int) -> None:
        marks = sorted(self._new)
        with self._db.transaction():
            self._db.many(_INSERT, zip(marks, map(self._new.__getitem__, marks), strict=True))
            self._db.many(_INSERT, [(mark, name) for mark, names in self._same.items() for name in names])
            self._db.execute("UPDATE marked SET upto = ?", upto)
            self._db.execute("DELETE FROM late")
        self._upto = upto
        self._new.clear()
        self._same.clear()

    def _know(self) -> None:
        """What is in memory is what the ledger says; a transaction that was rolled back may have made it stale."""
        if self._seen == self._db.rollbacks:
            return
        self._seen = self._db.rollbacks
        self._new.clear()
        self._same.clear()
        self._upto = self._db.value("SELECT upto FROM marked")
        self.add(self._db.tuples("SELECT mark, name FROM late"))
        last = self._upto
        while rows := self._db.tuples("SELECT id, key, path FROM names WHERE id > ? ORDER BY id LIMIT 5000", last):
            for name, key, path in rows:
                self.add(marks_of(name, key, path))
            last = rows[-1][0]
            if len(self._new) >= WINDOW and not self._db.is_read_only:
                self._settle(last)


def marks_of(name: int, key: str, path: str | None) -> list[tuple[int, int]]:
    """All marks that a name brings: its key's, its path's, and those of the folders that hold it."""
    pairs = [(key_mark(key), name)]
    if path is not None:
        fold = naming.fold(path)
        pairs += [(fold_mark(fold), name), *((fold_mark(each), FOLDER) for each in folders_of(fold))]
    return pairs


def folders_of(path: str) -> list[str]:
    """The folders that hold a path, from the top."""
    if "/" not in path:
        return []
    parts = path.split("/")
    return ["/".join(parts[:at]) for at in range(1, len(parts))]
