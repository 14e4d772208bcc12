"""What the disk refuses: to the whole run (DiskError), or to one file."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from scraper.errors import DiskError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


@contextlib.contextmanager
def full_disk_told(path: str) -> Iterator[None]:
    """A disk that takes nothing more stops the run; it is not the fault of one file."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise _told(path, error) from error
        raise


@contextlib.contextmanager
def refusal_told(path: Path | str) -> Iterator[None]:
    """A run cannot do without its own files (lock, ledger, records, summary): whatever is refused stops it."""
    try:
        yield
    except OSError as error:
        raise _told(error.filename2 or error.filename or path, error) from error


def _told(path: Path | str, error: OSError) -> DiskError:
    return DiskError(f"{path}: {error.strerror or error}")
