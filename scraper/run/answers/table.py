"""Columns for a terminal. Where room is short gaps are narrower, then columns go that may, then texts are cut."""

from __future__ import annotations

from collections.abc import Sequence

from scraper.run.answers.words import cut
from scraper.values import dataclass

GAPS = ("  ", " ")
LEAST = 8
"""Characters that a column that is cut keeps."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A text in a table, and in which tone it is said: good, fair, bad or none."""

    text: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A column.

    Attributes:
        right: whether its cells stand to the right.
        cuts: whether it is cut where room is short; goes: in which order it goes before that, from 1; 0: never.
    """

    head: str
    right: bool = False
    cuts: bool = False
    goes: int = 0


def table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], width: int | None) -> list[list[Cell]]:
    """Lines of cells, each as wide as its column with the gap before it; the first line is the head.

    Args:
        width: columns of the terminal; None: nothing is cut.
    """
    every = [[Cell(column.head) for column in columns], *rows]
    shown = [[cut(cell.text, None) for cell in row] for row in every]
    widths = [max(len(row[at]) for row in shown) for at in range(len(columns))]
    kept, gap = (list(range(len(columns))), GAPS[0]) if width is None else _kept(columns, widths, width)
    if width is not None:
        _narrow(columns, widths, kept, width - len(gap) * (len(kept) - 1))
    return [
        [Cell(f"{gap if at != kept[0] else ''}{_set(texts[at], columns[at], widths[at])}", row[at].tone) for at in kept]
        for texts, row in zip(shown, every, strict=True)
    ]


def _kept(columns: Sequence[Column], widths: list[int], width: int) -> tuple[list[int], str]:
    """The columns that stay, and the gap between them."""
    kept = list(range(len(columns)))
    going = sorted((at for at in kept if columns[at].goes), key=lambda at: columns[at].goes)
    while True:
        need = sum(widths[at] for at in kept)
        for gap in GAPS:
            if need + len(gap) * (len(kept) - 1) <= width:
                return kept, gap
        if not going:
            return kept, GAPS[-1]
        kept.remove(going.pop(0))


def _narrow(columns: Sequence[Column], widths: list[int], kept: list[int], room: int) -> None:
    """Takes from the columns that may be cut what is too much, from the widest first."""
    while sum(widths[at] for at in kept) > room:
        wide = [at for at in kept if columns[at].cuts and widths[at] > LEAST]
        if not wide:
            return
        widths[max(wide, key=widths.__getitem__)] -= 1


def _set(text: str, column: Column, size: int) -> str:
    text = cut(text, size)
    return text.rjust(size) if column.right else text.ljust(size)
