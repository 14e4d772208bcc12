"""Runs: which one is continued, and what begins anew."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from scraper import errors
from scraper.server import Response, Site

WAIT = 5  # seconds that an event may take before a test fails


RULE = {
    "read": "json", "each": "rows", "item": {"n": "n", "t": "t"}, "key": "n",
    "files": {"select": "u", "path": "{{ filename }}"}, "next": {"page": "page"},
}  # fmt: skip
JOB = {"start": ["{{ base }}/api"], "rules": {"api": RULE}}


@pytest.mark.parametrize(("count", "kind"), [(1, "ok"), (3, "ok"), (1, "saved"), (7, "saved")])
def test_a_drained_run_continues_and_nothing_is_fetched_twice(
    count: int,
    kind: str,
    site: Site,
    serve: Any,
    run_job: Any,
    stop_after: Any,
    asked: Any,
    heard: Any,
    rows_site: Any,
    numbered: Any,
) -> None:
    rows_site(site, numbered(20))
    server, (events, control) = serve(site), stop_after(count, kind)
    first = run_job(server, JOB, events=events, control=control)
    assert (first.code, [row["ended"] for row in first.view("v_runs")]) == (130, [None])
    known = [row["n"] for row in first.records]
    assert known == sorted(known)
    second = run_job(server, JOB, events=(again := heard()))
    assert (second.code, again.begun_with, second.summary.run) == (0, [True], first.summary.run)
    assert sorted(asked(server)) == sorted({*asked(server)})
    assert (second.fields("n"), len(second.files)) == (list(range(20)), 20)
    assert (second.summary.pages.ok, second.summary.items.new, second.summary.files.saved) == (11, 20, 20)
    assert [row["complete"] for row in second.view("v_runs", whole=True)] == [1]


def test_a_signal_that_comes_when_everything_is_done_leaves_nothing_undone(
    site: Site, serve: Any, run_job: Any, stop_after: Any, asked: Any, rows_site: Any, numbered: Any
) -> None:
    rows_site(site, numbered(3))
    server, (events, control) = serve(site), stop_after(3)
    assert run_job(server, JOB, events=events, control=control).code == 130
    second = run_job(server, JOB)
    assert (second.code, second.fields("n")) == (0, [0, 1, 2])
    assert sorted(asked(server)) == sorted({*asked(server)})


EDITS: dict[str, dict[str, Any]] = {
    "start": {"start": ["{{ base }}/api", "{{ base }}/api?more=1"]},
    "params of start": {"start": [{"url": "{{ base }}/api", "params": {"x": 1}}]},
    "rules": {"rules": {"api": {**RULE, "item": {"n": "n"}}}},
    "vars": {"vars": {"extra": 1}},
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_job_begins_anew(edit: str, run_job: Any, drained: Any, heard: Any) -> None:
    server, first = drained(JOB)
    second = run_job(server, {**JOB, **EDITS[edit]}, events=(events := heard()))
    assert (events.begun_with, second.summary.run != first.summary.run, second.code) == ([False], True, 0)


def test_the_order_of_rules_tells_which_one_reads_the_start(
    site: Site, serve: Any, run_job: Any, stop_after: Any, heard: Any, rows_site: Any, numbered: Any
) -> None:
    """The same rules in another order are another job: the first reads the start."""
    rows_site(site, numbered(20))
    both = {"one": RULE, "two": {**RULE, "item": {"n": "n", "two": "'two'"}}}
    job = {
        "start": [
            "{{ base }}/api",
            {"url": "{{ base }}/api?x=1", "rule": "one"},
            {"url": "{{ base }}/api?y=1", "rule": "two"},
        ]
    }
    server, (events, control) = serve(site), stop_after(1, "ok")
    run_job(server, {**job, "rules": both}, events=events, control=control)
    turned = {"two": both["two"], "one": both["one"]}
    run_job(server, {**job, "rules": turned}, events=(again := heard()))
    assert again.begun_with == [False]


@pytest.mark.parametrize(
    "edit", [{"about": "x"}, {"polite": {"per_host": 1}}, {"files": {"jobs": 2}}, {"http": {"timeout": {"read": 9}}}]
)
def test_other_edits_continue_the_open_run(edit: Any, run_job: Any, drained: Any, heard: Any) -> None:
    server, first = drained(JOB)
    second = run_job(server, {**JOB, **edit}, events=(events := heard()))
    assert (events.begun_with, second.summary.run, second.code) == ([True], first.summary.run, 0)


def test_fresh_begins_anew(run_job: Any, drained: Any, heard: Any) -> None:
    server, first = drained(JOB)
    second = run_job(server, JOB, fresh=True, events=(events := heard()))
    assert (events.begun_with, second.summary.run != first.summary.run) == ([False], True)
    assert (second.code, second.fields("n"), second.summary.pages.ok) == (0, list(range(20)), 11)
    ended = {row["run"]: row["ended"] is not None for row in second.view("v_runs", whole=True)}
    assert ended == {first.summary.run: False, second.summary.run: True}


def test_failed_urls_are_tried_again_by_the_next_run(site: Site, serve: Any, run_job: Any, asked: Any) -> None:
    broken = {"/a", "/f.png"}
    site.route("/")(lambda request: '<a href="/a">a</a><img src="/f.png">')
    for path, content in (("/a", "<h1>a</h1>"), ("/f.png", b"a picture")):
        site.route(path)(lambda request, content=content: Response(404) if request.path in broken else content)
    server = serve(site)
    job = {"start": ["{{ base }}/"], "rules": {"s": {"follow": {"p": "a"}, "files": "img"}, "p": {"item": {"t": "h1"}}}}
    first = run_job(server, job)
    assert (first.code, sorted(name for name, _ in first.failures)) == (4, ["http:404", "http:404"])
    broken.clear()
    second = run_job(server, job)
    assert (second.code, second.fields("t"), list(second.files)) == (0, ["a"], ["f.png"])


def test_a_post_that_was_under_way_at_a_kill_is_sent_again_and_the_log_says_so(
    site: Site, serve: Any, run_job: Any, tmp_path: Path
) -> None:
    came, go = threading.Event(), threading.Event()

    @site.route("/", ("POST",))
    def answer(request: Any) -> str:
        came.set()
        assert go.wait(WAIT)
        return "<h1>x</h1>"

    server = serve(site)
    job = {"start": [{"url": "{{ base }}/", "method": "POST"}], "rules": {"r": {"item": {"t": "h1"}}}}
    script = f"""if True:
        import json, sys
        from pathlib import Path
        from scraper.job.load import from_data
        from scraper.run.events import Events
        from scraper.run.kit import Options
        from scraper.run.runner import run
        job = dict(json.loads({json.dumps(json.dumps(job))}), name="job", vars={{"base": "{server.url}"}})
        run(from_data(job), Options(dest=Path({str(tmp_path / "out")!r})), Events())
    """
    with subprocess.Popen(
        [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ) as child:
        assert came.wait(20)
        child.send_signal(signal.SIGKILL)
    go.set()
    ended = run_job(server, job)
    assert (ended.code, ended.fields("t"), len(server.log)) == (0, ["x"], 2)
    assert [line["message"] for line in ended.log if "sent again" in line["message"]] != []


# -- the lock ------------------------------------------------------------------------------------------------


def test_a_second_run_of_one_folder_is_told_at_once(site: Site, serve: Any, run_job: Any, tmp_path: Path) -> None:
    came, go = threading.Event(), threading.Event()
    site.route("/")(lambda request: came.set() or str(go.wait(WAIT)))
    server = serve(site)
    job = {"start": ["{{ base }}/"], "rules": {"r": {"item": {"h": "h1"}}}}
    codes: list[int] = []
    first = threading.Thread(target=lambda: codes.append(run_job(server, job).code))
    first.start()
    assert came.wait(WAIT)
    with pytest.raises(errors.BusyError, match="another run holds"):
        run_job(server, job)
    with pytest.raises(errors.BusyError):
        run_job(server, job, state=tmp_path / "other state")
    go.set()
    first.join()
    assert codes == [0]


def test_a_dry_run_may_look_while_another_run_goes_on(site: Site, serve: Any, run_job: Any) -> None:
    came, go = threading.Event(), threading.Event()
    site.route("/")(lambda request: came.set() or str(go.wait(WAIT)))
    site.route("/other")(lambda request: "<h1>x</h1>")
    server = serve(site)
    rules = {"r": {"item": {"h": "h1"}}}
    first = threading.Thread(target=lambda: run_job(server, {"start": ["{{ base }}/"], "rules": rules}))
    first.start()
    assert came.wait(WAIT)
    assert run_job(server, {"start": ["{{ base }}/other"], "rules": rules}, dry=True).code == 0
    go.set()
    first.join()


def test_a_ledger_of_a_later_version_is_refused(
    site: Site, serve: Any, run_job: Any, tmp_path: Path, rows_site: Any, numbered: Any
) -> None:
    state = tmp_path / "out" / ".scraper"
    state.mkdir(parents=True)
    with closing(sqlite3.connect(state / "ledger.db")) as db:
        db.execute("PRAGMA user_version = 99")
    rows_site(site, numbered(1))
    with pytest.raises(errors.LedgerError, match="later version"):
        run_job(serve(site), JOB)


def test_a_ledger_that_is_none_is_told(
    site: Site, serve: Any, run_job: Any, tmp_path: Path, rows_site: Any, numbered: Any
) -> None:
    state = tmp_path / "out" / ".scraper"
    state.mkdir(parents=True)
    (state / "ledger.db").write_bytes(b"this is no database, and it is longer than a header of SQLite would be" * 9)
    rows_site(site, numbered(1))
    with pytest.raises(errors.LedgerError):
        run_job(serve(site), JOB)
