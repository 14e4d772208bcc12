"""The pytest plugin: job files are tests, and two fixtures for tests that are written in Python.

    jobs/books.yaml::prices::records        job file :: case of its `tests:` :: aspect

It is loaded in every pytest of the environment, so it imports nothing of ours, nor anything large, until a job file
is collected or a fixture is asked for. Which YAML files are jobs is told by a look at their text; all others are left
alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from scraper.testing.collect import JobFile
    from scraper.testing.job_runner import JobRunner
    from scraper.testing.local_server import LocalServer

RECORD, UPDATE = "--scraper-record", "--scraper-update"
_SUFFIXES = frozenset({".yaml", ".yml"})
_LARGEST = 1024 * 1024 + 1
"""Bytes of a file that are looked at: a job has no more."""
_TESTS = re.compile(rb"(?m)^(?:\xef\xbb\xbf)?[\"']?tests[\"']?[ \t]*:")
_OF_A_JOB = re.compile(rb"(?m)^(?:\xef\xbb\xbf)?[\"']?start[\"']?[ \t]*:")
_NAME = re.compile(rb"(?m)^(?:\xef\xbb\xbf)?[\"']?name[\"']?[ \t]*:[ \t]*[\"']?([a-z0-9_-]+)")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--scraper-record` and `--scraper-update`."""
    group = parser.getgroup("scraper", "job files of scraper")
    group.addoption(
        RECORD, action="store_true", help="record the tapes of the chosen cases anew, against the live source, first"
    )
    group.addoption(
        UPDATE, action="store_true", help="rewrite the golden expectations (*.expect.json) of the chosen cases first"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Registers the marker; refuses what several processes would write at once."""
    config.addinivalue_line("markers", "scraper: a case of a job file of scraper (its `tests:`, or its golden pair)")
    writes = [option for option in (RECORD, UPDATE) if config.getoption(option)]
    if writes and (config.getoption("dist", "no") != "no" or hasattr(config, "workerinput")):
        raise pytest.UsageError(f"{' and '.join(writes)}: one process writes tapes; add -n 0, or leave -n out")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> JobFile | None:
    """A job file that has tests, or that was named."""
    if file_path.suffix not in _SUFFIXES or not _is_for_us(file_path, parent.session.isinitpath(file_path)):
        return None
    from scraper.testing.collect import JobFile

    return JobFile.from_parent(parent, path=file_path)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Records and updates what was asked for, before anything is run."""
    config = session.config
    if config.option.collectonly or not (config.getoption(RECORD) or config.getoption(UPDATE)):
        return
    from scraper.testing.collect import write_anew

    write_anew(session, record=config.getoption(RECORD))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What was written."""
    if not (config.getoption(RECORD) or config.getoption(UPDATE)):
        return
    from scraper.testing.collect import WRITTEN

    terminalreporter.section("scraper")
    for line in config.stash.get(WRITTEN, []) or [
        "nothing was written: no tape or golden file of the chosen cases has changed"
    ]:
        terminalreporter.line(line)


def _is_for_us(path: Path, is_named: bool) -> bool:
    """Whether a YAML file is a job with tests. One that was named on the command line need only look like a job."""
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST)
    except OSError:
        return is_named
    is_job, has_tests = _OF_A_JOB.search(text) is not None, _TESTS.search(text) is not None
    if is_named:
        return is_job or has_tests
    return is_job and (has_tests or _has_golden(path, text))


def _has_golden(path: Path, text: bytes) -> bool:
    """Whether a tape and what is expected of it lie beside a job file."""
    name = _NAME.search(text)
    tapes = path.parent / "tapes"
    return name is not None and os.path.isfile(tapes / f"{name[1].decode()}.expect.json")


@pytest.fixture
def scraper_server() -> Iterator[LocalServer]:
    """A web server on a free port of this machine, for the time of the test; what it serves, the test says.

        def test_prices(scraper_server):
            @scraper_server.route("/book/<slug>")
            def book(request, slug):
                return f"<h1>{slug}</h1>"

            scraper_server.route("/cover.png", PNG)       # the same answer always
            scraper_server.folder("site")                 # files, where no route answers
            scraper_server.faults([{"url": "*.png", "do": "reset", "at": "50%", "times": 1}])

    `.url` is `http://127.0.0.1:PORT`, `.log` has every request (`.method`, `.target`, `.headers`, `.body`), `.targets`
    their paths.
    """
    from scraper.testing.local_server import LocalServer

    server = LocalServer()
    yield server
    server.close()


@pytest.fixture
def scraper_job(request: pytest.FixtureRequest, tmp_path: Path) -> JobRunner:
    """Runs a job below `tmp_path` and gives what came of it.

        def test_prices(scraper_job, scraper_server):
            result = scraper_job("jobs/books.yaml", vars={"base": scraper_server.url})
            assert result.exit_code == 0
            assert [record["price"] for record in result.records] == [5.99, 7.5]
            assert list(result.files) == ["emma.jpg"]

    The job is a path, a YAML text, or a mapping. Further arguments: `tape=` (a WARC file answers every request,
    with `faults=` and `time=`), `limit=`, `overrides=["files.transport=requests"]`, `dest=`. The result has `.summary`,
    `.records`, `.files` (path -> bytes), `.endings` (URL -> ending), `.warnings`, `.exit_code`, `.dest`.

    Nothing beyond this machine is reached. Who mocks requests with `responses` sets `files.transport=requests`, for
    it does not see the files that libcurl fetches.
    """
    from scraper.testing.job_runner import JobRunner

    return JobRunner(tmp_path, (request.path.parent, request.config.rootpath))
