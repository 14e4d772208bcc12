"""The process of the run and its workers: files are handed out, and how they ended is heard.

    crew = Crew(...)                   forks; to be called while the process has one thread
    crew.errand(task, hop, flight)     what a source is to hand out, in place of a landing
    crew.threads(source)               net.transport.Transport

One thread of the run's process serves all workers. A host's files go to the same worker as long as that one has room,
so that its connections are used again.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from scraper import errors
from scraper.crew import forms, worker
from scraper.crew.channel import Channel, ClosedError, pair
from scraper.crew.home import Home
from scraper.download.engine import Engine
from scraper.download.flight import Flight
from scraper.net.bell import Bell
from scraper.net.courier import Courier
from scraper.net.redirect import Hop
from scraper.net.transport import Source
from scraper.state.ledger import FileTask

if TYPE_CHECKING:
    from scraper.net.curl import CurlTransport

_LEDGER = frozenset({"complete_name", "note_part", "forget_part"})
"""What workers may ask of the ledger."""

SWITCH = 0.0005
"""Seconds that a thread of the run's process keeps the interpreter while another one waits for it: at Python's 0.005
workers would wait for work as long as for the server."""


class Booked(Flight, Protocol):
    """A flight whose host and beginning are known (run.flights.Flight)."""

    host: str
    began: float


class Errand:
    """A file that a worker fetches (ground.Flying).

    Attributes:
        answered: when the head of its answer came, by the courier's clock; None: it did not.
        received, size: bytes of it, as far as the worker has told.
    """

    __slots__ = ("answered", "flight", "hop", "received", "size", "task")

    def __init__(self, task: FileTask, hop: Hop, flight: Booked) -> None:
        self.task = task
        self.hop = hop
        self.flight = flight
        self.answered: float | None = None
        self.received = 0
        self.size: int | None = None

    def close(self) -> None:
        """What it has open is the worker's."""


class _Member:
    """A worker, as the run's process knows it."""

    __slots__ = ("channel", "given", "pid", "room")

    def __init__(self, channel: Channel, pid: int, room: int) -> None:
        self.channel = channel
        self.pid = pid
        self.room = room
        self.given: list[forms.Form] = []


