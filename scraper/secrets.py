"""Secrets are marks, everywhere but on the wire.

`env('API_KEY')` in a template gives a *mark*: the text `env:API_KEY` between two
noncharacters (U+FDD0, U+FDD1; Unicode says they are never exchanged). A mark can
be joined into a URL, a header or a body, stored, and compared; the value takes
its place when the bytes go out (`reveal`), and `{env:API_KEY}` when a person or a
file sees it (`display`). Where a text with marks is percent-encoded (`around`), its
marks become *quoted marks* (U+FDD3, U+FDD4), whose values go out percent-encoded.

Text from outside has those noncharacters replaced at the door (page/charset.py), so
no page can forge a mark and be sent our secret. Percent-encoded noncharacters are no
marks, for such a text could be put together from pieces that are harmless.

What comes in may echo a secret (an API that writes the key into its next link):
`conceal` puts the mark back, so that it is neither kept nor lost.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any
from urllib.parse import quote

OPEN, CLOSE = "\ufdd0", "\ufdd1"
_QUOTED_OPEN, _QUOTED_CLOSE = "\ufdd3", "\ufdd4"
_OURS = "\ufdd0-\ufdef"
_MARK = re.compile(f"{OPEN}([^{_OURS}]*){CLOSE}|{_QUOTED_OPEN}([^{_OURS}]*){_QUOTED_CLOSE}")
_STRAY = re.compile(f"[{_OURS}]")
OUTSIDE = f"(?![^{_OURS}]*[{CLOSE}{_QUOTED_CLOSE}])"
"""A regex: what it stands behind is no part of a mark."""

Lookup = Callable[[str], str]
"""From a mark's name (`env:API_KEY`) to its value; KeyError where there is none."""


def mark(kind: str, name: str) -> str:
    """The mark of a secret; `kind` is `env`, `file` or `saved`."""
    return f"{OPEN}{kind}:{name}{CLOSE}"


def quoted_mark(kind: str, name: str) -> str:
    """The mark of a secret whose value goes out percent-encoded."""
    return f"{_QUOTED_OPEN}{kind}:{name}{_QUOTED_CLOSE}"


def names(text: str) -> list[str]:
    """The names of the marks in a text, in order."""
    return [_name(at) for at in _MARK.finditer(text)]


def stand_in(name: str) -> str:
    """What people see of a secret, and tapes hold in its place: `{env:API_KEY}`, by the name of its mark."""
    return f"{{{name}}}"


def display(text: str) -> str:
    """The text as people and files see it: the stand-in of each mark."""
    if text.isascii():
        return text  # which marks are not
    return _MARK.sub(lambda at: stand_in(_name(at)), text)


def reveal(text: str, lookup: Lookup) -> str:
    """The text as it goes out. What takes a mark's place is not looked at again.

    Raises:
        KeyError: a mark whose secret is not known.
    """
    return _MARK.sub(lambda at: lookup(at[1]) if at[1] is not None else quote(lookup(at[2]), safe=""), text)


def around(text: str, change: Callable[[str], str], made: Callable[[str, str], str] = quoted_mark) -> str:
    """The text percent-encoded by `change`, but for its marks, which become quoted marks.

    Where `change` decodes, `made` is `mark`; what it decodes is no mark, whatever it looks like.
    """
    parts, end = [], 0
    for at in _MARK.finditer(text):
        kind, _, name = _name(at).partition(":")
        parts += [_outside(text[end : at.start()], change), made(kind, name)]
        end = at.end()
    return "".join([*parts, _outside(text[end:], change)])


def _outside(text: str, change: Callable[[str], str]) -> str:
    return _STRAY.sub("\ufffd", change(text))


def conceal(text: str, known: Mapping[str, str]) -> str:
    """The text with the values of `known` (mark name -> value) replaced by their marks.

    A value is found however it is percent-encoded, and a longer one before one that it holds. Only values
    long or odd enough to be no ordinary word are looked for (see `is_distinct`). Marks in the text stand.
    """
    for name, value in sorted(known.items(), key=lambda one: (-len(one[1]), one[0])):
        if is_distinct(value) and (value in text or "%" in text or "+" in text):
            text = _written(value).sub(partial(_concealed, value, name), text)
    return text


def _concealed(value: str, name: str, found: re.Match[str]) -> str:
    if found["mark"]:
        return found[0]
    kind, _, rest = name.partition(":")
    return mark(kind, rest) if found[0] == value else quoted_mark(kind, rest)


@lru_cache(maxsize=256)
def _written(value: str) -> re.Pattern[str]:
    """Finds a value as it is, or with any of its characters percent-encoded; marks are found as well, to be left."""
    return re.compile(f"(?P<mark>{_MARK.pattern})|" + "".join(map(_spellings, value)))


def _spellings(char: str) -> str:
    escaped = "".join(f"%{byte:02x}" for byte in char.encode("utf-8", "surrogatepass"))
    return f"(?:{re.escape(char)}|(?i:{escaped}){'|[+]' if char == ' ' else ''})"


def is_distinct(value: str) -> bool:
    """Whether a value can be told from ordinary text: 8 characters, or 6 that are not letters alone."""
    return len(value) >= 8 or (len(value) >= 6 and not value.isalpha())


def display_all(value: Any) -> Any:
    """`display` for each text in a JSON-like value."""
    return each_text(value, display)


def reveal_all(value: Any, lookup: Lookup) -> Any:
    """`reveal` for each text in a JSON-like value, mapping keys included."""
    return each_text(value, lambda text: reveal(text, lookup))


def each_text(value: Any, change: Callable[[str], str]) -> Any:
    """A JSON-like value with each text in it changed, mapping keys included."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {each_text(key, change): each_text(inner, change) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(each_text(inner, change) for inner in value)
    return value


def _name(at: re.Match[str]) -> str:
    return at[2] if at[1] is None else at[1]
