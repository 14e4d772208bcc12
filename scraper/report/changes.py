"""What a run brought that the one before it had not, what it found changed, and what it did not find any more.

Items say it themselves (`first_run`, `before`, `gone_run`). A file is new where no earlier run saved anything under its
name, changed where what the last one saved has another digest, and gone where the last complete run had it, this one
is complete and met it nowhere, and no item that is still known has it.

An item keeps one `before`: what an older run changed is not known any more once a later one met it.
"""

# ruff: noqa: S608 - queries are put together from texts of this module alone

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from scraper.report.facts import Run
from scraper.state import met
from scraper.state.db import Database
from scraper.values import dataclass

SHOWN = 25
"""Of each list."""
FIELDS = 6
"""Fields of an item that are shown."""


@dataclass(frozen=True, slots=True)
class ItemChange:
    """An item: its rule, key and page, and by field what it was and is; None where there was or is none."""

    rule: str
    key: str
    url: str
    fields: tuple[tuple[str, str | None, str | None], ...]


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
class Changes:
    """By kind."""

    new_items: Listed
    changed_items: Listed
    gone_items: Listed
    new_files: Listed
    changed_files: Listed
    gone_files: Listed


def changes(db: Database, run: Run) -> Changes:
    """What a run changed, the first of each kind in the order of the records."""
    files = dict(db.tuples(_FILES_COUNTED, run.number)) if _has_files(db, run) else {}
    return Changes(
        _items(db, run, "first_run = ?1", _as_new),
        _items(db, run, "last_run = ?1 AND first_run <> ?1 AND before IS NOT fields", _as_changed),
        _items(db, run, "gone_run = ?1", _as_new),
        _files(db, run, "new", files),
        _files(db, run, "changed", files),
        _gone_files(db, run),
    )


# -- items -------------------------------------------------------------------------------------------------


def _items(db: Database, run: Run, which: str, told: Any) -> Listed:
    total = db.value(f"SELECT count(*) FROM items WHERE {which}", run.id)
    if not total:
        return Listed(0)
    query = f"SELECT rule, key, url, before, fields FROM items WHERE {which} ORDER BY place, rule LIMIT {SHOWN}"
    rows = db.rows(query, run.id)
    return Listed(
        total,
        tuple(ItemChange(row["rule"], row["key"], row["url"], told(row["before"], row["fields"])) for row in rows),
    )


Fields = tuple[tuple[str, str | None, str | None], ...]


def _as_new(before: str | None, fields: str) -> Fields:
    return tuple((name, None, _text(value)) for name, value in list(json.loads(fields).items())[:FIELDS])


def _as_changed(before: str | None, fields: str) -> Fields:
    return tuple(_differing(json.loads(before) if before else {}, json.loads(fields)))[:FIELDS]


def _differing(old: dict[str, Any], new: dict[str, Any]) -> Iterator[tuple[str, str | None, str | None]]:
    for name in {**new, **old}:
        was, is_ = (_text(each[name]) if name in each else None for each in (old, new))
        if was != is_:
            yield name, was, is_


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


# -- files -------------------------------------------------------------------------------------------------

_SAVED = "f.id >= ?1 << 40 AND f.id < (?1 + 1) << 40 AND f.ending = 'saved'"
_EARLIER = "FROM contents WHERE name = f.id & 0xFFFFFFFFFF AND run < ?1 AND bytes IS NOT NULL ORDER BY run DESC LIMIT 1"
_COMPARED = (
    f" FROM (SELECT f.*, c.sha256 AS now, (SELECT coalesce(sha256, x'') {_EARLIER}) AS was FROM files f"
    f" LEFT JOIN contents c ON c.name = f.id & 0xFFFFFFFFFF AND c.run = ?1 WHERE {_SAVED}) f"
)
_KIND = "CASE WHEN was IS NULL THEN 'new' WHEN was IS NOT now THEN 'changed' ELSE 'same' END"
_FILES_COUNTED = f"SELECT {_KIND}, count(*){_COMPARED} GROUP BY 1"
_FILES_SHOWN = f"SELECT f.id, f.url, f.bytes{_COMPARED} WHERE {_KIND} = ?2 ORDER BY f.rank, f.id LIMIT {SHOWN}"
_ALL_SHOWN = f"SELECT f.id, f.url, f.bytes FROM files f WHERE {_SAVED} ORDER BY f.rank, f.id LIMIT {SHOWN}"
_SIZE_BEFORE = f"SELECT bytes {_EARLIER.replace('f.id', '?2')}"
_NAMED = "SELECT path, key FROM names WHERE id = ? & 0xFFFFFFFFFF"


def _has_files(db: Database, run: Run) -> bool:
    query = f"SELECT 1 FROM files f WHERE {_SAVED} LIMIT 1"
    return db.value(query, run.number) is not None


def _files(db: Database, run: Run, kind: str, counts: dict[str, int]) -> Listed:
    total = counts.get(kind, 0)
    if not total:
        return Listed(0)
    is_all = total == sum(counts.values())
    rows = db.rows(_ALL_SHOWN, run.number) if is_all else db.rows(_FILES_SHOWN, run.number, kind)
    sizes = [db.value(_SIZE_BEFORE, run.number, row["id"]) for row in rows]
    return Listed(
        total,
        tuple(_file(db, row["id"], row["url"], row["bytes"], size) for row, size in zip(rows, sizes, strict=True)),
    )


def _file(db: Database, id_: int, url: str | None, size: int | None, before: int | None) -> FileChange:
    name = db.row(_NAMED, id_)
    assert name is not None, "names are never deleted"
    return FileChange(name["path"] or "", url or name["key"], size, before)


# Of a job that stops at what it has seen, what it did not meet is not gone: its items are still known.
_GONE = (
    " FROM files f WHERE f.id >= ?2 << 40 AND f.id < (?2 + 1) << 40"
    " AND f.ending IN ('saved', 'unchanged', 'skipped:exists')"
    " AND NOT EXISTS (SELECT 1 FROM files n WHERE n.id = ?1 << 40 | f.id & 0xFFFFFFFFFF)"
    " AND (f.item_key IS NULL OR NOT EXISTS (SELECT 1 FROM known k JOIN items i ON i.rule = k.rule"
    " AND i.key = f.item_key WHERE i.gone_run IS NULL))"
)
_RULES = "WITH known AS MATERIALIZED (SELECT DISTINCT rule FROM items) "


def _gone_files(db: Database, run: Run) -> Listed:
    last = met.last_complete(db, run.job, run.id) if run.is_complete and run.kind == "run" else None
    if last is None:
        return Listed(0)
    before = db.value("SELECT id FROM runs WHERE run = ?", last)
    total = db.value(f"{_RULES}SELECT count(*){_GONE}", run.number, before)
    query = f"{_RULES}SELECT f.id, f.url, f.bytes{_GONE} ORDER BY f.rank, f.id LIMIT {SHOWN}"
    rows = db.rows(query, run.number, before) if total else []
    return Listed(total, tuple(_file(db, row["id"], row["url"], None, row["bytes"]) for row in rows))
