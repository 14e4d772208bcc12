"""The plugin is loaded by every pytest of an environment: what it costs there, and what it leaves alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

MEASURE = """
import pytest, sys
before = set(sys.modules)
import scraper.testing.plugin
print(*sorted(set(sys.modules) - before))
"""
CONFTEST = """
import sys

def pytest_sessionfinish(session):
    print("LOADED", *sorted(name for name in sys.modules if name.partition(".")[0] in NAMES))

NAMES = {"scraper", "requests", "pycurl", "pydantic", "lxml", "yaml", "jinja2", "warcio"}
"""
OTHERS = {
    "docker-compose.yml": "services:\n  web:\n    tests: none\n",
    ".gitlab-ci.yml": "tests:\n  script: [make]\n  rules: [{if: x}]\n",
    "broken.yaml": "tests: [\n",
    "job_without_tests.yaml": 'name: a\nstart: ["http://127.0.0.1:1/"]\nrules: {page: {item: {title: h1}}}\n',
    "latin.yaml": "name: \xe9\nrules: x\n",
}


def test_importing_the_plugin_imports_nothing_large_and_nothing_else_of_ours() -> None:
    found = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True).stdout.split()
    assert found == ["scraper", "scraper.testing", "scraper.testing.plugin"]


def test_a_project_without_jobs_loads_nothing_and_its_yaml_files_are_left_alone(tmp_path: Path) -> None:
    for name, text in OTHERS.items():
        (tmp_path / name).write_bytes(text.encode("latin-1"))
    (tmp_path / "test_own.py").write_text("def test_own(): pass\n")
    (tmp_path / "conftest.py").write_text(CONFTEST)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-W", "error", "--strict-markers", "-s"]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "1 passed" in found.stdout
    loaded = next(line for line in found.stdout.splitlines() if "LOADED" in line)
    assert loaded.partition("LOADED ")[2].split() == ["scraper", "scraper.testing", "scraper.testing.plugin"]


def test_the_marker_and_the_fixtures_are_known(pytester: pytest.Pytester) -> None:
    pytester.runpytest_inprocess("--markers").stdout.fnmatch_lines(["@pytest.mark.scraper: a case of a job file*"])
    told = pytester.runpytest_inprocess("--fixtures", "-v").stdout
    told.fnmatch_lines(["scraper_server*", "*faults(*reset*", "scraper_job*", "*`.records`, `.files`*"])


@pytest.mark.parametrize("option", ["--scraper-record", "--scraper-update"])
def test_tapes_are_not_written_by_several_processes(pytester: pytest.Pytester, option: str) -> None:
    found = pytester.runpytest_inprocess("-n", "2", option)
    assert found.ret == pytest.ExitCode.USAGE_ERROR
    found.stderr.fnmatch_lines([f"ERROR: {option}: one process writes tapes; add -n 0*"])
