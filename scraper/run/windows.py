"""What a run sees only a window of: `next: {..., until: seen}`, and sitemaps read `since`.

A list that is read from its newest end stops behind the page whose last item a *complete* run has met (`settled`, in
the ledger): below it everything was finished. Items that an interrupted, limited or failed run met are known but not
settled, so the next one reads through them down to the settled ones, and what lay in between is never lost. That some
item of a page is settled does not do: something old may be pinned to the top. Where the rule gives no items, the last
page that it follows stands for them.

What a window leaves out is not gone, so the rules that are read through it lose nothing.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from scraper import secrets
from scraper.model import Reading, Request
from scraper.state.ledger import Ledger

if TYPE_CHECKING:
    from scraper.job.model import Job, Rule

log = logging.getLogger("scraper")


def windows(job: Job) -> frozenset[str]:
    """The rules whose pages a run sees only in part, and all that are reached through them."""
    entries = map(job.entry, range(len(job.start)))
    narrowed = [job.rule_of(entry) or job.name for entry in entries if entry.since is not None]
    return _reached(job, narrowed) | newest_first(job)


def newest_first(job: Job) -> frozenset[str]:
    """Of them those that are read from their newest end."""
    return _reached(job, [name for name, rule in job.rules.items() if is_window(rule)])


def _reached(job: Job, names: list[str]) -> frozenset[str]:
    left, found = list(names), set[str]()
    while left:
        name = left.pop()
        if name in job.rules and name not in found:
            found.add(name)
            left += job.rules[name].follow
    return frozenset(found)


def is_window(rule: Rule) -> bool:
    """Whether its chains of pages end where everything is known."""
    return getattr(rule.next, "until", None) == "seen"


def ended_at_seen(ledger: Ledger, rule: Rule, request: Request, reading: Reading) -> Reading:
    """The reading of a page, without its next page where what follows is settled."""
    if _is_seen(ledger, rule, reading):
        return replace(reading, requests=tuple(one for one in reading.requests if one.n == 1))
    from scraper.page.paginate import most_pages

    if request.n >= most_pages(rule) and ledger.has_settled(request.rule or ""):
        log.warning(
            "%s: max_pages ends this list before anything that is known; between there may be what no run has read",
            secrets.display(request.full_url),
        )
    return reading


def _is_seen(ledger: Ledger, rule: Rule, reading: Reading) -> bool:
    if rule.item:
        return bool(reading.items) and ledger.is_settled(reading.items[-1])
    followed = [one for one in reading.requests if one.n == 1]
    return bool(followed) and ledger.was_read(followed[-1])
