"""requests, made to go one hop at a time over bounded connections."""

from __future__ import annotations

from typing import Any

import requests
from requests.adapters import HTTPAdapter

from scraper.net.line import bound
from scraper.net.outgoing import Credentials, basic_header
from scraper.net.proxies import user_of


class OneHop(requests.Session):
    """A session that leaves redirects alone.

    With `allow_redirects=False` requests still makes the next request, for `Response.next`, and for that it
    reads and decodes the body of the redirect.
    """

    def get_redirect_target(self, resp: requests.Response) -> None:
        """There is none."""


class BoundAdapter(HTTPAdapter):
    """With bounded connections, also those to proxies."""

    fresh = False
    """Whether each of them serves one request."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """The manager of direct connections."""
        super().init_poolmanager(*args, **options)
        self.poolmanager = bound(self.poolmanager, fresh=self.fresh)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """A proxy that is spoken to over TLS is believed no sooner than a server; requests looks at the URL alone."""
        is_tls = conn.proxy is not None and conn.proxy.scheme == "https"
        super().cert_verify(conn, "https://" if is_tls else url, verify, cert)

    def proxy_headers(self, proxy: str) -> dict[str, str]:
        """What a proxy is told: its user, in UTF-8 as a server is; requests knows Latin-1, and no user alone."""
        user = user_of(proxy)
        return {} if user is None else {"Proxy-Authorization": basic_header(Credentials("basic", *user))}

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """The manager of the connections through one proxy."""
        known = proxy in self.proxy_manager
        manager = super().proxy_manager_for(proxy, **options)
        return manager if known else bound(manager, fresh=self.fresh)


class FreshAdapter(BoundAdapter):
    """With a connection of its own for each request: one that must not be sent twice.

    A server may close a kept connection just when a request is sent over it. Nobody knows then whether the request was
    seen (RFC 9112 section 9.3.1), so a POST would be lost. A connection that has only just been opened is not idle.
    """

    fresh = True
