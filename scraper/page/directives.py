"""What a page wants of robots: `X-Robots-Tag` headers and `<meta name="robots">`. Pure.

    directives("books-job", {"x-robots-tag": "noai, otherbot: noindex"}, [("robots", "NoFollow")])
        -> {"noai", "nofollow"}

Nobody has standardised them; read is what search engines document, and `noai`, `noimageai`
beside it. In a header a name and a colon before a directive address one agent, and what follows
too, until another is named; a few directives have a colon of their own (`_VALUED`). A meta is
addressed by its name. What is said to us and what is said to all hold together: they only forbid.

A header that came twice is one text here, as HTTP wants it (RFC 9110 section 5.3), so behind a
line for another agent a line for all cannot be told from its continuation: it is taken for one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

HEADER = "x-robots-tag"
_ALL = ("robots", "*")
_VALUED = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})
_ADDRESSED = re.compile(r"([^\s:]+) ?:(.*)", re.DOTALL)
# How a piece of a date goes on behind its comma: `25 Jun 2010 15:00:00 PST`, `25-Jun-10 15:00:00 GMT`, `2010 15:00`.
_DATE = re.compile(r"\d{1,4}(?:[ :/-]|\Z)", re.ASCII)
_MEANS = {"none": frozenset({"noindex", "nofollow"})}


def directives(agent: str, headers: Mapping[str, str], metas: Iterable[tuple[str, str]] = ()) -> frozenset[str]:
    """The directives that hold for us, in lower case; one with a value is `max-snippet: 20`.

    `none` is there with what it stands for, `noindex` and `nofollow`.

    Args:
        agent: our product token (RFC 9309 section 2.2.1).
        headers: names in lower case, a repeated one joined with ", ".
        metas: name and content of each meta element.
    """
    ours = agent.lower()
    found = {piece for to, piece in _addressed(headers.get(HEADER, "")) if to in ("", ours)}
    for name, content in metas:
        if name.strip().lower() in (*_ALL, ours):
            found.update(_pieces(content))
    return frozenset(found).union(*(_MEANS.get(piece, ()) for piece in found))


def _addressed(text: str) -> Iterator[tuple[str, str]]:
    """Each directive of a header, and the agent it is for; "" where it is for all."""
    to = ""
    for piece in _pieces(text):
        named = _ADDRESSED.fullmatch(piece)
        if named is not None and named[1] not in _VALUED:
            to, piece = named[1], _neat(named[2])
            to = "" if to in _ALL else to
        if piece:
            yield to, piece


def _pieces(text: str) -> list[str]:
    """What stands between the commas, those of a date aside."""
    found: list[str] = []
    for piece in text.lower().split(","):
        if found and "unavailable_after" in found[-1] and _DATE.match(piece.strip()):
            found[-1] += f", {piece.strip()}"
        elif piece.strip():
            found.append(_neat(piece))
    return found


def _neat(piece: str) -> str:
    """One blank for each run of them, and before a value."""
    text = " ".join(piece.split())
    name, colon, value = (part.strip() for part in text.partition(":"))
    return f"{name}: {value}" if colon and name in _VALUED else text
