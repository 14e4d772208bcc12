"""The item of a match: its fields in the job's order, and its key.

A field is a selector; one with an `item` of its own is an object of further fields, with `each` a list of them, read
from each match inside this one. Whatever is required and empty, at whatever depth, fails the item as a whole.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from scraper import urls
from scraper.job.model import Nested
from scraper.job.parts import LongSelector
from scraper.job.template import Fields, TemplateError
from scraper.model import Failure, Request
from scraper.page.match import Sheet
from scraper.page.nodes import Scope, is_empty

_LONGEST_KEY = 200
"""Characters; a longer key (the default one of a long item) is kept as its SHA-256."""


class _FieldError(Exception):
    """What is wrong with a field, the way to it, and what was found all the same."""

    def __init__(self, where: str, message: str, value: Any = None) -> None:
        super().__init__(message)
        self.where = where
        self.value = value


def item_fields(sheet: Sheet, node: Any) -> tuple[dict[str, Any], Failure | None]:
    """The fields of an item, and the first thing that is wrong with them."""
    if sheet.is_row and not sheet.rule.item:
        return dict(sheet.page.request.row or {}), None
    fields: dict[str, Any] = {}
    failure: Failure | None = None
    for name, given in sheet.rule.item.items():
        scope = sheet.document.scope({**sheet.names, "item": Fields(fields, name="item")})
        try:
            value = _value(sheet, given, node, scope, f"item.{name}")
        except _FieldError as error:
            value = error.value
            failure = failure or sheet.failure(error.where, f"{error} on {sheet.page.url}")
        fields[name] = None if is_empty(value) else sheet.concealed(value)
    return fields, failure


def _value(sheet: Sheet, given: str | LongSelector | Nested, node: Any, scope: Scope, where: str) -> Any:
    if isinstance(given, Nested):
        return _nested(sheet, given, node, scope, where)
    compiled = sheet.in_match(given)
    try:
        value = compiled.value(node, scope)
    except TemplateError as error:
        raise _FieldError(where, str(error)) from error
    if isinstance(given, LongSelector) and given.required and (is_empty(value) or value == []):
        raise _FieldError(where, f'"{compiled.written}" found nothing', value)
    return value


def _nested(sheet: Sheet, given: Nested, node: Any, scope: Scope, where: str) -> Any:
    """An object, None where all in it is empty; or a list of those that are not."""
    if given.each is None:
        return _object(sheet, given, node, scope, where)
    try:
        matches = sheet.in_match(given.each).every(node, scope)
    except TemplateError as error:
        raise _FieldError(f"{where}.each", str(error)) from error
    found = (_object(sheet, given, match, scope, where) for match in matches)
    return [one for one in found if one is not None]


def _object(sheet: Sheet, given: Nested, node: Any, scope: Scope, where: str) -> dict[str, Any] | None:
    found = {name: _value(sheet, field, node, scope, f"{where}.item.{name}") for name, field in given.item.items()}
    return None if all(map(is_empty, found.values())) else found


def item_key(sheet: Sheet, fields: Mapping[str, Any]) -> tuple[str | None, Failure | None]:
    """What makes it the same item in the next run (JOBS.md, Records); or why nothing does."""
    rule = sheet.rule
    if rule.key:
        values = [fields.get(name) for name in rule.key]
        if all(map(is_empty, values)):
            named = " and ".join(rule.key)
            return None, sheet.failure("key", f"{named} found nothing on {sheet.page.url}")
        return _key_text(values[0] if len(values) == 1 else values), None
    if rule.each is not None:
        return _key_text(fields), None
    return (_key_text(sheet.page.url) if sheet.is_row else _page_key(sheet)), None


def _page_key(sheet: Sheet) -> str:
    """The page's method, URL and body; its own URL where a redirect led there, so that all ways to a page are one.

    With an `expect` it is what was asked for: what leads elsewhere is to be asked for again, there.
    """
    request = sheet.page.request
    if request.is_plain and sheet.rule.expect is None:
        return Request("GET", sheet.page.url).identity
    return request.identity


def _key_text(value: Any) -> str:
    """A text as it is, anything else as canonical JSON: `42`, `["a","b"]`."""
    if isinstance(value, str) and len(value) <= _LONGEST_KEY:
        return value
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=urls.text)
    return text if len(text) <= _LONGEST_KEY else hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
