"""Digest authentication as requests takes it (RFC 7616), and a jar that keeps requests from taking cookies."""

from __future__ import annotations

from collections.abc import Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.auth import HTTPDigestAuth
from requests.cookies import RequestsCookieJar


def no_cookies() -> RequestsCookieJar:
    """A jar that stays empty: cookies are taken and given by ours (net/cookies.py)."""
    return RequestsCookieJar(DefaultCookiePolicy(allowed_domains=()))


class Digest(HTTPDigestAuth):
    """requests' own reads the body of a 401 whole and decoded, and takes every challenge for a whole one."""

    def __call__(self, r: requests.PreparedRequest) -> requests.PreparedRequest:
        """Puts the answer to the challenge of an earlier request in."""
        request = super().__call__(r)
        if request.headers.get("Authorization", "") is None:
            del request.headers["Authorization"]
        return request

    def handle_401(self, r: requests.Response, **kwargs: Any) -> requests.Response:
        """Answers a challenge, once; any other 401 stays as it came."""
        challenge = r.headers.get("www-authenticate", "").lower()
        if r.status_code == 401 and "digest" in challenge and self._thread_local.num_401_calls < 2:
            r.raw.close()
            r.request._cookies = no_cookies()  # requests would send what the challenge sets, whatever our jar says
        return super().handle_401(r, **kwargs)

    def build_digest_header(self, method: str, url: str) -> str | None:
        """The answer to the challenge at hand; None for one without realm or nonce (RFC 7616 section 3.3)."""
        challenge: Mapping[str, str | None] = self._thread_local.chal
        if challenge.get("realm") is None or challenge.get("nonce") is None:
            return None
        return super().build_digest_header(method, url)
