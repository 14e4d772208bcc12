"""Client sockets and the names of hosts, below HTTP. Owns the client side of `socket`."""

from __future__ import annotations

import functools
import os
import socket

from scraper import urls

LookupFailed = socket.gaierror


@functools.lru_cache(maxsize=4096)
def addresses(host: str) -> tuple[str, ...]:
    """The IP addresses of a host name; () where it has none (the request itself will tell)."""
    try:
        return tuple(sorted({str(info[4][0]) for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}))
    except (OSError, UnicodeError):
        return ()


def leads_inside(url: str, *, resolve: bool = True) -> bool:
    """Whether a URL leads to an address that is not public: by its literal, by name, or as it resolves.

    Names are not resolved here where a proxy will do it.
    """
    host = urls.host_of(url)
    if host == "localhost" or urls.is_private(host):
        return True
    return resolve and any(map(urls.is_private, addresses(host)))


class Lent:
    """A socket, not connected yet, for somebody who makes a copy of its descriptor."""

    def __init__(self, family: int, kind: int, protocol: int) -> None:
        self._sock = socket.socket(family, kind, protocol)

    def fileno(self) -> int:
        """The descriptor; it is closed with this object."""
        return self._sock.fileno()

    def __del__(self) -> None:
        self._sock.close()


def has_bytes(sock: socket.socket) -> bool:
    """Whether bytes have come that nobody read yet; the end of the connection is none."""
    timeout = sock.gettimeout()
    try:
        sock.setblocking(False)
        return bool(sock.recv(1, socket.MSG_PEEK))
    except OSError:
        return False
    finally:
        sock.settimeout(timeout)


def ca_bundle() -> str | None:
    """The CA bundle the environment names, in requests' order of variables, or None."""
    return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or None
