"""The connection beneath HTTP: what answers are written to, and what faults of the network are made of.

    line.send(b"HTTP/1.1 200 OK\\r\\n...")     as fast as the peer reads, no faster
    line.settle(); line.reset()               so that the peer has every byte before the reset overtakes them
    line.hold()                               until the peer goes away or the server closes

The socket does not block; whoever waits here is woken when the server closes, for it shuts its sockets down.
`sent` counts what the kernel took. After `narrow` that is little more than what the peer took, so a test can
tell from it how much a client was willing to swallow. Under TLS (`tls.py`) it counts what was said, not what that
became on the wire.
"""

from __future__ import annotations

import array
import fcntl
import os
import select
import socket
import struct
import termios
import time
from collections.abc import Callable, Iterable
from typing import BinaryIO

_LEFT = getattr(select, "POLLRDHUP", select.POLLHUP)  # Linux tells that the peer said its last byte
_TICK = 0.001  # seconds between two looks at what the peer acknowledged; nothing wakes for that
_PIECE = 256 * 1024  # bytes of a file that are read at once where the kernel does not send it by itself
_MOST = 1 << 30  # bytes for one sendfile(2), which takes less than 2 GiB
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, zero seconds: close throws away and resets


class NotNowError(BlockingIOError):
    """A socket of TLS has to wait for something else than what was asked of it: for this event of poll."""

    def __init__(self, event: int) -> None:
        super().__init__()
        self.event = event


def awaited(busy: BlockingIOError, event: int) -> int:
    """The event to wait for: `event`, unless the socket knows better."""
    return busy.event if isinstance(busy, NotNowError) else event


class Line:
    """One accepted socket. `patience` is how many seconds sending may go without progress; `early` gives the bytes
    that came behind the request that is answered.

    Everything raises OSError where the peer is gone; TimeoutError, one of them, where it does not read.
    """

    def __init__(self, sock: socket.socket, patience: float, early: Callable[[], bytes] = bytes) -> None:
        self._sock = sock
        self._patience = patience
        self.early = early
        self.sent = 0

    @property
    def sock(self) -> socket.socket:
        """The socket itself, which does not block."""
        return self._sock

    @property
    def is_open(self) -> bool:
        """Whether our side still holds the socket."""
        return self._sock.fileno() >= 0

    def send(self, data: bytes) -> None:
        """All of it, however slowly it is read, as long as it is read."""
        rest = memoryview(data)
        while rest:
            try:
                count = self._sock.send(rest)
            except BlockingIOError as busy:
                self._wait(busy)
            else:
                self.sent += count
                rest = rest[count:]

    def send_all(self, pieces: Iterable[bytes]) -> None:
        """Each piece in turn."""
        for piece in pieces:
            self.send(piece)

    def send_file(self, file: BinaryIO, offset: int, count: int) -> int:
        """That part of a file, as far as there is one; how many bytes it was."""
        if type(self._sock) is not socket.socket:  # TLS: the kernel cannot encrypt what it reads
            return self._copy_file(file, offset, count)
        end = offset + count
        while offset < end:
            try:
                moved = os.sendfile(self._sock.fileno(), file.fileno(), offset, min(end - offset, _MOST))
            except BlockingIOError as busy:
                self._wait(busy)
            else:
                if not moved:
                    break
                offset, self.sent = offset + moved, self.sent + moved
        return count - (end - offset)

    def _copy_file(self, file: BinaryIO, offset: int, count: int) -> int:
        end = offset + count
        while offset < end and (data := os.pread(file.fileno(), min(end - offset, _PIECE), offset)):
            self.send(data)
            offset += len(data)
        return count - (end - offset)

    def finish(self) -> None:
        """Say that nothing more will come; under TLS with the alert that tells an end from a broken line."""
        while True:
            try:
                self._sock.shutdown(socket.SHUT_WR)
            except BlockingIOError as busy:
                self._wait(busy)
            else:
                return

    def _wait(self, busy: BlockingIOError) -> None:
        """Until the socket takes more; raises TimeoutError where nothing moves for too long."""
        if not self.ready(awaited(busy, select.POLLOUT), time.monotonic() + self._patience):
            raise TimeoutError("the peer does not read") from None

    def ready(self, event: int, until: float) -> bool:
        """Wait for the socket until that monotonic time; false at the end of it."""
        poll = select.poll()
        poll.register(self._sock, event)
        return bool(poll.poll(max(0.0, until - time.monotonic()) * 1000))

    def hold(self, seconds: float | None = None) -> bool:
        """Say nothing for so long, or for ever; true where the peer went away or the server closes meanwhile."""
        poll = select.poll()
        poll.register(self._sock, _LEFT)
        return bool(poll.poll(None if seconds is None else seconds * 1000))

    def settle(self) -> None:
        """Wait until the peer's side has every byte that was sent, as long as it takes some."""
        before, until = self._unacknowledged(), time.monotonic() + self._patience
        while before and time.monotonic() < until and not self.hold(_TICK):
            now = self._unacknowledged()
            if now < before:
                before, until = now, time.monotonic() + self._patience

    def narrow(self, count: int = 32 * 1024) -> None:
        """Let the kernel keep no more than about `count` bytes that the peer does not take."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, count)

    def reset(self) -> None:
        """Close with a reset (RST); what the peer's side has not got yet is thrown away."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._sock.close()

    def _unacknowledged(self) -> int:
        """Bytes in the send queue (SIOCOUTQ of tcp(7))."""
        count = array.array("i", [0])
        fcntl.ioctl(self._sock, termios.TIOCOUTQ, count)
        return count[0]
