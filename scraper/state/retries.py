"""What failed and may be asked again, told from the ledger (`scraper retry`).

A retry looks at some runs, its scope: by default the newest ordinary one and the runs of their own after it. What
counts of a URL is its latest ending there:

    page    by identity; a link that was only left out says nothing
    file    by name; one that an adoption left to the next run says nothing
    item    that failed on a page that was read: as long as no later run of the scope has asked for that page

What was forgotten since (forgetting.py) does not count: its identity holds a `-`, its flags the 16.

What is chosen is kept as ids (eight bytes each), so that a million failures are no matter; the rows are read again,
some hundred at a time, when they are queued. What cannot be asked for by itself is counted with the reason: a row of
a list (only a run reads its list), a login step, a page whose rule the job has no more.
"""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from scraper.model import Download, Request
from scraper.state import codec
from scraper.state.db import Database

STEP = 200
"""Rows that are read at once."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The runs that are looked at, oldest first: numbers, and names.

    Attributes:
        base: number of the newest ordinary one among them, 0 where there is none.
    """

    numbers: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    base: int = 0


@dataclass(frozen=True, slots=True)
class Choice:
    """Which failures are meant.

    Attributes:
        patterns: globs (SQLite's) of classes: `timeout`, `http:*`, `http:5[0-9][0-9]`.
        url: a glob of URLs.
        rules: names by which the job reads pages now.
    """

    patterns: tuple[str, ...] = ("*",)
    url: str = "*"
    rules: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Failed:
    """One thing that is chosen, for people."""

    kind: str
    url: str
    name: str
    why: str


@dataclass(slots=True)
class Taken:
    """What is chosen.

    Attributes:
        pages, reads, files: ids; `reads` of items that failed on pages that were read.
        classes: how many of each class; left: how many cannot be asked for, by reason (LEFT).
    """

    pages: array[int] = field(default_factory=lambda: array("q"))
    reads: array[int] = field(default_factory=lambda: array("q"))
    files: array[int] = field(default_factory=lambda: array("q"))
    items: int = 0
    classes: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """How many failures are taken."""
        return len(self.pages) + self.items + len(self.files)


LEFT = {
    "row": "of rows of a list, which only a run reads",
    "login": "of the login, which is made anew in any case",
    "rule": "of pages whose rule the job has no more",
}
"""Why something is not taken."""

# -- scope -------------------------------------------------------------------------------------------------

_RUNS = "SELECT id, run, started, kind FROM runs WHERE job = ? AND (NOT open OR kind <> 'run') ORDER BY id"


def scope_of(db: Database, job: str, since: datetime | str | None = None) -> Scope:
    """The runs of a job that a retry looks at; an ordinary run that is open is none of them.

    Args:
        since: those begun at or after a moment, or the one of this name and all after it.
    """
    rows = db.tuples(_RUNS, job)
    first = _first(rows, since)
    chosen = [row for row in rows if first is not None and row[0] >= first]
    base = max((row[0] for row in chosen if row[3] == "run"), default=0)
    return Scope(tuple(row[0] for row in chosen), tuple(row[1] for row in chosen), base)


def _first(rows: Sequence[tuple[Any, ...]], since: datetime | str | None) -> int | None:
    """Number of the first run of the scope."""
    if since is None:
        return max((number for number, _, _, kind in rows if kind == "run"), default=None)
    if isinstance(since, str):
        return next((number for number, run, _, _ in rows if run == since), None)
    return next((number for number, _, started, _ in rows if datetime.fromisoformat(started) >= since), None)


def open_ordinary(db: Database) -> str | None:
    """The ordinary run that is open, which a run of its own would drop; None: there is none."""
    found: str | None = db.value("SELECT run FROM runs WHERE open AND kind = 'run' ORDER BY id DESC LIMIT 1")
    return found


def has_open(db: Database, job: str, kind: str) -> bool:
    """Whether a run of this kind was cut off and is open."""
    return db.value("SELECT 1 FROM runs WHERE open AND job = ? AND kind = ?", job, kind) is not None


