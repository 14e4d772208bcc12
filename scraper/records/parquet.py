"""records.parquet, a row group at a time: rows in, bytes out. Pure. Knows pyarrow, an extra, as lists/parquet.py does.

Every column has one type, told from all rows (sheet.py): true and false, whole numbers of 64 bits, floats, text, and
lists of one of these. What fits none of them, such as numbers beside texts, mappings, or lists within lists, is text
that holds JSON. A column in which nothing stands is text.
"""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Iterable, Iterator, Mapping, Set
from itertools import islice
from typing import Any

from scraper.records.sheet import Sheet, as_json, cleaned

ROWS = 10_000
"""Rows of a row group; as many are in memory at once."""
MISSING = "records in parquet need pyarrow: pip install 'scraper-jobs[parquet]'"

_TYPES: dict[frozenset[str], str] = {
    frozenset(): "string",
    frozenset({"text"}): "string",
    frozenset({"bool"}): "bool",
    frozenset({"int"}): "int64",
    frozenset({"long"}): "int64",
    frozenset({"int", "long"}): "int64",
    frozenset({"float"}): "double",
    frozenset({"int", "float"}): "double",  # with `long` it would round
}
"""Kinds of the values in a column -> its type in pyarrow's words."""
_LIST, _JSON = "list:", "json"


def is_missing() -> bool:
    """Whether the extra is not installed."""
    return importlib.util.find_spec("pyarrow") is None


def type_of(kinds: Set[str]) -> str:
    """The type of a column in whose values these kinds were seen: pyarrow's name, `list:` before it, or `json`."""
    if "list" not in kinds:
        return _TYPES.get(frozenset(kinds), _JSON)
    inner = frozenset(kind.removeprefix(_LIST) for kind in kinds if kind.startswith(_LIST))
    alone = all(kind == "list" or kind.startswith(_LIST) for kind in kinds)
    return _LIST + _TYPES[inner] if alone and inner in _TYPES else _JSON


def pieces(sheet: Sheet, records: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """The bytes of the file."""
    import pyarrow as pa
    from pyarrow import parquet

    types = {name: type_of(sheet.kinds[name]) for name in sheet.names}
    schema = pa.schema([pa.field(cleaned(name), _arrow(types[name])) for name in sheet.names])
    sink, rows = _Sink(), iter(records)
    with parquet.ParquetWriter(sink, schema, compression="zstd") as writer:
        while batch := list(islice(rows, ROWS)):
            columns = [_column(batch, name, types[name]) for name in sheet.names]
            arrays = [pa.array(column, type=field.type) for column, field in zip(columns, schema, strict=True)]
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema), row_group_size=ROWS)
            yield sink.take()
    yield sink.take()


def _arrow(kind: str) -> Any:
    import pyarrow as pa

    if kind.startswith(_LIST):
        return pa.list_(_arrow(kind.removeprefix(_LIST)))
    return pa.string() if kind == _JSON else pa.type_for_alias(kind)


def _column(batch: list[Mapping[str, Any]], name: str, kind: str) -> list[Any]:
    values = [record.get(name) for record in batch]
    if kind == _JSON:
        return [None if value is None else as_json(value) for value in values]
    if kind == "string":
        return [None if value is None else cleaned(value) for value in values]
    if kind == f"{_LIST}string":
        return [value and [inner and cleaned(inner) for inner in value] for value in values]
    return values


class _Sink(io.RawIOBase):
    """A file that keeps what is written until it is taken."""

    def __init__(self) -> None:
        self._kept: list[bytes] = []

    def writable(self) -> bool:
        """It is for writing."""
        return True

    def write(self, data: Any) -> int:
        """Keeps a copy: the buffer is pyarrow's."""
        self._kept.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        """What was written since."""
        kept, self._kept = b"".join(self._kept), []
        return kept
