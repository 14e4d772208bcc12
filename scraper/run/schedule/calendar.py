"""A cron line as others say it: systemd's OnCalendar, and the crontab of a cron that knows less than cronsim.

What a line means stands in cronsim's sets. systemd has no "day of month or day of week": each side is an event of its
own, and events at one moment start one run. Where a clock changes systemd knows two rules of cron not (issues 5595 and
8647 there): it passes over what falls into a skipped hour, and over the second of two equal hours. Those moments are
added one by one, for years ahead.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo

from cronsim import CronSim

from scraper.run.schedule.times import times, zone_of

YEARS = 10
"""How far ahead the changes of a clock are written down."""
_DAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
_ALL_DAYS = set(range(1, 32))
_WEEK = set(range(7))
_SECOND = timedelta(seconds=1)
Term = tuple[str, str]
"""Days of the week (empty: all), and days of the month as they follow the month."""


class UnsayableError(ValueError):
    """A cron line that cannot be said in another's words."""


def on_calendar(schedule: str, timezone: str | None, now: datetime) -> list[str]:
    """The events of a cron line, as values of OnCalendar.

    Args:
        now: from when on changes of the clock are looked for.

    Raises:
        UnsayableError: systemd has no words for it.
    """
    line = CronSim(schedule, datetime(2026, 1, 1, tzinfo=UTC))
    clock = f"{_numbers(line.hours, 0, 23)}:{_numbers(line.minutes, 0, 59)}:00"
    suffix = f" {timezone}" if timezone else ""
    months = _numbers(line.months, 1, 12)
    found = [f"{week} *-{months}{days} {clock}{suffix}".lstrip() for week, days in dict.fromkeys(_terms(line))]
    return [*found, *_around_changes(schedule, line, zone_of(timezone), now)]


def _numbers(found: Iterable[int], low: int, high: int) -> str:
    """Numbers as systemd lists them: `*`, or `00,15..20`."""
    numbers = sorted(found)
    if numbers == list(range(low, high + 1)):
        return "*"
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][-1] + 1:
            spans[-1].append(number)
        else:
            spans.append([number])
    return ",".join(f"{s[0]:02}..{s[-1]:02}" if len(s) > 2 else ",".join(f"{n:02}" for n in s) for s in spans)


# -- days ------------------------------------------------------------------------------------------------


def _terms(line: CronSim) -> Iterator[Term]:
    days, week = set(line.days), {each % 7 if isinstance(each, int) else each for each in line.weekdays}
    if not line.day_and:
        yield from _of_month(days)
        yield from _of_week(week)
    elif week >= _WEEK:
        yield from _of_month(days)
    elif days >= _ALL_DAYS:
        yield from _of_week(week)
    elif all(isinstance(each, int) for each in week) and min(days) > 0:
        yield (_names(week), f"-{_numbers(days, 1, 31)}")
    else:
        raise UnsayableError("this choice of days has no words in systemd")


def _of_month(days: set[int]) -> Iterator[Term]:
    if plain := {day for day in days if day > 0}:
        yield ("", f"-{_numbers(plain, 1, 31)}")
    if CronSim.LAST in days:
        yield ("", "~01")
    if CronSim.LAST_WEEKDAY in days:  # the last day if it is one, else the Friday before it
        yield from (("Mon..Fri", "~01"), ("Fri", "~02"), ("Fri", "~03"))


def _of_week(week: set[int | tuple[int, int]]) -> Iterator[Term]:
    if plain := {each for each in week if isinstance(each, int)}:
        yield (_names(plain), "-*")
    for day, nth in sorted(each for each in week if not isinstance(each, int)):
        days = "~01..07" if nth == CronSim.LAST else f"-{7 * nth - 6:02}..{min(7 * nth, 31):02}"
        yield (_DAYS[day % 7], days)


def _names(week: Iterable[int | tuple[int, int]]) -> str:
    found = set(week)
    return "" if found >= _WEEK else ",".join(name for number, name in enumerate(_DAYS) if number in found)


# -- changes of the clock --------------------------------------------------------------------------------


def is_fixed(schedule: str) -> bool:
    """Whether a line names its hours and minutes: Debian's cron keeps such to once a day over a change of the clock."""
    minute, hour = schedule.split()[:2]
    return not minute.startswith("*") and not hour.startswith("*")


def changes(zone: tzinfo, begin: datetime, years: int = YEARS) -> Iterator[tuple[datetime, timedelta]]:
    """When a zone's clock changes, in UTC, and by how much."""
    day, end = begin.astimezone(UTC).replace(microsecond=0), begin.astimezone(UTC) + timedelta(days=366 * years)
    while day < end:
        after = day + timedelta(days=1)
        if step := _offset(after, zone) - _offset(day, zone):
            yield _change(day, after, zone), step
        day = after


def _offset(moment: datetime, zone: tzinfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()


def _change(low: datetime, high: datetime, zone: tzinfo) -> datetime:
    """The first second of the offset that holds at `high`."""
    while high - low > _SECOND:
        middle = low + (high - low) // 2
        middle = middle.replace(microsecond=0)
        low, high = (low, middle) if _offset(middle, zone) == _offset(high, zone) else (middle, high)
    return high


def _around_changes(schedule: str, line: CronSim, zone: tzinfo, now: datetime) -> Iterator[str]:
    """The moments around changes of the clock that cron knows and systemd does not."""
    fixed = is_fixed(schedule)
    for moment, step in changes(zone, now):
        if step > timedelta() and fixed:
            yield from _moments([moment] if _is_made_up(schedule, line, zone, moment) else [])
        elif step < timedelta() and not fixed:
            coming = times(schedule, zone, moment - _SECOND)
            yield from _moments(_until(coming, moment - step))


def _is_made_up(schedule: str, line: CronSim, zone: tzinfo, moment: datetime) -> bool:
    """Whether a run is due at a change only because its own time was skipped."""
    wall = moment.astimezone(zone)
    if wall.hour in line.hours and wall.minute in line.minutes:
        return False
    due = next(times(schedule, zone, moment - _SECOND), None)
    return due is not None and due.astimezone(UTC) == moment


def _until(found: Iterator[datetime], end: datetime) -> Iterator[datetime]:
    for time in found:
        if time >= end:
            return
        yield time.astimezone(UTC)


def _moments(found: Iterable[datetime]) -> Iterator[str]:
    """Moments in UTC, those of an hour on a line."""
    hours: dict[str, list[int]] = {}
    for time in found:
        hours.setdefault(f"{time.astimezone(UTC):%Y-%m-%d %H}", []).append(time.minute)
    for hour, minutes in hours.items():
        yield f"{hour}:{_numbers(minutes, 0, 59)}:00 UTC"


# -- crontab ---------------------------------------------------------------------------------------------

_WORDS = {
    **{name: str(n) for n, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"))},
    **{name: str(n) for n, name in enumerate(
        ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"), 1
    )},
}  # fmt: skip
_HIGHEST = (59, 23, 31, 12, 7)


def plain_cron(schedule: str) -> str:
    """A cron line in the words that every cron knows: numbers for names, a range before a step.

    Raises:
        UnsayableError: it uses what only cronsim knows (`L`, `LW`, `MON#2`).
    """
    text = re.sub(r"[A-Z]{3}", lambda name: _WORDS.get(name[0], name[0]), schedule.upper())
    if re.search(r"[^-0-9*/, \t]", text):
        raise UnsayableError("cron knows no L, W or #")
    fields = zip(text.split(), _HIGHEST, strict=True)
    return " ".join(re.sub(r"(?<![-\d*])(\d+)/", rf"\1-{highest}/", field) for field, highest in fields)
