"""Whether a run brought what its job expects (JOBS.md, `expect`). Pure: facts in, what is missed out.

    items    items that the run met
    files    files that stand there: saved, unchanged, or there already
    failed   pages, items and files that failed; in percent, of all that were tried (what was skipped was not)
    filled   of the items of rules that give the field, those where it is not empty
    drop     how many items fewer than the last complete run met; in percent, of those

What is missed is told with what came, and with the selector that went empty: where a field is, its own; where items
are, the `each` of a rule whose pages gave none, or the `follow` that leads to a rule without pages. A share of nothing
is never missed: where no item came, `items` tells it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from scraper import units
from scraper.values import dataclass

if TYPE_CHECKING:
    from scraper.job.model import Job

_PARTS = ("select", "each", "url", "form", "css", "xpath", "regex", "jmespath", "match", "template")
_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Filled:
    """How many items have a field, of how many; rule and URL of the first one that has not."""

    having: int
    of: int
    rule: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a run brought.

    Attributes:
        items, files, failed: as the module says; tried: what could have failed.
        filled: by field, for the fields that `expect.filled` names.
        before: items of the last complete run; None: nobody knows.
        items_of, pages_of: by rule, how many items were met and how many pages were read.
        is_fileless: whether no page or row gave any file.
    """

    items: int
    files: int
    failed: int
    tried: int
    filled: Mapping[str, Filled]
    before: int | None
    items_of: Mapping[str, int]
    pages_of: Mapping[str, int]
    is_fileless: bool


def misses(job: Job, facts: Facts) -> Iterator[str]:
    """What of `expect` is not met, each in a sentence."""
    for name, judge in _JUDGES.items():
        asked = getattr(job.expect, name)
        if asked is not None:
            yield from judge(job, facts, asked)


def _items(job: Job, facts: Facts, asked: str | int) -> Iterator[str]:
    if not units.bound(asked).holds(facts.items):
        yield f"expect.items: {_count(facts.items, 'item')}, not {asked}{_found_nothing(_without_items(job, facts))}"


def _files(job: Job, facts: Facts, asked: str | int) -> Iterator[str]:
    if not units.bound(asked).holds(facts.files):
        empty = _without_files(job, facts) if facts.is_fileless else ()
        yield f"expect.files: {_count(facts.files, 'file')}, not {asked}{_found_nothing(empty)}"


def _failed(job: Job, facts: Facts, asked: str | int) -> Iterator[str]:
    if not units.bound(asked).holds(facts.failed, facts.tried):
        share = _share(facts.failed, facts.tried)
        yield f"expect.failed: {facts.failed} of {facts.tried} pages, items and files failed{share}, not {asked}"


def _filled(job: Job, facts: Facts, asked: Mapping[str, str | int]) -> Iterator[str]:
    for name, bound in asked.items():
        found = facts.filled[name]
        if units.bound(bound).holds(found.having, found.of):
            continue
        told = f"{found.having} of {_count(found.of, 'item')}{_share(found.having, found.of)} have it, not {bound}"
        yield f"expect.filled.{name}: {told}{_first(job, name, found)}"


def _first(job: Job, name: str, found: Filled) -> str:
    rule = job.rules.get(found.rule)
    if not found.url:
        return ""
    if rule is None or name not in rule.item:
        return f"; first empty for {found.url}"
    return f"; rules.{found.rule}.item.{name}{_written(rule.item[name])} found nothing, first on {found.url}"


def _drop(job: Job, facts: Facts, asked: str | int) -> Iterator[str]:
    if facts.before is None:
        return
    less = max(0, facts.before - facts.items)
    if not units.bound(asked).holds(less, facts.before):
        told = f"{_count(facts.items, 'item')} where the last complete run met {facts.before}"
        share = _share(less, facts.before)
        yield f"expect.drop: {told}, {less} fewer{share}, not {asked}{_found_nothing(_without_items(job, facts))}"


_JUDGES: dict[str, Callable[[Job, Facts, Any], Iterator[str]]] = {
    "items": _items,
    "files": _files,
    "failed": _failed,
    "filled": _filled,
    "drop": _drop,
}

# -- what went empty ---------------------------------------------------------------------------------------


def _without_items(job: Job, facts: Facts) -> Iterator[str]:
    """The selectors that keep rules from giving any item."""
    for name, rule in job.rules.items():
        if not rule.item or facts.items_of.get(name):
            continue
        if not facts.pages_of.get(name):
            yield from _roads(job, facts, name)
        elif rule.each is not None:
            yield f"rules.{name}.each{_written(rule.each)}"


def _roads(job: Job, facts: Facts, target: str) -> Iterator[str]:
    for name, rule in job.rules.items():
        if target in rule.follow and facts.pages_of.get(name):
            yield f"rules.{name}.follow.{target}{_written(rule.follow[target])}"


def _without_files(job: Job, facts: Facts) -> Iterator[str]:
    for name, rule in job.rules.items():
        if facts.pages_of.get(name):
            yield from (f"rules.{name}.files{_written(spec.select or spec)}" for spec in rule.file_specs)


def _found_nothing(selectors: Any) -> str:
    told = ", ".join(selectors)
    return f"; {told} found nothing" if told else ""


def _written(selector: Any) -> str:
    """A selector as the job has it, in quotes, as far as one line goes; nothing for what only has fields of its own."""
    if isinstance(selector, str):
        return f' "{selector if len(selector) <= _SHOWN else selector[:_SHOWN] + "..."}"'
    given = (getattr(selector, part, None) for part in _PARTS)
    return next((_written(part) for part in given if part is not None), "")


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _share(count: int, total: int) -> str:
    """In percent, never rounded up: 99.96 % is not 100 %."""
    return f" ({1000 * count // total / 10:g} %)" if total else ""
