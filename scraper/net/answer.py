"""The head of an answer, whoever fetched it, and how much of a body that nobody wants is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

DRAIN = 64 * 1024
"""Bytes of a body that nobody wants which are read, so that the connection can serve again (DESIGN 4.8)."""
DRAIN_TIME = 1.0
"""Seconds; a new connection costs less than waiting longer for what nobody wants."""


class Answer(Protocol):
    """A status and headers: names in lower case, a repeated one joined with ", "."""

    @property
    def url(self) -> str:
        """What was asked, as people see it."""
        ...

    @property
    def status(self) -> int:
        """The HTTP status code."""
        ...

    @property
    def reason(self) -> str:
        """The words behind it."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers."""
        ...

    @property
    def is_proxied(self) -> bool:
        """Whether a proxy stands between."""
        ...

    @property
    def address(self) -> str | None:
        """The address that was reached; None where a proxy stands between, or nothing is known."""
        ...
