"""The file below the ledger: one writer, all or nothing, and what is told of a file that cannot be used."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from scraper.cli.main import cli
from scraper.errors import DiskError, Exit, LedgerError
from scraper.state import db as module
from scraper.state import schema
from scraper.state.db import Database

INSERT = "INSERT INTO hosts (text) VALUES (?)"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def db(path: Path) -> Iterator[Database]:
    database = Database(path)
    yield database
    database.close()


def shell(path: Path) -> sqlite3.Connection:
    """Somebody else's look into the file."""
    return sqlite3.connect(path, isolation_level=None, timeout=0)


def texts(path: Path) -> list[str]:
    """What is committed."""
    with closing(shell(path)) as other:
        return [text for (text,) in other.execute("SELECT text FROM hosts ORDER BY text")]


# -- transactions ----------------------------------------------------------------------------------------


def test_a_transaction_is_seen_when_it_ends(db: Database, path: Path) -> None:
    with db.transaction():
        db.execute(INSERT, "a")
        assert texts(path) == []
    assert texts(path) == ["a"]


def test_one_inside_another_is_part_of_it(db: Database, path: Path) -> None:
    with db.transaction():
        with db.transaction():
            db.execute(INSERT, "inner")
        assert texts(path) == []
    assert texts(path) == ["inner"]


def test_an_error_inside_rolls_back_the_whole_and_the_next_one_works(db: Database, path: Path) -> None:
    def fail() -> None:
        with db.transaction():
            db.execute(INSERT, "outer")
            with db.transaction():
                db.execute(INSERT, "inner")
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with db.transaction():
        db.execute(INSERT, "next")
    assert texts(path) == ["next"]


def test_threads_write_one_after_the_other(db: Database, path: Path) -> None:
    def write(name: str) -> None:
        for number in range(50):
            with db.transaction():
                db.execute(INSERT, f"{name}-{number}-first")
                db.execute(INSERT, f"{name}-{number}-second")

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(texts(path)) == 400


def test_a_thread_sees_nothing_half(db: Database) -> None:
    seen = set()
    done = threading.Event()

    def write() -> None:
        for number in range(100):
            with db.transaction():
                db.execute(INSERT, f"{number}-first")
                db.execute(INSERT, f"{number}-second")
        done.set()

    thread = threading.Thread(target=write)
    thread.start()
    is_over = False
    while not is_over:
        is_over = done.is_set()
        seen.add(db.value("SELECT count(*) FROM hosts") % 2)
    thread.join()
    assert seen == {0}


# -- no room ---------------------------------------------------------------------------------------------


def test_a_full_disk_is_told_and_nothing_half_is_kept(db: Database, path: Path) -> None:
    db.execute(f"PRAGMA max_page_count = {db.value('PRAGMA page_count')}")
    with pytest.raises(DiskError, match="full"), db.transaction():
        db.many(INSERT, ((f"{number:0100}",) for number in range(10_000)))
    assert texts(path) == []
    db.execute("PRAGMA max_page_count = 10000")
    with db.transaction():
        db.execute(INSERT, "after")
    assert texts(path) == ["after"]
    assert db.value("PRAGMA integrity_check") == "ok"


class Refusing:
    """A connection whose next commit finds no room, and leaves the transaction open as SQLite does."""

    def __init__(self, real: sqlite3.Connection) -> None:
        self._real = real
        self._is_full = True

    def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
        if sql == "COMMIT" and self._is_full:
            self._is_full = False
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        return self._real.execute(sql, *values)

    @property
    def in_transaction(self) -> bool:
        return self._real.in_transaction

    def close(self) -> None:
        self._real.close()


def test_a_commit_that_fails_is_rolled_back_and_the_next_one_works(
    db: Database, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "_connection", Refusing(db._connection))
    with pytest.raises(DiskError), db.transaction():
        db.execute(INSERT, "lost")
    with db.transaction():
        db.execute(INSERT, "kept")
    assert texts(path) == ["kept"]


# -- other programs --------------------------------------------------------------------------------------


def test_somebody_who_reads_the_file_hinders_no_writer(db: Database, path: Path) -> None:
    db.execute(INSERT, "before")
    with closing(shell(path)) as other:
        other.execute("BEGIN")
        assert other.execute("SELECT count(*) FROM hosts").fetchone() == (1,)
        with db.transaction():
            db.execute(INSERT, "meanwhile")
        assert other.execute("SELECT count(*) FROM hosts").fetchone() == (1,)
    assert texts(path) == ["before", "meanwhile"]


