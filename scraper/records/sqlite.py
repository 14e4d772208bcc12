"""records.sqlite: one table, `records`, for people who ask in SQL. The door of sqlite3 for files that are no ledger.

The columns have no type: a value is what it is (SQLite's dynamic typing), true and false are 1 and 0, lists and
mappings are JSON, for `json_each`. The file is made whole in one transaction, without journal and without sync, in a
place where nobody looks, and then given in pieces to whoever writes and renames it: half of it is never seen.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from scraper.errors import DiskError
from scraper.files.refusals import refusal_told
from scraper.records.sheet import as_json, cleaned, kind_of

PIECE = 1 << 20
MOST = 1900
"""Columns of a table; SQLite takes 2000. What goes beyond stands as JSON in the last one, `_more`."""
_PRAGMAS = ("journal_mode = OFF", "synchronous = OFF", "locking_mode = EXCLUSIVE")
_DISK = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN})


def pieces(names: Iterable[str], records: Iterable[Mapping[str, Any]], scratch: Path) -> Iterator[bytes]:
    """The bytes of the file.

    Args:
        scratch: a file of ours that may be overwritten; it is gone afterwards.

    Raises:
        DiskError: there is no room for it.
    """
    try:
        with refusal_told(scratch), _told(scratch):
            scratch.unlink(missing_ok=True)
            _build(scratch, tuple(names), records)
        with scratch.open("rb") as file:
            while piece := file.read(PIECE):
                yield piece
    finally:
        scratch.unlink(missing_ok=True)


def _build(path: Path, names: tuple[str, ...], records: Iterable[Mapping[str, Any]]) -> None:
    few, more = names[:MOST], names[MOST:]
    columns = distinct([*few, "_more"] if more else few)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for pragma in _PRAGMAS:
            db.execute(f"PRAGMA {pragma}")
        db.execute("BEGIN")
        db.execute(f"CREATE TABLE records ({', '.join(map(_quoted, columns))})")
        insert = f"INSERT INTO records VALUES ({', '.join('?' * len(columns))})"  # noqa: S608 - question marks
        db.executemany(insert, (_row(record, few, more) for record in records))
        db.execute("COMMIT")


def _row(record: Mapping[str, Any], few: Iterable[str], more: Iterable[str]) -> list[Any]:
    row = [_value(record.get(name)) for name in few]
    rest = {name: record[name] for name in more if name in record}
    return [*row, as_json(rest)] if more else row


def _value(value: Any) -> Any:
    if value is None:
        return None
    kind = kind_of(value)
    if kind == "text":
        return cleaned(value)
    return as_json(value) if kind in ("list", "map", "big") else value


def distinct(names: Iterable[str]) -> list[str]:
    """Names that SQLite takes for different ones: it minds no case (of ASCII), so `Title` beside `title` is
    `Title_2`.
    """
    taken: set[str] = set()
    found = []
    for name in map(cleaned, names):
        made, n = name, 1
        while _folded(made) in taken:
            n += 1
            made = f"{name}_{n}"
        taken.add(_folded(made))
        found.append(made)
    return found


def _folded(name: str) -> str:
    return "".join(char.lower() if char.isascii() else char for char in name)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DISK:
            raise DiskError(f"{path}: {error}") from error
        raise
