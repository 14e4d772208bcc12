"""The loop: looks at the files and the clock, decides, starts what is due, waits.

    look     the jobs as they stand now; what changed is told
    settle   runs that ended are told; times that passed become runs that are due
    start    as many as may run at once, the oldest first
    save     before anything is started, and when it has ended
    sleep    until the next time, a minute at most: clocks jump and files change

Clock and launch are passed in: a month passes in a test as fast as it is computed.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from scraper.errors import Exit
from scraper.run.schedule import decide
from scraper.run.schedule.decide import Card, Start
from scraper.run.schedule.jobs import Folder, JobFile
from scraper.run.schedule.memory import Memory
from scraper.run.schedule.times import zone_of

LONGEST = 60.0
"""Seconds that the loop sleeps at most."""
_STOPS = (Exit.SIGINT, Exit.SIGTERM)


class Clock(Protocol):
    """What the time is, and waiting for it."""

    def now(self) -> datetime:
        """The time on the wall, aware."""

    def ticks(self) -> float:
        """Seconds by a clock that nobody sets and that stands while the machine sleeps."""

    def sleep(self, seconds: float) -> None:
        """Waits so long, or until a run ends or a stop is asked for."""


class Stop(Protocol):
    """Whether it is to end."""

    @property
    def code(self) -> int | None:
        """The exit code to end with; None: it goes on."""

    @property
    def asked(self) -> int:
        """How often it was asked to."""


class Child(Protocol):
    """A run under way."""

    def poll(self) -> int | None:
        """Its exit code, negative for the signal that killed it; None: it goes on."""

    def stop(self) -> None:
        """Asks it to end, as SIGTERM does; twice: at once."""


@dataclass(frozen=True)
class Note:
    """Something that happened.

    Attributes:
        time: when; job: the name of the file, or empty; what: in words for people.
        kind: started, ended, waits, changed, broken, warning or state.
        start, code: of a run that started or ended.
    """

    time: datetime
    kind: str
    job: str
    what: str
    start: Start | None = None
    code: int | None = None


class Loop:
    """A schedule of the jobs of one folder.

    Args:
        launch: starts a run; told: hears what happens.
        at_once: runs that there may be at a time.
        ends: the words for an exit code; longest: seconds that the loop sleeps at most.
    """

    def __init__(
        self, folder: Folder, memory: Memory, clock: Clock, launch: Callable[[Start], Child], *,
        at_once: int, told: Callable[[Note], None], ends: Callable[[int], str] = str,
        longest: float = LONGEST,
    ) -> None:  # fmt: skip
        self._folder = folder
        self._memory = memory
        self._clock = clock
        self._launch = launch
        self._at_once = at_once
        self._told = told
        self._ends = ends
        self._longest = longest
        self._cards: dict[str, Card] = {}
        self._jobs: dict[str, JobFile] = {}
        self._next: dict[str, tuple[object, datetime | None]] = {}
        self._running: dict[str, tuple[Start, Child]] = {}
        self._waits: dict[str, str] = {}
        self._idle = False
        self._unread = self._unsaved = ""
        self._looked = clock.now()

    def run(self, stop: Stop) -> int:
        """Goes on until it is stopped, then ends what runs; gives the exit code of the stop."""
        self._remember()
        late = decide.DOWN
        while (code := stop.code) is None:
            begun = (self._clock.now(), self._clock.ticks())
            self._step(begun[0], late)
            late = self._sleep(*begun)
        self._drain(stop)
        return code

    # -- a step ----------------------------------------------------------------------------------------

    def _step(self, now: datetime, late: str) -> None:
        self._settle(now)
        self._look(now)
        self._note_times(now, late)
        self._start(now)
        self._save()

    def _remember(self) -> None:
        """What was under way when the last schedule of this folder ended is due again."""
        try:
            cards = self._memory.load()
        except (ValueError, OSError) as error:
            self._say("warning", "", f"what was done before is forgotten: {error}")
            cards = {}
        self._cards = {name: decide.ended(card, stopped=card.begun is not None) for name, card in cards.items()}

    def _save(self) -> None:
        """A disk that is full ends no schedule: what was done is remembered again when there is room."""
        try:
            self._memory.save(self._cards)
        except OSError as error:
            if self._unsaved != (why := f"what was done cannot be written down: {error.strerror}"):
                self._say("warning", "", why)
            self._unsaved = why
        else:
            self._unsaved = ""

    def _settle(self, now: datetime) -> None:
        """Tells of the runs that ended."""
        for name, (start, child) in list(self._running.items()):
            if (code := child.poll()) is not None:
                del self._running[name]
                self._cards[name] = decide.ended(self._cards[name])
                self._say("ended", name, self._ends(code), start=start, code=code)
                if name not in self._jobs:
                    self._drop(name)

    def _look(self, now: datetime) -> None:
        """The files as they are now, and what has changed in them."""
        try:
            found = {job.key: job for job in self._folder.look()}
        except OSError as error:
            self._unreadable(error)
            return
        self._unread = ""
        before, self._jobs = self._jobs, found
        for name in sorted(name for name in found if found[name] != before.get(name)):
            self._changed(name, before.get(name))
        for name in sorted((before.keys() | self._cards.keys()) - found.keys() - self._running.keys()):
            self._drop(name)
        self._tell_idle()
        self._looked = now

    def _tell_idle(self) -> None:
        """Says so where nothing is due at any time, as in a folder without jobs: else a wait looks like a hang."""
        was, self._idle = self._idle, all(card.schedule is None for card in self._cards.values())
        if self._idle and not was:
            self._say("state", "", f"no job of {self._folder.path} has a schedule; waiting for one that has")

    def _unreadable(self, error: OSError) -> None:
        """A folder that cannot be read, for a time: its jobs stay as they were, and what is due is tried."""
        if self._unread != (why := f"{self._folder.path} cannot be read: {error.strerror}; its jobs stay as they were"):
            self._say("warning", "", why)
            self._unread = why

    def _changed(self, name: str, before: JobFile | None) -> None:
        """A file is new, edited, broken or mended; a new schedule counts since the look before this one."""
        job, card = self._jobs[name], self._cards.get(name)
        if job.mistakes:
            why = "is broken; what is due waits until it is mended"
            self._say("broken", name, "\n".join((why, *job.mistakes)))
            return
        since = self._looked
        self._cards[name] = card = decide.revised(card, job, since) if card else decide.first_card(job, since)
        if before is not None and before.mistakes:
            self._say("changed", name, f"is mended; {self._outlook(card)}")
        elif before is None or (before.schedule, before.timezone) != (job.schedule, job.timezone):
            self._say("changed", name, self._outlook(card))

    def _outlook(self, card: Card) -> str:
        if card.schedule is None:
            return "has no schedule"
        due = decide.next_due(card)
        return f"next at {told_time(due, card.timezone)}" if due else "is never due"

    def _drop(self, name: str) -> None:
        self._cards.pop(name, None)
        self._next.pop(name, None)
        self._say("changed", name, "is gone, and is not due any more")

    def _note_times(self, now: datetime, late: str) -> None:
        """Times that passed become runs that are due.

        Args:
            late: why this step comes late, if it does; else a time that is long past is one of a file just read.
        """
        for name, card in self._cards.items():
            card = decide.reset(card, now)
            if (due := self._next_of(name, card)) is not None and due <= now:
                why = [late or decide.CHANGED] if now - due > decide.LATE else []
                card = decide.with_times(card, now, why)
            self._cards[name] = card

    def _next_of(self, name: str, card: Card) -> datetime | None:
        """The next time of a job, computed anew only when its schedule or what is settled has changed."""
        mark = (card.schedule, card.timezone, card.until)
        if name not in self._next or self._next[name][0] != mark:
            self._next[name] = (mark, decide.next_due(card))
        return self._next[name][1]

    # -- starting --------------------------------------------------------------------------------------

    def _start(self, now: datetime) -> None:
        known = {name: card for name, card in self._cards.items() if name in self._jobs}
        found, waits = decide.starts(known, self._jobs, self._at_once, now)
        for name, why in waits.items():
            self._cards[name] = decide.noted(self._cards[name], why)
            if self._waits.get(name) != why:
                self._say("waits", name, f"{self._due_words(name)} and waits: {why}")
        self._waits = waits
        for start in found:
            self._begin(start)

    def _due_words(self, name: str) -> str:
        card = self._cards[name]
        assert card.due is not None
        return f"is due since {told_time(card.due, card.timezone)}"

    def _begin(self, start: Start) -> None:
        """Starts a run. It is written down before: after a kill in between it is due again."""
        name = start.job.key
        timezone = self._cards[name].timezone
        self._cards[name] = decide.begun(self._cards[name])
        self._save()
        try:
            child = self._launch(start)
        except OSError as error:
            self._cards[name] = decide.ended(self._cards[name])
            self._say("ended", name, f"could not be started: {error.strerror}", start=start, code=Exit.BUG)
            return
        self._running[name] = (start, child)
        self._say("started", name, _start_words(start, timezone), start=start)

    # -- waiting and ending ----------------------------------------------------------------------------

    def _sleep(self, began: datetime, ticks: float) -> str:
        """Sleeps until something may be due; says why it woke late, if it did.

        Args:
            began, ticks: of the step before, which takes its time as well.
        """
        seconds = max(0.0, min(self._longest, self._until_next(self._clock.now())))
        self._clock.sleep(seconds)
        passed = (self._clock.now() - began).total_seconds()
        return decide.delay_words(passed, self._clock.ticks() - ticks, seconds)

    def _until_next(self, now: datetime) -> float:
        dues = [due for name, card in self._cards.items() if (due := self._next_of(name, card)) is not None]
        return min(((due - now).total_seconds() for due in dues), default=self._longest)

    def _drain(self, stop: Stop) -> None:
        """No new runs; those under way are asked to end, and waited for."""
        if self._running:
            self._say("state", "", f"stopping: {len(self._running)} under way end first; once more stops them at once")
        asked = 0
        while self._running:
            if asked != stop.asked:
                asked = stop.asked
                self._ask_all()
            self._clock.sleep(self._longest)
            self._collect()
        self._save()

    def _ask_all(self) -> None:
        for _, child in self._running.values():
            with suppress(ProcessLookupError):
                child.stop()

    def _collect(self) -> None:
        for name, (start, child) in list(self._running.items()):
            if (code := child.poll()) is not None:
                del self._running[name]
                stopped = code in _STOPS or code < 0
                self._cards[name] = decide.ended(self._cards[name], stopped=stopped)
                self._say("ended", name, self._ends(code), start=start, code=code)

    def _say(self, kind: str, job: str, what: str, *, start: Start | None = None, code: int | None = None) -> None:
        self._told(Note(self._clock.now(), kind, job, what, start, code))


def told_time(time: datetime, timezone: str | None) -> str:
    """A time as the job's zone has it: `2027-03-28 03:00 CEST`."""
    return f"{time.astimezone(zone_of(timezone)):%Y-%m-%d %H:%M %Z}"


def _start_words(start: Start, timezone: str | None) -> str:
    words = f"starts; it was due {told_time(start.due, timezone)}"
    if start.count > 1:
        words += f", with {'at least ' if start.count >= decide.MOST else ''}{start.count} times in one run"
    return f"{words}; late: {start.why}" if start.why else words
