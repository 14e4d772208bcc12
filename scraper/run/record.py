"""Runs a job and puts down on a tape what it exchanges, for offline tests (`scraper record`).

loaded = load(job, variables=given)
summary = record(loaded, Path("tapes/books.warc.gz"), dest=folder, variables=given)
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from scraper.model import Summary
from scraper.run.control import Control
from scraper.run.events import Events
from scraper.run.kit import Options
from scraper.run.runner import run

if TYPE_CHECKING:
    from scraper.job.loaded import Loaded


def record(
    loaded: Loaded, tape: Path, *, dest: Path, limit: int | None = None, variables: Mapping[str, str] | None = None,
    events: Events | None = None, control: Control | None = None,
) -> Summary:  # fmt: skip
    """A run of a job whose exchanges are put down on a tape.

    Args:
        tape: gets its name when the run has ended, whatever of it failed, and not where it was stopped; a name that
            ends in .gz is compressed. Its folder is made.
        dest: of the run, empty: where an earlier run left its ledger, this one knows it (`last_run`, `until: seen`).
        limit: as `--limit`.
        variables: those that the job was loaded with (`--var`), which the tape tells.

    Raises:
        JobError, BusyError, LedgerError: as runner.run. DiskError: the tape cannot be written.
    """
    options = Options(dest=dest, limit=limit, fresh=True, tape_to=tape, tape_vars=dict(variables or {}))
    return run(loaded, options, events or Events(), control)
