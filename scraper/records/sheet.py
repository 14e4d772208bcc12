"""Records as a table: which columns there are, what kinds of values stand in them, and a value as a cell. Pure.

A line of JSON says its own fields; a table needs to know them all beforehand, and the same ones in every run,
whatever the items at hand have. So the columns are those of the job:

    fields of its rules      in the job's order, rule by rule, each once
    fields of rows           where rows are items: in the order in which they first appear
    fields of older items    that the job names no more: sorted
    _key _rule _url _files   where it came from; a field of the same name gives way to them

One look at all items (`survey`) finds the second and the third, and the kinds of values that a typed format needs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any

from scraper.values import dataclass

OWN = ("_key", "_rule", "_url", "_files")
EXACT = 1 << 53
"""From here on a float does not hold every whole number."""
_LONG = 1 << 63
_REPLACED = {0: "\ufffd", **dict.fromkeys(range(0xD800, 0xE000), "\ufffd")}


@dataclass(frozen=True, slots=True)
class Sheet:
    """The columns of a table.

    Attributes:
        names: of the columns, in order.
        kinds: for each column the kinds (`kind_of`) of the values in it, null apart.
    """

    names: tuple[str, ...]
    kinds: Mapping[str, Set[str]]


def records(rows: Iterable[tuple[Any, list[str]]]) -> Iterator[dict[str, Any]]:
    """Items as records: their own fields, then where they came from.

    Args:
        rows: each with `fields` (JSON), `key`, `rule`, `url`; and the paths of the item's files.
    """
    for row, paths in rows:
        record = json.loads(row["fields"])
        for name in OWN:
            record.pop(name, None)  # they stand last
        record.update(_key=row["key"], _rule=row["rule"], _url=row["url"], _files=paths)
        yield record


def survey(
    items: Iterable[tuple[str, Mapping[str, Any]]], rules: Mapping[str, Iterable[str]], rows: Set[str] | None = None
) -> Sheet:
    """The sheet of items.

    Args:
        items: rule and fields of each, in record order.
        rules: the fields that each rule of the job gives.
        rows: the rules whose items are rows as they came; None: nobody knows the job, all of them.
    """
    declared = dict.fromkeys(name for names in rules.values() for name in names)
    of_rows: dict[str, None] = {}
    kinds: dict[str, set[str]] = {}
    for rule, fields in items:
        for name, value in fields.items():
            _note(kinds.setdefault(name, set()), value)
        if rows is None or rule in rows:
            of_rows.update(dict.fromkeys(fields))
    older = sorted(set(kinds) - set(declared) - set(of_rows))
    names = [name for name in dict.fromkeys([*declared, *of_rows, *older]) if name not in OWN]
    own = {name: {"text"} for name in OWN} | {"_files": {"list", "list:text"}}
    return Sheet((*names, *OWN), {**{name: kinds.get(name, set()) for name in names}, **own})


def survey_rows(rows: Iterable[Mapping[str, Any]], names: Iterable[str]) -> Sheet:
    """The sheet of rows whose columns are known: those of a view."""
    kinds: dict[str, set[str]] = {name: set() for name in names}
    for row in rows:
        for name, value in row.items():
            _note(kinds[name], value)
    return Sheet(tuple(kinds), kinds)


def kind_of(value: Any) -> str:
    """What a value of JSON is: `bool`, `int`, `long` (float would round it), `big` (beyond 64 bits), `float`, `text`,
    `list` or `map`.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return "int" if -EXACT <= value <= EXACT else "long" if -_LONG <= value < _LONG else "big"
    return _KINDS[type(value)]


_KINDS = {bool: "bool", float: "float", str: "text", list: "list", dict: "map"}


def _note(kinds: set[str], value: Any) -> None:
    """Adds the kinds of a value; for a list also `list:` and those of what stands in it."""
    if value is None:
        return
    kind = kind_of(value)
    kinds.add(kind)
    if kind == "list":
        kinds.update(f"list:{kind_of(inner)}" for inner in value if inner is not None)


def as_json(value: Any) -> str:
    """A value as JSON in a cell."""
    return cleaned(json.dumps(value, ensure_ascii=False))


def cleaned(text: str) -> str:
    """Text that every program reads to its end: U+FFFD for NUL, which ends a text in C, and for half a surrogate
    pair, which is no character in UTF-8.
    """
    return text if text.isascii() and "\0" not in text else text.translate(_REPLACED)
