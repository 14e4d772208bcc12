"""How large a file is, asked by HEAD: what it takes to plan a run (RFC 9110 section 9.3.2).

    size_of(courier, download, hop) -> Size | Hop        raises RequestError

One exchange, with what the file itself would be asked with: its headers, the job's credentials where they may go,
no content encoding. A redirect is a Hop that goes back to the scheduler, as everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scraper import secrets, urls
from scraper.net.courier import Courier, check_status, redirected
from scraper.net.head import length_of
from scraper.net.outgoing import NONE, Wire
from scraper.net.pace import Pace
from scraper.net.redirect import Hop
from scraper.values import dataclass

if TYPE_CHECKING:
    from scraper.model import Download
    from scraper.net.answer import Answer

PLAIN = frozenset({"", "identity"})


@dataclass(frozen=True, slots=True)
class Size:
    """What a server says of a file.

    Attributes:
        bytes: None: it does not say.
        host: who said it, after redirects; seconds: how long the answer took.
    """

    bytes: int | None
    host: str
    seconds: float


def first_hop(download: Download) -> Hop:
    """Where the asking begins."""
    return Hop("HEAD", download.url, body=False)


def size_of(courier: Courier, download: Download, hop: Hop) -> Size | Hop:
    """One exchange: the size, or the hop a redirect leads to.

    Raises:
        RequestError: the class of what went wrong; a status that is no success (405 where HEAD is not known) too.
    """
    given = NONE if hop.crossed else download.headers or NONE
    pace = Pace(courier.http.timeout, secrets.display(hop.url), courier.clock)
    asked = Wire(
        hop.method, hop.url, NONE, given, encodings="identity", deadline=pace.left, guarded=hop.guarded
    )  # fmt: skip
    reply = courier.session.exchange(asked)
    try:
        with reply.drained():
            following = redirected(courier, hop, reply)
            if following is not None:
                return following
            check_status(courier, reply)
        return Size(_bytes(reply), urls.host_key(hop.url), pace.age)
    finally:
        reply.close()


def _bytes(answer: Answer) -> int | None:
    """Its Content-Length, which is the file's only where nothing is encoded."""
    if answer.headers.get("content-encoding", "").strip().lower() not in PLAIN or answer.status != 200:
        return None
    return length_of(answer.headers.get("content-length", ""))
