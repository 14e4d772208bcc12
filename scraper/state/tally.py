"""The runs of a ledger, and what stands there by them; asked, never changed, also while a run is under way."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from scraper.state.db import Database, Row


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as the ledger has it.

    Attributes:
        kind: run, retry, repair, adopt.
        ended, exit_code: of the last process that worked on it; None: that came to no end.
        limit: of `--limit`.
        seconds: that all its processes took, without one that is under way or was killed.
    """

    run: str
    job: str
    kind: str
    started: datetime
    ended: datetime | None
    exit_code: int | None
    open: bool
    complete: bool
    limit: int | None
    seconds: float


def runs(db: Database, job: str | None = None, most: int | None = None) -> list[RunRow]:
    """The runs of a job (None: of all jobs of the folder), the newest first."""
    rows = db.rows(
        "SELECT * FROM runs WHERE ?1 IS NULL OR job = ?1 ORDER BY id DESC LIMIT ?2", job, -1 if most is None else most
    )
    return list(map(_run, rows))


def _run(row: Row) -> RunRow:
    ended = row["ended"]
    return RunRow(
        row["run"], row["job"], row["kind"], datetime.fromisoformat(row["started"]),
        None if ended is None else datetime.fromisoformat(ended), row["exit_code"], bool(row["open"]),
        bool(row["complete"]), row["item_limit"], row["seconds"],
    )  # fmt: skip


def count(db: Database, job: str | None = None) -> int:
    """How many runs there were."""
    return int(db.value("SELECT count(*) FROM runs WHERE ?1 IS NULL OR job = ?1", job))


def exit_code(db: Database, number: int) -> int | None:
    """With which exit code a run ended; None: there is none of this number, or no process of it came to an end."""
    found: int | None = db.value("SELECT exit_code FROM runs WHERE id = ?", number)
    return found


def began(db: Database, job: str | None = None) -> datetime | None:
    """When the newest ordinary run began, whatever its limit."""
    found = db.value("SELECT max(started) FROM runs WHERE kind = 'run' AND (?1 IS NULL OR job = ?1)", job)
    return None if found is None else datetime.fromisoformat(found)


def standing(db: Database) -> tuple[int, int]:
    """How many files stand there by what the ledger knows, and their bytes."""
    row = db.row(_STANDING)
    assert row is not None, "an aggregate gives a row"
    return row[0], row[1]


_STANDING = (
    "SELECT count(*), coalesce(sum(bytes), 0) FROM"
    " (SELECT max(run), bytes FROM contents WHERE bytes IS NOT NULL GROUP BY name)"
)
"""The newest of each name: with max() alone, SQLite takes the other columns from the row that has it."""
