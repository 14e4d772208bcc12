"""Commands of a job: one is put together, started, waited for, and ended with all that it started.

A command is an argument list and never sees a shell: what was scraped can be an argument and nothing more. It runs
where the job file lies, without stdin; what it prints becomes lines of the log (printed.py). It has a process
group of its own, so that all of it can be ended: when its time is over, or when the run is stopped. How it ends is
told and changes nothing.
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

from scraper import secrets, units
from scraper.job import template
from scraper.run.kit import Kit
from scraper.run.printed import Printed
from scraper.values import dataclass

log = logging.getLogger("scraper")
GRACE = 5.0
"""Seconds between asking a command to end and ending it."""
TICK = 0.2
_LOOK = 0.02


@dataclass(frozen=True)
class Call:
    """A command that is to be run.

    Attributes:
        key, at: where it stands in the job: `on_finish`, 0.
        argv: its arguments, still with marks; timeout: the seconds it has.
        environment: what it gets beside ours.
    """

    key: str
    at: int
    argv: tuple[str, ...]
    timeout: float
    environment: Mapping[str, str]

    @property
    def name(self) -> str:
        """As people know it."""
        return f"{self.key}[{self.at}]"

    @property
    def told(self) -> str:
        """The command line as people see it, without secrets."""
        return shlex.join(map(secrets.display, self.argv))


def calls(kit: Kit, key: str, names: Mapping[str, Any], environment: Mapping[str, str]) -> Iterator[Call]:
    """The commands under a key whose `when` holds; of one that cannot be put together the log tells why.

    Args:
        key: `on_finish`, `on_failure` or `on_file`.
        names: what its templates may use.
    """
    for at, command in enumerate(getattr(kit.job, key)):
        try:
            if command.when is None or template.is_true(command.when, names):
                argv = tuple(_arguments(command.run, names))
                yield Call(key, at, argv, units.duration(command.timeout), environment)
        except template.TemplateError as error:
            log.warning("%s[%d] was not run: %s", key, at, error)


def _arguments(texts: tuple[str, ...], names: Mapping[str, Any]) -> Iterator[str]:
    """The arguments as text, still with marks; one that is null is left out."""
    for text in texts:
        if template.render(text, names) is not None:
            yield template.render_text(text, names)


def environment(kit: Kit, **more: Any) -> dict[str, str]:
    """What all commands of a run are told beside their arguments; nothing of it is a secret."""
    said = {"job": kit.job.name, "run": kit.run.id, "dest": kit.disk.root.absolute(), **more}
    return {f"SCRAPER_{name.upper()}": secrets.display(str(value)) for name, value in said.items() if value is not None}


def perform(kit: Kit, call: Call, is_stopped: Callable[[], bool]) -> bool:
    """Runs a command to its end, or until its time is over, or the run is stopped. Gives whether all is well."""
    log.info("%s: %s", call.name, call.told)
    why = _ended(kit, call, is_stopped)
    if why:
        log.warning("%s (%s) %s", call.name, call.told, why)
    return not why


def _ended(kit: Kit, call: Call, is_stopped: Callable[[], bool]) -> str:
    """What is to be told of how it ended; "" where all is well."""
    try:
        process = _started(kit, call)
    except OSError as error:
        return f"cannot be started: {error.strerror}"
    except ValueError as error:  # a NUL, or half a surrogate pair, in an argument
        return f"cannot be started: {error}"
    printed = Printed(process, call.name, kit.courier.conceal)
    try:
        return _waited(process, printed, call.timeout, is_stopped)
    finally:
        printed.close()


def _waited(
    process: subprocess.Popen[bytes], printed: Printed, timeout: float, is_stopped: Callable[[], bool]
) -> str:  # fmt: skip
    until = time.monotonic() + timeout
    while True:
        is_silent = not printed.wait(_LOOK)
        try:
            code = process.wait(TICK if is_silent else 0)
            return "" if code == 0 else f"ended with {code}" if code > 0 else f"was ended by signal {-code}"
        except subprocess.TimeoutExpired:
            if is_stopped() or time.monotonic() > until:
                _end(process)
                return "was ended: the run was stopped" if is_stopped() else f"was ended after {timeout:g} s"


def _started(kit: Kit, call: Call) -> subprocess.Popen[bytes]:
    known = kit.courier.known
    return subprocess.Popen(  # noqa: S603 - the job's own argument list, and no shell
        [secrets.reveal(each, known.__getitem__) for each in call.argv],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=kit.loaded.folder_of((call.key, call.at)),
        env={**os.environ, **{name: value.replace("\0", "") for name, value in call.environment.items()}},
        process_group=0,
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a command with all that it started, politely at first; what is another user's (sudo) goes its own way."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        until = time.monotonic() + GRACE
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
            while time.monotonic() < until:
                process.poll()
                os.killpg(process.pid, 0)  # is anybody left?
                time.sleep(_LOOK)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE)
