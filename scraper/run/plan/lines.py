"""A plan as lines for people: what a screen holds, the number before the name, a unit behind each number. Pure.

Each section is a heading in a column of its own and lines beside it. What comes from outside (URLs, names, messages)
is made printable, and cut where a terminal has a width.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from scraper.run.events import printable
from scraper.run.plan.estimate import RATE, HostPlan, Plan, Sizes
from scraper.run.plan.facts import PAGES, Group, RuleFacts
from scraper.units import Delay, counted_grouped, human_bytes, human_seconds

FIRST = 10
"""Names and hosts that are told where not all are wanted."""
TOLD = {"skipped": 1, "failed": 3}
"""Examples of what is left out, by the first word of the ending."""
COLLISIONS = 5
INDENT = 12
FOREIGN = frozenset({"left out", "names", "collisions"})
"""Sections whose lines may be of any length; in others nothing may be cut."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line; its heading, where a section begins."""

    text: str
    heading: str = ""

    def __str__(self) -> str:
        return f"{self.heading:<{INDENT}}{self.text}".rstrip()


def lines(
    plan: Plan, names: Iterable[Mapping[str, Any]], *, whole: bool = False, width: int | None = None
) -> list[Line]:
    """All sections.

    Args:
        names: of the files (walk.Walked.names); read no further than needed.
        whole: all names, collisions, hosts and examples instead of the first.
        width: columns to which lines of names and URLs are cut; None: not cut.
    """
    most = None if whole else FIRST
    kept, collided = _first(names, most, plan.facts.collisions)
    sections = (
        ("dest", _dest(plan)),
        ("limit", _limit(plan)),
        ("pages", _pages(plan)),
        ("left out", _left_out(plan.facts.left_out, whole=whole)),
        ("files", _files(plan)),
        ("names", _names(kept, sum(plan.facts.files.values()))),
        ("collisions", _collisions(collided, plan.facts.collisions)),
        ("sizes", _sizes(plan)),
        ("hosts", _hosts(plan.hosts, most)),
        ("time", _time(plan)),
    )
    told = [Line("", f"{plan.facts.job}: what a run would do now; nothing is written")]
    for heading, texts in sections:
        room = width if heading in FOREIGN else None
        told += [Line(_cut(text, room), "" if at else heading) for at, text in enumerate(texts)]
    return told


def _first(
    names: Iterable[Mapping[str, Any]], most: int | None, collisions: int
) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """The first names that would be fetched, and the first that collided; all of both where `most` is None."""
    kept: list[Mapping[str, Any]] = []
    collided: list[Mapping[str, Any]] = []
    wanted = collisions if most is None else min(COLLISIONS, collisions)
    for name in names:
        if most is None or (name["ending"] is None and len(kept) < most):
            kept.append(name)
        if name["instead_of"] is not None and len(collided) < wanted:
            collided.append(name)
        if most is not None and len(kept) >= most and len(collided) >= wanted:
            break
    return kept, collided


