"""Pruning: files that are gone at the source are told, and taken away where that is asked for.

    gone (state/gone.py) -> looked at, one by one -> Judged -> removed or moved -> the ledger lets go of them

A file goes only while it is what the ledger knows of it. The disk comes first, then the ledger, a batch at a time:
what is killed between finds nothing on the disk when it is called again, and lets go then. Names stay reserved.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from scraper.errors import UsageError
from scraper.files import naming
from scraper.files.carry import carry
from scraper.files.parts import OutputFolder
from scraper.files.power import DurableFolder
from scraper.state import gone
from scraper.state.db import Database
from scraper.state.gone import Gone
from scraper.state.lock import hold
from scraper.state.standing import MISSING, Standing, changed, let_go, refuse_open

if TYPE_CHECKING:
    from scraper.job.model import Job

log = logging.getLogger("scraper")
BATCH = 200
"""Files that the ledger lets go of in one transaction."""
RECORDS = "records.jsonl"
"""Where records lie by default: they tell whether what is gone is kept, where no job does."""


@dataclass(frozen=True)
class Wanted:
    """What is asked for.

    Attributes:
        dest, ledger: the output folder, and the file.
        job: where one was named.
        min_age: for how long a file must have been gone.
        all_: also if that is more than half of all files.
        to: the folder that files are moved to; None: they are removed.
        wait: seconds to wait while a run holds the folder.
    """

    dest: Path
    ledger: Path
    job: Job | None
    now: datetime
    min_age: timedelta = timedelta()
    all_: bool = False
    to: Path | None = None
    wait: float = 0.0


@dataclass(frozen=True, slots=True)
class Judged:
    """A file that is gone at the source.

    Attributes:
        kept: why it is left where it is; None: it goes.
    """

    gone: Gone
    kept: str | None


@dataclass
class Pruned:
    """What there is to prune, and what was.

    Attributes:
        files: what goes and what is kept, by path. count: files that the ledger knows to stand, of all.
        absent: what was not on the disk any more.
        done: the files that were removed or moved.
        folders: folders that became empty, and were removed.
    """

    count: int
    files: list[Judged] = field(default_factory=list)
    absent: list[Gone] = field(default_factory=list)
    done: list[Judged] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)

    @property
    def going(self) -> list[Judged]:
        """What goes."""
        return [each for each in self.files if each.kept is None]

    @property
    def is_too_much(self) -> bool:
        """Whether that is more than half of all files."""
        return 2 * len(self.going) > self.count - len(self.absent)


def look(wanted: Wanted) -> Pruned:
    """What there is to prune. Nothing is changed; a run of another job's folder may be under way.

    Raises:
        UsageError: that cannot be told now.
    """
    with Database.reading(wanted.ledger) as db, closing(OutputFolder(wanted.dest, create=False)) as disk:
        return _found(wanted, db, disk)


def prune(wanted: Wanted, told: Callable[[Judged], None] = lambda judged: None) -> Pruned:
    """Prunes; `told` hears of each file that went.

    Raises:
        UsageError: it cannot be told what is gone, or it is too much.
        BusyError: a run holds the folder. DiskError: the disk refuses; what went is known.
    """
    kind = DurableFolder if wanted.job is not None and wanted.job.files.durable else OutputFolder
    with (
        hold(wanted.dest, wait=wanted.wait),
        closing(Database(wanted.ledger)) as db,
        closing(kind(wanted.dest)) as disk,
    ):
        found = _found(wanted, db, disk)
        if found.is_too_much and not wanted.all_:
            raise UsageError(
                f"{len(found.going)} of {found.count} files are gone at the source, more than half: a selector may find"
                " nothing since the site was rebuilt. Look at them, then add --all"
            )
        let_go(db, [each.file.name for each in found.absent])
        _take_away(wanted, db, disk, found, told)
        return found


# -- what goes -----------------------------------------------------------------------------------------------


def _found(wanted: Wanted, db: Database, disk: OutputFolder) -> Pruned:
    _refuse_early(wanted, db)
    known = gone.gone(db, keeps_gone=_keeps_gone(wanted, db, disk))
    old = [each for each in known if wanted.now - each.since >= wanted.min_age]
    shared = gone.shared(db, old)
    found = Pruned(gone.standing_count(db))
    for each in old:
        why = "another file of the job bears its name" if each.file.path in shared else changed(disk, each.file)
        if why == MISSING:
            found.absent.append(each)
        else:
            found.files.append(Judged(each, why))
    return found


def _refuse_early(wanted: Wanted, db: Database) -> None:
    refuse_open(db)
    if wanted.to is not None and wanted.to.resolve().is_relative_to(wanted.dest.resolve()):
        raise UsageError(f"{wanted.to} lies in {wanted.dest}, whose files it is to take; name a folder elsewhere")
    name = None if wanted.job is None else wanted.job.name
    if not gone.has_complete(db, name):
        of = "" if name is None else f" of {name}"
        raise UsageError(
            f"no run{of} was complete yet, so nothing tells what is gone; a scraper run without failures does"
        )


def _keeps_gone(wanted: Wanted, db: Database, disk: OutputFolder) -> bool:
    """Whether items that are gone keep their records, and so their files: by the job, or as the records show."""
    if wanted.job is not None:
        return wanted.job.records.gone == "keep"
    if not gone.has_gone_items(db):
        return False
    try:
        return any(gone.is_gone(db, *key) for key in _recorded(disk))
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(
            f"items are gone, and there is no {RECORDS} that tells whether they are kept; name JOB too, it says so"
        ) from None


def _recorded(disk: OutputFolder) -> Iterator[tuple[str, str]]:
    """Rule and key of each record."""
    with disk.reading(RECORDS) as descriptor, open(descriptor, "rb", closefd=False) as file:
        for line in file:
            record = json.loads(line)
            yield str(record["_rule"]), str(record["_key"])


# -- how it goes ---------------------------------------------------------------------------------------------


def _take_away(wanted: Wanted, db: Database, disk: OutputFolder, found: Pruned, told: Callable[[Judged], None]) -> None:
    to = None if wanted.to is None else OutputFolder(wanted.to)
    try:
        going = found.going
        for at in range(0, len(going), BATCH):
            found.done += _batch(db, disk, to, going[at : at + BATCH], told)
    finally:
        if to is not None:
            to.close()
    gone_from = gone.folders_above(each.gone.file.path for each in found.done)
    found.folders = [folder for folder in gone_from if disk.remove_folder(folder)]


def _batch(
    db: Database, disk: OutputFolder, to: OutputFolder | None, going: Sequence[Judged], told: Callable[[Judged], None]
) -> list[Judged]:
    """Takes some files away, and has the ledger let go of them, also where the disk refuses one."""
    done: list[Judged] = []
    try:
        for each in going:
            if _went(disk, to, each.gone.file):
                done.append(each)
                told(each)
    finally:
        with db.transaction():
            let_go(db, [each.gone.file.name for each in done])
    return done


def _went(disk: OutputFolder, to: OutputFolder | None, file: Standing) -> bool:
    """Whether it could be taken away; if not, the log says why."""
    try:
        if to is not None and not _stands_there(to, file):
            _put(disk, to, file)
        disk.remove(file.path)
        disk.keep_name(file.path)
    except OSError as error:
        log.error("%s: left where it is: %s", file.path, error.strerror)
        return False
    return True


def _stands_there(to: OutputFolder, file: Standing) -> bool:
    """Whether one that was killed put it there already."""
    return to.look(file.path) is not None and to.sha256(file.path)[0] == file.sha256


def _put(disk: OutputFolder, to: OutputFolder, file: Standing) -> None:
    """A second name for it elsewhere, by way of a part; what stands there is not replaced."""
    part = naming.part_name(file.path, file.key)
    to.remove(part)
    carry(disk, file.path, to, part)
    try:
        to.finish(part, file.path)
    except OSError:
        to.remove(part)
        raise
