"""A real cron, which starts a real run. It takes up to a minute, as cron does, and needs a machine without another."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scraper.run.schedule import crontab, install
from scraper.run.schedule.jobs import Folder
from scraper.server import Server, Site

PATIENCE = 100
"""Seconds: the rest of this minute, and a run."""


def obstacle() -> str:
    """Why cron cannot run here; empty: it can."""
    if not (daemon := shutil.which("cron", path="/usr/sbin:/sbin:/usr/bin")) or not shutil.which("crontab"):
        return "cron is not installed"
    if os.geteuid() != 0:
        return "only root can run a cron daemon"
    if any(is_cron(each) for each in Path("/proc").glob("[0-9]*/comm")):
        return "a cron daemon runs here already"
    if crontab.read():
        return "there is a crontab, which is left alone"
    command = [sys.executable, "-P", "-m", "scraper", "--version"]
    if subprocess.run(command, cwd="/", env={"PATH": os.defpath}, capture_output=True).returncode:
        return "the package is not installed, and cron's jobs could not find it"
    return "" if daemon else "cron is not installed"


def is_cron(comm: Path) -> bool:
    try:
        return comm.read_text().strip() in ("cron", "crond")
    except OSError:  # it has just ended
        return False


@pytest.fixture
def daemon() -> Iterator[None]:
    if why := obstacle():
        pytest.skip(why)
    process: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        process.append(subprocess.Popen(["/usr/sbin/cron", "-f"], env={"PATH": os.defpath}))

    yield start  # type: ignore[misc]
    for each in process:
        each.terminate()
        each.wait(10)


@pytest.mark.slow
def test_cron_runs_an_installed_job(daemon: object, tmp_path: Path) -> None:
    came = threading.Event()
    site = Site()

    @site.route("/x.txt")
    def _(request: object) -> bytes:
        came.set()
        return b"hello"

    folder, here = tmp_path / "my jobs 50%", tmp_path / "here's 100%"
    folder.mkdir()
    here.mkdir()
    with Server(site) as server:
        text = f'name: a\nstart: [{{url: "{server.url}/x.txt", as: files}}]\nschedule: "* * * * *"\n'
        (folder / "it's 1%.yaml").write_text(text)
        install.install("cron", folder, Folder(folder).look(), here, datetime.now(UTC))
        try:
            daemon()  # type: ignore[operator]
            assert came.wait(PATIENCE), "cron did not start the job"
            saved = here / "output" / "a" / "x.txt"
            ended = threading.Event()
            assert any(saved.exists() or ended.wait(0.1) for _ in range(100))
            assert saved.read_bytes() == b"hello"
        finally:
            install.uninstall(folder)
    assert crontab.read() == ""
