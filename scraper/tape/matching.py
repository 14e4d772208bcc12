"""Which recorded request is the same as one that is asked, and, where none is, which is nearest and what differs. Pure.

Two requests are the same if method, URL (in its canonical form) and body are. Of a body its meaning counts: the parts
of a multipart form and not their boundary, the pairs of an urlencoded form, the value of a JSON text. Headers do not,
but for the conditions of RFC 9110 section 13 and Range: by them one request has several answers. A secret's stand-in
in a URL is the same however much of it is percent-encoded: that hangs on whether a page or the job put it there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from scraper import urls
from scraper.tape.taken import Asked, Pairs

CONDITIONS = ("range", "if-range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since")
_BOUNDARY = re.compile(r'boundary="?([^";]+)"?', re.IGNORECASE)
_STAND_IN = re.compile(r"%7B((?:env|file|saved|cookie|basic)(?::|%3A)(?:(?!%7[BD])[^&?#])*)%7D", re.IGNORECASE)
_LONGEST = 300
"""Characters of a URL or value that a message shows."""


class Key(NamedTuple):
    """What requests have in common that are the same."""

    method: str
    url: str
    body: bytes


def key_of(asked: Asked) -> Key:
    """What a request is recognised by."""
    try:
        url = _STAND_IN.sub(_quoted, urls.canonical(urls.without_fragment(asked.url)))
    except ValueError:
        url = asked.url
    return Key(asked.method.upper(), url, _meaning(asked))


def _quoted(found: re.Match[str]) -> str:
    return quote("{" + unquote(found[1]) + "}", safe="")


def conditions_of(headers: Pairs) -> tuple[tuple[str, str], ...]:
    """The conditions that a request makes, names in lower case, sorted."""
    return tuple(sorted((name.lower(), value) for name, value in headers if name.lower() in CONDITIONS))


def field(headers: Iterable[tuple[str, str]], name: str) -> str | None:
    """The last value of a header field; None where there is none."""
    return next((value for known, value in reversed([*headers]) if known.lower() == name), None)


def _meaning(asked: Asked) -> bytes:
    """The body as it is compared."""
    if not asked.body:
        return b""
    type_ = field(asked.headers, "content-type") or ""
    kind = type_.partition(";")[0].strip().lower()
    if kind.startswith("multipart/") and (found := _BOUNDARY.search(type_)):
        return asked.body.replace(f"--{found[1].strip()}".encode("latin-1", "replace"), b"--")
    value = _read(kind, asked.body)
    return asked.body if value is None else json.dumps([kind[-4:], value], sort_keys=True).encode()


def _read(kind: str, body: bytes) -> Any:
    """The pairs of a form, or a JSON value; None where it is neither."""
    try:
        if kind == "application/x-www-form-urlencoded":
            return parse_qsl(body.decode("latin-1"), keep_blank_values=True, strict_parsing=True)
        return json.loads(body) if kind == "application/json" or kind.endswith("+json") else None
    except (ValueError, RecursionError):
        return None


# -- the nearest -------------------------------------------------------------------------------------------


class _Looked(NamedTuple):
    """A request as it is compared with others."""

    asked: Asked
    scheme: str
    host: str
    path: str
    pairs: list[tuple[str, str]]
    body: bytes


class Nearest:
    """Finds, among recorded requests, the one that a request was most likely meant to be."""

    def __init__(self, recorded: Iterable[Asked]) -> None:
        self._known = [*{key_of(asked): _look(asked) for asked in recorded}.values()]

    def told(self, asked: Asked) -> str:
        """That the tape has no such request, which one is nearest, and what differs: one line."""
        lacks = f"the tape has no {asked.method} {shown(asked.url)}"
        if not self._known:
            return f"{lacks}; it holds nothing"
        mine = _look(asked)
        best = max(self._known, key=lambda other: _likeness(mine, other))
        method = "" if best.asked.method == asked.method else f"{best.asked.method} "
        words = " and ".join(differences(asked, best.asked)) or "only headers differ"
        return f"{lacks}; nearest: {method}{shown(best.asked.url)}, where {words}"


def differences(asked: Asked, recorded: Asked) -> list[str]:
    """In words, what is asked otherwise than it was recorded."""
    mine, other = _look(asked), _look(recorded)
    found = []
    for what, new, old in (
        ("method", asked.method, recorded.method),
        ("scheme", mine.scheme, other.scheme),
        ("host", mine.host, other.host),
        ("path", mine.path, other.path),
    ):
        if new != old:
            found.append(f"the {what} differs: {shown(new)} instead of {shown(old)}")
    if mine.pairs != other.pairs:
        found.append(f"the query differs: {_pairs_told(mine.pairs, other.pairs)}")
    if mine.body != other.body:
        found.append(f"the body differs: {_bodies_told(asked, recorded)}")
    return found


def shown(text: str) -> str:
    """A URL or value for people: stand-ins of secrets readable, nothing too long."""
    text = _STAND_IN.sub(lambda at: "{" + unquote(at[1]) + "}", text)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _look(asked: Asked) -> _Looked:
    url = key_of(asked).url
    try:
        parts = urlsplit(url)
    except ValueError:  # on a tape of another program may stand anything
        parts = SplitResult("", "", url, "", "")
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    return _Looked(asked, parts.scheme, parts.netloc, parts.path, pairs, _meaning(asked))


def _likeness(mine: _Looked, other: _Looked) -> tuple[float, ...]:
    """How much two requests have in common; the larger the nearer."""
    longest = max(len(mine.path), len(other.path), 1)
    begun = _common(mine.path, other.path) / longest
    ended = _common(mine.path[::-1], other.path[::-1]) / longest
    known = set(mine.pairs)
    query = sum(pair in known for pair in other.pairs) / max(len(mine.pairs), len(other.pairs), 1)
    names = {name for name, _ in mine.pairs} == {name for name, _ in other.pairs}
    same = 4.0 * (mine.path == other.path) + 3.0 * (mine.host == other.host) + 2.0 * begun + ended
    same += 1.5 * (mine.asked.method == other.asked.method) + query + 0.5 * names + 0.5 * (mine.scheme == other.scheme)
    return same, float(mine.body == other.body), float(_common(mine.body[:_LONGEST], other.body[:_LONGEST]))


def _common(mine: Sequence[Any], other: Sequence[Any]) -> int:
    """How many of the first elements are the same."""
    pairs = enumerate(zip(mine, other, strict=False))
    return next((at for at, (one, two) in pairs if one != two), min(len(mine), len(other)))


def _pairs_told(mine: list[tuple[str, str]], other: list[tuple[str, str]]) -> str:
    more, gone = [pair for pair in mine if pair not in other], [pair for pair in other if pair not in mine]
    told = []
    for name, value in more:
        old = next((pair for pair in gone if pair[0] == name), None)
        if old is None:
            told.append(f"{_pair(name, value)} more")
        else:
            gone.remove(old)
            told.append(f"{_pair(name, value)} instead of {_pair(*old)}")
    told += [f"{_pair(*pair)} missing" for pair in gone]
    return ", ".join(told[:5]) + (", ..." if len(told) > 5 else "") if told else "the order"


def _pair(name: str, value: str) -> str:
    return f"{shown(name)}={shown(value)}"


def _bodies_told(asked: Asked, recorded: Asked) -> str:
    mine, other = (_named(each) for each in (asked, recorded))
    if mine is not None and other is not None:
        return _pairs_told(mine, other)
    return f"{_begun(asked.body)} instead of {_begun(recorded.body)}"


def _named(asked: Asked) -> list[tuple[str, str]] | None:
    """The body as names and values, where it is a form or a JSON object."""
    kind = (field(asked.headers, "content-type") or "").partition(";")[0].strip().lower()
    value = _read(kind, asked.body)
    if isinstance(value, Mapping):
        return [(name, inner if isinstance(inner, str) else json.dumps(inner)) for name, inner in value.items()]
    return value if kind == "application/x-www-form-urlencoded" else None


def _begun(body: bytes) -> str:
    if not body:
        return "none"
    text = body[:60].decode("utf-8", "replace")
    begun = "".join(char if char.isprintable() else " " for char in text)
    return f"{len(body)} bytes ({begun!r})" if len(body) > 60 else repr(begun)
