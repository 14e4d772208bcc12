"""A job with the wrong values taken out, so that the rest of it can be checked in the same breath. Pure.

What is taken out leaves something harmless where others may point at it or count on its
position: an item's field stays a field, a rule a rule. The repaired job is never run.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from scraper.job.places import Finding, Path

_URL = "http://localhost/"
_SELECTOR = {"template": "-"}


def repaired(data: dict[str, Any], findings: Iterable[Finding]) -> dict[str, Any]:
    """A copy without what the findings are about; deepest first, so that the paths hold."""
    data = copy.deepcopy(data)
    for finding in sorted(findings, key=lambda one: [(str(type(s)), s) for s in one.path], reverse=True):
        _mend(data, finding.path)
    return data


def _mend(data: dict[str, Any], path: Path) -> None:
    for length in (len(path), len(path) - 1):
        if (stand_in := _stand_in(path[:length])) is not None:
            _put(data, path[:length], stand_in)
            return
    _drop(data, path)


def _stand_in(path: Path) -> Any:
    """What takes the place of a value that others may point at; None where it can go."""
    match path:
        case ("name",):
            return "job"
        case ("start",):
            return [_URL]
        case ("start", int()):
            return _URL
        case ("rules", _):
            return {}
        case ("rules", _, "item" | "follow", _) | ("login", int(), "save", _):
            return dict(_SELECTOR)
        case ("rules", _, "files", int()):
            return {"select": dict(_SELECTOR)}
        case ("login", int()):
            return {"get": _URL}
        case ("on_finish" | "on_failure" | "on_file", int()):
            return ["true"]
    return None


def _put(data: Any, path: Path, value: Any) -> None:
    for step in path[:-1]:
        data = data[step] if _has(data, step) else {}
    if isinstance(data, dict) or _has(data, path[-1]):
        data[path[-1]] = value


def _drop(data: Any, path: Path) -> None:
    """Removes the value at a path; where there is none (a missing key), what should have held it."""
    parents = [data]
    for step in path[:-1]:
        if not _has(parents[-1], step):
            break
        parents.append(parents[-1][step])
    for parent, step in reversed(list(zip(parents, path, strict=False))):
        if _has(parent, step):
            del parent[step]
            return


def _has(data: Any, step: str | int) -> bool:
    if isinstance(data, dict):
        return step in data
    return isinstance(data, list) and isinstance(step, int) and step < len(data)
