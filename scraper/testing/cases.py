"""The cases of a job: what `tests:` says, or the golden pair beside the job file, and what a replay makes of them.

    cases = load_cases(Path("jobs/books.yaml"))      no run, no tape opened
    result = run_case(cases[0])                      one replay; every aspect of the case is judged by it
    result.of("records")                             what differs there; nothing: it is met

A case has *aspects*, the parts of what it expects; each is judged for itself, so that what broke is what fails.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import field
from os.path import isfile  # which takes what cannot be looked at for none
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scraper.job.cases import TestCase, by_name, default_tape, golden_of
from scraper.job.load import load
from scraper.testing import golden, judge
from scraper.testing.recording import ASPECTS as GOLDEN_ASPECTS
from scraper.testing.recording import Recorded, record_job
from scraper.testing.replays import Replays, StoppedError, tape_of
from scraper.testing.wording import clean, shown
from scraper.values import dataclass

if TYPE_CHECKING:
    from scraper.job.loaded import Loaded
    from scraper.testing.facts import Facts

__all__ = [
    "ASPECTS", "FAULT_ASPECTS", "GOLDEN_ASPECTS", "Case", "Mismatch", "Recorded", "Replays", "Result", "StoppedError",
    "load_cases", "record_job", "run_case", "update",
]  # fmt: skip

ASPECTS = tuple(judge.JUDGES)
"""What a case with `expect` can have, in the order in which it is told. Without it: GOLDEN_ASPECTS."""
FAULT_ASPECTS = ("records", "files", "endings")
"""Those of a case with faults alone, which is held to what the tape gives without them."""
GOLDEN = "tape"
"""The name of the one case of a job that has no `tests:` but a tape and a golden file."""


@dataclass(frozen=True, slots=True)
class Case:
    """One case of a job file.

    Attributes:
        path: of the job file; name: of the case.
        aspects: what it is judged by, in order.
        tape: the file it is replayed from; golden: the file it is held to, None where it is not.
        line: where it stands in the job file, from 1; 1 for the golden pair alone.
        given: the case as the job has it.
    """

    path: Path
    name: str
    aspects: tuple[str, ...]
    tape: Path
    golden: Path | None = None
    line: int = 1
    given: TestCase = field(default_factory=TestCase, repr=False, compare=False)

    @property
    def id(self) -> str:
        """As it is called in a list: `jobs/books.yaml::prices`."""
        return f"{self.path}::{self.name}"


@dataclass(frozen=True, slots=True)
class Mismatch:
    """What of an aspect is not met: a text of one line or several, with no control character but the line's end."""

    aspect: str
    text: str


@dataclass(frozen=True, slots=True)
class Result:
    """What a replay made of a case.

    Attributes:
        mismatches: what is not met, in the order of the aspects; warnings: what the run warned of.
        seconds: it took; next to nothing where the replay was done for another case.
        notes: what is no mismatch and should be known: faults that struck nothing.
    """

    case: Case
    mismatches: tuple[Mismatch, ...]
    warnings: tuple[str, ...]
    seconds: float
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the case is met."""
        return not self.mismatches

    def of(self, aspect: str) -> tuple[Mismatch, ...]:
        """What is not met of one aspect."""
        return tuple(each for each in self.mismatches if each.aspect == aspect)


def load_cases(path: Path) -> list[Case]:
    """The cases of a job file: of `tests:`, or the golden pair beside it as the one case `tape`; else none.

    Raises:
        JobError: with every mistake of the file.
    """
    loaded = load(path, secrets=False)
    tests = by_name(loaded.job.tests)
    if tests:
        return [_case(path, loaded, name, given, at) for at, (name, given) in enumerate(tests.items())]
    name = default_tape(loaded.job.name)
    if isfile(path.parent / name) and isfile(path.parent / golden_of(name)):
        return [_case(path, loaded, GOLDEN, TestCase(), None)]
    return []


def _case(path: Path, loaded: Loaded, name: str, given: TestCase, at: int | None) -> Case:
    tape = tape_of(path, loaded, given)
    line = 1
    if at is not None:
        key = at if isinstance(loaded.job.tests, tuple) else name
        line = loaded.places.spot(("tests", key), on_key=True).line
    if given.expect is not None:
        return Case(path, name, given.expect.aspects, tape, None, line, given)
    if given.faults:
        return Case(path, name, FAULT_ASPECTS, tape, None, line, given)
    return Case(path, name, GOLDEN_ASPECTS, tape, Path(golden_of(str(tape))), line, given)


def run_case(case: Case, *, tape: Path | None = None, replays: Replays | None = None) -> Result:
    """Replays a case in a temporary folder, with no network, and judges it.

    Args:
        tape: another one than the case names.
        replays: keeps replays, so that cases which differ only in what they expect share one.

    Raises:
        JobError: the job file has changed and is wrong now.
        TapeError: the tape or the golden file is missing, or none.
        StoppedError: a signal came.
    """
    began, replays = time.monotonic(), replays or Replays()
    expected = None if case.golden is None else golden.read(case.golden)
    facts = replays.of(case.path, case.given, tape or case.tape)
    if case.given.expect is None and case.given.faults:
        calm = replays.of(case.path, case.given.model_copy(update={"faults": ()}), tape or case.tape)
        expected = golden.golden_of(calm)
    found = tuple(
        Mismatch(aspect, clean(text)) for aspect in case.aspects for text in _judged(facts, aspect, case, expected)
    )
    notes = tuple(clean(_idle(one)) for one in facts.idle)
    return Result(case, found, facts.warnings, time.monotonic() - began, notes)


def _idle(fault: Mapping[str, Any]) -> str:
    return f"the fault {shown(fault)} struck no request; check its url, host and after"


def _judged(facts: Facts, aspect: str, case: Case, expected: golden.Golden | None) -> Iterator[str]:
    if case.given.expect is not None:
        yield from judge.judged(facts, aspect, case.given.expect)
    else:
        assert expected is not None, "a case without expect is held to something else"
        yield from golden.differs(facts, aspect, expected)


def update(case: Case, *, replays: Replays | None = None) -> Path | None:
    """Writes the golden file of a case anew, from its tape; its path where anything changed.

    What a case expects by `expect` stands in the job file, and is left to who wrote it.

    Raises:
        JobError, TapeError, StoppedError: as for `run_case`. DiskError: it cannot be written.
    """
    if case.golden is None:
        return None
    facts = (replays or Replays()).of(case.path, case.given, case.tape)
    return case.golden if golden.write(case.golden, golden.golden_of(facts)) else None
