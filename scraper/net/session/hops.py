"""requests, made to go one hop at a time over bounded connections."""

from __future__ import annotations

from typing import Any

import requests
from requests.adapters import HTTPAdapter

from scraper.net.line import bound


class OneHop(requests.Session):
    """A session that leaves redirects alone.

    With `allow_redirects=False` requests still makes the next request, for `Response.next`, and for that it
    reads and decodes the body of the redirect.
    """

    def get_redirect_target(self, resp: requests.Response) -> None:
        """There is none."""


class BoundAdapter(HTTPAdapter):
    """With bounded connections, also those to proxies."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """The manager of direct connections."""
        super().init_poolmanager(*args, **options)
        self.poolmanager = bound(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """The manager of the connections through one proxy."""
        known = proxy in self.proxy_manager
        manager = super().proxy_manager_for(proxy, **options)
        return manager if known else bound(manager)
