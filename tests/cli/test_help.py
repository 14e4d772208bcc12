"""The help of each command: it fits a terminal, and shows how the command is called."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from scraper.cli.main import COMMANDS, USES, root

SCREEN = 50
"""Lines of a terminal that is not small."""


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_fits_eighty_columns_and_its_examples_are_calls(
    name: str, scraper: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    told = scraper(name, "--help")
    assert (told.code, [line for line in told.lines if len(line) > 80]) == (0, [])
    assert len(told.lines) <= SCREEN
    found = [line.strip() for line in told.lines if line.startswith(f"    scraper {name} ")]
    assert found
    for call in (each for line in found for each in line.split("&&")):
        words = shlex.split(call.partition(" > ")[0], comments=True)[1:]
        command = root.get_command(click.Context(root), words[0])
        assert command is not None
        command.make_context(words[0], words[1:], resilient_parsing=True)


def test_the_help_of_all_fits_a_screen_and_groups_every_command_by_use(
    scraper: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    told = scraper("--help")
    assert (told.code, [line for line in told.lines if len(line) > 80]) == (0, [])
    assert len(told.lines) <= SCREEN
    assert sorted(name for names in USES.values() for name in names) == sorted(COMMANDS)


def test_without_arguments_the_help_is_shown(scraper: Any) -> None:
    told = scraper()
    assert (told.code, told.out, told.err.startswith("Usage: scraper [OPTIONS] COMMAND")) == (2, "", True)


@pytest.mark.parametrize(
    ("args", "hint"),
    [
        (["rnu"], 'no such command: "rnu"; did you mean "run"?'),
        (["run", "job.yaml", "--freshh"], "--fresh"),
        (["schedule", "shwo"], "show"),
        (["config", "shwo"], "show"),
    ],
)
def test_a_slip_is_told_with_what_was_meant(args: list[str], hint: str, scraper: Any) -> None:
    told = scraper(*args)
    assert (told.code, told.out) == (2, "")
    assert hint in told.err


@pytest.mark.parametrize("args", [["--help"], ["run", "--help"], pytest.param(["schema"], marks=pytest.mark.slow)])
def test_a_full_disk_behind_our_output_is_exit_5_and_a_reader_that_is_gone_130(args: list[str], folder: Path) -> None:
    command = [sys.executable, "-m", "scraper", *args]
    path = os.pathsep.join(each for each in sys.path if each)
    with open("/dev/full", "w") as full:
        told = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}
        )
    assert (told.returncode, told.stderr) == (5, "scraper: what takes our output is full: No space left on device\n")
    read, write = os.pipe()
    os.close(read)
    gone = subprocess.run(
        command, stdout=write, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}
    )
    os.close(write)
    assert (gone.returncode, gone.stderr) == (130, "")
