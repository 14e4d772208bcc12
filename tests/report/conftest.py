"""Reports of runs: a ledger that was filled by a real run in process, and a page that is read as a browser would."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from lxml import etree, html

from scraper.job.load import from_data
from scraper.model import Summary
from scraper.run.events import Events
from scraper.run.kit import Options
from scraper.run.runner import run
from scraper.server import Server, Site

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "invoice\u202egpj.exe",
    "W" * 3000,
    "nul\x00 and \x1b[31mred",
    "</td></table><style>*{display:none}</style>",
    "{{ 7 * 7 }} &lt; &amp;",
    "' onmouseover='alert(1)",
    "<!-- ]]> <svg/onload=alert(1)>",
)


@dataclass(frozen=True)
class Reported:
    """A run that ended, and the page it left."""

    summary: Summary
    dest: Path

    @property
    def folder(self) -> Path:
        return self.dest / ".scraper" / "runs" / self.summary.run

    @property
    def text(self) -> str:
        return (self.folder / "report.html").read_text("utf-8")

    @property
    def tree(self) -> Any:
        return html.document_fromstring(self.text)


def picture(form: str = "JPEG", size: tuple[int, int] = (320, 200), seed: int = 0, **options: Any) -> bytes:
    """A picture whose pixels are its own."""
    images = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    made = images.effect_noise((size[0] // 8 or 1, size[1] // 8 or 1), 60 + seed % 40).resize(size).convert("RGB")
    out = io.BytesIO()
    made.save(out, form, **options)
    return out.getvalue()


@pytest.fixture(name="picture")
def picture_fixture() -> Callable[..., bytes]:
    return picture


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    with ExitStack() as stack:
        yield lambda site, **options: stack.enter_context(Server(site, **options))


@pytest.fixture
def run_job(tmp_path: Path) -> Callable[..., Reported]:
    """`run_job(server, job, day=0, **options)` runs a job in process, so many days after the first."""

    def run_it(server: Server, job: dict[str, Any], day: int = 0, **options: Any) -> Reported:
        data = {
            "name": "job",
            **job,
            "vars": {"base": server.url, **job.get("vars", {})},
            "http": {"retry": {"first_wait": 0, "attempts": 1}, **job.get("http", {})},
            "polite": {"per_host": 8, **job.get("polite", {})},
        }
        loaded = from_data(data, file="job.yaml", folder=tmp_path)
        dest = options.pop("dest", tmp_path / "out")
        options.setdefault("now", lambda: NOW + timedelta(days=day))
        return Reported(run(loaded, Options(dest=dest, **options), Events()), dest)

    return run_it


@pytest.fixture
def shop(site: Site, serve: Any) -> tuple[Server, list[dict[str, Any]]]:
    """A server of rows that a test may change: `/api` gives them all; each `f` of a row is asked as `/f/<name>`."""
    rows: list[dict[str, Any]] = []
    bodies: dict[str, Any] = {}
    site.route("/api")(lambda request: {"rows": [{k: v for k, v in row.items() if k != "body"} for row in rows]})

    def answer(request: Any, name: str) -> Any:
        body = next((row.get("body") for row in rows if row.get("f") == f"/f/{name}"), None)
        return body if body is not None else bodies.get(name, b"bytes of " + name.encode())

    site.route("/f/<name>")(answer)
    return serve(site), rows


@pytest.fixture
def shop_job() -> Callable[..., dict[str, Any]]:
    """`shop_job(**more)`: a job that reads it."""

    def make(**more: Any) -> dict[str, Any]:
        item = {"n": "n", "t": "t", "link": "link"}
        rule = {"read": "json", "each": "rows[*]", "item": item, "key": "n", "files": "f"}
        files = {"path": "{{ item.n }}-{{ index }}{{ ext }}", "existing": "check"}
        return {"start": ["{{ base }}/api"], "rules": {"row": rule}, "files": files, **more}

    return make


@pytest.fixture
def strict() -> Callable[[str], Any]:
    """`strict(page)`: read as XML, which takes nothing that is not well-formed; void tags are closed first."""

    def read(page: str) -> Any:
        body = page.removeprefix("<!doctype html>\n")
        closed = re.sub(r"<(meta|img|br|hr|link)( [^<>]*)?>", r"<\1\2/>", body)
        return etree.fromstring(closed.encode(), etree.XMLParser(resolve_entities=False, huge_tree=True))

    return read


@pytest.fixture
def hostile() -> tuple[str, ...]:
    return HOSTILE
