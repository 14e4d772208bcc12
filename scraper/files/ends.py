"""Whether an image was cut although its length is right: a server that stored half of it sends half of it.

Theory. Each of these formats says where it ends, so that a missing end shows. What comes after the end does
no harm and is common: zeros of padding, a second picture (MPF), the video of a motion photo, an archive. So a
file is called cut only if no end can be in it. First its last bytes are looked at, which is all that a whole
file costs; only if the end is not there, the file is searched or walked from the front. A search goes over at
most SEARCHED bytes and a walk over a million steps, and beyond them nothing is said. What does not begin as a
sound file of its format is not judged either: whether pixels are right is for whoever decodes them. TIFF and
HEIF have no end: there it shows by what they refer to.
"""

from __future__ import annotations

from collections.abc import Callable

from scraper.files.layout import CUT, EOI, SOS, Read, boxes, jpeg_segments, tiff_directory

TAIL = 4096
"""Bytes at the end that are looked at first."""
SEARCHED = 64 << 20
"""Bytes that a search for the end goes over; pictures before a trailer are smaller."""
_STRIDE = 1 << 20
_WINDOW = 1 << 16
_WALKED = 1 << 20

_SCREEN = 13  # bytes of a GIF before its table of colours

_EOI = b"\xff\xd9"
_IEND = b"\0\0\0\0IEND"
# What a first segment begins with; one of another kind that is too long may be anything.
_FIRST_WORDS = frozenset({b"JFIF", b"Exif", b"http", b"ICC_", b"Adob"})
_BEHIND_FIRST = 6  # SOI, the first marker and its length


def missing(media: str, size: int, read: Read) -> str | None:
    """What a cut image lacks, in words; None for one that is whole, is of another kind, or cannot be told.

    Args:
        media: as `types.sniff` tells it.
        size: of the file, in bytes.
        read: over the whole file (layout.py).
    """
    judge = _JUDGES.get(media)
    return None if judge is None or not judge(size, read) else _LACKING[media]


def _jpeg(size: int, read: Read) -> bool:
    """Without an end-of-image marker behind the header; the one of a thumbnail inside it is no end."""
    for segment in jpeg_segments(read):
        if segment.marker == CUT or segment.end > size:
            return segment.at > _BEHIND_FIRST or read(_BEHIND_FIRST, 4) in _FIRST_WORDS
        if segment.marker in (SOS, EOI):
            return not _has(read, size, _EOI, segment.end)
    return False


def _png(size: int, read: Read) -> bool:
    """Without the IEND chunk (PNG 11.2.5), its checksum included, whatever it is."""
    return read(12, 4) == b"IHDR" and not _has(read, size - 4, _IEND, 8)


def _has(read: Read, size: int, mark: bytes, begin: int) -> bool:
    """Whether a mark lies between `begin` and `size`; what is beyond the search may hold it."""
    near = max(begin, size - TAIL)
    if mark in read(near, max(0, size - near)):
        return True
    for at in range(begin, min(near, begin + SEARCHED), _STRIDE):
        if mark in read(at, min(_STRIDE + len(mark), size - at)):
            return True
    return near > begin + SEARCHED


def _gif(size: int, read: Read) -> bool:
    """Without a trailer; a block's end before it tells it from a byte of the picture."""
    last = read(max(0, size - TAIL), TAIL).rstrip(b"\0")
    return size >= _SCREEN and not last.endswith(b"\0\x3b") and _GifWalk(read).is_cut()


class _GifWalk:
    """A walk over the blocks of a GIF (GIF89a, sections 15 to 27), by windows: blocks are tiny."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._window = b""
        self._from = 0
        self._at = 0
        self._steps = 0

    def is_cut(self) -> bool:
        """Whether the file ends before its trailer."""
        self._at = 10
        self._at = _SCREEN + self._colours(self._byte(0))
        while self._steps < _WALKED:
            kind = self._byte(0)
            if kind == 0x21:
                self._at += 2
            elif kind == 0x2C:
                self._at += 11 + self._colours(self._byte(9))
            else:
                return kind is None
            if not self._sub_blocks():
                return self._steps < _WALKED
        return False

    def _colours(self, flags: int | None) -> int:
        """Bytes of a table of colours, by the flags before it."""
        return 3 << ((flags & 7) + 1) if flags is not None and flags & 0x80 else 0

    def _sub_blocks(self) -> bool:
        """To behind the terminator; whether it is there."""
        while self._steps < _WALKED:
            length = self._byte(0)
            if length is None:
                return False
            self._at += 1 + length
            if length == 0:
                return True
        return False

    def _byte(self, ahead: int) -> int | None:
        self._steps += 1
        at = self._at + ahead
        if not self._from <= at < self._from + len(self._window):
            self._window, self._from = self._read(at, _WINDOW), at
        return self._window[at - self._from] if self._window else None


def _riff(size: int, read: Read) -> bool:
    """Shorter than its header says (RFC 9649 section 2.4); libwebp refuses such a file too."""
    return read(12, 3) == b"VP8" and size < 8 + int.from_bytes(read(4, 4), "little")


def _tiff(size: int, read: Read) -> bool:
    """Without its first directory, which most writers put last."""
    return tiff_directory(read).at + 2 > size


# What stands at the top of a file; junk behind it looks like a box that is too long.
_TOP = frozenset({b"ftyp", b"styp", b"meta", b"moov", b"moof", b"mdat", b"free", b"skip", b"wide", b"uuid"})
_DATA = frozenset({b"mdat", b"idat"})


def _boxes(size: int, read: Read) -> bool:
    """With a box that goes on beyond the end, or without the one that holds the picture."""
    found = list(boxes(read))
    if any(box.end is not None and box.end > size for box in found if box.kind in _TOP):
        return True
    inner = [each for box in found if box.kind == b"meta" for each in boxes(read, box.at + 4, box.end)]
    kinds = {box.kind for box in found}
    return kinds <= _TOP and kinds.isdisjoint(_DATA) and _DATA.isdisjoint(each.kind for each in inner)


_JUDGES: dict[str, Callable[[int, Read], bool]] = {
    "image/jpeg": _jpeg,
    "image/png": _png,
    "image/gif": _gif,
    "image/webp": _riff,
    "image/tiff": _tiff,
    "image/avif": _boxes,
    "image/heic": _boxes,
    "image/heif": _boxes,
}
_LACKING = {
    "image/jpeg": "it has no end-of-image marker",
    "image/png": "it has no IEND chunk",
    "image/gif": "it has no trailer",
    "image/webp": "its header says more bytes than it has",
    "image/tiff": "it has no directory",
    "image/avif": "its last box is not whole",
    "image/heic": "its last box is not whole",
    "image/heif": "its last box is not whole",
}
ENDED = frozenset(_JUDGES)
"""The types that show their end."""
