"""One run an output folder: an OS lock on `<dest>/.scraper/lock`, let go by the kernel when a process dies."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from scraper.errors import BusyError
from scraper.files.refusals import refusal_told


@contextlib.contextmanager
def hold(dest: Path, *, dry: bool = False) -> Iterator[Path]:
    """Holds the folder; gives a folder for what a dry run writes, which is gone afterwards.

    Raises:
        BusyError: another run holds it.
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
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise BusyError(f"another run holds {dest}; wait for its end, or choose another --dest") from None
    try:
        yield folder
    finally:
        lock.release()
