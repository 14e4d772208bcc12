"""Where a WARC file that is appended to ends: behind its last whole record.

A writer that was killed leaves a record, or a gzip member, that does not end; after a power loss there may be zeros.
That is cut off. What is damaged in the middle is not, for whole records may follow it.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from scraper.errors import TapeError
from scraper.tape.records import records
from scraper.tape.source import DamagedError, Source, TornError
from scraper.tape.strangers import refuse_stranger

__all__ = ["find_end"]

_PIECE = 1 << 20


def find_end(path: Path, file: BinaryIO) -> tuple[int, bool]:
    """Reads a file that is not empty from its beginning.

    Returns:
        the offset behind the last whole record, and whether its records are gzip members.

    Raises:
        TapeError: it is no WARC, or whole records stand behind what is broken in it.
    """
    source = Source(file)
    refuse_stranger(path, source)
    end, loose = 0, 0  # whole records behind `end` that no member's end has followed
    try:
        for record in records(source):
            at = record.finish()
            end, loose = (end, loose + 1) if at is None else (at, 0)
    except (TornError, DamagedError) as error:
        damaged = isinstance(error, DamagedError)
        if loose or (damaged and (not end or _goes_on(file, end, source.zipped))):
            cure = "`warcio recompress` mends that" if loose else "move it away, for what is whole in it"
            raise TapeError(path, f"nothing can be appended to it ({error}); {cure}") from error
    return end, source.zipped


def _goes_on(file: BinaryIO, end: int, zipped: bool) -> bool:
    """Whether something like a record begins behind the one that begins at `end`."""
    sign = b"\x1f\x8b\x08" if zipped else b"\nWARC/1."
    file.seek(end + 1)
    kept = b""
    while piece := file.read(_PIECE):
        if sign in kept + piece:
            return True
        kept = piece[1 - len(sign) :]
    return False
