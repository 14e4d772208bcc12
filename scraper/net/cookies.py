"""Cookies: a jar that keeps them at home, and Netscape cookies.txt files.

    jar.take(url, ["sid=v; Path=/"])     what an answer of that URL says
    jar.header_for(url) -> "sid=v"       what goes to another

The jar is that of RFC 6265 section 5.3 and 5.4, with borders of its own. Section 8.5 lets a
cookie cross ports; we do not: it is sent only to the port that set it (80 and 443 count as
one), also where a Domain attribute lets it reach other hosts, so that a session cookie of one
local service never reaches another. What the job itself brings (a cookies.txt) goes to the
job's origins alone. Where no dot parts a domain it is nobody's (`com`, `localhost`), and what
is Secure, or says so by its name, is what https has set (RFC 6265bis section 4.1.3).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from scraper import urls
from scraper.net import setcookie

LONGEST = 4096
"""Characters of name and value together; RFC 6265 section 6.1 asks for as much."""
MOST_OF_DOMAIN, MOST = 180, 3000
"""Cookies from servers that are kept, of one domain and in all; the RFC asks for 50 and 3000."""
HTTP_ONLY = "#HttpOnly_"
"""Before the line of a cookie in a cookies.txt."""
_WEB = (80, 443)

Key = tuple[str, str, str, int | None]


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie in a jar.

    Attributes:
        reaches_below: whether hosts below its domain are sent it too.
        expires: seconds since 1970; None: with the session.
        port: that set it, 80 also for 443; None for one that the job brings.
        is_http_only: whether a browser hides it from scripts; it is kept for who reads it from a file.
    """

    name: str
    value: str = field(repr=False)
    domain: str
    path: str = "/"
    reaches_below: bool = False
    is_secure: bool = False
    expires: float | None = None
    port: int | None = None
    is_http_only: bool = False

    @property
    def key(self) -> Key:
        """By which a later one takes its place (RFC 6265 section 5.3 step 11)."""
        return self.name, self.domain, self.path, self.port

    def is_expired(self, now: float) -> bool:
        """Whether its time is over; seconds since 1970."""
        return self.expires is not None and self.expires <= now

    def fits(self, place: _Place) -> bool:
        """Whether a request to that place may have it; `port` None is not judged here (RFC 6265 section 5.4)."""
        return (
            (place.host == self.domain or (self.reaches_below and _is_below(place.host, self.domain)))
            and (self.port is None or self.port == place.port)
            and (place.is_secure or not self.is_secure)
            and (place.path == self.path or place.path.startswith(self.path.removesuffix("/") + "/"))
        )


class _Place(NamedTuple):
    """What of a URL cookies ask for."""

    host: str
    port: int
    path: str
    is_secure: bool


def _place(url: str) -> _Place:
    parts, port = urlsplit(url), urls.port_of(url)
    return _Place(urls.host_of(url), _WEB[0] if port in _WEB else port, parts.path or "/", parts.scheme == "https")


def _is_below(host: str, domain: str) -> bool:
    """An IP address has no domain above it, though it ends in others' digits (RFC 6265 section 5.1.3)."""
    return host.endswith(f".{domain}") and not urls.is_address(host)


