"""Encodings as browsers find them, and nothing from outside that looks like a mark of ours."""

import codecs
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.page.charset import LABELS, codec_of, decode_html, decode_json, decode_text, defuse

HTML = "text/html"


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (b"", None, ("", "utf-8")),
        ("é".encode(), None, ("é", "utf-8")),
        (b"\xe9", None, ("é", "windows-1252")),
        (b"\x80\x81\x9d", "text/html; charset=latin1", ("€\x81\x9d", "windows-1252")),
        (b"\xe9", "text/html; charset=us-ascii", ("é", "windows-1252")),
        (b"\xa4", 'text/html; charset="ISO-8859-15"', ("€", "iso-8859-15")),
        ("é".encode(), "text/html; charset=utf8", ("é", "utf-8")),
        (b"\xe9", "text/html; charset=utf-8", ("\ufffd", "utf-8")),
        (b"\xcf\xf0\xe8", "text/html;charset = windows-1251", ("При", "windows-1251")),
        ("中€".encode("gb18030"), "text/html; charset=gb2312", ("中€", "gb18030")),
        ("①".encode("cp932"), "text/html; charset=Shift_JIS", ("①", "shift_jis")),
        ("똠".encode("cp949"), "text/html; charset=euc-kr", ("똠", "euc-kr")),
        ("啊".encode("big5hkscs"), "text/html; charset=big5", ("啊", "big5")),
        ("ก".encode("cp874"), "text/html; charset=tis-620", ("ก", "windows-874")),
        (b"\xe9", "text/html; charset=no-such-thing", ("é", "windows-1252")),
        (b"\xd2\x81", "text/html; charset=windows-1253", ("\ufffd\x81", "windows-1253")),
    ],
)
def test_the_header_then_the_bytes_tell(body: bytes, content_type: str | None, expected: tuple[str, str]) -> None:
    assert decode_html(body, content_type) == expected


@pytest.mark.parametrize(
    ("bom", "codec", "name"),
    [
        (codecs.BOM_UTF8, "utf-8", "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le", "utf-16le"),
        (codecs.BOM_UTF16_BE, "utf-16-be", "utf-16be"),
    ],
)
def test_a_byte_order_mark_outranks_header_and_meta(bom: bytes, codec: str, name: str) -> None:
    body = bom + "<meta charset=koi8-r>é".encode(codec)

    assert decode_html(body, "text/html; charset=windows-1251") == ("<meta charset=koi8-r>é", name)


def test_the_header_outranks_the_meta() -> None:
    assert decode_html(b"<meta charset=koi8-r>", "text/html; charset=windows-1251")[1] == "windows-1251"


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("<meta charset=koi8-r>", "koi8-r"),
        ("<META CHARSET = 'KOI8-R' >", "koi8-r"),
        ('<html><head><title x="a>b">t</title><meta/charset="koi8-r"/>', "koi8-r"),
        ('<meta http-equiv="Content-Type" content="text/html; charset=koi8-r">', "koi8-r"),
        ('<meta content="text/html; charset=&quot;" http-equiv=refresh><meta charset=koi8-r>', "koi8-r"),
        ("<meta name=x content='a; charset=koi8-r'>", "windows-1252"),
        ("<!-- <meta charset=koi8-r> -->", "windows-1252"),
        ("<!--><meta charset=koi8-r>", "koi8-r"),
        ("<!-- never closed <meta charset=koi8-r>", "windows-1252"),
        ("<a title='<meta charset=koi8-r>'>", "windows-1252"),
        ("<metal charset=koi8-r>", "windows-1252"),
        ("</ x><? y ><!z><meta charset=koi8-r>", "koi8-r"),
        ("<meta charset=nonsense><meta charset=koi8-r>", "koi8-r"),
        ("<meta charset=utf-16le>", "utf-8"),
        ("<meta charset=x-user-defined>", "windows-1252"),
        ("<meta charset=gbk>", "gb18030"),
        ("<?xml version='1.0' encoding='koi8-r'?><html>", "koi8-r"),
        ("<?xml version='1.0'?><meta charset=koi8-r>", "koi8-r"),
        ("<meta charset=koi8-r>" + " " * 2000, "koi8-r"),
        (" " * 1010 + "<meta charset=koi8-r>", "windows-1252"),
        ("<meta charset", "windows-1252"),
        ("< <meta charset=koi8-r>", "koi8-r"),
    ],
)
def test_the_first_1024_bytes_declare_an_encoding(start: str, expected: str) -> None:
    assert decode_html(start.encode() + b"\xe9", HTML)[1] == expected


