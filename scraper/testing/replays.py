"""Replays of a job's tapes, each done once: cases with the same tape, vars, time, limit and faults share one.

    Replays().of(path, case) -> Facts

A replay works below a temporary folder, with the job as its file says and the variables that the tape was recorded
with; no command of it is called, nobody is notified.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from os.path import isfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scraper.errors import Exit, ScraperError, TapeError
from scraper.job.cases import TestCase, default_tape
from scraper.job.load import load
from scraper.testing.facts import Facts, facts_of

if TYPE_CHECKING:
    from scraper.job.loaded import Loaded
    from scraper.run.control import Control


class StoppedError(ScraperError):
    """A signal ended it; `exit_code` is that of the signal."""

    def __init__(self, code: int) -> None:
        super().__init__("stopped")
        self.exit_code = Exit(code)


class Replays:
    """Runs tapes, and keeps what came of them.

    Args:
        control: by it whatever replay is going on is stopped.
    """

    def __init__(self, control: Control | None = None) -> None:
        self._control = control
        self._known: dict[str, Facts] = {}

    def of(self, path: Path, case: TestCase, tape: Path) -> Facts:
        """What a tape gives under the settings of a case.

        Args:
            path: of the job file.

        Raises:
            JobError: the job is wrong.
            TapeError: the tape is missing, or no WARC.
            StoppedError: a signal came.
        """
        settings = [str(path), str(tape), case.vars, case.time, case.limit, [each.given() for each in case.faults]]
        key = json.dumps(settings, sort_keys=True, default=str)
        if key not in self._known:
            self._known[key] = self._replayed(path, case, tape)
        return self._known[key]

    def _replayed(self, path: Path, case: TestCase, tape_path: Path) -> Facts:
        from scraper.run.control import Control
        from scraper.run.replay import replay, variables_of
        from scraper.server.faults import read_faults
        from scraper.tape.warc import Tape

        if not isfile(tape_path):
            raise TapeError(tape_path, f"there is no such tape; record it: scraper record {path}")
        with Tape.open(tape_path) as tape, tempfile.TemporaryDirectory(prefix="scraper-test-") as folder:
            given = {name: text_of(value) for name, value in case.vars.items()}
            loaded = load(path, variables=given, recorded=variables_of(tape), secrets=False)
            faults = [each.given() for each in case.faults]
            layer = read_faults(faults)
            summary = replay(
                loaded, tape, dest=Path(folder), faults=layer if faults else (), time=case.moment, limit=case.limit,
                control=Control(self._control),
            )  # fmt: skip
            if self._control is not None and self._control.stop_code is not None:
                raise StoppedError(self._control.stop_code)
            return replace(facts_of(loaded, Path(folder), summary), idle=tuple(faults[at] for at in layer.idle()))


def tape_of(path: Path, job: Loaded, case: TestCase) -> Path:
    """Where the tape of a case lies."""
    return path.parent / (case.tape or default_tape(job.job.name))


def text_of(value: Any) -> str:
    """A value as `--var` takes it."""
    return value if isinstance(value, str) else json.dumps(value)
