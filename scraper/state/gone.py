"""Files that are gone at the source: no run from the newest complete one on met them, and no known item names them.

Each job of the folder has its newest complete run (one with an errand never is), and that is the truth; what it met,
or any run after it, is alive. So is every name of a key that has an item: an item that a window did not meet is not
gone, and neither are its files. Where the records keep what is gone (`records.gone: keep`), items that are gone keep
their files too. A second name of a file (its path template was edited) is gone only with the first. What `scraper get`
fetched is never gone: another list of URLs says nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from scraper.state import codec
from scraper.state.db import Database
from scraper.state.standing import Standing

_LIVING = (
    "SELECT r.id FROM runs r"
    " WHERE r.job = 'get' OR r.id >= coalesce((SELECT max(c.id) FROM runs c WHERE c.job = r.job AND c.complete), 0)"
)
_UNMET = (
    "SELECT n.id, n.key, n.path, c.bytes, nullif(lower(hex(c.sha256)), ''), n.newest FROM names n"
    " JOIN contents c ON c.name = n.id"
    " AND c.run = (SELECT max(run) FROM contents WHERE name = n.id AND bytes IS NOT NULL)"
    " WHERE n.path IS NOT NULL AND n.complete AND NOT EXISTS (SELECT 1 FROM json_each(?) j CROSS JOIN files f"
    " ON f.id = j.value << 40 | n.id) ORDER BY n.path"
)
_OF_ITEMS = (
    "SELECT f.file_key, max(i.gone_run IS NULL) FROM item_files f"
    " JOIN items i ON i.rule = f.rule AND i.key = f.item_key"
    " WHERE f.file_key IN (SELECT value FROM json_each(?)) GROUP BY f.file_key"
)
_LAST_MET = "SELECT max(r.id) FROM runs r WHERE EXISTS (SELECT 1 FROM files f WHERE f.id = r.id << 40 | ?)"
_SINCE = (
    "SELECT run, ended FROM runs WHERE complete AND id > ?1"
    " AND job = coalesce((SELECT job FROM runs WHERE id = ?1), job) ORDER BY id LIMIT 1"
)
ITEM_GONE, UNMET = "its item is gone", "no complete run has met it since"


@dataclass(frozen=True, slots=True)
class Gone:
    """A file that is gone at the source.

    Attributes:
        run, since: the complete run that first did not meet it, and when that ended.
        of_item: whether an item named it, which is gone too.
    """

    file: Standing
    run: str
    since: datetime
    of_item: bool

    @property
    def why(self) -> str:
        """A sentence for people."""
        return ITEM_GONE if self.of_item else UNMET


def has_complete(db: Database, job: str | None) -> bool:
    """Whether a run was ever complete: of this job, or (None) of any."""
    return db.value("SELECT 1 FROM runs WHERE complete AND (?1 IS NULL OR job = ?1) LIMIT 1", job) is not None


def standing_count(db: Database) -> int:
    """How many files the ledger knows to stand."""
    return int(db.value("SELECT count(DISTINCT name) FROM contents WHERE bytes IS NOT NULL"))


def has_gone_items(db: Database) -> bool:
    """Whether any item is gone that has files."""
    sql = (
        "SELECT 1 FROM items i JOIN item_files f ON f.rule = i.rule AND f.item_key = i.key WHERE i.gone_run IS NOT NULL"
    )
    return db.value(f"{sql} LIMIT 1") is not None


def is_gone(db: Database, rule: str, key: str) -> bool:
    """Whether this item is."""
    return db.value("SELECT 1 FROM items WHERE rule = ? AND key = ? AND gone_run IS NOT NULL", rule, key) is not None


def gone(db: Database, *, keeps_gone: bool) -> list[Gone]:
    """All of them, by path.

    Args:
        keeps_gone: whether items that are gone keep their files.
    """
    living = [run for (run,) in db.tuples(_LIVING)]
    unmet = [(Standing(*row[:5]), bool(row[5])) for row in db.tuples(_UNMET, repr(living))]
    named = dict(db.tuples(_OF_ITEMS, codec.dump(sorted({each.key for each, _ in unmet}))))
    left = [(each, newest) for each, newest in unmet if not (each.key in named and (named[each.key] or keeps_gone))]
    keys = {each.key for each, newest in left if newest}
    return [_told(db, each, each.key in named) for each, _ in left if each.key in keys]


def _told(db: Database, file: Standing, of_item: bool) -> Gone:
    since = db.row(_SINCE, db.value(_LAST_MET, file.name) or 0)
    assert since is not None, "a complete run did not meet it"
    return Gone(file, since["run"], datetime.fromisoformat(since["ended"]), of_item)


def shared(db: Database, files: Iterable[Gone]) -> set[str]:
    """Paths of these files that the name of another file is too; there should be none (DESIGN 4.6)."""
    keys = {each.file.path: each.file.key for each in files}
    sql = "SELECT key, path FROM names WHERE path IN (SELECT value FROM json_each(?))"
    return {path for key, path in db.tuples(sql, codec.dump(sorted(keys))) if key != keys[path]}


def folders_above(paths: Iterable[str]) -> Iterator[str]:
    """The folders that hold these paths, the deepest first."""
    found = {path[:at] for path in paths for at, char in enumerate(path) if char == "/"}
    yield from sorted(found, key=lambda folder: (-folder.count("/"), folder))
