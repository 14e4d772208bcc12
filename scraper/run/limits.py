"""`limits`: what ends a run before its work does, exit code 5. The run stays open, and the same command continues it.

Each limit counts for this process alone, so that a run that is continued gets as far again. The main thread asks
several times a second (`look`); what ended is counted at once, by whoever ended it (`ended`), so that thousands of
small files do not go beyond a quota between two looks. Once a limit is reached nothing new is begun, and what is in
flight comes to its end (or to a note that the next run continues by), as after a signal.

A quota counts what was saved, and of what is on its way the bytes that came: the size that a server promises does not
stop a run, or a file larger than the quota would never come. `min_free` looks ahead: a file for whose rest there is no
room is stopped when its size is known, not when the room is used up. It is each file alone that is looked at, so that
of many at once those come that find room.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scraper import units
from scraper.run.control import Control

if TYPE_CHECKING:
    from scraper.job.after import Limits
    from scraper.model import Outcome
    from scraper.run.kit import Kit

NAMES = ("min_free", "deadline", "quota", "failures")
EVERY = 0.25
"""Seconds between two looks at the disk, and at what cannot be counted by the way."""
CONTINUES = "the run stays open, the same command continues it"


def free_bytes(folder: Path) -> int:
    """How much a user may still write to the disk of a folder, or of the nearest one above it that is there."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


class Bounds:
    """The limits of a job, in one process. `ended` may be called from any thread.

    Args:
        limits: of the job.
        control: is told which limit is reached.
        dest: the output folder.
        failed_items: counts the items that failed in this process so far.
        clock: seconds; free: bytes that are free on the disk of a folder.
        began: when the process began to work, by the clock.
    """

    def __init__(
        self, limits: Limits, control: Control, dest: Path, failed_items: Callable[[], int], *,
        clock: Callable[[], float], began: float, free: Callable[[Path], int] = free_bytes,
    ) -> None:  # fmt: skip
        self._deadline = None if limits.deadline is None else units.duration(limits.deadline)
        self._quota, self._least = (
            None if size is None else units.size(size) for size in (limits.quota, limits.min_free)
        )
        self._most = limits.failures
        self._control = control
        self._dest = dest
        self._failed_items = failed_items
        self._clock, self._began, self._free = clock, began, free
        self._lock = threading.Lock()
        self._saved = self._failed = self._items = 0
        self._before: dict[int, int] = {}  # of parts that an earlier process left: what stood there
        self._looked = float("-inf")

    def ended(self, outcome: Outcome) -> None:
        """A file has its ending."""
        with self._lock:
            self._saved += outcome.bytes if outcome.ending == "saved" else 0
            self._failed += outcome.ending.startswith("failed:")
        self._judge(0)

    def page_ended(self, ending: str) -> None:
        """A page has its ending."""
        if ending.startswith("failed:"):
            with self._lock:
                self._failed += 1
            self._judge(0)

    def look(self, flying: Mapping[int, Any]) -> None:
        """Several times a second, by the main thread.

        Args:
            flying: the files on their way (download/ground.py, Flying).
        """
        now = self._clock()
        self.look_at_clock()
        if now - self._looked >= EVERY:
            self._looked = now
            self._look_at_disk(flying)
            self._items = 0 if self._most is None else self._failed_items()
        self._judge(0 if self._quota is None else self._received(flying))

    def look_at_clock(self) -> None:
        """Whether the deadline is reached; by the main thread."""
        if self._deadline is not None and self._clock() - self._began >= self._deadline:
            self._reached("deadline", f"{units.human_seconds(self._deadline)} are over")

    def _look_at_disk(self, flying: Mapping[int, Any]) -> None:
        least = self._least
        if least is None:
            return
        free, coming = self._free(self._dest), max(map(_missing, dict(flying).values()), default=0)
        if free - coming < least:
            file = f", {units.human_bytes(coming)} of a file are yet to come" if free >= least else ""
            where = f"{units.human_bytes(free)} are free on the disk of {self._dest}{file}"
            self._reached("min_free", f"{where}, {units.human_bytes(least)} are to be")

    def _received(self, flying: Mapping[int, Any]) -> int:
        """What came of the files on their way, in this process."""
        now = dict(flying)
        self._before = {
            file: self._before.get(file, each.received if each.task.noted is not None else 0)
            for file, each in now.items()
        }
        return sum(max(0, each.received - self._before[file]) for file, each in now.items())

    def _judge(self, received: int) -> None:
        quota, most = self._quota, self._most
        if quota is not None and self._saved + received >= quota:
            self._reached("quota", f"{units.human_bytes(self._saved + received)} have come")
        if most is not None and (failed := self._failed + self._items) >= most:
            self._reached("failures", f"{failed} pages, items and files failed")

    def _reached(self, name: str, told: str) -> None:
        self._control.reach(f"limits.{name}: {told}")


def _missing(flying: Any) -> int:
    """Bytes of a file that are yet to come, where its size is known."""
    return 0 if flying.size is None else max(0, flying.size - flying.received)


def bounds_for(kit: Kit, control: Control, began: float) -> Bounds | None:
    """The bounds of a run; None where its job has none. A dry run has none: it saves nothing.

    Args:
        began: when the process began to work on it, seconds of time.monotonic.
    """
    limits = kit.job.limits
    if kit.options.dry or all(getattr(limits, name) is None for name in NAMES):
        return None
    db = kit.ledger.db
    last = db.value("SELECT max(id) FROM failures") or 0

    def failed_items() -> int:
        return int(db.value("SELECT count(*) FROM failures WHERE id > ? AND kind = 'item'", last))

    return Bounds(limits, control, kit.disk.root, failed_items, clock=time.monotonic, began=began)
