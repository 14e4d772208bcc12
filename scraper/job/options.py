"""What the command line lays over a job: `-o http.timeout.read=5` and `--var base=...`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from scraper.job import yaml
from scraper.job.fields import did_you_mean
from scraper.job.places import Finding, Path, Places, Spot


def override(data: dict[str, Any], places: Places, overrides: Iterable[str]) -> Iterator[Finding]:
    """Sets keys of the job; mappings on the way are made, numbers index lists. The value is YAML."""
    for text in overrides:
        keys, equals, value = text.partition("=")
        spot = Spot(1, len(keys) + 2, f"-o {keys}")
        if not equals or not keys.strip():
            yield Finding((), "write KEY=VALUE, as in http.timeout.read=5", spot=Spot(file=f"-o {text}"))
            continue
        yield from lay(data, places, keys.strip().split("."), value, spot)


def lay(data: dict[str, Any], places: Places, keys: list[str], value: str, spot: Spot) -> Iterator[Finding]:
    """Sets one key of the job, whose value is YAML and came from `spot`."""
    try:
        path = _set(data, keys, yaml.value(value))
    except (yaml.YamlError, LookupError) as error:
        yield Finding((), str(error.args[0]), spot=spot)
    else:
        places.moved(path, spot)


def _set(data: Any, keys: list[str], value: Any) -> Path:
    path: list[str | int] = []
    for key in keys[:-1]:
        step = _step(data, key, keys)
        if isinstance(data, dict):
            data.setdefault(step, {})
        data = data[step]
        path.append(step)
    last = _step(data, keys[-1], keys)
    data[last] = value
    return (*path, last)


def _step(data: Any, key: str, keys: list[str]) -> Any:
    """The key as it indexes `data`.

    Raises:
        LookupError: it does not.
    """
    if isinstance(data, dict):
        return key
    if not isinstance(data, list):
        raise LookupError(f"{'.'.join(keys)}: what holds {key!r} is neither a mapping nor a list")
    if not key.isdecimal() or int(key) >= len(data):
        raise LookupError(f"{'.'.join(keys)}: {key!r} is no position in a list of {len(data)}; they count from 0")
    return int(key)


def known(data: dict[str, Any], variables: Mapping[str, str]) -> dict[str, str]:
    """Of these variables those that the job has."""
    own = data.get("vars")
    return {name: value for name, value in variables.items() if name in own} if isinstance(own, dict) else {}


def with_variables(data: dict[str, Any], places: Places, variables: Mapping[str, str]) -> Iterator[Finding]:
    """Sets variables. A value is text; it is YAML where the job's own is a number, truth value or list.

    So `--var pit=007` stays what was typed, and `--var pages=20` counts where the job says `pages: 5`.
    """
    own = data.get("vars") if isinstance(data.get("vars"), dict) else {}
    for name, value in variables.items():
        spot = Spot(file=f"--var {name}")
        if own is None or name not in own:
            message = f'the job has no variable "{name}"{did_you_mean(name, own or ())}'
            yield Finding(("vars", name), message, spot=spot)
            continue
        try:
            own[name] = value if own[name] is None or isinstance(own[name], str) else yaml.value(value)
        except yaml.YamlError as error:
            yield Finding(("vars", name), str(error), spot=spot)
        places.moved(("vars", name), spot)
