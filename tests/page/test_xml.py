"""XML pages: parsed safely, mended where nothing is lost, and asked by XPath."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.errors import LimitError, RequestError, ShapeError, TypeMismatchError
from scraper.model import Page, Request
from scraper.page.document import Document, open_page
from scraper.page.links import file_fields, promised, source
from scraper.page.markup import xml_text
from scraper.page.nodes import Element, as_text
from scraper.page.selectors import SelectorError, compile_selector

URL = "http://h.example/a/list.xml"
ATOM = (
    b'<?xml version="1.0"?>\n<feed xmlns="http://www.w3.org/2005/Atom" xmlns:dc="urn:dc" xml:base="/z/">'
    b'<entry><title> One\n <b>two</b></title><dc:creator id="1" dc:id="2">me</dc:creator>'
    b'<m:rating xmlns:m="urn:m">5</m:rating><svg xmlns="urn:svg"><title>inner</title></svg></entry></feed>'
)


def document(body: bytes | str, content_type: str = "application/xml") -> Document:
    body = body.encode() if isinstance(body, str) else body
    return open_page(Page(Request("GET", URL), URL, 200, {"content-type": content_type}, body), "xml")


def find(xpath: str, body: bytes | str = ATOM, content_type: str = "application/xml") -> list[Any]:
    opened = document(body, content_type)
    return compile_selector(xpath, "xpath").find(opened.root, opened.scope({}))


def element(xpath: str, body: bytes | str) -> Element:
    opened = document(body)
    found = compile_selector(xpath, "xpath").every(opened.root, opened.scope({}))[0]
    assert isinstance(found, Element)
    return found


# -- XPath -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("xpath", "expected"),
    [
        ("//entry/title", ["One two"]),
        ("entry/title", ["One two"]),
        ("/feed/entry/title", ["One two"]),
        ("//title", ["One two"]),
        ("//*[local-name() = 'title']", ["One two", "inner"]),
        ("//dc:creator", ["me"]),
        ("//m:rating", ["5"]),
        ("//@dc:id", ["2"]),
        ("//dc:creator/@id", ["1"]),
        ("//nobody:creator", []),
        ("count(//nobody:creator) = 0", [True]),
        ("//m:rating + 1", [6]),
        ("//m:rating div 2", [2.5]),
        ("1 div 0", []),
        ("number('x')", []),
        ("string(//title)", [" One\n two"]),
        ("//title/text()", [" One\n "]),
        ("boolean(//svg)", [False]),
        ("//*[re:test(name(), '^(title|rating)$')]", ["One two", "inner"]),
        ("//dc:creator | //m:rating", ["me", "5"]),
    ],
)
def test_names_in_an_xpath_are_those_the_document_writes(xpath: str, expected: list[Any]) -> None:
    assert find(xpath) == expected


def test_a_prefix_that_is_declared_twice_is_the_first() -> None:
    body = '<r><a xmlns:p="urn:1"><p:x>1</p:x></a><a xmlns:p="urn:2"><p:x>2</p:x></a></r>'
    assert find("//p:x", body) == ["1"]


def test_a_prefix_for_the_default_namespace_finds_what_is_written_with_it() -> None:
    body = '<kml xmlns="urn:k" xmlns:k="urn:k"><a>1</a><k:a>2</k:a></kml>'
    assert (find("//a", body), find("//k:a", body)) == (["1"], ["2"])


def test_within_a_match_an_xpath_begins_at_the_match() -> None:
    opened = document("<r><i><t>1</t></i><i><t>2</t></i></r>")
    scope = opened.scope({})
    matches = compile_selector("//i", "xpath").every(opened.root, scope)
    asked = [[compile_selector(xpath, "xpath").first(match, scope) for match in matches] for xpath in ("t", "..", ".")]
    assert asked == [["1", "2"], ["12", "12"], ["1", "2"]]


def test_a_match_that_is_a_text_is_its_own() -> None:
    opened = document('<r><i id="7"/></r>')
    match = compile_selector("//@id", "xpath").match(opened.root, opened.scope({}))
    assert [compile_selector(xpath, "xpath").find(match, opened.scope({})) for xpath in (".", "t")] == [["7"], []]


@pytest.mark.parametrize(
    ("xpath", "message"),
    [
        ("//a[", "not XPath: Invalid expression"),
        ("matches(., 'x')", "not XPath: there is no function matches()"),
        ("//a[lower-case(.)]", "not XPath: there is no function lower-case()"),
        ("str:split(.)", "not XPath: there is no function str:split()"),
        ("$x", "not XPath: there are no variables ($); write the value, or a template"),
    ],
)
def test_what_is_no_xpath_is_told_before_any_page_comes(xpath: str, message: str) -> None:
    with pytest.raises(SelectorError) as caught:
        compile_selector(xpath, "xpath")
    assert str(caught.value) == message


@pytest.mark.parametrize("xpath", ["a and (b)", "a/text( )", "child::a", "contains(., '$x(')", "a | b", "a:*"])
def test_an_xpath_that_only_looks_odd_is_let_in(xpath: str) -> None:
    assert find(xpath, "<r/>") in ([], [False])


def test_an_error_on_data_finds_nothing() -> None:
    assert find("string-length(1, 2, //a)", "<r><a/></r>") == []


# -- elements ----------------------------------------------------------------------------------------------


def test_an_element_has_names_as_the_document_writes_them() -> None:
    found = element("//dc:creator", ATOM)
    assert (found.name, found.attributes, found.attribute("dc:id"), found.text) == (
        "dc:creator",
        {"id": "1", "dc:id": "2"},
        "2",
        "me",
    )


def test_an_element_knows_what_is_around_and_inside() -> None:
    entry = element("//entry", ATOM)
    around = entry.parent
    assert (around and around.name, around and around.parent) == ("feed", None)
    assert [(one.name, one.parent == entry) for one in entry.inside("title", "m:rating")] == [
        ("title", True),
        ("m:rating", True),
        ("title", False),
    ]


def test_text_is_folded_and_data_is_not() -> None:
    found = element("//a", "<r><a> x\n <!-- no --><?no?><![CDATA[ <b> ]]>y</a></r>")
    assert (found.text, found.data) == ("x <b> y", " x\n  <b> y")


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ('<link href="a.html">t</link>', "a.html"),
        ('<enclosure url="e.mp3" type="audio/mpeg"/>', "e.mp3"),
        ('<content src="c.html"/>', "c.html"),
        ('<x url="2" src="1" href="0"/>', "0"),
        ('<graphic xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href="f.tif"/>', "f.tif"),
        ("<loc>\n http://h.example/x\n</loc>", "http://h.example/x"),
        ("<image>http://h.example/i.jpg</image>", "http://h.example/i.jpg"),
        ("<video>v.mp4</video>", "v.mp4"),
        ('<source url="s.html">t</source>', "s.html"),
        ('<img srcset="a 1w, b 2w"/>', "b"),
        ("<p>two words</p>", None),
        ("<url><loc>http://h.example/x</loc><lastmod>2024</lastmod></url>", None),
        ("<empty/>", None),
    ],
)
def test_an_element_leads_to_its_attribute_or_to_its_text(markup: str, expected: str | None) -> None:
    assert source(element("/r/*", f"<r>{markup}</r>")) == expected


def test_a_file_has_the_attributes_of_its_element_and_no_promise() -> None:
    found = element("//video", '<r><video fileSize="3" url="v">t</video></r>')
    assert (file_fields(found), promised(found)) == ({"fileSize": "3", "url": "v", "text": "t"}, None)


def test_links_are_relative_to_the_base_of_the_root() -> None:
    assert (document(ATOM).base, document("<r/>").base) == ("http://h.example/z/", URL)


# -- encodings ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("<a>é</a>".encode(), None),
        ('<?xml version="1.0" encoding="windows-1252"?><a>é</a>'.encode("cp1252"), "application/xml"),
        ('\n<?xml version="1.0" encoding="windows-1252"?><a>é</a>'.encode("cp1252"), "application/xml"),
        ('<?xml version="1.0" encoding="windows-1251"?><a>é</a>'.encode(), "text/xml; charset=utf-8"),
        ('<?xml version="1.0" encoding="windows-1251"?><a>é</a>'.encode("utf-8-sig"), "text/xml; charset=latin1"),
        ('<?xml version="1.0" encoding="utf-16"?><a>é</a>'.encode("utf-16"), None),
        ('<?xml version="1.0" encoding="utf-16"?><a>é</a>'.encode("utf-16-be"), None),
        ('<?xml version="1.0" encoding="utf-16"?><a>é</a>'.encode(), None),
        ("<a>é</a>".encode("utf-32"), None),
        ("<a>é</a>".encode("cp1252"), None),
    ],
    ids=["UTF-8", "declared", "declared late", "header", "BOM", "UTF-16", "no BOM", "wrongly", "UTF-32", "neither"],
)
def test_the_mark_counts_before_the_header_and_that_before_the_declaration(
    body: bytes, content_type: str | None
) -> None:
    assert find("/a", body, content_type or "application/xml") == ["é"]


def test_no_mark_of_ours_comes_from_a_page() -> None:
    body = '<a b="%EF&#x25;B7%90">\ufdd0env:X&#xfdd1;</a>'
    assert find("//a | //@b", body) == ["\ufffdenv:X\ufffd", "%EF%BF%BD"]


# -- what is not well-formed -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<a>AT&T & x&y=1</a>", "AT&T & x&y=1"),
        ("<a>&nbsp;&eacute;&LT;&nobody;&amp;</a>", "é<&nobody;&"),
        ("<a>x\0\x01\x1fy&#0;&#xD800;&#99999999;</a>", "xy\ufffd\ufffd&#99999999;"),
        ("<a><![CDATA[&nbsp; <!-- ]]>&</a>", "&nbsp; <!-- &"),
        (" \n<?xml version='1.0'?><a>x</a>", "x"),
        ('<!DOCTYPE a [<!ENTITY b "x">]><a>&b;</a>', "&b;"),
    ],
)
def test_what_loses_nothing_is_mended(body: str, expected: str) -> None:
    assert find("/a", body) == [expected]


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE a [<!ENTITY b "]>"><!-- ]> \' -->]>',
        "<!-- > --><?x ?>\n<!DOCTYPE a PUBLIC '-//[>' \"a.dtd\">",
        '<!doctype a [<?p "]?><!ELEMENT a (#PCDATA)>\n%p;\n] >',
    ],
)
def test_a_doctype_is_taken_out_to_its_end_and_lines_stay(doctype: str) -> None:
    text = xml_text(f'<?xml version="1.0"?>\n{doctype}\n<a/>'.encode(), None)
    assert ("DOCTYPE" in text.upper(), text.endswith("\n<a/>"), text.count("\n")) == (
        False,
        True,
        doctype.count("\n") + 2,
    )


def test_a_prefix_that_nothing_declares_is_known_all_the_same() -> None:
    assert find("//m:b | //@x:y", '<a><m:b x:y="2">1</m:b></a>') == ["1", "2"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("<a>\n<b>\n</a>", "Opening and ending tag mismatch: b line 2 and a, line 3, column 5"),
        ("<!DOCTYPE a\n[\n]>\n<a>", "Premature end of data in tag a line 4, line 4, column 4"),
        ("<a/><a/>", "Extra content at the end of the document, line 1, column 5"),
        ("<?xml version='1.0'?>", "no element"),
        ("<!DOCTYPE a [<a/>", "its DOCTYPE does not end"),
    ],
)
def test_what_would_lose_something_is_a_failure_that_names_its_line(body: str, message: str) -> None:
    with pytest.raises(ShapeError) as caught:
        document(body)
    assert (message in caught.value.message, caught.value.ending, caught.value.final) == (True, "failed:shape", True)


def test_a_page_of_html_is_of_the_wrong_type() -> None:
    with pytest.raises(TypeMismatchError, match="the page is not xml"):
        document("<!doctype html><p>Bad gateway", "text/html")


# -- what is hostile ---------------------------------------------------------------------------------------

LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "lol" * 10}">' for n in range(10))


@pytest.mark.parametrize(
    ("doctype", "reference"),
    [
        (LAUGHS, "&l9;"),
        (f'<!ENTITY b "{"x" * 100_000}">', "&b;" * 10_000),
        ('<!ENTITY b SYSTEM "file:///etc/hostname">', "&b;"),
        ('<!ENTITY b SYSTEM "http://127.0.0.1:9/x">', "&b;"),
        ('<!ENTITY % p SYSTEM "file:///etc/hostname"> %p;', "&b;"),
    ],
    ids=["billion laughs", "quadratic", "file", "host", "parameter"],
)
def test_entities_of_a_document_stay_as_they_are_written(doctype: str, reference: str) -> None:
    body = f'<!DOCTYPE a [{doctype}]><a b="{reference}">{reference}</a>'
    assert find("/a | /a/@b", body) == [reference, reference]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("<a>" * 10_000 + "</a>" * 10_000, "Excessive depth"),
        (f"<a>{'x' * 60_000_000}</a>", "too long"),
        (f'<a b="{"x" * 11_000_000}"/>', "limit"),
        (f"<a>{'<b/>' * 4_000_000}</a>", "more than 4,000,000 tags"),
    ],
    ids=["depth", "text", "attribute", "tags"],
)
def test_what_is_beyond_a_cap_is_a_limit(body: str, message: str) -> None:
    with pytest.raises(LimitError, match=message) as caught:
        document(body)
    assert (caught.value.ending, "HUGE" in caught.value.message) == ("failed:limit", False)


FRAGMENTS = st.sampled_from(
    ["<a>", "</a>", "<a ", "b='", "'", ">", "&", "&lt;", "&x;", "<!--", "-->", "<![CDATA[", "]]>", "<!DOCTYPE a [",
     "]>", "<?xml ", "?>", "x", "é", "\ufdd0", "\0", " xmlns='u'", "<p:q>", "</p:q>", "<!ENTITY x '&x;'>"]
)  # fmt: skip


@given(st.binary(max_size=60) | st.lists(FRAGMENTS, max_size=14).map(lambda parts: "".join(parts).encode()))
def test_any_bytes_under_xml_are_read_or_refused(body: bytes) -> None:
    try:
        opened = document(b"<r>" + body)
    except RequestError:
        return
    assert "\ufdd0" not in as_text(opened.root)
