"""`archive:` puts down what the runs of a job exchange, one behind the other, and changes nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from scraper.errors import JobError, TapeError
from scraper.job.load import from_data
from scraper.run import crews
from scraper.server import Response, Site
from scraper.tape.warc import Tape, TapeWriter

START: dict[str, Any] = {"name": "job", "start": ["http://h/"], "rules": {"r": {"item": {"t": "h1"}}}}


def told(path: Path) -> list[tuple[str, int]]:
    """Path and status of each exchange."""
    with Tape.open(path) as tape:
        return [
            ("/" + one.asked.url.partition("://")[2].partition("/")[2], one.answered.status if one.answered else 0)
            for one in tape.takes
        ]


@pytest.fixture
def archived(site: Site, items_page: Any, items_job: Any) -> dict[str, Any]:
    """A job with an archive, of a page with an ETag and two files."""
    page = items_page(("a", "/a.bin"), ("b", "/b.bin")).encode()

    @site.route("/")
    def index(request: Any) -> Response:
        kept = {"ETag": '"1"', "Content-Type": "text/html"}
        return Response(304, kept) if request.headers.get("if-none-match") == '"1"' else Response(200, kept, page)

    site.route("/<name>.bin")(lambda request, name: name.encode())
    job: dict[str, Any] = items_job(archive="warcs/pages.warc.gz", polite={"robots": "ignore"})
    return job


def test_runs_are_appended_and_go_on_as_they_would(archived: Any, site: Site, serve: Any, run_job: Any) -> None:
    server = serve(site)
    for _ in range(2):
        ended = run_job(server, archived)
        assert ended.code == 0
    found = told(ended.dest / "warcs" / "pages.warc.gz")
    assert (sorted(found[:3]), found[3:]) == ([("/", 200), ("/a.bin", 200), ("/b.bin", 200)], [("/", 304)])
    assert (ended.summary.pages.unchanged, ended.summary.files.skipped) == (1, 2)


def test_a_dry_run_leaves_no_archive(archived: Any, site: Site, serve: Any, run_job: Any) -> None:
    assert not run_job(serve(site), archived, dry=True).dest.exists()


def test_no_file_gets_its_name(run_job: Any, shelf: Any, items_job: Any) -> None:
    paths = ("/pages.warc.gz", "/PAGES.warc.gz", "/pages.warc")
    server = shelf(dict.fromkeys(paths, b"x"))
    ended = run_job(server, items_job("{{ filename }}", archive="pages.warc.gz"))
    assert (ended.code, len(told(ended.dest / "pages.warc.gz"))) == (0, 5)
    names = sorted(path.partition("~")[0] for path in ended.files)
    assert names == ["PAGES_", "pages.warc", "pages.warc.gz", "pages_.warc.gz"]


def test_no_file_of_a_list_gets_its_name(run_job: Any, site: Site, serve: Any, tmp_path: Path) -> None:
    site.route("/<name>")(lambda request, name: b"x")
    server = serve(site)
    (tmp_path / "urls.txt").write_text(f"{server.url}/pages.warc.gz\n{server.url}/records.jsonl\n{server.url}/a.bin\n")
    start = [{"list": "urls.txt", "column": "line", "as": "files"}]
    ended = run_job(server, {"start": start, "archive": "pages.warc.gz"})
    assert sorted(ended.files) == ["a.bin", "pages.warc.gz", "pages_.warc.gz", "records_.jsonl"]
    assert len(told(ended.dest / "pages.warc.gz")) == 3


def test_what_is_no_archive_is_left_as_it_is(
    archived: Any, site: Site, serve: Any, run_job: Any, tmp_path: Path
) -> None:
    path = tmp_path / "out" / "warcs" / "pages.warc.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"somebody's own")
    with pytest.raises(TapeError, match=r"pages\.warc\.gz"):
        run_job(serve(site), archived)
    assert path.read_bytes() == b"somebody's own"


def test_a_file_that_an_earlier_run_saved_is_not_written_to(run_job: Any, shelf: Any, items_job: Any) -> None:
    server = shelf({"/pages.warc": b"WARC/1.0\r\n"})
    job = items_job("{{ filename }}")
    before = run_job(server, job).files
    with pytest.raises(TapeError, match="an earlier run saved a file under this name"):
        run_job(server, {**job, "archive": "pages.warc"})
    assert run_job(server, job).files == before


def test_no_link_is_written_through(archived: Any, site: Site, serve: Any, run_job: Any, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "warcs").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(TapeError, match="symbolic link"):
        run_job(serve(site), archived)
    assert [*(tmp_path / "elsewhere").iterdir()] == []


def test_one_process_fetches_what_is_archived(
    site: Site, serve: Any, run_job: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fork() -> int:
        raise AssertionError("a crew would not be heard")

    site.route("/<name>")(lambda request, name: name.encode())
    server, count = serve(site), crews.WORTH + 1
    (tmp_path / "urls.txt").write_text("".join(f"{server.url}/{at}.bin\n" for at in range(count)))
    monkeypatch.setattr(os, "fork", fork)
    monkeypatch.setattr(crews, "_threads", lambda: 1)
    monkeypatch.setattr(crews, "_cores", lambda: 4)
    start = [{"list": "urls.txt", "column": "line", "as": "files"}]
    ended = run_job(server, {"start": start, "polite": {"per_host": 16}, "archive": "a.warc"})
    assert (ended.code, len(told(ended.dest / "a.warc"))) == (0, count)


@pytest.mark.slow
def test_a_run_that_is_killed_leaves_an_archive_that_the_next_one_continues(
    site: Site, serve: Any, items_page: Any, tmp_path: Path
) -> None:
    process: list[subprocess.Popen[bytes]] = []
    asked = threading.Semaphore(0)
    content = {f"{at}": os.urandom(40_000) for at in range(24)}
    site.route("/")(lambda request: items_page(*((at, f"/{at}.bin") for at in content)))

    @site.route("/<name>.bin")
    def file(request: Any, name: str) -> bytes:
        asked.release()
        if len(process) == 1 and name == "9":
            process[0].kill()
        return content[name]

    server = serve(site)
    (tmp_path / "job.yaml").write_text(f"""
