"""The access log: one line for each request, in Apache's Combined Log Format.

    127.0.0.1 - - [22/Nov/2026:10:00:00 +0000] "GET /a HTTP/1.1" 200 1234 "-" "curl/8.5.0"

Host, two dashes, time (UTC), request line, status, bytes, Referer, User-Agent. The bytes are all that the answer
was on its way, head included (Apache's %O), for an answer that was spoiled or broken off has no other true number;
0 stands for an answer that tells no status. What a client wrote is escaped as Apache does it: nothing in it can end
a line, a quoted text, or reach a terminal.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TextIO

from scraper.server.http1 import Head

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_UNFIT = re.compile(r"[^ !#-\[\]-~]")


@dataclass(frozen=True, slots=True)
class Access:
    """One answer that went out: to whom, to which request (None where it was none), its status and bytes."""

    client: str
    head: Head | None
    status: int
    sent: int


class AccessLog:
    """Writes a line for each answer to `stream`, from any thread; `clock` gives seconds since 1970."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.time) -> None:
        self._stream = stream
        self._clock = clock
        self._lock = threading.Lock()

    def __call__(self, access: Access) -> None:
        """One line, whole, at once."""
        line = access_line(access, self._clock())
        with self._lock:
            self._stream.write(line + "\n")
            self._stream.flush()


def access_line(access: Access, now: float) -> str:
    """The line of one answer, without its end, in ASCII."""
    head = access.head
    asked, referer, agent = "-", "-", "-"
    if head is not None:
        asked = f"{head.method} {head.target.raw} HTTP/{head.version[0]}.{head.version[1]}"
        referer, agent = _field(head, "referer"), _field(head, "user-agent")
    return (
        f"{escaped(access.client)} - - [{_time(now)}] "
        f'"{escaped(asked)}" {access.status} {access.sent} "{escaped(referer)}" "{escaped(agent)}"'
    )


def escaped(text: str) -> str:
    """Text as it may stand in a quoted part of a line: printable ASCII, the rest as \\xhh of its bytes."""
    return _UNFIT.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    char = match[0]
    if char in '"\\':
        return f"\\{char}"
    data = char.encode("latin-1") if ord(char) < 256 else char.encode("utf-8", "surrogateescape")
    return "".join(f"\\x{byte:02x}" for byte in data)


def _field(head: Head, name: str) -> str:
    return next((value for key, value in head.fields if key.lower() == name), "") or "-"


def _time(now: float) -> str:
    at = datetime.fromtimestamp(now, UTC)
    return f"{at.day:02}/{_MONTHS[at.month - 1]}/{at.year}:{at:%H:%M:%S} +0000"
