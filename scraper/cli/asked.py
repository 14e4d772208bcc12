"""Where the ledger is that a command asks: by the job file, or by the folder of the run (DESIGN section 2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from scraper.errors import UsageError

if TYPE_CHECKING:
    from scraper.job.loaded import Loaded


F = TypeVar("F", bound=Callable[..., Any])
_FOLDER = click.Path(file_okay=False, path_type=Path)


def ledger_options(command: F) -> F:
    """What every command that asks the ledger takes beside JOB: `dest`, `state`, `variables` and `as_json`."""
    options = (
        click.option("-d", "--dest", type=_FOLDER, metavar="DIR", help="The folder a run wrote to."),
        click.option("--state", type=_FOLDER, metavar="DIR", help="Where the ledger lives, if not below it."),
        click.option("--var", "variables", multiple=True, metavar="K=V", help="A variable of the job."),
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@dataclass(frozen=True)
class Asked:
    """What is asked.

    Attributes:
        loaded: the job, where one was named.
        dest: the output folder; ledger: the file.
    """

    loaded: Loaded | None
    dest: Path
    ledger: Path


def find(
    job: str | None, dest: Path | None, state: Path | None, variables: Iterable[str] = (), overrides: Iterable[str] = ()
) -> Asked:
    """The ledger of a job file, or of an output folder; with both, of that folder, and the job says the rest.

    Raises:
        UsageError: nothing is named, or no run was there.
        JobError: the job is wrong.
    """
    loaded = None
    if job is not None:
        from scraper.cli.layers import load_job
        from scraper.cli.run import pairs

        loaded = load_job(job, variables=pairs(variables, "--var"), overrides=list(overrides))
    return asked_of(loaded, dest, state)


def asked_of(loaded: Loaded | None, dest: Path | None, state: Path | None) -> Asked:
    """The ledger of a job that is loaded already, or of an output folder.

    Raises:
        UsageError: nothing is named, or no run was there.
    """
    folder = dest or _dest_of(loaded)
    ledger = (state or folder / ".scraper") / "ledger.db"
    if not ledger.is_file():
        cure = (
            "scraper run comes first" if loaded is not None and dest is None else "-d names the folder a run wrote to"
        )
        raise UsageError(f"there is no ledger {ledger}; {cure}, and --state where its ledger lies elsewhere")
    return Asked(loaded, folder, ledger)


def above(path: Path) -> Path | None:
    """The output folder in which a file stands, or stood: the nearest one above it with a ledger."""
    folders = path.absolute().parents
    return next((each for each in folders if (each / ".scraper" / "ledger.db").is_file()), None)


def _dest_of(loaded: Loaded | None) -> Path:
    if loaded is None:
        raise click.UsageError("name a JOB, or the folder a run wrote to with -d DIR")
    from scraper.run.sources import dest_of

    return dest_of(loaded, loaded.job)