class Crew:
    """Workers, and a transport at home for what is not for them.

    Args:
        engine: of the run's process.
        engine_for: makes those of the workers.
        count: workers.
        home: the transport of the run's own process; workers use its loop. Its `jobs` are exchanges of all together.

    Raises:
        OSError: the system gives no further process.
    """

    name = "crew"

    def __init__(
        self, courier: Courier, engine: Engine, engine_for: worker.EngineFor, count: int, home: CurlTransport
    ) -> None:
        self._courier = courier
        self._engine = engine
        self._jobs = jobs = home.jobs
        self._home = Home(jobs)
        self._at_home = home
        self._flying: dict[int, Errand] = {}
        self._is_over = False
        self._source: Source
        self._members: list[_Member] = []
        self._switch = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH)
        gc.freeze()  # what is there now is shared with the workers as long as nobody writes to it
        try:
            for at in range(count):
                self._members.append(self._hired(jobs // count + (at < jobs % count), engine_for))
        except OSError:
            self._dismiss(is_well=False)
            raise
        finally:
            gc.unfreeze()

    def _hired(self, room: int, engine_for: worker.EngineFor) -> _Member:
        ours, theirs = pair()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, worker.SIGNALS)
        try:
            pid = os.fork()
        except OSError:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            ours.close()
            theirs.close()
            raise
        if not pid:
            try:
                for each in self._members:
                    each.channel.close()
                ours.close()
                # One more than it gets at once: it is to listen also while it is busy.
                worker.serve(theirs, self._courier, engine_for, lambda own: self._at_home.loop(own, room + 1, own))
            finally:
                os._exit(1)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
        return _Member(ours, pid, room)

    def errand(self, task: FileTask, hop: Hop, flight: Booked) -> Any:
        """An exchange for a file: for a worker, or at home where there is a part to be continued."""
        return Errand(task, hop, flight) if task.noted is None else self._engine.landing(task, hop, flight)

    def threads(self, source: Source) -> list[threading.Thread]:
        """The one that serves the workers, and those of the transport at home; not started yet."""
        self._source = source
        self._bell = Bell()
        self._epoll = select.epoll()
        self._epoll.register(self._bell.descriptor, select.EPOLLIN)
        self._by_descriptor = {each.channel.reading: each for each in self._members}
        self._by_descriptor |= {each.channel.writing: each for each in self._members}
        for each in self._members:
            self._epoll.register(each.channel.reading, select.EPOLLIN)
        source.wake_by(self._bell.ring)
        self._courier.outgoing.on_cookies = self._spread_cookies
        return [
            threading.Thread(target=self._run, name="crew", daemon=True),
            *self._at_home.threads(self._home.of(source, self._bell.ring)),
        ]

    def _run(self) -> None:
        is_well = False
        try:
            self._hand_out()
            while not self._is_over or self._flying:
                self._listen()
                self._hand_out()
            is_well = True
        except BaseException as bug:  # handed to the main thread, which raises it
            self._source.failed_with(bug)
        finally:
            self._home.close()
            self._dismiss(is_well=is_well)
            self._epoll.close()
            self._bell.close()

    # -- handing out -------------------------------------------------------------------------------------

    def _hand_out(self) -> None:
        if self._is_over:
            return
        room = self._jobs - len(self._flying) - self._home.flying
        given = self._source.take(max(0, room))  # asked for nothing it still says when all is over
        if given is None:
            self._is_over = True
            self._home.close()
            self._send_all(("stop",))
            return
        for each in given:
            if isinstance(each, Errand):
                self._give(each)
            else:
                self._home.put(each)
        for member in self._members:
            if member.given:
                self._send(member, ("fetch", member.given))
                member.given = []

    def _give(self, errand: Errand) -> None:
        members = self._members
        first = hash(errand.flight.host) % len(members)
        member = members[first]
        if member.room <= 0:
            member = max(members, key=lambda each: each.room)
        member.room -= 1
        member.given.append(forms.work_form(errand.task, errand.hop))
        self._flying[errand.task.id] = errand

    def _send(self, member: _Member, message: Any) -> None:
        try:
            member.channel.send(message)
        except ClosedError as error:
            raise _lost(member) from error

    def _watch_writing(self, member: _Member) -> None:
        try:
            self._epoll.register(member.channel.writing, select.EPOLLOUT)
        except FileExistsError:
            return  # it is watched already

    def _send_all(self, message: Any) -> None:
        for each in self._members:
            self._send(each, message)

    def _spread_cookies(self, url: str, lines: Sequence[str], but: _Member | None = None) -> None:
        for each in self._members:
            if each is not but:
                with contextlib.suppress(ClosedError):  # whose end shows where it is listened to
                    each.channel.send(("cookies", url, lines))
                    self._bell.ring()

    # -- listening ---------------------------------------------------------------------------------------

    def _listen(self) -> None:
        for each in self._members:
            if each.channel.is_full:
                self._watch_writing(each)
        for descriptor, events in self._epoll.poll(self._patience()):
            member = self._by_descriptor.get(descriptor)
            try:
                if member is None:
                    self._bell.hush()
                elif events & select.EPOLLOUT:
                    self._flush(member)
                else:
                    self._hear(member)
            except ClosedError as error:
                assert member is not None, "a bell is always open"
                raise _lost(member) from error

    def _flush(self, member: _Member) -> None:
        member.channel.flush()
        if not member.channel.is_full:
            self._epoll.unregister(member.channel.writing)

    def _patience(self) -> float | None:
        """Seconds until there may be something to hand out, though nobody rings."""
        if self._is_over or len(self._flying) + self._home.flying >= self._jobs:
            return None
        return self._source.pause()

    def _hear(self, member: _Member) -> None:
        for kind, *rest in member.channel.receive():
            _HEARD[kind](self, member, *rest)

    def _over(self, member: _Member, over: list[tuple[int, float | None, Any, forms.Form | None]]) -> None:
        flying, shown = self._flying, self._engine.flying
        for file, seconds, result, learnt in over:
            errand = flying.pop(file)
            member.room += 1
            if learnt is not None:
                errand.task = forms.with_learnt(errand.task, learnt)
            if seconds is not None:
                errand.answered = errand.flight.began + seconds
            if errand.received:
                shown.pop(file, None)
            errand.flight.over(errand, forms.result_of(result))

    def _asked(self, member: _Member, name: str, args: tuple[Any, ...]) -> None:
        assert name in _LEDGER, name
        value, error = None, None
        try:
            value = getattr(self._engine.ledger, name)(*args)
        except errors.ScraperError as refused:
            error = refused
        self._send(member, ("answer", value, error))

    def _far(self, member: _Member, far: dict[int, tuple[int, int | None]]) -> None:
        for file, (received, size) in far.items():
            if (errand := self._flying.get(file)) is not None:
                errand.received, errand.size = received, size
                self._engine.flying[file] = errand

    def _cookies(self, member: _Member, url: str, lines: Sequence[str]) -> None:
        self._courier.outgoing.put_cookies(url, lines)
        self._spread_cookies(url, lines, member)

    def _logged(self, member: _Member, name: str, level: int, text: str, about: Mapping[str, Any]) -> None:
        logging.getLogger(name).log(level, "%s", text, extra=about)

    def _broken(self, member: _Member, text: str) -> None:
        raise RuntimeError(f"a worker failed:\n{text}")

    # -- the end -----------------------------------------------------------------------------------------

    def _dismiss(self, *, is_well: bool) -> None:
        """Workers end when they are told so, or when nobody is there any more; here they are waited for."""
        self._courier.outgoing.on_cookies = None
        for each in self._members:
            if is_well:
                with contextlib.suppress(ClosedError):  # it has done its work, whatever became of it since
                    each.channel.send(("end",))
            else:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(each.pid, signal.SIGKILL)
        for each in self._members:
            with contextlib.suppress(ChildProcessError):  # where nobody minds SIGCHLD the kernel forgets them at once
                os.waitpid(each.pid, 0)
            each.channel.close()
        self._members.clear()
        sys.setswitchinterval(self._switch)


_HEARD: dict[str, Callable[..., None]] = {
    "over": Crew._over,
    "ask": Crew._asked,
    "far": Crew._far,
    "cookies": Crew._cookies,
    "log": Crew._logged,
    "bug": Crew._broken,
}


def _lost(member: _Member) -> errors.WorkerError:
    return errors.WorkerError(f"process {member.pid}, which fetched files for this run, is gone")
