"""The runs of a job: when, how long, how they ended, and what they came to.

The counts of a run stand in the summary that it left; they are asked of the ledger where there is none (a run that
is under way, or was killed). Of the items of a run the ledger knows the last one that met them alone: so without a
summary only the newest run has counts of items.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scraper.run.answers.words import exit_told
from scraper.state import runs as books
from scraper.state import tally
from scraper.state.db import Database
from scraper.state.tally import RunRow

Counts = Mapping[str, Any]
_PARTS = ("pages", "items", "files")


@dataclass(frozen=True)
class RunTold:
    """A run.

    Attributes:
        counts: `pages`, `items`, `files` and `bytes` as in a summary; `items` is None where they are not known.
        running: whether it is under way now.
    """

    row: RunRow
    counts: Counts
    running: bool

    @property
    def seconds(self) -> float | None:
        """How long it took; None: of no process of it is that known."""
        return self.row.seconds if self.row.exit_code is not None or self.row.seconds else None

    @property
    def failed(self) -> int:
        """How many pages, items and files failed."""
        return sum(self.counts[part]["failed"] for part in _PARTS if self.counts[part] is not None)

    @property
    def told(self) -> tuple[str, str]:
        """How it ended: a word, and a sentence."""
        row = self.row
        by = books.goes_on(row.job, row.kind)
        return exit_told(row.exit_code, is_open=row.open, is_running=self.running, by=by)

    def as_dict(self) -> dict[str, Any]:
        """As `scraper runs --json` prints it."""
        row = self.row
        return {
            "run": row.run, "job": row.job, "kind": row.kind, "started": row.started.isoformat(),
            "ended": None if row.ended is None else row.ended.isoformat(), "seconds": self.seconds,
            "exit_code": row.exit_code, "meaning": self.told[1], "open": row.open, "running": self.running,
            "complete": row.complete, "limit": row.limit, **self.counts, "failed": self.failed,
        }  # fmt: skip


def runs_told(db: Database, state: Path, job: str | None, most: int | None, *, is_held: bool) -> list[RunTold]:
    """The newest runs of a job (None: of the folder), the newest first.

    Args:
        state: the folder of the ledger; is_held: whether a run is under way in it.
    """
    newest = tally.runs(db, None, 1)
    return [
        RunTold(row, _counts(db, state, row, is_newest=row == newest[0]), is_held and row.open and row == newest[0])
        for row in tally.runs(db, job, most)
    ]


def _counts(db: Database, state: Path, row: RunRow, *, is_newest: bool) -> Counts:
    left = None if row.open else _left(state / "runs" / row.run / "summary.json")
    if left is not None:
        return left
    summary = books.summary(db, row.job, row.run).as_dict()
    return {
        "pages": summary["pages"], "items": summary["items"] if is_newest else None, "files": summary["files"],
        "bytes": summary["bytes"],
    }  # fmt: skip


def _left(path: Path) -> Counts | None:
    """The counts of a summary; None where there is none that is whole."""
    try:
        told = json.loads(path.read_text("utf-8"))
        return {part: {name: int(value) for name, value in told[part].items()} for part in _PARTS} | {
            "bytes": int(told["bytes"])
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
