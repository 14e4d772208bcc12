"""The whole of it: recorded from a server, replayed without one, by pytest's items and by the fixture."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scraper.errors import TapeError
from scraper.testing import collect  # noqa: F401 - pytest within pytest forgets what it imported; this is large
from scraper.testing.job_runner import JobRunner
from scraper.testing.local_server import LocalServer
from scraper.testing.recording import record_job

JOB = """
name: books
vars: {base: "http://127.0.0.1:1"}
http: {retry: {first_wait: 0}}
polite: {robots: ignore}
start: ["{{ base }}/"]
rules:
  index: {follow: {book: a}}
  book:
    item: {title: h1, price: {css: p.price, type: float}}
    files: img
tests:
  prices:
    expect: {items: 2, records: [{title: emma, price: 5.99}]}
  cut:
    faults: [{url: "*.png", do: reset, at: 50%, times: 1}]
  same: {}
"""
QUICK = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-p", "no:timeout")
"""Plugins of others that a pytest within pytest can do without."""
PNG = b"\x89PNG\r\n\x1a\n" + bytes(25)


def serve(price: str) -> LocalServer:
    server = LocalServer()
    server.route("/", '<a href="/book/emma">Emma</a> <a href="/book/dune">Dune</a>')
    server.route("/cover/<name>", PNG)

    @server.route("/book/<slug>")
    def book(request: Any, slug: str) -> str:
        return f'<h1>{slug}</h1><p class="price">{price}</p><img src="/cover/{slug}.png">'

    return server


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a job, its tape and its golden file; the server is gone."""
    folder = tmp_path_factory.mktemp("recorded")
    (folder / "books.yaml").write_text(JOB)
    server = serve("5.99")
    record_job(folder / "books.yaml", variables={"base": server.url})
    server.close()
    return folder


@pytest.fixture
def project(pytester: pytest.Pytester, recorded: Path) -> pytest.Pytester:
    """A copy of it, to run pytest in."""
    shutil.copytree(recorded, pytester.path, dirs_exist_ok=True)
    return pytester


@pytest.fixture
def live() -> Iterator[LocalServer]:
    """The same shop, with other prices."""
    server = serve("7.50")
    yield server
    server.close()


def run(project: pytest.Pytester, *options: str) -> pytest.RunResult:
    return project.runpytest_inprocess(*QUICK, "-W", "error", *options)


def change(project: pytest.Pytester, old: str, new: str) -> None:
    path = project.path / "books.yaml"
    path.write_text(path.read_text().replace(old, new))


def test_a_recorded_job_is_met_without_its_server(project: pytest.Pytester) -> None:
    run(project).assert_outcomes(passed=2 + 3 + 5)


def test_a_selector_that_breaks_fails_the_cases_that_see_it_and_names_rule_field_selector_and_page(
    project: pytest.Pytester,
) -> None:
    change(project, "p.price", "p.prize")
    found = run(project)
    found.assert_outcomes(passed=8, failed=2)
    found.stdout.fnmatch_lines(
        ["*prices::records*", '*book.price*"p.prize"*/book/emma*', "*same::records*", '*book.price*"p.prize"*/book/*']
    )


def test_what_is_updated_is_told_and_met_then(project: pytest.Pytester) -> None:
    change(project, "title: h1, ", "title: h1, name: h1, ")
    run(project, "-k", "same").assert_outcomes(passed=4, failed=1, deselected=5)
    found = run(project, "--scraper-update", "-k", "same")
    found.assert_outcomes(passed=5, deselected=5)
    found.stdout.fnmatch_lines(["*= scraper =*", "wrote tapes/books.expect.json"])
    run(project, "--scraper-update").stdout.fnmatch_lines(["nothing was written: *"])


def test_what_is_recorded_anew_comes_from_the_live_source(project: pytest.Pytester, live: LocalServer) -> None:
    shutil.rmtree(project.path / "tapes")
    change(project, "http://127.0.0.1:1", live.url)
    found = run(project, "--scraper-record", "-k", "prices")
    found.assert_outcomes(passed=1, failed=1, deselected=8)
    found.stdout.fnmatch_lines(["*prices::records*", "*7.5*5.99*", "*= scraper =*", "wrote tapes/books.warc.gz (*)"])
    found.stdout.fnmatch_lines(["wrote tapes/books.expect.json"])


def test_a_recording_asks_what_the_one_before_asked(project: pytest.Pytester) -> None:
    found = run(project, "--scraper-record", "-k", "same")
    found.assert_outcomes(failed=5, deselected=5)  # nobody is there any more
    found.stdout.fnmatch_lines(
        ["nothing came (http://127.0.0.1:*Connection refused), so *books.warc.gz stays as it was;*"]
    )
    found.stdout.no_fnmatch_line("*http://127.0.0.1:1/*")


def test_only_looking_records_nothing(project: pytest.Pytester) -> None:
    before = {path: path.read_bytes() for path in sorted((project.path / "tapes").iterdir())}
    run(project, "--scraper-record", "--collect-only")
    assert {path: path.read_bytes() for path in sorted((project.path / "tapes").iterdir())} == before


def test_a_golden_pair_without_tests_is_one_case(project: pytest.Pytester) -> None:
    change(project, JOB[JOB.index("tests:") :], "")
    run(project).assert_outcomes(passed=5)
    found = run(project, "--collect-only", "-q")
    assert next(line for line in found.outlines if "::" in line) == "books.yaml::tape::exit_code"


@pytest.mark.slow
@pytest.mark.parametrize("dist", ["load", "loadgroup", "loadscope"])
def test_several_processes_share_the_items(project: pytest.Pytester, dist: str) -> None:
    found = project.runpytest_subprocess("-p", "no:cacheprovider", "-W", "error", "-n", "2", "--dist", dist, "-v")
    found.assert_outcomes(passed=10)
    workers = re.findall(r"\[(gw\d)\] .*PASSED books\.yaml::(\w+)::", found.stdout.str())
    if dist == "loadscope":  # what xdist takes for a module or class is a case
        assert len(set(workers)) == 3


def test_the_fixture_replays_a_tape_with_its_variables(
    scraper_job: JobRunner, recorded: Path, scraper_server: LocalServer
) -> None:
    tape = recorded / "tapes" / "books.warc.gz"
    calm = scraper_job(recorded / "books.yaml", tape=tape)
    assert [(record["title"], record["price"]) for record in calm.records] == [("emma", 5.99), ("dune", 5.99)]
    assert calm.files == {"emma.png": PNG, "dune.png": PNG}
    bad = scraper_job(recorded / "books.yaml", tape=tape, faults=[{"do": "hang_up", "times": 1}], dest="bad")
    assert (bad.exit_code, bad.records, bad.files, bad.endings) == (0, calm.records, calm.files, calm.endings)
    none = scraper_job(recorded / "books.yaml", tape=tape, vars={"base": scraper_server.url}, dest="none")
    assert (none.exit_code, scraper_server.targets) == (4, [])
    assert "the tape has no GET" in none.summary.failures[0]["message"]


def test_a_tape_that_is_not_there_is_told(scraper_job: JobRunner, recorded: Path) -> None:
    with pytest.raises(TapeError, match=r"nowhere\.warc\.gz"):
        scraper_job(recorded / "books.yaml", tape="nowhere.warc.gz")
