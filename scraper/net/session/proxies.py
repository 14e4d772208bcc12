"""Which proxy a URL takes."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

from requests.utils import should_bypass_proxies


class Proxies:
    """Which proxy a URL takes: the job's, else the environment's as it was at the start."""

    def __init__(self, given: Any, reveal: Callable[[str], str]) -> None:
        self._no_proxy: str | None = None
        if isinstance(given, Mapping):
            self._map = {name: reveal(value) for name, value in given.items()}
            self._no_proxy = self._map.pop("no_proxy", None)
        else:
            self._map = urllib.request.getproxies()
            self._no_proxy = self._map.pop("no", None)
        self.is_socks = any(value.startswith("socks") for value in self._map.values())

    def for_url(self, url: str) -> dict[str, str]:
        """The mapping that requests takes."""
        if not self._map or (self._no_proxy and should_bypass_proxies(url, self._no_proxy)):
            return {}
        return self._map
