"""What a request looks like on a tape: as it would go out if each secret's value were its stand-in.

A second Outgoing, whose secrets are their stand-ins, puts it together by the same code that puts together what is
sent; so a replay, whose secrets are their stand-ins too, sends the same bytes. Cookies are named and have no values.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import partial
from typing import Any

from scraper import secrets, urls
from scraper.net.outgoing import Credentials, Outgoing, Wire, basic_header
from scraper.net.session import Session
from scraper.secrets import stand_in
from scraper.tape.taken import Asked
from scraper.tape.veil import Veil, cookies_in

_NETRC = stand_in("netrc")


class StandIns:
    """Puts requests together as a tape holds them. May be used from many threads.

    Args:
        outgoing: what puts together what is sent.
        veil: learns what goes out and could be echoed: cookies, and what netrc says.
    """

    def __init__(self, outgoing: Outgoing, veil: Veil) -> None:
        self._real = outgoing
        self._veil = veil
        self._shown = Outgoing(_http_of(outgoing.http), stand_in, outgoing.home, outgoing.folder)
        self._lock = threading.Lock()
        self._session: Session | None = None

    def asked(self, wire_: Wire) -> Asked:
        """The request of an exchange.

        Raises:
            UnsendableError, ValueError, ...: it cannot be sent.
        """
        self._shown.bearer, self._shown.token_endpoint = self._real.bearer, self._real.token_endpoint
        self._learn(wire_)
        shown = self._without_values(wire_)
        url = urls.sendable(self._veil.text(self._shown.url(shown)))
        fields, body = self._parts(shown, url)
        cookie = self._real.cookie_header(wire_, self._real.url(wire_))
        if cookie and not any(name.lower() == "cookie" for name, _ in fields):
            fields.append(("Cookie", cookie))
        host = url.partition("://")[2].partition("/")[0].partition("?")[0]
        named = tuple((name, self._veil.field(name, value)) for name, value in [("Host", host), *fields])
        return Asked(wire_.method, url, named, self._veil.mask(body))

    def _learn(self, wire_: Wire) -> None:
        """What goes out in another form than it is known by."""
        url = self._real.url(wire_)
        self._veil.learn_cookies(cookies_in("Cookie", self._real.cookie_header(wire_, url)))
        found = self._real.auth(wire_, url)
        if found is None or found.kind != "basic":
            return
        auth = wire_.auth or self._real.http.auth
        if auth is not None and auth.netrc:
            if secrets.is_distinct(found.password):
                self._veil.learn(found.password, _NETRC)
            self._veil.learn(_base64(found), _NETRC)

    def _without_values(self, wire_: Wire) -> Wire:
        """The exchange, its texts without values that stand in them as they are."""
        hide = partial(self._veil.text, quoted=isinstance(wire_.data, str) and _is_encoded(wire_))
        auth = None if wire_.auth is not None and wire_.auth.netrc else wire_.auth
        return replace(
            wire_,
            data=_each(wire_.data, hide),
            json=_each(wire_.json, hide),
            cookies=None,
            auth=auth,
        )

    def _parts(self, wire_: Wire, url: str) -> tuple[list[tuple[str, str]], bytes]:
        if not (wire_.data or wire_.json is not None or wire_.files):
            headers = {name: value for name, value in self._shown.headers(wire_).items() if value is not None}
            found = self._shown.auth(wire_, url)
            if found is not None and found.kind != "digest":
                headers = {name: value for name, value in headers.items() if name.lower() != "authorization"}
                headers["Authorization"] = basic_header(found)
            return [*headers.items()], b""
        with self._lock:
            self._session = self._session or Session(self._shown)
        return self._session.asked(wire_)


def _http_of(http: Any) -> Any:
    """The settings of `http:` without cookies, proxies, certificates and netrc, which no request on a tape shows."""
    auth = None if http.auth is not None and http.auth.netrc else http.auth
    return http.model_copy(update={"cookies": {}, "proxies": {}, "cert": None, "verify": True, "auth": auth})


def _is_encoded(wire_: Wire) -> bool:
    """Whether a body that is text is a form as it goes out."""
    given = {name.lower(): str(value) for name, value in (*wire_.headers.items(), *wire_.added.items())}
    return given.get("content-type", "").startswith("application/x-www-form-urlencoded")


def _each(value: Any, change: Any) -> Any:
    return value if isinstance(value, bytes) else secrets.each_text(value, change)


def _base64(found: Credentials) -> str:
    return basic_header(found).partition(" ")[2]
