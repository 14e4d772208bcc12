"""HTML, made so that nothing scraped is ever markup (DESIGN 4.10). Pure.

    tag("td", title, class_="key")  ->  <td class="key">&lt;script&gt;</td>

There is one way to make markup, `tag`, and what it makes is `Safe`. Every other text that is put into it, as a child
or as an attribute, is escaped; forgetting to escape is not possible, there is nothing to call. Characters that do not
show (controls, bidi overrides, lone surrogates) are written as Python would: `\\u202e`. Secrets are shown as marks.

No template engine: loading one takes longer than all of a small report does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from scraper import secrets
from scraper.job.blanks import without_password

_MARKUP = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})
_VOID = frozenset({"meta", "img", "br", "hr", "link"})
_SPACES = frozenset("\xa0\u3000")  # of plain text: prices, and Chinese
_WEB = re.compile(r"https?://[^\s/@?#]+(?:[/?#][^\s]*)?", re.IGNORECASE)
LONGEST = 300
"""Characters of one value that are shown."""


class Safe(str):
    """Markup. Made here alone."""

    __slots__ = ()


EMPTY = Safe("")
NEWLINE = Safe("\n")


def visible(text: str) -> str:
    """A text as people see it: secrets as marks, and characters that do not show as escapes."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_seen, secrets.display(text)))


def _seen(char: str) -> str:
    return char if char.isprintable() or char in _SPACES else ascii(char)[1:-1]


def shortened(text: str, longest: int = LONGEST) -> str:
    """The text as far as it is shown."""
    return text if len(text) <= longest else f"{text[:longest]}…"


def escaped(text: str) -> Safe:
    """A text as markup that shows it."""
    return text if isinstance(text, Safe) else Safe(visible(text).translate(_MARKUP))


def tag(name: str, /, *children: str, **attributes: Any) -> Safe:
    """An element.

    Args:
        attributes: `class_` is class, `aria_label` is aria-label; None leaves one out.
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escaped(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Safe(f"<{name}{given}>")
    return Safe(f"<{name}{given}>{joined(children)}</{name}>")


def joined(pieces: Iterable[str]) -> Safe:
    """Pieces one behind the other."""
    return Safe("".join([each if type(each) is Safe else escaped(each) for each in pieces]))


def value(text: str, longest: int = LONGEST) -> Safe:
    """What was scraped: shortened, and in a direction of its own."""
    return tag("bdi", shortened(text, longest))


def link(url: str, longest: int = LONGEST) -> Safe:
    """A URL: http and https are links, anything else is text. A password in it is not shown."""
    url = without_password(url)
    if not _WEB.fullmatch(url) or visible(url) != url or len(url) > 2000:
        return value(url, longest)
    return tag("a", value(url, longest), href=url, rel="noopener noreferrer")