def run_names(db: Database, job: str) -> list[str]:
    """All runs of a job, the newest first."""
    return [run for (run,) in db.tuples("SELECT run FROM runs WHERE job = ? ORDER BY id DESC", job)]


# -- what is taken -----------------------------------------------------------------------------------------

# 1: the run, 2: globs of classes, 3: a glob of URLs, 4: the later runs of the scope, 5: names of rules.
_PAGES = (
    "SELECT p.id, substr(p.ending, 8), EXISTS (SELECT 1 FROM reads WHERE page = p.id),"
    " EXISTS (SELECT 1 FROM reads WHERE page = p.id AND rule IN (SELECT value FROM json_each(?5)))"
    " FROM pages p WHERE p.run = ?1 AND p.state = 1 AND p.ending GLOB 'failed:*' AND p.url GLOB ?3"
    " AND instr(p.identity, '-') = 0"
    " AND EXISTS (SELECT 1 FROM json_each(?2) c WHERE substr(p.ending, 8) GLOB c.value)"
    " AND NOT EXISTS (SELECT 1 FROM json_each(?4) s JOIN pages q ON q.run = s.value AND q.identity = p.identity"
    " WHERE q.state = 1 AND EXISTS (SELECT 1 FROM reads WHERE page = q.id))"
)
_ITEMS = (
    "SELECT r.id, e.class, r.rule IN (SELECT value FROM json_each(?5))"
    " FROM failures e LEFT JOIN reads r ON r.id = e.read LEFT JOIN pages p ON p.id = r.page"
    " WHERE e.run = ?1 AND (p.id IS NULL OR instr(p.identity, '-') = 0)"
    " AND e.url GLOB ?3 AND EXISTS (SELECT 1 FROM json_each(?2) c WHERE e.class GLOB c.value)"
    " AND NOT EXISTS (SELECT 1 FROM json_each(?4) s JOIN pages q ON q.run = s.value AND q.identity = p.identity"
    " WHERE q.state = 1 AND EXISTS (SELECT 1 FROM reads WHERE page = q.id))"
)
_FILES = (
    "SELECT f.id, substr(f.ending, 8), f.host IS NOT NULL AND coalesce(f.path, n.path) IS NOT NULL FROM files f"
    " JOIN names n ON n.id = f.id & 0xFFFFFFFFFF"
    " WHERE f.id >= ?1 << 40 AND f.id < (?1 + 1) << 40 AND f.state = 1 AND f.ending GLOB 'failed:*'"
    " AND NOT f.flags & 16"
    " AND EXISTS (SELECT 1 FROM json_each(?2) c WHERE substr(f.ending, 8) GLOB c.value)"
    " AND coalesce(f.url, n.key) GLOB ?3"
    " AND NOT EXISTS (SELECT 1 FROM json_each(?4) s JOIN files g ON g.id = (s.value << 40 | n.id)"
    " WHERE g.state = 1 AND g.ending <> 'skipped:limit')"
)


def take(db: Database, scope: Scope, choice: Choice) -> Taken:
    """What of the scope failed last and is meant."""
    taken = Taken()
    patterns, rules = json.dumps(choice.patterns), json.dumps(sorted(choice.rules))
    for at, (number, name) in enumerate(zip(scope.numbers, scope.names, strict=True), 1):
        later = json.dumps(scope.names[at:])
        for page, failure, is_read, is_known in db.tuples(_PAGES, name, patterns, choice.url, later, rules):
            _count(taken, taken.pages, page, failure, "" if is_known else "rule" if is_read else "login")
        for read, failure, is_known in db.tuples(_ITEMS, name, patterns, choice.url, later, rules):
            if _count(taken, taken.reads, read, failure, "" if is_known else "row" if read is None else "rule"):
                taken.items += 1
        numbers = json.dumps(scope.numbers[at:])
        for file, failure, is_url in db.stream(_FILES, number, patterns, choice.url, numbers):
            _count(taken, taken.files, file, failure, "" if is_url else "row")
    return taken


