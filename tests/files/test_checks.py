"""One file judged while it comes."""

import base64
import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.errors import RequestError
from scraper.files.checks import EARLY, NO_LIMIT, NOTHING, Check, Demand, check_for, demand
from scraper.files.claims import SNIFFED, SURELY
from scraper.files.layout import whole
from scraper.job.model import Accept
from scraper.model import Download

URL = "http://h/files/"
HTML = b"<!doctype html><title>Not found</title>" + b"<p>words</p>" * 1000
NOISE = bytes(range(128, 256)) * 100
PIXELS = {"min_width": 1}


def check(
    name: str = "a.bin",
    content_type: str = "",
    accept: Mapping[str, Any] | None = None,
    *,
    status: int = 200,
    **more: Any,
) -> Check:
    """The Check of a file `name`; `headers`, and attributes of its Download, in `more`."""
    headers = {"content-type": content_type} if content_type else {}
    url = more.pop("url", URL + name)
    headers |= more.pop("headers", {})
    download = Download(URL + name, URL + name, more.pop("path", f"files/{name}"), **more)
    return check_for(download, url, download.path, headers, demand(accept), status)


def digest_of(body: bytes) -> Callable[[str], str]:
    return lambda algorithm: hashlib.new(algorithm, body).hexdigest()


def judged(check: Check, body: bytes, *, length: int | None = None, piece: int = 1 << 16) -> tuple[str, str]:
    """How a file ends that comes in pieces, and why; ("saved", "") if nothing was wrong."""
    try:
        check.head(length)
        came, begun = 0, check.first == 0
        while came < len(body):
            came = min(came + piece, len(body))
            begun = begun or (came >= check.wants and check.begin(body[: min(came, check.first)], False))
            check.grown(came)
        check.end(len(body), whole(body), digest_of(body))
    except RequestError as error:
        return error.ending, error.message
    return "saved", ""


def ending(check: Check, body: bytes, **how: Any) -> str:
    return judged(check, body, **how)[0]


# -- by default --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content_type", ["", "application/octet-stream", "text/html", "application/json"])
def test_a_file_of_which_nothing_is_asked_or_promised_is_not_looked_at(content_type: str) -> None:
    nothing = check("a.bin", content_type)

    assert nothing is NOTHING
    assert (nothing.first, nothing.algorithms, nothing.judges, ending(nothing, HTML)) == (0, set(), False, "saved")


@pytest.mark.parametrize(
    "given",
    [
        {"name": "a.jpg"},
        {"name": "a.jpg", "content_type": "text/html"},
        {"name": "a.jpg?v=1", "path": "files/a"},
        {"name": "a", "content_type": "image/jpeg"},
        {"name": "a", "promised": "image/*"},
        {"name": "a", "path": "files/a.jpg"},
        {"name": "a", "url": "http://cdn/b.jpg"},
        {"name": "a.pdf"},
    ],
)
def test_a_page_in_place_of_a_picture_is_of_the_wrong_type(given: dict[str, Any]) -> None:
    assert ending(check(**given), HTML) == "failed:type"


def test_it_is_told_why() -> None:
    assert judged(check("a.jpg"), HTML) == ("failed:type", "it is text/html where image/jpeg was promised")


@pytest.mark.parametrize("body", [b"", b"pixels", NOISE, b"<svg xmlns='x'/>", b"a,b\n1,2"])
def test_what_is_not_text_of_the_web_breaks_no_promise(body: bytes) -> None:
    assert ending(check("a.png", "image/png"), body, length=len(body)) == "saved"


def test_a_picture_of_another_type_is_no_failure(pictures: Any) -> None:
    assert ending(check("a.png", "image/png"), pictures["jpeg"].data) == "saved"


def test_a_whole_picture_is_saved(picture: Any) -> None:
    assert ending(check("a.png", picture.media), picture.data, length=len(picture.data)) == "saved"


@pytest.mark.parametrize("piece", [1, 100, 1 << 16])
def test_a_cut_picture_has_the_wrong_length(pictures: Any, piece: int) -> None:
    told = judged(check("a", "image/png"), pictures["png"].data[:-5], piece=piece)

    assert told == ("failed:length", "the image was cut: it has no IEND chunk")


