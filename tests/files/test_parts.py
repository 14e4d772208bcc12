"""The output folder: nothing leaves it, nothing is overwritten unasked, no link is followed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scraper.files import parts
from scraper.files.parts import OutputFolder


@pytest.fixture
def folder(tmp_path: Path) -> OutputFolder:
    return OutputFolder(tmp_path / "out")


def put(folder: OutputFolder, path: str, content: bytes, *, replace: bool = False) -> None:
    part = folder.open_part(f"{path}.part")
    part.append([content])
    part.close()
    folder.finish(f"{path}.part", path, replace=replace)


def test_a_file_appears_under_its_name_only_when_whole(folder: OutputFolder) -> None:
    part = folder.open_part("a/b/c.txt.part")
    part.append([b"half"])
    assert folder.look("a/b/c.txt") is None
    part.append([b" and half"])
    part.close()
    folder.finish("a/b/c.txt.part", "a/b/c.txt")
    assert [path.relative_to(folder.root).as_posix() for path in folder.root.rglob("*.*")] == ["a/b/c.txt"]
    assert (folder.root / "a/b/c.txt").read_bytes() == b"half and half"


def test_a_part_is_written_in_pieces_and_anywhere(folder: OutputFolder) -> None:
    part = folder.open_part("x.part")
    part.append([b"ab", b"", b"c"])
    part.append([b"d"] * 2000)
    assert part.write_at(1, [b"B", b"C"]) == 2
    assert (part.bytes, part.read_at(0, 5)) == (2003, b"aBCdd")
    part.cut(4)
    part.close()
    assert (folder.root / "x.part").read_bytes() == b"aBCd"


def test_a_write_that_stops_short_goes_on(folder: OutputFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal, or a disk that is almost full."""
    pwritev, pwrite = os.pwritev, os.pwrite
    monkeypatch.setattr(os, "pwritev", lambda to, pieces, at: pwritev(to, [b"".join(pieces)[:3]], at))
    monkeypatch.setattr(os, "pwrite", lambda to, data, at: pwrite(to, data[:2], at))
    part = folder.open_part("x.part")
    part.append([b"abcd", b"efghi"])
    part.close()
    assert (folder.root / "x.part").read_bytes() == b"abcdefghi"


def test_a_part_is_opened_again(folder: OutputFolder) -> None:
    folder.open_part("a/x.part").close()
    part = folder.open_part("a/x.part", again=True)
    part.append([b"more"])
    assert (part.inode, part.read_at(0, 9)) == (folder.inode("a/x.part"), b"more")
    part.close()
    with pytest.raises(FileNotFoundError):
        folder.open_part("a/y.part", again=True)
    (folder.root / "folder.part").mkdir()
    with pytest.raises(OSError, match="directory"):
        folder.open_part("folder.part", again=True)


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
    part.append([b"mine"])
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


@pytest.mark.parametrize("lacks", ["renameat2", "hard links too"])
def test_where_the_system_lacks_something_a_file_is_still_not_overwritten(
    lacks: str, folder: OutputFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "no hard links here")

    monkeypatch.setattr(parts, "_renameat2", None)
    if lacks == "hard links too":
        monkeypatch.setattr(os, "link", refuse)
    put(folder, "x", b"old")
    with pytest.raises(FileExistsError):
        put(folder, "x", b"new")
    assert (folder.root / "x").read_bytes() == b"old"


def test_removing_what_is_not_there_is_no_mistake(folder: OutputFolder) -> None:
    folder.remove("a/b")
    assert folder.look("a/b") is None
