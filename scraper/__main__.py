"""`python -m scraper` and the `scraper` command."""

from __future__ import annotations

import errno
import gc
import io
import os
import sys
from collections.abc import Callable
from typing import TextIO, TypeVar

COLLECTED = 20_000
"""Objects between two collections of garbage: at Python's 700 they cost 3 to 4 % of a fast run, without circles."""


T = TypeVar("T")


class Words(io.TextIOWrapper):
    """stderr. Where the disk below it is full, what is said to people is lost, and nothing else: a run goes on."""

    def write(self, text: str) -> int:
        """As everywhere; says that it wrote what found no room."""
        return _as_far_as_there_is_room(lambda: super(Words, self).write(text), len(text))

    def flush(self) -> None:
        """What found no room is tried again the next time."""
        _as_far_as_there_is_room(super().flush, None)


def _as_far_as_there_is_room(write: Callable[[], T], otherwise: T) -> T:
    try:
        return write()
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return otherwise


def _words(stream: TextIO) -> TextIO:
    return Words(stream.buffer, stream.encoding, stream.errors, line_buffering=True)


def _nowhere() -> TextIO:
    """In the place of a stream that was closed (`>&-`): nothing that we open takes its number then."""
    return open(os.devnull, "w", encoding="utf-8")


def main() -> None:
    """Runs the command line and exits with its code."""
    gc.set_threshold(COLLECTED)
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = _words(sys.stderr) if sys.stderr else _nowhere()
    from scraper.cli.main import cli

    sys.exit(cli())


if __name__ == "__main__":
    main()
