"""Whether the head of an answer says clearly where its body ends. Pure (RFC 9112 sections 5 and 6).

http.client takes what it can get: where it cannot read a length or a coding it reads on
to the end of the connection, so that a cut body counts as whole. Section 6.3 calls that
an error that cannot be mended.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_LENGTH = re.compile(r"[0-9]{1,18}(?:[ \t]*,[ \t]*[0-9]{1,18})*", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", re.ASCII)


def fault(status: int, headers: Mapping[str, str]) -> str | None:
    """What is wrong with a head, or None.

    Args:
        headers: names in lower case; a repeated one joined with ", ".
    """
    if status < 200:
        return f"a protocol that was not asked for ({status})"
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name) or _CONTROL.search(value):
            return "a header with a control character or an unfit name"
    return _framing_fault(headers)


def _framing_fault(headers: Mapping[str, str]) -> str | None:
    coding = headers.get("transfer-encoding")
    if coding is not None:
        return None if coding.strip(" \t").lower() == "chunked" else "a transfer coding that was not asked for"
    length = headers.get("content-length")
    if length is None or (_LENGTH.fullmatch(length) and len({int(one) for one in length.split(",")}) == 1):
        return None
    return "a Content-Length that is no length"
