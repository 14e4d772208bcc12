"""Lines of the user's crontab for the jobs of a folder, in a block with marks; all else there is kept.

A line runs its job in the folder where it was installed and says nothing unless the run failed: then cron mails what
the run said. That another run of the job has its folder (exit 6) is no failure.

Cron starts jobs by the machine's time. Debian's cron knows no other (TZ in a crontab is for the commands, not for their
times); cronie's has CRON_TZ, which is set back after our lines. Where neither helps a job with a zone of its own is
refused: its times would be wrong, and twice a year by another hour.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

from scraper.errors import Exit, UsageError
from scraper.run.schedule.calendar import UnsayableError, changes, plain_cron
from scraper.run.schedule.children import command_of
from scraper.run.schedule.jobs import JobFile
from scraper.run.schedule.memory import digest_of
from scraper.run.schedule.times import local_zone, zone_name, zone_of

PATIENCE = 30
"""Seconds for an answer of crontab."""
LONGEST = 990
"""Characters of a command: Debian's cron takes no more than 998."""


def begin_of(folder: Path) -> str:
    """The first line of a folder's block."""
    return f"# scraper schedule {digest_of(folder)} begins: written by install for {folder}, removed by uninstall"


def end_of(folder: Path) -> str:
    """The last line of a folder's block."""
    return f"# scraper schedule {digest_of(folder)} ends"


def block(
    folder: Path, jobs: Iterable[JobFile], here: Path, now: datetime, *, knows_zones: bool, config: Path | None = None
) -> list[str]:
    """The lines for the jobs with a schedule, between their marks; none without such a job.

    Args:
        here: the folder that they run in; knows_zones: whether this cron has CRON_TZ; config: the config file,
            where it was named.

    Raises:
        UnsayableError: a schedule, or a zone, that this cron cannot keep; or a command that is too long for it.
    """
    lines: list[str] = []
    foreign: list[str] = []
    for job in (each for each in jobs if each.schedule is not None):
        text = line_of(job, here, config)
        if job.timezone is None or is_local(job.timezone, now):
            lines.append(text)
        elif knows_zones:
            foreign += [f"CRON_TZ={job.timezone}", text]
        else:
            raise UnsayableError(
                f"{job.key}: this cron starts jobs by the machine's time only, not by that of {job.timezone};"
                " use scraper schedule run or systemd, or leave its timezone out"
            )
    if foreign:
        foreign.append(f"CRON_TZ={zone_name(local_zone()) or 'UTC'}")  # for lines that come after
    return [begin_of(folder), *lines, *foreign, end_of(folder)] if lines or foreign else []


def is_local(timezone: str, now: datetime) -> bool:
    """Whether a zone's clock shows what the machine's does, now and in years to come."""
    zone, local = zone_of(timezone), local_zone()
    moments = [now, *(time + timedelta(days=1) for each in (zone, local) for time, _ in changes(each, now))]
    return all(time.astimezone(zone).utcoffset() == time.astimezone(local).utcoffset() for time in moments)


def line_of(job: JobFile, here: Path, config: Path | None = None) -> str:
    """The line of a job."""
    assert job.schedule is not None
    try:
        when = plain_cron(job.schedule)
    except UnsayableError as error:
        raise UnsayableError(f"{job.key}: {job.schedule}: {error}; use scraper schedule run or systemd") from error
    command = command_of(job.path, config)
    if any("\\" in word for word in (*command, str(here))):
        raise UnsayableError(f"{job.key}: a path with a backslash in it is not what each cron makes of it; rename it")
    call = f"cd {shlex.quote(str(here))} && {shlex.join(command)} 2>&1 >/dev/null"
    mail = f"e=$?; [ $e -eq {Exit.BUSY:d} ] || {{ printf '%s\\n' \"$said\"; exit $e; }}"
    text = f"said=$({call}) || {{ {mail}; }}".replace("%", "\\%")
    if len(os.fsencode(text)) > LONGEST:
        raise UnsayableError(f"{job.key}: its command is longer than cron takes; use shorter paths")
    return f"{when} {text}"


def with_block(before: str, folder: Path, lines: list[str]) -> str:
    """A crontab with the block of a folder in the place of the old one, or at its end; without lines, with none.

    Raises:
        UsageError: somebody has removed one of the marks.
    """
    found = before.removesuffix("\n").split("\n") if before else []  # splitlines() cuts where cron does not
    begins = [at for at, line in enumerate(found) if line.startswith(begin_of(folder).partition(":")[0])]
    ends = [at for at, line in enumerate(found) if line == end_of(folder)]
    if len(begins) != len(ends) or len(begins) > 1 or (begins and ends[0] < begins[0]):
        raise UsageError("the marks of our lines in the crontab are not as we wrote them; crontab -e mends that")
    first, last = (begins[0], ends[0] + 1) if begins else (len(found), len(found))
    after = [*found[:first], *lines, *found[last:]]
    return "\n".join(after) + "\n" if after else ""


def read() -> str:
    """The user's crontab; empty where there is none.

    Raises:
        UsageError: there is no cron, or it refuses.
    """
    done = _crontab("-l")
    if done.returncode and b"no crontab" not in done.stderr.lower():
        raise UsageError(f"crontab -l failed: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout.decode("utf-8", "surrogateescape") if not done.returncode else ""


def write(text: str) -> None:
    """Puts a text in the place of the user's crontab; an empty one removes it.

    Raises:
        UsageError: cron refuses it.
    """
    done = _crontab("-", given=text.encode("utf-8", "surrogateescape")) if text else _crontab("-r")
    if done.returncode:
        raise UsageError(f"crontab refused our lines: {done.stderr.decode(errors='replace').strip()}")


def knows_zones() -> bool:
    """Whether this cron has CRON_TZ: cronie's has, and says who it is."""
    done = _crontab("-V")
    return b"cronie" in (done.stdout + done.stderr).lower()


def works() -> bool:
    """Whether there is a crontab to write to."""
    try:
        read()
    except UsageError:
        return False
    return True


def _crontab(*args: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(["crontab", *args], input=given, capture_output=True, timeout=PATIENCE)  # noqa: S603, S607
    except FileNotFoundError as error:
        raise UsageError("there is no crontab here; install cron, or use scraper schedule run") from error
    except subprocess.TimeoutExpired as error:
        raise UsageError(f"crontab did not answer for {PATIENCE} s") from error
