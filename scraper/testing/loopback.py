"""Nothing beyond this machine is reached while it is on.

    with only_loopback():
        ...

Python's sockets are guarded where they connect, send to an address, or look up a name, whoever opened them. libcurl
has sockets of its own: `net.wire.confine` has it ask before each transfer. What is refused is refused loudly, as a
failed assertion that goes up through everything: no run takes it for a host that is down.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

_INTERNET = (socket.AF_INET, socket.AF_INET6)
_NOWHERE = ".invalid"
"""Names that never have an address (RFC 6761 section 6.4): a test may ask for one."""
_LOOKUPS = ("getaddrinfo", "gethostbyname", "gethostbyname_ex")
_CURE = (
    "while scraper's tests run, nothing beyond this machine is reached; record it once (scraper record JOB, or"
    " pytest --scraper-record), or serve it from here (the fixture scraper_server)"
)
_CURL = (
    "; what mocks requests, as the library `responses` does, sees no file that libcurl fetches: with it the job needs"
    " files: {transport: requests}"
)


class BlockedError(AssertionError):
    """Something beyond this machine was to be reached; the text names it, and the cure."""


@contextmanager
def only_loopback(*, names_fail: bool = False) -> Iterator[None]:
    """Blocks every connection but those to this machine, as long as it is entered.

    Args:
        names_fail: a name that is not of this machine has no address then, as without a network, and libcurl is
            left alone; else asking for one is refused like a connection. Names below `.invalid` never have one.

    Raises:
        BlockedError: in whatever reaches for more.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name, position in (("connect", 0), ("connect_ex", 0), ("sendto", -1), ("sendmsg", 3)):
            patch.setattr(socket.socket, name, _guarded(getattr(socket.socket, name), position))
        for name in _LOOKUPS:
            patch.setattr(socket, name, _checked(getattr(socket, name), names_fail))
        if names_fail:
            yield
        else:
            with _confined():
                yield


@contextmanager
def _confined() -> Iterator[None]:
    from scraper.net import wire

    before = wire.confine(_refuse_url)
    try:
        yield
    finally:
        wire.confine(before)


def _guarded(original: Callable[..., Any], position: int) -> Callable[..., Any]:
    """A method of sockets that is told an address as its argument at `position`; -1: the last."""

    def call(self: socket.socket, *args: Any) -> Any:
        if self.family in _INTERNET and -1 <= position < len(args) and args[position]:
            host, port = args[position][:2]
            if not is_loopback(host):
                raise BlockedError(f"reaching {_shown(host, port)} is blocked: {_CURE}")
        return original(self, *args)

    return call


def _checked(original: Callable[..., Any], names_fail: bool) -> Callable[..., Any]:
    """A function that looks up a name, its first argument."""

    def call(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
        if name and not is_loopback(name):
            if names_fail or name.endswith(_NOWHERE):
                raise socket.gaierror(socket.EAI_NONAME, "the tests have no network")
            port = args[0] if args and isinstance(args[0], int) else None
            raise BlockedError(f"reaching {_shown(name, port)} is blocked: {_CURE}")
        return original(host, *args, **kwargs)

    return call


def _refuse_url(url: str) -> None:
    """Asked before libcurl's transfers."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if is_loopback(host):
        return
    if host.endswith(_NOWHERE):
        raise socket.gaierror(socket.EAI_NONAME, "the tests have no network")
    raise BlockedError(f"reaching {_shown(host, parts.port)} is blocked: {_CURE}{_CURL}")


def is_loopback(host: str) -> bool:
    """Whether an address or a name is of this machine; what means "any address" is, to whoever connects to it."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host in ("", "localhost")
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    return address.is_loopback or address.is_unspecified


def _shown(host: str, port: int | None) -> str:
    shown = f"[{host}]" if ":" in host else host
    return shown if port is None else f"{shown}:{port}"
