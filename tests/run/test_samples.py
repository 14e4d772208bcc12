"""The sample jobs against the fixture site: the files it serves, the records it holds, and nothing twice."""

from __future__ import annotations

import urllib.request
from pathlib import Path
from typing import Any

import pytest

from scraper.job.load import load
from scraper.run.events import Events
from scraper.run.kit import Options
from scraper.run.runner import run
from scraper.server import Server
from scraper.server.fixture.books import BOOKS
from scraper.server.fixture.members import DOCUMENTS, make_pdf
from scraper.server.fixture.pictures import picture

JOBS = Path(__file__).parents[2] / "jobs"
NAMES = ("books", "members", "pictures", "posts")


def run_sample(name: str, server: Server, dest: Path) -> Any:
    loaded = load(JOBS / f"{name}.yaml", variables={"base": server.url})
    return run(loaded, Options(dest=dest), Events())


def served(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:
        body: bytes = answer.read()
        return body


@pytest.fixture
def ran(run_job: Any) -> Any:
    """What a folder holds after a sample ran there."""
    import sys

    return sys.modules[run_job.__module__].Ran


@pytest.mark.parametrize("name", NAMES)
def test_a_second_run_saves_nothing_and_writes_the_same_records(name: str, fixture_server: Server, tmp_path: Path) -> None:
    first = run_sample(name, fixture_server, tmp_path)
    records = (tmp_path / "records.jsonl").read_bytes()
    asked = len(fixture_server.log)
    second = run_sample(name, fixture_server, tmp_path)
    pages_again = [seen.target for seen in fixture_server.log[asked:]]
    assert (first.exit_code, second.exit_code, second.files.saved) == (0, 0, 0)
    assert (tmp_path / "records.jsonl").read_bytes() == records
    assert second.files.skipped == first.files.saved
    assert not [target for target in pages_again if target.endswith((".png", ".jpg", ".pdf"))]
