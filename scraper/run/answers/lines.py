"""A story as lines for people: a heading, a text, and in which tone it is said. Nothing in them is an escape."""

from __future__ import annotations

import json
import re
import shlex
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

from scraper.run.answers.unmet import Unmet
from scraper.run.answers.why import Disk, Story, ending_of, rules_of, start_of
from scraper.run.answers.words import cut, moment
from scraper.run.events import printable
from scraper.state.story import ItemOf, Lost, Met
from scraper.units import counted_grouped, human_bytes, human_seconds
from scraper.values import dataclass

INDENT = 10
RUNS = 10
"""How many runs are told of each story."""
FIELDS, VALUE = 4, 60
"""Fields of an item, and characters of each."""
TONES = {"saved": "good", "ok": "good", "unchanged": "good", "skipped": "fair", "failed": "bad"}
"""By the first word of an ending."""
KINDS = {"retry": ", a retry", "repair": ", a repair", "adopt": ", which adopted files"}
"""What a run was that was no ordinary one."""
_COMMAND = "$ "
PROBED = frozenset({"dns", "connect", "timeout", "tls", "proxy", "protocol"})
"""Failures of which `scraper probe` tells more."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line; `heading` is empty but in the first one of a section. `tone`: good, fair, bad, or none."""

    heading: str
    text: str
    tone: str = ""

    def __str__(self) -> str:
        return f"{self.heading:<{INDENT}}{self.text}".rstrip()


@dataclass(frozen=True, slots=True)
class Manner:
    """How a story is told.

    Attributes:
        job: how the job is called in commands that are proposed; None: only the folder is known.
        dest: the output folder.
        starts: the entries of `start`, in short.
        width: columns; zone: whose time is told, None: the machine's.
    """

    dest: str
    job: str | None = None
    starts: Sequence[str] = ()
    width: int = 100
    zone: tzinfo | None = None

    @property
    def called(self) -> str:
        """The job in a command that may take the folder."""
        return f"-d {shlex.quote(self.dest)}" if self.job is None else shlex.quote(self.job)


def story_lines(story: Story, manner: Manner) -> list[Line]:
    """All of a story."""
    sections: Iterable[tuple[str, Iterable[str | Line]]] = (
        (story.kind, _named(story)),
        ("ended", _ended(story, manner)),
        ("means", [story.advice.what]),
        ("to do", _todo(story, manner)),
        ("again", [story.again.told]),
        ("found on", _found(story, manner)),
        ("item", _items(story)),
        ("failed", _lost(story.lost)),
        ("name", _name(story)),
        ("attempts", _attempts(story, manner)),
        ("runs", _runs(story, manner)),
    )
    return [line for heading, texts in sections for line in _section(heading, texts, manner.width)]


def unmet_lines(told: Unmet, lost: Sequence[Lost], manner: Manner) -> list[Line]:
    """What can be said of what no run met."""
    sections: tuple[tuple[str, Iterable[str | Line]], ...] = (
        ("asked", [printable(told.asked)]),
        (
            "ended",
            [] if lost else [Line("", "Nothing is called so." if told.is_part else "No run has met it.", "fair")],
        ),
        ("failed", _lost(lost)),
        ("nearest", map(printable, told.near)),
        ("why", () if lost else told.reasons),
    )
    return [line for heading, texts in sections for line in _section(heading, texts, manner.width)]


def _section(heading: str, texts: Iterable[str | Line], width: int) -> Iterator[Line]:
    for text in texts:
        one = text if isinstance(text, Line) else Line("", text)
        for piece in _wrapped(one.text, width - INDENT):
            yield Line(heading, piece, one.tone)
            heading = ""


def _wrapped(text: str, room: int) -> list[str]:
    """A text in lines; what has no blank in it, as URLs, is never broken; columns and commands stay as they are."""
    if len(text) <= room or "  " in text or text.startswith(_COMMAND):
        return [text]
    hanging = " " * 3 if text[0].isdigit() else ""
    return textwrap.wrap(text, room, subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False)