def test_utf_16_without_mark_shows_in_its_xml_declaration() -> None:
    text = "<?xml version='1.0'?><html>é"

    assert decode_html(text.encode("utf-16-be"), HTML) == (text, "utf-16be")


def test_every_label_names_a_codec_that_python_has() -> None:
    assert {codec: codecs.lookup(codec).name for codec in LABELS.values()}.keys() == set(LABELS.values())


def test_labels_are_matched_without_case_and_outer_blanks() -> None:
    assert [codec_of(label) for label in (" UTF-8\n", "Latin1", "utf 8", "")] == [
        "utf-8",
        "cp1252",
        None,
        None,
    ]


@pytest.mark.parametrize(
    "body",
    ['{"é": 1}'.encode(codec) for codec in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32-le")],
)
def test_json_comes_in_any_unicode_form(body: bytes) -> None:
    assert decode_json(body) == '{"é": 1}'


def test_json_that_is_no_unicode_is_read_as_its_header_says() -> None:
    assert decode_json(b'"\xe9"') == '"\ufffd"'
    assert decode_json(b'"\xe9"', "application/json; charset=latin1") == '"é"'
    assert decode_json('"é"'.encode(), "application/json; charset=latin1") == '"é"'


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        ("\ufeffé".encode(), "text/plain; charset=latin1", "é"),
        (b"\xe9", "text/plain; charset=latin1", "é"),
        ("é".encode(), None, "é"),
        (b"\xe9", None, "é"),
    ],
)
def test_plain_text_is_read_by_mark_header_or_bytes(body: bytes, content_type: str | None, expected: str) -> None:
    assert decode_text(body, content_type) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\ufdd0env:X\ufdd1", "\ufffdenv:X\ufffd"),
        ("\ufdcf\ufdd2\ufdef\ufdf0", "\ufdcf\ufffd\ufffd\ufdf0"),
        ("/%EF%B7%90env:X%ef%b7%91", "/%EF%BF%BDenv:X%EF%BF%BD"),
        ("%EF%B7%8F%EF%B7%B0", "%EF%B7%8F%EF%B7%B0"),
    ],
)
def test_our_own_marks_never_come_from_outside(text: str, expected: str) -> None:
    assert defuse(text) == expected
    assert decode_text(text.encode(), None) == expected


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("&#xFDD0;&#xfdef", "&#xfffd;&#xfffd"),
        ("&#X00FDD1;", "&#xfffd;"),
        ("&#64976;&#0065007;", "&#xfffd;&#xfffd;"),
        ("&#64975;&#65008;&#xFDCF;&#xFDF0;", "&#64975;&#65008;&#xFDCF;&#xFDF0;"),
        ("&#649760;&#xFDD00;", "&#649760;&#xFDD00;"),
    ],
)
def test_no_character_reference_makes_one_of_our_marks(markup: str, expected: str) -> None:
    assert decode_html(markup.encode(), HTML)[0] == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (r'"\ufdd0env:X\uFDD1"', "\ufffdenv:X\ufffd"),
        (r'"\\ufdd0"', r"\ufdd0"),
        (r'"\\\ufdd0"', "\\\ufffd"),
        (r'"\ufdcf\ufdf0"', "\ufdcf\ufdf0"),
    ],
)
def test_no_escape_in_json_makes_one_of_our_marks(raw: str, expected: str) -> None:
    assert json.loads(decode_json(raw.encode())) == expected


@given(st.binary(), st.none() | st.sampled_from(sorted(LABELS)).map("text/html; charset={}".format) | st.text())
def test_no_bytes_raise_or_bring_our_marks(body: bytes, content_type: str | None) -> None:
    texts = [
        decode_html(body, content_type)[0],
        decode_json(body, content_type),
        decode_text(body, content_type),
    ]

    assert not any("\ufdd0" <= char <= "\ufdef" for text in texts for char in text)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff\0%&")))
def test_utf_8_comes_back_as_it_was(text: str) -> None:
    assert decode_text(text.encode(), None) == defuse(text)


@given(
    st.lists(st.sampled_from(["<", "meta", " ", "charset", "=", '"', "'", "/", ">", "!--", "-->", "?xml", "koi8-r"]))
)
def test_no_markup_keeps_the_prescan_from_its_end(pieces: list[str]) -> None:
    assert decode_html("".join(pieces).encode(), None)[1] in ("utf-8", "koi8-r")
