"""Many runs of a job on one page: how they went, one beside the other, and a link to the page of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from scraper.model import Summary
from scraper.report import charts, facts, make
from scraper.report.markup import EMPTY, Safe, joined, tag, value
from scraper.report.page import exit_words
from scraper.report.parts import Section, document, table, when, within
from scraper.state.db import Database
from scraper.units import counted_grouped, human_bytes, human_seconds
from scraper.values import dataclass

NAME = "report.html"
MOST = 1000
"""Runs of one page."""
_ROOM = 1_500_000


@dataclass(frozen=True, slots=True)
class Row:
    """A run of the table; `link`: the relative URL of its page, "" where it has none."""

    run: facts.Run
    summary: Summary
    link: str

    @property
    def failed(self) -> int:
        """Pages, items and files that failed."""
        summary = self.summary
        return summary.pages.failed + summary.items.failed + summary.files.failed

    @property
    def new(self) -> int:
        """New items, or files saved where the job has no items."""
        return self.summary.items.new if self.summary.items.total else self.summary.files.saved


def rows(db: Database, state: Path, goal: Path, last: int | None, job: str | None = None) -> list[Row]:
    """The newest runs, the newest first.

    Args:
        goal: where the page will lie; last: how many, None for all (up to MOST); job: of this one alone.
    """
    found = db.tuples(
        "SELECT run FROM runs WHERE ?1 IS NULL OR job = ?1 ORDER BY id DESC LIMIT ?2", job, min(last or MOST, MOST)
    )
    return [_row(db, state, goal, run) for (run,) in found]


def _row(db: Database, state: Path, goal: Path, name: str) -> Row:
    run, page = facts.run_of(db, name), make.place(state, name)
    return Row(run, make.summary_of(db, state, run), make.relative(goal, page) if page.is_file() else "")


def page(found: Sequence[Row]) -> str:
    """The page; the same in gives the same out."""
    name = ", ".join(dict.fromkeys(row.run.job for row in found))
    bad = sum(exit_words(row.run.exit_code)[0] != "good" for row in found)
    said = f"{counted_grouped(len(found), 'run')}, {bad} of them not well"
    head = joined((tag("h1", value(name or "No run yet")), tag("p", said, class_="lead bad" if bad else "lead good")))
    sections = [Section("trend", "Over the runs", _trends(found)), Section("runs", "Runs", _table(found))]
    return document(f"{name}: {len(found)} runs", head, sections if found else [], "Made by scraper.")


_TRENDS: tuple[tuple[str, str, Callable[[Row], float], Callable[[float], str]], ...] = (
    ("New: items, or files where the job has none", "", lambda row: row.new, lambda most: f"{most:,.0f}"),
    ("Failed: pages, items and files", "failed", lambda row: row.failed, lambda most: f"{most:,.0f}"),
    ("Bytes saved", "", lambda row: row.summary.bytes, human_bytes),
    ("How long it took", "", lambda row: row.summary.seconds, human_seconds),
)


def _trends(found: Sequence[Row]) -> Safe:
    return joined(_trend(found, *each) for each in _TRENDS)


def _trend(
    found: Sequence[Row], title: str, kind: str, of: Callable[[Row], float], told: Callable[[float], str]
) -> Safe:
    values = [of(row) for row in reversed(found)]
    said = f"{title}; at most {told(max(values))}, last {told(values[-1])}"
    ends = (found[-1].run.started, found[0].run.started)
    axis = tag("div", joined(tag("span", f"{each:%Y-%m-%d %H:%M}") for each in ends), class_="axis")
    return tag("figure", tag("figcaption", said), charts.columns(values, said, kind=kind), axis)


_HEADS: tuple[tuple[str, str | None], ...] = (
    ("Run", None),
    ("New", "number tight"),
    ("Failed", "number tight"),
    ("Saved, in", "number"),
)


def _table(found: Sequence[Row]) -> Safe:
    made = within((joined(_cells(row)) for row in found), _ROOM)
    return table("The newest first; times are UTC", _HEADS, [_cells(row) for row in found[: len(made)]])


def _cells(row: Row) -> tuple[Safe, ...]:
    kind, words = exit_words(row.run.exit_code)
    name = joined([when(row.run.started).removesuffix(" UTC")])
    shown = tag("a", name, href=row.link) if row.link else name
    told = row.run.kind if row.run.kind != "run" else "open" if row.run.is_open else ""
    return (
        joined((shown, tag("div", words, class_=kind), tag("div", told, class_="soft") if told else EMPTY)),
        joined([f"{row.new:,}"]),
        tag("span", f"{row.failed:,}", class_="bad") if row.failed else joined(["0"]),
        joined((tag("div", human_bytes(row.summary.bytes)), tag("div", human_seconds(row.summary.seconds)))),
    )
