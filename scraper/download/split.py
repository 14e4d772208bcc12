"""One file that several exchanges bring at once: written in place, noted, and hashed in order.

    Split       the file: its part, who fetches what of it, what is written
    Lane        one of its exchanges at once: it waits at the scheduler, takes a share, and waits again
    Segment     one exchange with its share (an Exchange of net/transport.py)

Theory. The first exchange asks for the whole file. Once it is known that more would be faster (landing.py), it keeps
the share that it is at, and lanes are put to the scheduler like any other work of the host, whose slots bound them.
A lane that gets a slot takes a share (files/shares.py) and asks for exactly that, with If-Range: bytes are believed
only from a 206 of the same version, the same size and the very range, so no two versions meet. Any other answer ends
that exchange. If it names another version, all of them are cut off and the file starts again, by one exchange alone.
If it does not, its share belongs to nobody again, and the lane tries again as net/retry says, or never: the file goes
on with fewer. Only when the last exchange under way fails has the attempt failed; the next one continues what stands.
If that one was refused a range, the file goes on by one exchange alone; if it is refused again, it starts again.

What is noted (T2) is what is written, at most a second or 16 MiB later, so a kill loses no more than that. The note
says in ranges what stands from before the first byte is written behind a hole.

All exchanges but the last say Left when they are over; the last one says how the file ended. A share has one writer,
and the part is closed when nobody is left, so bytes are written without a lock.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from scraper import errors
from scraper.download.flight import AgainError, EnoughError, Flight, Left, StoppedError
from scraper.download.ground import Ground
from scraper.download.sums import Followed
from scraper.download.troubles import told
from scraper.files import resume
from scraper.files.parts import Part
from scraper.files.shares import Ranges, Shares, Span, parts_of
from scraper.model import PartNote
from scraper.net.answer import Answer
from scraper.net.courier import check_status
from scraper.net.outgoing import Wire
from scraper.state.ledger import FileTask

NOTE_BYTES = 16 * 1024 * 1024
_RESPITE = (errors.RequestError, StoppedError)
"""Why a file goes on no more now, and will later."""
NOTE_TIME = 1.0
"""Seconds; a note follows what is written no later than that, nor later than NOTE_BYTES."""


class RefusedError(errors.ProtocolError):
    """The server gives no ranges of this file (any more)."""


class Owner(Protocol):
    """The exchange that began the file, and ends it."""

    def rejoin(self, task: FileTask, flight: Flight, answered: float | None, trouble: Exception | None) -> None:
        """All exchanges are over; `flight` is that of the last one. Without trouble every byte is written."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """What all exchanges of a file ask for.

    Attributes:
        wire: without Range; note: the version, and the part.
    """

    wire: Wire
    note: PartNote

    def of(self, span: Span) -> resume.Resume:
        """The bytes of a share."""
        note = self.note
        assert note.validator is not None, "else it is not split"
        return resume.Resume(span.begin, note.validator, note.total, span.end)


class Lane:
    """One of the exchanges that a file may have at once.

    Attributes:
        attempt: of the exchange at hand, from 1; whoever hands exchanges out counts.
    """

    __slots__ = ("_split", "attempt")

    def __init__(self, split: Split) -> None:
        self._split = split
        self.attempt = 1

    @property
    def url(self) -> str:
        """What is asked, with marks."""
        return self._split.asked.wire.url

    def begin(self, flight: Flight) -> Segment | None:
        """An exchange for it; None: there is nothing for one more, and the lane is at its end."""
        return self._split.begin(self, flight)


class Split:
    """A file that several exchanges bring. May be used from many threads.

    Args:
        owner: is called when all of them are over.
        written: what stands in the part.

    Attributes:
        task: the file, with the newest note of its part.
    """

    def __init__(
        self, ground: Ground, owner: Owner, task: FileTask, part: Part, followed: Followed, asked: Asked,
        written: Ranges,
    ) -> None:  # fmt: skip
        total = asked.note.total
        assert total is not None, "else it is not split"
        self.task = task
        self.asked = asked
        self._ground = ground
        self._owner = owner
        self._part = part
        self._followed = followed
        self._shares = Shares(total, written)
        self._is_alone = task.id in ground.alone
        self._parts = 1 if self._is_alone else parts_of(total - self._shares.count, ground.segments)
        self._flying = 0
        self._closing: Exception | None = None
        self._fresh = 0
        self._noted = 0.0
        self._lock = threading.Lock()
        self._note()

    def clock(self) -> float:
        """Seconds, by the courier's clock."""
        return self._ground.courier.clock()

    @property
    def received(self) -> int:
        """Bytes that are written."""
        return self._shares.count

    @property
    def is_waiting(self) -> bool:
        """Whether no exchange is under way, though one is to come."""
        with self._lock:
            return not self._flying and self._closing is None and not self._shares.is_whole

    @property
    def unwanted(self) -> Exception | None:
        """Why its exchanges are not to go on."""
        return StoppedError() if self._closing is not None or self._ground.is_stopping() else None

    # -- exchanges -------------------------------------------------------------------------------------

    def join(self, flight: Flight, answered: float | None, limit: int) -> Segment:
        """The exchange that began the file, whose answer goes on to `limit`, takes the first share."""
        segment = self._begun(Lane(self), flight, limit)
        assert segment is not None, "bytes are missing"
        segment.answered = answered
        return segment

    def invite(self, flight: Flight) -> None:
        """Asks for the other exchanges."""
        for _ in range(self._parts - 1):
            flight.more(Lane(self))

    def begin(self, lane: Lane, flight: Flight) -> Segment | None:
        """An exchange; None: there is nothing for one more."""
        return self._begun(lane, flight, None)

    def _begun(self, lane: Lane, flight: Flight, limit: int | None) -> Segment | None:
        with self._lock:
            span = None if self._closing is not None else self._shares.take(self._parts, self.clock())
            if span is None:
                return None
            span.is_sure = limit is not None
            self._flying += 1
        return Segment(self, lane, span, flight, span.end if limit is None else limit, self._ground.buffer)

    def judge(self, span: Span, answer: Answer, asked: resume.Resume) -> Exception | None:
        """Why the answer to a share is not to go on; None: it brings it."""
        refused = self._refusal(answer, asked)
        if refused is not None:
            return refused
        with self._lock:
            span.is_sure = span.begin < span.end
        return None if span.is_sure else EnoughError()

    def _refusal(self, answer: Answer, asked: resume.Resume) -> Exception | None:
        """What is wrong with it."""
        wrong = resume.fits(asked, answer.status, answer.headers)
        if wrong is None:
            return None
        if resume.is_other(asked, answer.status, answer.headers):
            return AgainError(f"{wrong}: it has changed")
        if answer.status not in (200, 206, 416) and not 300 <= answer.status < 400:
            try:
                check_status(self._ground.courier, answer)
            except errors.RequestError as error:
                return error
        return RefusedError(answer.url, wrong, final=True)

    # -- bytes -----------------------------------------------------------------------------------------

    def write(self, span: Span, limit: int, pieces: Sequence[bytes], size: int) -> None:
        """Bytes of a share, in order.

        Raises:
            EnoughError: it is at its end, though its answer goes on.
            LengthError: more came than was asked for; StoppedError: nobody wants more.
            WriteError, DiskError: the disk refuses.
        """
        while size:
            count = self._reserve(span, size, limit)
            now, pieces = _cut(pieces, count) if count < size else (pieces, ())
            self._write(span, now, count)
            size -= count
        with self._lock:
            is_over = self._shares.is_over(span, limit, self._parts)
        if is_over:
            raise EnoughError
        if self.unwanted is not None:
            raise StoppedError

    def _reserve(self, span: Span, size: int, limit: int) -> int:
        """How many of these bytes are written: also of those that came when nobody wanted more, if they are of use."""
        with self._lock:
            if self._closing is not None and not isinstance(self._closing, _RESPITE):
                raise StoppedError
            count = self._shares.reserve(span, size, limit, self._parts)
        if not count and span.end < limit:
            raise EnoughError
        if not count:
            raise errors.LengthError(self.asked.wire.url, "more bytes came than were asked for")
        return count

    def _write(self, span: Span, pieces: Sequence[bytes], count: int) -> None:
        try:
            self._part.write_at(span.at, pieces)
        except OSError as error:
            raise told(self.asked.wire.url, error) from error
        with self._lock:
            self._shares.wrote(span, count)
            self._fresh += count
            if self._fresh >= NOTE_BYTES or self.clock() - self._noted >= NOTE_TIME:
                self._note()
            front = self._shares.front
            if front > self._followed.target:
                self._ground.follower.grown(self._followed, front)

    def _note(self) -> None:
        """T2. Only with the lock held: what is noted is never older than what was noted before."""
        note = replace(self.asked.note, ranges=self._shares.written)
        self.task = replace(self.task, noted=note)
        if self._ground.note_ranges(self.task, self._part, note):
            self._noted, self._fresh = self.clock(), 0

    # -- the end ---------------------------------------------------------------------------------------

    def ended(self, segment: Segment, trouble: Exception | None) -> None:
        """An exchange is over."""
        with self._lock:
            self._shares.drop(segment.span, self.clock())
            self._flying -= 1
            is_last, is_whole = not self._flying, self._shares.is_whole
            if not is_whole:
                self._closing = self._closing or self._fatal(trouble)
                self._note_left()
            closing = None if is_whole else self._closing
            is_wanted = not is_whole and closing is None and (is_last or self._shares.has_more(self.clock()))
        if is_last and (is_whole or closing is not None):
            self._owner.rejoin(self.task, segment.flight, segment.answered, closing)
            return
        if is_wanted:
            segment.flight.more(segment.lane, trouble)
        segment.flight.over(segment, Left(trouble))

    def _note_left(self) -> None:
        """What stands there when an exchange is over, unless it is of no use."""
        try:
            if not isinstance(self._closing, AgainError) or self._closing.keeps:
                self._note()
        except errors.DiskError as error:
            self._closing = self._closing or error

    def _fatal(self, trouble: Exception | None) -> Exception | None:
        """Why nothing can go on: what is no failure of one exchange, or the failure of the last one."""
        if isinstance(trouble, errors.RequestError):
            return None if self._flying else self._last(trouble)
        return trouble

    def _last(self, trouble: errors.RequestError) -> Exception:
        """What the failure of the last exchange comes to for the file.

        Another status is an answer to a range, at the end of redirects that may lead elsewhere by now.
        """
        if isinstance(trouble, RefusedError):
            return AgainError(trouble.message, keeps=not self._is_alone)
        if isinstance(trouble, errors.StatusError) and trouble.status not in self._ground.courier.http.retry.statuses:
            return errors.ProtocolError(trouble.url, f"{trouble.message} when the rest was asked for")
        return trouble


