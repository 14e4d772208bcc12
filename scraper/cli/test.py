"""`scraper test`: the cases of job files, replayed from their tapes with no network.

With `--json` one object: `{"met", "unmet", "invalid", "cases": [{"id", "ok", "seconds", "mismatches": [{"aspect",
"text"}], "warnings", "notes"}]}`; a case whose job or tape is wrong has `"error"` instead of what it came to.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scraper import errors
from scraper.cli.examples import examples

if TYPE_CHECKING:
    from scraper.testing.cases import Case, Replays, Result

__test__ = False


@click.command(short_help="replay jobs from their tapes, offline", epilog=examples("test"))
@click.argument("jobs", nargs=-1, required=True, metavar="JOB...", type=click.Path(path_type=Path))
@click.option("-k", "pattern", metavar="PATTERN", help="Only cases whose name (as `job.yaml::case`) has this in it.")
@click.option("--update", is_flag=True, help="Rewrite the golden files (*.expect.json) from the tapes first.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
def test(jobs: tuple[Path, ...], pattern: str | None, update: bool, as_json: bool) -> int:
    """Replays each JOB from its tape and tells which field, file or name is not what `tests:` says. No network.

    A job without `tests:` is held to tapes/NAME.expect.json, which `scraper record` wrote. Exit 0: all cases are met;
    7: one is not; 3: a job or a tape is invalid.
    """
    from scraper.cli.run import _signals
    from scraper.run.control import Control
    from scraper.testing.cases import Replays

    control, told = Control(), _Told(as_json)
    with _signals(control, lambda text: click.echo(text, err=True)):
        replays = Replays(control)
        cases = [case for job in jobs for case in told.cases(job) if _is_meant(case, pattern)]
        if not cases and not told.invalid:
            raise errors.UsageError(_none(jobs, pattern))
        for case in cases:
            told.case(case, lambda case=case: _result(case, replays, update, told.note))  # type: ignore[misc]
    return told.end()


def _result(case: Case, replays: Replays, update: bool, note: Callable[[str], None]) -> Result:
    from scraper.testing import cases

    if update and (written := cases.update(case, replays=replays)) is not None:
        note(f"wrote {written}")
    return cases.run_case(case, replays=replays)


def _is_meant(case: Case, pattern: str | None) -> bool:
    if pattern is None:
        return True
    return pattern.lower() in case.id.lower() or fnmatchcase(case.id, pattern) or fnmatchcase(case.name, pattern)


def _none(jobs: Iterable[Path], pattern: str | None) -> str:
    if pattern is not None:
        return f"no case has {pattern} in its name"
    first = next(iter(jobs))
    return f"{first} has no `tests:` and no tape; begin with: scraper record {first}"


class _Told:
    """What is told of the cases, a line each, and what differs below it.

    Attributes:
        invalid: how many jobs and tapes could not be used.
    """

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._told: list[dict[str, Any]] = []
        self._met = self._unmet = 0
        self._next: dict[str, None] = {}
        self.invalid = 0

    def cases(self, job: Path) -> list[Case]:
        """The cases of a job; its mistakes are told."""
        from scraper.testing.cases import load_cases

        try:
            return load_cases(job)
        except errors.JobError as error:
            self._wrong(str(job), error)
            return []

    def note(self, text: str) -> None:
        """Something beside the results."""
        click.echo(text, err=True)

    def case(self, case: Case, run: Callable[[], Result]) -> None:
        """Runs a case and tells it."""
        from scraper.testing.cases import StoppedError

        try:
            result = run()
        except StoppedError:
            raise
        except errors.ScraperError as error:
            self._wrong(case.id, error)
        else:
            self._result(result)

    def _wrong(self, name: str, error: errors.ScraperError) -> None:
        if error.exit_code != errors.Exit.JOB:
            raise error
        self.invalid += 1
        self._told.append({"id": name, "ok": False, "error": str(error)})
        if not self._as_json:
            self._mark("ERROR", name, "red")
            click.echo(_below(str(error)))

    def _result(self, result: Result) -> None:
        self._met += result.ok
        self._unmet += not result.ok
        if not result.ok and result.case.golden is not None:
            self._next[str(result.case.path)] = None
        found = [{"aspect": one.aspect, "text": one.text} for one in result.mismatches]
        self._told.append({
            "id": result.case.id, "ok": result.ok, "seconds": round(result.seconds, 3), "mismatches": found,
            "warnings": list(result.warnings), "notes": list(result.notes),
        })  # fmt: skip
        if self._as_json:
            return
        mark, colour = ("ok", "green") if result.ok else ("FAIL", "red")
        self._mark(mark, f"{result.case.id} ({result.seconds:.1f} s)", colour)
        for mismatch in result.mismatches:
            click.echo(_below(f"{mismatch.aspect}: {mismatch.text}"))
        for note in result.notes:
            click.echo(_below(f"note: {note}"))

    def _mark(self, mark: str, text: str, colour: str) -> None:
        from scraper.run.events import printable

        click.echo(f"{click.style(f'{mark:5}', fg=colour)} {printable(text)}")

    def end(self) -> int:
        """The last line, and the exit code."""
        if self._as_json:
            from scraper.cli.run import unseen_escaped

            counts = {"met": self._met, "unmet": self._unmet, "invalid": self.invalid}
            click.echo(unseen_escaped(json.dumps({**counts, "cases": self._told}, ensure_ascii=False)))
        else:
            parts = [f"{self._met} met"]
            parts += [f"{self._unmet} not met"] if self._unmet else []
            parts += [f"{self.invalid} invalid"] if self.invalid else []
            click.echo(", ".join(parts), err=True)
            if self._next:
                click.echo(
                    f"next: mend the job; a change that is meant: scraper test {' '.join(self._next)} --update",
                    err=True,
                )
        if self.invalid:
            return errors.Exit.JOB
        return errors.Exit.EXPECT if self._unmet else errors.Exit.DONE


def _below(text: str) -> str:
    from scraper.testing.wording import clean

    return "\n".join(f"      {line}" for line in clean(text).split("\n"))
