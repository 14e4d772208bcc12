"""What the ledger knows of one run, in figures: counted by SQLite, so that a million rows cost seconds and no memory.

A page and a file are both an *ending* here. When it ended and how long it took is told by the ledger in
milliseconds; of runs of an earlier version nothing is known of when.
"""

# ruff: noqa: S608 - queries are put together from texts of this module alone

from __future__ import annotations

import heapq
from datetime import datetime

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
    """Counts a run: one pass over its pages and files for the time they span, and one for all figures."""
    span = _span(db, run)
    begin, end = span or (0, 0)
    pages, files, hosts, times = Counts(), Counts(), dict[str, list[int]](), [0] * (len(TIMES) + 1)
    bytes_, ended = [0] * BINS, [0] * BINS
    for endings, query, value in ((pages, _PAGES_COUNTED, run.id), (files, _FILES_COUNTED, run.number)):
        for ending, host, key, count, requests, size in db.stream(query, value, begin, end - begin + 1):
            part, bar = divmod(key, _WIDTH)
            endings[ending] = endings.get(ending, 0) + count
            if bar <= len(TIMES):
                times[bar] += count
            if part < BINS:
                ended[part] += count
                bytes_[part] += size
            if host:
                _add(hosts, host, (requests, count, count if ending.startswith("failed:") else 0))
    busiest, more = _busiest(hosts)
    return Facts(
        pages=_most_first(pages),
        files=_most_first(files),
        hosts=busiest,
        more_hosts=more,
        course=None if span is None else Course(begin, end, tuple(bytes_), tuple(ended)),
        times=tuple(times),
        retried=db.value("SELECT count(*) FROM attempts WHERE run = ?", run.number),
    )


Counts = dict[str, int]

_SPAN = (
    "SELECT min(low), max(high) FROM (SELECT min(ended) AS low, max(ended) AS high FROM pages WHERE run = ?2"
    " AND state = 1 UNION ALL SELECT min(ended), max(ended)"
    f" FROM files f WHERE {_FILES})"
)
_WIDTH = 16
"""A row's key is the part of the course it is in and the bar of its time, as one number: SQLite sorts that fastest."""
_BAR = " ".join(f"WHEN ms < {upper} THEN {at}" for at, upper in enumerate(TIMES))
_KEY = (
    f"coalesce((ended - ?2) * {BINS} / ?3, {BINS}) * {_WIDTH} + CASE WHEN ms IS NULL OR coalesce(attempts, 0) = 0"
    f" OR ending = 'skipped:exists' THEN {_WIDTH - 1} {_BAR} ELSE {len(TIMES)} END"
)
_PAGES_COUNTED = (
    f"SELECT ending, host, {_KEY} AS key, count(*), sum(coalesce(attempts, 0)), 0"
    f" FROM (SELECT p.*, p.seconds * 1000 AS ms FROM pages p WHERE {_PAGES}) GROUP BY key, ending, host"
)
_FILES_COUNTED = (
    f"SELECT ending, (SELECT text FROM hosts WHERE id = f.host), {_KEY} AS key, count(*), sum(coalesce(attempts, 0)),"
    f" CASE ending WHEN 'saved' THEN sum(coalesce(bytes, 0)) ELSE 0 END"
    f" FROM files f WHERE {_FILES} GROUP BY key, ending, f.host"
)


def _span(db: Database, run: Run) -> tuple[int, int] | None:
    """From when to when: the run's start, or what ended before it by some clock, and its last ending."""
    low, high = db.tuples(_SPAN, run.number, run.id)[0]
    return None if low is None else (min(int(run.started.timestamp() * 1000), low), high)


def _most_first(counts: Counts) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counts.items(), key=lambda one: (-one[1], one[0])))


def _add(hosts: dict[str, list[int]], name: str, counts: tuple[int, ...]) -> None:
    kept = hosts.setdefault(name, [0, 0, 0])
    for at, count in enumerate(counts):
        kept[at] += count


def _busiest(hosts: dict[str, list[int]]) -> tuple[tuple[Host, ...], int]:
    """The busiest hosts of pages and files together, and how many more there are."""
    asked = {name: counts for name, counts in hosts.items() if counts[0]}
    first = heapq.nsmallest(HOSTS, asked.items(), key=lambda one: (-one[1][0], one[0]))
    return tuple(Host(name, *counts) for name, counts in first), len(asked) - len(first)
