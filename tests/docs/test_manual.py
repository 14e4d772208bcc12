"""docs/scraper.1 is made of the commands, and is what groff understands."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from scraper.cli.main import COMMANDS
from scraper.cli.manual import EXITS, page
from scraper.errors import Exit

DOCUMENT = Path(__file__).parents[2] / "docs" / "scraper.1"


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def test_the_page_is_current() -> None:
    """`make docs` writes it anew."""
    assert DOCUMENT.read_text("utf-8") == page()


def test_every_command_and_every_exit_code_is_told() -> None:
    told = page()
    assert [name for name in COMMANDS if f".SS scraper {name}" not in told] == []
    assert {code for code, _ in EXITS} == {*map(int, Exit), 99}


@pytest.mark.parametrize(
    ("tool", "options"), [("groff", ["-man", "-ww", "-Tutf8"]), ("mandoc", ["-T", "lint", "-W", "error"])]
)
def test_nothing_is_said_against_it(tool: str, options: list[str]) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    told = subprocess.run([tool, *options, str(DOCUMENT)], capture_output=True, text=True, check=True)
    assert told.stderr == ""