class Segment:
    """An exchange with its share of a file (net/transport.py).

    Attributes:
        answered: when its head came, by the courier's clock.
    """

    __slots__ = ("_asked", "_buffer", "_held", "_limit", "_refused", "_size", "_split", "answered", "flight", "lane",
                 "span", "wire")  # fmt: skip

    def __init__(self, split: Split, lane: Lane, span: Span, flight: Flight, limit: int, buffer: int) -> None:
        self._split = split
        self.lane = lane
        self.span = span
        self.flight = flight
        self._limit = limit
        self._buffer = buffer
        self._asked = split.asked.of(span)
        self._refused: Exception | None = None
        self._held: list[bytes] = []
        self._size = 0
        self.answered: float | None = None
        self.wire = replace(split.asked.wire, added=self._asked.headers())

    @property
    def task(self) -> FileTask:
        """The file."""
        return self._split.task

    @property
    def unwanted(self) -> Exception | None:
        """Why it is not to go on."""
        return self._split.unwanted

    def head(self, answer: Answer) -> bool:
        """The head came: whether it is the range that was asked for."""
        self.answered = self._split.clock()
        self._refused = self._split.judge(self.span, answer, self._asked)
        return self._refused is None

    def piece(self, piece: bytes) -> None:
        """Some bytes of the share."""
        self._held.append(piece)
        self._size += len(piece)
        if self._size >= self._buffer or self._size >= self.span.left:
            held, size = self._held, self._size
            self._held, self._size = [], 0
            self.take(held, size)

    def take(self, pieces: Sequence[bytes], size: int) -> None:
        """The same, for the exchange that began the file, which holds them itself. Raises as Split.write."""
        self._split.write(self.span, self._limit, pieces, size)

    def done(self, trouble: Exception | None) -> None:
        """The exchange is over."""
        self.end(self._held, self._size, trouble)

    def end(self, pieces: Sequence[bytes], size: int, trouble: Exception | None) -> None:
        """The same, with what was not written yet: whatever came is of use, also if the rest does not come."""
        trouble = self._refused or trouble
        try:
            if size and (trouble is None or isinstance(trouble, (errors.RequestError, StoppedError))):
                self.take(pieces, size)
        except errors.DiskError as error:  # it stops the run, whatever ended the exchange
            trouble = error
        except Exception as error:
            trouble = trouble or error
        if isinstance(trouble, EnoughError):
            trouble = None
        elif trouble is None and self.span.left:
            trouble = errors.LengthError(self.wire.url, "fewer bytes came than were asked for")
        self._split.ended(self, trouble)


def _cut(pieces: Sequence[bytes], count: int) -> tuple[Sequence[bytes], Sequence[bytes]]:
    """The first bytes of pieces, and the others."""
    whole = memoryview(b"".join(pieces))
    return (bytes(whole[:count]),), (bytes(whole[count:]),)
