"""Request -> Page, one exchange at a time.

    exchange(courier, request, hop) -> Page | Hop        raises RequestError

A redirect is not followed here: its Hop goes back to the scheduler, which asks the
new host for a slot, and comes here again. A page's body is decoded as it streams, and
bounded in bytes and in time; a redirect's body is never decoded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
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
_OF_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")
"""What a body of text may say of itself anywhere: without it nobody could read a form."""


def first_hop(request: Request) -> Hop:
    """Where a request begins."""
    return Hop(request.method, request.full_url)


def exchange(
    courier: Courier, request: Request, hop: Hop, expected: tuple[int, ...] = (), *, longest: int | None = None,
    earlier: Page | None = None,
) -> Page | Hop:  # fmt: skip
    """One exchange: the page, or the hop a redirect leads to.

    Args:
        expected: statuses that the rule expects beside 2xx.
        longest: decoded bytes after which the rest of the body is left.
        earlier: the page as it was kept: asked for under a condition, and given again where it is not modified.

    Raises:
        RequestError: the class of what went wrong.
    """
    _check_home(courier, request, hop)
    pace = Pace(courier.http.timeout, secrets.display(hop.url), courier.clock)
    conditions = {} if earlier is None or earlier.url != hop.url else _conditions(courier, request, earlier)
    reply = courier.session.exchange(_wire(request, hop, pace, conditions))
    try:
        with reply.drained():
            following = redirected(courier, hop, reply, expected)
            if following is not None:
                _check_body(courier, request, following)
                reply.drain()
                return following
            if reply.status == 304 and conditions and earlier is not None:
                reply.drain()
                return _unmodified(request, earlier, reply, is_inside(reply, hop.url))
            check_status(courier, reply, expected)
        body = _body(reply, pace, longest) if reply.status not in redirect.STATUSES else b""
    finally:
        reply.close()
    return Page(request, hop.url, reply.status, reply.headers, body, private=is_inside(reply, hop.url))


_CONDITIONS = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}


def _conditions(courier: Courier, request: Request, earlier: Page) -> dict[str, str | None]:
    """What asks for a page only if it is another by now (RFC 9110 section 13.1), unless the job says such itself."""
    named = {name.lower() for name in (*courier.http.headers, *(request.headers or {}))}
    if named & {"if-none-match", "if-modified-since", "cache-control", "range"}:
        return {}
    return {name: earlier.headers[key] for key, name in _CONDITIONS.items() if earlier.headers.get(key)}


def _unmodified(request: Request, earlier: Page, reply: Reply, private: bool) -> Page:
    """The page as it was kept, with what the answer says anew of it (RFC 9111 section 3.2)."""
    told = {name: value for name, value in reply.headers.items() if not name.startswith("content-")}
    headers = {**earlier.headers, **told}
    return replace(earlier, request=request, headers=headers, private=private, unchanged=True)


def _check_home(courier: Courier, request: Request, hop: Hop) -> None:
    """Where a form leads a page says: what the job fills in of its secrets goes to no origin that it does not name."""
    sent = [hop.url, request.data] if hop.body else [hop.url]
    if request.homebound and hop.count == 0 and not courier.outgoing.is_home(hop.url):
        if secrets.display_all(sent) == sent:
            return
        where = secrets.display(urls.origin(hop.url))
        told = f"its form leads to {where}, which may not see the secret in it; http.origins names who may"
        raise errors.ProtocolError(secrets.display(request.full_url), told, sent=False, final=True)


def _check_body(courier: Courier, request: Request, hop: Hop) -> None:
    """A body that holds a secret goes to no origin that the job does not name: 307 and 308 would send it on."""
    body = [request.data, request.json] if hop.body else []
    if not courier.outgoing.is_home(hop.url) and secrets.display_all(body) != body:
        where = secrets.display(urls.origin(hop.url))
        raise errors.RedirectError(
            secrets.display(request.full_url), f"redirected to {where}, which may not see the secret in its body"
        )


def _wire(request: Request, hop: Hop, pace: Pace, conditions: Mapping[str, str | None]) -> Wire:
    headers = dict(request.headers or {})
    body: dict[str, Any] = {"data": request.data, "json": request.json, "files": request.files}
    added = dict(conditions)
    if not hop.body:  # a redirect has dropped it, and what describes it goes too (RFC 9110 section 15.4)
        headers = {name: value for name, value in headers.items() if not name.lower().startswith("content-")}
        body = {}
    elif isinstance(request.data, str) and str(headers.get("Content-Type")).startswith(_OF_FORMS):
        added["Content-Type"] = headers.pop("Content-Type")
    return Wire(
        hop.method,
        hop.url,
        headers=headers,
        added=added,
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
