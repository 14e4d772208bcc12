"""Sizes, seconds and ranges as people write them, turned into numbers. Pure."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kKmMgG]?)(?:i?[bB])?")
_POWER = {"": 0, "k": 1, "m": 2, "g": 3}
_NUMBER = r"(\d+(?:\.\d+)?)"
_DELAY = re.compile(rf"{_NUMBER}(?:\s*-\s*{_NUMBER})?")
_BOUND = re.compile(rf"(>=|<=|==|=|>|<)\s*{_NUMBER}\s*(%?)")


def size(value: int | float | str) -> int:
    """Bytes from `20M`, `1.5k`, `512`; k, M and G are 1024, 1024² and 1024³.

    Raises:
        ValueError: not a size.
    """
    if isinstance(value, str):
        found = _SIZE.fullmatch(value.strip())
        if not found:
            raise ValueError(f"{value!r} is not a size; write a number of bytes, or 500k, 20M, 1.5G")
        return int(float(found[1]) * 1024 ** _POWER[found[2].lower()])
    if value < 0:
        raise ValueError("a size is not negative")
    return int(value)


def rate(value: int | float | str) -> int:
    """Bytes a second, written as a size.

    Raises:
        ValueError: not a size, or nothing at all.
    """
    if (found := size(value)) < 1:
        raise ValueError("a rate is at least 1 byte a second; without a limit, leave it out")
    return found


@dataclass(frozen=True, slots=True)
class Delay:
    """Seconds between two requests, drawn evenly between `low` and `high`."""

    low: float = 0.0
    high: float = 0.0

    def draw(self, fraction: float) -> float:
        """The delay for a random `fraction` between 0 and 1."""
        return self.low + (self.high - self.low) * fraction


def delay(value: int | float | str) -> Delay:
    """A delay from `2`, `0.5` or `"1-3"` (seconds).

    Raises:
        ValueError: not a delay.
    """
    found = _DELAY.fullmatch(str(value).strip())
    if not found:
        raise ValueError(f'{value!r} is not a delay; write seconds as 2, 0.5 or "1-3"')
    low = float(found[1])
    high = float(found[2]) if found[2] else low
    if high < low:
        raise ValueError(f"{value!r} ends before it begins")
    return Delay(low, high)


@dataclass(frozen=True, slots=True)
class Bound:
    """A condition on a count or, with `percent`, on a share: `>= 20`, `<= 1%`."""

    relation: str
    number: float
    percent: bool

    def holds(self, count: float, total: int = 0) -> bool:
        """Whether a count meets it; in percent, its share of `total`, and a share of nothing does."""
        compare = _RELATIONS[self.relation]
        if self.percent:
            return not total or compare(100 * count, self.number * total)
        return compare(count, self.number)


_RELATIONS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge, "<=": operator.le, "==": operator.eq, ">": operator.gt, "<": operator.lt,
}  # fmt: skip


def bound(text: str | int | float) -> Bound:
    """A condition from `">= 20"` or `"<= 1%"`; a bare number means exactly that many.

    Raises:
        ValueError: not a condition.
    """
    if isinstance(text, (int, float)):
        return Bound("==", float(text), percent=False)
    found = _BOUND.fullmatch(text.strip())
    if not found:
        raise ValueError(f'{text!r} is not a condition; write for example ">= 20" or "<= 1%"')
    relation = "==" if found[1] == "=" else found[1]
    return Bound(relation, float(found[2]), percent=bool(found[3]))


_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_PIECE = re.compile(rf"{_NUMBER}\s*(s|min|m|h|d|w)\s*")


def duration(value: int | float | str) -> float:
    """Seconds from `90`, `45s`, `30m`, `3h`, `1h 30m`, `7d`, `2w`.

    Raises:
        ValueError: not a duration.
    """
    text = str(value).strip()
    pieces = list(_PIECE.finditer(text))
    if pieces and "".join(piece[0] for piece in pieces) == text:
        return sum(float(piece[1]) * _SECONDS[piece[2]] for piece in pieces)
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < math.inf:
        raise ValueError(f"{value!r} is not a duration; write seconds, or 45s, 30m, 3h, 1h 30m, 7d")
    return seconds


def some(parse: Callable[[int | float | str], float]) -> Callable[[int | float | str], float]:
    """A parser that takes no 0 either.

    Raises:
        ValueError: as `parse`, and for 0.
    """

    def positive(value: int | float | str) -> float:
        if not (found := parse(value)):
            raise ValueError("with 0 nothing could ever be done; to have no limit, leave it out")
        return found

    return positive


def counted(number: int, word: str) -> str:
    """So many of something: `1 page`, `1204 pages`."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def counted_grouped(number: int, word: str) -> str:
    """As `counted`, with its thousands apart: `1,204 pages`."""
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def human_bytes(count: float) -> str:
    """Bytes for people: `532 B`, `1.4 MB` (here M is 1024²)."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1024 or unit == "GB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    raise AssertionError("unreachable")


def human_seconds(seconds: float) -> str:
    """Seconds for people: `3.2 s`, `4 min 05 s`, `2 h 10 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"
