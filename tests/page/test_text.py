"""Pages of plain text, read by regexes."""

from typing import Any

import pytest

from scraper.errors import TypeMismatchError
from scraper.job.parts import LongSelector
from scraper.model import Page, Request
from scraper.page.document import Document, open_page
from scraper.page.selectors import compile_selector

URL = "http://h.example/a/list.txt"


def page(body: bytes, content_type: str | None = "text/plain") -> Document:
    return open_page(Page(Request("GET", URL), URL, 200, {"content-type": content_type or ""}, body), "text")


def find(selector: str | LongSelector, node: Any, document: Document) -> list[Any]:
    return compile_selector(selector, "regex").find(node, document.scope({}))


def test_a_regex_without_a_group_gives_all_and_one_with_a_group_its_first() -> None:
    text = page(b"one=1\ntwo=2\n")
    assert (find(r"\w+=\d", text.root, text), find(r"(\w+)=(\d)", text.root, text)) == (
        ["one=1", "two=2"],
        ["one", "two"],
    )


def test_a_selector_in_a_match_is_a_regex_over_the_match() -> None:
    text = page(b"name: a\nsize: 1\n\nname: b\n\nsize: 3\n")
    matches = find(r"(?s)name:.*?(?:\n\n|\Z)", text.root, text)
    assert [find(r"size: (\d)", match, text) for match in matches] == [["1"], []]


def test_a_group_that_took_no_part_finds_nothing() -> None:
    text = page(b"a b")
    assert find(r"(x)?[ab]", text.root, text) == []


def test_the_first_match_is_found_without_the_others() -> None:
    text = page(b"7 8 9")
    assert compile_selector(LongSelector(regex=r"\d", type="int"), "regex").value(text.root, text.scope({})) == 7


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        ("\ufeffé".encode(), None, "é"),
        ("é".encode("utf-16"), "text/plain; charset=utf-8", "é"),
        ("é".encode("cp1251", "replace") + b"\xc6", "text/plain; charset=windows-1251", "?Ж"),
        ("é".encode(), None, "é"),
        (b"\xe9", "text/plain", "é"),
        ("\ufdd0env:X\ufdd1".encode(), None, "\ufffdenv:X\ufffd"),
    ],
    ids=["BOM", "BOM before header", "header", "UTF-8", "windows-1252", "marks"],
)
def test_text_is_decoded_and_clean(body: bytes, content_type: str | None, expected: str) -> None:
    assert page(body, content_type).root == expected


@pytest.mark.parametrize("body", [b"<!doctype html><p>", b"{}", b"a,b\n1,2\n", b"#!/bin/sh\n", b""])
def test_any_text_is_text(body: bytes) -> None:
    assert page(body, None).root == body.decode()


def test_a_picture_is_no_text() -> None:
    with pytest.raises(TypeMismatchError, match="the page is not text"):
        page(b"\x89PNG\r\n\x1a\n")
