"""The tape of a run: one that is asked for (`Options.tape_to`), or the job's own `archive:`.

A tape that is asked for holds what a run from scratch exchanges: every file as one whole (no segments, no crew), every
page unconditionally, whatever stands in dest. It is written beside its goal and takes its name when the run has ended;
one that was stopped, by a signal or a full disk, leaves what stood there. An archive is appended to as the run goes,
and changes nothing in how the run asks, but that one process does it: pages are asked for under a condition, large
files by segments.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scraper.errors import Exit, TapeError
from scraper.files.refusals import refusal_told
from scraper.net.outgoing import Outgoing
from scraper.run.kit import Options
from scraper.state import plans
from scraper.state.db import Database
from scraper.state.runs import Run

if TYPE_CHECKING:
    from scraper.job.model import Job
    from scraper.tape.recorder import Recorder

_SCRATCH = "tape"
_STOPPED = frozenset({Exit.SIGINT, Exit.SIGTERM, Exit.LIMIT})


def job_for(job: Any, options: Options) -> Any:
    """The job as it runs while a tape is asked for: what stands in dest, and segments, would be missing on it."""
    if options.tape_to is None:
        return job
    return job.model_copy(update={"files": job.files.model_copy(update={"segments": 1, "existing": "overwrite"})})


class Taping:
    """What is put down of a run, if anything is.

    Args:
        root: dest; state: the folder of the ledger.
        failed: is told what goes wrong with the tape.
        db: the ledger, which knows the names of files.

    Raises:
        BusyError: another run writes it.
        TapeError: what stands under its name is no WARC, or a file of an earlier run, or lies behind a symbolic link.
        DiskError: the disk refuses.
    """

    def __init__(
        self, job: Job, run: Run, options: Options, root: Path, state: Path, outgoing: Outgoing,
        known: Mapping[str, str], failed: Callable[[BaseException], None], db: Database,
    ) -> None:  # fmt: skip
        self._recorder: Recorder | None = None
        self._held: int | None = None
        self._goal = options.tape_to
        if options.dry or options.replay is not None or (self._goal is None and job.archive is None):
            return
        from scraper.tape.recorder import Recorder
        from scraper.tape.warc import TapeWriter

        self._path = _archive(root, job.archive or "", db) if self._goal is None else _beside(self._goal)
        with refusal_told(self._path):
            writer = TapeWriter(self._path, _info(job, run, options), anew=self._goal is not None)
        try:
            self._recorder = Recorder(writer, outgoing, known, state / _SCRATCH, failed, options.now)
        except BaseException:
            if self._goal is not None:
                self._path.unlink(missing_ok=True)
            writer.close()
            raise
        outgoing.tap, self._held = self._recorder, writer.hold()  # until it has its name

    def __enter__(self) -> Taping:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        if self._recorder is not None and self._goal is not None:
            self._path.unlink(missing_ok=True)
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def close(self) -> None:
        """No more is put down; what was is on the tape. May be called again."""
        if self._recorder is not None:
            self._recorder.close()

    def keep(self, exit_code: int) -> None:
        """A tape that was asked for takes its name, unless the run was stopped.

        Raises:
            DiskError: the disk refuses.
        """
        if self._recorder is not None and self._goal is not None and exit_code not in _STOPPED:
            with refusal_told(self._goal):
                self._path.replace(self._goal)


def _info(job: Job, run: Run, options: Options) -> dict[str, str]:
    """What a tape tells of the run; what a replay goes by."""
    info = {"scraper-job": job.name, "scraper-run": run.id, "scraper-date": run.date.isoformat()}
    if options.tape_vars:
        info["scraper-vars"] = json.dumps(dict(options.tape_vars))
    return info if options.limit is None else {**info, "scraper-limit": str(options.limit)}


def _beside(goal: Path) -> Path:
    """Where a tape is written before it has its name; by the end of that it is known whether it is compressed."""
    with refusal_told(goal):
        goal.parent.mkdir(parents=True, exist_ok=True)
    return goal.with_name(f".part-{goal.name}")


def _archive(root: Path, name: str, db: Database) -> Path:
    """Where the archive lies, its folder made; no symbolic link is written through (DESIGN 4.7)."""
    if plans.bearers(db, [name]):
        raise TapeError(root / name, "an earlier run saved a file under this name; call the archive otherwise")
    folder = root
    for each in name.split("/")[:-1]:
        folder /= each
        with refusal_told(folder):
            folder.mkdir(exist_ok=True)
            if not stat.S_ISDIR(folder.lstat().st_mode):
                raise TapeError(root / name, f"{folder} is a symbolic link, and none is written through")
    return root / name
