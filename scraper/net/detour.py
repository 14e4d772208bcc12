"""A replay's way: every connection goes to one server, which answers from a tape in the place of all others.

    outgoing.detour = Detour("127.0.0.1", 4711)       None, unless a tape is replayed
    plain(url)                                        the URL as a connection is opened for it, without TLS
    came(headers, reason, url, guarded=...)           an answer's head as it was recorded, or what was raised then

No name is resolved, no proxy taken, no certificate shown or asked for. The request goes out with its whole URL as
target (RFC 9112 section 3.2.2), so that the server knows scheme, host and port of what is asked, whatever Host says.

Beside what was recorded an answer has fields that tell what HTTP has no place for (`FIELDS`); they are taken out
here, by one function for both transports. They are read on a detour alone: no server of the network can forge them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from scraper import errors, urls

ADDRESS = "Scraper-Tape-Address"
"""The address that was reached when the answer was recorded."""
REASON = "Scraper-Tape-Reason"
"""The words behind the status, where they are not the usual ones."""
FAILURE = "Scraper-Tape-Failure"
"""What went wrong: a JSON object, see `told`."""
FIELDS = tuple(name.lower() for name in (ADDRESS, REASON, FAILURE))
SKIPPED = "skipped:"


class Detour(NamedTuple):
    """Where all connections go."""

    host: str
    port: int


class Came(NamedTuple):
    """The head of an answer as it was recorded.

    Attributes:
        headers: names in lower case, without the fields of a detour.
        address: that was reached then; None where it is not known.
        failure: what is to be raised where the body ends.
    """

    headers: dict[str, str]
    reason: str
    address: str | None
    failure: errors.RequestError | None


def plain(url: str) -> str:
    """An http URL of the same host and port; an https one's own port is not the default one then."""
    if not url.startswith("https:"):
        return url
    parts = urls.origin(url).partition("://")[2]
    return f"http://{parts}{url[url.index('/', 8) :]}"


def told(ending: str, message: str, *, sent: bool, final: bool, late: bool = False, more: int = 0) -> str:
    """The value of FAILURE.

    Args:
        ending: as runs record it, with or without `failed:`, or `skipped:<why>`.
        sent, final: as RequestError has them.
        late: whether it is raised where the body ends, and not in the place of the head.
        more: how many more answers to the same request the tape has.
    """
    given = {"ending": ending, "message": message, "sent": sent, "final": final, "late": late, "more": more}
    return json.dumps(given)


def came(headers: Mapping[str, str], reason: str, url: str, *, guarded: bool) -> Came:
    """The head of an answer as it was recorded.

    Args:
        headers: names in lower case.
        url: as people see it; for what is raised.
        guarded: whether an address that is not public is refused.

    Raises:
        RequestError: the one that was recorded; SkippedError: the recorded address is not public.
    """
    kept = {name: value for name, value in headers.items() if name not in FIELDS}
    failure = None
    if (text := headers.get(FIELDS[2])) is not None:
        given = json.loads(text)
        failure = _failure(given, url)
        if not given["late"]:
            raise failure
    address = headers.get(FIELDS[0])
    if guarded and address is not None and urls.is_private(address):
        raise errors.SkippedError(url, "private", f"a public page leads to the private address {address}")
    return Came(kept, headers.get(FIELDS[1], reason), address, failure)


def _failure(given: dict[str, Any], url: str) -> errors.RequestError:
    ending = str(given["ending"])
    if ending.startswith(SKIPPED):
        return errors.SkippedError(url, ending.removeprefix(SKIPPED), given["message"])
    kind = errors.CLASSES.get(ending.removeprefix("failed:"), errors.ProtocolError)
    error = kind(url, given["message"], sent=bool(given["sent"]), final=bool(given["final"]))
    if isinstance(error, errors.ProxyError):  # it was tried again if the list had another one
        error.others, error.ready = int(given["more"]), bool(given["more"])
    return error
