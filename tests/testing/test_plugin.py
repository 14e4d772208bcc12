"""Job files as pytest items: what is collected, how often a case is replayed, how a failure reads."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from scraper.errors import TapeError
from scraper.testing import cases
from scraper.testing.cases import Case, Mismatch, Result

JOB = """
name: books
vars: {base: "http://127.0.0.1:1"}
start: ["{{ base }}/"]
rules:
  book: {item: {title: h1}}
tests:
  prices:
    expect: {exit_code: 0, records: [{title: Emma}]}
  faults:
    faults: [{do: reset, times: 1}]
"""
ITEMS = [
    "jobs/books.yaml::prices::exit_code",
    "jobs/books.yaml::prices::records",
    "jobs/books.yaml::faults::records",
    "jobs/books.yaml::faults::files",
    "jobs/books.yaml::faults::endings",
]
QUICK = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-p", "no:timeout")
"""Plugins of others that a pytest within pytest can do without."""


class Replays:
    """Stands in for the replays of cases: notes which were asked for, and answers as a test says."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.then: Callable[[Case], tuple[Mismatch, ...]] = lambda case: ()

    def __call__(self, case: Case, **_: object) -> Result:
        self.names.append(case.name)
        return Result(case, self.then(case), (), 0.1)


@pytest.fixture
def replays(monkeypatch: pytest.MonkeyPatch) -> Replays:
    """What is replayed in the pytest within."""
    stand_in = Replays()
    monkeypatch.setattr(cases, "run_case", stand_in)
    return stand_in


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A folder with a job that has two cases, and other files."""
    (pytester.path / "jobs").mkdir()
    (pytester.path / "jobs" / "books.yaml").write_text(JOB)
    (pytester.path / "other.yaml").write_text("tests: {a: b}\n")
    return pytester


def run(project: pytest.Pytester, *options: str) -> pytest.RunResult:
    return project.runpytest_inprocess(*QUICK, *options)


def collected(project: pytest.Pytester, *options: str) -> list[str]:
    found = run(project, "--collect-only", "-q", *options)
    return [line for line in found.outlines if "::" in line]


# -- what is collected -------------------------------------------------------------------------------------


def test_a_job_with_tests_becomes_items_and_nothing_is_replayed_for_that(
    project: pytest.Pytester, replays: Replays
) -> None:
    assert collected(project) == ITEMS
    assert replays.names == []


@pytest.mark.parametrize(
    ("options", "chosen"),
    [
        (["jobs/books.yaml::prices", "jobs/books.yaml::faults::files"], [*ITEMS[:2], ITEMS[3]]),
        (["-k", "prices and not exit_code", "-m", "scraper"], ITEMS[1:2]),
        (["-m", "not scraper"], []),
        (["other.yaml"], []),
    ],
)
def test_items_are_chosen_as_tests_are(project: pytest.Pytester, options: list[str], chosen: list[str]) -> None:
    assert [line for line in collected(project, *options) if "ERROR" not in line] == chosen


def test_a_broken_job_is_an_error_with_file_line_and_column(project: pytest.Pytester) -> None:
    (project.path / "jobs" / "books.yaml").write_text(JOB.replace("expect:", "expct:"))
    found = run(project)
    assert found.ret == pytest.ExitCode.INTERRUPTED
    found.stdout.fnmatch_lines(["*ERROR collecting jobs/books.yaml*", 'jobs/books.yaml:9:5: *did you mean "expect"?*'])
    assert "Traceback" not in found.stdout.str()


def test_a_job_that_is_named_and_has_no_tests_is_told_how_to_get_one(project: pytest.Pytester) -> None:
    (project.path / "plain.yaml").write_text(JOB.partition("tests:")[0])
    assert collected(project) == ITEMS
    run(project, "plain.yaml").stdout.fnmatch_lines(
        ["*plain.yaml has no `tests:`*scraper record plain.yaml makes one*"]
    )


# -- how it runs -------------------------------------------------------------------------------------------


def test_a_case_is_replayed_once_for_all_its_items(project: pytest.Pytester, replays: Replays) -> None:
    run(project).assert_outcomes(passed=5)
    assert replays.names == ["prices", "faults"]


def test_what_differs_is_told_by_the_item_it_belongs_to_and_by_nothing_else(
    project: pytest.Pytester, replays: Replays
) -> None:
    told = 'book.price: selector "p.price" found nothing\n  on http://h/1'
    replays.then = lambda case: (Mismatch("records", told),) if case.name == "prices" else ()
    found = run(project)
    found.assert_outcomes(passed=4, failed=1)
    found.stdout.fnmatch_lines(
        [
            "*prices::records*",
            'book.price: selector "p.price" found nothing',
            "  on http://h/1",
            "FAILED jobs/books.yaml::prices::records - Failed: book.price: *",
        ],
    )
    assert ".py:" not in found.stdout.str()


def test_a_tape_that_is_missing_fails_the_items_of_its_case_with_the_path(
    project: pytest.Pytester, replays: Replays
) -> None:
    def missing(case: Case) -> tuple[Mismatch, ...]:
        raise TapeError(case.tape, "there is no such file")

    replays.then = missing
    found = run(project, "-k", "prices")
    found.assert_outcomes(failed=2, deselected=3)
    found.stdout.fnmatch_lines(["jobs/tapes/books.warc.gz: there is no such file"])
    assert replays.names == ["prices"]


def test_a_bug_shows_its_traceback(project: pytest.Pytester, replays: Replays) -> None:
    def broken(case: Case) -> tuple[Mismatch, ...]:
        raise ZeroDivisionError("of ours")

    replays.then = broken
    run(project, "-k", "prices and records").stdout.fnmatch_lines(["*raise ZeroDivisionError*", "*test_plugin.py:*"])


def test_an_item_that_reaches_beyond_this_machine_fails_with_address_and_cure(
    project: pytest.Pytester, replays: Replays
) -> None:
    def reach(case: Case) -> tuple[Mismatch, ...]:
        socket.create_connection(("192.0.2.1", 80), timeout=1)
        raise AssertionError("it was reached")

    replays.then = reach
    found = run(project, "-k", "prices and records")
    found.stdout.fnmatch_lines(["reaching 192.0.2.1:80 is blocked: *scraper record*"])


def test_tests_of_others_are_not_guarded(project: pytest.Pytester, replays: Replays) -> None:
    project.makepyfile("""
        import socket
        from scraper.net import wire

        def test_own():
            wire.check_reach("https://example.org/")
    """)
    run(project).assert_outcomes(passed=6)


def test_a_group_of_xdist_keeps_a_case_together(project: pytest.Pytester, replays: Replays) -> None:
    found, _ = project.inline_genitems()
    groups = {item.nodeid: [mark.args for mark in item.iter_markers("xdist_group")] for item in found}
    assert groups == {name: [(name.rpartition("::")[0],)] for name in ITEMS}


def test_without_xdist_there_is_no_such_group(project: pytest.Pytester, replays: Replays) -> None:
    run(project, "-p", "no:xdist", "--strict-markers", "-W", "error").assert_outcomes(passed=5)
