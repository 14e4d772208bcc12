"""What one run of one program gave, how files are judged, and the JSON in which results are kept."""

from __future__ import annotations

import hashlib
import json
import os
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.measure import Usage
from bench.peers import Want

OURS = {"ours / it": "scraper"}
"""The heading under which a program of ours is compared with every other, and that program."""


@dataclass(frozen=True)
class Checked:
    """Files that are right by SHA-256, and their bytes; that stand there and are not; that are not there."""

    right: int = 0
    wrong: int = 0
    missing: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class Result:
    """One run of one program.

    Attributes:
        usage: What it used. checked: what it left.
        others: CPU seconds of everything but the program and the server, for each second of the run.
        server: CPU seconds of the server, for each second of the run.
        extra: More figures, by the heading of their column.
        note: Its last words, where it did not end with 0.
    """

    peer: str
    round: int
    usage: Usage
    checked: Checked
    others: float = 0.0
    server: float = 0.0
    extra: dict[str, float] = field(default_factory=dict)
    note: str = ""

    def rate(self, unit: str) -> float:
        """Right files (or pages), or MB (10^6 bytes) of right files, for each second of the whole process."""
        done = self.checked.bytes / 1e6 if unit == "MB/s" else self.checked.right
        return done / self.usage.seconds

    def cost(self, unit: str) -> float:
        """CPU: microseconds for each right file, or seconds for each 10^9 bytes; infinite where nothing is right."""
        done = self.checked.bytes / 1e9 if unit == "MB/s" else self.checked.right / 1e6
        return self.usage.cpu / done if done else float("inf")


@dataclass(frozen=True)
class Measured:
    """All runs of one case of a workload.

    Attributes:
        unit: files/s, pages/s, URLs/s or MB/s. bound: the best that any program could reach, in that unit, or None.
        total: Files that are to be right. left_out: why a program is not among the results.
        ours: Headings, and which program of ours is compared under each.
    """

    workload: str
    title: str
    unit: str
    about: str
    total: int
    bytes: int
    bound: float | None = None
    results: list[Result] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    ours: dict[str, str] = field(default_factory=lambda: dict(OURS))

    def of(self, peer: str) -> list[Result]:
        """The runs of one program, in their order."""
        return [result for result in self.results if result.peer == peer]

    def peers(self) -> list[str]:
        """The programs that ran."""
        return list(dict.fromkeys(result.peer for result in self.results))


@dataclass(frozen=True)
class Spread:
    """Median and range."""

    middle: float
    least: float
    most: float


def spread(values: Iterable[float]) -> Spread:
    """Median and range of at least one value."""
    known = list(values)
    return Spread(statistics.median(known), min(known), max(known))


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Spread | None:
    """Ours over theirs, round by round; None where no round has both, infinite where theirs is nothing."""
    pairs = list(zip(ours, theirs, strict=False))
    return spread(a / b if b else float("inf") for a, b in pairs) if pairs else None


def judge(dest: Path, wants: Sequence[Want], *, named: bool = True) -> Checked:
    """Compares what stands below DEST with what was wanted.

    A file that the server does not have must not stand there. Where a program names files in its own way, each
    content that is found counts once, and a file that holds nothing wanted is not judged (it may be a note of its own).
    """
    if not named:
        return _judge_contents(dest, wants)
    right = wrong = missing = size = 0
    for want in wants:
        found = digest(dest / want.name)
        if found is None:
            missing += bool(want.sha256)
        elif found == want.sha256:
            right, size = right + 1, size + want.size
        else:
            wrong += 1
    return Checked(right, wrong, missing, size)


def _judge_contents(dest: Path, wants: Sequence[Want]) -> Checked:
    wanted = {want.sha256: want.size for want in wants if want.sha256}
    found = {digest(Path(folder) / name) for folder, _, names in os.walk(dest) for name in names}
    right = found & wanted.keys()
    return Checked(len(right), 0, len(wanted) - len(right), sum(wanted[one] for one in right if one))


def digest(path: Path) -> str | None:
    """SHA-256 in hex; None where there is no file."""
    try:
        with path.open("rb", buffering=0) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return None


def load(path: Path) -> dict[str, Any]:
    """The results kept in a file; none where there is none."""
    known: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    known["cases"] = [revive(case) for case in known.get("cases", [])]
    return known


def save(path: Path, known: dict[str, Any]) -> None:
    """Keeps results; written whole, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    plain = {**known, "cases": [asdict(case) for case in known["cases"]]}
    part.write_text(json.dumps(plain, indent=1), "utf-8")
    part.replace(path)


def revive(plain: dict[str, Any]) -> Measured:
    """A case out of JSON."""
    results = [
        Result(**{**one, "usage": Usage(**one["usage"]), "checked": Checked(**one["checked"])})
        for one in plain["results"]
    ]
    return Measured(**{**plain, "results": results})
