"""What docs/testing.md shows in YAML and in Python is right."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from scraper.job.load import load
from scraper.samples import sample_jobs
from scraper.server import Server
from scraper.server.fixture import fixture_site
from scraper.testing.recording import record_job

DOCUMENT = (Path(__file__).parents[2] / "docs" / "testing.md").read_text("utf-8")
BOOKS = next(path for path in sample_jobs() if path.name == "books.yaml")
CASES = re.findall(r"```yaml\n(tests:\n.*?)```", DOCUMENT, re.DOTALL)
BEFORE = '''
import responses

PNG = b"\\x89PNG\\r\\n\\x1a\\n" + bytes(25)
JOB = """
name: emma
start: ["https://books.example.org/book/emma"]
rules:
  book: {item: {title: h1}, files: img}
"""

'''


@pytest.mark.parametrize("cases", CASES)
def test_a_documented_case_is_valid(cases: str, tmp_path: Path) -> None:
    path = tmp_path / "books.yaml"
    path.write_text(BOOKS.read_text("utf-8").partition("\ntests:")[0] + "\n" + cases, "utf-8")
    assert load(path).warnings == ()


@pytest.mark.slow
def test_documented_tests_pass(pytester: pytest.Pytester) -> None:
    (pytester.path / "jobs").mkdir()
    job = Path(shutil.copy(BOOKS, pytester.path / "jobs"))
    with Server(fixture_site()) as server:
        record_job(job, variables={"base": server.url})
    pytester.makepyfile(BEFORE + "\n\n".join(re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)))
    pytester.runpytest_inprocess("-p", "no:cacheprovider", "-m", "not scraper").assert_outcomes(passed=3)
