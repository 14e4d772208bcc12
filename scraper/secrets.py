"""Secrets are marks, everywhere but on the wire.

`env('API_KEY')` in a template gives a *mark*: the text `env:API_KEY` between two
noncharacters (U+FDD0, U+FDD1; Unicode says they are never exchanged). A mark can
be joined into a URL, a header or a body, stored, and compared; the value takes
its place when the bytes go out (`reveal`), and `{env:API_KEY}` when a person or a
file sees it (`display`). Text from outside has those noncharacters replaced at
the door (page/charset.py), so no page can forge a mark and be sent our secret.

What comes in may echo a secret (an API that writes the key into its next link):
`conceal` puts the mark back, so that it is neither kept nor lost.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus, unquote_plus

OPEN, CLOSE = "\ufdd0", "\ufdd1"
_QUOTED_OPEN, _QUOTED_CLOSE = quote(OPEN), quote(CLOSE)
_RAW = re.compile(f"{OPEN}([^{OPEN}{CLOSE}]*){CLOSE}")
_QUOTED = re.compile(f"{_QUOTED_OPEN}((?:(?!{_QUOTED_OPEN}|{_QUOTED_CLOSE}).)*){_QUOTED_CLOSE}", re.IGNORECASE)

Lookup = Callable[[str], str]
"""From a mark's name (`env:API_KEY`) to its value; KeyError where there is none."""


def mark(kind: str, name: str) -> str:
    """The mark of a secret; `kind` is `env`, `file` or `saved`."""
    return f"{OPEN}{kind}:{name}{CLOSE}"


def names(text: str) -> list[str]:
    """The names of the marks in a text, raw and percent-encoded ones."""
    return _RAW.findall(text) + [unquote_plus(found) for found in _QUOTED.findall(text)]


def display(text: str) -> str:
    """The text as people and files see it: `{env:API_KEY}` for each mark."""
    return _swap(text, lambda name: f"{{{name}}}", lambda name: f"{{{name}}}")


def reveal(text: str, lookup: Lookup) -> str:
    """The text as it goes out. A mark that was percent-encoded gives its value percent-encoded.

    Raises:
        KeyError: a mark whose secret is not known.
    """
    return _swap(text, lookup, lambda name: quote_plus(lookup(name)))


def conceal(text: str, known: Mapping[str, str]) -> str:
    """The text with the values of `known` (mark name -> value) replaced by their marks.

    Only values long or odd enough to be no ordinary word are looked for (see `is_distinct`).
    """
    for name, value in known.items():
        if is_distinct(value):
            kind, _, rest = name.partition(":")
            text = text.replace(value, mark(kind, rest))
            if (quoted := quote(value, safe="")) != value:
                text = text.replace(quoted, quote(mark(kind, rest)))
    return text


def is_distinct(value: str) -> bool:
    """Whether a value can be told from ordinary text: 8 characters, or 6 that are not letters alone."""
    return len(value) >= 8 or (len(value) >= 6 and not value.isalpha())


def display_all(value: Any) -> Any:
    """`display` for each text in a JSON-like value."""
    return _each_text(value, display)


def reveal_all(value: Any, lookup: Lookup) -> Any:
    """`reveal` for each text in a JSON-like value, mapping keys included."""
    return _each_text(value, lambda text: reveal(text, lookup))


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {_each_text(key, change): _each_text(inner, change) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_each_text(inner, change) for inner in value)
    return value


def _swap(text: str, raw: Callable[[str], str], quoted: Callable[[str], str]) -> str:
    if OPEN in text:
        text = _RAW.sub(lambda found: raw(found[1]), text)
    if "%" in text and _QUOTED_OPEN in text.upper():
        text = _QUOTED.sub(lambda found: quoted(unquote_plus(found[1])), text)
    return text
