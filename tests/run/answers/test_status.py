"""`scraper status`: how the jobs of a folder stand."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from scraper.run.answers.status import standings
from scraper.run.answers.status_table import status_table
from scraper.server import Response, Site
from scraper.state import lock
from scraper.state.held import is_held

LEAF = {"r": {"item": {"t": "h1"}, "files": "img"}}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a folder jobs/."""
    (tmp_path / "jobs").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def write(here: Path) -> Callable[..., Path]:
    """`write("name", url, **more)`: a job file in jobs/."""

    def make(name: str, url: str, **more: Any) -> Path:
        path = here / "jobs" / f"{name}.yaml"
        path.write_text(json.dumps({"name": name, "start": [url], "rules": LEAF, **more}))
        return path

    return make


@pytest.fixture
def ran(site: Site, serve: Any, write: Any, tell: Any) -> Callable[..., Path]:
    """`ran("name", **more)`: a job that ran once; /bad has a file that is not there."""
    site.route("/good")(lambda request: '<h1>a</h1><img src="/a.png">')
    site.route("/bad")(lambda request: '<h1>a</h1><img src="/missing.png">')
    site.route("/a.png")(lambda request: b"12345")
    site.route("/missing.png")(lambda request: Response(404))
    server = serve(site)

    def run_it(name: str, page: str = "/good", **more: Any) -> Path:
        path: Path = write(name, f"{server.url}{page}", **more)
        tell("run", path, "-q")
        return path

    return run_it


def test_all_jobs_of_a_folder_are_told_each_with_how_it_stands(ran: Any, write: Any, tell: Any, here: Path) -> None:
    ran("good")
    ran("poor", "/bad")
    write("never", "http://127.0.0.1:9/")
    (here / "jobs" / "broken.yaml").write_text("name: broken\nstart: [http://127.0.0.1:9/]\nrulez: {}\n")
    (here / "jobs" / "other.yaml").write_text("image: python\n")
    told = tell("status")
    rows = {line.split()[0]: line.split()[1:] for line in told.out.splitlines()[1:5]}
    assert list(rows) == ["broken", "good", "never", "poor"]
    assert (rows["broken"], rows["never"]) == (["broken"], ["never", "ran"])
    assert rows["good"][-5:] == ["done", "1", "0", "1", "5"]
    assert rows["poor"][-5:] == ["failures", "1", "1", "0", "0"]
    assert 'rulez: unknown key; did you mean "rules"?' in told.out
    assert "poor: 1 failure: scraper export jobs/poor.yaml --what failures lists them, scraper retry" in told.out
    assert told.code == 0


def test_json_has_the_last_run_and_whether_all_is_well(ran: Any, tell: Any) -> None:
    ran("good", schedule="0 3 * * *", timezone="Europe/Berlin")
    ran("poor", "/bad")
    good, poor = tell("status", "--json").json
    assert (good["job"], good["well"], good["files"], good["bytes"], good["new"]) == ("good", True, 1, 5, 1)
    assert good["last"]["meaning"] == "done, nothing failed"
    assert datetime.fromisoformat(good["next"]) > datetime.now(UTC)
    assert (poor["well"], poor["failed"], poor["last"]["exit_code"], poor["next"]) == (False, 1, 4, None)


def test_check_ends_with_4_where_anything_is_wrong(ran: Any, tell: Any, here: Path) -> None:
    ran("good")
    assert tell("status", "--check").code == 0
    poor = ran("poor", "/bad")
    assert (tell("status", "--check").code, tell("status", "jobs/good.yaml", "--check").code) == (4, 0)
    poor.unlink()
    (here / "jobs" / "broken.yaml").write_text("start: 1\n")
    assert tell("status", "--check").code == 4


def test_a_job_whose_time_has_gone_by_is_overdue(ran: Any, tell: Any, here: Path) -> None:
    ran("good", schedule="0 * * * *")
    with closing(sqlite3.connect(here / "output" / "good" / ".scraper" / "ledger.db")) as db:
        db.execute("UPDATE runs SET started = ?", ((datetime.now(UTC) - timedelta(hours=5)).isoformat(),))
        db.commit()
    told = tell("status", "--check")
    assert (told.code, "overdue" in told.out.splitlines()[1]) == (4, True)
    assert "its schedule has named a time since its last run" in told.out


