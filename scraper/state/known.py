"""What the runs that a retry mends know already, and it need not ask again (retries.py says which runs these are)."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import TYPE_CHECKING

from scraper.state import codec
from scraper.state.book import Book

if TYPE_CHECKING:
    from scraper.state.retries import Scope

_KNOWN_PAGES = (
    "SELECT p.identity FROM json_each(?1) j CROSS JOIN json_each(?2) s"
    " CROSS JOIN pages p ON p.run = s.value AND p.identity = j.value WHERE p.state = 1"
    " AND (p.ending NOT GLOB 'skipped:*' OR p.ending IN ('skipped:limit', 'skipped:duplicate'))"
    " UNION SELECT a.identity FROM json_each(?1) j CROSS JOIN json_each(?2) s"
    " CROSS JOIN aliases a ON a.run = s.value AND a.identity = j.value"
    " EXCEPT SELECT p.identity FROM json_each(?1) j CROSS JOIN pages p ON p.run = ?3 AND p.identity = j.value"
)
_KNOWN_FILES = (
    "SELECT n.key FROM json_each(?1) j CROSS JOIN names n ON n.id = j.value"
    " WHERE NOT EXISTS (SELECT 1 FROM files WHERE id = (?3 << 40 | n.id))"
    " AND EXISTS (SELECT 1 FROM json_each(?2) s JOIN files f ON f.id = (s.value << 40 | n.id) WHERE f.state = 1"
    " AND f.ending NOT IN ('skipped:robots', 'skipped:private'))"
)


class KnownBook(Book):
    """What the runs that are mended know already, and this one need not ask again."""

    def mend(self, scope: Scope) -> None:
        """This run mends those: what it finds has its place, and its bounds, beside what they found."""
        self.beside = scope.names
        self.placed_as = scope.base

    def known_pages(self, identities: Collection[str], scope: Scope) -> set[str]:
        """Of these pages those that have an ending in the scope and are not in this run."""
        rows = self.db.tuples(_KNOWN_PAGES, json.dumps(list(identities)), json.dumps(scope.names), self.run)
        return {identity for (identity,) in rows}

    def known_files(self, keys: Collection[str], scope: Scope) -> set[str]:
        """The same of files, by key."""
        names = {name for _, name in self._marks.find([codec.key_mark(key) for key in keys])}
        rows = self.db.tuples(_KNOWN_FILES, repr(sorted(names)), json.dumps(scope.numbers), self._number)
        return {key for (key,) in rows} & set(keys)
