"""Where a server listens: addresses, sockets that listen, and what to say where they cannot.

`::` listens for IPv4 too, whatever the system's own setting is.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket

from scraper.errors import UsageError

_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where a client reaches what listens everywhere


class ServeError(UsageError):
    """The server cannot listen where it was told to; its text is one line for the user."""


def listen(host: str, port: int, kind: int = socket.SOCK_STREAM, option: str = "--port") -> socket.socket:
    """A listening socket, or one for datagrams, that does not block; raises ServeError with the cure, by `option`."""
    if not 0 <= port <= 65535:
        raise ServeError(f"{port} is no port; choose one from 0 to 65535 with {option}")
    try:
        found = socket.getaddrinfo(host, port, type=kind, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
    except (socket.gaierror, UnicodeError) as fault:
        raise ServeError(f"{host} is no address of this machine") from fault
    sock = socket.socket(family, kind, protocol)
    try:
        if host == "::":
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        if kind == socket.SOCK_STREAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        if kind == socket.SOCK_STREAM:
            sock.listen(256)
    except OSError as fault:
        sock.close()
        raise ServeError(_explain(fault, host, port, option)) from fault
    sock.setblocking(False)
    return sock


def bind_address(bind: str | None, ipv6: bool) -> str:
    """Where to listen, by the options `--bind` and `--ipv6`.

    Without an address, this machine only: 127.0.0.1, or ::1. With `ipv6` every address (0.0.0.0) is every one of
    both kinds (::), and a name stands for its IPv6 address.

    Raises:
        ServeError: an IPv4 address with `ipv6`, or a name that has no address.
    """
    if bind is None:
        return "::1" if ipv6 else "127.0.0.1"
    text = bind.removeprefix("[").removesuffix("]")
    if text in ("", "*"):
        raise ServeError(f"{bind!r} is no address; every address of this machine is 0.0.0.0, or :: for IPv6 too")
    if not ipv6 or ":" in text:
        return text
    if text == "0.0.0.0":  # noqa: S104 - the user asks for it
        return "::"
    if is_ip(text):
        raise ServeError(f"{text} is an IPv4 address; leave out --ipv6, or bind an IPv6 address")
    try:
        return str(socket.getaddrinfo(text, 0, socket.AF_INET6, socket.SOCK_STREAM)[0][4][0])
    except (socket.gaierror, UnicodeError) as fault:
        raise ServeError(f"{text} has no IPv6 address") from fault


def is_ip(host: str) -> bool:
    """Whether it is an address, not a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches that address; also `localhost` and names below it (RFC 6761 section 6.3)."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        name = host.lower().removesuffix(".")
        return name == "localhost" or name.endswith(".localhost")
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def reached_at(host: str) -> str:
    """Where a client on this machine reaches what listens there."""
    return _ANY.get(host, host)


def netloc(host: str, port: int) -> str:
    """`host:port` as it stands in a URL."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def plain_peer(address: tuple[str, int]) -> tuple[str, int]:
    """Address and port of a peer; an IPv4 one that came over an IPv6 socket as what it is."""
    return address[0].removeprefix("::ffff:") if "." in address[0] else address[0], address[1]


def _explain(fault: OSError, host: str, port: int, option: str) -> str:
    choose = f"choose another with {option}"
    lines = {
        errno.EADDRINUSE: f"port {port} of {host} is in use; {choose}",
        errno.EACCES: f"port {port} of {host} is not for this user; {choose}",
        errno.EADDRNOTAVAIL: f"{host} is no address of this machine",
    }
    known = lines.get(fault.errno or 0)
    return known or f"cannot listen on port {port} of {host}: {os.strerror(fault.errno or 0)}"
