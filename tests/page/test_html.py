"""HTML becomes a tree, whatever it is; texts and attributes come out as a reader sees them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.errors import TypeMismatchError
from scraper.model import Page, Request
from scraper.page.document import open_page
from scraper.page.html import HtmlElement, base_url, parse_html

URL = "http://shop.example/books/index.html"


def page(body: str | bytes, content_type: str | None = "text/html; charset=utf-8") -> Page:
    headers = {} if content_type is None else {"content-type": content_type}
    raw = body.encode() if isinstance(body, str) else body
    return Page(Request("GET", URL), URL, 200, headers, raw)


def text_of(markup: str) -> str:
    return HtmlElement(parse_html(markup)).text


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("", ""),
        ("plain.txt", "plain.txt"),
        ("http://shop.example/a", "http://shop.example/a"),
        ("<p> a\n\t b\u00a0c </p>", "a b c"),
        ("a<br>b", "a b"),
        ("a<b>b</b>c", "abc"),
        ("<ul><li>a</li><li>b</li></ul>c", "a b c"),
        ("<table><tr><td>a<td>b<tr><td>c</table>", "a b c"),
        ("<?xml version='1.0'?><r><p>a</p></r>", "a"),
        ("<!-- c --><?xml version='1.0'?><r><p>a</p></r>", "a"),
        ("a\0b", "a\ufffdb"),
        ("&#xD800;&#xFDD0;", "\ufffd\ufffd"),
        ("<div>" * 3000 + "deep", "deep"),
    ],
)
def test_text_is_folded_and_words_of_two_blocks_do_not_run_together(markup: str, expected: str) -> None:
    assert text_of(markup) == expected


def test_a_script_is_its_own_data_as_it_stands() -> None:
    script = HtmlElement(parse_html("<script>a  =\n1</script>")).inside("script")[0]

    assert (script.text, script.data) == ("a = 1", "a  =\n1")


def test_attributes_are_the_text_of_the_page() -> None:
    image = HtmlElement(parse_html("<img CLASS='a  b' rel='x y' alt=''>")).inside("img")[0]

    assert dict(image.attributes) == {"class": "a  b", "rel": "x y", "alt": ""}


def test_parents_lead_out_to_the_page_and_end_there() -> None:
    element = HtmlElement(parse_html("<p><b>x</b></p>")).inside("b")[0]
    names = []
    while element is not None:
        names.append(element.name)
        element = element.parent  # type: ignore[assignment]

    assert names == ["b", "p", "body", "html", "[document]"]


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("<p>", URL),
        ("<base href='/x/'><base href='/y/'>", "http://shop.example/x/"),
        ("<base target=a><base href='y/'>", "http://shop.example/books/y/"),
        ("<base href='https://cdn.example'>", "https://cdn.example"),
        ("<base href='data:text/plain,a'>", URL),
        ("<base href='http://[bad'>", URL),
    ],
)
def test_the_first_base_is_what_links_are_relative_to(markup: str, expected: str) -> None:
    assert base_url(parse_html(markup), URL) == expected


def test_a_page_is_decoded_as_its_header_says() -> None:
    document = open_page(page("<p>Привет".encode("cp1251"), "text/html; charset=windows-1251"), "html")

    assert document.root.text == "Привет"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [(b'{"a": 1}', "text/html"), (b"\x89PNG\r\n\x1a\n0000", "text/html"), (b"", "application/json")],
)
def test_a_page_of_another_type_is_refused(body: bytes, content_type: str) -> None:
    with pytest.raises(TypeMismatchError, match="the page is not html") as caught:
        open_page(page(body, content_type), "html")

    assert (caught.value.ending, caught.value.url, caught.value.final) == ("failed:type", URL, True)


@given(st.binary(max_size=200))
def test_any_bytes_under_html_are_a_page_or_of_another_type(body: bytes) -> None:
    try:
        document = open_page(page(body), "html")
    except TypeMismatchError:
        return

    document.root.text.encode()
    assert document.base.startswith("http")
