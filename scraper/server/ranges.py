"""Which bytes a Range field asks for (RFC 9110 sections 14.1 and 14.2).

A server may ignore Range, and does so here wherever obeying would help nobody: another unit, a set that is
not well formed, several ranges that remain after the unsatisfiable ones are left out. Then the whole is
sent, with 200. So there are three answers: WHOLE, one (first, last), or UNSATISFIABLE, which is 416.
"""

from __future__ import annotations

import re
from enum import Enum


class Choice(Enum):
    """The answers that are not one range."""

    WHOLE = "whole"
    UNSATISFIABLE = "unsatisfiable"


_SPEC = re.compile(r"([0-9]{0,40})-([0-9]{0,40})")
_SPECS_MAX = 64  # a thousand overlapping ranges are an attack, not a wish (RFC 9110 section 17.15)


def choose_range(value: str, size: int) -> tuple[int, int] | Choice:
    """The bytes of a representation of `size` bytes that `value` asks for, as (first, last), both
    included."""
    unit, equals, specs = value.partition("=")
    texts = [text.strip(" \t") for text in specs.split(",") if text.strip(" \t")]
    if not equals or unit.lower() != "bytes" or not texts or len(texts) > _SPECS_MAX:
        return Choice.WHOLE
    matches = [_SPEC.fullmatch(text) for text in texts]
    found = [_resolve(match[1], match[2], size) if match else Choice.WHOLE for match in matches]
    if Choice.WHOLE in found:
        return Choice.WHOLE
    ranges = [one for one in found if one is not Choice.UNSATISFIABLE]
    if not ranges:
        return Choice.UNSATISFIABLE
    return ranges[0] if len(ranges) == 1 else Choice.WHOLE


def content_range(first: int, last: int, size: int) -> str:
    """The Content-Range of a 206."""
    return f"bytes {first}-{last}/{size}"


def _resolve(first: str, last: str, size: int) -> tuple[int, int] | Choice:
    if not first:
        return _suffix(last, size)
    if last and int(last) < int(first):
        return Choice.WHOLE  # not a valid int-range, and one invalid member spoils the set
    if int(first) >= size:
        return Choice.UNSATISFIABLE
    return int(first), min(int(last), size - 1) if last else size - 1


def _suffix(length: str, size: int) -> tuple[int, int] | Choice:
    if not length:
        return Choice.WHOLE
    if int(length) == 0:
        return Choice.UNSATISFIABLE
    # The last bytes of nothing are satisfiable, yet no Content-Range can say so: the whole, which is empty.
    return (max(0, size - int(length)), size - 1) if size else Choice.WHOLE
