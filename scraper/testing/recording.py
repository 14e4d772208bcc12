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

from scraper.errors import Exit
from scraper.job.cases import TestCase, default_tape, golden_of
from scraper.job.load import load
from scraper.model import Summary
from scraper.testing import golden
from scraper.testing.facts import facts_of
from scraper.testing.replays import Replays, StoppedError
from scraper.testing.wording import clean
from scraper.values import dataclass

if TYPE_CHECKING:
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
    """

    tape: Path
    golden: Path
    size: int
    summary: Summary
    differences: tuple[str, ...]


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
    """
    from scraper.run.control import Control as Stop
    from scraper.run.events import Events as Silent
    from scraper.run.record import record

    control = control or Stop()
    loaded = load(path, variables=variables, overrides=overrides)
    loaded = replace(loaded, job=loaded.job.model_copy(update={"on_finish": ()}))
    name = default_tape(loaded.job.name)
    tape, beside = path.parent / name, path.parent / golden_of(name)
    with tempfile.TemporaryDirectory(prefix="scraper-record-") as folder:
        summary = record(
            loaded, tape, dest=Path(folder), limit=limit, variables=dict(variables or {}),
            events=events or Silent(), control=Stop(control),
        )  # fmt: skip
        if control.stop_code is not None or summary.exit_code == Exit.LIMIT:
            raise StoppedError(control.stop_code or Exit.LIMIT)
        live = golden.golden_of(facts_of(loaded, Path(folder), summary))
    replayed = Replays(control).of(path, TestCase(), tape)
    differences = [clean(line) for aspect in ASPECTS for line in golden.differs(replayed, aspect, live)]
    golden.write(beside, golden.golden_of(replayed))
    return Recorded(tape, beside, tape.stat().st_size, summary, tuple(differences))
