"""What `scraper get` is given: URLs, and lists of them, as start entries.

A list is read where it stands. What can be read only once (arguments, stdin, a pipe) is
spooled to a file first; runs know lists by their content, so an interrupted `get` of the
same URLs continues wherever they came from.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from scraper.errors import UsageError
from scraper.lists import source

COLUMNS = ("url", "URL")
"""Where the URL stands in a list of several columns."""


class Given:
    """URLs and lists; what was spooled is there until it is left.

    Args:
        urls: as arguments; lists: as `-i` says, `-` is stdin.
    """

    def __init__(self, urls: Iterable[str], lists: Iterable[str]) -> None:
        self._urls = tuple(urls)
        self._lists = tuple(lists)

    def __enter__(self) -> Given:
        self._folder = tempfile.TemporaryDirectory(prefix="scraper-")
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def start(self) -> list[dict[str, str]]:
        """A start entry for the arguments and one for each list.

        Raises:
            UsageError: a list that cannot be read, or whose URLs stand nobody knows where.
        """
        paths = [*self._arguments(), *map(self._list, self._lists)]
        return [{"list": str(path), "column": _column(path), "as": "files"} for path in paths]

    def _arguments(self) -> Iterator[Path]:
        if self._urls:
            path = Path(self._folder.name, "arguments.txt")
            path.write_text("".join(f"{url}\n" for url in self._urls), "utf-8", "surrogateescape")
            yield path

    def _list(self, name: str) -> Path:
        path = Path(name)
        if name != "-" and path.is_file():
            return path
        spool = Path(self._folder.name, f"{len(list(Path(self._folder.name).iterdir()))}.txt")
        try:
            with click.open_file(name, "rb") as given, spool.open("wb") as file:
                shutil.copyfileobj(given, file)
        except OSError as error:
            raise UsageError(f"{name}: {error.strerror}") from error
        return spool


def _column(path: Path) -> str:
    """`url`, else `URL`, else the only column there is."""
    known = source.columns(path)
    if known is None:
        known = next((tuple(row) for row in source.rows([path]) if isinstance(row, dict)), COLUMNS)
    column = next((name for name in COLUMNS if name in known), known[0] if len(known) == 1 else None)
    if column is None:
        told = f"its columns are {', '.join(known[:20])}"
        raise UsageError(f"{path}: which column holds the URLs? {told}; call one of them url")
    return column
