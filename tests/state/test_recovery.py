"""What a killed run left, where the disk has changed since or somebody else's files stand in the way."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from scraper.files.parts import OutputFolder
from scraper.model import Download, Outcome, PartNote
from scraper.net.courier import wall_clock
from scraper.state.db import Database
from scraper.state.ledger import FileTask, Ledger
from scraper.state.recovery import recover, remove_dropped, settle_names
from scraper.state.runs import note_end, open_run

HOST = "h:80"
FAR, NEAR = (0, 1, 0, 1), (0, 1)


class Desk:
    """A ledger on a folder."""

    def __init__(self, folder: Path, existing: str = "skip", templates: frozenset[str] = frozenset()) -> None:
        self.disk = OutputFolder(folder)
        self.db = Database(folder.parent / "ledger.db")
        self.ledger = Ledger(self.db, self.disk.look, existing, templates)
        self.begin()

    def begin(self) -> None:
        self.ledger.begin(open_run(self.db, "job", "same", now=wall_clock()).id)

    def close_run(self) -> None:
        note_end(self.db, self.ledger.run, now=wall_clock(), exit_code=0, closed=True, complete=True, seconds=1)

    def find(self, path: str, place: tuple[int, ...] = FAR, *, key: str = "k", template: str = "t") -> None:
        self.ledger.add_download(Download("http://h/x.png", key, path, place=place, template=template))

    def task(self) -> FileTask:
        [task] = self.ledger.next_files(HOST, 10, set())
        return task

    def save(self, content: bytes = b"ours") -> None:
        task = self.task()
        assert task.part is not None
        part = self.disk.open_part(task.part)
        part.append([content])
        part.close()
        self.disk.finish(task.part, task.path)
        self.ledger.finish(task.id, Outcome("saved", task.path, bytes=part.bytes, sha256=sha256(content).hexdigest()))
        self.ledger.flush()

    def stand(self, path: str, content: bytes = b"theirs") -> Path:
        there = self.disk.root / path
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_bytes(content)
        return there

    @property
    def files(self) -> dict[str, bytes]:
        root = self.disk.root
        return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}

    @property
    def told(self) -> list[tuple[Any, ...]]:
        return [
            tuple(row)
            for row in self.db.rows("SELECT path, ending, bytes FROM v_files JOIN runs USING (run) ORDER BY id, key")
        ]


@pytest.fixture
def desk_for(tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    """Makes desks on one folder, and closes their ledgers."""
    with ExitStack() as stack:

        def make(*args: Any) -> Desk:
            made = Desk(tmp_path / "out", *args)
            stack.callback(made.db.close)
            return made

        yield make


# -- recovery ----------------------------------------------------------------------------------------------


def test_a_part_behind_a_link_is_left_and_its_file_stays_open(desk_for: Callable[..., Desk], tmp_path: Path) -> None:
    desk = desk_for()
    desk.find("a/x.png")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x.png.part").write_bytes(b"theirs")
    (desk.disk.root / "a").symlink_to(outside)
    assert recover(desk.ledger, desk.disk) == 0
    assert (desk.task().path, (outside / "x.png.part").read_bytes()) == ("a/x.png", b"theirs")


@pytest.mark.parametrize("make", [lambda path: path.symlink_to("/etc/hostname"), os.mkfifo, os.mkdir])
def test_what_is_no_file_is_not_taken_for_ours(make: Callable[[Path], None], desk_for: Callable[..., Desk]) -> None:
    desk = desk_for()
    desk.find("x.png")
    make(desk.disk.root / "x.png")
    assert recover(desk.ledger, desk.disk) == 0
    assert desk.told == [("x.png", None, None)]


def test_what_came_before_a_noted_part_was_renamed_is_not_ours(desk_for: Callable[..., Desk]) -> None:
    """Nothing stood there at T1; then something came, T2 noted our part, and the process was killed."""
    desk = desk_for("overwrite")
    desk.find("x.png")
    part = desk.disk.open_part(str(desk.task().part))
    desk.stand("x.png")
    desk.ledger.note_part(desk.task().id, PartNote(part.inode))
    part.close()
    assert recover(desk.ledger, desk.disk) == 0
    assert (desk.files, desk.told) == ({"x.png": b"theirs"}, [("x.png", None, None)])


def test_the_inode_of_a_part_that_is_removed_is_forgotten(desk_for: Callable[..., Desk]) -> None:
    """It may become another file's: what stands under the name then is not ours."""
    desk = desk_for("overwrite")
    desk.stand("x.png")
    desk.find("x.png")
    part = desk.disk.open_part(str(desk.task().part))
    desk.ledger.note_part(desk.task().id, PartNote(part.inode))
    part.close()
    kept = desk.disk.root / "kept"
    kept.hardlink_to(desk.disk.root / str(desk.task().part))
    recover(desk.ledger, desk.disk)
    kept.replace(desk.disk.root / "x.png")  # another file of the same inode
    assert recover(desk.ledger, desk.disk) == 0


