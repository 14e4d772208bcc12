"""Content encodings undone while bytes stream, to their very end or with an error.

Theory. A server that was asked for `identity` may still send gzip. Each coding of Content-Encoding is a
link; bytes run through the links from the last applied to the first, in steps of bounded size, so that no
bomb is ever in memory: `pieces` yields at most 256 KiB at a time. A link is done only when its format says
so: zlib checks CRC and length, and a stream that stops early, or goes on after its end, is an error (RFC
1952 2.2 lets gzip go on with another member, and tape blocks with zeros). What is counted against `limit`
is what comes out, of every link.
"""

import zlib
from collections.abc import Callable, Iterator

MAX_CODINGS = 5  # as curl and urllib3: longer chains are attacks
MAX_RATIO = 1100  # deflate cannot exceed 1032:1 (zlib's technical notes), so only a chain of bombs does
_RATIO_FROM = 1 << 20  # bytes that come out before the ratio is looked at
_STEP = 256 * 1024  # bytes that one step may yield
_BLOCK = 16 * 1024  # bytes that one step takes; zlib copies what it leaves over
_SLACK = 1 << 20  # what a compressed form may be larger than its content


class EncodingTrouble(ValueError):  # noqa: N818 - errors.EncodingError is the ending; this is its cause
    """A content encoding that is unknown, corrupt, cut short or followed by something else."""


class LimitTrouble(EncodingTrouble):
    """More decoded bytes than allowed: final, not worth another attempt. Catch it before EncodingTrouble."""


class _Gzip:
    """gzip members one after another, then perhaps zeros (RFC 1952)."""

    name = "gzip"

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(wbits=31)
        self._begun = False
        self._padding = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._stream.eof and not self._next_member(data):
                return
            self._begun = True
            yield from _inflated(self._stream, data, self.name)
            data = self._stream.unused_data

    def _next_member(self, data: bytes) -> bool:
        """Whether another member begins; zeros to the end do not, and anything else is an error."""
        self._padding = self._padding or data[0] == 0
        if self._padding:
            if data.strip(b"\0"):
                raise EncodingTrouble("gzip: data after the end of the stream")
            return False
        if data[0] != 0x1F:
            raise EncodingTrouble("gzip: data after the end of the stream")
        self._stream = zlib.decompressobj(wbits=31)
        return True

    def finish(self) -> None:
        if not self._stream.eof:
            raise EncodingTrouble("gzip: the stream ends too early" if self._begun else "gzip: no stream at all")


class _Deflate:
    """`deflate` as RFC 9110 8.4.1.2 has it (zlib), or raw as some servers send it; the first two bytes
    tell.
    """

    name = "deflate"

    def __init__(self) -> None:
        self._stream: zlib._Decompress | None = None
        self._first = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self._stream is None:
            data, self._first = self._first + data, b""
            if len(data) < 2:
                self._first = data
                return
            self._stream = zlib.decompressobj(wbits=15 if _is_zlib(data) else -15)
        if not self._stream.eof:
            yield from _inflated(self._stream, data, self.name)
            data = self._stream.unused_data
        if data and self._stream.eof:
            raise EncodingTrouble("deflate: data after the end of the stream")

    def finish(self) -> None:
        if self._stream is None or not self._stream.eof:
            raise EncodingTrouble("deflate: the stream ends too early")


def _is_zlib(data: bytes) -> bool:
    """RFC 1950 2.2: method 8, and the first two bytes are a multiple of 31."""
    return data[0] & 0x0F == 8 and (data[0] << 8 | data[1]) % 31 == 0


def _inflated(stream: "zlib._Decompress", data: bytes, name: str) -> Iterator[bytes]:
    """All that `data` makes come out of the stream, in steps."""
    while True:
        try:
            piece = stream.decompress(data, _STEP)
        except zlib.error as error:
            raise EncodingTrouble(f"{name}: {error}") from error
        if piece:
            yield piece
        data = stream.unconsumed_tail
        if stream.eof or (not data and len(piece) < _STEP):
            return


_LINKS: dict[str, Callable[[], _Gzip | _Deflate]] = {"gzip": _Gzip, "x-gzip": _Gzip, "deflate": _Deflate}


def codings(content_encoding: str) -> list[str]:
    """The codings of a Content-Encoding value in the order they were applied, in lower case, without
    identity.
    """
    names = [name.strip().lower() for name in content_encoding.split(",")]
    return [name for name in names if name not in ("", "identity")]


class Decoder:
    """Undoes the codings of a Content-Encoding value; `feed` or `pieces` for each chunk, then `finish`
    once.

    `limit` is the greatest number of decoded bytes. Raises EncodingTrouble at once for codings that are
    unknown or more than five. A body of no bytes is an error too: no gzip stream is empty.
    """

    def __init__(self, content_encoding: str, limit: int) -> None:
        names = codings(content_encoding)
        unknown = [name for name in names if name not in _LINKS]
        if unknown:
            raise EncodingTrouble(f"unknown content encoding {unknown[0][:40]!r}")
        if len(names) > MAX_CODINGS:
            raise EncodingTrouble(f"{len(names)} content encodings in a chain, {MAX_CODINGS} are the most")
        self._links = [_LINKS[name]() for name in reversed(names)]
        self._made = [0] * len(self._links)
        self._limit = limit
        self._taken = 0
        self.decoded = 0

    def feed(self, data: bytes) -> bytes:
        """The decoded bytes that this chunk gives, in one piece (at most 1032 times its length for one
        coding).
        """
        return b"".join(self.pieces(data))

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """As `feed`, in pieces of at most 256 KiB (of a chunk's own length under identity), made as they
        are asked for.
        """
        self._taken += len(data)
        for piece in self._through(0, data):
            self.decoded += len(piece)
            if self.decoded > self._limit:
                raise LimitTrouble(f"more than {self._limit} decoded bytes")
            yield piece

    def finish(self) -> None:
        """Raises EncodingTrouble unless every coding has come to its end."""
        for link in self._links:
            link.finish()

    def _through(self, n: int, data: bytes) -> Iterator[bytes]:
        """The bytes through link `n` and all behind it."""
        if n == len(self._links):
            if data:
                yield data
            return
        for start in range(0, len(data), _BLOCK):
            for piece in self._links[n].feed(data[start : start + _BLOCK]):
                self._count(n, len(piece))
                yield from self._through(n + 1, piece)

    def _count(self, n: int, size: int) -> None:
        self._made[n] += size
        made = self._made[n]
        if made > self._limit + self._limit // 100 + _SLACK:
            raise LimitTrouble(f"more than {self._limit} decoded bytes")
        if made > _RATIO_FROM and made > MAX_RATIO * self._taken:
            raise LimitTrouble(f"{made // self._taken} decoded bytes for each that came")
