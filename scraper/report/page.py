"""The page of one run. Pure: what was asked for in, HTML out; the same in gives the same out, to the byte.

The order is that of the questions of a morning: is it well, what failed and what to do, what came and changed, then
how it went and with which settings. A section that has nothing to say is left out.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from scraper.model import Summary
from scraper.report import charts
from scraper.report.changes import Changes, ItemChange
from scraper.report.facts import BINS, TIMES, Course, Facts, Run
from scraper.report.failures import CLASSES, Group
from scraper.report.logs import Log
from scraper.report.markup import EMPTY, NEWLINE, Safe, joined, link, shortened, tag, value
from scraper.report.parts import Section, document, table, when, within
from scraper.report.pictures import MISSING, Sheet, Thumb
from scraper.report.saved import FileChange, Listed
from scraper.units import counted_grouped, human_bytes, human_seconds
from scraper.values import dataclass

EXITS = {
    0: ("good", "Done, nothing failed"),
    1: ("bad", "Ended by a bug: the traceback is in the log"),
    4: ("bad", "Finished, but something failed"),
    5: ("warn", "Stopped by a limit: disk, deadline, quota or failures"),
    7: ("bad", "It did not bring what the job expects"),
    99: ("good", "Done, nothing new"),
    130: ("warn", "Stopped by Ctrl-C (SIGINT), after a clean drain"),
    143: ("warn", "Stopped by SIGTERM, after a clean drain"),
}
"""Exit code (DESIGN 2) -> how it is shown, and in words."""
KINDS = {
    "retry": "a retry of what failed",
    "repair": "a repair of damaged files",
    "adopt": "an adoption of files that were there",
}
_CELL = 140
_SHORT = 1.0
"""Seconds in which nothing has a course."""
_ROOM_SETTINGS = 60_000
_ROOM_PICTURES = 1_180_000
"""Characters of markup; all lists together, each as long as it may be, stay below 2 MB."""


@dataclass(frozen=True, slots=True)
class Told:
    """All that a page says.

    Attributes:
        settings: as text; "" where nobody knows them any more.
        job: how the job is named on a command line: its file, or `-d DIR`.
        to_dest: the relative URL of the output folder from where the page lies.
        is_timed: whether its times are of a network; in a replay they say nothing and are left out.
    """

    run: Run
    summary: Summary
    facts: Facts
    changes: Changes
    groups: Sequence[Group]
    log: Log
    sheet: Sheet
    settings: str
    job: str
    to_dest: str
    is_timed: bool


def page(told: Told) -> str:
    """The page."""
    title = f"{told.run.job}: run {told.run.id}"
    return document(
        title, _head(told), list(_sections(told)), "Made by scraper. Nothing in this page is loaded or run."
    )


def _sections(told: Told) -> Iterator[Section]:
    for id_, title, make in _PARTS:
        body = make(told)
        if body:
            yield Section(id_, title, body)


# -- head --------------------------------------------------------------------------------------------------


def exit_words(code: int | None) -> tuple[str, str]:
    """How an exit code is shown, and in words."""
    if code is None:
        return "warn", "Not ended: under way, or cut off"
    return EXITS.get(code, ("bad", f"Ended with exit code {code}"))


def _head(told: Told) -> Safe:
    run = told.run
    kind, words = exit_words(run.exit_code)
    state = (
        "open: the same command continues it" if run.is_open else "complete" if run.is_complete else _not_complete(run)
    )
    facts = [
        ("Run", tag("code", run.id)),
        ("Began", when(run.started)),
        ("Exit code", "-" if run.exit_code is None else str(run.exit_code)),
        ("State", state),
        ("Compared with", tag("code", run.last) if run.last else "nothing: it is the first run of the job"),
    ]
    if told.is_timed:
        facts.insert(2, ("Took", human_seconds(told.summary.seconds)))
    rows = joined(joined((tag("dt", name), tag("dd", said))) for name, said in facts)
    return joined(
        (
            tag("h1", value(run.job)),
            tag("p", words, class_=f"lead {kind}"),
            tag("dl", rows, class_="facts"),
            _tiles(told),
        )
    )


def _not_complete(run: Run) -> str:
    if run.kind != "run":
        return f"{KINDS.get(run.kind, run.kind)}: such a run is never complete, and nothing becomes gone by it"
    if run.item_limit is not None:
        return f"limited to {run.item_limit}: such a run is never complete, and nothing becomes gone by it"
    return "not complete: nothing becomes gone by it"


def _tiles(told: Told) -> Safe:
    summary = told.summary
    failed = summary.pages.failed + summary.items.failed + summary.files.failed
    items = summary.items
    shown: list[tuple[str, int | str, str]] = [
        ("pages read", summary.pages.ok + summary.pages.unchanged, ""),
        *([("new items", items.new, ""), ("changed items", items.changed, ""), ("gone items", items.gone, "")]
          if items.total or items.gone else []),
        ("files saved", summary.files.saved, ""),
        ("saved", human_bytes(summary.bytes), ""),
        ("failed", failed, "bad" if failed else "good"),
    ]  # fmt: skip
    return tag("ul", joined(_tile(*each) for each in shown), class_="tiles")


def _tile(word: str, number: int | str, kind: str) -> Safe:
    told = f"{number:,}" if isinstance(number, int) else number
    return tag("li", tag("strong", told, class_=kind or None), word)


# -- what changed ------------------------------------------------------------------------------------------


def _expected(told: Told) -> Safe:
    misses = within((tag("li", value(each, 1000)) for each in told.log.misses), 20_000)
    if not misses:
        return EMPTY
    said = tag("p", "The run ended, but is not what the job says under expect. The site may have changed: look at the"
               " selectors named here.")  # fmt: skip
    return joined((said, tag("ul", joined(misses), class_="examples")))


def _changed(told: Told) -> Safe:
    found = told.changes
    parts = [
        _items(told, "New items", found.new_items, told.summary.items.new),
        _items(told, "Changed items", found.changed_items, told.summary.items.changed, old=True),
        _items(told, "Gone items", found.gone_items, told.summary.items.gone, what=""),
        _files(told, "New files", found.new_files),
        _files(told, "Changed files", found.changed_files),
        _files(told, "Gone files: no longer met at the source", found.gone_files, ""),
    ]
    if not any(parts):
        return tag("p", "Nothing is new, nothing changed and nothing is gone.")
    late = "Later runs have met these items again; what changed in this one is known only as far as they left it."
    return joined([*parts, EMPTY if told.run.is_newest else tag("p", late, class_="soft")])


def _items(told: Told, title: str, listed: Listed, total: int, *, old: bool = False, what: str = "items") -> Safe:
    if not max(total, listed.total):
        return EMPTY
    shown = within(tag("li", *_item_parts(each, old=old)) for each in listed.shown)
    made = tag("ul", joined(shown), class_="entries", aria_label=title) if shown else EMPTY
    more = _more(told, max(total, listed.total) - len(shown), what)
    return joined((tag("h3", f"{title}: {max(total, listed.total):,}"), made, more))


def _item_parts(item: ItemChange, *, old: bool) -> tuple[Safe, Safe]:
    name = joined((tag("strong", value(item.key, _CELL)), " ", tag("span", value(item.rule, 60), class_="name")))
    page = tag("div", link(item.url, _CELL)) if item.url else EMPTY
    fields = joined(tag("li", _field(*each, old=old)) for each in item.fields)
    return tag("div", name, page), tag("ul", fields, class_="fields") if fields else EMPTY


def _field(name: str, was: str | None, is_: str | None, *, old: bool) -> Safe:
    head = joined((tag("span", value(name, 60), ":", class_="name"), " "))
    if not old:
        return joined((head, _shown(is_)))
    was, is_ = _from_where_they_differ(was, is_)
    return joined((head, tag("del", _shown(was)), " → ", tag("ins", _shown(is_))))


def _from_where_they_differ(was: str | None, is_: str | None) -> tuple[str | None, str | None]:
    """Two long texts from a little before their first difference on, which would not be shown otherwise."""
    if was is None or is_ is None or max(len(was), len(is_)) <= _CELL:
        return was, is_
    same = next((at for at, (a, b) in enumerate(zip(was, is_, strict=False)) if a != b), min(len(was), len(is_)))
    cut = max(0, same - _CELL // 3)
    return (f"…{was[cut:]}", f"…{is_[cut:]}") if cut else (was, is_)


def _shown(text: str | None) -> Safe:
    if text is None:
        return joined(["(not there)"])
    return link(text, _CELL) if text.startswith(("http://", "https://")) else value(text, _CELL)


def _files(told: Told, title: str, listed: Listed, what: str = "files") -> Safe:
    if not listed.total:
        return EMPTY
    heads = (("File", None), ("From", None), ("Size", "number"))
    shown = within(joined((*_file_cells(told, each),)) for each in listed.shown)
    head = joined(tag("th", word, scope="col", class_=kind) for word, kind in heads)
    rows = joined(tag("tr", each) for each in shown)
    made = tag("table", tag("thead", tag("tr", head)), tag("tbody", rows), aria_label=title)
    more = _more(told, listed.total - len(shown), what)
    return joined((tag("h3", f"{title}: {listed.total:,}"), made, more))


def _file_cells(told: Told, file: FileChange) -> Iterator[Safe]:
    yield tag("th", _local(told, file.path), scope="row")
    yield tag("td", link(file.url, _CELL))
    sizes = [human_bytes(size) for size in (file.before, file.bytes) if size is not None]
    yield tag("td", " → ".join(dict.fromkeys(sizes)), class_="number")


def _local(told: Told, path: str, body: Safe | None = None) -> Safe:
    """A link to a file of the run, by a relative URL of which every part is encoded."""
    if not path:
        return body or value("(no name)")
    parts = "/".join(quote(part, safe="", errors="surrogateescape") for part in path.split("/"))
    return tag("a", body or value(path, _CELL), href=told.to_dest + parts)


def _more(told: Told, number: int, what: str) -> Safe:
    """How many more there are, and how they are told; `what`: of export, "" where it tells them not."""
    if number <= 0:
        return EMPTY
    if not what:
        return tag("p", f"and {number:,} more", class_="soft")
    return tag("p", f"and {number:,} more: ", tag("code", _command(told, "export", "--what", what)), class_="soft")


def _command(told: Told, verb: str, *options: str) -> str:
    run = ("--run", told.run.id) if verb == "export" else ()
    return " ".join(["scraper", verb, told.job, *map(shlex.quote, (*run, *options))])


# -- pictures ----------------------------------------------------------------------------------------------


def _pictures(told: Told) -> Safe:
    sheet = told.sheet
    if not sheet.total:
        return EMPTY
    if sheet.is_missing:
        return tag("p", f"{counted_grouped(sheet.total, 'new picture')}; ", tag("span", MISSING))
    cells = [tag("li", _thumb(told, each)) for each in sheet.thumbs]
    kept = within(cells, _ROOM_PICTURES)
    more = _more(told, sheet.total - len(kept), "files")
    return joined(
        (tag("p", counted_grouped(sheet.total, "new picture")), tag("ul", joined(kept), class_="sheet"), more)
    )


def _thumb(told: Told, thumb: Thumb) -> Safe:
    """A picture and its name in one link: the name is the text alternative, so the picture has an empty one."""
    name = value(thumb.path, 80)
    if not thumb.data:
        why = tag("p", f"No thumbnail: {shortened(thumb.why, 120)}", class_="soft")
        return joined((_local(told, thumb.path, name), why))
    width, height = thumb.size
    image = tag("img", src=thumb.data, alt="", width=width, height=height)
    return _local(told, thumb.path, joined((image, name)))


# -- failures ----------------------------------------------------------------------------------------------


def _failures(told: Told) -> Safe:
    if not told.groups:
        return EMPTY
    shown = within((_group(told, each) for each in told.groups[:CLASSES]), 180_000)
    left = sum(each.count for each in told.groups[len(shown) :])
    return joined((*shown, _more(told, left, "failures")))


def _group(told: Told, group: Group) -> Safe:
    examples = within((_example(each) for each in group.examples), 30_000)
    more = _more(told, group.count - len(examples), "failures")
    parts = [
        tag("h3", value(group.name, 60), f": {group.count:,}"),
        tag("p", group.advice.what),
        tag("p", tag("strong", "Next step: "), group.advice.todo) if group.advice.todo else EMPTY,
        _again(told, group) if group.advice.again else EMPTY,
        tag("ul", joined(examples), class_="examples"),
        more,
    ]
    return tag("div", *parts, class_="group")


def _again(told: Told, group: Group) -> Safe:
    """How it is asked for again: a retry needs the file of its job."""
    if not told.job.startswith("-d "):
        return tag("p", tag("code", _command(told, "retry", "--class", group.name)))
    if told.run.job == "get":
        return tag("p", "The same scraper get, called again, asks for what failed.")
    return tag("p", "scraper retry asks for it again, with the file of the job.")


def _example(failed: Any) -> Safe:
    said = value(failed.message, 240) if failed.message else EMPTY
    kind = tag("span", f"{failed.kind} ", class_="name")
    return tag("li", kind, link(failed.url, 240), ": " if said else EMPTY, said)


# -- how it went -------------------------------------------------------------------------------------------


def _course(told: Told) -> Safe:
    facts = told.facts
    parts = [_throughput(facts.course) if facts.course is not None and told.is_timed else EMPTY]
    parts += [_endings("Pages by ending", facts.pages), _endings("Files by ending", facts.files), _hosts(facts)]
    parts.append(_times(facts.times) if told.is_timed else EMPTY)
    if not any(parts):
        return EMPTY
    if not told.is_timed:
        parts.append(
            tag("p", "This run was answered from a tape: its times say nothing and are left out.", class_="soft")
        )
    return joined(parts)


def _throughput(course: Course) -> Safe:
    span = (course.end - course.begin + 1) / 1000
    if span < _SHORT:
        return tag("p", "All of it came within a second.")
    seconds = span / BINS
    peaks = [max(each) / seconds for each in (course.bytes, course.ended)]
    parts = [tag("h3", "Over time")]
    if any(course.bytes):
        told = f"Bytes of saved files a second, over {human_seconds(span)}; at most {human_bytes(peaks[0])}/s"
        parts.append(_figure(told, charts.columns(course.bytes, told), _axis(course)))
    told = f"Pages and files that ended a second, over {human_seconds(span)}; at most {peaks[1]:,.1f}/s"
    parts.append(_figure(told, charts.columns(course.ended, told, kind="kept"), _axis(course)))
    return joined(parts)


def _figure(told: str, *parts: Safe) -> Safe:
    return tag("figure", tag("figcaption", told), *parts)


def _axis(course: Course) -> Safe:
    ends = (datetime.fromtimestamp(each / 1000, UTC) for each in (course.begin, course.end))
    form = "%H:%M:%S" if course.end - course.begin < 86_400_000 else "%Y-%m-%d %H:%M"
    return tag("div", joined(tag("span", f"{each:{form}}") for each in ends), class_="axis")


def _endings(title: str, counted: Sequence[tuple[str, int]]) -> Safe:
    if not counted:
        return EMPTY
    total = sum(number for _, number in counted)
    rows = (
        (value(ending, 80), f"{number:,}", charts.bar(number / total, kind=_kind(ending))) for ending, number in counted
    )
    heads = (("Ending", None), ("Count", "number"), ("Share", "bars"))
    return joined((tag("h3", title), table(f"How {counted_grouped(total, 'URL')} ended", heads, list(rows))))


def _kind(ending: str) -> str:
    return "failed" if ending.startswith("failed") else "" if ending.startswith("skipped") else "kept"


def _hosts(facts: Facts) -> Safe:
    if not facts.hosts:
        return EMPTY
    most = max(host.requests for host in facts.hosts)
    rows = [
        (value(host.name, 120), f"{host.requests:,}", f"{host.failed:,}", charts.bar(host.requests / most))
        for host in facts.hosts
    ]
    heads = (("Host", None), ("Requests", "number"), ("Failed", "number"), ("Share", "bars"))
    more = f"and {facts.more_hosts:,} more hosts" if facts.more_hosts else ""
    again = f"; {counted_grouped(facts.retried, 'attempt')} failed and were made again" if facts.retried else ""
    return joined((tag("h3", "Requests by host"), table(f"All attempts counted{again}", heads, rows, more)))


def _times(times: Sequence[int]) -> Safe:
    total = sum(times)
    if not total:
        return EMPTY
    steps = [*(f"{upper / 1000:g}" for upper in TIMES), "more"]
    most = steps[times.index(max(times))]
    told = f"How many pages and files took up to so many seconds, waits included; most of {total:,}: {most}"
    labels = tag("div", joined(tag("span", step) for step in steps), class_="axis steps")
    return joined((tag("h3", "Response times"), _figure(told, charts.columns(times, told), labels)))


# -- the rest ----------------------------------------------------------------------------------------------


def _warnings(told: Told) -> Safe:
    if not told.log.lines:
        return EMPTY
    lines = within((tag("li", _line(told, each.time, each.level, each.message)) for each in told.log.lines), 40_000)
    left = told.log.more + len(told.log.lines) - len(lines)
    more = tag("p", f"and {left:,} more in log.jsonl beside this page", class_="soft") if left else EMPTY
    return joined((tag("ul", joined(lines), class_="examples"), more))


def _line(told: Told, time: str, level: str, message: str) -> Safe:
    stamp = tag("span", f"{time[:19].replace('T', ' ')} ", class_="name") if told.is_timed else EMPTY
    return joined(
        (stamp, tag("strong", f"{level}: ", class_="warn" if level == "warning" else "bad"), value(message, 1000))
    )


def _settings(told: Told) -> Safe:
    if not told.settings:
        return EMPTY
    shown = [tag("span", line, NEWLINE) for line in told.settings[:_ROOM_SETTINGS].split("\n")]
    kept = joined(within(shown, _ROOM_SETTINGS * 3 // 2))
    cut = (
        tag("p", "and more: the job file has the rest", class_="soft") if len(told.settings) > _ROOM_SETTINGS else EMPTY
    )
    said = "What the job says, and the command line over it. Secrets are marks such as {env:API_KEY}, or blanked."
    return joined((tag("p", said, class_="soft"), tag("pre", kept, id=SETTINGS), cut))


SETTINGS = "settings-text"
"""The id of the settings' text, by which they are found again when the page is rebuilt."""

_PARTS = (
    ("expected", "Not as expected", _expected),
    ("failures", "What failed", _failures),
    ("changes", "What changed", _changed),
    ("pictures", "New pictures", _pictures),
    ("course", "How it went", _course),
    ("warnings", "Warnings of the log", _warnings),
    ("settings", "Settings used", _settings),
)