def test_recovery_takes_a_window_of_what_is_open(desk_for: Callable[..., Desk]) -> None:
    desk = desk_for()
    for number in range(1001):
        desk.find(f"{number}.png", key=str(number))
        if number % 2:
            desk.stand(f"{number}.png", b"x")
    assert recover(desk.ledger, desk.disk) == 500
    assert desk.db.value("SELECT count(*) FROM v_files WHERE ending = 'saved'") == 500


def test_a_third_part_is_found_where_two_of_somebody_else_stand(desk_for: Callable[..., Desk]) -> None:
    desk = desk_for()
    desk.find("x.png", key="other")
    desk.stand("x.png.part")
    desk.find("x.png", key="k")
    desk.ledger.end_all("file", "failed:connect")
    taken = desk.db.value("SELECT part FROM files")
    desk.stand(str(taken))
    desk.close_run()
    desk.begin()
    desk.find("x.png", key="k")
    assert desk.task().part not in {"x.png.part", taken}


# -- parts that are noted ------------------------------------------------------------------------------------

BOOT = "this boot"
NOTE = PartNote(0, validator='"v"', etag='"v"', total=100, boot=BOOT)


def leave_part(desk: Desk, note: PartNote | None, content: bytes = b"begun") -> FileTask:
    """A part of the one file stands there, and what is noted of it."""
    task = desk.task()
    part = desk.disk.open_part(str(task.part))
    part.append([content])
    if note is not None:
        desk.ledger.note_part(task.id, replace(note, inode=note.inode or part.inode))
    part.close()
    return task


def test_a_part_that_is_what_its_note_says_is_left_to_be_resumed(desk_for: Callable[..., Desk]) -> None:
    desk = desk_for()
    desk.find("a/x.png")
    task = leave_part(desk, NOTE)
    assert recover(desk.ledger, desk.disk, BOOT) == 0
    noted = desk.task().noted
    assert desk.files == {"a/x.png.part": b"begun"}
    assert noted == replace(NOTE, inode=desk.disk.look(str(task.part)).inode)


@pytest.mark.parametrize(
    ("note", "boot"),
    [
        (None, BOOT),
        (replace(NOTE, validator=None), BOOT),
        (replace(NOTE, boot="another"), BOOT),
        (replace(NOTE, inode=1), BOOT),
        (replace(NOTE, boot=""), ""),
    ],
    ids=["not noted", "no validator", "another boot", "another file", "boots unknown"],
)
def test_any_other_part_starts_again(note: PartNote | None, boot: str, desk_for: Callable[..., Desk]) -> None:
    desk = desk_for()
    desk.find("x.png")
    leave_part(desk, note)
    assert recover(desk.ledger, desk.disk, boot) == 0
    assert (desk.files, desk.task().noted) == ({}, None)