# -- sections ------------------------------------------------------------------------------------------------


def _named(story: Story) -> Iterator[str]:
    method = "" if story.now.method == "GET" else f"{story.now.method} "
    yield method + printable(story.now.url)
    if story.key is not None and story.key != story.now.url:
        yield f"its key is {printable(story.key)}"
    if story.now.final is not None:
        yield f"redirected to {printable(story.now.final)}"
    elif story.redirected:
        yield "a redirect leads on from it, or to it: the page is read once"


def _ended(story: Story, manner: Manner) -> Iterator[str | Line]:
    now = story.now
    status = "" if now.status is None or str(now.status) in (now.ending or "") else f", status {now.status}"
    tries = "" if not now.attempts else f" after {counted_grouped(now.attempts, 'attempt')}"
    took = "" if now.seconds is None else f", {human_seconds(now.seconds)}"
    yield Line("", f"{ending_of(now)}{tries}{took}{status}", _tone(now))
    at = "" if now.ended is None else f"at {_time(now.ended, manner)}, "
    yield f"{at}in run {printable(now.run)}{KINDS.get(story.run_kind, '')}"
    if now.why:
        yield f"the message: {printable(now.why)}"


def _tone(now: Met) -> str:
    return TONES.get(ending_of(now).partition(":")[0], "")


def _todo(story: Story, manner: Manner) -> Iterator[str]:
    if story.advice.todo:
        yield story.advice.todo
    yield from _commands(story, manner)


def _commands(story: Story, manner: Manner) -> Iterator[str]:
    kind, _, name = ending_of(story.now).partition(":")
    url = shlex.quote(printable(story.now.url))
    with_job = "" if manner.job is None else f" --job {shlex.quote(manner.job)}"
    if kind == "failed" and name in PROBED:
        yield f"{_COMMAND}scraper probe {url}{with_job}"
    if story.again.retry and story.advice.again:
        yield _with_job(story, manner, f"retry {manner.called} --class {name}", "retry")
    if story.disk is not None and story.disk.word in ("missing", "changed"):
        yield _with_job(story, manner, f"verify {manner.called} --repair", "verify --repair")


def _with_job(story: Story, manner: Manner, call: str, verb: str) -> str:
    """A command that needs the file of a job, where that is known; else how it is called, or what stands for it."""
    if manner.job is not None:
        return f"{_COMMAND}scraper {call}"
    if story.job == "get":
        return "The same scraper get, called again, fetches what failed and what is missing."
    return f"scraper {verb} asks for it again, with the file of the job."


def _found(story: Story, manner: Manner) -> Iterator[str]:
    now = story.now
    if story.way:
        yield from (f"{'which is on ' if at else ''}{_page(page)}" for at, page in enumerate(story.way))
        last = story.way[-1]
        yield f"which is {_start(last, manner) if last.found_on is None else 'on ' + printable(last.found_on)}"
    else:
        yield printable(now.found_on) if now.found_on else _start(now, manner)
    if now.kind == "page" and rules_of(now):
        number = "" if now.n == 1 else f", as page {now.n} of its list"
        yield f"it is read by the rule {', '.join(map(printable, rules_of(now)))}{number}"


def _page(page: Met) -> str:
    rules = ", ".join(map(printable, rules_of(page)))
    number = "" if page.n == 1 else f", page {page.n} of its list"
    return f"{printable(page.url)}{f' (rule {rules}{number})' if rules else ''}"


def _start(first: Met, manner: Manner) -> str:
    found = start_of(first)
    if found is None:
        return "nowhere that is known"
    entry = found["entry"]
    text = f": {cut(manner.starts[entry], 80)}" if entry < len(manner.starts) else ""
    row = "" if not found["row_index"] else f", row {found['row_index']} {_short(found['row'])}".rstrip()
    return f"named in start[{entry}]{text}{row}"


def _short(value: Any) -> str:
    return "" if value is None else cut(json.dumps(value, ensure_ascii=False), 80)


