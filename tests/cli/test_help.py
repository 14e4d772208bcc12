"""The help of each command: it fits a terminal, and shows how the command is called."""

from __future__ import annotations

import shlex
from typing import Any

import click
import pytest

from scraper.cli.main import COMMANDS, root


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_fits_eighty_columns_and_its_examples_are_calls(
    name: str, scraper: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    told = scraper(name, "--help")
    assert (told.code, [line for line in told.lines if len(line) > 80]) == (0, [])
    found = [line.strip() for line in told.lines if line.startswith(f"    scraper {name} ")]
    assert found
    for call in (each for line in found for each in line.split("&&")):
        words = shlex.split(call.partition(" > ")[0], comments=True)[1:]
        command = root.get_command(click.Context(root), words[0])
        assert command is not None
        command.make_context(words[0], words[1:], resilient_parsing=True)
