"""A worker: fetches what it is told to, in a process of its own.

    serve(channel, ...)      until it is told that there is no more; never returns

It has copies of what the run's process had when it was forked: settings, secrets, the output folder. The ledger is
not among them: `MailedLedger` asks the run's process. What is said of hosts, retries and endings is decided there.

Messages that come: fetch [forms.work_form], answer (value, error), cookies (url, lines), stop, end. Messages that go:
over [(file, seconds, forms.result_form, forms.learnt)], ask (name, args), cookies (url, lines),
far {file: (received, size)}, log (logger, level, text), bug (text).
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from scraper.crew import forms
from scraper.crew.channel import Channel, ClosedError
from scraper.download.engine import Engine
from scraper.download.flight import Ended
from scraper.model import PartNote
from scraper.net.courier import Courier
from scraper.net.transport import Exchange
from scraper.state.files import Named
from scraper.state.ledger import FileTask

if TYPE_CHECKING:
    from scraper.net.curl.loop import Loop

TOLD = 0.25
"""Seconds between two words about files on their way."""
SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
"""What ends a run."""
FAR = 1024 * 1024
"""Bytes of a file of which anything is told before it ends."""

EngineFor = Callable[[Any, Callable[[BaseException], None], Callable[[], bool]], Engine]
"""Makes the engine of a worker, of its ledger, of whom to tell a bug, and of whether the run stops."""
LoopFor = Callable[["Worker"], "Loop"]
"""Makes the loop of a worker, which is its source and one of its bells."""


def serve(channel: Channel, courier: Courier, engine_for: EngineFor, loop_for: LoopFor) -> NoReturn:
    """What a forked process does. It ends without a word to anybody else: buffers and locks are its parent's.

    SIGNALS are blocked when it begins: its parent's handlers are not for it.
    """
    code = 1
    try:
        for each in SIGNALS:
            signal.signal(each, signal.SIG_IGN)  # a terminal tells all of its processes; the run's process decides
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        worker = Worker(channel, courier)
        worker.work(engine_for(MailedLedger(worker.ask), worker.failed_with, lambda: worker.is_stopping), loop_for)
        code = 0
    except ClosedError:
        pass  # the run's process is gone, and what is on its way is the next run's
    except BaseException:
        channel.send(("bug", traceback.format_exc()))
    finally:
        os._exit(code)


class Worker:
    """What is to be fetched (net.transport.Source), and how it ended.

    Attributes:
        is_stopping: whether what can be continued is to be cut off.
    """

    def __init__(self, channel: Channel, courier: Courier) -> None:
        self._channel = channel
        self._courier = courier
        self._thread = threading.get_ident()
        self._mail = threading.Lock()
        self._telling = threading.Lock()
        self._came: deque[tuple[Any, ...]] = deque()
        self._tasks: deque[forms.Form] = deque()
        self._over: list[tuple[Any, ...]] = []
        self._told = 0.0
        self._is_over = False
        self.is_stopping = False
        self.descriptor = channel.reading
        self._has_mail = True
        self._wake: Callable[[], None]
        self._engine: Engine
        courier.outgoing.on_cookies = lambda url, lines: channel.send(("cookies", url, lines))
        _log_to(channel)

    def work(self, engine: Engine, loop_for: LoopFor) -> None:
        """Until there is no more."""
        self._engine = engine
        engine.sends_home = True
        loop_for(self).run()
        engine.close()
        self._tell()

    # -- the channel is a bell of the loop ---------------------------------------------------------------

    def hush(self) -> None:
        """There is something to read."""
        self._has_mail = True

    # -- what is to be fetched ---------------------------------------------------------------------------

    def take(self, most: int) -> Sequence[Exchange] | None:
        """What was sent since; before that, what ended is told."""
        self._tell()
        if self._has_mail:
            self._has_mail = False
            self._read()
        begun: list[Exchange] = []
        tasks = self._tasks
        while tasks and len(begun) < most:
            task, hop = forms.work_of(tasks.popleft())
            begun.append(self._engine.landing(task, hop, Leg(self, task, self._courier.clock())))
        return None if self._is_over and not begun else begun

    def wait(self) -> Sequence[Exchange] | None:
        """For transports with a thread for each transfer; there are none here."""
        raise NotImplementedError

    def pause(self) -> float | None:
        """As often the files on their way are told."""
        return TOLD if self._engine.flying else None

    def wake_by(self, wake: Callable[[], None]) -> None:
        """Wakes the loop for what came while somebody waited for an answer; else the channel does."""
        self._wake = wake

    def failed_with(self, bug: BaseException) -> None:
        """It stops the run; nobody is left to say so where the run's process is gone."""
        if isinstance(bug, ClosedError):
            os._exit(1)
        self._channel.send(("bug", "".join(traceback.format_exception(bug))))

    def _read(self) -> None:
        with self._mail:
            messages = [*self._came, *self._channel.receive()]
            self._came.clear()
        for kind, *rest in messages:
            if kind == "fetch":
                self._tasks.extend(rest[0])
            elif kind == "cookies":
                self._courier.outgoing.put_cookies(*rest)
            elif kind == "stop":
                self.is_stopping = True
            else:
                self._is_over = True

    # -- what is said ------------------------------------------------------------------------------------

    def over(self, leg: Leg, exchange: Ended, result: Any) -> None:
        """An exchange is over; called by the loop, or by the thread that hashes."""
        seconds = None if exchange.answered is None else exchange.answered - leg.began
        learnt = forms.learnt(exchange.task, leg.task)
        with self._telling:
            self._over.append((leg.task.id, seconds, forms.result_form(result), learnt))
        if threading.get_ident() != self._thread:
            self._tell()

    def _tell(self) -> None:
        if self._over:
            with self._telling:
                over, self._over = self._over, []
            if over:
                self._channel.send(("over", over))
        now = self._courier.clock()
        if now - self._told >= TOLD:
            self._told = now
            flying = list(self._engine.flying.values())
            far = {each.task.id: (each.received, each.size) for each in flying if each.received > FAR}
            if far:
                self._channel.send(("far", far))

    def ask(self, name: str, *args: Any) -> Any:
        """Has the ledger do something, and waits until it is done; any thread."""
        with self._mail:
            self._channel.send(("ask", name, args))
            answer: tuple[Any, ...] | None = None
            while answer is None:
                for message in self._channel.wait():
                    if message[0] == "answer":
                        answer = message
                    else:
                        self._came.append(message)
            if self._came:
                self._has_mail = True
                self._wake()
        _, value, error = answer
        if error is not None:
            raise error
        return value


