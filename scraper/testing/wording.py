"""How what differs is told: short, one thing a line, nothing of it an escape on a terminal (DESIGN 4.10). Pure."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator
from typing import Any

from scraper.run.events import printable

MOST = 8
"""Lines that are told of one thing; the rest is counted."""
_LINE = 160
_SHORT = 60


def clean(text: str) -> str:
    """Text from outside; only its line ends are more than a line."""
    return "\n".join(printable(line) for line in text.split("\n"))


def shown(value: Any, most: int = _LINE) -> str:
    """A value as JSON, as far as one line goes."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= most else f"{text[:most]}..."


def bounded(lines: Iterable[str], most: int = MOST) -> Iterator[str]:
    """The first ones, and how many more there are."""
    given = list(lines)
    yield from given[:most]
    if len(given) > most:
        yield f"... and {len(given) - most} more"


def instead(found: Any, expected: Any) -> str:
    """`13.0 instead of 12.5`; what is longer as a small diff below."""
    if max(len(shown(found, 1000)), len(shown(expected, 1000))) <= _SHORT:
        return f"{shown(found)} instead of {shown(expected)}"
    return "\n".join(["differs", *(f"  {line}" for line in bounded(_diff(expected, found), 12))])


def _diff(expected: Any, found: Any) -> Iterator[str]:
    """By lines where both have several, else both as they are from a little before they part."""
    one, other = _text(expected), _text(found)
    if "\n" in one and "\n" in other:
        lines = list(difflib.unified_diff(one.split("\n"), other.split("\n"), n=1, lineterm=""))[2:]
        yield from (line[:_LINE] for line in lines)
        return
    at = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    begin = max(0, at - 30)
    for sign, text in (("-", one), ("+", other)):
        flat = text.replace("\n", "\\n")[begin:]
        yield f"{sign} {'...' if begin else ''}{flat[:_LINE]}{'...' if len(flat) > _LINE else ''}"


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, indent=1, default=str)
