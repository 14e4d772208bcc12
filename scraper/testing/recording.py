"""Makes what tests are held to: a tape of a live run, and the golden file of its replay.

    record_job(path)  live run -> tapes/<job>.warc.gz -> its replay -> tapes/<job>.expect.json
    update            the golden file once more, from the tape that is there

What is kept is what the *replay* gives; where that differs from the live run, the tape does not hold everything, and
that is told.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from scraper.errors import Exit, ScraperError, TapeError
from scraper.files.refusals import refusal_told
from scraper.job.after import silent
from scraper.job.cases import TestCase, default_tape, golden_of
from scraper.job.load import load, settle_secrets
from scraper.model import Summary
from scraper.secrets import each_text
from scraper.testing import fields, golden
from scraper.testing.facts import Facts, facts_of
from scraper.testing.replays import Replays, StoppedError
from scraper.testing.wording import clean
from scraper.values import dataclass

if TYPE_CHECKING:
    from scraper.job.loaded import Loaded
    from scraper.run.control import Control
    from scraper.run.events import Events

ASPECTS = ("exit_code", "pages", "records", "files", "warnings")
"""Of a golden file."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was written.

    Attributes:
        tape, golden: the files; size: bytes of the tape.
        summary: of the live run.
        differences: where the replay gives something else than the live run gave.
        changes: where the replay gives something else than the golden file that stood there before.
        empty: fields that no record has, though records came; those that `changes` tells are left out.
    """

    tape: Path
    golden: Path
    size: int
    summary: Summary
    differences: tuple[str, ...]
    changes: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()


class NothingCameError(ScraperError):
    """Everything that a run asked for failed, and a tape of a better one stands there, which is left alone."""

    exit_code = Exit.FAILURES


def record_job(
    path: Path,
    *,
    limit: int | None = None,
    variables: Mapping[str, str] | None = None,
    overrides: Sequence[str] = (),
    events: Events | None = None,
    control: Control | None = None,
) -> Recorded:
    """Runs a job against its live source, into a temporary folder, and keeps what came as its tape.

    Args:
        path: of the job file; the tape and the golden file go to `tapes/` beside it.
        limit: so many items (files, where there are none), as `--limit`; the tape remembers it.
        variables: as `--var`; the tape remembers them, values and all.
        overrides: as `-o`, for this run alone: a replay is that of the job as its file says.

    Raises:
        JobError: the job is wrong, or a secret is not set.
        TapeError, DiskError: the tape or the golden file cannot be written.
        StoppedError: a signal came; no tape was written.
        BusyError: the job is being recorded already.
        NothingCameError: no page was read and no file saved; the tape that stood there is left as it is.
    """
    from scraper.run.control import Control as Stop
    from scraper.run.events import Events as Silent
    from scraper.tape.veil import Veil

    control = control or Stop()
    loaded = load(path, variables=variables, overrides=overrides)
    loaded = replace(loaded, job=silent(loaded.job))
    name = default_tape(loaded.job.name)
    tape, beside = path.parent / name, path.parent / golden_of(name)
    new = tape.with_name(f".new-{tape.name}")
    live = _live(loaded, new, limit, dict(variables or {}), events or Silent(), control)
    try:
        if tape.is_file() and _is_nothing(live.summary):
            raise NothingCameError(_nothing_came(live, path, tape))
        with refusal_told(tape):
            new.replace(tape)
    finally:
        new.unlink(missing_ok=True)
    before = _before(beside)
    replayed = Replays(control).of(path, TestCase(), tape)
    changes = () if before is None else _differs(replayed, before)
    empty = [line for line in map(clean, fields.never_filled(replayed)) if not any(line in each for each in changes)]
    golden.write(beside, golden.golden_of(replayed))
    lived = each_text(golden.golden_of(live), Veil(settle_secrets(loaded)).text)
    size, differences = tape.stat().st_size, _differs(replayed, lived, named=False)
    return Recorded(tape, beside, size, live.summary, differences, changes, tuple(empty))


def _live(
    loaded: Loaded, tape: Path, limit: int | None, variables: dict[str, str], events: Events, control: Control
) -> Facts:
    """What the live run gave, whose tape has its name then."""
    from scraper.run.control import Control as Stop
    from scraper.run.record import record

    with tempfile.TemporaryDirectory(prefix="scraper-record-") as folder:
        summary = record(
            loaded, tape, dest=Path(folder), limit=limit, variables=variables, events=events, control=Stop(control)
        )
        if control.stop_code is not None or summary.exit_code == Exit.LIMIT:
            tape.unlink(missing_ok=True)
            raise StoppedError(control.stop_code or Exit.LIMIT)
        return facts_of(loaded, Path(folder), summary)


def _nothing_came(facts: Facts, path: Path, tape: Path) -> str:
    """The sentence that says so, with what failed first."""
    why, url = next(((f" ({one.url}: {one.message})", one.url) for one in facts.failures), ("", "URL"))
    return clean(f"nothing came{why}, so {tape} stays as it was; try: scraper probe {url} --job {path}")


def _is_nothing(summary: Summary) -> bool:
    """Whether everything that was asked for failed."""
    return not (summary.pages.ok or summary.files.saved) and bool(summary.pages.failed or summary.files.failed)


def _before(path: Path) -> golden.Golden | None:
    """The golden file that is to be replaced; None where there is none, or none that can be read."""
    try:
        return golden.read(path)
    except TapeError:
        return None


def _differs(facts: Facts, expected: golden.Golden, *, named: bool = True) -> tuple[str, ...]:
    """All that differs; `named`: each with the aspect it is of."""
    lines = ((aspect, clean(line)) for aspect in ASPECTS for line in golden.differs(facts, aspect, expected))
    return tuple(f"{aspect}: {line}" if named else line for aspect, line in lines)
