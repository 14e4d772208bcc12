"""Runs a job inside a test and reads what came of it: what the fixture `scraper_job` gives.

    given (path, text, mapping) -> job.load -> a run, or a replay where there is a tape -> JobResult

Nothing beyond this machine is reached, proxies of the environment are not asked; no command of the job is called,
and nobody is notified.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from scraper.errors import JobError, TapeError, UsageError
from scraper.job.after import silent
from scraper.job.load import from_data, load
from scraper.job.loaded import Loaded
from scraper.model import Summary
from scraper.run.events import Events
from scraper.run.kit import Options, own_names
from scraper.run.replay import replay, variables_of
from scraper.run.runner import run
from scraper.tape.warc import Tape
from scraper.testing.facts import Facts, facts_of
from scraper.testing.loopback import BlockedError, only_loopback
from scraper.testing.replays import text_of

Job = str | Path | Mapping[str, Any]
"""A path, a YAML text of several lines, or a mapping."""
_PROXIES = tuple(f"{scheme}_proxy" for scheme in ("http", "https", "all", "no"))


@dataclass(frozen=True)
class JobResult:
    """A run that ended, as a test looks at it.

    Attributes:
        summary: what `scraper run --json` prints, as an object: `summary.files.saved`, `summary.failures`.
        dest: the output folder.
    """

    summary: Summary
    dest: Path
    loaded: Loaded

    @property
    def exit_code(self) -> int:
        """As of `scraper run`: 0 where nothing failed."""
        return int(self.summary.exit_code)

    @property
    def records(self) -> list[dict[str, Any]]:
        """The records in their order, each with its fields and `_key`, `_rule`, `_url`, `_files`, whatever the form
        of the records file is."""
        return [dict(record) for record in self._facts.records]

    @cached_property
    def files(self) -> dict[str, bytes]:
        """What stands in the output folder: path below it -> bytes; without records, archive and ledger."""
        found = (path for path in sorted(self.dest.rglob("*")) if path.is_file())
        paths = {path.relative_to(self.dest).as_posix(): path for path in found}
        ours = own_names(self.loaded.job)
        return {
            name: path.read_bytes()
            for name, path in paths.items()
            if name not in ours and not name.startswith(".scraper/")
        }

    @property
    def endings(self) -> dict[str, str]:
        """URL of each page and file of the run -> how it ended: `ok`, `saved`, `failed:http:404`, ..."""
        pages = {one.url: one.ending for one in self._facts.pages}
        return pages | {one.url: one.ending for one in self._facts.files}

    @property
    def warnings(self) -> list[str]:
        """What the run warned of, sorted."""
        return list(self._facts.warnings)

    @cached_property
    def _facts(self) -> Facts:
        return facts_of(self.loaded, self.dest, self.summary)


class JobRunner:
    """Runs jobs below one folder.

    Args:
        folder: where jobs that are no file stand, and below which `output` is.
        beside: the folders in which a relative path of a job or tape is looked for, in order.
    """

    def __init__(self, folder: Path, beside: Sequence[Path]) -> None:
        self._folder = folder
        self._beside = beside

    def __call__(
        self,
        job: Job,
        *,
        vars: Mapping[str, Any] | None = None,  # noqa: A002 - the job's own word
        tape: str | Path | None = None,
        faults: Iterable[Mapping[str, Any]] = (),
        time: datetime | None = None,
        limit: int | None = None,
        overrides: Sequence[str] = (),
        dest: str | Path | None = None,
    ) -> JobResult:
        """Runs a job to its end.

        Args:
            job: the path of a job file (relative: to the file of the test, or to the root of the tests), a YAML text
                (what has more than one line), or a mapping. Relative paths in a text or mapping are to `tmp_path`.
            vars: over the job's own, as `--var`.
            tape: a WARC file that answers every request; without one the job reaches this machine alone.
            faults: what goes wrong while a tape is replayed, as in `tests:`.
            time: the time at which a replay takes place; default: that of the tape.
            limit: as `--limit`.
            overrides: as `-o`: `["files.transport=requests"]`.
            dest: the output folder, below `tmp_path`; default `output/<name of the job>`. A second run of the same job
                in a test finds what the first one left, as runs do.

        Raises:
            JobError: mistakes of the job, each with line and column.
            UsageError: `faults` or `time` without a tape.
            TapeError: the tape cannot be read.
        """
        __tracebackhide__ = True
        given = {name: text_of(value) for name, value in (vars or {}).items()}
        spoiled = [*faults]
        if tape is None and (spoiled or time is not None):
            cure = "without a tape scraper_server.faults([...]) spoils answers, and the clock is the real one"
            raise UsageError(f"faults and time are those of a replay: {cure}")

        def play() -> JobResult:
            if tape is None:
                loaded = self._loaded(job, given, overrides)
                folder = self._dest(loaded, dest)
                return JobResult(run(loaded, Options(dest=folder, limit=limit), Events()), folder, loaded)
            with Tape.open(self._found(tape)) as opened:
                loaded = self._loaded(job, given, overrides, recorded=variables_of(opened))
                folder = self._dest(loaded, dest)
                summary = replay(loaded, opened, dest=folder, faults=spoiled, time=time, limit=limit)
                return JobResult(summary, folder, loaded)

        return _played(play)

    def _loaded(
        self, job: Job, given: Mapping[str, str], overrides: Sequence[str], recorded: Mapping[str, str] | None = None
    ) -> Loaded:
        """The job with its variables, and without its commands."""
        settings: dict[str, Any] = {"variables": given, "overrides": overrides, "recorded": recorded}
        if isinstance(job, Mapping):
            loaded = from_data(dict(job), file="<job>", folder=self._folder, **settings)
        else:
            loaded = load(self._written(job), **settings)
        return replace(loaded, job=silent(loaded.job))

    def _written(self, job: str | Path) -> Path:
        """The file of a job, which is written where there is only its text."""
        if isinstance(job, Path) or "\n" not in job:
            return self._found(job)
        path = self._folder / "job.yaml"
        path.write_text(job, "utf-8")
        return path

    def _found(self, path: str | Path) -> Path:
        """A path as it is, or in the first folder that has it."""
        return next((folder / path for folder in self._beside if (folder / path).exists()), Path(path))

    def _dest(self, loaded: Loaded, dest: str | Path | None) -> Path:
        return self._folder / (dest or Path("output", loaded.job.name))


def _played(play: Callable[[], JobResult]) -> JobResult:
    """Runs it with nothing but this machine in reach; what reaches further fails the test."""
    __tracebackhide__ = True
    try:
        with only_loopback(), pytest.MonkeyPatch.context() as patch:
            for name in _PROXIES:
                patch.delenv(name, raising=False)
                patch.delenv(name.upper(), raising=False)
            return play()
    except BlockedError as error:
        told = str(error)
    except (JobError, TapeError) as error:
        raise error.with_traceback(None) from None  # it says all; where we found it out is nothing to the test's author
    pytest.fail(told, pytrace=False)
