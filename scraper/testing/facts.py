"""What a run gave, read from its ledger: values in memory, for tapes are small. Cases are judged by it alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scraper.files.parts import OutputFolder
from scraper.model import Summary
from scraper.records import expect
from scraper.run import sheets
from scraper.run.events import ENDINGS
from scraper.state import met
from scraper.state.db import Database
from scraper.state.items import ItemBook
from scraper.state.runs import FAILURES
from scraper.values import dataclass

if TYPE_CHECKING:
    from scraper.job.loaded import Loaded
    from scraper.job.model import Job

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PageFact:
    """A page and its ending."""

    method: str
    url: str
    rule: str | None
    ending: str


@dataclass(frozen=True, slots=True)
class FileFact:
    """A file, where it is or would be, and its ending."""

    key: str
    url: str
    path: str | None
    item_key: str | None
    ending: str
    bytes: int | None
    sha256: str | None

    @property
    def stands(self) -> bool:
        """Whether it is there."""
        return self.ending in met.STANDS


@dataclass(frozen=True, slots=True)
class FailureFact:
    """What failed: `kind` is page, item or file."""

    kind: str
    url: str
    name: str
    message: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that a case may ask of a run.

    Attributes:
        records: as they are written, with `_key`, `_rule`, `_url` and `_files`.
        warnings: sorted, for threads have no order.
        items_of, pages_of: by rule, how many items were met and how many pages were read.
        idle: of the faults of a replay, those that struck no request.
    """

    job: Job
    summary: Summary
    pages: tuple[PageFact, ...]
    files: tuple[FileFact, ...]
    records: tuple[Record, ...]
    failures: tuple[FailureFact, ...]
    warnings: tuple[str, ...]
    items_of: Mapping[str, int]
    pages_of: Mapping[str, int]
    idle: tuple[Mapping[str, Any], ...] = ()

    @property
    def standing(self) -> tuple[FileFact, ...]:
        """The files that are there."""
        return tuple(each for each in self.files if each.stands)

    def for_expect(self) -> expect.Facts:
        """As the `expect` of a job is judged by."""
        pages, items = self.summary.pages, self.summary.items
        failed = pages.failed + items.failed + self.summary.files.failed
        return expect.Facts(
            items=items.total,
            files=len(self.standing),
            failed=failed,
            tried=failed + pages.ok + pages.unchanged + items.total + len(self.standing),
            filled={},
            before=None,
            items_of=self.items_of,
            pages_of=self.pages_of,
            is_fileless=not self.files,
        )


def facts_of(loaded: Loaded, dest: Path, summary: Summary) -> Facts:
    """Reads what a run below `dest` gave."""
    state, run = dest / ".scraper", summary.run
    with Database.reading(state / "ledger.db") as db, closing(OutputFolder(dest, create=False)) as disk:
        table = sheets.items(ItemBook(db, disk.look, look_many=disk.look_many), loaded.job)
        return Facts(
            job=loaded.job,
            summary=summary,
            pages=tuple(sorted(_pages(db, run), key=lambda one: (one.url, one.method, one.rule or ""))),
            files=tuple(sorted(_files(db, run), key=lambda one: (one.path or "", one.key))),
            records=tuple(dict(record) for record in table.records()),
            failures=tuple(
                sorted(_failures(db, run), key=lambda one: (one.kind != "page", one.kind == "file", one.url))
            ),
            warnings=_warnings(state / "runs" / run / "log.jsonl"),
            items_of=met.items_by_rule(db, run),
            pages_of=met.pages_by_rule(db, run),
        )


def _pages(db: Database, run: str) -> list[PageFact]:
    return [PageFact(*row) for row in db.tuples("SELECT method, url, rule, ending FROM v_pages WHERE run = ?", run)]


def _files(db: Database, run: str) -> list[FileFact]:
    sql = "SELECT key, url, path, item_key, ending, bytes, sha256 FROM v_files WHERE run = ?"
    return [FileFact(*row) for row in db.tuples(sql, run)]


def _failures(db: Database, run: str) -> list[FailureFact]:
    rows = db.rows(FAILURES, run)
    return [FailureFact(row["kind"], row["url"], row["class"], row["message"] or "") for row in rows]


def _warnings(log: Path) -> tuple[str, ...]:
    """What the run warned of, by its log. Endings stand there only where somebody watched, and are no warnings."""
    lines = map(json.loads, log.read_text("utf-8").splitlines())
    return tuple(sorted(line["message"] for line in lines if line["level"] == "warning" and line["logger"] != ENDINGS))
