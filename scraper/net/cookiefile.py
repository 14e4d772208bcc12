"""The jar of a run as a Netscape cookies.txt, for the next run, curl or yt-dlp; and the cookies of a browser.

A line is a cookie: domain, whether hosts below it too, path, whether https alone, expiry
(0: with the session), name, value, with tabs between them; `#HttpOnly_` before those that
scripts may not read. The first line is what other readers ask for. Nobody else may read
the file, and it is written whole under another name, then renamed.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from scraper import urls
from scraper.net.cookies import HTTP_ONLY, Cookie

log = logging.getLogger("scraper")
_HEAD = "# Netscape HTTP Cookie File\n# Sessions are in here: whoever has this file is logged in.\n\n"
_BETWEEN = ("\t", "\r", "\n")
MISSING = "cookies_from_browser needs yt-dlp: pip install 'scraper-jobs[browser]'"


class BrowserError(Exception):
    """The cookies of a browser cannot be read; the message is for people."""


def write_cookies_txt(path: Path, cookies: Iterable[Cookie]) -> None:
    """Writes the cookies that have not expired; one that a line cannot hold is left out, and the log says so.

    Raises:
        OSError: it cannot be written.
    """
    now, part = time.time(), path.with_name(path.name + ".part")
    lines = [line(cookie) for cookie in cookies if not cookie.is_expired(now) and _fits(cookie)]
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8", newline="\n") as file:
        file.write("".join([_HEAD, *lines]))
    part.replace(path)


def line(cookie: Cookie) -> str:
    """A cookie as a line of the file."""
    domain = f".{cookie.domain}" if cookie.reaches_below else cookie.domain
    below, secure = ("TRUE" if each else "FALSE" for each in (cookie.reaches_below, cookie.is_secure))
    fields = (domain, below, cookie.path, secure, str(int(cookie.expires or 0)), cookie.name, cookie.value)
    return (HTTP_ONLY if cookie.is_http_only else "") + "\t".join(fields) + "\n"


def _fits(cookie: Cookie) -> bool:
    fits = not any(each in text for each in _BETWEEN for text in (cookie.path, cookie.name, cookie.value))
    if not fits:
        log.warning("the cookie %s of %s holds a tab, and cannot be saved", cookie.name, cookie.domain)
    return fits


def check_browser() -> None:
    """Whether cookies of a browser can be read here at all.

    Raises:
        BrowserError: the extra is not installed.
    """
    try:
        import yt_dlp.cookies  # type: ignore[import-not-found, import-untyped, unused-ignore] # noqa: F401
    except ImportError as error:
        raise BrowserError(MISSING) from error


def of_browser(given: str, hosts: Iterable[str]) -> list[Cookie]:
    """The cookies of a browser, `firefox` or `chrome:Profile`, that those hosts may see. The others are not touched.

    Raises:
        BrowserError: there is no such profile, or it cannot be read.
    """
    check_browser()
    from yt_dlp.cookies import extract_cookies_from_browser

    name, _, profile = given.partition(":")
    try:
        found = extract_cookies_from_browser(name.lower(), profile or None)
    except Exception as error:  # whatever the database, the keyring or the system has to say
        raise BrowserError(f"the cookies of {given} cannot be read: {str(error).partition(chr(10))[0]}") from error
    wanted = set(hosts)
    cookies = (_of_browser(each) for each in found)
    return [each for each in cookies if any(_sees(host, each) for host in wanted) and not each.is_expired(time.time())]


def _of_browser(given: Any) -> Cookie:
    """One of http.cookiejar's as ours; an expiry of 0 is that of a session."""
    domain = str(given.domain)
    return Cookie(
        given.name,
        given.value or "",
        domain.removeprefix(".").lower(),
        given.path or "/",
        domain.startswith("."),
        bool(given.secure),
        given.expires or None,
    )


def _sees(host: str, cookie: Cookie) -> bool:
    below = cookie.reaches_below and host.endswith(f".{cookie.domain}") and not urls.is_address(host)
    return host == cookie.domain or below
