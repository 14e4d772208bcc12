"""DNS and TCP by hand: which addresses a name has, and which of them take a connection, with the time of each."""

from __future__ import annotations

import queue
import socket
import threading
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

from scraper import urls
from scraper.probe import words
from scraper.probe.patience import Patience
from scraper.probe.report import Lookup, Reach, Trouble

FAMILIES = {"IPv4": socket.AF_INET, "IPv6": socket.AF_INET6}
MOST = 6
"""Addresses that are tried; a name may have dozens."""
STREAM, DATAGRAM, BOTH = socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SHUT_RDWR


class Place(NamedTuple):
    """Where a socket may lead: its family, and the address as the system takes it."""

    family: int
    address: Any

    @property
    def host(self) -> str:
        """The IP address."""
        return str(self.address[0])


def look_up(host: str, port: int, patience: Patience, kind: int = STREAM) -> tuple[list[Lookup], list[Place]]:
    """Asks the resolver for each family, one after the other; an address that is written needs none."""
    lookups: list[Lookup] = []
    places: list[Place] = []
    error: Trouble | None
    if urls.is_address(host):
        family = "IPv6" if ":" in host else "IPv4"
        try:
            found = _asked(host, port, FAMILIES[family], kind, patience.connecting)[:1]
        except OSError as trouble:  # an interface that is none
            return [Lookup(family, error=words.of_lookup(trouble, patience.connecting))], []
        return [Lookup(family, (found[0].host,))], found
    for family, number in FAMILIES.items():
        began, given = patience.clock(), patience.connecting
        found, error = [], None
        try:
            found = _asked(host, port, number, kind, given)
        except (OSError, UnicodeError) as trouble:
            error = words.of_lookup(trouble, given)
        seconds = patience.clock() - began
        lookups.append(Lookup(family, tuple(each.host for each in found), seconds, error))
        places += found
    if places:  # the name exists, with addresses of one family alone
        lookups = [replace(each, error=None) if _is_none(each) else each for each in lookups]
    return lookups, places


def _is_none(lookup: Lookup) -> bool:
    return lookup.error is not None and lookup.error.name in ("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY")


def _asked(host: str, port: int, family: int, kind: int, seconds: float) -> list[Place]:
    """The places of a name. The system's call has no timeout, so it is waited for in a thread of its own.

    Raises:
        TimeoutError: it takes longer. OSError, UnicodeError: the resolver's own.
    """
    told: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def ask() -> None:
        try:
            told.put(socket.getaddrinfo(host, port, family, kind))
        except Exception as error:  # raised again by the thread that asked
            told.put(error)

    threading.Thread(target=ask, name="lookup", daemon=True).start()
    try:
        found = told.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(found, Exception):
        raise found
    return list(dict.fromkeys(Place(info[0], info[4]) for info in found))


def connected(place: Place, patience: Patience, kind: int = STREAM) -> socket.socket:
    """A socket that leads there.

    Raises:
        OSError: it cannot be had.
    """
    sock = socket.socket(place.family, kind)
    try:
        sock.settimeout(patience.connecting)
        sock.connect(place.address)
    except BaseException:
        sock.close()
        raise
    return sock


def reach(
    places: list[Place], patience: Patience, kept: list[socket.socket] | None = None
) -> tuple[list[Reach], list[Place]]:
    """Connects to each, one after the other, and hangs up.

    Args:
        kept: takes the first connection, which stays open: there are servers that serve but one.

    Returns:
        What each said, and the places that took a connection.
    """
    told, good = [], []
    for place in places[:MOST]:
        if patience.is_over:
            break
        began, given = patience.clock(), patience.connecting
        error: Trouble | None = None
        try:
            sock = connected(place, patience)
            if kept is None or kept:
                sock.close()
            else:
                kept.append(sock)
            good.append(place)
        except OSError as trouble:
            error = words.of_errno(trouble, "tcp", given)
        told.append(Reach(place.host, int(place.address[1]), patience.clock() - began, error))
    return told, good


def closed(sock: Any) -> None:
    """Closes what may be broken already."""
    with suppress(OSError):
        sock.close()
