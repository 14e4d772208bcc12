"""Which files a `list:` names, and when they are the same list."""

from __future__ import annotations

from pathlib import Path

import pytest

from scraper.lists import files
from scraper.lists.files import ListError


def made(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("b.txt", ["b.txt"]),
        ("*.txt", ["a10.txt", "a2.txt", "b.txt", "odd[1].txt"]),
        ("a?.txt", ["a2.txt"]),
        ("odd[1].txt", ["odd[1].txt"]),
        ("x/*.csv", ["x/1.csv", "x/2.csv"]),
        ("**/*.csv", ["x/1.csv", "x/2.csv", "x/y/0.csv"]),
    ],
)
def test_files_of_a_list_come_sorted_by_name(pattern: str, names: list[str], tmp_path: Path) -> None:
    made(tmp_path, "b.txt", "a10.txt", "a2.txt", "odd[1].txt", "x/2.csv", "x/1.csv", "x/y/0.csv", "folder.txt/x")
    assert [path.relative_to(tmp_path).as_posix() for path in files.find(tmp_path, pattern)] == names
    assert [path.relative_to(tmp_path).as_posix() for path in files.find(Path("/"), f"{tmp_path}/{pattern}")] == names


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("none.txt", "there is no file none.txt"),
        ("none*.txt", "no file matches none*.txt"),
        ("x/", "x/ is a folder; write x/*.txt for the lists in it"),
    ],
)
def test_a_list_that_is_not_there_is_told(pattern: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(ListError) as told:
        files.find(tmp_path, pattern)
    assert str(told.value) == says


def test_lists_are_the_same_by_format_content_and_order(tmp_path: Path) -> None:
    for name, text in {"a.txt": "1", "b.txt": "2", "c.txt": "1", "a.csv": "1", "d.txt": "12"}.items():
        (tmp_path / name).write_text(text)

    def digest(*names: str) -> str:
        return files.digest(tmp_path / name for name in names)

    assert digest("a.txt") == digest("c.txt")
    others = [("a.txt",), ("b.txt",), ("a.csv",), ("d.txt",), ("a.txt", "b.txt"), ("b.txt", "a.txt"), ()]
    assert len({digest(*names) for names in others}) == len(others)