@pytest.mark.parametrize("boot", ["another", ""])
def test_what_was_made_durable_outlives_the_power(boot: str, desk_for: Callable[..., Desk]) -> None:
    desk = desk_for()
    desk.find("x.png")
    leave_part(desk, NOTE)
    assert recover(desk.ledger, desk.disk, boot, durable=True) == 0
    assert desk.files == {"x.png.part": b"begun"}


def test_a_note_whose_part_is_gone_is_forgotten(desk_for: Callable[..., Desk]) -> None:
    desk = desk_for()
    desk.find("x.png")
    task = leave_part(desk, NOTE)
    desk.disk.remove(str(task.part))
    recover(desk.ledger, desk.disk, BOOT)
    assert desk.task().noted is None


def test_a_noted_part_that_got_its_name_is_found_whole(desk_for: Callable[..., Desk]) -> None:
    desk = desk_for()
    desk.find("x.png")
    task = leave_part(desk, NOTE, b"whole")
    (desk.disk.root / "x.png").hardlink_to(desk.disk.root / str(task.part))
    assert recover(desk.ledger, desk.disk, BOOT) == 1
    assert (desk.files, desk.told) == ({"x.png": b"whole"}, [("x.png", "saved", 5)])
    assert desk.db.value("SELECT count(*) FROM parts") == 0


def test_a_file_that_came_beside_a_noted_part_is_not_ours(desk_for: Callable[..., Desk]) -> None:
    desk = desk_for()
    desk.find("x.png")
    leave_part(desk, NOTE)
    desk.stand("x.png")
    assert recover(desk.ledger, desk.disk, BOOT) == 0
    assert desk.files == {"x.png": b"theirs", "x.png.part": b"begun"}


def drop(desk: Desk) -> None:
    desk.ledger.begin(open_run(desk.db, "job", "edited", now=wall_clock()).id)


@pytest.mark.parametrize("then", [remove_dropped, lambda ledger, disk: recover(ledger, disk, BOOT)])
def test_a_run_that_is_dropped_leaves_no_part(then: Callable[..., object], desk_for: Callable[..., Desk]) -> None:
    """It is removed at once, or where the process was killed before that, at the next start."""
    desk = desk_for()
    desk.find("x.png")
    leave_part(desk, NOTE)
    recover(desk.ledger, desk.disk, BOOT)
    drop(desk)
    assert list(desk.files) == ["x.png.part"]
    then(desk.ledger, desk.disk)
    assert (desk.files, desk.db.value("SELECT count(*) FROM parts")) == ({}, 0)
    desk.find("x.png")
    assert (desk.task().path, desk.task().part, desk.task().noted) == ("x.png", "x.png.part", None)


def test_a_part_of_somebody_else_in_the_place_of_a_dropped_one_is_left(desk_for: Callable[..., Desk]) -> None:
    desk = desk_for()
    desk.find("x.png")
    leave_part(desk, replace(NOTE, inode=1), b"theirs")
    drop(desk)
    remove_dropped(desk.ledger, desk.disk)
    assert desk.files == {"x.png.part": b"theirs"}


def test_many_open_files_are_looked_at_together(desk_for: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch) -> None:
    desk = desk_for()
    for number in range(30):
        desk.find(f"{number}.png", key=str(number))
    monkeypatch.setattr(desk.disk, "look", None)
    monkeypatch.setattr(desk.disk, "remove", None)
    assert recover(desk.ledger, desk.disk) == 0


# -- names that are settled ----------------------------------------------------------------------------------


def test_a_name_under_which_something_stands_is_not_moved_to(desk_for: Callable[..., Desk]) -> None:
    desk = desk_for()
    desk.stand("first.png")
    desk.find("second.png", FAR)
    desk.save()
    desk.find("first.png", NEAR)
    settle_names(desk.ledger, desk.disk)
    assert desk.files == {"first.png": b"theirs", "second.png": b"ours"}
    assert desk.told == [("second.png", "saved", 4)]


