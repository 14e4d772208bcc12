"""How image formats are laid out: bytes at an offset, JPEG's segments, the boxes of ISO's media files. Pure.

Theory. Who wants to know something of a file gets a `Read`: `read(offset, count)` gives the bytes there, fewer
at the end of the file. While the file still comes, `beginning(start)` is its Read, and raises MoreError where
an answer would need bytes that have not come; when it is whole, a Read over the part on disk serves the same
code. So each format is written once, for both. Walks count their steps and give up after STEPS: no honest
header has nearly as many, and a hostile one costs no more than a few milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

Read = Callable[[int, int], bytes]
"""`read(offset, count)`: the bytes of a file there; fewer than `count`, or none, only at its end."""

STEPS = 4096

SOI, EOI, SOS, TEM = 0xD8, 0xD9, 0xDA, 0x01
_FILL = 0xFF
_FIRST = 0xC0  # below it, but for TEM, all are reserved
_ALONE = frozenset({TEM, *range(0xD0, SOI + 1)})  # markers without a length (T.81 table B.1)


class MoreError(Exception):
    """The answer needs more of the file.

    Attributes:
        bytes: how many, from its beginning.
    """

    def __init__(self, count: int) -> None:
        super().__init__(f"{count} bytes are needed")
        self.bytes = count


def whole(data: bytes) -> Read:
    """A file that is all there."""
    return lambda offset, count: data[offset : offset + count]


def beginning(start: bytes) -> Read:
    """A file of which only the beginning came."""

    def read(offset: int, count: int) -> bytes:
        if offset + count > len(start):
            raise MoreError(offset + count)
        return start[offset : offset + count]

    return read


def remembered(start: bytes, read: Read) -> Read:
    """`read`, but what lies in the beginning of the file is taken from `start`."""
    size = len(start)
    return lambda offset, count: start[offset : offset + count] if offset + count <= size else read(offset, count)


class Segment(NamedTuple):
    """A marker segment of a JPEG: its content lies from `at` to `end`; of an EOI, the marker begins there."""

    marker: int
    at: int
    end: int


CUT = -1
"""The marker of a Segment that stands where the file ends before its header does."""
_LAST = frozenset({CUT, EOI, SOS})


def jpeg_segments(read: Read) -> Iterator[Segment]:
    """The segments from the beginning to the first scan (SOS), with it (ITU-T T.81 B.1.1, B.2).

    Ends early, without a word, at anything that is no marker. Where the file ends in a header, a CUT.
    """
    at = 2
    for _ in range(STEPS):
        head = read(at, 4)
        if len(head) < 2:
            yield Segment(CUT, at, at)
            return
        marker = head[1]
        if head[0] != _FILL or (marker < _FIRST and marker != TEM):
            return
        if marker == _FILL:
            at += 1
        elif marker in _ALONE:
            at += 2
        else:
            segment = _segment(marker, at, head[2:])
            if segment is not None:
                yield segment
            if segment is None or segment.marker in _LAST:
                return
            at = segment.end


def _segment(marker: int, at: int, length: bytes) -> Segment | None:
    """The segment whose marker stands at `at`; its length counts itself (T.81 B.1.1.4)."""
    if marker == EOI:
        return Segment(EOI, at, at)
    if len(length) < 2:
        return Segment(CUT, at, at)
    size = int.from_bytes(length, "big")
    return Segment(marker, at + 4, at + 2 + size) if size >= 2 else None


class Box(NamedTuple):
    """A box of an ISO base media file: its content lies from `at` to `end`; `end` None: to the end of the file."""

    kind: bytes
    at: int
    end: int | None


def boxes(read: Read, at: int = 0, end: int | None = None) -> Iterator[Box]:
    """The boxes from `at` to `end`, or to the end of the file (ISO/IEC 14496-12 section 4.2).

    Ends early, without a word, at what cannot be a box.
    """
    for _ in range(STEPS):
        box = _box(read, at) if end is None or at + 8 <= end else None
        if box is None:
            return
        yield box
        if box.end is None:
            return
        at = box.end


def _box(read: Read, at: int) -> Box | None:
    head = read(at, 8)
    if len(head) < 8:
        return None
    size, body = int.from_bytes(head[:4], "big"), at + 8
    if size == 0:
        return Box(head[4:], body, None)
    if size == 1:
        large = read(body, 8)
        size, body = int.from_bytes(large, "big"), at + 16
        if len(large) < 8:
            return None
    return Box(head[4:], body, at + size) if at + size >= body else None


Order = Literal["little", "big"]


class Directory(NamedTuple):
    """Where the first directory of a TIFF lies, and how its numbers are written."""

    order: Order
    is_big: bool
    at: int


def tiff_directory(read: Read) -> Directory:
    """The header of a TIFF (TIFF 6.0 section 2), or of a BigTIFF, whose numbers are twice as wide."""
    head = read(0, 8)
    order: Order = "little" if head[:1] == b"I" else "big"
    is_big = int.from_bytes(head[2:4], order) == 43
    return Directory(order, is_big, int.from_bytes(read(8, 8) if is_big else head[4:], order))
