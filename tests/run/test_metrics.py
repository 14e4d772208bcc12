"""`metrics:`: figures of a run as Prometheus and StatsD read them."""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from scraper.errors import JobError
from scraper.model import FileCounts, ItemCounts, PageCounts, Summary
from scraper.run import metrics

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
SUMMARY = Summary(
    "books", "r", 4, PageCounts(2, 1, 0, 1), ItemCounts(10, 3, 2, 1, 0), FileCounts(5, 0, 1, 2), 1234, 2.5
)


def parsed(text):
    """Name -> labels but for the job -> value; and every sample has the job."""
    found = {}
    for family in text_string_to_metric_families(text):
        assert (family.type, bool(family.documentation)) == ("gauge", True)
        for sample in family.samples:
            assert sample.labels.pop("job") == "books"
            found.setdefault(sample.name.removeprefix("scraper_run_"), {})[tuple(sample.labels.values())] = sample.value
    return found


def figures(**failures):
    return metrics.figures(SUMMARY, failures, ended=NOW, succeeded=None)


def test_the_exposition_is_what_the_run_came_to():
    text = metrics.exposition("books", metrics.figures(SUMMARY, {"http:404": 2}, ended=NOW, succeeded=NOW))
    assert parsed(text) == {
        "ended_timestamp_seconds": {(): NOW.timestamp()},
        "succeeded_timestamp_seconds": {(): NOW.timestamp()},
        "exit_code": {(): 4},
        "duration_seconds": {(): 2.5},
        "pages": {("ok",): 2, ("unchanged",): 1, ("skipped",): 0, ("failed",): 1},
        "items": {("new",): 3, ("changed",): 2, ("unchanged",): 5, ("gone",): 1, ("failed",): 0},
        "files": {("saved",): 5, ("unchanged",): 0, ("skipped",): 1, ("failed",): 2},
        "saved_bytes": {(): 1234},
        "failures": {("http:404",): 2},
    }


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.integers(0, 9), max_size=4))
def test_whatever_a_label_holds_is_read_back(failures):
    text = metrics.exposition("books", [metrics.Figure("failures", "x", failures, "class")])
    assert parsed(text) == ({"failures": {(name,): count for name, count in failures.items()}} if failures else {})


@given(st.lists(st.text("abc:|", min_size=1, max_size=40), unique=True, max_size=60), st.integers(200, 1432))
def test_datagrams_hold_whole_lines_and_are_short_enough(classes, most):
    packed = metrics.datagrams("books", figures(**dict.fromkeys(classes, 1)), most)
    assert max(map(len, packed)) <= most
    lines = [line for datagram in packed for line in datagram.decode().split("\n")]
    assert [line for line in lines if line.count(":") != 1 or line.count("|") != 1] == []
    assert "scraper.books.files.saved:5|c" in lines
    assert "scraper.books.duration:2500|ms" in lines


@pytest.fixture
def run_with(site, serve, run_job):
    """`run_with(**metrics)` runs a job named books that reads a page."""
    site.route("/")(lambda request: "<h1>t</h1>")
    server = serve(site)

    def run_it(name="books", start="/", **given):
        rules = {"r": {"item": {"t": "h1"}}}
        return run_job(server, {"name": name, "start": [f"{{{{ base }}}}{start}"], "rules": rules, "metrics": given})

    return run_it


def test_a_run_leaves_its_textfile_and_the_time_of_the_last_success_stays(run_with, tmp_path):
    run_with(textfile="books.prom")
    first = parsed((tmp_path / "books.prom").read_text())
    run_with(textfile="books.prom", start="/none")
    second = parsed((tmp_path / "books.prom").read_text())
    assert (first["exit_code"], second["exit_code"], second["failures"]) == ({(): 0}, {(): 4}, {("http:404",): 1})
    assert first["succeeded_timestamp_seconds"] == second["succeeded_timestamp_seconds"]
    assert second["ended_timestamp_seconds"][()] >= first["ended_timestamp_seconds"][()]
    assert [path.name for path in tmp_path.iterdir() if "prom" in path.name] == ["books.prom"]


def test_in_a_folder_each_job_has_its_own_file(run_with, tmp_path):
    run_with(textfile="./")
    assert parsed((tmp_path / "scraper-books.prom").read_text())["exit_code"] == {(): 0}


def test_a_file_with_figures_of_another_job_stays_as_it_is(run_with, tmp_path):
    run_with(textfile="all.prom")
    before = (tmp_path / "all.prom").read_text()
    ran = run_with("other", textfile="all.prom")
    told = [line["message"] for line in ran.log if line["level"] == "error"]
    assert (ran.code, (tmp_path / "all.prom").read_text()) == (0, before)
    assert told == [
        f"metrics.textfile: {tmp_path}/all.prom: it holds figures of books; each job needs a file of its own"
    ]


def test_a_file_of_another_program_stays_as_it_is(run_with, tmp_path):
    (tmp_path / "backup.prom").write_text("backup_ended 1\n")
    ran = run_with(textfile="backup.prom")
    told = [line["message"] for line in ran.log if line["level"] == "error"]
    assert told == [f"metrics.textfile: {tmp_path}/backup.prom: it holds figures of another program"]
    assert (tmp_path / "backup.prom").read_text() == "backup_ended 1\n"


def test_a_pipe_in_the_place_of_the_file_is_told_and_never_waited_for(run_with, tmp_path):
    os.mkfifo(tmp_path / "pipe.prom")
    ran = run_with(textfile="pipe.prom")
    told = [line["message"] for line in ran.log if line["level"] == "error"]
    assert told == [f"metrics.textfile: {tmp_path}/pipe.prom: no regular file stands there"]
    assert (tmp_path / "pipe.prom").is_fifo()


def test_a_secret_in_the_name_of_the_file_is_a_mark_as_anywhere(run_with, tmp_path, monkeypatch):
    monkeypatch.setenv("WHERE", "hidden")
    run_with(textfile="{{ env('WHERE') }}.prom")
    assert [path.name for path in tmp_path.iterdir() if "prom" in path.name] == ["{env:WHERE}.prom"]


def test_a_file_that_cannot_be_written_is_told_and_no_more(run_with):
    ran = run_with(textfile="no/such/folder.prom")
    told = [line["message"] for line in ran.log if line["level"] == "error"]
    assert (ran.code, ["No such file or directory" in line for line in told]) == (0, [True])


def test_a_textfile_that_no_collector_reads_is_a_mistake(run_with):
    with pytest.raises(JobError, match=r'metrics\.textfile: .*reads "\*\.prom"'):
        run_with(textfile="metrics.txt")


def test_statsd_gets_the_figures_by_udp(run_with):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(10)
        run_with(statsd=f"127.0.0.1:{sock.getsockname()[1]}")
        lines = sock.recv(65536).decode().split("\n")
    assert "scraper.books.items.new:1|c" in lines
    assert "scraper.books.exit_code:0|g" in lines


def test_a_statsd_that_is_not_there_is_no_failure(run_with):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    assert run_with(statsd=f"127.0.0.1:{port}").code == 0
