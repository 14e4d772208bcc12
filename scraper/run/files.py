"""Files: what a download thread does with one."""

from __future__ import annotations

from dataclasses import replace

from scraper import errors, urls
from scraper.model import Outcome
from scraper.net.redirect import Hop
from scraper.run.work import Work, Worker
from scraper.state.ledger import FileTask


class FileWorker(Worker[FileTask]):
    """Fetches files."""

    kind = "file"

    def attempt(self, work: Work[FileTask]) -> Outcome | Hop:
        """One exchange."""
        return self.kit.engine.attempt(work.task, work.hop)

    def succeeded(self, work: Work[FileTask], result: Outcome) -> None:
        """Saved, unchanged, or skipped because of what stands there."""
        self._finish(work, result)

    def ended(self, work: Work[FileTask], error: errors.RequestError) -> None:
        """Failed or skipped for good."""
        status = error.status if isinstance(error, errors.StatusError) else None
        self._finish(work, Outcome(error.ending, work.task.path, error.url, status, why=error.message))

    def _finish(self, work: Work[FileTask], outcome: Outcome) -> None:
        outcome = replace(outcome, attempts=work.attempt, seconds=self.seconds(work))
        self.kit.ledger.finish(work.task.id, outcome)
        self.kit.events.file_ended(outcome)
        if self.kit.window.discard(self.kind, urls.host_key(work.start.url), work.task.id):
            self.control.changed.set()
