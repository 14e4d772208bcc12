"""What each fault of the catalogue may do to a sample job: the table that the injections are judged by.

A fault that passes (`times` below the attempts) must leave no trace, unless it gives the client a flawless answer with
another content, or a final one: then the struck URL ends as the table says, and nothing else changes but what only
that page led to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

Parameters = Callable[[Random], dict[str, Any]]


@dataclass(frozen=True)
class Judged:
    """What may become of a URL that a fault struck.

    Attributes:
        parameters: what the fault is made with, by chance.
        classes: how a request ends that the fault ended for good: because it is final, or its method is not retried.
        final: whether it is never retried.
        other: whether it is an answer like any other, of another content: then it may also be saved, or read.
        ranged: whether it needs a request for a range: a cut comes first.
    """

    parameters: Parameters = lambda rng: {}
    classes: frozenset[str] = frozenset({"protocol"})
    final: bool = False
    other: bool = False
    ranged: bool = False


def _of(*classes: str, **options: Any) -> Judged:
    given = options.pop("parameters", lambda rng: {})
    return Judged(given, frozenset(classes), **options)


def _at(rng: Random) -> dict[str, Any]:
    return {"at": f"{rng.choice([0, 1, 25, 50, 75, 99])}%"}


def _retry_after(rng: Random) -> dict[str, Any]:
    after = rng.choice([None, 0, 2, 30, "date+2", "date-60", "soon"])
    return {"code": rng.choice([429, 500, 502, 503, 504])} | ({} if after is None else {"retry_after": after})


_CUT = ("length", "protocol", "stalled", "encoding", "type", "shape")

JUDGED: dict[str, Judged] = {
    # no answer, or not all of it
    "refuse": _of("connect", "protocol", "proxy"),
    "hang_up": _of("protocol", parameters=lambda rng: {"reset": rng.random() < 0.5}),
    "silence": _of("timeout", "protocol", parameters=lambda rng: {"seconds": rng.choice([0.01, 0.05, 0.1])}),
    "cut": _of(*_CUT, parameters=_at),
    "reset": _of(*_CUT, parameters=_at),
    "stall": _of(*_CUT, parameters=lambda rng: {**_at(rng), "seconds": rng.choice([0.01, 0.1])}),
    "drip": _of(*_CUT, parameters=lambda rng: {"rate": "200k", "head": rng.random() < 0.5}),
    "endless": _of(
        *_CUT, "limit", parameters=lambda rng: {"most": "512k", "chunked": rng.random() < 0.5}, final=True, other=True
    ),
    # lengths and chunks
    "length": _of(*_CUT, parameters=lambda rng: {"by": rng.choice([1, 100, 5000])}),
    "bad_length": _of("protocol", "length", parameters=lambda rng: {"value": rng.choice(["-5", "x", "1e3", "+7", ""])}),
    "two_lengths": _of("protocol", "length"),
    "length_and_chunks": _of("protocol", "length"),
    "surplus": _of("length", "protocol"),
    "no_length": _of("protocol"),
    "chunk_cut": _of(*_CUT, parameters=_at),
    "chunk_end": _of(*_CUT, parameters=_at),
    "no_last_chunk": _of(*_CUT),
    "bad_chunk": _of("protocol", parameters=lambda rng: {"size": rng.choice(["xyz", "-1", "ffffffffffffffff", ""])}),
    # content encodings
    "gzipped": _of("encoding"),
    "gzip_cut": _of("encoding", parameters=lambda rng: {"at": f"{rng.choice([10, 50, 95])}%"}),
    "gzip_corrupt": _of("encoding", parameters=lambda rng: {"part": rng.choice(["crc", "size", "data"])}),
    "gzip_tail": _of("encoding"),
    "bomb": _of(*_CUT, "limit", parameters=lambda rng: {"size": "80M"}, final=True, other=True),
    # heads
    "no_colon": _of("protocol"),
    "bad_header": _of("protocol", parameters=lambda rng: {"value": rng.choice(["a\0b", "a\rb"])}),
    "long_header": _of("protocol", "limit", final=True),
    "big_head": _of("limit", "protocol", final=True),
    "many_headers": _of("limit", "protocol", final=True),
    "interim": _of("limit", "protocol", parameters=lambda rng: {"count": rng.choice([1, 5, 0])}, final=True),
    "http09": _of("protocol"),
    "status_line": _of(
        "protocol",
        parameters=lambda rng: {"text": rng.choice(["HTTP/1.1 99 Low", "HTTP/1.1 1000 High", "PRI * HTTP/2.0"])},
    ),
    "drip_head": _of("timeout", "stalled", "limit", "protocol", final=True),
    # ranges and validators
    "ignore_range": _of("protocol", ranged=True),
    "ignore_if_range": _of("protocol", ranged=True),
    "wrong_offset": _of("protocol", ranged=True, parameters=lambda rng: {"by": rng.choice([-8, 8, 1])}),
    "wrong_total": _of("protocol", ranged=True, parameters=lambda rng: {"by": rng.choice([-8, 8])}),
    "bad_content_range": _of("protocol", ranged=True),
    "unasked_range": _of("protocol"),
    "byteranges": _of("protocol", ranged=True),
    "not_satisfiable": _of("protocol", ranged=True, parameters=lambda rng: {"by": rng.choice([0, 8])}),
    "change": _of(
        *_CUT, other=True, final=True, parameters=lambda rng: {"size": rng.choice(["same", "bigger", "smaller"])}
    ),
    "weak_etag": _of("protocol", ranged=True),
    "no_validators": _of("protocol", ranged=True),
    # statuses, redirects, contents
    "status": _of("http:429", "http:500", "http:502", "http:503", "http:504", "busy", parameters=_retry_after),
    "redirect": _of("redirect", final=True, other=True),
    "hops": _of(
        "redirect", "connect", final=True, other=True, parameters=lambda rng: {"count": rng.choice([1, 3, 21])}
    ),
    "no_location": _of("redirect", "protocol", final=True),
    "two_locations": _of("redirect", "protocol", final=True, other=True),
    "html": _of("type", "shape", final=True, other=True, parameters=lambda rng: {"typed": rng.random() < 0.5}),
    "empty": _of("type", "shape", "length", final=True, other=True),
    "truncate": _of(*_CUT, final=True, other=True, parameters=lambda rng: {"at": f"{rng.choice([10, 50, 90])}%"}),
    "wrong_digest": _of("digest", final=True),
}
"""By the name of the fault; a test holds it to the catalogue."""

GONE = {"status": [404, 410, 403, 401]}
"""Statuses that are final at once."""