@pytest.mark.parametrize("piece", [1, 7, SURELY, SNIFFED, 1 << 16])
def test_the_pieces_that_a_file_comes_in_change_nothing(piece: int) -> None:
    assert ending(check("a.jpg"), HTML, piece=piece) == "failed:type"


def test_a_page_is_told_by_its_first_kilobytes_and_a_picture_sooner(pictures: Any) -> None:
    page, picture = check("a.jpg"), check("a.jpg")

    assert (page.first, page.wants, page.begin(HTML[: SURELY - 1], False)) == (SNIFFED, SURELY, False)
    assert (page.begin(HTML[:SURELY], False), page.wants) == (False, SNIFFED)
    with pytest.raises(RequestError, match="text/html"):
        page.begin(HTML[:SNIFFED], False)
    assert picture.begin(pictures["jpeg"].data[:SURELY], False) is True


def test_a_short_file_is_judged_when_it_is_complete() -> None:
    with pytest.raises(RequestError, match="application/json"):
        check("a.jpg").begin(b'{"error": 1}', True)


# -- types -------------------------------------------------------------------------------------------------

IMAGES = {"types": ["image/*"]}


@pytest.mark.parametrize(
    ("name", "content_type", "body", "expected"),
    [
        ("a", "", b"GIF89a", "saved"),
        ("a", "text/html", b"GIF89a", "saved"),
        ("a.png", "image/png", HTML, "failed:type"),
        ("a.png", "image/png", NOISE, "failed:type"),
        ("a.png", "image/png", b"", "failed:type"),
        ("a.pdf", "application/pdf", b"%PDF-1.4", "failed:type"),
        ("a.svg", "image/svg+xml", b"<svg/>", "saved"),
        ("a.pnm", "image/x-portable-anymap", b"P5 1 1", "saved"),
    ],
)
def test_a_file_must_be_of_an_accepted_type(name: str, content_type: str, body: bytes, expected: str) -> None:
    assert ending(check(name, content_type, IMAGES), body) == expected


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (HTML, "it is text/html, not image/* or audio/mpeg"),
        (NOISE, "it is bytes of no known type, of which the header says image/png, not image/* or audio/mpeg"),
        (b"", "it is empty, not image/* or audio/mpeg"),
    ],
)
def test_it_is_told_what_was_accepted(body: bytes, why: str) -> None:
    assert judged(check("a.png", "image/png", {"types": ["image/*", "Audio/MPEG; x=y"]}), body)[1] == why


def test_an_accepted_page_is_no_failure_whatever_the_name_promises() -> None:
    assert ending(check("a.jpg", "text/html", {"types": ["text/html"]}), HTML) == "saved"


def test_a_file_that_is_to_be_empty_is_refused_before_a_byte_is_read() -> None:
    with pytest.raises(RequestError, match="it is empty") as refused:
        check("a.png", "image/png", IMAGES).head(0)
    assert refused.value.ending == "failed:type"


# -- sizes -------------------------------------------------------------------------------------------------

BOUNDS = {"min_bytes": "1k", "max_bytes": "2k"}


@pytest.mark.parametrize(
    ("size", "expected"),
    [(0, "skipped:size"), (1023, "skipped:size"), (1024, "saved"), (2048, "saved"), (2049, "skipped:size")],
)
@pytest.mark.parametrize("is_told", [True, False])
def test_a_file_must_be_within_the_bounds_of_its_size(size: int, expected: str, is_told: bool) -> None:
    body = b"\x80" * size

    assert ending(check("a", "", BOUNDS), body, length=size if is_told else None) == expected


def test_a_declared_size_is_judged_before_a_byte_is_read() -> None:
    with pytest.raises(RequestError, match="it has 4096 bytes, at most 2048 are accepted"):
        check("a", "", BOUNDS).head(4096)
    with pytest.raises(RequestError, match="it has 7 bytes, at least 1024 are accepted"):
        check("a", "", BOUNDS).head(7)


def test_a_size_that_was_not_declared_is_judged_while_it_grows() -> None:
    growing = check("a", "", BOUNDS)
    growing.grown(2048)

    with pytest.raises(RequestError, match="it has more than the 2048 bytes that are accepted"):
        growing.grown(growing.most + 1)


def test_the_length_of_a_coded_body_says_nothing() -> None:
    coded = check("a", "", BOUNDS, headers={"content-encoding": "gzip"})

    assert ending(coded, bytes(1500), length=30) == "saved"


