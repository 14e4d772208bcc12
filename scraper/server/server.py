"""A server on plain sockets: one thread accepts, one thread for each connection.

    with Server(site) as s:          # or Server("folder"), port 0: any free one
        requests.get(s.url + "/a")
        assert [seen.target for seen in s.log] == ["/a"]

Threads, because a client under test may be slow, silent or rude, and then costs a thread and nothing else.
`close` wakes all of them (their sockets are shut down, waiting routes see `stopping`) and joins them.
"""

from __future__ import annotations

import errno
import logging
import os
import selectors
import socket
import threading
import time
from pathlib import Path
from types import TracebackType

from scraper.errors import UsageError
from scraper.server.answers import frame, refuse
from scraper.server.conditional import write_date
from scraper.server.connection import Connection, Deadlines, Seen, Surroundings
from scraper.server.http1 import Limits
from scraper.server.refusal import BadRequest
from scraper.server.request import Memory
from scraper.server.site import Site

__all__ = ["Deadlines", "Limits", "Seen", "ServeError", "Server"]

_log = logging.getLogger("scraper.server")

_JOIN = 10.0  # seconds; a thread that is in no call of ours by then is a route that does not stop
_FULL = BadRequest(503, "too many connections", (("Retry-After", "1"),))
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where a client reaches what listens everywhere


class ServeError(UsageError):
    """The server cannot listen where it was told to; its text is one line for the user."""


class Server:
    """Serves a Site, or the files of a folder, at `url` from `start` (or `with`) to `close`.

    `port` 0 takes a free one; `host` is an address or name of this machine, IPv4 or IPv6. `log` gets a Seen
    for each request before its answer is sent, unless `record` is false (a long-running server). Raises
    ServeError at start.
    """

    def __init__(
        self,
        site: Site | Path | str,
        port: int = 0,
        host: str = "127.0.0.1",
        *,
        deadlines: Deadlines | None = None,
        limits: Limits | None = None,
        max_connections: int = 512,
        record: bool = True,
    ) -> None:
        self.site = site if isinstance(site, Site) else Site(site)
        self.host, self.port = host, port
        self.log: list[Seen] = []
        self._record = record
        self._deadlines = deadlines or Deadlines()
        self._limits = limits or Limits()
        self._max = max_connections
        self._lock = threading.Lock()
        self._open: dict[threading.Thread, socket.socket] = {}
        self._memory = Memory()
        self._listener: socket.socket | None = None

    @property
    def url(self) -> str:
        """`http://host:port`, without a trailing slash."""
        host = _ANY.get(self.host, self.host)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    def start(self) -> None:
        """Listen, and answer from now on, on threads; raises ServeError."""
        self._listener = _listen(self.host, self.port)
        self.port = self._listener.getsockname()[1]
        self._around = Surroundings(self.site, self.url, self._memory, self._deadlines, self._limits, self._note)
        self._wake, self._woken = socket.socketpair()
        self._acceptor = threading.Thread(target=self._accept_all, name="server", daemon=True)
        self._acceptor.start()

    def serve_forever(self) -> None:
        """Return when the server is closed, or with the KeyboardInterrupt that ends it."""
        self._memory.stopping.wait()

    def close(self) -> None:
        """Stop listening, end every connection, join every thread. Closing twice is allowed."""
        self._memory.stopping.set()
        if self._listener is None:
            return
        self._wake.close()
        self._acceptor.join(_JOIN)
        self._listener.close()
        self._woken.close()
        self._listener = None
        self._end_connections()
        self._memory.close()

    def __enter__(self) -> Server:
        if self._listener is None:
            self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _note(self, seen: Seen) -> None:
        if self._record:
            self.log.append(seen)

    def _accept_all(self) -> None:
        assert self._listener is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while not self._memory.stopping.is_set():
                selector.select()
                self._accept(self._listener)

    def _accept(self, listener: socket.socket) -> None:
        try:
            sock, peer = listener.accept()
        except BlockingIOError:  # the one that knocked went away, or it was only the call to stop
            return
        except OSError as fault:  # no descriptors left, and the like: others end, then it goes on
            _log.warning("cannot accept a connection: %s", fault)
            self._memory.stopping.wait(0.1)
            return
        self._begin(sock, (peer[0], peer[1]))

    def _begin(self, sock: socket.socket, peer: tuple[str, int]) -> None:
        thread = threading.Thread(target=self._run, args=(sock, peer), daemon=True)
        with self._lock:
            welcome = len(self._open) < self._max
            if welcome:
                self._open[thread] = sock
        if not welcome or not self._started(thread):
            _turn_away(sock)

    def _started(self, thread: threading.Thread) -> bool:
        try:
            thread.start()
        except RuntimeError as fault:  # the system gives no more threads
            _log.warning("cannot serve a connection: %s", fault)
            with self._lock:
                self._open.pop(thread, None)
            return False
        return True

    def _run(self, sock: socket.socket, peer: tuple[str, int]) -> None:
        try:
            Connection(sock, peer, self._around).run()
        finally:
            with self._lock:
                self._open.pop(threading.current_thread(), None)

    def _end_connections(self) -> None:
        with self._lock:
            threads = dict(self._open)
        for sock in threads.values():
            _shut(sock)
        for thread in threads:
            thread.join(_JOIN)
            if thread.is_alive():
                _log.error("a connection did not end; its route does not return")


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket; raises ServeError with the cure."""
    if not 0 <= port <= 65535:
        raise ServeError(f"{port} is no port; choose one from 0 to 65535 with --port")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
    except (socket.gaierror, UnicodeError) as fault:
        raise ServeError(f"{host} is no address of this machine") from fault
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(256)
    except OSError as fault:
        listener.close()
        raise ServeError(_explain(fault, host, port)) from fault
    listener.setblocking(False)
    return listener


def _explain(fault: OSError, host: str, port: int) -> str:
    choose = "choose another with --port"
    lines = {
        errno.EADDRINUSE: f"port {port} of {host} is in use; {choose}",
        errno.EACCES: f"port {port} of {host} is not for this user; {choose}",
        errno.EADDRNOTAVAIL: f"{host} is no address of this machine",
    }
    known = lines.get(fault.errno or 0)
    return known or f"cannot listen on port {port} of {host}: {os.strerror(fault.errno or 0)}"


def _turn_away(sock: socket.socket) -> None:
    """Answer 503 at once, without a thread: what fits in the socket's buffer, and the peer may take it or
    not."""
    head = frame(refuse(_FULL), "GET", (1, 1), True, write_date(time.time())).head
    with sock:
        try:
            sock.setblocking(False)
            sock.send(head + refuse(_FULL).body)
            sock.shutdown(socket.SHUT_WR)
        except OSError as fault:
            _log.debug("turned away, unheard: %r", fault)


def _shut(sock: socket.socket) -> None:
    """Wake the thread that reads from it or writes to it."""
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError as fault:
        _log.debug("already closed: %r", fault)
