"""A server on plain sockets: one thread accepts, one thread for each connection.

    with Server(site) as s:          # or Server("folder"), port 0: any free one
        requests.get(s.url + "/a")
        assert [seen.target for seen in s.log] == ["/a"]

Threads, because a client under test may be slow, silent or rude, and then costs a thread and nothing else.
`close` wakes all of them (their sockets are shut down, waiting routes see `stopping`) and joins them.
"""

from __future__ import annotations

import logging
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType

from scraper.server.access import Access
from scraper.server.answers import frame, refuse
from scraper.server.conditional import write_date
from scraper.server.connection import Connection, Deadlines, Seen, Surroundings
from scraper.server.http1 import Limits
from scraper.server.listening import ServeError, listen, netloc, plain_peer, reached_at
from scraper.server.refusal import BadRequest
from scraper.server.request import Memory
from scraper.server.site import Site
from scraper.server.tls import Certificate, TlsSocket, make_context, wrap

__all__ = ["Deadlines", "Limits", "Seen", "ServeError", "Server"]

_log = logging.getLogger("scraper.server")

_JOIN = 10.0  # seconds; a thread that is in no call of ours by then is a route that does not stop
_FULL = BadRequest(503, "too many connections", (("Retry-After", "1"),))


class Server:
    """Serves a Site, or the files of a folder, at `url` from `start` (or `with`) to `close`.

    `port` 0 takes a free one; `host` is an address or name of this machine, IPv4 or IPv6. `log` gets a Seen
    for each request before its answer is sent, unless `record` is false (a long-running server). `access` is told
    each answer after it. `tls` is a Certificate, or True for one made on the spot, which clients find in the file
    `certificate` until the server closes. Raises ServeError at start, UsageError for a certificate that cannot be
    used.
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
        tls: bool | Certificate = False,
        access: Callable[[Access], None] | None = None,
    ) -> None:
        self.site = site if isinstance(site, Site) else Site(site)
        self.host, self.port = host, port
        self.address: tuple[str, int] = (host, port)
        self.log: list[Seen] = []
        self._record = record
        self._deadlines = deadlines or Deadlines()
        self._limits = limits or Limits()
        self._max = max_connections
        self._lock = threading.Lock()
        self._open: dict[threading.Thread, socket.socket] = {}
        self._memory = Memory()
        self._listener: socket.socket | None = None
        self._tls = tls
        self._access = access
        self._context: ssl.SSLContext | None = None
        self._folder: TemporaryDirectory[str] | None = None
        self.certificate: Path | None = tls.cert if isinstance(tls, Certificate) else None

    @property
    def url(self) -> str:
        """`http://host:port` (or https), without a trailing slash."""
        return f"{'https' if self._tls else 'http'}://{netloc(reached_at(self.host), self.port)}"

    def start(self) -> None:
        """Listen, and answer from now on, on threads; raises ServeError."""
        listener = listen(self.host, self.port)
        try:
            self._context = self._secured(self._tls) if self._tls else None
        except BaseException:
            listener.close()
            raise
        self._listener = listener
        self.address = self._listener.getsockname()[:2]
        self.port = self.address[1]
        self._around = Surroundings(
            self.site, self.url, self._memory, self._deadlines, self._limits, self._note, self._access
        )
        self._wake, self._woken = socket.socketpair()
        self._acceptor = threading.Thread(target=self._accept_all, name="server", daemon=True)
        self._acceptor.start()

    def _secured(self, tls: bool | Certificate) -> ssl.SSLContext:
        if isinstance(tls, Certificate):
            return make_context(tls)
        from scraper.server.certificate import self_signed  # only here: it takes long to import

        self._folder = TemporaryDirectory(prefix="scraper-serve-")
        made = self_signed(Path(self._folder.name), _names(self.host))
        context = make_context(made)
        made.key.unlink()
        self.certificate = made.cert
        return context

    def serve_forever(self) -> None:
        """Return when the server is closed, or with the KeyboardInterrupt that ends it."""
        self._memory.stopping.wait()

    def close(self) -> None:
        """Stop listening, end every connection, join every thread. Closing twice is allowed."""
        self._memory.stopping.set()
        if self._folder is not None:
            self._folder.cleanup()
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
        self._begin(sock, plain_peer(peer))

    def _begin(self, sock: socket.socket, peer: tuple[str, int]) -> None:
        if self._context is not None:
            try:
                sock = wrap(self._context, sock)
            except OSError as fault:
                _log.debug("gone before its handshake: %r", fault)
                sock.close()
                return
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


def _names(host: str) -> list[str]:
    """What clients may call a server that listens there."""
    reached = reached_at(host)
    return [host] if reached == host else [reached, socket.gethostname()]


def _turn_away(sock: socket.socket) -> None:
    """Answer 503 at once, without a thread: what fits in the socket's buffer, and the peer may take it or
    not. Under TLS, where a word takes a handshake, only close."""
    if isinstance(sock, TlsSocket):
        sock.close()
        return
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
        socket.socket.shutdown(sock, socket.SHUT_RDWR)  # nothing of TLS: another thread is in there
    except OSError as fault:
        _log.debug("already closed: %r", fault)