class Jar:
    """The cookies of a run. Threads share it.

    Args:
        is_home: tells the URLs that may see the job's own cookies.
        clock: seconds since 1970.
    """

    def __init__(self, is_home: Callable[[str], bool], clock: Callable[[], float] = time.time) -> None:
        self._is_home = is_home
        self._clock = clock
        self._lock = threading.Lock()
        # In the order in which they came first: between equally long paths that is how they are sent (section 5.4).
        self._cookies: dict[Key, Cookie] = {}

    def __iter__(self) -> Iterator[Cookie]:
        """Those that there are, as they came."""
        with self._lock:
            return iter([*self._cookies.values()])

    def fill(self, cookies: Iterable[Cookie]) -> None:
        """Puts the job's own cookies in."""
        with self._lock:
            self._cookies.update((cookie.key, cookie) for cookie in cookies)

    def header_for(self, url: str) -> str:
        """The Cookie header for a URL; "" where there are none for it."""
        if not self._cookies:
            return ""
        place, is_home, now = _place(url), self._is_home(url), self._clock()
        found = [
            cookie
            for cookie in self
            if cookie.fits(place) and (is_home or cookie.port is not None) and not cookie.is_expired(now)
        ]
        found.sort(key=lambda cookie: len(cookie.path), reverse=True)
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in found)

    def take(self, url: str, given: Iterable[str]) -> None:
        """Puts in what the Set-Cookie headers of an answer say, as far as they may."""
        place, now = _place(url), self._clock()
        for line in given:
            said = setcookie.parse(line, now)
            cookie = None if said is None else _admitted(said, place)
            if cookie is not None:
                with self._lock:
                    self._put(cookie, place, now, is_home=self._is_home(url))

    def _put(self, cookie: Cookie, place: _Place, now: float, *, is_home: bool) -> None:
        old = self._cookies.get(cookie.key)
        if old is not None and old.is_secure and not place.is_secure:
            return
        if is_home:  # there the server may change and take back what the job brought
            self._cookies.pop((*cookie.key[:3], None), None)
        if cookie.is_expired(now):
            self._cookies.pop(cookie.key, None)
            return
        self._cookies[cookie.key] = cookie
        if len(self._cookies) > MOST_OF_DOMAIN:
            self._shrink(cookie.domain, now)

    def _shrink(self, domain: str, now: float) -> None:
        """Drops what has expired and then the oldest, so that no server fills the memory."""
        served = [cookie for cookie in self._cookies.values() if cookie.port is not None]
        over = [cookie for cookie in served if cookie.is_expired(now)]
        fresh = [cookie for cookie in served if not cookie.is_expired(now)]
        over += [cookie for cookie in fresh if cookie.domain == domain][:-MOST_OF_DOMAIN] + fresh[:-MOST]
        for cookie in over:
            self._cookies.pop(cookie.key, None)


def _admitted(said: setcookie.SetCookie, place: _Place) -> Cookie | None:
    """The cookie as that place may set it; None where it may not (RFC 6265 section 5.3)."""
    path = said.path or place.path.rpartition("/")[0] or "/"
    domain = said.domain or place.host
    if domain != place.host and not ("." in domain and _is_below(place.host, domain)):
        return None
    if len(said.name) + len(said.value) > LONGEST or (said.is_secure and not place.is_secure):
        return None
    name = said.name.lower()
    if name.startswith(("__secure-", "__host-")) and not said.is_secure:
        return None
    if name.startswith("__host-") and (said.domain or path != "/"):
        return None
    reaches_below = said.domain != "" and "." in domain
    return Cookie(
        said.name, said.value, domain, path, reaches_below, said.is_secure, said.expires, place.port, said.is_http_only
    )


def read_cookies_txt(path: Path) -> list[Cookie]:
    """The cookies of a Netscape cookies.txt: session cookies (expiry 0) count, no header line is needed.

    Raises:
        ValueError: a line that is no cookie, told with its number.
        OSError: the file cannot be read.
    """
    cookies = []
    for number, line in enumerate(path.read_text("utf-8-sig", "replace").split("\n"), 1):
        is_http_only, line = line.startswith(HTTP_ONLY), line.removeprefix(HTTP_ONLY).removesuffix("\r")
        if not line.strip() or line.startswith("#"):
            continue
        parts = line.split("\t")
        if len(parts) not in (6, 7):
            raise ValueError(f"{path}:{number}: not a cookie; seven fields with tabs between them are expected")
        try:
            cookie = _cookie(*parts, *[""] * (7 - len(parts)))
            cookies.append(replace(cookie, is_http_only=is_http_only))
        except (ValueError, OverflowError) as error:
            raise ValueError(f"{path}:{number}: {parts[4]!r} is no time of expiry") from error
    return [cookie for cookie in cookies if not cookie.is_expired(time.time())]


def _cookie(domain: str, subdomains: str, path: str, secure: str, expires: str, name: str, value: str) -> Cookie:
    when = int(float(expires or 0))
    reaches_below = subdomains.upper() == "TRUE" or domain.startswith(".")
    home = domain.removeprefix(".").strip("[]").lower()
    return Cookie(name, value, home, path or "/", reaches_below, secure.upper() == "TRUE", when or None)
