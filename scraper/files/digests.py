"""Digests that a response promises of its body, from four headers, read by hand.

    Repr-Digest, Content-Digest   RFC 9530: a structured dictionary (RFC 9651) of byte sequences, `sha-256=:…:`
    Digest                        RFC 3230, which it replaced: `SHA-256=…,unixsum=30637`, base64
    Content-MD5                   RFC 1864, which HTTP dropped: base64

Theory. A digest over the whole file is worth comparing, any other would refuse good files. All four are taken
of the bytes after content coding, so a body that we decode has none. Content-Digest and Content-MD5 belong to
the one message: of a 206 they describe the range. One is believed: the algorithm first (sha256 costs nothing,
it is computed anyway; then the strongest), then the header, the newest first. A header that cannot be read,
an algorithm that nobody knows and a value of the wrong length promise nothing and are no error: RFC 9530
section 2 leaves a recipient free to ignore any. ETag is no digest, even where it looks like one.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

SIZES = {"sha256": 32, "sha512": 64, "sha1": 20, "md5": 16}
"""Algorithms by our names (hashlib's), the preferred first, and the bytes of their digests."""

# The registries of RFC 9530 and RFC 3230; names of both are compared in lower case.
_ALGORITHMS = {"sha-256": "sha256", "sha-512": "sha512", "sha": "sha1", "sha-1": "sha1", "md5": "md5"}
_LONGEST = 8192  # characters of a header that are read; no honest one is near
_OF_THE_MESSAGE = frozenset({"content-digest", "content-md5"})
_PARTIAL = 206


class Promised(NamedTuple):
    """What the response says of its body.

    Attributes:
        algorithm: hashlib's name.
        digest: in lower-case hex.
        header: which header said it, as people write it.
    """

    algorithm: str
    digest: str
    header: str


def promised(headers: Mapping[str, str], status: int = 200) -> Promised | None:
    """The digest of the whole body that is worth comparing, or None; never raises.

    Args:
        headers: names in lower case; a repeated one joined with ", ".
    """
    if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        return None
    offers: dict[str, Promised] = {}
    for name, (spelled, read) in _READERS.items():
        value = headers.get(name, "")
        if value and len(value) <= _LONGEST and not (status == _PARTIAL and name in _OF_THE_MESSAGE):
            for algorithm, digest in read(value):
                offers.setdefault(algorithm, Promised(algorithm, digest, spelled))
    return next((offers[algorithm] for algorithm in SIZES if algorithm in offers), None)


def _checked(name: str, encoded: str, *, strict: bool) -> Iterator[tuple[str, str]]:
    """The digest in hex under our name, if the algorithm is known and the length is its own."""
    algorithm = _ALGORITHMS.get(name)
    if algorithm is None:
        return
    padded = encoded if strict else encoded + "=" * (-len(encoded) % 4)  # RFC 9651 4.2.7: padding may be missing
    try:
        digest = binascii.a2b_base64(padded, strict_mode=True)
    except (binascii.Error, ValueError):
        return  # not base64 at all: no promise
    if len(digest) == SIZES[algorithm]:
        yield algorithm, digest.hex()


# A structured dictionary (RFC 9651 section 3.2): every kind of member has to be read over to find the next.
_KEY = r"[a-z*][a-z0-9_.*-]*+"
_BYTES = r":[A-Za-z0-9+/=]*+:"
_ITEM = (
    rf"(?:{_BYTES}"
    r'|%?"(?:[ !#-\[\]-~]|\\["\\])*+"'  # strings, and display strings, whose escapes are percent signs
    r"|@?-?[0-9]{1,15}+(?:\.[0-9]{1,3}+)?+"
    r"|\?[01]"
    r"|[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*+)"
)
_PARAMETERS = rf"(?:;[ ]*+{_KEY}(?:={_ITEM})?+)*+"
_INNER_LIST = rf"\([ ]*+(?:{_ITEM}{_PARAMETERS}(?:[ ]++|(?=\))))*+\)"
_MEMBER = re.compile(rf"({_KEY})(?:=({_ITEM}|{_INNER_LIST}))?+{_PARAMETERS}[ \t]*+(,[ \t]*+(?!\Z)|\Z)")


def _dictionary(value: str) -> Iterator[tuple[str, str]]:
    """The digests of a structured dictionary; none where any part of it is malformed (RFC 9651 4.2)."""
    members: dict[str, str] = {}
    value, at = value.strip(" "), 0
    while at < len(value):
        member = _MEMBER.match(value, at)
        if member is None:
            return
        members[member[1]] = member[2] or ""  # the last of equal keys counts
        at = member.end()
    for name, item in members.items():
        if item.startswith(":"):
            yield from _checked(name, item[1:-1], strict=False)


def _instance(value: str) -> Iterator[tuple[str, str]]:
    """RFC 3230 section 4.3.2: `algorithm=encoded`, separated by commas; what is unfit is passed over."""
    for member in value.split(","):
        name, _, encoded = member.strip().partition("=")
        yield from _checked(name.strip().lower(), encoded.strip(), strict=True)


def _md5(value: str) -> Iterator[tuple[str, str]]:
    yield from _checked("md5", value.strip(), strict=True)


# The most trusted first.
_READERS = {
    "repr-digest": ("Repr-Digest", _dictionary),
    "content-digest": ("Content-Digest", _dictionary),
    "digest": ("Digest", _instance),
    "content-md5": ("Content-MD5", _md5),
}
HEADERS = frozenset(_READERS)
"""The names of the headers that are looked at, in lower case."""
