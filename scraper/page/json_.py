"""JSON pages, and JMESPath, by which they are read. The only module that knows jmespath."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions

Search = Callable[[Any], Any]

# Beside its own errors the library lets Python's through where data is odd: contains('abc', `1`).
_ON_DATA = (JMESPathError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError)


@lru_cache(maxsize=4096)
def compile_search(text: str) -> Search:
    """A search of JSON that gives what it finds or None; an error on data finds nothing.

    Raises:
        ValueError: not JMESPath, a function that is not there, or with the wrong number of arguments.
    """
    parsed = jmespath.compile(text)
    for function in _functions(parsed.parsed):
        _check_function(function["value"], len(function["children"]))

    def search(data: Any) -> Any:
        try:
            return parsed.search(data)
        except _ON_DATA:
            return None

    return search


def _functions(node: Any) -> Iterator[dict[str, Any]]:
    """The calls in a syntax tree; the library itself would look at them only when data comes."""
    if node["type"] == "function_expression":
        yield node
    for child in node["children"]:
        if isinstance(child, dict):
            yield from _functions(child)


def _check_function(name: str, given: int) -> None:
    if name not in Functions.FUNCTION_TABLE:
        raise ValueError(f"there is no function {name}()")
    signature = Functions.FUNCTION_TABLE[name]["signature"]
    more = bool(signature) and signature[-1].get("variadic", False)
    if given < len(signature) or (given > len(signature) and not more):
        expected = f"{len(signature)}{' or more' if more else ''}"
        raise ValueError(f"{name}() takes {expected} argument(s), not {given}")
