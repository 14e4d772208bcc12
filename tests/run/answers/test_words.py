"""Times, sizes and exit codes in words, and columns that fit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.run.answers.table import Cell, Column, table
from scraper.run.answers.words import distance, exit_told, moment, short_moment, short_size, short_time

NOW = datetime(2026, 11, 22, 3, 0, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "now"), (-59, "59 s ago"), (60, "in 1 min"), (-3 * 3600, "3 h ago"), (20 * 86400, "in 20 d")],
)
def test_a_distance_is_told_by_its_largest_unit(seconds: int, told: str) -> None:
    assert distance(NOW + timedelta(seconds=seconds), NOW) == told


def test_a_moment_is_told_in_a_zone() -> None:
    zone = timezone(timedelta(hours=1))
    assert (moment(NOW, zone), short_moment(NOW, zone)) == ("2026-11-22 04:00:07", "22 Nov 04:00")


@pytest.mark.parametrize(
    ("count", "told"), [(0, "0"), (532, "532"), (999, "999"), (1000, "1.0k"), (1434, "1.4k"), (12 << 20, "12M")]
)
def test_a_size_is_short(count: int, told: str) -> None:
    assert short_size(count) == told


@given(st.integers(0, 1 << 49))
def test_no_size_and_no_time_is_longer_than_its_column(count: int) -> None:
    assert len(short_size(count)) <= 5
    assert len(short_time(count % (900 * 86400))) <= 6


@pytest.mark.parametrize(
    ("code", "is_open", "is_running", "told"),
    [
        (0, False, False, ("done", "done, nothing failed")),
        (
            5,
            True,
            False,
            ("limit", "stopped by a limit: disk, deadline, quota, failures; open: scraper run goes on with it"),
        ),
        (None, True, True, ("running", "under way now")),
        (77, False, False, ("exit 77", "ended with exit code 77")),
    ],
)
def test_an_exit_code_is_told_in_words(
    code: int | None, is_open: bool, is_running: bool, told: tuple[str, str]
) -> None:
    assert exit_told(code, is_open=is_open, is_running=is_running, by="scraper run") == told


CELLS = st.text(st.characters(codec="utf-8"), max_size=30).map(Cell)


@given(st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=5), st.integers(30, 200))
def test_a_table_fits_and_its_columns_stand_one_below_the_other(rows: list[tuple[Cell, ...]], width: int) -> None:
    columns = (Column("job", cuts=True), Column("x", cuts=True, right=True), Column("goes", goes=1))
    lines = table(columns, rows, width)
    sizes = [[len(cell.text) for cell in line] for line in lines]
    assert all(each == sizes[0] for each in sizes)
    assert sum(sizes[0]) <= width
    assert all(cell.text.isprintable() for line in lines for cell in line)
