"""Whether a replay gave what a case expects: a function for each aspect, in a table. Pure: facts in, sentences out."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from scraper import units
from scraper.job.casechecks import FILES, field_names, is_ending
from scraper.job.cases import CaseExpect, comparison
from scraper.job.model import Job
from scraper.records import expect
from scraper.state.met import is_filled
from scraper.testing import fields
from scraper.testing.facts import Facts
from scraper.testing.wording import bounded, instead, shown
from scraper.units import counted

Judge = Callable[[Facts, Any], Iterator[str]]


def judged(facts: Facts, aspect: str, expected: CaseExpect) -> Iterator[str]:
    """What of one aspect is not met."""
    yield from JUDGES[aspect](facts, getattr(expected, aspect))


def exit_code(facts: Facts, asked: int) -> Iterator[str]:
    """The run's exit code, and what made it."""
    if facts.summary.exit_code != asked:
        yield f"the run ended with {facts.summary.exit_code}, not {asked}"
        yield from fields.what_failed(facts)


def failures(facts: Facts) -> Iterator[str]:
    """What failed, each with its reason, as far as a few lines go."""
    yield from bounded((f"{one.url}: {one.message} ({one.name})" for one in facts.failures), 5)


def _pages(facts: Facts, asked: str | int) -> Iterator[str]:
    read = [page for page in facts.pages if page.ending in ("ok", "unchanged")]
    if units.bound(asked).holds(len(read)):
        return
    of = ", ".join(f"{number} of {rule}" for rule, number in sorted(facts.pages_of.items()))
    yield f"{counted(len(read), 'page')}, not {asked}{f' ({of})' if of else ''}"
    yield from roads(facts)
    yield from failures(facts)


def roads(facts: Facts) -> Iterator[str]:
    """Follows and next pages that led nowhere at all."""
    for name, rule in facts.job.rules.items():
        if not facts.pages_of.get(name):
            continue
        for target, given in rule.follow.items():
            if not facts.pages_of.get(target):
                written = expect.written(given)
                yield f"rules.{name}.follow.{target}{written} led to no page, from {_of_rule(facts, name)}"
        if rule.next is not None and facts.pages_of[name] == 1:
            yield f"rules.{name}.next{expect.written(rule.next)} led to no page, from {_of_rule(facts, name)}"


def _of_rule(facts: Facts, rule: str) -> str:
    """The first page of a rule."""
    return next((page.url for page in facts.pages if page.rule == rule and page.ending in ("ok", "unchanged")), "")


def _counted(name: str) -> Judge:
    def judge(facts: Facts, asked: str | int) -> Iterator[str]:
        misses = list(expect.judged(name, facts.job, facts.for_expect(), asked))
        yield from (miss.removeprefix(f"expect.{name}: ") for miss in misses)
        if misses:
            yield from fields.what_failed(facts) if name != "failed" else failures(facts)

    return judge


# -- filled ------------------------------------------------------------------------------------------------


def _filled(facts: Facts, asked: Mapping[str, str | int]) -> Iterator[str]:
    for field, bound in asked.items():
        empty, of = _empty(facts, field)
        having = of - len(empty)
        if not of and not fields.missed(facts):  # a share of nothing would hold, and here nobody else may tell
            misses = expect.judged("items", facts.job, facts.for_expect(), ">= 1")
            yield from (f"{field}: {miss.removeprefix('expect.items: ')}" for miss in misses)
            yield from fields.what_failed(facts)
            continue
        if units.bound(bound).holds(having, of):
            continue
        share = f" ({1000 * having // of / 10:g} %)" if of else ""
        yield f"{field}: {having} of {counted(of, 'item')}{share} have it, not {bound}"
        for rule in dict.fromkeys(rule for rule, _ in empty):
            urls = [url for name, url in empty if name == rule]
            more = fields.where_else(facts, rule, urls)
            yield expect.found_nothing(facts.job, rule, field, urls[0], more)
        yield from _unfetched(facts) if field == FILES else ()


def _empty(facts: Facts, field: str) -> tuple[list[tuple[str, str]], int]:
    """Rule and page of each item that lacks a field, failed ones too where it is why; and of how many items."""
    giving = {name for name, rule in facts.job.rules.items() if _gives(facts.job, name, field)}
    met = [record for record in facts.records if record["_rule"] in giving or record["_rule"] not in facts.job.rules]
    empty = [(record["_rule"], record["_url"]) for record in met if not is_filled(_value(record, field.split(".")))]
    failed = [
        (rule, url)
        for (rule, name), urls in fields.missed(facts).items()
        if f"{name}.".startswith(f"{field}.")
        for url in urls
    ]
    return [*failed, *empty], len(met) + len(failed)


