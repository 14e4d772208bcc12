"""What stopped an exchange: the exceptions of requests and urllib3 as our classes."""

from __future__ import annotations

import re

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
    if proxied and asked and isinstance(told, errors.ProxyError):
        return _broken(error, told)
    if proxied and not asked and not isinstance(told, (errors.TlsError, errors.ProxyError)) and not told.final:
        told = errors.ProxyError(told.url, f"the proxy failed: {told.message}", sent=False)
    if isinstance(told, errors.ProxyError):
        told.refused = _is_refused(error)
    return told


_REFUSED = re.compile("Tunnel connection failed: (?!407)")
_SOCKS_REFUSED = frozenset({"SOCKS4Error", "SOCKS5Error"})


def _is_refused(error: Exception) -> bool:
    """Whether the proxy was reached, and did not open the way: it said so, kept silent, or has no address for it.

    http.client tells a refused tunnel in words alone, PySocks by classes that requests need not have.
    """
    found = list(trouble.causes(error))
    kinds = {type(each).__name__ for each in found}
    if kinds & _SOCKS_REFUSED or any(_REFUSED.match(str(each)) for each in found):
        return True
    if "GeneralProxyError" in kinds:  # of PySocks, once it is connected
        return any(isinstance(each, (TimeoutError, wire.LookupFailed)) for each in found)
    is_late = any(isinstance(each, TimeoutError) for each in found)
    return is_late and not any(isinstance(each, urllib3.exceptions.ConnectTimeoutError) for each in found)


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
