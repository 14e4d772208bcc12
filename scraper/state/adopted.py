"""Files of a run that stand under their names already, of which the ledger knows nothing: what they are is noted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from scraper.model import Download, Outcome
from scraper.state import codec
from scraper.state.db import Database

_UNKNOWN = (
    "SELECT f.id, f.rank, f.flags, f.url, f.more, f.item_key, f.found_on, n.key, n.path, t.text FROM files f"
    " JOIN names n ON n.id = f.id & 0xFFFFFFFFFF JOIN templates t ON t.id = n.template"
    " WHERE f.id > ?1 AND f.id < ?2 AND f.ending = 'skipped:exists' AND NOT EXISTS"
    " (SELECT 1 FROM contents c WHERE c.name = n.id AND c.bytes IS NOT NULL) ORDER BY f.id LIMIT 200"
)
_NOTE = "INSERT OR REPLACE INTO contents VALUES (?1 & 0xFFFFFFFFFF, ?1 >> 40, ?2, ?3, ?4, NULL, NULL)"


@dataclass(frozen=True, slots=True)
class There:
    """A file that stands under its name, by its id in the run."""

    id: int
    path: str
    download: Download


def unknown(db: Database, run: int) -> Iterator[There]:
    """Those of a run (its number) of which no content is known; the ledger may change meanwhile."""
    last = run << 40
    while rows := db.tuples(_UNKNOWN, last, run + 1 << 40):
        last = rows[-1][0]
        for file, rank, flags, url, more, item_key, found_on, key, path, template in rows:
            told = codec.load_download(url or key, key, path, template, item_key, found_on, rank, flags, more)
            yield There(file, path, told)


def note(db: Database, there: There, outcome: Outcome) -> None:
    """What was found under its name: size, digest, type."""
    assert outcome.sha256 is not None, "it was hashed"
    db.execute(_NOTE, there.id, outcome.bytes, bytes.fromhex(outcome.sha256), outcome.type)
