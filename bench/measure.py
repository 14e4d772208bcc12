"""Programs as children: started through `launch.py`, measured, ended by us whatever happens."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LAUNCHER = Path(__file__).with_name("launch.py")
TIMEOUT = 300.0  # seconds; a program that takes longer is cut off and said to be


@dataclass(frozen=True)
class Command:
    """A program as it is called.

    Attributes:
        argv: The program and its arguments.
        stdin: A file that it reads; none is /dev/null.
        env: What is added to the environment.
        tree: Whether memory is that of all its processes together (sampled), not of the largest.
    """

    argv: Sequence[str]
    stdin: Path | None = None
    env: dict[str, str] = field(default_factory=dict)
    tree: bool = False


@dataclass(frozen=True)
class Usage:
    """What a program used, its start-up included.

    Attributes:
        seconds: Wall time. user, system: CPU seconds. peak: bytes of resident memory.
        cut: Whether it was ended from outside.
    """

    exit_code: int
    seconds: float
    user: float
    system: float
    peak: int
    cut: bool

    @property
    def cpu(self) -> float:
        """CPU seconds in all."""
        return self.user + self.system


class Child:
    """A program under way; leaving the `with` ends it."""

    def __init__(
        self,
        command: Command,
        *,
        timeout: float = TIMEOUT,
        cpus: Sequence[int] = (),
        log: Path | None = None,
        stdout: Path | None = None,
    ) -> None:
        """Starts it.

        Args:
            timeout: Seconds after which it is ended. cpus: what it is pinned to; nothing for all.
            log: Takes its stderr. stdout: takes what it says otherwise; by default a file beside the log.
        """
        if log and not stdout:
            stdout = log.with_name("stdout.txt")
        spec = {
            "argv": [str(part) for part in command.argv],
            "stdin": command.stdin and str(command.stdin),
            "stdout": str(stdout or os.devnull),
            "stderr": str(log or os.devnull),
            "env": environment(command.env),
            "timeout": timeout,
            "cpus": list(cpus),
            "tree": command.tree,
        }
        # A session of its own: the Ctrl-C of a terminal reaches us alone, and we end what we started.
        self._launcher = subprocess.Popen(
            [sys.executable, "-I", "-S", str(LAUNCHER), json.dumps(spec)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        try:
            self.pid = int(self._line()["pid"])
        except BaseException:
            self.end()
            raise

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def wait(self) -> Usage:
        """Waits for its end."""
        usage = Usage(**self._line())
        self._launcher.wait()
        return usage

    def kill(self) -> None:
        """`kill -9` for it and its descendants; how it ended is told by `wait`."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def end(self) -> None:
        """Ends it, if it has not ended."""
        if self._launcher.poll() is None:
            self._launcher.terminate()
            self._launcher.wait(30)
        if self._launcher.stdout:
            self._launcher.stdout.close()

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self._launcher.poll() is not None

    def _line(self) -> dict[str, Any]:
        assert self._launcher.stdout is not None
        line = self._launcher.stdout.readline()
        if not line:
            raise RuntimeError("the launcher ended without a word")
        answer: dict[str, Any] = json.loads(line)
        return answer


def environment(added: dict[str, str]) -> dict[str, str]:
    """Ours without what bends clients: proxies, CA bundles, settings of Python and of scraper."""
    bent = ("_PROXY", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "NETRC", "PYTHONPATH", "VIRTUAL_ENV")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().endswith(bent) and not name.upper().startswith("SCRAPER_")
    }
    return {**kept, "LC_ALL": "C.UTF-8", **added}


def run(command: Command, *, timeout: float = TIMEOUT, log: Path | None = None, stdout: Path | None = None) -> Usage:
    """Runs a program to its end."""
    with Child(command, timeout=timeout, log=log, stdout=stdout) as child:
        return child.wait()
