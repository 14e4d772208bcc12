"""What a file says it is, what was asked for, and what was promised."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.files.claims import (
    OCTETS,
    PROMISES,
    is_asked,
    is_broken,
    names,
    promised_by_header,
    promised_by_name,
    shown,
)

HTML = b"<!doctype html><title>Not found</title>"
JSON = json.dumps({"error": "not found"}).encode()
XML = b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
JPEG = b"\xff\xd8\xff\xe0" + bytes(20)
ZIP = b"PK\3\4" + bytes(20)
MP4 = b"\0\0\0\x18ftypisom" + bytes(20)
NOISE = b"\x17\x03" + bytes(range(128, 256))
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (PNG, "image/png"),
        (HTML, "text/html"),
        (b"junk\r\n%PDF-1.4\n", "application/pdf"),
        (b"<br />\n<b>Warning</b>: x\n%PDF-1.4\n", "application/pdf"),
        (b'{"a": 1} \x01', None),
        ("<html>".encode("utf-16"), "text/html"),
        (b"<html>\x1b[0m", "text/html"),
        (b"", None),
    ],
)
def test_bytes_show_a_type(start: bytes, expected: str | None) -> None:
    assert shown(start) == expected


ASKED = [
    # types, bytes, header, by extension, is it asked for
    ("image/*", PNG, "image/png", "", True),
    ("image/*", PNG, "text/html", "", True),
    ("image/*", JPEG, "image/png", "", True),
    ("image/png", JPEG, "image/png", "image/png", False),
    ("image/jpg", JPEG, "", "", True),
    ("image/pjpeg", JPEG, "image/jpeg; x=y", "", True),
    ("image/*", HTML, "image/png", "image/png", False),
    ("image/*", JSON, "image/png", "image/png", False),
    ("image/*", b"Not found", "image/jpeg", "image/jpeg", False),
    ("image/*", NOISE, "image/jpeg", "", False),
    ("image/*", NOISE, "image/x-raw", "", True),
    ("image/*", NOISE, "", "image/x-raw", True),
    ("image/*", NOISE, "application/octet-stream", "image/x-raw", True),
    ("image/*", NOISE, "text/plain", "image/x-raw", True),
    ("image/*", b"words", "text/plain", "image/x-raw", False),
    ("image/*", NOISE, "audio/mpeg", "image/x-raw", False),
    ("image/*", b"<svg xmlns='x'>", "image/svg+xml", "", True),
    ("image/svg+xml", b"<?xml version='1.0'?><svg>", "text/xml", "", True),
    ("image/svg+xml", XML, "image/svg+xml", "", True),
    ("image/heic", b"\0\0\0\x18ftypmif1" + bytes(20), "image/heic", "", True),
    ("image/*", MP4, "image/png", "", False),
    ("audio/*", MP4, "audio/mp4", "", True),
    ("audio/*", MP4, "video/mp4", "", False),
    ("audio/*", b"OggS\0", "application/octet-stream", "audio/ogg", True),
    ("audio/*", b"ID3\x04", "audio/flac", "", True),
    ("audio/*", PNG, "audio/mpeg", "", False),
    ("video/*", b"\x1a\x45\xdf\xa3 webm", "video/webm", "", True),
    (DOCX, ZIP, DOCX, "", True),
    (DOCX, ZIP, "application/octet-stream", DOCX, True),
    (DOCX, NOISE, DOCX, "", False),
    (DOCX, HTML, DOCX, DOCX, False),
    ("application/zip", ZIP, DOCX, "", True),
    ("application/vnd.comicbook+zip", ZIP, "application/vnd.comicbook+zip", "", True),
    ("application/vnd.comicbook+zip", PNG, "application/vnd.comicbook+zip", "", False),
    ("application/vnd.comicbook+zip", NOISE, "application/vnd.comicbook+zip", "", False),
    ("application/geo+json", b'{"type": 1}', "application/geo+json", "", True),
    ("application/json", b'{"type": 1}', "application/geo+json", "", True),
    ("application/json", HTML, "application/json", "", False),
    ("text/plain", b'{"type": 1}', "text/plain", "", True),
    ("text/markdown", b"<h1 align=center>Readme</h1>", "text/plain", "", False),
    ("text/plain", b"<h1 align=center>Readme</h1>", "text/plain", "", True),
    ("text/csv", b"a,b", "text/csv", "", True),
    ("text/csv", HTML, "text/html", "text/csv", False),
    ("text/csv", b"\x1f\x8b\x08\0", "text/csv", "", False),
    ("text/html", HTML, "text/html", "", True),
    ("application/xhtml+xml", HTML, "application/xhtml+xml", "", True),
    (OCTETS, ZIP, OCTETS, "", True),
    (OCTETS, ZIP, OCTETS, "application/zip", True),
    (OCTETS, ZIP, "application/zip", "", False),
    (OCTETS, NOISE, "", "", True),
    (OCTETS, HTML, OCTETS, "", False),
    ("application/*", PNG, OCTETS, "", False),
    ("application/*", NOISE, OCTETS, "", True),
    ("*/*", NOISE, "image/png", "", True),
    ("*", HTML, "image/png", "", True),
    ("image/gif audio/* image/png", PNG, "", "", True),
    ("font/*", b"wOF2", "font/woff2", "", True),
    ("model/*", b"glTF\x02\0", "model/gltf-binary", "", True),
]


@pytest.mark.parametrize(("types", "start", "header", "named", "expected"), ASKED)
def test_a_file_is_of_an_asked_type_by_bytes_then_header_then_name(
    types: str, start: bytes, header: str, named: str, expected: bool
) -> None:
    assert is_asked(types.split(), names(start, header, named)) is expected


@given(st.binary(max_size=64), st.none() | st.text(max_size=20), st.sampled_from(["", "image/png", "text/csv"]))
def test_every_file_bears_a_name(start: bytes, header: str | None, named: str) -> None:
    borne = names(start, header, named)

    assert (is_asked(["*/*"], borne), len(borne) > 0) == (True, True)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://h/a.jpg", "image/jpeg"),
        ("http://h/a.JPEG?size=1.5", "image/jpeg"),
        ("http://h/a.tar.gz", "application/gzip"),
        ("covers/a.png", "image/png"),
        ("http://foo.zip", None),
        ("http://foo.zip/", None),
        ("http://foo.zip?a/b", None),
        ("http://foo.zip/a", None),
        ("http://h/a.jpg/", None),
        ("http://h/show?file=a.jpg", None),
        ("http://h/a.html", None),
        ("http://h/a.svg", None),
        ("http://h/a.xls", None),
        ("http://h/a.ts", None),
        ("http://h/a.m3u8", None),
        ("http://h/jpg", None),
        ("http://h/a", None),
        ("", None),
    ],
)
def test_an_extension_promises_a_type(url: str, expected: str | None) -> None:
    assert promised_by_name(url) == expected


def test_every_promising_extension_has_a_type() -> None:
    assert [ext for ext, media in PROMISES.items() if not media] == []


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("image/png", "image/png"),
        ("IMAGE/X-Whatever; a=b", "image/x-whatever"),
        ("application/x-zip-compressed", "application/x-zip-compressed"),
        (DOCX, DOCX),
        ("image/svg+xml", None),
        ("audio/x-mpegurl", None),
        ("application/vnd.ms-excel", None),
        ("application/octet-stream", None),
        ("text/html", None),
        ("", None),
    ],
)
def test_a_content_type_promises_a_type(header: str, expected: str | None) -> None:
    assert promised_by_header(header) == expected


@pytest.mark.parametrize(
    ("promise", "start", "headers", "expected"),
    [
        ("image/png", HTML, {}, True),
        ("image/png", JSON, {}, True),
        ("image/png", XML, {"content-type": "application/xml"}, True),
        ("image/png", JPEG, {}, False),
        ("image/png", b"Not found", {}, False),
        ("image/png", NOISE, {}, False),
        ("image/png", b"", {}, False),
        ("image/*", b"<svg>", {}, False),
        ("image/*", XML, {"content-type": "image/svg+xml; charset=utf-8"}, False),
        ("video/*", b"<?xml version='1.0'?><MPD>", {"content-type": "application/dash+xml"}, False),
        ("application/gzip", XML, {"content-encoding": "gzip"}, False),
        ("application/gzip", XML, {}, True),
    ],
)
def test_only_text_of_the_web_breaks_a_promise(promise: str, start: bytes, headers: Any, expected: bool) -> None:
    assert is_broken(promise, start, headers) is expected
