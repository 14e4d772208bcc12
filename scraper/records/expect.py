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

_PARTS = (
    "select", "each", "url", "form", "cursor", "link", "page", "offset",
    "css", "xpath", "regex", "jmespath", "match", "template",
)  # fmt: skip
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
    for name in _JUDGES:
        asked = getattr(job.expect, name)
        if asked is not None:
            yield from judged(name, job, facts, asked)


def judged(name: str, job: Job, facts: Facts, asked: Any) -> Iterator[str]:
    """What of one key of `expect` is not met: `items`, `files`, `failed`, `filled` or `drop`."""
    yield from _JUDGES[name](job, facts, asked)


def found_nothing(job: Job, rule: str, field: str, url: str, more: str = "") -> str:
    """The one sentence about a field that is empty: `book.price: selector "p.price" found nothing on URL`.

    Args:
        field: its name, those of nested fields behind dots; `more`: where else, in brackets.
    """
    return f"{rule}.{field}:{selector_of(job, rule, field)} found nothing on {url}{f' ({more})' if more else ''}"


def selector_of(job: Job, rule: str, field: str) -> str:
    """` selector "p.price"` of a field, the way to it in dots; of `_files` those of the rule; nothing for a row's."""
    given = job.rules.get(rule)
    if given is None:
        return ""
    if field == "_files":
        those = [each for spec in given.file_specs if (each := written(spec.select or spec))]
        return f" selector{' or'.join(those)}" if those else ""
    found: Any = given
    for name in field.split("."):
        found = getattr(found, "item", {}).get(name)
    told = written(getattr(found, "each", None) or found)
    return f" selector{told}" if told else ""


def _items(job: Job, facts: Facts, asked: str | int) -> Iterator[str]:
    if not units.bound(asked).holds(facts.items):
        yield f"expect.items: {units.counted(facts.items, 'item')}, not {asked}{_because(_without_items(job, facts))}"


def _files(job: Job, facts: Facts, asked: str | int) -> Iterator[str]:
    if not units.bound(asked).holds(facts.files):
        empty = _without_files(job, facts) if facts.is_fileless else ()
        yield f"expect.files: {units.counted(facts.files, 'file')}, not {asked}{_because(empty)}"


def _failed(job: Job, facts: Facts, asked: str | int) -> Iterator[str]:
    if not units.bound(asked).holds(facts.failed, facts.tried):
        share = _share(facts.failed, facts.tried)
        yield f"expect.failed: {facts.failed} of {facts.tried} pages, items and files failed{share}, not {asked}"


def _filled(job: Job, facts: Facts, asked: Mapping[str, str | int]) -> Iterator[str]:
    for name, bound in asked.items():
        found = facts.filled[name]
        if units.bound(bound).holds(found.having, found.of):
            continue
        told = (
            f"{found.having} of {units.counted(found.of, 'item')}{_share(found.having, found.of)} have it, not {bound}"
        )
        yield f"expect.filled.{name}: {told}{_first(job, name, found)}"


def _first(job: Job, name: str, found: Filled) -> str:
    rule = job.rules.get(found.rule)
    if not found.url:
        return ""
    if rule is None or name not in rule.item:
        return f"; first empty for {found.url}"
    others = found.of - found.having - 1
    more = f"and for {units.counted(others, 'more item')} of {found.of}" if others else ""
    return f"; {found_nothing(job, found.rule, name, found.url, more)}"


def _drop(job: Job, facts: Facts, asked: str | int) -> Iterator[str]:
    if facts.before is None:
        return
    less = max(0, facts.before - facts.items)
    if not units.bound(asked).holds(less, facts.before):
        told = f"{units.counted(facts.items, 'item')} where the last complete run met {facts.before}"
        share = _share(less, facts.before)
        yield f"expect.drop: {told}, {less} fewer{share}, not {asked}{_because(_without_items(job, facts))}"


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
            yield f"rules.{name}.each{written(rule.each)}"


def _roads(job: Job, facts: Facts, target: str) -> Iterator[str]:
    for name, rule in job.rules.items():
        if target in rule.follow and facts.pages_of.get(name):
            yield f"rules.{name}.follow.{target}{written(rule.follow[target])}"


def _without_files(job: Job, facts: Facts) -> Iterator[str]:
    for name, rule in job.rules.items():
        if facts.pages_of.get(name):
            yield from (f"rules.{name}.files{written(spec.select or spec)}" for spec in rule.file_specs)


def _because(selectors: Any) -> str:
    told = ", ".join(selectors)
    return f"; {told} found nothing" if told else ""


def written(selector: Any) -> str:
    """A selector as the job has it, in quotes, as far as one line goes; nothing for what only has fields of its own."""
    if isinstance(selector, str):
        return f' "{selector if len(selector) <= _SHOWN else selector[:_SHOWN] + "..."}"'
    given = (getattr(selector, part, None) for part in _PARTS)
    return next((written(part) for part in given if part is not None), "")


def _share(count: int, total: int) -> str:
    """In percent, never rounded up: 99.96 % is not 100 %."""
    return f" ({1000 * count // total / 10:g} %)" if total else ""
