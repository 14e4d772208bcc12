"""A log file for people and their tools: appended to, opened anew where a logrotate moved it away.

A log that cannot be written is told once and ends nothing: the run is worth more than what is said of it.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from logging.handlers import WatchedFileHandler
from pathlib import Path

from scraper import secrets
from scraper.run.events import printable
from scraper.run.logfile import time_of


class HumanLines(logging.Formatter):
    """A record as one line for people who look later: `2026-11-22T03:00:01.123+00:00 warning: text`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, a traceback in it too; nothing of it is an escape on a terminal."""
        text = record.getMessage()
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        return f"{time_of(record)} {record.levelname.lower()}: {printable(secrets.display(text))}"


class LogFile(WatchedFileHandler):
    """The file, which takes all that `log.jsonl` does.

    Args:
        failed: is told, once, why nothing more is written.

    Raises:
        OSError: it cannot be opened.
    """

    def __init__(self, path: Path, formatter: logging.Formatter, failed: Callable[[str], None]) -> None:
        super().__init__(path, encoding="utf-8", errors="backslashreplace")
        self._failed = failed
        self.setLevel(logging.INFO)
        self.setFormatter(formatter)
        self.addFilter(lambda record: not record.name.startswith("scraper.server"))

    def emit(self, record: logging.LogRecord) -> None:
        """One line; a file that was moved away is opened anew, which may fail too."""
        if self.level > logging.CRITICAL:
            return
        try:
            super().emit(record)
        except OSError:
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Nothing more is written."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
            return
        self.setLevel(logging.CRITICAL + 1)
        self._failed(f"{self.baseFilename}: {error.strerror}")

    def close(self) -> None:
        """Closes; what a full disk has not taken is lost to this log alone."""
        try:
            super().close()
        except OSError as error:
            if self.level <= logging.CRITICAL:
                self._failed(f"{self.baseFilename}: {error.strerror}")


def open_log(path: Path, formatter: logging.Formatter, failed: Callable[[str], None]) -> LogFile | None:
    """The log file; None where it cannot be opened, which is told."""
    try:
        return LogFile(path, formatter, failed)
    except OSError as error:
        failed(f"{path}: {error.strerror}")
        return None
