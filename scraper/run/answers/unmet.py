"""What can be said of a URL or file that no run met: what is most like it, and what may have hidden it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

from scraper import urls
from scraper.state import called, story
from scraper.state.db import Database
from scraper.units import counted
from scraper.values import dataclass

NEAREST = 5
LIKENESS = 0.6
"""How like two texts are that may be meant for each other (difflib's ratio)."""


@dataclass(frozen=True, slots=True)
class Unmet:
    """What was asked for, what may be meant instead (or what holds it), and why it may not have been met: sentences."""

    asked: str
    near: tuple[str, ...]
    reasons: tuple[str, ...]
    is_part: bool = False

    def as_dict(self) -> dict[str, Any]:
        """As `scraper why --json` prints it."""
        return {"near": list(self.near), "reasons": list(self.reasons)}


def unmet(db: Database, text: str) -> Unmet:
    """Of a text that calls nothing."""
    holding = tuple(dict.fromkeys(called.holding(db, text, NEAREST).values()))
    if len(holding) > 1:
        return Unmet(text, holding, ("Several hold it, these and perhaps more: ask for one of them.",), is_part=True)
    return Unmet(text, holding or tuple(_near(db, text)), tuple(_reasons(db, text)))


def _near(db: Database, text: str) -> list[str]:
    host = text.partition("://")[2].partition("/")[0]
    known = called.like(db, host)
    ends = {_end(url): url for url in reversed(known)}
    whole = difflib.get_close_matches(called.canonical(text), known, NEAREST, LIKENESS)
    return whole or [ends[end] for end in difflib.get_close_matches(_end(text), ends, NEAREST, LIKENESS)]


def _end(url: str) -> str:
    """What stands behind the last slash."""
    return url.rstrip("/").rpartition("/")[2]


def _reasons(db: Database, text: str) -> Iterator[str]:
    runs = list(story.runs(db).values())
    if not runs:
        yield "There was no run yet."
        return
    host = urls.host_key(text) if urls.is_http(text) else None
    if host is not None and not called.is_host_met(db, host):
        yield f"Nothing of {host} was met: no page that was read links it, or not as a selector finds it."
    newest = runs[0]
    failed, waiting = story.unread(db, newest.run)
    if failed:
        yield f"{counted(failed, 'page')} of the newest run failed ({newest.run}): what they link was never seen."
    if waiting or newest.open:
        yield f"The newest run is open, {counted(waiting, 'page')} not read yet: it may still be found."
    if newest.limit is not None:
        yield f"The newest run was limited (--limit {newest.limit}): what lies behind that was not looked at."
    if newest.kind != "run":
        name = "an adoption" if newest.kind == "adopt" else f"a {newest.kind}"
        yield f"The newest run was {name}, which looks at what it is for alone."
    yield (
        "A link is met where a selector of follow, next or files finds it on a page that is read;"
        " scraper plan shows what a run finds now, with -v every name."
    )
