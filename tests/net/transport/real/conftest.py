"""Servers that others wrote, started on loopback, in the foreground and without privileges; they end with the tests."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

START = 30.0
"""Seconds that a server may take to come up."""
LONGEST = "900"
"""Seconds after which it ends by itself, should the tests be killed."""
PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/sbin"])


class Place:
    """Where servers are started: a folder that an unprivileged process can reach; that of pytest is ours alone."""

    def __init__(self, folder: Path, ends: ExitStack) -> None:
        self.folder = folder
        self._ends = ends

    def program(self, name: str) -> str:
        """Where a program is; without it the test is skipped."""
        return shutil.which(name, path=PATH) or pytest.skip(f"{name} is not installed")

    def port(self) -> int:
        """A port that nobody listens on."""
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            return int(sock.getsockname()[1])

    def write(self, name: str, content: str | bytes) -> Path:
        """A file in the folder, for whoever runs there."""
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        _give_away(path)
        return path

    def start(self, command: list[str], ready: str, port: int | None = None) -> None:
        """A process that says `ready` on its standard error when all is well; never with the privileges of root.

        Where it listens on a port, that is waited for too: squid says so a moment before it does.
        """
        process = subprocess.Popen(
            [self.program("timeout"), "-k", "5", LONGEST, *command], cwd=self.folder, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True, text=True, errors="replace",
            **_unprivileged(),
        )  # fmt: skip
        self._ends.callback(_end, process)
        said: list[str] = []
        heard = threading.Event()
        threading.Thread(target=_listen, args=(process.stderr, ready, said, heard), daemon=True).start()
        heard.wait(START)
        assert ready in "".join(said), "".join(said)
        if port is not None:
            _wait_for(port)


def _wait_for(port: int) -> None:
    until = time.monotonic() + START
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), START).close()
            return
        except ConnectionRefusedError:
            assert time.monotonic() < until
            threading.Event().wait(0.005)


def _unprivileged() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _give_away(path: Path) -> None:
    if who := _unprivileged():
        os.chown(path, who["user"], who["group"])


def _listen(lines: Any, ready: str, said: list[str], heard: threading.Event) -> None:
    with lines:
        for line in lines:
            said.append(line)
            if ready in line:
                heard.set()
    heard.set()


def _end(process: subprocess.Popen[str]) -> None:
    """The process, and then whatever it started and left behind."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(START)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """See the class; what was started ends with the tests of a file."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as ends:
        _give_away(Path(name))
        yield Place(Path(name), ends)
