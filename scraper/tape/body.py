"""The body of an answer on its way to a tape: in memory while it is small, then in a file; what it echoes is hidden.

A text is searched as a whole, decoded where it came with a content encoding, up to 16 MiB. A part of a body (206),
what is no text, and what is longer are searched as the bytes that they are, a file in pieces; what hides a value there
is as long as the value, so that no length and no range is another by it.
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import IO

from scraper.net.decode import codings
from scraper.net.head import length_of
from scraper.tape.taken import Pairs, Slice
from scraper.tape.veil import LONGEST, Veil, is_text

IN_MEMORY = 1024 * 1024
"""Bytes of a body that are held in memory."""
DIGESTS = frozenset({"digest", "repr-digest", "content-digest", "content-md5"})
"""Fields that say what a body was before it was changed."""
_STEP = 1024 * 1024
_BEGINNING = 4096


class Body:
    """One body.

    Args:
        scratch: the folder for its file.
    """

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._pieces: list[bytes] = []
        self._file: IO[bytes] | None = None
        self._size = 0

    @property
    def is_large(self) -> bool:
        """Whether it has a file."""
        return self._file is not None

    def append(self, data: bytes) -> None:
        """More of it.

        Raises:
            OSError: the disk takes no more.
        """
        self._size += len(data)
        if self._file is not None:
            self._file.write(data)
            return
        self._pieces.append(data)
        if self._size > IN_MEMORY:
            self._file = tempfile.NamedTemporaryFile(dir=self._scratch, delete=False)  # noqa: SIM115 - discard does
            self._file.writelines(self._pieces)
            self._pieces.clear()

    def hidden(self, veil: Veil, fields: Pairs, *, is_part: bool, whole: bool) -> tuple[Pairs, bytes | Slice]:
        """The fields that belong to it, and it, without what must not be kept.

        Args:
            is_part: whether it is a range of a longer one; whole: whether it came to its end.
        """
        if not veil:
            return fields, self._body
        if is_part or not self._is_searched(fields):
            is_changed = self._masked(veil)
            return (_without_digests(fields) if is_changed else fields), self._body
        data = self._read()
        found, is_decoded = veil.body(data, fields)
        if found == data:
            return fields, self._body
        return _fitting(fields, self._size, len(found), is_decoded=is_decoded, whole=whole), found

    def discard(self) -> None:
        """Its file goes, whatever a full disk says to what was not written yet."""
        self._pieces.clear()
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            Path(self._file.name).unlink(missing_ok=True)

    @property
    def _body(self) -> bytes | Slice:
        if self._file is None:
            return b"".join(self._pieces)
        self._file.flush()
        return Slice(Path(self._file.name), 0, self._size)

    def _read(self) -> bytes:
        body = self._body
        return body if isinstance(body, bytes) else body.path.read_bytes()

    def _is_searched(self, fields: Pairs) -> bool:
        """Whether it is searched as a whole; one in memory always is."""
        if self._file is None:
            return True
        if self._size > LONGEST:
            return False
        if any(name.lower() == "content-encoding" and codings(value) for name, value in fields):
            return True
        media = next((value for name, value in fields if name.lower() == "content-type"), "")
        self._file.flush()
        with open(self._file.name, "rb") as file:
            return is_text(file.read(_BEGINNING), media)

    def _masked(self, veil: Veil) -> bool:
        """Whether it held something, which is hidden now."""
        if self._file is None:
            data = b"".join(self._pieces)
            self._pieces = [veil.mask(data)]
            return self._pieces[0] != data
        self._file.flush()
        return _mask_file(Path(self._file.name), veil.masks())


def _mask_file(path: Path, masks: list[tuple[bytes, bytes]]) -> bool:
    """Puts each mask in its place, in pieces; a piece reaches as far into the next one as a value may."""
    beyond = max((len(value) for value, _ in masks), default=1) - 1
    is_changed, at = False, 0
    with path.open("r+b") as file:
        while data := file.read(_STEP + beyond):
            found = data
            for value, shown in masks:
                found = found.replace(value, shown)
            if found != data:
                file.seek(at)
                file.write(found)
                is_changed = True
            at += _STEP
            file.seek(at)
    return is_changed


def _without_digests(fields: Pairs) -> Pairs:
    return tuple(pair for pair in fields if pair[0].lower() not in DIGESTS)


def _fitting(fields: Pairs, came: int, count: int, *, is_decoded: bool, whole: bool) -> Pairs:
    """The fields of a body that is another now: its length is right, or as much too long as it was."""

    def length(value: str) -> str:
        declared = length_of(value)
        lacking = 0 if whole or declared is None else max(0, declared - came)
        return str(count + lacking)

    gone = DIGESTS | ({"content-encoding"} if is_decoded else set())
    kept = [pair for pair in fields if pair[0].lower() not in gone]
    return tuple((name, length(value) if name.lower() == "content-length" else value) for name, value in kept)
