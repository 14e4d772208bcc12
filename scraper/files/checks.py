"""One file judged while it comes: size, type, pixels, digests, and whether it is whole. Pure.

    check = check_for(download, url, path, headers, demand)     when the head of the answer came
    check.head(length); check.begin(start, whole) …; check.grown(size); check.end(size, read, digest)

Theory. Whatever can be known early stops the download early: the length from the head, the type from the
first 512 bytes (4096 for text), the pixels from the first 256 KiB. What is left is judged when the last byte
is there, over the part on disk. A type that is wrong outweighs a size that is wrong: a page that says "not
found" is a failure, not a small picture. So where a type is asked or promised, a length only decides in the
head if it is too large and the header fits; the rest waits for the first bytes.

What is checked without being asked (`files.accept`), since nobody would want the file otherwise: text of the
web where something else was promised (claims.py), an image without its end (ends.py), and, if the source gave
no digests, one of the response (digests.py). A right digest of the source outweighs a missing end: the file
looks like that. An empty file is wrong only where a type or pixels are asked. Bounds on pixels ask for a
picture: text and bytes that nobody knows are of the wrong type, and so is a picture whose header gives no
size; a file of a known type whose pixels cannot be told (SVG, a film) is not within the bounds, and skipped.

Most files of a fast run need nothing of this: they share NOTHING, and no object is made for them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from scraper import errors, units
from scraper.files import claims, digests, ends, layout, pixels
from scraper.files.layout import MoreError, Read, beginning, remembered
from scraper.files.types import media_type, type_for
from scraper.model import Download

EARLY = 256 * 1024
"""Bytes in which the pixels are looked for before the file is whole."""
NO_LIMIT = 1 << 62
"""A file is bounded by the disk, not by us."""

Digest = Callable[[str], str]
_AXES = ("width", "height")


@dataclass(frozen=True, slots=True)
class Demand:
    """`accept` of a job or a file, settled.

    Attributes:
        types: in lower case, also wildcards; none: any.
        least_bytes, most_bytes: the bounds of the size, both allowed.
        least, most: of width and height in pixels, likewise.
    """

    types: tuple[str, ...] = ()
    least_bytes: int = 0
    most_bytes: int = NO_LIMIT
    least: tuple[int, int] = (0, 0)
    most: tuple[int, int] = (NO_LIMIT, NO_LIMIT)
    has_pixels: bool = field(init=False)
    """Whether any bound is on pixels."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "has_pixels", any(self.least) or min(self.most) < NO_LIMIT)


def demand(accept: Mapping[str, Any] | None) -> Demand | None:
    """A dumped `job.model.Accept` settled; None where it asks for nothing."""
    given = {key: value for key, value in (accept or {}).items() if value is not None}
    if not given:
        return None
    return _settled(tuple(sorted((key, _frozen(value)) for key, value in given.items())))


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, (list, tuple)) else value


@lru_cache(maxsize=64)
def _settled(given: tuple[tuple[str, Any], ...]) -> Demand:
    keys = dict(given)
    types = tuple(one.partition(";")[0].strip().lower() for one in keys.get("types", ()))
    least = tuple(keys.get(f"min_{axis}", 0) for axis in _AXES)
    most = tuple(keys.get(f"max_{axis}", NO_LIMIT) for axis in _AXES)
    return Demand(
        types,
        units.size(keys.get("min_bytes", 0)),
        units.size(keys.get("max_bytes", NO_LIMIT)),
        (least[0], least[1]),
        (most[0], most[1]),
    )


class Check:
    """The judgement of one file; this one, NOTHING, lets all pass.

    Attributes:
        first: bytes of the beginning that `begin` may want to see; 0: it need not be called.
        wants: bytes that must have come before `begin` can say anything new.
        most: bytes beyond which `grown` raises.
        algorithms: what to hash with, beside sha256.
        judges: whether `end` judges anything.
    """

    __slots__ = ()
    first: int = 0
    wants: int = 0
    most: int = NO_LIMIT
    algorithms: frozenset[str] = frozenset()
    judges: bool = False

    def head(self, length: int | None) -> None:
        """Judges what the head of the answer says, before a byte is read.

        Args:
            length: of the whole file, also where the answer is a part of it; None where it is not known, or
                where the body has a content coding.

        Raises:
            TypeMismatchError: it is empty, and a type is asked.
            SkippedError: (`skipped:size`) its length is outside the bounds.
        """

    def begin(self, start: bytes, complete: bool) -> bool:
        """Judges the beginning of the file, decoded; to be called again as it grows, until it says True.

        Args:
            start: the first bytes so far.
            complete: whether that is the whole file.

        Returns:
            whether there is nothing more to judge before the end; False: call again with `wants` bytes.

        Raises:
            TypeMismatchError, SkippedError: as decided.
        """
        return True

    def grown(self, size: int) -> None:
        """Judges the bytes so far, where no length was told; after `begin`, if there is something to begin.

        Raises:
            SkippedError: more than `most` came.
        """

    def end(self, size: int, read: Read, digest: Digest) -> None:
        """Judges the whole file, which has the length that was declared.

        Args:
            size: in bytes.
            read: `read(offset, count)` gives its bytes there (layout.py).
            digest: gives its hex digest by an algorithm of `algorithms`, or sha256.

        Raises:
            TypeMismatchError, SkippedError: what `begin` could not decide.
            DigestError: it is not what the source or the response promised.
            LengthError: it is an image without its end.
        """

    def whole(self, data: bytes, digest: Digest) -> None:
        """Judges a file that came at once, instead of `begin`, `grown` and `end`. Raises as these."""


