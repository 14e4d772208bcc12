"""`type:` of a selector: text or JSON to int, float, bool, date, url, json.

What does not convert finds nothing: `int` of "abc" or of "1,234" (the filter
`number` reads such), `date` of "soon". One row a type.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from scraper import urls
from scraper.job.filters import moment
from scraper.page.nodes import as_data, as_text, clean, parse_json, plain

_INT = re.compile(r"[+-]?\d{1,4000}", re.ASCII)  # Python itself refuses more than 4300 digits
_FLOAT = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_WORDS = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}


def convert(kind: str, found: Any, form: str | None, base: str) -> Any:
    """The value of `type: kind`, or None where it does not convert.

    Args:
        found: an element, a text or a JSON value.
        form: the format of strptime, for `date`.
        base: what a `url` is made absolute against.
    """
    try:
        return _CONVERT[kind](found, form, base)
    except (ValueError, OverflowError):
        return None


def _int(found: Any, form: str | None, base: str) -> int | None:
    if isinstance(found, bool):
        return None
    if isinstance(found, float):
        return int(found) if found.is_integer() else None
    text = as_text(found).strip()
    return int(text) if _INT.fullmatch(text) else None


def _float(found: Any, form: str | None, base: str) -> float | None:
    text = "" if isinstance(found, bool) else as_text(found).strip()
    value = float(text) if _FLOAT.fullmatch(text) else math.inf
    return value if math.isfinite(value) else None


def _bool(found: Any, form: str | None, base: str) -> bool | None:
    return _WORDS.get(as_text(found).strip().lower())


def _date(found: Any, form: str | None, base: str) -> datetime:
    text = as_text(found).strip()
    return moment(datetime.strptime(text, form) if form else text)


def _url(found: Any, form: str | None, base: str) -> str | None:
    text = as_text(found).strip()
    return urls.join(base, clean(text)) if text else None


def _json(found: Any, form: str | None, base: str) -> Any:
    return parse_json(as_data(found)) if isinstance(plain(found), str) else found


_CONVERT: dict[str, Callable[[Any, str | None, str], Any]] = {
    "int": _int,
    "float": _float,
    "bool": _bool,
    "date": _date,
    "url": _url,
    "json": _json,
}
