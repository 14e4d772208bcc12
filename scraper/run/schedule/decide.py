"""What is due, what may start now, and why it is late. Values in, values out; no clock, no file, no process.

A card is what is known of one job: until when its times are settled, and the run that awaits its start. Times that
pass while a run waits or is under way become that one run: however long the machine slept or the run before it took,
what is due is done once, and at once when it may. The card keeps the words for it.

A run that was begun and not ended when the schedule itself was stopped or killed is due again: the job continues its
open run then, so nothing is done twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile

from scraper.run.schedule.jobs import JobFile
from scraper.run.schedule.times import times, zone_of

LATE = timedelta(seconds=5)
"""A run that starts no later than this after its time is on time."""
BACK = timedelta(hours=3)
"""A clock that is set back by more is corrected, and its new time counts at once: the bound of Debian's cron."""
MOST = 1000
"""Times that are counted one by one, of those that were missed."""

DOWN = "the schedule was not running"
ASLEEP = "the machine was asleep, or its clock was set"
HELD = "this process was held up"
CHANGED = "its schedule had just been written"
BROKEN = "its file was broken"
OVERRAN = "the run before it took longer"
BUSY = "as many runs as may be were under way"
SHARED = "another job was writing to its folder"
STOPPED = "the schedule was stopped while it ran"


@dataclass(frozen=True)
class Card:
    """What is known of one job. Times are aware, in UTC.

    Attributes:
        until: the times up to here are settled.
        due: the first time whose run has not started; None: nothing waits.
        count: how many times that run stands for.
        why: why it waits, in words.
        begun: the time whose run is under way; None: none is.
    """

    schedule: str | None
    timezone: str | None
    until: datetime
    due: datetime | None = None
    count: int = 0
    why: tuple[str, ...] = ()
    begun: datetime | None = None

    @property
    def told(self) -> str:
        """Why the run that waits is late."""
        return ", and ".join(self.why)


def first_card(job: JobFile, since: datetime) -> Card:
    """Of a job that is seen for the first time: nothing that was due before counts."""
    return Card(job.schedule, job.timezone, since)


def revised(card: Card, job: JobFile, since: datetime) -> Card:
    """The card of a job whose file is right, as the file stands now: a new schedule counts since a time.

    A run that waits stays due, unless the job has no schedule any more.
    """
    if (card.schedule, card.timezone) == (job.schedule, job.timezone):
        return card
    fresh = replace(card, schedule=job.schedule, timezone=job.timezone, until=since)
    return fresh if job.schedule else replace(fresh, due=None, count=0, why=())


def next_due(card: Card) -> datetime | None:
    """The next time that is not settled, in UTC; None: there is none."""
    if card.schedule is None:
        return None
    found = next(times(card.schedule, zone_of(card.timezone), card.until), None)
    return found.astimezone(UTC) if found else None


def with_times(card: Card, now: datetime, why: Iterable[str]) -> Card:
    """The card with the times that came since it was settled, up to now.

    Args:
        why: what may have made them late; it is kept only if any came.
    """
    if card.schedule is None:
        return replace(card, until=now)
    coming = times(card.schedule, zone_of(card.timezone), card.until)
    passed = list(islice(takewhile(lambda time: time <= now, coming), MOST))
    if not passed:
        return card
    return noted(
        replace(card, until=now, due=card.due or passed[0].astimezone(UTC), count=card.count + len(passed)), *why
    )


def noted(card: Card, *why: str) -> Card:
    """The card with further words for why it waits, each once."""
    return replace(card, why=tuple(dict.fromkeys((*card.why, *why))))


def reset(card: Card, now: datetime) -> Card:
    """The card where the clock was set back by more than BACK: it would wait for a time that is far away."""
    return replace(card, until=now) if card.until - now > BACK else card


def begun(card: Card) -> Card:
    """Its run starts: what waited is under way."""
    return replace(card, due=None, count=0, why=(), begun=card.due)


def ended(card: Card, *, stopped: bool = False) -> Card:
    """Its run has ended; one that was stopped by us is due again."""
    due = card.begun if stopped and card.begun is not None else card.due
    again = replace(card, due=due, count=card.count + stopped, begun=None)
    return noted(again, STOPPED) if stopped else again


@dataclass(frozen=True)
class Start:
    """A run that may start now.

    Attributes:
        due: its time; count: how many times it stands for; why: why it is late, or empty.
    """

    job: JobFile
    due: datetime
    count: int
    why: str


def starts(
    cards: Mapping[str, Card], jobs: Mapping[str, JobFile], at_once: int, now: datetime
) -> tuple[list[Start], dict[str, str]]:
    """What may start now, in the order of its times, and why the rest of what is due has to wait.

    Args:
        cards, jobs: by the names of the files; what is broken has mistakes.
        at_once: how many runs there may be.
    """
    running = {name for name, card in cards.items() if card.begun is not None}
    folders = {jobs[name].dest for name in running if name in jobs}
    found: list[Start] = []
    waits: dict[str, str] = {}
    for name in sorted((name for name in cards if cards[name].due), key=lambda name: (cards[name].due, name)):
        job, card = jobs[name], cards[name]
        if why := _obstacle(job, name in running, folders, len(running) >= at_once):
            waits[name] = why
            continue
        assert card.due is not None
        late = card.told if now - card.due > LATE else ""
        found.append(Start(job, card.due, card.count, late))
        running.add(name)
        folders.add(job.dest)
    return found, waits


def _obstacle(job: JobFile, runs: bool, folders: Collection[object], full: bool) -> str:
    """Why a job that is due cannot start; empty: it can."""
    obstacles = ((job.mistakes, BROKEN), (runs, OVERRAN), (job.dest in folders, SHARED), (full, BUSY))
    return next((why for holds, why in obstacles if holds), "")


def delay_words(slept: float, awake: float, asked: float) -> str:
    """Why a wake-up came late, or empty.

    Args:
        slept: seconds by the clock on the wall since the step before; awake: by a clock that stands while the
            machine sleeps; asked: how many of them it wanted to sleep.
    """
    late = LATE.total_seconds()
    if slept - awake > late:
        return ASLEEP
    return HELD if awake - asked > late else ""
