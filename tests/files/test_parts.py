"""The output folder: nothing leaves it, nothing is overwritten unasked, no link is followed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from scraper.files.parts import OutputFolder


@pytest.fixture
def folder(tmp_path: Path) -> OutputFolder:
    return OutputFolder(tmp_path / "out")


def put(folder: OutputFolder, path: str, content: bytes, *, replace: bool = False) -> None:
    part = folder.open_part(f"{path}.part")
    part.write(content)
    part.close()
    folder.finish(f"{path}.part", path, replace=replace)


def test_a_file_appears_under_its_name_only_when_whole(folder: OutputFolder) -> None:
    part = folder.open_part("a/b/c.txt.part")
    part.write(b"half")
    assert folder.look("a/b/c.txt") is None
    part.write(b" and half")
    part.close()
    folder.finish("a/b/c.txt.part", "a/b/c.txt")
    assert [path.relative_to(folder.root).as_posix() for path in folder.root.rglob("*.*")] == ["a/b/c.txt"]
    assert (folder.root / "a/b/c.txt").read_bytes() == b"half and half"


def test_a_part_counts_and_hashes(folder: OutputFolder) -> None:
    part = folder.open_part("x.part")
    part.also(iter(["md5"]))
    part.write(b"abc")
    part.close()
    assert (part.bytes, part.digest(), part.digest("md5")) == (
        3,
        hashlib.sha256(b"abc").hexdigest(),
        hashlib.md5(b"abc").hexdigest(),
    )


def test_what_stands_there_is_not_overwritten(folder: OutputFolder) -> None:
    put(folder, "x", b"old")
    with pytest.raises(FileExistsError):
        put(folder, "x", b"new")
    assert (folder.root / "x").read_bytes() == b"old"


def test_replacing_is_asked_for(folder: OutputFolder) -> None:
    put(folder, "x", b"old")
    put(folder, "x", b"new", replace=True)
    assert (folder.root / "x").read_bytes() == b"new"


def test_a_part_of_somebody_else_is_left_alone(folder: OutputFolder) -> None:
    (folder.root / "x.part").write_bytes(b"theirs")
    with pytest.raises(FileExistsError):
        folder.open_part("x.part")
    assert (folder.root / "x.part").read_bytes() == b"theirs"


def test_a_linked_folder_is_not_entered(folder: OutputFolder, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (folder.root / "link").symlink_to(outside)
    with pytest.raises(OSError, match="link"):
        folder.open_part("link/x.part")
    assert list(outside.iterdir()) == []


def test_a_linked_part_is_not_written_through(folder: OutputFolder, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"safe")
    (folder.root / "x.part").symlink_to(victim)
    with pytest.raises(FileExistsError):
        folder.open_part("x.part")
    assert victim.read_bytes() == b"safe"


def test_replacing_a_link_replaces_the_link(folder: OutputFolder, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"safe")
    (folder.root / "x").symlink_to(victim)
    put(folder, "x", b"new", replace=True)
    assert (victim.read_bytes(), (folder.root / "x").is_symlink()) == (b"safe", False)


def test_a_folder_swapped_for_a_link_while_a_part_is_open_is_refused(folder: OutputFolder, tmp_path: Path) -> None:
    part = folder.open_part("a/x.part")
    part.write(b"mine")
    part.close()
    outside = tmp_path / "outside"
    outside.mkdir()
    (folder.root / "a").rename(folder.root / "moved")
    (folder.root / "a").symlink_to(outside)
    with pytest.raises(OSError, match="a"):
        folder.finish("a/x.part", "a/x")
    assert list(outside.iterdir()) == []


def test_a_moved_file_does_not_overwrite(folder: OutputFolder) -> None:
    put(folder, "x", b"one")
    put(folder, "b/y", b"two")
    with pytest.raises(FileExistsError):
        folder.move("x", "b/y")
    folder.move("x", "b/z")
    assert {path.name: path.read_bytes() for path in (folder.root / "b").iterdir()} == {
        "y": b"two",
        "z": b"one",
    }


def test_without_hard_links_a_file_is_still_not_overwritten(
    folder: OutputFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "no hard links here")

    monkeypatch.setattr(os, "link", refuse)
    put(folder, "x", b"old")
    with pytest.raises(FileExistsError):
        put(folder, "x", b"new")
    assert (folder.root / "x").read_bytes() == b"old"


def test_removing_what_is_not_there_is_no_mistake(folder: OutputFolder) -> None:
    folder.remove("a/b")
    assert folder.look("a/b") is None
