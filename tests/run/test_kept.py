"""What is kept of runs: items gone and changed, the watermark, summary, log and views."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from scraper.server import Response, Site

RULE = {
    "read": "json", "each": "rows", "item": {"n": "n", "t": "t"}, "key": "n",
    "files": {"select": "u", "path": "{{ filename }}"}, "next": {"page": "page"},
}  # fmt: skip
JOB = {"start": ["{{ base }}/api"], "rules": {"api": RULE}}


@pytest.mark.parametrize(("gone", "kept"), [("drop", [0, 2, 3]), ("keep", [0, 1, 2, 3])])
def test_an_item_that_a_complete_run_did_not_meet_is_gone(
    gone: str, kept: list[int], site: Site, serve: Any, run_job: Any, rows_site: Any, numbered: Any
) -> None:
    rows = rows_site(site, numbered(4))
    server, job = serve(site), {**JOB, "records": {"path": "records.jsonl", "gone": gone}}
    run_job(server, job)
    row = rows.pop(1)
    second = run_job(server, job)
    assert (second.summary.items.gone, sorted(second.fields("n"))) == (1, kept)
    assert [(row["key"], row["gone"]) for row in second.view("v_items") if row["gone"]] == [("1", 1)]
    rows.insert(1, row)
    third = run_job(server, job)
    assert (third.summary.items.as_dict(), third.fields("n")) == (
        {"total": 4, "new": 0, "changed": 0, "gone": 0, "failed": 0}, [0, 1, 2, 3],
    )  # fmt: skip


def test_an_item_with_other_fields_has_changed(
    site: Site, serve: Any, run_job: Any, rows_site: Any, numbered: Any
) -> None:
    rows = rows_site(site, numbered(4))
    server = serve(site)
    run_job(server, JOB)
    rows[2]["t"] = "another"
    second = run_job(server, JOB)
    assert second.summary.items.as_dict() == {"total": 4, "new": 0, "changed": 1, "gone": 0, "failed": 0}
    assert second.fields("t")[2] == "another"


def test_a_run_with_failures_makes_nothing_gone(
    site: Site, serve: Any, run_job: Any, rows_site: Any, numbered: Any
) -> None:
    rows = rows_site(site, numbered(4))
    server = serve(site)
    run_job(server, JOB)
    rows[1] = {"n": 9, "t": "x", "u": "/missing/9.png"}
    second = run_job(server, JOB)
    assert (second.code, second.summary.items.gone, sorted(second.fields("n"))) == (4, 0, [0, 1, 2, 3, 9])


def test_last_run_is_the_start_of_the_last_complete_run(
    site: Site, serve: Any, run_job: Any, rows_site: Any, numbered: Any
) -> None:
    seen: list[str] = []
    rows_site(site, numbered(2))
    site.route("/since")(lambda request: seen.append(request.query.get("t", "none")) or "<h1>x</h1>")
    server = serve(site)
    job = {
        "start": [
            {"url": "{{ base }}/since", "params": {"t": "{{ last_run }}"}},
            {"url": "{{ base }}/api", "rule": "api"},
        ],
        "rules": {"since": {"item": {"h": "h1"}}, "api": RULE},
    }

    def at(hour: int) -> Any:
        return lambda: datetime(2026, 1, 1, hour, tzinfo=UTC)

    run_job(server, job, now=at(1))
    run_job(server, job, now=at(2), limit=1)
    site.route("/file/bad")(lambda request: Response(404, {}, b""))
    run_job(server, job, now=at(3))
    run_job(server, job, now=at(4))
    one, three = "2026-01-01T01:00:00+00:00", "2026-01-01T03:00:00+00:00"
    assert seen == ["none", one, one, three]


# -- the ledger, the summary, the log ------------------------------------------------------------------------


def test_summary_json_is_the_summary(site: Site, serve: Any, run_job: Any, rows_site: Any, numbered: Any) -> None:
    rows_site(site, [*numbered(2), {"n": 3, "u": "/missing.png"}])
    ended = run_job(serve(site), JOB)
    path = ended.dest / ".scraper" / "runs" / ended.summary.run / "summary.json"
    kept = json.loads(path.read_text())
    assert kept == ended.summary.as_dict()
    assert list(kept) == ["job", "run", "exit_code", "pages", "items", "files", "bytes", "seconds", "failures"]
    assert (kept["exit_code"], kept["files"]["failed"], kept["failures"][0]["class"]) == (4, 1, "http:404")


def test_at_most_twenty_failures_are_told(site: Site, serve: Any, run_job: Any, rows_site: Any) -> None:
    rows_site(site, [{"n": at, "u": f"/missing/{at}.png"} for at in range(30)])
    ended = run_job(serve(site), JOB)
    assert (len(ended.summary.as_dict()["failures"]), ended.summary.files.failed) == (20, 30)


def test_the_log_is_json_lines(site: Site, serve: Any, run_job: Any, rows_site: Any, numbered: Any) -> None:
    rows_site(site, numbered(1))
    ended = run_job(serve(site), {**JOB, "polite": {"robots": "ignore"}})
    assert [set(line) for line in ended.log] == [{"time", "level", "logger", "message"}]


def test_a_bug_leaves_its_traceback_in_the_log(
    site: Site, serve: Any, run_job: Any, heard: Any, tmp_path: Path, rows_site: Any, numbered: Any
) -> None:
    rows_site(site, numbered(1))

    def bug(url: str, ending: str) -> None:
        raise ZeroDivisionError("a bug of ours")

    with pytest.raises(ZeroDivisionError):
        run_job(serve(site), JOB, events=heard(bug))
    (log,) = (tmp_path / "out" / ".scraper" / "runs").glob("*/log.jsonl")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [("a bug of ours" in line.get("traceback", ""), line["level"]) for line in lines] == [(True, "error")]


def test_every_url_has_one_ending(site: Site, serve: Any, run_job: Any, rows_site: Any, numbered: Any) -> None:
    rows_site(site, [*numbered(3), {"n": 3, "u": "/missing.png"}])
    ended = run_job(serve(site), JOB)
    pages, files = ended.view("v_pages"), ended.view("v_files")
    assert {row["ending"] for row in pages + files} == {"ok", "saved", "failed:http:404"}
    assert len({row["url"] for row in pages}) == len(pages) == 3
    assert len({row["url"] for row in files}) == len(files) == 4
    counts = ended.summary
    assert (counts.pages.ok, counts.files.saved, counts.files.failed) == (3, 3, 1)


def test_the_views_have_the_columns_of_the_contract(
    site: Site, serve: Any, run_job: Any, rows_site: Any, numbered: Any
) -> None:
    rows_site(site, numbered(1))
    ended = run_job(serve(site), JOB)
    columns = {name: " ".join(ended.view(name)[0]) for name in ("v_runs", "v_pages", "v_items", "v_files")}
    assert columns == {
        "v_runs": "run job started ended exit_code complete",
        "v_pages": "run url method rule status ending attempts seconds found_on",
        "v_items": "key rule url fields first_run last_run gone",
        "v_files": (
            "run url key item_key path ending status bytes sha256 type etag last_modified attempts seconds found_on"
        ),
    }


def test_the_row_of_a_page_and_of_an_item(site: Site, serve: Any, run_job: Any, rows_site: Any, numbered: Any) -> None:
    rows_site(site, numbered(3))
    server = serve(site)
    ended = run_job(server, JOB)
    page = next(row for row in ended.view("v_pages") if row["url"].endswith("=2"))
    assert page.pop("seconds") >= 0
    run = ended.summary.run
    assert page == {
        "run": run, "url": f"{server.url}/api?page=2", "method": "GET", "rule": "api", "status": 200, "ending": "ok",
        "attempts": 1, "found_on": f"{server.url}/api?page=1",
    }  # fmt: skip
    item = next(row for row in ended.view("v_items") if row["key"] == "2")
    assert json.loads(item.pop("fields")) == {"n": 2, "t": "title 2"}
    assert item == {
        "key": "2", "rule": "api", "url": f"{server.url}/api?page=2", "first_run": run, "last_run": run, "gone": 0,
    }  # fmt: skip


def test_two_jobs_in_one_folder_each_have_their_own_last_run(site: Site, serve: Any, run_job: Any) -> None:
    seen: list[str] = []
    site.route("/")(lambda request: seen.append(request.query.get("t", "none")) or "<h1>x</h1>")
    server = serve(site)
    job = {"start": [{"url": "{{ base }}/", "params": {"t": "{{ last_run }}"}}], "rules": {"r": {"item": {"h": "h1"}}}}
    run_job(server, {**job, "name": "one"})
    run_job(server, {**job, "name": "two"})
    assert seen == ["none", "none"]
