"""Client sockets and the names of hosts, below HTTP. Owns the client side of `socket`."""

from __future__ import annotations

import functools
import os
import socket
from collections.abc import Callable, Iterable

from scraper import urls

LookupFailed = socket.gaierror
Refusal = Callable[[str], None]
_refuse: Refusal | None = None


def confine(refuse: Refusal | None) -> Refusal | None:
    """Lets tests say what may be reached: `refuse` gets the URL of a server or proxy, and raises where it may not be.

    It is for what has sockets of its own, below Python's, which a test guards itself. As long as it is set, no name
    is looked up only to see where it leads. Gives what was set before.
    """
    global _refuse
    before, _refuse = _refuse, refuse
    return before


def check_reach(url: str) -> None:
    """Raises what `confine` was told to, if this server or proxy may not be reached."""
    if _refuse is not None:
        _refuse(url)


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
    return resolve and _refuse is None and any(map(urls.is_private, addresses(host)))


class Lent:
    """A socket, not connected yet, for somebody who makes a copy of its descriptor."""

    def __init__(self, family: int, kind: int, protocol: int) -> None:
        self._sock = socket.socket(family, kind, protocol)

    def fileno(self) -> int:
        """The descriptor; it is closed with this object."""
        return self._sock.fileno()

    def __del__(self) -> None:
        self._sock.close()


def send_datagrams(host: str, port: int, datagrams: Iterable[bytes]) -> None:
    """Sends them by UDP; nobody says whether they came.

    Raises:
        OSError: the host has no address, or they cannot go out.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind, protocol) as sock:
        for each in datagrams:
            sock.sendto(each, address)


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
