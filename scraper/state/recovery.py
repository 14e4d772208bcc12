"""What a killed run left, put in order before anything new is reserved (DESIGN 4.2).

For every open file of any run: a final name that is ours and whole is hashed and
recorded; a part that the ledger knows is removed (where it is already the inode of
its goal, it was a hard link on its way to be unlinked). Moves that were begun are
finished. Only what the ledger names is touched.
"""

from __future__ import annotations

import logging
from typing import Protocol

from scraper.files import decide
from scraper.model import Outcome, Stood
from scraper.state.db import Row
from scraper.state.ledger import Ledger

log = logging.getLogger("scraper")


class Disk(Protocol):
    """What recovery needs of the output folder (files/parts.py)."""

    def look(self, path: str) -> Stood | None:
        """What stands under a path."""
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


def recover(ledger: Ledger, disk: Disk) -> int:
    """Puts in order what is open; gives how many files were found whole."""
    found, last = 0, 0
    while rows := ledger.db.rows(_OPEN_FILES, last):
        found += sum(_recover_file(ledger, disk, row) for row in rows)
        last = rows[-1]["id"]
    ledger.flush()
    finish_moves(ledger, disk)
    return found


_OPEN_FILES = (
    "SELECT f.id, f.stood, f.part, f.part_inode, f.etag, f.last_modified, n.path, n.complete FROM files f"
    " JOIN names n ON n.key = f.key AND n.template = f.template WHERE f.state = 0 AND f.id > ? ORDER BY f.id LIMIT 500"
)


def _recover_file(ledger: Ledger, disk: Disk, row: Row) -> bool:
    """Whether the file is there. What the disk refuses is left: the file is fetched again, and ends as it must."""
    try:
        whole = _found_whole(disk, row)
        if row["part"]:
            disk.remove(row["part"])
    except OSError as error:
        log.warning("%s: left as it is: %s", row["path"], error)
        return False
    if whole is None:
        ledger.forget_part(row["id"])
        return False
    ledger.finish(row["id"], whole)
    return True


def _found_whole(disk: Disk, row: Row) -> Outcome | None:
    is_ours = decide.recovered(row["stood"], row["part_inode"], disk.look(row["path"]))
    if not row["complete"] or not is_ours:
        return None
    digest, size = disk.sha256(row["path"])
    return Outcome(
        "saved", bytes=size, sha256=digest, etag=row["etag"], last_modified=row["last_modified"],
        why="found whole after the run was cut off",
    )  # fmt: skip


def settle_names(ledger: Ledger, disk: Disk) -> None:
    """Gives files that two items share the name that the first of them in record order gives (JOBS.md, Files)."""
    ledger.plan_moves()
    finish_moves(ledger, disk)


def finish_moves(ledger: Ledger, disk: Disk) -> None:
    """Carries out the moves that are written down; each may have been cut off at any point."""
    while (move := ledger.next_move()) is not None:
        try:
            done = _move(disk, move["source"], move["goal"], replace=ledger.replaces)
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
