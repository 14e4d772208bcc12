"""The short way for an ordinary URL: a proof that nothing has to be done to it.

A URL of a list is percent-encoded (`urls.fixed`), brought to its canonical form
(`urls.canonical`), and its last segment made a safe name (`naming.url_name`, `safe_path`).
Of a million URLs nearly all come out as they went in, and the work costs more than the
ledger. One regex proves for most of those that all four change nothing:

    host      lower case, no user, no port that is the scheme's own or no number of 16 bits
    path      no segment that begins with a dot; characters and escapes that stay as they are
    name      no escape, no dot or dash at its beginning, no dot at its end, no name of a device, at
              most 200 characters; its ending known, or none at all (then the response tells it)
    query     not empty; characters and escapes that stay as they are

`urls.is_canonical` proves it of a URL whatever its name. What they do not prove takes the long
way; tests compare the two.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from scraper import urls
from scraper.files.naming import KNOWN_EXTENSIONS, UNKNOWN_EXT, Own, fold
from scraper.urls import is_canonical

__all__ = ["is_canonical", "namer"]

_DEVICE = r"(?:con|prn|aux|nul|conin\$|conout\$|clock\$|com[0-9]|lpt[0-9])"
_NAME = rf"(?!(?i:{_DEVICE})(?![A-Za-z0-9_~-]))([A-Za-z0-9!$&'()+,;=@~_][A-Za-z0-9!$&'()+,;=@~_.-]{{0,199}}+)(?<!\.)"
_PLAIN = re.compile(rf"{urls.CANONICAL_HEAD}(?:/(?!\.){urls.CANONICAL_CHARS}++)*/{_NAME}(?:{urls.CANONICAL_QUERY})?")


def namer(records_name: Own) -> Callable[[str], str | None]:
    """A function from a URL to its path below dest, or to None where the URL must take the long way.

    Where it gives a path, the URL is fixed and canonical already, and an http or https URL.

    Args:
        records_name: our own files below dest; what stands in their way takes the long way.
    """
    match = _PLAIN.fullmatch
    own = (records_name,) if isinstance(records_name, str) else records_name
    firsts = (next((segment for segment in path.split("/") if segment not in ("", ".", "..")), "") for path in own)
    taken = frozenset(map(fold, firsts))

    def name_of(url: str) -> str | None:
        if (found := match(url)) is None:
            return None
        name = found[1]
        _, dot, ending = name.rpartition(".")
        if not dot:
            return None if name.lower() in taken else name + UNKNOWN_EXT
        return name if ending.lower() in KNOWN_EXTENSIONS and name.lower() not in taken else None

    return name_of
