"""Everything that can go wrong, as classes.

    ScraperError
    ├── JobError          the job file is wrong                       exit 3
    ├── UsageError        the command line is wrong                   exit 2
    ├── TapeError         a tape is no WARC, or cannot be used        exit 3
    ├── BusyError         another run holds the output folder         exit 6
    ├── LedgerError       the ledger is newer, broken or unreadable   exit 1
    ├── WorkerError       a process that fetched files was killed     exit 1
    ├── DiskError         the disk takes nothing more                 exit 5
    └── RequestError      one URL failed; carries its URL and cause   exit 4, an Outcome
        ├── DnsError … SkippedError   one class for each ending of DESIGN section 3
        └── StatusError   `http:404` and its like

A RequestError becomes an Outcome and never ends a run. Anything that is not a
ScraperError is a bug and goes up.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

from scraper import secrets


class Exit(IntEnum):
    """The exit codes of the command line (DESIGN section 2)."""

    DONE = 0
    BUG = 1
    USAGE = 2
    JOB = 3
    FAILURES = 4
    LIMIT = 5
    BUSY = 6
    EXPECT = 7
    SIGINT = 130
    SIGTERM = 143


class ScraperError(Exception):
    """The base of every error of ours."""

    exit_code = Exit.BUG


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One mistake in a job file: where it stands, what it is, its cure. Line and column count from 1."""

    file: str
    line: int
    column: int
    where: str
    message: str
    warning: bool = False

    def __str__(self) -> str:
        kind = "warning: " if self.warning else ""
        where = f"{self.where}: " if self.where else ""
        return f"{self.file}:{self.line}:{self.column}: {kind}{where}{self.message}"


class JobError(ScraperError):
    """The job file holds mistakes; all of them are told at once, in the order of the file."""

    exit_code = Exit.JOB

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(sorted(mistakes))
        super().__init__("\n".join(map(str, self.mistakes)))


class UsageError(ScraperError):
    """The command line asks for what cannot be."""

    exit_code = Exit.USAGE


class TapeError(ScraperError):
    """A tape cannot be read or written to.

    Attributes:
        path: the file.
        reason: what is wrong with it, and the cure.
    """

    exit_code = Exit.JOB

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path}: {reason}")


class BusyError(ScraperError):
    """Another run holds the output folder.

    Args:
        exit_code: where waiting for it was stopped: by what.
    """

    exit_code = Exit.BUSY

    def __init__(self, message: str, exit_code: int = Exit.BUSY) -> None:
        super().__init__(message)
        self.exit_code = Exit(exit_code)


class LedgerError(ScraperError):
    """The ledger cannot be used: another version, or a damaged file."""


class WorkerError(ScraperError):
    """A process that fetched files for the run is gone. The run stops and stays open."""


class DiskError(ScraperError):
    """The disk refuses: full, over quota, or read-only. The run stops and stays open."""

    exit_code = Exit.LIMIT


class RequestError(ScraperError):
    """A page or file that failed.

    Attributes:
        url, message: the URL that was asked, and what went wrong, with marks as people read them.
        name: the class of the failure as told in endings (`timeout`, `http:404`, …).
        sent: whether any byte of the request may have reached the server; if not, any method may be repeated.
        final: whether trying again cannot help, whatever the class.
    """

    name = "protocol"
    exit_code = Exit.FAILURES

    def __init__(self, url: str, message: str, *, sent: bool = True, final: bool = False) -> None:
        self.url = secrets.display(url)
        self.message = secrets.display(message)
        super().__init__(self.message)
        self.sent = sent
        self.final = final

    def __reduce__(self) -> tuple[Any, ...]:
        """For a process that tells another one: classes differ in what makes them, not in what they are."""
        return _revived, (type(self), self.args, self.__dict__)

    @property
    def ending(self) -> str:
        """The ending of DESIGN section 3: `failed:<class>`."""
        return f"failed:{self.name}"


def _revived(kind: type[RequestError], args: tuple[Any, ...], known: dict[str, Any]) -> RequestError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(known)
    return error


class DnsError(RequestError):
    """The host name has no address."""

    name = "dns"


class ConnectError(RequestError):
    """No connection: refused, unreachable, or cut before the request was sent."""

    name = "connect"


class TimeoutError(RequestError):  # noqa: A001 - the class of the ending; always used through this module
    """No connection or no answer in time, or an attempt beyond `timeout.total`."""

    name = "timeout"


class StalledError(RequestError):
    """The body came too slowly or stopped coming (`timeout.read`, `timeout.slowest`)."""

    name = "stalled"


class TlsError(RequestError):
    """The certificate or the handshake was refused."""

    name = "tls"


class ProxyError(RequestError):
    """The proxy failed or refused.

    Attributes:
        refused: whether the proxy is there, and did not open the way to this server.
        others: how many more proxies a list has; ready: whether one is known of that may open the way.
    """

    name = "proxy"

    def __init__(
        self, url: str, message: str, *, sent: bool = True, final: bool = False, refused: bool = False
    ) -> None:
        super().__init__(url, message, sent=sent, final=final)
        self.refused = refused
        self.others = 0
        self.ready = False


class StatusError(RequestError):
    """The server answered with a status that is not a success.

    Attributes:
        status: the HTTP status code.
        retry_after: seconds the server asked to wait, or None.
    """

    def __init__(self, url: str, status: int, reason: str = "", retry_after: float | None = None) -> None:
        super().__init__(url, f"the server answered {status} {reason}".rstrip())
        self.status = status
        self.retry_after = retry_after
        self.name = f"http:{status}"


class RedirectError(RequestError):
    """A redirect that cannot be followed: loop, budget, scheme, no Location."""

    name = "redirect"


class ProtocolError(RequestError):
    """What came is not HTTP, or the connection broke in the middle of it."""

    name = "protocol"


class LengthError(RequestError):
    """The body is shorter or longer than was declared."""

    name = "length"


class EncodingError(RequestError):
    """The content encoding is unknown, corrupt, or was cut."""

    name = "encoding"


class DigestError(RequestError):
    """The bytes do not have the digest that was promised."""

    name = "digest"


class TypeMismatchError(RequestError):
    """The content is of another type than its rule reads or its job accepts."""

    name = "type"


class ShapeError(RequestError):
    """The page is not as its rule describes it."""

    name = "shape"


class LimitError(RequestError):
    """A cap was reached: decoded bytes, ratio, headers."""

    name = "limit"


class WriteError(RequestError):
    """The file system refused this file."""

    name = "disk"


class BusyHostError(RequestError):
    """The host asks to wait longer than six hours."""

    name = "busy"


class SkippedError(RequestError):
    """Not a failure: the URL ends as `skipped:<why>`."""

    def __init__(self, url: str, why: str, message: str) -> None:
        super().__init__(url, message, sent=False)
        self.name = why

    @property
    def ending(self) -> str:
        """`skipped:<why>`."""
        return f"skipped:{self.name}"


CLASSES = {
    each.name: each
    for each in RequestError.__subclasses__()
    if each not in (StatusError, SkippedError)  # made of more than a message
}
"""The classes of failures (DESIGN section 3) by their names; a kind of one that another module makes is none.

Beside them stand `http:<status>` and `name`, which no request ends by.
"""
