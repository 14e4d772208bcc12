"""A run is opened: the ledger and the folder, what a killed one left put in order, and the kit of the workers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scraper.download.engine import Engine
from scraper.files import naming
from scraper.files.parts import OutputFolder
from scraper.files.power import DurableFolder, keep_folder
from scraper.files.refusals import refusal_told
from scraper.job.fields import base_names
from scraper.model import State
from scraper.net.courier import Courier
from scraper.net.hosts import Scheduler
from scraper.run import kit as kits
from scraper.run import rows
from scraper.run.admission import ASKING
from scraper.run.control import Control, Tokens
from scraper.run.events import Events
from scraper.run.kit import Kit, Options
from scraper.run.taping import Taping
from scraper.run.windows import newest_first
from scraper.run.work import Work
from scraper.state import runs
from scraper.state.bodies import Bodies
from scraper.state.db import Database
from scraper.state.ledger import Ledger
from scraper.state.recovery import boot_id, recover, remove_dropped

if TYPE_CHECKING:
    from scraper.job.loaded import Loaded

STATE = ".scraper"
EngineFor = Callable[[Any, Callable[[BaseException], None], Callable[[], bool]], Engine]


@dataclass(frozen=True)
class Opened:
    """What was opened; whoever runs closes the ledger and the folder.

    Attributes:
        taping: what is put down on tapes.
        engine_for: makes an engine like the kit's for another process of the run.
    """

    kit: Kit
    taping: Taping
    engine_for: EngineFor


def open_run(
    loaded: Loaded, job: Any, known: dict[str, str], dest: Path, state: Path, options: Options, events: Events,
    control: Control,
) -> Opened:  # fmt: skip
    """Opens the run that is continued, or begins one.

    Args:
        job, known: settled, with its secrets.
        dest: the output folder, which is held; state: the folder of the ledger.

    Raises:
        LedgerError: the ledger cannot be used. DiskError: the folder cannot.
        UsageError: the errand of the run cannot be done now.
    """
    with refusal_told(state):
        state.mkdir(parents=True, exist_ok=True)
    if options.dry:
        Database.copy((options.state or dest / STATE) / "ledger.db", state / "ledger.db")
    with ExitStack() as opened:
        db = Database(state / "ledger.db")
        opened.callback(db.close)
        kind = DurableFolder if job.files.durable and not options.dry else OutputFolder
        disk = kind(dest, create=not options.dry)
        opened.callback(disk.close)
        ledger = Ledger(
            db, disk.look, job.files.existing, _templates(job), look_many=disk.look_many, wake=control.changed.set,
            now=options.now,
        )  # fmt: skip
        if not options.dry:  # another run may be under way, and its parts are its own
            recover(ledger, disk, boot_id())
        if disk.is_durable:
            db.sync()
            keep_folder(state)
        made = _kit(loaded, job, known, ledger, disk, state, options, events, control)
        opened.pop_all()
        return made


def _kit(
    loaded: Loaded, job: Any, known: dict[str, str], ledger: Ledger, disk: OutputFolder, folder: Path,
    options: Options, events: Events, control: Control,
) -> Opened:  # fmt: skip
    run_ = _begun(loaded, job, ledger, options)
    if not options.dry:
        remove_dropped(ledger, disk)
        _remove_page(ledger.db, run_.id, folder)
    ledger.begin(run_.id)
    ledger.newest_first = newest_first(job)
    state = State()
    names = base_names(variables=loaded.variables, date=run_.date, last_run=run_.last_run, state=state)
    outgoing = kits.outgoing_for(job, loaded.folder, names, state, known, options.replay)
    kits.fill_from_browser(loaded, outgoing)
    rate = kits.rate_for(job)
    courier = Courier(outgoing, known, connections=job.files.jobs + 16, rate=rate, now=options.now)
    engine_for = partial(_engine, courier, disk, job)
    engine = engine_for(ledger, control.fail, lambda: control.stopping)
    scheduler: Scheduler[Work[Any]] = kits.scheduler_for(job, ("page", "file", "login", ASKING), options.replay)
    again = len(job.start) > 1 or any(rule.follow for rule in job.rules.values())
    bodies = Bodies(folder, run_.id, wanted=again, secrets=known)
    bodies.clear_others()
    robots = kits.robots_for(job)
    engine.agent = robots.obeyed_by
    taping = Taping(job, run_, options, disk.root, folder, outgoing, known, control.fail, ledger.db)
    kit = Kit(
        job, loaded, run_, options, ledger, disk, courier, engine, scheduler,
        robots, bodies, events, names, state, tokens=Tokens(doubts=options.replay is None),
        is_over=control.is_over,
    )  # fmt: skip
    return Opened(kit, taping, engine_for)


def _remove_page(db: Database, run: str, folder: Path) -> None:
    """The part of a report that a kill at the very end of the run before left: that run is not continued."""
    last = runs.before(db, run)
    if last is not None:
        (folder / "runs" / last / f"{runs.REPORT}.part").unlink(missing_ok=True)


def _begun(loaded: Loaded, job: Any, ledger: Ledger, options: Options) -> runs.Run:
    errand = options.errand
    if errand is not None:
        errand.check(ledger.db, job.name)
    mark = None if errand is None else (errand.kind, errand.mark())
    return runs.open_run(
        ledger.db, job.name, kits.fingerprint(loaded, options.limit, rows.list_digests(loaded), mark),
        now=options.now(), limit=options.limit, fresh=options.fresh, kind="run" if errand is None else errand.kind,
        name=None if options.replay is None else options.replay.run,
    )  # fmt: skip


def _engine(
    courier: Courier, disk: OutputFolder, job: Any, ledger: Any, failed: Callable[[BaseException], None],
    is_stopping: Callable[[], bool],
) -> Engine:  # fmt: skip
    return Engine(courier, disk, ledger, job.files, kits.own_names(job), boot_id(), failed, is_stopping)


def _templates(job: Any) -> frozenset[str]:
    """By what the path templates of a job are the same templates."""
    own = [spec.path for rule in job.rules.values() for spec in rule.file_specs]
    return frozenset(naming.digest_of(path) for path in (job.files.path, *own) if path is not None)
