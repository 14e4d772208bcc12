"""Facts -> Plan: how much it will be, and how long politeness makes it last. Pure.

*Sizes.* The sample is shared out over hosts (Sainte-Lague: as many of each host as it has files, one at least while
there are enough), and spread evenly over each host's files. Each host's files count by their own mean, as in any
stratified sample; hosts of which nobody knows take the mean of all. What is told as low and high is two standard
errors, with the correction for finite populations: a bound for sizes like those of the sample, not a promise.

*Time.* A host is asked no faster than its delay allows, however many slots it has, nor with more requests in flight
than it has slots: n requests take at least (n - 1) delays, and n answers divided by the slots. The run lasts as long
as its longest host, and as long as `polite.rate` needs for the bytes. What the bytes take on the wire comes on top.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from scraper.run.plan.facts import PAGES, Facts, HostFacts, RuleFacts, Sampled
from scraper.units import Delay

RATE = "polite.rate"
ERRORS = 2.0
"""Standard errors that are told: 19 of 20 estimates lie within, were sizes normal."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """What a sample says of the bytes of all files that would be fetched.

    Attributes:
        files: that would be fetched; sampled: asked; known: said their size.
        unknown: why others did not -> how many.
        mean, total: bytes, estimated; low, high: of the total; None: nothing is known, or not how far it spreads.
        led_to: hosts to which redirects of other hosts led -> how many of the sample.
    """

    files: int
    sampled: int
    known: int
    unknown: Mapping[str, int]
    mean: float | None
    total: float | None
    low: float | None
    high: float | None
    led_to: Mapping[str, int]

    def as_dict(self) -> dict[str, Any]:
        """Bytes as whole numbers."""
        told = {name: getattr(self, name) for name in ("mean", "total", "low", "high")}
        whole = {name: None if value is None else round(value) for name, value in told.items()}
        counts = {"files": self.files, "sampled": self.sampled, "known": self.known, "unknown": dict(self.unknown)}
        return {**counts, **whole, "estimate": True, "led_to": dict(self.led_to)}


@dataclass(frozen=True, slots=True)
class HostPlan:
    """What a host is asked, and the least seconds that takes; `apart`: mean seconds between two requests."""

    facts: HostFacts
    requests: int
    apart: float
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """As `--json` has it."""
        facts = self.facts
        return {
            "host": facts.host, "requests": self.requests, "pages": facts.pages, "files": facts.files,
            "robots": facts.robots, "per_host": facts.per_host, "delay": [facts.delay.low, facts.delay.high],
            "crawl_delay": facts.crawl_delay, "answer": None if facts.answer is None else round(facts.answer, 4),
            "seconds": round(self.seconds, 3),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do.

    Attributes:
        total: of all rules.
        hosts: the one that takes longest first.
        rate_seconds: what `polite.rate` takes for the estimated bytes; None: there is no rate, or no estimate.
        seconds: the least that the run takes; bound_by: the host, or RATE, that makes it so; "": nothing does.
    """

    facts: Facts
    total: RuleFacts
    sizes: Sizes | None
    hosts: tuple[HostPlan, ...]
    rate_seconds: float | None
    seconds: float
    bound_by: str

    def as_dict(self) -> dict[str, Any]:
        """The object of `--json` without `names`, which may be many."""
        facts = self.facts
        return {
            "job": facts.job,
            "dest": facts.dest,
            "dest_exists": not facts.is_new,
            "continues": facts.continues,
            "stopped": facts.stopped,
            "limit": {"asked": facts.limit, "reached": facts.reached},
            "pages": _pages(self.total),
            "items": {"total": self.total.items, "failed": self.total.failed},
            "files": {**facts.files, "unfinished_names": facts.unfinished, "collisions": facts.collisions},
            "rules": [_rule(each) for each in facts.rules],
            "left_out": [_group(each) for each in facts.left_out],
            "sizes": None if self.sizes is None else self.sizes.as_dict(),
            "rate": facts.rate,
            "hosts": [each.as_dict() for each in self.hosts],
            "seconds": round(self.seconds, 3),
            "bound_by": self.bound_by or None,
        }


def _pages(rule: RuleFacts) -> dict[str, int]:
    return {ending: rule.pages.get(ending, 0) for ending in PAGES}


def _rule(rule: RuleFacts) -> dict[str, Any]:
    return {
        "rule": rule.rule, "pages": _pages(rule), "items": {"total": rule.items, "failed": rule.failed},
        "files": rule.files,
    }  # fmt: skip


def _group(group: Any) -> dict[str, Any]:
    examples = [{"url": url, "message": why} for url, why in group.examples]
    return {"kind": group.kind, "ending": group.ending, "count": group.count, "examples": examples}


