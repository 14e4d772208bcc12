"""`for`: the values of its axes, and their combinations."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.errors import JobError
from scraper.job.load import from_data
from scraper.job.parts import Range
from scraper.lists.axes import AxisError, rows, values
from scraper.lists.files import Broken


def axis(begin: Any, end: Any, step: Any = None) -> Range:
    return Range.model_validate({"from": begin, "to": end, "step": step})


def listed(begin: Any, end: Any, step: Any = None) -> list[Any]:
    return list(values(axis(begin, end, step), {}))


def days(begin: Any, end: Any, step: Any = None) -> list[str]:
    return [value.date().isoformat() for value in listed(begin, end, step)]


def test_the_last_axis_runs_fastest_and_sees_those_before_it() -> None:
    found = list(rows({"z": axis(0, 2), "x": axis(0, "{{ 2 ** row.z - 1 }}")}, {}))
    assert found == [{"z": z, "x": x} for z in range(3) for x in range(2**z)]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((0, 3), [0, 1, 2, 3]),
        ((0, 7, 3), [0, 3, 6]),
        ((3, 1, -1), [3, 2, 1]),
        ((3, 1), []),
        ((1, 1), [1]),
        ((0, 1, 0.25), [0.0, 0.25, 0.5, 0.75, 1.0]),
        ((0, "{{ 1 + 1 }}"), [0, 1, 2]),
    ],
)
def test_numbers_run_from_one_end_to_the_other_ends_included(given: Any, expected: list[Any]) -> None:
    assert listed(*given) == expected


@given(st.integers(-1000, 1000), st.integers(1, 50), st.integers(0, 60))
def test_tenths_stay_tenths(begin: int, step: int, count: int) -> None:
    found = listed(begin / 10, (begin + step * count) / 10, step / 10)
    assert found == [(begin + step * at) / 10 for at in range(count + 1)]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("2026-02-27", "2026-03-01"), ["2026-02-27", "2026-02-28", "2026-03-01"]),
        (("2024-01-31", "2024-04-30", "1 month"), ["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30"]),
        (("2026-01-03", "2026-01-01", "-1 day"), ["2026-01-03", "2026-01-02", "2026-01-01"]),
        (("2026-01-01", "2026-01-20", "1 week"), ["2026-01-01", "2026-01-08", "2026-01-15"]),
        (("9998-06-01", "9999-12-31", "1 year"), ["9998-06-01", "9999-06-01"]),
        (("2026-01-02", "2026-01-01"), []),
    ],
)
def test_dates_run_by_steps_in_time(given: Any, expected: list[str]) -> None:
    assert days(*given) == expected


def test_an_axis_of_dates_ends_at_the_moment_of_the_run() -> None:
    now = listed("2026-07-01T00:00:00Z", "2026-07-01T00:00:00Z")[0]
    found = list(values(axis("2026-05-01", "{{ date }}", "1 month"), {"date": now}))
    assert [value.month for value in found] == [5, 6, 7]


@pytest.mark.parametrize("found", [["a", "b"], [], [1, None, "x"]])
def test_a_list_or_a_template_that_gives_one_is_taken_as_it_is(found: list[Any]) -> None:
    assert (list(values(tuple(found), {})), list(values("{{ vars.some }}", {"vars": {"some": found}}))) == (
        found,
        found,
    )


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ((1, "2026-01-01"), "from and to are two numbers, or two dates as in 2026-07-01; from is 1"),
        (("soon", "2026-01-01"), "from: 'soon' is not a date"),
        ((0, 3, 0), "step: 0 is no step"),
        ((0, 3, "1 month"), "step: '1 month' is no step"),
        (("2026-01-01", "2026-02-01", "1 moon"), "step: '1 moon' is not a step in time"),
        (("2026-01-01", "2026-02-01", "0 days"), "step: '0 days' leads nowhere"),
        (("2026-01-01", "2026-02-01", "1 day -1 day"), "leads nowhere"),
    ],
)
def test_an_axis_that_gives_no_values_says_why(given: Any, told: str) -> None:
    with pytest.raises(AxisError, match=told.replace("(", r"\(")):
        listed(*given)


def test_a_broken_axis_costs_what_stands_before_it_and_nothing_else() -> None:
    found = list(rows({"n": (1, 0, 2), "x": axis(0, "{{ 1 if row.n else none }}")}, {}))
    kinds = ["broken" if isinstance(row, Broken) else (row["n"], row["x"]) for row in found]
    assert kinds == [(1, 0), (1, 1), "broken", (2, 0), (2, 1)]


@pytest.mark.parametrize(
    ("axes", "told"),
    [
        ({"a": {"from": 1, "to": "2026-01-01"}}, "start.0.for.a: from and to are two numbers"),
        ({"a": {"from": "2026-01-01", "to": "{{ date }}", "step": "1 moon"}}, "start.0.for.a: step: '1 moon'"),
        ({"a": {"from": 0, "to": "{{ row.b }}"}, "b": [1]}, 'start.0.for.a.to: row has no field "b" here'),
        ({"a": {"from": 0}}, "start.0.for.a.to"),
        ({"a": [1]}, 'start.0.url: row has no field "aa" here; did you mean "a"?'),
    ],
)
def test_a_wrong_axis_is_told_when_the_job_is_loaded(axes: Any, told: str) -> None:
    url = "http://localhost/{{ row.a" + ("a" if axes == {"a": [1]} else "") + " }}"
    with pytest.raises(JobError) as caught:
        from_data({"name": "job", "start": [{"for": axes, "url": url, "as": "files"}]})
    assert told in str(caught.value)
