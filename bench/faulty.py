"""The faulty server: serves a folder, and fails the first attempt at some of its files. One core, asyncio.

What befalls a file is drawn from its name alone, so every program meets the same: 5 % are answered 503 with
`Retry-After: 1`, 2 % are reset in the middle of the body, 1 % stall there, 1 % end there (an orderly close), and 2 %
are not there at all (404, always). A second attempt is served well, ranges with a strong ETag included, so a program
may continue or start again. It also counts requests that come to a host while that host asked for a pause; those
already on the way (within 100 ms) are not counted.

    python -m bench.faulty FOLDER PORT ADDRESS...        /-/reset forgets attempts      /-/status tells counts

A small file costs it 20 to 50 us of CPU: faults, not the server, set the pace.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import socket
import struct
import sys
import zlib
from pathlib import Path
from typing import cast

SHARES = (("busy", 0.05), ("reset", 0.02), ("stall", 0.01), ("cut", 0.01), ("gone", 0.02))
PAUSE = 1  # seconds in Retry-After
UNDERWAY = 0.1  # seconds after a 503 in which requests count as sent before it
LARGEST_HEAD = 65_536
RANGE = re.compile(rb"bytes=(\d+)-(\d*)$")
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: %d\r\nContent-Length: 0\r\n\r\n" % PAUSE
GONE = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
RESET = struct.pack("ii", 1, 0)  # SO_LINGER of no time: close sends RST


def fate(name: str) -> str:
    """What befalls a file: a word of SHARES, or "well"."""
    drawn = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest()) / 2**64
    for word, share in SHARES:
        if drawn < share:
            return word
        drawn -= share
    return "well"


class Site:
    """What all connections share: the folder, attempts so far, when each host wants peace."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._contents: dict[str, bytes] = {}
        self.reset()

    def reset(self) -> None:
        """Forgets attempts and counts."""
        self.tried: set[str] = set()
        self.peace: dict[str, tuple[float, float]] = {}
        self.early = 0
        self.sent = 0

    def content(self, name: str) -> bytes | None:
        """The bytes of a file, kept from the first time on."""
        if name not in self._contents:
            path = self.folder / name
            if "/" in name or not path.is_file():
                return None
            self._contents[name] = path.read_bytes()
        return self._contents[name]

    def fate(self, name: str) -> str:
        """What befalls this attempt."""
        word = fate(name)
        if word != "gone" and name in self.tried:
            return "well"
        self.tried.add(name)
        return word


class Connection(asyncio.Protocol):
    """One connection: a request, its answer, the next."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._buffer = b""
        self._stalled = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Knows which host it is."""
        self._transport = cast(asyncio.Transport, transport)
        self._host = transport.get_extra_info("sockname")[0]
        self._clock = asyncio.get_running_loop().time

    def data_received(self, data: bytes) -> None:
        """Answers every whole request."""
        self._buffer += data
        while not self._stalled and b"\r\n\r\n" in self._buffer and not self._transport.is_closing():
            head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
            self._answer(head)
        if len(self._buffer) > LARGEST_HEAD:
            self._transport.abort()

    def _answer(self, head: bytes) -> None:
        line, *fields = head.split(b"\r\n")
        method, _, rest = line.partition(b" ")
        name = rest.partition(b" ")[0].decode("latin-1").removeprefix("/")
        if name.startswith("-/"):
            self._control(name)
            return
        self._count()
        content = self._site.content(name)
        word = "gone" if content is None else self._site.fate(name)
        if content is None or word == "gone":
            self._transport.write(GONE)
        elif word == "busy":
            now = self._clock()
            self._site.peace[self._host] = (now + UNDERWAY, now + PAUSE)
            self._transport.write(BUSY)
        else:
            self._serve(content, word, fields, with_body=method != b"HEAD")

    def _count(self) -> None:
        begin, end = self._site.peace.get(self._host, (0.0, 0.0))
        self._site.early += begin < self._clock() < end

    def _serve(self, content: bytes, word: str, fields: list[bytes], *, with_body: bool) -> None:
        tag = b'"%08x-%x"' % (zlib.crc32(content[-64:]), len(content))
        first, last = asked(fields, len(content), tag)
        status, span = b"200 OK", b""
        if (first, last) != (0, len(content) - 1):
            status, span = b"206 Partial Content", b"Content-Range: bytes %d-%d/%d\r\n" % (first, last, len(content))
        body = content[first : last + 1] if with_body else b""
        head = (
            b"HTTP/1.1 %s\r\nContent-Type: image/png\r\nContent-Length: %d\r\n"
            b"Accept-Ranges: bytes\r\nETag: %s\r\n%s\r\n" % (status, last - first + 1, tag, span)
        )
        part = body if word == "well" else body[: len(body) // 2]
        self._site.sent += len(part)
        self._transport.write(head + part)
        if word == "cut":
            self._transport.close()
        elif word == "reset":
            # Later, so that the half has been read: a reset may throw away what is still on the way.
            asyncio.get_running_loop().call_later(0.01, self._reset)
        elif word == "stall":
            self._stalled = True

    def _reset(self) -> None:
        if not self._transport.is_closing():
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self._transport.abort()

    def _control(self, name: str) -> None:
        if name == "-/reset":
            self._site.reset()
        body = json.dumps({"early": self._site.early, "sent": self._site.sent}).encode()
        self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


def asked(fields: list[bytes], size: int, tag: bytes) -> tuple[int, int]:
    """First and last byte to send: one range that fits and whose If-Range holds; else all."""
    given = dict(map(_field, fields))
    match = RANGE.match(given.get(b"range", b""))
    if not match or given.get(b"if-range", tag) != tag or int(match[1]) >= size:
        return 0, size - 1
    return int(match[1]), min(size - 1, int(match[2] or size - 1))


def _field(line: bytes) -> tuple[bytes, bytes]:
    name, _, value = line.partition(b":")
    return name.strip().lower(), value.strip()


async def serve(folder: Path, port: int, addresses: list[str]) -> None:
    """Serves until it is ended."""
    site = Site(folder)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(site), addresses, port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
