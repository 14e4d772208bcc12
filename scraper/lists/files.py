"""The files of a list: found, told apart by suffix, opened as text, told by their content."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TextIO, cast

from scraper.errors import UsageError

_MAGIC = "*?["
FORMATS = {
    ".txt": "txt",
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}
"""Suffix in lower case -> format; any other suffix is txt. `.gz` may stand behind those of text."""
_NO_TEXT = {
    b"PK\x03\x04": "a zip or a spreadsheet, not text; save it as .csv",
    b"PAR1": "parquet, not text; call it .parquet",
    b"\x1f\x8b": "gzip, not text; call it .gz",
    b"\x28\xb5\x2f\xfd": "zstd, not text; unpack it first",
    b"BZh": "bzip2, not text; unpack it first",
    b"\xfd7zXZ": "xz, not text; unpack it first",
    b"SQLite format 3": "a database, not text; export it as .csv",
}
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class ListError(UsageError):
    """A list that cannot be read; the message is for people. Where a job names it, it is told as its mistake."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A row that is none, and why."""

    why: str


Row = dict[str, Any] | Broken


def find(folder: Path, pattern: str) -> tuple[Path, ...]:
    """The files of a path or glob (`**` goes into folders), relative to `folder`, sorted by name.

    A file that is called exactly so is that file, also where its name holds `*`, `?` or `[`.

    Raises:
        ListError: there is none.
    """
    exact = folder / pattern
    if exact.is_dir():
        raise ListError(f"{pattern} is a folder; write {pattern.rstrip('/')}/*.txt for the lists in it")
    if exact.exists():
        return (exact,)
    if not any(char in pattern for char in _MAGIC):
        raise ListError(f"there is no file {pattern}")
    import glob

    found = sorted(glob.glob(pattern, root_dir=folder, recursive=True))
    if paths := tuple(path for name in found if (path := folder / name).is_file()):
        return paths
    raise ListError(f"no file matches {pattern}")


def format_of(path: Path) -> str:
    """One of the formats in `FORMATS`, by suffix."""
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    if suffixes[-1:] == [".gz"]:
        suffixes.pop()
    return FORMATS.get(suffixes[-1], "txt") if suffixes else "txt"


def digest(paths: Iterable[Path]) -> str:
    """By what a list is the same: formats and contents of its files in their order, SHA-256 in hex.

    Raises:
        ListError: one cannot be read.
    """
    whole = hashlib.sha256()
    for path in paths:
        try:
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise ListError(f"{path.name} cannot be read: {error.strerror}") from error
        whole.update(f"{format_of(path)} {content}\n".encode())
    return whole.hexdigest()


def open_text(path: Path) -> TextIO:
    """A file of text, unpacked where its name ends in .gz; every newline reads as `\\n`.

    UTF-8, or UTF-16 where its mark says so. Bytes that are not UTF-8 are read as windows-1252, as browsers
    read the pages of the West (page/charset.py).

    Raises:
        ListError: it is plainly no text.
        OSError, EOFError, zlib.error: also later, while it is read.
    """
    unpack = gzip.open if path.suffix.lower() == ".gz" else open
    file: Any = unpack(path, "rb")
    try:
        head = file.peek(16)[:16]
        for magic, what in _NO_TEXT.items():
            if head.startswith(magic):
                raise ListError(f"{path.name} is {what}")
    except BaseException:
        file.close()
        raise
    encoding = "utf-16" if head.startswith(_UTF16) else "utf-8-sig"
    return io.TextIOWrapper(cast(IO[bytes], file), encoding, errors="scraper-list")


def _as_windows_1252(error: UnicodeError) -> tuple[str, int]:
    """What is not UTF-8 is what Western programs write."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error("scraper-list", _as_windows_1252)
