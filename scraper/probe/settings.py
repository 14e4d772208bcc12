"""With what a probe asks, and how it keeps what comes: secrets as marks, and not too much of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from scraper import secrets
from scraper.net.outgoing import Outgoing

LONGEST = 1000
"""Characters of any text from outside that are kept."""


@dataclass(frozen=True)
class Settings:
    """With what it is asked: the settings of a job, or none.

    Attributes:
        outgoing: sends; shown: the same, for which each secret's value is its mark as people read it.
        known: secrets by the names of their marks. agent: of robots.txt; obey: whether a run would ask for it.
        job: its name; notes: what to say of it. now: the time of day, aware.
    """

    outgoing: Outgoing
    shown: Outgoing
    known: dict[str, str]
    agent: str
    obey: bool
    now: Callable[[], datetime]
    job: str | None = None
    notes: tuple[str, ...] = ()

    def words(self, text: str) -> str:
        """A text from outside, fit to be kept: its echoes of secrets as marks that people read, and not too long."""
        told = secrets.display(secrets.conceal(text, self.known))
        return told if len(told) <= LONGEST else f"{told[:LONGEST]}…"

    def said(self, data: bytes) -> str:
        """Bytes from outside, likewise: what is no UTF-8 is escaped."""
        return self.words(data.decode("utf-8", "backslashreplace"))
