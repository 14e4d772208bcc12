"""Reads a tape: any WARC file, whoever wrote it (ISO 28500; 0.17 to 1.1, with gzip or without).

    records -> _Reader: heads parsed, chunks undone, bodies put into a Spool -> pairs.exchanges -> Tape.takes

What is whole of a broken file is read, and the log tells what is not. Bodies lie in memory or in a file of the
tape's own, so the WARC may change or go while the tape is open.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from scraper.errors import TapeError
from scraper.tape.chunks import Chunks
from scraper.tape.heads import ORIGINAL, SOFTWARE, STANDING, BadHeadError, as_sent, fields, request_line, status_line
from scraper.tape.pairs import Refers, Request, Response, Trouble, exchanges
from scraper.tape.records import Record, records
from scraper.tape.source import DamagedError, Source, TornError
from scraper.tape.spool import FullError, Spool
from scraper.tape.strangers import refuse_stranger
from scraper.tape.taken import Answered, Asked, Failure, Pairs, Slice, Taken

__all__ = ["Tape"]

log = logging.getLogger("scraper")

_MEMORY = 256 << 20  # bytes that all heads and request bodies may take
_FIELD = 200  # of those, for a field beside its own bytes: two texts and a pair
_RECORD = 2000
_WARNINGS = 10
_HTTP = ("http://", "https://")
_SINCE = datetime(1970, 1, 1, tzinfo=UTC)


class Tape:
    """What was taken down, in memory but for the larger bodies, which go when it is closed.

    Attributes:
        path: of the WARC file.
        info: the fields of the first warcinfo record that is ours (`scraper-job`, ...); empty for another's WARC.
        takes: the exchanges, in the order in which they were recorded. A field `Transfer-Encoding` stands among
            the headers as it came, though bodies have no chunks.
    """

    def __init__(self, path: Path, info: Mapping[str, str], takes: Sequence[Taken], spool: Spool) -> None:
        self.path = path
        self.info = dict(info)
        self.takes = takes
        self._spool = spool

    @classmethod
    def open(cls, path: Path) -> Self:
        """Reads a WARC file, to the end.

        Raises:
            TapeError: it is no WARC, cannot be read, or holds more than a tape may.
        """
        spool = Spool()
        try:
            with path.open("rb") as file:
                reader = _Reader(path, spool)
                reader.read(file)
            takes = reader.takes()
            spool.flush()
        except OSError as error:
            spool.close()
            raise TapeError(path, _unreadable(error)) from error
        except FullError as error:
            spool.close()
            raise TapeError(path, f"it is too large for a tape: {error}") from error
        except BaseException:
            spool.close()
            raise
        return cls(path, reader.info, takes, spool)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """The larger bodies go. May be called again."""
        self._spool.close()


class _Reader:
    def __init__(self, path: Path, spool: Spool) -> None:
        self._path = path
        self._spool = spool
        self._memory = _MEMORY
        self._ours: set[str] = set()  # ids of our warcinfo records
        self._requests: list[Request] = []
        self._responses: list[Response] = []
        self._troubles: list[Trouble] = []
        self._warnings: list[str] = []
        self.info: dict[str, str] = {}

    def read(self, file: BinaryIO) -> None:
        source = Source(file)
        refuse_stranger(self._path, source)
        place = 0
        try:
            for record in records(source):
                self._take(record, place)
                place += 1
        except TornError as error:
            self._warnings.append(f"{error}; what is whole before that is used")
        except DamagedError as error:
            self._warnings.append(f"it is damaged ({error}); what stands before that is used")

    def takes(self) -> list[Taken]:
        takes = exchanges(self._requests, self._responses, self._troubles, self._warnings)
        for warning in self._warnings[:_WARNINGS]:
            log.warning("%s: %s", self._path, warning)
        if len(self._warnings) > _WARNINGS:
            log.warning("%s: and %d more of the kind", self._path, len(self._warnings) - _WARNINGS)
        return takes

    def _take(self, record: Record, place: int) -> None:
        self._weigh(_RECORD, record.fields)
        keep: Callable[[], None] | None = None
        try:
            reader = _KINDS.get(record.kind)
            keep = None if reader is None else reader(self, record, place)
        except BadHeadError as error:
            self._warnings.append(f"a {record.kind} record of {_url(record) or 'no URL'} is left out: {error}")
        record.finish()
        if keep is not None:
            keep()

    def _warcinfo(self, record: Record, place: int) -> Callable[[], None] | None:
        found = dict(fields(record.lines(), "utf-8"))
        if not found.get("software", "").startswith(SOFTWARE):
            return None

        def keep() -> None:
            self._ours.add(record.get("WARC-Record-ID"))
            self.info = self.info or {name: value for name, value in found.items() if name not in STANDING}

        return keep

    def _request(self, record: Record, place: int) -> Callable[[], None] | None:
        if not _is_http(record):
            return None
        first, pairs = self._head(record.lines())
        body = bytearray()
        for piece in _Body(record, pairs).pieces():
            self._weigh(len(piece))
            body += piece
        asked = Asked(request_line(first), _url(record), as_sent(pairs), bytes(body))
        request = Request(place, record.get("WARC-Record-ID"), record.all("WARC-Concurrent-To"), asked)
        return lambda: self._requests.append(request)

    def _response(self, record: Record, place: int) -> Callable[[], None] | None:
        if not _is_http(record):
            return None
        status, reason, pairs = self._answer_head(record)
        body = _Body(record, pairs)
        stored = self._spool.put(body.pieces())
        whole, short = self._is_whole(record, pairs, body, stored, status)
        found = _answered(record, status, reason, as_sent(pairs), stored, whole)
        return self._keep(record, place, found, short=short)

    def _revisit(self, record: Record, place: int) -> Callable[[], None] | None:
        if not _is_http(record):
            return None
        found = None
        if record.length:
            status, reason, pairs = self._answer_head(record)
            found = _answered(record, status, reason, as_sent(pairs), b"", True)
        when = record.get("WARC-Refers-To-Date")
        refers = Refers(
            record.get("WARC-Refers-To"), _bare(record.get("WARC-Refers-To-Target-URI")), _date(when) if when else None
        )
        return self._keep(record, place, found, refers=refers)

    def _resource(self, record: Record, place: int) -> Callable[[], None] | None:
        if not _is_http(record):
            return None
        stored = self._spool.put(record.pieces())
        kind = record.get("Content-Type")
        pairs = (("Content-Type", kind),) if kind else ()
        whole = not record.get("WARC-Truncated")
        return self._keep(record, place, _answered(record, 200, "OK", pairs, stored, whole))

    def _keep(
        self,
        record: Record,
        place: int,
        found: Answered | None,
        *,
        refers: Refers | None = None,
        short: bool = False,
    ) -> Callable[[], None]:
        response = Response(
            place=place,
            id=record.get("WARC-Record-ID"),
            to=record.all("WARC-Concurrent-To"),
            url=_url(record),
            when=_date(record.get("WARC-Date")),
            answered=found,
            digest=record.get("WARC-Payload-Digest").lower(),
            refers=refers,
            short=short,
        )
        return lambda: self._responses.append(response)

    def _metadata(self, record: Record, place: int) -> Callable[[], None] | None:
        if record.get("WARC-Warcinfo-ID") not in self._ours:
            return None
        named = dict(fields(record.lines(), "utf-8"))
        try:
            failure = Failure(
                named["ending"], json.loads(named["message"]), named["sent"] == "true", named["final"] == "true"
            )
            asked = Asked(named["method"], named["url"])
        except (KeyError, ValueError, RecursionError) as error:
            raise BadHeadError(f"it tells of no failure ({error})") from error
        trouble = Trouble(place, record.all("WARC-Concurrent-To"), asked, _date(record.get("WARC-Date")), failure)
        return lambda: self._troubles.append(trouble)

    def _answer_head(self, record: Record) -> tuple[int, str, Pairs]:
        while True:
            first, pairs = self._head(record.lines())
            status, reason = status_line(first)
            if not 100 <= status < 200 or status == 101:  # interim answers come before (RFC 9110 section 15.2)
                return status, reason, pairs

    def _head(self, lines: list[bytes]) -> tuple[bytes, Pairs]:
        pairs = fields(lines[1:])
        self._weigh(0, pairs)
        return lines[0] if lines else b"", pairs

    def _is_whole(
        self, record: Record, pairs: Pairs, body: _Body, stored: bytes | Slice, status: int
    ) -> tuple[bool, bool]:
        """Whether a body is whole, and whether it is shorter than it should be unless HEAD was asked."""
        if record.get("WARC-Truncated") or record.get("WARC-Segment-Number") or body.is_cut:
            return False, False
        if record.get("WARC-Warcinfo-ID") in self._ours or body.was_chunked or status in (101, 204, 304):
            return True, False
        size = stored.count if isinstance(stored, Slice) else len(stored)
        named = {name.lower(): value for name, value in pairs}
        decoded = any(name.startswith(("x-orig-", ORIGINAL.lower())) for name in named)
        length = named.get("content-length", "")
        return True, not decoded and length.isascii() and length.isdigit() and len(length) < 19 and int(length) > size

    def _weigh(self, size: int, pairs: Pairs = ()) -> None:
        self._memory -= size + sum(_FIELD + len(name) + len(value) for name, value in pairs)
        if self._memory < 0:
            raise FullError(f"its heads and requests are more than {_MEMORY >> 20} MiB")


_KINDS: dict[str, Callable[[_Reader, Record, int], Callable[[], None] | None]] = {
    "warcinfo": _Reader._warcinfo,
    "request": _Reader._request,
    "response": _Reader._response,
    "revisit": _Reader._revisit,
    "resource": _Reader._resource,
    "metadata": _Reader._metadata,
}


class _Body:
    """What follows the head in a block, without chunks."""

    def __init__(self, record: Record, pairs: Pairs) -> None:
        self._record = record
        coded = [value for name, value in pairs if name.lower() == "transfer-encoding"]
        self._chunks = Chunks() if coded and "chunked" in coded[-1].lower() else None

    @property
    def was_chunked(self) -> bool:
        return self._chunks is not None and self._chunks.whole

    @property
    def is_cut(self) -> bool:
        return self._chunks is not None and not (self._chunks.whole or self._chunks.plain)

    def pieces(self) -> Iterator[bytes]:
        if self._chunks is None:
            yield from self._record.pieces()
            return
        for piece in self._record.pieces():
            yield self._chunks.feed(piece)
        yield self._chunks.end()


def _answered(record: Record, status: int, reason: str, pairs: Pairs, body: bytes | Slice, whole: bool) -> Answered:
    return Answered(status, reason, pairs, body, whole, record.get("WARC-IP-Address") or None)


def _is_http(record: Record) -> bool:
    return _url(record).lower().startswith(_HTTP)


def _url(record: Record) -> str:
    return _bare(record.get("WARC-Target-URI"))


def _bare(url: str) -> str:
    """A URL without the brackets that the grammar of WARC/1.0 asks for, and some writers put."""
    return url[1:-1] if url.startswith("<") and url.endswith(">") else url


def _date(text: str) -> datetime:
    """A WARC-Date (W3C's profile of ISO 8601, of any precision); 1970 where it is none."""
    for rest in ("", "-01", "-01-01"):
        try:
            found = datetime.fromisoformat(text + rest)
            return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        except (ValueError, OverflowError):
            continue
    return _SINCE


def _unreadable(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such tape; `scraper record JOB` makes one"
    return f"it cannot be read: {error.strerror or error}"
