"""What survives loss of power: files, names and folders below dest, made so in groups (`files.durable`).

Theory. What a write or a rename does is in memory until the system likes to write it down, in any order. A file is on
the disk after fdatasync, a name after fsync of its folder, a folder after fsync of the one that holds it. Each waits
for the disk, 0.2 ms to 20 ms, whether it is for one name or a thousand: so who comes while a sync is under way waits
for the next, and one of those who wait does it for all. The order is what counts (DESIGN 4.1, 4.2): the ledger knows
a part before it is made; a part is on the disk before it gets its name, and before a note says how much of it is
there; a name is on the disk before the ledger says `saved`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from scraper.files.parts import OutputFolder
from scraper.files.refusals import refusal_told

_NO_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP})
"""Of file systems that cannot sync a folder."""
_GONE = (NotADirectoryError, FileNotFoundError)
_MANY = 10_000
"""Folders that are remembered to be in theirs."""


class DurableFolder(OutputFolder):
    """An output folder whose names survive loss of power when they are kept. May be used from many threads.

    Where the disk refuses (DiskError), which of the names survive is not known, so the run stops: what stands under a
    final name is whole, and the next run finds it.
    """

    is_durable = True

    def __init__(self, root: Path, *, create: bool = True) -> None:
        super().__init__(root, create=create)
        keep_folder(root)
        self._settled: set[str] = set()
        self._changing = threading.Lock()
        self._syncing = threading.Lock()
        self._wanted: set[str] = set()
        self._next = 1  # number of the group that is gathering
        self._done = 0

    def keep_file(self, path: str) -> None:
        """What stands under a name, and the name, survive."""
        with refusal_told(path), self.reading(path) as descriptor:
            os.fsync(descriptor)
        self.keep_name(path)

    def keep_name(self, path: str) -> None:
        """That a name was given, or that it was removed, survives; waits for a group."""
        with self._changing:
            self._wanted.add(path.rpartition("/")[0])
            group = self._next
        with self._syncing:
            if self._done < group:
                self._keep_group()

    def _keep_group(self) -> None:
        with self._changing:
            wanted, self._wanted = self._wanted, set()
            group, self._next = self._next, self._next + 1
        try:
            self._keep(wanted)
        except BaseException:
            with self._changing:
                self._wanted |= wanted
            raise
        self._done = group

    def _keep(self, folders: set[str]) -> None:
        new = {above for folder in folders - self._settled for above in _above(folder)}
        for each in sorted(folders | new, reverse=True):
            with refusal_told(each or self.root), _present(), self._folder_of(f"{each}/.", create=False) as (opened, _):
                if opened is not None:
                    _sync(opened)
        if len(self._settled) > _MANY:
            self._settled.clear()
        self._settled |= folders


def keep_folder(folder: Path) -> None:
    """A folder that may be new survives, and those that hold it; as far as we may open them.

    Raises:
        DiskError: the disk refuses.
    """
    for each in (folder, *folder.absolute().parents):
        with refusal_told(each), contextlib.suppress(PermissionError):
            descriptor = os.open(each, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                _sync(descriptor)
            finally:
                os.close(descriptor)


@contextlib.contextmanager
def _present() -> Iterator[None]:
    """A folder that somebody removed, or put a link in the place of, has no names of ours that could be lost."""
    try:
        yield
    except OSError as error:
        if not isinstance(error, _GONE) and error.errno != errno.ELOOP:
            raise


def _sync(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise


def _above(folder: str) -> Iterator[str]:
    """The folders that hold one, up to dest."""
    while folder:
        folder = folder.rpartition("/")[0]
        yield folder
