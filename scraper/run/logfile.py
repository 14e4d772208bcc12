"""log.jsonl of a run: what is logged, one JSON object a line, marks shown as marks."""

from __future__ import annotations

import contextlib
import json
import logging
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scraper import secrets
from scraper.errors import ScraperError
from scraper.run.events import ABOUT, unseen_escaped


class JsonLines(logging.Formatter):
    """A record as one line of JSON.

    Attributes:
        about: what every line says too, such as the job and the run.
    """

    def __init__(self) -> None:
        super().__init__()
        self.about: dict[str, str] = {}

    def format(self, record: logging.LogRecord) -> str:
        """Time (UTC), level, logger and message, what the record says of itself; a traceback where there is one."""
        line: dict[str, Any] = {
            "time": time_of(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": secrets.display(record.getMessage()),
            **self.about,
            **{key: _shown(record.__dict__[key]) for key in ABOUT if key in record.__dict__},
        }
        if record.exc_info:
            line["traceback"] = secrets.display(self.formatException(record.exc_info))
        return unseen_escaped(json.dumps(line, ensure_ascii=False))


def _shown(value: Any) -> Any:
    return secrets.display(value) if isinstance(value, str) else value


def time_of(record: logging.LogRecord) -> str:
    """When it was logged, as ISO 8601 in UTC."""
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


class _LogFile(logging.FileHandler):
    """A log that may run out of room: it ends there, and the run itself tells of the full disk (exit 5)."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Nothing more is written; anything but the disk's refusal is told as logging does."""
        if isinstance(sys.exc_info()[1], OSError):
            self.setLevel(logging.CRITICAL + 1)
        else:
            super().handleError(record)

    def close(self) -> None:
        """Closes; what a full disk has not taken is lost to the log, not to the ledger."""
        with contextlib.suppress(OSError):
            super().close()


@contextlib.contextmanager
def run_log(path: Path) -> Iterator[None]:
    """Adds what is logged to the file as long as the run goes on, and the traceback of a bug that ends it."""
    handler = _LogFile(path, encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(JsonLines())
    handler.addFilter(lambda record: not record.name.startswith("scraper.server"))
    logger = logging.getLogger("scraper")
    logger.addHandler(handler)
    try:
        yield
    except ScraperError:
        raise
    except Exception as error:
        trace = (type(error), error, error.__traceback__)
        handler.handle(logging.LogRecord(logger.name, logging.ERROR, "", 0, "a bug ended the run", None, trace))
        raise
    finally:
        logger.removeHandler(handler)
        handler.close()
