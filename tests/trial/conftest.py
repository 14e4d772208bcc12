"""A job of this folder, run against the imitation of its source: copied beside its lists, with its secrets set."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from scraper.job.load import load
from scraper.run.events import Events
from scraper.run.kit import Options
from scraper.run.runner import run
from scraper.server import Server
from scraper.server.fixture import fixture_site
from scraper.server.fixture.sources import apod, archive, forum, github, laion, terms, tianapi
from tests.run.conftest import Ran
from tests.trial.expected import NOW

JOBS = Path(__file__).parent / "jobs"
SECRETS = {
    "TIANAPI_KEY": tianapi.KEY,
    "GITHUB_TOKEN": github.TOKEN,
    "NASA_KEY": apod.KEY,
    "FORUM_PASSWORD": forum.PASSWORD,
}


@dataclass
class Trial:
    """A job, its server, and the folder both work in.

    Attributes:
        asked: for each run, method and target of what it asked for, in order, without robots.txt.
    """

    name: str
    server: Server
    folder: Path
    asked: list[list[tuple[str, str]]] = field(default_factory=list)

    def run(self) -> Ran:
        """Run the job, at NOW by its own clock; a second run finds what the first one left."""
        job = shutil.copy(JOBS / f"{self.name}.yaml", self.folder)
        _LISTS.get(self.name, lambda base, folder: None)(self.server.url, self.folder)
        before = len(self.server.log)
        given = {} if self.name == "laion" else {"base": self.server.url}  # whose URLs are all in its list
        given |= _BEFORE.get(self.name, lambda base: {})(self.server.url)
        loaded = load(Path(job), variables=given, overrides=["http.retry.first_wait=0"])
        dest = self.folder / "out"
        summary = run(loaded, Options(dest=dest, now=lambda: NOW), Events())
        self.asked.append(
            [(seen.method, seen.target) for seen in self.server.log[before:] if "robots" not in seen.target]
        )
        return Ran(summary, dest)

    def files(self, ended: Ran) -> dict[str, bytes]:
        """What stands below the output folder, but for the ledger and the records."""
        return {name: data for name, data in ended.files.items() if name != "rates.csv"}

    def snapshot(self) -> dict[str, tuple[bytes, int]]:
        """Bytes and time of all that stands below the output folder; of the records no time, they are written anew."""
        out = self.folder / "out"
        found = [path for path in sorted(out.rglob("*")) if path.is_file() and ".scraper" not in path.parts]
        return {
            path.relative_to(out).as_posix(): (
                path.read_bytes(),
                path.stat().st_mtime_ns * (path.suffix not in _RECORDS),
            )
            for path in found
        }

    def urls_of_files(self) -> set[str]:
        """The paths of all URLs that the ledger knows of files, and of those that they led to."""
        with closing(sqlite3.connect(self.folder / "out" / ".scraper" / "ledger.db")) as db:
            return {urlsplit(url).path for (url,) in db.execute("SELECT url FROM v_files")}


@pytest.fixture
def trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`trial(name)`: the job of this name, with a server of its own."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    with Server(fixture_site()) as server:
        yield lambda name: Trial(name, server, tmp_path)


def _terms(base: str, folder: Path) -> None:
    (folder / "terms.txt").write_text("".join(f"{term}\n" for term in terms.FOUND), "utf-8")


def _identifiers(base: str, folder: Path) -> None:
    (folder / "identifiers.txt").write_text("".join(f"{item}\n" for item in archive.IDENTIFIERS), "utf-8")


def _parquet(base: str, folder: Path) -> None:
    """The rows in two files."""
    pa = pytest.importorskip("pyarrow", reason="lists in parquet need pyarrow")
    from pyarrow import parquet

    (folder / "laion").mkdir(exist_ok=True)
    rows = laion.rows(base)
    for number, part in enumerate((rows[:7], rows[7:])):
        parquet.write_table(pa.Table.from_pylist(part), folder / "laion" / f"part-{number:05}.parquet")


def _open_point(base: str) -> dict[str, str]:
    with requests.Session() as session:
        session.trust_env = False
        reply = session.post(f"{base}/sources/elastic/images/_pit?keep_alive=5m", timeout=20)
        return {"pit": str(reply.json()["id"])}


_RECORDS = (".jsonl", ".csv")
_LISTS: dict[str, Callable[[str, Path], None]] = {"terms": _terms, "archive": _identifiers, "laion": _parquet}
_BEFORE: dict[str, Callable[[str], dict[str, str]]] = {"elastic": _open_point}
