"""Job files as pytest sees them: a file, its cases, and of each case the aspects, which are the items.

A case is replayed once, by the first of its items that runs; the others look at the same result. In several
processes (xdist) each process replays what it was given items of; `--dist loadscope` keeps a case in one of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from os.path import isfile
from pathlib import Path
from typing import Any

import pytest

from scraper.errors import JobError, ScraperError
from scraper.job.cases import TestCase
from scraper.job.load import load
from scraper.testing import cases
from scraper.testing.cases import Case, Replays, Result
from scraper.testing.loopback import BlockedError, only_loopback
from scraper.testing.replays import tape_of

WRITTEN = pytest.StashKey[list[str]]()
"""What `--scraper-record` and `--scraper-update` wrote, a line each."""


class JobFile(pytest.File):
    """A job file with tests.

    Attributes:
        replays: those of its cases, each done once.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.replays = Replays()
        self._recorded: list[str] | ScraperError | None = None

    def collect(self) -> Iterator[CaseNode]:
        """Its cases.

        Raises:
            CollectError: the mistakes of the job, each with line, column and cure; a job that was named has no tests.
        """
        try:
            found = cases.load_cases(self.path)
        except JobError as error:
            raise self.CollectError(shown(self.config, str(error))) from error
        if not found and self.session.isinitpath(self.path):
            name = shown(self.config, str(self.path))
            raise self.CollectError(f"{name} has no `tests:` and no tape; scraper record {name} makes one")
        for case in found:
            yield CaseNode.from_parent(self, name=case.name, case=case)

    def record(self, case: Case) -> list[str]:
        """Records the job, once for all its cases, with the variables and the limit of the tape that is there.

        Returns:
            What was written, and what is to be told of it.

        Raises:
            ScraperError: it could not be recorded.
        """
        if self._recorded is None:
            try:
                self._recorded = self._record()
            except ScraperError as error:
                self._recorded = error
        if isinstance(self._recorded, ScraperError):
            raise self._recorded
        own = self._tape()
        if case.tape == own:
            return self._recorded
        return [*self._recorded, f"left {case.tape} as it is: a recording of {self.path} goes to {own}"]

    def _record(self) -> list[str]:
        variables, limit = _of_recording(self._tape(), self.path)
        found = cases.record_job(self.path, variables=variables, limit=limit)
        told = [f"wrote {found.tape} ({found.size} bytes)", f"wrote {found.golden}"]
        if found.summary.exit_code:
            told.append(f"the run that was recorded ended with exit code {int(found.summary.exit_code)}")
        told += [f"the replay differs from the run that was recorded: {each}" for each in found.differences]
        told += [f"empty everywhere: {each}" for each in found.empty]
        return told + [f"not as {found.golden} had it before: {each}" for each in found.changes]

    def _tape(self) -> Path:
        return tape_of(self.path, load(self.path), TestCase())


class CaseNode(pytest.Collector):
    """A case; it keeps what its replay came to."""

    def __init__(self, *, case: Case, **options: Any) -> None:
        super().__init__(**options)
        self.case = case
        self._came_to: Result | ScraperError | BlockedError | None = None

    def collect(self) -> Iterator[Aspect]:
        """What it is judged by."""
        for aspect in self.case.aspects:
            yield Aspect.from_parent(self, name=aspect)

    @property
    def file(self) -> JobFile:
        """The job file."""
        assert isinstance(self.parent, JobFile), "cases stand in job files"
        return self.parent

    def failed_with(self, error: ScraperError) -> None:
        """It could not be recorded, and is not replayed."""
        self._came_to = error

    def result(self) -> Result:
        """What its one replay came to.

        Raises:
            ScraperError: the job or the tape is wrong, or could not be written.
            BlockedError: it reached for something beyond this machine.
        """
        if self._came_to is None:
            try:
                with only_loopback():
                    self._came_to = cases.run_case(self.case, replays=self.file.replays)
            except (ScraperError, BlockedError) as error:
                self._came_to = error
        if isinstance(self._came_to, Result):
            return self._came_to
        raise self._came_to


class Aspect(pytest.Item):
    """One aspect of a case."""

    parent: CaseNode

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.add_marker("scraper")
        if self.config.pluginmanager.hasplugin("xdist"):
            self.add_marker(pytest.mark.xdist_group(self.parent.nodeid))

    def runtest(self) -> None:
        """Fails with what differs, and nothing of how it was found out."""
        try:
            result = self.parent.result()
        except (ScraperError, BlockedError) as error:
            told = shown(self.config, str(error))
        else:
            told = "\n".join(mismatch.text for mismatch in result.of(self.name))
            if self.name == result.case.aspects[-1]:
                for note in result.notes:
                    self.warn(pytest.PytestWarning(note))
        if told:
            pytest.fail(told, pytrace=False)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the case stands."""
        return self.path, self.parent.case.line - 1, f"{self.parent.name}::{self.name}"


def write_anew(session: pytest.Session, *, record: bool) -> None:
    """Records the jobs of the chosen cases, or rewrites the golden files of these; a failure is that of its case.

    Sockets are free meanwhile.
    """
    nodes = dict.fromkeys(item.parent for item in session.items if isinstance(item, Aspect))
    written = session.config.stash.setdefault(WRITTEN, [])
    for node in nodes:
        try:
            lines = node.file.record(node.case) if record else _updated(node)
        except ScraperError as error:
            node.failed_with(error)
        else:
            written += [line for line in (shown(session.config, line) for line in lines) if line not in written]


def _updated(node: CaseNode) -> list[str]:
    path = cases.update(node.case, replays=node.file.replays)
    return [] if path is None else [f"wrote {path}"]


def _of_recording(tape: Path, path: Path) -> tuple[dict[str, str], int | None]:
    """The variables and the limit that a tape was recorded with, so that another one is of the same."""
    if not isfile(tape):
        return {}, None
    from scraper.run.replay import limit_of, variables_of
    from scraper.tape.warc import Tape

    with Tape.open(tape) as opened:
        return variables_of(opened), limit_of(opened)


def shown(config: pytest.Config, text: str) -> str:
    """Paths below the folder that pytest was called in as they look from there."""
    return text.replace(f"{config.invocation_params.dir}{os.sep}", "")
