"""Items as a file: what forms there are, and the records of a run.

    ledger -> records (rows) and their sheet (columns) -> pieces of bytes -> a part, renamed

A form takes the records twice where it has columns: once to know them all, once to write them. Each form but
SQLite is made while it is written; a database is made first, in a place where nobody looks. Memory holds a batch.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scraper.records.sheet import Sheet, records, survey, survey_rows
from scraper.state.db import Database
from scraper.state.items import ItemBook
from scraper.state.runs import FAILURES
from scraper.values import dataclass

if TYPE_CHECKING:
    from scraper.job.model import Job

FORMS = {".jsonl": "jsonl", ".csv": "csv", ".sqlite": "sqlite", ".db": "sqlite", ".parquet": "parquet"}
"""How a file's name ends -> its form."""
BINARY = frozenset({"sqlite", "parquet"})


@dataclass(frozen=True, slots=True)
class Table:
    """Records, and the columns they have. Both are asked of the ledger when they are called."""

    records: Callable[[], Iterable[Mapping[str, Any]]]
    sheet: Callable[[], Sheet]


def form_of(path: str) -> str | None:
    """The form that a file's name tells."""
    return FORMS.get(Path(path).suffix)


def mistakes(job: Job) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What this machine cannot write: place and message."""
    if form_of(job.records.path) == "parquet":
        parquet = importlib.import_module("scraper.records.parquet")
        if parquet.is_missing():
            yield ("records",), parquet.MISSING


def items(ledger: ItemBook, job: Job | None, run: str | None = None) -> Table:
    """The items that are known, as the records file has them; `run`: of those the ones that it met last."""
    keep_gone = job is not None and job.records.gone == "keep"
    rules = {} if job is None else {name: tuple(rule.item) for name, rule in job.rules.items()}
    rows = None if job is None else rows_as_items(job)
    return Table(
        lambda: records(ledger.records(keep_gone, run)),
        lambda: survey(ledger.fields_of_items(keep_gone, run), rules, rows),
    )


def view(db: Database, what: str, run: str) -> Table:
    """Pages, files or failures of a run."""
    names = tuple(column for column, *_ in db.execute(_VIEWS[what], run).description)
    rows = partial(_rows, db, _VIEWS[what], run)
    return Table(rows, lambda: survey_rows(rows(), names))


def _rows(db: Database, query: str, run: str) -> Iterator[dict[str, Any]]:
    return map(dict, db.stream(query, run))


_VIEWS = {
    "pages": "SELECT * FROM v_pages WHERE run = ?",
    "files": "SELECT * FROM v_files WHERE run = ?",
    "failures": FAILURES,
}


def rows_as_items(job: Job) -> Set[str]:
    """The names of rules whose items are rows with the fields they came with; without a rule it is the job's."""
    entries = [entry for entry in map(job.entry, range(len(job.start))) if entry.as_ == "files"]
    names = {entry.rule or job.name for entry in entries}
    return frozenset(name for name in names if name not in job.rules or not job.rules[name].item)


def pieces(form: str, table: Table, scratch: Path) -> Iterator[bytes]:
    """The bytes of a file of this form.

    Args:
        scratch: where a database may be made; it is gone afterwards.
    """
    return _PIECES[form](table, scratch)


def _jsonl(table: Table, scratch: Path) -> Iterator[bytes]:
    from scraper.records import jsonl

    return jsonl.lines(table.records())


def _json(table: Table, scratch: Path) -> Iterator[bytes]:
    from scraper.records import jsonl

    return jsonl.array(table.records())


def _csv(table: Table, scratch: Path) -> Iterator[bytes]:
    from scraper.records import csv_

    return csv_.lines(table.sheet().names, table.records())


def _sqlite(table: Table, scratch: Path) -> Iterator[bytes]:
    from scraper.records import sqlite

    return sqlite.pieces(table.sheet().names, table.records(), scratch)


def _parquet(table: Table, scratch: Path) -> Iterator[bytes]:
    from scraper.records import parquet

    return parquet.pieces(table.sheet(), table.records())


_PIECES: dict[str, Callable[[Table, Path], Iterator[bytes]]] = {
    "jsonl": _jsonl, "json": _json, "csv": _csv, "sqlite": _sqlite, "parquet": _parquet,
}  # fmt: skip