def _items(story: Story) -> Iterator[str]:
    for item in story.items:
        yield _item(item)
        if item.gone is not None:
            yield f"gone: run {printable(item.gone)} did not meet it any more (it was last met by {item.last_run})"
    if story.item_count > len(story.items):
        yield f"and {story.item_count - len(story.items):,} more"


def _item(item: ItemOf) -> str:
    fields = [f"{printable(name)}: {cut(_text(value), VALUE)}" for name, value in item.fields.items() if value]
    more = ", ..." if len(fields) > FIELDS else ""
    key = "" if _DIGEST.fullmatch(item.key) else f" {cut(item.key, VALUE)}"
    return f"{printable(item.rule)}{key} ({', '.join(fields[:FIELDS])}{more})"


_DIGEST = re.compile("[0-9a-f]{32}")
"""The key of an item that has none of its own says nothing to anybody."""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


_LOST = {
    "shape": "The item was left out, with its files; the rest of the page was read. Compare the page with the selector,"
    " or give the field a default.",
    "name": "The file was not asked for: its path or key cannot be worked out. Give the template a default for what"
    " is empty.",
    "digest": "The file was not asked for: what the page gives as its checksum is none. Mend the selector.",
}
_LOST_ELSE = "It was left out, and the rest of the page was read."


def _lost(lost: Sequence[Lost]) -> Iterator[str | Line]:
    for one in lost:
        yield Line("", f"{printable(one.name)}: {printable(one.message)}", "bad")
        yield f"{_LOST.get(one.name, _LOST_ELSE)} The page is {printable(one.url)}, the run {printable(one.run)}."


def _name(story: Story) -> Iterator[str | Line]:
    if story.kind != "file":
        return
    disk, now = story.disk, story.now
    if disk is None:
        yield "none yet" if now.path is None else f"{printable(now.path)}, which the answer would have made whole"
        return
    yield printable(disk.path)
    yield Line("", _stands(disk), "bad" if disk.word in ("missing", "changed", "folder") else "")
    if disk.sha256 is not None:
        yield f"sha256 {disk.sha256}"
    if now.type:
        yield f"type {printable(now.type)}"


def _stands(disk: Disk) -> str:
    size = "" if disk.size is None else f"{human_bytes(disk.size)} ({disk.size:,} bytes)"
    return {
        "stands": f"{size}, and that is there",
        "changed": f"{size}, but what is there has {disk.found or 0:,} bytes: it was changed since",
        "missing": f"{size}, but nothing is there any more: it was removed or renamed since",
        "folder": "a folder stands there",
        "foreign": f"something is there that no run saved ({disk.found or 0:,} bytes)",
        "none": "nothing came under this name",
    }[disk.word]


def _attempts(story: Story, manner: Manner) -> Iterator[str]:
    if not story.attempts:
        return
    now = story.now
    before = None if now.ended is None or now.seconds is None else now.ended - now.seconds * 1000
    rows = [(one.n, one.ended, f"failed:{one.name}", one.why) for one in story.attempts]
    if now.state == 1 and now.attempts and now.ended is not None:
        rows.append((now.attempts, now.ended, ending_of(now), now.why))
    for n, ended, ending, why in rows:
        took = "" if before is None else f" ({human_seconds(max(0.0, (ended - before) / 1000))})"
        yield f"{n}. at {_time(ended, manner)}{took} {ending}{': ' if why else ''}{printable(why)}"
        before = ended


def _runs(story: Story, manner: Manner) -> Iterator[str]:
    if len(story.runs) < 2:
        return
    shown = story.runs[:RUNS]
    width = max(len(printable(one.run)) for one in shown)
    for one in shown:
        time = "" if one.ended is None else f"  {_time(one.ended, manner)}"
        yield f"{printable(one.run):<{width}}  {ending_of(one)}{time}"
    if len(story.runs) > RUNS:
        yield f"and {len(story.runs) - RUNS:,} more before"


def _time(ms: int, manner: Manner) -> str:
    return moment(datetime.fromtimestamp(ms / 1000, UTC), manner.zone)
