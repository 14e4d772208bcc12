"""`scraper retry`: what failed last is asked for again, and nothing else.

    chosen  the latest endings of the scope that are `failed:*`, by class and URL (state/retries.py)
    queued  a file from what the ledger keeps of it: its name, headers, digests, key; a page by all rules that were to
            read it, where it stood in record order; for an item that failed, its page
    found   what a page gives that could not be read before is new work; what the scope knows already is not asked
            again, whatever became of it

A retry that is cut off is continued by the same command. It never takes the place of an ordinary run that is open.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from scraper.errors import UsageError
from scraper.model import Reading
from scraper.run.errand import Errand
from scraper.state import retries
from scraper.state.codec import shown
from scraper.state.retries import Choice, Scope, Taken

if TYPE_CHECKING:
    from scraper.job.model import Job
    from scraper.state.db import Database


def refuse_open(db: Database, errand: str) -> None:
    """A run of its own would drop the ordinary run that is open.

    Raises:
        UsageError: one is.
    """
    run = retries.open_ordinary(db)
    if run is not None:
        raise UsageError(
            f"run {run} is open, and {errand} would drop it; `scraper run JOB` continues it, then {errand}"
        )


def readers(job: Any) -> frozenset[str]:
    """The names by which a job reads pages: its rules, and the start entries whose rows stand on a page."""
    entries = ((at, job.entry(at)) for at in range(len(job.start)))
    return frozenset(job.rules) | {f"start[{at}]" for at, entry in entries if entry.source("sitemap", "feed")}


class Retry(Errand):
    """A retry.

    Args:
        patterns: globs of the classes that are meant; url: a glob of URLs.
        since: a moment or a run, as `retries.scope_of` takes it.
        said: what the user said of these three: by it a retry that was cut off is known again.
    """

    kind = "retry"

    def __init__(
        self, patterns: tuple[str, ...] = ("*",), url: str = "*", since: datetime | str | None = None, said: Any = None
    ) -> None:
        self.choice = Choice(patterns, url)
        self.scope = Scope()
        self.taken = Taken()
        self._since = since
        self._said = said

    def job(self, job: Job) -> Job:
        """The same job."""
        self.choice = replace(self.choice, rules=readers(job))
        return job

    def mark(self) -> Any:
        """What is meant, in the user's words."""
        return self._said

    def check(self, db: Database, job: str) -> None:
        """Chooses.

        Raises:
            UsageError: an ordinary run is open.
        """
        refuse_open(db, "a retry")
        self.choose(db, job)

    def choose(self, db: Database, job: str) -> None:
        """What there is to be asked for, without looking whether it may be now."""
        self.scope = retries.scope_of(db, job, self._since)
        self.taken = retries.take(db, self.scope, self.choice)

    def seed(self, kit: Any) -> Iterator[None]:
        """Queues pages, then files."""
        ledger = kit.ledger
        ledger.mend(self.scope)
        for requests in retries.requests_of(ledger.db, self.taken, self.choice.rules):
            with ledger.db.transaction():
                for request, found_on in requests:
                    ledger.add_requests((request,), found_on)
            yield
        for downloads in retries.downloads_of(ledger.db, self.taken.files):
            ledger.add_downloads(downloads)
            yield

    def wanted(self, kit: Any, reading: Reading) -> Reading:
        """What the scope does not know."""
        links = [*reading.requests, *(request for request, _ in reading.skipped)]
        pages = kit.ledger.known_pages({each.identity for each in links}, self.scope)
        files = kit.ledger.known_files({shown(each.key) for each in reading.downloads}, self.scope)
        return replace(
            reading,
            requests=tuple(each for each in reading.requests if each.identity not in pages),
            skipped=tuple(each for each in reading.skipped if each[0].identity not in pages),
            downloads=tuple(each for each in reading.downloads if shown(each.key) not in files),
        )
