"""The layers of settings around the command line: the config file, and the variables SCRAPER_*.

    default  <  config file  <  (the job file)  <  SCRAPER_* variables  <  command line

The config file ($XDG_CONFIG_HOME/scraper/config.yaml; --config or SCRAPER_CONFIG names another) is YAML: `job:` holds
keys of a job that every job file is laid over (scraper/job/layers.py), and each command may have a mapping of its own
options: `run: {jobs: 8, quiet: true}`. Variables do the same from above: SCRAPER_JOB__HTTP__TIMEOUT__READ=5 is a key
of the job, SCRAPER_RUN_JOBS=8 an option of `run`. It is read when a command is called that heeds it; where there is
none, nothing is imported to find that out. What must be the same on every machine heeds neither: see `UNHEEDING`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scraper.errors import UsageError

if TYPE_CHECKING:
    from scraper.job.layers import Layers
    from scraper.job.loaded import Loaded
    from scraper.job.places import Finding
    from scraper.job.yaml import Document

UNHEEDING = frozenset({"test", "record", "demo", "init", "schema", "config", "completion"})
"""Commands that read no config file; `config` does so itself."""

OPENING = "SCRAPER_"
JOB_PREFIX = "SCRAPER_JOB__"
HOOKED = ("SCRAPER_JOB", "SCRAPER_RUN", "SCRAPER_DEST", "SCRAPER_EXIT_CODE", "SCRAPER_SUMMARY", "SCRAPER_FILE")
"""What the hooks of a job find in their environment; a scraper that is called in a hook passes them over."""

Load = Callable[[str], click.Command | None]


def config_file(given: Path | None) -> Path | None:
    """The config file: that which is given, else that of the user where it is there.

    Raises:
        UsageError: what is given is not there.
    """
    if given is not None:
        if not given.exists() or given.is_dir():
            raise UsageError(f"there is no config file {given}")
        return given
    path = default_file()
    return path if path.is_file() else None


def default_file() -> Path:
    """Where the user's config file is looked for."""
    home = os.environ.get("XDG_CONFIG_HOME", "")
    base = Path(home) if os.path.isabs(home) else Path("~/.config").expanduser()
    return base / "scraper" / "config.yaml"


def settle(ctx: click.Context, given: Path | None, commands: Iterable[str], load: Load) -> None:
    """Sets what the command about to be called finds: options' defaults, and the layers for `load_job`.

    Args:
        commands: the names of all; load: gives one of them.

    Raises:
        JobError: the config file holds mistakes.
        UsageError: it is not there.
    """
    names = [name for name in os.environ if name.startswith(OPENING)]
    for name in names:
        hint = unknown(name, commands, load)
        if hint is not None:
            click.echo(f"scraper: warning: the variable {name} is not known{hint}", err=True)
    if ctx.invoked_subcommand in UNHEEDING:
        return
    if given is not None and ctx.invoked_subcommand == "schedule":
        os.environ["SCRAPER_CONFIG"] = str(given.absolute())  # the runs that it starts are processes of their own
    path = config_file(given)
    over = {name: os.environ[name] for name in names if name.startswith(JOB_PREFIX)}
    if path is None and not over:
        return
    document = None if path is None else read(path, commands, load)
    ctx.default_map = {} if document is None else defaults_of(document, load)
    ctx.obj = layers_of(path, document, over)


def load_job(job: str, *, variables: Mapping[str, str], overrides: Iterable[str] = ()) -> Loaded:
    """The job as a command that is called now sees it: `scraper.job.load.load`, with the layers of this machine.

    Raises:
        JobError: with every mistake.
    """
    from scraper.job.load import load

    return load(job, variables=variables, overrides=tuple(overrides), layers=current())


def current() -> Layers | None:
    """The layers of the command that is called now; None where there are none."""
    ctx = click.get_current_context(silent=True)
    found: Layers | None = None if ctx is None else ctx.find_root().obj
    return found


# -- the config file ---------------------------------------------------------------------------------------


def read(path: Path, commands: Iterable[str], load: Load) -> Document:
    """A config file that is right; its data is a mapping.

    Raises:
        JobError: with every mistake, each with its line, column and cure.
    """
    from scraper.errors import JobError, Mistake
    from scraper.job import yaml
    from scraper.job.places import Finding, Places, without_consequences

    try:
        with path.open("rb") as file:
            document = yaml.read(file.read(yaml.LARGEST + 1), str(path))
    except OSError as error:
        raise JobError([Mistake(str(path), 1, 1, "", f"cannot be read: {error.strerror}")]) from error
    except yaml.YamlError as error:
        raise JobError([Places(str(path)).mistake(error.finding)]) from error
    if document.data is None:
        document.data = {}
    if isinstance(document.data, dict):
        found = list(_wrong(document.data, list(commands), load))
    else:
        found = [Finding((), "expected a mapping of `job:` and of commands", stops=True)]
    mistakes = map(document.places.mistake, without_consequences([*document.findings, *found]))
    if wrong := [one for one in mistakes if not one.warning]:
        raise JobError(wrong)
    return document


def layers_of(path: Path | None, document: Document | None, over: Mapping[str, str]) -> Layers:
    """The layers around every job."""
    from scraper.job.layers import JOB, Layers, with_paths

    if path is None or document is None:
        return Layers(environment=over)
    defaults = document.data.get(JOB) or {}
    with_paths(defaults, path.parent.absolute())
    return Layers(str(path), defaults, document.places, over)