name: job
vars: {{base: "{server.url}"}}
http: {{retry: {{first_wait: 0}}}}
polite: {{robots: ignore, per_host: 3}}
start: ["{{{{ base }}}}/"]
rules: {{r: {{each: li, item: {{title: b}}, key: title, files: img}}}}
files: {{path: "{{{{ item.title }}}}{{{{ ext }}}}"}}
archive: pages.warc.gz
""")
    command = [sys.executable, "-m", "scraper", "run", "job.yaml", "-d", "out", "-q"]
    process.append(subprocess.Popen(command, cwd=tmp_path))
    assert process[0].wait(60) == -9
    process.append(subprocess.Popen(command, cwd=tmp_path))
    assert process[1].wait(60) == 0
    archive = tmp_path / "out" / "pages.warc.gz"
    with Tape.open(archive) as tape:
        bodies = {one.asked.url.rpartition("/")[2]: one.answered.body for one in tape.takes if one.answered}
    assert {name: bodies[f"{name}.bin"] for name in content if bodies.get(f"{name}.bin") is not None} == content
    for at in content:
        assert (tmp_path / "out" / f"{at}.bin").read_bytes() == content[at]


WRONG = {
    "pages.zip": 'an archive is a WARC; call it "pages.warc.gz", or .warc',
    "x/.warc": 'an archive is a WARC; call it "pages.warc.gz", or .warc',
    "/pages.warc": "the archive stands below dest: no leading /, no .., not in .scraper",
    "../pages.warc": "the archive stands below dest: no leading /, no .., not in .scraper",
    ".scraper/pages.warc": "the archive stands below dest: no leading /, no .., not in .scraper",
}


@pytest.mark.parametrize("name", WRONG)
def test_a_name_that_cannot_be_is_a_mistake_with_its_cure(name: str) -> None:
    with pytest.raises(JobError) as told_:
        from_data({**START, "archive": name})
    (mistake,) = told_.value.mistakes
    assert (mistake.where, mistake.message.removeprefix(f"{name!r}: ")) == ("archive", WRONG[name])


@pytest.mark.parametrize("records", ["a.warc/records.jsonl", "A.WARC/r.csv"])
def test_the_records_and_the_archive_do_not_stand_in_each_others_way(records: str) -> None:
    with pytest.raises(JobError, match=r"a\.warc is where the records go"):
        from_data({**START, "archive": "a.warc", "records": records})


def test_a_tape_writer_is_never_made_without_an_archive(
    archived: Any, site: Site, serve: Any, run_job: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made(*_: Any) -> None:
        raise AssertionError("nobody wants one")

    monkeypatch.setattr(TapeWriter, "__init__", made)
    archived.pop("archive")
    assert run_job(serve(site), archived).code == 0
