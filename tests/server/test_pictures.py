"""The pictures are what their formats say, read back here with readers of our own."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from scraper.server.fixture.pictures import COUNT, encode_png, picture, size, write_all


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and data of each chunk, their sums checked."""
    at = 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, content = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", data, at + 8 + length)[0] == zlib.crc32(kind + content)
        yield kind, content
        at += 12 + length


def jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and data of each segment up to the scan, then what follows as marker 0."""
    assert data.startswith(b"\xff\xd8")
    at, marker = 2, 0
    while marker != 0xDA:
        marker, length = struct.unpack_from(">xBH", data, at)
        yield marker, data[at + 4 : at + 2 + length]
        at += 2 + length
    yield 0, data[at:]


@pytest.mark.parametrize("number", [1, 2, 17, 30])
def test_a_png_has_its_size_and_all_its_pixels(number: int) -> None:
    chunks = dict(png_chunks(picture(number, "png")))
    width, height = size(number)

    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    assert struct.unpack(">IIBBBBB", chunks[b"IHDR"]) == (width, height, 8, 2, 0, 0, 0)
    assert len(zlib.decompress(chunks[b"IDAT"])) == height * (1 + 3 * width)


def test_a_png_has_the_pixels_it_was_given() -> None:
    chunks = dict(png_chunks(encode_png(2, 2, lambda x, y: (x, y, 9))))

    assert zlib.decompress(chunks[b"IDAT"]) == bytes([0, 0, 0, 9, 1, 0, 9, 0, 0, 1, 9, 1, 1, 9])


def test_a_picture_too_large_for_its_encoder_is_refused() -> None:
    with pytest.raises(ValueError, match="too large"):
        encode_png(200, 200, lambda x, y: (0, 0, 0))


@pytest.mark.parametrize("number", [1, 2, 17, 30])
def test_a_jpeg_has_its_size_and_its_tables(number: int) -> None:
    segments = list(jpeg_segments(picture(number, "jpg")))
    frame = dict(segments)[0xC0]
    scan = segments[-1][1]

    assert [marker for marker, _ in segments] == [0xE0, 0xDB, 0xC0, 0xC4, 0xC4, 0xDA, 0]
    assert struct.unpack_from(">BHHB", frame) == (8, size(number)[1], size(number)[0], 3)
    assert scan.endswith(b"\xff\xd9")
    assert b"\xff" not in scan[:-2].replace(b"\xff\x00", b"")


@pytest.mark.parametrize(
    ("extension", "digest"),
    [
        ("png", "237a2a5421b2283044201c0b87f41a887c7abc5d493d429fcba97c94f76bc04b"),
        ("jpg", "0ee5fedaa77d7a987775fececeba882b2ed8531da72c80731566a0c6a3e65f44"),
    ],
)
def test_pictures_are_the_same_bytes_on_every_machine(extension: str, digest: str) -> None:
    """When these were taken another decoder opened all files; no JPEG was off by more than 4 in the mean."""
    everything = b"".join(picture(number, extension) for number in range(1, COUNT + 1))

    assert hashlib.sha256(everything).hexdigest() == digest


def test_the_script_writes_all_of_them(tmp_path: Path) -> None:
    write_all(tmp_path / "new")
    written = {path.name: path.read_bytes() for path in (tmp_path / "new").iterdir()}

    assert len(written) == 60
    assert len(set(written.values())) == 60
    assert written["7.jpg"] == picture(7, "jpg")
