"""Which proxy a URL takes, by requests' rules: its mapping, NO_PROXY, and the names of the environment."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit


class Proxies:
    """Which proxy a URL takes: the job's, else the environment's as it was at the start."""

    def __init__(self, given: Any, reveal: Callable[[str], str]) -> None:
        if isinstance(given, Mapping):
            self._map = {name: reveal(value) for name, value in given.items() if value is not None}
            self._without = self._map.pop("no_proxy", "")
        else:
            self._map = _of_environment()
            self._without = self._map.pop("no", "")
        self._map = {name: whole(url) for name, url in self._map.items()}
        self.is_socks = any(value.startswith("socks") for value in self._map.values())

    def __bool__(self) -> bool:
        return bool(self._map)

    def for_url(self, url: str) -> str | None:
        """The URL of the proxy, or None: straight there."""
        if not self._map:
            return None
        parts = urlsplit(url)
        host = parts.hostname or ""
        if self._without and _is_without(host, parts.port, self._without):
            return None
        names = (f"{parts.scheme}://{host}", parts.scheme, f"all://{host}", "all")
        return next((self._map[name] for name in names if name in self._map), None) or None


def _of_environment() -> dict[str, str]:
    """As urllib.request tells them; it takes a while to load, so not where the environment names none."""
    is_posix = os.name == "posix" and sys.platform != "darwin"
    if is_posix and not any(name.lower().endswith("_proxy") for name in os.environ):
        return {}
    import urllib.request

    return urllib.request.getproxies()


def whole(url: str) -> str:
    """The URL of a proxy with its scheme, and with a password where there is a user."""
    if not url:
        return url
    url = url if "://" in url else f"http://{url}"
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user}:@{host}").geturl() if at and ":" not in user else url


def user_of(url: str) -> tuple[str, str] | None:
    """User and password of a proxy's URL, percent-decoded, or None."""
    user, at, _ = urlsplit(url).netloc.rpartition("@")
    name, _, password = user.partition(":")
    return (unquote(name), unquote(password)) if at else None


def _is_without(host: str, port: int | None, listed: str) -> bool:
    """Whether NO_PROXY names a host: by itself, by a domain above it, by a network in CIDR form."""
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address(host)
        return any(_holds(one.strip(), address, port) for one in listed.split(","))
    named = host if port is None else f"{host}:{port}"
    import urllib.request

    return bool(urllib.request.proxy_bypass_environment(named, {"no": listed}))  # type: ignore[attr-defined]


def _holds(listed: str, address: Any, port: int | None) -> bool:
    if listed == "*" or listed.strip("[]") == str(address) or (port and listed == f"{address}:{port}"):
        return True
    with contextlib.suppress(ValueError):
        return "/" in listed and address in ipaddress.ip_network(listed, strict=False)
    return False
