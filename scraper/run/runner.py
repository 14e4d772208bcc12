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
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scraper import errors, urls
from scraper.download.engine import Engine
from scraper.errors import Exit
from scraper.files import naming
from scraper.files.parts import OutputFolder
from scraper.files.power import DurableFolder, keep_folder
from scraper.files.refusals import refusal_told
from scraper.job.fields import base_names
from scraper.model import State, Summary
from scraper.net.courier import Courier
from scraper.net.hosts import Scheduler, policy_for
from scraper.run import kit as kits
from scraper.run import results, rows, transports
from scraper.run.admission import ASKING
from scraper.run.control import Control, Tokens, window_of
from scraper.run.crews import crew_for
from scraper.run.events import Events
from scraper.run.files import AskWorker, FileSource
from scraper.run.kit import Kit, Options
from scraper.run.logfile import run_log
from scraper.run.sources import dest_of
from scraper.run.taping import Taping, job_for
from scraper.run.windows import newest_first, windows
from scraper.run.work import Looper, Work, file_work, page_work, put_back
from scraper.state import runs
from scraper.state.bodies import Bodies
from scraper.state.db import Database
from scraper.state.ledger import Ledger
from scraper.state.lock import hold
from scraper.state.recovery import boot_id, recover, remove_dropped, settle_names

if TYPE_CHECKING:
    from scraper.job.loaded import Loaded

log = logging.getLogger("scraper")
PAGE_THREADS = 8
ASKERS = 4
"""Threads that fetch the robots.txt files that links to files need."""
TICK = 0.2
DONE = object()
STATE = ".scraper"
GRACE = 8.0
"""Seconds that SIGTERM leaves to what is in flight: service managers lose patience after ten."""


