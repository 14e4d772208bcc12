"""What a run is for, where it is no ordinary one: a retry, a repair, an adoption (DESIGN 2, "runs of their own").

An ordinary run begins with the start of its job, may be complete, and continues an open one. A run with an errand
begins with what the errand seeds, is never complete (nothing becomes gone by it, no watermark moves), and continues
only an open one of the same errand. Everything else is the same: login, politeness, names, endings, records.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scraper.job.model import Job
    from scraper.model import Outcome, Reading
    from scraper.state.db import Database


class Errand:
    """The base of all errands.

    Attributes:
        kind: as the ledger keeps it (state/schema.py).
        fetches: whether files are fetched; else `end_files` ends them.
        ends_dry: whether `end_files` does so in a dry run too, where files are else told by their paths.
    """

    kind = ""
    fetches = True
    ends_dry = False

    def job(self, job: Job) -> Job:
        """The job as this run has it: a repair overwrites what stands there."""
        return job

    def mark(self) -> Any:
        """What tells it from others of its kind, as JSON: only the same one continues an open run."""
        return None

    def check(self, db: Database, job: str) -> None:
        """Looks before a run is begun; the folder is held.

        Raises:
            UsageError: it cannot be done now.
        """

    def seed(self, kit: Any) -> Iterator[None]:
        """Queues what the run begins with, in steps (as rows.queue_entries); a continued run is seeded again.

        Args:
            kit: of the run (run/kit.py).
        """
        raise NotImplementedError

    def wanted(self, kit: Any, reading: Reading) -> Reading:
        """What of a reading is to be asked for by this run: links and files; its items are kept whatever this says.

        Args:
            kit: of the run; inside the transaction of the reading.
        """
        return reading

    def end_files(self, kit: Any, *, seeded: bool) -> Sequence[Outcome]:
        """In the place of the transport, several times a second, where `fetches` is False: ends files that are open.
        Gives how those ended that did.

        Args:
            seeded: whether everything that the run begins with is queued.
        """
        raise NotImplementedError

    def walked(self, kit: Any) -> None:
        """Nothing is open any more, or the run is stopped; the ledger is open, nothing is concluded yet."""
