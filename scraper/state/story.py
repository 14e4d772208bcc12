"""What the ledger knows of one page or file: asked, never changed, also while a run is under way.

A page is one by its identity, a file by its key, in whichever run (called.py finds them).
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from scraper import secrets, urls
from scraper.model import Place, Request
from scraper.state import codec
from scraper.state.called import Subject, canonical, names_of
from scraper.state.db import Database, Row
from scraper.values import dataclass


@dataclass(frozen=True, slots=True)
class Met:
    """A page or file in one run.

    Attributes:
        kind: page or file; id: its row; run: the run.
        state: 0 open, 1 ended, 2 dropped with its run.
        ended: milliseconds since 1970; None: older ledgers, and what was not asked for, do not say.
        seconds: from the first byte asked to the ending, waits included.
        rule: of a page: that reads it; of a file: whose item it belongs to.
        final: the URL to which redirects led; None: they did not.
        n, place: as in Request, of the nearest finding; row: the row of a list that gave it, row_index its number.
        path: of a file: its name below dest; complete: whether the name is whole; None: it bears none.
        size, sha256, type: of a file: what stands there as the run left it.
    """

    kind: str
    id: int
    run: str
    url: str
    method: str
    state: int
    ending: str | None
    status: int | None
    attempts: int | None
    seconds: float | None
    ended: int | None
    why: str
    found_on: str | None
    rule: str | None
    place: Place
    final: str | None = None
    n: int = 1
    row: Any = None
    row_index: int = 0
    rules: tuple[str, ...] = ()
    item_key: str | None = None
    path: str | None = None
    complete: bool = False
    size: int | None = None
    sha256: str | None = None
    type: str | None = None


class Attempt(NamedTuple):
    """An attempt that failed and was made again; `ended` in milliseconds since 1970."""

    n: int
    ended: int
    url: str
    status: int | None
    name: str
    why: str


class ItemOf(NamedTuple):
    """An item of a page or file; `gone`: the run that did not meet it any more."""

    rule: str
    key: str
    url: str
    fields: dict[str, Any]
    first_run: str
    last_run: str
    gone: str | None


class Lost(NamedTuple):
    """What failed on a page that was read: an item, a file that got no name."""

    run: str
    url: str
    name: str
    message: str


# -- what became of it ---------------------------------------------------------------------------------------


def met(db: Database, subject: Subject) -> list[Met]:
    """A page or file in each run that met it, the newest first."""
    if subject.kind == "page":
        return [page_met(db, row) for row in db.rows(_PAGES, subject.id)]
    return [_file_met(row) for name in names_of(db, subject.id) for row in db.rows(_FILES, name)]


_PAGES = "SELECT p.* FROM runs r CROSS JOIN pages p ON p.run = r.run AND p.identity = ? ORDER BY r.id DESC"
_FILES = (
    "SELECT r.run, f.id, f.state, coalesce(f.url, n.key) AS url, f.item_key, f.found_on, f.ending, f.status,"
    " f.attempts, f.ms / 1000.0 AS seconds, f.ended, f.why, f.final, f.more, f.rank, n.path, n.complete,"
    " coalesce(o.bytes, c.bytes) AS size, nullif(lower(hex(coalesce(o.sha256, c.sha256))), '') AS sha256,"
    " coalesce(o.type, c.type) AS type"
    " FROM runs r CROSS JOIN files f ON f.id = r.id << 40 | ?1 JOIN names n ON n.id = ?1"
    " LEFT JOIN contents o ON o.name = n.id AND o.run = r.id"
    " LEFT JOIN contents c ON f.ending IN ('unchanged', 'skipped:exists') AND c.name = n.id"
    " AND c.run = (SELECT max(run) FROM contents WHERE name = n.id AND bytes IS NOT NULL)"
    " ORDER BY r.id DESC"
)


def page_met(db: Database, row: Row) -> Met:
    """A row of `pages`."""
    reads = db.tuples("SELECT rule, request FROM reads WHERE page = ? ORDER BY rank", row["id"])
    request = codec.load_request(reads[0][1]) if reads else None
    return Met(
        "page", row["id"], row["run"], row["url"], row["method"], row["state"], row["ending"], row["status"],
        row["attempts"], row["seconds"], row["ended"], row["why"] or "", row["found_on"], row["rule"],
        codec.decode_rank(row["rank"]) if request is None else request.place,
        final=row["final"], n=1 if request is None else request.n, row=request and _shown(request.row),
        row_index=0 if request is None else request.row_index, rules=tuple(rule for rule, _ in reads if rule),
    )  # fmt: skip


def _file_met(row: Row) -> Met:
    more = {} if row["more"] is None else codec.load(row["more"])
    return Met(
        "file", row["id"], row["run"], row["url"], "GET", row["state"], row["ending"], row["status"], row["attempts"],
        row["seconds"], row["ended"], row["why"] or "", row["found_on"], more.get("rule"),
        codec.decode_rank(row["rank"]), final=row["final"], item_key=row["item_key"], path=row["path"],
        complete=bool(row["complete"]), size=row["size"], sha256=row["sha256"], type=row["type"],
    )  # fmt: skip


def _shown(value: Any) -> Any:
    """A row of a list as people may see it."""
    return None if value is None else json.loads(secrets.display(codec.dump_record(dict(value))))


def page_at(db: Database, run: str, url: str) -> Met | None:
    """The page of a run that came from a URL, by whatever it was asked for."""
    identity = Request("GET", url).identity if urls.is_http(url) else ""
    own = "SELECT * FROM pages WHERE run = ? AND identity = ? AND ending IS NOT 'skipped:duplicate'"
    row = db.row(own, run, identity)
    row = row or db.row(
        "SELECT p.* FROM aliases a JOIN pages p ON p.id = a.page WHERE a.identity = ? AND a.run = ?", identity, run
    )
    row = row or db.row("SELECT * FROM pages WHERE run = ? AND url = ?", run, url)
    return None if row is None else page_met(db, row)


def attempts(db: Database, kind: str, target: int) -> list[Attempt]:
    """The attempts at a page or file before the last one."""
    sql = "SELECT n, ended, url, status, class, why FROM attempts WHERE kind = ? AND target = ? ORDER BY n, ended"
    return [Attempt(*row) for row in db.tuples(sql, kind, target)]


def was_redirected(db: Database, page: int) -> bool:
    """Whether a page went on to another URL, or another one led to it."""
    return db.value("SELECT 1 FROM aliases WHERE page = ?", page) is not None


def newest_content(db: Database, key: str) -> tuple[str, int, str | None] | None:
    """What stands under the name of a file, as the ledger knows it: path, bytes, SHA-256; None: nothing came yet."""
    for name in names_of(db, key):
        row = db.row(_CONTENT, name)
        if row is not None and row["path"] is not None:
            return row["path"], row["bytes"], row["sha256"]
    return None


_CONTENT = (
    "SELECT n.path, c.bytes, nullif(lower(hex(c.sha256)), '') AS sha256 FROM contents c JOIN names n ON n.id = c.name"
    " WHERE c.name = ? AND c.bytes IS NOT NULL ORDER BY c.run DESC LIMIT 1"
)


# -- what belongs to it --------------------------------------------------------------------------------------


def items_of(db: Database, one: Met, most: int) -> tuple[list[ItemOf], int]:
    """The first items of a page, or the one of a file, and how many there are."""
    values: tuple[Any, ...]
    if one.kind == "page":
        where, values = "read IN (SELECT id FROM reads WHERE page = ?)", (one.id,)
    else:
        where, values = "key = ? AND (? IS NULL OR rule = ?)", (one.item_key, one.rule, one.rule)
    count = db.value(f"SELECT count(*) FROM items WHERE {where}", *values)  # noqa: S608 - one of two texts
    rows = db.rows(f"SELECT * FROM items WHERE {where} ORDER BY place LIMIT ?", *values, most)  # noqa: S608
    return [_item(row) for row in rows], count


def _item(row: Row) -> ItemOf:
    return ItemOf(
        row["rule"], row["key"], row["url"], json.loads(row["fields"]), row["first_run"], row["last_run"],
        row["gone_run"],
    )  # fmt: skip


def lost_on(db: Database, run: str, page: Met) -> list[Lost]:
    """What failed on a page that was read."""
    return [Lost(*row) for row in db.tuples(_LOST_ON, run, page.id, page.url)]


def lost_at(db: Database, text: str) -> list[Lost]:
    """Failures of things without a row of their own that name a URL: the newest run's."""
    if not text:
        return []
    return [Lost(*row) for row in db.tuples(_LOST_AT, text, canonical(text))]


