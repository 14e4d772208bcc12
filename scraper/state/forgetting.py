"""What the ledger is told to forget, so that the next run takes it for new.

    Found = find(db, text) | of_class(db, classes) | of_gone(db)      what is meant; they add up with `|`
    forget(db, found)                                                 in one transaction

A page loses its identity (which gets a `-` and its number behind it), and so its digest, its ending and the redirects
that led to it count no more, though the run in which it was read still tells it; `until: seen` does not stop at the
items that stand on it. A file: nothing is known to stand under its name, so it has no digest and no validators; how it
ended is told, and counts no more (the flag 16, codec.FORGOTTEN). An item goes as if it never was. Names stay reserved
(DESIGN 4.6) unless they are to be free.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from scraper import urls
from scraper.errors import UsageError
from scraper.state import codec
from scraper.state.db import Database
from scraper.state.standing import Standing, let_go

_GLOB = re.compile(r"[*?\[]")
_ONE_OF = "IN (SELECT value FROM json_each(?1))"
_PAGES = "SELECT id FROM pages WHERE url {0}"
_NAMES = (
    "SELECT id FROM names WHERE path {0} OR key {0}"
    " UNION SELECT id & 0xFFFFFFFFFF FROM files WHERE url {0}"
)  # fmt: skip
_ITEMS = "SELECT id FROM items WHERE key {0}"
_LAST_OF_PAGES = (
    "SELECT ending, identity, max(id) FROM pages"
    " WHERE ending IS NOT NULL AND instr(identity, '-') = 0 GROUP BY identity"
)
_LAST_OF_FILES = (
    "SELECT ending, id & 0xFFFFFFFFFF AS name, max(id) FROM files WHERE ending IS NOT NULL"
    " AND NOT flags & 16 GROUP BY id & 0xFFFFFFFFFF"
)
_STANDING = (
    "SELECT n.id, n.key, n.path, c.bytes, nullif(lower(hex(c.sha256)), '') FROM json_each(?) j"
    " CROSS JOIN names n ON n.id = j.value JOIN contents c ON c.name = n.id"
    " AND c.run = (SELECT max(run) FROM contents WHERE name = n.id AND bytes IS NOT NULL) WHERE n.path IS NOT NULL"
)
_FREE = (
    "UPDATE names SET path = NULL, template = 0, newest = 0, complete = 0 WHERE id IN (SELECT value FROM json_each(?1))"
)


@dataclass(frozen=True, slots=True)
class Found:
    """What is meant: ids of the ledger's pages (of all runs), names of files, and items."""

    pages: frozenset[int] = frozenset()
    names: frozenset[int] = frozenset()
    items: frozenset[int] = frozenset()

    def __or__(self, other: Found) -> Found:
        return Found(self.pages | other.pages, self.names | other.names, self.items | other.items)

    def __bool__(self) -> bool:
        return bool(self.pages or self.names or self.items)


# -- what is meant -------------------------------------------------------------------------------------------


def find(db: Database, text: str) -> Found:
    """Pages and files by URL, files by path below dest or key, items by key; what is none of these is a glob.

    In a glob `*` stands for slashes too.
    """
    exact = codec.dump(sorted({text, *_canonical(text)}))
    return _matching(db, _ONE_OF, exact) or (_matching(db, "GLOB ?1", text) if _GLOB.search(text) else Found())


def _canonical(text: str) -> Iterator[str]:
    if urls.is_http(text):
        yield urls.canonical(text)


def _matching(db: Database, test: str, text: str) -> Found:
    queries = (query.format(test) for query in (_PAGES, _NAMES, _ITEMS))
    return Found(*(frozenset(found for (found,) in db.tuples(query, text)) for query in queries))


def of_class(db: Database, classes: Collection[str]) -> Found:
    """Pages and files whose last ending is a failure of one of these classes; globs: `timeout`, `http:*`."""

    def fits(ending: str) -> bool:
        kind, _, name = ending.partition(":")
        return kind == "failed" and any(fnmatchcase(name, one) for one in classes)

    identities = [identity for ending, identity, _ in db.tuples(_LAST_OF_PAGES) if fits(ending)]
    pages = db.tuples(
        "SELECT id FROM pages WHERE identity IN (SELECT value FROM json_each(?1))", codec.dump(identities)
    )
    names = (name for ending, name, _ in db.tuples(_LAST_OF_FILES) if fits(ending))
    return Found(frozenset(page for (page,) in pages), frozenset(names))


def of_gone(db: Database) -> Found:
    """Items that are gone."""
    return Found(items=frozenset(item for (item,) in db.tuples("SELECT id FROM items WHERE gone_run IS NOT NULL")))


