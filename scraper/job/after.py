"""What a job says of its runs as a whole: when they are due, what bounds them, who hears of their end."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, Strict, model_validator

from scraper import units
from scraper.job.fields import did_you_mean
from scraper.job.parts import Count, Model, Size, SomeSize, no_bool, parsed

Duration = Annotated[int | float | str, parsed(units.duration, str, int, float)]


class Limits(Model):
    """What ends a run before its work does, with exit code 5; the run stays open, and the same command continues it.

    Each counts from the start of the process, so that a run that is continued gets as far again.

    Attributes:
        min_free: bytes that stay free on the disk of the output folder.
        deadline: how long the process works.
        quota: bytes of files that it saves.
        failures: pages, items and files that fail in it.
    """

    min_free: Size | None = None
    deadline: Annotated[int | float | str, parsed(units.some(units.duration), str, int, float)] | None = None
    quota: SomeSize | None = None
    failures: Count | None = None


def _statsd(value: str) -> str:
    host, colon, port = value.rpartition(":")
    if not colon or not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise ValueError(f'{value!r}: expected "host:port", such as "127.0.0.1:8125"')
    return value


def _textfile(value: str) -> str:
    if not value.endswith((".prom", "/")):
        raise ValueError(f'{value!r}: the textfile collector reads "*.prom"; or write a folder, with "/" at its end')
    return value


class Metrics(Model):
    """Where figures of a run go.

    Attributes:
        textfile: a file in Prometheus' text format, for the textfile collector of its node exporter; it ends in .prom.
            A folder (it ends in /) gets `scraper-<job>.prom`.
        statsd: "host:port" of a StatsD, by UDP.
    """

    textfile: Annotated[str, AfterValidator(_textfile)] | None = None
    statsd: Annotated[str, AfterValidator(_statsd)] | None = None


class Command(Model):
    """A command as an argument list, never a shell line; `timeout` is the time it has."""

    run: tuple[Annotated[str, BeforeValidator(no_bool)], ...] = Field(min_length=1)
    when: str | None = None
    timeout: Duration = 60


def _commands(value: Any) -> Any:
    """`[a, b]`, `{run: [...]}` or a list of these, as a list of commands; `[]` is none."""
    one = (
        [value]
        if isinstance(value, dict) or (isinstance(value, list) and value and all(isinstance(v, str) for v in value))
        else value
    )
    if not isinstance(one, (list, tuple)):
        raise ValueError("expected an argument list such as [notify-send, done], never a shell line")
    return tuple({"run": each} if isinstance(each, (list, tuple)) else each for each in one)


_Argv = list[str]
Commands = Annotated[
    tuple[Command, ...], BeforeValidator(_commands, json_schema_input_type=_Argv | Command | list[_Argv | Command])
]


class Notice(Model):
    """Where the end of a run is told: an http(s) URL gets the summary as JSON, any other scheme is Apprise's."""

    url: Annotated[str, Strict()]
    when: str | None = None

    @model_validator(mode="after")
    def _is_url(self) -> Notice:
        if "://" not in self.url and "{{" not in self.url:
            raise ValueError(f"{self.url!r} is not a URL")
        return self


def _notices(value: Any) -> Any:
    """A URL, `{url, when}` or a list of these, as a list."""
    given = value if isinstance(value, (list, tuple)) else [value]
    return tuple({"url": each} if isinstance(each, str) else each for each in given)


Notices = Annotated[
    tuple[Notice, ...], BeforeValidator(_notices, json_schema_input_type=str | Notice | list[str | Notice])
]


_Job = TypeVar("_Job", bound=Model)


def silent(job: _Job) -> _Job:
    """The job without what reaches others at its end, for replays, tests and recordings."""
    return job.model_copy(update={"on_finish": (), "on_failure": (), "on_file": (), "notify": (), "metrics": Metrics()})


_SHORT = {
    "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
}  # fmt: skip
"""Words that some crons know, and the line that says the same."""


def _cron(value: str) -> str:
    from datetime import UTC, datetime

    from cronsim import CronSim, CronSimError

    if value.strip().lower() in _SHORT:
        raise ValueError(f'{value!r} is not read here; write "{_SHORT[value.strip().lower()]}"')
    if len(value.split()) == 6:  # cronsim would take the first for seconds
        raise ValueError(f'{value!r} has six fields; a cron line has five, as in "0 3 * * *"')
    try:
        CronSim(value, datetime(2026, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise ValueError(f'{value!r} is not a cron line ({error}); five fields as in "0 3 * * *"') from error
    return value


def _timezone(value: str) -> str:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{value!r} is not a time zone{_zone_meant(value)}") from error
    return value


def _zone_meant(value: str) -> str:
    """A zone that is written so but for a letter, for capitals, or for what stands before its last `/`."""
    from zoneinfo import available_timezones

    known = available_timezones()
    name = value.replace(" ", "_").casefold()
    same = [zone for zone in sorted(known) if name in (zone.casefold(), zone.rpartition("/")[2].casefold())]
    if same:
        return f'; did you mean "{same[0]}"?'
    return did_you_mean(value, known if "/" in value else ()) or "; write one such as Europe/Berlin"


Cron = Annotated[str, AfterValidator(_cron)]
TimeZone = Annotated[str, AfterValidator(_timezone)]
