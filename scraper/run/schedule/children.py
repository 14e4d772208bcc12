"""Real runs, each a process of its own: what befalls one does not touch the others.

A run is `scraper run JOB --json` in a session of its own, so that Ctrl-C in a terminal reaches the schedule alone,
which then asks its runs to end. Threads read what it says, and one waits for its end and wakes the loop through a pipe,
as a signal does.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import FrameType
from typing import IO, Any

from scraper.errors import Exit
from scraper.run.events import printable
from scraper.run.schedule.decide import Start

PATIENCE = 2.0
"""Seconds for what a run has said to be read, when it has ended."""
LARGEST = 1 << 20
"""Bytes of a summary; more is none of ours."""

ENDS = {
    0: "done",
    Exit.BUG: "failed: a bug; its log has the traceback",
    Exit.USAGE: "failed: it could not be called so",
    Exit.JOB: "failed: its file has mistakes, or a secret is not set",
    Exit.FAILURES: "finished, but pages, items or files failed",
    Exit.LIMIT: "stopped by a limit: disk, deadline, quota or failures; the next run continues it",
    Exit.BUSY: "not started: another run of it holds its folder, and stands for this one",
    Exit.EXPECT: "finished, but its `expect` is not met",
    Exit.SIGINT: "stopped; the next run continues it",
    Exit.SIGTERM: "stopped; the next run continues it",
    99: "done, nothing new",
}


def end_words(code: int) -> str:
    """What an exit code means; a negative one is the signal that killed the process."""
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"was killed by {signal.Signals(-code).name}; the next run continues it"
    return f"{ENDS.get(code, 'ended')} (exit {code})"


def command_of(path: os.PathLike[str], config: os.PathLike[str] | None = None) -> list[str]:
    """How a job is run by somebody who is not there: with this Python, and nothing imported from where it runs.

    Args:
        config: the config file, where it is not to be looked for.
    """
    named = [] if config is None else ["--config", os.fspath(config)]
    return [sys.executable, "-P", "-m", "scraper", *named, "run", os.fspath(path)]


class Wall:
    """The real clock, as long as the process lives; its sleep ends when it is woken."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)

    def now(self) -> datetime:
        """The time, in UTC."""
        return datetime.now(UTC)

    def ticks(self) -> float:
        """Seconds of a clock that stands while the machine sleeps."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Waits so long, or until it is woken."""
        if select.select([self._read], [], [], seconds)[0]:
            with contextlib.suppress(BlockingIOError):
                while os.read(self._read, 4096):
                    pass

    def wake(self) -> None:
        """Ends the sleep, this one or the next; from any thread or signal."""
        with contextlib.suppress(BlockingIOError):  # it is full of such calls already
            os.write(self._write, b"!")


class Signals:
    """SIGINT and SIGTERM as a wish to stop, as long as it is entered."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self.code: int | None = None
        self.asked = 0
        self._wake = wake
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Signals:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        self.code = self.code or 128 + number
        self.asked += 1
        self._wake()


class Process:
    """A run under way.

    Args:
        line: hears what it says, a line fit for a terminal each.
        wake: is called when it has ended.
    """

    def __init__(self, command: list[str], line: Callable[[str], None], wake: Callable[[], None]) -> None:
        self._popen = subprocess.Popen(  # noqa: S603 - an argument list of our own
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
        self._line = line
        self._wake = wake
        self._out = b""
        self._ended: int | None = None
        self._readers = [self._thread(self._read_out), self._thread(self._read_err)]
        self._waiter = self._thread(self._wait)

    def _thread(self, work: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        return thread

    def _read_out(self) -> None:
        for piece in _pieces(self._popen.stdout):
            self._out = (self._out + piece)[-LARGEST:]

    def _read_err(self) -> None:
        for piece in _pieces(self._popen.stderr):
            self._line(printable(piece.decode(errors="replace").rstrip("\r\n")))

    def _wait(self) -> None:
        code = self._popen.wait()
        for reader in self._readers:
            reader.join(PATIENCE)  # a command that it left behind may hold its stderr
        self._ended = code
        self._wake()

    def poll(self) -> int | None:
        """Its exit code, once all that it said is read; None: it goes on."""
        return self._ended

    def stop(self) -> None:
        """Asks it to end; the second time it ends at once."""
        self._popen.send_signal(signal.SIGTERM)

    @property
    def summary(self) -> dict[str, Any] | None:
        """What it printed when it ended; None: nothing that is a summary."""
        try:
            found = json.loads(self._out)
        except ValueError:
            return None
        return found if isinstance(found, dict) else None


def _pieces(stream: IO[bytes] | None) -> Iterator[bytes]:
    """The lines of a stream, none of them endless."""
    assert stream is not None
    with stream:
        yield from iter(lambda: stream.readline(1 << 16), b"")


def launcher(
    wake: Callable[[], None], line: Callable[[str, str], None], keep: Callable[[Start, Process], None]
) -> Callable[[Start], Process]:
    """What starts the runs of a loop.

    Args:
        line: hears the name of the file and a line that its run said.
        keep: is given each run that was started.
    """

    def launch(start: Start) -> Process:
        key = start.job.key
        process = Process([*command_of(start.job.path), "--json"], lambda text: line(key, text), wake)
        keep(start, process)
        return process

    return launch
