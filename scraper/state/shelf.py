"""Files that lie somewhere already, and which files of a run each of them may be; in temporary tables.

    note -> bar -> want -> candidates        each file noted; those that a name of the ledger fits by its whole path;
                                             how many files of the run each is wanted for by its last name; then asked

A file that lies where a name of the ledger says is that file and no other. By its last name alone it is taken only
for the one file of the run that asks for it, and only where no other one is called so. Names are compared folded, as
file systems may have folded them. Memory is flat: millions of files may lie there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple
from urllib.parse import unquote

from scraper.files import naming
from scraper.state import codec
from scraper.state.db import Database

FREE, HALF_NAMED, NAMED, TAKEN, REFUSED = range(5)
_TABLES = (
    "CREATE TEMP TABLE shelf (id INTEGER PRIMARY KEY, path TEXT NOT NULL, fold TEXT NOT NULL, place TEXT NOT NULL,"
    " name TEXT NOT NULL, stem TEXT NOT NULL, bytes INTEGER NOT NULL, state INTEGER NOT NULL DEFAULT 0,"
    " wanted INTEGER NOT NULL DEFAULT 0)",
    *(f"CREATE INDEX temp.shelf_{column} ON shelf ({column})" for column in ("fold", "place", "name", "stem")),
)
_NOTE = "INSERT INTO shelf (path, fold, place, name, stem, bytes) VALUES (?, ?, ?, ?, ?, ?)"
_BAR = {
    NAMED: "UPDATE shelf SET state = 2 WHERE fold IN (SELECT value FROM json_each(?)) AND state < 2",
    HALF_NAMED: "UPDATE shelf SET state = 1 WHERE place IN (SELECT value FROM json_each(?)) AND state = 0",
    TAKEN: "UPDATE shelf SET state = 3 WHERE fold IN (SELECT value FROM json_each(?))",
}
_FIND = {
    column: f"SELECT id, path, bytes, state, wanted FROM shelf WHERE {column} = ? AND state < 3 ORDER BY path LIMIT 100"  # noqa: S608 - one of these
    for column in ("fold", "place", "name", "stem")
}
_WANT = "UPDATE shelf SET wanted = wanted + 1 WHERE id IN (SELECT value FROM json_each(?))"
_NAMES = "SELECT id, path, complete FROM names WHERE id > ? AND path IS NOT NULL ORDER BY id LIMIT 1000"
_OF_RUN = (
    "SELECT f.id, n.path, n.complete, coalesce(f.url, n.key) FROM files f JOIN names n ON n.id = f.id & 0xFFFFFFFFFF"
    " WHERE f.id > ?1 AND f.id < ?2 AND (?3 OR f.state = 0) AND n.path IS NOT NULL ORDER BY f.id LIMIT 1000"
)


class Lying(NamedTuple):
    """A file that lies there.

    Attributes:
        state: FREE; or it lies where a name of the ledger says, NAMED, or HALF_NAMED if that has no ending yet.
        wanted: how many files of the run ask for it by its last name.
    """

    id: int
    path: str
    bytes: int
    state: int
    wanted: int


class Shelf:
    """What lies there."""

    def __init__(self, db: Database) -> None:
        self._db = db
        for sql in _TABLES:
            db.execute(sql)

    def note(self, files: Iterable[tuple[str, int]]) -> None:
        """Files by path and size."""
        with self._db.transaction():
            self._db.many(_NOTE, ((path, *_folds(path), size) for path, size in files))

    def bar(self, inside: str | None = None) -> None:
        """Those that lie where a name of the ledger says.

        Args:
            inside: the path of what was noted from the output folder on, if it lies in it: what is a file of the job
                there is no other one's. "": it is the output folder.
        """
        last = 0
        while rows := self._db.tuples(_NAMES, last):
            last = rows[-1][0]
            whole = [naming.fold(path) for _, path, complete in rows if complete]
            self._bar(NAMED, whole)
            self._bar(HALF_NAMED, [naming.fold(path) for _, path, complete in rows if not complete])
            if inside:
                above = naming.fold(inside) + "/"
                self._bar(TAKEN, [path.removeprefix(above) for path in whole if path.startswith(above)])

    def _bar(self, state: int, folds: list[str]) -> None:
        self._db.execute(_BAR[state], codec.dump(folds))

    def want(self, run: int, *, ended: bool = False) -> None:
        """Counts for each how many open files of the run (its number) ask for it by a last name; `ended`: of all."""
        self._db.execute("UPDATE shelf SET wanted = 0 WHERE wanted")
        last = run << 40
        while rows := self._db.tuples(_OF_RUN, last, run + 1 << 40, ended):
            last = rows[-1][0]
            with self._db.transaction():
                for _, path, complete, url in rows:
                    self._want(path, url, complete=bool(complete))

    def _want(self, path: str, url: str, *, complete: bool) -> None:
        if self.by_path(path, complete=complete) is None:
            ids = {each.id for found in self.by_name(path, url, complete=complete) for each in found}
            if ids:
                self._db.execute(_WANT, codec.dump(sorted(ids)))

    def by_path(self, path: str, *, complete: bool) -> Lying | None:
        """What lies under a whole path; under one without its ending, what alone lies there with any."""
        found = self._find("fold" if complete else "place", naming.fold(path))
        found = found if complete else [each for each in found if each.state != NAMED]
        exact = [each for each in found if each.path == path]
        return exact[0] if exact else found[0] if len(found) == 1 else None

    def by_name(self, path: str, url: str, *, complete: bool) -> Iterator[list[Lying]]:
        """What is called as the file is, then as its URL ends; nothing that lies where a name of the ledger says."""
        for column, name in last_names(path, url, complete=complete):
            yield [each for each in self._find(column, name) if each.state == FREE]

    def _find(self, column: str, text: str) -> list[Lying]:
        return [Lying(*row) for row in self._db.tuples(_FIND[column], text)]

    def end(self, lying: Lying, state: int) -> None:
        """It was TAKEN, or REFUSED."""
        self._db.execute("UPDATE shelf SET state = ? WHERE id = ?", state, lying.id)

    def unwanted(self) -> Iterator[str]:
        """Paths of those that no file asked for."""
        last = ""
        while rows := self._db.tuples(
            "SELECT path FROM shelf WHERE state = 0 AND wanted = 0 AND path > ? ORDER BY path LIMIT 1000", last
        ):
            last = rows[-1][0]
            yield from (path for (path,) in rows)

    def unwanted_count(self) -> int:
        """How many these are."""
        return int(self._db.value("SELECT count(*) FROM shelf WHERE state = 0 AND wanted = 0"))


def last_names(path: str, url: str, *, complete: bool) -> Collection[tuple[str, str]]:
    """Column and text by which a file is looked for where its path leads nowhere, each once."""
    own = naming.fold(path.rpartition("/")[2])
    found = [("name" if complete else "stem", own)]
    found += [("name", naming.fold(last)) for last in _ends_of(url)]
    return dict.fromkeys(found)


def _ends_of(url: str) -> Iterator[str]:
    """As programs call what they fetch from a URL: without its query, and with it."""
    tail = url.partition("#")[0].rpartition("/")[2]
    for each in dict.fromkeys((tail.partition("?")[0], tail)):
        if each:
            yield unquote(each, errors="replace")


def _folds(path: str) -> tuple[str, str, str, str]:
    fold = naming.fold(path)
    name = path.rpartition("/")[2]
    cut = len(naming.known_ext(name))
    return fold, naming.fold(path[: len(path) - cut]), naming.fold(name), naming.fold(name[: len(name) - cut])
