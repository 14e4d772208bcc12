"""The times of cron lines, over changes of the clock: as found by looking at every minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scraper.run.schedule.times import local_zone, next_times, zone_name, zone_of
from tests.schedule.simulated import Oracle

BERLIN = "Europe/Berlin"
FORWARD, BACK = datetime(2027, 3, 28, 1, tzinfo=UTC), datetime(2027, 10, 31, 1, tzinfo=UTC)
"""When Berlin's clock changes."""


@pytest.mark.parametrize(
    ("line", "after", "found"),
    [
        ("30 2 * * *", FORWARD, ["03-28 03:00 CEST", "03-29 02:30 CEST"]),
        ("0,30 2 * * *", FORWARD, ["03-28 03:00 CEST", "03-29 02:00 CEST"]),
        ("0 3 * * *", FORWARD, ["03-28 03:00 CEST", "03-29 03:00 CEST"]),
        ("30 * * * *", FORWARD, ["03-28 01:30 CET", "03-28 03:30 CEST"]),
        ("*/30 2 * * *", FORWARD, ["03-29 02:00 CEST", "03-29 02:30 CEST"]),
        ("30 2 * * *", BACK, ["10-31 02:30 CEST", "11-01 02:30 CET"]),
        ("30 * * * *", BACK, ["10-31 02:30 CEST", "10-31 02:30 CET"]),
        ("*/30 2 * * *", BACK, ["10-31 02:00 CEST", "10-31 02:30 CEST", "10-31 02:00 CET", "10-31 02:30 CET"]),
    ],
)
def test_a_change_of_the_clock_is_met_as_debians_cron_does(line: str, after: datetime, found: list[str]) -> None:
    times = next_times(line, BERLIN, after - timedelta(minutes=61), len(found))
    assert [f"{time:%m-%d %H:%M %Z}" for time in times] == found


def test_in_the_second_of_two_equal_hours_no_time_of_the_first_comes_again() -> None:
    inside = BACK + timedelta(minutes=10)
    assert next_times("45 2 * * *", BERLIN, inside, 1)[0] > inside + timedelta(hours=20)


_NUMBERS = {"minute": (0, 59), "hour": (0, 23), "day": (1, 31), "month": (1, 12), "weekday": (0, 7)}


@st.composite
def fields(draw: st.DrawFn, low: int, high: int) -> str:
    numbers = st.integers(low, high)
    kind = draw(st.sampled_from(["*", "*", "number", "list", "range", "step"]))
    if kind == "number":
        return str(draw(numbers))
    if kind == "list":
        return ",".join(map(str, sorted(draw(st.sets(numbers, min_size=1, max_size=4)))))
    if kind == "range":
        first, last = sorted((draw(numbers), draw(numbers)))
        return f"{first}-{last}"
    return f"*/{draw(st.integers(1, high))}" if kind == "step" else "*"


lines = st.tuples(fields(0, 59), fields(0, 23), fields(1, 28), fields(1, 12), fields(0, 7)).map(" ".join)
zones = st.sampled_from([BERLIN, "America/New_York", "Australia/Sydney", "Asia/Kolkata", "Africa/Cairo", "UTC"])


@settings(max_examples=20, deadline=None)
@given(lines, zones, st.sampled_from([FORWARD, BACK, datetime(2027, 4, 3, 16, tzinfo=UTC)]), st.integers(0, 2880))
def test_the_times_are_those_that_every_minute_tells(line: str, zone: str, change: datetime, before: int) -> None:
    begin = change - timedelta(minutes=before)
    end = begin + timedelta(days=2)
    due = Oracle(line, zone).due(begin, end)
    times = next_times(line, zone, begin, len(due) + 1) if due else []
    assert [time.astimezone(UTC) for time in times[: len(due)]] == due
    assert all(time > end for time in times[len(due) :])


@pytest.mark.parametrize(
    ("given", "name", "offset"),
    [
        (BERLIN, BERLIN, 2), (f":{BERLIN}", BERLIN, 2), ("CET-1CEST,M3.5.0,M10.5.0/3", None, 2), ("UTC", "UTC", 0),
        ("No/Such", None, 0), ("", None, 0),
    ],
)  # fmt: skip
def test_the_machines_zone_is_that_of_its_environment(
    given: str, name: str | None, offset: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", given)
    zone = zone_of(None)
    assert zone_name(zone) in (name, "UTC" if name is None else name)
    assert datetime(2027, 7, 1, tzinfo=zone).utcoffset() == timedelta(hours=offset)


def test_without_it_the_zone_is_that_of_the_machines_file(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TZ", raising=False)
    now = datetime.now(UTC)
    assert now.astimezone(local_zone()).utcoffset() == now.astimezone().utcoffset()


def test_times_are_in_the_zone_that_was_asked_for() -> None:
    assert next_times("0 3 * * *", BERLIN, FORWARD, 1)[0].tzinfo == ZoneInfo(BERLIN)
