"""What the libcurl at hand can do: asked before anything is fetched, so that nothing fails for lack of it later."""

from __future__ import annotations

import select

import pycurl

LEAST = (7, 80, 0)
"""The first libcurl that tells when a connection stands, before a request is sent on it (CURLOPT_PREREQFUNCTION)."""
_FEATURES = {"1.1": 0, "2": 1 << 16, "3": 1 << 25}
"""CURL_VERSION_HTTP2 and CURL_VERSION_HTTP3 (curl/curl.h); pycurl has not always names for them."""


def check() -> None:
    """Whether the transport can work here.

    Raises:
        ImportError: it cannot; the message says why.
    """
    told = pycurl.version_info()[1]
    found = tuple(int(part) for part in told.partition("-")[0].split(".")[:3])
    if found < LEAST or not hasattr(pycurl, "PREREQFUNCTION"):
        raise ImportError(f"libcurl {told} is older than {'.'.join(map(str, LEAST))}")
    if not hasattr(select, "epoll"):
        raise ImportError("this system has no epoll")


def offers(version: str) -> bool:
    """Whether this libcurl speaks that version of HTTP ("1.1", "2", "3")."""
    wanted = _FEATURES[version]
    return bool(pycurl.version_info()[4] & wanted) or not wanted


def named() -> str:
    """What it is called, for people."""
    return f"libcurl {pycurl.version_info()[1]}"
