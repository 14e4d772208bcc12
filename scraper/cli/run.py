"""`scraper run` and `scraper get`."""

from __future__ import annotations

import errno
import json
import logging
import math
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import click

from scraper import errors, units
from scraper.cli.examples import examples
from scraper.cli.logs import log_options
from scraper.run.events import unseen_escaped as unseen_escaped

F = TypeVar("F", bound=Callable[..., Any])


_AT_ALL = "until its end"


def _seconds(ctx: click.Context, param: click.Parameter, value: str | None) -> float:
    """How long to wait; without a value: until it ends."""
    if value is None or value == _AT_ALL:
        return math.inf if value else 0.0
    try:
        return units.duration(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a time; write --wait=5m, or --wait alone", ctx, param) from None


class _WaitOption(click.Option):
    """`--wait` takes what follows it only where that is a time: in `run --wait JOB` it is none."""

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        """Has the parser read a command line in which nobody can take one for the other."""
        super().add_to_parser(parser, ctx)
        parse = parser.parse_args
        parser.parse_args = lambda args: parse(_with_times(args))


def _with_times(args: list[str]) -> list[str]:
    """A command line in which each `--wait` without a time has the value that stands for none."""
    end = args.index("--") if "--" in args else len(args)
    return [
        f"--wait={_AT_ALL}" if arg == "--wait" and at < end and not _is_time(args[at + 1 : at + 2]) else arg
        for at, arg in enumerate(args)
    ]


def _is_time(following: list[str]) -> bool:
    try:
        return bool(following) and units.duration(following[0]) >= 0
    except ValueError:
        return False


wait_option = click.option(
    "--wait", cls=_WaitOption, is_flag=False, flag_value=_AT_ALL, callback=_seconds, metavar="[TIME]",
    help="Wait while another run holds the folder.",
)  # fmt: skip


def common(command: F) -> F:
    """The options that `run` and `get` share (DESIGN section 2)."""
    command = log_options(command)
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


_OPTIONS = (
    click.option("-d", "--dest", type=click.Path(file_okay=False, path_type=Path), help="Where files go."),
    click.option("--state", type=click.Path(file_okay=False, path_type=Path), help="Where the ledger lives."),
    click.option("-j", "--jobs", type=click.IntRange(1), metavar="N", help="Downloads in flight."),
    click.option("-o", "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Any key of a job, as YAML."),
    click.option("--var", "variables", multiple=True, metavar="K=V", help="A variable of the job."),
    click.option("-n", "--dry-run", is_flag=True, help="Read pages, name files, write nothing."),
    click.option("--limit", type=click.IntRange(1), metavar="N", help="N items, or N files where there are no items."),
    wait_option,
    click.option("--fresh", is_flag=True, help="Begin anew even where a run is open."),
    click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON instead of paths."),
    click.option(
        "--exit-unchanged", type=click.IntRange(8, 125), metavar="99", help="The exit code where nothing is new."
    ),
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
    if tape is not None:
        return _replay(job, tape, options)
    from scraper.cli.layers import load_job

    loaded = load_job(job, variables=pairs(options["variables"], "--var"), overrides=overrides(options))
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

    _forget_config(options)
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


def _forget_config(options: dict[str, Any]) -> None:
    """A replay is the same on every machine: what only the config file says of `run` does not hold for it."""
    ctx = click.get_current_context()
    ctx.default_map = None
    for each in ctx.command.params:
        if each.name in options and ctx.get_parameter_source(each.name) is click.core.ParameterSource.DEFAULT_MAP:
            options[each.name] = each.get_default(ctx)


def _get_job(start: list[dict[str, str]], urls: Iterable[str], options: dict[str, Any]) -> Any:
    """The job named `get`. Without -o and --var there is nothing to check, and nothing is loaded for checking.

    URLs on the command line are written by the user: headers and auth of `-o` go to them, not to rows of a list.
    """
    from scraper.cli.layers import current

    layers = current()
    if options["overrides"] or options["variables"] or layers:
        from scraper.job.load import from_data
        from scraper.urls import is_http, origin

        home = sorted({origin(url) for url in urls if is_http(url)})
        data = {"name": "get", "start": start, "http": {"origins": home}, **_slots(options["jobs"], layers)}
        return from_data(
            data, overrides=overrides(options), variables=pairs(options["variables"], "--var"), layers=layers
        )
    from scraper.job.loaded import Loaded
    from scraper.job.plain import plain_job

    job = plain_job(((each["list"], each["column"]) for each in start), options["jobs"] or 16)
    return Loaded(job, "<command line>", Path(), {}, (), {"start": start}, has_secrets=False)


def _slots(jobs: int | None, layers: Any) -> dict[str, Any]:
    """Of one host as many as there are jobs, where no config file says otherwise."""
    defaults = {} if layers is None else layers.defaults
    given = (defaults.get(name) for name in ("polite", "files"))
    polite, files = (each if isinstance(each, dict) else {} for each in given)
    if jobs is None and "per_host" in polite:
        return {}
    return {"polite": {"per_host": jobs or files.get("jobs", 16)}}


def execute(
    loaded: Any, options: dict[str, Any], *, bare: bool = False, perform: Callable[[Any, Any], Any] | None = None
) -> int:
    """Runs what was loaded, shows it, prints its result; gives the exit code.

    Args:
        perform: makes the run, where it is no ordinary one; given who hears of it, and the control.
    """
    from scraper.cli.show import Shown, Told
    from scraper.run.control import Control
    from scraper.run.kit import Options, settle
    from scraper.run.runner import run as run_job

    control = Control()
    shown = Shown(
        quiet=options["quiet"],
        verbose=options["verbose"],
        paths=options.get("print_paths", not options["as_json"]),
        log_format=options.get("log_format", "human"),
        log_file=options.get("log_file"),
        told=Told(loaded, options["state"], bare=bare, given=tuple(_given(options))),
    )
    with shown, _signals(control, shown.note):
        if perform is None:
            settle(loaded)  # what is refused is told without the warnings
        for warning in loaded.warnings:
            shown.say(str(warning), logging.WARNING)
        settings = Options(
            dest=options["dest"], state=options["state"], limit=options["limit"], fresh=options["fresh"],
            dry=options["dry_run"], bare=bare, wait=options.get("wait", 0.0),
        )  # fmt: skip
        try:
            summary = run_job(loaded, settings, shown, control) if perform is None else perform(shown, control)
        except errors.ScraperError as error:
            if options.get("log_format") != "json":
                raise
            shown.say(str(error), logging.ERROR)
            return error.exit_code
        except click.ClickException:
            raise
        except BrokenPipeError:  # click would take it for exit 1, which means a bug
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return errors.Exit.SIGINT
        except Exception as error:
            if isinstance(error, OSError) and error.errno == errno.ENOSPC and error.filename is None:
                raise  # of our output: main.py tells
            logging.getLogger("scraper").exception("this is a bug in scraper; please report it")
            return errors.Exit.BUG
        shown.summary(summary)
    if options["as_json"]:
        click.echo(unseen_escaped(json.dumps(summary.as_dict(), ensure_ascii=False)))
    return _exit_code(summary, options)


def _given(options: dict[str, Any]) -> Iterator[str]:
    """What was said of where, and of the job's variables, as another command takes it."""
    for name in ("dest", "state"):
        if options[name] is not None:
            yield from (f"--{name}", str(options[name]))
    for each in options.get("variables", ()):
        yield from ("--var", each)


def _exit_code(summary: Any, options: dict[str, Any]) -> int:
    """That of the run; another where it brought nothing new and the command line asks for that."""
    from scraper.run.headline import brought_nothing

    wanted = options.get("exit_unchanged")
    is_same = not options["dry_run"] and summary.exit_code == 0 and brought_nothing(summary)
    return int(wanted) if wanted and is_same else int(summary.exit_code)


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
