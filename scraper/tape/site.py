"""A site that answers from a tape, whatever host is asked, in the order in which it was recorded.

    site = tape_site(tape, faults)
    with Server(site, limits=LIMITS, record=False) as server: ...

Recorded requests that are the same (matching.py) stand in a queue, one for each set of conditions: they are answered
in order, the last one again and again. What was not asked in these words is answered truthfully: HEAD, Range, If-Range
and the other conditions by what a GET was answered, a whole file by the parts that are all of it. A request that a
fault strikes uses nothing up, for it will come again, unless its answer arrives all the same. Requests tell their
whole URL (net/detour.py).
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence

from scraper.net import detour
from scraper.server.answers import REASONS, Answer, FileSlice, Response, Scripted, is_fit, refuse, render_head
from scraper.server.conditional import Validators, decide_answer, read_date
from scraper.server.faults.catalogue import arrives
from scraper.server.http1 import Limits
from scraper.server.line import Line
from scraper.server.ranges import content_range
from scraper.server.refusal import BadRequest
from scraper.server.request import Request
from scraper.server.site import Answerer, Layer, Site
from scraper.tape.matching import Key, Nearest, conditions_of, field, key_of, shown
from scraper.tape.taken import Answered, Asked, Failure, Pairs, Slice, Taken
from scraper.tape.versions import Body, Whole, cut_all, size_of, versions, whole_of
from scraper.tape.warc import Tape

LIMITS = Limits(line=1 << 20, head=4 << 20, fields=1000, body=1 << 30)
"""What a request to a replay may cost: as much as any server may have taken."""
_FAILED = 502
"""The status under which a failure is told; nobody sees it."""
_HOPS = frozenset({"connection", "keep-alive", "proxy-connection", "transfer-encoding", "trailer", "upgrade"})
_OF_BODY = ("content-length", "content-range", "content-digest", "content-md5")
_UNTOLD = (*_OF_BODY, "content-type", "content-encoding", "content-language")  # by a 304 (RFC 9110 section 15.4.5)
_BY_CONDITION = frozenset({206, 304, 412, 416})
_PIECE = 64 * 1024
_MOST = 1000


class _Queue:
    """Answers to the same request."""

    def __init__(self, takes: Sequence[Taken]) -> None:
        self._takes = takes
        self._at = 0

    def next(self, struck: frozenset[str]) -> tuple[Taken, int]:
        """The next one, and how many there are behind it; `struck`: the faults under which it is given."""
        at = min(self._at, len(self._takes) - 1)
        answered = self._takes[at].answered
        self._at += arrives(struck, 0 if answered is None else answered.status)
        return self._takes[at], len(self._takes) - 1 - at

    def last(self) -> Taken:
        """The one that was given last, or the first."""
        return self._takes[max(0, min(self._at, len(self._takes)) - 1)]


class _Shelf:
    """All recorded answers to one method, URL and body."""

    def __init__(self, takes: Sequence[Taken]) -> None:
        sorts: dict[tuple[tuple[str, str], ...], list[Taken]] = defaultdict(list)
        for taken in takes:
            sorts[conditions_of(taken.asked.headers)].append(taken)
        self.queues = {conditions: _Queue(some) for conditions, some in sorts.items()}
        general = [one for one in takes if one.answered is None or one.answered.status not in _BY_CONDITION]
        self.general = self.queues.get(()) or (_Queue(general) if general else None)
        self.versions = versions(takes)
        self.only = {one.answered.status for one in takes if one.answered is not None}


class TapeLayer(Layer):
    """Answers every request itself.

    Attributes:
        missing: what was asked and is not on the tape, told with what is nearest; the first thousand.
    """

    def __init__(self, takes: Sequence[Taken]) -> None:
        sorts: dict[Key, list[Taken]] = defaultdict(list)
        for taken in takes:
            if taken.answered is not None or taken.failure is not None:
                sorts[key_of(taken.asked)].append(taken)
        self._shelves = {key: _Shelf(some) for key, some in sorts.items()}
        self._asked = [some[0].asked for some in sorts.values()]
        self._nearest: Nearest | None = None
        self._lock = threading.Lock()
        self.missing: list[str] = []

    def answer(self, request: Request, inner: Answerer) -> Answer:
        """The recorded answer."""
        asked = Asked(request.method, request.url, tuple(request.head.fields), request.body)
        with self._lock:
            found = self._found(asked, request.struck)
            return self._lacks(asked) if found is None else found

    def _found(self, asked: Asked, struck: frozenset[str]) -> Answer | None:
        key, conditions = key_of(asked), conditions_of(asked.headers)
        shelf = self._shelves.get(key)
        if shelf is not None and (queue := shelf.queues.get(conditions)) is not None:
            return _as_recorded(asked, *queue.next(struck))
        if key.method == "HEAD":
            shelf = self._shelves.get(key._replace(method="GET"))
        elif key.method != "GET":
            general = None if shelf is None else shelf.general
            return None if general is None else _as_recorded(asked, *general.next(struck))
        return None if shelf is None else _otherwise(asked, shelf, struck)

    def _lacks(self, asked: Asked) -> Answer:
        shelf = self._shelves.get(key_of(asked))
        if shelf is not None:
            only = ", ".join(map(str, sorted(shelf.only)))
            why = f"the tape has no whole answer to {asked.method} {shown(asked.url)}, only {only}"
        else:
            self._nearest = self._nearest or Nearest(self._asked)
            why = self._nearest.told(asked)
        if len(self.missing) < _MOST:
            self.missing.append(why)
        return _failed(Failure("connect", why, sent=False, final=True))


class TapeSite(Site):
    """A site of one layer; others may be laid over it.

    Attributes:
        missing: see TapeLayer.
    """

    def __init__(self, takes: Sequence[Taken]) -> None:
        super().__init__()
        layer = TapeLayer(takes)
        self.lay(layer)
        self.missing = layer.missing


def tape_site(tape: Tape, faults: Layer | None = None) -> TapeSite:
    """The site of a tape, spoilt by faults where there are any. The tape stays open as long as it is served."""
    site = TapeSite(tape.takes)
    if faults is not None:
        site.lay(faults)
    return site


# -- answers -----------------------------------------------------------------------------------------------


def _as_recorded(asked: Asked, taken: Taken, more: int) -> Answer:
    """An answer as it came, or what went wrong."""
    answered, failure = taken.answered, taken.failure
    if answered is None:
        assert failure is not None, "what was neither answered nor failed is on no shelf"
        return _failed(failure, more)
    pairs = [*_told(answered, answered.headers), *_late(failure, more)]
    length = field(answered.headers, "content-length")
    if asked.method == "HEAD":
        return Response(answered.status, pairs, stream=None if length is None else ())
    if not answered.whole:
        return _broken(answered, pairs, length)
    pairs = [pair for pair in pairs if pair[0].lower() != "content-length"]
    return _response(answered.status, pairs, (answered.body,), chunked=length is None)


def _otherwise(asked: Asked, shelf: _Shelf, struck: frozenset[str]) -> Answer | None:
    """The answer to a GET or HEAD that was recorded under other conditions, or as a GET; None where none is there."""
    condition = field(asked.headers, "if-range")
    if field(asked.headers, "range") is not None and condition is not None:
        same = (one for one in shelf.versions if condition in (field(one.headers, "etag"), _date_of(one)))
        if (version := next(same, None)) is not None:
            return _presented(asked, version)
    if shelf.general is None:
        return _presented(asked, shelf.versions[0]) if shelf.versions else None
    if asked.method == "HEAD":
        taken, more = shelf.general.last(), 0
    else:
        taken, more = shelf.general.next(struck)
    whole = None if taken.answered is None or taken.failure is not None else whole_of(taken.answered)
    return _as_recorded(asked, taken, more) if whole is None else _presented(asked, whole)


def _date_of(whole: Whole) -> str | None:
    return field(whole.headers, "last-modified")


def _presented(asked: Asked, whole: Whole) -> Response:
    """What a server that has this representation would say to these conditions (RFC 9110 sections 13 and 14)."""
    modified = read_date(field(whole.headers, "last-modified") or "")
    known = Validators(field(whole.headers, "etag") or "", modified)
    fields = {name.lower(): value for name, value in asked.headers}
    verdict = decide_answer(asked.method, fields, whole.size, known, time.time())
    told = _told(whole.answered, whole.headers)
    if verdict.status == 304:
        return Response(304, [pair for pair in told if pair[0].lower() not in _UNTOLD])
    if verdict.status in (412, 416):
        size = (("Content-Range", f"bytes */{whole.size}"),) if verdict.status == 416 else ()
        return refuse(BadRequest(verdict.status, "the condition or the range does not fit", (*size, *_address(told))))
    is_chunked = field(whole.headers, "content-length") is None
    if verdict.status == 200:
        pairs = [pair for pair in told if pair[0].lower() != "content-length"]
        return _response(200, pairs, whole.parts, chunked=is_chunked)
    pairs = [pair for pair in told if pair[0].lower() not in (*_OF_BODY, detour.FIELDS[1])]
    place = content_range(verdict.first, verdict.first + verdict.count - 1, whole.size)
    parts = tuple(cut_all(whole.parts, verdict.first, verdict.count))
    return _response(206, [*pairs, ("Content-Range", place)], parts, chunked=False)


def _response(status: int, pairs: list[tuple[str, str]], parts: tuple[Body, ...], *, chunked: bool) -> Response:
    """A response with this body; its length is told unless it is sent in chunks."""
    if chunked:
        return Response(status, pairs, stream=_pieces(parts))
    if len(parts) == 1 and isinstance(parts[0], Slice):
        part = parts[0]
        return Response(status, pairs, file=FileSlice(part.path.open("rb"), part.offset, part.count))
    if len(parts) <= 1:
        return Response(status, pairs, b"".join(_pieces(parts)))
    size = sum(map(size_of, parts))
    return Response(status, [*pairs, ("Content-Length", str(size))], stream=_pieces(parts))


def _broken(answered: Answered, pairs: list[tuple[str, str]], length: str | None) -> Scripted:
    """What came of an answer, and then the end of the connection."""
    framing = [] if length is not None else [("Transfer-Encoding", "chunked")]
    head = render_head(answered.status, [*pairs, *framing, ("Connection", "close")])

    def play(line: Line) -> None:
        line.send(head)
        for piece in _pieces((answered.body,)):
            line.send(piece if length is not None else b"%x\r\n%b\r\n" % (len(piece), piece))

    return Scripted(play, answered.status)


def _failed(failure: Failure, more: int = 0) -> Response:
    """What went wrong before any answer came."""
    told = detour.told(failure.ending, failure.message, sent=failure.sent, final=failure.final, more=more)
    return Response(_FAILED, [(detour.FAILURE, told)])


def _late(failure: Failure | None, more: int) -> Iterator[tuple[str, str]]:
    """What went wrong in the body."""
    if failure is not None:
        sent, final = failure.sent, failure.final
        told = detour.told(failure.ending, failure.message, sent=sent, final=final, late=True, more=more)
        yield detour.FAILURE, told


def _told(answered: Answered, headers: Pairs) -> list[tuple[str, str]]:
    """The fields as they came, as far as they are about more than one connection, and what HTTP has no place for."""
    ours = (*_HOPS, *detour.FIELDS)
    found = [(name, value) for name, value in headers if name.lower() not in ours and is_fit(value, name)]
    if answered.address is not None and is_fit(answered.address):
        found.append((detour.ADDRESS, answered.address))
    if answered.reason != REASONS.get(answered.status, "Unknown") and is_fit(answered.reason):
        found.append((detour.REASON, answered.reason))
    return found


def _address(told: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [pair for pair in told if pair[0] == detour.ADDRESS]


def _pieces(parts: Sequence[Body]) -> Iterator[bytes]:
    """The bytes of bodies, never many at once."""
    for part in parts:
        if isinstance(part, Slice):
            with part.path.open("rb") as file:
                file.seek(part.offset)
                left = part.count
                while left and (piece := file.read(min(left, _PIECE))):
                    left -= len(piece)
                    yield piece
        elif part:
            yield part
