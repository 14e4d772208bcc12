"""A ledger that is asked and not changed, also while somebody writes it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from scraper.errors import DiskError, LedgerError
from scraper.state import schema
from scraper.state.db import Database

INSERT = "INSERT INTO hosts (text) VALUES (?)"
HOSTS = "SELECT text FROM hosts ORDER BY text"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger that knows one host and that nobody has open."""
    path = tmp_path / "ledger.db"
    with closing(Database(path)) as db:
        db.execute(INSERT, "a")
    return path


def test_it_is_answered_as_of_one_moment_while_another_writes(path: Path) -> None:
    with closing(Database(path)) as db, Database.reading(path) as asked:
        before = asked.tuples(HOSTS)
        db.execute(INSERT, "b")
        assert (before, asked.tuples(HOSTS), db.tuples(HOSTS)) == ([("a",)], [("a",)], [("a",), ("b",)])


def test_it_keeps_no_writer_waiting(path: Path) -> None:
    with Database.reading(path) as asked, closing(Database(path)) as db:
        asked.tuples(HOSTS)
        with db.transaction():
            db.execute(INSERT, "b")
        assert db.tuples(HOSTS) == [("a",), ("b",)]


def test_nothing_can_be_written_through_it(path: Path) -> None:
    with Database.reading(path) as asked, pytest.raises(DiskError, match="readonly"):
        asked.execute(INSERT, "b")


def test_nothing_is_left_beside_it(path: Path) -> None:
    before = path.read_bytes()
    with Database.reading(path) as asked:
        asked.tuples(HOSTS)
    assert ([each.name for each in path.parent.iterdir()], path.read_bytes()) == (["ledger.db"], before)


def test_what_a_killed_process_left_in_the_log_is_read(path: Path, tmp_path: Path) -> None:
    killed = tmp_path / "killed"
    killed.mkdir()
    with closing(Database(path)) as db:
        db.execute(INSERT, "b")
        for each in path.parent.glob("ledger.db*"):
            (killed / each.name).write_bytes(each.read_bytes())
    with Database.reading(killed / "ledger.db") as asked:
        assert asked.tuples(HOSTS) == [("a",), ("b",)]


def test_one_of_an_earlier_version_is_brought_up_in_a_copy(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        old.executescript(f"BEGIN; {schema.MIGRATIONS[0]}; PRAGMA user_version = 1; COMMIT;")
    before = path.read_bytes()
    with Database.reading(path) as asked:
        assert (asked.value("PRAGMA user_version"), asked.tuples(HOSTS)) == (schema.VERSION, [])
    assert path.read_bytes() == before


def test_one_of_a_later_version_is_refused(path: Path) -> None:
    with closing(sqlite3.connect(path)) as later:
        later.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    with pytest.raises(LedgerError, match="written by a later version"), Database.reading(path):
        pass


def test_a_file_that_is_no_ledger_is_told(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(LedgerError, match="not a database"), Database.reading(path):
        pass
