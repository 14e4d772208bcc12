"""Whatever is scraped, what comes out is text in the elements that we made."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from scraper import secrets
from scraper.report import charts
from scraper.report.markup import EMPTY, Safe, joined, link, shortened, tag, value, visible
from scraper.report.parts import within

texts = st.text(st.characters(), max_size=60) | st.text(
    st.sampled_from("<>&\"'=/`!-[]\x00\u202e\ud800 ajs:"), max_size=30
)


def parsed(markup: str) -> Any:
    return etree.fromstring(markup.encode())


@given(texts)
def test_any_text_is_the_text_of_its_element(text: str) -> None:
    element = parsed(tag("td", text, title=text))
    assert [element.tag, len(element), list(element.attrib)] == ["td", 0, ["title"]]
    assert (element.text or "") == visible(text)
    assert element.get("title") == visible(text)


@given(texts)
def test_nothing_that_is_shown_is_unseen(text: str) -> None:
    assert all(char.isprintable() or char in "\xa0\u3000" for char in visible(text))


@given(texts)
def test_only_http_and_https_are_links(text: str) -> None:
    element = parsed(link(text))
    assert element.tag == "bdi" or re.match(r"https?://", element.get("href"), re.IGNORECASE)


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "//example.org", " http://example.org/",
     "http://example.org/\u202egpj", "http://example.org/a b", "java\nscript:alert(1)", "ftp://example.org/"],
)  # fmt: skip
def test_what_is_no_address_of_the_web_is_text(url: str) -> None:
    assert parsed(link(url)).tag == "bdi"


def test_a_link_tells_its_goal_nothing() -> None:
    element = parsed(link("https://example.org/?a=1&b=2"))
    assert dict(element.attrib) == {"href": "https://example.org/?a=1&b=2", "rel": "noopener noreferrer"}


def test_a_password_in_a_url_is_not_shown() -> None:
    assert parsed(link("https://me:secret@example.org/")).text == "https://***@example.org/"


def test_a_secret_is_shown_as_its_mark() -> None:
    assert value(f"key={secrets.mark('env', 'API_KEY')}") == "<bdi>key={env:API_KEY}</bdi>"


def test_text_put_behind_markup_is_escaped_and_not_trusted() -> None:
    assert tag("p", Safe("<b></b>") + "<i>") == "<p>&lt;b&gt;&lt;/b&gt;&lt;i&gt;</p>"
    assert joined([Safe("<b></b>"), "<i>"]) == "<b></b>&lt;i&gt;"


def test_long_text_is_cut_where_it_is_shown() -> None:
    assert shortened("abcdef", 3) == "abc…"
    assert len(parsed(value("W" * 100_000)).text) == 301


def test_a_list_ends_where_its_room_does() -> None:
    pieces = [tag("li", "x" * 100)] * 50
    assert len(within(pieces, 1000)) == 9
    assert within([], 10) == []


@pytest.mark.parametrize("values", [(), (0, 0), (1, 2, 3), (10**15, 1)])
def test_a_chart_is_an_image_with_a_name(values: tuple[int, ...]) -> None:
    chart = parsed(charts.columns(values, "told <so>"))
    assert (chart.get("role"), chart.get("aria-label")) == ("img", "told <so>")
    assert len(chart) == sum(each > 0 for each in values)
    assert all(float(bar.get("y")) >= 0 and float(bar.get("height")) <= 100 for bar in chart)


def test_a_bar_beside_its_number_is_hidden_from_who_hears_the_page() -> None:
    assert parsed(charts.bar(0.5)).get("aria-hidden") == "true"
    assert tag("p", EMPTY) == "<p></p>"
