"""`scraper runs`: the runs of a job, newest first, with what they came to."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from typing import Any

from scraper.run.answers.runs import runs_told
from scraper.run.answers.runs_table import runs_table
from scraper.server import Site
from scraper.state.db import Database

RULE = {"read": "json", "each": "rows", "item": {"n": "n", "t": "t"}, "key": "n", "files": {"select": "u"}}
HEAD = ["run", "kind", "started", "took", "ended", "pages", "new", "changed", "gone", "files", "size", "failed"]
JOB = {"start": ["{{ base }}/api"], "rules": {"api": RULE}}


def twice(site: Site, serve: Any, run_job: Any, rows_site: Any, numbered: Any) -> tuple[Any, Any]:
    """Two runs; between them one row goes, one changes and its file comes anew."""
    rows = rows_site(site, numbered(2))
    server = serve(site)
    first = run_job(server, JOB)
    rows[:] = [{"n": 0, "t": "other", "u": "/file/0.png"}, {"n": 5, "t": "five", "u": "/file/5.png"}]
    return first, run_job(server, JOB, limit=None)


def test_each_run_is_told_with_its_counts_the_newest_first(
    site: Site, serve: Any, run_job: Any, rows_site: Any, numbered: Any, tell: Any
) -> None:
    first, second = twice(site, serve, run_job, rows_site, numbered)
    told = tell("runs", "-d", second.dest, "--json").json
    assert [one["run"] for one in told] == [second.summary.run, first.summary.run]
    assert told[0]["items"] == {"total": 2, "new": 1, "changed": 1, "gone": 1, "failed": 0}
    assert told[1]["items"] == {"total": 2, "new": 2, "changed": 0, "gone": 0, "failed": 0}
    assert [(one["kind"], one["exit_code"], one["meaning"], one["open"], one["complete"]) for one in told] == [
        ("run", 0, "done, nothing failed", False, True)
    ] * 2


def test_a_table_of_them_is_for_people(
    site: Site, serve: Any, run_job: Any, rows_site: Any, numbered: Any, tell: Any
) -> None:
    _, second = twice(site, serve, run_job, rows_site, numbered)
    head, newest, oldest = tell("runs", "-d", second.dest).out.splitlines()
    assert head.split() == [
        "run",
        "kind",
        "started",
        "took",
        "ended",
        "pages",
        "new",
        "changed",
        "gone",
        "files",
        "size",
        "failed",
    ]
    assert newest.split()[-8:] == ["done", "1", "1", "1", "1", "1", "5", "0"]
    assert oldest.split()[-8:] == ["done", "1", "2", "0", "0", "2", "10", "0"]


def test_only_the_newest_are_told_where_a_number_is_given(
    site: Site, serve: Any, run_job: Any, rows_site: Any, numbered: Any, tell: Any
) -> None:
    first, second = twice(site, serve, run_job, rows_site, numbered)
    told = tell("runs", "-d", second.dest, "--limit", "1")
    assert (second.summary.run in told.out, first.summary.run in told.out) == (True, False)
    assert told.err == "1 more before; --limit 2 tells them all\n"


def test_counts_whose_summary_is_gone_are_asked_of_the_ledger(
    site: Site, serve: Any, run_job: Any, rows_site: Any, numbered: Any, tell: Any
) -> None:
    first, second = twice(site, serve, run_job, rows_site, numbered)
    for ran in (first, second):
        (second.dest / ".scraper" / "runs" / ran.summary.run / "summary.json").write_text("{")
    told = tell("runs", "-d", second.dest, "--json").json
    assert [one["files"]["saved"] for one in told] == [1, 2]
    assert (told[0]["items"]["changed"], told[1]["items"]) == (1, None)  # what an older run met is not known any more


def test_a_limited_run_and_an_open_one_are_told_as_what_they_are(drained: Any, tell: Any, run_job: Any) -> None:
    server, ended = drained({**JOB, "rules": {"api": {**RULE, "next": {"page": "page"}}}})
    told = tell("runs", "-d", ended.dest)
    assert f"{ended.summary.run}: stopped by SIGINT (Ctrl-C); open: scraper run goes on with it" in told.out
    run_job(server, JOB, limit=1)
    kinds = [line.split()[1] for line in tell("runs", "-d", ended.dest).out.splitlines()[1:3]]
    assert kinds == ["limited", "run"]


def test_the_table_fits_the_width_that_there_is(
    site: Site, serve: Any, run_job: Any, rows_site: Any, numbered: Any
) -> None:
    _, second = twice(site, serve, run_job, rows_site, numbered)
    state = second.dest / ".scraper"
    with Database.reading(state / "ledger.db") as db:
        told = runs_told(db, state, None, None, is_held=False)
    for width in (120, 100, 80):
        lines = ["".join(cell.text for cell in line) for line in runs_table(told, width, UTC)]
        assert max(map(len, lines)) <= width
        assert all(second.summary.run in line for line in lines[1:2])


def test_a_folder_without_a_ledger_is_told_with_the_cure(tmp_path: Path, tell: Any) -> None:
    told = tell("runs", "-d", tmp_path)
    assert (told.code, told.out, "-d names the folder a run wrote to" in told.err) == (2, "", True)
