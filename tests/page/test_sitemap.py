"""Sitemaps of every kind, however sloppy, as rows and further sitemaps."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.errors import EncodingError, LimitError, RequestError, ShapeError, TypeMismatchError
from scraper.page.sitemap import Sitemap, lastmod_at, read_sitemap

URL = "http://h.example/a/sitemap.xml"
SPACES = (
    'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:image="http://www.google.com/schemas/sitemap-image/1.1" '
    'xmlns:video="http://www.google.com/schemas/sitemap-video/1.1" xmlns:xhtml="http://www.w3.org/1999/xhtml" '
    'xmlns:news="http://www.google.com/schemas/sitemap-news/0.9"'
)


def rows(body: str | bytes, url: str = URL) -> list[Any]:
    return list(read(body, url).rows)


def read(body: str | bytes, url: str = URL, content_type: str | None = None) -> Sitemap:
    return read_sitemap(body.encode() if isinstance(body, str) else body, url, content_type)


def urlset(*entries: str) -> str:
    return f'<?xml version="1.0"?>\n<urlset {SPACES}>{"".join(f"<url>{one}</url>" for one in entries)}</urlset>'


def test_a_urlset_gives_its_pages_with_all_they_say() -> None:
    body = urlset(
        "<loc>http://h.example/1</loc><lastmod>2024-01-02</lastmod><changefreq>daily</changefreq>"
        "<priority>0.5</priority><image:image><image:loc>/i.jpg</image:loc><image:title>T</image:title>"
        "<image:caption>C</image:caption></image:image><video:video><video:title>V</video:title>"
        "<video:content_loc>v.mp4</video:content_loc></video:video>"
        "<news:news><news:publication><news:name>N</news:name></news:publication><news:title>t</news:title></news:news>"
        '<xhtml:link rel="alternate" hreflang="de" href="/de"/><xhtml:link rel="icon" href="/x"/>',
        "<loc>http://h.example/2</loc>",
    )
    assert read(body) == Sitemap(
        (
            {
                "url": "http://h.example/1",
                "lastmod": "2024-01-02",
                "changefreq": "daily",
                "priority": "0.5",
                "images": [{"url": "http://h.example/i.jpg", "title": "T", "caption": "C"}],
                "videos": [{"title": "V", "content_loc": "http://h.example/a/v.mp4"}],
                "news": [{"name": "N", "title": "t"}],
                "alternates": [{"hreflang": "de", "href": "http://h.example/de"}],
            },
            {"url": "http://h.example/2"},
        )
    )


def test_an_index_gives_sitemaps() -> None:
    body = f"<sitemapindex {SPACES}><sitemap><loc>c.xml</loc><lastmod>2024</lastmod></sitemap></sitemapindex>"
    assert read(body) == Sitemap(sitemaps=({"url": "http://h.example/a/c.xml", "lastmod": "2024"},))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            '<rss version="2.0"><channel><link>/</link><image><url>/i.png</url></image>'
            "<item><link>/1</link><pubDate>Tue, 02 Jan 2024 03:04:05 GMT</pubDate></item></channel></rss>",
            [{"url": "http://h.example/1", "lastmod": "Tue, 02 Jan 2024 03:04:05 GMT"}],
        ),
        (
            '<feed xmlns="http://www.w3.org/2005/Atom"><link href="/"/><entry><link rel="edit" href="/e"/>'
            '<link href="/1"/><updated>2024-01-01</updated><published>2023-01-01</published></entry></feed>',
            [{"url": "http://h.example/1", "lastmod": "2024-01-01"}],
        ),
        (
            "\ufeffhttp://h.example/1\r\nnot a URL\r\n\r\n https://h.example/2#part \n",
            [{"url": "http://h.example/1"}, {"url": "https://h.example/2"}],
        ),
    ],
    ids=["RSS", "Atom", "text"],
)
def test_feeds_and_text_are_sitemaps_too(body: str, expected: list[Any]) -> None:
    assert rows(body) == expected


def test_a_robots_txt_names_sitemaps() -> None:
    body = "# http://h.example/no\nUser-agent: *\nSITEMAP : /s.xml\nsitemap: http://o.example/s.xml\nSitemap: /s.xml"
    assert read(body, "http://h.example/robots.txt") == Sitemap(
        sitemaps=({"url": "http://h.example/s.xml"}, {"url": "http://o.example/s.xml"})
    )


@pytest.mark.parametrize(
    ("loc", "expected"),
    [
        ("\n  http://h.example/1\n", "http://h.example/1"),
        ("<![CDATA[ http://h.example/?a=1&b=2 ]]>", "http://h.example/?a=1&b=2"),
        ("http://h.example/?a=1&amp;b=2", "http://h.example/?a=1&b=2"),
        ("http://h.example/?a=1&b=2", "http://h.example/?a=1&b=2"),
        ("/rel", "http://h.example/rel"),
        ("http://h.example/ä b", "http://h.example/%C3%A4%20b"),
        ("http://h.example/1#part", "http://h.example/1"),
        ("ftp://h.example/1", None),
        ("javascript:alert(1)", None),
        (" ", None),
        ("http://h.example/%EF%B7%90env:X", "http://h.example/%EF%BF%BDenv:X"),
    ],
)
def test_a_loc_is_made_an_absolute_http_url_or_left_out(loc: str, expected: str | None) -> None:
    assert rows(urlset(f"<loc>{loc}</loc>")) == ([] if expected is None else [{"url": expected}])


@pytest.mark.parametrize(
    "body",
    [
        "<urlset><url><loc>/1</loc></url></urlset>",
        '<urlset xmlns="http://www.google.com/schemas/sitemap/0.84"><url><loc>/1</loc></url></urlset>',
        "<URLSET><URL><LOC>/1</LOC></URL></URLSET>",
        '<s:urlset xmlns:s="urn:s"><s:url><s:loc>/1</s:loc></s:url></s:urlset>',
        "<s:urlset><s:url><s:loc>/1</s:loc></s:url></s:urlset>",
        " \n<?xml version='1.0'?><!DOCTYPE urlset [<!ENTITY x 'y'>]><urlset><url><loc>/1</loc></url></urlset>",
        "<?xml version='1.0'?><?xml-stylesheet href='x'?><!-- c --><url><loc>/1</loc></url>",
    ],
)
def test_names_are_told_without_case_and_namespace(body: str) -> None:
    assert read(body) == Sitemap(({"url": "http://h.example/1"},))


def test_what_is_cut_is_read_as_far_as_it_goes_and_says_where() -> None:
    found = read("<urlset>\n<url><loc>/1</loc></url>\n<url><loc>/2</loc></url>\n<url><loc>/3")
    assert [row["url"] for row in found.rows] == ["http://h.example/1", "http://h.example/2"]
    assert found.flaw == "Premature end of data in tag loc line 4, line 4, column 13"


def test_an_empty_sitemap_has_no_rows() -> None:
    assert read("<urlset/>") == Sitemap()


@pytest.mark.parametrize(
    ("body", "url", "error", "message"),
    [
        ("<!doctype html><p>Not found", URL, TypeMismatchError, "it is an HTML page"),
        ("<!doctype html><p>Not found", "http://h.example/robots.txt", TypeMismatchError, "it is an HTML page"),
        ('{"a": 1}', URL, TypeMismatchError, "it is JSON"),
        ("", URL, TypeMismatchError, "it is empty"),
        (b"\x89PNG\r\n\x1a\n", URL, TypeMismatchError, "it is no text"),
        ("<?xml version='1.0'?><books/>", URL, ShapeError, "its root is <books>"),
        ("<?xml version='1.0'?>", URL, ShapeError, "no element found"),
        ("nothing here", URL, ShapeError, "text in which no line is a URL"),
        ("User-agent: *", "http://h.example/robots.txt", ShapeError, "the robots.txt names no sitemap"),
    ],
)
def test_what_is_no_sitemap_is_told_with_what_came(
    body: str | bytes, url: str, error: type[RequestError], message: str
) -> None:
    with pytest.raises(error) as caught:
        read(body, url)
    assert (message in caught.value.message, caught.value.final) == (True, True)


# -- gzip --------------------------------------------------------------------------------------------------

ONE = urlset("<loc>http://h.example/1</loc>").encode()


@pytest.mark.parametrize(
    "body",
    [
        gzip.compress(ONE),
        gzip.compress(ONE[:50]) + gzip.compress(ONE[50:]),
        gzip.compress(ONE) + bytes(512),
        gzip.compress(ONE) + b"trailing garbage",
        gzip.compress(ONE) + b"\x1f\x8bgarbage",
    ],
    ids=["plain", "members", "zeros", "garbage", "garbage like a member"],
)
def test_a_gzip_file_is_unpacked_as_gzip_does(body: bytes) -> None:
    assert rows(body) == [{"url": "http://h.example/1"}]


@pytest.mark.parametrize(
    "body",
    [gzip.compress(ONE)[:-9], gzip.compress(ONE)[:30], b"\x1f\x8b\x08" + bytes(9) + b"x"],
    ids=["without its end", "its beginning", "damaged"],  # its bytes tell the time, and make no name
)
def test_a_gzip_file_that_is_cut_or_damaged_is_a_failure(body: bytes) -> None:
    with pytest.raises(EncodingError):
        read(body)


@pytest.mark.parametrize(("size", "members"), [(66 << 20, 1), (33 << 20, 2)], ids=["one member", "two members"])
def test_a_bomb_is_a_limit(size: int, members: int) -> None:
    with pytest.raises(LimitError, match="more than 64 MiB when unpacked"):
        read(gzip.compress(bytes(size)) * members)


def test_nesting_is_a_limit() -> None:
    with pytest.raises(LimitError, match="Excessive depth"):
        read("<urlset>" + "<url>" * 10_000)


# -- dates and the rest ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024", datetime(2024, 1, 1, tzinfo=UTC)),
        (" 2024-05 ", datetime(2024, 5, 1, tzinfo=UTC)),
        ("2024-05-06", datetime(2024, 5, 6, tzinfo=UTC)),
        ("2024-05-06T07:08Z", datetime(2024, 5, 6, 7, 8, tzinfo=UTC)),
        ("2024-05-06T07:08:09.5+02:00", datetime(2024, 5, 6, 7, 8, 9, 500_000, timezone(timedelta(hours=2)))),
        ("Tue, 02 Jan 2024 03:04:05 GMT", datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2024-13", None),
        ("0000", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_a_lastmod_is_a_moment(text: str, expected: datetime | None) -> None:
    assert lastmod_at(text) == expected


@pytest.mark.slow
def test_fifty_thousand_rows_are_all_there_in_order() -> None:
    entries = (f"<loc>http://h.example/{n}?x=1&amp;y=2</loc><lastmod>2024-01-02</lastmod>" for n in range(50_000))
    found = rows(urlset(*entries))
    assert (len(found), found[0]["url"], found[-1]["url"]) == (
        50_000,
        "http://h.example/0?x=1&y=2",
        "http://h.example/49999?x=1&y=2",
    )


PARTS = st.sampled_from(
    ["<urlset>", "</urlset>", "<url>", "</url>", "<loc>", "</loc>", "/x", "http://h.example/y", "<image:image>", "&",
     "</image:image>", "<lastmod>2024</lastmod>", "<sitemap>", "</sitemap>", "<![CDATA[", "]]>", "<!--", "\n", "\ufdd0",
     "<item>", "<link>", "<link href='/z'/>", "Sitemap: /s", "<entry>", "</entry>", "<?xml version='1.0'?>"]
)  # fmt: skip


@given(st.lists(PARTS, max_size=16).map("".join) | st.binary(max_size=40))
def test_any_bytes_are_a_sitemap_or_refused(body: str | bytes) -> None:
    try:
        found = read(body)
    except RequestError:
        return
    assert all(row["url"].startswith(("http://", "https://")) for row in (*found.rows, *found.sitemaps))
    assert "\ufdd0" not in repr(found.rows)
