"""TLS beneath HTTP: sockets that do not block, and the context that makes them.

A socket of TLS may have to read before it can send, and the other way round. Its `send` and `recv` raise NotNowError
with the event to wait for, where a plain socket would raise BlockingIOError; so whoever waits for the one waits
for the other too. `shutdown(SHUT_WR)` says close_notify first: without that alert an end that only the closing
tells could not be told from a broken line (RFC 8446 section 6.1).
"""

from __future__ import annotations

import logging
import select
import socket
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scraper.errors import UsageError
from scraper.server.line import NotNowError

_log = logging.getLogger("scraper.server")


@dataclass(frozen=True, slots=True)
class Certificate:
    """The files of a certificate (with its chain, if any) and of its key, both PEM; the key without a password."""

    cert: Path
    key: Path


class TlsSocket(ssl.SSLSocket):
    """The server's side of one connection, made without a handshake."""

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """Like a plain one's; raises NotNowError."""
        try:
            return super().recv(buflen, flags)
        except ssl.SSLZeroReturnError:
            return b""
        except ssl.SSLWantReadError:
            raise NotNowError(select.POLLIN) from None
        except ssl.SSLWantWriteError:
            raise NotNowError(select.POLLOUT) from None

    def send(self, data: Any, flags: int = 0) -> int:
        """Like a plain one's; raises NotNowError."""
        try:
            return super().send(data, flags)
        except ssl.SSLWantReadError:
            raise NotNowError(select.POLLIN) from None
        except ssl.SSLWantWriteError:
            raise NotNowError(select.POLLOUT) from None

    def shutdown(self, how: int) -> None:
        """Where our side ends, say so first; raises NotNowError where the alert does not fit yet."""
        if how == socket.SHUT_WR and self._sslobj is not None:  # type: ignore[attr-defined]
            try:
                self.unwrap()
            except ssl.SSLWantWriteError:
                raise NotNowError(select.POLLOUT) from None
            except ssl.SSLWantReadError:
                pass  # it is said; the peer's own has not come, and nobody waits for it
            except ssl.SSLError as fault:
                _log.debug("no close_notify: %r", fault)
        socket.socket.shutdown(self, how)  # ssl's own would forget the session, and what is read were noise

    def shakes_hands(self, until: float) -> bool:
        """The handshake, until that monotonic time; false where the peer speaks plain HTTP.

        Raises OSError where there is none: TimeoutError at the end of the time, ssl.SSLError where it fails.
        """
        while True:
            try:
                self.do_handshake()
                return True
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as busy:
                event = select.POLLIN if isinstance(busy, ssl.SSLWantReadError) else select.POLLOUT
                if not self._ready(event, until):
                    raise TimeoutError("the TLS handshake took too long") from None
            except ssl.SSLError as fault:
                if fault.reason != "HTTP_REQUEST":
                    raise
                return False

    def laid_bare(self) -> socket.socket:
        """The same connection without TLS; this socket is empty then."""
        bare = socket.socket(self.family, self.type, self.proto, self.detach())
        bare.setblocking(False)
        return bare

    def _ready(self, event: int, until: float) -> bool:
        poll = select.poll()
        poll.register(self, event)
        return bool(poll.poll(max(0.0, until - time.monotonic()) * 1000))


def make_context(certificate: Certificate) -> ssl.SSLContext:
    """What makes connections TLS, 1.2 or newer.

    Raises:
        UsageError: a file cannot be read, is no PEM, or the key is not the certificate's.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sslsocket_class = TlsSocket
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate.cert, certificate.key, password=_no_password)
    except ssl.SSLError as fault:
        why = "is not that of" if fault.reason == "KEY_VALUES_MISMATCH" else "is no PEM file that goes with"
        raise UsageError(f"the key {certificate.key} {why} the certificate {certificate.cert}") from fault
    except OSError as fault:
        told = f"the certificate {certificate.cert} or its key {certificate.key} cannot be read: {fault.strerror}"
        raise UsageError(told) from fault
    return context


def wrap(context: ssl.SSLContext, sock: socket.socket) -> TlsSocket:
    """An accepted socket under TLS; nothing is sent or read yet. Raises OSError where the peer is gone."""
    made = context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
    assert isinstance(made, TlsSocket)
    return made


def _no_password() -> str:
    """Instead of a question on the terminal."""
    raise UsageError("the key is locked with a password; give one without (openssl pkey -in KEY -out OPEN)")
