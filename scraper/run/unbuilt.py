"""Keys that are validated but whose work is not built yet: `run` refuses them, by name.

Silence would be worse: a job that says `expect: {items: ">= 20"}` must not end with 0
because nobody looked. Each row is a path and what it asks for; a row goes when its work comes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scraper.job.model import Job, Rule
    from scraper.job.parts import StartEntry

Where = tuple[str | int, ...]


def unbuilt(job: Job) -> Iterator[tuple[Where, str]]:
    """The place and the name of each thing the job asks for that this version cannot do."""
    if isinstance(job.http.proxies, tuple):
        yield ("http", "proxies"), "a list of proxies"
    for at, step in enumerate(job.login):
        if step.form is not None:
            yield ("login", at, "form"), "login by `form:`"
    for at in range(len(job.start)):
        yield from _start(("start", at), job.entry(at))
    for name, rule in job.rules.items():
        yield from _rule(("rules", name), rule)
    yield from _settings(job)


def _start(where: Where, entry: StartEntry) -> Iterator[tuple[Where, str]]:
    for source in ("for", "sitemap", "feed"):
        if entry.source(source) is not None:
            yield (*where, source), f"`{source}:` as a source"


def _rule(where: Where, rule: Rule) -> Iterator[tuple[Where, str]]:
    from scraper.job.model import FollowForm

    if rule.read not in ("html", "json"):
        yield (*where, "read"), f"`read: {rule.read}`"
    if rule.parser != "lxml":
        yield (*where, "parser"), f"`parser: {rule.parser}`"
    for name, follow in rule.follow.items():
        if isinstance(follow, FollowForm):
            yield (*where, "follow", name, "form"), "`form:` in follow"
    kind = _NEXT.get(type(rule.next).__name__)
    if kind is not None:
        yield (*where, "next", kind), f"`next` by `{kind}:`"


_NEXT = {"NextForm": "form"}


def _settings(job: Job) -> Iterator[tuple[Where, str]]:
    if job.records.path.endswith(".csv"):
        yield ("records",), "records as .csv"
    if job.expect.model_fields_set:
        yield ("expect",), "`expect` of a run"
    if job.on_finish:
        yield ("on_finish",), "on_finish"
