"""What a run met, counted for `expect`. A pass over its items is made only where a field is asked for."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from scraper.records.expect import Filled
from scraper.state.db import Database

STANDS = ("saved", "unchanged", "skipped:exists")
"""Endings of files that stand there."""
_FILES = (
    "SELECT f.ending, count(*) FROM runs r CROSS JOIN files f"
    " ON f.id >= r.id << 40 AND f.id < (r.id + 1) << 40 WHERE r.run = ? AND f.state = 1 GROUP BY f.ending"
)
_PAGES = (
    "SELECT r.rule, count(*) FROM pages p JOIN reads r ON r.page = p.id"
    " WHERE p.run = ? AND p.ending IN ('ok', 'unchanged') GROUP BY r.rule"
)


def files_by_ending(db: Database, run: str) -> dict[str, int]:
    """How many files ended how."""
    return dict(db.tuples(_FILES, run))


def pages_by_rule(db: Database, run: str) -> dict[str, int]:
    """How many pages each rule read."""
    return dict(db.tuples(_PAGES, run))


def items_by_rule(db: Database, run: str) -> dict[str, int]:
    """How many items of each rule the run met."""
    return dict(db.tuples("SELECT rule, count(*) FROM items WHERE last_run = ? GROUP BY rule", run))


def last_complete(db: Database, job: str, before: str) -> str | None:
    """The last complete run of a job before this one."""
    found: str | None = db.value(
        "SELECT run FROM runs WHERE complete AND job = ?1 AND id < (SELECT id FROM runs WHERE run = ?2)"
        " ORDER BY id DESC LIMIT 1",
        job, before,
    )  # fmt: skip
    return found


def last_success(db: Database, job: str) -> datetime | None:
    """When the last ordinary run of a job ended whose exit code was 0; None: there is none."""
    found: str | None = db.value("SELECT max(ended) FROM runs WHERE job = ? AND exit_code = 0 AND kind = 'run'", job)
    return None if found is None else datetime.fromisoformat(found)


def filled(db: Database, run: str, wanted: Mapping[str, Collection[str]]) -> dict[str, Filled]:
    """How many of the items that the run met have a field.

    Args:
        wanted: field -> the rules whose items are looked at.
    """
    having = dict.fromkeys(wanted, 0)
    of = dict.fromkeys(wanted, 0)
    first: dict[str, tuple[str, str]] = {}
    for row in db.stream("SELECT rule, url, fields FROM items WHERE last_run = ? ORDER BY place, rule", run):
        fields = json.loads(row["fields"])
        for name, rules in wanted.items():
            if row["rule"] in rules:
                of[name] += 1
                if is_filled(fields.get(name)):
                    having[name] += 1
                else:
                    first.setdefault(name, (row["rule"], row["url"]))
    return {name: Filled(having[name], of[name], *first.get(name, ())) for name in wanted}


def is_filled(value: Any) -> bool:
    """Whether a field is more than null, an empty text, an empty list or an empty mapping; 0 and false are."""
    return value is not None and value != "" and value != [] and value != {}
