"""What is told of a run when it has ended, and who hears of it.

    tell(kit, state, summary)       TELLERS: records and summary stand, the ledger is still open, the folder is held
    Listeners(kit, state, control)  what reaches beyond the folder: commands, metrics, notices; also of a bug

A teller that fails says so in the log; the run is what it was. What reaches others comes last, when all is written and
closed; a dry run is told by nobody.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from scraper import errors
from scraper.model import Outcome, Summary
from scraper.run.control import Control
from scraper.run.kit import Kit

if TYPE_CHECKING:
    from scraper.run.on_file import FileCommands

log = logging.getLogger("scraper")
Teller = Callable[[Kit, Path, Summary], None]


def _came(kit: Kit, _: Path, summary: Summary) -> None:
    """What was left out and what failed, for who watches; nothing is asked where there is none of it."""
    pages, items, files = summary.pages, summary.items, summary.files
    if pages.skipped or files.skipped or pages.failed or items.failed or files.failed:
        from scraper.state import groups

        kit.events.came(groups.skipped(kit.ledger.db, kit.run.id), groups.failed(kit.ledger.db, kit.run.id))


def _report(kit: Kit, state: Path, summary: Summary) -> None:
    from scraper.run import reporting

    reporting.tell(kit, state, summary)


TELLERS: tuple[Teller, ...] = (_came, _report)
"""In this order; each gets the kit, the folder of the ledger, and the summary."""


def tell(kit: Kit, state: Path, summary: Summary) -> None:
    """Has all of them tell; a dry run is told by nobody."""
    if kit.options.dry:
        return
    for teller in TELLERS:
        try:
            teller(kit, state, summary)
        except OSError as error:
            log.error("%s", error)


class Listeners:
    """Those outside who hear of a run: of each saved file as it is saved, and of its end, a bug included.

        with Listeners(kit, state, control) as listeners:
            ...
            listeners.ended(summary)

    Args:
        state: the folder of the ledger.
    """

    def __init__(self, kit: Kit, state: Path, control: Control) -> None:
        self._kit, self._state, self._control = kit, state, control
        self._began = kit.options.now()
        self._summary: Summary | None = None
        self._commands: FileCommands | None = None
        if kit.job.on_file and not kit.options.dry:
            from scraper.run.on_file import FileCommands

            self._commands = FileCommands(kit, self._is_signalled)

    def __enter__(self) -> Listeners:
        return self

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        if self._commands is not None:
            self._commands.close()
        if self._kit.options.dry:
            return
        if self._summary is not None:
            self._tell(self._summary, is_whole=True)
        elif isinstance(error, Exception):
            self._tell(self._cut_off(error), is_whole=False)

    def files_ended(self, outcomes: Iterable[Outcome]) -> None:
        """Of the main thread: these have their endings."""
        if self._commands is not None:
            self._commands.put(outcomes)

    def ended(self, summary: Summary) -> None:
        """What the run came to."""
        self._summary = summary

    def _is_signalled(self) -> bool:
        """Whether somebody wants it to end; a limit that is reached ends no command."""
        return self._control.stop_code in (errors.Exit.SIGINT, errors.Exit.SIGTERM)

    def _tell(self, summary: Summary, *, is_whole: bool) -> None:
        job, folder = self._kit.job, self._state / "runs" / self._kit.run.id
        if (job.metrics.textfile or job.metrics.statsd) and self._kit.options.errand is None:
            from scraper.run import metrics

            metrics.tell(self._kit, self._state / "ledger.db", summary)
        if job.on_finish or job.on_failure:
            from scraper.run import finish

            stopped = self._control.stop_code
            finish.call(
                self._kit, summary, folder, lambda: self._control.stop_code != stopped, is_whole=is_whole
            )  # fmt: skip
        if job.notify:
            from scraper.run import notify

            notify.tell(self._kit, summary, folder)

    def _cut_off(self, error: Exception) -> Summary:
        """What a run came to that ended by an error: as far as its ledger can say."""
        from scraper.state import runs
        from scraper.state.db import Database

        summary = Summary(self._kit.job.name, self._kit.run.id)
        try:
            with Database.reading(self._state / "ledger.db") as db:
                summary = runs.summary(db, self._kit.job.name, self._kit.run.id)
        except errors.ScraperError as unread:
            log.warning("%s", unread)
        summary.seconds += (self._kit.options.now() - self._began).total_seconds()
        summary.exit_code = _exit_code(error)
        return summary


def _exit_code(error: Exception) -> errors.Exit:
    """With which exit code an error ends the process (cli/run.py)."""
    if isinstance(error, BrokenPipeError):  # who reads our output has gone
        return errors.Exit.SIGINT
    if isinstance(error, OSError) and error.errno == errno.ENOSPC and error.filename is None:  # what takes it is full
        return errors.Exit.LIMIT
    return error.exit_code if isinstance(error, errors.ScraperError) else errors.Exit.BUG
