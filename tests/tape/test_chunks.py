"""Chunks are undone, however the body is cut into pieces."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from scraper.tape.chunks import Chunks


def undone(pieces: list[bytes]) -> tuple[bytes, bool, bool]:
    """The body, whether it came to its end, and whether it had no chunks."""
    chunks = Chunks()
    body = b"".join([*map(chunks.feed, pieces), chunks.end()])
    return body, chunks.whole, chunks.plain


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    """The bytes in pieces."""
    at = [0, *sorted(one % (len(data) + 1) for one in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(at)]


CUTS = st.lists(st.integers(0, 10_000), max_size=20)


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=5), st.sampled_from([b"", b";a=b", b" "]), CUTS)
def test_what_was_chunked_comes_back(parts: list[bytes], extension: bytes, cuts: list[int]) -> None:
    data = b"".join(b"%X%s\r\n%s\r\n" % (len(part), extension, part) for part in parts) + b"0\r\nTrailer: 1\r\n\r\n"
    assert undone(cut(data, cuts)) == (b"".join(parts), True, False)


@given(st.binary(max_size=60) | st.text("0aF;\r\nx", max_size=20).map(str.encode), CUTS)
def test_how_a_body_is_cut_makes_no_difference(data: bytes, cuts: list[int]) -> None:
    assert undone(cut(data, cuts)) == undone([data])


@given(st.binary(max_size=60).map(lambda data: b"<p>" + data), CUTS)
def test_what_does_not_begin_with_a_chunk_stays_as_it_is(data: bytes, cuts: list[int]) -> None:
    assert undone(cut(data, cuts)) == (data, False, True)


def test_a_line_without_end_is_no_size() -> None:
    assert undone([b"a" * 3000, b"a" * 3000]) == (b"a" * 6000, False, True)
    assert undone([b"1\r\nx\r\n", b"1" * 6000]) == (b"x", False, False)
