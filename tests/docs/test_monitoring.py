"""docs/monitoring.md: what it says of keys, metrics and exit codes is so."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scraper.errors import Exit
from scraper.job import yaml
from scraper.job.load import from_data
from scraper.model import Summary
from scraper.run import metrics, services

DOCUMENT = (Path(__file__).parents[2] / "docs" / "monitoring.md").read_text("utf-8")
JOB = {"name": "books", "start": ["http://127.0.0.1:9/"], "rules": {"r": {"item": {"t": "h1"}}}}


@pytest.mark.parametrize("text", re.findall(r"```yaml\n((?:metrics|on_finish|notify):.*?)```", DOCUMENT, re.S))
def test_what_it_writes_of_jobs_is_valid(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "find_spec", lambda name: object())
    for name in ("CHAT_WEBHOOK", "MAIL_PASSWORD"):
        monkeypatch.setenv(name, "x")
    for part in re.split(r"# or a list.*\n", text):
        assert from_data({**JOB, **yaml.read(part.encode(), "job.yaml").data}, folder=tmp_path).warnings == ()


def test_its_table_of_metrics_is_the_one_that_is_written() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    figures = metrics.figures(Summary("books", "r"), {}, ended=now, succeeded=now)
    table = dict(re.findall(r"^\| `scraper_run_(\w+)` \|([^|]*)\|", DOCUMENT, re.M))
    assert list(table) == [figure.name for figure in figures]
    for figure in figures:
        said = re.fullmatch(r" (?:`(\w+)`: (.*?) )?", table[figure.name])
        assert said is not None
        assert said[1] == (figure.label or None)
        assert figure.label == "class" or (said[2] or "") == ", ".join(figure.samples)


def test_its_table_of_exit_codes_has_them_all() -> None:
    told = re.findall(r"^\| ([\d, ]+) \|", DOCUMENT, re.M)
    assert {int(code) for row in told for code in row.split(", ")} == set(Exit)
