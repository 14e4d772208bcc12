"""Floor 0: URLs, units and marks, without anything around them."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scraper import secrets, units, urls

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
KNOWN = {"env:KEY": "s3cr3t & more"}


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("HTTP://Ex.COM:80/a/../b/./c%7e?x=%41#part", "http://ex.com/b/c~?x=A"),
        ("http://h", "http://h/"),
        ("https://h:443/", "https://h/"),
        ("http://h:8000/x", "http://h:8000/x"),
        ("http://h:800/x:80", "http://h:800/x:80"),
        ("http://h/?b=2&a=1", "http://h/?b=2&a=1"),
        ("http://h/%2e%2E/a", "http://h/a"),
        ("http://h/a%2fb", "http://h/a%2Fb"),
        ("http://[::1]:8000/a", "http://[::1]:8000/a"),
        ("http://h./a", "http://h/a"),
        ("http://bücher.example/ä", "http://xn--bcher-kva.example/%C3%A4"),
    ],
)
def test_two_urls_of_one_page_have_one_canonical_form(url: str, same: str) -> None:
    assert urls.canonical(url) == same
    assert urls.canonical(same) == same


@given(TEXT, TEXT)
@example("/\x80@", "")
def test_a_joined_url_is_ascii_without_blanks_and_stays_as_it_is(path: str, query: str) -> None:
    joined = urls.join("http://h:8000/a/b", f"/{path}?{query}")
    assert joined == "" or (joined.isascii() and not any(char.isspace() for char in joined))
    assert not joined or urls.fixed(joined) == joined


@pytest.mark.parametrize(
    ("address", "private"),
    [
        ("127.0.0.1", True), ("10.1.2.3", True), ("169.254.169.254", True), ("100.64.0.1", True), ("::1", True),
        ("::ffff:10.0.0.1", True), ("2002:7f00:1::", True), ("fe80::1%eth0", True), ("0.0.0.0", True),
        ("8.8.8.8", False), ("2606:4700::1", False), ("::ffff:8.8.8.8", False), ("name.example", False),
    ],
)  # fmt: skip
def test_addresses_that_are_not_public(address: str, private: bool) -> None:
    assert urls.is_private(address) == private


@pytest.mark.parametrize(
    ("first", "second", "same", "answer"),
    [
        ("http://a.h/x", "http://a.h:80/y", "host", True),
        ("http://a.h/x", "http://b.h/y", "host", False),
        ("http://a.h/x", "http://a.h:81/y", "host", False),
        ("http://a.one.example/x", "http://a.two.example/y", "domain", False),
        ("http://a.example.org/x", "http://example.org/y", "domain", True),
        ("http://127.0.0.1/x", "http://126.0.0.1/y", "domain", False),
        ("http://a/x", "http://b/y", "any", True),
    ],
)
def test_same_host_domain_or_any(first: str, second: str, same: str, answer: bool) -> None:
    assert urls.same_site(first, second, same) == answer


def test_params_are_added_as_requests_adds_them() -> None:
    params = {"a": [1, 2], "b": None, "c": True, "d e": "x&y"}
    assert urls.with_params("http://h/?z=0", params) == "http://h/?z=0&a=1&a=2&c=true&d+e=x%26y"


@pytest.mark.parametrize(
    ("text", "count"), [("512", 512), ("1k", 1024), ("1.5M", 1572864), ("20 MB", 20971520), (7, 7)]
)
def test_sizes(text: str | int, count: int) -> None:
    assert units.size(text) == count


@pytest.mark.parametrize("text", ["", "k", "1T", "-1", "1,5M"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="size"):
        units.size(text)


def test_delays_are_a_number_or_a_range() -> None:
    assert [units.delay(given).draw(0.5) for given in (2, "0.5", "1-3", "1 - 2")] == [2, 0.5, 2, 1.5]
    with pytest.raises(ValueError, match="ends before"):
        units.delay("3-1")


@given(TEXT, TEXT)
def test_a_mark_shows_as_its_name_and_goes_out_as_its_value(before: str, after: str) -> None:
    mark, plain = secrets.mark("env", "KEY"), not any("\ufdd0" <= char <= "\ufdef" for char in before + after)
    if plain:
        assert secrets.display(f"{before}{mark}{after}") == f"{before}{{env:KEY}}{after}"
        assert secrets.reveal(f"{before}{mark}{after}", KNOWN.__getitem__) == f"{before}{KNOWN['env:KEY']}{after}"
    quoted = urls.with_params("http://h/", {"k": mark})
    assert secrets.display(quoted) == "http://h/?k={env:KEY}"
    assert secrets.reveal(quoted, KNOWN.__getitem__) == "http://h/?k=s3cr3t%20%26%20more"


def test_text_that_looks_like_a_shown_mark_is_not_one() -> None:
    assert secrets.reveal("{env:KEY}", KNOWN.__getitem__) == "{env:KEY}"


@pytest.mark.parametrize(
    ("value", "looked_for"), [("secret", False), ("hunter2", True), ("passwords", True), ("1234", False)]
)
def test_only_values_that_are_no_ordinary_words_are_looked_for_in_answers(value: str, looked_for: bool) -> None:
    assert (secrets.display(secrets.conceal(f"a {value} b", {"env:X": value})) == "a {env:X} b") == looked_for
