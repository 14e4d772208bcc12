"""A whole run in this process, against servers on loopback; nothing of it leaves this machine."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scraper.cli.show import Shown
from scraper.job.load import from_data
from scraper.model import Summary
from scraper.run.kit import Options
from scraper.run.runner import run

QUICK = {"retry": {"attempts": 1, "first_wait": 0}, "timeout": {"connect": 5, "read": 5}}


@dataclass(frozen=True)
class Ran:
    """What a run left: its summary, its folder, and what a person saw of it."""

    summary: Summary
    dest: Path
    out: str
    err: str

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of the ledger."""
        with sqlite3.connect(self.dest / ".scraper" / "ledger.db") as db:
            found = db.execute(sql).fetchall()
        db.close()
        return found

    def endings(self) -> dict[str, str]:
        """How each page and file ended, by its URL."""
        rows = self.rows("SELECT url, ending FROM v_pages UNION ALL SELECT url, ending FROM v_files")
        return dict(rows)

    def ending(self, url: str) -> str:
        """How one page or file ended."""
        return self.endings()[url]

    def everything(self) -> bytes:
        """All bytes that the run printed, kept or wrote, names of files included."""
        files = [path for path in self.dest.rglob("*") if path.is_file()]
        names = "\n".join(str(path.relative_to(self.dest)) for path in self.dest.rglob("*")).encode()
        printed = f"{self.out}\n{self.err}\n{self.summary.as_dict()}".encode("utf-8", "surrogatepass")
        return b"\n".join([names, printed, *(path.read_bytes() for path in files)])


RunJob = Callable[..., Ran]


@pytest.fixture
def run_job(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> RunJob:
    """Runs a job given as data; `http` gets no retries and short timeouts unless it says."""

    def run_it(data: dict[str, Any], *, dest: Path | None = None, folder: Path = tmp_path) -> Ran:
        http = {**QUICK, **data.get("http", {})}
        loaded = from_data({"name": "job", **data, "http": http}, folder=folder)
        dest = dest or tmp_path / "out"
        capsys.readouterr()
        with Shown(quiet=False, verbose=True, paths=True) as shown:
            summary = run(loaded, Options(dest=dest), shown)
            shown.summary(summary)
        out, err = capsys.readouterr()
        return Ran(summary, dest, out, err)

    return run_it
