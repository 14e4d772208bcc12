"""CSS as jobs write it, whichever parser asks: selectors with a pseudo-element at the end.

None or `::text` takes the text, `::attr(name)` an attribute. It holds for all of a
selector list, where its parts have none of their own: `a::attr(href), img::attr(src)`.
Alone it speaks of the node itself. A parser gives what it can do, `select`: from the
selector of one part, or of the whole list, to the elements below a node.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from scraper.page.nodes import Element

Select = Callable[[Any, bool], Sequence[Element]]
"""From an element, and whether every match is wanted, to matches below it in the order of the page, each once."""
Query = Callable[[Any, bool], list[Any]]
Part = tuple[str, str | None]
"""A selector and the name of the attribute it takes; None: the text, or no pseudo-element."""

_PSEUDO = re.compile(
    r"(?P<css>.*?)\s*::\s*(?:text|attr\(\s*(?P<quote>[\"']?)(?P<name>[^\"'()\s]+)(?P=quote)\s*\))\s*", re.DOTALL
)
_PIECE = re.compile(r"\\.|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|[()\[\],]|[^\\\"'()\[\],]+|.", re.DOTALL)
_ITSELF = ("", ":scope")


class ForeignError(ValueError):
    """CSS that another parser may know."""


def compile_query(text: str, compiled: Callable[[str], Select]) -> Query:
    """A query of elements: elements where a text is meant, texts where an attribute is.

    Args:
        compiled: a selector, which may be a list, as this parser asks it.

    Raises:
        ValueError: not CSS, or none that the parser knows.
    """
    parts = _parts(text)
    names = {name for _, name in parts}
    selects = [_select(css, compiled) for css, _ in parts]
    whole = _select(", ".join(css for css, _ in parts), compiled) if len(parts) > 1 else selects[0]
    if len(names) == 1:
        return lambda node, many: _picked((one, parts[0][1]) for one in whole(node, many))
    named = [(select, name) for select, (_, name) in zip(selects, parts, strict=True)]

    def query(node: Element, many: bool) -> list[Any]:
        takes = {one: name for select, name in reversed(named) for one in select(node, True)}  # the first part wins
        return _picked((one, takes[one]) for one in whole(node, many))

    return query


def _select(css: str, compiled: Callable[[str], Select]) -> Select:
    if css in _ITSELF:
        return lambda node, many: [node]
    if css[0] in ">+~":
        raise ValueError(f'"{css}" begins with a combinator; write ":scope {css}"')
    return compiled(css)


def _picked(found: Iterable[tuple[Element, str | None]]) -> list[Any]:
    """The elements, or their attributes where these are meant and there."""
    given = (one if name is None else one.attribute(name) for one, name in found)
    return [value for value in given if value is not None]


def _parts(text: str) -> list[Part]:
    """The selectors of a list, each with its pseudo-element, else with the last one's."""
    split = [_part(piece.strip()) for piece in _split(text)]
    if len(split) > 1 and any(css in _ITSELF for css, _, _ in split):
        raise ValueError("a selector in a list is empty")
    last = split[-1][1]
    return [(css, name if given else last) for css, name, given in split]


def _part(css: str) -> tuple[str, str | None, bool]:
    found = _PSEUDO.fullmatch(css)
    if not found:
        return css, None, False
    return found["css"].strip(), found["name"].lower() if found["name"] else None, True


def _split(text: str) -> list[str]:
    """The selectors of a list: parted by commas that stand in no brackets and no quotes."""
    parts, depth = [""], 0
    for piece in _PIECE.findall(text):
        depth += (piece in "([") - (piece in ")]") if len(piece) == 1 else 0
        if piece == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += piece
    return parts
