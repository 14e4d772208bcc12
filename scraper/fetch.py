"""Request -> Page, one exchange at a time.

    exchange(courier, request, hop) -> Page | Hop        raises RequestError

A redirect is not followed here: its Hop goes back to the scheduler, which asks the
new host for a slot, and comes here again. A page's body is decoded as it streams, and
bounded in bytes and in time; a redirect's body is never decoded.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from scraper import errors, secrets, urls
from scraper.job.parts import Http
from scraper.model import Page, Request
from scraper.net import redirect, retry, wire
from scraper.net.decode import Decoder, EncodingTrouble, LimitTrouble
from scraper.net.pace import Pace
from scraper.net.redirect import Hop
from scraper.net.session import Reply, Session, Wire
from scraper.page.charset import defuse

PAGE_LIMIT = 64 * 1024 * 1024
"""Decoded bytes of a page; more is `failed:limit`. A page is held in memory, a file never is."""


def wall_clock() -> datetime:
    """The time of day, aware."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Courier:
    """What every exchange needs: the session, its settings, the clocks, and the secrets to conceal."""

    session: Session
    http: Http
    known: Mapping[str, str] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = wall_clock

    def conceal(self, text: str) -> str:
        """What comes from outside, with secrets that it echoes as marks again."""
        return secrets.conceal(text, self.known) if self.known else text


def first_hop(request: Request) -> Hop:
    """Where a request begins."""
    return Hop(request.method, request.full_url)


def exchange(courier: Courier, request: Request, hop: Hop, expected: tuple[int, ...] = ()) -> Page | Hop:
    """One exchange: the page, or the hop a redirect leads to.

    Args:
        expected: statuses that the rule expects beside 2xx.

    Raises:
        RequestError: the class of what went wrong.
    """
    pace = Pace(courier.http.timeout, secrets.display(hop.url), courier.clock)
    reply = courier.session.exchange(_wire(request, hop, pace))
    try:
        following = redirected(courier, hop, reply, expected)
        if following is not None:
            _check_body(courier, request, following)
            return following
        check_status(courier, reply, expected)
        body = _body(reply, pace) if reply.status not in redirect.STATUSES else b""
    finally:
        reply.close()
    headers = {name: courier.conceal(value) for name, value in reply.headers.items()}
    return Page(request, hop.url, reply.status, headers, body, private=is_inside(reply, hop.url))


def redirected(courier: Courier, hop: Hop, reply: Reply, expected: tuple[int, ...] = ()) -> Hop | None:
    """The hop a redirect leads to, its body drained; None for any other answer."""
    if reply.status not in redirect.STATUSES or reply.status in expected:
        return None
    reply.drain()
    location = defuse(redirect.as_utf8(reply.headers.get("location", "")))  # nobody forges a mark
    allowed = redirect.budget(courier.http.allow_redirects)
    target = redirect.next_hop(hop, reply.status, courier.conceal(location), allowed)
    if not is_inside(reply, hop.url) and wire.leads_inside(target.url):
        raise errors.SkippedError(
            reply.url, "private", f"redirected to the private address {secrets.display(target.url)}"
        )
    return target


def _check_body(courier: Courier, request: Request, hop: Hop) -> None:
    """A body that holds a secret goes to no origin that the job does not name: 307 and 308 would send it on."""
    body = [request.data, request.json] if hop.body else []
    if not courier.session.is_home(hop.url) and secrets.display_all(body) != body:
        where = secrets.display(urls.origin(hop.url))
        raise errors.RedirectError(
            secrets.display(request.full_url), f"redirected to {where}, which may not see the secret in its body"
        )


def check_status(courier: Courier, reply: Reply, expected: tuple[int, ...] = ()) -> None:
    """Anything but a 2xx, or what the rule expects, is an error; so is a part of a body that nobody asked for."""
    if reply.status == 206 and 206 not in expected:
        raise errors.ProtocolError(reply.url, "the server sent a range (206) that was not asked for")
    if 200 <= reply.status < 300 if not expected else reply.status in expected:
        return
    reply.drain()
    after = retry.retry_after(reply.headers.get("retry-after"), courier.now())
    raise errors.StatusError(reply.url, reply.status, reply.reason, after)


def is_inside(reply: Reply, url: str) -> bool:
    """Whether an answer came from an address that is not public; without a socket the URL tells."""
    if reply.address is not None:
        return urls.is_private(reply.address)
    host = urls.host_of(url)
    return host == "localhost" or urls.is_private(host)


def _wire(request: Request, hop: Hop, pace: Pace) -> Wire:
    headers = dict(request.headers or {})
    body: dict[str, Any] = {"data": request.data, "json": request.json, "files": request.files}
    if not hop.body:  # a redirect has dropped it, and what describes it goes too (RFC 9110 section 15.4)
        headers = {name: value for name, value in headers.items() if not name.lower().startswith("content-")}
        body = {}
    return Wire(
        hop.method,
        hop.url,
        headers=headers,
        cookies=request.cookies,
        auth=request.auth,
        deadline=pace.left,
        **body,
    )


def _body(reply: Reply, pace: Pace) -> bytes:
    try:
        return b"".join(decoded(reply, pace, PAGE_LIMIT))
    except errors.LimitError:
        reply.abort()
        raise


def decoded(reply: Reply, pace: Pace, limit: int) -> Iterator[bytes]:
    """The body as it comes, in bounded pieces, decoded to the end of its content encoding.

    Raises:
        RequestError: encoding (unknown, corrupt, cut), limit (more decoded bytes than that), or what broke it.
    """
    encoding = reply.headers.get("content-encoding", "")
    decoder: Decoder | None = None
    try:
        for piece in reply.pieces():
            pace.step(len(piece))
            decoder = decoder or Decoder(encoding, limit)
            yield from decoder.pieces(piece)
        if decoder is not None:
            decoder.finish()
    except LimitTrouble as error:
        raise errors.LimitError(reply.url, str(error)) from error
    except EncodingTrouble as error:
        raise errors.EncodingError(reply.url, str(error)) from error