def _count(taken: Taken, ids: array[int], each: int, failure: str, why_not: str) -> bool:
    if why_not:
        taken.left[why_not] += 1
        return False
    ids.append(each)
    taken.classes[failure] += 1
    return True


def count(db: Database, scope: Scope) -> int:
    """How many pages, items and files of the scope failed last, whether or not a retry can take them."""
    taken = take(db, scope, Choice())
    return taken.total + taken.left.total()


# -- read again --------------------------------------------------------------------------------------------

_READS = (
    "SELECT r.request, p.found_on FROM json_each(?1) j CROSS JOIN pages p ON p.id = j.value"
    " JOIN reads r ON r.page = p.id WHERE r.rule IN (SELECT value FROM json_each(?2))"
)
_OWN_READS = (
    "SELECT DISTINCT r.request, p.found_on FROM json_each(?1) j CROSS JOIN reads r ON r.id = j.value"
    " JOIN pages p ON p.id = r.page WHERE r.rule IN (SELECT value FROM json_each(?2))"
)
_DOWNLOADS = (
    "SELECT coalesce(f.url, n.key), n.key, coalesce(f.path, n.path), coalesce(t.text, ''), f.item_key, f.found_on,"
    " f.rank, f.flags, f.more FROM json_each(?) j CROSS JOIN files f ON f.id = j.value"
    " JOIN names n ON n.id = f.id & 0xFFFFFFFFFF LEFT JOIN templates t ON t.id = n.template"
)


def requests_of(db: Database, taken: Taken, rules: Collection[str]) -> Iterator[list[tuple[Request, str | None]]]:
    """The requests by which its pages were found, with the URL of the page that gave each; some hundred at a time."""
    named = json.dumps(sorted(rules))
    for sql, ids in ((_READS, taken.pages), (_OWN_READS, taken.reads)):
        for some in _steps(ids):
            yield [(codec.load_request(text), found_on) for text, found_on in db.tuples(sql, some, named)]


def downloads_of(db: Database, files: Sequence[int]) -> Iterator[list[Download]]:
    """Files as they were queued, by id; some hundred at a time."""
    for some in _steps(files):
        yield [codec.load_download(*row) for row in db.tuples(_DOWNLOADS, some)]


def _steps(ids: Sequence[int]) -> Iterator[str]:
    for at in range(0, len(ids), STEP):
        yield json.dumps(list(ids[at : at + STEP]))


_TOLD = {
    "page": "SELECT p.url, substr(p.ending, 8), p.why FROM json_each(?) j CROSS JOIN pages p ON p.id = j.value",
    "item": (
        "SELECT e.url, e.class, e.message FROM json_each(?) j CROSS JOIN reads r ON r.id = j.value"
        " JOIN failures e ON e.read = r.id"
    ),
    "file": (
        "SELECT coalesce(f.url, n.key), substr(f.ending, 8), f.why FROM json_each(?) j"
        " CROSS JOIN files f ON f.id = j.value JOIN names n ON n.id = f.id & 0xFFFFFFFFFF"
    ),
}


def told(db: Database, taken: Taken, choice: Choice) -> Iterator[Failed]:
    """What is taken, for people: pages, items, files."""
    of_items = array("q", sorted(set(taken.reads)))
    for kind, ids in (("page", taken.pages), ("item", of_items), ("file", taken.files)):
        for some in _steps(ids):
            for url, name, why in db.tuples(_TOLD[kind], some):
                if kind != "item" or _is_meant(db, choice, name, url):
                    yield Failed(kind, url, name, why or "")


def _is_meant(db: Database, choice: Choice, name: str, url: str) -> bool:
    sql = "SELECT ?1 GLOB ?2 AND EXISTS (SELECT 1 FROM json_each(?3) c WHERE ?4 GLOB c.value)"
    return bool(db.value(sql, url, choice.url, json.dumps(choice.patterns), name))
