"""Which proxy a URL takes: by requests' rules (its mapping, NO_PROXY, the names of the environment), or of a list.

    way = proxies.way(url)                 what an exchange takes, or None: straight there
    proxies.worked(way)                    an answer came that way
    proxies.failed(way, error)             the proxy did not do its work

A list is for every URL: as with a mapping of the job, NO_PROXY of the environment counts for its own proxies alone.
Which one of the list is asked, and which are left alone, proxylist.py decides; here are its lock, clock and log.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from scraper import secrets, units, urls
from scraper.errors import ProxyError
from scraper.net.proxylist import Choice, Pool, shown

log = logging.getLogger("scraper")


class Way(NamedTuple):
    """The URL of the proxy that an exchange takes; `choice` where it is one of a list."""

    proxy: str
    choice: Choice | None = None


class Proxies:
    """Which proxy a URL takes: the job's, else the environment's as it was at the start.

    May be used from many threads.

    Args:
        given: a mapping, a list, or None: the environment's.
        clock: seconds; what a list goes by.
    """

    def __init__(self, given: Any, reveal: Callable[[str], str], clock: Callable[[], float] = time.monotonic) -> None:
        self._list = _List(given, reveal, clock) if isinstance(given, (list, tuple)) else None
        if self._list is not None:
            self._map, self._without = {}, ""
        elif isinstance(given, Mapping):
            self._map = {name: reveal(value) for name, value in given.items() if value is not None}
            self._without = self._map.pop("no_proxy", "")
        else:
            self._map = _of_environment()
            self._without = self._map.pop("no", "")
        self._map = {name: whole(url) for name, url in self._map.items()}

    def __bool__(self) -> bool:
        return bool(self._map) or self._list is not None

    def way(self, url: str) -> Way | None:
        """What an exchange with this URL takes, or None: straight there. Of a list, its host is given one."""
        if self._list is not None:
            return self._list.way(url)
        proxy = self._named(url)
        return Way(proxy) if proxy else None

    def is_for(self, url: str) -> bool:
        """Whether this URL takes a proxy."""
        return self._list is not None or self._named(url) is not None

    def worked(self, way: Way | None) -> None:
        """An answer came that way."""
        if self._list is not None and way is not None and way.choice is not None:
            self._list.worked(way.choice)

    def failed(self, way: Way | None, error: ProxyError) -> None:
        """The proxy did not do its work; the error is told whether there is another one."""
        if self._list is not None and way is not None and way.choice is not None:
            self._list.failed(way.choice, error)

    def _named(self, url: str) -> str | None:
        """By requests' mapping."""
        if not self._map:
            return None
        parts = urlsplit(url)
        host = parts.hostname or ""
        if self._without and _is_without(host, parts.port, self._without):
            return None
        names = (f"{parts.scheme}://{host}", parts.scheme, f"all://{host}", "all")
        return next((self._map[name] for name in names if name in self._map), None) or None


class _List:
    """The proxies of a list, each with what the log calls it."""

    def __init__(self, given: Sequence[str], reveal: Callable[[str], str], clock: Callable[[], float]) -> None:
        self._urls = [whole(reveal(each)) for each in given]
        self._names = [f"proxy {at} ({secrets.display(shown(each))})" for at, each in enumerate(given, 1)]
        self._pool = Pool(len(given))
        self._clock = clock
        self._lock = threading.Lock()

    def way(self, url: str) -> Way:
        """What an exchange takes."""
        with self._lock:
            choice = self._pool.choose(urls.host_key(url), self._clock())
        return Way(self._urls[choice.at], choice)

    def worked(self, choice: Choice) -> None:
        """An answer came."""
        with self._lock:
            is_back = self._pool.worked(choice)
        if is_back:
            log.info("%s works again", self._names[choice.at])

    def failed(self, choice: Choice, error: ProxyError) -> None:
        """The proxy failed, or did not open the way to that host."""
        with self._lock:
            now = self._clock()
            pause = (self._pool.refused if error.refused else self._pool.failed)(choice, now)
            error.others, error.ready = len(self._urls) - 1, self._pool.has_for(choice.host, now)
        if pause is not None:
            rest = f"left alone for {units.human_seconds(pause)}"
            log.warning("%s: %s; %s", self._names[choice.at], error.message, rest)


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
