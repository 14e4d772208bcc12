"""`scraper config`: each setting, and where it came from."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scraper.cli import layers
from scraper.cli.examples import examples

if TYPE_CHECKING:
    from scraper.job.origins import Value

ORDER = "default < config file < job file < SCRAPER_* variables < command line"


@click.group(short_help="each setting, and where it came from", epilog=examples("config"))
def config() -> None:
    """Tells settings, and where each came from: default < config file < job file < SCRAPER_* variables < command line.

    The config file is YAML: keys of a job below `job:`, which hold for every job, and the options of a command below
    its name, as in `run: {jobs: 8}`. Variables are SCRAPER_JOB__HTTP__TIMEOUT__READ=5 for a key of the job, and
    SCRAPER_RUN_JOBS=8 for an option. `test`, `record`, `demo` and `run --tape` take neither for their jobs.
    """


@config.command("path", short_help="where the config file is, or would be", epilog=examples("config path"))
@click.pass_context
def path(ctx: click.Context) -> int:
    """Prints the path of the config file, or where it would be."""
    given = ctx.find_root().params.get("config")
    found = layers.config_file(given)
    click.echo(found or layers.default_file())
    if found is None:
        click.echo("there is none yet", err=True)
    return 0


@config.command("show", short_help="the values, and where they came from", epilog=examples("config show"))
@click.argument("asked", nargs=-1, metavar="[JOB] [KEY]...")
@click.option("-o", "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Any key of a job, as YAML.")
@click.option("--var", "variables", multiple=True, metavar="K=V", help="A variable of the job.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: a list of {key, value, layer, source}.")
@click.pass_context
def show(
    ctx: click.Context, asked: tuple[str, ...], overrides: tuple[str, ...], variables: tuple[str, ...], as_json: bool
) -> int:
    """Prints the settings of JOB, or those that hold for every job; with KEY (http.timeout) those below it.

    A secret is shown as it is written in the job, as env('NAME'); one that stands there itself is blanked.
    """
    job = asked[0] if asked and _is_job(asked[0]) else None
    keys = asked[1:] if job else asked
    if job is None and (overrides or variables):
        raise click.UsageError("-o and --var are laid over a JOB; name one")
    told = list(_settings(ctx, job, overrides, variables))
    if keys:
        told = [one for one in told if any(_is_below(one.key, key) for key in keys)]
        _check(keys, told)
    _tell_json(told) if as_json else _tell(told)
    return 0


def _is_job(text: str) -> bool:
    return text == "-" or text.endswith((".yaml", ".yml")) or Path(text).is_file()


def _is_below(key: str, wanted: str) -> bool:
    """Also without the `job.` of what holds for every job."""
    return any(each == wanted or each.startswith(f"{wanted}.") for each in (key, key.removeprefix("job.")))


def _check(keys: tuple[str, ...], told: list[Value]) -> None:
    for key in keys:
        if not any(_is_below(one.key, key) for one in told):
            raise click.UsageError(f"no setting {key} is there; `scraper config show` without it tells them all")


def _settings(ctx: click.Context, job: str | None, overrides: Any, variables: Any) -> Iterator[Value]:
    from scraper.cli import main
    from scraper.cli.run import pairs
    from scraper.job.load import load
    from scraper.job.origins import of_defaults, of_job

    path = layers.config_file(ctx.find_root().params.get("config"))
    document = None if path is None else layers.read(path, main.COMMANDS, main.command)
    over = {name: value for name, value in os.environ.items() if name.startswith(layers.JOB_PREFIX)}
    around = layers.layers_of(path, document, over)
    if job is not None:
        loaded = load(job, variables=pairs(variables, "--var"), overrides=list(overrides), layers=around)
        yield from of_job(loaded, around.file)
        return
    yield from of_defaults(around)
    yield from _options(document)


def _options(document: Any) -> Iterator[Value]:
    """The options of commands that are set beforehand, by the config file or a variable."""
    from scraper.cli import main
    from scraper.job.origins import Value

    for name in main.COMMANDS:
        for variable in layers.variables_of(name, main.command(name)):
            if variable in os.environ:
                option = variable.rpartition("_")[2].lower()
                yield Value(variable, _blanked(option, os.environ[variable]), "environment", variable)
    if document is None:
        return
    for name, given in document.data.items():
        if name != "job" and isinstance(given, dict):
            yield from _leaves(document, (name,), given)


def _leaves(document: Any, at: tuple[str, ...], given: dict[str, Any]) -> Iterator[Value]:
    from scraper.job.origins import Value

    for key, value in given.items():
        if isinstance(value, dict):
            yield from _leaves(document, (*at, key), value)
            continue
        spot = document.places.spot((*at, key))
        source = f"{document.places.file}:{spot.line}:{spot.column}"
        yield Value(".".join((*at, key)), _blanked(key, value), "config file", source)


_PAIRS = {"set": (), "overrides": (), "var": ("vars",), "variables": ("vars",)}
"""Options of KEY=VALUE, as the config file and as variables call them, and what KEY stands below."""


def _blanked(option: str, value: Any) -> Any:
    """What an option is set to, without what looks like a secret."""
    from scraper.job.blanks import blanked
    from scraper.job.origins import blanked_pair

    if option not in _PAIRS:
        return blanked(value)
    if isinstance(value, str):
        return " ".join(blanked_pair(each, _PAIRS[option]) for each in value.split())
    return [blanked_pair(str(each), _PAIRS[option]) for each in value]


def _tell_json(told: list[Value]) -> None:
    from scraper.cli.run import unseen_escaped

    rows = [{"key": one.key, "value": one.value, "layer": one.layer, "source": one.source} for one in told]
    click.echo(unseen_escaped(json.dumps(rows, ensure_ascii=False, default=str)))


def _tell(told: list[Value]) -> None:
    """A line for each: key and value, and behind it where it came from."""
    from scraper.run.events import printable

    rows = [(f"{one.key}: {json.dumps(one.value, ensure_ascii=False, default=str)}", one) for one in told]
    wide = min(60, max((len(text) for text, _ in rows), default=0))
    for text, one in rows:
        source = one.source if one.layer != "default" else "default"
        tone = {"dim": True} if one.layer == "default" else {"fg": "cyan"}
        click.echo(f"{printable(text):<{wide}}  " + click.style(f"# {printable(source)}", **tone))
    if not told:
        click.echo(f"nothing is set: {ORDER}", err=True)
