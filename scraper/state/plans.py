"""What a dry run found, asked of its scratch ledger while that is there (run/plan tells it).

A file of a dry run that would be fetched ends as `skipped:dry run`; one that has no ending was found by a run that
was stopped. Everything else has the ending that the run itself would give it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from scraper.files import naming
from scraper.model import Download
from scraper.state import codec
from scraper.state.db import Database
from scraper.state.marks import FOLDER, Marks
from scraper.state.schema import NAME_BITS
from scraper.values import dataclass

WANTED = frozenset({"skipped:dry run", None})
"""The endings of files that a run would fetch."""
EXAMPLES = 20
"""How many of those that ended alike are told."""

_READ = "ending IN ('ok', 'unchanged', 'skipped:duplicate')"
_PAGES = "SELECT coalesce(rule, ''), ending, count(*) FROM pages WHERE run = ? AND state < 2 GROUP BY 1, 2"
_ITEMS = "SELECT rule, count(*) FROM items WHERE last_run = ? GROUP BY rule"
_ITEM_FAILURES = (
    "SELECT coalesce(r.rule, ''), count(*) FROM failures f LEFT JOIN reads r ON r.id = f.read"
    " WHERE f.run = ? GROUP BY 1"
)
_REQUESTS = (
    "SELECT host, coalesce(sum(attempts), 0),"  # noqa: S608 - texts of ours
    f" count(CASE WHEN attempts = 1 AND {_READ} THEN seconds END),"
    f" total(CASE WHEN attempts = 1 AND {_READ} THEN seconds END), min(url) FROM pages"
    f" WHERE run = ? AND state = 1 AND ({_READ} OR ending GLOB 'failed:*') GROUP BY host"
)
_PAGES_ALIKE = (
    "SELECT * FROM (SELECT 'page' AS kind, ending, count(*) OVER same AS number, url, coalesce(why, '') AS why,"
    " row_number() OVER (PARTITION BY ending ORDER BY rank) AS at FROM pages"
    " WHERE run = ? AND state = 1 AND ending NOT IN ('ok', 'unchanged') WINDOW same AS (PARTITION BY ending))"
    " WHERE at <= ? ORDER BY ending, at"
)
_FAILURES_ALIKE = (
    "SELECT * FROM (SELECT kind, 'failed:' || class AS ending, count(*) OVER same AS number, url, message AS why,"
    " row_number() OVER (PARTITION BY kind, class ORDER BY id) AS at FROM failures"
    " WHERE run = ? WINDOW same AS (PARTITION BY kind, class)) WHERE at <= ? ORDER BY kind, ending, at"
)
_FILES = (
    "SELECT f.rank, f.flags, f.url, f.path, f.more, f.item_key, f.found_on, f.ending, coalesce(f.why, ''),"
    " n.key, n.path, n.complete, coalesce(h.text, '') FROM files f JOIN names n ON n.id = f.id & ((1 << ?2) - 1)"
    " LEFT JOIN hosts h ON h.id = f.host"
    " WHERE f.id >= ?1 << ?2 AND f.id < (?1 + 1) << ?2 AND f.state < 2 ORDER BY f.rank, f.id"
)
_BEARERS = "SELECT n.key, n.path FROM json_each(?) j CROSS JOIN names n ON n.id = j.value WHERE n.path IS NOT NULL"
_SUFFIX = re.compile("~[0-9a-f]{8,64}")


class Asked(NamedTuple):
    """Requests of one host: attempts for pages, the pages read at the first one and their seconds, a URL."""

    attempts: int
    timed: int
    seconds: float
    url: str


class Alike(NamedTuple):
    """One of those that ended alike: page or item, how many there are, which it is, and why."""

    kind: str
    ending: str
    number: int
    url: str
    why: str


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file that the walk found.

    Attributes:
        path: its reserved name; None: it has none (a row that gives no URL).
        whole: whether the name is complete; if not, the response tells its extension.
        ending: None, or what stands in the ledger.
        bare: the name that it wanted and another bears; None: it has the one it wanted.
        host: `host:port`.
    """

    download: Download
    path: str | None
    whole: bool
    ending: str | None
    why: str
    bare: str | None
    host: str


def page_endings(db: Database, run: str) -> list[tuple[str, str | None, int]]:
    """Rule, ending (None: it was not come to) and how many pages."""
    return db.tuples(_PAGES, run)


def items(db: Database, run: str) -> dict[str, int]:
    """How many items each rule gave."""
    return dict(db.tuples(_ITEMS, run))


def item_failures(db: Database, run: str) -> dict[str, int]:
    """How many items, links or files of pages failed, by the rule that read them."""
    return dict(db.tuples(_ITEM_FAILURES, run))


def requests(db: Database, run: str) -> dict[str, Asked]:
    """What hosts were asked for pages."""
    return {host: Asked(*rest) for host, *rest in db.tuples(_REQUESTS, run)}


def alike(db: Database, run: str) -> Iterator[Alike]:
    """Pages and items that were left out or failed: the first of each ending."""
    for query in (_PAGES_ALIKE, _FAILURES_ALIKE):
        yield from (Alike(*row[:-1]) for row in db.tuples(query, run, EXAMPLES))


def files(db: Database, run: str, records_name: naming.Own) -> Iterator[PlannedFile]:
    """The files of a run, nearest first; the ledger must not change meanwhile."""
    number = db.value("SELECT id FROM runs WHERE run = ?", run)
    for row in db.stream(_FILES, number, NAME_BITS):
        yield _planned(tuple(row), records_name)


def _planned(row: tuple[Any, ...], records_name: naming.Own) -> PlannedFile:
    rank, flags, url, asked, more, item_key, found_on, ending, why, key, path, complete, host = row
    download = codec.load_download(url or key, key, asked or path or "", "", item_key, found_on, rank, flags, more)
    bare = None
    if asked is not None and path is not None:
        wanted = naming.without_mark(asked, records_name=records_name)
        bare = wanted if wanted != path and len(_SUFFIX.findall(path)) > len(_SUFFIX.findall(wanted)) else None
    return PlannedFile(download, path, bool(complete), ending, why, bare, host)


def bearers(db: Database, paths: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Who stands in the way of paths: by folded path, path and key of a file. Without one, a folder does."""
    folds = set(map(naming.fold, paths))
    found = Marks(db).find(set(map(codec.fold_mark, folds)))
    names = sorted({name for _, name in found} - {FOLDER})
    bears = ((naming.fold(path), path, key) for key, path in db.tuples(_BEARERS, repr(names)))
    return {fold: (path, key) for fold, path, key in bears if fold in folds}
