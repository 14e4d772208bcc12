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

from scraper.job import yaml
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
    given: Row = yaml.read(textwrap.dedent(job).encode(), "job.yaml").data if isinstance(job, str) else dict(job)
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


def link_site(site: Site, pages: dict[str, str]) -> None:
    for path, text in pages.items():
        site.route(path)(lambda request, text=text: text)


@pytest.fixture(name="link_site")
def link_site_fixture() -> Callable[..., Any]:
    """`link_site(site, {path: text})`: pages as they are."""
    return link_site


def rows_site(site: Site, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """`/api?page=n` gives two rows a page; each row has a file. The list may be changed between runs."""
    site.route("/api")(lambda request: {"rows": rows[2 * request.query.number("page", 1) - 2 :][:2]})
    site.route("/file/<name>")(lambda request, name: name.encode())
    return rows


def numbered(count: int) -> list[dict[str, Any]]:
    return [{"n": at, "t": f"title {at}", "u": f"/file/{at}.png"} for at in range(count)]


@pytest.fixture(name="rows_site")
def rows_site_fixture() -> Callable[..., Any]:
    """`rows_site(site, rows)`: a JSON API of them, two a page, each with a file."""
    return rows_site


@pytest.fixture(name="numbered")
def numbered_fixture() -> Callable[..., Any]:
    """`numbered(n)`: so many rows for it."""
    return numbered


@pytest.fixture
def stop_after() -> Callable[..., tuple[Heard, Control]]:
    """`stop_after(n, kind)`: events and a control that stops the run when n files (or pages) have ended."""

    def make(count: int, kind: str = "saved", code: int = 130) -> tuple[Heard, Control]:
        control = Control()
        seen: list[str] = []

        def stop(url: str, ending: str) -> None:
            seen.append(url) if ending == kind else None
            if len(seen) == count:
                control.stop(code)

        return Heard(stop), control

    return make


def items_page(*rows: tuple[str, str]) -> str:
    """A page of items, each a title and the URL of its file."""
    return "".join(f'<li><b>{title}</b><img src="{url}"></li>' for title, url in rows)


def items_job(path: str = "{{ item.title }}{{ ext }}", **more: Any) -> dict[str, Any]:
    files = {"path": path, **more.pop("files", {})}
    rule = {"each": "li", "item": {"title": "b"}, "key": "title", "files": "img", **more.pop("rule", {})}
    return {"start": ["{{ base }}/"], "rules": {"r": rule}, "files": files, **more}


@pytest.fixture(name="items_page")
def items_page_fixture() -> Callable[..., Any]:
    """`items_page((title, url), ...)` writes a page of items, each with a file."""
    return items_page


@pytest.fixture(name="items_job")
def items_job_fixture() -> Callable[..., Any]:
    """`items_job(path, **more)`: a job that reads such a page."""
    return items_job


@pytest.fixture
def shelf(site: Site, serve: Any) -> Any:
    """`shelf({"/a.png": b"..."}, *rows)`: a server of files and a page of items that name them."""

    def make(files: dict[str, Any], *rows: tuple[str, str]) -> Any:
        for path, answer in files.items():
            site.route(path)(lambda request, answer=answer: answer(request) if callable(answer) else answer)
        site.route("/")(
            lambda request: items_page(*(rows or [(path.strip("/").partition(".")[0], path) for path in files]))
        )
        return serve(site)

    return make


@pytest.fixture
def drained(site: Site, serve: Any, run_job: Any, stop_after: Any) -> Callable[..., tuple[Server, Ran]]:
    """`drained(job)`: a server of twenty rows, and a run of the job that a signal ended after its first page."""

    def make(job: Row, **options: Any) -> tuple[Server, Ran]:
        rows_site(site, numbered(20))
        server, (events, control) = serve(site), stop_after(1, "ok")
        return server, run_job(server, job, events=events, control=control, **options)

    return make