def plan_of(facts: Facts) -> Plan:
    """What follows from the facts."""
    sizes = None if facts.sampled is None else sizes_of({each.host: each.files for each in facts.hosts}, facts.sampled)
    hosts = sorted(map(host_plan, facts.hosts), key=lambda each: (-each.seconds, -each.requests, each.facts.host))
    rate = sizes.total / facts.rate if facts.rate and sizes is not None and sizes.total is not None else None
    bounds = {each.facts.host: each.seconds for each in hosts[:1]} | ({} if rate is None else {RATE: rate})
    longest = max(bounds, key=bounds.__getitem__, default="")
    seconds = bounds.get(longest, 0.0)
    return Plan(facts, total_of(facts.rules), sizes, tuple(hosts), rate, seconds, longest if seconds else "")


def total_of(rules: Iterable[RuleFacts]) -> RuleFacts:
    """All rules together."""
    pages: Counter[str] = Counter()
    items = failed = files = 0
    for rule in rules:
        pages.update(rule.pages)
        items, failed, files = items + rule.items, failed + rule.failed, files + rule.files
    return RuleFacts("", dict(pages), items, failed, files)


# -- time --------------------------------------------------------------------------------------------------


def apart(delay: Delay, crawl_delay: float) -> float:
    """Mean seconds between two requests: the job's delay, drawn evenly, and no less than the robots.txt wants."""
    low, high = delay.low, delay.high
    if crawl_delay >= high:
        return crawl_delay
    if crawl_delay <= low:
        return (low + high) / 2
    return (crawl_delay * (crawl_delay - low) + (high**2 - crawl_delay**2) / 2) / (high - low)


def host_plan(facts: HostFacts) -> HostPlan:
    """How many requests a host gets, and how long they take at least."""
    requests = facts.pages + facts.files + facts.robots
    between = apart(facts.delay, facts.crawl_delay)
    waiting = max(0, requests - 1) * between
    answering = requests * (facts.answer or 0.0) / facts.per_host
    return HostPlan(facts, requests, between, max(waiting, answering))


# -- sizes -------------------------------------------------------------------------------------------------


def shares(counts: Mapping[str, int], size: int) -> dict[str, int]:
    """How many of a sample are of each host; hosts with the most files first, where there are more than it holds.

    Args:
        counts: files by host.
    """
    hosts = sorted((host for host in counts if counts[host]), key=lambda host: (-counts[host], host))[:size]
    given = dict.fromkeys(hosts, 1)
    for _ in range(min(size, sum(counts[host] for host in hosts)) - len(hosts)):
        open_ = (host for host in hosts if given[host] < counts[host])
        given[max(open_, key=lambda host: counts[host] / (2 * given[host] + 1))] += 1
    return given


def places(count: int, size: int) -> frozenset[int]:
    """Which of `count` files are the sample of `size`, spread evenly; they count from 0."""
    return frozenset((2 * at + 1) * count // (2 * size) for at in range(size))


def sizes_of(files: Mapping[str, int], sampled: Iterable[Sampled]) -> Sizes:
    """What a sample says of all files.

    Args:
        files: how many would be fetched, by host.
    """
    asked = tuple(sampled)
    known: dict[str, list[int]] = defaultdict(list)
    for each in asked:
        if each.bytes is not None:
            known[each.host].append(each.bytes)
    count = sum(files.values())
    total, error = _total(files, known)
    least = sum(map(sum, known.values()))
    return Sizes(
        count, len(asked), sum(map(len, known.values())),
        dict(Counter(each.why for each in asked if each.bytes is None)),
        None if total is None else total / count, total,
        None if total is None or error is None else max(least, total - ERRORS * error),
        None if total is None or error is None else total + ERRORS * error,
        dict(Counter(each.by for each in asked if each.by and each.by != each.host)),
    )  # fmt: skip


def _total(files: Mapping[str, int], known: Mapping[str, list[int]]) -> tuple[float | None, float | None]:
    """Bytes of all files, and their standard error; None where too few are known."""
    every = [size for of_host in known.values() for size in of_host]
    if not every:
        return None, None
    mean = statistics.fmean(every)
    common = statistics.variance(every) if len(every) > 1 else None
    total, spread = 0.0, 0.0
    for host, count in files.items():
        of_host = known.get(host, [])
        total += count * (statistics.fmean(of_host) if of_host else mean)
        if len(of_host) < count:
            varies = statistics.variance(of_host) if len(of_host) > 1 else common
            if varies is None:
                return total, None
            spread += count**2 * varies * (1 / len(of_host) - 1 / count if of_host else 1.0)
    return total, math.sqrt(spread)
