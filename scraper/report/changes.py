"""What a run brought that the one before it had not, what it found changed, and what it did not find any more.

Items say it themselves (`first_run`, `before`, `gone_run`). New and changed files are among those that were saved
(saved.py). One is gone where the last complete run had it, this one is complete and met it nowhere, and no item that
is still known has it.

An item keeps one `before`: what an older run changed is not known any more once a later one met it.
"""

# ruff: noqa: S608 - queries are put together from texts of this module alone

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from scraper.report.facts import Run
from scraper.report.saved import SHOWN, FileChange, Listed, Saved
from scraper.state import met
from scraper.state.db import Database
from scraper.values import dataclass

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
class Changes:
    """By kind."""

    new_items: Listed
    changed_items: Listed
    gone_items: Listed
    new_files: Listed
    changed_files: Listed
    gone_files: Listed


def changes(db: Database, run: Run, saved: Saved) -> Changes:
    """What a run changed, the first of each kind in the order of the records."""
    new, changed, gone = db.tuples(_ITEMS_COUNTED, run.id)[0]
    return Changes(
        _items(db, run, _NEW, new, _as_new),
        _items(db, run, _CHANGED, changed, _as_changed),
        _items(db, run, _GONE_NOW, gone, _as_new),
        saved.new,
        saved.changed,
        _gone_files(db, run),
    )


# -- items -------------------------------------------------------------------------------------------------


_NEW = "first_run = ?1"
_CHANGED = "last_run = ?1 AND first_run <> ?1 AND before IS NOT fields"
_GONE_NOW = "gone_run = ?1"
_ITEMS_COUNTED = "SELECT " + ", ".join(
    f"count(*) FILTER (WHERE {which})" for which in (_NEW, _CHANGED, _GONE_NOW)
) + " FROM items"  # fmt: skip


def _items(db: Database, run: Run, which: str, total: int, told: Any) -> Listed:
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

# Of a job that stops at what it has seen, what it did not meet is not gone: its items are still known.
_GONE = (
    " FROM files f WHERE f.id >= ?2 << 40 AND f.id < (?2 + 1) << 40"
    " AND f.ending IN ('saved', 'unchanged', 'skipped:exists')"
    " AND NOT EXISTS (SELECT 1 FROM files n WHERE n.id = (?1 << 40) | (f.id & 0xFFFFFFFFFF))"
    " AND (f.item_key IS NULL OR NOT EXISTS (SELECT 1 FROM known k JOIN items i ON i.rule = k.rule"
    " AND i.key = f.item_key WHERE i.gone_run IS NULL))"
)
_GONE_SHOWN = (
    "SELECT n.path, coalesce(f.url, n.key) AS url, f.bytes FROM"
    f" (SELECT f.id, f.rank, f.url, f.bytes{_GONE} ORDER BY f.rank, f.id LIMIT {SHOWN}) f"
    " JOIN names n ON n.id = f.id & 0xFFFFFFFFFF ORDER BY f.rank, f.id"
)
_RULES = "WITH known AS MATERIALIZED (SELECT DISTINCT rule FROM items) "


def _gone_files(db: Database, run: Run) -> Listed:
    last = met.last_complete(db, run.job, run.id) if run.is_complete and run.kind == "run" else None
    if last is None:
        return Listed(0)
    before = db.value("SELECT id FROM runs WHERE run = ?", last)
    total = db.value(f"{_RULES}SELECT count(*){_GONE}", run.number, before)
    if not total:
        return Listed(0)
    rows = db.rows(f"{_RULES}{_GONE_SHOWN}", run.number, before)
    return Listed(total, tuple(FileChange(row["path"] or "", row["url"], None, row["bytes"]) for row in rows))
