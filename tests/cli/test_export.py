"""`scraper export`: what the ledger knows, as a file or on stdout."""

from __future__ import annotations

import csv
import io
import json
import os
import sqlite3
import sys
from contextlib import closing

import pytest

OWN = ["_key", "_rule", "_url", "_files"]
BODY = "item: {title: h1, price: i}\nfiles: img\n"


@pytest.fixture
def ran(site, serve, job, pages, pixels, write_job, scraper):
    """`ran()`: a run of one item with a file and a file that fails; the job's path, and the server."""
    pages(site, page='<h1>=A</h1><i>5</i><img src="/a.png"><img src="/missing.png">')
    pixels(site, "a.png")

    def run_it(head="", *options):
        server = serve(site)
        path = write_job(job, server.url, BODY, head)
        assert scraper("run", path, *options).code == 4
        return path, server

    return run_it


def rows(told):
    return [json.loads(line) for line in told.lines]


def test_items_come_as_the_records_file_has_them(ran, scraper, folder):
    path, _ = ran()
    told = scraper("export", path)
    assert (told.code, told.out, told.err) == (0, (folder / "output/mine/records.jsonl").read_text(), "")


def test_a_folder_is_enough(ran, scraper):
    path, _ = ran()
    assert scraper("export", "-d", "output/mine").out == scraper("export", path).out


def test_the_ledger_may_lie_elsewhere(ran, scraper, folder):
    path, _ = ran("", "--state", "elsewhere")
    assert len(scraper("export", path, "--state", "elsewhere").lines) == 1
    assert scraper("export", path).code == 2


def test_with_json_it_is_one_array(ran, scraper):
    path, _ = ran()
    assert scraper("export", path, "--json").json == rows(scraper("export", path))
    assert scraper("export", path, "--what", "pages", "--run", "none", "--json").code == 2


def test_a_file_is_written_as_its_name_says(ran, scraper, folder):
    path, server = ran()
    told = scraper("export", path, "-o", "all.csv")
    found = list(csv.reader(io.StringIO((folder / "all.csv").read_bytes().decode(), newline="")))
    assert (told.out, found) == (
        "",
        [["title", "price", *OWN], ["'=A", "5", found[1][2], "r", f"{server.url}/page", '["a.png"]']],
    )
    assert sorted(each.name for each in folder.iterdir()) == ["all.csv", "job.yaml", "output"]


def test_a_database_is_written_as_a_file(ran, scraper, folder):
    path, _ = ran()
    assert scraper("export", path, "-o", "all.db").code == 0
    with closing(sqlite3.connect(folder / "all.db")) as db:
        assert db.execute("SELECT title, price FROM records").fetchall() == [("=A", "5")]


def test_the_format_can_be_said(ran, scraper):
    path, _ = ran()
    assert scraper("export", path, "--format", "csv").lines[0] == "title,price,_key,_rule,_url,_files"


def test_files_pages_and_failures_are_those_of_the_newest_run(ran, scraper):
    path, server = ran()
    scraper("run", path)
    files, pages, failures = (rows(scraper("export", path, "--what", what)) for what in ("files", "pages", "failures"))
    assert {file["url"].removeprefix(server.url): file["ending"] for file in files} == {
        "/a.png": "skipped:exists",
        "/missing.png": "failed:http:404",
    }
    assert [(page["url"], page["ending"]) for page in pages] == [(f"{server.url}/page", "ok")]
    assert [(one["kind"], one["url"], one["class"]) for one in failures] == [
        ("file", f"{server.url}/missing.png", "http:404")
    ]
    assert len({row["run"] for row in [*files, *pages, *failures]}) == 1


def test_a_run_can_be_named(ran, scraper):
    path, _ = ran()
    (first,) = {row["run"] for row in rows(scraper("export", path, "--what", "files"))}
    scraper("run", path)
    saved = rows(scraper("export", path, "--what", "files", "--run", first))
    assert (sorted(row["ending"] for row in saved), scraper("export", path, "--run", first).out) == (
        ["failed:http:404", "saved"],
        "",  # the item was met again
    )


