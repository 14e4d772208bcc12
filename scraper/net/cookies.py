"""Cookies: a jar that keeps them at home, and Netscape cookies.txt files.

RFC 6265 section 8.5 lets a cookie cross ports; we do not: it is sent only to the port
that set it (80 and 443 count as one), also where a Domain attribute lets it reach other
hosts, so that a session cookie of one local service never reaches another.
"""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Callable, Iterable
from email.message import Message
from http.cookiejar import Cookie, CookieJar, DefaultCookiePolicy
from pathlib import Path

from scraper import urls

_PORT, _OWN = "origin_port", "of_the_job"
_WEB = (80, 443)


class HomePolicy(DefaultCookiePolicy):
    """The default policy; cookies stay at their port, the job's own ones at its origins."""

    def __init__(self, is_home: Callable[[str], bool]) -> None:
        super().__init__()
        self._is_home = is_home

    def set_ok(self, cookie: Cookie, request: urllib.request.Request) -> bool:
        """Notes the port that set the cookie; one for a part of an IP address is refused."""
        if not _is_of_host(cookie, request):
            return False
        cookie.set_nonstandard_attr(_PORT, str(urls.port_of(request.get_full_url())))
        return super().set_ok(cookie, request)

    def return_ok(self, cookie: Cookie, request: urllib.request.Request) -> bool:
        """Whether the cookie may go to this request's port."""
        if not _is_of_host(cookie, request):
            return False
        kept = cookie.get_nonstandard_attr(_PORT)
        if kept is not None and not _same_port(int(kept), urls.port_of(request.get_full_url())):
            return False
        if cookie.has_nonstandard_attr(_OWN) and not self._is_home(request.get_full_url()):
            return False
        return super().return_ok(cookie, request)


def _is_of_host(cookie: Cookie, request: urllib.request.Request) -> bool:
    """An IP address has no domain above it, though it ends in others' digits (RFC 6265 section 5.1.3)."""
    host = urls.host_of(request.get_full_url())
    return not urls.is_address(host) or cookie.domain.removesuffix(".local").strip(".[]") == host


def _same_port(first: int, second: int) -> bool:
    return first == second or (first in _WEB and second in _WEB)


def new_jar(is_home: Callable[[str], bool]) -> CookieJar:
    """An empty jar with our policy; `is_home` tells the URLs that may see the job's own cookies."""
    return CookieJar(HomePolicy(is_home))


def read_cookies_txt(path: Path) -> list[Cookie]:
    """The cookies of a Netscape cookies.txt: session cookies (expiry 0) count, no header line is needed.

    Raises:
        ValueError: a line that is no cookie, told with its number.
        OSError: the file cannot be read.
    """
    cookies = []
    for number, line in enumerate(path.read_text("utf-8-sig", "replace").splitlines(), 1):
        line = line.removeprefix("#HttpOnly_")
        if not line.strip() or line.startswith("#"):
            continue
        parts = line.split("\t")
        if len(parts) not in (6, 7):
            raise ValueError(f"{path}:{number}: not a cookie; seven fields with tabs between them are expected")
        try:
            cookies.append(_cookie(*parts, *[""] * (7 - len(parts))))
        except (ValueError, OverflowError) as error:
            raise ValueError(f"{path}:{number}: {parts[4]!r} is no time of expiry") from error
    return [cookie for cookie in cookies if not cookie.is_expired(int(time.time()))]


def _cookie(domain: str, subdomains: str, path: str, secure: str, expires: str, name: str, value: str) -> Cookie:
    when = int(float(expires or 0))
    return Cookie(
        version=0, name=name, value=value, port=None, port_specified=False,
        domain=domain, domain_specified=subdomains.upper() == "TRUE", domain_initial_dot=domain.startswith("."),
        path=path, path_specified=True, secure=secure.upper() == "TRUE", expires=when or None,
        discard=when == 0, comment=None, comment_url=None, rest={_OWN: ""},
    )  # fmt: skip


def fill(jar: CookieJar, cookies: Iterable[Cookie]) -> None:
    """Puts cookies into a jar."""
    for cookie in cookies:
        jar.set_cookie(cookie)


def has_cookies(jar: CookieJar) -> bool:
    """Whether there are any at all."""
    return next(iter(jar), None) is not None


def header_for(jar: CookieJar, url: str) -> str:
    """The Cookie header for a URL; "" where the jar has none for it."""
    if not has_cookies(jar):
        return ""
    request = urllib.request.Request(url)  # noqa: S310 - nothing is opened, the policy reads it
    jar.add_cookie_header(request)
    return request.get_header("Cookie", "") or ""


def take(jar: CookieJar, url: str, given: Iterable[str]) -> None:
    """Puts what the Set-Cookie headers of an answer say into the jar, as far as its policy allows."""
    message = Message()
    for value in given:
        message["Set-Cookie"] = value
    jar.extract_cookies(_Answer(message), urllib.request.Request(url))  # type: ignore[arg-type]  # noqa: S310


class _Answer:
    """As much of an answer as a jar looks at."""

    def __init__(self, message: Message) -> None:
        self._message = message

    def info(self) -> Message:
        return self._message