def _cut(text: str, width: int | None) -> str:
    room = None if width is None else max(20, width - INDENT)
    return text if room is None or len(text) <= room else f"{text[: room - 1]}…"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Aligned columns: the first to the left, the others to the right."""
    every = [head, *rows]
    widths = [max(len(row[at]) for row in every) for at in range(len(head))]
    return [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in every
    ]


# -- sections ----------------------------------------------------------------------------------------------


def _dest(plan: Plan) -> Iterator[str]:
    yield f"{printable(plan.facts.dest)}{', which does not exist yet' if plan.facts.is_new else ''}"
    if plan.facts.continues:
        yield "an open run would be continued: what it has done is not done again"
    if plan.facts.stopped:
        yield "stopped before all pages were read: what follows is what was seen until then"


def _limit(plan: Plan) -> Iterator[str]:
    facts, unread = plan.facts, plan.total.pages.get("unread", 0)
    if facts.reached:
        yield f"--limit {facts.limit} was reached: what lies behind it is unknown, not nothing"
        if unread:
            yield f"{counted_grouped(unread, 'page')} known by then {'is' if unread == 1 else 'are'} not read"
    elif facts.limit is not None:
        yield f"--limit {facts.limit} was not reached: this is all there is"


def _pages(plan: Plan) -> list[str]:
    rules = plan.facts.rules
    if not rules:
        return ["none"]
    rows = [_rule(each, each.rule or "(no rule)") for each in rules]
    if len(rules) > 1:
        rows.append(_rule(plan.total, "in all"))
    return table(("by rule", *PAGES, "items", "items failed", "files"), rows)


def _rule(rule: RuleFacts, name: str) -> list[str]:
    counts = (*(rule.pages.get(ending, 0) for ending in PAGES), rule.items, rule.failed, rule.files)
    return [printable(name), *(f"{count:,}" for count in counts)]


def _left_out(groups: Iterable[Group], *, whole: bool) -> Iterator[str]:
    for group in groups:
        most = len(group.examples) if whole else TOLD.get(group.ending.partition(":")[0], 1)
        shown = group.examples[:most]
        rest = f", the first {len(shown)}" if group.count > len(shown) > 1 else ""
        yield f"{counted_grouped(group.count, group.kind)} {printable(group.ending)}{rest}:"
        for url, why in shown:
            yield f"  {printable(url)}{f' ({printable(why)})' if why else ''}"


def _files(plan: Plan) -> Iterator[str]:
    facts = plan.facts
    told = [f"{counted_grouped(facts.files.get('fetch', 0), 'file')} to fetch"]
    told += [f"{count:,} {printable(ending)}" for ending, count in sorted(facts.files.items()) if ending != "fetch"]
    yield ", ".join(told)
    if facts.unfinished:
        yield (
            f"{counted_grouped(facts.unfinished, 'name')} without extension yet: the response tells it,"
            " and then only whether such a file exists"
        )


def _names(kept: list[Mapping[str, Any]], total: int) -> Iterator[str]:
    for name in kept:
        ending = f"  {printable(name['ending'])}" if name["ending"] else ""
        yield f"{printable(name['path'] or name['url'])}{'' if name['whole'] else '.?'}{ending}"
    if total > len(kept) and kept:
        yield f"… of {total:,} in all; -v tells all of them, --json with their URLs"


def _collisions(collided: list[Mapping[str, Any]], total: int) -> Iterator[str]:
    for name in collided:
        bearer = printable(name["borne_by"] or "a folder")
        yield f"{printable(name['path'] or '')} for {printable(name['url'])}"
        yield f"  since {printable(name['instead_of'])} is of {bearer}"
    if total > len(collided):
        yield f"… of {total:,} names that were taken"


def _sizes(plan: Plan) -> Iterator[str]:
    sizes = plan.sizes
    if not plan.facts.files.get("fetch"):
        return
    if sizes is None:
        yield "not asked for (--sample 0)"
        return
    yield _estimate(sizes)
    if sizes.unknown:
        why = ", ".join(f"{count} {printable(each)}" for each, count in sorted(sizes.unknown.items()))
        yield f"{sizes.sampled - sizes.known} of {sizes.sampled} asked did not say: {why}"
    for host, count in sorted(sizes.led_to.items()):
        yield f"{count} of {sizes.sampled} asked were answered by {printable(host)}, where a redirect led"


def _estimate(sizes: Sizes) -> str:
    if sizes.total is None or sizes.mean is None:
        return "unknown: no server that was asked says them"
    if sizes.known == sizes.files:
        return f"{human_bytes(sizes.total)} in all, {human_bytes(sizes.mean)} a file, as the servers say"
    spread = "how far it may be off is unknown"
    if sizes.low is not None and sizes.high is not None:
        spread = f"{human_bytes(sizes.low)} to {human_bytes(sizes.high)}"
    of = f"from {sizes.known} of {sizes.files:,} files"
    return f"about {human_bytes(sizes.total)} in all ({spread}), {human_bytes(sizes.mean)} a file: an estimate {of}"


def _hosts(hosts: Sequence[HostPlan], most: int | None) -> list[str]:
    if not hosts:
        return []
    rows = [_host(each) for each in islice(hosts, most)]
    head = ("longest first", "pages", "files", "requests", "per_host", "delay", "answer", "at least")
    rest = [f"… of {len(hosts):,} hosts in all"] if len(hosts) > len(rows) else []
    return [*table(head, rows), *rest]


def _host(host: HostPlan) -> list[str]:
    facts = host.facts
    answer = "?" if facts.answer is None else f"{1000 * facts.answer:,.0f} ms"
    counts = [f"{count:,}" for count in (facts.pages, facts.files, host.requests, facts.per_host)]
    return [printable(facts.host), *counts, _delay(facts.delay, facts.crawl_delay), answer, human_seconds(host.seconds)]


def _delay(delay: Delay, crawl_delay: float) -> str:
    own = f"{delay.low:g} s" if delay.low == delay.high else f"{delay.low:g}-{delay.high:g} s"
    if crawl_delay <= delay.low:
        return own
    return f"{crawl_delay:g} s (robots.txt)" if crawl_delay >= delay.high else f"{own}, {crawl_delay:g} s (robots.txt)"


def _time(plan: Plan) -> Iterator[str]:
    behind = "; the bytes on the wire come on top"
    if not plan.bound_by:
        yield "politeness asks for no waiting, and no answer was timed"
        return
    rate = f"{RATE} is {human_bytes(plan.facts.rate or 0)}/s"
    if plan.bound_by == RATE:
        yield f"at least {human_seconds(plan.seconds)}: {rate}"
        return
    yield f"at least {human_seconds(plan.seconds)}: {printable(plan.bound_by)} takes that long{behind}"
    if plan.rate_seconds is not None:
        yield f"{rate}, which takes {human_seconds(plan.rate_seconds)} of it"
