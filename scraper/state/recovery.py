"""What a killed run left, put in order before anything new is reserved (DESIGN 4.2).

For every open file of any run: a final name that is ours and whole is hashed and
recorded. A part that is what its note says is left to be resumed; any other that the
ledger knows is removed (where it is already the inode of its goal, it was a hard link
on its way to be unlinked). Moves that were begun are finished. Only what the ledger
names is touched.

Notes are forgotten before their parts are removed: an inode may become another file's.
A run that is dropped leaves no part: `remove_dropped` is for what was noted, and needs
its notes until the parts are gone.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from scraper.files import decide, naming
from scraper.model import Outcome, PartNote, Stood
from scraper.state.endings import part_note
from scraper.state.ledger import Ledger

log = logging.getLogger("scraper")


class Disk(Protocol):
    """What recovery needs of the output folder (files/parts.py, power.py)."""

    is_durable: bool

    def keep_file(self, path: str) -> None:
        """A file and its name survive loss of power, where that is minded."""
        ...

    def keep_name(self, path: str) -> None:
        """That a name was given or removed survives loss of power, where that is minded."""
        ...

    def look(self, path: str) -> Stood | None:
        """What stands under a path."""
        ...

    def look_many(self, paths: Sequence[str]) -> list[Stood | None]:
        """What stands under many."""
        ...

    def remove(self, path: str) -> None:
        """Removes a file."""
        ...

    def sha256(self, path: str) -> tuple[str, int]:
        """Digest and size."""
        ...

    def move(self, path: str, to: str, *, replace: bool = False) -> None:
        """Gives a file another name; fails where something stands there, or replaces it."""
        ...


def recover(ledger: Ledger, disk: Disk, boot: str = "", *, durable: bool = False) -> int:
    """Puts in order what is open; gives how many files were found whole.

    Args:
        boot: identity of this boot of the machine (boot_id); "": unknown.
        durable: whether parts that another boot wrote are whole as far as they are noted, whatever the notes say.
    """
    remove_dropped(ledger, disk)
    found = sum(_recover_file(ledger, disk, left, boot, durable) for left in _left_open(ledger, disk))
    ledger.flush()
    finish_moves(ledger, disk)
    return found


def remove_dropped(ledger: Ledger, disk: Disk) -> None:
    """Removes the noted parts of files that nobody fetches any more: their run was dropped."""
    for file, path, part, inode in ledger.db.tuples(
        "SELECT f.id, n.path, f.part, p.inode FROM parts p JOIN files f ON f.id = p.file"
        " JOIN names n ON n.id = f.id & 0xFFFFFFFFFF WHERE f.state <> 0"
    ):
        part = part or naming.part_name(path)
        try:
            stood = disk.look(part)
            if stood is not None and stood.inode == inode:
                disk.remove(part)
                disk.keep_name(part)
        except OSError as error:
            log.warning("%s: left as it is: %s", part, error)
        ledger.forget_part(file)


@dataclass(frozen=True, slots=True)
class _Left:
    """An open file, and what stands under its name and beside it."""

    file: int
    path: str
    stood: int | None
    part: str
    now: Stood | None
    part_now: Stood | None
    note: PartNote | None


_ANY_OPEN = "SELECT 1 FROM files INDEXED BY files_open WHERE state = 0 LIMIT 1"
_OPEN_FILES = (
    "SELECT f.id, n.path, f.stood, f.part, p.* FROM files f"
    " JOIN names n ON n.id = f.id & 0xFFFFFFFFFF LEFT JOIN parts p ON p.file = f.id"
    " WHERE +f.state = 0 AND n.complete AND f.id > ? ORDER BY f.id LIMIT 1000"
)


def _left_open(ledger: Ledger, disk: Disk) -> Iterator[_Left]:
    """The open files of which there is anything on the disk, or noted; a file without its whole name has no part."""
    last = 0
    while ledger.db.value(_ANY_OPEN) and (rows := ledger.db.tuples(_OPEN_FILES, last)):
        last = rows[-1][0]
        parts = [part or naming.part_name(path) for _, path, _, part, *_ in rows]
        stand = disk.look_many([row[1] for row in rows])
        for row, part, now, part_now in zip(rows, parts, stand, disk.look_many(parts), strict=True):
            note = None if row[4] is None else part_note(*row[5:])
            if now is not None or part_now is not None or note is not None:
                yield _Left(row[0], row[1], row[2], part, now, part_now, note)


def _recover_file(ledger: Ledger, disk: Disk, left: _Left, boot: str, durable: bool) -> bool:
    """Whether the file is there. What the disk refuses is left: the file is fetched again, and ends as it must."""
    try:
        whole = _found_whole(disk, left)
        if whole is None and decide.may_resume(left.note, left.part_now, boot, durable=durable):
            return False
        if left.note is not None and whole is None:
            ledger.forget_part(left.file)
        disk.remove(left.part)
        if whole is not None:
            disk.keep_file(left.path)
    except OSError as error:
        log.warning("%s: left as it is: %s", left.path, error)
        return False
    if whole is None:
        return False
    ledger.finish(left.file, whole)
    return True


def _found_whole(disk: Disk, left: _Left) -> Outcome | None:
    note = left.note
    if not decide.recovered(left.stood, None if note is None else note.inode, left.now):
        return None
    digest, size = disk.sha256(left.path)
    etag, modified = (None, None) if note is None else (note.etag, note.last_modified)
    why = "found whole after the run was cut off"
    return Outcome("saved", bytes=size, sha256=digest, etag=etag, last_modified=modified, why=why)


def settle_names(ledger: Ledger, disk: Disk) -> None:
    """Gives files that two items share the name that the first of them in record order gives (JOBS.md, Files)."""
    ledger.plan_moves()
    finish_moves(ledger, disk)


def finish_moves(ledger: Ledger, disk: Disk) -> None:
    """Carries out the moves that are written down; each may have been cut off at any point."""
    if disk.is_durable:
        ledger.db.sync()
    while (move := ledger.next_move()) is not None:
        try:
            done = _move(disk, move["source"], move["goal"], replace=ledger.replaces)
            disk.keep_name(move["source"])
            disk.keep_name(move["goal"])
        except OSError as error:
            log.warning("%s: not renamed to %s: %s", move["source"], move["goal"], error)
            done = False
        ledger.end_move(move, done=done)


def _move(disk: Disk, path: str, to: str, *, replace: bool) -> bool:
    """Whether the file bears its new name now; it does not where something of somebody else's stands there."""
    stood, goal = disk.look(path), disk.look(to)
    if stood is None:
        return True
    if goal is not None and stood.inode == goal.inode:
        disk.remove(path)
        return True
    if goal is not None and (goal.is_folder or not replace):
        return False
    disk.move(path, to, replace=replace)
    return True


def boot_id() -> str:
    """Identity of this boot of the machine; "" where it is not known."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""
