"""Exit codes, times and texts as people read them. Pure: the moment and the zone are arguments."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo

from scraper.run.events import printable

EXITS: Mapping[int, tuple[str, str]] = {
    0: ("done", "done, nothing failed"),
    1: ("bug", "a bug: the traceback is in its log"),
    2: ("usage", "wrong usage"),
    3: ("invalid", "the job is invalid"),
    4: ("failures", "finished, but some failed"),
    5: ("limit", "stopped by a limit: disk, deadline, quota, failures"),
    6: ("busy", "another run held the folder"),
    7: ("expect", "what the job expects is not met"),
    99: ("nothing", "done, nothing new"),
    130: ("stopped", "stopped by SIGINT (Ctrl-C)"),
    143: ("stopped", "stopped by SIGTERM"),
}
"""By exit code (DESIGN 2): a word, and a sentence."""
RUNNING = ("running", "under way now")
CUT_OFF = ("cut off", "cut off (killed, or the machine went down)")
MINUTE, HOUR, DAY = 60, 3600, 86400


def exit_told(code: int | None, *, is_open: bool, is_running: bool, by: str) -> tuple[str, str]:
    """How a run ended: a word, and a sentence.

    Args:
        code: its exit code; None: no process of it came to an end.
        by: the command that goes on with it where it is open.
    """
    if is_running:
        return RUNNING
    word, text = CUT_OFF if code is None else EXITS.get(code, (f"exit {code}", f"ended with exit code {code}"))
    return word, f"{text}; open: {by} goes on with it" if is_open else text


def moment(when: datetime, zone: tzinfo | None = None) -> str:
    """`2026-11-22 03:00:07` in a zone; None: the machine's."""
    return f"{when.astimezone(zone):%Y-%m-%d %H:%M:%S}"


def short_moment(when: datetime, zone: tzinfo | None = None) -> str:
    """`22 Nov 03:00`, in English whatever the machine speaks."""
    there = when.astimezone(zone)
    return f"{there.day:2} {_MONTHS[there.month - 1]} {there:%H:%M}"


_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def short_size(count: float) -> str:
    """Bytes in five characters: `532`, `1.4k`, `12M`, `3.0G` (here M is 1024²)."""
    for unit in ("", "k", "M", "G", "T"):
        if count < 1000 or unit == "T":
            return f"{count:.0f}{unit}" if not unit or count >= 10 else f"{count:.1f}{unit}"
        count /= 1024
    raise AssertionError("unreachable")


def distance(when: datetime, now: datetime) -> str:
    """`3 h ago`, `in 20 min`, `now`: no more than eight characters."""
    seconds = (when - now) / timedelta(seconds=1)
    size = short_time(abs(seconds))
    return "now" if abs(seconds) < 1 else f"in {size}" if seconds > 0 else f"{size} ago"


def short_time(seconds: float) -> str:
    """`7 s`, `59 min`, `23 h`, `364 d`: the largest unit alone, rounded down."""
    for least, unit, word in ((DAY, DAY, "d"), (HOUR, HOUR, "h"), (MINUTE, MINUTE, "min")):
        if seconds >= least:
            return f"{int(seconds // unit)} {word}"
    return f"{int(seconds)} s"


def cut(text: str, most: int | None) -> str:
    """A text as one line that fits, fit for a terminal."""
    shown = printable(text)
    return shown if most is None or len(shown) <= most else f"{shown[: most - 1]}…"
