"""Runs: which one is continued, how one ends, and what it came to.

A run is open until every page and file in it has an ending. The same job (start,
rules, vars, limit: its fingerprint) continues an open one; any other begins anew,
and what the open one had left is dropped.
"""

from __future__ import annotations

import secrets as random_names
from dataclasses import dataclass
from datetime import datetime

from scraper.model import FileCounts, ItemCounts, PageCounts, Summary
from scraper.state.db import Database, Row

_GOES_ON = {
    "run": "scraper run", "retry": "the same scraper retry", "repair": "scraper verify --repair",
    "adopt": "the same scraper adopt",
}  # fmt: skip
REPORT = "report.html"
"""What the page of a run is called, in the run's folder."""
_MOST = 2**63 - 1
"""What SQLite takes; no run comes to so many."""


def goes_on(job: str, kind: str) -> str:
    """The command that goes on with an open run of this kind."""
    return "the same scraper get" if job == "get" else _GOES_ON[kind]


@dataclass(frozen=True, slots=True)
class Run:
    """A run that is under way; `date` is its start, `last_run` the start of the last complete one."""

    id: str
    date: datetime
    last_run: datetime | None
    continued: bool


def open_run(
    db: Database, job: str, fingerprint: str, *, now: datetime, limit: int | None = None, fresh: bool = False,
    name: str | None = None, kind: str = "run",
) -> Run:  # fmt: skip
    """Continues the open run of this fingerprint, or begins one; `name`: what it is to be called, if that is free.

    Args:
        kind: what it is for (schema.py); it stands in the fingerprint too.
    """
    with db.transaction():
        newest = db.row("SELECT * FROM runs WHERE job = ? AND open ORDER BY id DESC LIMIT 1", job)
        if newest is not None and newest["fingerprint"] == fingerprint and not fresh:
            return Run(newest["run"], datetime.fromisoformat(newest["started"]), _last_complete(db, job), True)
        _drop_open(db)
        is_free = name is not None and db.value("SELECT count(*) FROM runs WHERE run = ?", name) == 0
        run = name if is_free and name else f"{now:%Y%m%dT%H%M%SZ}-{random_names.token_hex(2)}"
        db.execute(
            "INSERT INTO runs (run, job, started, fingerprint, item_limit, kind) VALUES (?, ?, ?, ?, ?, ?)",
            run, job, now.isoformat(), fingerprint, None if limit is None else min(limit, _MOST), kind,
        )  # fmt: skip
        return Run(run, now, _last_complete(db, job), False)


def before(db: Database, run: str) -> str | None:
    """The run that was begun before this one."""
    sql = "SELECT run FROM runs WHERE id < (SELECT id FROM runs WHERE run = ?) ORDER BY id DESC LIMIT 1"
    found: str | None = db.value(sql, run)
    return found


def _last_complete(db: Database, job: str) -> datetime | None:
    found = db.value("SELECT max(started) FROM runs WHERE complete AND job = ?", job)
    return None if found is None else datetime.fromisoformat(found)


def _drop_open(db: Database) -> None:
    """What open runs had left is not taken up any more; what they recorded stays, their parts go (recovery.py)."""
    db.execute("UPDATE reads SET state = 2 WHERE state = 3")
    db.execute("UPDATE pages SET state = 2 WHERE state = 0 AND run IN (SELECT run FROM runs WHERE open)")
    db.execute("UPDATE files SET state = 2 WHERE state = 0 AND id >> 40 IN (SELECT id FROM runs WHERE open)")
    db.execute("UPDATE runs SET open = 0 WHERE open")


def note_end(
    db: Database, run: str, *, now: datetime, exit_code: int, closed: bool, complete: bool, seconds: float
) -> None:
    """How a process that worked on the run ended; `closed`: everything in it has an ending."""
    db.execute(
        "UPDATE runs SET ended = ?, exit_code = ?, open = ?, complete = ?, seconds = seconds + ? WHERE run = ?",
        now.isoformat() if closed else None, exit_code, not closed, complete, seconds, run,
    )  # fmt: skip


def summary(db: Database, job: str, run: str) -> Summary:
    """The counts of the whole run, from the ledger."""
    told = Summary(job, run)
    pages, files = (db.tuples(query, run) for query in (_PAGES, _FILES))
    told.pages = PageCounts(**_kinds(pages, "ok", "unchanged", "skipped", "failed"))
    told.files = FileCounts(**_kinds(files, "saved", "unchanged", "skipped", "failed"))
    told.items = _items(db, run)
    told.bytes = sum(size for _, _, size in files)
    told.seconds = db.value("SELECT seconds FROM runs WHERE run = ?", run) or 0.0
    told.failures = [
        {"url": row["url"], "class": row["class"], "message": row["message"] or ""} for row in failures(db, run)
    ]
    return told


_PAGES = "SELECT ending, count(*), 0 FROM pages WHERE run = ? AND state = 1 GROUP BY ending"
_FILES = (
    "SELECT f.ending, count(*), coalesce(sum(f.bytes), 0) FROM runs r CROSS JOIN files f"
    " ON f.id >= r.id << 40 AND f.id < (r.id + 1) << 40 WHERE r.run = ? AND f.state = 1 GROUP BY f.ending"
)


def _kinds(counted: list[tuple[str, int, int]], *kinds: str) -> dict[str, int]:
    counts = dict.fromkeys(kinds, 0)
    for ending, count, _ in counted:
        counts[ending.partition(":")[0]] += count
    return counts


def _items(db: Database, run: str) -> ItemCounts:
    row = db.row(
        "SELECT count(*) AS total, count(*) FILTER (WHERE first_run = ?1) AS new,"
        " count(*) FILTER (WHERE first_run <> ?1 AND before IS NOT fields) AS changed"
        " FROM items WHERE last_run = ?1",
        run,
    )
    assert row is not None, "an aggregate gives a row"
    gone = db.value("SELECT count(*) FROM items WHERE gone_run = ?", run)
    failed = db.value("SELECT count(*) FROM failures WHERE run = ? AND kind = 'item'", run)
    return ItemCounts(row["total"], row["new"], row["changed"], gone, failed)


def failures(db: Database, run: str, limit: int = 20) -> list[Row]:
    """The first failures of a run: pages, then items, then files."""
    return db.rows(f"{FAILURES} LIMIT ?2", run, limit)


FAILURES = (
    "SELECT run, 'page' AS kind, url, substr(ending, 8) AS class, why AS message FROM pages"
    " WHERE run = ?1 AND ending GLOB 'failed:*'"
    " UNION ALL SELECT run, kind, url, class, message FROM failures WHERE run = ?1"
    " UNION ALL SELECT r.run, 'file', coalesce(f.url, n.key), substr(f.ending, 8), f.why FROM runs r CROSS JOIN"
    " files f ON f.id >= r.id << 40 AND f.id < (r.id + 1) << 40 JOIN names n ON n.id = f.id & 0xFFFFFFFFFF"
    " WHERE r.run = ?1 AND f.ending GLOB 'failed:*'"
)
"""What failed in a run: pages, then what on pages, then files."""
