"""Each YAML block of README.md and docs that is a job, or a part of one, is valid.

Those that run have tests of their own.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from scraper.job import yaml
from scraper.job.load import from_data
from scraper.job.model import Job
from scraper.run import services

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
KEYS = {field.alias or name for name, field in Job.model_fields.items()}
REST = {"start": ["http://127.0.0.1:9/"], "rules": {"page": {"item": {"title": "h1"}}}}
"""What a part lacks that says neither."""
SECRETS = ("SHOP_PASSWORD", "API_SECRET", "API_TOKEN", "API_KEY", "MEMBERS_PASSWORD", "PROXY_PASSWORD", "CHAT_WEBHOOK")
NO_JOBS = {
    "server.md": "rules of faults: test_server.py",
    "testing.md": "a workflow of GitHub, and parts that stand alone: tests/testing/test_documented.py",
    "reference.md": "made of the models: test_reference.py",
}


def blocks() -> list[Any]:
    """Documents and blocks, each with its line."""
    found = []
    for path in DOCUMENTS:
        text = path.read_text("utf-8")
        for match in re.finditer(r"```yaml\n(.*?)```", text, re.S):
            line = text.count("\n", 0, match.start()) + 2
            if path.name not in NO_JOBS:
                found.append(pytest.param(path.name, match[1], id=f"{path.name}:{line}"))
    return found


@pytest.mark.parametrize(("document", "text"), blocks())
def test_a_job_that_is_shown_is_valid(
    document: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "find_spec", lambda name: object())  # as if every extra were installed
    for name in SECRETS:
        monkeypatch.setenv(name, "a-secret-of-the-test")
    for part in re.split(r"(?m)^# or a list.*\n", text):
        read = yaml.read(part.encode(), "job.yaml")
        if isinstance(read.data, list) and "alert" in read.data[0]:
            continue  # Prometheus'
        assert set(read.data) <= KEYS
        job = {"name": "shown", **(read.data if REST.keys() & read.data.keys() else {**REST, **read.data})}
        if "archive" in job.get("rules", {}):  # the one rule that the job of all keys shows and does not reach
            job["start"].append({"url": "http://127.0.0.1:9/archive", "rule": "archive"})
        from_data(job, folder=tmp_path)
