"""The files that a run saved: which are new, which changed, which are pictures; counted, and the first of each.

A file is new where no earlier run saved anything under its name, and changed where what the last one saved has another
digest. Most often all that is shown stands among the first that the run met, in the order of the records: those are
looked at in one query, and where there are no more, that is all. Else one pass counts, and what is shown of a kind
that is rare among the first is looked for.
"""

# ruff: noqa: S608 - queries are put together from texts of this module alone

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scraper.report.facts import Run
from scraper.state.db import Database, Row
from scraper.values import dataclass

SHOWN = 25
"""New and changed files that are shown."""
PICTURES = 200
"""Pictures that are shown."""
_FIRST = 1000
"""Files that are looked at one by one."""


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file: its path and URL, its size and the one before, where they are known."""

    path: str
    url: str
    bytes: int | None
    before: int | None


@dataclass(frozen=True, slots=True)
class Listed:
    """The first of many."""

    total: int
    shown: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Saved:
    """What a run saved: new and changed files (FileChange), and those of both that are pictures (path and URL)."""

    new: Listed
    changed: Listed
    pictures: Listed


_MINE = "f.id >= ?1 << 40 AND f.id < (?1 + 1) << 40 AND f.ending = 'saved'"
_JOINED = " JOIN names n ON n.id = f.id & 0xFFFFFFFFFF LEFT JOIN contents c ON c.name = n.id AND c.run = ?1"
_BEFORE = "FROM contents o WHERE o.name = n.id AND o.run < ?1 AND o.bytes IS NOT NULL ORDER BY o.run DESC LIMIT 1"
_IS_SAME = f"(SELECT o.sha256 IS c.sha256 {_BEFORE})"  # NULL: new
_IS_PICTURE = (
    "CASE WHEN c.type GLOB 'image/*' OR n.path LIKE '%.jp%g' OR n.path LIKE '%.png' OR n.path LIKE '%.gif'"
    " OR n.path LIKE '%.webp' THEN 1 ELSE 0 END"
)
_TOLD = (
    f"SELECT n.path, coalesce(f.url, n.key) AS url, f.bytes, (SELECT o.bytes {_BEFORE}) AS before,"
    f" {_IS_SAME} AS is_same, {_IS_PICTURE} AS is_picture"
)
_IN_ORDER = " ORDER BY f.rank, f.id LIMIT"
_FIRST_TOLD = (
    f"WITH f AS MATERIALIZED (SELECT id, rank, url, bytes FROM files f WHERE {_MINE}{_IN_ORDER} ?2)"
    f" {_TOLD} FROM f{_JOINED} ORDER BY f.rank, f.id"
)
# An outer sum() would have SQLite ask for each kind anew: LIMIT keeps the two apart.
_COUNTED = (
    "SELECT count(*), count(is_same), coalesce(sum(is_same), 0), coalesce(sum(is_picture), 0) FROM (SELECT"
    f" {_IS_SAME} AS is_same, {_IS_PICTURE} AS is_picture FROM files f{_JOINED} WHERE {_MINE} LIMIT -1)"
)
_OF_KIND = f"{_TOLD} FROM files f{_JOINED} WHERE {_MINE} AND "

_KINDS: dict[str, tuple[Callable[[Row], bool], str, int]] = {
    "new": (lambda row: row["is_same"] is None, f"{_IS_SAME} IS NULL", SHOWN),
    "changed": (lambda row: row["is_same"] == 0, f"{_IS_SAME} = 0", SHOWN),
    "pictures": (lambda row: bool(row["is_picture"]), _IS_PICTURE, PICTURES),
}
"""Of each kind: whether a row is one, the same for SQLite, and how many are shown."""


def saved(db: Database, run: Run) -> Saved:
    """What a run saved, the first of each kind in the order of the records."""
    first = db.rows(_FIRST_TOLD, run.number, _FIRST)
    totals = None if len(first) < _FIRST else _totals(db, run)
    found = {}
    for kind, (is_one, condition, most) in _KINDS.items():
        rows = [row for row in first if is_one(row)]
        total = len(rows) if totals is None else totals[kind]
        if len(rows) < min(total, most):
            rows = db.rows(f"{_OF_KIND}{condition}{_IN_ORDER} {most}", run.number)
        make = _picture if kind == "pictures" else _change
        found[kind] = Listed(total, tuple(make(row) for row in rows[:most]))
    return Saved(**found)


def _totals(db: Database, run: Run) -> dict[str, int]:
    total, known, same, pictures = db.tuples(_COUNTED, run.number)[0]
    return {"new": total - known, "changed": known - same, "pictures": pictures}


def _change(row: Row) -> FileChange:
    return FileChange(row["path"] or "", row["url"], row["bytes"], row["before"])


def _picture(row: Row) -> tuple[str, str]:
    return row["path"], row["url"]