class Leg:
    """download.flight.Flight, of a worker: its slot and its work are known to the run's process."""

    __slots__ = ("_worker", "began", "task")

    def __init__(self, worker: Worker, task: FileTask, began: float) -> None:
        self._worker = worker
        self.task = task
        self.began = began

    def over(self, exchange: Ended, result: Any) -> None:
        """The exchange is over."""
        self._worker.over(self, exchange, result)

    def more(self, lane: Any, error: Exception | None = None) -> bool:
        """A file that would be split goes home before."""
        return False


class MailedLedger:
    """As much of the ledger as files need on their way; it is written by the run's process."""

    def __init__(self, ask: Callable[..., Any]) -> None:
        self._ask = ask
        self.db = _Unseen()

    def complete_name(self, task: FileTask, path: str) -> Named:
        """T1b."""
        named: Named = self._ask("complete_name", task, path)
        return named

    def note_part(self, file: int, note: PartNote) -> None:
        """T2."""
        self._ask("note_part", file, note)

    def forget_part(self, file: int) -> None:
        """The part that was noted is to be removed."""
        self._ask("forget_part", file)


class _Unseen:
    """The ledger's database, which a worker has not: what is asked of it matters where files are made durable."""

    commits = 0


_ABOUT = ("url", "attempt", "class")
"""What a record may say of itself beside its text (run/events.py)."""


class _Logged(logging.Handler):
    """What is logged is told."""

    def __init__(self, channel: Channel) -> None:
        super().__init__()
        self._channel = channel

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.exc_info:
            text += "\n" + logging.Formatter().formatException(record.exc_info)
        about = {key: record.__dict__[key] for key in _ABOUT if key in record.__dict__}
        self._channel.send(("log", record.name, record.levelno, text, about))


def _log_to(channel: Channel) -> None:
    logger = logging.getLogger("scraper")
    logger.handlers[:] = [_Logged(channel)]
    logger.propagate = False
