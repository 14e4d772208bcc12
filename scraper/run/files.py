"""Files: what is handed to a transport, and how each ends.

FileSource      net.transport.Source: files whose hosts have a slot, as exchanges
AskWorker       fetches the robots.txt that a link to a file needs first
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from scraper import errors, urls
from scraper.download.landing import Landing
from scraper.model import Outcome
from scraper.net.hosts import Told
from scraper.run.admission import ASKING, PutBackError
from scraper.run.control import Control
from scraper.run.kit import Kit
from scraper.run.work import Looper, Work, Worker, told_of
from scraper.state.ledger import FileTask


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

    def _finish(self, work: Work[FileTask], outcome: Outcome) -> None:
        outcome = outcome.told(work.attempt, self.seconds(work))
        self.kit.ledger.finish(work.task.id, outcome)
        self.kit.events.file_ended(outcome)
        if self.kit.window.discard(self.kind, urls.host_key(work.start.url), work.task.id):
            self.control.changed.set()


class FileSource(FileWorker):
    """Hands files to a transport."""

    def __init__(self, kit: Kit, control: Control) -> None:
        super().__init__(kit, control)
        self._admission.asks = False

    def take(self, most: int) -> Sequence[Landing] | None:
        """Files that may be asked for now; None: there will be none any more."""
        scheduler = self.kit.scheduler
        if scheduler.closed:
            return None
        return [landing for one in scheduler.take_many(self.kind, most) if (landing := self._begun(*one))]

    def wait(self) -> Sequence[Landing] | None:
        """The next file, waited for."""
        taken = self.kit.scheduler.take(self.kind)
        if taken is None:
            return None
        landing = self._begun(*taken)
        return [] if landing is None else [landing]

    def pause(self) -> float | None:
        """Seconds after which there may be something."""
        return self.kit.scheduler.wait_for(self.kind)

    def wake_by(self, wake: Callable[[], None]) -> None:
        """`wake` is called when there may be something again."""
        self.kit.scheduler.on_ready(self.kind, wake)

    def failed_with(self, bug: BaseException) -> None:
        """Whatever is no outcome stops the run."""
        self.control.fail(bug)

    def _begun(self, host: str, work: Work[FileTask]) -> Landing | None:
        if not self.admit(host, work):
            self.kit.scheduler.release(self.kind, host)
            return None
        return self.kit.engine.landing(work.task, work.hop, partial(self._over, host, work, self.kit.courier.clock()))

    def _over(self, host: str, work: Work[FileTask], began: float, landing: Landing, result: Any) -> None:
        """An attempt is over; called by a thread of the transport, or by the one that hashes."""
        told: Told | None = None
        try:
            work.task = landing.task
            told = told_of(result, None if landing.answered is None else landing.answered - began)
            self.conclude(work, result)
        except BaseException as error:  # handed to the main thread, which raises it
            self.control.fail(error)
        finally:
            self.kit.scheduler.release(self.kind, host, told)


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
