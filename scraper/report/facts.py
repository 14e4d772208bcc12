"""What the ledger knows of one run, in figures: counted by SQLite, so that a million rows cost seconds and no memory.

A page and a file are both an *ending* here. When it ended and how long it took is told by the ledger in
milliseconds; of runs of an earlier version nothing is known of when.
"""

# ruff: noqa: S608 - queries are put together from texts of this module alone

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from scraper.errors import UsageError
from scraper.state.db import Database
from scraper.values import dataclass

HOSTS = 12
"""Hosts that are told one by one."""
BINS = 60
"""Bars of what came over time."""
TIMES = (50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000)
"""Upper ends of the bars of response times, in milliseconds; the last bar has none."""

_FILES = "f.id >= ?1 << 40 AND f.id < (?1 + 1) << 40 AND f.state = 1"
_PAGES = "p.run = ?1 AND p.state = 1"


@dataclass(frozen=True, slots=True)
class Run:
    """A run as the ledger keeps it.

    Attributes:
        kind: run, retry, repair or adopt; number: by which its files are found.
        ended: None while it is open; seconds: of work, over all processes.
        is_newest: whether no later run of the job is known: then the ledger still knows all that it changed.
    """

    id: str
    number: int
    job: str
    kind: str
    started: datetime
    ended: datetime | None
    exit_code: int | None
    is_complete: bool
    is_open: bool
    item_limit: int | None
    seconds: float
    is_newest: bool
    last: str | None


@dataclass(frozen=True, slots=True)
class Host:
    """What was asked of a host: requests, all attempts counted, pages and files that came of it, and failures."""

    name: str
    requests: int
    ended: int
    failed: int


@dataclass(frozen=True, slots=True)
class Course:
    """What came over time, in BINS equal parts.

    Attributes:
        begin, end: milliseconds since 1970.
        bytes, ended: of each part.
    """

    begin: int
    end: int
    bytes: tuple[int, ...]
    ended: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """The figures of a run.

    Attributes:
        pages, files: by ending, most first.
        hosts: those with most requests; more_hosts: how many others.
        course: None where nothing is known of when.
        times: of each bar of TIMES how many pages and files took so long.
        retried: attempts that failed and were made again.
    """

    pages: tuple[tuple[str, int], ...]
    files: tuple[tuple[str, int], ...]
    hosts: tuple[Host, ...]
    more_hosts: int
    course: Course | None
    times: tuple[int, ...]
    retried: int


def run_of(db: Database, run: str) -> Run:
    """The row of a run.

    Raises:
        UsageError: there is none.
    """
    row = db.row(
        "SELECT r.*, (SELECT max(id) FROM runs WHERE job = r.job) AS newest, (SELECT run FROM runs WHERE job = r.job"
        " AND id < r.id AND kind = 'run' AND exit_code IS NOT NULL ORDER BY id DESC LIMIT 1) AS last"
        " FROM runs r WHERE run = ?",
        run,
    )
    if row is None:
        raise UsageError(f"no run {run} is in this ledger; scraper runs tells which are")
    return Run(
        row["run"], row["id"], row["job"], row["kind"], datetime.fromisoformat(row["started"]),
        None if row["ended"] is None else datetime.fromisoformat(row["ended"]), row["exit_code"],
        bool(row["complete"]), bool(row["open"]), row["item_limit"], row["seconds"], row["newest"] == row["id"],
        row["last"],
    )  # fmt: skip


def facts(db: Database, run: Run) -> Facts:
    """Counts a run; a pass over its pages and files for each figure."""
    hosts, more = _hosts(db, run)
    pages, files = db.tuples(_PAGES_COUNTED, run.id), db.tuples(_FILES_COUNTED, run.number)
    times = [0] * (len(TIMES) + 1)
    for _, bar, count, *_ in (*pages, *files):
        if bar is not None:
            times[bar] += count
    return Facts(
        pages=_by_ending(pages),
        files=_by_ending(files),
        hosts=hosts,
        more_hosts=more,
        course=_course(db, run, [row[3:] for row in (*pages, *files) if row[3] is not None]),
        times=tuple(times),
        retried=db.value("SELECT count(*) FROM attempts WHERE run = ?", run.number),
    )


