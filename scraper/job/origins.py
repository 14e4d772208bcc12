"""Each setting of a job with where it came from: its value as written, or the model's default. Pure.

Rules, start entries and the like are the job itself and have no defaults of their own worth telling: they stand as
they are written. A section of settings (`http`, `polite`, `files`, ...) is told key by key, also what nobody set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from scraper.job import yaml
from scraper.job.blanks import BLANK, blanked
from scraper.job.layers import JOB, PREFIX, Layers
from scraper.job.loaded import Loaded
from scraper.job.model import Job
from scraper.job.places import Path, Spot


@dataclass(frozen=True)
class Value:
    """One setting.

    Attributes:
        key: as `-o` takes it, `http.timeout.read`.
        value: as written; what looks like a secret is blanked.
        layer: "default", "config file", "job file", "environment", or "command line".
        source: file:line:column, the name of the variable, or the option; "" of a default.
    """

    key: str
    value: Any
    layer: str
    source: str


def of_job(loaded: Loaded, config: str = "") -> Iterator[Value]:
    """Every setting of a job in the order of the model; `config` is what the config file is called."""
    for path, value, is_set in _leaves(Job, loaded.data, ()):
        if not is_set:
            yield Value(_key(path), value, "default", "")
            continue
        spot = loaded.places.spot(path)
        yield Value(_key(path), blanked(value, path), *_source(spot, loaded.file, config))


def of_defaults(layers: Layers) -> Iterator[Value]:
    """What this machine lays around every job."""
    for path, value in _written(layers.defaults, ()):
        spot = layers.places.spot((JOB, *path))
        source = f"{layers.file}:{spot.line}:{spot.column}"
        yield Value(_key((JOB, *path)), blanked(value, path), "config file", source)
    for name, text in sorted(layers.environment.items()):
        path = tuple(name.removeprefix(PREFIX).lower().split("__"))
        yield Value(_key((JOB, *path)), blanked_text(text, path), "environment", name)


def blanked_pair(text: str, path: Path = ()) -> str:
    """KEY=VALUE as `-o` takes it, whose value is YAML; `path`: what KEY stands below."""
    key, equals, value = text.partition("=")
    return f"{key}{equals}{blanked_text(value, (*path, *key.strip().split('.')))}"


def blanked_text(text: str, path: Path) -> str:
    """A value that is YAML yet, as a variable or the command line says it; as it is where nothing is to be blanked."""
    try:
        value = yaml.value(text)
    except yaml.YamlError:
        value = text
    return text if blanked(value, path) == value else BLANK


def _key(path: Path) -> str:
    return ".".join(map(str, path))


def _source(spot: Spot, file: str, config: str) -> tuple[str, str]:
    if spot.file is None:
        return "job file", f"{file}:{spot.line}:{spot.column}"
    if spot.file.startswith(PREFIX):
        return "environment", spot.file
    if config and spot.file == config:
        return "config file", f"{config}:{spot.line}:{spot.column}"
    return "command line", spot.file


def _leaves(model: type[BaseModel], data: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, Any, bool]]:
    """Path, value, and whether it was set, of every key; a section of settings is opened."""
    for name, field in model.model_fields.items():
        key = field.alias or name
        inner, value = (*path, key), data.get(key)
        section = type(field.default) if isinstance(field.default, BaseModel) else None
        if section is not None and (key not in data or isinstance(value, Mapping)):
            yield from _leaves(section, value or {}, inner)
        elif key not in data:
            if not field.is_required():
                yield inner, _plain(field.default), False
        elif isinstance(value, Mapping):
            yield from ((at, one, True) for at, one in _written({key: value}, path))
        else:
            yield inner, value, True


def _written(data: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, Any]]:
    """The leaves of mappings; lists stand as they are."""
    for key, value in data.items():
        if isinstance(value, Mapping) and value:
            yield from _written(value, (*path, key))
        else:
            yield (*path, key), value


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
