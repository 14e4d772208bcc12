"""What the servers serve: small pictures of log-normal size and large random files, made once and kept.

The small ones are whole PNG pictures of one pixel, made as large as wanted by a private chunk of random bytes:
every client, one that decodes or checks pictures included, can take them, and no two are alike. Number N is the
same bytes on every machine (its generator is seeded with N), so a site can grow and a smaller scale is a prefix.
"""

from __future__ import annotations

import hashlib
import math
import os
import random
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

LEAST, MOST = 2_000, 60_000  # bytes of a small file
MIDDLE, SPREAD = 18_000, 0.6  # median and sigma of the log-normal, before what is outside the bounds is drawn again
PIECE = 1 << 20


@dataclass(frozen=True)
class File:
    """A file that is served: its name below the site, SHA-256 in hex, bytes."""

    name: str
    sha256: str
    size: int


def small(folder: Path, count: int) -> list[File]:
    """The first COUNT small files, made where they are missing."""
    return made(folder, (small_name(number) for number in range(count)), _write_small)


def tiny(folder: Path, count: int) -> list[File]:
    """COUNT pictures of some 200 bytes."""
    return made(folder, (small_name(number) for number in range(count)), _write_tiny)


def large(folder: Path, size: int, count: int) -> list[File]:
    """COUNT files of SIZE random bytes each."""
    return made(folder, (f"{size}-{number}.bin" for number in range(count)), _write_large)


def small_name(number: int) -> str:
    """The name of small file NUMBER."""
    return f"{number:06}.png"


def drawn_size(dice: random.Random) -> int:
    """The bytes of a small file."""
    size = 0.0
    while not LEAST <= size <= MOST:
        size = dice.lognormvariate(math.log(MIDDLE), SPREAD)
    return int(size)


def picture(dice: random.Random, size: int) -> bytes:
    """A PNG of one grey pixel, of SIZE bytes (at least 100)."""
    head = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    tail = _chunk(b"IDAT", zlib.compress(b"\0\x80")) + _chunk(b"IEND", b"")
    return head + _chunk(b"raNd", dice.randbytes(size - len(head) - len(tail) - 12)) + tail


def _chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG file (PNG specification, 5.3)."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def made(folder: Path, names: Iterator[str], write: Callable[[Path], File]) -> list[File]:
    """The named files, made where they are missing and noted in a manifest beside the folder, a line each, after it."""
    folder.mkdir(parents=True, exist_ok=True)
    manifest = folder.parent / f"{folder.name}.manifest"
    known = {file.name: file for file in _noted(manifest)}
    files = []
    with manifest.open("a", encoding="ascii") as notes:
        for name in names:
            if name not in known:
                known[name] = write(folder / name)
                notes.write(f"{name} {known[name].sha256} {known[name].size}\n")
            files.append(known[name])
    return files


def _noted(manifest: Path) -> Iterator[File]:
    if manifest.exists():
        for line in manifest.read_text("ascii").splitlines():
            match line.split():
                case [name, digest, size]:
                    yield File(name, digest, int(size))


def _write_small(path: Path) -> File:
    dice = random.Random(int(path.stem))
    return written(path, picture(dice, drawn_size(dice)))


def _write_tiny(path: Path) -> File:
    return written(path, picture(random.Random(int(path.stem)), 200))


def written(path: Path, content: bytes) -> File:
    """Writes a file."""
    path.write_bytes(content)
    return File(path.name, hashlib.sha256(content).hexdigest(), len(content))


def _write_large(path: Path) -> File:
    size, digest = int(path.name.partition("-")[0]), hashlib.sha256()
    with path.open("wb") as file:
        for begin in range(0, size, PIECE):
            piece = os.urandom(min(PIECE, size - begin))
            digest.update(piece)
            file.write(piece)
    return File(path.name, digest.hexdigest(), size)


def warm(folder: Path, files: Sequence[File]) -> None:
    """Reads the files, so that the server finds them in memory: systems drop what is not used for a while."""
    for file in files:
        with (folder / file.name).open("rb", buffering=0) as handle:
            while handle.read(PIECE):
                pass
