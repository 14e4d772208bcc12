"""Where the bodies of a tape lie while it is open: small ones in memory, the others in one file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from scraper.tape.taken import Slice

__all__ = ["FullError", "Spool"]

SMALL = 64 * 1024
"""Bytes of a body that may stay in memory."""

MEMORY = 32 << 20
DISK = 64 << 30


class FullError(Exception):
    """The bodies are more than a tape may hold: a file that unzips to more than any disk has."""


class Spool:
    """Keeps bodies.

    Args:
        memory: bytes of small bodies, all together, that stay in memory; disk: of the others.
    """

    def __init__(self, memory: int = MEMORY, disk: int = DISK) -> None:
        self._memory = memory
        self._disk = disk
        self._folder: TemporaryDirectory[str] | None = None
        self._file: BinaryIO | None = None

    def put(self, pieces: Iterable[bytes]) -> bytes | Slice:
        """Keeps a body; what was put of one that breaks off by an error is room lost, no more.

        Raises:
            FullError: there is no room for it.
            OSError: the disk takes no more.
        """
        held = bytearray()
        iterator = iter(pieces)
        for piece in iterator:
            held += piece
            if len(held) > min(SMALL, self._memory):
                return self._written(held, iterator)
        self._memory -= len(held)
        return bytes(held)

    def flush(self) -> None:
        """What was put can be read from its Slice now."""
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        """The file goes. May be called again."""
        if self._file is not None and self._folder is not None:
            self._file.close()
            self._folder.cleanup()

    def _written(self, first: bytearray, rest: Iterable[bytes]) -> Slice:
        file = self._opened()
        start = file.tell()
        file.write(first)
        for piece in rest:
            if file.tell() > self._disk:
                raise FullError(f"its bodies are more than {self._disk >> 30} GiB")
            file.write(piece)
        return Slice(Path(file.name), start, file.tell() - start)

    def _opened(self) -> BinaryIO:
        if self._file is None:
            self._folder = TemporaryDirectory(prefix="scraper-tape-")
            self._file = (Path(self._folder.name) / "bodies").open("wb")
        return self._file
