"""The rows of `for`: every combination of its axes, the last one running fastest (JOBS.md, Start). Pure.

    {z: {from: 0, to: 2}, x: {from: 0, to: "{{ 2 ** row.z - 1 }}"}}  ->  {z: 0, x: 0}, {z: 1, x: 0}, {z: 1, x: 1}, ...

An axis sees the ones before it as `row.*`. It is a list, a template that gives one, or `{from, to, step}`, ends
included: numbers, or dates in ISO 8601, which become moments. Each value is reckoned from the beginning and not from
the one before it: a tenth stays a tenth, and a month after 31 January comes the end of February, then 31 March.
Where `to` lies before `from`, an axis that counts up is empty. Rows are made as they are asked for: a billion of them
take no memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING, Any

from scraper.job.fields import Fields
from scraper.job.filters import moment, moved, steps_of
from scraper.job.template import TemplateError, render, render_all
from scraper.lists.files import Broken, Row

if TYPE_CHECKING:
    from scraper.job.parts import Range

Names = Mapping[str, Any]
Axes = Mapping[str, Any]
"""By name a list, a template, or a Range."""


class AxisError(ValueError):
    """An axis that gives no values; the message is for the writer of the job."""


def rows(axes: Axes, names: Names) -> Iterator[Row]:
    """Each combination; a Broken where an axis gives no values for what stands before it.

    Args:
        names: those of the run, for templates.
    """
    return _rows(list(axes.items()), {}, names)


def _rows(left: list[tuple[str, Any]], before: dict[str, Any], names: Names) -> Iterator[Row]:
    if not left:
        yield dict(before)
        return
    (name, axis), *rest = left
    try:
        for value in values(axis, {**names, "row": Fields(before, lenient=True, name="row")}):
            yield from _rows(rest, {**before, name: value}, names)
    except (AxisError, TemplateError) as error:
        yield Broken(f"for.{name}: {error}")


def values(axis: Any, names: Names) -> Iterator[Any]:
    """The values of one axis.

    Raises:
        AxisError: no list, ends that do not go together, a step of nothing.
        TemplateError: a template in it cannot be rendered.
    """
    if isinstance(axis, (str, list, tuple)):
        found = render_all(axis, names)
        if not isinstance(found, list):
            raise AxisError(f"{found!r} is no list; write a list, or from and to")
        return iter(found)
    return _between(axis, names)


def _between(axis: Range, names: Names) -> Iterator[Any]:
    begin, end, step = (_rendered(each, names) for each in (axis.from_, axis.to, axis.step))
    if _is_number(begin) and _is_number(end):
        return _numbers(begin, end, 1 if step is None else step)
    return _moments(_moment("from", begin), _moment("to", end), "1 day" if step is None else step)


def _rendered(value: Any, names: Names) -> Any:
    return render(value, names) if isinstance(value, str) else value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _numbers(begin: float, end: float, step: Any) -> Iterator[float]:
    if not _is_number(step) or step == 0:
        raise AxisError(f"step: {step!r} is no step from {begin} to {end}; write a number that is not 0")
    exact = [Decimal(str(each)) for each in (begin, end, step)]
    is_whole = all(isinstance(each, int) for each in (begin, step))
    for at in count():
        value = exact[0] + at * exact[2]
        if value > exact[1] if step > 0 else value < exact[1]:
            return
        yield int(value) if is_whole else float(value)


def _moment(name: str, value: Any) -> datetime:
    if not isinstance(value, (str, date)):
        raise AxisError(f"from and to are two numbers, or two dates as in 2026-07-01; {name} is {value!r}")
    try:
        return moment(value)
    except ValueError as error:
        raise AxisError(f"{name}: {error}") from error


def _moments(begin: datetime, end: datetime, step: Any) -> Iterator[datetime]:
    parts = step_in_time(step)
    is_up = moved(begin, parts, 1) > begin
    for at in count():
        try:
            value = moved(begin, parts, at)
        except ValueError:  # beyond the calendar, and so beyond the end
            return
        if value > end if is_up else value < end:
            return
        yield value


def step_in_time(step: Any) -> list[tuple[int, str]]:
    """The parts of a step between dates.

    Raises:
        AxisError: it is none, or leads nowhere.
    """
    try:
        parts = steps_of(str(step))
        if moved(_SOME_DAY, parts, 1) != _SOME_DAY:
            return parts
    except ValueError as error:
        raise AxisError(f"step: {error}") from error
    raise AxisError(f"step: {step!r} leads nowhere")


_SOME_DAY = moment("2000-01-01")
