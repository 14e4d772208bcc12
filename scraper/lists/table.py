"""csv and tsv: a head of column names, then a record a row (RFC 4180, and what spreadsheets write).

A quote that is never closed would swallow the rest of the file. So the lines of a record
are remembered until it is whole; one that is torn costs its first line, and the others are
read again. The comma is the delimiter unless the head has none and a semicolon or tab.
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from scraper.lists.files import Broken, ListError, Row, format_of, open_text
from scraper.lists.lines import LONGEST, lines
from scraper.lists.reader import Reader, cleaned

WIDEST = 1 << 20
"""Characters of the longest cell."""
_QUOTED = re.compile(r'"[^"]*"?')


class TableReader(Reader[list[str]]):
    """csv and tsv: the first line names the columns; a line whose cells are all empty is no row."""

    _names: tuple[str, ...] = ()

    def columns(self) -> tuple[str, ...]:
        """As the head names them."""
        records = self._raws()
        try:
            next(records, None)
        finally:
            records.close()  # type: ignore[attr-defined]  # a generator
        return self._names

    def _raws(self) -> Iterator[list[str] | Broken]:
        with open_text(self.path) as file:
            found = lines(file)
            first = next((line for line in found if isinstance(line, Broken) or line.strip()), "")
            records = _records(chain([first], found), _delimiter(self.path, first))
            self._names = _names(self.path, next(records, []))
            yield from records

    def _made(self, raw: list[str]) -> Row:
        names = self._names
        if len(raw) > len(names) and any(raw[len(names) :]):
            return Broken(f"it has {len(raw)} cells and the head {len(names)}; is a delimiter not in quotes?")
        return {name: cleaned(cell) for name, cell in zip(names, raw, strict=False)}


def _names(path: Path, head: list[str] | Broken) -> tuple[str, ...]:
    """The names of the columns; of two that are the same the second is `name (2)`."""
    if isinstance(head, Broken):
        raise ListError(f"the head of {path.name} is broken: {head.why}")
    if not head:
        raise ListError(f"{path.name} is empty; its first line names the columns")
    names: list[str] = []
    for cell in head:
        name, number = cleaned(cell).strip(), 1
        while (told := name if number == 1 else f"{name} ({number})") in names:
            number += 1
        names.append(told)
    return tuple(names)


def _delimiter(path: Path, head: str | Broken) -> str:
    if format_of(path) == "tsv" or isinstance(head, Broken):
        return "\t"
    bare = _QUOTED.sub("", head)
    return next((char for char in ",;\t" if char in bare), ",")


class _TornError(Exception):
    """A record that does not come to its end."""


class _Feed:
    """The lines of a table; those of the record at hand are remembered, and can be read again."""

    def __init__(self, found: Iterator[str | Broken]) -> None:
        self._found = found
        self._again: deque[str] = deque()
        self._record: list[str] = []
        self._size = 0

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._found, None)
        if isinstance(line, Broken):
            raise _TornError(line.why)
        if line is None:
            if self._record:
                raise _TornError("a quote in it is never closed")
            raise StopIteration
        self._size += len(line)
        self._record.append(line)
        if self._size > LONGEST and len(self._record) > 1:
            raise _TornError(f"it is longer than {LONGEST} characters")
        return f"{line}\n"

    def begin(self) -> None:
        """The record at hand is whole."""
        self._record.clear()
        self._size = 0

    def back(self) -> None:
        """The record at hand is torn: all its lines but the first are read again."""
        self._again.extendleft(reversed(self._record[1:]))
        self.begin()


def _records(found: Iterator[str | Broken], delimiter: str) -> Iterator[list[str] | Broken]:
    csv.field_size_limit(max(WIDEST, csv.field_size_limit()))  # of the whole process; its default is 128 KiB
    feed = _Feed(found)
    table = csv.reader(feed, delimiter=delimiter, strict=True)  # not strict, a torn record would run into a later one
    while True:
        try:
            cells = next(table)
        except StopIteration:
            return
        except (_TornError, csv.Error) as error:
            feed.back()
            yield Broken(_told(error))
        else:
            feed.begin()
            if any(cells):
                yield cells


def _told(error: Exception) -> str:
    if isinstance(error, _TornError):
        return str(error)
    if "limit" in str(error):
        return f"a cell is longer than {WIDEST} characters; or a quote in it is never closed"
    return "a quote in it stands where no cell begins or ends"
