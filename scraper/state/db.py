"""The SQLite file below the ledger. Owns sqlite3.

One connection, one lock, so one writer: whoever holds `transaction()` has the
ledger for itself. WAL with synchronous=NORMAL: a killed process loses nothing that
was committed; a power cut may lose the last commits, never the file's integrity
(sqlite.org/wal.html, section 2 and pragma synchronous).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from scraper.errors import DiskError, LedgerError
from scraper.files import naming
from scraper.files.refusals import refusal_told
from scraper.state import codec, schema

Row = sqlite3.Row
_FULL = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN})
_HELD = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
WAIT = 30.0
"""Seconds for whoever else writes to the file (a shell, a backup) to finish."""
_PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = NORMAL",
    "foreign_keys = OFF",
    "cache_size = -1000",  # KiB: what is far apart is gathered before it is written (marks.py); memory stays flat
    "wal_autocheckpoint = 4000",  # pages, 16 MB: a page that many batches touch is written back once for them all
    "journal_size_limit = 67108864",  # the log shrinks again after a large transaction
)
_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "key_mark": codec.key_mark,
    "path_mark": lambda path: codec.fold_mark(naming.fold(path)),
    "fold_mark": codec.fold_mark,
    "part_name": lambda path: path and naming.part_name(path),
    "from_hex": lambda digits: digits and bytes.fromhex(digits),
}
"""What a migration asks for and SQL has not."""


class Database:
    """The open file.

    Args:
        read_only: to be asked and not changed; it must be there.

    Attributes:
        commits: how often something may have been committed.
        rollbacks: how often a transaction was undone: what is kept in memory beside the file may be stale then.

    Raises:
        LedgerError: the file is of a later version, damaged, no ledger, or held by another program.
        DiskError: it cannot be written.
    """

    def __init__(self, path: Path | str, *, read_only: bool = False) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._path = path
        self._syncing = threading.Lock()
        self._synced = 0
        self.commits = 0
        self.rollbacks = 0
        self.is_read_only = read_only
        with _told(path):
            self._connection = _opened_to_read(Path(path)) if read_only else _opened(str(path))
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    @classmethod
    @contextlib.contextmanager
    def reading(cls, path: Path) -> Iterator[Database]:
        """The ledger as it is now, also while a run writes it: what is asked of it is answered as of one moment.

        Nothing is written: a ledger of an earlier version is copied, and the copy brought up; so is one whose log
        SQLite would not read where it lies.

        Raises:
            LedgerError: as for any.
        """
        if not _has_bare_log(path):
            with contextlib.closing(cls(path, read_only=True)) as db:
                if db.value("PRAGMA user_version") == schema.VERSION:
                    db.execute("BEGIN")
                    yield db
                    return
        with tempfile.TemporaryDirectory(prefix="scraper-") as folder:
            copy = Path(folder, "ledger.db")
            cls.copy(path, copy)
            with contextlib.closing(cls(copy)) as db:
                yield db

    @staticmethod
    def copy(source: Path, goal: Path) -> None:
        """A copy of a ledger as it is now, also while another process writes it; nothing where there is none."""
        if not source.is_file():
            return
        if _has_bare_log(source):
            with refusal_told(goal):
                shutil.copyfile(source, goal)
                shutil.copyfile(_log_of(source), _log_of(goal))
            return
        # Where no log stands beside it nobody has it open, and `immutable` keeps SQLite from making one.
        mode = "mode=ro" if _log_of(source).exists() else "immutable=1"
        uri = f"{source.resolve().as_uri()}?{mode}"
        with (
            _told(source),
            contextlib.closing(sqlite3.connect(uri, uri=True)) as old,
            contextlib.closing(sqlite3.connect(goal)) as new,
        ):
            old.backup(new)

    def _prepare(self) -> None:
        self._connection.row_factory = sqlite3.Row
        if self.is_read_only:
            self._check_version()
            return
        for pragma in _PRAGMAS:
            self._connection.execute(f"PRAGMA {pragma}")
        self._migrate()

    def _check_version(self) -> int:
        version = int(self._connection.execute("PRAGMA user_version").fetchone()[0])
        if version > schema.VERSION:
            raise LedgerError(f"{self._path}: written by a later version of scraper (ledger {version})")
        return version

    def _migrate(self) -> None:
        version = self._check_version()
        for name, function in _FUNCTIONS.items():
            self._connection.create_function(name, 1, function, deterministic=True)
        steps = enumerate(schema.MIGRATIONS[version:], version + 1) if version else [(schema.VERSION, schema.NEW)]
        for number, step in steps:
            self._connection.executescript(f"BEGIN IMMEDIATE; {step}; PRAGMA user_version = {number}; COMMIT;")

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Database]:
        """All or nothing; one inside another is part of it."""
        with self._lock, _told(self._path):
            if self._depth:
                yield self
                return
            self._connection.execute("BEGIN IMMEDIATE")
            self._depth = 1
            try:
                yield self
                self._connection.execute("COMMIT")
                self.commits += 1
            except BaseException:
                self._roll_back()
                raise
            finally:
                self._depth = 0

    def _roll_back(self) -> None:
        """After some errors (a full disk) SQLite has rolled back by itself, after a commit that failed it has not."""
        self.rollbacks += 1
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else reads or writes meanwhile; for counts that are kept beside the file."""
        with self._lock:
            yield

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        """One statement."""
        with self._lock, _told(self._path):
            cursor = self._connection.execute(sql, values)
            self.commits += not self._depth
            return cursor

    def many(self, sql: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """One statement for many rows."""
        if rows == []:
            return
        with self._lock, _told(self._path):
            self._connection.executemany(sql, rows)

    def rows(self, sql: str, *values: Any) -> list[Row]:
        """All rows of a query."""
        with self._lock, _told(self._path):
            return self._connection.execute(sql, values).fetchall()

    def tuples(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """All rows of a query as plain tuples: for many rows."""
        with self._lock, _told(self._path):
            cursor = self._connection.cursor()
            cursor.row_factory = None
            return cursor.execute(sql, values).fetchall()

    def row(self, sql: str, *values: Any) -> Row | None:
        """The first row of a query, or None."""
        with self._lock, _told(self._path):
            found: Row | None = self._connection.execute(sql, values).fetchone()
            return found

    def value(self, sql: str, *values: Any) -> Any:
        """The first value of the first row, or None."""
        found = self.row(sql, *values)
        return None if found is None else found[0]

    def stream(self, sql: str, *values: Any, size: int = 500) -> Iterator[Row]:
        """The rows of a query a batch at a time; the ledger must not change meanwhile."""
        cursor = self.execute(sql, *values)
        while batch := cursor.fetchmany(size):
            yield from batch

    def sync(self, upto: int | None = None) -> None:
        """What was committed survives loss of power; of all that, or of the first `upto` commits.

        That is what synchronous=FULL would do at each commit (sqlite.org/wal.html, section 2.2: a commit is written
        to the log, NORMAL leaves out its sync). Here the log is synced beside the lock, so that nobody who reads or
        writes waits for the disk meanwhile, and once for all who wait.

        Raises:
            DiskError: the disk refuses.
        """
        upto = self.commits if upto is None else upto
        with self._syncing:
            if self._synced < upto:
                done = self.commits
                with refusal_told(self._path), contextlib.suppress(FileNotFoundError):  # all of it is in the file
                    log = os.open(f"{self._path}-wal", os.O_RDONLY | os.O_CLOEXEC)
                    try:
                        os.fsync(log)
                    finally:
                        os.close(log)
                self._synced = done

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._connection.close()


def _opened(path: str, **how: Any) -> sqlite3.Connection:
    connection: sqlite3.Connection
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=WAIT, **how)
    return connection


def _opened_to_read(path: Path) -> sqlite3.Connection:
    """A connection that changes nothing.

    Not `mode=ro`, which leaves its files beside a ledger that nobody else has open; where the folder cannot be
    written there is nobody who writes, and `immutable` needs none of them.
    """
    uri = path.resolve().as_uri()
    connection = _opened(f"{uri}?mode=rw", uri=True)
    try:
        connection.execute("PRAGMA query_only = ON")
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        return connection
    except sqlite3.OperationalError as error:
        connection.close()
        if getattr(error, "sqlite_errorcode", 0) & 0xFF not in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
            raise
        return _opened(f"{uri}?immutable=1", uri=True)


def _log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def _has_bare_log(path: Path) -> bool:
    """Whether what a run committed last lies in a log whose index is missing, and where none can be made.

    So does a copy of a folder on a read-only medium; `immutable` would pass the log over.
    """
    log = _log_of(path)
    has_log = log.is_file() and log.stat().st_size > 0
    return has_log and not path.with_name(f"{path.name}-shm").exists() and not os.access(path.parent, os.W_OK)


@contextlib.contextmanager
def _told(path: Path | str) -> Iterator[None]:
    """A full disk stops the run; a file that is damaged or held is told; any other error of SQLite is a bug."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # without what the extended codes add
        if code in _FULL:
            raise DiskError(f"{path}: {error}") from error
        if code in _HELD:
            raise LedgerError(f"{path}: another program writes to it since {WAIT:.0f} s; end that first") from error
        if code in _DAMAGED:
            raise LedgerError(f"{path}: {error}; move it away and run again: files that are there stay") from error
        raise
