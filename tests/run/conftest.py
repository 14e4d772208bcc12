"""Runs in process: a job as text or data, against servers of a test, and what is then on disk and in the ledger."""

from __future__ import annotations

import json
import sqlite3
import textwrap
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from scraper.job.load import from_data
from scraper.model import Summary
from scraper.run.control import Control
from scraper.run.events import Events
from scraper.run.kit import Options
from scraper.run.runner import run
from scraper.server import Server, Site
from scraper.server.fixture import fixture_site

Row = dict[str, Any]


@dataclass(frozen=True)
class Ran:
    """A run that ended, and the folder it worked on."""

    summary: Summary
    dest: Path

    @property
    def code(self) -> int:
        return int(self.summary.exit_code)

    @property
    def records(self) -> list[Row]:
        """The lines of records.jsonl."""
        return [json.loads(line) for line in (self.dest / "records.jsonl").read_text("utf-8").splitlines()]

    def fields(self, *names: str) -> list[Any]:
        """Of each record these fields, or the one field alone."""
        rows = [tuple(record[name] for name in names) for record in self.records]
        return [row[0] for row in rows] if len(names) == 1 else rows

    @property
    def files(self) -> dict[str, bytes]:
        """What stands below dest, but for .scraper and the records."""
        return {
            path.relative_to(self.dest).as_posix(): path.read_bytes()
            for path in sorted(self.dest.rglob("*"))
            if path.is_file() and ".scraper" not in path.relative_to(self.dest).parts and path.name != "records.jsonl"
        }

    def view(self, name: str, *, whole: bool = False) -> list[Row]:
        """The rows of a view of the ledger: of this run, or (`whole`) of all runs."""
        where = "" if whole or name == "v_items" else f" WHERE run = '{self.summary.run}'"
        with closing(sqlite3.connect(self.dest / ".scraper" / "ledger.db")) as db:
            db.row_factory = sqlite3.Row
            return [dict(row) for row in db.execute(f"SELECT * FROM {name}{where}")]

    def endings(self, view: str, base: str = "") -> dict[str, str]:
        """URL (without `base`) -> ending."""
        return {row["url"].removeprefix(base): row["ending"] for row in self.view(view)}

    @property
    def failures(self) -> list[tuple[str, str]]:
        """Class and message of the summary's failures."""
        return [(one["class"], one["message"]) for one in self.summary.failures]

    @property
    def log(self) -> list[Row]:
        """The lines of the run's log.jsonl."""
        path = self.dest / ".scraper" / "runs" / self.summary.run / "log.jsonl"
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


class Heard(Events):
    """Collects what a run tells; `then` is called at each page and file that ends."""

    def __init__(self, then: Callable[[str, str], None] | None = None) -> None:
        self.begun_with: list[bool] = []
        self.pages: list[tuple[str, str]] = []
        self.outcomes: list[Any] = []
        self.paths: list[str] = []
        self._then = then or (lambda url, ending: None)

    def begun(self, run: str, *, continued: bool, dest: str) -> None:
        self.begun_with.append(continued)

    def page_ended(self, url: str, ending: str, why: str) -> None:
        self.pages.append((url, ending))
        self._then(url, ending)

    def file_ended(self, outcome: Any) -> None:
        self.outcomes.append(outcome)
        self._then(outcome.url, outcome.ending)

    def planned(self, path: str) -> None:
        self.paths.append(path)


def job_data(job: str | Row, base: str) -> Row:
    """A job with its defaults for tests: a name, `{{ base }}`, retries that wait for nothing."""
    given: Row = yaml.safe_load(textwrap.dedent(job)) if isinstance(job, str) else dict(job)
    retry = {"first_wait": 0, **given.get("http", {}).get("retry", {})}
    return {
        "name": "job",
        **given,
        "vars": {"base": base, **given.get("vars", {})},
        "http": {**given.get("http", {}), "retry": retry},
    }


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """`serve(site)`: a server until the test ends; without a site, of the fixture site."""
    with ExitStack() as stack:
        yield lambda site=None, **options: stack.enter_context(Server(site or fixture_site(), **options))


@pytest.fixture
def fixture_server(serve: Callable[..., Server]) -> Server:
    """A server of the fixture site."""
    return serve()


@pytest.fixture
def site() -> Site:
    """A site without routes, which a test fills."""
    return Site()


@pytest.fixture
def run_job(tmp_path: Path) -> Callable[..., Ran]:
    """`run_job(server, job, events=, control=, dest=, **options)` runs a job in process."""

    def run_it(
        server: Server | str,
        job: str | Row,
        *,
        events: Events | None = None,
        control: Control | None = None,
        dest: Path | None = None,
        **options: Any,
    ) -> Ran:
        base = server if isinstance(server, str) else server.url
        loaded = from_data(job_data(job, base), file="job.yaml", folder=tmp_path)
        dest = dest or tmp_path / "out"
        summary = run(loaded, Options(dest=dest, **options), events or Events(), control)
        return Ran(summary, dest)

    return run_it


@pytest.fixture
def ran() -> type[Ran]:
    """The class of runs that ended."""
    return Ran


@pytest.fixture
def heard() -> type[Heard]:
    """The class of events that collect."""
    return Heard


@pytest.fixture
def asked() -> Callable[..., list[str]]:
    """`asked(server)`: the targets that were asked for, in order, without robots.txt."""
    return lambda server: [seen.target for seen in server.log if seen.target != "/robots.txt"]


def html(*links: str, title: str = "", extra: str = "") -> str:
    """A page with a heading, links, and what else."""
    anchors = "".join(f'<a href="{link}">{link}</a>\n' for link in links)
    return f"<!doctype html><title>{title}</title><h1>{title}</h1>\n{anchors}{extra}"


@pytest.fixture(name="html")
def html_fixture() -> Callable[..., str]:
    """`html(*links, title=, extra=)` writes a page."""
    return html
