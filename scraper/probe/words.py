"""What a failure means and what to do next, one line each. Pure tables; the key is what the system calls it."""

from __future__ import annotations

import errno
import os
import socket

from scraper import errors, urls
from scraper.probe.report import Trouble

_ERRNOS = {
    "ECONNREFUSED": (
        "refused: the host is there, and nothing listens on this port",
        "check the port, and whether the server runs and listens on this address",
    ),
    "ETIMEDOUT": (
        "no answer in {seconds:g} s: packets are dropped on the way, or the host is down",
        "check address and firewall; http.timeout.connect gives it more time",
    ),
    "EHOSTUNREACH": ("no way to this host", "check the address, and whether the host is up"),
    "ENETUNREACH": (
        "this machine has no route to that network",
        "check this machine's network; harmless where another address connects",
    ),
    "EADDRNOTAVAIL": (
        "this machine has no address of that family",
        "check this machine's network; harmless where another address connects",
    ),
    "EAFNOSUPPORT": ("this machine does not know that family of addresses", "harmless where another address connects"),
    "ECONNRESET": (
        "the other side hung up in the middle of it",
        "try again; a firewall that does not like us does this too",
    ),
    "EPIPE": (
        "the other side hung up in the middle of it",
        "try again; a firewall that does not like us does this too",
    ),
    "EACCES": ("this machine forbids it", "look for a firewall or a sandbox here"),
    "EPERM": ("this machine forbids it", "look for a firewall or a sandbox here"),
    "EMSGSIZE": ("too long for one datagram", "send less with --send"),
    "EINVAL": ("the system does not take this address", "check the address; a link-local one needs its %interface"),
}
_NAMES = {
    "EAI_NONAME": ("the name does not exist", "check the spelling; `getent hosts NAME` asks the same resolver"),
    "EAI_NODATA": ("the name has no such address", "check the spelling, or ask whoever keeps this name"),
    "EAI_ADDRFAMILY": ("the name has no such address", "check the spelling, or ask whoever keeps this name"),
    "EAI_AGAIN": ("the resolver does not answer", "check this machine's network and /etc/resolv.conf"),
    "EAI_FAIL": ("the resolver failed", "check this machine's network and /etc/resolv.conf"),
    "ETIMEDOUT": ("the resolver did not answer in {seconds:g} s", "check this machine's network and /etc/resolv.conf"),
    "EINVAL": ("it is no name that DNS could know", "check the spelling"),
}
_HANDSHAKES = {
    "WRONG_VERSION_NUMBER": ("what answers speaks no TLS", "try http:// in place of https://, or check the port"),
    "HTTP_REQUEST": ("what answers speaks no TLS", "try http:// in place of https://, or check the port"),
    "ETIMEDOUT": (
        "no answer to the handshake in {seconds:g} s",
        "check the port; http.timeout.connect gives it more time",
    ),
    "EOF": (
        "the server hung up in the handshake",
        "check the port; a server that does not know this name does this too",
    ),
    "ECONNRESET": (
        "the server hung up in the handshake",
        "check the port; a firewall that does not like us does this too",
    ),
    "PROTOCOL_VERSION": (
        "the server takes no version of TLS that a run offers",
        "the versions it takes stand above; its owner must turn on 1.2 or 1.3",
    ),
    "UNSUPPORTED_PROTOCOL": (
        "the server takes no version of TLS that a run offers",
        "the versions it takes stand above; its owner must turn on 1.2 or 1.3",
    ),
    "HANDSHAKE_FAILURE": (
        "the server found nothing that both could agree on",
        "it may want a certificate of ours: http.cert",
    ),
    "CERTIFICATE_REQUIRED": (
        "the server wants a certificate of ours",
        "name one: http.cert: [client.pem, client.key], at an origin of the job",
    ),
    "UNRECOGNIZED_NAME": ("the server does not serve this name", "check the host name"),
}
# X509_V_ERR_*, as ssl.SSLCertVerificationError.verify_code gives them.
_VERIFY = {
    9: ("CERTIFICATE_NOT_YET_VALID", "it is not valid yet", "check this machine's clock; else its owner must wait"),
    10: ("CERTIFICATE_EXPIRED", "it has expired", "its owner must renew it; check this machine's clock too"),
    18: ("CERTIFICATE_SELF_SIGNED", "it is self-signed", "if it is yours, trust it: http.verify: its.pem"),
    19: (
        "CERTIFICATE_UNKNOWN_ISSUER",
        "its chain ends at an authority that is not known here",
        "if the authority is yours, trust it: http.verify: ca.pem",
    ),
    20: (
        "CERTIFICATE_UNKNOWN_ISSUER",
        "its issuer is not known here",
        "if the authority is yours: http.verify: ca.pem; else the server leaves out an intermediate",
    ),
    21: (
        "CERTIFICATE_UNKNOWN_ISSUER",
        "its issuer is not known here",
        "if the authority is yours: http.verify: ca.pem; else the server leaves out an intermediate",
    ),
    62: ("CERTIFICATE_WRONG_NAME", "it is for another name", "ask for the host by one of the names above"),
    64: ("CERTIFICATE_WRONG_NAME", "it is for another address", "ask for the host by one of the names above"),
}
_STATUSES = {
    400: "the server does not understand the request: check the URL and http.headers",
    401: "it wants credentials: http.auth or login: in the job, and the origin in http.origins",
    403: "it refuses: log in, or send the User-Agent and cookies that a browser sends (http.headers, http.cookies)",
    404: "nothing is there: check the URL, and the template or the list that makes it",
    405: "it takes neither HEAD nor GET here: the URL may be a form's target",
    406: "it has nothing that http.headers.Accept allows",
    407: "the proxy wants a user and password: http.proxies: http://user:password@proxy:port",
    410: "it is gone for good: leave it out",
    429: "it asks to come slower: polite.delay and polite.per_host in the job",
    451: "it may not be shown here, by law",
}
_CLASSES = {
    "dns": "check the host name: scraper probe it alone",
    "connect": "try again; scraper probe the URL it failed at",
    "timeout": "try again; http.timeout.read gives an answer more time",
    "stalled": "try again; http.timeout.read gives an answer more time",
    "tls": "scraper probe the URL it failed at tells its certificate",
    "proxy": "check http.proxies, or the environment's proxies; NO_PROXY leaves hosts out",
    "redirect": "ask for the last good URL itself, or raise http.allow_redirects",
    "protocol": "what answers speaks no sound HTTP: check scheme and port",
    "limit": "its head is larger than any honest one: nothing helps here",
    "private": "a run does not follow from a public site to a private address; ask for the target itself",
    "encoding": "the server sends an encoding that nobody asked for; tell its owner",
}


