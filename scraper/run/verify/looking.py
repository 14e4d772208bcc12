"""One file: what stands under its name, against what the ledger says of it."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass

from scraper.files import claims
from scraper.files.parts import OutputFolder
from scraper.state.expected import Expected

PIECE = 1 << 20
OK, UNHASHED, NOTHING = "ok", "unhashed", "nothing"
"""As it was saved; there, but never hashed; neither there nor promised."""
DAMAGE = ("missing", "changed", "folder", "link", "special", "unreadable")
_HTML = frozenset({"text/html", "application/xhtml+xml"})


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found of a file.

    Attributes:
        kind: OK, UNHASHED, NOTHING, or one of DAMAGE.
        how: of a damage, in a few words.
        bytes: how many were found.
    """

    file: Expected
    kind: str
    how: str = ""
    bytes: int = 0

    @property
    def is_damaged(self) -> bool:
        """Whether it is not what the ledger promises."""
        return self.kind in DAMAGE


def look(disk: OutputFolder, file: Expected, read: Callable[[int], None] = lambda count: None) -> Looked:
    """Hashes a file where it stands; one whose move was cut off, where it stood before.

    Args:
        read: called with the bytes of each piece that was read.
    """
    found = _looked(disk, file, file.path, read)
    if found.kind == "missing" and file.source is not None:
        found = _looked(disk, file, file.source, read)
    if file.bytes is None and found.kind != UNHASHED:
        return Looked(file, NOTHING)
    return found


def _looked(disk: OutputFolder, file: Expected, path: str, read: Callable[[int], None]) -> Looked:
    try:
        with disk.reading(path) as descriptor:
            return _compared(file, descriptor, read)
    except OSError as error:
        return _barred(disk, file, path, error)


def _compared(file: Expected, descriptor: int, read: Callable[[int], None]) -> Looked:
    size = os.fstat(descriptor).st_size
    start = os.pread(descriptor, claims.SNIFFED, 0)
    if file.bytes is not None and size != file.bytes:
        how = f"{_html(file, start)}{'truncated' if size < file.bytes else 'longer'}, {size} bytes of {file.bytes}"
        return Looked(file, "changed", how, size)
    if file.sha256 is None:
        return Looked(file, UNHASHED, bytes=size)
    if _digest(descriptor, read) != file.sha256:
        return Looked(file, "changed", f"{_html(file, start)}other content of the same size", size)
    return Looked(file, OK, bytes=size)


def _digest(descriptor: int, read: Callable[[int], None]) -> str:
    digest, offset = hashlib.sha256(), 0
    while piece := os.pread(descriptor, PIECE, offset):
        digest.update(piece)
        offset += len(piece)
        read(len(piece))
    return digest.hexdigest()


def _html(file: Expected, start: bytes) -> str:
    """Whether it is HTML now, and was not."""
    was = file.type or ""
    return "looks like HTML, " if claims.shown(start) in _HTML and was not in _HTML else ""


_BARS = {
    errno.ENOENT: ("missing", ""),
    errno.ENOTDIR: ("missing", "a folder on the way to it is a file or a link"),
    errno.ELOOP: ("link", "a symbolic link stands there"),
}


def _barred(disk: OutputFolder, file: Expected, path: str, error: OSError) -> Looked:
    """Why nothing of it can be read."""
    if error.errno in _BARS:
        return Looked(file, *_BARS[error.errno])
    stood = disk.look(path)
    if stood is not None and stood.is_folder:
        return Looked(file, "folder", "a folder stands there")
    if error.errno in (errno.EINVAL, errno.ENXIO):
        return Looked(file, "special", "no regular file stands there")
    return Looked(file, "unreadable", error.strerror or str(error))