def run(loaded: Loaded, options: Options, events: Events, control: Control | None = None) -> Summary:
    """Runs a job to its end, or until a signal, a full disk or a bug stops it.

    Raises:
        JobError: a secret that is not set, a key that is not built yet.
        BusyError: another run holds the output folder.
        LedgerError: the ledger cannot be used.
    """
    job, known = kits.settle(loaded, options.replay)
    job = job_for(job, options)
    dest = options.dest or dest_of(loaded, job)
    with hold(dest, dry=options.dry) as scratch:
        state = scratch / STATE if options.dry else options.state or dest / STATE
        return Runner(loaded, job, known, dest, state, options, events, control or Control()).run()


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
        self._hungry: set[tuple[str, str]] = set()
        self._is_in = False
        self._misses: list[str] | None = None  # of `expect`; None: nobody judged
        with refusal_told(state):
            state.mkdir(parents=True, exist_ok=True)
        if options.dry:
            Database.copy((options.state or dest / STATE) / "ledger.db", state / "ledger.db")
        with ExitStack() as opened:
            self._db = Database(state / "ledger.db")
            opened.callback(self._db.close)
            kind = DurableFolder if job.files.durable and not options.dry else OutputFolder
            self._disk = kind(dest, create=not options.dry)
            opened.callback(self._disk.close)
            ledger = Ledger(
                self._db, self._disk.look, job.files.existing, _templates(job), look_many=self._disk.look_many,
                wake=self._control.changed.set,
            )  # fmt: skip
            if not options.dry:  # another run may be under way, and its parts are its own
                recover(ledger, self._disk, boot_id())
            self._keep_ledger(state)
            self.kit = self._kit(job, known, ledger)
            opened.pop_all()  # from here on `run` closes them

    def _kit(self, job: Any, known: dict[str, str], ledger: Ledger) -> Kit:
        loaded, options = self._loaded, self._options
        print_ = kits.fingerprint(loaded, options.limit, rows.list_digests(loaded))
        run_ = runs.open_run(
            self._db, job.name, print_, now=options.now(), limit=options.limit, fresh=options.fresh,
            name=None if options.replay is None else options.replay.run,
        )  # fmt: skip
        if not options.dry:
            remove_dropped(ledger, self._disk)
        ledger.begin(run_.id)
        ledger.newest_first = newest_first(job)
        state = State()
        names = base_names(variables=loaded.variables, date=run_.date, last_run=run_.last_run, state=state)
        outgoing = kits.outgoing_for(job, loaded.folder, names, state, known, options.replay)
        kits.fill_from_browser(loaded, outgoing)
        rate = kits.rate_for(job)
        courier = Courier(outgoing, known, connections=job.files.jobs + 16, rate=rate, now=options.now)
        self._engine_for = partial(_engine, courier, self._disk, job)
        engine = self._engine_for(ledger, self._control.fail, lambda: self._control.stopping)
        scheduler: Scheduler[Work[Any]] = kits.scheduler_for(job, ("page", "file", "login", ASKING), options.replay)
        again = len(job.start) > 1 or any(rule.follow for rule in job.rules.values())
        bodies = Bodies(self._state, run_.id, wanted=again, secrets=known)
        bodies.clear_others()
        robots = kits.robots_for(job)
        engine.agent = robots.obeyed_by
        self._taping = Taping(
            job, run_, options, self._disk.root, self._state, outgoing, known, self._control.fail, self._db
        )  # fmt: skip
        return Kit(
            job, loaded, run_, options, ledger, self._disk, courier, engine, scheduler,
            robots, bodies, self._events, names, state, tokens=Tokens(doubts=options.replay is None),
        )  # fmt: skip

    def run(self) -> Summary:
        """The whole of it."""
        kit = self.kit
        folder = self._state / "runs" / kit.run.id
        with ExitStack() as stack:
            with refusal_told(folder):
                folder.mkdir(parents=True, exist_ok=True)
                stack.enter_context(run_log(folder / "log.jsonl"))
            stack.enter_context(self._taping)
            self._events.begun(kit.run.id, continued=kit.run.continued, dest=str(self._disk.root))
            kits.warn_of(kit.job)
            try:
                self._to_the_end()
                self._taping.close()
                summary = self._close()
                self._taping.keep(summary.exit_code)
            finally:
                self._events.done()
                self._db.close()
                self._disk.close()
            if kit.job.on_finish and not self._options.dry:
                from scraper.run import finish

                stopped = self._control.stop_code
                finish.call(kit, summary, lambda: self._control.stop_code != stopped)
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
            seeding = rows.queue_entries(self.kit)
            seeded = next(seeding, DONE) is DONE  # how files are fetched depends on how many there are
            threads += self._threads()
            for thread in threads:
                thread.start()
            while not self._control.stopping and (not seeded or self._is_open()):
                seeded = seeded or next(seeding, DONE) is DONE
                self._turn(seeded)
            self._walked()
        finally:
            self.kit.scheduler.close()
            self._join(threads)
            self.kit.engine.close()
            self._take_ended()

    def _turn(self, seeded: bool) -> None:
        """One turn of the main thread: fill the windows, show, wait for a change if there is nothing to queue."""
        self._control.changed.clear()
        self._log_in_again()
        if self.kit.tokens.number:
            from scraper.run.login import keep_token

            keep_token(self.kit, self._control)
        self._read_what_was_left()
        self._feed("page")
        self._plan(seeded) if self._options.dry else self._feed("file")
        self._events.tick(self.kit.ledger.open_count, self.kit.engine.flying)
        if seeded:
            self._control.changed.wait(TICK)
        self._flush()

    def _take_ended(self) -> None:
        """Files that ended are told, and leave the window; hosts whose window is half empty are fed again."""
        ended = self._control.ended.take()
        if not ended:
            return
        finish, of_host = self.kit.ledger.finish, defaultdict[str, list[int]](list)
        for host, key, outcome in ended:
            finish(key, outcome)
            of_host[host].append(key)
        self._events.files_ended([outcome for _, _, outcome in ended])
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

    def _keep_ledger(self, folder: Path | None = None) -> None:
        """What was committed survives loss of power, where that is minded; and a folder of ours that may be new."""
        if self._disk.is_durable:
            self._db.sync()
            if folder is not None:
                keep_folder(folder)

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
                self._control.stop(self._control.stop_code or Exit.FAILURES)
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
        if self._options.dry:
            return threads
        transport = transports.transport_for(self.kit.job, self.kit.courier)
        crew = crew_for(self.kit, transport, self._engine_for)
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
            self._events.tick(self.kit.ledger.open_count, self.kit.engine.flying)

    def _feed(self, kind: str) -> None:
        """Fills the window of each host that has more open than it holds."""
        if kind == "page" and self._options.limit is not None:
            self._feed_in_order()
            return
        self._hungry |= self.kit.ledger.take_grown() | self.kit.window.take_hungry()
        for each, host in [each for each in self._hungry if each[0] == kind]:
            self._hungry.discard((each, host))
            self._feed_host(kind, host)

    def _feed_host(self, kind: str, host: str) -> None:
        """Fills the window of a host that is half empty; one that is not is looked at again when it has become so."""
        pending = self.kit.ledger.pending[kind]
        held = self.kit.window.count(kind, host)
        room = window_of(policy_for(host, self.kit.job.polite).slots, len(pending))
        if pending.get(host, 0) > held and held <= room // 2:
            self._take(kind, host, room - held, self.kit.window.held(kind, host))

    def _feed_in_order(self) -> None:
        """Where a limit counts: one page at a time, of all hosts the first in record order."""
        ledger = self.kit.ledger
        if not self.kit.window.has("page"):
            hosts = [host for host, _ in ledger.pending_hosts("page")]
            tasks = [task for host in hosts for task in ledger.next_pages(host, 1, set(), in_order=True)]
            if tasks:
                first = min(tasks, key=lambda task: (*task.request.place, task.request.n))
                self._put("page", urls.host_key(first.request.url), [page_work(first)])

    def _take(self, kind: str, host: str, room: int, held: set[int]) -> None:
        ledger = self.kit.ledger
        works: list[Work[Any]]
        if kind == "page":
            works = [page_work(task) for task in ledger.next_pages(host, room, held)]
        else:
            works = [file_work(task) for task in ledger.next_files(host, room, held)]
            self._keep_ledger()
        self._put(kind, host, works)

    def _put(self, kind: str, host: str, works: list[Work[Any]]) -> None:
        for work in works:
            work.home = host
        self.kit.window.add(kind, host, [work.task.id for work in works])
        left = self.kit.ledger.pending[kind].get(host, 0) - self.kit.window.count(kind, host)
        self.kit.scheduler.expect(kind, host, max(0, left))
        self.kit.scheduler.put_many(kind, host, works)

    def _plan(self, seeded: bool) -> None:
        """A dry run tells the files and fetches none."""
        if seeded and not self.kit.ledger.pending["page"]:
            for path in self.kit.ledger.open_paths():
                self._events.planned(path)
            self.kit.ledger.end_all("file", "skipped:dry run")

    def _walked(self) -> None:
        """Nothing is open any more, or the run is stopped; the scheduler still serves (run/plan asks by it)."""

    # -- the end ---------------------------------------------------------------------------------------

    def _close(self) -> Summary:
        error = self._control.error
        if error is not None and not isinstance(error, errors.DiskError):
            raise error
        try:
            if error is not None:
                log.error("%s; the same command continues where this stopped", error)
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
        is_whole = closed and self._options.limit is None and not self._options.dry
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
        if self._control.stop_code is not None:
            return self._control.stop_code
        if error is not None:
            return Exit.LIMIT
        if self._misses:
            return Exit.EXPECT
        is_bounded = self._misses is not None and self.kit.job.expect.failed is not None
        return Exit.FAILURES if failed and not is_bounded else Exit.DONE


def _engine(
    courier: Courier, disk: OutputFolder, job: Any, ledger: Any, failed: Callable[[BaseException], None],
    is_stopping: Callable[[], bool],
) -> Engine:  # fmt: skip
    return Engine(courier, disk, ledger, job.files, kits.own_names(job), boot_id(), failed, is_stopping)


def _templates(job: Any) -> frozenset[str]:
    """By what the path templates of a job are the same templates."""
    own = [spec.path for rule in job.rules.values() for spec in rule.file_specs]
    return frozenset(naming.digest_of(path) for path in (job.files.path, *own) if path is not None)
