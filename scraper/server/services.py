"""The small services that tests of sockets need, each on TCP and UDP of the same port.

    with Services([Service("daytime", 6789), Service("echo")]) as services:
        services.port("echo")

- **daytime** (RFC 867): the time in one line, to whoever connects or sends a datagram.
- **echo** (RFC 862): the same bytes.
- **upper**: a line, or a datagram, in capitals.

One thread serves all of them and waits for nobody. They are bounded: so many connections, each so many seconds of
silence and so many in all, so many bytes that a client has not taken, so long a line. A datagram is never answered
by a longer one (save daytime's line, of 44 bytes at most), and one that comes from a port that belongs to a service
is not answered at all: two of them would talk to each other for ever.
"""

from __future__ import annotations

import logging
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType

from scraper.server.listening import ServeError, listen

_log = logging.getLogger("scraper.server")

_PIECE = 16 * 1024
_LINE = 8 * 1024  # bytes; a longer line is no line
_BACKLOG = 64 * 1024  # bytes that a client has not taken; nothing more is read from it until it has
_RESERVED = 1024  # ports below belong to services of the system
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
           "November", "December")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Service:
    """A service by its name, and its port; 0 takes a free one."""

    name: str
    port: int = 0


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many connections at once, for all services; and seconds of a connection: without a byte, and in all."""

    connections: int = 128
    idle: float = 30.0
    whole: float = 600.0


@dataclass
class _Talk:
    """One connection."""

    sock: socket.socket
    name: str
    begun: float
    moved: float
    out: bytearray = field(default_factory=bytearray)
    line: bytearray = field(default_factory=bytearray)
    heard_all: bool = False  # the peer has said its last byte
    said_all: bool = False  # nothing will be added to `out`
    shut: bool = False

    @property
    def events(self) -> int:
        reads = not self.heard_all and len(self.out) < _BACKLOG
        return (selectors.EVENT_READ if reads else 0) | (selectors.EVENT_WRITE if self.out else 0)


class Services:
    """Serves from `start` (or `with`) to `close`, on a thread of its own.

    Raises:
        ServeError: at start, where one cannot listen; at once, where there is no service of that name.
    """

    def __init__(
        self,
        wanted: Iterable[Service],
        host: str = "127.0.0.1",
        *,
        bounds: Bounds | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._wanted = tuple(wanted)
        for service in self._wanted:
            if service.name not in SERVICES:
                raise ServeError(f"there is no service {service.name!r}; choose from {', '.join(SERVICES)}")
        self.host = host
        self.bound: tuple[Service, ...] = ()
        self._bounds = bounds or Bounds()
        self._clock = clock
        self._talks: dict[int, _Talk] = {}
        self._thread: threading.Thread | None = None

    def port(self, name: str) -> int:
        """The port of the first service of that name; raises KeyError."""
        for service in self.bound:
            if service.name == name:
                return service.port
        raise KeyError(name)

    def start(self) -> None:
        """Listen, and answer from now on; raises ServeError."""
        self._selector = selectors.DefaultSelector()
        bound = []
        try:
            for service in self._wanted:
                bound.append(self._listen(service))
        except ServeError:
            self._end()
            raise
        self.bound = tuple(bound)
        self._ports = {service.port for service in bound}
        self._wake, self._woken = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._serve, name="services", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop, and end every connection. Closing twice is allowed."""
        if self._thread is None:
            return
        self._wake.close()
        self._thread.join()
        self._thread = None
        self._end()

    def __enter__(self) -> Services:
        if self._thread is None:
            self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _listen(self, service: Service) -> Service:
        """Both sockets of a service, on the same port."""
        for attempt in range(20):
            option = f"--service {service.name}:PORT"
            stream = listen(self.host, service.port, option=option)
            port = stream.getsockname()[1]
            try:
                datagrams = listen(self.host, port, socket.SOCK_DGRAM, option)
            except ServeError:
                stream.close()
                if service.port or attempt == 19:
                    raise
                continue  # the free port of the one is taken for the other
            self._selector.register(stream, selectors.EVENT_READ, (self._accept, service.name))
            self._selector.register(datagrams, selectors.EVENT_READ, (self._answer, service.name))
            return Service(service.name, port)
        raise AssertionError("unreachable")

    def _end(self) -> None:
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
        self._selector.close()
        self._talks.clear()

    # The loop

    def _serve(self) -> None:
        tick = min(1.0, self._bounds.idle, self._bounds.whole)
        while True:
            for key, _ in self._selector.select(tick if self._talks else None):
                if key.fileobj is self._woken:
                    return
                work, of = key.data
                work(key.fileobj, of)
            self._drop_idle(time.monotonic())

    def _drop_idle(self, now: float) -> None:
        for talk in list(self._talks.values()):
            if now - talk.moved > self._bounds.idle or now - talk.begun > self._bounds.whole:
                self._drop(talk)

    def _drop(self, talk: _Talk) -> None:
        self._selector.unregister(talk.sock)
        self._talks.pop(talk.sock.fileno(), None)
        talk.sock.close()

    # Datagrams

    def _answer(self, sock: socket.socket, name: str) -> None:
        try:
            data, peer = sock.recvfrom(65536)
            if peer[1] < _RESERVED or peer[1] in self._ports:
                return
            sock.sendto(SERVICES[name](data, self._clock()), peer)
        except OSError as fault:  # nobody there any more, or the buffer is full: datagrams may get lost
            _log.debug("%s: a datagram is not answered: %r", name, fault)

    # Connections

    def _accept(self, listener: socket.socket, name: str) -> None:
        try:
            sock, _ = listener.accept()
        except BlockingIOError:  # the one that knocked went away
            return
        except OSError as fault:  # no descriptors left, and the like: others end, then it goes on
            _log.warning("%s: cannot accept a connection: %s", name, fault)
            time.sleep(0.1)
            return
        if len(self._talks) >= self._bounds.connections:
            sock.close()
            return
        sock.setblocking(False)
        now = time.monotonic()
        talk = _Talk(sock, name, now, now)
        if name == "daytime":
            talk.out += daytime(b"", self._clock())
            talk.said_all = True
        self._talks[sock.fileno()] = talk
        self._selector.register(sock, talk.events or selectors.EVENT_READ, (self._talk, talk))

    def _talk(self, sock: socket.socket, talk: _Talk) -> None:
        """Read and write what can be now; end it where all is said."""
        try:
            if talk.events & selectors.EVENT_READ:
                self._read(talk)
            if talk.out:
                count = sock.send(talk.out)
                del talk.out[:count]
                talk.moved = time.monotonic()
            if talk.said_all and not talk.out and not talk.shut:
                sock.shutdown(socket.SHUT_WR)
                talk.shut = True
        except BlockingIOError:
            pass
        except OSError as fault:
            _log.debug("%s: connection lost: %r", talk.name, fault)
            self._drop(talk)
            return
        if talk.shut and talk.heard_all:
            self._drop(talk)
            return
        self._selector.modify(sock, talk.events, (self._talk, talk))

    def _read(self, talk: _Talk) -> None:
        try:
            data = talk.sock.recv(_PIECE)
        except BlockingIOError:
            return
        talk.moved = time.monotonic()
        talk.heard_all = not data
        if talk.name == "echo":
            talk.out += data
        elif talk.name == "upper":
            talk.line += data
            self._say_lines(talk)
        talk.said_all = talk.said_all or talk.heard_all

    def _say_lines(self, talk: _Talk) -> None:
        """Every whole line, and the last one that has no end."""
        whole = len(talk.line) if talk.heard_all else talk.line.rfind(b"\n") + 1
        talk.out += upper(bytes(talk.line[:whole]))
        del talk.line[:whole]
        if len(talk.line) > _LINE:
            raise ConnectionAbortedError("a line is too long")


