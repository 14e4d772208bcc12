"""Files that are there already become files of a job, without being downloaded."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scraper.errors import UsageError
from scraper.run.errands.adopt import Adopt
from scraper.run.errands.retry import Retry
from scraper.server.fixture.pictures import picture

JOB = {"start": ["{{ base }}/"], "rules": {"r": {"files": "img"}}, "files": {"path": "{{ dir }}/{{ filename }}"}}
A, B = picture(1, "png", 8, 8), picture(2, "png", 16, 8)


@pytest.fixture
def old(tmp_path: Path) -> Callable[..., Path]:
    """`old({"x/a.png": bytes})`: a folder of files that lie somewhere."""

    def make(files: dict[str, bytes]) -> Path:
        for name, data in files.items():
            path = tmp_path / "old" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return tmp_path / "old"

    return make


@pytest.fixture
def server(site: Any, serve: Any, html: Any) -> Callable[..., Any]:
    """`server("/a/1.png", ...)`: a page of pictures; each that is asked for is B."""

    def make(*images: str) -> Any:
        site.route("/")(lambda request: html(extra="".join(f'<img src="{each}">' for each in images)))
        site.route("/<path:rest>")(lambda request, rest: B)
        return serve(site)

    return make


def fetched(server: Any) -> list[str]:
    return [seen.target for seen in server.log if seen.target.endswith((".png", ".jpg"))]


def test_a_file_at_its_whole_path_is_linked_and_known(server: Any, old: Any, run_job: Any) -> None:
    at, folder = server("/a/1.png"), old({"a/1.png": A, "b/1.png": B})
    (folder / "c.png").write_bytes(B)
    errand = Adopt(folder, most=5)
    ran = run_job(at, JOB, errand=errand)
    assert (ran.code, ran.files, fetched(at)) == (0, {"a/1.png": A}, [])
    assert (ran.dest / "a/1.png").samefile(folder / "a/1.png")
    [row] = ran.view("v_files")
    assert (row["ending"], row["bytes"], row["sha256"], row["type"]) == (
        "saved", len(A), hashlib.sha256(A).hexdigest(), "image/png",
    )  # fmt: skip
    assert (errand.result.files, errand.result.bytes, errand.unwanted) == (1, len(A), ["c.png"])
    assert [row["complete"] for row in ran.view("v_runs")] == [0]


def test_the_next_run_fetches_what_was_not_found_and_leaves_the_rest(server: Any, old: Any, run_job: Any) -> None:
    at = server("/a/1.png", "/a/2.png")
    ran = run_job(at, JOB, errand=Adopt(old({"1.png": A})))
    assert ran.endings("v_files", at.url) == {"/a/1.png": "saved", "/a/2.png": "skipped:limit"}
    after = run_job(at, JOB)
    assert (after.endings("v_files", at.url), fetched(at)) == (
        {"/a/1.png": "skipped:exists", "/a/2.png": "saved"}, ["/a/2.png"],
    )  # fmt: skip


def test_by_its_last_name_a_file_is_taken_only_where_nothing_else_may_be_meant(
    server: Any, old: Any, run_job: Any
) -> None:
    at = server("/a/1.png", "/b/1.png", "/a/2.png", "/a/3.png")
    errand = Adopt(old({"x/1.png": A, "x/2.png": A, "y/2.png": B, "z/3.png": A}))
    ran = run_job(at, JOB, errand=errand)
    assert ran.files == {"a/3.png": A}
    assert (errand.result.missing, errand.result.ambiguous) == (3, 3)


def test_a_digest_that_the_source_tells_finds_the_right_one_among_many(
    site: Any, serve: Any, old: Any, run_job: Any
) -> None:
    digest = hashlib.sha256(B).hexdigest()
    site.route("/")(lambda request: {"rows": [{"u": "/1.png", "s": digest}]})
    rule = {"read": "json", "each": "rows", "files": {"select": "u", "sha256": "s"}}
    ran = run_job(
        serve(site), {"start": ["{{ base }}/"], "rules": {"r": rule}}, errand=Adopt(old({"x/1.png": A, "y/1.png": B}))
    )
    assert ran.files == {"1.png": B}


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"<!doctype html><title>Not found</title>", "type"),
        (b"junk\n", "type"),
        (A[:-8], "length"),
        (A, "size"),
    ],
)
def test_what_is_not_as_it_should_be_is_refused(data: bytes, name: str, server: Any, old: Any, run_job: Any) -> None:
    errand = Adopt(old({"a/1.png": data}))
    accept = {"min_width": 9} if name == "size" else {}
    ran = run_job(server("/a/1.png"), {**JOB, "files": {**JOB["files"], "accept": accept}}, errand=errand)
    assert (ran.code, ran.files, dict(errand.result.refused), errand.result.missing) == (0, {}, {name: 1}, 1)


def test_the_folder_may_be_the_output_folder_itself(server: Any, run_job: Any, tmp_path: Path) -> None:
    at, dest = server("/a/1.png", "/b/1.png", "/c/9.png"), tmp_path / "out"
    for name, data in {"a/1.png": A, "else/9.png": B, "c/foreign.txt": b"x"}.items():
        (dest / name).parent.mkdir(parents=True, exist_ok=True)
        (dest / name).write_bytes(data)
    errand = Adopt(dest)
    ran = run_job(at, JOB, errand=errand)
    assert ran.endings("v_files", at.url) == {
        "/a/1.png": "skipped:exists", "/b/1.png": "skipped:limit", "/c/9.png": "saved",
    }  # fmt: skip
    assert (errand.result.known, errand.result.files, errand.result.unwanted) == (1, 1, 1)
    [there] = [row for row in ran.view("v_files") if row["url"].endswith("/a/1.png")]
    assert (there["bytes"], there["sha256"]) == (len(A), hashlib.sha256(A).hexdigest())


def test_a_name_without_an_ending_takes_that_of_what_is_found(server: Any, old: Any, run_job: Any) -> None:
    ran = run_job(server("/pic?id=7"), {**JOB, "files": {"path": "{{ filename }}"}}, errand=Adopt(old({"pic.png": A})))
    assert ran.files == {"pic.png": A}


def test_names_of_other_files_are_not_taken_for_a_name_without_an_ending(server: Any, old: Any, run_job: Any) -> None:
    job = {**JOB, "files": {"path": "{{ filename }}"}}
    ran = run_job(server("/pic.png", "/pic?id=7"), job, errand=Adopt(old({"pic.png": A})))
    assert ran.files == {"pic.png": A}
    assert sorted(row["ending"] for row in ran.view("v_files")) == ["saved", "skipped:limit"]


@pytest.mark.parametrize("how", ["copy", "move"])
def test_files_are_copied_or_moved_where_that_is_asked(how: str, server: Any, old: Any, run_job: Any) -> None:
    folder = old({"a/1.png": A, "left.txt": b"x"})
    os.utime(folder / "a/1.png", (1e9, 1e9))
    ran = run_job(server("/a/1.png"), JOB, errand=Adopt(folder, how=how))
    assert ran.files == {"a/1.png": A}
    assert (ran.dest / "a/1.png").stat().st_mtime == 1e9
    assert (folder / "a/1.png").exists() is (how == "copy")
    assert (ran.dest / "a/1.png").stat().st_nlink == 1


def test_no_link_leads_out_of_the_folder(server: Any, old: Any, run_job: Any, tmp_path: Path) -> None:
    folder, secret = old({"x.txt": b"x"}), tmp_path / "secret"
    secret.mkdir()
    (secret / "1.png").write_bytes(A)
    (folder / "a").symlink_to(secret)
    (folder / "2.png").symlink_to(secret / "1.png")
    ran = run_job(server("/a/1.png", "/a/2.png"), JOB, errand=Adopt(folder))
    assert ran.files == {}


def test_a_dry_run_tells_what_it_would_adopt_and_writes_nothing(
    server: Any, old: Any, run_job: Any, heard: Any, tmp_path: Path
) -> None:
    events, errand = heard(), Adopt(old({"1.png": A}))
    run_job(server("/a/1.png", "/a/2.png"), JOB, errand=errand, events=events, dry=True)
    assert (events.paths, errand.result.files, errand.result.missing) == (["a/1.png"], 1, 1)
    assert not (tmp_path / "out").exists()


def test_one_that_was_stopped_goes_on_where_it_stopped(server: Any, old: Any, run_job: Any, stop_after: Any) -> None:
    at, folder = server(*(f"/a/{n}.png" for n in range(6))), old({f"{n}.png": A for n in range(6)})
    (events, control), first = stop_after(1, "ok"), Adopt(folder)
    ended = run_job(at, JOB, errand=first, events=events, control=control)
    assert ended.code == 130
    again = run_job(at, JOB, errand=Adopt(folder))
    assert again.summary.run == ended.summary.run
    assert (len(again.files), again.summary.files.saved, fetched(at)) == (6, 6, [])


def test_while_an_ordinary_run_is_open_nothing_is_adopted(server: Any, old: Any, run_job: Any, stop_after: Any) -> None:
    at, folder = server("/a/1.png", "/a/2.png"), old({"1.png": A})
    events, control = stop_after(1, "ok")
    ended = run_job(at, JOB, events=events, control=control)
    with pytest.raises(UsageError, match="an adoption would drop it; `scraper run JOB` continues it"):
        run_job(at, JOB, errand=Adopt(folder))
    assert run_job(at, JOB).summary.run == ended.summary.run


def test_what_failed_and_was_not_found_is_still_retried(
    site: Any, serve: Any, html: Any, old: Any, run_job: Any
) -> None:
    site.route("/")(lambda request: html(extra='<img src="/a/1.png"><img src="/a/2.png">'))
    at = serve(site)
    run_job(at, JOB)
    assert run_job(at, JOB, errand=Adopt(old({"1.png": A}))).files == {"a/1.png": A}
    errand = Retry()
    run_job(at, JOB, errand=errand)
    assert len(errand.taken.files) == 1


def test_on_file_hears_of_what_was_adopted_and_of_nothing_else(
    server: Any, old: Any, run_job: Any, tmp_path: Path
) -> None:
    command = ["sh", "-c", 'echo "$0 $SCRAPER_ENDING" >> heard', "{{ file.name }}"]
    at, folder = server("/a/1.png", "/a/2.png", "/a/3.png"), old({"1.png": A, "2.png": A[:-8]})
    (tmp_path / "out/a").mkdir(parents=True)
    (tmp_path / "out/a/3.png").write_bytes(B)
    run_job(at, {**JOB, "on_file": command}, errand=Adopt(folder))
    assert (tmp_path / "heard").read_text() == "a/1.png saved\n"


def test_a_part_that_a_kill_left_is_a_link_that_goes(server: Any, old: Any, run_job: Any) -> None:
    at, folder = server("/a/1.png"), old({"1.png": A})
    errand = Adopt(folder)
    finish = __import__("scraper.files.parts", fromlist=["OutputFolder"]).OutputFolder.finish

    class KilledError(BaseException):
        pass

    def killed(self: Any, part: str, path: str, *, replace: bool = False) -> None:
        if path.endswith(".png"):
            raise KilledError
        finish(self, part, path, replace=replace)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("scraper.files.parts.OutputFolder.finish", killed)
        with pytest.raises(KilledError):
            run_job(at, JOB, errand=errand)
    ran = run_job(at, JOB, errand=Adopt(folder))
    assert (ran.files, (folder / "1.png").read_bytes()) == ({"a/1.png": A}, A)
