"""`scraper run` and its options; job files and demo."""

from __future__ import annotations

import io
import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from scraper.server import Site
from scraper.server.fixture.pictures import picture

SUMMARY = ["job", "run", "exit_code", "pages", "items", "files", "bytes", "seconds", "failures"]
JOBS = Path(__file__).parents[2] / "jobs"
PAGE = '<h1>Title</h1><img src="/a.png"><img src="/b.png">'
BROKEN = """\
name: mine
start: ["http://127.0.0.1:9/"]
rules:
  book:
    item:
      title: h1
      pirce: {css: "p", typ: float}
"""


def test_run_prints_the_paths_of_saved_files_and_nothing_else_to_stdout(
    scraper: Any,
    job: Any,
    site: Site,
    serve: Any,
    folder: Path,
    pages: Any,
    pixels: Any,
    write_job: Any,
) -> None:
    pages(site, page=PAGE)
    pixels(site, "a.png", "b.png")
    told = scraper("run", write_job(job, serve(site).url))
    assert (told.code, sorted(told.lines)) == (0, ["output/mine/a.png", "output/mine/b.png"])
    assert [(folder / line).read_bytes() for line in told.lines] == [picture(1, "png")] * 2
    assert "mine: 1 page, 1 item (1 new), 2 files saved" in told.err


def test_a_job_file_in_the_first_place_means_run(
    scraper: Any,
    job: Any,
    site: Site,
    serve: Any,
    pages: Any,
    pixels: Any,
    write_job: Any,
) -> None:
    pages(site, page=PAGE)
    pixels(site, "a.png", "b.png")
    path = write_job(job, serve(site).url)
    assert sorted(scraper("job.yaml").lines) == ["output/mine/a.png", "output/mine/b.png"]
    told = scraper(path.rename(path.with_suffix(".txt")), "--json")
    assert (told.code, told.json["files"]["skipped"]) == (0, 2)


def test_json_is_one_object_and_the_same_as_summary_json(
    scraper: Any,
    job: Any,
    site: Site,
    serve: Any,
    folder: Path,
    pages: Any,
    pixels: Any,
    write_job: Any,
) -> None:
    pages(site, page=PAGE)
    pixels(site, "a.png")
    told = scraper("run", write_job(job, serve(site).url), "--json")
    kept = folder / "output" / "mine" / ".scraper" / "runs" / told.json["run"] / "summary.json"
    assert (told.code, list(told.json), json.loads(kept.read_text())) == (4, SUMMARY, told.json)
    assert (told.json["job"], told.json["files"]) == ("mine", {"saved": 1, "unchanged": 0, "skipped": 0, "failed": 1})
    assert [one["class"] for one in told.json["failures"]] == ["http:404"]
    assert len(told.lines) == 1


def test_a_job_comes_from_stdin(
    scraper: Any,
    job: Any,
    site: Site,
    serve: Any,
    monkeypatch: pytest.MonkeyPatch,
    pages: Any,
    pixels: Any,
    write_job: Any,
) -> None:
    pages(site, page=PAGE)
    pixels(site, "a.png", "b.png")
    text = write_job(job, serve(site).url).read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    assert len(scraper("run", "-").lines) == 2


def test_options_change_the_job(
    scraper: Any,
    job: Any,
    site: Site,
    serve: Any,
    folder: Path,
    tmp_path: Path,
    pages: Any,
    pixels: Any,
    write_job: Any,
) -> None:
    pages(site, other=PAGE)
    pixels(site, "a.png", "b.png")
    path = write_job(job, "http://127.0.0.1:9")
    told = scraper(
        "run",
        path,
        "--var",
        f"base={serve(site).url}",
        "-o",
        'start.0="{{ base }}/other"',
        "-o",
        'files.path="x/{{ filename }}"',
        "-j",
        "1",
        "-d",
        tmp_path / "dest",
        "--state",
        tmp_path / "state",
    )
    assert sorted(told.lines) == [str(tmp_path / "dest" / "x" / name) for name in ("a.png", "b.png")]
    assert (tmp_path / "state" / "ledger.db").is_file()
    assert sorted(each.name for each in (tmp_path / "dest" / ".scraper").iterdir()) == ["lock"]
    assert not (folder / "output").exists()


def test_a_dest_of_the_command_line_is_relative_to_the_working_directory(
    scraper: Any,
    folder: Path,
    site: Site,
    serve: Any,
    job: Any,
    pages: Any,
    pixels: Any,
    write_job: Any,
) -> None:
    pages(site, page=PAGE)
    pixels(site, "a.png", "b.png")
    path = write_job(job, serve(site).url)
    (folder / "jobs").mkdir()
    path = path.rename(folder / "jobs" / "job.yaml")
    assert scraper("run", path, "-o", "dest=here").code == 0
    assert sorted(each.name for each in folder.iterdir()) == ["here", "jobs"]


