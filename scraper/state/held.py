"""Whether a run is under way in an output folder: asked without touching its lock (lock.py).

Who tried to take the lock, only to see, would for that moment hold it, and a run that began then would be refused. So
the kernel is asked: /proc/locks lists every lock by the inode of its file (proc(5)). Where there is no such list, or
it does not show the lock of another container, nothing is known, and the answer is no.
"""

from __future__ import annotations

from pathlib import Path

LOCKS = Path("/proc/locks")
_KIND, _FILE = 1, -3
"""Columns of a line: `1: FLOCK  ADVISORY  WRITE 811 fd:01:1443 0 EOF`; of who waits `1: -> FLOCK ...`."""


def is_held(dest: Path, locks: Path = LOCKS) -> bool:
    """Whether another process holds a folder.

    Args:
        dest: the output folder.
    """
    try:
        inode = (dest / ".scraper" / "lock").stat().st_ino
        lines = locks.read_text("ascii", "replace").splitlines()
    except OSError:
        return False
    return any(_inode(line.split()) == inode for line in lines)


def _inode(columns: list[str]) -> int | None:
    if len(columns) < 8 or columns[_KIND] != "FLOCK":
        return None
    number = columns[_FILE].rpartition(":")[2]
    return int(number) if number.isdigit() else None
