"""What stands under many paths at once: the same as one by one, and no link is followed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from scraper.files import parts
from scraper.files.parts import OutputFolder

THERE = ["a.txt", "é.txt", "sub/b.txt", "sub/deep/c.txt", "folder/", "folder/x"]
ASKED = [
    "a.txt", "A.txt", "none", "e\u0301.txt", "é.txt", "sub/b.txt", "sub/none", "sub", "sub/deep/c.txt", "sub/deep",
    "folder", "folder/x", "missing/x", "missing/deep/y", "a.txt/below", "link", "dangling", "linked/secret", "linked",
    "pipe", "barred/x", "x" * 300, "sub/b.txt",
]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[OutputFolder]:
    """A tree of all sorts."""
    root = tmp_path / "out"
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"x")
    for path in THERE:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).mkdir(exist_ok=True) if path.endswith("/") else (root / path).write_bytes(path.encode())
    (root / "link").symlink_to(root / "a.txt")
    (root / "dangling").symlink_to(root / "nowhere")
    (root / "linked").symlink_to(outside)
    os.mkfifo(root / "pipe")
    (root / "barred").mkdir(mode=0)
    with closing(OutputFolder(root)) as made:
        yield made
    (root / "barred").chmod(0o700)


@pytest.mark.parametrize("few", [0, parts._FEW, 1 << 40], ids=["asked one by one", "as it is", "folders read whole"])
def test_many_are_told_as_one_by_one(few: int, folder: OutputFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "_FEW", few)
    told = folder.look_many(ASKED)
    assert told == [folder.look(path) for path in ASKED]
    assert [path for path, stood in zip(ASKED, told, strict=True) if stood is None] == [
        "A.txt", "none", "e\u0301.txt", "sub/none", "missing/x", "missing/deep/y", "a.txt/below", "linked/secret",
        "barred/x", "x" * 300,
    ]  # fmt: skip


def test_where_access_cannot_be_asked_all_is_told_too(folder: OutputFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The C library musl refuses an `access` that follows no link."""
    monkeypatch.setattr(parts, "_FEW", 0)
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    assert folder.look_many(ASKED) == [folder.look(path) for path in ASKED]


def test_each_folder_is_opened_once(folder: OutputFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, real = [], os.open
    monkeypatch.setattr(os, "open", lambda path, *args, **given: opened.append(path) or real(path, *args, **given))
    folder.look_many([f"{name}/{number}" for number in range(50) for name in ("sub", "sub/deep", "missing")])
    assert sorted(opened) == ["deep", "missing", "sub", "sub"]


def test_in_a_folder_that_is_not_made_nothing_stands(tmp_path: Path) -> None:
    with closing(OutputFolder(tmp_path / "absent", create=False)) as folder:
        assert folder.look_many(["a", "b/c"]) == [None, None]
        assert folder.look_many([]) == []
