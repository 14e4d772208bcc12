"""Records against records: which field of which page differs, in words that name its rule and selector. Pure.

A field that differs on many pages is told once, with the first page and how many more there are.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any

from scraper.records.expect import found_nothing, selector_of
from scraper.state.met import is_filled
from scraper.testing.facts import Facts, Record
from scraper.testing.wording import bounded, instead, shown
from scraper.units import counted
from scraper.values import dataclass

_OWN = ("_key", "_rule", "_url", "_files")
_MISSED = re.compile(r"rules\.(?P<rule>[^.]+)\.(?:item\.(?P<field>[^:]+)|key): (?P<what>.*?) ?found nothing on ", re.S)


@dataclass(frozen=True, slots=True)
class Differs:
    """A field that is not what it should be; nested ones behind dots, `_files` the files of the record."""

    rule: str
    field: str
    url: str
    key: str
    expected: Any
    found: Any


def part_of(expected: Any, found: Any) -> bool:
    """Whether a value holds what is expected: of a mapping these keys at least, of a list every element in order."""
    if isinstance(expected, Mapping):
        return isinstance(found, Mapping) and all(
            name in found and part_of(value, found[name]) for name, value in expected.items()
        )
    if isinstance(expected, (list, tuple)):
        return (
            isinstance(found, (list, tuple))
            and len(expected) == len(found)
            and all(part_of(one, other) for one, other in zip(expected, found, strict=True))
        )
    return isinstance(expected, bool) == isinstance(found, bool) and bool(expected == found)


def differences(expected: Record, found: Record, *, whole: bool) -> Iterator[Differs]:
    """The fields that differ; `whole`: also those that nobody expected."""
    names = dict.fromkeys([*expected, *(found if whole else ())])
    for name in names:
        if name in ("_rule", "_url", "_key") and whole:
            continue  # by these the records were paired
        one, other = expected.get(name), found.get(name)
        if not (one == other if whole else part_of(one, other)):
            yield from _inner(found, name, one, other, whole)


def _inner(record: Record, name: str, expected: Any, found: Any, whole: bool) -> Iterator[Differs]:
    """A nested field by the names in it."""
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        for inner in dict.fromkeys([*expected, *(found if whole else ())]):
            if not part_of(expected.get(inner), found.get(inner)):
                yield from _inner(record, f"{name}.{inner}", expected.get(inner), found.get(inner), whole)
    else:
        rule, url, key = (str(record.get(name, "")) for name in ("_rule", "_url", "_key"))
        yield Differs(rule, name, url, key, expected, found)


def told(facts: Facts, given: Iterable[Differs]) -> Iterator[str]:
    """What differs, each field of a rule once."""
    groups: dict[tuple[str, str, bool], list[Differs]] = defaultdict(list)
    for one in given:
        groups[one.rule, one.field, is_filled(one.found)].append(one)
    for (rule, field, filled), group in groups.items():
        first = group[0]
        more = where_else(facts, rule, [one.url for one in group])
        if not filled:
            yield f"{_empty(facts, first, more)}; expected {shown(first.expected)}"
            continue
        notes = "; ".join(each for each in (selector_of(facts.job, rule, field).strip(), more) if each)
        about = f" ({notes})" if notes else ""
        yield f"{rule}.{field} on {first.url}{about}: {instead(first.found, first.expected)}"


def _empty(facts: Facts, one: Differs, more: str) -> str:
    """Why a field is empty: its file failed, the job has it no more, or its selector found nothing."""
    given = facts.job.rules.get(one.rule)
    if one.field == "_files" and (lost := [file for file in facts.files if file.item_key == one.key]):
        reason = f"{lost[0].url}: {lost[0].ending}"
    elif given is not None and one.field != "_files" and one.field.split(".")[0] not in given.item:
        reason = "the job does not give this field"
    else:
        return found_nothing(facts.job, one.rule, one.field, one.url, more)
    return f"{one.rule}.{one.field} on {one.url}{f' ({more})' if more else ''}: {reason}"


def never_filled(facts: Facts) -> Iterator[str]:
    """The fields that no record of a rule has, with the first page that should have given one."""
    for name, rule in facts.job.rules.items():
        records = [record for record in facts.records if record["_rule"] == name]
        for field in rule.item if records else ():
            if not any(is_filled(record.get(field)) for record in records):
                urls = [str(record["_url"]) for record in records]
                yield found_nothing(facts.job, name, field, urls[0], where_else(facts, name, urls))


def where_else(facts: Facts, rule: str, urls: Sequence[str]) -> str:
    """`and on 19 more pages of 20`, with how many items where these are more than the pages."""
    pages = len(set(urls))
    notes = [counted(len(urls), "item")] if len(urls) > pages else []
    if pages > 1:
        notes.append(f"and on {counted(pages - 1, 'more page')} of {max(facts.pages_of.get(rule, 0), pages)}")
    return ", ".join(notes)


# -- items that failed -------------------------------------------------------------------------------------


def missed(facts: Facts) -> dict[tuple[str, str], list[str]]:
    """Required fields and keys that were empty: (rule, field) -> the pages, one for each item that failed by it."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for failure in facts.failures:
        if failure.kind == "item" and (match := _MISSED.match(failure.message)):
            fields = [match["field"].replace(".item.", ".")] if match["field"] else match["what"].split(" and ")
            for field in fields:
                found[match["rule"], field].append(failure.url)
    return {each: sorted(urls) for each, urls in found.items()}  # the same page is told first, whoever came first


