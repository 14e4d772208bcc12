"""Forgetting: what the ledger knows of some URLs, files and items goes, so that the next run takes them for new.

First the files on the disk, where they are to be deleted, then the pages as they were kept, then the ledger, in one
transaction, then the records. Called again after a kill it finds what is left.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from scraper.files.parts import OutputFolder
from scraper.run import sheets
from scraper.state import bodies, forgetting
from scraper.state.db import Database
from scraper.state.forgetting import Found
from scraper.state.items import ItemBook
from scraper.state.lock import hold
from scraper.state.standing import MISSING, changed, refuse_open

if TYPE_CHECKING:
    from scraper.job.model import Job

log = logging.getLogger("scraper")


@dataclass(frozen=True)
class Wanted:
    """What is asked for.

    Attributes:
        dest, ledger: the output folder, and the file.
        job: where one was named; only then the records can be written.
        what: URLs, paths, globs, keys of items; classes: globs of classes of failures; gone: items that are.
        delete: files go from the disk too; free_names: others may bear their names.
        dry: only told.
        wait: seconds to wait while a run holds the folder.
    """

    dest: Path
    ledger: Path
    job: Job | None
    what: Sequence[str] = ()
    classes: Sequence[str] = ()
    gone: bool = False
    delete: bool = False
    free_names: bool = False
    dry: bool = False
    wait: float = 0.0


@dataclass
class Forgotten:
    """What was forgotten: URLs of pages, path and key of files, rule and key of items.

    Attributes:
        deleted: files that went from the disk too; kept: those that were changed, and how.
        records: the file that was written anew.
    """

    pages: list[str]
    files: list[tuple[str | None, str]]
    items: list[tuple[str, str]]
    deleted: list[str] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)
    records: str | None = None


def forget(wanted: Wanted) -> Forgotten:
    """Forgets, or (dry) tells what would be.

    Raises:
        UsageError: something of it is not known, or a run is open.
        BusyError: a run holds the folder. DiskError: the disk refuses.
    """
    with _opened(wanted) as db, closing(OutputFolder(wanted.dest, create=False)) as disk:
        refuse_open(db)
        found = _meant(db, wanted)
        told = Forgotten(forgetting.urls_of(db, found), forgetting.files_of(db, found), forgetting.items_of(db, found))
        if wanted.delete:
            _delete(db, disk, found, told, dry=wanted.dry)
        if not wanted.dry:
            for identity in forgetting.identities_of(db, found):
                bodies.forget(wanted.ledger.parent, identity)
            forgetting.forget(db, found, free_names=wanted.free_names)
            if found.items:
                told.records = _write_records(wanted, db, disk)
        return told


@contextmanager
def _opened(wanted: Wanted) -> Iterator[Database]:
    if wanted.dry:
        with Database.reading(wanted.ledger) as db:
            yield db
        return
    with hold(wanted.dest, wait=wanted.wait), closing(Database(wanted.ledger)) as db:
        yield db


def _meant(db: Database, wanted: Wanted) -> Found:
    found = forgetting.of_gone(db) if wanted.gone else Found()
    if wanted.classes:
        found |= forgetting.of_class(db, wanted.classes)
    for text in wanted.what:
        one = forgetting.find(db, _below(wanted.dest, text))
        if not one:
            raise forgetting.unknown(db, text)
        found |= one
    return found


def _below(dest: Path, text: str) -> str:
    """A path that leads to a file of dest, as it is called below it; any other text as it is."""
    path = Path(text)
    if "://" in text or not (path.is_absolute() or path.exists()):
        return text
    inside = Path(path.parent.resolve(), path.name)
    root = dest.resolve()
    return inside.relative_to(root).as_posix() if inside.is_relative_to(root) else text


def _delete(db: Database, disk: OutputFolder, found: Found, told: Forgotten, *, dry: bool) -> None:
    """Removes those that are still what the ledger knows of them."""
    for file in forgetting.standing_of(db, found):
        how = changed(disk, file)
        if how is None and not dry:
            disk.remove(file.path)
        if how is None:
            told.deleted.append(file.path)
        elif how != MISSING:
            told.kept[file.path] = how


def _write_records(wanted: Wanted, db: Database, disk: OutputFolder) -> str | None:
    """The records without the items; None: there are none, or no job says how they are written."""
    job = wanted.job
    if job is None or disk.look(job.records.path) is None:
        return None
    path = job.records.path
    table = sheets.items(ItemBook(db, disk.look, look_many=disk.look_many), job)
    disk.write_whole(path, sheets.pieces(sheets.FORMS[Path(path).suffix], table, wanted.ledger.parent / "records.part"))
    return path
