"""The loop: what it does when it was down, is stopped, is killed, and when files and clocks move under it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scraper.run.schedule import decide
from scraper.run.schedule.decide import Card
from tests.schedule.simulated import Machine, Oracle, job

BEGIN = datetime(2027, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def machine(days: float = 1, takes: timedelta = timedelta(minutes=5), **jobs: str | None) -> Machine:
    files = {f"{name}.yaml": job(name, line) for name, line in jobs.items()}
    return Machine(BEGIN, BEGIN + timedelta(days=days), files, lambda name, now: takes)


def again(before: Machine, begin: datetime, end: datetime) -> Machine:
    """The same folder, with the schedule started anew."""
    return Machine(begin, end, before.files, before.takes)


def began(machine: Machine) -> list[tuple[str, str, str]]:
    return [(run.name.partition(".")[0], f"{run.due:%d %H:%M}", f"{run.began:%d %H:%M}") for run in machine.runs]


def test_what_was_missed_while_it_was_down_is_run_once_and_told(tmp_path: Path) -> None:
    first = machine(1, a="0 */6 * * *")
    first.work(tmp_path)
    second = again(first, BEGIN + timedelta(days=3, hours=1), BEGIN + timedelta(days=3, hours=7))
    second.work(tmp_path)
    assert began(second) == [("a", "02 00:00", "04 01:00"), ("a", "04 06:00", "04 06:00")]
    assert [run.why for run in second.runs] == [decide.DOWN, ""]
    assert "with 9 times in one run; late: the schedule was not running" in second.told("started")[0]


def test_a_job_that_is_new_is_not_run_for_times_before_it_came(tmp_path: Path) -> None:
    day = machine(0.5, a="0 */6 * * *")
    day.work(tmp_path)
    assert began(day) == [("a", "01 06:00", "01 06:00")]


def test_a_run_that_was_stopped_with_the_schedule_is_due_again(tmp_path: Path) -> None:
    first = machine(0.5, timedelta(hours=8), a="0 6 * * *")
    assert first.work(tmp_path) == 143
    assert [run.stopped for run in first.runs] == [True]
    second = again(first, BEGIN + 13 * HOUR, BEGIN + 20 * HOUR)
    second.work(tmp_path)
    assert [(run.due, run.began, run.why) for run in second.runs] == [
        (BEGIN + 6 * HOUR, BEGIN + 13 * HOUR, decide.STOPPED)
    ]


def test_a_run_under_way_when_the_schedule_was_killed_is_due_again(tmp_path: Path) -> None:
    first = machine(0.5, timedelta(hours=8), a="0 6 * * *")
    first.work(tmp_path)
    path = tmp_path / "memory.json"
    data = json.loads(path.read_text())
    data["jobs"]["a.yaml"] |= {"due": None, "count": 0, "why": [], "begun": data["jobs"]["a.yaml"]["due"]}
    path.write_text(json.dumps(data))
    second = again(first, BEGIN + 13 * HOUR, BEGIN + 20 * HOUR)
    second.work(tmp_path)
    assert [run.why for run in second.runs] == [decide.STOPPED]


def test_a_run_that_ended_while_it_was_drained_is_not_due_again(tmp_path: Path) -> None:
    first = machine(0.5, timedelta(hours=8), a="0 6 * * *")
    first.runs = []
    launch = first.launch

    def ends_well(start: decide.Start) -> object:
        run = launch(start)
        run.stop = lambda: setattr(run, "end", first.time)  # type: ignore[method-assign]
        return run

    first.launch = ends_well  # type: ignore[assignment, method-assign]
    first.work(tmp_path)
    second = again(first, BEGIN + 13 * HOUR, BEGIN + 20 * HOUR)
    second.work(tmp_path)
    assert second.runs == []


def test_a_job_that_is_added_edited_and_removed_is_picked_up(tmp_path: Path) -> None:
    day = machine(1, a="0 6 * * *")
    day.events = [
        (BEGIN + 2 * HOUR, lambda: day.files.update({"b.yaml": job("b", "0 3 * * *")})),
        (BEGIN + 4 * HOUR, lambda: day.files.update({"b.yaml": job("b", "0 5,12 * * *")})),
        (BEGIN + 10 * HOUR, lambda: day.files.pop("b.yaml") and None),
    ]
    day.work(tmp_path)
    assert began(day) == [("b", "01 03:00", "01 03:00"), ("b", "01 05:00", "01 05:00"), ("a", "01 06:00", "01 06:00")]
    assert day.told("changed")[1:] == [
        "b.yaml: next at 2027-03-01 03:00 UTC",
        "b.yaml: next at 2027-03-01 05:00 UTC",
        "b.yaml: is gone, and is not due any more",
    ]


def test_a_folder_in_which_nothing_is_due_is_told_once_until_something_is(tmp_path: Path) -> None:
    day = machine(1, a=None)
    day.events = [
        (BEGIN + 2 * HOUR, lambda: day.files.update({"b.yaml": job("b", "0 3 * * *")})),
        (BEGIN + 10 * HOUR, lambda: day.files.pop("b.yaml") and None),
    ]
    day.work(tmp_path)
    assert began(day) == [("b", "01 03:00", "01 03:00")]
    assert [note.time for note in day.notes if "waiting for one that has" in note.what] == [BEGIN, BEGIN + 10 * HOUR]


def test_a_job_that_lost_its_schedule_is_not_due_any_more(tmp_path: Path) -> None:
    day = machine(1, timedelta(hours=3), a="0 1 * * *", b="30 1 * * *")
    day.events = [(BEGIN + 2 * HOUR, lambda: day.files.update({"b.yaml": job("b", None)}))]
    day.work(tmp_path, at_once=1)
    assert began(day) == [("a", "01 01:00", "01 01:00")]


def test_a_folder_that_cannot_be_read_for_a_time_keeps_its_jobs(tmp_path: Path) -> None:
    day = machine(1, a="0 6 * * *")
    look = day.look

    def refuse() -> tuple[object, ...]:
        if BEGIN + HOUR < day.time < BEGIN + 8 * HOUR:
            raise PermissionError(13, "Permission denied")
        return look()

    day.look = refuse  # type: ignore[assignment, method-assign]
    day.work(tmp_path)
    assert began(day) == [("a", "01 06:00", "01 06:00")]
    assert len(day.told("warning")) == 1


def test_two_jobs_that_write_to_one_folder_run_one_after_the_other(tmp_path: Path) -> None:
    day = machine(0.5, a="0 6 * * *", b="0 6 * * *")
    day.files["b.yaml"] = decide.replace(day.files["b.yaml"], dest=day.files["a.yaml"].dest)
    day.work(tmp_path)
    assert began(day) == [("a", "01 06:00", "01 06:00"), ("b", "01 06:00", "01 06:05")]
    assert day.runs[1].why == decide.SHARED


def test_a_clock_that_is_set_back_repeats_nothing(tmp_path: Path) -> None:
    day = machine(0.5, a="0 6 * * *")
    day.events = [(BEGIN + 7 * HOUR, lambda: setattr(day, "time", day.time - 2 * HOUR))]
    day.work(tmp_path)
    assert began(day) == [("a", "01 06:00", "01 06:00")]


def test_a_clock_that_was_years_ahead_and_is_mended_keeps_no_job_waiting(tmp_path: Path) -> None:
    ahead = machine(0.1, a="0 */6 * * *")
    ahead.time, ahead.until = (time + timedelta(days=999) for time in (ahead.time, ahead.until))
    ahead.work(tmp_path)
    mended = again(ahead, BEGIN + HOUR, BEGIN + 7 * HOUR)
    mended.work(tmp_path)
    assert began(mended) == [("a", "01 06:00", "01 06:00")]


@pytest.mark.parametrize("text", ["", "[]", '{"format": 9, "jobs": {}}', '{"format": 1, "jobs": {"a": {}}}', "\0"])
def test_a_damaged_memory_is_told_and_begun_anew(text: str, tmp_path: Path) -> None:
    (tmp_path / "memory.json").write_text(text)
    day = machine(0.5, a="0 6 * * *")
    day.work(tmp_path)
    assert (began(day), len(day.told("warning"))) == ([("a", "01 06:00", "01 06:00")], 1)


def test_a_memory_that_cannot_be_written_is_told_once_and_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "memory.part").mkdir()
    day = machine(0.5, a="0 */3 * * *")
    day.work(tmp_path)
    assert (len(day.runs), len(day.told("warning"))) == (3, 1)


def test_a_run_that_cannot_be_started_is_told_and_the_next_is_tried(tmp_path: Path) -> None:
    day = machine(0.5, a="0 */5 * * *")

    def refuse(start: decide.Start) -> object:
        raise OSError(12, "Cannot allocate memory")

    day.launch = refuse  # type: ignore[assignment, method-assign]
    day.work(tmp_path)
    assert day.told("ended") == ["a.yaml: could not be started: Cannot allocate memory"] * 2


minutes = st.integers(1, 200)


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.sampled_from(["*/7 * * * *", "0 * * * *", "30 2 * * *", "*/20 1-3 * * *", "11 */2 * * *"]), min_size=1,
             max_size=4),
    st.lists(minutes, min_size=1, max_size=9), st.integers(1, 3), st.lists(st.tuples(minutes, minutes), max_size=2),
)  # fmt: skip
def test_whatever_runs_take_nothing_is_lost_doubled_or_overlaps(
    tmp_path_factory: pytest.TempPathFactory, schedules: list[str], takes: list[int], at_once: int,
    naps: list[tuple[int, int]],
) -> None:  # fmt: skip
    day = machine(1, **{f"j{n}": line for n, line in enumerate(schedules)})
    day.takes = lambda name, now: timedelta(minutes=takes[(len(day.runs)) % len(takes)])
    begin = BEGIN
    for awake, asleep in naps:
        begin += timedelta(minutes=awake)
        day.asleep.append((begin, begin + timedelta(minutes=asleep)))
        begin += timedelta(minutes=asleep)
    day.work(tmp_path_factory.mktemp("state"), at_once, longest=3600)
    for number, line in enumerate(schedules):
        runs = [run for run in day.runs if run.name == f"j{number}.yaml"]
        due = Oracle(line, "UTC").due(BEGIN, day.until - timedelta(seconds=1))
        for run, later in zip(runs, [*runs[1:], None], strict=True):
            assert run.due in due
            assert run.began >= run.due
            assert bool(run.why) == (run.began - run.due > decide.LATE)
            if later is not None:
                assert run.end <= later.began
                assert later.due == min(time for time in due if time > run.began)
        if runs and due:
            assert runs[0].due == due[0]
    assert all(sum(a.began <= b.began < a.end for a in day.runs) <= at_once for b in day.runs)


def test_a_card_is_written_and_read_as_it_was(tmp_path: Path) -> None:
    from scraper.run.schedule.memory import Memory

    card = Card("0 3 * * *", None, BEGIN, BEGIN, 3, (decide.BUSY,), BEGIN)
    Memory(tmp_path, Path("/jobs")).save({"a.yaml": card})
    assert Memory(tmp_path, Path("/jobs")).load() == {"a.yaml": card}
