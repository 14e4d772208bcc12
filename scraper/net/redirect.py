"""Where a redirect leads. Pure (RFC 9110 section 15.4; the Fetch standard where browsers differ).

    next_hop(hop, status, location, budget) -> Hop      raises RedirectError

The engine asks the host of each hop for a slot anew, so a redirect is judged by the
same rules as a first request: scheme, robots, private addresses, secrets.
"""

from __future__ import annotations

from dataclasses import replace

from scraper import secrets, urls
from scraper.errors import RedirectError
from scraper.values import dataclass

STATUSES = frozenset({301, 302, 303, 307, 308})
BUDGET = 20
"""Redirects of one request where the job says `true`; the bound of curl's and browsers' kind."""


@dataclass(frozen=True, slots=True)
class Hop:
    """One exchange of a request that may be redirected.

    Attributes:
        url: with marks and with its query complete.
        body: whether the request's body is still sent.
        count: redirects so far. A circle ends at the budget: a page that sets a cookie may well lead to itself.
        crossed: whether a redirect led to another origin: what the job gives to files stays behind.
        guarded: whether what led here is public, so that a private address is refused.
    """

    method: str
    url: str
    body: bool = True
    count: int = 0
    crossed: bool = False
    guarded: bool = False


def budget(allow_redirects: bool | int) -> int:
    """How many redirects `http.allow_redirects` allows."""
    return (BUDGET if allow_redirects else 0) if isinstance(allow_redirects, bool) else allow_redirects


def next_hop(hop: Hop, status: int, location: str | None, allowed: int) -> Hop:
    """The next exchange.

    Raises:
        RedirectError: no Location, not http(s), or more than `allowed`.
    """
    shown = secrets.display(hop.url)
    if not location:
        raise RedirectError(shown, f"the server answered {status} without a Location")
    target = urls.without_userinfo(urls.join(hop.url, location).partition("#")[0])
    if not urls.is_http(target):
        raise RedirectError(shown, f"redirected to {secrets.display(location)!r}, which is not http or https")
    if hop.count >= allowed:
        raise RedirectError(shown, f"more than {allowed} redirects, the last to {secrets.display(target)}")
    method = _method(hop.method, status)
    return replace(
        hop,
        method=method,
        url=target,
        body=hop.body and method == hop.method,
        count=hop.count + 1,
        crossed=hop.crossed or urls.origin(target) != urls.origin(hop.url),
    )


def _method(method: str, status: int) -> str:
    """303 turns all but HEAD into GET; 301 and 302 turn POST into GET (RFC 9110 section 15.4.2)."""
    if status == 303 and method != "HEAD":
        return "GET"
    return "GET" if status in (301, 302) and method == "POST" else method


def as_utf8(header: str) -> str:
    """Headers come as Latin-1; a Location that is UTF-8 is meant as such (as browsers read it)."""
    try:
        return header.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return header
