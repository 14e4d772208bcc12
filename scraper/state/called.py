"""What a text calls, of all that the ledger knows: a page by its identity, a file by its key.

Both are found by an index; by anything else that they may be called (a part of a URL, of a path) a ledger is read
through, which takes a second for a million.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from scraper import urls
from scraper.files import naming
from scraper.model import Request
from scraper.state import codec
from scraper.state.db import Database, Row
from scraper.state.marks import Marks

NEAR = 2000
"""How many URLs are looked at where one is like another."""


class Subject(NamedTuple):
    """What is asked for: a page by its identity, or a file by its key."""

    kind: str
    id: str


def subjects(db: Database, text: str, paths: Iterable[str] = ()) -> list[Subject]:
    """What a text calls exactly: a URL in any spelling, a key of a file or item, a path below dest.

    Args:
        paths: below dest, as which the text may be read.
    """
    found = [*_pages_called(db, text), *_files_called(db, {text, canonical(text)}), *_files_at(db, paths)]
    return _once(found or _others_called(db, text))


def canonical(text: str) -> str:
    """A URL as it is compared; other text as it is."""
    return urls.canonical(text) if urls.is_http(text) else text


def _pages_called(db: Database, text: str) -> Iterator[Subject]:
    if not urls.is_http(text):
        return
    identity = Request("GET", text).identity
    if db.value(f"{_BY_IDENTITY} LIMIT 1", identity) is not None:
        yield Subject("page", identity)
    for (other,) in db.tuples(_BY_ALIAS, identity):
        yield Subject("page", other)


def _files_called(db: Database, keys: Iterable[str]) -> Iterator[Subject]:
    wanted = set(keys)
    for name in _named(db, [codec.key_mark(key) for key in wanted]):
        if name["key"] in wanted:
            yield Subject("file", name["key"])


def _files_at(db: Database, paths: Iterable[str]) -> Iterator[Subject]:
    wanted = {naming.fold(path) for path in paths if path}
    for name in _named(db, [codec.fold_mark(fold) for fold in wanted]):
        if name["path"] is not None and naming.fold(name["path"]) in wanted:
            yield Subject("file", name["key"])


def names_of(db: Database, key: str) -> list[int]:
    """The names that a file with this key had, the newest first."""
    return [name["id"] for name in reversed(_named(db, [codec.key_mark(key)])) if name["key"] == key]


def _named(db: Database, marks: list[int]) -> list[Row]:
    names = sorted({name for _, name in Marks(db).find(marks)})
    return db.rows("SELECT * FROM names WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id", repr(names))


def _others_called(db: Database, text: str) -> list[Subject]:
    """By what no index knows: a URL with a method or a mark, of a redirect, of a keyed file, of an attempt; an item."""
    spelt = (text, canonical(text))
    files = [key for query in (_FILES_BY_URL, _FILES_BY_ATTEMPT) for (key,) in db.tuples(query, *spelt)]
    pages = [identity for query in (_PAGES_BY_URL, _PAGES_BY_ATTEMPT) for (identity,) in db.tuples(query, *spelt)]
    found = [*(Subject("page", each) for each in pages), *(Subject("file", each) for each in files)]
    return found or [
        *(Subject("page", each) for (each,) in db.tuples(_PAGES_OF_ITEM, text)),
        *(Subject("file", each) for (each,) in db.tuples(_FILES_OF_ITEM, text)),
    ]


def holding(db: Database, part: str, most: int) -> dict[Subject, str]:
    """Pages and files whose URL, key or path holds a text, and by what; the newest first, no more than `most`."""
    found: dict[Subject, str] = {}
    for kind, query in (("file", _FILES_HOLDING), ("page", _PAGES_HOLDING)):
        for told, name in db.tuples(query, part, most):
            found.setdefault(Subject(kind, name), told)
    return dict(list(found.items())[:most])


def _once(found: Iterable[Subject]) -> list[Subject]:
    return list(dict.fromkeys(found))


_BY_IDENTITY = "SELECT p.id FROM runs r CROSS JOIN pages p ON p.run = r.run AND p.identity = ?"
_BY_ALIAS = "SELECT DISTINCT p.identity FROM aliases a JOIN pages p ON p.id = a.page WHERE a.identity = ?"
_PAGES_BY_URL = "SELECT DISTINCT identity FROM pages WHERE url IN (?1, ?2) OR final IN (?1, ?2)"
_PAGES_BY_ATTEMPT = (
    "SELECT DISTINCT p.identity FROM attempts a JOIN pages p ON p.id = a.target"
    " WHERE a.kind = 'page' AND a.url IN (?, ?)"
)
_FILES_BY_URL = (
    "SELECT DISTINCT n.key FROM files f JOIN names n ON n.id = f.id & 0xFFFFFFFFFF"
    " WHERE f.url IN (?1, ?2) OR f.final IN (?1, ?2)"
)
_FILES_BY_ATTEMPT = (
    "SELECT DISTINCT n.key FROM attempts a JOIN names n ON n.id = a.target & 0xFFFFFFFFFF"
    " WHERE a.kind = 'file' AND a.url IN (?, ?)"
)
_PAGES_OF_ITEM = (
    "SELECT DISTINCT p.identity FROM items i JOIN reads r ON r.id = i.read JOIN pages p ON p.id = r.page"
    " WHERE i.key = ?"
)
_FILES_OF_ITEM = "SELECT DISTINCT file_key FROM item_files WHERE item_key = ?"
_PAGES_HOLDING = "SELECT url, identity FROM pages WHERE instr(url, ?) GROUP BY identity ORDER BY max(id) DESC LIMIT ?"
_FILES_HOLDING = (
    "SELECT CASE WHEN instr(n.key, ?1) THEN n.key ELSE coalesce(n.path, f.url, n.key) END, n.key FROM names n"
    " LEFT JOIN files f ON f.id = n.run << 40 | n.id"
    " WHERE instr(n.key, ?1) OR instr(n.path, ?1) OR instr(f.url, ?1) GROUP BY n.key ORDER BY n.id DESC LIMIT ?2"
)


def like(db: Database, host: str) -> list[str]:
    """URLs of pages and files of a host, the newest first; of any host where that has none. At most NEAR of each."""
    for pattern in (f"*://{host}/*", "*"):
        found = [url for query in _LIKE for (url,) in db.tuples(query, pattern, NEAR)]
        if found:
            return list(dict.fromkeys(found))
    return []


_LIKE = (
    "SELECT url FROM pages WHERE url GLOB ? ORDER BY id DESC LIMIT ?",
    "SELECT key FROM names WHERE key GLOB ? ORDER BY id DESC LIMIT ?",
)


def is_host_met(db: Database, host: str) -> bool:
    """Whether anything of a host (name and port, as `urls.host_key` writes it) was met."""
    pages = db.value("SELECT 1 FROM pages WHERE host = ? LIMIT 1", host)
    return bool(pages or db.value("SELECT 1 FROM hosts WHERE text = ?", host))
