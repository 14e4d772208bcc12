"""`scraper verify --repair` (check 4 of its issue): exactly what is damaged is found, and fetched again."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from scraper.errors import UsageError
from scraper.files.parts import OutputFolder
from scraper.run.errands.repair import Mended, Repair, mended
from scraper.run.verify.checking import Checked, Progress, check, strangers
from scraper.server import Response, Server, Site
from scraper.state.db import Database
from scraper.state.lock import hold

PAGE = b"<!doctype html><title>Sorry</title><p>Please log in"


def checked(dest: Path) -> Checked:
    with closing(OutputFolder(dest, create=False)) as disk:
        return check(dest / ".scraper/ledger.db", disk, threads=4, progress=Progress(), tick=lambda: None)


def found(dest: Path) -> dict[str, tuple[str, str]]:
    """Path -> kind and how, of what is damaged."""
    return {each.file.path: (each.kind, each.how) for each in checked(dest).damage}


def foreign(dest: Path) -> list[str]:
    with closing(OutputFolder(dest, create=False)) as disk:
        return [path for path, _ in strangers(dest / ".scraper/ledger.db", disk, ("records.jsonl",))]


@pytest.fixture
def repair(run_job: Any) -> Callable[..., tuple[Any, Mended]]:
    """`repair(server, job, dest)` as the command does it."""

    def mend(server: Server, job: Any, dest: Path) -> tuple[Any, Mended]:
        damage = checked(dest).damage
        errand = Repair([each.file.name for each in damage])
        ran = run_job(server, job, dest=dest, errand=errand)
        with Database.reading(dest / ".scraper/ledger.db") as db:
            return ran, mended(db, errand, damage, ran.summary, ran.code)

    return mend


def truncate(path: Path, chance: random.Random) -> None:
    path.write_bytes(path.read_bytes()[: chance.randrange(path.stat().st_size)])


def flip(path: Path, chance: random.Random) -> None:
    data = bytearray(path.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)


def delete(path: Path, chance: random.Random) -> None:
    path.unlink()


def rename(path: Path, chance: random.Random) -> None:
    path.rename(path.with_name(f"moved {path.name}"))


def make_html(path: Path, chance: random.Random) -> None:
    path.write_bytes(PAGE)


KINDS = (truncate, flip, delete, rename, make_html)


def test_of_500_files_the_50_that_are_damaged_are_found_and_fetched_and_nothing_else(
    site: Site, serve: Any, run_job: Any, repair: Any, asked: Any, tmp_path: Path
) -> None:
    site.route("/f/<name>")(lambda request, name: Response(200, {}, f"content of {name} ".encode() * 9))
    server, chance, dest = serve(site), random.Random(20261122), tmp_path / "out"
    urls = [f"{server.url}/f/{at}.bin" for at in range(500)]
    (tmp_path / "urls.txt").write_text("\n".join(urls))
    job = {"start": [{"list": "urls.txt", "column": "line", "as": "files"}], "polite": {"per_host": 16}}
    at_first = run_job(server, job, dest=dest).files
    assert (len(at_first), found(dest), foreign(dest)) == (500, {}, [])
    victims = chance.sample(sorted(at_first), 50)
    for at, name in enumerate(victims):
        KINDS[at % len(KINDS)](dest / name, chance)
    assert set(found(dest)) == set(victims)
    renamed = sorted(f"moved {name}" for name in victims[3 :: len(KINDS)])
    assert sorted(foreign(dest)) == renamed
    before = len(asked(server))
    ran, told = repair(server, job, dest)
    assert sorted(asked(server)[before:]) == sorted(f"/f/{name}" for name in victims)
    assert (ran.code, told.restored, told.differs, told.failed) == (0, 50, (), 0)
    for name in renamed:
        (dest / name).unlink()
    assert (ran.files, found(dest)) == (at_first, {})


JOB = {"start": ["{{ base }}/"], "rules": {"r": {"files": "img"}}, "polite": {"robots": "ignore"}}


@pytest.fixture
def gallery(site: Site, serve: Any, run_job: Any) -> Callable[..., tuple[Server, Any]]:
    """`gallery(job, **files)`: a server of files and a page that shows them, and a run of the job."""

    def make(job: Any = JOB, **files: Any) -> tuple[Server, Any]:
        for name, answer in files.items():
            site.route(f"/{name}.bin")(lambda request, answer=answer: answer() if callable(answer) else answer)
        site.route("/")(lambda request: "".join(f'<img src="/{name}.bin">' for name in files))
        server = serve(site)
        return server, run_job(server, job)

    return make


def test_each_kind_of_damage_is_told(gallery: Any, tmp_path: Path) -> None:
    _, ran = gallery(**dict.fromkeys("abcdefgh", b"0123456789"))
    dest = ran.dest
    (dest / "a.bin").write_bytes(b"01234")
    (dest / "b.bin").write_bytes(b"0123456789more")
    (dest / "c.bin").write_bytes(b"012345678x")
    (dest / "d.bin").unlink()
    (dest / "e.bin").unlink()
    (dest / "e.bin").mkdir()
    (dest / "f.bin").unlink()
    (dest / "f.bin").symlink_to("g.bin")
    (dest / "g.bin").write_bytes(PAGE)
    assert found(dest) == {
        "a.bin": ("changed", "truncated, 5 bytes of 10"),
        "b.bin": ("changed", "longer, 14 bytes of 10"),
        "c.bin": ("changed", "other content of the same size"),
        "d.bin": ("missing", ""),
        "e.bin": ("folder", "a folder stands there"),
        "f.bin": ("link", "a symbolic link stands there"),
        "g.bin": ("changed", f"looks like HTML, longer, {len(PAGE)} bytes of 10"),
    }


def test_a_pipe_under_a_name_is_told_and_not_read(gallery: Any) -> None:
    _, ran = gallery(a=b"a")
    (ran.dest / "a.bin").unlink()
    os.mkfifo(ran.dest / "a.bin")
    assert found(ran.dest) == {"a.bin": ("special", "no regular file stands there")}


def test_a_link_that_stands_in_a_files_place_is_replaced_and_its_goal_left_alone(
    gallery: Any, repair: Any, tmp_path: Path
) -> None:
    server, ran = gallery(a=b"aaa")
    goal = tmp_path / "goal"
    goal.write_bytes(b"mine")
    (ran.dest / "a.bin").unlink()
    (ran.dest / "a.bin").symlink_to(goal)
    assert repair(server, JOB, ran.dest)[1].restored == 1
    assert ((ran.dest / "a.bin").is_symlink(), ran.files, goal.read_bytes()) == (False, {"a.bin": b"aaa"}, b"mine")


def test_what_was_there_before_the_first_run_is_told_as_never_hashed(gallery: Any, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a.bin").write_bytes(b"mine")
    _, ran = gallery(a=b"a", b=b"b")
    assert (checked(ran.dest).counts, found(ran.dest)) == ({"ok": 1, "unhashed": 1}, {})


def test_a_source_that_changed_is_told_and_known_from_then_on(gallery: Any, repair: Any) -> None:
    contents = [b"old", b"new!"]
    server, ran = gallery(a=lambda: contents.pop(0))
    (ran.dest / "a.bin").unlink()
    _, told = repair(server, JOB, ran.dest)
    assert (told.restored, told.differs, told.failed) == (1, ("a.bin",), 0)
    assert (ran.files, found(ran.dest)) == ({"a.bin": b"new!"}, {})


def test_what_cannot_be_fetched_stays_as_it_is_and_ends_with_4(gallery: Any, repair: Any) -> None:
    answers = [b"whole", Response(404, {}, b"")]
    server, ran = gallery(a=lambda: answers.pop(0))
    (ran.dest / "a.bin").write_bytes(b"who")
    again, told = repair(server, JOB, ran.dest)
    assert (again.code, told.restored, told.failed) == (4, 0, 1)
    assert ran.files == {"a.bin": b"who"}


def test_a_signed_url_is_had_anew_from_its_page(site: Site, serve: Any, run_job: Any, repair: Any, asked: Any) -> None:
    given = [0]

    def page(request: Any) -> Any:
        given[0] += 1
        return {"rows": [{"n": "1", "u": f"/f?sig={given[0]}"}]}

    site.route("/list")(page)
    site.route("/f")(
        lambda request: b"whole" if request.query.get("sig") == str(given[0]) else Response(403, {}, b"no")
    )
    files = {"select": "u", "key": "{{ item.n }}", "path": "{{ item.n }}.bin"}
    rule = {"read": "json", "each": "rows", "item": {"n": "n"}, "key": "n", "files": files}
    job = {"start": ["{{ base }}/list"], "rules": {"r": rule}, "polite": {"robots": "ignore"}}
    server = serve(site)
    ran = run_job(server, job)
    given[0] += 1
    (ran.dest / "1.bin").unlink()
    before = len(asked(server))
    again, told = repair(server, job, ran.dest)
    assert (told.restored, again.files) == (1, {"1.bin": b"whole"})
    assert asked(server)[before:] == ["/f?sig=1", "/list", "/f?sig=3"]


def test_of_two_names_of_one_content_only_the_damaged_one_is_fetched(gallery: Any, repair: Any, asked: Any) -> None:
    job = {**JOB, "files": {"duplicates": "link"}}
    server, ran = gallery(job, a=b"same", b=b"same")
    (ran.dest / "b.bin").unlink()
    before = len(asked(server))
    assert repair(server, job, ran.dest)[1].restored == 1
    assert (asked(server)[before:], ran.files) == (["/b.bin"], {"a.bin": b"same", "b.bin": b"same"})


def test_both_names_of_a_linked_file_come_back_when_its_bytes_are_spoiled(gallery: Any, repair: Any) -> None:
    job = {**JOB, "files": {"duplicates": "link"}}
    server, ran = gallery(job, a=b"same", b=b"same")
    (ran.dest / "a.bin").write_bytes(b"shame")
    assert set(found(ran.dest)) == {"a.bin", "b.bin"}
    assert repair(server, job, ran.dest)[1].restored == 2
    assert (ran.files, found(ran.dest)) == ({"a.bin": b"same", "b.bin": b"same"}, {})


def test_a_file_that_a_later_run_only_found_there_is_held_to_what_was_saved(gallery: Any, run_job: Any) -> None:
    server, ran = gallery(a=b"whole")
    (ran.dest / "a.bin").write_bytes(b"spoilt")
    assert run_job(server, JOB).endings("v_files", server.url) == {"/a.bin": "skipped:exists"}
    assert set(found(ran.dest)) == {"a.bin"}


def test_names_of_an_older_path_template_are_neither_missing_nor_foreign(gallery: Any, run_job: Any) -> None:
    server, ran = gallery(a=b"a", b=b"b")
    moved = {**JOB, "files": {"path": "new/{{ filename }}"}}
    run_job(server, moved)
    (ran.dest / "b.bin").unlink()
    assert (found(ran.dest), foreign(ran.dest)) == ({}, [])
    assert checked(ran.dest).files == 2


def test_a_repair_is_a_run_of_its_own_and_nothing_becomes_gone_by_it(shelf: Any, run_job: Any, repair: Any) -> None:
    server = shelf({"/a.png": b"a", "/b.png": b"b"})
    job = {
        "start": ["{{ base }}/"],
        "rules": {"r": {"each": "li", "item": {"title": "b"}, "key": "title", "files": "img"}},
    }
    ran = run_job(server, job)
    (ran.dest / "a.png").unlink()
    again, _ = repair(server, job, ran.dest)
    assert (again.records, again.summary.items.gone) == (ran.records, 0)
    assert [row["complete"] for row in again.view("v_runs", whole=True)] == [1, 0]


def test_while_an_ordinary_run_is_open_there_is_no_repair(drained: Any, run_job: Any) -> None:
    rule = {"read": "json", "each": "rows", "item": {"t": "t"}, "next": {"page": "page"}, "files": "u"}
    job = {"start": ["{{ base }}/api"], "rules": {"r": rule}, "polite": {"robots": "ignore"}}
    server, _ = drained(job)
    with pytest.raises(UsageError, match="is open, and a repair would drop it"):
        run_job(server, job, errand=Repair([1]))


def test_what_a_run_under_way_has_yet_to_fetch_is_no_damage_and_what_a_killed_one_left_is(
    gallery: Any, run_job: Any, stop_after: Any, repair: Any
) -> None:
    server, ran = gallery(a=b"a", b=b"b")
    (ran.dest / "a.bin").unlink()
    (ran.dest / "b.bin").unlink()
    names = [each.file.name for each in checked(ran.dest).damage]
    _, control = stop_after(1)
    control.stop(143)  # before anything is fetched
    stopped = run_job(server, JOB, errand=Repair(names), control=control)
    with hold(ran.dest):
        seen = checked(ran.dest)
    assert (seen.under_way, seen.counts, seen.damage) == (stopped.summary.run, {"coming": 2}, [])
    assert (checked(ran.dest).under_way, set(found(ran.dest))) == (None, {"a.bin", "b.bin"})
    again, told = repair(server, JOB, ran.dest)
    assert (again.summary.run, told.restored) == (stopped.summary.run, 2)
