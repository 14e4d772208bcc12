"""Floor 0: links made absolute, and the short ways of URLs, which give what the long ones give."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scraper import secrets, urls
from scraper.model import Request

# RFC 3986 section 5.4: the base, normal examples, abnormal ones.
RFC_BASE = "http://a/b/c/d;p?q"
NORMAL = {
    "g:h": "g:h",
    "g": "http://a/b/c/g",
    "./g": "http://a/b/c/g",
    "g/": "http://a/b/c/g/",
    "/g": "http://a/g",
    "//g": "http://g",
    "?y": "http://a/b/c/d;p?y",
    "g?y": "http://a/b/c/g?y",
    "#s": "http://a/b/c/d;p?q#s",
    "g#s": "http://a/b/c/g#s",
    "g?y#s": "http://a/b/c/g?y#s",
    ";x": "http://a/b/c/;x",
    "g;x": "http://a/b/c/g;x",
    "g;x?y#s": "http://a/b/c/g;x?y#s",
    "": "http://a/b/c/d;p?q",
    ".": "http://a/b/c/",
    "./": "http://a/b/c/",
    "..": "http://a/b/",
    "../": "http://a/b/",
    "../g": "http://a/b/g",
    "../..": "http://a/",
    "../../": "http://a/",
    "../../g": "http://a/g",
}
ABNORMAL = {
    "../../../g": "http://a/g",
    "../../../../g": "http://a/g",
    "/./g": "http://a/g",
    "/../g": "http://a/g",
    "g.": "http://a/b/c/g.",
    ".g": "http://a/b/c/.g",
    "g..": "http://a/b/c/g..",
    "..g": "http://a/b/c/..g",
    "./../g": "http://a/b/g",
    "./g/.": "http://a/b/c/g/",
    "g/./h": "http://a/b/c/g/h",
    "g/../h": "http://a/b/c/h",
    "g;x=1/./y": "http://a/b/c/g;x=1/y",
    "g;x=1/../y": "http://a/b/c/y",
    "g?y/./x": "http://a/b/c/g?y/./x",
    "g?y/../x": "http://a/b/c/g?y/../x",
    "g#s/./x": "http://a/b/c/g#s/./x",
    "g#s/../x": "http://a/b/c/g#s/../x",
    "http:g": "http://a/b/c/g",  # as older parsers have it, and browsers
}
EMPTY_SEGMENTS = {
    "a/b//c": "http://a/b/c/a/b//c",
    "2020/http://x/y": "http://a/b/c/2020/http://x/y",
    "g//": "http://a/b/c/g//",
    "g//../h": "http://a/b/c/g/h",
    "/a//b/../c": "http://a/a//c",
    "/.//g": "http://a//g",
    "g;": "http://a/b/c/g;",
}
"""RFC 3986 section 5.2.4: an empty segment is one; section 3.3: so is an empty parameter."""
AS_BROWSERS = {
    " \x00\x1f g \x01\n": "http://a/b/c/g",
    "/g\t/h\r\n": "http://a/g/h",
    "?": "http://a/b/c/d;p",
    "#": "http://a/b/c/d;p?q",
    "g?#": "http://a/b/c/g",
    "%2e": "http://a/b/c/",
    "%2E%2e/g": "http://a/b/g",
    ".%2e/.%2Eg": "http://a/b/.%2Eg",
    "/x/%2\ne%2E/g": "http://a/g",
    "http://h/x/../g": "http://h/g",
    "http://h/x/%2e%2e/%2e%2e/g": "http://h/g",
    r"img\x.png": "http://a/b/c/img/x.png",
    r"\g\..\h?\#\x": r"http://a/h?%5C#%5Cx",
    r"http://h/x\y": "http://h/x/y",
    "///h/x": "http://h/x",
    "http:///h/x": "http://h/x",
    "http:/g": "http://a/g",
    "https:h/x": "https://h/x",
    "https:/h": "https://h",
    "HTTP://H/x": "http://H/x",
    r"/\h/x": "http://h/x",
    "mailto:a@b": "mailto:a@b",
    "//": "",
    "http://": "",
    "https:": "",
    "http://[bad": "",
}
"""WHATWG URL, section 4.4; an empty query goes, and a host stands as it is written."""


@pytest.mark.parametrize(
    ("link", "expected"), [*NORMAL.items(), *ABNORMAL.items(), *EMPTY_SEGMENTS.items(), *AS_BROWSERS.items()]
)
def test_a_link_is_joined_to_its_base(link: str, expected: str) -> None:
    assert urls.join(RFC_BASE, link) == expected


@pytest.mark.parametrize(
    ("base", "link", "expected"),
    [
        ("http://h", "g", "http://h/g"),
        ("http://h", "?x", "http://h?x"),
        ("http://h", "", "http://h"),
        ("http://h/a/../b/%2e%2e/c/d", "g", "http://h/c/g"),
        ("http://h/a/..", "g", "http://h/g"),
        ("http://h/a//b//", "../g", "http://h/a//b/g"),
        ("http://h/a?b#c", "", "http://h/a?b"),
        ("http://u:p@h:8000/a?b/c", "g", "http://u:p@h:8000/g"),
        ("http://h/größe/", "a b", "http://h/gr%C3%B6%C3%9Fe/a%20b"),
        ("https://h/", "//g/x", "https://g/x"),
        ("", "http://h/x", "http://h/x"),
        ("mailto:x", "http://h/x", "http://h/x"),
        ("http://[bad", "http://h/x", ""),
    ],
)
def test_a_base_is_read_as_what_is_asked_for_at_it(base: str, link: str, expected: str) -> None:
    assert urls.join(base, link) == expected


@pytest.mark.parametrize("link", [r"http://a\b/", r"//127.0.0.1\.example/x", r"http://a\@b\c/", r"\\host\share"])
def test_a_host_with_a_backslash_is_none(link: str) -> None:
    assert not urls.is_http(urls.join(RFC_BASE, link))


# -- properties ----------------------------------------------------------------------------------------------

PIECES = [
    "/", "//", "/", "a", "b.html", ".", "..", "%2e", "%2E%2e", "?", "#", "?x=1", "&y=/../z", "#s", ":", "http:",
    "https:", "HTTP:", "//h", "http://h", "http://h:8000", "https://H.example:443", "//u:p@h", "ftp://h", "mailto:",
    "\\", "@", "[::1]", "%", "%4", "%C3%A4", "ä", "日本", " ", "\t", "\n", "\x01", "\xa0", ";", "~x", "[1]",
    "!$&'()*+,=", '"<>^`{|}', ":80", ":99999", "\ufdd0", "\ufdd3", "\ufffd",
]  # fmt: skip
BASES = [
    RFC_BASE, "http://h", "https://h.example:8000/a/b/?q#f", "http://h/a/../%2e/b//c/", "http://u:p@h/ä/x y",
    "http://h/a?b/../c", "HTTP://H:80/x", "ftp://h/x", "mailto:x", "",
]  # fmt: skip
HEADS = [
    "http://", "https://", "HTTP://", "h", "H.example", ".", ":80", ":8000", ":0", ":99999", ":", "/", "?", "#", "@",
    "[::1]", "\\", "ä", " ", "\n", "1.2.3.4", "_", "%41",
]  # fmt: skip
links = st.lists(st.sampled_from(PIECES), max_size=7).map("".join) | st.text(max_size=12)
bases = st.sampled_from(BASES) | links.map("http://h/".__add__)
heads = st.lists(st.sampled_from(HEADS), max_size=6).map("".join)


@settings(max_examples=600)
@given(bases, links)
@example("http://h/", "http://h:8000")
@example("http://h/", "http://h:x/")
@example("http://h/", "a:b")
@example("http://h/", "./a:b")
@example("http://h/?q", "?")
@example("http://h/", "a\n")
def test_a_plain_link_is_joined_as_by_the_long_way(base: str, link: str) -> None:
    """A tab before it changes nothing, but is not plain."""
    assert urls.join(base, link) == urls.join(base, f"\t{link}")


@settings(max_examples=600)
@given(bases, links)
def test_a_joined_url_joins_to_itself_and_climbs_nowhere(base: str, link: str) -> None:
    joined = urls.join(base, link)
    if urls.is_http(joined) and urls.is_http(base):
        path = urlsplit(joined).path.lower().replace("%2e", ".").split("/")
        assert urls.join(base, joined) == joined
        assert not {".", ".."} & set(path)


@given(bases, links)
def test_a_joined_url_is_what_is_asked_for(base: str, link: str) -> None:
    joined = urls.join(base, link)
    if urls.is_http(joined) and urls.is_http(base):
        assert urls.fixed(joined) == joined
        assert urlsplit(urls.sendable(joined)).path == (urlsplit(joined).path or "/")


@pytest.mark.parametrize("name", ["env:KEY", "file:../a/../b/./c//d", r"file:a\b", "saved:%2e%2e/x"])
@pytest.mark.parametrize("link", ["/{}/x", "{}", "../a/./{}?k={}", "?k={}", "http://h/{}", "x#{}"])
def test_marks_come_through_whole(link: str, name: str) -> None:
    kind, _, rest = name.partition(":")
    joined = urls.join("http://h/a/b", link.replace("{}", secrets.mark(kind, rest)))
    assert secrets.names(joined) == [name] * link.count("{}")
    assert urls.join("http://h/a/b", joined) == joined


@settings(max_examples=400)
@given(heads | links)
@pytest.mark.parametrize("judge", [urls.is_http, urls.host_of, urls.host_key, urls.origin])
def test_what_is_kept_of_a_host_is_what_is_found_anew(judge: Callable[[str], object], url: str) -> None:
    assert answer(judge, url) == answer(inspect.unwrap(judge), url)


def answer(ask: Callable[[str], object], url: str) -> object:
    try:
        return ask(url)
    except ValueError as error:
        return repr(error)


@settings(max_examples=400)
@given(bases, links)
def test_a_canonical_url_is_told_at_once_as_by_the_long_way(base: str, link: str) -> None:
    url = urls.without_fragment(urls.join(base, link))
    if urls.is_http(url):
        assert urls.canonical(url) == urls.canonical_of(urls.fixed(url))


# -- the identity of a request -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "identity"),
    [
        (Request("GET", "http://h/a"), "6e6953e50d78a9fa3404f8aaefc108f4"),
        (Request("GET", "HTTP://H:80/x/../a#s"), "6e6953e50d78a9fa3404f8aaefc108f4"),
        (Request("GET", "http://h/a", params={"q": "ä"}), "120bc0d7da1f425e63cbaeddabf7e705"),
        (Request("POST", "http://h/a", data={"b": 1, "a": None}), "5c43249052c073b7e2a6ddc2157f62e5"),
        (Request("POST", "http://h/a", data=""), "2f71d097fff77bba3602cdc0855ae4dc"),
        (Request("POST", "http://h/a", json={"k": [1, "x"]}), "68c9365215ddb8de11cd6bf6cd6e0f44"),
        (Request("POST", "http://h/a", files={"f": "x.txt"}), "aec53be0602bb961dd278c7bcca9a35d"),
    ],
)
def test_an_identity_is_what_ledgers_hold(request_: Request, identity: str) -> None:
    assert request_.identity == identity
