"""jsonl: each line is an object; blank lines are no rows."""

from __future__ import annotations

from collections.abc import Iterator

from scraper.lists.files import Broken, Row, open_text
from scraper.lists.lines import lines
from scraper.lists.reader import Reader
from scraper.page.nodes import parse_json

_SPOKEN = {list: "a list", str: "a text", bool: "true or false", int: "a number", float: "a number"}


class JsonLinesReader(Reader[str]):
    """jsonl; a line that is no object is a row that fails."""

    def columns(self) -> None:
        """Each row has its own."""
        with open_text(self.path) as file:
            file.read(1)

    def _raws(self) -> Iterator[str | Broken]:
        with open_text(self.path) as file:
            for line in lines(file):
                if isinstance(line, Broken) or (line := line.strip()):
                    yield line

    def _made(self, raw: str) -> Row:
        try:
            value = parse_json(raw)
        except ValueError as error:
            return Broken(f"it is not JSON: {error}")
        if isinstance(value, dict):
            return value
        return Broken(f"it is {_SPOKEN.get(type(value), 'null')}, not an object")
