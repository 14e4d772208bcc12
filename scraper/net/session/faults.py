"""What stopped an exchange: the exceptions of requests and urllib3 as our classes."""

from __future__ import annotations

import requests
import urllib3

from scraper import errors
from scraper.net import trouble, wire
from scraper.net.line import HeadLimitError
from scraper.net.outgoing import UnsendableError


def exchange_trouble(
    error: Exception, url: str, *, asked: bool = True, proxied: bool = False, conceal: trouble.Conceal = str
) -> Exception:
    """The class of what stopped an exchange before its headers came; a bug stays what it is.

    Args:
        asked: whether the way to the server was open, and it may have seen the request.
        proxied: whether a proxy stands between; what goes wrong on the way to the server is its failure then.
    """
    told = trouble.classify(error, url, _EXCHANGE, conceal)
    if told is None:
        return error
    told.sent = told.sent and asked
    if proxied and not asked and not isinstance(told, (errors.TlsError, errors.ProxyError)) and not told.final:
        return errors.ProxyError(told.url, f"the proxy failed: {told.message}", sent=False)
    return _broken(error, told) if proxied and asked and isinstance(told, errors.ProxyError) else told


def _broken(error: Exception, told: errors.RequestError) -> errors.RequestError:
    """What a connection through a proxy came to, once it stood: urllib3 blames the proxy for that too."""
    late = any(isinstance(each, TimeoutError) for each in trouble.causes(error))
    cls: type[errors.RequestError] = errors.TimeoutError if late else errors.ProtocolError
    message = "no answer in time" if late else "the connection broke"
    return cls(told.url, told.message.replace("the proxy failed", message))


_UNSENT = "the request cannot be sent"
_EXCHANGE = (
    trouble.Row(urllib3.exceptions.NameResolutionError, errors.DnsError, "the host name has no address", sent=False),
    trouble.Row(wire.LookupFailed, errors.DnsError, "the host name has no address", sent=False),
    trouble.Row(requests.exceptions.ProxyError, errors.ProxyError, "the proxy failed", sent=False),
    trouble.Row(urllib3.exceptions.ProxyError, errors.ProxyError, "the proxy failed", sent=False),
    trouble.Row(HeadLimitError, errors.LimitError, "the head of the answer is too large"),
    trouble.Row(requests.exceptions.ConnectTimeout, errors.TimeoutError, "no connection in time", sent=False),
    trouble.Row(requests.exceptions.SSLError, errors.TlsError, "TLS failed", sent=False),
    trouble.Row(urllib3.exceptions.SSLError, errors.TlsError, "TLS failed", sent=False),
    trouble.Row(requests.exceptions.ReadTimeout, errors.TimeoutError, "no answer in time"),
    trouble.Row(urllib3.exceptions.ReadTimeoutError, errors.TimeoutError, "no answer in time"),
    trouble.Row(urllib3.exceptions.NewConnectionError, errors.ConnectError, "no connection", sent=False),
    trouble.Row(urllib3.exceptions.ProtocolError, errors.ProtocolError, "the connection broke"),
    trouble.Row(requests.exceptions.ConnectionError, errors.ConnectError, "no connection"),
    trouble.Row(urllib3.exceptions.InvalidHeader, errors.ProtocolError, "not HTTP"),
    trouble.Row(requests.RequestException, errors.ProtocolError, _UNSENT, sent=False, final=True),
    trouble.Row(urllib3.exceptions.LocationValueError, errors.ProtocolError, _UNSENT, sent=False, final=True),
    trouble.Row(urllib3.exceptions.HTTPError, errors.ProtocolError, "not HTTP"),
    trouble.Row(UnicodeError, errors.ProtocolError, _UNSENT, sent=False, final=True),
    trouble.Row(UnsendableError, errors.ProtocolError, _UNSENT, sent=False, final=True),
    trouble.Row(OSError, errors.ProtocolError, "the connection broke"),
)

BODY = (
    trouble.Row(urllib3.exceptions.IncompleteRead, errors.LengthError, "the body ended early"),
    trouble.Row(urllib3.exceptions.ReadTimeoutError, errors.StalledError, "no bytes came in time"),
    trouble.Row(TimeoutError, errors.StalledError, "no bytes came in time"),
    trouble.Row(urllib3.exceptions.SSLError, errors.TlsError, "TLS failed"),
    trouble.Row(urllib3.exceptions.HTTPError, errors.ProtocolError, "the connection broke"),
    trouble.Row(OSError, errors.ProtocolError, "the connection broke"),
    trouble.Row(ValueError, errors.ProtocolError, "not HTTP"),
    trouble.Row(AttributeError, errors.ProtocolError, "the connection was closed"),
)
"""What can break a body. The last two: http.client on hostile chunks, and on a connection that went away."""
