"""`scraper schedule`: when jobs are due, and what starts them."""

from __future__ import annotations

import difflib
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scraper import errors
from scraper.cli.examples import examples

if TYPE_CHECKING:
    from datetime import datetime

    from scraper.job.loaded import Loaded
    from scraper.run.schedule.children import Process
    from scraper.run.schedule.decide import Start
    from scraper.run.schedule.jobs import JobFile
    from scraper.run.schedule.loop import Note

TIMES = 5
_PATH = click.Path(path_type=Path)


class _Group(click.Group):
    """Commands in the order they are written; a slip gets a "did you mean"."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """As written."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Raises: UsageError for what is no command."""
        if args[0] not in self.commands and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], self.commands, 1)
            hint = f'; did you mean "{near[0]}"?' if near else f"; there are {', '.join(self.commands)}"
            raise click.UsageError(f'no such command: "schedule {args[0]}"{hint}', ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=_Group, short_help="when jobs are due; run them on time", epilog=examples("schedule"))
def schedule() -> None:
    """Runs jobs when their `schedule:` says: a cron line, in the zone of `timezone:` or of this machine.

    A DIR is a folder with job files, or one job file.
    """


# -- show --------------------------------------------------------------------------------------------------


@schedule.command(short_help="the next times of each job", epilog=examples("schedule show"))
@click.argument("folders", metavar="DIR...", nargs=-1, required=True, type=_PATH)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(folders: tuple[Path, ...], as_json: bool) -> int:
    """Prints the next five times of each job in DIR; exit 3 where a job has mistakes."""
    from datetime import UTC, datetime

    from scraper.cli.run import unseen_escaped

    now = datetime.now(UTC)
    jobs = [job for folder in folders for job in _jobs_of(folder)]
    if as_json:
        click.echo(unseen_escaped(json.dumps([_plain(job, now) for job in jobs], ensure_ascii=False)))
    else:
        click.echo("\n".join(line for job in jobs if not job.mistakes for line in _lines(job, now)), nl=bool(jobs))
    return _tell_mistakes(jobs)


def _jobs_of(folder: Path) -> tuple[JobFile, ...]:
    """The jobs of a folder, or a file.

    Raises:
        UsageError: there is none.
    """
    from scraper.run.schedule.jobs import Folder

    try:
        found = Folder(folder, _read).look()
    except OSError as error:
        raise errors.UsageError(f"{folder} cannot be read: {error.strerror}") from error
    if not found:
        raise errors.UsageError(f"{folder} has no job files (*.yaml, *.yml); scraper init writes one")
    return found


def _read(path: Path) -> Loaded:
    """A job as `scraper run` would read it."""
    from scraper.cli.layers import load_job

    return load_job(str(path), variables={}, overrides=())


def _tell_mistakes(jobs: Iterable[JobFile]) -> int:
    mistakes = [line for job in jobs for line in job.mistakes]
    for line in mistakes:
        click.echo(line, err=True)
    return errors.Exit.JOB if mistakes else errors.Exit.DONE


def _next(job: JobFile, now: datetime) -> list[datetime]:
    from scraper.run.schedule.times import next_times

    return next_times(job.schedule, job.timezone, now, TIMES) if job.schedule else []


def _plain(job: JobFile, now: datetime) -> dict[str, Any]:
    return {
        "file": str(job.path), "job": job.name, "schedule": job.schedule, "timezone": job.timezone,
        "next": [time.isoformat() for time in _next(job, now)], "mistakes": list(job.mistakes),
    }  # fmt: skip


def _lines(job: JobFile, now: datetime) -> Iterable[str]:
    from scraper.run.events import printable

    title = f"{printable(job.key)} ({job.name})"
    if job.schedule is None:
        yield f"{title}: no schedule"
        return
    yield f"{title}: {job.schedule}{f', {job.timezone}' if job.timezone else ''}"
    yield from (f"  {_both(time)}" for time in _next(job, now))


def _both(time: datetime) -> str:
    """A time as the job's zone has it, and where that differs, as this machine's does."""
    from scraper.run.schedule.times import local_zone

    local = time.astimezone(local_zone())
    told = f"{time:%a %Y-%m-%d %H:%M %Z}"
    return told if local.utcoffset() == time.utcoffset() else f"{told}  (here {local:%a %H:%M %Z})"


# -- run ---------------------------------------------------------------------------------------------------


