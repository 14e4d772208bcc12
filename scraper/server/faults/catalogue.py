"""Every fault by its name: a new one is a function and a row."""

from __future__ import annotations

from collections.abc import Callable

from scraper.server.faults import bodies, coded, framing, heads, ranges, replies
from scraper.server.faults.fault import Fault

_MAKERS: tuple[Callable[..., Fault], ...] = (
    # no answer, or not all of it
    bodies.refuse, bodies.hang_up, bodies.silence, bodies.cut, bodies.reset, bodies.stall, bodies.drip, bodies.endless,
    # lengths and chunks
    framing.length, framing.bad_length, framing.two_lengths, framing.length_and_chunks, framing.surplus,
    framing.no_length, framing.chunk_cut, framing.chunk_end, framing.no_last_chunk, framing.bad_chunk,
    # content encodings
    coded.gzipped, coded.gzip_cut, coded.gzip_corrupt, coded.gzip_tail, coded.bomb,
    # heads
    heads.no_colon, heads.bad_header, heads.long_header, heads.big_head, heads.many_headers, heads.interim,
    heads.http09, heads.status_line, heads.drip_head,
    # ranges and validators
    ranges.ignore_range, ranges.ignore_if_range, ranges.wrong_offset, ranges.wrong_total, ranges.bad_content_range,
    ranges.unasked_range, ranges.byteranges, ranges.not_satisfiable, ranges.change, ranges.weak_etag,
    ranges.no_validators,
    # statuses, redirects, contents
    replies.status, replies.redirect, replies.hops, replies.no_location, replies.two_locations, replies.html,
    replies.empty, replies.truncate, replies.wrong_digest,
)  # fmt: skip

FAULTS: dict[str, Callable[..., Fault]] = {maker.__name__: maker for maker in _MAKERS}

HARMLESS = frozenset({"drip", "gzipped", "weak_etag", "no_validators", "ignore_if_range"})
"""Under these the answer arrives, whole."""
HIDING = frozenset(maker.__name__ for maker in (
    bodies.refuse, bodies.hang_up, bodies.silence, framing.bad_length, framing.two_lengths, coded.bomb,
    heads.no_colon, heads.bad_header, heads.long_header, heads.big_head, heads.many_headers, heads.interim,
    heads.http09, heads.status_line, heads.drip_head, replies.status, replies.redirect, replies.hops,
    replies.no_location, replies.two_locations, replies.html,
))  # fmt: skip
"""Under these nobody learns the status of the answer. Under all others it arrives, and a part of the body may not."""


def arrives(faults: frozenset[str], status: int) -> bool:
    """Whether a client that got an answer of this status under these faults has what it needs of it.

    Of an error or a redirect the status is enough, of a success the body is wanted.
    """
    return faults <= HARMLESS or (status >= 300 and not faults & HIDING)
