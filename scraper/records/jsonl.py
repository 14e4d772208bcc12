"""records.jsonl: one item a line, its own fields in the job's order, then where it came from. A pure projection."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any


def lines(records: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """The lines of the file."""
    for record in records:
        yield json.dumps(record, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def array(records: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """The same as one JSON array, a record a line."""
    before = b"[\n"
    for line in lines(records):
        yield before + line[:-1]
        before = b",\n"
    yield b"[]\n" if before == b"[\n" else b"\n]\n"
