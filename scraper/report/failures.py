"""What failed in a run, by class, and what its job expected in vain."""

from __future__ import annotations

from bisect import insort

from scraper.run.advice import Advice, advice_for
from scraper.state.db import Database
from scraper.state.runs import FAILURES
from scraper.values import dataclass

EXAMPLES = 5
CLASSES = 30
"""Examples of a class, and classes, that are shown."""


@dataclass(frozen=True, slots=True)
class Failed:
    """One that failed: kind (page, item, file, ...), URL and message."""

    url: str
    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class Group:
    """All that failed for the same reason.

    Attributes:
        name: the class; advice: what it means and what to do.
        examples: the first by URL.
    """

    name: str
    count: int
    advice: Advice
    examples: tuple[Failed, ...]


def groups(db: Database, run: str) -> list[Group]:
    """The failures of a run, the largest group first. One pass; memory holds the examples."""
    counts: dict[str, int] = {}
    first: dict[str, list[tuple[str, str, str]]] = {}
    for row in db.stream(FAILURES, run):
        name, seen = row["class"], (row["url"], row["kind"], row["message"] or "")
        counts[name] = counts.get(name, 0) + 1
        kept = first.setdefault(name, [])
        if len(kept) < EXAMPLES or seen < kept[-1]:
            insort(kept, seen)
            del kept[EXAMPLES:]
    return [
        Group(name, counts[name], advice_for(name), tuple(Failed(*each) for each in first[name]))
        for name in sorted(counts, key=lambda name: (-counts[name], name))
    ]
