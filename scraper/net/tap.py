"""Who listens in on every exchange of a run, whichever transport performs it: a tape that is being recorded.

    tap = outgoing.tap                       None, unless somebody listens
    take = tap.begin(wire)                   an exchange begins
    take.head(status, reason, fields, address); take.piece(data); take.end(trouble, whole)

What is told is what came: fields in order and spelling, secrets and all; whoever listens conceals them.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from scraper.net.outgoing import Wire


class Take(Protocol):
    """One exchange. Its methods are called by one thread at a time; `end` once, last."""

    def head(self, status: int, reason: str, fields: Sequence[tuple[str, str]], address: str | None) -> None:
        """The head of the answer, and the address it came from (None behind a proxy)."""
        ...

    def piece(self, data: bytes) -> None:
        """Bytes of the body, without chunks, content encoding untouched."""
        ...

    def end(self, trouble: Exception | None, whole: bool) -> None:
        """It is over.

        Args:
            trouble: what the transport says went wrong on the way; not what its reader thought of it.
            whole: whether the body came to its end by its framing.
        """
        ...


class Tap(Protocol):
    """Listens. May be called from many threads."""

    def begin(self, wire: Wire) -> Take:
        """An exchange is about to be sent."""
        ...

    def holding(self) -> AbstractContextManager[None]:
        """What this thread begins meanwhile is not put down before the end of it: it may bring secrets."""
        ...
