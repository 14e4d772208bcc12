"""Cron lines in systemd's words, and in those that every cron knows."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from itertools import takewhile

import pytest

from scraper.run.schedule.calendar import UnsayableError, changes, on_calendar, plain_cron
from scraper.run.schedule.times import next_times, times, zone_of

NOW = datetime(2027, 1, 1, tzinfo=UTC)
BERLIN = "Europe/Berlin"


@pytest.mark.parametrize(
    ("line", "events"),
    [
        ("* * * * *", ["*-*-* *:*:00"]),
        ("0 3 * * *", ["*-*-* 03:00:00"]),
        ("*/15 8-17 * * MON-FRI", ["Mon,Tue,Wed,Thu,Fri *-*-* 08..17:00,15,30,45:00"]),
        ("30 2 1 JAN,jul *", ["*-01,07-01 02:30:00"]),
        ("0 0 * * 7", ["Sun *-*-* 00:00:00"]),
        ("0 12 1,15 * FRI", ["*-*-01,15 12:00:00", "Fri *-*-* 12:00:00"]),
        ("0 5 */10 * 1", ["Mon *-*-01,11,21,31 05:00:00"]),
        ("0 0 L * *", ["*-*~01 00:00:00"]),
        ("0 0 LW * *", ["Mon..Fri *-*~01 00:00:00", "Fri *-*~02 00:00:00", "Fri *-*~03 00:00:00"]),
        ("0 0 * * 1#2", ["Mon *-*-08..14 00:00:00"]),
        ("0 0 * 3 5L", ["Fri *-03~01..07 00:00:00"]),
    ],
)
def test_a_line_has_its_events(line: str, events: list[str]) -> None:
    assert on_calendar(line, "UTC", NOW) == [f"{event} UTC" for event in events]


def test_days_that_systemd_cannot_say_are_refused() -> None:
    with pytest.raises(UnsayableError):
        on_calendar("0 0 */2 * 1#2", "UTC", NOW)


def test_without_a_zone_the_events_are_in_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", BERLIN)
    assert on_calendar("30 2 * * *", None, NOW)[:2] == ["*-*-* 02:30:00", "2027-03-28 01:00:00 UTC"]


def test_changes_of_a_clock_are_found_to_the_second() -> None:
    assert list(changes(zone_of(BERLIN), NOW, years=1)) == [
        (datetime(2027, 3, 28, 1, tzinfo=UTC), timedelta(hours=1)),
        (datetime(2027, 10, 31, 1, tzinfo=UTC), timedelta(hours=-1)),
    ]
    assert list(changes(UTC, NOW)) == []


def elapses(event: str, begin: datetime, count: int) -> list[datetime]:
    """When systemd says that an event comes."""
    command = ["systemd-analyze", "calendar", f"--base-time={begin:%Y-%m-%d %H:%M:%S}", f"--iterations={count}", event]
    env = {**os.environ, "TZ": "UTC", "LC_ALL": "C"}
    told = subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout
    found = re.findall(r"(?:Next elapse|Iter\. #\d+): \w+ (\S+ \S+) UTC", told)
    return [datetime.fromisoformat(text).replace(tzinfo=UTC) for text in found]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize("month", [3, pytest.param(10, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("line", "days"),
    [
        ("30 2 * * *", 7), ("0 3 * * *", 7), ("0,30 1-3 * * *", 7), ("*/20 * * * *", 3), ("30 */2 * * *", 7),
        ("0 12 1,15 * FRI", 60), ("*/30 2 * * SUN", 30), ("45 2 L * *", 90), ("0 9 LW * *", 90), ("0 9 * * 2#5", 200),
    ],
)  # fmt: skip
def test_systemd_understands_what_cron_means_over_changes_of_the_clock(line: str, days: int, month: int) -> None:
    begin = datetime(2027, month, 26, 6, tzinfo=UTC)
    end = begin + timedelta(days=days)
    coming = (time.astimezone(UTC) for time in times(line, zone_of(BERLIN), begin))
    wanted = list(takewhile(lambda time: time <= end, coming))
    events = on_calendar(line, BERLIN, NOW)
    found = {time for event in events for time in elapses(event, begin, len(wanted) + 1) if begin < time <= end}
    assert sorted(found) == wanted


@pytest.mark.parametrize(
    ("line", "plain"),
    [
        ("0 3 * * *", "0 3 * * *"),
        ("*/15 8-17/2 * jan-mar MON,fri", "*/15 8-17/2 * 1-3 1,5"),
        ("5/15 0 1/10,3 * *", "5-59/15 0 1-31/10,3 * *"),
        ("10  4\t* * 0-7/2", "10 4 * * 0-7/2"),
    ],
)
def test_every_cron_understands_plain_lines(line: str, plain: str) -> None:
    assert plain_cron(line) == plain
    assert next_times(line, "UTC", NOW, 20) == next_times(plain, "UTC", NOW, 20)


@pytest.mark.parametrize("line", ["0 0 L * *", "0 0 LW * *", "0 0 * * 1#2", "0 0 * * 5L"])
def test_what_only_we_know_is_not_given_to_cron(line: str) -> None:
    with pytest.raises(UnsayableError):
        plain_cron(line)
