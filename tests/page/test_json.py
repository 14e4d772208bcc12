"""JSON pages: parsed as far as JSON goes, and clean."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.errors import ShapeError, TypeMismatchError
from scraper.job.parts import Expect
from scraper.model import Page, Request
from scraper.page.document import check_expect, open_page
from scraper.page.nodes import as_text, parse_json

URL = "http://api.example/books"


def page(body: bytes, content_type: str | None = "application/json", status: int = 200) -> Page:
    return Page(Request("GET", URL), URL, status, {"content-type": content_type or ""}, body)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": [1, 2.5, null, true]}', {"a": [1, 2.5, None, True]}),
        ('\ufeff{"a": 1}', {"a": 1}),
        ('["a\nb"]', ["a\nb"]),
        ("[NaN, Infinity, 1e999]", [None, None, None]),
        (r'["\ud800", "\ud83d\ude00"]', ["\ufffd", "😀"]),
        (r'{"\ufdd0env:X\ufdd1": "\u0025EF%B7%90"}', {"\ufffdenv:X\ufffd": "%EF%BF%BD"}),
        ("[" * 200 + "]" * 200, None),
    ],
)
def test_json_is_read_and_cleaned(text: str, expected: Any) -> None:
    found = parse_json(text)

    assert expected is None or found == expected


@pytest.mark.parametrize("text", ["", "{", "[1,]", "[" * 202 + "]" * 202, "[" * 100_000, "9" * 5000])
def test_what_is_no_sane_json_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_json(text)


def test_a_cut_page_is_of_the_wrong_shape() -> None:
    with pytest.raises(ShapeError, match="the page is not whole JSON") as caught:
        open_page(page(b'{"a": ['), "json")

    assert (caught.value.ending, caught.value.final) == ("failed:shape", True)


def test_an_error_page_is_of_the_wrong_type() -> None:
    with pytest.raises(TypeMismatchError):
        open_page(page(b"<!doctype html><p>Bad gateway"), "json")


@pytest.mark.parametrize(
    ("expect", "message"),
    [
        ({"status": 201}, "expect.status: the page came with 200, not 201"),
        ({"status": [201, 204]}, "expect.status: the page came with 200, not 201 or 204"),
        ({"has": "code == `200`"}, f'expect.has: "code == `200`" found nothing on {URL}'),
        ({"has": "{{ page.status == 204 }}"}, f'expect.has: "{{{{ page.status == 204 }}}}" found nothing on {URL}'),
        ({"has": "{{ nobody }}"}, "expect.has: 'nobody' is not known here"),
    ],
)
def test_a_page_that_misses_its_expect_may_be_asked_again(expect: dict[str, Any], message: str) -> None:
    given_page = page(b'{"code": 230}')
    with pytest.raises(ShapeError) as caught:
        check_expect(given_page, open_page(given_page, "json"), Expect(**expect), "jmespath", {})

    assert (caught.value.message, caught.value.final) == (message, False)


@pytest.mark.parametrize(
    "expect", [None, Expect(status=(200, 404)), Expect(has="!error"), Expect(has="{{ page.n == 1 }}")]
)
def test_a_page_that_meets_its_expect_passes(expect: Expect | None) -> None:
    given_page = page(b'{"code": 200}')

    check_expect(given_page, open_page(given_page, "json"), expect, "jmespath", {})


@given(st.binary(max_size=100) | st.text(alphabet='[]{}":,\\u0d8fe1 tn', max_size=40).map(str.encode))
def test_any_bytes_under_json_are_read_or_refused(body: bytes) -> None:
    try:
        document = open_page(page(body), "json")
    except (ShapeError, TypeMismatchError):
        return

    assert "\ufdd0" not in as_text(document.root)
