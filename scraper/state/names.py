"""Which file bears which name: reserved before the first byte, the same in every run (DESIGN 4.6).

A name belongs to a file's key and the path template it was rendered from; while
neither changes it holds, whatever the item's fields say later. `fold` is how file
systems that fold case or normalise would see it: no two files share a fold, and no
file's fold is a folder's. The first comer keeps the bare name, others get `~` and
hex digits of their key's digest. All of it happens inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from scraper.files import naming
from scraper.state.db import Database

IsFolder = Callable[[str], bool]
"""Whether a folder stands on the disk under a path."""


@dataclass(frozen=True, slots=True)
class Name:
    """A reserved name; `complete` is off while only the response can tell its extension."""

    path: str
    complete: bool


def reserve(db: Database, run: str, key: str, template: str, path: str, is_folder: IsFolder) -> Name:
    """The name of a file: the one it has, or a new one made from its rendered `path`."""
    kept = db.row("SELECT path, complete FROM names WHERE key = ? AND template = ?", key, template)
    if kept is not None:
        return Name(kept["path"], bool(kept["complete"]))
    is_complete = not naming.is_open(path)
    bare = path if is_complete else naming.without_mark(path)
    return Name(_take(db, run, key, template, bare, is_complete, is_folder), is_complete)


def complete(db: Database, run: str, key: str, template: str, path: str, is_folder: IsFolder) -> str:
    """Gives a file its whole name, or another one, instead of what it had; whoever calls moves the file."""
    kept = db.row("SELECT fold, path FROM names WHERE key = ? AND template = ?", key, template)
    if kept is not None:
        db.execute("DELETE FROM names WHERE fold = ?", kept["fold"])
    return _take(db, run, key, template, path, True, is_folder)


def _take(db: Database, run: str, key: str, template: str, bare: str, is_complete: bool, is_folder: IsFolder) -> str:
    for digits in count(0, 4):
        path = naming.distinct(bare, key, digits + 4) if digits else bare
        path = _beside_files(db, path)
        fold = naming.fold(path)
        if _is_free(db, fold) and not is_folder(path):
            break
    db.execute(
        "INSERT INTO names (fold, path, key, template, complete, run) VALUES (?, ?, ?, ?, ?, ?)",
        fold, path, key, template, is_complete, run,
    )  # fmt: skip
    db.many("INSERT OR IGNORE INTO folders VALUES (?)", [(each,) for each in _parents(fold)])
    return path


def _is_free(db: Database, fold: str) -> bool:
    return (
        db.value("SELECT 1 FROM names WHERE fold = ?", fold) is None
        and db.value("SELECT 1 FROM folders WHERE fold = ?", fold) is None
    )


def _beside_files(db: Database, path: str) -> str:
    """A folder of the path that is another file's name gets `~` and digits too."""
    *folders, name = path.split("/")
    made: list[str] = []
    for folder in folders:
        above = "/".join([*made, folder])
        taken = db.value("SELECT 1 FROM names WHERE fold = ?", naming.fold(above)) is not None
        made.append(naming.distinct(folder, above) if taken else folder)
    return "/".join([*made, name])


def _parents(fold: str) -> list[str]:
    parts = fold.split("/")[:-1]
    return ["/".join(parts[: at + 1]) for at in range(len(parts))]
