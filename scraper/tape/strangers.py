"""Files that are no WARC, and what to do about each: a tape is often named by hand."""

from __future__ import annotations

import re
from pathlib import Path

from scraper.errors import TapeError
from scraper.tape.source import Source

__all__ = ["refuse_stranger"]

_TYPICAL = b"WARC/1.1\r"
_WARC = re.compile(rb"WARC/[0-9]\.[0-9][0-9\r\n]")
_CURES = {
    b"filedesc:": "it is an ARC file; `warcio recompress` makes a WARC of it",
    b"\x28\xb5\x2f\xfd": "it is compressed with zstd; unpack it first (`zstd -d`)",
    b"PK\x03\x04": "it is a ZIP, perhaps a WACZ; unpack it: its WARC files are in `archive/`",
}


def refuse_stranger(path: Path, source: Source) -> None:
    """Judges a file by how it begins.

    Raises:
        TapeError: it is not the beginning of a WARC file, however short.
    """
    first = source.peek(12).lstrip(b"\r\n")[:10]
    if (first or source.zipped) and _WARC.match(first + _TYPICAL[len(first) :]):
        return  # or as much of it as a killed writer wrote
    if not first:
        raise TapeError(path, "it is empty; `scraper record JOB` makes a tape")
    for begin, cure in _CURES.items():
        if first.startswith(begin):
            raise TapeError(path, cure)
    inside = "what is zipped in it" if source.zipped else "it"
    raise TapeError(path, f"it is no WARC: {inside} begins with {first!r}; `scraper record JOB` makes a tape")
