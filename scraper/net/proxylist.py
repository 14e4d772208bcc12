"""Which proxy of a list is asked for which host, and which are left alone. Pure: times in, choices out.

    pool = Pool(3)
    chosen = pool.choose("shop.example:443", now)
    pool.worked(chosen)  |  pool.failed(chosen, now)  |  pool.refused(chosen, now)

Theory. Sites tie sessions to addresses, so a host (name and port) keeps its proxy as long as that
one serves it; a host that is new, or has to move, gets the one that has the fewest hosts, the first
in the list where several have. A proxy that fails is left alone for 30 s, twice as long each time it
fails again, at most 15 minutes; what works through it makes all that forgotten. Where none is left
to ask, the one whose time ends first is asked: doing nothing would help nobody.

A proxy that is there and does not open the way to a server (a refused tunnel) says as much of that
server as of itself, and one dead server must not cost the list its proxies. So it is only that host
that moves; a proxy that refused eight hosts in a row counts as failed, as a host does that left eight
requests unanswered (hosts/breaker.py).

Many requests go through one proxy at the same time, and all of them fail when it does. That is one
failure: each choice carries the proxy's turn, which ends when it fails, and what comes late from an
earlier turn says nothing any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

PAUSE, LONGEST = 30.0, 900.0
"""Seconds that a proxy is left alone after its first failure, and to which they double."""
REFUSALS = 8
"""Hosts in a row to which a proxy does not open the way before it counts as failed."""
KEPT = 100_000
"""Hosts whose proxies are remembered; of more, those are forgotten that were asked longest ago."""

_CURE = "write one such as http://proxy.example:3128"
SCHEMES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")


class Choice(NamedTuple):
    """A proxy, by its place in the list from 0, for a host; `turn` is the proxy's own."""

    at: int
    host: str
    turn: int


class _Proxy:
    """What is known of one proxy: hosts that have it, until when it is left alone, after how long a pause."""

    __slots__ = ("hosts", "pause", "refused", "turn", "until")

    def __init__(self) -> None:
        self.hosts = self.turn = 0
        self.pause = self.until = 0.0
        self.refused: set[str] = set()


class Pool:
    """The proxies of a list. Times are seconds of any one clock.

    Args:
        count: of proxies, at least one.
        kept: hosts that are remembered.
    """

    def __init__(self, count: int, kept: int = KEPT) -> None:
        self._proxies = [_Proxy() for _ in range(count)]
        self._hosts: dict[str, int] = {}
        self._kept = kept

    def choose(self, host: str, now: float) -> Choice:
        """The proxy for the next exchange with a host."""
        before = self._hosts.pop(host, None)
        if before is not None:
            self._proxies[before].hosts -= 1
        at = before if before is not None and self._serves(before, host, now) else self._next(host, before, now)
        self._hosts[host] = at  # at the end: in the order in which they were asked
        self._proxies[at].hosts += 1
        if len(self._hosts) > self._kept:
            self._proxies[self._hosts.pop(next(iter(self._hosts)))].hosts -= 1
        return Choice(at, host, self._proxies[at].turn)

    def has_for(self, host: str, now: float) -> bool:
        """Whether any proxy is good for a host."""
        return any(self._serves(at, host, now) for at in range(len(self._proxies)))

    def worked(self, chosen: Choice) -> bool:
        """The way to the server was open; gives whether the proxy had failed before."""
        proxy = self._proxies[chosen.at]
        if proxy.turn != chosen.turn:
            return False
        had_failed, proxy.pause, proxy.until = proxy.pause > 0, 0.0, 0.0
        proxy.refused.clear()
        return had_failed

    def failed(self, chosen: Choice, now: float) -> float | None:
        """The proxy itself failed; gives the seconds that it is left alone, None where that was known."""
        proxy = self._proxies[chosen.at]
        if proxy.turn != chosen.turn:
            return None
        proxy.turn += 1
        proxy.pause = min(LONGEST, 2 * proxy.pause) or PAUSE
        proxy.until = now + proxy.pause
        proxy.refused.clear()
        return proxy.pause

    def refused(self, chosen: Choice, now: float) -> float | None:
        """The proxy did not open the way to this host; as `failed`, where it was one host too many."""
        proxy = self._proxies[chosen.at]
        if proxy.turn == chosen.turn:
            proxy.refused.add(chosen.host)
        return self.failed(chosen, now) if len(proxy.refused) >= REFUSALS else None

    def _serves(self, at: int, host: str, now: float) -> bool:
        proxy = self._proxies[at]
        return proxy.until <= now and host not in proxy.refused

    def _next(self, host: str, before: int | None, now: float) -> int:
        every = range(len(self._proxies))
        if good := [at for at in every if self._serves(at, host, now)]:
            return min(good, key=lambda at: self._proxies[at].hosts)
        return min(every, key=lambda at: (max(now, self._proxies[at].until), at != before))


def urls_of(given: Any) -> dict[str | int, str]:
    """The URLs in `http.proxies` by their places: of a list, or of requests' mapping, where "" is for none."""
    if isinstance(given, Mapping):
        return {name: url for name, url in given.items() if url and name != "no_proxy"}
    return dict(enumerate(given or ()))


def mistake(url: str) -> str | None:
    """What is wrong with the URL of a proxy, as people are told it; None where nothing is.

    A URL without a scheme is http, as requests has it. The URL itself is not told: it may hold a password.
    """
    scheme, mark, _ = url.partition("://")
    if url.lower() == "direct":
        return f'"direct" is no proxy: what has proxies goes through one of them; {_CURE}'
    if mark and scheme.lower() not in SCHEMES:
        return f'no proxy of kind "{scheme}"; there are {", ".join(SCHEMES)}'
    if any(char.isspace() or not char.isprintable() for char in url):
        return f"a proxy's URL holds no blank; {_CURE}"
    try:
        parts = urlsplit(url if mark else f"http://{url}")
        has_host, _ = bool(parts.hostname), parts.port
    except ValueError:
        return f"its port or address is none; {_CURE}"
    return None if has_host else f"a proxy's URL without a host; {_CURE}"


def shown(url: str) -> str:
    """The URL of a proxy without its user and password."""
    before, at, after = url.rpartition("@")
    scheme, mark, _ = before.partition("://")
    return f"{scheme}://{after}" if mark and scheme.lower() in SCHEMES else after if at else url