@pytest.mark.parametrize("existing", ["overwrite", "check"])
def test_a_name_under_which_something_stands_is_moved_to_where_that_is_replaced(
    existing: str, desk_for: Callable[..., Desk]
) -> None:
    desk = desk_for(existing)
    desk.stand("first.png")
    desk.find("second.png", FAR)
    desk.save()
    desk.find("first.png", NEAR)
    settle_names(desk.ledger, desk.disk)
    assert (desk.files, desk.told) == ({"first.png": b"ours"}, [("first.png", "saved", 4)])


def test_a_file_of_somebody_else_is_not_moved(desk_for: Callable[..., Desk]) -> None:
    desk = desk_for()
    desk.stand("second.png")
    desk.find("second.png", FAR)
    desk.find("first.png", NEAR)
    settle_names(desk.ledger, desk.disk)
    assert (desk.files, desk.told[0][:2]) == ({"second.png": b"theirs"}, ("second.png", "skipped:exists"))


def test_a_file_that_failed_takes_its_better_name_and_nothing_is_moved(desk_for: Callable[..., Desk]) -> None:
    desk = desk_for()
    desk.find("second.png", FAR)
    desk.ledger.finish(desk.task().id, Outcome("failed:connect"))
    desk.stand("second.png")
    desk.find("first.png", NEAR)
    settle_names(desk.ledger, desk.disk)
    assert (desk.files, desk.told) == ({"second.png": b"theirs"}, [("first.png", "failed:connect", None)])


def test_a_move_that_the_disk_refuses_leaves_the_file_its_name(desk_for: Callable[..., Desk], tmp_path: Path) -> None:
    desk = desk_for()
    (desk.disk.root / "a").symlink_to(tmp_path)
    desk.find("second.png", FAR)
    desk.save()
    desk.find("a/first.png", NEAR)
    settle_names(desk.ledger, desk.disk)
    assert (desk.files, desk.told) == ({"second.png": b"ours"}, [("second.png", "saved", 4)])


def test_a_chain_of_moves_that_is_refused_at_its_head_gives_each_file_a_name_it_bears(
    desk_for: Callable[..., Desk],
) -> None:
    desk = desk_for()
    desk.stand("goal.png")
    for key, path in (("head", "middle.png"), ("tail", "last.png")):
        desk.find(path, FAR, key=key)
        desk.save(key.encode())
    desk.find("goal.png", (0, 1), key="head")
    desk.find("middle.png", (0, 2), key="tail")
    settle_names(desk.ledger, desk.disk)
    names = {row["key"]: row["path"] for row in desk.db.rows("SELECT key, path FROM v_files")}
    assert {key: desk.files[path] for key, path in names.items()} == {"head": b"head", "tail": b"tail"}
    assert desk.files["goal.png"] == b"theirs"
    assert len(desk.files) == 3


def test_a_file_that_two_rules_name_keeps_its_name_whichever_finds_it_first(desk_for: Callable[..., Desk]) -> None:
    desk = desk_for("skip", frozenset({"near", "far"}))
    desk.find("far.png", FAR, template="far")
    desk.save()
    desk.find("near.png", NEAR, template="near")
    settle_names(desk.ledger, desk.disk)
    desk.close_run()
    desk.begin()
    desk.find("far.png", FAR, template="far")
    assert (desk.files, desk.told[-1][:2]) == ({"near.png": b"ours"}, ("near.png", "skipped:exists"))


def test_a_name_of_a_template_that_the_job_has_no_more_does_not_hold(desk_for: Callable[..., Desk]) -> None:
    desk = desk_for("skip", frozenset({"new"}))
    desk.find("old.png", template="old")
    desk.save()
    desk.close_run()
    desk.begin()
    desk.find("new.png", template="new")
    assert desk.task().path == "new.png"
