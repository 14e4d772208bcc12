"""The lock of an output folder, between real processes."""

from __future__ import annotations

import logging
import math
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scraper.errors import BusyError, Exit
from scraper.state.lock import hold

HOLDER = """
import sys
from pathlib import Path
from scraper.state.lock import hold
with hold(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def held_by(tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """`held_by()`: a process that holds the folder until it reads a line, or is killed."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_who_holds_it_is_told_and_the_cure(held_by: Callable[[], subprocess.Popen[bytes]], tmp_path: Path) -> None:
    process = held_by()
    with pytest.raises(BusyError) as told, hold(tmp_path):
        pass
    assert str(told.value).startswith(f"another run holds {tmp_path} (process {process.pid}, since 2")
    assert (told.value.exit_code, "--wait" in str(told.value)) == (Exit.BUSY, True)


def test_a_killed_process_holds_nothing(held_by: Callable[[], subprocess.Popen[bytes]], tmp_path: Path) -> None:
    process = held_by()
    process.send_signal(signal.SIGKILL)
    process.wait()
    with hold(tmp_path) as folder:
        assert (folder / "lock").exists()


def test_it_is_waited_for(
    held_by: Callable[[], subprocess.Popen[bytes]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    process = held_by()
    asked: list[None] = []

    def end_it() -> None:
        if not asked:
            process.communicate(b"\n")
        asked.append(None)

    with caplog.at_level(logging.WARNING, "scraper"), hold(tmp_path, wait=math.inf, stopped=end_it):
        pass
    assert caplog.messages[0].startswith(f"waiting: another run holds {tmp_path} (process {process.pid}, since ")


def test_waiting_has_an_end(held_by: Callable[[], subprocess.Popen[bytes]], tmp_path: Path) -> None:
    held_by()
    with pytest.raises(BusyError, match=r"still, after 0\.05 s|still, after") as told, hold(tmp_path, wait=0.05):
        pass
    assert told.value.exit_code == Exit.BUSY


def test_waiting_ends_with_a_signals_code(held_by: Callable[[], subprocess.Popen[bytes]], tmp_path: Path) -> None:
    held_by()
    with pytest.raises(BusyError) as told, hold(tmp_path, wait=math.inf, stopped=lambda: Exit.SIGTERM):
        pass
    assert told.value.exit_code == Exit.SIGTERM
