"""The last lines of a run on a terminal: what came, what was left out, what failed and what to do about it. Pure.

    books: 26 pages, 23 items (2 new), 1 file saved (12.0 kB), 3 failed in 1.0 s
      skipped  22 exists
      failed   2 timeout   The server did not answer in time.
                           http://127.0.0.1:8000/slow/1
               1 http:404  There is no such page or file (404).
                           http://127.0.0.1:8000/none
      next     scraper why http://127.0.0.1:8000/slow/1 -d output/books
               scraper retry books.yaml --class timeout
      in       output/books

Before the last line stands where the report is. What is none is left out; where nothing is new, the first line
says that.
"""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scraper.errors import Exit
from scraper.model import Summary
from scraper.run.advice import advice_for
from scraper.run.events import printable
from scraper.run.headline import headline

WIDTH = 80
LABEL = 9
"""Columns of the words at the left."""
GROUPS = 6
"""Classes of failures that are told one by one."""
Line = tuple[str, str]
"""A label (or "") and its text; the first line of a run has the label of how it went."""


@dataclass(frozen=True)
class Ending:
    """What is known when a run has ended.

    Attributes:
        skipped: why -> how many; failed: state.groups.Group.
        job: the file of the job; "" where there is none that could be named again.
        given: what the command line said beside it, so that a retry finds the same ledger.
        state: the folder of the ledger, if that was named.
        dest: the output folder; report: the page that tells of the run; "" where there is none.
    """

    summary: Summary
    skipped: Mapping[str, int] = field(default_factory=dict)
    failed: Sequence[Any] = ()
    job: str = ""
    given: Sequence[str] = ()
    state: str = ""
    dest: str = ""
    report: str = ""


def told(ending: Ending) -> str:
    """How a run went, by the first line's colour: `good`, `bad`, `stopped`."""
    code = ending.summary.exit_code
    if code in (Exit.SIGINT, Exit.SIGTERM, Exit.LIMIT):
        return "stopped"
    return "bad" if code or ending.summary.failed else "good"


def lines(ending: Ending) -> Iterator[Line]:
    """The lines, without colours; the first has no label."""
    for line in _head(headline(ending.summary, skipped=not ending.skipped)):
        yield "", line
    yield from _labelled("skipped", _skipped(ending))
    yield from _labelled("failed", _failed(ending))
    yield from _labelled("next", _next(ending))
    yield from _labelled("report", [ending.report] if ending.report else [])
    yield from _labelled("in", [ending.dest] if ending.dest else [])


def _head(text: str) -> list[str]:
    """The first line, broken behind commas where it is too long."""
    parts = text.split(", ")
    glued = ", ".join(part.replace(" ", "\xa0") for part in parts)
    return [line.replace("\xa0", " ") for line in textwrap.wrap(glued, WIDTH, subsequent_indent="  ")]


def _labelled(label: str, texts: Sequence[str]) -> Iterator[Line]:
    for at, text in enumerate(texts):
        yield "" if at else label, f"  {'' if at else label:<{LABEL}}{printable(text)}"


def _skipped(ending: Ending) -> list[str]:
    parts = [f"{count} {why}" for why, count in ending.skipped.items()]
    return textwrap.wrap(", ".join(parts), WIDTH - LABEL - 2)


def _failed(ending: Ending) -> list[str]:
    groups = ending.failed[:GROUPS]
    number = max((len(str(group.count)) for group in groups), default=0)
    name = max((len(group.name) for group in groups), default=0)
    indent = number + name + 3
    found: list[str] = []
    for group in groups:
        first, *more = textwrap.wrap(advice_for(group.name).what, WIDTH - LABEL - 2 - indent)
        found.append(f"{group.count:>{number}} {group.name:<{name}}  {first}")
        found += [" " * indent + line for line in (*more, group.url)]
    others = ending.failed[GROUPS:]
    if others:
        found.append(f"{sum(group.count for group in others)} of {len(others)} other classes")
    return found


def _next(ending: Ending) -> list[str]:
    """Commands that help: to see why, and to ask again where that may bring something."""
    if not ending.failed or not ending.dest:
        return []
    state = ["--state", ending.state] if ending.state else []
    found = [shlex.join(["scraper", "why", ending.failed[0].url, "-d", ending.dest, *state])]
    again = [group.name for group in ending.failed if advice_for(group.name).again]
    if again and ending.job:
        found.append(shlex.join(["scraper", "retry", ending.job, *ending.given, "--class", ",".join(again)]))
    elif again:
        found.append("the same command asks again for what failed")
    return found
