"""Names that change: the first in record order names a file that two items share (JOBS.md, Files).

`plan_moves` writes down the names and the moves that they take, in one transaction; recovery.py carries them out,
one by one, and finishes after a kill what was begun.
"""

from __future__ import annotations

from scraper.files import decide, naming
from scraper.state.batch import Looks
from scraper.state.db import Row
from scraper.state.names import Name
from scraper.state.queue import QueueBook

_NAMES = (
    "SELECT n.id, n.key, n.template, n.path, n.complete, n.newest, n.run FROM json_each(?) j"
    " CROSS JOIN names n ON n.id = j.value"
)
_BETTER = (
    "SELECT b.path, b.template, f.ending, n.id, n.key, n.template, n.path, n.complete, n.newest, n.run"
    " FROM better b JOIN files f ON f.id = b.file JOIN names n ON n.id = b.file & 0xFFFFFFFFFF"
    " WHERE b.file >> 40 = ? ORDER BY b.rank"
)


class MoveBook(QueueBook):
    """Files that are named anew."""

    def plan_moves(self) -> None:
        """Writes down the new names of files that a nearer item names otherwise, and the moves that they take.

        A name that an earlier run gave holds.
        """
        with self.db.transaction():
            self.flush()
            for path, template, ending, *name in self.db.tuples(_BETTER, self._number):
                self._plan_move(Name(*name), path, template, ending)
            self.db.execute("DELETE FROM better WHERE file >> 40 = ?", self._number)

    def _plan_move(self, name: Name, better: str, template: int, ending: str | None) -> None:
        before = name.path
        if name.run != self._number or not name.complete or before is None or ending in decide.OF_OTHERS:
            return
        path = naming.complete(better, naming.known_ext(before)) if naming.is_open(better) else better
        if path == before:
            return
        names = self._reservations(Looks(self._look, self._look_many))
        names.ask_keys((name.key,))
        names.retire(name, template)
        whole = names.rename(name, template, path)
        names.write()
        if whole != before and ending == "saved":
            self._note_move(name.id, before, whole)

    def _note_move(self, name: int, source: str, goal: str) -> None:
        self.db.execute("INSERT INTO moves VALUES (?, ?, ?)", name, source, goal)

    def next_move(self) -> Row | None:
        """The first of the moves that are written down."""
        return self.db.row("SELECT rowid, name, source, goal FROM moves ORDER BY rowid LIMIT 1")

    def end_move(self, move: Row, *, done: bool) -> None:
        """A move was carried out, or refused: then the file keeps the name that it has, or gets another."""
        with self.db.transaction():
            self.db.execute("DELETE FROM moves WHERE rowid = ?", move["rowid"])
            if not done:
                stands = move["source"]
                [name] = self._named([move["name"]])
                names = self._reservations(Looks(self._look, self._look_many))
                kept = names.rename(name, name.template, stands)
                names.write()
                if kept != stands:
                    self._note_move(name.id, stands, kept)

    def _named(self, names: list[int]) -> list[Name]:
        return [Name(*row) for row in self.db.tuples(_NAMES, repr(names))]

    @property
    def replaces(self) -> bool:
        """Whether a file may be put over what stands under its name."""
        return self._existing in decide.REPLACING