def of_errno(error: OSError, stage: str, seconds: float) -> Trouble:
    """What a system call said; `seconds` is what it was given."""
    name = errno_name(error)
    message, cure = _ERRNOS.get(name, (os.strerror(error.errno) if error.errno else str(error), "try again"))
    return Trouble(stage, name, message.format(seconds=seconds), cure)


def errno_name(error: OSError) -> str:
    """ECONNREFUSED and its like; a timeout without a number is ETIMEDOUT."""
    if isinstance(error, TimeoutError):
        return "ETIMEDOUT"
    return errno.errorcode.get(error.errno or 0, type(error).__name__)


def of_time(stage: str, total: float) -> Trouble:
    """There was no time left for a step."""
    return Trouble(stage, "ETIMEDOUT", f"the {total:g} s of a probe were over before it", "see what took so long above")


def of_lookup(error: Exception, seconds: float) -> Trouble:
    """What the resolver said."""
    name = "EINVAL" if isinstance(error, UnicodeError) else "ETIMEDOUT"
    if isinstance(error, socket.gaierror):
        name = next((each for each in _NAMES if getattr(socket, each, None) == error.errno), "EAI_FAIL")
    message, cure = _NAMES[name]
    return Trouble("dns", name, message.format(seconds=seconds), cure)


def of_handshake(name: str, seconds: float, said: str) -> Trouble:
    """Why no handshake came to its end; `name` is what OpenSSL or the system calls it, `said` its words."""
    found = next((each for each in _HANDSHAKES if name.endswith(each)), None)
    message, cure = _HANDSHAKES.get(found or "", (f"the handshake failed: {said}", "check scheme, host and port"))
    return Trouble("tls", found or name, message.format(seconds=seconds), cure)


def of_verify(code: int, said: str) -> Trouble:
    """Why a certificate does not hold."""
    name, message, cure = _VERIFY.get(code, ("CERTIFICATE_INVALID", said, "its owner must mend it"))
    return Trouble("tls", name, f"the certificate does not hold: {message}", cure)


def of_status(status: int, reason: str) -> Trouble:
    """A status that is no success."""
    cure = _STATUSES.get(status)
    if cure is None:
        cure = "the server is in trouble: try again later" if status >= 500 else "check the URL and what the job sends"
    return Trouble("http", str(status), f"the server answered {status} {reason}".rstrip(), cure)


def of_request(error: errors.RequestError) -> Trouble:
    """What stopped an exchange."""
    if isinstance(error, errors.StatusError):
        return of_status(error.status, error.message.partition(f"{error.status} ")[2])
    stage = "proxy" if isinstance(error, errors.ProxyError) else "http"
    cure = _CLASSES.get(error.name, "try again")
    return Trouble(stage, error.name, f"{error.message} ({urls.without_userinfo(error.url)})", cure)