def test_a_retry_that_went_well_does_not_hide_what_it_left(ran: Any, tell: Any, site: Site) -> None:
    status = {"/x.png": 503, "/y.png": 404}
    site.route("/two")(lambda request: '<h1>a</h1><img src="/x.png"><img src="/y.png">')
    for name in ("x", "y"):
        site.route(f"/{name}.png")(lambda request, name=name: Response(status[f"/{name}.png"], {}, b"12"))
    poor = ran("poor", "/two", http={"retry": {"attempts": 1}})
    status["/x.png"] = 200
    assert tell("retry", poor, "--class", "http:5xx", "-q").code == 0
    (one,) = tell("status", poor, "--json").json
    assert (one["well"], one["failed"], one["last"]["failed"], one["last"]["kind"]) == (False, 1, 0, "retry")
    told = tell("status", poor, "--check")
    assert (told.code, "poor: 1 failure left of the last ordinary run; scraper retry" in told.out) == (4, True)
    assert "1 failure left" in tell("status", "output/poor").out
    status["/y.png"] = 200
    assert tell("retry", poor, "-q").code == 0
    (one,) = tell("status", poor, "--json").json
    assert (one["well"], one["failed"]) == (True, 0)


def test_a_ledger_elsewhere_and_variables_are_of_one_job(site: Site, ran: Any, write: Any, tell: Any) -> None:
    write("never", "http://127.0.0.1:9/")
    path = ran("good")
    data = {**json.loads(path.read_text()), "vars": {"to": "output/one"}, "dest": "{{ to }}"}
    path.write_text(json.dumps(data))
    tell("run", path, "-q", "--var", "to=output/two", "--state", "ledger")
    (one,) = tell("status", path, "--var", "to=output/two", "--state", "ledger", "--json").json
    assert (one["dest"], one["files"], one["last"]["exit_code"]) == (str(path.parent / "output/two"), 1, 0)
    (same,) = tell("status", "jobs/output/two", "--state", "ledger", "--json").json
    assert same["last"] == one["last"]
    assert tell("status", path, "--json").json[0]["last"] is None
    for call in (["--state", "ledger"], ["--var", "to=x"], ["jobs", "--state", "x"], [path, "-d", "x", "--var", "a=b"]):
        told = tell("status", *call)
        assert (told.code, "are of one job; name it alone" in told.err) == (2, True)


def test_an_output_folder_is_told_without_its_job(ran: Any, tell: Any) -> None:
    path = ran("good")
    path.unlink()
    (one,) = tell("status", "-d", "output/good", "--json").json
    assert (one["job"], one["file"], one["files"]) == ("good", None, 1)
    assert tell("status", "output/good", "--json").json == [one]
    assert tell("status", "-d", "jobs", "--check").code == 4  # no run wrote there


def test_a_run_that_is_under_way_is_told_as_running(ran: Any, tell: Any) -> None:
    ran("good")
    dest = Path("output/good")
    with closing(sqlite3.connect(dest / ".scraper" / "ledger.db")) as db:
        db.execute("UPDATE runs SET open = 1, ended = NULL, exit_code = NULL")
        db.commit()
    cut_off = tell("status", "--check")
    assert (cut_off.code, "cut off (killed" in cut_off.out) == (4, True)
    with lock.hold(dest):
        told = tell("status", "--check")
    assert (told.code, told.out.splitlines()[1].split()[-5]) == (0, "running")


@pytest.mark.skipif(not os.path.exists("/proc/locks"), reason="this system has no list of locks")
def test_a_lock_is_seen_without_being_touched(tmp_path: Path) -> None:
    assert not is_held(tmp_path)
    with lock.hold(tmp_path):
        assert is_held(tmp_path)
    assert not is_held(tmp_path)


def test_where_the_system_has_no_list_of_locks_nothing_is_held(tmp_path: Path) -> None:
    with lock.hold(tmp_path):
        assert not is_held(tmp_path, tmp_path / "none")


def test_the_table_fits_eighty_columns_however_long_a_name_is(ran: Any) -> None:
    ran("a" * 60, schedule="0 3 * * *")
    now = datetime.now(UTC)
    jobs = standings([Path("jobs")], [], now)
    for width in (120, 80):
        lines = ["".join(cell.text for cell in line) for line in status_table(jobs, now, width)]
        assert max(map(len, lines)) <= width
    assert lines[1].startswith("aaaaaaaa")


def test_a_place_that_there_is_not_is_told(here: Path, tell: Any) -> None:
    told = tell("status", "nowhere")
    assert (told.code, "there is no nowhere" in told.err) == (2, True)


def test_a_folder_without_jobs_is_told(here: Path, tell: Any) -> None:
    told = tell("status")
    assert (told.code, told.out, told.err) == (0, "", "no job is in jobs; scraper init writes one\n")


def test_a_ledger_that_cannot_be_read_is_told_and_the_others_are_shown(ran: Any, tell: Any) -> None:
    ran("good")
    ran("poor", "/bad")
    Path("output/good/.scraper/ledger.db").write_bytes(b"no ledger" * 500)
    told = tell("status", "--check")
    assert (told.code, "poor" in told.out, "output/good/.scraper/ledger.db" in told.out) == (4, True, True)
