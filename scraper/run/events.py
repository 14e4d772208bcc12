"""What a run tells while it goes on. The command line shows it, tests collect it."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from scraper.model import Outcome

log = logging.getLogger("scraper")

ENDINGS = "scraper.endings"
"""The logger of what each page and file came to, which somebody who watches a run may keep."""
COMMANDS = "scraper.commands"
"""The logger of what the job's commands print; people see it as they see what is said to them."""


class Events:
    """Hears nothing and does nothing; whoever wants to know overrides. Called from any thread."""

    def begun(self, run: str, *, continued: bool, dest: str) -> None:
        """A run begins or is continued."""

    def page_ended(self, url: str, ending: str, why: str) -> None:
        """A page has its ending."""

    def file_ended(self, outcome: Outcome) -> None:
        """A file has its ending."""

    def files_ended(self, outcomes: Sequence[Outcome]) -> None:
        """As `file_ended`, for a batch, from the main thread."""
        for outcome in outcomes:
            self.file_ended(outcome)

    def planned(self, path: str) -> None:
        """A dry run would fetch a file under this name."""

    def tick(self, open_count: int, flying: dict[int, Any]) -> None:
        """Several times a second, from the main thread: what is open, and the files on their way."""

    def came(self, skipped: Mapping[str, int], failed: Sequence[Any]) -> None:
        """At the end, where there is any of it: why -> how many were left out, and failures (state.groups.Group)."""

    def done(self) -> None:
        """Nothing more will come."""


ABOUT = ("job", "run", "url", "attempt", "class", "summary")
"""What a log record may say of itself beside its text (`extra=`), a key of its own wherever a log is JSON."""

_UNSEEN = re.compile(r"[^ -~]")


def unseen_escaped(text: str) -> str:
    """JSON with what cannot be seen escaped: nothing that came from outside is one on a terminal (DESIGN 4.10)."""
    return _UNSEEN.sub(_escaped, text)


def _escaped(char: re.Match[str]) -> str:
    return char[0] if char[0].isprintable() else json.dumps(char[0])[1:-1]


def printable(text: str) -> str:
    """Text from outside as one line for a terminal or a log: what is not printable is escaped (R27)."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
