"""All files: looked at by threads, a batch of names at a time, and then what else lies in the folder.

Hashing leaves Python free, so threads are as good as processes. In memory are a batch of names, and what is damaged.
While a run is under way (it is open, and somebody holds the folder) what looks damaged may be on its way: it is looked
at again when all else is done, and what the run has yet to fetch is told as that, not as damage.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path

from scraper.files.parts import OutputFolder
from scraper.run.verify.looking import NOTHING, Looked, look
from scraper.state import expected
from scraper.state.db import Database
from scraper.state.expected import Expected
from scraper.state.held import is_held

STEP = 500
"""Paths of the folder that are asked at once."""
OWN = ("jsonl", "csv", "sqlite", "db", "parquet")
"""How a records file may end; by default it is called `records`."""


@dataclass(slots=True)
class Progress:
    """How far it is; threads add to it."""

    files: int = 0
    bytes: int = 0
    is_over: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, count: int) -> None:
        """So many bytes were read.

        Raises:
            StoppedError: nobody waits for the rest.
        """
        if self.is_over:
            raise StoppedError
        with self._lock:
            self.bytes += count


class StoppedError(Exception):
    """The check was stopped in the middle of a file."""


@dataclass(slots=True)
class Checked:
    """What was found.

    Attributes:
        counts: how many files are of which kind (looking.py); `coming`: yet to be fetched by that run.
        bytes: of files that stand as they should.
        under_way: the run that is under way.
    """

    counts: Counter[str] = field(default_factory=Counter)
    bytes: int = 0
    damage: list[Looked] = field(default_factory=list)
    under_way: str | None = None

    @property
    def files(self) -> int:
        """How many were looked at."""
        return self.counts.total()


def check(ledger: Path, disk: OutputFolder, *, threads: int, progress: Progress, tick: Callable[[], None]) -> Checked:
    """Looks at every file that the ledger says stands in the folder.

    Args:
        ledger: its file; disk: the folder.
        tick: called after each file.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    found = Checked(under_way=expected.open_run(ledger) if is_held(disk.root) else None)
    pool = ThreadPoolExecutor(threads)
    try:
        for batch in expected.batches(ledger):
            for looked in pool.map(partial(look, disk, read=progress.read), batch):
                _count(found, looked)
                progress.files += 1
                tick()
    finally:
        progress.is_over = True
        pool.shutdown(cancel_futures=True)
    if found.under_way is not None and found.damage:
        _look_again(ledger, disk, found)
    return found


def _count(found: Checked, looked: Looked) -> None:
    if looked.kind == NOTHING:
        return
    found.counts[looked.kind] += 1
    if looked.is_damaged:
        found.damage.append(looked)
    else:
        found.bytes += looked.bytes


def _look_again(ledger: Path, disk: OutputFolder, found: Checked) -> None:
    """What the run has finished meanwhile, or will."""
    names = [each.file.name for each in found.damage]
    coming = expected.on_their_way(ledger, names)
    with Database.reading(ledger) as db:
        files = expected.of_names(db, set(names) - coming)
    found.counts.subtract(each.kind for each in found.damage)
    found.damage.clear()
    found.counts["coming"] = len(coming)
    for each in files:
        _count(found, look(disk, each))
    found.counts = +found.counts


def looked_again(db: Database, disk: OutputFolder, names: Sequence[int]) -> list[Expected]:
    """Those of these files that are damaged yet."""
    return [each for each in expected.of_names(db, names) if look(disk, each).is_damaged]


# -- what else lies there ----------------------------------------------------------------------------------


def strangers(ledger: Path, disk: OutputFolder, own: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Files of the folder that the ledger does not know, and their sizes; parts among them.

    Args:
        own: the records, the archive; () where no job says so: then what is called as records are by default.
    """
    names_own = frozenset(own or (f"records.{ending}" for ending in OWN))
    with Database.reading(ledger) as db:
        names = expected.Names(db)
        files = (each for each in disk.walk() if not each[0].startswith(".scraper/"))
        while batch := list(islice(files, STEP)):
            known = names.are_known([path for path, _ in batch])
            yield from (each for each in batch if each[0] not in known and each[0] not in names_own)


def is_part(path: str) -> bool:
    """Whether a file is what a killed run left of another, or what one under way has of it yet."""
    return path.endswith(".part")
