"""Numbers for texts that many rows share: hosts, path templates. A window of them is in memory."""

from __future__ import annotations

from collections.abc import Iterable

from scraper.state.codec import dump
from scraper.state.db import Database

WINDOW = 20_000
"""Texts in memory before they are looked up again."""
_FIND = {
    "hosts": "SELECT text, id FROM hosts WHERE text IN (SELECT value FROM json_each(?))",
    "templates": "SELECT text, id FROM templates WHERE text IN (SELECT value FROM json_each(?))",
}
_ADD = {
    "hosts": "INSERT INTO hosts (text) VALUES (?)",
    "templates": "INSERT INTO templates (text) VALUES (?)",
}


class Numbers:
    """The texts of one table: `hosts` or `templates`. Only inside transactions."""

    def __init__(self, db: Database, table: str) -> None:
        self._db = db
        self._table = table
        self._known: dict[str, int] = {}
        self._seen = -1

    def of(self, texts: Iterable[str]) -> dict[str, int]:
        """The number of each text at least; a text without one gets it."""
        if self._seen != self._db.rollbacks or len(self._known) > WINDOW:
            self._known.clear()
            self._seen = self._db.rollbacks
        unknown = {text for text in texts if text not in self._known}
        if unknown:
            self._look_up(unknown)
        return self._known

    def one(self, text: str) -> int:
        """The number of a text."""
        return self.of((text,))[text]

    def _look_up(self, unknown: set[str]) -> None:
        wanted = dump(sorted(unknown))
        self._known.update(self._db.tuples(_FIND[self._table], wanted))
        new = [(text,) for text in unknown if text not in self._known]
        if new:
            self._db.many(_ADD[self._table], new)
            self._known.update(self._db.tuples(_FIND[self._table], wanted))
