"""Which digest a response promises of its body."""

import base64
import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.files.digests import HEADERS, SIZES, Promised, promised

BODY = b"pixels"
NAMES = {"sha256": "sha-256", "sha512": "sha-512", "sha1": "sha", "md5": "md5"}


def encoded(algorithm: str, body: bytes = BODY) -> str:
    return base64.b64encode(hashlib.new(algorithm, body).digest()).decode()


def sfv(algorithm: str, body: bytes = BODY) -> str:
    return f":{encoded(algorithm, body)}:"


def hexed(algorithm: str, header: str) -> Promised:
    return Promised(algorithm, hashlib.new(algorithm, BODY).hexdigest(), header)


@pytest.mark.parametrize("algorithm", SIZES)
@pytest.mark.parametrize(("name", "spelled"), [("repr-digest", "Repr-Digest"), ("content-digest", "Content-Digest")])
def test_a_digest_field_is_read(name: str, spelled: str, algorithm: str) -> None:
    assert promised({name: f"{NAMES[algorithm]}={sfv(algorithm)}"}) == hexed(algorithm, spelled)


@pytest.mark.parametrize(
    ("value", "algorithm"),
    [
        (f"SHA-256={encoded('sha256')}", "sha256"),
        (f"sha-512={encoded('sha512')}", "sha512"),
        (f"SHA={encoded('sha1')},unixsum=30637", "sha1"),
        (f"unixcksum=1, MD5={encoded('md5')}", "md5"),
    ],
)
def test_the_older_digest_field_is_read(value: str, algorithm: str) -> None:
    assert promised({"digest": value}) == hexed(algorithm, "Digest")


def test_a_content_md5_is_read() -> None:
    assert promised({"content-md5": f" {encoded('md5')} "}) == hexed("md5", "Content-MD5")


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"content-md5": encoded("md5"), "digest": f"sha={encoded('sha1')}"}, hexed("sha1", "Digest")),
        ({"content-md5": encoded("md5"), "repr-digest": f"md5={sfv('md5')}"}, hexed("md5", "Repr-Digest")),
        (
            {"digest": f"sha-256={encoded('sha256', b'old')}", "content-digest": f"sha-256={sfv('sha256')}"},
            hexed("sha256", "Content-Digest"),
        ),
        ({"repr-digest": f"sha-512={sfv('sha512')}, sha-256={sfv('sha256')}"}, hexed("sha256", "Repr-Digest")),
    ],
)
def test_of_several_the_better_algorithm_and_then_the_better_header_is_believed(headers: Any, expected: Any) -> None:
    assert promised(headers) == expected


@pytest.mark.parametrize(
    "before",
    [
        'unknown="a, b=:AA==:\\"", ',
        "crc32c=://///w==:;q=0.5;x, ",
        "a=?1, b=-17.5, c=tok*/:en, d=@1659578233, ",
        "flag;p=:aGk=:, ",
        '*list=(1 "two" :Aw==:;x=1);y,\t ',
        "empty=(  ), ",
        f"sha-256={'{other}'}, ",
    ],
)
def test_other_members_of_a_dictionary_are_read_over(before: str) -> None:
    value = before.replace("{other}", sfv("sha256", b"another; the last of equal keys counts"))

    assert promised({"repr-digest": f"{value}sha-256={sfv('sha256')}"}) == hexed("sha256", "Repr-Digest")


def test_padding_may_be_missing() -> None:
    assert promised({"repr-digest": f"md5=:{encoded('md5').rstrip('=')}:"}) == hexed("md5", "Repr-Digest")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"etag": f'"{hashlib.md5(BODY).hexdigest()}"'},
        {"repr-digest": ""},
        {"repr-digest": f"sha-256={sfv('sha256')},"},
        {"repr-digest": f"sha-256={sfv('sha256')} sha-512=:AA==:"},
        {"repr-digest": f"sha-256={encoded('sha256')}"},
        {"repr-digest": f"SHA-256={sfv('sha256')}"},
        {"repr-digest": f"sha-256={sfv('sha256')[:-1]}"},
        {"repr-digest": f'ok=1, x="open, sha-256={sfv("sha256")}'},
        {"repr-digest": f"sha-256={sfv('md5')}"},
        {"repr-digest": f"sha-256=({sfv('sha256')})"},
        {"repr-digest": "sha-256=:====:"},
        {"repr-digest": f"crc32={sfv('sha256')}"},
        {"repr-digest": f"sha-256={sfv('sha256')}, a={'x' * 9000}"},
        {"digest": hashlib.sha256(BODY).hexdigest()},
        {"digest": f"sha-256={hashlib.sha256(BODY).hexdigest()}"},
        {"digest": f"sha-256=:{encoded('sha256')}:"},
        {"content-md5": hashlib.md5(BODY).hexdigest()},
        {"content-md5": f"{encoded('md5')}, {encoded('md5', b'x')}"},
        {"content-md5": "\u00e4"},
    ],
)
def test_what_cannot_be_read_promises_nothing(headers: dict[str, str]) -> None:
    assert promised(headers) is None


def test_what_is_malformed_leaves_the_other_headers_alone() -> None:
    assert promised({"repr-digest": "=", "content-md5": encoded("md5")}) == hexed("md5", "Content-MD5")


@pytest.mark.parametrize("coding", ["gzip", "br, gzip", "Identity"])
def test_a_body_that_is_decoded_has_no_digest(coding: str) -> None:
    found = promised({"content-encoding": coding, "repr-digest": f"sha-256={sfv('sha256')}"})

    assert found == (hexed("sha256", "Repr-Digest") if coding == "Identity" else None)


def test_of_a_range_only_digests_of_the_whole_file_are_believed() -> None:
    each = {
        "repr-digest": f"md5={sfv('md5')}", "digest": f"md5={encoded('md5')}", "content-digest": f"md5={sfv('md5')}",
        "content-md5": encoded("md5"),
    }  # fmt: skip

    told = {name: promised({name: value}, 206) is not None for name, value in each.items()}
    assert told == {"repr-digest": True, "digest": True, "content-digest": False, "content-md5": False}


@given(st.dictionaries(st.sampled_from(sorted(HEADERS)), st.text(max_size=200)), st.sampled_from([200, 206]))
def test_no_headers_raise(headers: dict[str, str], status: int) -> None:
    found = promised(headers, status)

    assert found is None or len(found.digest) == 2 * SIZES[found.algorithm]


PIECES = st.sampled_from(["sha-256", "md5", "=", ":", '"', "\\", "(", ")", ";", ",", " ", "a", "1", "?", "@", "-", "*",
                          sfv("sha256"), sfv("md5")])  # fmt: skip


@given(st.lists(PIECES, max_size=40).map("".join))
def test_no_dictionary_raises(value: str) -> None:
    found = promised({"repr-digest": value})

    assert found in (None, hexed("sha256", "Repr-Digest"), hexed("md5", "Repr-Digest"))


@pytest.mark.parametrize("piece", ['"\\', "a=(", "a;", "a=1,", "((", '"a" ', "a=:"])
def test_reading_takes_time_in_proportion_to_the_length(piece: str) -> None:
    """A pattern that tried each way to part it would not come back from this."""
    assert promised({"repr-digest": f"a=({piece * 2000}"[:8000]}) is None