def _gives(job: Job, rule: str, field: str) -> bool:
    return bool(job.rules[rule].file_specs) if field == FILES else field in field_names(job.rules[rule].item)


def _value(found: Any, way: list[str]) -> Any:
    """What stands at a field; of a list of objects what stands there in any of them."""
    if not way:
        return found
    if isinstance(found, list):
        return [value for each in found if is_filled(value := _value(each, way))]
    return _value(found.get(way[0]), way[1:]) if isinstance(found, Mapping) else None


def _unfetched(facts: Facts) -> Iterator[str]:
    yield from bounded((f"{one.url}: {one.ending}" for one in facts.files if not one.stands), 3)


# -- records -----------------------------------------------------------------------------------------------


def _match(facts: Facts, asked: Mapping[str, Any]) -> Iterator[str]:
    records = [dict(record) for record in facts.records]
    for text, wanted in asked.items():
        found = _jmespath(text, records)
        bound = comparison(wanted)
        if bound is None:
            holds = _same(wanted, found)
        else:
            holds = isinstance(found, (int, float)) and not isinstance(found, bool) and bound.holds(found)
        if not holds:
            told = instead(found, wanted) if bound is None else f"{shown(found)}, not {wanted}"
            yield f"{text}: {told} ({counted(len(records), 'record')})"
            yield from fields.what_failed(facts)


def _same(one: Any, other: Any) -> bool:
    """Equal both ways: lists and mappings to the last key, and true is not 1."""
    return fields.part_of(one, other) and fields.part_of(other, one)


def _jmespath(text: str, data: Any) -> Any:
    import jmespath
    from jmespath.exceptions import JMESPathError

    try:
        return jmespath.search(text, data)
    except JMESPathError:
        return None  # as in rules: an error on data finds nothing


# -- files, endings, warnings ------------------------------------------------------------------------------


def _names(facts: Facts, asked: tuple[str, ...]) -> Iterator[str]:
    paths = [one.path for one in facts.standing if one.path]
    for pattern in asked:
        if pattern in paths or any(fnmatchcase(path, pattern) for path in paths):
            continue
        near = difflib.get_close_matches(pattern, paths, 1, 0.4)
        there = f"; the nearest is {near[0]}" if near else f"; {counted(len(paths), 'file')} stand there"
        yield f"no file {pattern}{there}"
        yield from (f"{one.url}: {one.ending}" for one in facts.files if one.path == pattern)


def _endings(facts: Facts, asked: Mapping[str, str | int]) -> Iterator[str]:
    ended = [(page.url, page.ending) for page in facts.pages] + [(file.url, file.ending) for file in facts.files]
    counts = Counter(ending for _, ending in ended)
    for key, wanted in asked.items():
        if is_ending(key):
            if not units.bound(wanted).holds(counts[key]):
                all_of = ", ".join(f"{number} {ending}" for ending, number in sorted(counts.items()))
                yield f"{key}: {counts[key]}, not {wanted} ({all_of})"
            continue
        fits = [(url, ending) for url, ending in ended if fnmatchcase(url, key) or fnmatchcase(url.split("?")[0], key)]
        if not fits:
            yield f"{key}: no page or file has such a URL"
        yield from bounded((f"{url}: {ending}, not {wanted}" for url, ending in fits if ending != wanted), 5)


def _warnings(facts: Facts, asked: tuple[str, ...]) -> Iterator[str]:
    if not asked:
        yield from bounded(f"a warning where none is expected: {text}" for text in facts.warnings)
    for pattern in asked:
        if not any(re.search(pattern, text) for text in facts.warnings):
            there = "; there are: " + " | ".join(facts.warnings[:3]) if facts.warnings else "; there is none"
            yield f"no warning has {pattern}{there}"


JUDGES: dict[str, Judge] = {
    "exit_code": exit_code,
    "pages": _pages,
    "items": _counted("items"),
    "files": _counted("files"),
    "failed": _counted("failed"),
    "filled": _filled,
    "records": fields.parts,
    "match": _match,
    "names": _names,
    "endings": _endings,
    "warnings": _warnings,
}
"""The aspects of a case with `expect`."""
