"""docs/getting-started.md: each command is run as it stands there, in order, and says what stands below it.

Once by this checkout, in process; and, slow, from a wheel that is installed in an empty environment.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scraper.cli.main import cli
from scraper.server import Server
from scraper.server.fixture import fixture_site

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "getting-started.md"
SITE = "http://127.0.0.1:8000"
FAILING = {
    "validate": (0, 3),
    "run": (0, 4),
    "verify": (0, 4),
}
"""The exit codes that the walk means to show, by command; all others end with 0."""

_STEP = re.compile(r"^\$ (.*)\n((?:[^$\n].*\n)*)", re.MULTILINE)


def steps(text: str) -> list[tuple[str, list[str]]]:
    """Commands, and the lines that stand below them."""
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    return [(command, told.splitlines()) for block in blocks for command, told in _STEP.findall(block)]


def walk(site: str, call: Callable[[str], tuple[int, str]]) -> Iterator[str]:
    """Makes every step in the current folder; gives what is not as the document says."""
    for command, told in steps(DOCUMENT.read_text("utf-8")):
        code, said = call(command.replace(SITE, site))
        if command.startswith("scraper init"):
            Path("books.yaml").write_text(Path("books.yaml").read_text("utf-8").replace(SITE, site), "utf-8")
        expected = FAILING.get(shlex.split(command, comments=True)[1], (0,)) if command.startswith("scraper") else (0,)
        if code not in expected:
            yield f"{command}: ended with {code}: {said}"
        lines = said.replace(site, SITE).splitlines()
        yield from (f"{command}: {line!r} is not in {lines}" for line in told if line not in lines)


def shell(command: str, environ: dict[str, str]) -> tuple[int, str]:
    ran = subprocess.run(["sh", "-c", command], capture_output=True, text=True, env=environ)
    return ran.returncode, ran.stdout + ran.stderr


def test_there_is_a_command_for_each_part_of_a_job_s_life() -> None:
    called = {command.split()[1] for command, _ in steps(DOCUMENT.read_text("utf-8")) if command.startswith("scraper ")}
    assert {"init", "validate", "plan", "run", "probe", "why", "retry", "status", "runs", "report", "verify"} < called


@pytest.mark.slow
def test_the_walk_is_what_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))

    def call(command: str) -> tuple[int, str]:
        if not command.startswith("scraper "):
            return shell(command, dict(os.environ))
        code = cli(shlex.split(command, comments=True)[1:])
        return code, "".join(capsys.readouterr())

    with Server(fixture_site()) as server:
        assert list(walk(server.url, call)) == []


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_walk_works_from_a_wheel_in_an_empty_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is installed is the wheel, what it depends on, and nothing of this checkout."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    subprocess.run([*pip, "wheel", "--no-deps", "-w", tmp_path / "dist", ROOT], check=True)
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "env"], check=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    python = tmp_path / "env" / "bin" / "python"
    install = [
        python,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "-q",
        "install",
        "-c",
        ROOT / "constraints.txt",
        wheel,
    ]
    subprocess.run(install, check=True)
    assert (tmp_path / "env" / "share" / "man" / "man1" / "scraper.1").is_file()
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    kept = {name: os.environ[name] for name in ("LANG", "LC_ALL") if name in os.environ}
    environ = {**kept, "PATH": f"{python.parent}:/usr/bin:/bin", "HOME": str(here), "PYTHONUTF8": "1"}
    serving = subprocess.Popen(
        [python.parent / "scraper", "serve", "--port", "0"], stdout=subprocess.PIPE, text=True, env=environ
    )
    try:
        assert serving.stdout is not None
        site = re.findall(r"http://127\.0\.0\.1:\d+", serving.stdout.readline())[0]
        assert list(walk(site, lambda command: shell(command, environ))) == []
    finally:
        serving.terminate()
        serving.wait(30)
        serving.stdout.close()
