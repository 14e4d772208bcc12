"""What the walk of a plan gathered. Values only; what follows from them stands in estimate.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from scraper.units import Delay

PAGES = ("read", "skipped", "failed", "unread")
"""How pages of a walk ended: `unread` where the walk did not come to them (a limit, a signal)."""


@dataclass(frozen=True, slots=True)
class RuleFacts:
    """What one rule gave.

    Attributes:
        pages: by PAGES; items, failed: items, and those that failed; files: found on its pages.
    """

    rule: str
    pages: Mapping[str, int] = field(default_factory=dict)
    items: int = 0
    failed: int = 0
    files: int = 0


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What one host is asked, and what it may expect.

    Attributes:
        host: `host:port`.
        pages: requests for pages that the walk made; files: that would be fetched; robots: requests for robots.txt.
        per_host: requests in flight; delay: seconds between two; crawl_delay: what its robots.txt wants.
        answer: seconds that an answer took on average, to a HEAD where one was asked; None: nobody knows.
    """

    host: str
    pages: int = 0
    files: int = 0
    robots: int = 0
    per_host: int = 4
    delay: Delay = field(default_factory=Delay)
    crawl_delay: float = 0.0
    answer: float | None = None


@dataclass(frozen=True, slots=True)
class Sampled:
    """A file that was asked by HEAD.

    Attributes:
        host: of its URL; by: who answered in the end.
        bytes: None: unknown, and `why` tells the reason.
        seconds: that the last answer took.
    """

    host: str
    bytes: int | None = None
    why: str = ""
    by: str = ""
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Pages, items or files that ended alike: how many, and the first of them with what is told of each."""

    kind: str
    ending: str
    count: int
    examples: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """All of it.

    Attributes:
        dest: the output folder as people see it; is_new: it does not exist yet.
        continues: whether an open run would be continued; stopped: whether a signal ended the walk.
        limit: as asked for; reached: whether it ended the walk.
        files: by ending, `fetch` for those that would be fetched.
        unfinished: names whose extension only the response tells; collisions: names that bear `~` and digits.
        sampled: None: nobody was asked.
        rate: bytes a second of the whole run (`polite.rate`).
    """

    job: str
    dest: str
    is_new: bool = False
    continues: bool = False
    stopped: bool = False
    limit: int | None = None
    reached: bool = False
    rules: tuple[RuleFacts, ...] = ()
    left_out: tuple[Group, ...] = ()
    files: Mapping[str, int] = field(default_factory=dict)
    unfinished: int = 0
    collisions: int = 0
    hosts: tuple[HostFacts, ...] = ()
    sampled: tuple[Sampled, ...] | None = None
    rate: int | None = None
