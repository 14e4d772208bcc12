"""Request -> Page, one exchange at a time.

    exchange(courier, request, hop) -> Page | Hop        raises RequestError

A redirect is not followed here: its Hop goes back to the scheduler, which asks the
new host for a slot, and comes here again. A page's body is decoded as it streams, and
bounded in bytes and in time; a redirect's body is never decoded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scraper import errors, secrets, urls
from scraper.model import Page, Request
from scraper.net import redirect
from scraper.net.courier import Courier, check_status, decoded, is_inside, redirected
from scraper.net.outgoing import Wire
from scraper.net.pace import Pace
from scraper.net.redirect import Hop

if TYPE_CHECKING:
    from scraper.net.session import Reply

PAGE_LIMIT = 64 * 1024 * 1024
"""Decoded bytes of a page; more is `failed:limit`. A page is held in memory, a file never is."""


def first_hop(request: Request) -> Hop:
    """Where a request begins."""
    return Hop(request.method, request.full_url)


def exchange(
    courier: Courier, request: Request, hop: Hop, expected: tuple[int, ...] = (), *, longest: int | None = None
) -> Page | Hop:
    """One exchange: the page, or the hop a redirect leads to.

    Args:
        expected: statuses that the rule expects beside 2xx.
        longest: decoded bytes after which the rest of the body is left.

    Raises:
        RequestError: the class of what went wrong.
    """
    pace = Pace(courier.http.timeout, secrets.display(hop.url), courier.clock)
    reply = courier.session.exchange(_wire(request, hop, pace))
    try:
        with reply.drained():
            following = redirected(courier, hop, reply, expected)
            if following is not None:
                _check_body(courier, request, following)
                reply.drain()
                return following
            check_status(courier, reply, expected)
        body = _body(reply, pace, longest) if reply.status not in redirect.STATUSES else b""
    finally:
        reply.close()
    return Page(request, hop.url, reply.status, reply.headers, body, private=is_inside(reply, hop.url))


def _check_body(courier: Courier, request: Request, hop: Hop) -> None:
    """A body that holds a secret goes to no origin that the job does not name: 307 and 308 would send it on."""
    body = [request.data, request.json] if hop.body else []
    if not courier.outgoing.is_home(hop.url) and secrets.display_all(body) != body:
        where = secrets.display(urls.origin(hop.url))
        raise errors.RedirectError(
            secrets.display(request.full_url), f"redirected to {where}, which may not see the secret in its body"
        )


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
        guarded=hop.guarded,
        **body,
    )


def _body(reply: Reply, pace: Pace, longest: int | None) -> bytes:
    body = bytearray()
    try:
        for piece in decoded(reply, pace, PAGE_LIMIT):
            body += piece
            if longest is not None and len(body) > longest:
                reply.abort()
                return bytes(body[:longest])
    except errors.LimitError:
        reply.abort()
        raise
    return bytes(body)
