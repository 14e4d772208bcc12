"""What a shell is told when it asks what may follow."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.shell_completion import BashComplete

from scraper.cli.completion import SHELLS, VARIABLE
from scraper.cli.main import COMMANDS, COMPLETE, root


@pytest.fixture
def asked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`asked("run", "bo")`: the words that may stand in the place of the last one."""
    monkeypatch.setenv(VARIABLE, "bash_complete")

    def ask(*words: str) -> list[str]:
        *before, incomplete = words
        shell = BashComplete(root, {"auto_envvar_prefix": "SCRAPER"}, "scraper", VARIABLE)
        return [each.value for each in shell.get_completions(list(before), incomplete)]

    return ask


def test_commands_and_options(asked: Any) -> None:
    assert asked("va") == ["validate"]
    assert set(asked("")) == set(COMMANDS)
    assert asked("run", "--fr") == ["--fresh"]
    assert asked("completion", "") == list(SHELLS)
    assert asked("--conf") == ["--config"]


def test_job_files(asked: Any, folder: Path) -> None:
    (folder / "jobs").mkdir()
    for name in ("books.yaml", "bones.yml", "other.txt"):
        (folder / "jobs" / name).touch()
    assert asked("run", "jobs/bo") == ["jobs/bones.yml", "jobs/books.yaml"]
    assert asked("validate", "jobs/books.yaml", "jobs/") == ["jobs/bones.yml", "jobs/books.yaml"]
    assert asked("jobs/boo") == ["jobs/books.yaml"]
    assert asked("jobs/books.yaml", "--fr") == ["--fresh"]


def test_runs_of_the_folder_that_is_named(asked: Any, folder: Path) -> None:
    for name in ("20260101T000000Z", "20260102T000000Z"):
        (folder / "out" / ".scraper" / "runs" / name).mkdir(parents=True)
    (folder / "out" / ".scraper" / "ledger.db").touch()
    assert asked("export", "-d", "out", "--run", "2026") == ["20260102T000000Z", "20260101T000000Z"]
    assert asked("export", "-d", "none", "--run", "2026") == []


def test_classes_of_failures(asked: Any) -> None:
    assert asked("retry", "job.yaml", "--class", "ti") == ["timeout"]
    assert asked("retry", "job.yaml", "--class", "dns,http:") == ["dns,http:4xx", "dns,http:5xx", "dns,http:404"]


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_of_each_shell(shell: str, scraper: Any, folder: Path) -> None:
    told = scraper("completion", shell)
    assert (told.code, COMPLETE in told.out) == (0, True)
    if shutil.which(shell) is not None:
        (folder / "script").write_text(told.out)
        subprocess.run([shell, "-n", "script"], check=True)
