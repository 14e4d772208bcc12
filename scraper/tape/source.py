"""The bytes of a WARC file, unzipped on the way, as far as they go.

    take, line, peek                 the bytes, in order
    boundary()                       where in the file what was read ends, if a gzip member ends there too

A file may end in the middle of a member (its writer was killed), or be damaged. What comes before is given first;
then `TornError` or `DamagedError` is raised. Whatever a member unzips to, no more of it than is asked for, and a
buffer or two, is in memory.
"""

from __future__ import annotations

import zlib
from typing import BinaryIO

__all__ = ["DamagedError", "Source", "TornError"]

_PIECE = 64 * 1024
_GZIP = b"\x1f\x8b"
_WITH_HEAD = 16 + zlib.MAX_WBITS


class TornError(Exception):
    """The file ends before what began in it does."""


class DamagedError(Exception):
    """What stands there is neither a record nor the beginning of one."""


class Source:
    """Reads a file from where it stands.

    Attributes:
        zipped: whether it begins with a gzip member; then all of it is members.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._raw = file.read(_PIECE)
        self._at = len(self._raw)  # of the file's bytes, how many were read
        self._data = bytearray()
        self._member: zlib._Decompress | None = None
        self._trouble: Exception | None = None
        self.zipped = self._raw[:2] in (_GZIP, _GZIP[:1])  # the first byte alone is how a torn one may look

    def peek(self, size: int) -> bytes:
        """The next `size` bytes, fewer where it ends; they are not taken."""
        while len(self._data) < size and self._pump():
            pass
        return bytes(self._data[:size])

    def take(self, size: int) -> bytes:
        """Up to `size` bytes, none only at the end.

        Raises:
            TornError, DamagedError: there should be more.
        """
        if not self.peek(1):
            self._raise()
        data = bytes(self._data[:size])
        del self._data[:size]
        return data

    def line(self, limit: int) -> bytes:
        """A line with its LF; without one where `limit` bytes or the file end first.

        Raises:
            TornError, DamagedError: there should be more.
        """
        end = self._data.find(b"\n", 0, limit)
        searched = len(self._data)
        while end < 0 and len(self._data) < limit and self._pump():
            end = self._data.find(b"\n", searched, limit)
            searched = len(self._data)
        if end < 0 and len(self._data) < limit:
            self._raise()
        size = limit if end < 0 else end + 1
        data = bytes(self._data[:size])
        del self._data[:size]
        return data

    def boundary(self) -> int | None:
        """The offset in the file behind what was taken; None in the middle of a gzip member.

        Raises:
            TornError, DamagedError: the member that it should be the end of has none.
        """
        if not self.zipped:
            return self._at - len(self._raw) - len(self._data)
        while self._member is not None and not self._data and self._pump():
            pass
        if not self._data:
            self._raise()
        return None if self._data or self._member is not None else self._at - len(self._raw)

    def _raise(self) -> None:
        if self._trouble is not None:
            raise self._trouble

    def _pump(self) -> bool:
        """One step further, in which there may be no bytes; whether there may be more."""
        if self._trouble is not None:
            return False
        if not self._raw:
            self._raw = self._file.read(_PIECE)
            self._at += len(self._raw)
        if not self.zipped:
            self._data += self._raw
            more, self._raw = bool(self._raw), b""
            return more
        found = bool(self._raw)
        if self._member is None and not self._begun():
            return found and self._trouble is None
        return self._unzip()

    def _unzip(self) -> bool:
        assert self._member is not None
        at_end = not self._raw
        try:
            data = self._member.decompress(self._raw, _PIECE)
        except zlib.error as error:
            self._trouble = DamagedError(f"a gzip member is damaged ({error})")
            return False
        self._data += data
        if self._member.eof:
            self._raw, self._member = self._member.unused_data, None
        elif at_end and not data:
            self._trouble = TornError("the file ends in the middle of a gzip member")
            return False
        else:
            self._raw = self._member.unconsumed_tail
        return True

    def _begun(self) -> bool:
        """Whether a new member begins here; zeros between members are padding, as gzip takes them."""
        self._raw = self._raw.lstrip(b"\0")
        if not self._raw:
            return False
        if self._raw[0] != _GZIP[0]:
            self._trouble = DamagedError("what follows a gzip member is none")
            self._raw = b""
            return False
        self._member = zlib.decompressobj(_WITH_HEAD)
        return True