_BAR = " ".join(f"WHEN ms < {upper} THEN {at}" for at, upper in enumerate(TIMES))
_COUNTED = (
    f"SELECT ending, CASE WHEN ms IS NULL OR coalesce(attempts, 0) = 0 OR ending = 'skipped:exists' THEN NULL {_BAR}"
    f" ELSE {len(TIMES)} END, count(*), min(ended), max(ended) FROM"
)
_PAGES_COUNTED = f"{_COUNTED} (SELECT p.*, p.seconds * 1000 AS ms FROM pages p WHERE {_PAGES}) GROUP BY 1, 2"
_FILES_COUNTED = f"{_COUNTED} files f WHERE {_FILES} GROUP BY 1, 2"


def _by_ending(rows: Iterable[tuple[Any, ...]]) -> tuple[tuple[str, int], ...]:
    counts: dict[str, int] = {}
    for ending, _, count, *_ in rows:
        counts[ending] = counts.get(ending, 0) + count
    return tuple(sorted(counts.items(), key=lambda one: (-one[1], one[0])))


_HOSTS_OF_PAGES = (
    "SELECT p.host, sum(coalesce(p.attempts, 0)), count(*), count(*) FILTER (WHERE p.ending GLOB 'failed:*')"
    f" FROM pages p WHERE {_PAGES} GROUP BY 1"
)
_HOSTS_OF_FILES = (
    "SELECT (SELECT text FROM hosts WHERE id = f.host), sum(coalesce(f.attempts, 0)), count(*),"
    f" count(*) FILTER (WHERE f.ending GLOB 'failed:*') FROM files f WHERE {_FILES} GROUP BY f.host"
)


def _hosts(db: Database, run: Run) -> tuple[tuple[Host, ...], int]:
    """The busiest hosts of pages and files together, and how many more there are."""
    found: dict[str, list[int]] = {}
    for query, value in ((_HOSTS_OF_PAGES, run.id), (_HOSTS_OF_FILES, run.number)):
        for name, *counts in db.stream(query, value):
            if name:
                found[name] = [a + b for a, b in zip(found.get(name, (0, 0, 0)), counts, strict=True)]
    asked = {name: counts for name, counts in found.items() if counts[0]}
    busiest = sorted(asked.items(), key=lambda one: (-one[1][0], one[0]))[:HOSTS]
    return tuple(Host(name, *counts) for name, counts in busiest), len(asked) - len(busiest)


# -- over time ---------------------------------------------------------------------------------------------

_PARTS = (
    f"SELECT (p.ended - ?2) * {BINS} / ?3, count(*), 0 FROM pages p WHERE {_PAGES} AND p.ended >= ?2 GROUP BY 1",
    f"SELECT (f.ended - ?2) * {BINS} / ?3, count(*), sum(coalesce(f.bytes, 0)) FILTER (WHERE f.ending = 'saved')"
    f" FROM files f WHERE {_FILES} AND f.ended >= ?2 GROUP BY 1",
)


def _course(db: Database, run: Run, known: Sequence[tuple[int, int]]) -> Course | None:
    """Bytes and endings over the time from the run's start to its last ending.

    Args:
        known: first and last endings of parts of the run.
    """
    if not known:
        return None
    begin = min(int(run.started.timestamp() * 1000), *(low for low, _ in known))
    end = max(high for _, high in known)
    bytes_, ended = [0] * BINS, [0] * BINS
    for query, value in zip(_PARTS, (run.id, run.number), strict=True):
        for part, count, size in db.tuples(query, value, begin, end - begin + 1):
            ended[part] += count
            bytes_[part] += size or 0
    return Course(begin, end, tuple(bytes_), tuple(ended))
