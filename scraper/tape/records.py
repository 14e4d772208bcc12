"""The records of a WARC file, one after the other (ISO 28500 section 4), with bounds: who wrote it may be a stranger.

    WARC/1.1 CRLF  fields CRLF  CRLF  block, Content-Length bytes  CRLF CRLF

    for record in records(source):
        ... record.head(), record.pieces() ...      as much of the block as is wanted
        record.finish()                             now it is known whether the record is whole

warcio's own iterator has no bound for the length of a line, prints what it finds odd, and takes no file that is one
gzip member; nor does it tell where the last whole record ends, which whoever appends must know.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from scraper.tape.heads import BadHeadError, fields
from scraper.tape.source import DamagedError, Source, TornError

__all__ = ["HEAD_MAX", "Record", "records"]

HEAD_MAX = 256 * 1024
"""Bytes of a record's fields, and of an HTTP head in it: four times what the bundled server takes."""

_PIECE = 64 * 1024
_VERSION = re.compile(rb"WARC/[0-9]\.[0-9]{1,2}[ \t]*\r?\n")
_LENGTH = re.compile(r"[0-9]{1,18}")
_BLANKS = (b"\r\n", b"\n")
_ENDS = "the file ends in the middle of a record"


class Record:
    """One record, whose block is read once, from its beginning.

    Attributes:
        kind: `response`, `request`, `revisit`, ...; fields: those of the record, in order; length: of the block.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self.fields = fields(_head_lines(source)[1:], "utf-8")
        self._named: dict[str, str] = {}
        for name, value in self.fields:
            self._named.setdefault(name.lower(), value)
        self.kind = self.get("WARC-Type").lower()
        length = self.get("Content-Length")
        if not _LENGTH.fullmatch(length):
            raise DamagedError(f"a record whose Content-Length is {length!r:.40}")
        self.length = self._left = int(length)

    def get(self, name: str) -> str:
        """A field's value, the first of that name; empty without one."""
        return self._named.get(name.lower(), "")

    def all(self, name: str) -> list[str]:
        """The values of all fields of that name."""
        return [value for one, value in self.fields if one.lower() == name.lower()]

    def lines(self) -> list[bytes]:
        """The lines of a head up to its empty line, which is taken as well, or to the block's end.

        Raises:
            BadHeadError: it is longer than HEAD_MAX.
            TornError, DamagedError: the file is not whole.
        """
        found: list[bytes] = []
        room = HEAD_MAX
        while self._left:
            line = self._source.line(min(room, self._left))
            self._left -= len(line)
            room -= len(line)
            if line in _BLANKS:
                break
            if not line.endswith(b"\n") and self._left:
                raise BadHeadError(f"a head of more than {HEAD_MAX} bytes") if not room else TornError(_ENDS)
            found.append(line)
        return found

    def pieces(self) -> Iterator[bytes]:
        """The rest of the block.

        Raises:
            TornError, DamagedError: the file is not whole.
        """
        while self._left:
            piece = self._source.take(min(self._left, _PIECE))
            if not piece:
                raise TornError(_ENDS)
            self._left -= len(piece)
            yield piece

    def finish(self) -> int | None:
        """What nobody wanted of it is passed over.

        Returns:
            the offset in the file where it ends; None if that is in the middle of a gzip member.

        Raises:
            TornError, DamagedError: it is not whole.
        """
        for _ in self.pieces():
            pass
        for _ in range(2):
            if self._source.peek(1) == b"W":
                break  # some writers put one empty line, or none
            line = self._source.line(2)
            if line not in _BLANKS:
                raise TornError(_ENDS) if line in (b"", b"\r") else DamagedError("a record is longer than it says")
        return self._source.boundary()


def records(source: Source) -> Iterator[Record]:
    """Each record; the one before must be finished.

    Raises:
        TornError, DamagedError: there should be another one, or there is something else.
    """
    while first := source.peek(1):
        if first in (b"\r", b"\n"):
            source.take(1)  # and some put more than two
        else:
            yield Record(source)
    source.take(1)  # tells what ended it


def _head_lines(source: Source) -> list[bytes]:
    found: list[bytes] = []
    room = HEAD_MAX
    while True:
        line = source.line(room)
        room -= len(line)
        if not line.endswith(b"\n"):
            raise TornError(_ENDS) if room else DamagedError(f"the fields of a record are more than {HEAD_MAX} bytes")
        if not found and not _VERSION.fullmatch(line):
            raise DamagedError(f"where a record should begin stands {line[:40]!r}")
        if line in _BLANKS:
            return found
        found.append(line)
