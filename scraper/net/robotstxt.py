"""What a robots.txt says (RFC 9309). Pure, and it takes any text.

    parse(text).allows(url, "books-job") -> bool

A file is a row of *groups*: lines that name agents, then rules for them. All groups that
name us count as one; only where none does, those of `*` hold; where those are missing too,
all is allowed (section 2.2.1). Of the rules that fit a URL the longest decides, and between
equals Allow (section 2.2.2). Lines that nobody knows change nothing, and end no group: a
Sitemap between two User-agent lines leaves both in one group (section 2.2.4). Crawl-delay,
which the RFC leaves to us, does end the row of agents: in `User-agent: *`, `Crawl-delay: 9`,
`User-agent: evil`, `Disallow: /`, which many write, only one is sent away.

Paths are compared in a usual form (`_usual`), so that it does not matter who percent-encoded
what. `*` is any run of characters and a `$` at the end is the end (section 2.2.3); a rule is
its texts between the stars, each looked for behind the one before, so that no rule takes
longer than a few walks over the URL, however many stars it has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import quote

LONGEST = 512 * 1024
"""Characters of a file that are read; RFC 9309 section 2.5 asks for 500 KiB at least."""
LONGEST_LINE = 16 * 1024
"""Characters of a line, its comment left out. A longer one is no rule: cut, it would say something else."""

_AGENT, _ALLOW, _DISALLOW, _DELAY, _SITEMAP = "user-agent", "allow", "disallow", "crawl-delay", "sitemap"
# As they should be, and as they are often misspelt: Google's reader takes these too.
_KEYS = {name: name for name in (_AGENT, _ALLOW, _DISALLOW, _DELAY, _SITEMAP)} | {
    "useragent": _AGENT,
    "user agent": _AGENT,
    "dissallow": _DISALLOW,
    "dissalow": _DISALLOW,
    "disalow": _DISALLOW,
    "diasllow": _DISALLOW,
    "disallaw": _DISALLOW,
    "crawldelay": _DELAY,
    "crawl delay": _DELAY,
    "site-map": _SITEMAP,
}
_BLANKS = " \t\f\v\0"
_LINE_END = re.compile(r"\r\n|\r|\n")
_PRODUCT = re.compile(r"[^\s/]*")
_NUMBER = re.compile(r"\d{1,9}(?:\.\d{0,9})?", re.ASCII)
# Scheme and authority, of which nothing is judged here, path and query, and what is no part of them.
_TARGET = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?(?://[^/?#]*)?([^#]*)", re.ASCII | re.IGNORECASE)
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})?")
_SLASH = re.compile("%2F|/")
# RFC 3986: what is unreserved (section 2.3), and what is reserved but parts nothing from anything in a path.
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:@!'(),;[]")
_KEPT = "/?&=+%" + "".join(sorted(_PLAIN))


def product(user_agent: str) -> str:
    """The product token of a User-Agent, by which groups are told apart; "" where it has none (section 2.2.1)."""
    found = _PRODUCT.match(user_agent.strip())
    return found[0] if found else ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One Allow or Disallow line.

    Attributes:
        parts: the texts between its stars, in the usual form; the first begins the path.
        is_anchored: whether the last one ends it.
        line: where it stands in its file, from 1; two rules that say the same are equal wherever they stand.
    """

    is_allow: bool
    parts: tuple[str, ...]
    is_anchored: bool
    length: int
    line: int = field(default=0, compare=False)

    def fits(self, target: str) -> bool:
        """Whether path and query, in the usual form, are such as the rule says."""
        first, *rest = self.parts
        if self.is_anchored and not rest:
            return target == first
        if not target.startswith(first):
            return False
        at, last = len(first), rest.pop() if self.is_anchored else ""
        for part in rest:
            at = target.find(part, at) + len(part)
            if at < len(part):
                return False
        return target.endswith(last) and len(target) - len(last) >= at


class Group(NamedTuple):
    """Agents in lower case, and what is said to them.

    `delay` is the number of seconds between two requests; None where nothing is said.
    """

    agents: frozenset[str]
    rules: tuple[Rule, ...]
    delay: float | None


@dataclass(frozen=True, slots=True)
class Rules:
    """A robots.txt.

    Attributes:
        groups: as they stand in the file.
        sitemaps: the URLs of its Sitemap lines as written, each once, in order; they belong to no group.
    """

    groups: tuple[Group, ...] = ()
    sitemaps: tuple[str, ...] = ()

    def allows(self, url: str, agent: str) -> bool:
        """Whether an agent, by its product token, may fetch a URL or path.

        Dot segments are not resolved; `urls.canonical` does that.
        """
        rule = self.deciding(url, agent)
        return rule is None or rule.is_allow

    def deciding(self, url: str, agent: str) -> Rule | None:
        """The rule by which an agent may or may not fetch a URL or path; None: no rule fits, so it may."""
        targets = _targets(url)
        best, found = (-1, True), None
        for group in self._of(agent):
            for rule in group.rules:
                if (rule.length, rule.is_allow) > best and any(map(rule.fits, targets)):
                    best, found = (rule.length, rule.is_allow), rule
        return found

    def names(self, agent: str) -> bool:
        """Whether a group is written for the agent; if not, those of `*` hold."""
        return any(agent.lower() in group.agents for group in self.groups)

    def crawl_delay(self, agent: str) -> float | None:
        """Seconds between two requests that are asked of the agent; the longest where several are said."""
        return max((group.delay for group in self._of(agent) if group.delay is not None), default=None)

    def _of(self, agent: str) -> list[Group]:
        named = [group for group in self.groups if agent.lower() in group.agents]
        return named or [group for group in self.groups if "*" in group.agents]


