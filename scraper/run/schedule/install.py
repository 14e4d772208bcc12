"""Schedules that somebody else keeps: written for systemd or cron, and removed without a trace.

A folder's jobs are with one of the two, never with both: what installs with one takes them from the other. Nothing is
written while a job of the folder is broken, so that what is installed is always what the folder says.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from scraper.errors import UsageError
from scraper.run.schedule import crontab, systemd
from scraper.run.schedule.calendar import UnsayableError
from scraper.run.schedule.jobs import JobFile

SYSTEMD, CRON = "systemd", "cron"


@dataclass(frozen=True)
class Done:
    """What was done, a line each; `nothing` where all was as it is wanted."""

    lines: tuple[str, ...]

    @property
    def nothing(self) -> bool:
        """Whether nothing had to be done."""
        return not self.lines


def chosen() -> str:
    """Which of the two keeps schedules on this machine.

    Raises:
        UsageError: neither does.
    """
    if systemd.works():
        return SYSTEMD
    if crontab.works():
        return CRON
    raise UsageError("neither systemctl --user nor crontab works here; --print shows what would be written")


def text_of(
    keeper: str, folder: Path, jobs: Iterable[JobFile], here: Path, now: datetime, config: Path | None = None
) -> str:
    """What would be written.

    Raises:
        UsageError: it cannot be said so.
    """
    if keeper == CRON:
        return "".join(f"{line}\n" for line in _lines(folder, jobs, here, now, config))
    units = _units(folder, jobs, here, now, config)
    return "\n".join(f"# {systemd.unit_folder() / name}\n{text}" for name, text in units.items())


def install(
    keeper: str, folder: Path, jobs: Iterable[JobFile], here: Path, now: datetime, config: Path | None = None
) -> Done:
    """Writes what keeps the schedules of a folder.

    Args:
        folder: of the jobs; here: where they run; config: the config file, where it was named; all absolute.

    Raises:
        UsageError: a schedule cannot be said so, or the keeper refuses.
    """
    if keeper == CRON:
        lines = _lines(folder, jobs, here, now, config)
        return Done((*_put_block(folder, lines), *_put_units(folder, {})))
    units = _units(folder, jobs, here, now, config)
    return Done((*_put_units(folder, units), *(_put_block(folder, []) if crontab.works() else ())))


def uninstall(folder: Path) -> Done:
    """Removes what was written for a folder, wherever it was.

    Raises:
        UsageError: a keeper refuses.
    """
    return Done((*_put_units(folder, {}), *(_put_block(folder, []) if crontab.works() else ())))


def _units(folder: Path, jobs: Iterable[JobFile], here: Path, now: datetime, config: Path | None) -> dict[str, str]:
    wanted = _sayable(folder, jobs, here, config)
    try:
        return systemd.units(folder, wanted, here, now, config)
    except UnsayableError as error:
        raise UsageError(f"{error}; use scraper schedule run") from error


def _lines(folder: Path, jobs: Iterable[JobFile], here: Path, now: datetime, config: Path | None) -> list[str]:
    wanted = _sayable(folder, jobs, here, config)
    try:
        return crontab.block(folder, wanted, here, now, knows_zones=crontab.knows_zones(), config=config)
    except UnsayableError as error:
        raise UsageError(str(error)) from error


def _sayable(folder: Path, jobs: Iterable[JobFile], here: Path, config: Path | None) -> list[JobFile]:
    """The jobs with a schedule; their paths stand in units and crontabs as they are.

    Raises:
        UsageError: one would be read as something else: its end cut off, or the rest of it as a line of its own.
    """
    wanted = [job for job in jobs if job.schedule is not None]
    for path in (here, folder, *([] if config is None else [config]), *(job.path for job in wanted)):
        if not str(path).isprintable() or str(path).endswith(("\\", " ")):
            raise UsageError(f"{str(path)!a} has characters that stand in no unit and no crontab; rename it")
    return wanted


def _put_units(folder: Path, wanted: dict[str, str]) -> Iterable[str]:
    done = systemd.write(folder, wanted)
    place = systemd.unit_folder()
    yield from (f"wrote {place / name}" for name in done.written)
    yield from (f"removed {place / name}" for name in done.removed)


def _put_block(folder: Path, lines: list[str]) -> Iterable[str]:
    before = crontab.read()
    after = crontab.with_block(before, folder, lines)
    if crontab.with_block(before, folder, []) == before and not lines:
        return
    if after != before:
        crontab.write(after)
        yield f"wrote {_jobs(lines)} to your crontab" if lines else "removed our lines from your crontab"


def _jobs(lines: list[str]) -> str:
    count = sum(not line.startswith(("#", "CRON_TZ=")) for line in lines)
    return "1 job" if count == 1 else f"{count} jobs"