@pytest.mark.parametrize("bounds", [{"min_bytes": "1M"}, {"max_bytes": "1k"}, {"max_bytes": "5k"}])
@pytest.mark.parametrize("length", [len(HTML), None])
@pytest.mark.parametrize("piece", [512, 1 << 16])
def test_a_wrong_type_outweighs_a_wrong_size(bounds: dict[str, str], length: int | None, piece: int) -> None:
    judging = check("a.png", "text/html", {**IMAGES, **bounds})

    assert ending(judging, HTML, length=length, piece=piece) == "failed:type"


def test_a_right_type_and_too_large_a_size_need_no_byte() -> None:
    with pytest.raises(RequestError) as refused:
        check("a", "image/png", {**IMAGES, "max_bytes": "1k"}).head(5000)
    assert refused.value.ending == "skipped:size"


# -- pixels ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bounds", "why"),
    [
        ({"min_width": 48, "max_width": 48, "min_height": 32, "max_height": 32}, ""),
        ({"min_width": 49}, "its width is 48 pixels, at least 49 are accepted"),
        ({"max_width": 47}, "its width is 48 pixels, at most 47 are accepted"),
        ({"min_height": 33}, "its height is 32 pixels, at least 33 are accepted"),
        ({"max_height": 31}, "its height is 32 pixels, at most 31 are accepted"),
    ],
)
@pytest.mark.parametrize("piece", [64, 1 << 16])
def test_a_picture_must_be_within_the_bounds_of_its_pixels(picture: Any, bounds: Any, why: str, piece: int) -> None:
    told = judged(check("a", "", bounds), picture.data, piece=piece)

    assert told == ("skipped:size" if why else "saved", why)


@pytest.mark.parametrize("name", ["png", "jpeg", "gif", "webp lossy", "webp lossless", "bmp", "avif"])
def test_pixels_are_told_by_the_first_kilobytes(pictures: Any, name: str) -> None:
    early = check("a", "", {"max_width": 47})

    with pytest.raises(RequestError, match="its width is 48 pixels"):
        early.begin((pictures[name].data + bytes(SURELY))[:1024], False)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (HTML, "failed:type"),
        (b'{"error": 1}', "failed:type"),
        (b"words", "failed:type"),
        (NOISE, "failed:type"),
        (b"", "failed:type"),
        (b"\x89PNG\r\n\x1a\n" + NOISE, "failed:type"),
        (b"<svg xmlns='x'/>", "skipped:size"),
        (b"%PDF-1.4", "skipped:size"),
        (b"\0\0\0\x18ftypisom" + bytes(600), "skipped:size"),
    ],
)
def test_what_has_no_pixels_is_not_within_their_bounds(body: bytes, expected: str) -> None:
    assert ending(check("a", "", PIXELS), body) == expected


def test_a_cut_picture_whose_pixels_are_missing_too_was_cut(pictures: Any) -> None:
    cut = pictures["jpeg"].data[:100]

    assert ending(check("a", "", PIXELS), cut) == "failed:length"


