"""Takes down on a tape what goes over the wire while a run goes on (net/tap.py).

    recorder = Recorder(writer, outgoing, known, scratch, failed)
    outgoing.tap = recorder;  ... ;  recorder.close()

An exchange is put down when it is over, before its reader is told, so what a run has kept of it is on the tape too.
Its body is in memory up to 1 MiB, then in a file below `scratch`. What has a file is searched and compressed by a
thread of its own, so that no connection waits for it (a kill may cost its end of the tape those); while that has work,
what ends queues up behind it, and the order stands. What a login exchanges is held until it is over: only then is
known what of it was a secret.

Whatever goes wrong here ends the run, not the exchange: nothing is put down from then on, and `failed` is told.
"""

from __future__ import annotations

import contextlib
import queue
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from scraper import errors
from scraper.files.refusals import refusal_told
from scraper.net.courier import wall_clock
from scraper.net.outgoing import Outgoing, Wire
from scraper.tape.body import Body
from scraper.tape.standins import StandIns
from scraper.tape.taken import Answered, Asked, Failure, Taken
from scraper.tape.veil import Veil, cookies_in
from scraper.tape.warc import TapeWriter

_WAITING = 64
"""Exchanges that wait for the thread, at most."""


class Recorder:
    """A tap that puts down what it hears, without secrets. May be used from many threads.

    Args:
        writer: of the tape; it is closed with this.
        outgoing: what puts together what is sent.
        known: secrets by the names of their marks; what a login saves comes to them later.
        scratch: a folder for bodies on their way, of this alone: what else lies there goes.
        failed: is told, once, what went wrong with the tape itself: a DiskError, or a bug.
        now: the time of day.

    Attributes:
        is_broken: whether something did; then it is not whole.
    """

    def __init__(
        self, writer: TapeWriter, outgoing: Outgoing, known: Mapping[str, str], scratch: Path,
        failed: Callable[[BaseException], None], now: Callable[[], datetime] = wall_clock,
    ) -> None:  # fmt: skip
        self.veil = Veil(known)
        self.scratch = scratch
        self.is_broken = False
        self._writer = writer
        self._stand_ins = StandIns(outgoing, self.veil)
        self._failed = failed
        self._now = now
        self._lock = threading.Lock()
        self._held: dict[int, list[_Taking]] = {}
        self._queue: queue.Queue[_Taking | None] = queue.Queue(_WAITING)
        self._thread: threading.Thread | None = None
        self._pending = 0
        self._is_over = False
        with refusal_told(scratch):
            shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir(parents=True)

    def begin(self, wire: Wire) -> _Taking:
        """An exchange is about to be sent."""
        asked: Asked | Exception
        try:
            asked = self._stand_ins.asked(wire)
        except Exception as error:  # as a rule nothing is sent then; else it is told at the end
            asked = error
        return _Taking(self, asked, self._now(), self._held.get(threading.get_ident()))

    @contextlib.contextmanager
    def holding(self) -> Iterator[None]:
        """What this thread begins meanwhile is put down at the end."""
        me, mine = threading.get_ident(), list[_Taking]()
        self._held[me] = mine
        try:
            yield
        finally:
            del self._held[me]
            for taking in mine:
                self.put(taking)

    def put(self, taking: _Taking) -> None:
        """An exchange is over, and may be put down."""
        with self._lock:
            if self._is_over:
                taking.body.discard()
                return
            is_late = self._pending > 0 or taking.body.is_large
            self._pending += is_late
            if is_late and self._thread is None:
                self._thread = threading.Thread(target=self._work, name="tape", daemon=True)
                self._thread.start()
        if is_late:
            self._queue.put(taking)
        else:
            self._write(taking)

    def close(self) -> None:
        """What ended is on the tape; what ends later is not. May be called again."""
        with self._lock:
            self._is_over, thread, self._thread = True, self._thread, None
        if thread is not None:
            self._queue.put(None)
            thread.join()
        with self.guarded():
            self._writer.close()
        shutil.rmtree(self.scratch, ignore_errors=True)

    @contextlib.contextmanager
    def guarded(self) -> Iterator[None]:
        """What fails here is no fault of the exchange: the run is told, and the rest of the tape stays empty."""
        try:
            with refusal_told(self.scratch):
                yield
        except Exception as error:
            with self._lock:
                is_first, self.is_broken = not self.is_broken, True
            if is_first:
                self._failed(error)

    def _work(self) -> None:
        while (taking := self._queue.get()) is not None:
            self._write(taking)
            with self._lock:
                self._pending -= 1

    def _write(self, taking: _Taking) -> None:
        with self.guarded():
            if not self.is_broken and (taken := taking.taken(self.veil)) is not None:
                self._writer.put(taken)
        taking.body.discard()


class _Taking:
    """One exchange (net/tap.Take); `held` is where those of a login wait."""

    def __init__(
        self, recorder: Recorder, asked: Asked | Exception, when: datetime, held: list[_Taking] | None
    ) -> None:
        self._recorder = recorder
        self._asked = asked
        self._when = when
        self._held = held
        self._answer: Answered | None = None
        self._trouble: Exception | None = None
        self._whole = False
        self.body = Body(recorder.scratch)

    def head(self, status: int, reason: str, fields: Sequence[tuple[str, str]], address: str | None) -> None:
        """The head of the answer."""
        self._answer = Answered(status, reason, tuple(fields), b"", address=address)
        for name, value in fields:
            if name.lower() == "set-cookie":
                self._recorder.veil.learn_cookies(cookies_in(name, value))

    def piece(self, data: bytes) -> None:
        """Bytes of the body."""
        if not self._recorder.is_broken:
            with self._recorder.guarded():
                self.body.append(data)

    def end(self, trouble: Exception | None, whole: bool) -> None:
        """It is over."""
        self._trouble, self._whole = trouble, whole
        if self._held is None:
            self._recorder.put(self)
        else:
            self._held.append(self)

    def taken(self, veil: Veil) -> Taken | None:
        """The exchange without secrets; None where nothing was sent, or a bug ended it, which is told elsewhere.

        Raises:
            Exception: there was an answer to what could not be put together: a bug.
        """
        if isinstance(self._asked, Exception):
            if self._answer is not None:
                raise self._asked
            return None
        if self._trouble is not None and not isinstance(self._trouble, errors.RequestError):
            return None
        return Taken(self._asked, self._answered(veil), self._failure(veil), self._when)

    def _answered(self, veil: Veil) -> Answered | None:
        if (answer := self._answer) is None:
            return None
        fields, body = self.body.hidden(veil, answer.headers, is_part=answer.status == 206, whole=self._whole)
        fields = tuple((name, veil.field(name, value)) for name, value in fields)
        return Answered(answer.status, veil.latin(answer.reason), fields, body, self._whole, answer.address)

    def _failure(self, veil: Veil) -> Failure | None:
        if not isinstance(self._trouble, errors.RequestError):
            return None
        trouble = self._trouble
        return Failure(trouble.ending, veil.text(trouble.message), trouble.sent, trouble.final)
