"""Images that were cut although their length is right."""

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.files.ends import ENDED, SEARCHED, TAIL, missing
from scraper.files.layout import whole

MARKED = ["png", "jpeg", "jpeg with exif", "gif", "animated gif", "webp lossless", "webp lossy", "webp extended",
          "avif", "heic"]  # fmt: skip
JPEG_HEAD = b"\xff\xd8\xff\xdb\0\x04ab\xff\xda\0\x04cd"


def lacks(media: str, data: bytes) -> str | None:
    return missing(media, len(data), whole(data))


def test_a_whole_picture_lacks_nothing(picture: Any) -> None:
    assert lacks(picture.media, picture.data) is None


@pytest.mark.parametrize("name", MARKED)
def test_a_picture_that_is_cut_anywhere_lacks_its_end(pictures: Any, name: str) -> None:
    data, media, _ = pictures[name]

    assert [cut for cut in range(32, len(data)) if lacks(media, data[:cut]) is None] == []


@pytest.mark.parametrize("name", ["tiff", "tiff big endian", "bigtiff"])
def test_a_tiff_without_its_directory_is_cut(pictures: Any, name: str) -> None:
    data, media, _ = pictures[name]

    assert lacks(media, data[: 48 * 32]) == "it has no directory"


def trailers(jpeg: bytes) -> dict[str, bytes]:
    return {
        "a zero": b"\0",
        "zeros": bytes(TAIL * 2),
        "a line end": b"\r\n",
        "an archive": b"PK\3\4" + bytes(range(256)) * 40,
        "another picture": jpeg,
        "a film": struct.pack(">I4s", 24, b"ftyp") + b"mp42" + bytes(range(256)) * 40,
        "a script": b"<script>x</script>",
    }


@pytest.mark.parametrize("trailer", trailers(b""))
@pytest.mark.parametrize("name", MARKED)
def test_what_follows_the_end_does_no_harm(pictures: Any, name: str, trailer: str) -> None:
    data, media, _ = pictures[name]

    assert lacks(media, data + trailers(pictures["jpeg"].data)[trailer]) is None


def test_the_end_of_a_thumbnail_is_none(pictures: Any) -> None:
    data = pictures["jpeg with exif"].data
    inside = data.index(b"\xff\xd9") + 2

    assert lacks("image/jpeg", data[:inside]) == "it has no end-of-image marker"


@pytest.mark.parametrize(
    ("media", "data"),
    [
        ("image/png", b"\x89PNG\r\n\x1a\n" + b"pixels" * 9),
        ("image/jpeg", b"\xff\xd8\xff" + b"pixels" * 9),
        ("image/jpeg", b"\xff\xd8\xff\xe0\0\0" + bytes(90)),
        ("image/jpeg", b"\xff\xd8\xff\xe0" + b"pixels" * 9),
        ("image/jpeg", b"\xff\xd8\xff\xd9"),
        ("image/gif", b"GIF89a" + bytes(7) + b"pixels"),
        ("image/heic", b"\0\0\0\x0cftypheic" + b"pixels" * 9),
        ("image/bmp", b"BM" + bytes(20)),
        ("application/pdf", b"%PDF-1.4"),
    ],
)
def test_what_is_no_sound_image_or_shows_no_end_is_not_judged(media: str, data: bytes) -> None:
    assert lacks(media, data) is None


def test_a_video_in_a_heif_may_hold_its_pictures_in_meta() -> None:
    inner = struct.pack(">I4s", 12, b"idat") + b"data"
    meta = struct.pack(">I4s", 12 + len(inner), b"meta") + bytes(4) + inner

    assert lacks("image/heif", struct.pack(">I4s4s", 12, b"ftyp", b"mif1") + meta) is None


class Huge:
    """A file of `size` bytes that begins with `head` and goes on with zeros; counts what is read of it."""

    def __init__(self, head: bytes, size: int, filler: bytes = b"\0") -> None:
        self.head, self.size, self.read_bytes = head, size, 0
        self.filler = filler

    def read(self, offset: int, count: int) -> bytes:
        count = max(0, min(count, self.size - offset))
        self.read_bytes += count
        return (self.head[offset : offset + count] + self.filler * count)[:count]


def test_a_search_goes_only_so_far_and_then_says_nothing() -> None:
    cut, long = Huge(JPEG_HEAD, SEARCHED // 8), Huge(JPEG_HEAD, SEARCHED * 16)

    assert [missing("image/jpeg", each.size, each.read) is None for each in (cut, long)] == [False, True]
    assert long.read_bytes < SEARCHED * 1.01


@pytest.mark.parametrize("filler", [b"\x01", b"\x21", b"\x2c"])
def test_a_walk_over_endless_blocks_gives_up(filler: bytes) -> None:
    file = Huge(b"GIF89a" + bytes(7) + b"\x21\xfe", SEARCHED * 16, filler)

    assert (missing("image/gif", file.size, file.read), file.read_bytes < SEARCHED) == (None, True)


@given(st.sampled_from(sorted(ENDED)), st.binary(max_size=400))
def test_no_bytes_raise(media: str, data: bytes) -> None:
    assert lacks(media, data) is None or isinstance(lacks(media, data), str)


@given(data=st.data(), change=st.binary(min_size=1, max_size=8))
def test_no_changed_picture_raises(pictures: Any, data: Any, change: bytes) -> None:
    content, media, _ = pictures[data.draw(st.sampled_from(MARKED))]
    at = data.draw(st.integers(0, min(len(content), 600)))
    changed = content[:at] + change + content[at + len(change) :]

    assert lacks(media, changed) is None or isinstance(lacks(media, changed), str)
