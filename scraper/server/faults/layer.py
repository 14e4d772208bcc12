"""Faults by rules: which URL, which fault, how often.

    faults = Faults([Rule(reset(at="50%"), url="*/3.jpg", times=1)])          # in Python
    faults = read_faults([{"url": "*/3.jpg", "do": "reset", "at": "50%"}])    # the same, as data
    site.lay(faults)

Every rule whose patterns fit strikes, the first outermost: `cut` before `change` cuts the changed file. A rule
counts the requests for each URL by itself: it lets `after` of them pass, then spoils `times`, then is silent.
`refuse` knows no URL; it counts connections, and only `host` (the address they came to) chooses among them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import partial
from urllib.parse import urlsplit

from scraper.server.answers import Answer, Scripted
from scraper.server.faults.fault import Fault, told_by
from scraper.server.line import Line
from scraper.server.request import Request
from scraper.server.site import Answerer, Layer


@dataclass(frozen=True)
class Rule:
    """A fault, and what it strikes.

    `url` fits the whole URL, with or without its query, `host` the host with or without its port; `*` is any
    text, slashes included. `times`: so many requests for a URL, None for all; `after`: but not the first ones.
    """

    fault: Fault
    url: str = "*"
    host: str = "*"
    times: int | None = None
    after: int = 0

    def fits(self, url: str) -> bool:
        """Whether it is about this URL."""
        parts = urlsplit(url)
        return _matches(self.url, url, url.partition("?")[0]) and _matches(self.host, parts.netloc, _name(parts.netloc))

    def is_due(self, number: int) -> bool:
        """Whether it strikes the request that is the `number`th, from 1, for its URL."""
        return number > self.after and (self.times is None or number <= self.after + self.times)


@dataclass
class Strike:
    """One request that was spoiled, for tests to read: by which faults, and how many bytes went out.

    `sent` is right once the answer is over, and None for answers that do not talk over the connection.
    """

    url: str
    faults: tuple[str, ...]
    sent: int | None = None


@dataclass
class Faults(Layer):
    """Rules, laid over a site. `strikes` is what they did."""

    rules: list[Rule] = field(default_factory=list)
    strikes: list[Strike] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._counts: dict[tuple[int, str], int] = {}
        self._lock = threading.Lock()

    def welcomes(self, address: tuple[str, int]) -> bool:
        host = f"[{address[0]}]" if ":" in address[0] else address[0]
        return not self._strike(lambda fault: fault.refuses, f"http://{host}:{address[1]}/")[0]

    def answer(self, request: Request, inner: Answerer) -> Answer:
        due, strike = self._strike(lambda fault: not fault.refuses, request.url)
        if not due:
            return inner(request)
        request = replace(request, struck=frozenset(fault.name for fault in due))
        answer = told_by(inner)
        for fault in reversed(due):
            answer = partial(fault.answer, inner=answer)
        return _watched(answer(request), strike)

    def idle(self) -> list[int]:
        """Which rules, from 0, have struck nothing so far, though they may (`times` is not 0)."""
        with self._lock:
            struck = {at for (at, _), number in self._counts.items() if number > self.rules[at].after}
        return [at for at, rule in enumerate(self.rules) if at not in struck and rule.times != 0]

    def _strike(self, kind: Callable[[Fault], bool], url: str) -> tuple[list[Fault], Strike]:
        """The faults of that kind that are due for this URL now, counted and noted."""
        with self._lock:
            fits = [(at, rule) for at, rule in enumerate(self.rules) if kind(rule.fault) and rule.fits(url)]
            due = [rule.fault for at, rule in fits if rule.is_due(self._counted(at, url))]
            strike = Strike(url, tuple(fault.name for fault in due))
            if due:
                self.strikes.append(strike)
        return due, strike

    def _counted(self, at: int, url: str) -> int:
        self._counts[at, url] = self._counts.get((at, url), 0) + 1
        return self._counts[at, url]


def _watched(answer: Answer, strike: Strike) -> Answer:
    """The same answer; the strike learns how much of it went out."""
    if not isinstance(answer, Scripted):
        return answer

    def play(line: Line) -> None:
        before = line.sent
        try:
            answer.play(line)
        finally:
            strike.sent = line.sent - before

    return Scripted(play, answer.status, answer.close)


def _matches(pattern: str, *texts: str) -> bool:
    return any(fnmatchcase(text, pattern) for text in texts)


def _name(netloc: str) -> str:
    """The host of a netloc without its port."""
    return netloc if netloc.endswith("]") else netloc.rpartition(":")[0] or netloc
