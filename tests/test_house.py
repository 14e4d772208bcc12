"""The house (docs/design.md, The house): no import upward, one door for each outside thing."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "scraper"

# Longest prefix wins. A module imports from floors below it, or from inside its own package.
FLOORS = {
    "scraper": 0,
    "scraper.errors": 0,
    "scraper.model": 0,
    "scraper.secrets": 0,
    "scraper.units": 0,
    "scraper.urls": 0,
    "scraper.values": 0,
    "scraper.job": 1,
    "scraper.job.parts": 0,
    "scraper.job.after": 0,
    "scraper.job.model": 0,
    "scraper.job.faults": 2,
    "scraper.job.layers": 2,
    "scraper.job.load": 2,
    "scraper.job.yaml": 2,
    "scraper.job.options": 2,
    "scraper.page": 1,
    "scraper.files": 1,
    "scraper.files.carry": 2,
    "scraper.files.parts": 2,
    "scraper.net": 2,
    "scraper.net.decode": 1,
    "scraper.net.hosts.adaptive": 1,
    "scraper.net.hosts.breaker": 1,
    "scraper.net.hosts.fair": 1,
    "scraper.net.hosts.policy": 1,
    "scraper.net.pace": 1,
    "scraper.net.proxylist": 1,
    "scraper.net.redirect": 1,
    "scraper.net.retry": 1,
    "scraper.net.robotstxt": 1,
    "scraper.net.setcookie": 1,
    "scraper.state": 2,
    "scraper.lists": 2,
    "scraper.lists.axes": 1,
    "scraper.lists.plain": 1,
    "scraper.records": 1,
    "scraper.records.sqlite": 2,
    "scraper.server": 2,
    "scraper.server.http1": 1,
    "scraper.samples": 2,
    "scraper.crew": 3,
    "scraper.fetch": 3,
    "scraper.download": 3,
    "scraper.probe": 3,
    "scraper.tape": 1,
    "scraper.tape.reading": 2,
    "scraper.tape.records": 2,
    "scraper.tape.source": 2,
    "scraper.tape.spool": 2,
    "scraper.tape.strangers": 2,
    "scraper.tape.tail": 2,
    "scraper.tape.warc": 2,
    "scraper.tape.writing": 2,
    "scraper.tape.body": 2,
    "scraper.tape.recorder": 3,
    "scraper.tape.standins": 3,
    "scraper.tape.site": 3,
    "scraper.report": 3,
    "scraper.run": 4,
    "scraper.run.advice": 1,
    "scraper.testing": 5,
    "scraper.cli": 6,
    "scraper.__main__": 6,
}

DOORS = {
    "requests": {"scraper.net.session"},
    "sqlite3": {
        "scraper.state.db",
        "scraper.server.fixture.shop",  # a small site of its own
        "scraper.records.sqlite",  # records for people; a file that is written once and is no ledger
    },
    "yaml": {"scraper.job.yaml"},
    "jinja2": {"scraper.job.template"},
    "click": {"scraper.cli"},
    # Client side, listening side, questions by hand, and the guard of tests.
    "socket": {"scraper.net.wire", "scraper.server", "scraper.probe", "scraper.testing.loopback"},
    "tqdm": {"scraper.cli.show"},
    "tenacity": {"scraper.net.retry"},
    "filelock": {"scraper.state.lock"},
    "cronsim": {"scraper.job.after", "scraper.run.schedule"},  # a line is checked, and asked for its times
    "pycurl": {"scraper.net.curl"},
    "pyarrow": {"scraper.lists.parquet", "scraper.records.parquet"},  # rows in, records out
    "feedparser": {"scraper.page.feed"},
    "yt_dlp": {"scraper.net.cookiefile"},
    "selectolax": {"scraper.page.lexbor"},
    "warcio": {"scraper.tape.writing"},
    "cryptography": {"scraper.server.certificate", "scraper.probe"},
    "apprise": {"scraper.run.services"},
    "PIL": {"scraper.report.pictures"},
    "pytest": {"scraper.testing"},
}


@cache
def modules() -> tuple[tuple[str, Path], ...]:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        found.append((name.removesuffix(".__init__"), path))
    return tuple(found)


@cache
def imports(path: Path, name: str) -> tuple[str, ...]:
    """Every module that a file imports, also inside functions; names imported from a package as modules."""
    return tuple(_imports(path, name))


def _imports(path: Path, name: str) -> Iterator[str]:
    known = {module for module, _ in modules()}
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relatively"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in known else str(node.module)


def longest(name: str, table: dict[str, int]) -> int:
    prefixes = [name.rsplit(".", cut)[0] for cut in range(name.count(".") + 1)]
    return next(table[prefix] for prefix in prefixes if prefix in table and (prefix != "scraper" or name == "scraper"))


def is_inside(module: str, place: str) -> bool:
    return module == place or module.startswith(f"{place}.")


@pytest.mark.parametrize(("name", "path"), modules(), ids=lambda value: str(value) if isinstance(value, str) else "")
def test_nothing_is_imported_from_a_floor_above(name: str, path: Path) -> None:
    own_package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    upward = [
        other
        for other in imports(path, name)
        if is_inside(other, "scraper")
        and not (own_package != "scraper" and is_inside(other, own_package))
        and longest(other, FLOORS) > longest(name, FLOORS)
    ]
    assert upward == []


@pytest.mark.parametrize("outside", DOORS)
def test_each_outside_thing_has_one_door(outside: str) -> None:
    strangers = [
        name
        for name, path in modules()
        if any(is_inside(other, outside) for other in imports(path, name))
        and not any(is_inside(name, door) for door in DOORS[outside])
    ]
    assert strangers == []


def test_every_door_is_used() -> None:
    imported = {other.partition(".")[0] for name, path in modules() for other in imports(path, name)}
    assert set(DOORS) <= imported


def test_imports_make_no_circle() -> None:
    graph = {name: {other for other in imports(path, name) if is_inside(other, "scraper")} for name, path in modules()}
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join((*way, name))
        if name not in done:
            for other in graph.get(name, set()) - {name}:
                visit(other, (*way, name))
            done.add(name)

    for name in graph:
        visit(name, ())
