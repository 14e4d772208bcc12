"""A machine whose time is computed: its clock, its sleep and its runs; and what was due, found by brute force."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from scraper.run.schedule.decide import Start
from scraper.run.schedule.jobs import JobFile
from scraper.run.schedule.loop import Loop, Note
from scraper.run.schedule.memory import Memory

MINUTE = timedelta(minutes=1)


@dataclass
class Run:
    """A run of the simulated machine; `end` is None while nobody has stopped it and its time is not over."""

    name: str
    due: datetime
    began: datetime
    end: datetime
    machine: Machine
    why: str = ""
    stopped: bool = False

    def poll(self) -> int | None:
        if self.stopped:
            return 143
        return 0 if self.machine.time >= self.end else None

    def stop(self) -> None:
        self.stopped = True
        self.end = self.machine.time


@dataclass
class Machine:
    """Clock, files and runs.

    Attributes:
        asleep: from when to when it sleeps; events: what somebody does to it, and when.
        takes: how long a run takes, by name of file and time of its start.
        until: when it is told to stop.
    """

    time: datetime
    until: datetime
    files: dict[str, JobFile]
    takes: Callable[[str, datetime], timedelta]
    asleep: list[tuple[datetime, datetime]] = field(default_factory=list)
    events: list[tuple[datetime, Callable[[], None]]] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    awake: float = 0.0
    path: Path = Path("/jobs")

    # -- the clock -------------------------------------------------------------------------------------

    def now(self) -> datetime:
        return self.time

    def ticks(self) -> float:
        return self.awake

    def sleep(self, seconds: float) -> None:
        """Time passes, up to the end of a run; while the machine is asleep none of it is felt."""
        goal = self.time + timedelta(seconds=seconds)
        ends = [run.end for run in self.runs[-20:] if not run.stopped and self.time < run.end]
        self._pass(min([goal, *ends]))

    def _pass(self, goal: datetime) -> None:
        for begin, end in self.asleep:
            if self.time <= begin < goal:
                self.awake += (begin - self.time).total_seconds()
                self.time = end
                goal = max(goal, end)
        self.awake += (goal - self.time).total_seconds()
        self.time = goal
        for when, act in [each for each in self.events if each[0] <= goal]:
            act()
            self.events.remove((when, act))

    # -- the folder, the stop, the launch --------------------------------------------------------------

    def look(self) -> tuple[JobFile, ...]:
        return tuple(self.files[name] for name in sorted(self.files))

    @property
    def code(self) -> int | None:
        return 143 if self.time >= self.until else None

    @property
    def asked(self) -> int:
        return int(self.time >= self.until)

    def launch(self, start: Start) -> Run:
        name = start.job.key
        run = Run(name, start.due, self.time, self.time + self.takes(name, self.time), self, start.why)
        self.runs.append(run)
        return run

    def work(self, place: Path, at_once: int = 2, longest: float = 60) -> int:
        """A schedule of this folder, until it is stopped."""
        memory = Memory(place, self.path)
        loop = Loop(self, memory, self, self.launch, at_once=at_once, told=self.notes.append, longest=longest)  # type: ignore[arg-type]
        return loop.run(self)

    def told(self, kind: str) -> list[str]:
        return [f"{note.job}: {note.what}" for note in self.notes if note.kind == kind]


def job(name: str, schedule: str | None, timezone: str | None = "UTC", *, broken: bool = False) -> JobFile:
    path = Path("/jobs", f"{name}.yaml")
    return JobFile(path, name, schedule, timezone, Path("/output", name), ("it is broken",) if broken else ())


# -- what is due, by brute force ------------------------------------------------------------------------


def _field(text: str, low: int, high: int) -> set[int]:
    found: set[int] = set()
    for term in text.split(","):
        span, _, step = term.partition("/")
        first, _, last = span.partition("-")
        begin = low if first == "*" else int(first)
        end = high if first == "*" or (step and not last) else int(last or first)
        found.update(range(begin, end + 1, int(step or 1)))
    return found


class Oracle:
    """A cron line as Debian's cron has it, by looking at every minute; knows numbers, lists, ranges and steps."""

    def __init__(self, schedule: str, timezone: str) -> None:
        minute, hour, day, month, weekday = schedule.split()
        self._fixed = not minute.startswith("*") and not hour.startswith("*")
        self._either = not day.startswith("*") and not weekday.startswith("*")
        self._minutes, self._hours = _field(minute, 0, 59), _field(hour, 0, 23)
        self._days, self._months = _field(day, 1, 31), _field(month, 1, 12)
        self._weekdays = {each % 7 for each in _field(weekday, 0, 7)}
        self._zone = ZoneInfo(timezone)

    def _says(self, wall: datetime) -> bool:
        if wall.minute not in self._minutes or wall.hour not in self._hours or wall.month not in self._months:
            return False
        by_day, by_week = wall.day in self._days, wall.isoweekday() % 7 in self._weekdays
        return (by_day or by_week) if self._either else (by_day and by_week)

    def due(self, begin: datetime, end: datetime) -> list[datetime]:
        """The times later than `begin`, up to `end`."""
        found: list[datetime] = []
        offset = timedelta()
        moment = begin.astimezone(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)
        before: datetime | None = None
        highest: datetime | None = None
        while moment <= end:
            if moment.minute % 15 == 0:  # clocks change at quarters of an hour
                offset = moment.astimezone(self._zone).utcoffset() or timedelta()
            wall = moment.replace(tzinfo=None) + offset
            if before is not None and wall - before > MINUTE and self._fixed:  # the clock went forward
                skipped = (before + MINUTE * n for n in range(1, int((wall - before) / MINUTE)))
                is_due = any(map(self._says, skipped)) or self._says(wall)
            elif self._fixed and highest is not None and wall <= highest:  # it went back: this was already
                is_due = False
            else:
                is_due = self._says(wall)
            if is_due and moment > begin:
                found.append(moment)
            before, highest = wall, max(wall, highest or wall)
            moment += MINUTE
        return found


def by_time(pairs: Iterable[tuple[str, datetime]]) -> list[tuple[str, datetime]]:
    return sorted(pairs, key=lambda pair: (pair[1], pair[0]))
