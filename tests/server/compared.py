"""Answers of two servers side by side, and the tables of docs/compared.md in which their differences stand.

A row is `| requests | what | here | there | why |`: the requests by name, parted by commas, `all`, or `all but` some;
what is a header's name, `status`, `body` or `stays` (whether the connection is kept); `-` is nothing at all.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DOCUMENT = Path(__file__).parents[2] / "docs" / "compared.md"
NOTHING = "-"


@dataclass(frozen=True, order=True)
class Difference:
    """For one request, one thing that two servers do differently."""

    request: str
    what: str
    here: str
    there: str


@contextmanager
def running(command: list[str], ready: str, stream: str, **more: Any) -> Iterator[str]:
    """A server as a process, once a line of its `stdout` or `stderr` fits `ready`; what of it did."""
    pipes: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, stream: subprocess.PIPE}
    with subprocess.Popen(command, text=True, errors="replace", **pipes, **more) as process:
        try:
            yield next(match[0] for line in getattr(process, stream) if (match := re.search(ready, line)))
        finally:
            process.terminate()
            process.communicate(timeout=30)


def python(*arguments: str) -> list[str]:
    """A command that runs a module of this environment."""
    return [sys.executable, "-m", *arguments]


def compare(request: str, ours: Mapping[str, str], theirs: Mapping[str, str]) -> Iterator[Difference]:
    """What differs, by what there is in either; of answers with another status nothing but that, and `stays`."""
    alike = ours.get("status") == theirs.get("status")
    for what in sorted({*ours, *theirs}) if alike else ("status", "stays"):
        here, there = ours.get(what, NOTHING), theirs.get(what, NOTHING)
        if here != there:
            yield Difference(request, what, here, there)


def listed(heading: str, requests: Iterable[str]) -> set[Difference]:
    """The differences that the table below a heading tells."""
    text = DOCUMENT.read_text("utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    found = set()
    for line in text.splitlines():
        cells = [cell.strip().replace("\\|", "|").strip("`") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) != 5 or cells[1] in ("what", "---"):
            continue
        names, what, here, there, why = cells
        assert why, line
        found |= {Difference(name, what, here, there) for name in _meant(names, set(requests))}
    return found


def _meant(names: str, known: set[str]) -> set[str]:
    """The requests that the first cell of a row names."""
    if names == "all":
        return known
    told = set(names.removeprefix("all but ").split(", "))
    assert told <= known, f"no such requests: {told - known}"
    return known - told if names.startswith("all but ") else told


def rows(differences: Iterable[Difference]) -> str:
    """The table's lines for these, without the reason; for who mends the document."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for one in sorted(differences):
        groups.setdefault((one.what, one.here, one.there), []).append(one.request)
    return "\n".join(
        f"| {_cell(', '.join(names))} | {what} | {_cell(here)} | {_cell(there)} | |"
        for (what, here, there), names in groups.items()
    )


def _cell(text: str) -> str:
    return "`" + text.replace("|", "\\|") + "`"
