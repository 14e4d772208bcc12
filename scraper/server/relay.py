"""Bytes between two sockets, as they come, until the far side has said all: what a proxy's tunnel is made of.

Each direction holds one piece at most, so a side that does not read stops the other one and nothing else. An end
goes on as an end, a reset as a reset: what a server does wrong is seen through the tunnel as it is.
"""

from __future__ import annotations

import select
import socket

from scraper.server.line import Line, awaited

IDLE = 60.0  # seconds without a byte in either direction
_PIECE = 64 * 1024


def relay(line: Line, far: socket.socket, early: bytes = b"", *, both: bool = True) -> None:
    """Carry bytes between the client of `line` and `far`, which is closed at the end.

    Args:
        early: what the client has sent already.
        both: whether the client may go on talking; else only what `far` says is carried.

    Raises:
        OSError: the client is gone; TimeoutError, one of them, where nothing moved for too long.
    """
    with far:
        far.setblocking(False)
        up = _Way(line.sock, far, early, told_whole=not both)
        down = _Way(far, line.sock)
        while True:
            _pump_up(up)
            if not _pump_down(down, line):
                line.settle()
                line.reset()
                return
            if down.is_over:  # what the client still says, nobody hears
                return
            _wait([way for way in (up, down) if not way.is_over], line.sock)


class _Way:
    """One direction: from `source` to `sink`.

    With `told_whole` there is `data` and nothing to read, and no end is told: a request says itself where it ends,
    and whoever half-closes behind it looks like one who is leaving.
    """

    def __init__(self, source: socket.socket, sink: socket.socket, data: bytes = b"", told_whole: bool = False) -> None:
        self.source, self.sink = source, sink
        self.data, self.ended = data, told_whole
        self.told_whole = told_whole
        self.is_over = told_whole and not data
        self.moved = 0
        self.awaits = source, select.POLLIN

    def read(self) -> None:
        """Take a piece, where there is none; raises BlockingIOError."""
        if not self.data and not self.ended:
            self.awaits = self.source, select.POLLIN
            self.data = self.source.recv(_PIECE)
            self.ended = not self.data

    def write(self) -> None:
        """Give away what there is, and the end where it has come; raises BlockingIOError."""
        self.awaits = self.sink, select.POLLOUT
        while self.data:
            count = self.sink.send(self.data)
            self.data, self.moved = self.data[count:], self.moved + count
        if self.ended and not self.told_whole:
            self.sink.shutdown(socket.SHUT_WR)
        self.is_over = self.ended

    def blocked(self, busy: BlockingIOError) -> None:
        """Note what it waits for."""
        self.awaits = self.awaits[0], awaited(busy, self.awaits[1])


def _pump_up(up: _Way) -> None:
    """From the client; a far side that takes nothing more may still have something to say."""
    try:
        while not up.is_over:
            up.read()
            try:
                up.write()
            except BlockingIOError:
                raise
            except OSError:
                up.data, up.ended, up.is_over = b"", True, True
    except BlockingIOError as busy:
        up.blocked(busy)


def _pump_down(down: _Way, line: Line) -> bool:
    """To the client; false where the far side broke off."""
    before = down.moved
    try:
        while not down.is_over:
            try:
                down.read()
            except BlockingIOError:
                raise
            except OSError:
                return False
            down.write()
    except BlockingIOError as busy:
        down.blocked(busy)
    finally:
        line.sent += down.moved - before
    return True


def _wait(ways: list[_Way], client: socket.socket) -> None:
    """Until one of them can go on; raises OSError where the client is gone for good, or nothing moves."""
    events: dict[int, int] = {client.fileno(): 0}
    for way in ways:
        sock, event = way.awaits
        events[sock.fileno()] = events.get(sock.fileno(), 0) | event
    poll = select.poll()
    for descriptor, event in events.items():
        poll.register(descriptor, event)
    found = dict(poll.poll(IDLE * 1000))
    if not found:
        raise TimeoutError("nothing came through the tunnel for too long")
    if found.get(client.fileno(), 0) & (select.POLLHUP | select.POLLERR):
        raise ConnectionAbortedError("the client is gone")
