"""The walks of README.md and docs/testing.md: each command is run as it stands there, and says what stands below it.

What stands below a command need not be all that it says; `…` is what is left out. Times, sizes and names of runs are
not compared.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from scraper.cli.main import cli
from scraper.server import Server
from scraper.server.faults import read_faults
from scraper.server.fixture import fixture_site

ROOT = Path(__file__).parents[2]
SITE = "http://127.0.0.1:8000"
WALKS = {"README.md": "\n## Testing a job\n", "docs/testing.md": "\n## The walk\n"}
_BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
_STEP = re.compile(r"^\$ (.*<<'END'\n(?:.*\n)*?END|.*)\n((?:[^$\n].*\n)*)", re.MULTILINE)
_MEASURED = re.compile(r"\bnow\b|\d+(?:\.\d+)? (?:kB|(?:s|min|h)(?: ago)?)\b|\d{8}T\d{6}Z-[0-9a-f]{4}")
NOT_HERE = ("scraper serve", "kill", "pytest")
"""The server is one of this test, and pytest has tests of its own."""


def steps(document: str, heading: str) -> Iterator[tuple[str, list[str]]]:
    """Commands below a heading, and the lines that stand below them."""
    text = (ROOT / document).read_text("utf-8").partition(heading)[2].partition("\n## ")[0]
    for block in _BLOCK.findall(text):
        yield from ((command, told.splitlines()) for command, told in _STEP.findall(block))


def plain(text: str) -> str:
    """Without what is measured: sizes of tapes, seconds and runs, and the blanks that they take."""
    return re.sub(r" +", " ", _MEASURED.sub("#", text)).rstrip()


def untold(told: list[str], said: str, server: Server) -> list[str]:
    """The lines of a document that a command did not print."""
    lines = {plain(line) for line in said.replace(server.url, SITE).splitlines()}
    return [line for line in told if plain(line) not in lines and line != "…"]


@pytest.fixture
def first_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The job that README.md begins with, in the current folder."""
    monkeypatch.chdir(tmp_path)
    (text,) = re.findall(r"```yaml\n# books.yaml\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    (tmp_path / "books.yaml").write_text(text, "utf-8")
    return tmp_path / "books.yaml"


def at(job: Path, server: Server) -> None:
    """Has a job read this server."""
    job.write_text(job.read_text("utf-8").replace(SITE, server.url), "utf-8")


def test_the_readme_begins_with_a_job_that_does_what_it_says(
    first_job: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head = (ROOT / "README.md").read_text("utf-8").partition("\n## ")[0]
    ((command, told),) = _STEP.findall("".join(_BLOCK.findall(head)))
    with Server(fixture_site()) as server:
        at(first_job, server)
        assert cli(shlex.split(command)[1:]) == 0
        assert untold(told.splitlines(), "".join(capsys.readouterr()), server) == []
    left = re.findall(r"(?m)^(output/books/\S+)", head.partition("on disk")[2])
    assert [path for path in left if not Path(path).exists()] == []
    record = json.loads(Path("output/books/records.jsonl").read_text("utf-8").splitlines()[-1])
    assert [*record][:2] == ["title", "price"]


def test_the_morning_after_is_as_the_readme_says(first_job: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the night, one cover was answered with 503 until all attempts were used."""
    site = fixture_site()
    site.lay(read_faults([{"url": "*/covers/odyssey.png", "do": "status", "code": 503, "times": 5, "retry_after": 0}]))
    with Server(site) as server:
        at(first_job, server)
        first_job.write_text(first_job.read_text("utf-8") + 'schedule: "0 3 * * *"\n', "utf-8")
        assert cli(["run", "books.yaml", "-q"]) == 4
        capsys.readouterr()
        found = list(steps("README.md", "\n## The morning after\n"))
        for command, told in found:
            assert cli(shlex.split(command.replace(SITE, server.url), comments=True)[1:]) == 0, command
            said = "".join(capsys.readouterr())
            assert untold(told, said, server) == [], said
    assert [command.split()[1] for command, _ in found] == ["status", "why", "retry", "report"]


@pytest.mark.parametrize("document", ["README.md", pytest.param("docs/testing.md", marks=pytest.mark.slow)])
def test_a_walk_is_what_happens(
    document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    found = [step for step in steps(document, WALKS[document]) if not step[0].startswith(NOT_HERE)]
    assert len(found) >= 5
    with Server(fixture_site()) as server:
        for command, told in found:
            if not command.startswith("scraper "):
                subprocess.run(["sh", "-c", command], check=True)
                continue
            cli(shlex.split(command, comments=True)[1:])
            if command.startswith("scraper init"):
                job = Path("books.yaml")
                job.write_text(job.read_text("utf-8").replace(SITE, server.url), "utf-8")
            if command.startswith("scraper record"):
                server.close()
            said = "".join(capsys.readouterr())
            assert untold(told, said, server) == [], said