def failed_items(facts: Facts, of: Container[tuple[Any, Any]] | None = None) -> Iterator[str]:
    """Why items failed, each field once; `of`: only those of these rules and pages."""
    for (rule, field), found in missed(facts).items():
        urls = [url for url in found if of is None or (rule, url) in of]
        if not urls:
            continue
        cost = counted(len(urls), "record")
        more = where_else(facts, rule, urls)
        yield f"{found_nothing(facts.job, rule, field, urls[0], more)}; it is required, so {cost} less"


def what_failed(facts: Facts) -> Iterator[str]:
    """What may be why something is not there: required fields that were empty, then pages and files."""
    yield from failed_items(facts)
    others = [one for one in facts.failures if one.kind != "item" or not _MISSED.match(one.message)]
    yield from bounded((f"{one.url}: {one.message} ({one.name})" for one in others), 3)


# -- all records -------------------------------------------------------------------------------------------


def against(facts: Facts, expected: Sequence[Record]) -> Iterator[str]:
    """How the records differ from those that were: fields, then records that are missing and that are new."""
    pairs, missing, new = _paired(expected, facts.records)
    yield from told(facts, [each for one, other in pairs for each in differences(one, other, whole=True)])
    failed = {(rule, url) for (rule, _), urls in missed(facts).items() for url in urls}
    yield from failed_items(facts, {(one.get("_rule"), one.get("_url")) for one in missing})
    unexplained = [one for one in missing if (one.get("_rule"), one.get("_url")) not in failed]
    yield from bounded((f"a record is missing: {_briefly(one)}" for one in unexplained), 3)
    yield from bounded((f"a record is new: {_briefly(one)}" for one in new), 3)
    order = [_identity(one) for _, one in pairs]
    if not (missing or new) and order != [_identity(one) for one in facts.records]:
        yield "the records are the same, in another order"


def _briefly(record: Record) -> str:
    """Its own fields, and the page it is of."""
    own = {name: value for name, value in record.items() if name not in _OWN}
    return f"{shown(own, 80)} of {record.get('_url')}"


def _paired(expected: Sequence[Record], found: Sequence[Record]) -> tuple[list[Any], list[Record], list[Record]]:
    """Records of the same rule and key; of those left the ones of the same page, in order, where they are as many."""
    known = {_identity(one): one for one in found}
    pairs = {at: known.pop(_identity(one)) for at, one in enumerate(expected) if _identity(one) in known}
    new = list(known.values())
    left = defaultdict(list)
    for at, one in enumerate(expected):
        if at not in pairs:
            left[one.get("_rule"), one.get("_url")].append(at)
    for page, positions in left.items():
        others = [one for one in new if (one.get("_rule"), one.get("_url")) == page]
        if len(others) == len(positions):
            pairs |= dict(zip(positions, others, strict=True))
            new = [one for one in new if one not in others]
    missing = [one for at, one in enumerate(expected) if at not in pairs]
    return [(expected[at], pairs[at]) for at in sorted(pairs)], missing, new


def _identity(record: Record) -> tuple[Any, Any]:
    return record.get("_rule"), record.get("_key")


# -- a part of a record ------------------------------------------------------------------------------------


def parts(facts: Facts, expected: Sequence[Record]) -> Iterator[str]:
    """For each of these that is a part of no record: how the nearest record differs."""
    for one in expected:
        if any(part_of(one, record) for record in facts.records):
            continue
        near = max(facts.records, key=lambda record: _likeness(one, record), default=None)
        if near is None or _likeness(one, near) == (0, 0):
            yield f"no record has {shown(one)}"
            yield from what_failed(facts)
            continue
        yield from (f"{line}, in {shown(one)}" for line in told(facts, differences(one, near, whole=False)))


def _likeness(expected: Record, record: Record) -> tuple[int, int]:
    """How many of the values are there; and how many stand where nothing is, as where a selector broke."""
    empty = sum(name in record and not is_filled(record[name]) for name in expected)
    return sum(part_of(value, record.get(name)) for name, value in expected.items()), empty
