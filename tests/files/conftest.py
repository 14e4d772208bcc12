"""Small images of every format that is measured, made by hand: `pictures["gif"]`."""

import struct
from typing import NamedTuple

import pytest

from scraper.server.fixture.jpeg import encode_jpeg
from scraper.server.fixture.pictures import encode_png

WIDTH, HEIGHT = 48, 32


class Picture(NamedTuple):
    """A file, its type, and its size in pixels."""

    data: bytes
    media: str
    size: tuple[int, int] = (WIDTH, HEIGHT)


def pixel(x: int, y: int) -> tuple[int, int, int]:
    return x * 5 % 256, y * 7 % 256, 99


def gif(frames: int = 1) -> bytes:
    """Codes of 8 bits, with a clear code before the table grows: LZW without compression."""
    rows = bytes((x + y) % 128 for y in range(HEIGHT) for x in range(WIDTH))
    codes = b"".join(b"\x80" + rows[at : at + 126] for at in range(0, len(rows), 126)) + b"\x81"
    blocks = b"".join(bytes([len(codes[at : at + 255])]) + codes[at : at + 255] for at in range(0, len(codes), 255))
    control = b"\x21\xf9\x04\0\x0a\0\0\0"
    image = b"\x2c" + struct.pack("<HHHHB", 0, 0, WIDTH, HEIGHT, 0x80) + bytes(6) + b"\x07" + blocks + b"\0"
    screen = struct.pack("<HHBBB", WIDTH, HEIGHT, 0xF6, 0, 0)
    return b"GIF89a" + screen + bytes(3 * 128) + (control + image) * frames + b"\x21\xfe\x03end\0" + b"\x3b"


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2) for kind, data in chunks)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def lossless(width: int = WIDTH, height: int = HEIGHT) -> bytes:
    """A VP8L picture of one colour: five prefix codes of one symbol each, and so no bits for its pixels."""
    bits, at = 0, 0
    fields = [(0x2F, 8), (width - 1, 14), (height - 1, 14), (0, 1), (0, 3), (0, 3)]
    for value, count in [*fields, *[(0b101 | 7 << 3, 11)] * 5]:
        bits |= value << at
        at += count
    return bits.to_bytes((at + 7) // 8, "little")


def lossy(width: int = WIDTH, height: int = HEIGHT) -> bytes:
    """The header of a VP8 key frame, and something behind it."""
    return b"\x30\x01\0\x9d\x01\x2a" + struct.pack("<HH", width, height | 1 << 14) + bytes(50)


def extended() -> bytes:
    return bytes([0x08, 0, 0, 0]) + (WIDTH - 1).to_bytes(3, "little") + (HEIGHT - 1).to_bytes(3, "little")


def bmp(height: int = HEIGHT) -> bytes:
    rows = bytes(3 * WIDTH * HEIGHT)
    head = struct.pack("<IiiHHIIiiII", 40, WIDTH, height, 1, 24, 0, len(rows), 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(rows), 0, 0, 54) + head + rows


def old_bmp() -> bytes:
    rows = bytes(3 * WIDTH * HEIGHT)
    return b"BM" + struct.pack("<IHHIIHHHH", 26 + len(rows), 0, 0, 26, 12, WIDTH, HEIGHT, 1, 24) + rows


def tiff(order: str, *, is_big: bool = False) -> bytes:
    """One strip, and the directory behind it."""
    strip = bytes(WIDTH * HEIGHT)
    sizes = [(256, 3, WIDTH), (257, 4, HEIGHT), (279, 4, len(strip))]
    fields = sorted([*sizes, (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 16)])
    number, count, value = ("Q", "Q", 8) if is_big else ("I", "H", 4)
    entries = b"".join(
        struct.pack(f"{order}HH{number}", tag, kind, 1)
        + struct.pack(f"{order}{'H' if kind == 3 else 'I'}", what).ljust(value, b"\0")
        for tag, kind, what in fields
    )
    version = (43, 8, 0) if is_big else (42,)
    head = struct.pack(f"{order}{len(version)}H{number}", *version, 16 + len(strip))
    directory = struct.pack(f"{order}{count}", len(fields)) + entries + bytes(value)
    return ((b"II" if order == "<" else b"MM") + head).ljust(16, b"\0") + strip + directory


def box(kind: bytes, *inner: bytes, long: bool = False) -> bytes:
    body = b"".join(inner)
    head = struct.pack(">I4sQ", 1, kind, len(body) + 16) if long else struct.pack(">I4s", len(body) + 8, kind)
    return head + body


def heif(brand: bytes) -> bytes:
    """Two items: a tile, and the image it is a part of."""
    sizes = [box(b"ispe", bytes(4), struct.pack(">II", *size)) for size in ((16, 16), (WIDTH, HEIGHT), (8, 8))]
    meta = box(b"meta", bytes(4), box(b"hdlr", bytes(25)), box(b"iprp", box(b"ipco", box(b"pixi", bytes(8)), *sizes)))
    return box(b"ftyp", brand, bytes(4), b"mif1") + meta + box(b"mdat", bytes(300), long=True)


def segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def with_thumbnail(jpeg: bytes) -> bytes:
    """EXIF with a picture of its own, a colour profile and fill bytes before the rest."""
    small = encode_jpeg(8, 8, pixel)
    exif = segment(0xE1, b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0" + small)
    return jpeg[:2] + exif + segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(9000)) + b"\xff\xff\xff" + jpeg[2:]


def every_picture() -> dict[str, Picture]:
    jpeg, png = encode_jpeg(WIDTH, HEIGHT, pixel), encode_png(WIDTH, HEIGHT, pixel)
    return {
        "png": Picture(png, "image/png"),
        "jpeg": Picture(jpeg, "image/jpeg"),
        "jpeg with exif": Picture(with_thumbnail(jpeg), "image/jpeg"),
        "gif": Picture(gif(), "image/gif"),
        "animated gif": Picture(gif(3), "image/gif"),
        "webp lossless": Picture(riff((b"VP8L", lossless())), "image/webp"),
        "webp lossy": Picture(riff((b"VP8 ", lossy())), "image/webp"),
        "webp extended": Picture(riff((b"VP8X", extended()), (b"VP8L", lossless()), (b"EXIF", b"x")), "image/webp"),
        "bmp": Picture(bmp(), "image/bmp"),
        "bmp from the top": Picture(bmp(-HEIGHT), "image/bmp"),
        "old bmp": Picture(old_bmp(), "image/bmp"),
        "tiff": Picture(tiff("<"), "image/tiff"),
        "tiff big endian": Picture(tiff(">"), "image/tiff"),
        "bigtiff": Picture(tiff("<", is_big=True), "image/tiff"),
        "avif": Picture(heif(b"avif"), "image/avif"),
        "heic": Picture(heif(b"heic"), "image/heic"),
    }


PICTURES = every_picture()


@pytest.fixture(scope="session")
def pictures() -> dict[str, Picture]:
    """Each by its name."""
    return PICTURES


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `picture` is run with each."""
    if "picture" in metafunc.fixturenames:
        metafunc.parametrize("picture", PICTURES.values(), ids=PICTURES)
