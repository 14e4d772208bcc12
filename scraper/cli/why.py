"""`scraper why`: the whole story of one URL or file, from the ledger, at any time, also while a run is under way."""

from __future__ import annotations

import json
import shutil
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scraper.cli import asked
from scraper.cli.examples import examples
from scraper.errors import Exit, UsageError

if TYPE_CHECKING:
    from scraper.run.answers.lines import Line, Manner
    from scraper.run.answers.unmet import Unmet
    from scraper.run.answers.why import Story
    from scraper.state.db import Database
    from scraper.state.story import Lost

WIDTH = 100
"""Columns where no terminal says how many."""
COLOURS = {"good": "green", "fair": "yellow", "bad": "red"}


@click.command(short_help="the whole story of a URL or file", epilog=examples("why"))
@click.argument("url", metavar="URL|FILE")
@click.argument("job", required=False)
@click.option("--run", "run", metavar="RUN", help="As it was in this run; default: the newest that met it.")
@asked.ledger_options
def why(
    url: str, job: str | None, run: str | None, dest: Path | None, state: Path | None, variables: tuple[str, ...],
    as_json: bool,
) -> int:  # fmt: skip
    """Tells how a URL or file was found, each attempt at it, how it ended, what that means and what to do.

    A URL in any spelling, a key, a path, or a part that only one of them has. Exit 4 where no run met it: then
    the nearest are told, and why it may not have been met.
    """
    if job is None and dest is None:
        dest = asked.above(Path(url))
    found = asked.find(job, dest, state, variables)
    from scraper.files.parts import OutputFolder
    from scraper.state.db import Database

    with Database.reading(found.ledger) as db, closing(OutputFolder(found.dest, create=False)) as disk:
        _check(db, run)
        answer = _Answer(db, _text(url), found.dest, run, disk.look)
    _tell_json(answer) if as_json else _tell(answer, _manner(found, job))
    return Exit.DONE if answer.stories else Exit.FAILURES


def _text(argument: str) -> str:
    """An argument as text: bytes that are no UTF-8 call nothing, and the ledger takes none."""
    return argument.encode("utf-8", "replace").decode()


class _Answer:
    """What the ledger answers; all of it is asked at once."""

    def __init__(self, db: Database, text: str, dest: Path, run: str | None, look: Any) -> None:
        from scraper.run.answers import why as telling
        from scraper.run.answers.unmet import unmet
        from scraper.state import called, story

        self.asked = text
        self.meant: str | None = None
        subjects = called.subjects(db, text, telling.paths_of(text, dest))
        self.lost: list[Lost] = []
        if not subjects:
            self.lost = story.lost_at(db, text)
            holding = called.holding(db, text, 2) if text and not self.lost else {}
            if len(holding) == 1:
                (subjects, (self.meant,)) = list(holding), holding.values()
        self.stories: list[Story] = telling.stories(db, subjects, look, run)
        self.unmet: Unmet | None = None if self.stories else unmet(db, text)

    def as_dict(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {
            "asked": self.asked,
            "meant": self.meant,
            "stories": [each.as_dict() for each in self.stories],
            "failures": [{"url": each.url, "class": each.name, "message": each.message} for each in self.lost],
            **({"near": [], "reasons": []} if self.unmet is None else self.unmet.as_dict()),
        }


def _check(db: Database, run: str | None) -> None:
    from scraper.state import story

    known = list(story.runs(db))
    if run is not None and run not in known:
        newest = f"the newest are {', '.join(known[:3])}" if known else "there was none yet"
        raise UsageError(f"no run {run} is in this ledger; {newest}")


def _manner(found: asked.Asked, job: str | None) -> Manner:
    from scraper.run.answers.lines import Manner

    starts = () if found.loaded is None else tuple(map(_entry, found.loaded.data.get("start") or ()))
    return Manner(str(found.dest), job, starts, width(WIDTH))


def width(otherwise: int) -> int:
    """The columns of the terminal that stdout is."""
    return max(40, shutil.get_terminal_size().columns) if sys.stdout.isatty() else otherwise


def _entry(entry: Any) -> str:
    """An entry of `start`, in short: what it names, without what may hold a password."""
    if not isinstance(entry, dict):
        return str(entry)
    return next((str(entry[name]) for name in _NAMING if name in entry), "")


_NAMING = ("list", "sitemap", "feed", "records", "url")


def _tell_json(answer: _Answer) -> None:
    from scraper.cli.run import unseen_escaped

    click.echo(unseen_escaped(json.dumps(answer.as_dict(), ensure_ascii=False)))


def _tell(answer: _Answer, manner: Manner) -> None:
    from scraper.run.answers.lines import story_lines, unmet_lines
    from scraper.run.events import printable

    if answer.meant is not None:
        click.echo(f"nothing is called {printable(answer.asked)}; this alone holds it:", err=True)
    for at, story in enumerate(answer.stories):
        say([*([_blank()] if at else []), *story_lines(story, manner)])
    if answer.unmet is not None:
        say(unmet_lines(answer.unmet, answer.lost, manner))


def _blank() -> Line:
    from scraper.run.answers.lines import Line

    return Line("", "")


def say(lines: list[Line]) -> None:
    """Prints lines; in colours where stdout is a terminal that has them (click, NO_COLOR)."""
    from scraper.run.answers.lines import INDENT

    for line in lines:
        text = click.style(line.text, fg=COLOURS[line.tone]) if line.tone else line.text
        click.echo(f"{click.style(f'{line.heading:<{INDENT}}', bold=True)}{text}".rstrip() if line.text else "")
