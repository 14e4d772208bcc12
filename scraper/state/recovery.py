"""What a killed run left, put in order before anything new is reserved (DESIGN 4.2).

For every open file of any run: a final name that is ours and whole is hashed and
recorded; a part that the ledger knows is removed (where it is already the inode of
its goal, it was a hard link on its way to be unlinked). Moves that were begun are
finished. Only what the ledger names is touched.
"""

from __future__ import annotations

import contextlib
from typing import Protocol

from scraper.files import decide
from scraper.model import Outcome, Stood
from scraper.state.db import Row
from scraper.state.ledger import Ledger


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

    def move(self, path: str, to: str) -> None:
        """Gives a file another name."""
        ...


def recover(ledger: Ledger, disk: Disk) -> int:
    """Puts in order what is open; gives how many files were found whole."""
    rows = ledger.db.rows(
        "SELECT f.id, f.stood, f.part, f.part_inode, f.etag, f.last_modified, n.path, n.complete FROM files f"
        " JOIN names n ON n.key = f.key AND n.template = f.template WHERE f.state = 0"
    )
    found = sum(_recover_file(ledger, disk, row) for row in rows)
    ledger.flush()
    finish_moves(ledger, disk)
    return found


def _recover_file(ledger: Ledger, disk: Disk, row: Row) -> bool:
    whole = bool(row["complete"]) and decide.recovered(row["stood"], row["part_inode"], disk.look(row["path"]))
    if whole:
        digest, size = disk.sha256(row["path"])
        why = "found whole after the run was cut off"
        ledger.finish(
            row["id"],
            Outcome(
                "saved",
                bytes=size,
                sha256=digest,
                etag=row["etag"],
                last_modified=row["last_modified"],
                why=why,
            ),
        )
    if row["part"]:
        disk.remove(row["part"])
    return whole


def settle_names(ledger: Ledger, disk: Disk) -> None:
    """Gives files that two items share the name that the first of them in record order gives (JOBS.md, Files)."""
    ledger.plan_moves()
    finish_moves(ledger, disk)


def finish_moves(ledger: Ledger, disk: Disk) -> None:
    """Carries out the moves that are written down; each may have been cut off at any point."""
    for row in ledger.db.rows("SELECT rowid, source, goal FROM moves ORDER BY rowid"):
        source, goal = disk.look(row["source"]), disk.look(row["goal"])
        if source is not None and goal is not None and source.inode == goal.inode:
            disk.remove(row["source"])
        elif source is not None and goal is None:
            with contextlib.suppress(FileExistsError):
                disk.move(row["source"], row["goal"])
        ledger.db.execute("DELETE FROM moves WHERE rowid = ?", row["rowid"])
