"""What stopped a transfer: libcurl's codes (curl.se/libcurl/c/libcurl-errors.html) as our classes, a table."""

from __future__ import annotations

import re
from typing import NamedTuple

import pycurl

from scraper import errors


class Row(NamedTuple):
    """What a code means; as net/trouble.Row."""

    cls: type[errors.RequestError]
    message: str
    sent: bool = True
    final: bool = False


_TLS = Row(errors.TlsError, "TLS failed", sent=False)
_NOT_HTTP = Row(errors.ProtocolError, "not HTTP")
_BROKE = Row(errors.ProtocolError, "the connection broke")
_UNSENT = Row(errors.ProtocolError, "the request cannot be sent", sent=False, final=True)
_PROXY = Row(errors.ProxyError, "the proxy failed", sent=False)
_SLOW = Row(errors.TimeoutError, "no connection in time", sent=False)
_CODES = {
    pycurl.E_UNSUPPORTED_PROTOCOL: _NOT_HTTP,  # also an answer of HTTP/0.9
    pycurl.E_URL_MALFORMAT: _UNSENT,
    pycurl.E_COULDNT_RESOLVE_PROXY: _PROXY,
    pycurl.E_COULDNT_RESOLVE_HOST: Row(errors.DnsError, "the host name has no address", sent=False),
    pycurl.E_COULDNT_CONNECT: Row(errors.ConnectError, "no connection", sent=False),
    pycurl.E_PARTIAL_FILE: Row(errors.LengthError, "the body ended early"),
    pycurl.E_OPERATION_TIMEOUTED: _SLOW,
    pycurl.E_SSL_CONNECT_ERROR: _TLS,
    pycurl.E_SSL_CERTPROBLEM: _TLS,
    pycurl.E_SSL_CIPHER: _TLS,
    pycurl.E_SSL_CACERT: _TLS,
    pycurl.E_SSL_CACERT_BADFILE: _TLS,
    pycurl.E_SSL_ISSUER_ERROR: _TLS,
    pycurl.E_SSL_INVALIDCERTSTATUS: _TLS,
    pycurl.E_SSL_PINNEDPUBKEYNOTMATCH: _TLS,
    pycurl.E_SEND_ERROR: _BROKE,
    pycurl.E_RECV_ERROR: _BROKE,
    pycurl.E_GOT_NOTHING: Row(errors.ProtocolError, "the connection broke"),
    16: _BROKE,  # CURLE_HTTP2
    92: _BROKE,  # CURLE_HTTP2_STREAM
    95: _BROKE,  # CURLE_HTTP3
    96: Row(errors.ConnectError, "no connection", sent=False),  # CURLE_QUIC_CONNECT_ERROR
    97: _PROXY,  # CURLE_PROXY: a SOCKS or CONNECT handshake
    100: Row(errors.LimitError, "the head of the answer is too large"),  # CURLE_TOO_LARGE
}
_OPEN = range(17, 28)
"""Of CURLPROXYCODE: what a SOCKS proxy answers that took us and does not reach the server, or has no address for it."""
_ALERT = re.compile(r"SSL.*\balert\b")
"""What the other side says in the middle of it: TLS 1.3 refuses our certificate only when we have asked."""


class Proxied(NamedTuple):
    """How far an exchange came with its proxy.

    Attributes:
        tls: whether the proxy is spoken to over TLS.
        reached: whether there was a connection to it.
        status: what it answered to CONNECT; 0: nothing, or it was not asked.
        socks: CURLPROXYCODE, what SOCKS failed by.
    """

    tls: bool
    reached: bool
    status: int
    socks: int

    @property
    def is_shaking(self) -> bool:
        """Whether TLS is with the proxy: behind a tunnel it is with the server."""
        return self.tls and self.status == 0

    @property
    def is_refused(self) -> bool:
        """Whether the proxy is there, and did not open the way to the server: it said so, or kept silent."""
        return self.reached and self.status != 407 and (self.socks == 0 or self.socks in _OPEN)


def transfer_trouble(
    code: int, text: str, url: str, *, proxied: Proxied | None, connected: bool, has_head: bool
) -> errors.RequestError:
    """The error of what stopped a transfer.

    Args:
        code, text: what libcurl says.
        proxied: of the proxy that stands between; connected: whether the way to the server was open.
        has_head: whether the head of the answer had come.
    """
    row = _CODES.get(code, _NOT_HTTP)
    if row is _BROKE and _ALERT.search(text):
        row = _TLS
    if proxied and not connected and row is not _UNSENT and (row is not _TLS or proxied.is_shaking):
        row = _PROXY
    elif row is _BROKE and not connected:
        row = Row(errors.ConnectError, "no connection", sent=False)
    elif row.cls is errors.LimitError and has_head:
        row = _NOT_HTTP
    told = row.cls(url, f"{row.message}: {text or code}", sent=row.sent or has_head, final=row.final)
    if isinstance(told, errors.ProxyError) and proxied is not None:
        told.refused = proxied.is_refused and _CODES.get(code) is not _TLS
    return told
