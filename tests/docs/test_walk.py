"""The walks of README.md and docs/testing.md: each command is run as it stands there, and says what stands below it."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from scraper.cli.main import cli
from scraper.server import Server
from scraper.server.fixture import fixture_site

ROOT = Path(__file__).parents[2]
SITE = "http://127.0.0.1:8000"
WALKS = {"README.md": "\n## Testing a job\n", "docs/testing.md": "\n## The walk\n"}
_BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
_STEP = re.compile(r"^\$ (.*<<'END'\n(?:.*\n)*?END|.*)\n((?:[^$\n].*\n)*)", re.MULTILINE)
_MEASURED = re.compile(r"\d+\.\d+ (?:kB|s)\b")
NOT_HERE = ("scraper serve", "kill", "pytest")
"""The server is one of this test, and pytest has tests of its own."""


def steps(document: str) -> Iterator[tuple[str, list[str]]]:
    """Commands, and the lines that stand below them."""
    text = (ROOT / document).read_text("utf-8").partition(WALKS[document])[2].partition("\n## ")[0]
    for block in _BLOCK.findall(text):
        yield from ((command, told.splitlines()) for command, told in _STEP.findall(block))


def plain(text: str) -> str:
    """Without what is measured: sizes of tapes and seconds."""
    return _MEASURED.sub("#", text).rstrip()


@pytest.mark.parametrize("document", ["README.md", pytest.param("docs/testing.md", marks=pytest.mark.slow)])
def test_a_walk_is_what_happens(
    document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    found = [step for step in steps(document) if not step[0].startswith(NOT_HERE)]
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
            said = plain("".join(capsys.readouterr()).replace(server.url, SITE)).splitlines()
            assert [plain(line) for line in told if plain(line) not in said] == [], said