_LOST_ON = (
    "SELECT DISTINCT run, url, class, message FROM failures"
    " WHERE run = ?1 AND (read IN (SELECT id FROM reads WHERE page = ?2) OR url = ?3) ORDER BY id"
)
_LOST_AT = (
    "SELECT run, url, class, message FROM failures WHERE run = (SELECT run FROM failures"
    " WHERE url IN (?1, ?2) OR instr(message, ?1) OR instr(message, ?2) ORDER BY id DESC LIMIT 1)"
    " AND (url IN (?1, ?2) OR instr(message, ?1) OR instr(message, ?2)) ORDER BY id LIMIT 20"
)


class RunOf(NamedTuple):
    """A run, as a story mentions it."""

    run: str
    job: str
    kind: str
    started: str
    open: bool
    limit: int | None


def runs(db: Database) -> dict[str, RunOf]:
    """All runs, the newest first."""
    sql = "SELECT run, job, kind, started, open, item_limit FROM runs ORDER BY id DESC"
    return {row[0]: RunOf(*row) for row in db.tuples(sql)}


def unread(db: Database, run: str) -> tuple[int, int]:
    """How many pages of a run failed, and how many have no ending."""
    failed, is_open = "count(*) FILTER (WHERE ending GLOB 'failed:*')", "count(*) FILTER (WHERE state = 0)"
    found = db.row(f"SELECT {failed}, {is_open} FROM pages WHERE run = ?", run)  # noqa: S608 - texts of ours
    assert found is not None, "an aggregate gives a row"
    return found[0], found[1]
