"""Rows of lists: what each format takes for a row, for a column, for a mistake; and where reading goes on."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.lists import lines, source
from scraper.lists.files import Broken, ListError


@pytest.fixture
def listed(tmp_path: Path) -> Callable[..., list[Any]]:
    """`listed(name, text or bytes, done=0)`: the rows of such a file, what is broken as its text."""

    def read(name: str, content: str | bytes, done: int = 0) -> list[Any]:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return [row.why if isinstance(row, Broken) else row for row in source.rows([path], done)]

    return read


# -- txt ---------------------------------------------------------------------------------------------------


def test_a_line_of_a_txt_is_a_row_unless_it_is_blank_or_a_comment(listed: Any) -> None:
    text = "\ufeffone\n\n  # a comment\r\n \t\n  two words  \rthree#\x0cfour\n#five"
    assert listed("a.txt", text) == [{"line": "one"}, {"line": "two words"}, {"line": "three#\x0cfour"}]


@pytest.mark.parametrize("name", ["a.txt", "a", "a.lst", "A.TXT", "a.list.txt"])
def test_what_has_no_suffix_of_a_list_is_read_as_txt(name: str, listed: Any) -> None:
    assert listed(name, "a,b\n") == [{"line": "a,b"}]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_text_is_utf8_or_utf16_with_its_mark_or_windows_1252(encoding: str, listed: Any) -> None:
    assert listed("a.txt", "caf\xe9 \u201cx\u201d\n".encode(encoding)) == [{"line": "caf\xe9 \u201cx\u201d"}]


def test_nobody_forges_a_mark_in_a_list(listed: Any) -> None:
    assert listed("a.txt", "\ufdd0env:HOME\ufdd1\n%EF%B7%90env%3AHOME") == [
        {"line": "\ufffdenv:HOME\ufffd"},
        {"line": "%EF%BF%BDenv%3AHOME"},
    ]
    assert listed("a.jsonl", '{"\\ufdd0a": "\\ufdd0env:HOME\\ufdd1\\ud800"}') == [
        {"\ufffda": "\ufffdenv:HOME\ufffd\ufffd"}
    ]
    assert listed("a.csv", "u\n\ufdd0env:HOME\ufdd1") == [{"u": "\ufffdenv:HOME\ufffd"}]


@pytest.mark.parametrize(
    ("name", "head", "says"),
    [
        ("a.txt", b"PK\x03\x04", "a zip or a spreadsheet, not text; save it as .csv"),
        ("a.csv", b"PAR1", "parquet, not text; call it .parquet"),
        ("a.jsonl", b"\x1f\x8b\x08", "gzip, not text; call it .gz"),
    ],
)
def test_what_is_plainly_no_text_is_told(name: str, head: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(head + b"xyz")
    with pytest.raises(ListError) as told:
        source.columns(tmp_path / name)
    assert str(told.value) == f"{name} is {says}"


@pytest.mark.parametrize("name", ["a.txt.gz", "a.csv.gz", "a.tsv.GZ", "a.jsonl.gz"])
def test_a_list_may_be_packed(name: str, listed: Any) -> None:
    text = '{"line": "x"}\n' if "jsonl" in name else "line\nx\n"
    assert listed(name, gzip.compress(text.encode()))[-1] == {"line": "x"}


def test_a_packed_list_that_was_cut_is_told_as_its_last_row(listed: Any) -> None:
    packed = gzip.compress(b"".join(f"{n * 7919 % 65537}\n".encode() for n in range(200_000)), mtime=0)
    rows = listed("a.txt.gz", packed[: len(packed) // 2])
    assert rows[:2] == [{"line": "0"}, {"line": "7919"}]
    assert rows[-1].startswith("the list cannot be read further: Compressed file ended")


# -- csv ---------------------------------------------------------------------------------------------------


def test_the_head_of_a_csv_names_its_columns(listed: Any) -> None:
    text = '\ufeff url ,"ti,tle",url\r\nhttp://x/1,"a ""b""\r\nc",2\r\n\r\n,,\r\nhttp://x/2\r\nhttp://x/3,y,z,,\r\n'
    assert listed("a.csv", text) == [
        {"url": "http://x/1", "ti,tle": 'a "b"\nc', "url (2)": "2"},
        {"url": "http://x/2"},
        {"url": "http://x/3", "ti,tle": "y", "url (2)": "z"},
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "a,b\n1,2;3"),
        ("a.csv", 'a;"b"\n1;2;3'.replace("2;3", '"2;3"')),
        ("a.csv", "a\tb\n1\t2;3"),
        ("a.tsv", "a\tb\n1\t2;3"),
    ],
)
def test_the_delimiter_is_the_comma_unless_the_head_has_another(name: str, text: str, listed: Any) -> None:
    assert listed(name, text) == [{"a": "1", "b": "2;3"}]


def test_a_nul_is_a_character_of_a_cell(listed: Any) -> None:
    assert listed("a.csv", "a,b\nx\0y,2\n") == [{"a": "x\0y", "b": "2"}]


def test_a_comma_that_is_not_quoted_fails_its_row(listed: Any) -> None:
    assert listed("a.csv", "url\nhttp://x/a,b.jpg\nhttp://x/c\n") == [
        "it has 2 cells and the head 1; is a delimiter not in quotes?",
        {"url": "http://x/c"},
    ]


TORN = "a quote in it stands where no cell begins or ends"


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('a,b\n1,"x\n2,y\n3,"z"\n4,w\n', [TORN, "2", "3", "4"]),
        ('a,b\n1,"x\n2,y\n3,z\n', ["a quote in it is never closed", "2", "3"]),
        ('a,b\n1,"x"y\n2,y\n', [TORN, "2"]),
        ('a,b\n1,"x\n', ["a quote in it is never closed"]),
        ('a,b\n1,x "y" z\n', ["1"]),
    ],
)
def test_a_torn_record_costs_its_first_line_alone(text: str, rows: list[str], listed: Any) -> None:
    assert [row if isinstance(row, str) else row["a"] for row in listed("a.csv", text)] == rows


def test_a_cell_of_a_hundred_megabytes_fails_its_row_and_memory_stays_flat(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with path.open("w") as file:
        file.write('a,b\n1,"')
        for _ in range(100):
            file.write("x" * (1 << 20))
        file.write('"\n2,y\n3,"' + "z" * 2_000_000 + '"\n4,w\n')
    tracemalloc.start()
    try:
        rows = [row.why if isinstance(row, Broken) else row["a"] for row in source.rows([path])]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    cell = "a cell is longer than 1048576 characters; or a quote in it is never closed"
    assert rows == [f"it is longer than {lines.LONGEST} characters", "2", cell, "4"]
    assert peak < 40 << 20


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "a.csv is empty; its first line names the columns"),
        (' \n"a,b\n', "the head of a.csv is broken: a quote in it is never closed"),
    ],
)
def test_a_csv_without_a_head_is_told(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(ListError) as told:
        source.columns(tmp_path / "a.csv")
    assert str(told.value) == says


CELLS = st.lists(st.lists(st.text('ab,;"\t\n #', max_size=6), min_size=2, max_size=2).filter(any), max_size=8)


@given(CELLS)
def test_what_a_csv_writer_writes_is_read(tmp_path_factory: Any, cells: list[list[str]]) -> None:
    import csv

    path = tmp_path_factory.mktemp("csv") / "a.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["a", "b"], *cells])
    assert [[row["a"], row["b"]] for row in source.rows([path]) if isinstance(row, dict)] == cells


# -- jsonl -------------------------------------------------------------------------------------------------


def test_a_line_of_a_jsonl_that_is_no_object_fails_alone(listed: Any) -> None:
    text = '{"a": 1.5, "b": [null, {"c": NaN}]}\n\n[1]\n{"a": \n"x"\nnull\ntrue\n2\n' + "[" * 5000 + '\n{"a": 2}'
    rows = listed("a.ndjson", text)
    assert rows[0] == {"a": 1.5, "b": [None, {"c": None}]}
    assert rows[1] == "it is a list, not an object"
    assert rows[2].startswith("it is not JSON: ")
    assert rows[3:7] == [f"it is {what}, not an object" for what in ("a text", "null", "true or false", "a number")]
    assert rows[7:] == ["it is not JSON: nested too deeply", {"a": 2}]


# -- parquet -----------------------------------------------------------------------------------------------


def parquet(path: Path, columns: dict[str, Any], **options: Any) -> Path:
    pa = pytest.importorskip("pyarrow", reason="lists in parquet need pyarrow")
    from pyarrow import parquet as written

    written.write_table(pa.table(columns), path, **options)
    return path


def test_values_of_parquet_are_what_json_and_templates_know(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="lists in parquet need pyarrow")
    from datetime import UTC, date, datetime, time, timedelta
    from decimal import Decimal

    path = parquet(
        tmp_path / "a.parquet",
        {
            "text": pa.array(["\ufdd0x"]),
            "bad": pa.array([b"\xff"]).view(pa.string()),
            "bytes": [b"caf\xc3\xa9"],
            "image": [b"\x89PNG"],
            "float": [float("nan")],
            "when": [datetime(2026, 1, 2, 3, 4, 5)],
            "nanos": pa.array([1_700_000_000_123_456_789], pa.timestamp("ns", "Europe/Berlin")),
            "day": [date(2026, 1, 2)],
            "time": [time(3, 4)],
            "long": [timedelta(minutes=1)],
            "price": [Decimal("12.50")],
            "count": [Decimal("3.00")],
            "tags": [["a", None]],
            "size": [{"w": 1, "h": {"x": 2.5}}],
            "map": pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())),
            "kind": pa.array(["a"]).dictionary_encode(),
            "none": pa.nulls(1),
        },
    )
    (row,) = source.rows([path])
    assert isinstance(row, dict)
    assert row.pop("nanos") == datetime(2023, 11, 14, 22, 13, 20, 123456, UTC)
    assert row == {
        "text": "\ufffdx", "bad": "/w==", "bytes": "caf\xe9", "image": "iVBORw==", "float": None,
        "when": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "day": datetime(2026, 1, 2, tzinfo=UTC), "time": "03:04:00",
        "long": 60.0, "price": 12.5, "count": 3, "tags": ["a", None], "size": {"w": 1, "h": {"x": 2.5}},
        "map": {"k": 1}, "kind": "a", "none": None,
    }  # fmt: skip
    json.dumps(row, default=str)


def test_a_parquet_that_is_none_is_told(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="lists in parquet need pyarrow")
    (tmp_path / "a.parquet").write_bytes(b"no parquet at all")
    with pytest.raises(ListError, match=r"^a\.parquet is not parquet: "):
        source.columns(tmp_path / "a.parquet")


def test_without_pyarrow_the_cure_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(ListError) as told:
        source.columns(tmp_path / "a.parquet")
    assert str(told.value) == "lists in parquet need pyarrow: pip install 'scraper-jobs[parquet]'"


def test_rows_of_a_row_group_that_cannot_be_read_fail_and_the_next_group_goes_on(tmp_path: Path) -> None:
    path = parquet(
        tmp_path / "a.parquet", {"n": [f"row {n} of it" for n in range(30)]},
        row_group_size=10, compression="gzip", use_dictionary=False,
    )  # fmt: skip
    from pyarrow import parquet as written

    chunk = written.ParquetFile(path).metadata.row_group(1).column(0)
    content = bytearray(path.read_bytes())
    at = chunk.data_page_offset + chunk.total_compressed_size // 2
    content[at : at + 20] = b"\xff" * 20
    path.write_bytes(content)
    rows = list(source.rows([path]))
    assert [isinstance(row, Broken) for row in rows] == [10 <= n < 20 for n in range(30)]
    assert [row for row in source.rows([path], 15) if isinstance(row, dict)] == rows[20:]
    assert len(list(source.rows([path], 15))) == 15


# -- where reading goes on ---------------------------------------------------------------------------------

TEXTS = {
    "a.txt": "# x\n1\n\n2\n3\n",
    "b.csv": 'n\n"4\n."\n5\n"6\n7\n',
    "c.jsonl": '{"n": 8}\n\n[9]\n{"n": 10}\n',
    "d.txt.gz": gzip.compress(b"11\n" * 9)[:-9],
}


@pytest.mark.parametrize("done", range(22))
def test_rows_that_are_done_are_passed_over_in_every_format(done: int, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in TEXTS]
    for path, text in zip(paths, TEXTS.values(), strict=True):
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    paths.insert(2, parquet(tmp_path / "e.parquet", {"n": [1, 2, 3, 4, 5]}, row_group_size=2))
    rows = list(source.rows(paths))
    assert list(source.rows(paths, done)) == rows[done:]


@given(st.text(st.sampled_from("ab\n\r \x85\u2028"), max_size=40), st.integers(1, 8))
def test_lines_are_those_that_newlines_part(text: str, block: int) -> None:
    import io

    file = io.TextIOWrapper(io.BytesIO(text.encode()), "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "BLOCK", block)
        found = list(lines.lines(file))
    expected = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert found == (expected if expected[-1] else expected[:-1])


def test_a_line_that_is_too_long_costs_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "BLOCK", 4)
    monkeypatch.setattr(lines, "LONGEST", 10)
    (tmp_path / "a.txt").write_text("one\n" + "x" * 50 + "\ntwo\nthree\n" + "y" * 30)
    told = Broken("it is longer than 10 characters")
    assert list(source.rows([tmp_path / "a.txt"])) == [{"line": "one"}, told, {"line": "two"}, {"line": "three"}, told]