NOTHING = Check()
"""For files of which nothing is asked or promised."""


def check_for(
    download: Download, url: str, path: str, headers: Mapping[str, str], of_job: Demand | None, status: int = 200
) -> Check:
    """The Check of a file, when the head of its answer came.

    Args:
        url: that answered, after redirects.
        path: the file's own, its extension completed.
        headers: names in lower case; a repeated one joined with ", ".
        of_job: the settled `files.accept` of the job; an `accept` of the file takes its place.
        status: 206 where the answer is a part of the file.
    """
    promise = (
        download.promised
        or _promised_by_names(download, url, path)
        or claims.promised_by_header(headers.get("content-type", ""))
    )
    wanted = of_job if download.accept is None else demand(download.accept)
    expected = _expected(download.digests, headers, status)
    if promise is None and wanted is None and not expected:
        return NOTHING
    return _Judge(url, wanted or _ANYTHING, expected, headers, promise, download)


def _promised_by_names(download: Download, url: str, path: str) -> str | None:
    promise = claims.promised_by_name(path)
    if promise is None:
        promise = claims.promised_by_name(download.url)
    return promise or (None if url == download.url else claims.promised_by_name(url))


def _named(download: Download) -> str:
    """The type that the name of the file, or its URL, has by its extension; empty for none."""
    bare = download.url.partition("?")[0]
    return type_for(download.path.rpartition(".")[2]) or type_for(bare.rpartition("/")[2].rpartition(".")[2])


def _expected(given: Mapping[str, str], headers: Mapping[str, str], status: int) -> tuple[digests.Promised, ...]:
    """What the digests must be: those of the source, or else one of the response."""
    if given:
        return tuple(digests.Promised(algorithm, digest.lower(), SOURCE) for algorithm, digest in given.items())
    if headers.keys().isdisjoint(digests.HEADERS):
        return ()
    by_server = digests.promised(headers, status)
    return () if by_server is None else (by_server,)


SOURCE = "the source"
_ANYTHING = Demand()


