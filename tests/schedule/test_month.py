"""A month of twelve jobs, in a moment: a change of the clock, a machine asleep, runs that overrun, a broken file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from scraper.run.schedule import decide
from tests.schedule.simulated import Machine, Oracle, Run, job

BEGIN, END = datetime(2027, 3, 10, tzinfo=UTC), datetime(2027, 4, 10, 0, 7, tzinfo=UTC)
ASLEEP = (datetime(2027, 3, 20, 9, 30, tzinfo=UTC), datetime(2027, 3, 22, 9, 30, tzinfo=UTC))
BROKEN = (datetime(2027, 4, 1, 12, tzinfo=UTC), datetime(2027, 4, 3, 15, 10, tzinfo=UTC))
"""The file of `mended` is broken from then to then."""
LONG = datetime(2027, 3, 25, 6, tzinfo=UTC)
"""The run of `long` that begins then takes 15 hours, and is due every six."""
JOBS = {
    "nightly": ("0 3 * * *", "Europe/Berlin"),
    "skipped": ("30 2 * * *", "Europe/Berlin"),
    "hourly": ("17 * * * *", "Europe/Berlin"),
    "weekday": ("45 7 * * 1-5", "Europe/London"),
    "sydney": ("30 2 * * *", "Australia/Sydney"),
    "either": ("0 12 1,15 * 5", "America/New_York"),
    "both": ("0 5 */2 * 1", "Asia/Kolkata"),
    "quarter": ("*/15 8-9 * * *", "America/Sao_Paulo"),
    "monthly": ("0 0 1 * *", "Pacific/Auckland"),
    "mended": ("20 */3 * * *", "UTC"),
    "long": ("0 */6 * * *", "UTC"),
    "first": ("0 3 * * *", "UTC"),
}


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    files = {f"{name}.yaml": job(name, *when) for name, when in JOBS.items()}

    def takes(name: str, now: datetime) -> timedelta:
        return timedelta(hours=15) if name == "long.yaml" and now == LONG else timedelta(minutes=5)

    machine = Machine(BEGIN, END, files, takes, [ASLEEP])
    broken = job("mended", None, broken=True)
    machine.events = [
        (BROKEN[0], lambda: files.update({"mended.yaml": broken})),
        (BROKEN[1], lambda: files.update({"mended.yaml": job("mended", *JOBS["mended"])})),
    ]
    assert machine.work(tmp_path_factory.mktemp("state"), at_once=2, longest=900) == 143
    return machine


@cache
def due(name: str) -> list[datetime]:
    return Oracle(*JOBS[name]).due(BEGIN, END)


def runs_of(machine: Machine, name: str) -> list[Run]:
    return [run for run in machine.runs if run.name == f"{name}.yaml"]


def covered(run: Run, later: Run | None, times: list[datetime]) -> list[datetime]:
    """The times that a run stands for: from its own to its start, or to the next one's own."""
    return [time for time in times if run.due <= time and (later is None or time < later.due)]


@pytest.mark.parametrize("name", JOBS)
def test_every_time_was_done_by_one_run_that_began_no_earlier_and_before_the_next(name: str, month: Machine) -> None:
    times, runs = due(name), runs_of(month, name)
    done = [time for run, later in zip(runs, [*runs[1:], None], strict=True) for time in covered(run, later, times)]
    assert done == [time for time in times if time < END]
    assert all(run.due in times and run.began >= run.due for run in runs)
    for run, later in zip(runs, [*runs[1:], None], strict=True):
        assert max(covered(run, later, times)) <= run.began


