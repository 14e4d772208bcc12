"""Lines of a text, and lists that are nothing but lines: one row each, in its column `line`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

from scraper.lists.files import Broken, Row, open_text
from scraper.lists.reader import Reader, cleaned

BLOCK = 1 << 18
"""Characters that are read at once."""
LONGEST = 4 << 20
"""Characters of the longest line, and of the longest record of a table."""


def lines(file: TextIO) -> Iterator[str | Broken]:
    """The lines of a text without their newlines; one that is too long is a Broken."""
    rest = ""
    while block := file.read(BLOCK):
        *whole, rest = (rest + block).split("\n")
        yield from whole
        if len(rest) > LONGEST:
            yield Broken(f"it is longer than {LONGEST} characters")
            rest = _behind(file)
    if rest:
        yield from rest.split("\n")


def _behind(file: TextIO) -> str:
    """What was read behind the end of a line that is passed over."""
    while block := file.read(BLOCK):
        _, newline, rest = block.partition("\n")
        if newline:
            return rest
    return ""


class TextReader(Reader[str]):
    """txt: each line is a row; blank lines and lines that begin with # are none."""

    def columns(self) -> tuple[str, ...]:
        """There is one."""
        with open_text(self.path) as file:
            file.read(1)
        return ("line",)

    def _raws(self) -> Iterator[str | Broken]:
        with open_text(self.path) as file:
            for line in lines(file):
                if isinstance(line, Broken) or ((line := line.strip()) and line[0] != "#"):
                    yield line

    def _made(self, raw: str) -> Row:
        return {"line": cleaned(raw)}
