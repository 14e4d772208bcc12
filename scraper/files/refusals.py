"""What the disk refuses: to the whole run (DiskError), or to one file."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from scraper.errors import DiskError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


def _is_full(error: OSError) -> bool:
    """Whether the disk takes nothing more; a file that is too large is that too where this process is held to a size.

    (`ulimit -f`.) Where it is not, the file system takes no file so large, and the other ones it takes.
    """
    if error.errno != errno.EFBIG:
        return error.errno in _FULL
    import resource

    return resource.getrlimit(resource.RLIMIT_FSIZE)[0] != resource.RLIM_INFINITY


class full_disk_told:  # noqa: N801 - reads as a function
    """A disk that takes nothing more stops the run; it is not the fault of one file.

    A class, not a generator: it is entered some times for each file.
    """

    __slots__ = ("_path",)

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError) and _is_full(error):
            raise _told(self._path, error) from error


@contextlib.contextmanager
def refusal_told(path: Path | str) -> Iterator[None]:
    """A run cannot do without its own files (lock, ledger, records, summary): whatever is refused stops it."""
    try:
        yield
    except OSError as error:
        raise _told(error.filename2 or error.filename or path, error) from error


def _told(path: Path | str, error: OSError) -> DiskError:
    return DiskError(f"{path}: {error.strerror or error}")


def refuse_special(goal: Path) -> None:
    """A device or a pipe is never replaced by a file: as root that works, and /dev/null would be one for everybody.

    Raises:
        OSError: it is one.
    """
    if goal.exists() and not (goal.is_file() or goal.is_dir()):
        raise FileExistsError(errno.EEXIST, "it is a device or a pipe, and stays one", str(goal))