@pytest.mark.parametrize("name", JOBS)
def test_a_time_that_nothing_hindered_had_a_run_of_its_own_and_at_once(name: str, month: Machine) -> None:
    times = [time for time in due(name) if time < END]
    by_due = {run.due: run for run in runs_of(month, name)}
    shared = [time for time in times if time not in by_due]
    for time in shared:  # it passed while the machine slept, the file was broken, or a run was under way
        assert (
            ASLEEP[0] < time <= ASLEEP[1]
            or (name == "mended" and BROKEN[0] <= time <= BROKEN[1])
            or any(run.began < time <= run.end for run in runs_of(month, name))
        )
    late = [run for run in by_due.values() if run.began - run.due > decide.LATE]
    assert all(run.why for run in late)
    assert all(not run.why for run in by_due.values() if run not in late)


def test_runs_of_one_job_never_overlap_and_there_are_never_more_than_two(month: Machine) -> None:
    for name in JOBS:
        assert all(before.end <= after.began for before, after in pairwise(runs_of(month, name)))
    for run in month.runs:
        assert sum(other.began <= run.began < other.end for other in month.runs) <= 2


def test_runs_begin_in_the_order_of_their_times(month: Machine) -> None:
    began = [(run.began, run.due, run.name) for run in month.runs]
    assert began == sorted(began)
    for run in month.runs:  # nothing that was due earlier, and could run, was passed by
        passed = [
            other
            for other in month.runs
            if other.due < run.due and other.began > run.began and "its file" not in other.why
        ]
        assert all(decide.OVERRAN in other.why for other in passed)


def test_the_log_says_why_each_late_run_was_late(month: Machine) -> None:
    why = {name: {run.due: run.why for run in runs_of(month, name) if run.why} for name in JOBS}
    first = ASLEEP[0].replace(hour=10, minute=17)
    assert decide.ASLEEP in why["hourly"][first]
    assert {decide.ASLEEP in text for name in ("nightly", "skipped", "sydney") for text in why[name].values()} >= {True}
    assert why["mended"][datetime(2027, 4, 1, 12, 20, tzinfo=UTC)] == decide.BROKEN
    assert why["long"][LONG + timedelta(hours=6)] == decide.OVERRAN
    # Three at 03:00 UTC each day with room for two: the third by name waits.
    busy = [text for each in why.values() for text in each.values() if decide.BUSY in text]
    assert busy
    told = [note for note in month.notes if note.kind == "started" and note.start and note.start.why]
    assert len(told) == sum(map(len, why.values()))
    assert all(f"late: {note.start.why}" in note.what for note in told if note.start)


def test_the_clock_that_went_forward_made_the_skipped_hour_run_right_after_it(month: Machine) -> None:
    change = datetime(2027, 3, 28, 1, tzinfo=UTC)
    assert [run.due for run in runs_of(month, "skipped") if change.date() == run.due.date()] == [change]
    assert [run.due for run in runs_of(month, "nightly") if change.date() == run.due.date()] == [change]


def test_the_clock_that_went_back_made_the_repeated_hour_run_once(month: Machine) -> None:
    sydney = [run.due for run in runs_of(month, "sydney") if datetime(2027, 4, 3, tzinfo=UTC) <= run.due]
    assert sydney[:2] == [datetime(2027, 4, 3, 15, 30, tzinfo=UTC), datetime(2027, 4, 4, 16, 30, tzinfo=UTC)]


def test_a_broken_file_is_told_once_and_its_run_is_made_when_it_is_mended(month: Machine) -> None:
    assert month.told("broken") == ["mended.yaml: is broken; what is due waits until it is mended\nit is broken"]
    assert [text for text in month.told("changed") if "mended.yaml: is mended" in text]
    waited = [run for run in runs_of(month, "mended") if BROKEN[0] <= run.due <= BROKEN[1]]
    assert [(run.due, run.began) for run in waited] == [(datetime(2027, 4, 1, 12, 20, tzinfo=UTC), waited[0].began)]
    assert BROKEN[1] <= waited[0].began <= BROKEN[1] + timedelta(minutes=15)


def test_the_memory_lies_where_it_was_asked_for(month: Machine, tmp_path: Path) -> None:
    assert list(tmp_path.iterdir()) == []
