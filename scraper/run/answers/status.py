"""How the jobs of a folder stand: the last run of each, the next one, what failed, what stands on the disk.

A job is looked at by its file and by its ledger; one that never ran has none. A job is in order (`is_well`) unless
its file is broken, its newest run came to no good end, or it is overdue: its schedule has named a time since its
last ordinary run began, and that was more than GRACE ago. After a retry and its like, which look at a part alone, what
the last ordinary run came to counts too, as far as it was not mended since.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from scraper.errors import ScraperError
from scraper.job.load import load
from scraper.job.loaded import Loaded
from scraper.run.answers.runs import RunTold, runs_told
from scraper.run.schedule.jobs import SUFFIXES, JobFile, job_file
from scraper.run.schedule.times import next_times
from scraper.state import retries, tally
from scraper.state.db import Database
from scraper.state.held import is_held

Read = Callable[[Path], Loaded]
GRACE = timedelta(minutes=15)
"""How late a run may begin before its job is overdue."""
_FINE = frozenset({0, 99})
_MENDABLE = frozenset({4, None})
"""Of an ordinary run that failed in part, or that there never was."""
FOLDER = "jobs"
"""The folder of jobs in the working directory that is looked at where none is named."""


@dataclass(frozen=True)
class Standing:
    """A job, or an output folder without one.

    Attributes:
        name: of the job; file: as it was named, None: only its output folder is known.
        last: its newest run; None: it never ran. began: when its newest ordinary run did.
        next: when it is due; None: it has no schedule.
        unmended: failures of the last ordinary run, and of what came after it, whose latest ending they are; None: the
            newest run is an ordinary one, and tells itself. base: with which exit code that ordinary run ended.
        files, bytes: that stand there by what the ledger knows.
        mistakes: why its file, or its ledger, cannot be read.
    """

    name: str
    file: str | None = None
    dest: Path | None = None
    last: RunTold | None = None
    began: datetime | None = None
    next: datetime | None = None
    overdue: bool = False
    running: bool = False
    unmended: int | None = None
    base: int | None = None
    files: int = 0
    bytes: int = 0
    mistakes: tuple[str, ...] = ()

    @property
    def new(self) -> int:
        """New items of the last run; of a job without items the files that it saved."""
        if self.last is None:
            return 0
        items, files = self.last.counts["items"], self.last.counts["files"]
        has_items = items is not None and (items["total"] or items["failed"])
        return int(items["new"] if has_items else files["saved"])

    @property
    def failed(self) -> int:
        """Pages, items and files that failed in the last run; after a retry and its like, those that are left."""
        if self.unmended is not None:
            return self.unmended
        return 0 if self.last is None else self.last.failed

    @property
    def is_well(self) -> bool:
        """Whether nobody need look at it."""
        if self.mistakes or self.overdue:
            return False
        last = self.last
        if self.running or last is None:
            return True
        is_mended = self.unmended is None or self.base in _FINE or (self.base in _MENDABLE and not self.unmended)
        return last.row.exit_code in _FINE and not last.row.open and is_mended

    def as_dict(self) -> dict[str, Any]:
        """As `scraper status --json` prints it."""
        return {
            "job": self.name, "file": self.file, "dest": None if self.dest is None else str(self.dest),
            "last": None if self.last is None else self.last.as_dict(),
            "next": None if self.next is None else self.next.isoformat(), "overdue": self.overdue,
            "running": self.running, "new": self.new, "failed": self.failed, "files": self.files,
            "bytes": self.bytes, "well": self.is_well, "mistakes": list(self.mistakes),
        }  # fmt: skip


# -- which ---------------------------------------------------------------------------------------------------


def standings(
    places: list[Path], dests: list[Path], now: datetime, read: Read = load, state: Path | None = None
) -> list[Standing]:
    """What is known of each job, in the order in which they are named; those of a folder by name.

    Args:
        places: job files, folders of them, or output folders; dests: output folders.
        read: how a job file is loaded.
        state: where the ledger of each lives; None: below its output folder.
    """
    found = [each for place in places for each in _of_place(place, now, read, state)]
    return [*found, *(_of_folder(dest, state) for dest in dests)]


def _of_place(place: Path, now: datetime, read: Read, state: Path | None) -> Iterator[Standing]:
    if not place.is_dir():
        is_none = JobFile(place, place.stem, mistakes=(f"{place}: is no job",))
        yield _of_job(job_file(place, read) or is_none, place, now, state)
    elif _ledger(place, state).is_file():
        yield _of_folder(place, state)
    else:
        for path in sorted(each for each in place.iterdir() if each.suffix in SUFFIXES and each.is_file()):
            job = job_file(path, read)
            if job is not None:
                yield _of_job(job, path, now, state)


def _ledger(dest: Path, state: Path | None) -> Path:
    return (state or dest / ".scraper") / "ledger.db"


# -- how it stands -------------------------------------------------------------------------------------------


def _of_job(job: JobFile, path: Path, now: datetime, state: Path | None) -> Standing:
    known = Standing(job.name, str(path), job.dest, mistakes=job.mistakes)
    if job.dest is None:
        return known
    known = _ran(known, job.dest, job.name, state)
    return known if job.schedule is None else _due(known, job.schedule, job.timezone, now)


def _of_folder(dest: Path, state: Path | None) -> Standing:
    known = Standing(dest.name or str(dest), None, dest)
    if not _ledger(dest, state).is_file():
        where = f"{dest}: there is no ledger below it" if state is None else f"{state}: there is no ledger in it"
        return replace(known, mistakes=(f"{where}; no run wrote to it",))
    found = _ran(known, dest, None, state)
    return found if found.last is None else replace(found, name=found.last.row.job)


def _ran(known: Standing, dest: Path, job: str | None, state: Path | None) -> Standing:
    """With its last run, and with what stands there."""
    ledger, held = _ledger(dest, state), is_held(dest)
    if not ledger.is_file():
        return known
    try:
        with Database.reading(ledger) as db:
            told = runs_told(db, ledger.parent, job, 1, is_held=held)
            began = tally.began(db, job)
            files, size = tally.standing(db)
            unmended, base = _left(db, told[0]) if told else (None, None)
    except ScraperError as error:
        return replace(known, mistakes=(str(error),))
    last = told[0] if told else None
    is_running = last is not None and last.running
    return replace(
        known, last=last, began=began, files=files, bytes=size, running=is_running, unmended=unmended, base=base
    )  # fmt: skip


def _left(db: Database, last: RunTold) -> tuple[int | None, int | None]:
    """What the last ordinary run left, where the newest is none: failures that are not mended, and its exit code."""
    if last.row.kind == "run":
        return None, None
    scope = retries.scope_of(db, last.row.job)
    return retries.count(db, scope), tally.exit_code(db, scope.base)


def _due(known: Standing, schedule: str, timezone: str | None, now: datetime) -> Standing:
    """With the next time of its schedule, and whether one has gone by."""
    coming = next(iter(next_times(schedule, timezone, now, 1)), None)
    missed = None if known.began is None else next(iter(next_times(schedule, timezone, known.began, 1)), None)
    late = missed is not None and missed + GRACE < now and not known.running
    return replace(known, next=coming, overdue=late)