@schedule.command(short_help="stay, and run jobs when they are due", epilog=examples("schedule run"))
@click.argument("folder", metavar="DIR", type=_PATH)
@click.option(
    "--at-once", type=click.IntRange(1), default=2, show_default=True, metavar="N", help="Runs at a time."
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print a JSON line for each run that ended.")
def run(folder: Path, at_once: int, as_json: bool) -> int:
    """Runs the jobs in DIR when they are due, until SIGINT or SIGTERM: then the runs under way end first.

    What was missed while the machine slept, or while this was not running, is run once. Jobs that are edited, added or
    removed are picked up. Exit 6: another `schedule run` has DIR.
    """
    from scraper.run.schedule import children, jobs, memory
    from scraper.run.schedule.loop import Loop

    found = jobs.Folder(folder, _read)
    wall, started = children.Wall(), _Started(as_json)
    with memory.held(found.path) as place, children.Signals(wall.wake) as stop:
        launch = children.launcher(wall.wake, _said, started.keep)
        kept = memory.Memory(place, found.path)
        loop = Loop(found, kept, wall, launch, at_once=at_once, told=started.told, ends=children.end_words)
        return loop.run(stop)


class _Started:
    """The runs under way, and what is printed when they end."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._processes: dict[str, Process] = {}

    def keep(self, start: Start, process: Process) -> None:
        """One was started."""
        self._processes[start.job.key] = process

    def told(self, note: Note) -> None:
        """Something happened: for people on stderr, and the end of a run as data on stdout."""
        for line in note.what.splitlines():
            _said(note.job, line, f"{note.time.astimezone():%Y-%m-%d %H:%M:%S}")
        if note.kind == "ended":
            process = self._processes.pop(note.job, None)
            if self._as_json:
                _print(note, process.summary if process else None)


def _print(note: Note, summary: dict[str, Any] | None) -> None:
    from scraper.cli.run import unseen_escaped

    assert note.start is not None
    told = {
        "file": str(note.start.job.path), "job": note.start.job.name, "due": note.start.due.isoformat(),
        "times": note.start.count, "late": note.start.why or None, "ended": note.time.isoformat(),
        "exit_code": note.code, "summary": summary,
    }  # fmt: skip
    click.echo(unseen_escaped(json.dumps(told, ensure_ascii=False)))


def _said(job: str, line: str, before: str = "") -> None:
    """A line on stderr, in one piece: several threads tell."""
    from scraper.run.events import printable

    told = f"{printable(job)}: {line}" if job else line
    sys.stderr.write(f"{before}{' ' if before else ''}{told}\n")
    sys.stderr.flush()


# -- install -----------------------------------------------------------------------------------------------


@schedule.command(short_help="let systemd or cron run them", epilog=examples("schedule install"))
@click.argument("folder", metavar="DIR", type=_PATH)
@click.option("--print", "only_print", is_flag=True, help="Print what would be written; write nothing.")
@click.option("--systemd", "keeper", flag_value="systemd", help="Units of the user: a service and a timer each.")
@click.option("--cron", "keeper", flag_value="cron", help="Lines of the user's crontab.")
def install(folder: Path, only_print: bool, keeper: str | None) -> int:
    """Lets systemd, or where it does not listen cron, start the jobs in DIR when they are due.

    The jobs run in the folder where this is called, with the config file that --config names. Called again it writes
    what has changed, and removes what was installed for a job that has no schedule any more.
    """
    from datetime import UTC, datetime

    from scraper.run.schedule import install as installing
    from scraper.run.schedule import systemd

    jobs, now = _jobs_of(folder), datetime.now(UTC)
    if code := _tell_mistakes(jobs):
        click.echo("nothing is installed while a job has mistakes", err=True)
        return code
    for job in jobs:
        if job.schedule is None:
            click.echo(f"{job.key} has no schedule", err=True)
    where = (folder.absolute(), jobs, Path.cwd(), now, _config())
    if only_print:
        click.echo(installing.text_of(keeper or _keeper_to_print(), *where), nl=False)
        return errors.Exit.DONE
    keeper = keeper or installing.chosen()
    _tell(installing.install(keeper, *where).lines, "nothing to do: all is installed as it stands")
    if keeper == installing.SYSTEMD and not systemd.works():
        click.echo("systemctl --user does not answer here: they start when you log in the next time", err=True)
    elif keeper == installing.SYSTEMD:
        click.echo(
            "systemctl --user list-timers shows them; loginctl enable-linger keeps them when you log out", err=True
        )
    return errors.Exit.DONE


def _config() -> Path | None:
    """The config file that --config or SCRAPER_CONFIG names (layers.settle); None: each run finds the user's."""
    named = os.environ.get("SCRAPER_CONFIG")
    return Path(named).absolute() if named else None


def _keeper_to_print() -> str:
    from scraper.run.schedule import install as installing

    try:
        return installing.chosen()
    except errors.UsageError:
        return installing.SYSTEMD


@schedule.command(short_help="remove what install wrote", epilog=examples("schedule uninstall"))
@click.argument("folder", metavar="DIR", type=_PATH)
def uninstall(folder: Path) -> int:
    """Removes the units and crontab lines that install wrote for DIR, and nothing else; DIR itself may be gone."""
    from scraper.run.schedule import install as installing

    _tell(installing.uninstall(folder.absolute()).lines, "nothing was installed for it")
    return errors.Exit.DONE


def _tell(lines: Iterable[str], nothing: str) -> None:
    for line in lines or (nothing,):
        click.echo(line, err=True)
