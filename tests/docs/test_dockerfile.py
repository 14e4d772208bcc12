"""The Dockerfile: no root, volumes, an init, and only what is there is copied; built where Docker works (slow)."""

from __future__ import annotations

import fnmatch
import json
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text("utf-8"))
LINES = [line.split(None, 1) for line in TEXT.splitlines() if line.strip() and not line.startswith("#")]
LAST = LINES[max(at for at, (word, _) in enumerate(LINES) if word == "FROM") :]


def of(instruction: str) -> list[str]:
    """What the last stage says by an instruction."""
    return [rest for word, rest in LAST if word == instruction]


def copied() -> list[str]:
    """The sources that are copied out of this folder."""
    given = [shlex.split(rest) for word, rest in LINES if word == "COPY" and "--from" not in rest]
    return [source for words in given for source in words[:-1]]


def test_it_runs_as_nobody_special_with_an_init_and_volumes() -> None:
    assert of("USER") == ["scraper"]
    assert [json.loads(each) for each in of("VOLUME")] == [["/jobs", "/output"]]
    assert [json.loads(each) for each in of("ENTRYPOINT")] == [["tini", "--", "scraper"]]
    assert of("HEALTHCHECK") == ["NONE"]


def test_what_is_copied_is_there_and_not_ignored() -> None:
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    kept = [line[1:] for line in ignored if line.startswith("!")]
    for source in copied():
        assert (ROOT / source).exists(), source
        assert any(fnmatch.fnmatch(source, each) or each.startswith(f"{source}/") for each in kept), source


def test_all_that_the_wheel_is_made_of_is_copied() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wheel = build["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = [*wheel["packages"], *wheel["force-include"], *wheel["shared-data"], build["project"]["readme"]]
    sources = copied()
    assert [each for each in needed if not any(each == one or each.startswith(f"{one}/") for one in sources)] == []


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_it_builds_and_runs() -> None:
    if shutil.which("docker") is None or subprocess.run(["docker", "info"], capture_output=True).returncode:
        pytest.skip("no Docker works here")
    built = subprocess.run(["docker", "build", "-q", "."], cwd=ROOT, capture_output=True, text=True)
    if built.returncode and "network" in built.stderr.lower():
        pytest.skip("Docker reaches no registry")
    assert built.returncode == 0, built.stderr
    image = built.stdout.strip()
    told = subprocess.run(["docker", "run", "--rm", image, "--version"], capture_output=True, text=True, check=True)
    assert told.stdout.startswith("scraper ")
