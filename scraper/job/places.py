"""Where things stand in a job file: from a path, ("rules", "book", "next"), to line and column. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from scraper.errors import Mistake

Path = tuple[str | int, ...]
"""The way to a value from the top of the job: keys, and positions in lists from 0."""

HOOKS = ("on_finish", "on_failure", "on_file")
"""The keys of a job that hold commands."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in a text; line and column count from 1. `file` is given where it is not the job file."""

    line: int = 1
    column: int = 1
    file: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong, by its path.

    Attributes:
        on_key: whether the key is meant (unknown, missing, unreached), not the value.
        stops: whether anything else that is wrong at this path or below only follows from it.
        spot: the place, where it is neither the key's nor the value's own.
    """

    path: Path
    message: str
    on_key: bool = False
    warning: bool = False
    stops: bool = False
    spot: Spot | None = None


@dataclass(slots=True)
class Places:
    """The spots of all keys and values of one job file."""

    file: str
    keys: dict[Path, Spot] = field(default_factory=dict)
    values: dict[Path, Spot] = field(default_factory=dict)

    def spot(self, path: Path, *, on_key: bool = False) -> Spot:
        """The spot of a key or value; of the nearest one around it where it has none (a missing key)."""
        if not on_key and path in self.values:
            return self.values[path]
        for length in range(len(path), -1, -1):
            inner = path[:length]
            if found := self.keys.get(inner) or self.values.get(inner):
                return found
        return Spot()

    def moved(self, path: Path, spot: Spot) -> None:
        """Notes that a value (and all in it) comes from another place, as a command line option."""
        for table in (self.keys, self.values):
            for inner in [one for one in table if one[: len(path)] == path]:
                del table[inner]
        made = [path[:length] for length in range(1, len(path)) if path[:length] not in self.values]
        for inner in (*made, path):
            self.keys[inner] = self.values[inner] = spot

    def mistake(self, finding: Finding) -> Mistake:
        """The finding as it is told."""
        spot = finding.spot or self.spot(finding.path, on_key=finding.on_key)
        where = ".".join(map(str, finding.path))
        file = spot.file or self.file
        return Mistake(file, spot.line, spot.column, where, finding.message, finding.warning)


def without_consequences(findings: Iterable[Finding]) -> list[Finding]:
    """The findings, less those that only follow from another one."""
    given = list(dict.fromkeys(findings))
    stops = [one for one in given if one.stops]
    return [one for one in given if one.stops or not any(_covers(stop, one) for stop in stops)]


def _covers(stop: Finding, other: Finding) -> bool:
    return other.path[: len(stop.path)] == stop.path
