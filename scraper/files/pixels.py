"""Width and height of an image, from its header alone. Pure; nothing is decoded.

Theory. Each format says its size at a place that is fixed or found by a short walk: PNG, GIF, WebP and BMP in
their first 30 bytes, JPEG in its frame header, which stands behind EXIF, colour profile and thumbnail, TIFF in
a directory that may stand anywhere, AVIF and HEIC in a property of the item. The numbers are of the pixels as
stored: an orientation in EXIF turns nothing here. A size of zero is none. Read and MoreError: layout.py.
"""

from __future__ import annotations

from collections.abc import Callable

from scraper.files.layout import Box, Read, boxes, jpeg_segments, tiff_directory

Size = tuple[int, int]

# SOF0 to SOF15 without DHT, JPG and DAC (T.81 table B.1).
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_TIFF_WIDTH, _TIFF_HEIGHT = 256, 257
_TIFF_NUMBERS = {3: 2, 4: 4, 16: 8}  # field type -> bytes: SHORT, LONG, LONG8
_MAX_ENTRIES = 4096


def measure(media: str, read: Read) -> Size | None:
    """Width and height in pixels of an image of type `media`; None where its header does not say.

    Args:
        media: as `types.sniff` tells it; one of MEASURED.

    Raises:
        MoreError: out of `read`, where it is a beginning that does not reach far enough.
    """
    found = MEASURED[media](read)
    return found if found is not None and min(found) > 0 else None


def _png(read: Read) -> Size | None:
    head = read(12, 12)
    return (_big(head[4:8]), _big(head[8:])) if head[:4] == b"IHDR" and len(head) == 12 else None


def _gif(read: Read) -> Size | None:
    screen = read(6, 4)
    return (_little(screen[:2]), _little(screen[2:])) if len(screen) == 4 else None


def _jpeg(read: Read) -> Size | None:
    for segment in jpeg_segments(read):
        if segment.marker in _FRAMES:
            frame = read(segment.at, 5)
            return (_big(frame[3:]), _big(frame[1:3])) if len(frame) == 5 else None
    return None


def _webp(read: Read) -> Size | None:
    """RFC 9649 sections 2.5 to 2.7: the first chunk is a lossy frame, a lossless one, or the extended header."""
    head = read(12, 18)
    if len(head) < 18:
        return None
    kind, body = head[:4], head[8:]
    if kind == b"VP8 ":  # RFC 6386 9.1: a tag of 3 bytes, a start code, 14 bits each
        return (_little(body[6:8]) & 0x3FFF, _little(body[8:]) & 0x3FFF) if body[3:6] == b"\x9d\x01\x2a" else None
    if kind == b"VP8L":
        bits = _little(body[1:5])
        return ((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1) if body[0] == 0x2F else None
    return (_little(body[4:7]) + 1, _little(body[7:10]) + 1) if kind == b"VP8X" else None


def _bmp(read: Read) -> Size | None:
    head = read(14, 12)
    if len(head) < 12:
        return None
    if _little(head[:4]) == 12:  # BITMAPCOREHEADER
        return _little(head[4:6]), _little(head[6:8])
    width, height = (int.from_bytes(head[at : at + 4], "little", signed=True) for at in (4, 8))
    return width, abs(height)  # a negative height: rows from top to bottom


def _tiff(read: Read) -> Size | None:
    """ImageWidth and ImageLength of the first directory (TIFF 6.0 section 8)."""
    order, is_big, at = tiff_directory(read)
    count_bytes, entry_bytes, value_at = (8, 20, 12) if is_big else (2, 12, 8)
    count = min(int.from_bytes(read(at, count_bytes), order), _MAX_ENTRIES)
    directory = read(at + count_bytes, count * entry_bytes)
    found: dict[int, int] = {}
    for start in range(0, len(directory) - entry_bytes + 1, entry_bytes):
        entry = directory[start : start + entry_bytes]
        size = _TIFF_NUMBERS.get(int.from_bytes(entry[2:4], order), 0)
        found.setdefault(int.from_bytes(entry[:2], order), int.from_bytes(entry[value_at : value_at + size], order))
    return (found[_TIFF_WIDTH], found[_TIFF_HEIGHT]) if {_TIFF_WIDTH, _TIFF_HEIGHT} <= found.keys() else None


def _heif(read: Read) -> Size | None:
    """The largest of the sizes of its items: tiles, thumbnails and masks are smaller than their image
    (ISO/IEC 23008-12 section 6.5.3, `ispe`).
    """
    meta = _inner(read, None, b"meta")
    properties = meta and _inner(read, meta._replace(at=meta.at + 4), b"iprp")  # a FullBox: 4 bytes of version
    container = properties and _inner(read, properties, b"ipco")
    if not container or container.end is None or not read(container.end - 1, 1):
        return None
    extents = [read(box.at + 4, 8) for box in boxes(read, container.at, container.end) if box.kind == b"ispe"]
    sizes = [(_big(extent[:4]), _big(extent[4:])) for extent in extents if len(extent) == 8]
    return max(sizes, key=lambda size: size[0] * size[1], default=None)


def _inner(read: Read, outer: Box | None, kind: bytes) -> Box | None:
    """The first box of a kind in another, or in the file."""
    found = boxes(read) if outer is None else boxes(read, outer.at, outer.end)
    return next((box for box in found if box.kind == kind), None)


def _big(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _little(data: bytes) -> int:
    return int.from_bytes(data, "little")


MEASURED: dict[str, Callable[[Read], Size | None]] = {
    "image/png": _png,
    "image/gif": _gif,
    "image/jpeg": _jpeg,
    "image/webp": _webp,
    "image/bmp": _bmp,
    "image/tiff": _tiff,
    "image/avif": _heif,
    "image/heic": _heif,
    "image/heif": _heif,
}
"""The types whose pixels can be told."""
