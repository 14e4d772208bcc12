"""The short way of an ordinary URL gives what the long way gives, whenever it is taken."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scraper import secrets, urls
from scraper.files import naming
from scraper.lists.plain import is_canonical, namer

SAFE = "abzABZ019!$&'()*+,;:=@~_.-"
ODD = SAFE + '/?#%[]\\^`{|}<>" \t\n\x00\x7f\u00e9\u212a\u017f\u200b\ufdd0\ufdd2\ufffd'
NAMES = [
    "con",
    "NUL",
    "Aux",
    "com1",
    "LPT0",
    "clock$",
    "conin$",
    "index",
    "records",
    "x",
    "photo",
    "a.b",
    "..",
    ".",
    "-x",
]
ENDINGS = ["jpg", "JPG", "part", "Part", "php", "jsonl", "tar.gz", "gz", ".", "jpg.", "xyz", "-", "$", "ſ"]
HOSTS = [
    "example.org",
    "127.0.0.1",
    "a-b.c",
    "a..b",
    "EXAMPLE.org",
    "a.",
    "-a",
    "a_b",
    "[::1]",
    "u@h",
    "u:p@h",
    "%41",
    "K",
]
PORTS = [":8080", ":65535", ":", ":80", ":443", ":080", ":0", ":65536", ":99999", ":123456", ":1١"]
QUERIES = ["?w=100", "?a=b&c=/d?e", "?", "?%41", "?x#y", "#z", "?q=[1]", "?é"]


def either(usual: list[str], chars: str, *, least: int = 1) -> st.SearchStrategy[str]:
    return st.sampled_from(usual) | st.text(SAFE, min_size=least, max_size=6) | st.text(chars, max_size=4)


def joined(*parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map("".join)


nothing = st.just("")
dotted = joined(st.just("."), st.sampled_from(ENDINGS) | st.text(ODD, max_size=3))
near = joined(
    st.sampled_from(["http://", "https://", "HTTP://", "ftp://", "http:/"]),
    st.sampled_from(HOSTS[:3]) | either(HOSTS, ODD),
    nothing | st.sampled_from(PORTS),
    nothing | joined(st.just("/"), either(NAMES, ODD)),
    st.just("/"),
    either(NAMES, ODD),
    nothing | dotted,
    nothing | st.sampled_from(QUERIES) | joined(st.just("?"), either(QUERIES, ODD)),
)

_SAFE = "!$&'()*+,;:=@~_.-"
like = st.from_regex(
    r"https?://[a-z0-9][a-z0-9.-]{0,5}(:[0-9]{2,5})?"
    rf"(/([A-Za-z0-9{_SAFE}]|%[0-9A-Fa][0-9A-Fa]){{1,4}}){{0,2}}"
    rf"/([A-Za-z0-9{_SAFE}]|%C3%A9){{1,6}}(\.(jpg|tar\.gz|P[Aa]rt))?(\?([a-z{_SAFE}]|%[0-9A-F]{{2}}){{1,4}})?",
    fullmatch=True,
)


def long_way(url: str, records_name: str) -> tuple[str, str, str] | None:
    """URL, key and path as they are without a short way."""
    try:
        fixed = urls.fixed(url)
    except ValueError:
        return None
    if not urls.is_http(fixed) or secrets.names(fixed):
        return None
    path = naming.safe_path(naming.url_name(fixed).filename, records_name=records_name)
    return fixed, urls.canonical(fixed), path


@settings(max_examples=400)
@given(near | like, st.sampled_from(["records.jsonl", "photo/records.jsonl", "x.csv"]))
@example("http://h/con$", "records.jsonl")
@example("http://h/con-.jpg", "records.jsonl")
@example("http://h/nul", "records.jsonl")
@example("http://h/nul.jpg?x=1", "records.jsonl")
@example("http://h/RECORDS.jsonl", "records.jsonl")
@example("http://h/Photo", "photo/records.jsonl")
@example("http://h:80/x.jpg", "records.jsonl")
@example("https://h:443?x", "records.jsonl")
@example("http://h/a/../x.jpg", "records.jsonl")
@example("http://h/x.jpg\n", "records.jsonl")
@example("http://h/" + "x" * 200 + ".jpg", "records.jsonl")
def test_what_takes_the_short_way_comes_out_as_by_the_long_one(url: str, records_name: str) -> None:
    path = namer(records_name)(url)
    way = long_way(url, records_name)
    assert path is None or way == (url, url, path)
    assert not is_canonical(url) or (way is not None and way[:2] == (url, url))


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("http://127.0.0.1:8080/dir/name123.jpg", "name123.jpg"),
        ("https://images.example.org/a/b/photo-1_x.JPEG?w=100&h=75&fit=a,b", "photo-1_x.JPEG"),
        ("https://a-b.example.org/v1.2/data~x/set.tar.gz", "set.tar.gz"),
        ("http://example.org/photo/1234", "1234\ufdd2"),
        ("http://h/x@2x.png?u=http://other/y", "x@2x.png"),
        ("http://h/a%20b%2F/x.png?u=%E2%82%AC", "x.png"),
    ],
)
def test_ordinary_urls_take_the_short_way(url: str, path: str) -> None:
    assert is_canonical(url)
    assert namer("records.jsonl")(url) == path
    assert long_way(url, "records.jsonl") == (url, url, path)
