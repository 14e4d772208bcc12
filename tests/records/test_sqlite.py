"""records.sqlite: one table that SQL can ask."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from scraper.records import sqlite


@pytest.fixture
def made(tmp_path):
    """`made(names, *records)`: names and rows of the table, as sqlite3 reads them."""

    def make(names, *records):
        data = b"".join(sqlite.pieces(names, iter(records), tmp_path / "scratch"))
        assert list(tmp_path.iterdir()) == []
        path = tmp_path / "records.sqlite"
        path.write_bytes(data)
        with closing(sqlite3.connect(path)) as db:
            cursor = db.execute("SELECT * FROM records")
            return [column for column, *_ in cursor.description], cursor.fetchall()

    return make


def test_values_are_what_they_are(made):
    record = {"a": "x", "b": 1, "c": 0.5, "d": True, "e": None, "f": ["ü"], "g": 2**70, "h": "n\0\ud800"}
    assert made(list(record), record) == (
        list(record),
        [("x", 1, 0.5, 1, None, '["ü"]', str(2**70), "n\ufffd\ufffd")],
    )


def test_a_table_stands_where_there_are_no_records(made):
    assert made(["a", "_key"]) == (["a", "_key"], [])


def test_names_that_sqlite_takes_for_the_same_are_told_apart(made):
    record = {"Title": 1, "title": 2, "title_2": 3, 'a"b': 4, "": 5, "É": 6, "é": 7}
    assert made(list(record), record) == (
        ["Title", "title_2", "title_2_2", 'a"b', "", "É", "é"],
        [(1, 2, 3, 4, 5, 6, 7)],
    )


def test_columns_beyond_what_sqlite_takes_stand_as_json(made):
    names = [f"c{at}" for at in range(sqlite.MOST + 2)]
    columns, (row,) = made(names, {"c0": 1, names[-1]: "x"})
    assert (columns[-1], row[0], row[-1]) == ("_more", 1, f'{{"{names[-1]}": "x"}}')


def test_what_a_killed_run_left_in_its_place_is_overwritten(made, tmp_path):
    (tmp_path / "scratch").write_bytes(b"half of a database")
    assert made(["a"], {"a": 1}) == (["a"], [(1,)])


def test_a_place_that_cannot_be_written_is_the_disks_refusal(tmp_path):
    with pytest.raises(sqlite.DiskError):
        list(sqlite.pieces(["a"], [], tmp_path / "missing" / "scratch"))
