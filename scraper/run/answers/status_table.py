"""How jobs stand, as a table and what is to be said beside it. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from datetime import datetime

from scraper.run.answers.runs_table import tone
from scraper.run.answers.status import Standing
from scraper.run.answers.table import Cell, Column, table
from scraper.run.answers.words import EXITS, distance, short_size, short_time
from scraper.run.events import printable
from scraper.units import counted_grouped

COLUMNS = (
    Column("job", cuts=True), Column("last run"), Column("took", right=True, goes=1), Column("ended"),
    Column("new", right=True), Column("failed", right=True), Column("files", right=True), Column("size", right=True),
    Column("next run"),
)  # fmt: skip
MISTAKES = 3
"""How many mistakes of a job are told."""


def status_table(jobs: Sequence[Standing], now: datetime, width: int | None) -> list[list[Cell]]:
    """A line for each job.

    Args:
        width: columns of the terminal; None: nothing is cut.
    """
    return table(COLUMNS, [_row(each, now) for each in jobs], width)


def _row(job: Standing, now: datetime) -> list[Cell]:
    last = job.last
    coming = "" if job.next is None else distance(job.next, now)
    if last is None:
        word = Cell("broken", "bad") if job.mistakes else Cell("never ran", "fair")
        return [Cell(job.name), Cell(""), Cell(""), word, *[Cell("")] * 4, Cell(coming)]
    return [
        Cell(job.name),
        Cell(distance(last.row.started, now)),
        Cell("" if last.seconds is None else short_time(last.seconds)),
        Cell("broken", "bad") if job.mistakes else Cell(last.told[0], tone(last)),
        Cell(f"{job.new:,}"),
        Cell(f"{job.failed:,}", "bad" if job.failed else ""),
        Cell(f"{job.files:,}"),
        Cell(short_size(job.bytes)),
        Cell("overdue", "bad") if job.overdue else Cell(coming),
    ]


def status_notes(jobs: Sequence[Standing]) -> list[str]:
    """What is wrong with each job that is not well, and what to do about it."""
    return [f"{printable(job.name)}: {printable(text)}" for job in jobs for text in _notes(job)]


def _notes(job: Standing) -> Iterator[str]:
    yield from job.mistakes[:MISTAKES]
    if len(job.mistakes) > MISTAKES:
        more = counted_grouped(len(job.mistakes) - MISTAKES, "mistake")
        yield f"and {more} more; scraper validate {_called(job)} tells all"
    last, called = job.last, _called(job)
    if last is not None and not job.running and not job.mistakes:
        if last.row.open or last.row.exit_code not in (0, 4, 99):
            yield last.told[1]
        if job.base not in (None, 0, 4, 99):
            yield f"the last ordinary run: {EXITS[job.base][1]}"
        if job.failed and job.unmended is not None:
            mend = "" if job.file is None else f"; scraper retry {called} -n lists them, without -n it asks again"
            yield f"{counted_grouped(job.failed, 'failure')} left of the last ordinary run{mend}"
        elif job.failed:
            mend = "" if job.file is None else f", scraper retry {called} asks again"
            yield f"{counted_grouped(job.failed, 'failure')}: scraper export {called} --what failures lists them{mend}"
    if job.overdue:
        yield "overdue: its schedule has named a time since its last run; does scraper schedule run, or its timer?"


def _called(job: Standing) -> str:
    return shlex.quote(job.file) if job.file is not None else f"-d {shlex.quote(str(job.dest))}"
