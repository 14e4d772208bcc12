"""`on_finish`: commands that are run when a run has ended and its records and summary stand.

A command is an argument list and never sees a shell: what was scraped can be an argument and nothing more. It runs
where the job file lies, without stdin, with its stdout on our stderr (our stdout carries data only), in a process
group of its own, so that all of it can be ended: after a minute, or when the run is stopped once more. How it ends
is told and changes nothing.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from scraper import secrets
from scraper.job import template
from scraper.job.fields import Fields
from scraper.model import Summary
from scraper.run.kit import Kit

log = logging.getLogger("scraper")
LONGEST = 60.0
"""Seconds that a command has."""
GRACE = 5.0
"""Seconds between asking a command to end and ending it."""
TICK = 0.2
_STDERR = 2


def call(kit: Kit, summary: Summary, is_stopped: Callable[[], bool]) -> None:
    """Runs the commands of `on_finish` whose `when` holds, one after the other.

    Args:
        is_stopped: whether the run was stopped since it ended: then its commands are ended too.
    """
    names = {**kit.names, "summary": Fields(summary.as_dict(), name="summary")}
    for at, command in enumerate(kit.job.on_finish):
        if is_stopped():
            return
        try:
            if command.when is not None and not template.is_true(command.when, names):
                continue
            argv = list(_arguments(command.run, names))
        except template.TemplateError as error:
            log.warning("on_finish[%d] was not run: %s", at, error)
            continue
        told = shlex.join(map(secrets.display, argv))
        log.info("on_finish[%d]: %s", at, told)
        why = _Running(kit, at, argv, summary).end(is_stopped)
        if why:
            log.warning("on_finish[%d] (%s) %s", at, told, why)


def _arguments(texts: tuple[str, ...], names: Mapping[str, Any]) -> Iterator[str]:
    """The arguments as text, still with marks; one that is null is left out."""
    for text in texts:
        if template.render(text, names) is not None:
            yield template.render_text(text, names)


class _Running:
    """A command that is running, or why it is not."""

    def __init__(self, kit: Kit, at: int, argv: list[str], summary: Summary) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._why = ""
        known = kit.courier.known
        said = {"JOB": summary.job, "RUN": summary.run, "EXIT_CODE": int(summary.exit_code)}
        said["DEST"] = kit.disk.root.absolute()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the job's own argument list, and no shell
                [secrets.reveal(each, known.__getitem__) for each in argv],
                stdin=subprocess.DEVNULL,
                stdout=_STDERR,
                cwd=kit.loaded.folder_of(("on_finish", at)),
                env={**os.environ, **{f"SCRAPER_{name}": str(value) for name, value in said.items()}},
                process_group=0,
            )
        except OSError as error:
            self._why = f"cannot be started: {error.strerror}"
        except ValueError as error:  # a NUL, or half a surrogate pair, in an argument
            self._why = f"cannot be started: {error}"

    def end(self, is_stopped: Callable[[], bool]) -> str:
        """Waits for it; gives what is to be told, "" where all is well."""
        process = self._process
        if process is None:
            return self._why
        until = time.monotonic() + LONGEST
        while True:
            try:
                code = process.wait(TICK)
                return "" if code == 0 else f"ended with {code}" if code > 0 else f"was ended by signal {-code}"
            except subprocess.TimeoutExpired:
                if is_stopped() or time.monotonic() > until:
                    _end(process)
                    return "was ended: the run was stopped" if is_stopped() else f"was ended after {LONGEST:g} s"


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a command with all that it started, politely at first."""
    for number, patience in ((signal.SIGTERM, GRACE), (signal.SIGKILL, None)):
        with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):  # the next signal cannot be refused
            process.wait(patience)
            return
