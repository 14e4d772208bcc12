"""A folder with a canary beside it, a server of it, and a client that sends bytes as they are."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from scraper.server import Deadlines, Server, Site
from scraper.server.fixture import fixture_site

CANARY = b"the canary is outside of the root"


@dataclass(frozen=True)
class Reply:
    """One answer off the wire: status, headers with names in lower case, body as sent."""

    status: int
    headers: dict[str, str]
    body: bytes


def talk(port: int, raw: bytes, host: str = "127.0.0.1") -> bytes:
    """Send bytes, say that no more will come, and return all that comes back until the server closes."""
    with socket.create_connection((host, port), timeout=20) as sock:
        try:
            sock.sendall(raw)
            sock.shutdown(socket.SHUT_WR)
        except ConnectionError:
            pass  # refused before it was all sent; what was answered can still be read
        return read_all(sock)


def read_all(sock: socket.socket) -> bytes:
    """Everything until the other side closes."""
    received = b""
    while True:
        try:
            data = sock.recv(65536)
        except ConnectionError:
            return received
        if not data:
            return received
        received += data


def parse(raw: bytes) -> Reply:
    """The first answer in `raw`; its body is all that follows."""
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    fields = (line.partition(": ") for line in lines[1:])
    return Reply(int(lines[0].split(" ")[1]), {name.lower(): value for name, _, value in fields}, body)


def get(target: str, *fields: str, method: str = "GET") -> bytes:
    """A request that is the last of its connection."""
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", "Connection: close", *fields]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with files, and a canary that only links and dots lead to."""
    outside = tmp_path_factory.mktemp("outside")
    root = outside / "root"
    (root / "sub" / "deep").mkdir(parents=True)
    (root / "pages").mkdir()
    (root / "ok.txt").write_bytes(b"0123456789")
    (root / "big.bin").write_bytes(bytes(range(256)) * 4096)
    (root / "empty").write_bytes(b"")
    (root / "sub" / 'a "b" <c>&ü.txt').write_text("odd")
    (root / "sub" / ".hidden").write_text("hidden")
    (root / "pages" / "index.html").write_text("<h1>index</h1>")
    (outside / "canary.txt").write_bytes(CANARY)
    (root / "link.txt").symlink_to(outside / "canary.txt")
    (root / "sub" / "up").symlink_to("../..")
    (root / "inside-link.txt").symlink_to("ok.txt")
    return root


@pytest.fixture(scope="session")
def files(folder: Path) -> Iterator[Server]:
    """A server of `folder`."""
    with Server(folder) as server:
        yield server


@pytest.fixture(scope="session")
def fixture_server() -> Iterator[Server]:
    """A server of the fixture site, for tests that change nothing in it."""
    with Server(fixture_site()) as server:
        yield server


@pytest.fixture(scope="session")
def wire() -> SimpleNamespace:
    """`wire.talk(port, raw)`, `wire.parse(raw)`, `wire.get(target, *fields)`, `wire.read_all(sock)`."""
    return SimpleNamespace(talk=talk, parse=parse, get=get, read_all=read_all, canary=CANARY)


@pytest.fixture(scope="session")
def ask(files: Server) -> Callable[..., Reply]:
    """Ask the server of `folder`: `ask("/ok.txt", "Range: bytes=0-1", method="HEAD")`."""
    return lambda target, *fields, method="GET": parse(talk(files.port, get(target, *fields, method=method)))


@pytest.fixture
def visit() -> Callable[..., Reply]:
    """Ask any server: `visit(server, "/path", "Name: value")`."""
    return lambda server, target, *fields, method="GET": parse(
        talk(server.port, get(target, *fields, method=method), server.host)
    )


@pytest.fixture
def quick() -> Deadlines:
    """Deadlines that a test can wait for."""
    return Deadlines(head=0.15, body=0.15, idle=0.15, send=0.5, linger=0.1)


@pytest.fixture
def empty_site() -> Site:
    """A site without routes."""
    return Site()
