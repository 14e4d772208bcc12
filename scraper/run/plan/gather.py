"""What a walk found, gathered from its ledger: how many of what, which names, who is asked how often.

The files are gone through nearest first, as a run takes them: once to know which hosts and robots.txt matter, once
to settle the ending of each and write its name down, and once for the sample. Memory holds counts, not files.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scraper import secrets, units, urls
from scraper.files import naming
from scraper.net.hosts import policy_for
from scraper.net.hosts.gate import LONGEST_DELAY
from scraper.run.control import Control
from scraper.run.kit import Kit
from scraper.run.plan.estimate import places, shares
from scraper.run.plan.facts import Facts, Group, HostFacts, RuleFacts, Sampled
from scraper.run.plan.sizes import Asked, Survey
from scraper.state import plans
from scraper.state.plans import PlannedFile

_KINDS = {"ok": "read", "unchanged": "read", None: "unread", "skipped:limit": "unread", "skipped:duplicate": "read"}
FETCH = "fetch"
Way = tuple[str, bool]
"""The origin of a link, and whether a public page gave it: for all files of one way the same holds."""


@dataclass(frozen=True)
class Wish:
    """How it is gathered.

    Attributes:
        sample: how many files are asked for their size.
        names: where the names of all files are written.
        before: what hosts were asked already by the open run that is continued.
    """

    sample: int
    names: Path
    before: dict[str, plans.Asked]


class Gathering:
    """Goes through what was found.

    Args:
        survey: None: nobody is asked.
    """

    def __init__(self, kit: Kit, control: Control, wish: Wish, survey: Survey | None) -> None:
        self._kit = kit
        self._control = control
        self._wish = wish
        self._survey = survey
        self._db = kit.ledger.db
        self._run = kit.run.id
        self._barred: dict[Way, str] = {}
        self._rules: Counter[str] = Counter()
        self._endings: Counter[str] = Counter({FETCH: 0})
        self._examples: dict[str, list[tuple[str, str]]] = defaultdict(list)
        self._by_host: Counter[str] = Counter()
        self._origins: dict[str, str] = {}
        self._unfinished = self._collisions = 0

    def facts(self) -> Facts:
        """All of it."""
        bearers = self._ask_the_way()
        self._settle(bearers)
        sampled = self._measure()
        kit, rate = self._kit, self._kit.job.polite.rate
        return Facts(
            kit.job.name, str(kit.disk.root), is_new=not Path(kit.disk.root).is_dir(), continues=kit.run.continued,
            stopped=self._control.stopping, limit=kit.options.limit, reached=self._is_limited(),
            rules=self._rule_facts(),
            left_out=(*self._groups(), *self._file_groups()), files=dict(self._endings), unfinished=self._unfinished,
            collisions=self._collisions, hosts=self._hosts(sampled),
            sampled=tuple(sampled) if self._wish.sample else None,
            rate=None if rate is None else units.rate(rate),
        )  # fmt: skip

    def _files(self) -> Iterator[PlannedFile]:
        return plans.files(self._db, self._run, self._kit.own_names)

    def _ask(self, files: Iterable[PlannedFile], *, measure: bool) -> list[Asked]:
        return [] if self._survey is None else self._survey.ask(files, measure=measure)

    # -- which files may be fetched ----------------------------------------------------------------------

    def _ask_the_way(self) -> dict[str, tuple[str, str]]:
        """Reads the robots.txt that files need, one file for each way; gives who bears the names that collided."""
        ways: dict[Way, PlannedFile] = {}
        taken: set[str] = set()
        for file in self._files():
            if file.bare is not None:
                taken.add(file.bare)
            if file.ending in plans.WANTED and (file.download.found or file.download.via_public):
                ways.setdefault(_way(file), file)
        self._note_barred(self._ask(ways.values(), measure=False))
        return plans.bearers(self._db, taken)

    def _note_barred(self, asked: Iterable[Asked]) -> None:
        for each in asked:
            if each.barred == "skipped:private":
                self._barred[_way(each.file)] = each.barred

    def _ending(self, file: PlannedFile) -> str | None:
        """How a file ends before it is asked for; None: it would be fetched."""
        if file.ending not in plans.WANTED:
            return file.ending
        download = file.download
        if download.via_public and (barred := self._barred.get(_way(file))):
            return barred
        return "skipped:robots" if download.found and self._kit.robots.verdict(download.url) is False else None

    # -- the files ---------------------------------------------------------------------------------------

    def _settle(self, bearers: dict[str, tuple[str, str]]) -> None:
        """Counts the files, and writes down the name of each."""
        with self._wish.names.open("w", encoding="utf-8") as names:
            for file in self._files():
                ending = self._ending(file)
                self._count(file, ending)
                names.write(json.dumps(_named(file, ending, bearers), ensure_ascii=False) + "\n")

    def _count(self, file: PlannedFile, ending: str | None) -> None:
        self._endings[ending or FETCH] += 1
        self._rules[file.download.rule or ""] += 1
        self._collisions += file.bare is not None
        if ending is None:
            self._by_host[file.host] += 1
            self._origins.setdefault(file.host, file.download.url)
            self._unfinished += not file.whole
        elif len(self._examples[ending]) < plans.EXAMPLES:
            self._examples[ending].append((secrets.display(file.download.url), file.why))

    def _file_groups(self) -> Iterator[Group]:
        for ending, examples in sorted(self._examples.items()):
            if ending != "saved":
                yield Group("file", ending, self._endings[ending], tuple(examples))

    # -- sizes -------------------------------------------------------------------------------------------

    def _measure(self) -> list[Sampled]:
        chosen = {
            host: places(self._by_host[host], size) for host, size in shares(self._by_host, self._wish.sample).items()
        }
        picked = self._ask(self._picked(chosen), measure=True) if chosen else []
        return [each.answer for each in picked if each.answer is not None]

    def _picked(self, chosen: dict[str, frozenset[int]]) -> Iterator[PlannedFile]:
        seen: Counter[str] = Counter()
        for file in self._files():
            if file.host in chosen and self._ending(file) is None:
                if seen[file.host] in chosen[file.host]:
                    yield file
                seen[file.host] += 1

    # -- pages and items -----------------------------------------------------------------------------------

    def _rule_facts(self) -> tuple[RuleFacts, ...]:
        pages: dict[str, Counter[str]] = defaultdict(Counter)
        for rule, ending, number in plans.page_endings(self._db, self._run):
            pages[rule][_KINDS.get(ending) or str(ending).partition(":")[0]] += number
        items, failed = plans.items(self._db, self._run), plans.item_failures(self._db, self._run)
        known = dict.fromkeys((*self._kit.job.rules, *sorted(pages), *items, *failed, *self._rules))
        return tuple(
            RuleFacts(rule, dict(pages[rule]), items.get(rule, 0), failed.get(rule, 0), self._rules[rule])
            for rule in known
            if rule in pages or rule in items or rule in failed or self._rules[rule]
        )

    def _groups(self) -> Iterator[Group]:
        found: dict[tuple[str, str, int], list[tuple[str, str]]] = defaultdict(list)
        for each in plans.alike(self._db, self._run):
            found[each.kind, each.ending, each.number].append((each.url, each.why))
        return (Group(*alike, tuple(examples)) for alike, examples in found.items())

    def _is_limited(self) -> bool:
        limit = self._kit.options.limit
        return limit is not None and self._kit.met >= limit

    # -- hosts -------------------------------------------------------------------------------------------

    def _hosts(self, sampled: list[Sampled]) -> tuple[HostFacts, ...]:
        asked = plans.requests(self._db, self._run)
        answers: dict[str, list[float]] = defaultdict(list)
        for each in sampled:
            if each.seconds is not None:
                answers[each.by].append(each.seconds)
        hosts = dict.fromkeys((*asked, *self._by_host))
        return tuple(self._host(host, asked.get(host), answers.get(host, [])) for host in hosts)

    def _host(self, host: str, asked: plans.Asked | None, answers: list[float]) -> HostFacts:
        before = self._wish.before.get(host)
        kit, policy = self._kit, policy_for(host, self._kit.job.polite)
        pages = (asked.attempts if asked else 0) - (before.attempts if before else 0)
        # Of a page reading it is a part too, so a HEAD tells better how long an answer takes.
        times = answers or ([asked.seconds / asked.timed] if asked and asked.timed else [])
        origins = {urls.origin(url) for url in (self._origins.get(host), asked and asked.url) if url}
        robots = [url for url in origins if kit.robots.obeyed_by and kit.robots.verdict(f"{url}/") is not None]
        crawl = max((kit.robots.delay(url) for url in robots), default=0.0)
        return HostFacts(
            host, pages, self._by_host[host], len(robots), policy.slots, policy.delay, min(crawl, LONGEST_DELAY),
            sum(times) / len(times) if times else None,
        )  # fmt: skip


def _way(file: PlannedFile) -> Way:
    return urls.origin(file.download.url), file.download.via_public


def _named(file: PlannedFile, ending: str | None, bearers: dict[str, tuple[str, str]]) -> dict[str, Any]:
    """A line of the names."""
    borne = None if file.bare is None else bearers.get(naming.fold(file.bare))
    return {
        "path": file.path, "whole": file.whole, "url": secrets.display(file.download.url),
        "rule": file.download.rule, "ending": ending, "message": file.why, "instead_of": file.bare,
        "borne_by": None if borne is None else borne[1],
    }  # fmt: skip
