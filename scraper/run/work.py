"""One piece of work on its way: taken, tried, put back, ended. What pages and files have in common.

An attempt is one exchange. What is not finished after it is put back: a redirect to its
new host, a failure that may be tried again to wait there. Nobody sleeps on a host.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from scraper import errors, secrets, urls
from scraper.download import engine
from scraper.fetch import first_hop
from scraper.net import retry
from scraper.net.hosts import Told, Verdict
from scraper.net.redirect import Hop
from scraper.run.admission import Admission, Asking, PutBackError
from scraper.run.control import Control
from scraper.run.kit import Kit
from scraper.state.ledger import FileTask, PageTask

log = logging.getLogger("scraper")
T = TypeVar("T")
UNAUTHORIZED = 401


@dataclass(slots=True)
class Work(Generic[T]):
    """A page or a file on its way.

    Attributes:
        found, via_public: whether a page gave its URL, and whether that page was public.
        again: whether the failure at hand may be tried again whatever its class.
        asking: the robots.txt that it is fetching first.
        home: the host under which the ledger keeps it.
        token: number of the token in force when its attempt began; asked_token: of the one that it asked to replace
            last, and asks: how often it did so.
        logins: the login that its attempt saw; asked_login: whether it had one of its own.
    """

    task: T
    start: Hop
    hop: Hop
    found: bool
    via_public: bool
    attempt: int = 1
    began: float = 0.0
    again: bool = False
    asking: Asking | None = None
    logins: int = 0
    asked_login: bool = False
    token: int = 0
    asked_token: int = 0
    asks: int = 0
    home: str = ""

    @property
    def host(self) -> str:
        """The host it waits for."""
        return urls.host_key((self.asking or self).hop.url)


def page_work(task: PageTask) -> Work[PageTask]:
    """A page that begins its way."""
    hop = first_hop(task.request)
    return Work(task, hop, hop, task.request.found, task.request.via_public)


def file_work(task: FileTask) -> Work[FileTask]:
    """A file that begins its way."""
    hop = engine.first_hop(task)
    return Work(task, hop, hop, task.download.found, task.download.via_public)


def put_back(kit: Kit, kind: str, work: Work[Any], seconds: float = 0.0, *, first: bool = False) -> None:
    """The work begins anew, at its first host, after so many seconds; `first`: before what waits there."""
    work.attempt += 1
    work.hop = work.start
    kit.scheduler.put(kind, work.host, work, seconds, first=first)


class Worker(Generic[T]):
    """What every kind of work shares: how an attempt goes on; subclasses say how the work ends."""

    kind = ""
    of = "file"
    """What its work is in the ledger: page or file."""

    def __init__(self, kit: Kit, control: Control) -> None:
        self.kit = kit
        self.control = control
        self._admission = Admission(kit, self.kind)

    def succeeded(self, work: Work[T], result: Any) -> None:
        """The work has its result."""
        raise NotImplementedError

    def ended(self, work: Work[T], error: errors.RequestError) -> None:
        """The work failed, or is skipped, for good."""
        raise NotImplementedError

    def left(self, work: Work[T], hop: Hop) -> bool:
        """Whether the work has ended, since its redirect leads to what is worked on already."""
        return False

    def id_of(self, work: Work[T]) -> int:
        """Its id in the ledger."""
        task: Any = work.task
        return int(task.id)

    def may_wait(self, work: Work[T], error: errors.RequestError) -> bool:
        """Whether a failed attempt waits for something else than its host; who keeps it puts it back."""
        return False

    def admit(self, host: str, work: Work[T]) -> bool:
        """Whether the work is attempted now; if not, it went back to the scheduler or has ended."""
        work.began = work.began or self.kit.courier.clock()
        work.again = False
        work.token = self.kit.tokens.number
        try:
            if (verdict := self.kit.scheduler.given_up(host)) is not None:
                raise given_up(work.hop.url, verdict)
            self._admission.admit(work)
        except PutBackError:
            return False
        except errors.RequestError as error:
            self.failed(work, error)
            return False
        return True

    def conclude(self, work: Work[T], result: Any) -> None:
        """An attempt is over: a Hop or a failure that may be tried again is put back, anything else ends the work.

        Raises:
            Exception: what is no outcome.
        """
        if isinstance(result, Hop):
            if not self.left(work, result):
                work.hop = result
                self.kit.scheduler.put(self.kind, work.host, work)
        elif isinstance(result, errors.RequestError):
            self.failed(work, result)
        elif isinstance(result, BaseException):
            raise result
        else:
            if work.token:
                self.kit.tokens.served(work)
            self.succeeded(work, result)

    def has_lost_token(self, work: Work[T], error: errors.RequestError) -> bool:
        """Whether the token of the login was refused (RFC 6750 section 3.1), and not what the job gives besides."""
        if not (self.kit.tokens.number and isinstance(error, errors.StatusError) and error.status == UNAUTHORIZED):
            return False
        own = getattr(getattr(work.task, "request", None), "auth", None)
        return own is None and self.kit.courier.outgoing.is_home(work.hop.url)

    def _waits_for_token(self, work: Work[T], error: errors.RequestError) -> bool:
        if not self.has_lost_token(work, error) or not self.kit.tokens.ask(self.kind, work):
            return False
        self.control.changed.set()
        return True

    def seconds(self, work: Work[T]) -> float:
        """How long the work has taken so far."""
        return self.kit.courier.clock() - work.began

    def failed(self, work: Work[T], error: errors.RequestError) -> None:
        """An attempt failed."""
        error.message = secrets.display(self.kit.courier.conceal(error.message))
        if isinstance(error, errors.SkippedError) or (error.final and not error.sent):
            self.ended(work, error)
            return
        if self._waits_for_token(work, error) or self.may_wait(work, error):
            return
        attempt = retry.Attempt(work.attempt, work.hop.method, error, work.again)
        decision = retry.decide_retry(attempt, self.kit.courier.http.retry)
        if isinstance(decision, retry.GiveUp):
            if decision.park:
                self.kit.scheduler.park(work.host, decision.park)
            self.ended(work, decision.error)
            return
        status = error.status if isinstance(error, errors.StatusError) else None
        self.kit.ledger.note_attempt(
            self.of, self.id_of(work), work.attempt, secrets.display(error.url), status=status, name=error.name,
            why=error.message,
        )  # fmt: skip
        log.info(
            "%s: %s; attempt %d in %.1f s", error.url, error.message, work.attempt + 1, decision.seconds,
            extra={"url": error.url, "attempt": work.attempt, "class": error.name},
        )  # fmt: skip
        if decision.park:
            self.kit.scheduler.park(work.host, decision.seconds)
        put_back(self.kit, self.kind, work, decision.seconds)


class Looper(Worker[T]):
    """A worker with a thread of its own, which makes one exchange at a time."""

    def loop(self) -> None:
        """Works until the scheduler is closed. Whatever is no outcome stops the run."""
        try:
            while (taken := self.kit.scheduler.take(self.kind)) is not None:
                host, work = taken
                told: Told | None = None
                try:
                    told = self._serve(host, work)
                finally:
                    self.kit.scheduler.release(self.kind, host, told)
        except BaseException as error:  # handed to the main thread, which raises it
            self.control.fail(error)

    def attempt(self, work: Work[T]) -> Any:
        """One exchange; a Hop is put back, anything else ends the work."""
        raise NotImplementedError

    def _serve(self, host: str, work: Work[T]) -> Told | None:
        if not self.admit(host, work):
            return None
        try:
            result = self.attempt(work)
        except PutBackError:
            return None
        except errors.RequestError as error:
            result = error
        told = told_of(result, None)
        self.conclude(work, result)
        return told


def given_up(url: str, verdict: Verdict) -> errors.RequestError:
    """The failure of work whose host is not asked any more; trying again cannot help."""
    cls = {"dns": errors.DnsError, "timeout": errors.TimeoutError}.get(verdict.why, errors.ConnectError)
    return cls(url, verdict.words, sent=False, final=True)


_BUSY = (429, 503)


def told_of(result: Any, seconds: float | None) -> Told | None:
    """What an exchange tells of its host; None: nothing.

    Args:
        seconds: from asking to the head of the answer; None: it did not come, or nobody looked.
    """
    latency = seconds or 0.0
    if not isinstance(result, errors.RequestError):
        return Told("ok", latency)
    if isinstance(result, errors.StatusError):
        return Told("busy" if result.status in _BUSY else "ok", latency)
    is_dead = isinstance(result, (errors.DnsError, errors.ConnectError, errors.TimeoutError)) and not result.final
    if seconds is None and is_dead:
        return Told("dead", 0.0, result.name)
    return None if isinstance(result, (errors.SkippedError, errors.ProxyError)) else Told("failed", latency)
