"""The log of a command: on stderr, in a file, as JSON; and its last lines."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from scraper.cli import ending, logfile
from scraper.cli.show import Shown
from scraper.model import FileCounts, ItemCounts, PageCounts, Summary
from scraper.server import Response, Site
from scraper.state.groups import Group


def records(text: str) -> list[dict[str, Any]]:
    """Every line as the object it must be."""
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def server(site: Site, serve: Any, pages: Any, pixels: Any) -> Any:
    """A page with a picture that is there and one that is not."""
    pages(site, page='<h1>t</h1><img src="/a.png"><img src="/none.png">')
    pixels(site, "a.png")
    site.route("/none.png")(lambda request: Response(404, {}, b""))
    return serve(site)


# -- json --------------------------------------------------------------------------------------------------


def test_a_json_log_is_an_object_a_line_that_says_what_it_is_about(
    scraper: Any, job: Any, write_job: Any, server: Any
) -> None:
    told = scraper("run", write_job(job, server.url), "--log-format", "json")
    lines = records(told.err)
    (failed,) = [line for line in lines if line["logger"] == "scraper.endings"]
    assert {name: failed[name] for name in ("level", "job", "url", "class")} == {
        "level": "warning",
        "job": "mine",
        "url": f"{server.url}/none.png",
        "class": "http:404",
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", failed["time"])
    assert (lines[-1]["message"][:13], lines[-1]["summary"]["exit_code"]) == ("mine: 1 page,", 4)
    assert {line["job"] for line in lines} == {"mine"}
    assert len({line["run"] for line in lines}) == 1


def test_an_attempt_that_is_made_again_is_told_with_its_number(
    scraper: Any, job: Any, write_job: Any, site: Site, serve: Any
) -> None:
    site.route("/page")(lambda request: Response(503, {}, b""))
    told = scraper("run", write_job(job, serve(site).url), "-v", "--log-format", "json", "-o", "http.retry.attempts=3")
    assert [(line["attempt"], line["class"]) for line in records(told.err) if "attempt" in line] == [
        (1, "http:503"),
        (2, "http:503"),
    ]


def test_an_error_that_ends_the_run_is_json_too(scraper: Any, job: Any, write_job: Any, server: Any) -> None:
    Path("output/mine/.scraper").mkdir(parents=True)
    Path("output/mine/.scraper/ledger.db").write_bytes(b"no ledger" * 1000)
    told = scraper("run", write_job(job, server.url), "-q", "--log-format", "json")
    assert (told.code, [line["level"] for line in records(told.err)]) == (1, ["error"])


def test_nothing_in_a_json_log_is_an_escape_on_a_terminal() -> None:
    from scraper.run.logfile import JsonLines

    record = logging.LogRecord("scraper", logging.INFO, "", 0, "\x1b[2J\x9b31m\u202e\n", None, None)
    line = JsonLines().format(record)
    assert (line.isprintable(), json.loads(line)["message"]) == (True, "\x1b[2J\x9b31m\u202e\n")


# -- a file ------------------------------------------------------------------------------------------------


def test_a_log_file_is_appended_to_a_line_each_with_time_and_level(
    scraper: Any, job: Any, write_job: Any, server: Any, folder: Path
) -> None:
    path = write_job(job, server.url)
    for _ in range(2):
        scraper("run", path, "-q", "--log-file", "run.log")
    lines = (folder / "run.log").read_text().splitlines()
    assert [
        line for line in lines if not re.match(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00 (info|warning|error): ", line)
    ] == []
    assert sum("/none.png: the server answered 404 Not Found (http:404)" in line for line in lines) == 2
    assert sum(" error: mine: 1 page" in line for line in lines) == 2


@pytest.mark.parametrize("path", ["no/such/run.log", "/dev/full"])
def test_a_log_that_cannot_be_written_is_told_once_and_ends_nothing(path: str, scraper: Any, server: Any) -> None:
    told = scraper("get", f"{server.url}/a.png", "--log-file", path)
    assert (told.code, told.err.count("the run goes on without it")) == (0, 1)


def test_a_log_that_was_moved_away_is_opened_anew(tmp_path: Path) -> None:
    failed: list[str] = []
    handler = logfile.open_log(tmp_path / "log", logfile.HumanLines(), failed.append)
    assert handler is not None
    for text in ("one", "two"):
        handler.handle(logging.LogRecord("scraper", logging.INFO, "", 0, text, None, None))
        if text == "one":
            (tmp_path / "log").rename(tmp_path / "log.1")
    handler.close()
    texts = [(tmp_path / name).read_text().split(" info: ")[1] for name in ("log.1", "log")]
    assert (texts, failed) == (["one\n", "two\n"], [])


def test_a_traceback_is_one_line_of_a_file_and_nothing_in_it_an_escape() -> None:
    try:
        raise ValueError("\x1b[2J")
    except ValueError:
        record = logging.LogRecord("scraper", logging.ERROR, "", 0, "a bug", None, sys.exc_info())
    line = logfile.HumanLines().format(record)
    assert (line.isprintable(), "error: a bug\\nTraceback" in line) == (True, True)


# -- no terminal -------------------------------------------------------------------------------------------


def test_where_there_are_no_bars_a_line_tells_every_half_minute_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, err = [100.0], io.StringIO()
    monkeypatch.setattr(sys, "stderr", err)
    with Shown(quiet=False, verbose=False, paths=False, clock=lambda: now[0]) as shown:
        shown.begun("r", continued=False, dest="out")
        shown.page_ended("http://a/", "ok", "")
        for moment in (100.1, 129.9, 130.0, 150.0, 160.0):
            now[0] = moment
            shown.tick(3, {})
    assert err.getvalue().splitlines() == ["1 of 4 pages and files, 0 B, 0 B/s"] * 2


# -- the last lines ----------------------------------------------------------------------------------------

FAILED = [
    Group("timeout", 2, "http://a/slow?x=1", "no answer in time"),
    Group("http:404", 1, "http://a/none", "the server answered 404"),
]
BAD = Summary("books", "r", 4, PageCounts(2), ItemCounts(3, 1), FileCounts(1, 0, 22, 3), 2048, 3.21)


def lines(**given: Any) -> list[str]:
    told = ending.Ending(**{"summary": BAD, "dest": "output/books", **given})
    return [text for _, text in ending.lines(told)]


def test_the_last_lines_tell_what_failed_and_what_to_do() -> None:
    assert lines(failed=FAILED, skipped={"exists": 22}, job="my books.yaml", report="r.html") == [
        "books: 2 pages, 3 items (1 new), 1 file saved (2.0 kB), 3 failed in 3.2 s",
        "  skipped  22 exists",
        "  failed   2 timeout   The server did not answer in time.",
        "                       http://a/slow?x=1",
        "           1 http:404  There is no such page or file (404).",
        "                       http://a/none",
        "  next     scraper why 'http://a/slow?x=1' -d output/books",
        "           scraper retry 'my books.yaml' --class timeout",
        "  report   r.html",
        "  in       output/books",
    ]


def test_what_is_to_be_done_next_finds_the_ledger_that_was_named(
    write_job: Any, job: Any, site: Site, serve: Any, scraper: Any
) -> None:
    site.route("/page")(lambda request: Response(503, {}, b""))
    base = serve(site).url
    path = write_job(job, "http://127.0.0.1:1")
    told = scraper("run", path, "-d", "o ut", "--state", "led", "--var", f"base={base}", "-o", "http.retry.attempts=1")
    (why,) = [line.split("scraper ")[1] for line in told.err.splitlines() if "scraper why" in line]
    (retry,) = [line.split("scraper ")[1] for line in told.err.splitlines() if "scraper retry" in line]
    assert [scraper(*shlex.split(each), *more).code for each, more in ((why, ()), (retry, ("-n",)))] == [0, 0]


def test_a_long_first_line_is_broken_behind_a_comma() -> None:
    told = Summary("a-job-with-a-long-name", "r", 0, PageCounts(1234), ItemCounts(5678, 1234, 56, 7), FileCounts(8900))
    assert lines(summary=told) == [
        "a-job-with-a-long-name: 1234 pages, 5678 items (1234 new, 56 changed, 7 gone),",
        "  8900 files saved (0 B) in 0.0 s",
        "  in       output/books",
    ]


def test_quiet_tells_of_a_run_that_failed_and_of_no_other(scraper: Any, server: Any) -> None:
    bad, good = (scraper("get", f"{server.url}/{name}", "-q") for name in ("none.png", "a.png"))
    assert (bad.err[:15], bad.err.count("\n"), good.err) == ("get: 1 failed i", 1, "")


def test_quiet_tells_the_whole_of_a_first_line_that_is_broken(capsys: pytest.CaptureFixture[str]) -> None:
    told = Summary(
        "books", "r", 4, PageCounts(1234), ItemCounts(5678, 1234, 56, 7), FileCounts(8900, failed=6), 10**9, 9.0
    )
    with Shown(quiet=True, verbose=False, paths=False) as shown:
        shown.summary(told)
    said = capsys.readouterr().err.splitlines()
    assert (len(said), said[1]) == (2, "  8900 files saved (953.7 MB, 106.0 MB/s), 6 failed in 9.0 s")


def test_a_retry_is_advised_where_it_may_bring_something() -> None:
    assert [line for line in lines(failed=FAILED[1:], job="b.yaml") if "retry" in line] == []
    assert "the same command asks again" in "".join(lines(failed=FAILED))


def test_a_run_that_brought_nothing_says_so() -> None:
    told = Summary("books", "r", 0, PageCounts(0, 3), ItemCounts(120), FileCounts(0, 340), 0, 1.0)
    assert lines(summary=told) == [
        "books: nothing new: 3 pages, 120 items, 340 files unchanged in 1.0 s",
        "  in       output/books",
    ]


def test_nothing_scraped_is_an_escape_in_the_last_lines() -> None:
    told = lines(failed=[Group("shape", 1, "http://a/\x1b[2J", "\x9b")], job="b.yaml")
    assert [line for line in told if not line.isprintable()] == []


@pytest.mark.parametrize(("colour", "no_colour"), [(True, ""), (False, "1")])
def test_the_last_lines_are_coloured_on_a_terminal_unless_it_is_not_wished(
    colour: bool, no_colour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stderr", err := Terminal())
    monkeypatch.setenv("NO_COLOR", no_colour)
    with Shown(quiet=False, verbose=False, paths=False) as shown:
        shown.summary(BAD)
    assert ("\x1b[1;31mbooks: " in err.getvalue(), "\x1b" in err.getvalue()) == (colour, colour)


# -- nothing new -------------------------------------------------------------------------------------------


def test_exit_unchanged_is_the_exit_code_where_nothing_is_new_and_the_summary_keeps_0(
    scraper: Any, server: Any
) -> None:
    url, args = f"{server.url}/a.png", ("--exit-unchanged", "99", "--json")
    first, second = scraper("get", url, *args), scraper("get", url, *args)
    assert (first.code, second.code, second.json["exit_code"]) == (0, 99, 0)


def test_a_failure_is_no_nothing_new(scraper: Any, server: Any) -> None:
    for _ in range(2):
        told = scraper("get", f"{server.url}/none.png", "--exit-unchanged", "99")
    assert told.code == 4


@pytest.mark.parametrize("code", ["0", "4", "130", "126", "job.yaml"])
def test_exit_unchanged_is_no_code_that_means_something_else(code: str, scraper: Any) -> None:
    told = scraper("get", "http://127.0.0.1:9/x", "--exit-unchanged", code)
    assert (told.code, os.listdir()) == (2, [])
