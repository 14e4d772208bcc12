"""One exchange for one file: its head judged, its bytes kept, its name given when it is whole.

    Landing(engine, task, hop, flight)      an Exchange of net/transport.py; `flight.over(landing, result)` once

The order of things is the promise (DESIGN 4.1, 4.2): the name is complete and written down
(T1b) before the part is opened; a part beyond 1 MiB is noted with its validator (T2), so
that it can be continued; the part is whole, its length, content and digests judged, before
the name appears; what stood there before is replaced only after the ledger knows our part's
inode (T2).

Small files stay in memory until they are whole: one write, one hash. Larger ones go to the
part in batches; what is beyond FOLLOWED is hashed by the follower's thread. A large one whose
connection is slow is split (split.py): this exchange goes on as one of several.

When the run stops, what is noted is cut off: the next run continues it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

from scraper import errors
from scraper.download.flight import AgainError, Flight, HomeError, Left, Result, StoppedError
from scraper.download.ground import Ground
from scraper.download.split import Asked, Segment, Split
from scraper.download.sums import Followed, Sums, digest_of
from scraper.download.troubles import decoder, encoding, told
from scraper.files import decide, naming, resume, shares
from scraper.files.checks import NOTHING, Check, check_for
from scraper.files.disposition import extension_from
from scraper.files.parts import Part
from scraper.files.types import media_type
from scraper.model import Outcome, PartNote
from scraper.net.answer import Answer
from scraper.net.courier import check_status, redirected
from scraper.net.decode import Decoder, EncodingTrouble
from scraper.net.outgoing import NONE, Wire
from scraper.net.redirect import Hop
from scraper.state.ledger import FileTask

NOTED = 1024 * 1024
"""Bytes beyond which a part is worth to be continued (DESIGN 4.2)."""
SMALL = 256 * 1024
"""Bytes up to which a file that declares them is judged when it is whole: stopping it earlier gains nothing."""
FOLLOWED = 4 * 1024 * 1024
"""Bytes beyond which another thread hashes."""
_SPLICED = (errors.DigestError, errors.LengthError, errors.TypeMismatchError)
"""What a whole file has that was put together from several answers, if one of them was not what it said."""
HEADER = "x-robots-tag"
BARRED_FILES = frozenset({"noai", "noimageai", "noindex", "noimageindex"})
"""What keeps a file from being taken; the same directives as img2dataset heeds by default."""
_OF_NO_USE = (Outcome, errors.SkippedError, AgainError)
"""How a file ends whose part is not continued, whatever is noted of it."""


class Landing:
    """One exchange for one file.

    Attributes:
        task: the file, with what was learnt by the way: its complete name, its part's note.
        wire: what is asked.
        answered: when the head came, by the courier's clock; None: it did not.
    """

    __slots__ = (
        "_answer",
        "_check",
        "_declared",
        "_decoder",
        "_flight",
        "_followed",
        "_ground",
        "_held",
        "_held_size",
        "_hop",
        "_is_small",
        "_is_whole",
        "_part",
        "_result",
        "_resume",
        "_segment",
        "_split",
        "_start",
        "_sums",
        "_watched",
        "answered",
        "task",
        "wire",
    )  # fmt: skip

    def __init__(self, ground: Ground, task: FileTask, hop: Hop, flight: Flight) -> None:
        self._ground = ground
        self._hop = hop
        self._flight = flight
        self.task = task
        self._resume = ground.resume_of(task)
        self._answer: Answer | None = None
        self._result: Outcome | Hop | Exception | None = None
        self._check: Check = NOTHING
        self._decoder: Decoder | None = None
        self._declared: int | None = None
        self._part: Part | None = None
        self._sums: Sums | None = None
        self._followed: Followed | None = None
        self._held: list[bytes] = []
        self._held_size = 0
        self._start: bytearray | None = None
        self._is_whole = self._is_small = False
        self._split: Split | None = None
        self._segment: Segment | None = None
        self._watched: tuple[float, int] | None = None
        self.answered: float | None = None
        self.wire = self._asked()

    def _asked(self) -> Wire:
        hop = self._hop
        given = NONE if hop.crossed else self.task.download.headers or NONE
        added = self._resume.headers() if self._resume is not None else self._conditions()
        return Wire(hop.method, hop.url, NONE, given, added, encodings="identity", guarded=hop.guarded)

    def _conditions(self) -> Mapping[str, str]:
        """The conditional headers; none where nothing stands, and then a 304 would be no answer."""
        task = self.task
        if task.stood is None:
            return NONE
        return decide.conditions(self._ground.existing, task.etag, task.last_modified)

    # -- for whoever shows progress ---------------------------------------------------------------------

    @property
    def received(self) -> int:
        """How many of the file are there."""
        if self._split is not None:
            return self._split.received + self._held_size
        return (self._part.bytes if self._part is not None else 0) + self._held_size

    @property
    def size(self) -> int | None:
        """How many it will have, where that was declared."""
        return self._declared

    @property
    def unwanted(self) -> Exception | None:
        """Why it is not to go on, though nothing is wrong with it."""
        if self._segment is not None:
            return self._segment.unwanted
        return StoppedError() if self.task.noted is not None and self._ground.is_stopping() else None

    def close(self) -> None:
        """The run is over: a part that waits for exchanges is closed."""
        if self._part is not None and self._split is not None and self._split.is_waiting:
            self._part.close()

    # -- the exchange ----------------------------------------------------------------------------------

    def head(self, answer: Answer) -> bool:
        """The head came: whether the body is wanted."""
        self._answer = answer
        self.answered = self._ground.courier.clock()
        try:
            self._result = self._without_body(answer)
            if self._result is not None:
                return False
            self._judge_head(answer)
        except errors.RequestError as error:
            self._result = error
        except OSError as error:
            self._result = told(answer.url, error)
        return self._result is None

    def _without_body(self, answer: Answer) -> Outcome | Hop | None:
        """What an answer comes to that brings no file."""
        following = redirected(self._ground.courier, self._hop, answer)
        if following is not None:
            return following
        if answer.status == 304 and self._resume is None and self._conditions():
            return Outcome("unchanged", self.task.path, answer.url, status=304, why="the server says it is the same")
        if self._resume is not None:
            self._judge_range(answer, self._resume)
        else:
            check_status(self._ground.courier, answer)
        self._ask_robots(answer)
        return self._named(answer)

    def _ask_robots(self, answer: Answer) -> None:
        """What the answer says to robots, where a page led here and robots are obeyed."""
        if HEADER not in answer.headers or self._ground.agent is None or not self.task.download.found:
            return
        from scraper.page.directives import directives

        barred = BARRED_FILES & directives(self._ground.agent, answer.headers)
        if barred:
            told = f"its X-Robots-Tag says {', '.join(sorted(barred))}"
            raise errors.SkippedError(answer.url, "robots", told)

    def _judge_range(self, answer: Answer, asked: resume.Resume) -> None:
        """Whether the part goes on; if not, it goes, and starts again now (200) or at the next attempt."""
        wrong = resume.fits(asked, answer.status, answer.headers)
        if wrong is None:
            return
        self._resume = None
        if answer.status in (206, 416):
            self._drop()
            raise errors.ProtocolError(answer.url, f"{wrong}; the file starts again")
        check_status(self._ground.courier, answer)

    def _named(self, answer: Answer) -> Outcome | None:
        """T1b: the whole name, where the response completes it; an Outcome where what stands there ends the file."""
        task = self.task
        if task.complete:
            return None
        extension = extension_from(answer.headers.get("content-disposition"), answer.headers.get("content-type"))
        path = naming.complete(task.download.path, extension, records_name=self._ground.records)
        named = self._ground.complete_name(task, path)
        if named.ending is not None:
            return Outcome(named.ending, url=answer.url, status=answer.status, why="a file stands under its name")
        self.task = replace(task, path=named.path, complete=True, part=named.part, stood=named.stood)
        return None

    def _judge_head(self, answer: Answer) -> None:
        headers, task = answer.headers, self.task
        length = headers.get("content-length", "")
        if "content-encoding" in headers:
            self._decoder = decoder(answer)
        elif length.isdigit():
            self._declared = self._whole_size(int(length))
        wanted = self._ground.demand_of(task.download)
        self._check = check_for(task.download, answer.url, task.path, headers, wanted, answer.status)
        self._check.head(self._declared)
        self._start = bytearray() if self._check.first and self._resume is None else None
        self._is_small = self._declared is not None and self._declared <= min(SMALL, self._ground.buffer)
        self._ground.flying[task.id] = self
        if self._resume is not None:
            self._reopen(self._resume)

    def _whole_size(self, length: int) -> int | None:
        """Of the file, where an answer brings so many bytes of it."""
        if self._resume is None:
            return length
        return self._resume.offset + length if self._resume.end is None else self._resume.total

    def piece(self, piece: bytes) -> None:
        """Some bytes of the body."""
        if self._decoder is None:
            self._take(piece)
            return
        assert self._answer is not None, "the head comes first"
        try:
            for each in self._decoder.pieces(piece):
                self._take(each)
        except EncodingTrouble as error:
            raise encoding(self._answer.url, error) from error

    def _take(self, piece: bytes) -> None:
        self._held.append(piece)
        self._held_size += len(piece)
        if self._start is not None and not self._is_small:
            self._look(piece)
        if self._held_size >= self._ground.buffer or (
            self._segment is not None and self._held_size >= self._segment.span.left
        ):
            self._spill()

    def _look(self, piece: bytes) -> None:
        """The first bytes are judged as soon as they tell something."""
        assert self._start is not None, "asked before"
        self._start += piece[: max(0, self._check.first - len(self._start))]
        if len(self._start) >= self._check.wants and self._check.begin(bytes(self._start), False):
            self._start = None

    # -- bytes to the part -----------------------------------------------------------------------------

    def _spill(self) -> None:
        """What is held goes to the part."""
        if self._segment is not None:
            self._segment.take(*self._take_held())
            return
        assert self._answer is not None, "the head comes first"
        try:
            part = self._part or self._open()
            part.append(self._held)
        except OSError as error:
            raise told(self._answer.url, error) from error
        self._check.grown(part.bytes)
        self._sum(part)
        self._held.clear()
        self._held_size = 0
        if part.bytes > NOTED:
            self._note(part)
            if self.task.noted is not None and not self._is_whole:
                self._look_around(part)

    def _take_held(self) -> tuple[list[bytes], int]:
        """What is held, and how many bytes that are; it is held no more."""
        held, size = self._held, self._held_size
        self._held, self._held_size = [], 0
        return held, size

    def _sum(self, part: Part) -> None:
        if self._sums is None:
            self._sums = Sums(self._check.algorithms)
        if self._followed is None and part.bytes <= FOLLOWED:
            self._sums.add(self._held)
            return
        if self._followed is None:
            self._followed = Followed(part, self._sums)
        self._ground.follower.grown(self._followed, part.bytes)

    def _open(self) -> Part:
        """A new part; one of ours that an earlier attempt left is removed: the ledger knows that it is ours."""
        path = self.task.part
        assert path is not None, "a complete name has a part"
        try:
            self._part = self._ground.open_part(path)
        except FileExistsError:
            self._drop()
            self._part = self._ground.open_part(path)
        return self._part

    def _reopen(self, asked: resume.Resume) -> None:
        """The part goes on where it ends; what stands in it is hashed by the follower."""
        assert self.task.part is not None, "a noted part"
        self._part = part = self._ground.folder.open_part(self.task.part, again=True)
        if self.task.noted is None or part.inode != self.task.noted.inode:
            raise errors.ProtocolError(self.wire.url, "another file stands where its part was")
        self._sums = Sums(self._check.algorithms)
        self._followed = Followed(part, self._sums)
        if asked.written is not None and asked.end is not None:
            self._split_up(part, self._followed, asked.written, asked.end)
            return
        part.cut(asked.offset)
        part.bytes = asked.offset
        self._ground.follower.grown(self._followed, part.bytes)

    def _note(self, part: Part) -> None:
        """T2: the part can be continued, if what comes has a validator and no encoding."""
        assert self._answer is not None, "the head comes first"
        headers = self._answer.headers
        validator = resume.validator_of(headers) if self.task.noted is None and self._decoder is None else None
        if validator is None:
            self._ground.grown(self.task, part)
            return
        note = PartNote(
            part.inode, validator, headers.get("etag"), headers.get("last-modified"), self._declared,
            None, self._ground.boot,
        )  # fmt: skip
        self._ground.note(self.task, part, note)
        self.task = replace(self.task, noted=note)

    def _drop(self) -> None:
        """The part goes, and before it what the ledger knows of it: its inode may be given to another file."""
        if self._part is not None:
            self._part.close()
            self._part = None
        self.task = self._ground.discard(self.task)

    # -- several exchanges -----------------------------------------------------------------------------

    def _look_around(self, part: Part) -> None:
        """A part that can be continued has grown: whether the run goes on, and whether more exchanges would help."""
        if self._ground.is_stopping():
            raise StoppedError
        if self._declared is None or self._declared < shares.WORTH or not self._may_split():
            return
        now = self._ground.courier.clock()
        since, before = self._watched or (self.answered or now, 0 if self._resume is None else self._resume.offset)
        if now - since < shares.MEASURED:
            return
        self._watched = (now, part.bytes)
        if shares.pays(now - since, part.bytes - before, self._declared - part.bytes):
            if self._ground.sends_home:
                raise HomeError
            assert self._sums is not None, "something is written"
            followed = self._followed = self._followed or Followed(part, self._sums)
            self._split_up(part, followed, ((0, part.bytes),), self._declared)

    def _may_split(self) -> bool:
        assert self._answer is not None, "the head comes first"
        units = self._answer.headers.get("accept-ranges", "").lower().replace(",", " ").split()
        if "bytes" not in units and self._resume is None:
            return False
        return self._ground.segments > 1 and self._start is None and self.task.id not in self._ground.alone

    def _split_up(self, part: Part, followed: Followed, written: shares.Ranges, limit: int) -> None:
        """From now on this exchange, whose answer goes on to `limit`, is one of several."""
        assert self.task.noted is not None, "it can be continued"
        note = replace(self.task.noted, total=self._declared, ranges=None, boot=self._ground.boot)
        asked = Asked(replace(self.wire, added={}), note)
        self._split = Split(self._ground, self, self.task, part, followed, asked, written)
        self._segment = self._split.join(self._flight, self.answered, limit)
        self._split.invite(self._flight)

    def rejoin(self, task: FileTask, flight: Flight, answered: float | None, trouble: Exception | None) -> None:
        """All exchanges of the file are over; `flight` is that of the last one. Without trouble it is whole."""
        self.task, self._flight, self.answered, self._segment = task, flight, answered, None
        if trouble is not None:
            self._ground.apart(task.id, self._give_up)(trouble)
            return
        assert self._part is not None and self._followed is not None and self._declared is not None  # noqa: PT018
        self._is_whole = True
        self._part.bytes = self._declared
        self._ground.follower.end(self._followed, self._ground.apart(task.id, self._hashed))

    # -- the end ---------------------------------------------------------------------------------------

    def done(self, trouble: Exception | None) -> None:
        """The exchange is over."""
        if self._segment is not None:
            self._segment.end(*self._take_held(), trouble)
            return
        self._ground.apart(self.task.id, self._end)(trouble)

    def _end(self, trouble: Exception | None) -> None:
        if trouble is None and self._result is None:
            try:
                self._end_body()
                return
            except OSError as error:
                trouble = told(self.wire.url, error)
            except Exception as error:
                trouble = error
        self._give_up(trouble if self._result is None else self._result)

    def _end_body(self) -> None:
        """All bytes came: what is left is written, hashed, judged and named."""
        answer = self._answer
        assert answer is not None, "the head comes first"
        if self._decoder is not None:
            try:
                self._decoder.finish()
            except EncodingTrouble as error:
                raise encoding(answer.url, error) from error
        if self._declared is not None and self.received != self._declared:
            raise errors.LengthError(answer.url, f"{self.received} bytes came, {self._declared} were declared")
        self._is_whole = True  # whatever is wrong from here on is wrong with the bytes that stand there
        if self._part is None:
            self._tell(self._land(b"".join(self._held)))
            return
        if self._start is not None:
            self._check.begin(bytes(self._start), False)
        if self._held:
            self._spill()
        if self._followed is not None:
            self._ground.follower.end(self._followed, self._ground.apart(self.task.id, self._hashed))
        else:
            self._tell(self._finish())

    def _hashed(self, trouble: Exception | None) -> None:
        """The follower is at the end."""
        assert self._answer is not None, "the head comes first"
        try:
            if trouble is not None:
                raise trouble
            outcome = self._finish()
        except OSError as error:
            self._give_up(told(self._answer.url, error))
        except Exception as error:
            self._give_up(error)
        else:
            self._tell(outcome)

    def _finish(self) -> Outcome:
        answer, part, sums = self._answer, self._part, self._sums
        assert answer is not None and part is not None and sums is not None, "a body came"  # noqa: PT018
        self._check.end(part.bytes, part.read_at, sums.hex)
        outcome = self._ground.give_name(self.task, part, _saved(self.task, answer, part.bytes, sums.hex()))
        self._part = None
        self._ground.flying.pop(self.task.id, None)
        return outcome

    def _land(self, data: bytes) -> Outcome:
        """A file that never left memory: judged, written and named."""
        assert self._answer is not None, "the head comes first"
        sha256 = hashlib.sha256(data).hexdigest()
        self._check.whole(data, lambda name: sha256 if name == "sha256" else digest_of(name, data))
        saved = _saved(self.task, self._answer, len(data), sha256)
        try:
            outcome = self._ground.place(self.task, data, saved)
        except FileExistsError:  # one of ours that an earlier attempt left
            self._drop()
            outcome = self._ground.place(self.task, data, saved)
        if outcome is None:
            self._part = part = self._open()
            part.append([data])
            outcome = self._ground.give_name(self.task, part, saved)
            self._part = None
        self._ground.flying.pop(self.task.id, None)
        return outcome

    def _give_up(self, result: Result) -> None:
        """The part stays where it can be continued, and goes otherwise."""
        self._ground.flying.pop(self.task.id, None)
        assert result is not None, "something ended it"
        if self._is_spliced(result):
            result = AgainError(f"{result}, put together from several answers")
        if isinstance(result, AgainError):
            self._ground.alone.add(self.task.id)
        try:
            self._leave(result)
        except OSError as error:
            result = told(self.wire.url, error)
        except errors.DiskError as error:
            result = error
        self._tell(Left() if isinstance(result, StoppedError) else result)

    def _is_spliced(self, result: Result) -> bool:
        """Whether it may be the ranges that are wrong with it: a file may start again for that once."""
        is_pieced = self._split is not None or self._resume is not None
        is_new = self._split is not None or self.task.id not in self._ground.alone
        return self._is_whole and is_pieced and is_new and isinstance(result, _SPLICED)

    def _tell(self, result: Result) -> None:
        self._flight.over(self, result)

    def _leave(self, result: Result) -> None:
        part, self._part = self._part, None
        if part is None:
            if isinstance(result, Outcome) and self.task.part is not None and self.task.noted is not None:
                self._drop()
            return
        is_cut = isinstance(result, (errors.RequestError, StoppedError)) and not isinstance(result, errors.SkippedError)
        try:
            if is_cut and not self._is_whole and self._split is None:
                part.append(self._held)
                if part.bytes > NOTED:
                    self._note(part)
        finally:
            part.close()
        # A part that was noted stays for the next attempt, or for the next run where a bug or a full disk ended it.
        is_of_no_use = isinstance(result, _OF_NO_USE) and not (isinstance(result, AgainError) and result.keeps)
        if self.task.noted is None or self._is_whole or is_of_no_use:
            self._drop()


def _saved(task: FileTask, answer: Answer, size: int, sha256: str) -> Outcome:
    headers = answer.headers
    return Outcome(
        "saved", task.path, answer.url, answer.status, size, sha256, media_type(headers.get("content-type")),
        headers.get("etag"), headers.get("last-modified"),
    )  # fmt: skip
