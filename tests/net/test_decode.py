"""Content encodings: whole or an error, never a bomb."""

import contextlib
import gzip
import re
import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.net.decode import Decoder, EncodingTrouble, LimitTrouble, codings

PLAIN = b"To be, or not to be, that is the question. " * 20
MIB = 1 << 20


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def gzipped(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


PACKERS = {
    "gzip": gzipped,
    "x-gzip": gzipped,
    "deflate": zlib.compress,
    "raw": raw_deflate,
    "identity": bytes,
}


def decoded(encoding: str, *chunks: bytes, limit: int = MIB) -> bytes:
    decoder = Decoder(encoding, limit)
    data = b"".join(map(decoder.feed, chunks))
    decoder.finish()
    return data


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzipped(PLAIN)),
        ("X-GZIP", gzipped(PLAIN)),
        ("deflate", zlib.compress(PLAIN)),
        ("deflate", raw_deflate(PLAIN)),
        ("identity", PLAIN),
        ("", PLAIN),
        ("deflate, gzip", gzipped(zlib.compress(PLAIN))),
        (" gzip ,, identity, deflate", zlib.compress(gzipped(PLAIN))),
        ("gzip", gzipped(PLAIN[:10]) + gzipped(b"") + gzipped(PLAIN[10:])),
        ("gzip", gzipped(PLAIN) + bytes(512)),
    ],
)
def test_a_coding_is_undone(encoding: str, packed: bytes) -> None:
    assert decoded(encoding, packed) == PLAIN
    assert decoded(encoding, *(packed[n : n + 1] for n in range(len(packed)))) == PLAIN


@given(
    st.binary(max_size=3000),
    st.lists(st.sampled_from(sorted(PACKERS)), max_size=5),
    st.lists(st.integers(0, 4000), max_size=8),
)
def test_any_chain_cut_anywhere_gives_the_bytes_back(data: bytes, names: list[str], cuts: list[int]) -> None:
    packed = data
    for name in names:
        packed = PACKERS[name](packed)
    edges = [0, *sorted(cuts), len(packed)]
    chunks = [packed[a:b] for a, b in pairwise(edges)]

    assert decoded(", ".join("deflate" if name == "raw" else name for name in names), *chunks) == data


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzipped(PLAIN)),
        ("deflate", zlib.compress(PLAIN)),
        ("deflate, gzip", gzipped(zlib.compress(PLAIN))),
    ],
)
def test_a_stream_cut_at_any_byte_is_an_error(encoding: str, packed: bytes) -> None:
    for end in range(len(packed)):
        with pytest.raises(EncodingTrouble):
            decoded(encoding, packed[:end])


def test_a_second_member_cut_short_is_an_error() -> None:
    with pytest.raises(EncodingTrouble, match="too early"):
        decoded("gzip", gzipped(PLAIN) + gzipped(PLAIN)[:-1])


def test_an_inner_stream_cut_short_is_an_error() -> None:
    with pytest.raises(EncodingTrouble, match="deflate: the stream ends too early"):
        decoded("deflate, gzip", gzipped(zlib.compress(PLAIN)[:-3]))


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


@pytest.mark.parametrize(
    ("encoding", "packed", "message"),
    [
        ("gzip", flipped(gzipped(PLAIN), -8), "incorrect data check"),
        ("gzip", flipped(gzipped(PLAIN), -2), "incorrect length check"),
        ("gzip", PLAIN, "incorrect header check"),
        ("gzip", b"", "no stream"),
        ("gzip", gzipped(PLAIN) + b"x", "after the end"),
        ("gzip", gzipped(PLAIN) + b"\x1fx", "incorrect header check"),
        ("gzip", gzipped(PLAIN) + bytes(9) + gzipped(PLAIN), "after the end"),
        ("deflate", zlib.compress(PLAIN)[:-1] + b"x", "incorrect data check"),
        ("deflate", zlib.compress(PLAIN) + b"x", "after the end"),
        ("deflate", zlib.compress(PLAIN) + b"\0", "after the end"),
        ("deflate", b"\xff\xff\xff", "deflate: "),
        ("deflate", b"x", "too early"),
    ],
)
@pytest.mark.parametrize("step", [1, 10_000])
def test_what_is_corrupt_or_followed_by_more_is_an_error(encoding: str, packed: bytes, message: str, step: int) -> None:
    with pytest.raises(EncodingTrouble, match=re.escape(message)):
        decoded(encoding, *(packed[n : n + step] for n in range(0, len(packed), step)))


@pytest.mark.parametrize(
    ("encoding", "message"),
    [
        ("br", "unknown content encoding 'br'"),
        ("gzip, zstd", "unknown content encoding 'zstd'"),
        ("gzip, " * 6, "6 content encodings in a chain, 5 are the most"),
    ],
)
def test_a_coding_that_cannot_be_undone_is_refused_at_once(encoding: str, message: str) -> None:
    with pytest.raises(EncodingTrouble, match=message):
        Decoder(encoding, MIB)


def test_identity_is_no_coding() -> None:
    assert codings(" GZip, identity,, Deflate ") == ["gzip", "deflate"]


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_the_limit_is_a_number_of_decoded_bytes(encoding: str) -> None:
    packed = PACKERS[encoding](PLAIN)

    assert decoded(encoding, packed, limit=len(PLAIN)) == PLAIN
    with pytest.raises(LimitTrouble, match=f"more than {len(PLAIN) - 1} decoded bytes"):
        decoded(encoding, packed, limit=len(PLAIN) - 1)


def test_a_bomb_is_stopped_in_small_pieces() -> None:
    bomb = gzipped(bytes(64 * MIB))
    sizes: list[int] = []
    with pytest.raises(LimitTrouble):
        sizes.extend(len(piece) for piece in Decoder("gzip", 4 * MIB).pieces(bomb))
    pieces = Decoder("gzip", 4 * MIB).pieces(bomb)

    assert sum(len(next(pieces)) for _ in range(16)) == 4 * MIB
    with pytest.raises(LimitTrouble):
        next(pieces)


def test_pieces_are_at_most_256_kib_and_counted() -> None:
    decoder = Decoder("gzip", 8 * MIB)

    sizes = [len(piece) for piece in decoder.pieces(gzipped(bytes(5 * MIB)))]

    assert max(sizes) <= 256 * 1024
    assert sum(sizes) == decoder.decoded == 5 * MIB


def test_what_deflate_can_honestly_do_is_no_bomb() -> None:
    assert decoded("gzip", gzipped(bytes(8 * MIB)), limit=8 * MIB) == bytes(8 * MIB)


def test_a_bomb_in_a_bomb_is_stopped_by_its_ratio() -> None:
    with pytest.raises(LimitTrouble, match="decoded bytes for each that came"):
        decoded("gzip, gzip", gzipped(gzipped(bytes(64 * MIB))), limit=1 << 40)


def test_a_bomb_of_padding_within_a_chain_is_stopped() -> None:
    with pytest.raises(LimitTrouble):
        decoded("gzip, gzip", gzipped(gzipped(b"") + bytes(16 * MIB)), limit=MIB)


@given(st.binary(max_size=200), st.sampled_from(["gzip", "deflate", "gzip, deflate"]))
def test_any_garbage_is_an_encoding_trouble_or_data(garbage: bytes, encoding: str) -> None:
    """zlib's own errors never get out: any other exception fails this test."""
    with contextlib.suppress(EncodingTrouble):
        assert isinstance(decoded(encoding, garbage), bytes)
