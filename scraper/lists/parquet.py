"""parquet, a batch of a row group at a time. The only module that knows pyarrow, an extra.

Values become what JSON and templates know: dates are aware datetimes (UTC where none is said),
decimals numbers, bytes text (base64 where they are not UTF-8), what is not a number null.
Row groups that are done are passed over by the file's own counts; each row of a group that
cannot be read fails, and the next group goes on.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from scraper.job.filters import moment
from scraper.lists.files import Broken, ListError, Row
from scraper.lists.reader import Reader, cleaned

BATCH = 500
"""Rows that become Python values at once."""
_BUFFER = 1 << 20
MISSING = "lists in parquet need pyarrow: pip install 'scraper-jobs[parquet]'"


class ParquetReader(Reader[dict[str, Any]]):
    """parquet: a row has all columns of the file."""

    _done = 0

    def columns(self) -> tuple[str, ...]:
        """As the schema names them."""
        with _opened(self.path) as file:
            return tuple(map(cleaned, file.schema_arrow.names))

    def skip(self, count: int) -> int:
        """Passes over so many rows, before the first was taken."""
        try:
            with _opened(self.path) as file:
                self._done = min(count, file.metadata.num_rows)
        except (ListError, OSError):
            return super().skip(count)
        return self._done

    def _raws(self) -> Iterator[dict[str, Any] | Broken]:
        with _opened(self.path) as file:
            done = self._done
            for group in range(file.num_row_groups):
                count = file.metadata.row_group(group).num_rows
                if done < count:
                    yield from _group(file, group, done, count)
                done = max(0, done - count)

    def _made(self, raw: dict[str, Any]) -> Row:
        return {cleaned(name): _plain(value) for name, value in raw.items()}


def _group(file: Any, group: int, done: int, count: int) -> Iterator[dict[str, Any] | Broken]:
    """The rows of a row group behind the first `done`, as many as it counts."""
    given = 0
    why = f"row group {group} of the file ends before its {count} rows"
    try:
        for batch in file.iter_batches(batch_size=BATCH, row_groups=[group], use_threads=False):
            passed = min(len(batch), max(0, done - given))
            given += passed
            for row in _values(batch.slice(passed)):
                given += 1
                yield row
    except _arrow_errors() as error:
        why = f"row group {group} of the file cannot be read: {str(error).partition(chr(10))[0]}"
    for _ in range(max(given, done), count):
        yield Broken(why)


def _values(batch: Any) -> list[dict[str, Any]]:
    """Rows as Python values. Nanoseconds, which Python's dates have not, are cut to microseconds."""
    values = [_column(column.cast(_without_nanoseconds(column.type), safe=False)) for column in batch.columns]
    names = batch.schema.names
    return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]


def _column(column: Any) -> list[Any]:
    import pyarrow as pa

    try:
        return column.to_pylist(maps_as_pydicts="lossy")  # type: ignore[no-any-return]
    except UnicodeDecodeError:
        if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
            raise
        plain = pa.binary() if pa.types.is_string(column.type) else pa.large_binary()
        return column.view(plain).to_pylist()  # type: ignore[no-any-return]


def _without_nanoseconds(kind: Any) -> Any:
    import pyarrow as pa

    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        return pa.timestamp("us", kind.tz)
    if pa.types.is_duration(kind) and kind.unit == "ns":
        return pa.duration("us")
    return pa.time64("us") if pa.types.is_time64(kind) else kind


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise ListError(MISSING) from error
    try:
        file = parquet.ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False, coerce_int96_timestamp_unit="us")
    except _arrow_errors() as error:
        if isinstance(error, OSError) and error.strerror:
            raise
        raise ListError(f"{path.name} is not parquet: {str(error).partition(chr(10))[0]}") from error
    with file:
        yield file


def _arrow_errors() -> tuple[type[Exception], ...]:
    import pyarrow as pa

    return (pa.ArrowException, OSError, ValueError, TypeError, NotImplementedError, OverflowError)


def _plain(value: Any) -> Any:
    """A value as JSON and templates know it."""
    if value is None or isinstance(value, (bool, int)):
        return value
    kind = next((kind for kind in _PLAIN if isinstance(value, kind)), None)
    return cleaned(str(value)) if kind is None else _PLAIN[kind](value)


def _bytes(value: bytes) -> str:
    try:
        return cleaned(value.decode())
    except UnicodeDecodeError:
        return base64.b64encode(value).decode("ascii")


def _decimal(value: Decimal) -> Any:
    return int(value) if value == value.to_integral_value() else float(value)


_PLAIN: dict[type, Callable[[Any], Any]] = {
    str: cleaned,
    float: lambda value: value if math.isfinite(value) else None,
    bytes: _bytes,
    Mapping: lambda value: {cleaned(str(key)): _plain(inner) for key, inner in value.items()},
    list: lambda value: [_plain(inner) for inner in value],
    tuple: lambda value: [_plain(inner) for inner in value],
    datetime: moment,
    date: moment,
    time: lambda value: value.isoformat(),
    timedelta: lambda value: value.total_seconds(),
    Decimal: _decimal,
}
"""Kind of value -> its plain form; a datetime is a date too, so it stands before it."""
