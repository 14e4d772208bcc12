"""records.jsonl: one item a line, its own fields in the job's order, then where it came from. A pure projection."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any


def lines(records: Iterable[tuple[Any, list[str]]]) -> Iterator[bytes]:
    """The lines of the file.

    Args:
        records: rows with `fields` (JSON), `key`, `rule`, `url`, and the paths of the item's files.
    """
    for row, paths in records:
        record = json.loads(row["fields"])
        record.update(_key=row["key"], _rule=row["rule"], _url=row["url"], _files=paths)
        yield json.dumps(record, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
