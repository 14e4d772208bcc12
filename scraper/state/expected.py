"""What the ledger says stands on the disk, asked while a run may be under way (`scraper verify`).

A file stands where its name says, with the newest contents that have a size; under a name that a killed run was
about to move, where it was before, too. A name whose path template was edited since is nobody's promise any more.
What stands under a name without any contents (`skipped:exists`) was never hashed.

    batches     all of them, many at a time, each batch as of one moment: no snapshot is held for as long as it takes
                to hash a disk
    is_known    whether a path below the output folder is a name of the ledger's, the edited ones too
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from scraper.files import naming
from scraper.state.codec import fold_mark
from scraper.state.db import Database
from scraper.state.marks import Marks

STEP = 5000
"""Names that are read at once; some hundred bytes each."""


class Expected(NamedTuple):
    """A file that should stand.

    Attributes:
        name: its number in the ledger; key: its URL, or what the job says instead.
        source: where it stands if its move is not done yet.
        bytes: None where nothing is known but its name.
        type: the media type that it was taken for.
    """

    name: int
    key: str
    path: str
    source: str | None
    bytes: int | None
    sha256: str | None
    type: str | None


_NAMES = (
    "SELECT n.id, n.key, n.path, (SELECT source FROM moves WHERE name = n.id ORDER BY rowid DESC LIMIT 1), c.bytes,"
    " nullif(lower(hex(c.sha256)), ''), c.type FROM names n LEFT JOIN contents c ON c.name = n.id"
    " AND c.run = (SELECT max(run) FROM contents WHERE name = n.id AND bytes IS NOT NULL)"
    " WHERE n.path IS NOT NULL AND n.complete AND n.newest AND n.template <> 0"
)
_BATCH = f"{_NAMES} AND n.id > ? ORDER BY n.id LIMIT ?"
_THESE = f"{_NAMES} AND n.id IN (SELECT value FROM json_each(?)) ORDER BY n.id"  # noqa: S608 - texts of ours


def batches(ledger: Path) -> Iterator[list[Expected]]:
    """All files that should stand, by name.

    Args:
        ledger: its file.
    """
    last, whole = 0, False
    while not whole:
        with Database.reading(ledger) as db:
            while rows := db.tuples(_BATCH, last, STEP):
                last = rows[-1][0]
                yield [Expected(*row) for row in rows]
                if db.is_read_only:  # else a copy of an older ledger, which is made once
                    break
            whole = not rows


def of_names(db: Database, names: Collection[int]) -> list[Expected]:
    """These files, as the ledger knows them now."""
    return [Expected(*row) for row in db.tuples(_THESE, repr(sorted(names)))]


def count(ledger: Path) -> int:
    """How many names there are, for a bar."""
    with Database.reading(ledger) as db:
        return int(db.value("SELECT count(*) FROM names"))


def open_run(ledger: Path) -> str | None:
    """The run that is open, and may be under way."""
    with Database.reading(ledger) as db:
        found: str | None = db.value("SELECT run FROM runs WHERE open ORDER BY id DESC LIMIT 1")
        return found


def on_their_way(ledger: Path, names: Collection[int]) -> set[int]:
    """Those of these names that an open run has yet to fetch."""
    sql = (
        "SELECT j.value FROM json_each(?) j JOIN runs r ON r.open JOIN files f ON f.id = (r.id << 40 | j.value)"
        " WHERE f.state = 0"
    )
    with Database.reading(ledger) as db:
        return {name for (name,) in db.tuples(sql, repr(sorted(names)))}


class Names:
    """The names of a ledger, to be asked for paths."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._marks = Marks(db)

    def are_known(self, paths: Sequence[str]) -> set[str]:
        """Those of these paths that are names of the ledger's, as the file system folds them."""
        folds = {path: naming.fold(path) for path in paths}
        found = {name for _, name in self._marks.find({fold_mark(fold) for fold in folds.values()})}
        rows = self._db.tuples(
            "SELECT n.path FROM json_each(?) j CROSS JOIN names n ON n.id = j.value WHERE n.path IS NOT NULL"
            " UNION SELECT source FROM moves",
            repr(sorted(found)),
        )
        borne = {naming.fold(path) for (path,) in rows}
        return {path for path, fold in folds.items() if fold in borne}


def newest_files(db: Database, names: Sequence[int]) -> list[tuple[int, int | None]]:
    """By name, the file of the run that asked for it last; None: no run that the ledger knows did."""
    runs = json.dumps([number for (number,) in db.tuples("SELECT id FROM runs ORDER BY id DESC")])
    sql = (
        "SELECT f.id FROM json_each(?1) s CROSS JOIN files f ON f.id = (s.value << 40 | ?2)"
        " WHERE f.host IS NOT NULL LIMIT 1"
    )
    return [(name, db.value(sql, runs, name)) for name in names]


def endings_of(db: Database, run: str, names: Collection[int]) -> dict[int, tuple[str, str | None]]:
    """How files ended in a run, and the digest of what came, by name."""
    sql = (
        "SELECT j.value, f.ending, nullif(lower(hex(c.sha256)), '') FROM json_each(?1) j"
        " JOIN runs r ON r.run = ?2 JOIN files f ON f.id = (r.id << 40 | j.value)"
        " LEFT JOIN contents c ON c.name = j.value AND c.run = r.id WHERE f.state = 1"
    )
    return {name: (ending, digest) for name, ending, digest in db.tuples(sql, repr(sorted(names)), run)}
