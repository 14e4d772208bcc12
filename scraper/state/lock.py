"""One run an output folder: an OS lock on `<dest>/.scraper/lock`, let go by the kernel when a process dies.

The lock is the truth; a file that a killed run left there is no obstacle. Who holds it is asked of the kernel
(/proc/locks), so that nothing is ever written about it that could be wrong.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from scraper import units
from scraper.errors import BusyError
from scraper.files.refusals import refusal_told

log = logging.getLogger("scraper")
EVERY = 0.1
"""Seconds between two looks while it is waited for."""
TOLD = 60.0
"""Seconds after which it is told again that it is waited for."""
CURE = "wait for its end (--wait), or choose another --dest"


@contextlib.contextmanager
def hold(
    dest: Path, *, dry: bool = False, wait: float = 0.0, stopped: Callable[[], int | None] = lambda: None
) -> Iterator[Path]:
    """Holds the folder; gives a folder for what a dry run writes, which is gone afterwards.

    Args:
        wait: seconds to wait while another run holds it; infinite: until it ends.
        stopped: the exit code with which the waiting is to end; None: it goes on.

    Raises:
        BusyError: another run holds it, still after the waiting; or that was stopped.
        DiskError: it cannot be made, or not written to.
    """
    if dry:
        with tempfile.TemporaryDirectory(prefix="scraper-") as scratch:
            yield Path(scratch)
        return
    folder = dest / ".scraper"
    lock = FileLock(folder / "lock")
    with refusal_told(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if not _takes(lock):
            _wait(lock, dest, wait, stopped)
    try:
        yield folder
    finally:
        lock.release()


def _takes(lock: FileLock, seconds: float = 0.0) -> bool:
    try:
        lock.acquire(timeout=seconds, poll_interval=EVERY / 2)
    except Timeout:
        return False
    return True


def _wait(lock: FileLock, dest: Path, wait: float, stopped: Callable[[], int | None]) -> None:
    """Until the lock is ours; says for whom it waits, now and then."""
    began = time.monotonic()
    told = -math.inf
    while (left := began + wait - time.monotonic()) > 0:
        if time.monotonic() - told >= TOLD:
            told = time.monotonic()
            log.warning("waiting: another run holds %s%s", dest, holder(Path(lock.lock_file)))
        if _takes(lock, min(EVERY, left)):
            return
        if (code := stopped()) is not None:
            raise BusyError(f"stopped while another run holds {dest}", code)
    whose = holder(Path(lock.lock_file))
    after = f" still, after {units.human_seconds(wait)}" if wait else ""
    raise BusyError(f"another run holds {dest}{after}{whose}; {CURE}")


def holder(path: Path) -> str:
    """Who holds a lock, as far as that can be known: ` (process 4711, since 2026-11-22 03:00:05)`, or ""."""
    try:
        found = path.stat()
        pid = _pid(f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}")
        if pid is None:
            return ""
        began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(_began(pid)))
    except (OSError, ValueError, IndexError):
        return ""
    return f" (process {pid}, since {began})"


def _pid(file: str) -> int | None:
    """The process with the lock of a file, by the kernel's table."""
    for line in Path("/proc/locks").read_text("ascii").splitlines():
        words = line.split()
        if words[1:2] == ["FLOCK"] and words[5] == file and int(words[4]) > 0:
            return int(words[4])
    return None


def _began(pid: int) -> float:
    """When a process began, in seconds since 1970: field 22 of proc_pid_stat(5), in ticks since the machine began."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + int(fields[19]) / os.sysconf("SC_CLK_TCK")
