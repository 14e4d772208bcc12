"""What is set once on an easy handle: TLS, proxy, digest credentials."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import pycurl

from scraper.net.outgoing import Credentials, Outgoing, Wire
from scraper.net.proxies import Way

_VERSIONS = {
    "1.1": pycurl.CURL_HTTP_VERSION_1_1,
    "2": pycurl.CURL_HTTP_VERSION_2TLS,
    "3": pycurl.CURL_HTTP_VERSION_3,
}
BUFFER = 512 * 1024
"""Bytes that one recv may take; 2.7 times as fast as the default for large bodies (docs/speed.md)."""


_SUPPRESS_CONNECT_HEADERS = 265
"""CURLOPT_SUPPRESS_CONNECT_HEADERS, for which pycurl has no name."""


class Profile(NamedTuple):
    """What handles that may serve the same exchanges have in common."""

    proxy: str | None
    digest: Credentials | None
    cert: bool
    guarded: bool = False


def profile_of(outgoing: Outgoing, wire: Wire, found: Credentials | None, way: Way | None) -> Profile:
    """The profile of an exchange; `found` are its credentials, `way` the proxy that it takes."""
    digest = found if found is not None and found.kind == "digest" else None
    cert = outgoing.cert is not None and outgoing.is_home(wire.url)
    return Profile(way and way.proxy, digest, cert, wire.guarded)


def new_handle(outgoing: Outgoing, profile: Profile, buffer: int = BUFFER) -> Any:
    """A handle with all that its profile says; no cookies, netrc, redirects or environment of libcurl's own.

    Args:
        buffer: bytes that are read from the connection at once.
    """
    easy = pycurl.Curl()
    timeout = outgoing.http.timeout
    for option, value in (
        (pycurl.NOSIGNAL, 1),  # no alarm() in a process with threads
        (pycurl.FOLLOWLOCATION, 0),
        (pycurl.NETRC, 0),
        (pycurl.BUFFERSIZE, buffer),
        (pycurl.TCP_NODELAY, 1),
        (pycurl.CONNECTTIMEOUT_MS, max(1, int(timeout.connect * 1000))),
        (pycurl.DNS_CACHE_TIMEOUT, 300),
        (pycurl.PROXY, profile.proxy or ""),  # "": none, also none of the environment
        (pycurl.NOPROXY, ""),
        (pycurl.PROXYHEADER, ["Proxy-Connection:", "User-Agent:"]),
        (_SUPPRESS_CONNECT_HEADERS, 1),  # a proxy's answer to CONNECT is no head of ours
        (pycurl.HTTP_VERSION, _VERSIONS[outgoing.http.version]),
        (pycurl.PIPEWAIT, int(outgoing.http.version != "1.1")),
        (pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2),
        (pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS),
    ):
        easy.setopt(option, value)
    _trust(easy, outgoing.verify)
    if profile.cert:
        _identify(easy, outgoing.cert)
    if profile.digest is not None:
        easy.setopt(pycurl.HTTPAUTH, pycurl.HTTPAUTH_DIGEST)
        easy.setopt(pycurl.USERNAME, profile.digest.user.encode())
        easy.setopt(pycurl.PASSWORD, profile.digest.password.encode())
    return easy


def _trust(easy: Any, verify: bool | str) -> None:
    """Which certificates are believed, those of a proxy too: of certifi, as requests does, or of a file or folder."""
    for option in (pycurl.CAINFO, pycurl.CAPATH, pycurl.PROXY_CAINFO, pycurl.PROXY_CAPATH):
        easy.unsetopt(option)  # libcurl was built with paths of its own
    if verify is False:
        for option in (pycurl.SSL_VERIFYPEER, pycurl.SSL_VERIFYHOST, *_PROXYS):
            easy.setopt(option, 0)
        return
    if verify is True:
        import certifi

        verify = certifi.where()
    is_folder = os.path.isdir(verify)
    for option in (pycurl.CAPATH, pycurl.PROXY_CAPATH) if is_folder else (pycurl.CAINFO, pycurl.PROXY_CAINFO):
        easy.setopt(option, verify)


_PROXYS = (pycurl.PROXY_SSL_VERIFYPEER, pycurl.PROXY_SSL_VERIFYHOST)


def _identify(easy: Any, cert: Any) -> None:
    """The certificate that we show, and its key."""
    pair = (cert, cert) if isinstance(cert, str) else cert
    easy.setopt(pycurl.SSLCERT, pair[0])
    easy.setopt(pycurl.SSLKEY, pair[1])