def defaults_of(document: Document, load: Load) -> dict[str, Any]:
    """What click wants: for each command its options' defaults, by the names of their parameters."""
    given = {name: value for name, value in document.data.items() if name != "job"}
    return {name: _by_parameter(load(name), value) for name, value in given.items()}


def _by_parameter(command: click.Command | None, given: Mapping[str, Any] | None) -> dict[str, Any]:
    if isinstance(command, click.Group):
        return {name: _by_parameter(command.commands.get(name), value) for name, value in (given or {}).items()}
    known = {} if command is None else options_of(command)
    return {str(known[_plain(key)].name): value for key, value in (given or {}).items()}


def options_of(command: click.Command) -> dict[str, click.Option]:
    """The options of a command that can be set beforehand, by their long names with `_` for `-`."""
    return {
        _plain(name.removeprefix("--")): each
        for each in command.params
        if isinstance(each, click.Option) and not each.is_eager
        for name in each.opts
        if name.startswith("--")
    }


def _plain(key: str) -> str:
    return key.replace("-", "_")


def _wrong(data: Mapping[str, Any], commands: list[str], load: Load) -> Iterator[Finding]:
    from scraper.job.fields import did_you_mean
    from scraper.job.layers import JOB, wrong_defaults
    from scraper.job.places import Finding

    for name, value in data.items():
        if name == JOB:
            if isinstance(value, Mapping):
                yield from wrong_defaults(value)
            elif value is not None:
                yield Finding((JOB,), "expected a mapping of keys of a job")
        elif name not in commands:
            hint = did_you_mean(name, [JOB, *commands])
            yield Finding((name,), f"neither `job` nor a command{hint}", on_key=True, stops=True)
        elif name in UNHEEDING:
            yield Finding((name,), f"`scraper {name}` does not read this file", on_key=True, stops=True)
        else:
            command = load(name)
            assert command is not None, name
            yield from _wrong_options(command, value, (name,))


def _wrong_options(command: click.Command, given: Any, path: tuple[str, ...]) -> Iterator[Finding]:
    from scraper.job.fields import did_you_mean
    from scraper.job.places import Finding

    if not isinstance(given, Mapping):
        if given is not None:
            yield Finding(path, "expected a mapping of options, such as {quiet: true}")
        return
    inner = command.commands if isinstance(command, click.Group) else {}
    known = {} if inner else options_of(command)
    for key, value in given.items():
        if key in inner:
            yield from _wrong_options(inner[key], value, (*path, key))
        elif _plain(key) not in known:
            hint = did_you_mean(_plain(key), [*known, *inner]) or f"; there are {', '.join(known or inner)}"
            yield Finding((*path, key), f"no such option of `scraper {' '.join(path)}`{hint}", on_key=True)
        elif why := _refused(command, known[_plain(key)], value):
            yield Finding((*path, key), why)


def _refused(command: click.Command, option: click.Option, value: Any) -> str:
    """Why an option does not take a value; "" where it does."""
    if option.multiple and not isinstance(value, list):
        return "expected a list: this option can be given several times"
    if option.is_flag and not isinstance(value, bool):
        return "expected true or false"
    if isinstance(value, (dict, bool)) and not option.is_flag:
        return "expected a single value (text or a number)"
    try:
        option.type_cast_value(click.Context(command, info_name=command.name), value)
    except click.BadParameter as error:
        return error.message.replace("a valid integer range", "a whole number").rstrip(".")
    return ""


# -- variables ---------------------------------------------------------------------------------------------


def unknown(name: str, commands: Iterable[str], load: Load) -> str | None:
    """For a variable SCRAPER_* that looks like one of ours and is none: `; did you mean "..."?` or ""; else None.

    A name that is like none of ours is taken for the user's own: jobs read such by `env('SCRAPER_TOKEN')`.
    """
    if name == "SCRAPER_CONFIG" or name.startswith(JOB_PREFIX):
        return None
    if any(name == each or name.startswith(f"{each}_") for each in HOOKED[-2:]) or name in HOOKED:
        return None
    from scraper.job.fields import did_you_mean

    command = next((each for each in commands if name.startswith(f"{OPENING}{_upper(each)}_")), None)
    if command is not None:
        known = list(variables_of(command, load(command)))
        return None if name in known else did_you_mean(name, known)
    if name.startswith("SCRAPER_JOB_"):
        return f'; did you mean "{JOB_PREFIX}{name.removeprefix("SCRAPER_JOB_").lstrip("_")}"?'
    return _near(name, "SCRAPER_CONFIG")


def _near(name: str, known: str) -> str | None:
    """Only where it is near indeed."""
    import difflib

    ratio = difflib.SequenceMatcher(None, name.removeprefix(OPENING), known.removeprefix(OPENING)).ratio()
    return f'; did you mean "{known}"?' if ratio > 0.75 else None


def variables_of(name: str, command: click.Command | None) -> Iterator[str]:
    """The variables that set the options of a command."""
    opening = f"{OPENING}{_upper(name)}"
    if isinstance(command, click.Group):
        for inner, one in command.commands.items():
            yield from variables_of(f"{name}_{inner}", one)
    elif command is not None:
        yield from (f"{opening}_{_upper(str(each.name))}" for each in options_of(command).values())


def _upper(name: str) -> str:
    return name.replace("-", "_").upper()