def parse(text: str) -> Rules:
    """The rules of a robots.txt; what cannot be read is left out."""
    reader = _Reader()
    for reader.at, key, value in _lines(text.removeprefix("\ufeff")[:LONGEST]):
        _TAKES[key](reader, value)
    reader.close()
    return Rules(tuple(reader.groups), tuple(reader.sitemaps))


def line_of(text: str, at: int) -> str:
    """The line of a robots.txt that a rule stands in (`Rule.line`), as it is written."""
    return _LINE_END.split(text.removeprefix("\ufeff"))[at - 1].strip(_BLANKS)


def _lines(text: str) -> Iterator[tuple[int, str, str]]:
    """The lines that say something: their number, what, in the spelling it should have, and its value."""
    for at, line in enumerate(_LINE_END.split(text), 1):
        line = line.partition("#")[0].strip(_BLANKS)
        if not line or len(line) > LONGEST_LINE:
            continue
        key, colon, value = line.partition(":")
        if not colon and len(words := line.split()) == 2:  # Google's reader takes `disallow /` too
            key, value = words
        if (known := _KEYS.get(key.strip(_BLANKS).lower())) is not None:
            yield at, known, value.strip(_BLANKS)


@dataclass(slots=True)
class _Reader:
    """The group that is being read, and what was read before it; `at` is the number of the line."""

    at: int = 0
    agents: list[str] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    delay: float | None = None
    is_ruled: bool = False
    groups: list[Group] = field(default_factory=list)
    sitemaps: dict[str, None] = field(default_factory=dict)

    def close(self) -> None:
        if self.agents:
            self.groups.append(Group(frozenset(self.agents), tuple(self.rules), self.delay))
        self.agents, self.rules, self.delay, self.is_ruled = [], [], None, False

    def agent(self, value: str) -> None:
        if self.is_ruled:
            self.close()
        if token := product(value):
            self.agents.append(token.lower())

    def allow(self, value: str) -> None:
        self._rule(value, is_allow=True)

    def disallow(self, value: str) -> None:
        self._rule(value, is_allow=False)

    def _rule(self, value: str, *, is_allow: bool) -> None:
        """An empty one allows or forbids nothing, but it ends the row of agents."""
        self.is_ruled = True
        if value and self.agents:
            self.rules.append(_rule(value, self.at, is_allow=is_allow))

    def wait(self, value: str) -> None:
        self.is_ruled = True
        if _NUMBER.fullmatch(value):
            self.delay = max(float(value), self.delay or 0.0)

    def sitemap(self, value: str) -> None:
        if value:
            self.sitemaps[value] = None


_TAKES = {
    _AGENT: _Reader.agent,
    _ALLOW: _Reader.allow,
    _DISALLOW: _Reader.disallow,
    _DELAY: _Reader.wait,
    _SITEMAP: _Reader.sitemap,
}


def _rule(pattern: str, line: int, *, is_allow: bool) -> Rule:
    is_anchored = pattern.endswith("$")
    first, *rest = map(_usual, pattern.removesuffix("$").split("*"))
    # Stars in a row are one; one at the end is kept, for it counts as length.
    parts = (first, *filter(None, rest[:-1]), *rest[-1:])
    return Rule(is_allow, parts, is_anchored, len("*".join(parts)) + is_anchored, line)


def _targets(url: str) -> set[str]:
    """The forms of path and query by which a URL is found.

    They are several where a slash stands in the query: there it may be encoded or not, and RFC 9309 (section
    2.2.2, its table) takes both for the same.
    """
    found = _TARGET.match(url)
    assert found is not None  # it fits any text
    path, mark, query = f"/{_usual(found[1]).removeprefix('/')}".partition("?")
    return {f"{path}{mark}{form}" for form in (query, _SLASH.sub("/", query), _SLASH.sub("%2F", query))}


def _usual(text: str) -> str:
    """A text of a path or a query with the same percent-encoding, whoever wrote it.

    What needs none has none, all else has it in capitals, as UTF-8; `*` and `$` have it too, since in a rule they
    mean something else (section 2.2.3). Encoded characters that part something, `%2F` or `%26`, stay encoded.
    """
    return quote(_ESCAPE.sub(_undone, text), safe=_KEPT, errors="replace")


def _undone(found: re.Match[str]) -> str:
    if found[1] is None:
        return "%25"
    char = chr(int(found[1], 16))
    return char if char in _PLAIN else found[0].upper()
