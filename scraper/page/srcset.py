"""The `srcset` attribute (HTML 4.8.4.2.2 to 4.8.4.2.4): parsed, and a candidate chosen."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_WHITE = " \t\n\f\r"
_URL = re.compile(rf"[{_WHITE},]*([^{_WHITE}]+)")
# One descriptor: commas and white space end it, save inside brackets; an open bracket holds all that follows.
_DESCRIPTOR = re.compile(rf"[{_WHITE}]*((?:\([^)]*(?:\)|\Z)|[^{_WHITE},(])*)")
# HTML 2.3.4.1 and 2.3.4.3: valid non-negative integers and floating-point numbers.
_INTEGER = re.compile(r"[0-9]+")
_FLOAT = re.compile(r"-?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_VIEWPORT = 1280.0  # px, a common width of windows; only `pick` needs one


@dataclass(frozen=True, slots=True)
class Candidate:
    """One source of an image.

    Attributes:
        url: as written, not yet absolute.
        width: in pixels, from a `w` descriptor, or None.
        density: in device pixels for each pixel, from an `x` descriptor, or None.
    """

    url: str
    width: int | None = None
    density: float | None = None


def srcset(text: str) -> list[Candidate]:
    """The candidates of a srcset; those that break its rules are left out, as browsers do. Never raises."""
    return list(_candidates(text))


def _candidates(text: str) -> Iterator[Candidate]:
    at = 0
    while found := _URL.match(text, at):
        url, at = found[1].rstrip(","), found.end()
        descriptors: list[str] = []
        if url == found[1]:
            descriptors, at = _descriptors(text, at)
        if url and (candidate := _candidate(url, descriptors)):
            yield candidate


def _descriptors(text: str, at: int) -> tuple[list[str], int]:
    """The descriptors from `at` to the next comma, and where it stands."""
    descriptors: list[str] = []
    while (found := _DESCRIPTOR.match(text, at)) and found[1]:
        descriptors.append(found[1])
        at = found.end()
    return descriptors, found.end() if found else at


def _candidate(url: str, descriptors: Iterable[str]) -> Candidate | None:
    """The candidate, or None where a descriptor is wrong, double, or does not go with another one."""
    values: dict[str, float] = {}
    for descriptor in descriptors:
        kind, value = descriptor[-1], _value(descriptor[:-1], descriptor[-1])
        if value is None or kind in values or {kind, *values} > {"x"}:
            return None
        values[kind] = value
    if "h" in values and "w" not in values:
        return None
    width = values.get("w")
    return Candidate(url, None if width is None else int(width), values.get("x"))


def _value(number: str, kind: str) -> float | None:
    if kind == "x":
        value = float(number) if _FLOAT.fullmatch(number) else -1.0
        return value if value >= 0 else None
    if kind not in "wh" or not _INTEGER.fullmatch(number):
        return None
    value = float(number[:_LONGEST_NUMBER])
    return value if value > 0 else None


_LONGEST_NUMBER = 15  # digits a float holds exactly; no picture is wider


def pick(candidates: Iterable[Candidate], density: float = 1.0) -> Candidate | None:
    """The candidate a screen of this density takes: the least dense that suffices, else the densest."""
    known = list(candidates)
    enough = [one for one in known if _density(one) >= density]
    return min(enough, key=_density) if enough else max(known, key=_density, default=None)


def _density(candidate: Candidate) -> float:
    if candidate.width is not None:
        return candidate.width / _VIEWPORT
    return 1.0 if candidate.density is None else candidate.density


def best(candidates: Iterable[Candidate]) -> Candidate | None:
    """The widest candidate; where no widths are said, the densest; of equals the first."""
    return max(candidates, key=lambda one: (one.width or 0, _density(one)), default=None)
