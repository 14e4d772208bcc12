"""A file of one folder stands in another one too: by a hard link where the file system can, else by a copy.

Both go through a part: whoever calls gives it the final name. Nothing of the source is changed.
"""

from __future__ import annotations

import contextlib
import errno
import os

from scraper.files.parts import OutputFolder

STEP = 1024 * 1024
"""Bytes that are copied at once."""
_NO_LINK = frozenset(
    {errno.EPERM, errno.EACCES, errno.EXDEV, errno.EMLINK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}
)
LINKED, COPIED = "linked", "copied"


def carry(source: OutputFolder, path: str, goal: OutputFolder, part: str, *, may_link: bool = True) -> str:
    """Puts the bytes of `path` below `source` under the name `part` below `goal`.

    A copy has the time of modification of what it is a copy of.

    Returns:
        LINKED or COPIED.

    Raises:
        FileExistsError: something stands where the part should.
        DiskError, OSError: the disk refuses; no part is left.
    """
    if may_link:
        try:
            goal.link(path, part, of=source)
            return LINKED
        except OSError as error:
            if error.errno not in _NO_LINK:
                raise
    _copy(source, path, goal, part)
    return COPIED


def _copy(source: OutputFolder, path: str, goal: OutputFolder, part: str) -> None:
    with source.reading(path) as descriptor:
        new = goal.open_part(part)
        try:
            while data := os.pread(descriptor, STEP, new.bytes):
                new.append([data])
            found = os.fstat(descriptor)
            new.stamp((found.st_atime, found.st_mtime))
            if goal.is_durable:
                new.sync()
            new.close()
        except BaseException:
            with contextlib.suppress(OSError):
                new.close()
            goal.remove(part)
            raise
