"""What a request asks for: the request target of RFC 9112 section 3.2, decoded exactly once.

A path is split at its slashes first and each segment decoded after, so an encoded slash never becomes a
separator, and `%252e` is the text `%2e`, not a dot. Whether a segment such as `..` is good for anything is
for the reader of the path to say: routes compare texts, static files refuse.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from scraper.server.refusal import BadRequest

# Wider than RFC 3986 by `[ ] ^ { | }` and the backtick, which browsers send unencoded; the backslash and
# `"<>#` are never sent as they are by a well-meaning client, and `\` is a separator on some systems.
_PATH = re.compile(r"""/[!$-;=?-\[\]-~]*""")
_QUERY = re.compile(r"""[!$-;=?-~]*""")
_ESCAPE_BROKEN = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ABSOLUTE = re.compile(r"(?i:https?)://([^/?]*)(.*)")
# RFC 9110 section 7.2: uri-host [ ":" port ]; a name may be written with escapes and sub-delims (RFC 3986,
# 3.2.2).
_AUTHORITY = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]*)(?::[0-9]{0,5})?")


@dataclass(frozen=True, slots=True)
class Target:
    """A request target.

    `raw` as it was sent; `path` decoded, with a leading slash, or `*`; `segments` the decoded parts between
    the slashes (a trailing slash gives a last empty one); `query` still encoded; `authority` of an absolute
    target. Bytes that are not UTF-8 are surrogates, as in file names.
    """

    raw: str
    path: str
    segments: tuple[str, ...]
    query: str
    authority: str | None = None


def parse_target(method: str, raw: str) -> Target:
    """The target of a request line; raises BadRequest(400) where RFC 9112 section 3.2 has no such form."""
    if method == "CONNECT":
        return _authority_form(raw)
    if raw == "*":
        return _asterisk_form(method)
    if raw.startswith("/"):
        return _origin_form(raw, raw, None)
    match = _ABSOLUTE.fullmatch(raw)
    if not match or not match[1] or not is_authority(match[1]):
        raise BadRequest(400, "the target is neither a path nor an http URL")
    rest = match[2] if match[2].startswith("/") else "/" + match[2]
    return _origin_form(raw, rest, match[1])


def is_authority(text: str) -> bool:
    """Whether `text` can stand in a Host field: a host (also none) and perhaps a port; no user."""
    return _AUTHORITY.fullmatch(text) is not None


def decode(text: str) -> str:
    """Percent-decoding, once; raises BadRequest(400) for a broken escape."""
    if "%" not in text:
        return text
    if _ESCAPE_BROKEN.search(text):
        raise BadRequest(400, "a percent sign without two hex digits")
    return unquote_to_bytes(text).decode("utf-8", "surrogateescape")


def _authority_form(raw: str) -> Target:
    host, _, port = raw.rpartition(":")
    if not host or not port or not is_authority(raw):
        raise BadRequest(400, "CONNECT takes host:port")
    return Target(raw, "", (), "", raw)


def _asterisk_form(method: str) -> Target:
    if method != "OPTIONS":
        raise BadRequest(400, "the target * is for OPTIONS only")
    return Target("*", "*", (), "")


def _origin_form(raw: str, text: str, authority: str | None) -> Target:
    path, _, query = text.partition("?")
    if not _PATH.fullmatch(path) or not _QUERY.fullmatch(query):
        raise BadRequest(400, "the target has a character that must be encoded")
    segments = tuple([decode(segment) for segment in path[1:].split("/")])
    decoded = "/" + "/".join(segments)
    if "\0" in decoded:
        raise BadRequest(400, "the target has a NUL")
    return Target(raw, decoded, segments, query, authority)
