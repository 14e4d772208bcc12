"""Width and height out of the header of an image."""

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.files.layout import STEPS, MoreError, beginning, boxes, jpeg_segments, whole
from scraper.files.pixels import MEASURED, measure
from scraper.files.types import sniff


def test_a_picture_is_as_wide_and_high_as_it_says(picture: Any) -> None:
    assert (sniff(picture.data), measure(picture.media, whole(picture.data))) == (picture.media, picture.size)


def test_a_beginning_tells_the_same_or_what_it_needs(picture: Any) -> None:
    start, asked = 12, 0
    told = None
    while told is None and asked < 100:
        try:
            told = measure(picture.media, beginning(picture.data[:start]))
        except MoreError as more:
            start, asked = max(start + 1, more.bytes), asked + 1

    assert (told, start <= len(picture.data)) == (picture.size, True)


def test_a_cut_file_tells_its_size_or_none(picture: Any) -> None:
    told = {measure(picture.media, whole(picture.data[:cut])) for cut in range(len(picture.data))}

    assert told <= {picture.size, None}


@pytest.mark.parametrize(
    ("media", "name", "at", "zeros"),
    [
        ("image/png", "png", 16, 4),
        ("image/gif", "gif", 8, 2),
        ("image/bmp", "bmp", 18, 4),
        ("image/webp", "webp lossy", 26, 2),
    ],
)
def test_a_size_of_zero_is_none(pictures: Any, media: str, name: str, at: int, zeros: int) -> None:
    data = pictures[name].data

    assert measure(media, whole(data[:at] + bytes(zeros) + data[at + zeros :])) is None


@pytest.mark.parametrize(
    ("media", "data"),
    [
        ("image/png", b"\x89PNG\r\n\x1a\n\0\0\0\x04CgBI" + bytes(40)),
        ("image/jpeg", b"\xff\xd8\xff\xda\0\x08" + bytes(40)),
        ("image/jpeg", b"\xff\xd8\xff\xe0\0\x01" + bytes(40)),
        ("image/jpeg", b"\xff\xd8\xff\xd9"),
        ("image/jpeg", b"\xff\xd8\xff" + bytes(40)),
        ("image/webp", b"RIFF\x20\0\0\0WEBPVP8 \x10\0\0\0" + bytes(16)),
        ("image/webp", b"RIFF\x20\0\0\0WEBPVP8L\x10\0\0\0" + bytes(16)),
        ("image/webp", b"RIFF\x20\0\0\0WEBPALPH\x10\0\0\0" + bytes(16)),
        ("image/tiff", b"II*\0\x08\0\0\0\1\0\0\1\3\0\1\0\0\0\5\0\0\0"),
        ("image/avif", b"\0\0\0\x18ftypavif" + bytes(12)),
    ],
)
def test_a_header_that_does_not_say_is_none(media: str, data: bytes) -> None:
    assert measure(media, whole(data)) is None


@given(st.sampled_from(sorted(MEASURED)), st.binary(max_size=400), st.binary(max_size=12))
def test_no_bytes_raise(media: str, data: bytes, head: bytes) -> None:
    size = measure(media, whole(head + data))

    assert size is None or min(size) > 0


@given(data=st.data(), change=st.binary(min_size=1, max_size=8))
def test_no_changed_picture_raises(pictures: Any, data: Any, change: bytes) -> None:
    picture = data.draw(st.sampled_from(sorted(pictures.values())))
    at = data.draw(st.integers(0, min(len(picture.data), 600)))
    changed = picture.data[:at] + change + picture.data[at + len(change) :]

    size = measure(picture.media, whole(changed))
    assert size is None or min(size) > 0


@pytest.mark.parametrize("filler", [b"\xff\x01", b"\xff", b"\xff\xe0\0\x02"])
def test_a_walk_over_endless_segments_gives_up(filler: bytes) -> None:
    reads = []

    def read(offset: int, count: int) -> bytes:
        reads.append(offset)
        return (filler * 5)[(offset - 2) % len(filler) :][:count]

    assert set(jpeg_segments(read)) == {(0xE0, at, at) for at in range(6, 4 * STEPS + 4, 4) if len(filler) == 4}
    assert len(reads) == STEPS


def test_a_walk_over_endless_boxes_gives_up() -> None:
    assert len(list(boxes(lambda offset, count: struct.pack(">I4s", 8, b"free")))) == STEPS


def test_a_box_may_have_a_long_length_or_go_to_the_end() -> None:
    data = struct.pack(">I4sQ", 1, b"wide", 20) + b"four" + struct.pack(">I4s", 0, b"mdat") + b"rest"

    assert list(boxes(whole(data))) == [(b"wide", 16, 20), (b"mdat", 28, None)]
