"""What a run left out and what failed in it, grouped: by the why of a skip, by the class of a failure."""

from __future__ import annotations

from scraper.state.db import Database
from scraper.state.runs import FAILURES
from scraper.values import dataclass

_SKIPPED = (
    "SELECT substr(ending, 9), count(*) FROM (SELECT ending FROM pages WHERE run = ?1 AND ending GLOB 'skipped:*'"
    " UNION ALL SELECT f.ending FROM runs r CROSS JOIN files f"
    " ON f.id >= r.id << 40 AND f.id < (r.id + 1) << 40 WHERE r.run = ?1 AND f.ending GLOB 'skipped:*')"
    " GROUP BY 1 ORDER BY 2 DESC, 1"
)
_FAILED = (
    "SELECT class, count(*), url, message, max(kind = 'page')"  # noqa: S608 - a text of ours
    f" FROM ({FAILURES}) GROUP BY class ORDER BY 2 DESC, class"
)
"""One URL of each class, a page's before another's: SQLite takes bare columns from the row of the maximum."""


@dataclass(frozen=True, slots=True)
class Group:
    """Failures of one class: how many, and the URL and message of one of them."""

    name: str
    count: int
    url: str
    message: str


def skipped(db: Database, run: str) -> dict[str, int]:
    """Why -> how many pages and files, the most first."""
    return dict(db.tuples(_SKIPPED, run))


def failed(db: Database, run: str) -> list[Group]:
    """The failures of pages, items and files by class, the most first."""
    return [Group(name, count, url or "", message or "") for name, count, url, message, _ in db.tuples(_FAILED, run)]