def known(db: Database, limit: int = 50_000) -> Iterator[str]:
    """URLs, paths and keys that may have been meant, the newest first."""
    for sql in (
        "SELECT DISTINCT url FROM pages ORDER BY id DESC LIMIT ?",
        "SELECT path FROM names WHERE path IS NOT NULL ORDER BY id DESC LIMIT ?",
        "SELECT key FROM names ORDER BY id DESC LIMIT ?",
        "SELECT key FROM items ORDER BY id DESC LIMIT ?",
    ):
        yield from (text for (text,) in db.tuples(sql, limit))


# -- what is told of it --------------------------------------------------------------------------------------


def urls_of(db: Database, found: Found) -> list[str]:
    """The URLs of its pages, each once."""
    sql = "SELECT DISTINCT url FROM pages WHERE id IN (SELECT value FROM json_each(?1)) ORDER BY url"
    return [url for (url,) in db.tuples(sql, _ids(found.pages))]


def files_of(db: Database, found: Found) -> list[tuple[str | None, str]]:
    """Path and key of its files."""
    sql = "SELECT path, key FROM names WHERE id IN (SELECT value FROM json_each(?1)) ORDER BY path, key"
    return [(path, key) for path, key in db.tuples(sql, _ids(found.names))]


def items_of(db: Database, found: Found) -> list[tuple[str, str]]:
    """Rule and key of its items."""
    sql = "SELECT rule, key FROM items WHERE id IN (SELECT value FROM json_each(?1)) ORDER BY place, rule"
    return [(rule, key) for rule, key in db.tuples(sql, _ids(found.items))]


def standing_of(db: Database, found: Found) -> list[Standing]:
    """Its files that the ledger knows to stand."""
    return [Standing(*row) for row in db.tuples(_STANDING, _ids(found.names))]


def identities_of(db: Database, found: Found) -> list[str]:
    """By what its pages are the same as others; bodies are kept by them (bodies.py)."""
    sql = "SELECT DISTINCT identity FROM pages WHERE id IN (SELECT value FROM json_each(?1))"
    return [identity for (identity,) in db.tuples(sql, _ids(found.pages))]


# -- forgotten -----------------------------------------------------------------------------------------------


_FORGET_PAGES = (
    "UPDATE items SET settled = 0 WHERE settled AND url IN"
    " (SELECT p.url FROM json_each(?1) j CROSS JOIN pages p ON p.id = j.value)",
    "DELETE FROM aliases WHERE page IN (SELECT value FROM json_each(?1)) OR identity IN"
    " (SELECT p.identity FROM json_each(?1) j CROSS JOIN pages p ON p.id = j.value)",
    "UPDATE pages SET identity = identity || '-' || id, digest = NULL WHERE id IN (SELECT value FROM json_each(?1))",
)
_FORGET_FILES = (
    "UPDATE files SET flags = flags | 16 WHERE id IN"
    " (SELECT r.id << 40 | j.value FROM runs r CROSS JOIN json_each(?1) j)"
)
_FORGET_ITEMS = (
    "DELETE FROM item_files WHERE (rule, item_key) IN"
    " (SELECT i.rule, i.key FROM json_each(?1) j CROSS JOIN items i ON i.id = j.value)",
    "DELETE FROM items WHERE id IN (SELECT value FROM json_each(?1))",
)


def forget(db: Database, found: Found, *, free_names: bool = False) -> None:
    """Forgets all of it; `free_names`: other files may bear the names too."""
    with db.transaction():
        for sql in _FORGET_PAGES:
            db.execute(sql, _ids(found.pages))
        for sql in _FORGET_ITEMS:
            db.execute(sql, _ids(found.items))
        let_go(db, found.names)
        db.execute(_FORGET_FILES, _ids(found.names))
        if free_names:
            db.execute(_FREE, _ids(found.names))


def _ids(ids: Collection[int]) -> str:
    return codec.dump(sorted(ids))


def unknown(db: Database, text: str) -> UsageError:
    """Nothing of this name is known, told with what may have been meant."""
    import difflib

    names = set(known(db))
    part = text.strip("*")
    holding = sum(part in name for name in names) if part else 0
    if near := difflib.get_close_matches(text, names, 1, 0.7):
        hint = f'; did you mean "{near[0]}"?'
    elif holding:
        hint = f'; "*{part}*" fits {holding} of the names that it knows; try it with -n'
    else:
        hint = "; a URL, a path below the output folder, or an item's key is"
    return UsageError(f'the ledger knows no "{text}"{hint}')
