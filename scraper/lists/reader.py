"""What every reader of a list has in common: raw rows, passed over or made into rows."""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Generic, TypeVar

from scraper.lists.files import Broken, ListError, Row

Raw = TypeVar("Raw")
_UNREADABLE = (OSError, EOFError, zlib.error, ListError)


class Reader(ABC, Generic[Raw]):
    """The rows of one file, once.

    A raw row is what takes little to find and to pass over. Where the file cannot be read further, a
    Broken stands for the rest: it counts as a row, so that a run that continues counts the same.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rest = self._told()

    @abstractmethod
    def columns(self) -> tuple[str, ...] | None:
        """The columns as the head of the file names them; None where each row has its own.

        Raises:
            ListError: the file is not of its format.
            OSError, EOFError, zlib.error: it cannot be read.
        """

    @abstractmethod
    def _raws(self) -> Iterator[Raw | Broken]:
        """The raw rows."""

    @abstractmethod
    def _made(self, raw: Raw) -> Row:
        """A row."""

    def _told(self) -> Iterator[Raw | Broken]:
        try:
            yield from self._raws()
        except _UNREADABLE as error:
            yield Broken(f"the list cannot be read further: {reason(error)}")

    def skip(self, count: int) -> int:
        """Passes over so many rows; gives how many there were."""
        return sum(1 for _ in islice(self._rest, count))

    def __iter__(self) -> Iterator[Row]:
        return (raw if isinstance(raw, Broken) else self._made(raw) for raw in self._rest)


def reason(error: Exception) -> str:
    """What is wrong, without the path, which the message names anyway."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def cleaned(text: str) -> str:
    """Text from outside as pages give it: nothing in it can be taken for a mark (page/nodes.py)."""
    if text.isascii() and "%" not in text:
        return text
    from scraper.page.nodes import clean

    return clean(text)
