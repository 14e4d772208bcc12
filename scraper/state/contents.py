"""What the ledger knows of contents: where bytes of a digest stand already (`files.duplicates`).

The index is made when a job first asks; jobs that do not ask pay nothing for it, unless an earlier one of the same
output folder did.
"""

from __future__ import annotations

from scraper.state.book import Book

_INDEX = "CREATE INDEX IF NOT EXISTS contents_sha256 ON contents (sha256) WHERE sha256 IS NOT NULL"
_KNOWN = (
    "SELECT n.path FROM contents c JOIN names n ON n.id = c.name"
    " WHERE c.sha256 = ? AND c.bytes = ? AND n.complete AND n.path IS NOT NULL"
    " AND c.run = (SELECT max(run) FROM contents WHERE name = c.name AND bytes IS NOT NULL)"
    " ORDER BY c.name DESC LIMIT 3"
)


class ContentBook(Book):
    """Contents."""

    def index_contents(self) -> None:
        """Makes `known_contents` quick."""
        self.db.execute(_INDEX)

    def known_contents(self, sha256: str, size: int) -> list[str]:
        """Paths of some files that were saved with this hex digest and size, the newest names first.

        They are hints: the files may have changed since, or be gone. What waits to be written is not among them.
        """
        return [path for (path,) in self.db.tuples(_KNOWN, bytes.fromhex(sha256), size)]
