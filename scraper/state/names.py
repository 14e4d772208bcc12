"""Which file bears which name: reserved before the first byte, the same in every run (DESIGN 4.6).

A name belongs to a file's key and the path template it was rendered from; while
neither changes it holds, whatever the item's fields say later. `fold` is how file
systems that fold case or normalise would see it: no two files share a fold, and no
file's fold is a folder's. The first comer keeps the bare name, others get `~` and
hex digits of their key's digest. All of it happens inside the caller's transaction.

Names are given one after the other, many in one transaction: what the ledger knows of
their keys and paths is asked at once, what is given is remembered here, and only a
name that collides asks again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import count

from scraper.files import naming
from scraper.state import codec
from scraper.state.db import Database
from scraper.state.marks import FOLDER, Marks, folders_of

IsFolder = Callable[[str], bool]
"""Whether a folder stands on the disk under a path."""
NO_TEMPLATE = 0
"""The template of what bears no path: a line of a list that is no URL, a name that another one took over."""


@dataclass(slots=True)
class Name:
    """A row of `names`; `complete` is off while only the response can tell its extension.

    Attributes:
        newest: whether its template is the one by which its key was named last.
        rank, better: of its file in this run, and of a better path for it; None: there is none.
    """

    id: int
    key: str
    template: int
    path: str | None
    complete: bool
    newest: bool
    run: int
    rank: bytes | None = None
    better: bytes | None = None


_DETAILS = (
    "SELECT n.id, n.key, n.template, n.path, n.complete, n.newest, n.run, f.rank, b.rank"
    " FROM json_each(?2) j CROSS JOIN names n ON n.id = j.value"
    " LEFT JOIN files f ON f.id = ?1 << 40 | n.id LEFT JOIN better b ON b.file = f.id"
)

_INSERT = "INSERT INTO names (id, key, template, path, complete, newest, run) VALUES (?, ?, ?, ?, ?, ?, ?)"
_INSERT_PLAIN = "INSERT INTO names (id, key, template, path, complete, newest, run) VALUES (?, ?, ?, ?, 1, 1, ?)"
_MOVE = "UPDATE names SET path = ?, template = ?, complete = 1, run = ? WHERE id = ?"
_RETIRE = "UPDATE names SET template = ?, newest = 0, path = (SELECT path FROM names WHERE id = ?) WHERE id = ?"


class Reservations:
    """The names of one transaction. `write` puts the new ones into the ledger."""

    def __init__(self, db: Database, marks: Marks, run: int, is_folder: IsFolder) -> None:
        self._db = db
        self._marks = marks
        self._run = run
        self._is_folder = is_folder
        self._names: dict[str, list[Name]] = {}
        self._plain: dict[str, tuple[int, int, str, bytes]] = {}
        self._key_marks: dict[str, int] = {}
        self._fold_marks: dict[str, int] = {}
        self._files: set[str] = set()
        self._folders: set[str] = set()
        self._freed: set[str] = set()
        self._new: list[Name] = []
        self._plain_rows: list[tuple[int, str, int, str, int]] = []
        self._pairs: list[tuple[int, int]] = []
        self._now_newest: list[tuple[bool, int]] = []
        self._retired: list[tuple[int, int, int]] = []
        self._moved: list[tuple[Name, list[tuple[int, int]]]] = []
        self._last: int | None = None

    def ask_keys(self, keys: Iterable[str]) -> None:
        """What the ledger knows of these keys."""
        marks = {key: codec.key_mark(key) for key in keys if key not in self._key_marks}
        self._key_marks |= marks
        for name in self._details({name for _, name in self._marks.find(marks.values())}):
            if name.key in marks:
                self._names.setdefault(name.key, []).append(name)

    def ask_folds(self, folds: Iterable[str]) -> None:
        """Who bears these folded paths, and the folders that hold them."""
        marks: dict[str, int] = {}
        known = self._fold_marks
        for fold in folds:
            for each in (fold, *folders_of(fold)) if "/" in fold else (fold,):
                if each not in known:
                    known[each] = marks[each] = codec.fold_mark(each)
        found = self._marks.find(marks.values())
        of_folders = {mark for mark, name in found if name == FOLDER}
        if of_folders:
            self._folders.update(fold for fold, mark in marks.items() if mark in of_folders)
        names = self._details({name for _, name in found if name != FOLDER})
        borne = {naming.fold(each.path) for each in names if each.path is not None}
        self._files |= borne - self._freed

    def _details(self, names: set[int]) -> list[Name]:
        rows = self._db.tuples(_DETAILS, self._run, repr(sorted(names))) if names else []
        return [Name(*row) for row in rows]

    def knows(self, key: str) -> bool:
        """Whether a key that was asked has names."""
        return key in self._names or key in self._plain

    def of(self, key: str) -> list[Name]:
        """The names of a key that was asked: one for each template that it was found by."""
        if key in self._plain:
            name, template, path, rank = self._plain.pop(key)
            self._names[key] = [Name(name, key, template, path, True, True, self._run, rank)]
        return self._names.get(key) or []

    def new_plain(self, key: str, fold: str, template: int, path: str, rank: bytes) -> int | None:
        """What `new` and `use` do for a file whose key is new and whose whole path is free, as most are: the name.

        None: it is another case. Whoever calls has seen that nothing stands on the disk under the path.
        """
        if key in self._names or key in self._plain or fold in self._files or fold in self._folders:
            return None
        if "/" in fold:
            above = fold.rpartition("/")[0]
            if above not in self._folders or above in self._files:
                return None
        name = self._next_id()
        self._plain[key] = (name, template, path, rank)
        self._files.add(fold)
        self._plain_rows.append((name, key, template, path, self._run))
        self._pairs.append((self._key_marks[key], name))
        self._pairs.append((self._fold_marks[fold], name))
        return name

    def new(self, key: str, template: int, path: str | None, *, complete: bool) -> Name:
        """A new name for a key that was asked, made from its rendered path; None: one that bears no path."""
        name = Name(self._next_id(), key, template, path, complete, False, self._run)
        self._pairs.append((self._key_marks[key], name.id))
        if path is not None:
            name.path, pairs = self._take(name.id, key, path)
            self._pairs += pairs
        self._new.append(name)
        self._names.setdefault(key, []).append(name)
        return name

    def _next_id(self) -> int:
        if self._last is None:
            self._last = self._db.value("SELECT max(id) FROM names") or 0
        self._last += 1
        return self._last

    def use(self, name: Name) -> None:
        """The template of this name is now the one by which its key was named last."""
        for other in self.of(name.key):
            is_newest = other is name
            if other.newest != is_newest:
                other.newest = is_newest
                self._now_newest.append((is_newest, other.id))

    def retire(self, name: Name, template: int) -> None:
        """Where the key of `name` has another name by this template, its path is free, and it bears `name`'s."""
        for other in self.of(name.key):
            if other.template == template and other.id != name.id and other.path is not None:
                self._free(naming.fold(other.path))
                self._retired.append((NO_TEMPLATE, name.id, other.id))

    def rename(self, name: Name, template: int, path: str) -> str:
        """Gives a file its whole name, or another one, instead of what it had; whoever calls moves the file."""
        assert name.path is not None, "a name with a path"
        self._free(naming.fold(name.path))
        name.path, pairs = self._take(name.id, name.key, path)
        name.template, name.complete, name.run = template, True, self._run
        self._moved.append((name, pairs))
        return name.path

    def write(self) -> None:
        """Puts what is new into the ledger."""
        self._db.many(_INSERT_PLAIN, self._plain_rows)
        self._db.many(
            _INSERT,
            [(each.id, each.key, each.template, each.path, each.complete, each.newest, each.run) for each in self._new],
        )
        self._db.many("UPDATE names SET newest = ? WHERE id = ?", self._now_newest)
        self._db.many(_MOVE, [(name.path, name.template, name.run, name.id) for name, _ in self._moved])
        self._db.many(_RETIRE, self._retired)
        self._marks.add(self._pairs)
        for name, pairs in self._moved:
            self._marks.move(name.id, pairs)
        for each in (self._new, self._plain_rows, self._pairs, self._now_newest, self._retired, self._moved):
            each.clear()
        self._marks.settle()

    def _take(self, name: int, key: str, bare: str) -> tuple[str, list[tuple[int, int]]]:
        """The first path that is free, and the marks that it brings."""
        for digits in count(0, 4):
            path = naming.distinct(bare, key, digits + 4) if digits else bare
            path = self._beside_files(path)
            fold = naming.fold(path)
            if self._is_free(fold) and not self._is_folder(path):
                break
        self._files.add(fold)
        self._freed.discard(fold)
        above = [each for each in folders_of(fold) if each not in self._folders]
        self._folders.update(above)
        return path, [(self._fold_marks[fold], name), *((self._fold_marks[each], FOLDER) for each in above)]

    def _free(self, fold: str) -> None:
        """Nobody bears this path any more, though the ledger will still say so until `write`."""
        self._files.discard(fold)
        self._freed.add(fold)

    def _is_free(self, fold: str) -> bool:
        self._know(fold)
        return fold not in self._files and fold not in self._folders

    def _know(self, fold: str) -> None:
        if fold not in self._fold_marks:
            self.ask_folds((fold,))

    def _beside_files(self, path: str) -> str:
        """A folder of the path that is another file's name gets `~` and digits too."""
        if "/" not in path:
            return path
        *folders, name = path.split("/")
        made: list[str] = []
        for folder in folders:
            above = "/".join([*made, folder])
            fold = naming.fold(above)
            self._know(fold)
            made.append(naming.distinct(folder, above) if fold in self._files else folder)
        return "/".join([*made, name])
