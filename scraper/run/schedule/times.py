"""When a cron line is due, in a time zone, over changes of its clock.

The rules are those of Debian's cron, and cronsim knows them: a job at a fixed time that falls into an hour that is
skipped runs right after the change, one that falls into an hour that comes twice runs in the first; a job whose hours
or minutes begin with a star follows the clock, and runs in both or in neither.

cronsim is asked for what comes after a moment and answers, in the hour that comes for the second time, with times of
the first: they lie in the past and are passed over.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from io import BytesIO
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim

LOCALTIME = Path("/etc/localtime")
"""The zone of the machine, as the C library reads it."""
_ZONES = "/zoneinfo/"


def next_times(schedule: str, timezone: str | None, after: datetime, count: int) -> list[datetime]:
    """The next times of a schedule.

    Args:
        schedule: a cron line of five fields, as a job that was loaded has it.
        timezone: the name of a zone; None: the machine's.
        after: an aware time; what is due at this very moment is not among the times.
        count: how many; fewer come only of a line that is hardly ever due.

    Returns:
        Aware times in the zone, each later than the one before.
    """
    return list(islice(times(schedule, zone_of(timezone), after), count))


def times(schedule: str, zone: tzinfo, after: datetime) -> Iterator[datetime]:
    """All times of a schedule that are later than an aware time, in order."""
    last = after.astimezone(UTC)
    for found in CronSim(schedule, after.astimezone(zone)):
        moment = found.astimezone(UTC)
        if moment > last:
            last = moment
            yield moment.astimezone(zone)


def zone_of(timezone: str | None) -> tzinfo:
    """The zone of a name; of None the machine's."""
    return ZoneInfo(timezone) if timezone else local_zone()


def local_zone() -> tzinfo:
    """The machine's zone, with its changes to come: of `TZ`, else of /etc/localtime, else UTC."""
    given = os.environ.get("TZ")
    if given is not None:
        return _of_variable(given.removeprefix(":"))
    try:
        target = os.path.realpath(LOCALTIME)
        with LOCALTIME.open("rb") as file:
            return ZoneInfo.from_file(file, key=_name_of(target))
    except (OSError, ValueError):
        return UTC


def _name_of(path: str) -> str | None:
    """The name of a zone by the path of its file."""
    before, found, name = path.rpartition(_ZONES)
    return name if found and before else None


def _of_variable(given: str) -> tzinfo:
    """`Europe/Berlin`, the path of a file, or a rule such as `CET-1CEST,M3.5.0,M10.5.0/3`; UTC where it is none."""
    try:
        if given.startswith("/"):
            with open(given, "rb") as file:
                return ZoneInfo.from_file(file, key=_name_of(given))
        return ZoneInfo(given)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return _of_rule(given)


def _of_rule(rule: str) -> tzinfo:
    """A rule as POSIX writes them in TZ: a zone file's last line, in a file that has no other."""
    head = b"TZif2" + bytes(15)
    nothing = head + b"".join(n.to_bytes(4, "big") for n in (0, 0, 0, 0, 1, 4)) + bytes(6) + b"UTC\0"
    try:
        return ZoneInfo.from_file(BytesIO(nothing * 2 + f"\n{rule}\n".encode()))
    except (ValueError, UnicodeEncodeError):
        return UTC


def zone_name(zone: tzinfo) -> str | None:
    """The name of a zone, where it has one."""
    return "UTC" if zone is UTC else getattr(zone, "key", None)
