"""Whole representations out of what was recorded of them: a 200, or the parts (206) that together are one. Pure.

What belongs together is told by its validators, its length and its coding (RFC 9110 section 14.4): parts of two
versions of a file are never joined.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from scraper.tape.matching import field
from scraper.tape.taken import Answered, Pairs, Slice, Taken

Body = bytes | Slice
_RANGE = re.compile(r"bytes[ \t]+(\d{1,18})-(\d{1,18})/(\d{1,18})")
_LENGTH = re.compile(r"\d{1,18}")
_OF_A_PART = frozenset({"content-range", "content-length", "content-digest", "content-md5"})


class Whole(NamedTuple):
    """A representation: the fields that it came with, and its body in pieces, one behind the other."""

    answered: Answered
    headers: Pairs
    parts: tuple[Body, ...]

    @property
    def size(self) -> int:
        """Bytes of the body."""
        return sum(map(size_of, self.parts))


def size_of(body: Body) -> int:
    """Its bytes."""
    return body.count if isinstance(body, Slice) else len(body)


def cut(body: Body, first: int, count: int) -> Body:
    """`count` bytes of a body from `first`."""
    if isinstance(body, Slice):
        return Slice(body.path, body.offset + first, count)
    return body[first : first + count]


def cut_all(parts: Iterable[Body], first: int, count: int) -> Iterator[Body]:
    """`count` bytes from `first` of bodies that stand behind one another."""
    for part in parts:
        size = size_of(part)
        if first < size and count > 0:
            piece = cut(part, first, min(count, size - first))
            yield piece
            count -= size_of(piece)
        first = max(0, first - size)


def whole_of(answered: Answered) -> Whole | None:
    """A 200 whose body came to its end."""
    return Whole(answered, answered.headers, (answered.body,)) if answered.status == 200 and answered.whole else None


def versions(takes: Sequence[Taken]) -> list[Whole]:
    """The representations of which every byte was recorded, in the order in which they came."""
    found: dict[object, list[tuple[int, Answered]]] = {}
    sizes: dict[object, int] = {}
    for taken in takes:
        answered = taken.answered
        place = None if answered is None else _place(answered)
        if answered is None or place is None:
            continue
        first, total = place
        names = ("etag", "last-modified", "content-encoding")
        version = (*(field(answered.headers, name) for name in names), total)
        found.setdefault(version, []).append((first, answered))
        sizes[version] = total
    joined = (_joined(pieces, sizes[version]) for version, pieces in found.items())
    return [one for one in joined if one is not None]


def _place(answered: Answered) -> tuple[int, int] | None:
    """The first byte and the length of the whole; None where that is not told."""
    if answered.status == 206:
        told = _RANGE.fullmatch((field(answered.headers, "content-range") or "").strip())
        return None if told is None else (int(told[1]), int(told[3]))
    if answered.status != 200:
        return None
    if answered.whole:
        return 0, size_of(answered.body)
    length = (field(answered.headers, "content-length") or "").strip()
    return (0, int(length)) if _LENGTH.fullmatch(length) else None


def _joined(pieces: list[tuple[int, Answered]], total: int) -> Whole | None:
    """What covers all bytes; None where some are missing."""
    for _, answered in pieces:
        if (whole := whole_of(answered)) is not None:
            return whole
    parts: list[Body] = []
    upto = 0
    for first, answered in sorted(pieces, key=lambda piece: (piece[0], -size_of(piece[1].body))):
        size = size_of(answered.body)
        if first <= upto < first + size:
            parts.append(cut(answered.body, upto - first, min(size, total - first) - (upto - first)))
            upto = min(first + size, total)
    if upto < total:
        return None
    told = next((answered for _, answered in pieces if answered.status == 200), pieces[0][1])
    headers = tuple(pair for pair in told.headers if pair[0].lower() not in _OF_A_PART)
    return Whole(told, (*headers, ("Content-Length", str(total))), tuple(parts))
