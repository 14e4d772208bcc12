"""pydantic's mistakes in the words of who wrote the job. Pure.

A mistake comes as a type, a way to the value (with the tags of unions in it) and the
value. The way is walked along the data, which drops all that is no key; a table turns
the type into words; a value that fails several members of a union is told once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from scraper.job.fields import did_you_mean
from scraper.job.parts import LongSelector
from scraper.job.places import Finding, Path

Kinds = Mapping[int, type[BaseModel]]
"""From the id of a mapping in the data to what it was meant to be (Model, in job/parts.py)."""


def findings(error: ValidationError, data: Any, kinds: Kinds) -> list[Finding]:
    """Every mistake of a validation, at most one at each path."""
    by_path: dict[tuple[Path, bool], list[Any]] = {}
    for one in error.errors(include_url=False):
        path = path_of(one["loc"], data, missing=one["type"] == "missing")
        on_key = one["type"] in ("missing", "extra_forbidden")
        by_path.setdefault((path, on_key), []).append(one)
    return [
        Finding(path, _told(given, path, data, kinds), on_key)
        for (path, on_key), given in by_path.items()
        if not _only_follows(given[0], path, by_path)
    ]


def _only_follows(one: Mapping[str, Any], path: Path, others: Iterable[tuple[Path, bool]]) -> bool:
    """Whether a list is too short only because its elements are wrong."""
    return one["type"] == "too_short" and any(len(p) > len(path) and p[: len(path)] == path for p, _ in others)


def path_of(loc: Sequence[str | int], data: Any, *, missing: bool = False) -> Path:
    """The way to a value without the tags and member names that pydantic puts into it."""
    path: list[str | int] = []
    for step in loc:
        inside = isinstance(data, list) and isinstance(step, int) and step < len(data)
        if inside or (isinstance(data, dict) and step in data):
            data = data[step]
            path.append(step)
    if missing and isinstance(data, dict):
        path.append(loc[-1])
    return tuple(path)


def value_at(data: Any, path: Path) -> Any:
    """The value at a path."""
    for step in path:
        data = data[step]
    return data


def _told(given: Sequence[Any], path: Path, data: Any, kinds: Kinds) -> str:
    one = given[0]
    if one["type"] == "extra_forbidden":
        return _unknown_key(str(path[-1]), kinds.get(id(value_at(data, path[:-1]))))
    expected = list(dict.fromkeys(filter(None, map(_expected, given))))
    if len(given) > 1 and expected:
        wanted = "a single value (text, a number, true or false)" if len(expected) > 2 else " or ".join(expected)
        return f"expected {wanted}, found {found(value_at(data, path))}"
    if expected:
        return f"expected {expected[0]}, found {found(value_at(data, path))}{_cure(one)}"
    return _MESSAGES.get(one["type"], _own_words)(one)


def found(value: Any) -> str:
    """A value as it is told: `text "4"`, `number 5`, `a list`, `nothing`."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"number {value}"
    if isinstance(value, str):
        return f'text "{value if len(value) <= 40 else value[:39] + "…"}"'
    return "a mapping" if isinstance(value, dict) else "a list"


_EXPECTED = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "string_type": "text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "none_required": "nothing",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "tuple_type": "a list",
    "list_type": "a list",
}
_BOUNDS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("less than", "lt"),
}


def _expected(one: Mapping[str, Any]) -> str | None:
    if one["type"] in _BOUNDS:
        words, bound = _BOUNDS[one["type"]]
        return f"{words} {one['ctx'][bound]:g}"
    if one["type"] == "literal_error":
        return _alternatives(one)
    return _EXPECTED.get(one["type"])


def _alternatives(one: Mapping[str, Any]) -> str:
    known = _literals(one)
    return known[0] if len(known) == 1 else f"one of {', '.join(known)}"


def _literals(one: Mapping[str, Any]) -> list[str]:
    return re.findall(r"'([^']*)'", one["ctx"]["expected"])


def _cure(one: Mapping[str, Any]) -> str:
    given = one["input"]
    if one["type"] == "string_type" and isinstance(given, (bool, int, float)):
        return "; put quotes around it"
    if one["type"] == "string_type" and isinstance(given, list):
        return "; a text that begins with [ needs quotes"
    if one["type"] == "literal_error" and isinstance(given, str):
        return did_you_mean(given, _literals(one))
    return ""


def _holder(given: Any) -> str:
    return "the mapping" if isinstance(given, dict) else "the list"


def _own_words(one: Mapping[str, Any]) -> str:
    message = str(one["msg"])
    return message[0].lower() + message[1:]


_MESSAGES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "missing": lambda one: "too few in the list" if isinstance(one["loc"][-1], int) else "missing",
    "value_error": lambda one: str(one["ctx"]["error"]),
    "too_short": lambda one: f"expected at least {one['ctx']['min_length']} in {_holder(one['input'])}",
    "too_long": lambda one: f"expected at most {one['ctx']['max_length']} in the list",
}

_BESIDE_SELECT = """
    path accept headers key when url same allow deny depth max_pages md5 sha1 sha256 sha512
""".split()  # noqa: SIM905


def _unknown_key(key: str, kind: type[BaseModel] | None) -> str:
    known = [] if kind is None else [field.alias or name for name, field in kind.model_fields.items()]
    if kind is LongSelector and key in _BESIDE_SELECT:
        return f"unknown key in a selector; put the selector into `select: {{...}}` and {key} beside it"
    close = did_you_mean(key, known)
    if close or not known or len(known) > 16:
        return f"unknown key{close}"
    return f"unknown key; known here: {', '.join(known)}"
