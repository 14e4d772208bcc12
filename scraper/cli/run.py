"""`scraper run` and `scraper get`."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import click

from scraper import errors
from scraper.cli.examples import examples

F = TypeVar("F", bound=Callable[..., Any])
_UNSEEN = re.compile(r"[^ -~]")


def common(command: F) -> F:
    """The options that `run` and `get` share (DESIGN section 2)."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


_OPTIONS = (
    click.option("-d", "--dest", type=click.Path(file_okay=False, path_type=Path), help="Where files go."),
    click.option("--state", type=click.Path(file_okay=False, path_type=Path), help="Where the ledger lives."),
    click.option("-j", "--jobs", type=click.IntRange(1), help="Downloads in flight."),
    click.option("-o", "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Any key of a job, as YAML."),
    click.option("--var", "variables", multiple=True, metavar="K=V", help="A variable of the job."),
    click.option("-n", "--dry-run", is_flag=True, help="Read pages, name files, write nothing."),
    click.option("--limit", type=click.IntRange(1), metavar="N", help="N items, or N files where there are no items."),
    click.option("--fresh", is_flag=True, help="Begin anew even where a run is open."),
    click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON instead of paths."),
    click.option("-q", "--quiet", is_flag=True, help="Errors only."),
    click.option("-v", "--verbose", is_flag=True, help="Every page and file."),
)


@click.command(short_help="run a job", epilog=examples("run"))
@click.argument("job")
@click.option(
    "--tape", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
    help="Answer every request from this WARC: a replay, without network.",
)  # fmt: skip
@common
def run(job: str, tape: Path | None, **options: Any) -> int:
    """Runs the job file JOB ("-" reads it from stdin)."""
    from scraper.job.load import load

    if tape is not None:
        return _replay(job, tape, options)
    loaded = load(job, variables=pairs(options["variables"], "--var"), overrides=overrides(options))
    return execute(loaded, options)


@click.command(short_help="fetch URLs, without a job file", epilog=examples("get"))
@click.argument("urls", nargs=-1)
@click.option("-i", "--input-file", "lists", multiple=True, metavar="FILE", help="A list of URLs; - is stdin.")
@common
def get(urls: tuple[str, ...], lists: tuple[str, ...], **options: Any) -> int:
    """Fetches URLs into output/get (or --dest). A list is txt, csv, tsv, jsonl or parquet, by its suffix."""
    if not urls and not lists:
        raise click.UsageError("give URLs, or a list of them with -i")
    from scraper.cli.given import Given

    with Given(urls, lists) as given:
        return execute(_get_job(given.start(), urls, options), options, bare=True)


def _replay(job: str, path: Path, options: dict[str, Any]) -> int:
    """The variables, the limit, the time and the name of the run are those of the tape, unless they are given."""
    from scraper.job.load import load
    from scraper.run.replay import replay, variables_of
    from scraper.tape.warc import Tape

    with Tape.open(path) as tape:
        given = pairs(options["variables"], "--var")
        loaded = load(job, variables=given, overrides=overrides(options), recorded=variables_of(tape), secrets=False)

        def perform(shown: Any, control: Any) -> Any:
            shown.say(f"this is a replay: {path} answers, and nothing else is asked")
            return replay(
                loaded, tape, dest=options["dest"], state=options["state"], limit=options["limit"],
                fresh=options["fresh"], dry=options["dry_run"], events=shown, control=control,
            )  # fmt: skip

        return execute(loaded, options, perform=perform)


def _get_job(start: list[dict[str, str]], urls: Iterable[str], options: dict[str, Any]) -> Any:
    """The job named `get`. Without -o and --var there is nothing to check, and nothing is loaded for checking.

    URLs on the command line are written by the user: headers and auth of `-o` go to them, not to rows of a list.
    """
    jobs = options["jobs"] or 16
    if options["overrides"] or options["variables"]:
        from scraper.job.load import from_data
        from scraper.urls import is_http, origin

        home = sorted({origin(url) for url in urls if is_http(url)})
        data = {"name": "get", "start": start, "polite": {"per_host": jobs}, "http": {"origins": home}}
        return from_data(data, overrides=overrides(options), variables=pairs(options["variables"], "--var"))
    from scraper.job.loaded import Loaded
    from scraper.job.plain import plain_job

    job = plain_job(((each["list"], each["column"]) for each in start), jobs)
    return Loaded(job, "<command line>", Path(), {}, (), {"start": start}, has_secrets=False)


def execute(
    loaded: Any, options: dict[str, Any], *, bare: bool = False, perform: Callable[[Any, Any], Any] | None = None
) -> int:
    """Runs what was loaded, shows it, prints its result; gives the exit code.

    Args:
        perform: makes the run, where it is no ordinary one; given who hears of it, and the control.
    """
    from scraper.cli.show import Shown
    from scraper.run.control import Control
    from scraper.run.kit import Options, settle
    from scraper.run.runner import run as run_job

    control = Control()
    shown = Shown(
        quiet=options["quiet"],
        verbose=options["verbose"],
        paths=options.get("print_paths", not options["as_json"]),
    )
    with shown, _signals(control, shown.note):
        if perform is None:
            settle(loaded)  # what is refused is told without the warnings
        for warning in loaded.warnings:
            shown.say(str(warning))
        settings = Options(
            dest=options["dest"], state=options["state"], limit=options["limit"], fresh=options["fresh"],
            dry=options["dry_run"], bare=bare,
        )  # fmt: skip
        try:
            summary = run_job(loaded, settings, shown, control) if perform is None else perform(shown, control)
        except (errors.ScraperError, click.ClickException):
            raise
        except BrokenPipeError:  # click would take it for exit 1, which means a bug
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return errors.Exit.SIGINT
        except Exception:
            logging.getLogger("scraper").exception("this is a bug in scraper; please report it")
            return errors.Exit.BUG
        shown.summary(summary)
    if options["as_json"]:
        click.echo(unseen_escaped(json.dumps(summary.as_dict(), ensure_ascii=False)))
    return summary.exit_code


def unseen_escaped(text: str) -> str:
    """JSON with what cannot be seen escaped: nothing that came from outside is one on a terminal (DESIGN 4.10)."""
    return _UNSEEN.sub(_escaped, text)


def _escaped(char: re.Match[str]) -> str:
    return char[0] if char[0].isprintable() else json.dumps(char[0])[1:-1]


class _signals:  # noqa: N801 - reads as a function
    """The first SIGINT or SIGTERM drains, the second stops at once: the ledger is made for that."""

    def __init__(self, control: Any, note: Callable[[str], None]) -> None:
        self._control = control
        self._note = note
        self._before: dict[int, Any] = {}

    def __enter__(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._on_signal)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        code = 128 + number
        if self._control.stop_code is not None:
            clear = "\x1b[J" if sys.stderr.isatty() else ""  # what is left of the bars
            sys.stderr.write(f"\n{clear}stopped at once; the same command continues\n")
            sys.stderr.flush()
            os._exit(code)
        self._control.stop(code)
        self._note("stopping: what is in flight is finished; once more stops at once. The same command continues.")


def overrides(options: dict[str, Any]) -> list[str]:
    """What the options change of the job, as `-o` texts."""
    jobs = [] if options["jobs"] is None else [f"files.jobs={options['jobs']}"]
    return [*options["overrides"], *jobs]


def pairs(texts: Iterable[str], option: str) -> dict[str, str]:
    """`NAME=VALUE` options as a mapping."""
    pairs = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise click.UsageError(f"{option} {text}: expected NAME=VALUE")
        pairs[name] = value
    return pairs
