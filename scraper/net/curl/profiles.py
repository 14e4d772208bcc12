"""What is set once on an easy handle: TLS, proxy, digest credentials."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import pycurl

from scraper.net.outgoing import Credentials, Outgoing, Wire

_VERSIONS = {
    "1.1": pycurl.CURL_HTTP_VERSION_1_1,
    "2": pycurl.CURL_HTTP_VERSION_2TLS,
    "3": pycurl.CURL_HTTP_VERSION_3,
}
BUFFER = 512 * 1024
"""Bytes that one recv may take; 2.7 times as fast as the default for large bodies (docs/speed.md)."""


class Profile(NamedTuple):
    """What handles that may serve the same exchanges have in common."""

    proxy: str | None
    digest: Credentials | None
    cert: bool


def profile_of(outgoing: Outgoing, wire: Wire, url: str, found: Credentials | None) -> Profile:
    """The profile of an exchange; `found` are its credentials."""
    digest = found if found is not None and found.kind == "digest" else None
    cert = outgoing.cert is not None and outgoing.is_home(wire.url)
    return Profile(outgoing.proxies.for_url(url), digest, cert)


def new_handle(outgoing: Outgoing, profile: Profile) -> Any:
    """A handle with all that its profile says; no cookies, netrc, redirects or environment of libcurl's own."""
    easy = pycurl.Curl()
    timeout = outgoing.http.timeout
    for option, value in (
        (pycurl.NOSIGNAL, 1),  # no alarm() in a process with threads
        (pycurl.FOLLOWLOCATION, 0),
        (pycurl.NETRC, 0),
        (pycurl.BUFFERSIZE, BUFFER),
        (pycurl.TCP_NODELAY, 1),
        (pycurl.CONNECTTIMEOUT_MS, max(1, int(timeout.connect * 1000))),
        (pycurl.DNS_CACHE_TIMEOUT, 300),
        (pycurl.PROXY, profile.proxy or ""),  # "": none, also none of the environment
        (pycurl.NOPROXY, ""),
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
    """Which certificates are believed: those of certifi, as requests does, or of a file or folder."""
    if verify is False:
        easy.setopt(pycurl.SSL_VERIFYPEER, 0)
        easy.setopt(pycurl.SSL_VERIFYHOST, 0)
        return
    if verify is True:
        import certifi

        verify = certifi.where()
    easy.setopt(pycurl.CAPATH if os.path.isdir(verify) else pycurl.CAINFO, verify)


def _identify(easy: Any, cert: Any) -> None:
    """The certificate that we show, and its key."""
    pair = (cert, cert) if isinstance(cert, str) else cert
    easy.setopt(pycurl.SSLCERT, pair[0])
    easy.setopt(pycurl.SSLKEY, pair[1])
