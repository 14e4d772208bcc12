"""Units of systemd for the jobs of a folder: a service and a timer each, of the user.

The first line of each unit says which folder it was written for; nothing without that line is touched. systemd does not
start a service that still runs, and catches up with one run after the machine was off (Persistent).
"""

from __future__ import annotations

import os
import string
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from scraper.errors import Exit, UsageError
from scraper.run.schedule.calendar import on_calendar
from scraper.run.schedule.children import command_of
from scraper.run.schedule.jobs import JobFile
from scraper.run.schedule.memory import digest_of

PATIENCE = 30
"""Seconds for an answer of systemctl."""
_PLAIN = frozenset(string.ascii_letters + string.digits + ":_.")
DRAIN = 600
"""Seconds that a run has to end what it has in flight, when it is stopped."""

_SERVICE = """\
{mark}
[Unit]
Description=scraper: {name} ({file})

[Service]
Type=oneshot
WorkingDirectory={here}
# Settings and secrets that jobs ask for with env(): NAME=value lines, in a file that only you can read.
EnvironmentFile=-%E/scraper/environment
# Paths of saved files; what is said of the run goes to the journal.
StandardOutput=null
ExecStart={command}
# Another run of the job has its folder, or this one was stopped after a clean drain: nothing has failed.
SuccessExitStatus={fine}
KillMode=mixed
TimeoutStopSec={drain}
Nice=10
IOSchedulingClass=best-effort
IOSchedulingPriority=7
"""
_TIMER = """\
{mark}
[Unit]
Description=scraper: {name} ({file}), at {schedule}{zone}

[Timer]
{events}
# One run after the machine was off or asleep, however many it missed.
Persistent=true
AccuracySec=1s
Unit={service}

[Install]
WantedBy=timers.target
"""


def unit_folder() -> Path:
    """Where the units of the user lie."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(base) if os.path.isabs(base) else Path.home() / ".config") / "systemd" / "user"


def units(
    folder: Path, jobs: Iterable[JobFile], here: Path, now: datetime, config: Path | None = None
) -> dict[str, str]:
    """The units of jobs with a schedule: their names, and what stands in them.

    Args:
        here: the folder that they run in; config: the config file, where it was named.

    Raises:
        UnsayableError: a schedule that systemd has no words for.
    """
    found: dict[str, str] = {}
    for job in jobs:
        if job.schedule is None:
            continue
        base = f"scraper-{digest_of(folder)}-{escaped(job.key)}"
        words = {
            "mark": mark_of(folder), "name": job.name, "file": specifiers(job.key), "schedule": job.schedule,
            "zone": f" {job.timezone}" if job.timezone else "", "here": specifiers(str(here)),
            "command": " ".join(map(quoted, command_of(job.path, config))), "drain": DRAIN,
            "service": f"{base}.service",
            "fine": f"{Exit.BUSY:d} {Exit.SIGTERM:d}",
            "events": "\n".join(f"OnCalendar={event}" for event in on_calendar(job.schedule, job.timezone, now)),
        }  # fmt: skip
        found |= {f"{base}.service": _SERVICE.format(**words), f"{base}.timer": _TIMER.format(**words)}
    return found


def mark_of(folder: Path) -> str:
    """The first line of the units of a folder."""
    return f"# Written by scraper schedule install for {folder}; scraper schedule uninstall removes it."


def escaped(text: str) -> str:
    """Text as a part of a unit's name, as systemd-escape has it."""
    return "".join(chr(byte) if chr(byte) in _PLAIN else f"\\x{byte:02x}" for byte in os.fsencode(text))


def specifiers(text: str) -> str:
    """Text with nothing in it that systemd expands."""
    return text.replace("%", "%%")


def quoted(word: str) -> str:
    """A word of a command line as systemd reads it."""
    for char, said in (("\\", "\\\\"), ('"', '\\"'), ("$", "$$"), ("%", "%%")):
        word = word.replace(char, said)
    return f'"{word}"'


@dataclass(frozen=True)
class Change:
    """What was done to the units of a folder: their names."""

    written: tuple[str, ...]
    removed: tuple[str, ...]
    same: tuple[str, ...]


def ours(folder: Path) -> dict[str, str]:
    """The units that were written for a folder: their names, and what stands in them."""
    mark = mark_of(folder)
    found = sorted(unit_folder().glob(f"scraper-{digest_of(folder)}-*"))
    texts = {path.name: path.read_text("utf-8", "surrogateescape") for path in found if path.is_file()}
    return {name: text for name, text in texts.items() if text.split("\n", 1)[0] == mark}


def write(folder: Path, wanted: Mapping[str, str]) -> Change:
    """Makes the units of a folder those that are wanted, and tells systemd, where it listens.

    Raises:
        UsageError: they cannot be written, or systemd refuses them.
    """
    place, there = unit_folder(), ours(folder)
    fresh = tuple(name for name in wanted if there.get(name) != wanted[name])
    gone = tuple(name for name in there if name not in wanted)
    listens = works()
    if listens and (timers := _timers(gone)):
        _systemctl("stop", *timers)
    try:
        for name in fresh:
            _replace(place / name, wanted[name])
        for name in gone:
            (place / name).unlink(missing_ok=True)
        _link(place / "timers.target.wants", _timers(wanted), _timers(gone))
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be written: {error.strerror}") from error
    if listens and (fresh or gone):
        _take_up(fresh, wanted)
    return Change(fresh, gone, tuple(name for name in wanted if name not in fresh))


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, "utf-8", "surrogateescape")
    os.replace(part, path)


def _link(wants: Path, timers: Iterable[str], gone: Iterable[str]) -> None:
    """Enables and disables timers as systemctl does, which may not be there to do it."""
    for name in timers:
        wants.mkdir(parents=True, exist_ok=True)
        if not (wants / name).is_symlink():
            (wants / name).symlink_to(f"../{name}")
    for name in gone:
        (wants / name).unlink(missing_ok=True)


def _take_up(fresh: tuple[str, ...], wanted: Mapping[str, str]) -> None:
    _systemctl("daemon-reload")
    if timers := _timers(wanted):
        _systemctl("start", *timers)
    if changed := _timers(fresh):
        _systemctl("restart", *changed)


def _timers(names: Iterable[str]) -> list[str]:
    return [name for name in names if name.endswith(".timer")]


def works() -> bool:
    """Whether a systemd of the user listens."""
    try:
        _call("show-environment")
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def _systemctl(*args: str) -> None:
    try:
        _call(*args)
    except (OSError, subprocess.SubprocessError) as error:
        told = getattr(error, "stderr", b"") or str(error).encode()
        raise UsageError(f"systemctl --user {args[0]} failed: {told.decode(errors='replace').strip()}") from error


def _call(*args: str) -> None:
    command = ["systemctl", "--user", *args]
    subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=PATIENCE)  # noqa: S603
