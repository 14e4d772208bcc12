"""All files of a list as one: its columns, and its rows from wherever a run continues."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from scraper.lists.files import ListError, Row, format_of
from scraper.lists.reader import Reader, reason


def _text(path: Path) -> Reader[Any]:
    from scraper.lists.lines import TextReader

    return TextReader(path)


def _table(path: Path) -> Reader[Any]:
    from scraper.lists.table import TableReader

    return TableReader(path)


def _json_lines(path: Path) -> Reader[Any]:
    from scraper.lists.jsonl import JsonLinesReader

    return JsonLinesReader(path)


def _parquet(path: Path) -> Reader[Any]:
    from scraper.lists.parquet import ParquetReader

    return ParquetReader(path)


READERS: dict[str, Callable[[Path], Reader[Any]]] = {
    "txt": _text,
    "csv": _table,
    "tsv": _table,
    "jsonl": _json_lines,
    "parquet": _parquet,
}
"""Format -> how such a file is read; a new format is a row here and in files.FORMATS."""


def rows(paths: Iterable[Path], done: int = 0) -> Iterator[Row]:
    """The rows of all files in order, behind the first `done`."""
    for path in paths:
        reader = READERS[format_of(path)](path)
        done -= reader.skip(done) if done else 0
        yield from reader


def columns(path: Path) -> tuple[str, ...] | None:
    """The columns that the head of a file names; None where each row has its own (jsonl).

    Raises:
        ListError: it cannot be read, or is not of its format.
    """
    try:
        return READERS[format_of(path)](path).columns()
    except (OSError, EOFError, zlib.error) as error:
        raise ListError(f"{path.name} cannot be read: {reason(error)}") from error
