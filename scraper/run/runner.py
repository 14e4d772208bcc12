"""A run of a job: opened, fed, drained, told.

    run(loaded, options, events) -> Summary

The main thread feeds: it takes open pages and files from the ledger, a window for each
host, and gives them to the scheduler; page threads and download threads take from
there. A host that is slow or parked fills its own window and no other's. When nothing
is open any more the run is closed: names settled, records and summary written.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scraper import errors
from scraper.errors import Exit
from scraper.files.refusals import refusal_told
from scraper.model import Summary
from scraper.run import after, opening, results, rows, transports
from scraper.run import kit as kits
from scraper.run.control import Control
from scraper.run.crews import crew_for
from scraper.run.events import Events
from scraper.run.feeding import Feeder
from scraper.run.files import AskWorker, FileSource
from scraper.run.kit import Options
from scraper.run.limits import CONTINUES, bounds_for
from scraper.run.logfile import run_log
from scraper.run.opening import STATE
from scraper.run.sources import dest_of
from scraper.run.taping import job_for
from scraper.run.windows import windows
from scraper.run.work import Looper, put_back
from scraper.state import runs
from scraper.state.lock import hold
from scraper.state.recovery import settle_names

if TYPE_CHECKING:
    from scraper.job.loaded import Loaded

log = logging.getLogger("scraper")
PAGE_THREADS = 8
ASKERS = 4
"""Threads that fetch the robots.txt files that links to files need."""
TICK = 0.2
DONE = object()
GRACE = 8.0
"""Seconds that SIGTERM leaves to what is in flight: service managers lose patience after ten."""


def run(loaded: Loaded, options: Options, events: Events, control: Control | None = None) -> Summary:
    """Runs a job to its end, or until a signal, a full disk or a bug stops it.

    Raises:
        JobError: a secret that is not set, a key that is not built yet.
        BusyError: another run holds the output folder; or that was waited for, and the control stops.
        LedgerError: the ledger cannot be used.
    """
    job, known = kits.settle(loaded, options.replay)
    job = job_for(job, options)
    if options.errand is not None:
        job = options.errand.job(job)
    dest = options.dest or dest_of(loaded, job)
    control = control or Control()
    with hold(dest, dry=options.dry, wait=options.wait, stopped=lambda: control.stop_code) as scratch:
        state = scratch / STATE if options.dry else options.state or dest / STATE
        return Runner(loaded, job, known, dest, state, options, events, control).run()


class Runner:
    """One process's work on one run."""

    def __init__(
        self, loaded: Loaded, job: Any, known: dict[str, str], dest: Path, state: Path, options: Options,
        events: Events, control: Control,
    ) -> None:  # fmt: skip
        self._loaded = loaded
        self._options = options
        self._events = events
        self._control = control
        self._state = state
        self._began = self._flushed = time.monotonic()
        self._is_in = False
        self._misses: list[str] | None = None  # of `expect`; None: nobody judged
        self._opened = opening.open_run(loaded, job, known, dest, state, options, events, self._control)
        self.kit = self._opened.kit
        self._db, self._disk = self.kit.ledger.db, self.kit.disk
        self._feeder = Feeder(self.kit)
        self._listeners = after.Listeners(self.kit, state, self._control)
        self._bounds = self._control.bounds = bounds_for(self.kit, self._control, self._began)
        self._keep_ledger()

    def run(self) -> Summary:
        """The whole of it."""
        kit = self.kit
        folder = self._state / "runs" / kit.run.id
        with ExitStack() as stack:
            with refusal_told(folder):
                folder.mkdir(parents=True, exist_ok=True)
                stack.enter_context(run_log(folder / "log.jsonl"))
            stack.enter_context(self._opened.taping)
            self._events.begun(kit.run.id, continued=kit.run.continued, dest=str(self._disk.root))
            kits.warn_of(kit.job)
            stack.enter_context(self._listeners)
            try:
                self._to_the_end()
                self._opened.taping.close()
                summary = self._close()
                self._opened.taping.keep(summary.exit_code)
                after.tell(kit, self._state, summary)
            finally:
                self._events.done()
                kit.scheduler.leave()
                self._db.close()
                self._disk.close()
            self._listeners.ended(summary)
            return summary

    def _to_the_end(self) -> None:
        """Or until the disk takes nothing more, in whichever thread that shows."""
        try:
            self._is_in = self._log_in()
            if self._is_in:
                self._work()
        except errors.DiskError as error:
            self._control.fail(error)

    def _log_in(self) -> bool:
        if not self.kit.job.login:
            return True
        from scraper.run.login import log_in

        with self.kit.courier.outgoing.logging_in():
            return log_in(self.kit, self._control)

    # -- feeding ---------------------------------------------------------------------------------------

    def _work(self) -> None:
        threads: list[threading.Thread] = []
        try:
            errand = self._options.errand
            seeding = rows.queue_entries(self.kit) if errand is None else errand.seed(self.kit)
            seeded = next(seeding, DONE) is DONE  # how files are fetched depends on how many there are
            threads += self._threads()
            for thread in threads:
                thread.start()
            self._look_around()
            while not self._control.stopping and (not seeded or self._is_open()):
                seeded = seeded or next(seeding, DONE) is DONE
                self._turn(seeded)
            self._walked()
        finally:
            self.kit.scheduler.close()
            self._join(threads)
            self.kit.scheduler.leave()
            self.kit.engine.close()
            self._take_ended()
        if seeded and not self._is_open():
            self._control.limit = None  # it was reached by the last of the work: nothing is left out

    def _turn(self, seeded: bool) -> None:
        """One turn of the main thread: fill the windows, show, wait for a change if there is nothing to queue."""
        self._control.changed.clear()
        self._log_in_again()
        if self.kit.tokens.number:
            from scraper.run.login import keep_token

            keep_token(self.kit, self._control)
        self._read_what_was_left()
        self._feeder.feed("page", self._keep_ledger)
        self._end_files(seeded) if self._no_transport else self._feeder.feed("file", self._keep_ledger)
        self._events.tick(self.kit.ledger.open_count, self.kit.engine.flying)
        if seeded:
            self._control.changed.wait(TICK)
        self._flush()
        self._look_around()

    def _look_around(self) -> None:
        """Slots that are not used go to other processes; a limit that is reached stops the run."""
        self.kit.scheduler.tend()
        if self._bounds is not None:
            self._bounds.look(self.kit.engine.flying)

    def _take_ended(self) -> None:
        """Files that ended are told, and leave the window; hosts whose window is half empty are fed again."""
        ended = self._control.ended.take()
        if not ended:
            return
        finish, of_host = self.kit.ledger.finish, defaultdict[str, list[int]](list)
        for host, key, outcome in ended:
            finish(key, outcome)
            of_host[host].append(key)
        outcomes = [outcome for _, _, outcome in ended]
        self._events.files_ended(outcomes)
        self._listeners.files_ended(outcomes)
        for host, keys in of_host.items():
            self.kit.window.discard("file", host, keys)

    def _flush(self) -> None:
        """Writes outcomes: several times a second, and at once where nothing else is going on."""
        self._take_ended()
        now = time.monotonic()
        if now - self._flushed >= TICK or self.kit.window.is_empty:
            self._flushed = now
            self.kit.ledger.flush()
            self._keep_ledger()

    def _keep_ledger(self) -> None:
        """What was committed survives loss of power, where that is minded."""
        if self._disk.is_durable:
            self._db.sync()

    def _is_open(self) -> bool:
        """Whether anything has no ending. The window is asked first: what is in it may still find more."""
        return not self.kit.window.is_empty or self.kit.ledger.open_count > 0

    def _read_what_was_left(self) -> None:
        """Pages that no worker reads again: a killed run left them, or a start entry came when they had ended."""
        if self.kit.has_pages and self.kit.window.is_empty:
            from scraper.run.pages import PageWorker

            PageWorker(self.kit, self._control).reread()

    def _log_in_again(self) -> None:
        """For pages that show that the session is gone; a login that fails ends the run, which stays open."""
        logins = self.kit.logins
        if logins.begin():
            if not self._log_in():
                if not self._control.stopping:
                    self._control.stop(Exit.FAILURES)
                return
            logins.end()
        for work in logins.take():
            put_back(self.kit, "page", work)

    def _threads(self) -> list[threading.Thread]:
        """Those that fetch pages, and those of the transport that fetches files."""
        loops: list[Looper[Any]] = []
        if self.kit.has_pages:
            from scraper.run.pages import PageWorker

            pages = 1 if self._options.limit is not None else PAGE_THREADS
            loops += [PageWorker(self.kit, self._control) for _ in range(pages)]
            loops += [AskWorker(self.kit, self._control) for _ in range(ASKERS)]
        threads = [
            threading.Thread(target=each.loop, name=f"{each.kind}-{at}", daemon=True) for at, each in enumerate(loops)
        ]
        if self._no_transport:
            return threads
        transport = transports.transport_for(self.kit.job, self.kit.courier)
        crew = crew_for(self.kit, transport, self._opened.engine_for)
        if crew is None:
            return [*threads, *transport.threads(FileSource(self.kit, self._control))]
        return [*threads, *crew.threads(FileSource(self.kit, self._control, crew.errand))]

    def _join(self, threads: list[threading.Thread]) -> None:
        """Waits for what is in flight; a second signal ends the process, and SIGTERM does not wait for ever."""
        until = time.monotonic() + GRACE
        while any(thread.is_alive() for thread in threads):
            if self._control.stop_code == Exit.SIGTERM and time.monotonic() > until:
                log.warning("what is still in flight is given up, and fetched by the next run")
                return
            for thread in threads:
                thread.join(TICK / 4)
            self._take_ended()
            self.kit.scheduler.tend()
            self._events.tick(self.kit.ledger.open_count, self.kit.engine.flying)

    @property
    def _no_transport(self) -> bool:
        """Whether files are ended without being fetched."""
        errand = self._options.errand
        return self._options.dry or (errand is not None and not errand.fetches)

    def _end_files(self, seeded: bool) -> None:
        """A dry run tells the files and fetches none; an errand may have its own way."""
        errand = self._options.errand
        if errand is not None and (errand.ends_dry or not self._options.dry):
            self._listeners.files_ended(errand.end_files(self.kit, seeded=seeded))
        elif seeded and not self.kit.ledger.pending["page"]:
            for path in self.kit.ledger.open_paths():
                self._events.planned(path)
            self.kit.ledger.end_all("file", "skipped:dry run")

    def _walked(self) -> None:
        """Nothing is open any more, or the run is stopped; the scheduler still serves (run/plan asks by it)."""
        if self._options.errand is not None:
            self._options.errand.walked(self.kit)

    # -- the end ---------------------------------------------------------------------------------------

    def _close(self) -> Summary:
        error = self._control.error
        if error is not None and not isinstance(error, errors.DiskError):
            raise error
        try:
            if error is not None:
                log.error("%s; the same command continues where this stopped", error)
            if self._control.limit is not None:
                log.error("%s; %s", self._control.limit, CONTINUES)
            return self._conclude(error)
        except errors.DiskError as full:
            log.error("%s; the same command continues where this stopped", full)
            return self._summary(error or full)

    def _conclude(self, error: BaseException | None) -> Summary:
        """Names, records, summary; the run is closed last, so that one that is cut off here is continued here."""
        kit = self.kit
        kit.ledger.flush()
        closed = not kit.ledger.open_count and not self._control.stopping
        if closed and not self._options.dry:
            settle_names(kit.ledger, self._disk)
        is_own = self._options.errand is not None or self._options.limit is not None
        is_whole = closed and not is_own and not self._options.dry
        summary = self._summary(error)
        if is_whole and self._is_in:
            self._judge(summary)
        complete = is_whole and not summary.failed and not self._misses
        if complete:
            kit.ledger.settle(windows(kit.job))
            kit.bodies.prune(kit.run.date.timestamp())
        summary = self._summary(error)
        if not self._options.dry:
            results.write(kit, self._state, summary)
            kits.save_cookies(kit)
        if closed:
            kit.bodies.clear()
        runs.note_end(
            self._db, kit.run.id, now=self._options.now(), exit_code=summary.exit_code, closed=closed,
            complete=complete, seconds=time.monotonic() - self._began,
        )  # fmt: skip
        self._keep_ledger()
        return summary

    def _judge(self, summary: Summary) -> None:
        """Whether the run brought what its job expects. One that did not is not complete: it empties no records."""
        if self.kit.job.expect.model_fields_set:
            self._misses = results.misses(self.kit, self._state, summary)
            for miss in self._misses:
                log.error("%s", miss)

    def _summary(self, error: BaseException | None) -> Summary:
        """What the run came to so far, by the ledger."""
        summary = runs.summary(self._db, self.kit.job.name, self.kit.run.id)
        summary.seconds += time.monotonic() - self._began
        summary.exit_code = self._exit_code(summary.failed, error)
        return summary

    def _exit_code(self, failed: bool, error: BaseException | None) -> int:
        """Several at once: 130 and 143, then 5, 7, 4 (DESIGN 2); where it was judged, `expect.failed` stands for 4."""
        stopped, is_limited = self._control.stop_code, error is not None or self._control.limit is not None
        if stopped is not None and not (is_limited and stopped == Exit.FAILURES):  # which a login that fails stops with
            return stopped
        if is_limited:
            return Exit.LIMIT
        if self._misses:
            return Exit.EXPECT
        is_bounded = self._misses is not None and self.kit.job.expect.failed is not None
        return Exit.FAILURES if failed and not is_bounded else Exit.DONE