def test_a_dest_of_the_job_is_relative_to_its_file(
    scraper: Any,
    folder: Path,
    site: Site,
    serve: Any,
    job: Any,
    pages: Any,
    pixels: Any,
    write_job: Any,
) -> None:
    pages(site, page=PAGE)
    pixels(site, "a.png", "b.png")
    path = write_job(job, serve(site).url, head='dest: "../there"\n')
    (folder / "jobs").mkdir()
    path = path.rename(folder / "jobs" / "job.yaml")
    assert scraper("run", path).code == 0
    assert (folder / "there" / "a.png").is_file()


def test_the_environment_gives_options(
    scraper: Any,
    job: Any,
    site: Site,
    serve: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    pages: Any,
    pixels: Any,
    write_job: Any,
) -> None:
    pages(site, page=PAGE)
    pixels(site, "a.png", "b.png")
    monkeypatch.setenv("SCRAPER_RUN_DEST", str(tmp_path / "dest"))
    scraper("run", write_job(job, serve(site).url))
    assert (tmp_path / "dest" / "a.png").is_file()


def test_a_dry_run_prints_planned_paths_and_writes_nothing(
    scraper: Any,
    job: Any,
    site: Site,
    serve: Any,
    folder: Path,
    pages: Any,
    write_job: Any,
) -> None:
    pages(site, page=PAGE)
    server = serve(site)
    told = scraper("run", write_job(job, server.url), "-n")
    assert (told.code, told.lines) == (0, ["output/mine/a.png", "output/mine/b.png"])
    assert [each.name for each in folder.iterdir()] == ["job.yaml"]


def test_a_limit_takes_so_many_items(scraper: Any, serve: Any) -> None:
    server = serve()
    told = scraper("run", JOBS / "posts.yaml", "--var", f"base={server.url}", "--limit", 7, "--json", "-d", "out")
    assert (told.code, told.json["items"]["total"]) == (0, 7)


def test_quiet_says_errors_only_and_verbose_everything(
    scraper: Any,
    job: Any,
    site: Site,
    serve: Any,
    pages: Any,
    pixels: Any,
    write_job: Any,
) -> None:
    pages(site, page=PAGE)
    pixels(site, "a.png", "b.png")
    server = serve(site)
    path = write_job(job, server.url)
    quiet, verbose = scraper("run", path, "-q"), scraper("run", path, "-v", "--fresh")
    assert (quiet.err, len(quiet.lines)) == ("", 2)
    assert f"{server.url}/page: ok" in verbose.err


def test_an_open_run_and_fresh_are_told(
    scraper: Any,
    process: Any,
    job: Any,
    site: Site,
    serve: Any,
    gate: Any,
    pages: Any,
    pixels: Any,
    write_job: Any,
) -> None:
    late = gate()
    pages(site, page=PAGE)
    site.route("/a.png")(late)
    pixels(site, "b.png")
    path = write_job(job, serve(site).url)
    one = process("run", path)
    late.wait()
    one.signal(signal.SIGKILL)
    one.end()
    late.open.set()
    told = scraper("run", path)
    assert (told.code, "continuing the open run" in told.err) == (0, True)
    assert "continuing" not in scraper("run", path).err


# -- init, validate, schema, demo -----------------------------------------------------------------------------


def test_init_writes_a_job_that_is_right_and_its_schema(scraper: Any, folder: Path) -> None:
    made = scraper("init", "new.yaml")
    assert (made.code, made.out, sorted(each.name for each in folder.iterdir())) == (
        0,
        "",
        ["job.schema.json", "new.yaml"],
    )
    assert scraper("validate", "new.yaml").code == 0
    before = (folder / "new.yaml").read_bytes()
    assert (scraper("init", "new.yaml").code, (folder / "new.yaml").read_bytes()) == (2, before)
    assert scraper("init", "missing/new.yaml").code == 2


def test_schema_is_json_and_what_stands_beside_the_samples(scraper: Any) -> None:
    told = scraper("schema")
    assert (told.code, told.json["type"]) == (0, "object")
    assert (JOBS / "job.schema.json").read_text() == told.out


def test_validate_checks_every_file(
    scraper: Any,
    job: Any,
    write_job: Any,
) -> None:
    good, bad = write_job(job, "http://127.0.0.1:9"), job(BROKEN, "bad.yaml")
    told = scraper("validate", good, bad, *JOBS.glob("*.yaml"))
    assert (told.code, told.out, told.err.count(": ok")) == (3, "", 1 + len(list(JOBS.glob("*.yaml"))))
    assert scraper("validate", "-q", good).err == ""


def test_demo_brings_the_samples_and_says_where(scraper: Any, folder: Path) -> None:
    told = scraper("demo")
    assert (told.code, told.out) == (0, "")
    assert f"The results are in {folder / 'output'}" in told.err
    assert {each.name for each in (folder / "output").iterdir()} == {path.stem for path in JOBS.glob("*.yaml")}
