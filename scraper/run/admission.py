"""Whether a link may be asked at all: private addresses, and robots.txt.

A robots.txt is fetched by the work that needs it first, exchange by exchange: each hop
of its redirects and each retry goes back to the scheduler, so that its host too gives a
slot for it and is asked no faster than any other. Who comes meanwhile is put back for a
moment.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from scraper import errors, secrets, urls
from scraper.fetch import exchange, first_hop
from scraper.model import Page, Request
from scraper.net import retry, wire
from scraper.net.redirect import Hop
from scraper.net.robots import LONGEST, REDIRECTS, allows, may_come, tells_itself, text_of
from scraper.run.kit import Kit, home_origins, origin_part

if TYPE_CHECKING:
    from scraper.job.model import Job

log = logging.getLogger("scraper")
PAUSE = 0.05
"""Seconds after which a work asks again whether another has read the robots.txt it needs."""


class PutBackError(Exception):
    """The work went back to the scheduler; nothing has ended."""


@dataclass(frozen=True, slots=True)
class Asking:
    """A robots.txt on its way: where to ask now, and the attempt."""

    hop: Hop
    attempt: int = 1


class Asker(Protocol):
    """What work.Work has."""

    start: Hop
    hop: Hop
    found: bool
    via_public: bool
    asking: Asking | None

    @property
    def host(self) -> str:
        """The host it waits for."""
        ...


ASKING = "asking"
"""The kind of work under which a file waits for a robots.txt."""


class Admission:
    """Lets work of one kind in.

    Args:
        kind: of the scheduler's work.

    Attributes:
        asks: whether a robots.txt is fetched here; if not, the work is put under ASKING, whose workers do so, and
            names are not resolved: the transport judges the address that it connects to.
    """

    def __init__(self, kit: Kit, kind: str) -> None:
        self._kit = kit
        self._kind = kind
        self.asks = True

    @cached_property
    def _named(self) -> frozenset[str]:
        return named_hosts(self._kit.job, self._kit.names)

    def admit(self, work: Asker) -> None:
        """Returns if the work may be attempted now.

        Raises:
            SkippedError: it may not.
            PutBackError: it went back to the scheduler.
        """
        if work.asking is None and work.via_public and work.hop.count == 0:
            self._keep_out(work)
        if not work.found:
            return
        url = work.hop.url
        allowed = self._kit.robots.verdict(url)
        if allowed is None and not self.asks:
            self._kit.scheduler.put(ASKING, work.host, work)
            raise PutBackError
        if allowed is None:
            self._learn_robots(work)
        if allowed is False:
            raise errors.SkippedError(secrets.display(url), "robots", "robots.txt does not allow it")

    def _keep_out(self, work: Asker) -> None:
        """From a public address no link leads to a private one; what the job itself names is fetched."""
        url = work.hop.url
        if not work.found and urls.host_of(url) in self._named:
            return
        if wire.leads_inside(url, resolve=self.asks and not self._kit.courier.outgoing.is_proxied(url)):
            shown = secrets.display(url)
            raise errors.SkippedError(shown, "private", "a public page links this private address")
        if not work.hop.guarded:
            work.start = work.hop = replace(work.hop, guarded=True)

    # -- robots.txt ------------------------------------------------------------------------------------

    def _learn_robots(self, work: Asker) -> None:
        wait = self._ask(work)
        self._kit.scheduler.put(self._kind, work.host, work, wait)
        raise PutBackError

    def _ask(self, work: Asker) -> float:
        """One exchange for the robots.txt that the work needs; the seconds after which it goes on."""
        if work.asking is None:
            url = self._kit.robots.begin(work.hop.url)
            if url is None:
                return PAUSE
            work.asking = Asking(replace(first_hop(Request("GET", url)), guarded=work.hop.guarded))
        try:
            found = exchange(self._kit.courier, Request("GET", work.asking.hop.url), work.asking.hop, longest=LONGEST)
        except errors.RequestError as error:
            return self._missed(work, work.asking, error)
        if isinstance(found, Page):
            self._learn(work, text_of(found.body))
        elif found.count > REDIRECTS:
            self._learn(work, True)
        else:
            work.asking = replace(work.asking, hop=found)
        return 0.0

    def _learn(self, work: Asker, found: str | bool) -> None:
        self._kit.robots.learn(work.hop.url, found)
        if delay := self._kit.robots.delay(work.hop.url):
            self._kit.scheduler.slow(urls.host_key(work.hop.url), delay)
        work.asking = None

    def _missed(self, work: Asker, asking: Asking, error: errors.RequestError) -> float:
        attempt = retry.Attempt(asking.attempt, "GET", error)
        decision = retry.decide_retry(attempt, self._kit.courier.http.retry)
        if isinstance(decision, retry.Wait) and not tells_itself(error):
            if decision.park:
                self._kit.scheduler.park(work.host, decision.seconds)
            work.asking = replace(asking, attempt=asking.attempt + 1)
            return decision.seconds
        if may_come(error):
            self._kit.robots.forget(work.hop.url)
            work.asking = None
            told = f"its robots.txt cannot be had: {error.message}"
            raise errors.ProxyError(work.hop.url, told, sent=False, final=True) from error
        is_allowed = allows(error)
        if not is_allowed:
            log.warning("%s: %s; nothing of this host that pages link is fetched", error.url, error.message)
        self._learn(work, is_allowed)
        return 0.0


def named_hosts(job: Job, names: Any) -> frozenset[str]:
    """The hosts that the job names literally, as far as its settings and variables tell them."""
    heads = (_rendered(origin_part(text), names) for text in _built_urls(job))
    given = [*home_origins(job, names), *(head for head in heads if urls.is_http(head))]
    return frozenset(map(urls.host_of, given))


def _built_urls(job: Job) -> Iterator[str]:
    if not job.rules:
        return
    from scraper.job.model import FollowRequest

    for rule in job.rules.values():
        yield from (each.url for each in rule.follow.values() if isinstance(each, FollowRequest))
        yield from (spec.url for spec in rule.file_specs if spec.url is not None)


def _rendered(text: str, names: Any) -> str:
    """What stands there, where no page has a say in it."""
    from scraper.job import template

    try:
        return str(template.render(text, names))
    except template.TemplateError:
        return ""
