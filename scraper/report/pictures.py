"""Thumbnails of the new pictures. Owns Pillow, which is an extra: without it the page says how to get it.

Pictures come from strangers, so little is trusted: only formats whose decoders are everybody's (JPEG, PNG, GIF,
WebP), told by their bytes and not by their name; no more pixels than MAX_PIXELS, read from the header before anything
is decoded; so many pictures, so many bytes of page, and so many seconds for all. What fails is told in its place. A
thumbnail is a new JPEG: nothing but pixels of the file comes into the page.
"""

from __future__ import annotations

import importlib.util
import io
import re
import warnings
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from scraper.files.parts import OutputFolder
from scraper.report.saved import PICTURES, Listed
from scraper.values import dataclass

if TYPE_CHECKING:
    from PIL.Image import Image

MOST = PICTURES
"""Thumbnails of a page."""
SIDE = 160
"""Pixels of its longer side."""
MAX_PIXELS = 36_000_000
"""Of a picture; decoded that is 150 MB at most, and no more than cameras make."""
MAX_BYTES = 64 << 20
"""Of a file."""
BUDGET = 1_100_000
"""Characters that all thumbnails may take in the page."""
SECONDS = 8.0
"""For all of them; what is left then is told as a link."""
TOO_MANY = f"more than {MAX_PIXELS // 1_000_000} million pixels"
MISSING = "thumbnails need Pillow: pip install 'scraper-jobs[image]', then scraper report --rebuild"
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP")
_PICTURE = re.compile(rb"\xff\xd8\xff|\x89PNG\r\n|GIF8|RIFF....WEBP", re.DOTALL)
_NONE = "no JPEG, PNG, GIF or WebP"
_TRIES = ((SIDE, 72), (SIDE, 50), (SIDE * 3 // 4, 45), (SIDE // 2, 35), (SIDE // 3, 30))
"""Side and quality, until it fits."""
_BEST = 16_000
"""Characters of a thumbnail where there is room for more."""


@dataclass(frozen=True, slots=True)
class Thumb:
    """A picture of the sheet.

    Attributes:
        path: of the file, below dest; url: where it is from.
        data: the thumbnail as a data: URL, "" where there is none; why: why not.
        size: of the thumbnail in pixels.
    """

    path: str
    url: str
    data: str = ""
    why: str = ""
    size: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Sheet:
    """The new pictures: the first, how many there are, and whether Pillow is missing."""

    total: int
    thumbs: tuple[Thumb, ...] = ()
    is_missing: bool = False


def is_missing() -> bool:
    """Whether Pillow is not installed."""
    return importlib.util.find_spec("PIL") is None


def sheet(disk: OutputFolder, new: Listed, clock: Callable[[], float], seconds: float = SECONDS) -> Sheet:
    """The contact sheet of what a run saved.

    Args:
        new: the pictures (saved.py).
        clock: seconds, going on; seconds: how long it may take.
    """
    if not new.total:
        return Sheet(0)
    if is_missing():
        return Sheet(new.total, is_missing=True)
    return Sheet(new.total, tuple(_thumbs(disk, new.shown, clock, clock() + seconds)))


def _thumbs(
    disk: OutputFolder, named: Sequence[tuple[str, str]], clock: Callable[[], float], until: float
) -> Iterator[Thumb]:
    """One after the other; what one leaves of its share is for those behind it."""
    left = BUDGET
    for at, (path, url) in enumerate(named):
        if clock() > until:
            yield Thumb(path, url, why="the time for thumbnails was over")
            continue
        made = _thumb(disk, path, url, min(_BEST, left // (len(named) - at)))
        left -= len(made.data)
        yield made


def _thumb(disk: OutputFolder, path: str, url: str, room: int) -> Thumb:
    """A thumbnail, or why there is none. What is no picture by its first bytes does not even load Pillow."""
    try:
        with disk.reading(path) as descriptor, open(descriptor, "rb", closefd=False) as file:
            if not _PICTURE.match(file.read(12)):
                return Thumb(path, url, why=_NONE)
            if file.seek(0, io.SEEK_END) > MAX_BYTES:
                return Thumb(path, url, why=f"more than {MAX_BYTES >> 20} MB")
            file.seek(0)
            return _decoded(path, url, file, room)
    except FileNotFoundError:
        return Thumb(path, url, why="the file is not there")
    except OSError as error:
        return _unread(path, url, error)


def _decoded(path: str, url: str, file: Any, room: int) -> Thumb:
    from PIL import Image, UnidentifiedImageError

    try:
        return _fitting(path, url, _small(file), room)
    except _TooLargeError:
        return Thumb(path, url, why=TOO_MANY)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return Thumb(path, url, why=TOO_MANY)
    except UnidentifiedImageError:
        return Thumb(path, url, why=_NONE)
    except Exception as error:  # a decoder that meets nonsense may raise anything; it is told where the picture was
        return _unread(path, url, error)


def _unread(path: str, url: str, error: Exception) -> Thumb:
    return Thumb(path, url, why=f"it cannot be read: {type(error).__name__}: {error}")


class _TooLargeError(Exception):
    """More pixels than are decoded."""


def _small(file: Any) -> Image:
    """The first frame of a picture, upright, no larger than SIDE, without transparency."""
    from PIL import Image, ImageOps

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about metadata, which is not used
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(file, formats=_FORMATS) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise _TooLargeError
            picture.draft("RGB", (2 * SIDE, 2 * SIDE))  # a JPEG is decoded at the scale that is needed
            picture.load()
            upright = ImageOps.exif_transpose(picture)
            upright.thumbnail((SIDE, SIDE))
            return _flat(upright)


def _flat(picture: Image) -> Image:
    """The pixels alone, on white where they are transparent."""
    from PIL import Image

    flat = Image.new("RGB", picture.size, "white")
    if picture.has_transparency_data:
        clear = picture.convert("RGBA")
        flat.paste(clear, mask=clear.getchannel("A"))
    else:
        flat.paste(picture.convert("RGB"))
    return flat


def _fitting(path: str, url: str, picture: Image, room: int) -> Thumb:
    """As good as there is room for."""
    for side, quality in _TRIES:
        small = picture.copy()
        small.thumbnail((side, side))
        data = _jpeg(small, quality)
        if len(data) <= room:
            return Thumb(path, url, data, size=small.size)
    return Thumb(path, url, why="there is no more room in this page")


def _jpeg(picture: Image, quality: int) -> str:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality, optimize=True)
    return f"data:image/jpeg;base64,{b64encode(out.getvalue()).decode('ascii')}"