def jpeg_behind(size: int, jpeg: bytes) -> bytes:
    """A JPEG whose frame header stands behind `size` bytes of other segments."""
    filler = b"\xff\xe2\xff\xff" + bytes(0xFFFD)
    return jpeg[:2] + filler * (size // len(filler) + 1) + jpeg[2:]


def test_more_of_the_beginning_is_asked_for_where_a_header_is_long(pictures: Any) -> None:
    body = jpeg_behind(100_000, pictures["jpeg"].data) + bytes(EARLY)
    asking = check("a", "image/jpeg", {"max_width": 48})

    wants = []
    while len(wants) < 9 and not asking.begin(body[: asking.wants], False):
        wants.append(asking.wants)
    assert wants == [65543, 131086, EARLY]


def test_a_header_that_is_longer_still_is_read_when_the_file_is_whole(pictures: Any) -> None:
    body = jpeg_behind(2 * EARLY, pictures["jpeg"].data)

    assert check("a", "", {"max_width": 47}).begin(body[:EARLY], False) is True
    assert ending(check("a", "", {"max_width": 47}), body) == "skipped:size"


# -- digests -----------------------------------------------------------------------------------------------


def hexed(algorithm: str, body: bytes) -> str:
    return hashlib.new(algorithm, body).hexdigest()


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512"])
def test_a_file_must_have_the_digest_that_its_source_gave(algorithm: str) -> None:
    checks = [check(digests={algorithm: hexed(algorithm, body).upper()}) for body in (b"right", b"wrong")]

    assert [ending(each, b"right") for each in checks] == ["saved", "failed:digest"]
    assert [each.algorithms for each in checks] == [{algorithm} - {"sha256"}] * 2


def test_a_wrong_digest_is_told_with_who_promised_it() -> None:
    right, wrong = hexed("md5", b"right"), hexed("md5", b"wrong")
    header = base64.b64encode(bytes.fromhex(wrong)).decode()

    assert judged(check(digests={"md5": wrong}), b"right")[1] == f"its md5 is {right}, the source says {wrong}"
    assert judged(check(headers={"content-md5": header}), b"right") == (
        "failed:digest",
        f"its md5 is {right}, Content-MD5 says {wrong}",
    )


def test_the_source_is_believed_before_the_response() -> None:
    header = base64.b64encode(hashlib.md5(b"stale").digest()).decode()

    assert (
        ending(check(digests={"sha256": hexed("sha256", b"right")}, headers={"content-md5": header}), b"right")
        == "saved"
    )


def test_a_header_that_speaks_of_the_range_is_not_compared() -> None:
    header = base64.b64encode(hashlib.md5(b"range").digest()).decode()

    assert check(headers={"content-md5": header}, status=206) is NOTHING


def test_a_right_digest_of_the_source_outweighs_a_missing_end(pictures: Any) -> None:
    cut = pictures["png"].data[:-5]

    right = check("a.png", digests={"md5": hexed("md5", cut)})
    wrong = check("a.png", digests={"md5": hexed("md5", pictures["png"].data)})
    assert [ending(each, cut) for each in (right, wrong)] == ["saved", "failed:length"]


# -- settings ----------------------------------------------------------------------------------------------


def test_what_a_job_accepts_is_settled_once() -> None:
    accept = Accept.model_validate({"types": ["IMAGE/*"], "min_bytes": "1k", "max_height": 9})
    settled = demand(accept.model_dump(exclude_none=True))

    assert settled == Demand(("image/*",), 1024, NO_LIMIT, (0, 0), (NO_LIMIT, 9))
    assert settled is demand(accept.model_dump())


@pytest.mark.parametrize(
    ("accept", "expected"),
    [(None, "skipped:size"), ({}, "saved"), ({"types": ["image/*"]}, "failed:type"), ({"max_bytes": 9}, "saved")],
)
def test_what_a_file_accepts_takes_the_place_of_what_the_job_accepts(accept: Any, expected: str) -> None:
    download = Download(URL, URL, "a", accept=accept)

    assert ending(check_for(download, URL, "a", {}, demand({"max_bytes": 5})), b"pixels") == expected


@pytest.mark.parametrize("accept", [None, {}, Accept().model_dump(), Accept().model_dump(exclude_none=True)])
def test_what_asks_for_nothing_is_none(accept: Any) -> None:
    assert demand(accept) is None


ACCEPTS = st.fixed_dictionaries(
    {},
    optional={
        "types": st.lists(st.sampled_from(["image/*", "text/html", "*/*"])),
        "max_bytes": st.integers(1, 500),
        "min_width": st.integers(1, 99),
    },
)


@given(st.binary(max_size=700), ACCEPTS, st.sampled_from(["a.png", "a.bin"]), st.text(max_size=9), st.integers(1, 700))
def test_no_file_raises_what_is_no_ending(body: bytes, accept: Any, name: str, content_type: str, piece: int) -> None:
    told = ending(check(name, content_type, accept), body, piece=piece)

    assert told in ("saved", "failed:type", "failed:length", "skipped:size")


@given(data=st.data(), piece=st.integers(1, 3000), accept=ACCEPTS)
def test_a_picture_ends_the_same_in_whatever_pieces_it_comes(pictures: Any, data: Any, piece: int, accept: Any) -> None:
    picture = pictures[data.draw(st.sampled_from(sorted(pictures)))]
    body = picture.data[: data.draw(st.integers(0, len(picture.data)))]

    ends = {ending(check("a.png", picture.media, accept), body, piece=size) for size in (piece, len(body) + 1)}
    assert len(ends) == 1
