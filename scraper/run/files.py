"""Files: what is handed to a transport, and how each ends.

FileSource      net.transport.Source: files whose hosts have a slot, as exchanges
AskWorker       fetches the robots.txt that a link to a file needs first
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

from scraper import errors, secrets
from scraper.download.flight import AgainError, Ended, Left
from scraper.model import Outcome
from scraper.net.hosts import Told
from scraper.net.redirect import Hop
from scraper.net.transport import Exchange
from scraper.run.admission import ASKING, PutBackError
from scraper.run.control import Control
from scraper.run.flights import Flight, Help
from scraper.run.kit import Kit
from scraper.run.work import Looper, Work, Worker, given_up, page_work, told_of
from scraper.state.ledger import FileTask, PageTask

log = logging.getLogger("scraper")
EXPIRED = frozenset({401, 403, 404, 410})
"""Statuses of a URL that may have expired (JOBS.md, Files)."""


class FileWorker(Worker[FileTask]):
    """How files end."""

    kind = "file"

    def succeeded(self, work: Work[FileTask], result: Outcome) -> None:
        """Saved, unchanged, or skipped because of what stands there."""
        self._finish(work, result)

    def ended(self, work: Work[FileTask], error: errors.RequestError) -> None:
        """Failed or skipped for good."""
        if work.task.noted is not None:
            work.task = self.kit.engine.discard(work.task)
        status = error.status if isinstance(error, errors.StatusError) else None
        self._finish(work, Outcome(error.ending, work.task.path, error.url, status, why=error.message))

    def may_wait(self, work: Work[FileTask], error: errors.RequestError) -> bool:
        """A keyed file whose URL has expired waits for its page to be read again, once a run (renewals.py)."""
        is_expired = isinstance(error, errors.StatusError) and error.status in EXPIRED
        page = self._page_of(work.task) if is_expired else None
        if page is None:
            return False
        assert page.read is not None, "a page that is read again"
        is_first = self.kit.renewals.put(page.read, work.task.id, (work, error))
        if is_first is None:
            return self._takes_fresh(work)
        if is_first:
            again = page_work(page)
            self.kit.window.add("page", again.host, (page.id,))
            self.kit.scheduler.put("page", again.host, again)
        return True

    def _page_of(self, task: FileTask) -> PageTask | None:
        """The page that may be read again for a file."""
        if not task.download.keyed or task.renewed or task.download.found_on is None:
            return None
        page = self.kit.ledger.page_of(task.id)
        repeated = self.kit.courier.http.retry.methods
        return page if page is not None and page.request.method in repeated else None

    def _takes_fresh(self, work: Work[FileTask]) -> bool:
        """Its page was read again already, for another file, while this one was on its way."""
        fresh, file = self.kit.renewals.fresh.pop(work.task.id), work.task.id
        if not self.kit.ledger.renew((fresh,), {file})[0]:
            return False
        self.kit.window.discard(self.kind, work.home, (file,))
        self.control.changed.set()
        return True

    def _finish(self, work: Work[FileTask], outcome: Outcome) -> None:
        if self.kit.renewals.fresh:
            self.kit.renewals.fresh.pop(work.task.id, None)
        held = self.kit.window.size
        was_redirected = work.hop is not work.start and outcome.url != secrets.display(work.task.download.url)
        told = outcome.told(work.attempt, self.seconds(work), was_redirected=was_redirected)
        self.control.file_ended(work.home, work.task.id, told, held)


ExchangeFor = Callable[[FileTask, Hop, Flight], Any]
"""Makes the exchange of a file."""


class FileSource(FileWorker):
    """Hands files to a transport.

    Args:
        exchange_for: makes what is handed out; by default landings of the run's engine.
    """

    def __init__(self, kit: Kit, control: Control, exchange_for: ExchangeFor | None = None) -> None:
        super().__init__(kit, control)
        self._exchange_for = exchange_for or kit.engine.landing
        self._admission.asks = False
        self._loops: set[int] = set()
        self._released: list[tuple[str, Told | None]] = []

    def take(self, most: int) -> Sequence[Exchange] | None:
        """Files that may be asked for now; None: there will be none any more."""
        scheduler = self.kit.scheduler
        self._loops.add(threading.get_ident())
        self._give_back()
        if scheduler.closed:
            return None
        begun = [exchange for one in scheduler.take_many(self.kind, most) if (exchange := self._begun(*one))]
        self._give_back()  # of those that were not let in
        return begun

    def wait(self) -> Sequence[Exchange] | None:
        """The next file, waited for."""
        taken = self.kit.scheduler.take(self.kind)
        if taken is None:
            return None
        exchange = self._begun(*taken)
        return [] if exchange is None else [exchange]

    def pause(self) -> float | None:
        """Seconds after which there may be something."""
        return self.kit.scheduler.wait_for(self.kind)

    def wake_by(self, wake: Callable[[], None]) -> None:
        """`wake` is called when there may be something again."""
        self.kit.scheduler.on_ready(self.kind, wake)

    def failed_with(self, bug: BaseException) -> None:
        """Whatever is no outcome stops the run."""
        self.control.fail(bug)

    def _begun(self, host: str, work: Work[FileTask] | Help) -> Exchange | None:
        if isinstance(work, Help):
            return self._helped(host, work)
        if not self.admit(host, work):
            self._release(host, None)
            return None
        return self._exchange_for(work.task, work.hop, Flight(self, host, work, self.kit.courier.clock()))

    def _helped(self, host: str, helped: Help) -> Exchange | None:
        """One more exchange for a file under way, unless nothing is left for it."""
        segment = helped.lane.begin(Flight(self, host, helped.work, self.kit.courier.clock()))
        if segment is None:
            self._release(host, None)
        elif (verdict := self.kit.scheduler.given_up(host)) is not None:
            segment.done(given_up(helped.lane.url, verdict))
            return None
        return segment

    def over(self, flight: Flight, exchange: Ended, result: Any) -> None:
        """An exchange is over; called by a thread of the transport, or by the one that hashes."""
        told: Told | None = None
        try:
            seconds = None if exchange.answered is None else exchange.answered - flight.began
            told = told_of(result.trouble if isinstance(result, Left) else result, seconds)
            if not isinstance(result, Left):
                flight.work.task = exchange.task
                self._conclude(flight.work, result)
        except BaseException as error:  # handed to the main thread, which raises it
            self.control.fail(error)
        finally:
            self._release(flight.host, told)

    def _conclude(self, work: Work[FileTask], result: Any) -> None:
        if isinstance(result, AgainError):
            how = "its part is kept" if result.keeps else "it starts again"
            log.info("%s: %s; %s", secrets.display(work.start.url), result, how)
            work.hop = work.start
            self.kit.scheduler.put(self.kind, work.host, work)
        else:
            self.conclude(work, result)

    def _release(self, host: str, told: Told | None) -> None:
        """Gives the slot back: a thread that takes many at once does so when it takes again, which is soon."""
        if threading.get_ident() in self._loops:
            self._released.append((host, told))
        else:
            self.kit.scheduler.release(self.kind, host, told)

    def _give_back(self) -> None:
        released, self._released = self._released, []
        if released:
            self.kit.scheduler.release_many(self.kind, released)


class AskWorker(Looper[FileTask]):
    """Lets files in whose robots.txt nobody has read yet; a transport's thread must not wait for that."""

    kind = ASKING

    def attempt(self, work: Work[FileTask]) -> Any:
        """The robots.txt is read and allows it: the file goes to the transport."""
        self.kit.scheduler.put("file", work.host, work)
        raise PutBackError

    def ended(self, work: Work[FileTask], error: errors.RequestError) -> None:
        """It does not."""
        FileWorker(self.kit, self.control).ended(work, error)
