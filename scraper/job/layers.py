"""What a machine lays around its job files: defaults of the config file below them, SCRAPER_JOB__* over them. Pure.

    default  <  `job:` of the config file  <  the job file  <  SCRAPER_JOB__HTTP__TIMEOUT__READ=5  <  -o and --var

Mappings are laid into each other key by key; any other value is taken whole, and so is what only makes sense as a
whole (`http.auth`, a command of `on_finish`). Each value keeps the spot where it was written, so that a mistake is
told there, and `scraper config show` can say where a value came from. What makes a job this job and no other, and what
belongs to one site, is no default for all: that is a mistake in the config file.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from scraper.job import options
from scraper.job.blanks import blanked
from scraper.job.fields import is_template
from scraper.job.places import HOOKS, Finding, Path, Places, Spot

PREFIX = "SCRAPER_JOB__"
"""How the names of variables that set a key of the job begin; `__` parts its keys."""

JOB = "job"
"""The key of the config file under which the defaults stand."""

_OF_ONE_JOB = ("name", "about", "dest", "vars", "login", "start", "rules", "tests", "schedule")
_OF_ONE_SITE = ("auth", "cookies", "save_cookies", "cookies_from_browser", "origins")
_WHOLE = frozenset({("http", "auth"), ("http", "proxies"), ("notify",), *((hook,) for hook in HOOKS)})
_PATHS = (("http", "verify"), ("http", "cert"), ("metrics", "textfile"))
_PASSWORD = re.compile(r"//[^/@\s:{]*:[^/@\s{]+@")


@dataclass(frozen=True)
class Layers:
    """The layers around every job file.

    Attributes:
        file: the config file, as it is called; "" where there is none.
        defaults: its `job:`, and `places` where each key of it stands (below `job`).
        environment: the variables that begin with `PREFIX`.
    """

    file: str = ""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    places: Places = field(default_factory=lambda: Places(""))
    environment: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.defaults or self.environment)

    def lay(self, data: dict[str, Any], places: Places) -> Iterator[Finding]:
        """Lays both around the data of a job, in place; gives what is wrong with the variables."""
        self._below(data, places, self.defaults, ())
        for name, text in sorted(self.environment.items()):
            keys = [key for key in name.removeprefix(PREFIX).split("__") if key]
            spot = Spot(file=name)
            if not keys:
                yield Finding((), f"name a key, as in {PREFIX}HTTP__TIMEOUT__READ=5", spot=spot)
                continue
            yield from options.lay(data, places, _as_written(data, keys), text, spot)

    def _below(self, data: dict[str, Any], places: Places, given: Mapping[str, Any], path: Path) -> None:
        for key, value in given.items():
            inner = (*path, key)
            if key not in data:
                data[key] = copy.deepcopy(value)
                self._place(places, inner)
            elif isinstance(value, Mapping) and isinstance(data[key], dict) and inner not in _WHOLE:
                self._below(data[key], places, value, inner)

    def _place(self, places: Places, path: Path) -> None:
        """Notes the spots of a value, and of all in it."""
        where: Path = (JOB, *path)
        for given, noted in ((self.places.keys, places.keys), (self.places.values, places.values)):
            for at, spot in given.items():
                if at[: len(where)] == where:
                    noted[at[1:]] = Spot(spot.line, spot.column, self.file)


def _as_written(data: Any, keys: Iterable[str]) -> list[str]:
    """The keys of a variable's name as the job spells them; else in lower case, as all known keys are."""
    found = []
    for key in keys:
        known = data if isinstance(data, dict) else {}
        found.append(next((each for each in known if each.lower() == key.lower()), key.lower()))
        data = known.get(found[-1])
    return found


def wrong_defaults(data: Mapping[str, Any]) -> Iterator[Finding]:
    """What may not stand below `job:` of a config file, or not so."""
    for name in _OF_ONE_JOB:
        if name in data:
            yield Finding((JOB, name), f"{name} belongs to one job; it is no default for all", on_key=True)
    http = data.get("http")
    if not isinstance(http, Mapping):
        return
    for name in _OF_ONE_SITE:
        if name in http:
            message = f"{name} belongs to one site, and every job would send it; write it into the job"
            yield Finding((JOB, "http", name), message, on_key=True)
    yield from _bare_secrets(http)


def _bare_secrets(http: Mapping[str, Any]) -> Iterator[Finding]:
    """Secrets that stand there themselves: they come through `env` and `secret_file` only."""
    headers, proxies = http.get("headers"), http.get("proxies")
    cure = "a secret stands here as \"{{ env('NAME') }}\" or \"{{ secret_file('PATH') }}\""
    for name, value in headers.items() if isinstance(headers, Mapping) else ():
        if blanked(value, ("http", "headers", str(name))) != value:
            yield Finding((JOB, "http", "headers", name), cure)
    each: Iterable[tuple[Any, Any]] = proxies.items() if isinstance(proxies, Mapping) else ()
    for key, value in enumerate(proxies) if isinstance(proxies, list) else each:
        if isinstance(value, str) and _PASSWORD.search(value):
            yield Finding((JOB, "http", "proxies", key), cure)


def with_paths(data: dict[str, Any], folder: Any) -> None:
    """Makes the paths among the defaults those of the config file's folder (a `pathlib.Path`), in place."""
    for section, name in _PATHS:
        held = data.get(section)
        if not isinstance(held, dict) or name not in held:
            continue
        value = held[name]
        if isinstance(value, str) and not is_template(value):
            held[name] = str(folder / value)
        elif isinstance(value, list):
            held[name] = [str(folder / one) if isinstance(one, str) and not is_template(one) else one for one in value]
