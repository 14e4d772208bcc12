"""Runs a job from a tape: the bundled server answers, nothing else is asked.

with Tape.open(path) as tape:
    loaded = load(job, variables=given, recorded=variables_of(tape), secrets=False)
    summary = replay(loaded, tape, dest=folder)
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scraper.errors import TapeError, UsageError
from scraper.model import Summary
from scraper.net.detour import Detour
from scraper.run.control import Control
from scraper.run.events import Events
from scraper.run.kit import Options
from scraper.run.replayed import Replay
from scraper.run.runner import run
from scraper.server import Deadlines, Server
from scraper.server.faults import Faults, read_faults
from scraper.tape.site import LIMITS, tape_site
from scraper.tape.warc import Tape

if TYPE_CHECKING:
    from scraper.job.loaded import Loaded

TIMEOUT, TIMEOUT_WITH_FAULTS = 5.0, 2.0
"""Seconds that connecting and reading may take at most: the answer is on this machine."""
_CONNECTIONS = 4096
_RUN = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,99}")
_SHOWN = 100
"""Characters that a message shows of what a tape tells."""
_PATIENT = Deadlines(head=3600.0, body=3600.0, idle=3600.0, send=3600.0, linger=0.1)
"""It is we who ask: a connection that is kept must not end for any other reason than those on the tape."""


def replay(
    loaded: Loaded, tape: Path | Tape, *, dest: Path | None = None, faults: Sequence[Mapping[str, Any]] | Faults = (),
    time: datetime | None = None, limit: int | None = None, state: Path | None = None, fresh: bool = False,
    dry: bool = False, events: Events | None = None, control: Control | None = None,
    missing: list[str] | None = None,
) -> Summary:  # fmt: skip
    """A run of a job that is answered from a tape.

    Args:
        tape: a WARC; one that is open already stays open.
        dest, state, fresh, dry: as in Options.
        faults: what is spoilt on the way, as entries or as a layer (scraper.server.faults).
        time: stands still during the run; by default when the tape was recorded.
        limit: by default that of the recording; 0: none.
        missing: is filled with what was asked and is not on the tape, each told with what is nearest.

    Raises:
        TapeError: the file is no tape.
        UsageError: a fault that cannot be.
        JobError, BusyError, LedgerError: as runner.run.
    """
    with ExitStack() as stack:
        if isinstance(tape, Path):
            tape = stack.enter_context(Tape.open(tape))
        layer = _layer(faults)
        site = tape_site(tape, layer)
        server = stack.enter_context(
            Server(site, deadlines=_PATIENT, limits=LIMITS, max_connections=_CONNECTIONS, record=False)
        )
        now = time or date_of(tape)
        how = Replay(
            Detour("127.0.0.1", server.port), now, run_of(tape) or f"{now:%Y%m%dT%H%M%SZ}-tape",
            TIMEOUT_WITH_FAULTS if layer is not None else TIMEOUT, stand_ins="scraper-run" in tape.info,
        )  # fmt: skip
        options = Options(
            dest=dest, state=state, limit=limit_of(tape) if limit is None else limit or None, fresh=fresh, dry=dry,
            now=lambda: now, replay=how,
        )  # fmt: skip
        summary = run(loaded, options, events or Events(), control)
        if missing is not None:
            missing += dict.fromkeys(site.missing)
        return summary


def _layer(faults: Sequence[Mapping[str, Any]] | Faults) -> Faults | None:
    if isinstance(faults, Faults):
        return faults
    try:
        return read_faults(faults) if faults else None
    except ValueError as error:
        raise UsageError(str(error)) from error


def date_of(tape: Tape) -> datetime:
    """When a tape was recorded: the start of the run, else the first exchange.

    Raises:
        TapeError: its date is none.
    """
    told = tape.info.get("scraper-date")
    if told is None:
        return min((taken.when for taken in tape.takes), default=datetime.fromtimestamp(0, UTC))
    try:
        date = datetime.fromisoformat(told)
    except ValueError as error:
        raise TapeError(tape.path, f"its scraper-date is no date: {told!r}") from error
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)


def run_of(tape: Tape) -> str | None:
    """The id of the run that was recorded; None where it is not told. A folder will bear it.

    Raises:
        TapeError: it is no id, and may be a path.
    """
    told = tape.info.get("scraper-run")
    if told and not _RUN.fullmatch(told):
        raise TapeError(tape.path, f"its scraper-run is no id of a run: {told[:_SHOWN]!r}")
    return told


def variables_of(tape: Tape) -> dict[str, str]:
    """The variables of the recording, as `--var` takes them.

    Raises:
        TapeError: what stands there is no mapping.
    """
    given = _json(tape, "scraper-vars", {})
    if not isinstance(given, dict):
        raise TapeError(tape.path, "its scraper-vars is no mapping")
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in given.items()}


def limit_of(tape: Tape) -> int | None:
    """The `--limit` of the recording; None where it had none."""
    limit = _json(tape, "scraper-limit", None)
    return limit if isinstance(limit, int) and limit > 0 else None


def _json(tape: Tape, name: str, default: Any) -> Any:
    told = tape.info.get(name)
    try:
        return json.loads(told) if told else default
    except (ValueError, RecursionError) as error:
        raise TapeError(tape.path, f"its {name} is no JSON: {(told or '')[:_SHOWN]!r}") from error
