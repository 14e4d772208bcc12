"""The examples of docs/jobs.md: each is run against the fixture site and held to what stands below it."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scraper.cli.main import cli
from scraper.server import Server
from scraper.server.fixture import fixture_site

DOCUMENT = Path(__file__).parents[2] / "docs" / "jobs.md"
_EXAMPLE = re.compile(r"```yaml\n(name: .*?)```\n([^\n`]*)\n(?:```json\n(.*?)```)?", re.DOTALL)
_COUNTS = re.compile(r"(\d+) records?(?:, (\d+) files?)?")
BASE = "http://127.0.0.1:8000"


@dataclass(frozen=True)
class Example:
    """A job, and what is told of it: how many records and files, and the first record."""

    name: str
    job: str
    told: str
    first: dict[str, Any] | None

    @property
    def is_run(self) -> bool:
        return self.told != "Validated."


def examples() -> Iterator[Example]:
    for job, told, first in _EXAMPLE.findall(DOCUMENT.read_text("utf-8").partition("\n## Examples\n")[2]):
        name = job.partition("\n")[0].removeprefix("name: ")
        yield Example(name, job, told, json.loads(first) if first else None)


EXAMPLES = {each.name: each for each in examples()}
KEYS = (
    *("sitemap", "match", "since", "feed", "records", "for", "until", "offset", "cursor", "link", "form", "token"),
    *("save_cookies", "cookies_from_browser", "proxies", "parser", "max_pages", "priority", "nofollow", "canonical"),
    *("each", "item", "expect", "filled", "drop", "on_finish", "gone", "archive"),
    *("tests", "tape", "vars", "time", "limit", "faults", "pages", "records", "match", "names", "endings", "warnings"),
)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(fixture_site()) as server:
        yield server


def run(example: Example, server: Server, folder: Path) -> int:
    path = folder / f"{example.name}.yaml"
    path.write_text(example.job, "utf-8")
    wanted = re.search(r"records: ([a-z-]+),", example.job)
    if wanted is not None:
        assert run(EXAMPLES[wanted[1]], server, folder) == 0
    return cli(["run", str(path), "--var", f"base={server.url}", "-q"])


def records(output: Path) -> list[dict[str, Any]]:
    if (output / "notes.csv").exists():
        with (output / "notes.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    return [json.loads(line) for line in (output / "records.jsonl").read_text("utf-8").splitlines()]


@pytest.mark.parametrize("name", [name for name, each in EXAMPLES.items() if each.is_run])
def test_an_example_gives_what_the_document_says(
    name: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    example, output = EXAMPLES[name], tmp_path / "output" / name
    code, found = run(example, server, tmp_path), records(output)
    files = [path for path in output.rglob("*") if path.is_file() and ".scraper" not in path.parts]
    expected = _COUNTS.match(example.told)
    assert expected is not None, example.told
    assert (code, len(found), len(files) - 1) == (0, int(expected[1]), int(expected[2] or 0))
    if example.first is not None:
        own = {key: value for key, value in found[0].items() if not key.startswith("_")}
        assert own == json.loads(json.dumps(example.first).replace(BASE, server.url))


@pytest.mark.parametrize("name", [name for name, each in EXAMPLES.items() if "\ntests:" in each.job])
def test_an_example_with_tests_is_met_by_its_tape_with_the_site_gone(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "job.yaml").write_text(EXAMPLES[name].job, "utf-8")
    with Server(fixture_site()) as server:
        assert cli(["record", "-q", "job.yaml", "--var", f"base={server.url}"]) == 0
    assert cli(["test", "job.yaml"]) == 0


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_a_valid_job(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "job.yaml").write_text(EXAMPLES[name].job, "utf-8")
    assert cli(["validate", "-q", "job.yaml"]) == 0


@pytest.mark.parametrize("key", KEYS)
def test_every_key_stands_in_the_document(key: str) -> None:
    assert re.search(rf"\b{key}\b", DOCUMENT.read_text("utf-8"))
