"""Pages: what a page thread does with one: fetch, read by each rule that found it, write T1."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from scraper import errors, secrets, urls
from scraper.fetch import exchange
from scraper.job.model import Rule
from scraper.model import Page, Reading, Request
from scraper.net.redirect import Hop
from scraper.page import reader
from scraper.page.document import check_expect, open_page
from scraper.run.listings import entry_of, read_listing
from scraper.run.windows import ended_at_seen, is_window
from scraper.run.work import Looper, Work
from scraper.state.ledger import PageTask
from scraper.state.pages import ELSEWHERE

T = TypeVar("T")
log = logging.getLogger("scraper")
_LISTED = Rule()
_GOOD = frozenset(range(200, 300)) - {206}


class PageWorker(Looper[PageTask]):
    """Fetches and reads pages."""

    kind = of = "page"
    _met: list[tuple[int, Request]] = []
    """The readings whose `expect` the page at hand has met; what came since is done behind it, by `reread`."""

    def attempt(self, work: Work[PageTask]) -> Page | Hop:
        """One exchange; a page that misses its rule's `expect` is a failure that may be tried again."""
        work.logins = self.kit.logins.seen()
        if work.task.request.method not in self.kit.courier.http.retry.methods and work.hop is work.start:
            self._note_sending(work)
        reads = self._reads(work.task)
        rules = [self._rule(request) for _, request in reads]
        try:
            found = exchange(
                self.kit.courier, work.task.request, work.hop, wanted_statuses(rules), earlier=self._earlier(work)
            )
        except errors.StatusError as error:
            raise self._missed(work, error, rules) from error
        if isinstance(found, Page):
            work.again = True
            for rule in rules:
                self._expect(found, rule)
            work.again = False
            self._met = reads
        return found

    def _earlier(self, work: Work[PageTask]) -> Page | None:
        """The page as an earlier run kept it: asked for under a condition, once; one that is read again comes whole."""
        if self.kit.options.tape_to is not None:
            return None
        is_first = work.attempt == 1 and work.task.read is None and work.task.request.method == "GET"
        return self.kit.bodies.earlier(work.task.request) if is_first else None

    def _reads(self, task: PageTask) -> list[tuple[int, Request]]:
        """The readings of a page that are to be done."""
        return self.kit.ledger.open_reads(task.id) if task.read is None else [(task.read, task.request)]

    def _note_sending(self, work: Work[PageTask]) -> None:
        """A request that is not lightly repeated; one that was under way at a kill is, and the log says so."""
        if work.task.was_sent and work.attempt == 1:
            url = secrets.display(work.task.request.full_url)
            log.warning("%s: this %s was under way when the run was cut off; sent again", url, work.hop.method)
        self.kit.ledger.mark_sent(work.task.id)

    def succeeded(self, work: Work[PageTask], result: Page) -> None:
        """Reads the page and writes T1, then reads again what a nearer finding asks for."""
        if work.task.read is not None:
            self._renew(work, self._read(result, work.task.request))
            return
        ending, why = self._commit(work, result)
        self._told(result.url, ending, why)
        self.reread()
        self._discard(work)

    def ended(self, work: Work[PageTask], error: errors.RequestError) -> None:
        """Failed or skipped for good."""
        if work.task.read is not None:
            self._renew(work, error)
            return
        status = error.status if isinstance(error, errors.StatusError) else None
        self.kit.ledger.end_page(
            work.task.id, error.ending, why=error.message, status=status, attempts=work.attempt,
            seconds=self.seconds(work), asked=work.task.request, final=self._final(error.url),
        )  # fmt: skip
        self._discard(work)
        self._told(error.url, error.ending, error.message)

    def _final(self, url: str) -> str:
        """A URL from which something came, as people see it."""
        return secrets.display(self.kit.courier.conceal(url))

    def _told(self, url: str, ending: str, why: str) -> None:
        self.kit.events.page_ended(url, ending, why)
        self.control.page_ended(ending)

    def left(self, work: Work[PageTask], hop: Hop) -> bool:
        """Whether the page is read as another one, to which it is redirected (state/redirects.py).

        Only a GET, and only where no rule says by an `expect` what it must find: a session that has ended leads every
        page to the same one, and each is to be asked for again.
        """
        task = work.task
        if task.read is not None or hop.method != "GET" or not task.request.is_plain:
            return False
        why = self.kit.ledger.lead(
            task, self.kit.courier.conceal(hop.url), lambda request: self._rule(request).expect is None,
            is_public=hop.guarded, attempts=work.attempt, seconds=self.seconds(work),
        )  # fmt: skip
        if why is None:
            return False
        self.kit.events.page_ended(secrets.display(task.request.full_url), ELSEWHERE, why)
        self.reread()
        self._discard(work)
        return True

    def _renew(self, work: Work[PageTask], found: Reading | errors.RequestError) -> None:
        """The page was read again for files that were refused; it has ended before, and stays as it was."""
        from scraper.run.renewals import renew

        if isinstance(found, Reading):
            renew(self.kit, self.control, work.task, found.downloads, "its page has no other URL for it")
        else:
            why = f"its page, read again for a new URL: {found.ending}, {found.message}"
            renew(self.kit, self.control, work.task, (), why)
        self._discard(work)

    def _discard(self, work: Work[PageTask]) -> None:
        self.kit.window.discard(self.kind, urls.host_key(work.task.request.url), (work.task.id,))
        self.control.changed.set()

    def _rule(self, request: Request) -> Rule:
        """What a page must be: any that is good, where its rows are listed for a start entry."""
        return _LISTED if entry_of(request.rule) is not None else self.kit.job.rules[request.rule or ""]

    # -- what a rule expects ---------------------------------------------------------------------------

    def _missed(self, work: Work[PageTask], error: errors.StatusError, rules: list[Rule]) -> errors.RequestError:
        """A status that an `expect` leaves out is a shape that may be tried again; one that asks to wait stays."""
        picky = next((rule for rule in rules if rule.expect and rule.expect.status), None)
        if picky is None or error.status in self.kit.courier.http.retry.statuses or self.has_lost_token(work, error):
            return error
        work.again = True
        return _wrong_status(error.url, error.status, picky)

    def _expect(self, page: Page, rule: Rule) -> None:
        if page.status not in (_statuses(rule) or _GOOD):
            raise _wrong_status(page.url, page.status, rule)
        if rule.expect is not None and rule.expect.has is not None:
            document = open_page(page, rule.read, rule.parser)
            check_expect(page, document, rule.expect, rule.language, self.kit.names, rule.parser)

    def may_wait(self, work: Work[PageTask], error: errors.RequestError) -> bool:
        """A page that misses its `expect` waits for a new login, once (JOBS.md, Pages)."""
        if not (work.again and self.kit.job.login and self.kit.logins.ask(work)):
            return False
        self.control.changed.set()
        return True

    # -- T1 --------------------------------------------------------------------------------------------

    def _commit(self, work: Work[PageTask], page: Page) -> tuple[str, str]:
        """One transaction: the page, and what each rule found on it. Gives its ending, and why."""
        task, ledger = work.task, self.kit.ledger
        self.kit.bodies.keep(task.id, page)
        readings = [(read_id, request, self._read(page, request)) for read_id, request in self._met]
        ending, why = _ended(page, [found for _, _, found in readings])
        with ledger.db.transaction():
            for read_id, request, found in readings:
                if isinstance(found, Reading):
                    self._keep(read_id, request, found, secrets.display(page.url))
            ledger.end_page(
                task.id, ending, why=why, status=page.status, attempts=work.attempt, seconds=self.seconds(work),
                digest=hashlib.sha256(page.body).hexdigest(), final=self._final(page.url),
            )  # fmt: skip
            self._stop_at_limit()
        return ending, why

    def _keep(self, read_id: int, request: Request, found: Reading, url: str) -> None:
        """Of what a rule found, what this run is to ask for; part of a transaction."""
        errand = self.kit.options.errand
        wanted = found if errand is None else errand.wanted(self.kit, found)
        of_items = None if errand is None else found.downloads
        self.kit.ledger.commit_reading(read_id, request, self._bounded(request, wanted), url, of_items)

    def _read(self, page: Page, request: Request) -> Reading | errors.RequestError:
        page, entry = self._as_asked(page, request), entry_of(request.rule)
        try:
            reading = self._by_rule(page) if entry is None else read_listing(self.kit, entry, page)
        except errors.RequestError as error:
            return error
        return each_text(reading, self.kit.courier.conceal) if self.kit.courier.known else reading

    def _as_asked(self, page: Page, request: Request) -> Page:
        """The page as one finding of it asked for it, its URL spelled as there, unless a redirect led elsewhere.

        Which of several spellings was fetched hangs on threads; what is read must not.
        """
        came, asked = self.kit.courier.conceal(page.url), request.full_url
        is_same = came != asked and urls.canonical(came) == urls.canonical(asked)
        return replace(page, request=request, url=asked if is_same else came)

    def _by_rule(self, page: Page) -> Reading:
        request, rule = page.request, self._rule(page.request)
        reading = reader.read(
            page, request.rule or "", rule, self.kit.names, self.kit.job.files, self.kit.job.rules,
            records_name=self.kit.own_names, previous=request.before,
            conceal=self.kit.courier.conceal if self.kit.courier.known else None, agent=self.kit.robots.obeyed_by,
        )  # fmt: skip
        return ended_at_seen(self.kit.ledger, rule, request, reading) if is_window(rule) else reading

    def reread(self) -> None:
        """Does what is left to be read of pages that have ended: a late or a nearer finding asks for it."""
        while (claimed := self.kit.ledger.claim_reread()) is not None:
            page_id, url = claimed
            try:
                for read_id, request in self.kit.ledger.open_reads(page_id):
                    if not self._read_late(page_id, read_id, request, url):
                        self.kit.ledger.reopen_page(page_id)
                        break
            finally:
                self.kit.ledger.release_reread(page_id)

    def _read_late(self, page_id: int, read_id: int, request: Request, url: str) -> bool:
        """One reading of a page that was kept; False where it must be fetched again."""
        page = self.kit.bodies.load(page_id, self.kit.ledger.asked(page_id) or request)
        if page is None:
            return False
        try:
            self._expect(page, self._rule(request))
            found = self._read(page, request)
        except errors.RequestError as error:
            if request.method in self.kit.courier.http.retry.methods:
                return False
            found = error
        if isinstance(found, Reading):
            with self.kit.ledger.db.transaction():
                self._keep(read_id, request, found, url)
        else:
            self.kit.ledger.end_page(
                page_id, found.ending, why=found.message, status=page.status, final=self._final(page.url)
            )  # fmt: skip
            self._told(page.url, found.ending, found.message)
        return True

    # -- bounds ---------------------------------------------------------------------------------------

    def _bounded(self, request: Request, reading: Reading) -> Reading:
        """A reading within `--limit`, and within `max_pages` of what it follows; inside its transaction."""
        bounds = {
            target: bound
            for target, follow in self._rule(request).follow.items()
            if (bound := getattr(follow, "max_pages", None)) is not None
        }
        reading = self._limited(reading)
        return reading if not bounds else self._cut(reading, bounds)

    def _cut(self, reading: Reading, bounds: Mapping[str, int]) -> Reading:
        room = {target: bound - self.kit.ledger.pages_of(target) for target, bound in bounds.items()}
        kept, cut = list[Request](), list(reading.skipped)
        for one in reading.requests:
            target = one.rule or ""
            if one.n > 1 or target not in room or self.kit.ledger.is_known(one):
                kept.append(one)
            elif room[target] > 0:
                room[target] -= 1
                kept.append(one)
            else:
                cut.append((one, "limit"))
        return replace(reading, requests=tuple(kept), skipped=tuple(cut))

    def _limited(self, reading: Reading) -> Reading:
        """As many items as the limit leaves room for, with their files; files where the job has no items."""
        limit = self.kit.options.limit
        if limit is None:
            return reading
        if not self.kit.has_items:
            return replace(reading, downloads=reading.downloads[: max(0, limit - self.kit.ledger.files_met())])
        known = [item for item in reading.items if self.kit.ledger.is_met(item)]
        new = [item for item in reading.items if item not in known][: max(0, limit - self.kit.ledger.items_met())]
        items = tuple(item for item in reading.items if item in known or item in new)
        kept = {(item.rule, item.key) for item in items}
        downloads = [each for each in reading.downloads if each.item_key is None or (each.rule, each.item_key) in kept]
        return replace(reading, items=items, downloads=tuple(downloads))

    def _stop_at_limit(self) -> None:
        limit = self.kit.options.limit
        if limit is None:
            return
        if self.kit.met >= limit:
            self.kit.ledger.end_all("page", "skipped:limit")


