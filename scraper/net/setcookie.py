"""What a Set-Cookie line says (RFC 6265 section 5.2), read as browsers read it. Pure.

    parse("sid=v; Path=/; Max-Age=60", now) -> SetCookie(name="sid", value="v", path="/", expires=now + 60, ...)

A line is cut at its semicolons, quotes or not; the first piece is name and value, each of the
others an attribute, of which the last of a kind counts. What is no attribute, or says nothing
that can be read, is as if it were not there. Whether the cookie is let in is the jar's affair
(net/cookies.py).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, NamedTuple

_BLANKS = " \t"
# Nobody sends them on (RFC 9110 section 5.5), and a jar that keeps them makes requests that servers refuse.
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_SECONDS = re.compile(r"-?[0-9]+", re.ASCII)
_DIGITS = 12
"""Characters of a Max-Age that are read; as many seconds are thirty thousand years."""


class SetCookie(NamedTuple):
    """A cookie as a server gives it.

    Attributes:
        domain: in lower case, without the dot before it; "" where none is said.
        path: "" where none is said: the default path of the request's URL then counts (section 5.1.4).
        expires: seconds since 1970; None: with the session.
    """

    name: str
    value: str
    domain: str = ""
    path: str = ""
    is_secure: bool = False
    expires: float | None = None
    is_http_only: bool = False


def parse(line: str, now: float) -> SetCookie | None:
    """The cookie of a line; None where it is none: no name, or a control character.

    Args:
        now: seconds since 1970, from which Max-Age counts.
    """
    first, *rest = line.split(";")
    name, equals, value = (piece.strip(_BLANKS) for piece in first.partition("="))
    if not equals or not name or _CONTROL.search(line):
        return None
    said: dict[str, Any] = {}
    for piece in rest:
        key, _, given = (part.strip(_BLANKS) for part in piece.partition("="))
        if (read := _ATTRIBUTES.get(key.lower())) is not None:
            said |= read(given)
    if (seconds := said.pop("lasts", None)) is not None:  # it goes before Expires (section 5.3 step 3)
        said["expires"] = now + seconds if seconds > 0 else 0.0
    return SetCookie(name, value, **said)


def _expires(text: str) -> dict[str, Any]:
    when = date(text)
    return {} if when is None else {"expires": when}


def _max_age(text: str) -> dict[str, Any]:
    if not _SECONDS.fullmatch(text):
        return {}
    return {"lasts": int(text[:_DIGITS])}


def _domain(text: str) -> dict[str, Any]:
    """An empty one is left out (section 5.2.3)."""
    return {"domain": text.removeprefix(".").lower()} if text else {}


def _path(text: str) -> dict[str, Any]:
    return {"path": text if text.startswith("/") else ""}


def _secure(text: str) -> dict[str, Any]:
    """Whatever stands behind it."""
    return {"is_secure": True}


def _http_only(text: str) -> dict[str, Any]:
    """Whatever stands behind it; it says nothing to us, but to whom the cookie is handed on."""
    return {"is_http_only": True}


_ATTRIBUTES = {
    "expires": _expires,
    "max-age": _max_age,
    "domain": _domain,
    "path": _path,
    "secure": _secure,
    "httponly": _http_only,
}

# -- dates -------------------------------------------------------------------------------------------------

_BETWEEN = re.compile(r"[\t -/;-@\[-`{-~]+")
_MONTHS = {"janfebmaraprmayjunjulaugsepoctnovdec"[at : at + 3]: at // 3 + 1 for at in range(0, 36, 3)}
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?![0-9])")
_DAY = re.compile(r"([0-9]{1,2})(?![0-9])")
_YEAR = re.compile(r"([0-9]{2,4})(?![0-9])")


def date(text: str) -> float | None:
    """Seconds since 1970 of a date as cookies have it, in whatever order it is written; None where it is none.

    RFC 6265 section 5.1.1: the first time, then the first day, month and year that nothing before them took.
    """
    found: dict[str, tuple[int, ...]] = {}
    for token in _BETWEEN.split(text):
        for kind, read in _PARTS:
            if kind not in found and (part := read(token)) is not None:
                found[kind] = part
                break
    if len(found) < len(_PARTS):
        return None
    (year,), (month,), (day,), (hour, minute, second) = (found[kind] for kind in ("year", "month", "day", "time"))
    try:
        when = datetime(_century(year), month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return when.timestamp() if when.year >= 1601 else None


def _numbers(form: re.Pattern[str]) -> Any:
    def read(token: str) -> tuple[int, ...] | None:
        found = form.match(token)
        return None if found is None else tuple(map(int, found.groups()))

    return read


def _month(token: str) -> tuple[int, ...] | None:
    number = _MONTHS.get(token[:3].lower())
    return None if number is None else (number,)


def _century(year: int) -> int:
    return year + (1900 if 70 <= year <= 99 else 2000 if year <= 69 else 0)


_PARTS = (("time", _numbers(_TIME)), ("day", _numbers(_DAY)), ("month", _month), ("year", _numbers(_YEAR)))