class _Judge(Check):
    """A Check that has something to judge."""

    __slots__ = ("_download", "_expected", "_headers", "_length", "_promise", "_shown", "_sized", "_typed", "_url",
                 "_wanted", "algorithms", "first", "most", "wants")  # fmt: skip
    judges = True

    def __init__(
        self, url: str, wanted: Demand, expected: tuple[digests.Promised, ...], headers: Mapping[str, str],
        promise: str | None, download: Download,
    ) -> None:  # fmt: skip
        self._url = url
        self._wanted = wanted
        self._expected = expected
        self._headers = headers
        self._promise = promise
        self._download = download
        self._length: int | None = None
        self._shown: str | None = None
        self._typed = not (wanted.types or promise or wanted.has_pixels)
        self._sized = not wanted.has_pixels
        self.algorithms = frozenset(each.algorithm for each in expected) - {"sha256"}
        self.first = EARLY if wanted.has_pixels else 0 if self._typed else claims.SNIFFED
        self.wants = 0 if self._typed else claims.SURELY
        self.most = wanted.most_bytes

    def head(self, length: int | None) -> None:
        if "content-encoding" in self._headers or length is None:
            return
        if length == 0 and self._asks:
            raise self._wrong("it is empty")
        self._length = length
        if self._typed or (length > self._wanted.most_bytes and self._header_fits()):
            self._judge_size(length)

    @property
    def _asks(self) -> bool:
        return bool(self._wanted.types) or self._wanted.has_pixels

    def _header_fits(self) -> bool:
        """Whether the type by the header alone is as it should be."""
        content_type = self._headers.get("content-type", "")
        if self._wanted.types:
            return claims.is_asked(self._wanted.types, (media_type(content_type),))
        return claims.promised_by_header(content_type) is not None

    def _judge_size(self, size: int) -> None:
        if size > self._wanted.most_bytes:
            raise self._outside(f"it has {size} bytes, at most {self._wanted.most_bytes} are accepted")
        if size < self._wanted.least_bytes:
            raise self._outside(f"it has {size} bytes, at least {self._wanted.least_bytes} are accepted")

    def grown(self, size: int) -> None:
        if size > self.most and (self._typed or size > claims.SNIFFED):
            raise self._outside(f"it has more than the {self.most} bytes that are accepted")

    # -- the beginning -------------------------------------------------------------------------------------

    def begin(self, start: bytes, complete: bool) -> bool:
        if len(start) < self.wants and not complete:
            return False
        if not self._typed and not self._know_type(start, complete):
            return False
        return self._sized or complete or self._know_pixels(start)

    def _know_type(self, start: bytes, complete: bool) -> bool:
        """Judges the type by the first bytes, and then the length; False: they are too few for text."""
        shown = claims.shown(start)
        if (shown is None or shown in claims.TEXT) and not complete and len(start) < claims.SNIFFED:
            self.wants = claims.SNIFFED
            return False
        self._typed, self._shown = True, shown
        self._judge_type(start, complete)
        if self._length is not None:
            self._judge_size(self._length)
        return True

    def _judge_type(self, start: bytes, complete: bool) -> None:
        if self._wanted.types:
            borne = claims.names(start, self._headers.get("content-type"), _named(self._download))
            if not claims.is_asked(self._wanted.types, borne) or (complete and not start):
                raise self._wrong(f"it is {self._told(start)}, not {' or '.join(self._wanted.types)}")
        elif self._promise and self._shown in claims.WEB_TEXT and claims.is_broken(self._promise, start, self._headers):
            raise self._wrong(f"it is {self._told(start)} where {self._promise} was promised")
        if self._wanted.has_pixels and (self._shown is None or self._shown in claims.WEB_TEXT):
            raise self._wrong(f"it is {self._told(start)}, not a picture")

    def _told(self, start: bytes) -> str:
        if not start:
            return "empty"
        said = media_type(self._headers.get("content-type")) or "nothing"
        return self._shown or f"bytes of no known type, of which the header says {said}"

    def _know_pixels(self, start: bytes) -> bool:
        """Judges the pixels if the first bytes tell them; False: a few more may."""
        try:
            self._judge_pixels(beginning(start))
        except MoreError as more:
            # Twice as much at least, so that a beginning that drips is not walked for each drop.
            self.wants = min(EARLY, max(more.bytes, 2 * len(start)))
            return more.bytes > EARLY
        return True

    def _judge_pixels(self, read: Read) -> None:
        if self._shown not in pixels.MEASURED:
            raise self._outside(f"{self._shown} has no pixels that can be told")
        size = pixels.measure(self._shown, read)
        if size is None:
            raise self._wrong(f"it is {self._shown}, but its header gives no width and height")
        for axis, pixel, least, most in zip(_AXES, size, self._wanted.least, self._wanted.most, strict=True):
            if not least <= pixel <= most:
                allowed = f"at least {least}" if pixel < least else f"at most {most}"
                raise self._outside(f"its {axis} is {pixel} pixels, {allowed} are accepted")
        self._sized = True

    # -- the end -------------------------------------------------------------------------------------------

    def whole(self, data: bytes, digest: Digest) -> None:
        self._end(data[: claims.SNIFFED], len(data), layout.whole(data), digest)

    def end(self, size: int, read: Read, digest: Digest) -> None:
        start = read(0, claims.SNIFFED)
        self._end(start, size, remembered(start, read), digest)

    def _end(self, start: bytes, size: int, read: Read, digest: Digest) -> None:
        if not self._typed:
            self._know_type(start, True)
        elif self._shown is None:
            self._shown = claims.shown(start)
        self._judge_size(size)
        broken = self._broken(digest) if self._expected else None
        if broken or not self._is_vouched_for:
            self._judge_end(size, read)
        if broken:
            found = digest(broken.algorithm)
            raise errors.DigestError(
                self._url, f"its {broken.algorithm} is {found}, {broken.header} says {broken.digest}"
            )
        if not self._sized:
            self._judge_pixels(read)

    def _broken(self, digest: Digest) -> digests.Promised | None:
        """A digest that is not what was promised."""
        return next((each for each in self._expected if digest(each.algorithm) != each.digest), None)

    @property
    def _is_vouched_for(self) -> bool:
        """Whether the source gave a digest: bytes that have it are right, whatever they look like."""
        return any(each.header == SOURCE for each in self._expected)

    def _judge_end(self, size: int, read: Read) -> None:
        if self._shown in ends.ENDED and (lacking := ends.missing(self._shown, size, read)):
            raise errors.LengthError(self._url, f"the image was cut: {lacking}")

    def _wrong(self, why: str) -> errors.TypeMismatchError:
        return errors.TypeMismatchError(self._url, why)

    def _outside(self, why: str) -> errors.SkippedError:
        return errors.SkippedError(self._url, "size", why)
