"""What a run's log.jsonl warned of. Read line by line: a log may be longer than memory."""

from __future__ import annotations

import json
from pathlib import Path

from scraper.values import dataclass

SHOWN = 50
_MARKS = (b'"level": "warning"', b'"level": "error"', b'"level": "critical"')
_ENDINGS = "scraper.endings"  # what failed is told by class
_EXPECT = "expect."
_LONGEST = 1 << 20
"""Bytes of a line that is read."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the log; `time` as it stands there (ISO 8601, UTC)."""

    time: str
    level: str
    message: str


@dataclass(frozen=True, slots=True)
class Log:
    """What the log says.

    Attributes:
        lines: the first warnings and errors; more: how many others.
        misses: what of `expect` was not met, each once, in order.
    """

    lines: tuple[Line, ...] = ()
    more: int = 0
    misses: tuple[str, ...] = ()


def read(path: Path) -> Log:
    """The log of a run; one that is not there says nothing.

    A run that is continued writes to the same log: what `expect` missed was judged at its end, once.
    """
    lines: list[Line] = []
    misses: dict[str, None] = {}
    more = 0
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return Log()
    with file:
        while raw := file.readline(_LONGEST):
            said = _line(raw)
            if said is None:
                continue
            if said.message.startswith(_EXPECT) and said.level == "error":
                misses[said.message] = None
            elif len(lines) < SHOWN:
                lines.append(said)
            else:
                more += 1
    return Log(tuple(lines), more, tuple(misses))


def _line(raw: bytes) -> Line | None:
    """A warning or an error; None for anything else, also for a line that a full disk cut."""
    if not any(mark in raw for mark in _MARKS):
        return None
    try:
        said = json.loads(raw)
        if said["logger"] == _ENDINGS or said["level"] not in ("warning", "error", "critical"):
            return None
        trace = f"\n{said['traceback']}" if "traceback" in said else ""
        return Line(str(said["time"]), said["level"], f"{said['message']}{trace}")
    except (ValueError, KeyError, TypeError):
        return None
