"""records.csv: RFC 4180 in UTF-8, a header and a row for each record, for spreadsheets and programs alike. Pure.

A spreadsheet takes a cell for a formula by its beginning, and quotes do not keep it from that, so a text that begins
so gets an apostrophe before it, as OWASP says (owasp.org/www-community/attacks/CSV_Injection): `= + - @`, tab and
line breaks, also behind blanks, and in the full-width and small forms that some of them take for the same. A plain
number (`-5`, `+1.5e3`) stays as it is. A text that begins with an apostrophe before such a beginning gets one more:
so `unguarded` finds every text again.

No byte order mark: Python's csv and most programs would take it for a part of the first name.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from scraper.records.sheet import as_json, cleaned

_BLANKS = re.compile("^[\\s\u200b-\u200f\u2060\ufeff\u00ad]+")
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)


def lines(names: Iterable[str], records: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """The lines of the file: the names of the columns, then the records. A field that a record has not is empty."""
    columns = tuple(names)
    heads = [guarded(cleaned(name)) for name in columns]
    # A file that begins with the letters ID is taken for SYLK by Excel, in quotes it is not.
    yield _written(heads, csv.QUOTE_ALL if heads[0].startswith("ID") else csv.QUOTE_MINIMAL)
    write = csv.writer(_Line(), lineterminator="\r\n").writerow
    for record in records:
        line: bytes = write([cell(record.get(name)) for name in columns])
        yield line


def cell(value: Any) -> str:
    """A value as a cell: null is empty, true and false are words, lists and mappings are JSON."""
    if value is None:
        return ""
    kind = type(value)
    return guarded(cleaned(value)) if kind is str else _CELLS.get(kind, as_json)(value)


_CELLS: dict[type, Callable[[Any], str]] = {float: lambda value: guarded(as_json(value)), int: str}


def guarded(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if is_formula(text) else text


def unguarded(text: str) -> str:
    """The text of which `guarded` made this."""
    return text[1:] if text.startswith("'") and is_formula(text[1:]) else text


def is_formula(text: str) -> bool:
    """Whether a text, or what stands behind the apostrophes it begins with, begins as a formula does."""
    if text[:1].isalnum():
        return False
    body = text.lstrip("'")
    if body.startswith(("\t", "\r", "\n")):
        return True
    first = _BLANKS.sub("", body, count=1)[:1]
    return bool(first) and unicodedata.normalize("NFKC", first)[0] in "=+-@" and _NUMBER.fullmatch(body) is None


class _Line:
    """A file for csv.writer whose `writerow` gives the line."""

    def write(self, text: str) -> bytes:
        return text.encode()


def _written(cells: list[str], quoting: Any) -> bytes:
    line: bytes = csv.writer(_Line(), lineterminator="\r\n", quoting=quoting).writerow(cells)
    return line
