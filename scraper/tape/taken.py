"""One exchange as a tape holds it: what was asked, what came, or why nothing came.

Secrets stand as they are shown (`{env:API_KEY}`), everywhere: in the URL (percent-encoded where a URL
must), in headers, in bodies. A replay sends the same texts in their place, so what was recorded with a
secret is found again without it.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from scraper.values import dataclass

Pairs = tuple[tuple[str, str], ...]
"""Header fields in the order and spelling they had, those of one name each for itself."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: the URL is absolute and as it goes out, the body as it was sent."""

    method: str
    url: str
    headers: Pairs = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Slice:
    """Bytes of a file: `count` from `offset`."""

    path: Path
    offset: int
    count: int


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer: its body without chunks, content encoding untouched.

    Attributes:
        body: in memory, or where it lies.
        whole: whether it came to its end; a body that nobody wanted to the end did not.
        address: of the server that was reached, None where it is not known.
    """

    status: int
    reason: str
    headers: Pairs
    body: bytes | Slice
    whole: bool = True
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why no answer came, or not all of it, as the transport told it.

    Attributes:
        ending: as runs record it: `connect`, `dns`, `stalled`, ... or `skipped:private`.
        sent: whether the server may have seen the request; final: whether asking again is in vain.
    """

    ending: str
    message: str
    sent: bool = True
    final: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """One exchange: `answered` is None where no head came, `failure` None where nothing went wrong on the way."""

    asked: Asked
    answered: Answered | None
    failure: Failure | None
    when: datetime
