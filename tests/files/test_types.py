"""Media types, magic bytes, and what a rule can read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.files.naming import KNOWN_EXTENSIONS
from scraper.files.types import _EXTENSIONS, extension_for, page_kind, readable_as, sniff

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
READS = ["html", "json", "xml", "feed", "text"]


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("image/jpeg", ".jpg"),
        ("IMAGE/PNG ; foo=bar", ".png"),
        ("text/html; charset=utf-8", ".html"),
        ("application/ld+json", ".jsonld"),
        ("application/octet-stream", ""),
        ("x/y", ""),
        ("", ""),
        (";", ""),
    ],
)
def test_a_media_type_has_an_extension(content_type: str, expected: str) -> None:
    assert extension_for(content_type) == expected


def test_every_extension_of_a_type_is_a_known_one() -> None:
    assert {ext[1:] for ext in _EXTENSIONS.values()} <= KNOWN_EXTENSIONS


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"\0\0\0\x20ftypavif", "image/avif"),
        (b"\0\0\0\x20ftypheic", "image/heic"),
        (b"BM\x36\0\0\0\0\0\0\0\x36\0\0\0", "image/bmp"),
        (b"\0\0\1\0\1\0", "image/x-icon"),
        (b"II*\0", "image/tiff"),
        (b"%PDF-1.7", "application/pdf"),
        (b"PK\3\4", "application/zip"),
        (b"\x1f\x8b\x08\0", "application/gzip"),
        (b"BZh91AY&SY", "application/x-bzip2"),
        (b"\xfd7zXZ\0", "application/x-xz"),
        (b"\x28\xb5\x2f\xfd", "application/zstd"),
        (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
        (b"Rar!\x1a\x07\x01", "application/vnd.rar"),
        (bytes(257) + b"ustar\x0000", "application/x-tar"),
        (b"\0\0\0\x18ftypisom", "video/mp4"),
        (b"\0\0\0\x18ftypM4A ", "audio/mp4"),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm", "video/webm"),
        (b"\x1a\x45\xdf\xa3\xa3\x42\x82\x88matroska", "video/x-matroska"),
        (b"RIFF\0\0\0\0AVI LIST", "video/x-msvideo"),
        (b"RIFF\0\0\0\0WAVEfmt ", "audio/wav"),
        (b"RIFF\0\0\0\0PAL ", None),
        (b"OggS\0", "application/ogg"),
        (b"fLaC\0\0\0\x22", "audio/flac"),
        (b"ID3\x04\0", "audio/mpeg"),
        (b"\xff\xfb\x90\x64", "audio/mpeg"),
        (b"wOF2", "font/woff2"),
        (b"SQLite format 3\0", "application/vnd.sqlite3"),
        (b"<svg xmlns='x'>", "image/svg+xml"),
        (b"<?xml version='1.0'?>\n<!-- c -->\n<svg>", "image/svg+xml"),
        (b"  <!DOCTYPE HTML>", "text/html"),
        (b"<?xml version='1.0'?><!DOCTYPE html PUBLIC 'x'><html>", "application/xhtml+xml"),
        (b'{"a": 1}', "application/json"),
        (b"", None),
        (b"BMW sells cars", None),
        (b"BZhang", None),
        (b"ID3 tags explained", None),
        (b"\xff\xfeh\0i\0", None),
        (b"hello", None),
    ],
)
def test_first_bytes_show_a_media_type(first: bytes, expected: str | None) -> None:
    assert sniff(first) == expected


def utf16(text: str) -> bytes:
    return text.encode("utf-16")


@pytest.mark.parametrize(
    ("first", "content_type", "expected"),
    [
        (b'{"a": 1}', "application/json", "feed json text"),
        (b'{"a": 1}', "text/html", "feed json text"),
        (b" \r\n[]", "text/plain", "feed json text"),
        (b"[1, 2]", None, "feed json text"),
        (b"\xef\xbb\xbf{}", None, "feed json text"),
        (utf16('{"a": 1}'), None, "feed json text"),
        ('{"a": 1}'.encode("utf-16-le"), None, "feed json text"),
        ('{"a": 1}'.encode("utf-32-be"), None, "feed json text"),
        (b"42", "application/json", "json text"),
        (b"42", "text/html", "html text"),
        (b"null", "application/json", "json text"),
        (b"Rate limit exceeded", "application/json", "text"),
        (b"<html><h1>502", "application/json", "html text"),
        (b"<!doctype html><title>x", "text/html", "html text"),
        (b"<!DOCTYPE html>", "text/plain", "html text"),
        (b"<!-- hi --><html>", None, "html text"),
        (b"\xef\xbb\xbf\n <p>fragment", "text/html", "html text"),
        (utf16("<html>"), "text/html", "html text"),
        (b"<my-part>x", "text/html", "html xml text"),
        (b"just words", "text/html", "html text"),
        (b"just words", "text/plain", "text"),
        (b"just words", None, "html text"),
        (b"", "text/html", "html text"),
        (b" \n", "application/json", "text"),
        (b"<?xml version='1.0'?><!DOCTYPE html><html>", "application/xhtml+xml", "html xml text"),
        (b"<!DOCTYPE html><html xmlns='x'>", "application/xhtml+xml", "html xml text"),
        (b"<?xml version='1.0'?><urlset>", "application/xml", "feed xml text"),
        (b"<urlset>", "text/plain", "feed html xml text"),
        (b"<?xml version='1.0'?><rss version='2.0'>", "text/html", "feed xml text"),
        (b"<!-- c --><!DOCTYPE rss [<!ENTITY a 'b'>]><rss>", None, "feed xml text"),
        (b"<feed xmlns='x'>", "text/plain", "feed xml text"),
        (b"<svg>", "image/svg+xml", "xml text"),
        (PNG, "text/html", ""),
        (PNG, "application/json", ""),
        (b"%PDF-1.4", "text/html", ""),
        (b"\x1f\x8b\x08\0", "text/html", ""),
        (b"\x01\x02\0\x03", "text/html", ""),
    ],
)
def test_a_rule_reads_what_bytes_and_then_header_say(first: bytes, content_type: str | None, expected: str) -> None:
    assert sorted(read for read in READS if readable_as(read, first, content_type)) == sorted(expected.split())


@given(st.binary(max_size=300), st.none() | st.text(max_size=30))
def test_no_bytes_raise_and_what_is_binary_is_no_page(first: bytes, content_type: str | None) -> None:
    readable = [read for read in READS if readable_as(read, first, content_type)]

    assert bool(readable) is (page_kind(first) != "binary")