@pytest.mark.parametrize("version", [schema.VERSION, schema.VERSION - 1])
def test_a_log_without_its_index_is_read_where_nothing_can_be_written(
    version: int, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "copied while a run was under way"
    folder.mkdir()
    with closing(shell(path)) as db:
        steps = ";".join(schema.MIGRATIONS[:version]) if version < schema.VERSION else schema.NEW
        for name, function in module._FUNCTIONS.items():
            db.create_function(name, 1, function, deterministic=True)
        db.executescript(f"{steps}; PRAGMA user_version = {version}; PRAGMA journal_mode = WAL")
        db.execute(INSERT, ("in the log",))
        for each in (path, Path(f"{path}-wal")):
            shutil.copy(each, folder)
    before = {each.name: each.read_bytes() for each in folder.iterdir()}
    monkeypatch.setattr(os, "access", lambda *_: False)
    with Database.reading(folder / path.name) as found:
        assert found.value("SELECT text FROM hosts") == "in the log"
    assert {each.name: each.read_bytes() for each in folder.iterdir()} == before


def test_somebody_who_writes_and_does_not_end_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAIT", 0.0)
    with closing(Database(path)) as db, closing(shell(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match="another program writes to it"), db.transaction():
            pass
        other.execute("ROLLBACK")
        db.execute(INSERT, "after")
    assert texts(path) == ["after"]


# -- versions and damage ---------------------------------------------------------------------------------


def test_an_empty_file_becomes_a_ledger_of_the_newest_version(path: Path) -> None:
    path.touch()
    with closing(Database(path)) as db:
        assert db.value("PRAGMA user_version") == schema.VERSION == len(schema.MIGRATIONS)
        assert db.value("PRAGMA journal_mode") == "wal"


def test_a_ledger_is_opened_again_as_it_is(path: Path) -> None:
    for _ in range(2):
        with closing(Database(path)) as db:
            db.execute("INSERT OR IGNORE INTO hosts (text) VALUES ('a')")
    assert texts(path) == ["a"]


def test_a_step_that_fails_leaves_the_version_before_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Database(path).close()
    steps = (*schema.MIGRATIONS, "CREATE TABLE more (a); CREATE TABLE more (b)")
    monkeypatch.setattr(schema, "MIGRATIONS", steps)
    monkeypatch.setattr(schema, "VERSION", len(steps))
    with pytest.raises(sqlite3.OperationalError):
        Database(path)
    with closing(shell(path)) as other:
        assert other.execute("PRAGMA user_version").fetchone() == (len(steps) - 1,)
        assert other.execute("SELECT count(*) FROM sqlite_master WHERE name = 'more'").fetchone() == (0,)


def later(path: Path) -> None:
    with closing(shell(path)) as other:
        other.execute(f"PRAGMA user_version = {schema.VERSION + 1}")


def garbled(path: Path) -> None:
    path.write_bytes(b"this is no ledger at all" * 1000)


def torn(path: Path) -> None:
    whole = bytearray(path.read_bytes())
    whole[100:8192] = b"\xff" * 8092
    path.write_bytes(whole)


DAMAGE = [(later, "later version"), (garbled, "not a database"), (torn, "malformed")]


@pytest.mark.parametrize(("damage", "message"), DAMAGE)
def test_a_ledger_that_cannot_be_used_is_told(damage: Callable[[Path], None], message: str, path: Path) -> None:
    Database(path).close()
    damage(path)
    before = path.read_bytes()
    with pytest.raises(LedgerError, match=message) as told:
        Database(path)
    assert str(path) in str(told.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize(("damage", "message"), DAMAGE)
def test_the_command_line_tells_it_in_a_line(
    damage: Callable[[Path], None], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "out" / ".scraper"
    folder.mkdir(parents=True)
    Database(folder / "ledger.db").close()
    damage(folder / "ledger.db")
    assert cli(["get", "http://127.0.0.1:9/x", "-d", str(tmp_path / "out")]) == Exit.BUG
    told = capsys.readouterr().err
    assert message in told
    assert len(told.splitlines()) == 1


def test_a_ledger_in_a_folder_that_is_none_is_the_disks_refusal(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match="unable to open"):
        Database(tmp_path / "missing" / "ledger.db")