def test_a_run_that_there_is_not_is_told_with_those_there_are(ran, scraper):
    path, _ = ran()
    told = scraper("export", path, "--run", "nope")
    assert (told.code, "no run nope is in this ledger; the newest are 20" in told.err) == (2, True)


def test_an_export_leaves_the_ledger_as_it_is(ran, scraper, folder):
    path, _ = ran()
    state = folder / "output/mine/.scraper"
    before = {each.name: each.read_bytes() for each in state.iterdir() if each.is_file()}
    scraper("export", path, "-o", "x.parquet", "--format", "jsonl")
    assert {each.name: each.read_bytes() for each in state.iterdir() if each.is_file()} == before


def test_a_run_may_be_under_way(site, serve, job, pages, write_job, gate, process, scraper):
    pages(site, page='<h1>A</h1><i>5</i><img src="/slow.png">')
    slow = gate()
    site.route("/slow.png")(slow)
    path = write_job(job, serve(site).url, BODY)
    running = process("run", path)
    slow.wait()
    told = scraper("export", path)
    slow.open.set()
    assert ([row["title"] for row in rows(told)], running.end().code) == (["A"], 0)


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ([], "name a JOB, or the folder a run wrote to with -d DIR"),
        (["-d", "nowhere"], "there is no ledger nowhere/.scraper/ledger.db; -d names the folder a run wrote to"),
        (["-d", "x", "-o", "a.xls"], "a.xls says no format by its name; add --format"),
        (["-d", "x", "--json", "--format", "csv"], "--json is a format of its own"),
    ],
)
def test_what_cannot_be_done_is_told_with_its_cure(scraper, args, told):
    answer = scraper("export", *args)
    assert (answer.code, answer.out, told in answer.err) == (2, "", True), answer.err


def test_a_job_that_was_never_run_is_told_to_run_first(scraper, write_job, job):
    answer = scraper("export", write_job(job, "http://127.0.0.1:9"))
    assert (
        answer.code,
        "there is no ledger output/mine/.scraper/ledger.db; scraper run comes first" in answer.err,
    ) == (
        2,
        True,
    )


def test_a_file_that_cannot_be_written_is_told(ran, scraper, folder):
    path, _ = ran()
    answer = scraper("export", path, "-o", "missing/all.csv")
    assert (answer.code, "missing/all.csv cannot be written: No such file or directory" in answer.err) == (2, True)


@pytest.mark.parametrize("command", [["export", "--format", "csv"], ["report"]])
def test_a_device_or_a_pipe_is_not_replaced(command, ran, scraper, folder):
    path, _ = ran()
    os.mkfifo(folder / "pipe")
    answer = scraper(*command, path, "-o", "pipe")
    assert (answer.code, "a device or a pipe" in answer.err, (folder / "pipe").is_fifo()) == (2, True, True)


@pytest.mark.parametrize(("form", "seen"), [("jsonl", "\\u009b1m"), ("csv", "\\x9b1m")])
def test_nothing_that_was_scraped_is_an_escape_on_a_terminal(
    site, serve, job, pages, write_job, scraper, monkeypatch, form, seen
):
    pages(site, page="<h1>a\x9b1m\u202eb</h1>")
    path = write_job(job, serve(site).url, "item: {title: h1}\n")
    scraper("run", path)
    plain = scraper("export", path, "--format", form).out
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    shown = scraper("export", path, "--format", form).out
    assert ("\x9b" in plain, seen in shown, "\x9b" in shown, "\u202e" in shown) == (True, True, False, False)


def test_a_database_is_nothing_for_a_terminal(ran, scraper, monkeypatch):
    path, _ = ran()
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    answer = scraper("export", path, "--format", "sqlite")
    assert (answer.code, "sqlite is nothing for a terminal; name a file with -o" in answer.err) == (2, True)
