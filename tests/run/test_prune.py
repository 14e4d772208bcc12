"""Files that are gone at the source are told, and taken away where that is asked for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from scraper.errors import UsageError
from scraper.job.load import from_data
from scraper.run import prune as pruning
from scraper.run.prune import Wanted, look, prune

RULE = {"each": "li", "item": {"title": "b"}, "key": "title", "files": "img"}
JOB = {"start": ["{{ base }}/"], "rules": {"r": RULE}, "files": {"path": "{{ dir }}/{{ filename }}"}}
BARE = {**JOB, "rules": {"r": {"files": "img"}}}
NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def shown(site: Any, serve: Any, items_page: Any) -> tuple[Any, list[str]]:
    """A server of a page of pictures, and their paths, which a test may change between runs."""
    paths: list[str] = []
    site.route("/")(lambda request: items_page(*((path, path) for path in paths)))
    site.route("/<path:rest>")(lambda request, rest: rest.encode())
    return serve(site), paths


@pytest.fixture
def wanted(tmp_path: Path) -> Callable[..., Wanted]:
    """`wanted(job, **more)`: what is asked of the runs of `run_job`; None: without a job."""

    def make(job: Any = JOB, **more: Any) -> Wanted:
        made = None if job is None else from_data({"name": "job", **job, "vars": {"base": "http://x"}}).job
        dest = more.pop("dest", tmp_path / "out")
        return Wanted(dest, dest / ".scraper" / "ledger.db", made, NOW, **more)

    return make


@pytest.fixture
def twice(shown: Any, run_job: Any) -> Callable[..., Any]:
    """`twice(job, before, after)`: two runs of a job; the pictures that the page shows in each."""

    def make(job: Any, before: list[str], after: list[str]) -> Any:
        server, paths = shown
        for each in (before, after):
            paths[:] = each
            ran = run_job(server, job)
            assert ran.code == 0
        return ran

    return make


def going(found: Any) -> list[str]:
    return [each.gone.file.path for each in found.going]


def test_what_no_page_leads_to_any_more_is_told_and_stays_until_it_is_to_go(twice: Any, wanted: Any) -> None:
    ran = twice(BARE, ["/a/1", "/a/2", "/b/3"], ["/a/1", "/b/3"])
    found = look(wanted(BARE))
    assert (going(found), [each.gone.why for each in found.going]) == (["a/2"], [pruning.gone.UNMET])
    assert (found.going[0].gone.run, found.count) == (ran.summary.run, 3)
    assert sorted(ran.files) == ["a/1", "a/2", "b/3"]
    prune(wanted(BARE))
    assert sorted(ran.files) == ["a/1", "b/3"]
    assert (going(look(wanted(BARE))), look(wanted(BARE)).absent) == ([], [])


def test_what_a_run_saved_is_told_with_its_size_also_when_it_is_gone(twice: Any, wanted: Any) -> None:
    ran = twice(BARE, ["/1", "/2", "/3"], ["/1", "/2"])
    before = ran.view("v_files", whole=True)
    prune(wanted(BARE))
    assert ran.view("v_files", whole=True) == before


def test_the_file_of_an_item_that_is_gone_goes_unless_the_records_keep_it(twice: Any, wanted: Any) -> None:
    twice(JOB, ["/1", "/2", "/3"], ["/1", "/3"])
    found = look(wanted(JOB))
    assert (going(found), found.going[0].gone.why) == (["2"], pruning.gone.ITEM_GONE)
    assert going(look(wanted({**JOB, "records": {"path": "records.jsonl", "gone": "keep"}}))) == []


@pytest.mark.parametrize(("keeps", "expected"), [("drop", ["2"]), ("keep", [])])
def test_without_a_job_its_records_tell_whether_they_keep_what_is_gone(
    keeps: str, expected: list[str], twice: Any, wanted: Any
) -> None:
    ran = twice({**JOB, "records": {"path": "records.jsonl", "gone": keeps}}, ["/1", "/2", "/3"], ["/1", "/3"])
    assert going(look(wanted(None))) == expected
    (ran.dest / "records.jsonl").unlink()
    with pytest.raises(UsageError, match="name JOB too"):
        look(wanted(None))


def test_another_picture_of_the_same_item_leaves_the_old_one_to_go(
    site: Any, serve: Any, items_page: Any, run_job: Any, wanted: Any
) -> None:
    shows = ["/old"]
    site.route("/")(lambda request: items_page(("one", shows[0]), ("two", "/two")))
    site.route("/<path:rest>")(lambda request, rest: rest.encode())
    server = serve(site)
    run_job(server, JOB)
    shows[0] = "/new"
    run_job(server, JOB)
    assert going(look(wanted())) == ["old"]


def test_only_a_complete_run_is_the_truth_and_what_came_after_it_is_alive(
    shown: Any, run_job: Any, wanted: Any, stop_after: Any
) -> None:
    server, paths = shown
    paths[:] = ["/1", "/2", "/3"]
    run_job(server, BARE, limit=2)
    with pytest.raises(UsageError, match="no run of job was complete yet"):
        look(wanted(BARE))
    run_job(server, BARE)
    paths[:] = ["/4"]
    run_job(server, BARE, limit=1)
    assert going(look(wanted(BARE))) == []
    events, control = stop_after(1, "ok")
    run_job(server, BARE, events=events, control=control)
    with pytest.raises(UsageError, match="is not finished; scraper run goes on with it"):
        look(wanted(BARE))


def test_a_file_that_was_changed_is_kept_and_one_that_is_missing_is_let_go(twice: Any, wanted: Any) -> None:
    ran = twice(BARE, [f"/{n}" for n in range(9)], [f"/{n}" for n in range(5)])
    (ran.dest / "5").write_bytes(b"more than before")
    (ran.dest / "6").write_bytes(b"x")
    (ran.dest / "7").unlink()
    found = prune(wanted(BARE))
    assert {each.gone.file.path: each.kept for each in found.files} == {
        "5": "it has 16 bytes, 1 were saved", "6": "it was changed since it was saved", "8": None,
    }  # fmt: skip
    assert ([each.file.path for each in found.absent], sorted(ran.files)) == (
        ["7"],
        ["0", "1", "2", "3", "4", "5", "6"],
    )
    assert look(wanted(BARE)).absent == []


def test_a_link_in_the_place_of_a_file_is_kept(twice: Any, wanted: Any, tmp_path: Path) -> None:
    ran = twice(BARE, ["/1", "/2", "/3"], ["/1", "/2"])
    (tmp_path / "3").write_bytes(b"3")
    (ran.dest / "3").unlink()
    (ran.dest / "3").symlink_to(tmp_path / "3")
    prune(wanted(BARE))
    assert ((ran.dest / "3").is_symlink(), (tmp_path / "3").read_bytes()) == (True, b"3")


def test_more_than_half_goes_only_where_that_is_meant(twice: Any, wanted: Any) -> None:
    ran = twice(BARE, ["/1", "/2", "/3"], ["/1"])
    assert look(wanted(BARE)).is_too_much
    with pytest.raises(UsageError, match=r"2 of 3 files are gone .* add --all"):
        prune(wanted(BARE))
    assert len(ran.files) == 3
    prune(wanted(BARE, all_=True))
    assert sorted(ran.files) == ["1"]


def test_only_what_is_gone_for_long_enough_goes(twice: Any, wanted: Any) -> None:
    twice(BARE, ["/1", "/2", "/3"], ["/1", "/2"])
    since = look(wanted(BARE)).going[0].gone.since
    assert going(look(wanted(BARE, min_age=NOW - since))) == ["3"]
    assert going(look(wanted(BARE, min_age=NOW - since + timedelta(seconds=1)))) == []


def test_folders_that_become_empty_go_and_others_stay(twice: Any, wanted: Any) -> None:
    ran = twice(BARE, ["/a/b/c/1", "/a/2", "/d/e/3", "/4", "/5", "/6"], ["/a/2", "/4", "/5", "/6"])
    (ran.dest / "d" / "mine.txt").write_bytes(b"mine")
    assert prune(wanted(BARE)).folders == ["a/b/c", "a/b", "d/e"]
    assert sorted(ran.files) == ["4", "5", "6", "a/2", "d/mine.txt"]


def test_files_may_be_moved_elsewhere_instead(twice: Any, wanted: Any, tmp_path: Path) -> None:
    ran = twice(BARE, ["/a/1", "/2", "/3"], ["/2", "/3"])
    with pytest.raises(UsageError, match="whose files it is to take"):
        prune(wanted(BARE, to=ran.dest / "trash"))
    prune(wanted(BARE, to=tmp_path / "trash"))
    assert ((tmp_path / "trash/a/1").read_bytes(), sorted(ran.files)) == (b"a/1", ["2", "3"])


def test_what_stands_where_a_file_is_to_be_moved_is_not_replaced(twice: Any, wanted: Any, tmp_path: Path) -> None:
    ran = twice(BARE, ["/1", "/2", "/3"], ["/2", "/3"])
    (tmp_path / "trash").mkdir()
    (tmp_path / "trash/1").write_bytes(b"mine")
    assert prune(wanted(BARE, to=tmp_path / "trash")).done == []
    assert ((tmp_path / "trash/1").read_bytes(), len(ran.files)) == (b"mine", 3)


def test_one_that_was_killed_is_finished_by_the_next(
    twice: Any, wanted: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class KilledError(BaseException):
        pass

    def killed(*args: Any) -> None:
        raise KilledError

    ran = twice(BARE, ["/1", "/2", "/3"], ["/1", "/2"])
    trash = wanted(BARE, to=tmp_path / "trash")
    for place in ("scraper.files.parts.OutputFolder.finish", "scraper.files.parts.OutputFolder.remove_folder"):
        with monkeypatch.context() as patch:
            patch.setattr(place, killed)
            patch.setattr(pruning, "let_go", lambda *args: None)
            if place.endswith("finish"):
                with pytest.raises(KilledError):
                    prune(trash)
            else:
                prune(trash)
    assert (sorted(ran.files), (tmp_path / "trash/3").read_bytes()) == (["1", "2"], b"3")
    assert [each.file.path for each in look(trash).absent] == ["3"]
    prune(trash)
    assert (look(trash).absent, [path.name for path in (tmp_path / "trash").iterdir()]) == ([], ["3"])


def test_a_file_that_comes_back_is_fetched_again_under_its_name(
    twice: Any, shown: Any, wanted: Any, run_job: Any
) -> None:
    twice(BARE, ["/1", "/2", "/3"], ["/1", "/2"])
    prune(wanted(BARE))
    server, paths = shown
    paths[:] = ["/1", "/2", "/3"]
    ran = run_job(server, BARE)
    assert (ran.code, sorted(ran.files), ran.summary.files.saved) == (0, ["1", "2", "3"], 1)


def test_a_second_name_by_an_edited_path_is_not_gone_while_the_file_is_there(
    shown: Any, run_job: Any, wanted: Any
) -> None:
    server, paths = shown
    paths[:] = ["/1", "/2"]
    run_job(server, BARE)
    moved = {**BARE, "files": {"path": "new/{{ filename }}"}}
    run_job(server, moved)
    assert going(look(wanted(moved))) == []
