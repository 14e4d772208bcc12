"""records.parquet: typed columns, told from all rows."""

from __future__ import annotations

import io

import pytest

from scraper.records import parquet
from scraper.records.sheet import survey_rows

pq = pytest.importorskip("pyarrow.parquet")


def made(names, *records):
    data = b"".join(parquet.pieces(survey_rows(records, names), iter(records)))
    return pq.ParquetFile(io.BytesIO(data))


@pytest.mark.parametrize(
    ("values", "kind", "found"),
    [
        ([True, None], "bool", [True, None]),
        ([1, 2**62], "int64", [1, 2**62]),
        ([1, 0.5], "double", [1.0, 0.5]),
        ([2**62, 0.5], "string", [str(2**62), "0.5"]),
        ([2**63, 1], "string", [str(2**63), "1"]),
        (["a", None], "string", ["a", None]),
        ([None, None], "string", [None, None]),
        (["a", 1], "string", ['"a"', "1"]),
        ([True, 1], "string", ["true", "1"]),
        ([{"a": 1}, None], "string", ['{"a": 1}', None]),
        ([["a", None], []], "list<element: string>", [["a", None], []]),
        ([[1, 0.5], None], "list<element: double>", [[1.0, 0.5], None]),
        ([[], []], "list<element: string>", [[], []]),
        ([["a", 1], []], "string", ['["a", 1]', "[]"]),
        ([[["a"]], None], "string", ['[["a"]]', None]),
        ([["a"], "a"], "string", ['["a"]', '"a"']),
        (["a\0\ud800", ""], "string", ["a\ufffd\ufffd", ""]),
    ],
)
def test_a_column_of_these_values_has_this_type(values, kind, found):
    table = made(["a"], *({"a": value} for value in values)).read()
    assert (str(table.schema.field("a").type), table["a"].to_pylist()) == (kind, found)


def test_a_file_without_records_has_its_columns():
    assert made(["a", "b"]).schema_arrow.names == ["a", "b"]


def test_rows_are_written_a_group_at_a_time(monkeypatch):
    monkeypatch.setattr(parquet, "ROWS", 2)
    file = made(["a"], *({"a": at} for at in range(5)))
    assert [file.metadata.row_group(at).num_rows for at in range(file.num_row_groups)] == [2, 2, 1]