def _ended(page: Page, readings: Iterable[Reading | errors.RequestError]) -> tuple[str, str]:
    """How a page ended that was read like this, and why."""
    found = list(readings)
    failed = next((one for one in found if isinstance(one, errors.RequestError)), None)
    if failed is not None:
        return failed.ending, failed.message
    others = [one.duplicate_of for one in found if isinstance(one, Reading)]
    if others and None not in others:
        return "skipped:duplicate", f"its canonical URL is {others[0]}"
    return ("unchanged" if page.unchanged else "ok"), ""


def wanted_statuses(rules: Iterable[Rule]) -> tuple[int, ...]:
    """The statuses that make a page for some of its rules; empty: any that is good."""
    given = [_statuses(rule) for rule in rules]
    if not any(given):
        return ()
    return tuple({status for each in given for status in each or _GOOD})


def _statuses(rule: Rule) -> tuple[int, ...]:
    return (rule.expect.status if rule.expect is not None else None) or ()


def _wrong_status(url: str, status: int, rule: Rule) -> errors.RequestError:
    """A rule that names none takes what is good; a page of another is no page for it."""
    if not _statuses(rule):
        return errors.StatusError(url, status)
    wanted = " or ".join(map(str, _statuses(rule)))
    return errors.ShapeError(url, f"expect.status: the page came with {status}, not {wanted}")


def each_text(value: T, change: Callable[[str], str]) -> T:
    """A copy of a value of the flow with every text in it changed."""
    changed: Any = value
    if isinstance(value, str):
        changed = change(value)
    elif isinstance(value, Mapping):
        changed = {each_text(key, change): each_text(inner, change) for key, inner in value.items()}
    elif isinstance(value, (list, tuple)):
        changed = type(value)(each_text(inner, change) for inner in value)
    elif is_dataclass(value) and not isinstance(value, type):
        inner = {each.name: each_text(getattr(value, each.name), change) for each in fields(value)}
        changed = type(value)(**inner)
    return changed  # type: ignore[no-any-return]