def daytime(data: bytes, now: datetime) -> bytes:
    """The line of RFC 867 for a moment, `Tuesday, February 22, 1982 17:37:43-UTC`, whatever was said."""
    at = now.astimezone(UTC)
    return f"{_DAYS[at.weekday()]}, {_MONTHS[at.month - 1]} {at.day}, {at.year} {at:%H:%M:%S}-UTC\r\n".encode("ascii")


def upper(data: bytes) -> bytes:
    """UTF-8 in capitals, other bytes as ASCII; a letter whose capital takes more bytes stays as it is."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return data.upper()
    return "".join(map(_capital, text)).encode("utf-8")


def _capital(char: str) -> str:
    capital = char.upper()
    return capital if len(capital.encode("utf-8")) <= len(char.encode("utf-8")) else char


SERVICES: dict[str, Callable[[bytes, datetime], bytes]] = {
    "daytime": daytime,
    "echo": lambda data, now: data,
    "upper": lambda data, now: upper(data),
}
"""What a datagram is answered with."""


def parse_service(text: str) -> Service:
    """`daytime:6789`, or `daytime` for a free port; raises ServeError with the cure."""
    name, colon, digits = text.partition(":")
    if name not in SERVICES:
        raise ServeError(f"there is no service {name!r}; choose from {', '.join(SERVICES)}, as in daytime:6789")
    if colon and not (digits.isascii() and digits.isdigit() and int(digits[:6]) < 65536):
        raise ServeError(f"{digits!r} is no port; write {name}:6789, or {name} alone for a free one")
    return Service(name, int(digits or 0))
