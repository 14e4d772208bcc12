"""The runs of a job as a table. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo

from scraper.run.answers.runs import RunTold
from scraper.run.answers.table import Cell, Column, table
from scraper.run.answers.words import short_moment, short_size, short_time

COLUMNS = (
    Column("run"), Column("kind"), Column("started"), Column("took", right=True), Column("ended"),
    Column("pages", right=True, goes=1), Column("new", right=True), Column("changed", right=True, goes=2),
    Column("gone", right=True, goes=3), Column("files", right=True), Column("size", right=True, goes=4),
    Column("failed", right=True),
)  # fmt: skip
_GOOD = frozenset({"done", "nothing", "running"})


def runs_table(runs: Sequence[RunTold], width: int | None, zone: tzinfo | None = None) -> list[list[Cell]]:
    """A line each: of items those that are new, changed and gone, of files those that were saved.

    Args:
        width: columns of the terminal; None: nothing is cut. zone: whose time is told; None: the machine's.
    """
    return table(COLUMNS, [_row(each, zone) for each in runs], width)


def _row(told: RunTold, zone: tzinfo | None) -> list[Cell]:
    row, counts, items = told.row, told.counts, told.counts["items"]
    return [
        Cell(row.run),
        Cell("limited" if row.limit is not None and row.kind == "run" else row.kind),
        Cell(short_moment(row.started, zone)),
        Cell("" if told.seconds is None else short_time(told.seconds)),
        Cell(told.told[0], tone(told)),
        Cell(f"{counts['pages']['ok'] + counts['pages']['unchanged']:,}"),
        *(Cell("?" if items is None else f"{items[name]:,}") for name in ("new", "changed", "gone")),
        Cell(f"{counts['files']['saved']:,}"),
        Cell(short_size(counts["bytes"])),
        Cell(f"{told.failed:,}", "bad" if told.failed else ""),
    ]


def tone(told: RunTold) -> str:
    """In which tone the end of a run is told."""
    return "good" if told.running else "fair" if told.row.open else "good" if told.told[0] in _GOOD else "bad"
