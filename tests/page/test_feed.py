"""Feeds as data: RSS, Atom and JSON Feed under feedparser's names."""

from __future__ import annotations

import json
from html import escape
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.errors import LimitError, RequestError, ShapeError, TypeMismatchError
from scraper.model import Page, Request
from scraper.page.document import open_page
from scraper.page.selectors import compile_selector

URL = "http://h.example/a/feed"


def feed(body: bytes | str, content_type: str | None = None) -> dict[str, Any]:
    body = body.encode() if isinstance(body, str) else body
    headers = {"content-type": content_type} if content_type else {}
    found: dict[str, Any] = open_page(Page(Request("GET", URL), URL, 200, headers, body), "feed").root
    return found


def rss(item: str, channel: str = "", root: str = "") -> str:
    return f'<rss version="2.0" {root}><channel><title>T</title>{channel}<item>{item}</item></channel></rss>'


def atom(entry: str, root: str = "") -> str:
    return f'<feed xmlns="http://www.w3.org/2005/Atom" {root}><entry>{entry}</entry></feed>'


def entry(body: bytes | str, *names: str) -> list[Any]:
    return [feed(body)["entries"][0].get(name) for name in names]


ATOM = atom(
    "<id>http://arxiv.org/abs/1</id><title>A &amp; B</title><published>2024-01-02T03:04:05Z</published>"
    '<link title="pdf" href="pdf/1" rel="related" type="application/pdf"/><link href="http://arxiv.org/abs/1"/>',
    'xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/"',
)
JSON_FEED: dict[str, Any] = {
    "version": "https://jsonfeed.org/version/1.1",
    "title": "J",
    "home_page_url": "/",
    "items": [
        {
            "id": 5,
            "url": "/5",
            "title": "t",
            "content_text": "x",
            "date_published": "2024-01-02T03:04:05+02:00",
            "tags": ["a"],
            "authors": [{"name": "N", "url": "/n"}],
            "attachments": [{"url": "e.mp3", "mime_type": "audio/mpeg", "size_in_bytes": 12}],
            "_ext": {"k": 1},
        }
    ],
}


def test_an_rss_item_has_feedparsers_names_and_absolute_urls() -> None:
    item = (
        '<title>x</title><link>../l</link><guid isPermaLink="false">g</guid>'
        '<pubDate>Tue, 02 Jan 2024 03:04:05 +0200</pubDate><enclosure url="e.mp3" length="12" type="audio/mpeg"/>'
    )
    assert feed(rss(item))["entries"] == [
        {
            "title": "x",
            "title_detail": {"type": "text/plain", "language": None, "base": "", "value": "x"},
            "links": [
                {"rel": "alternate", "type": "text/html", "href": "http://h.example/l"},
                {"rel": "enclosure", "length": "12", "type": "audio/mpeg", "href": "http://h.example/a/e.mp3"},
            ],
            "link": "http://h.example/l",
            "id": "g",
            "guidislink": False,
            "published": "Tue, 02 Jan 2024 03:04:05 +0200",
            "published_parsed": "2024-01-02T01:04:05Z",
            "enclosures": [{"length": "12", "type": "audio/mpeg", "href": "http://h.example/a/e.mp3"}],
        }
    ]


def test_media_and_itunes_are_there() -> None:
    body = rss(
        '<media:content url="m.mp4" medium="video"/><media:thumbnail url="/t.jpg"/>'
        "<itunes:duration>1:02</itunes:duration>",
        root='xmlns:media="http://search.yahoo.com/mrss/" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"',
    )
    assert entry(body, "media_content", "media_thumbnail", "itunes_duration", "enclosures") == [
        [{"url": "http://h.example/a/m.mp4", "medium": "video"}],
        [{"url": "http://h.example/t.jpg"}],
        "1:02",
        [],
    ]


def test_an_atom_entry_has_its_links_and_the_feed_its_totals() -> None:
    found = feed(ATOM.replace("<entry>", "<opensearch:totalResults>123</opensearch:totalResults><entry>"))
    links = compile_selector("entries[*].links[?title=='pdf'].href", "jmespath")
    scope = open_page(Page(Request("GET", URL), URL, 200, {}, ATOM.encode()), "feed").scope({})
    assert (found["version"], found["feed"]["opensearch_totalresults"]) == ("atom10", "123")
    assert links.every(found, scope) == [["http://h.example/a/pdf/1"]]


@pytest.mark.parametrize(
    ("body", "version", "title"),
    [
        ('<rss version="0.91"><channel><item><title>t</title></item></channel></rss>', "rss091u", "t"),
        (
            '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/">'
            "<channel/><item><title>t</title></item></rdf:RDF>",
            "rss10",
            "t",
        ),
        (rss("<title>t</title>"), "rss20", "t"),
        (atom("<title>t</title>"), "atom10", "t"),
        (
            json.dumps({"version": "https://jsonfeed.org/version/1", "items": [{"id": "1", "title": "t"}]}),
            "json10",
            "t",
        ),
    ],
)
def test_every_kind_of_feed_is_read(body: str, version: str, title: str) -> None:
    found = feed(body)
    assert (found["version"], found["bozo"], found["entries"][0]["title"]) == (version, False, title)


def test_a_json_feed_has_the_same_names() -> None:
    found = feed(json.dumps(JSON_FEED), "application/feed+json")
    assert found == {
        "version": "json11",
        "bozo": False,
        "namespaces": {},
        "feed": {
            "title": "J",
            "links": [{"rel": "alternate", "type": "text/html", "href": "http://h.example/"}],
            "link": "http://h.example/",
        },
        "entries": [
            {
                "enclosures": [{"href": "http://h.example/a/e.mp3", "type": "audio/mpeg", "length": "12"}],
                "id": "5",
                "links": [
                    {"rel": "alternate", "type": "text/html", "href": "http://h.example/5"},
                    {"href": "http://h.example/a/e.mp3", "type": "audio/mpeg", "length": "12", "rel": "enclosure"},
                ],
                "link": "http://h.example/5",
                "title": "t",
                "content": [{"type": "text/plain", "language": None, "base": "", "value": "x"}],
                "published": "2024-01-02T03:04:05+02:00",
                "published_parsed": "2024-01-02T01:04:05Z",
                "tags": [{"term": "a", "scheme": None, "label": None}],
                "authors": [{"name": "N", "href": "http://h.example/n"}],
                "author": "N",
                "author_detail": {"name": "N", "href": "http://h.example/n"},
                "_ext": {"k": 1},
            }
        ],
    }


# -- HTML in it --------------------------------------------------------------------------------------------

HTML = (
    "<p>A &amp; B&nbsp;<A HREF='x?a=1&b=2' data-y=1>l</A><img src=y.png><script>if(a<b && c){}</script>"
    "<a href=\"#top\"><a href='mailto:x@y'><iframe src='/v?a=1&amp;b=2'></iframe><!-- c --> 1 < 2"
)
MADE = (
    "<p>A &amp; B&nbsp;<A HREF='http://h.example/a/x?a=1&b=2' data-y=1>l</A><img src=http://h.example/a/y.png>"
    "<script>if(a<b && c){}</script><a href=\"#top\"><a href='mailto:x@y'>"
    "<iframe src='http://h.example/v?a=1&amp;b=2'></iframe><!-- c --> 1 < 2"
)


def test_html_stays_letter_by_letter_but_for_its_links() -> None:
    found = feed(rss(f"<description>{escape(HTML)}</description>"))["entries"][0]
    assert (found["summary"], found["summary_detail"]["value"]) == (MADE, MADE)


def test_links_in_html_are_relative_to_the_xml_base() -> None:
    body = atom(
        '<content type="html" xml:base="s/">&lt;img src="i.png"&gt;</content>', 'xml:base="http://z.example/q/"'
    )
    assert entry(body, "summary") == ['<img src="http://z.example/q/s/i.png">']


# -- what is sloppy ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("content_type", [None, "text/html", "text/xml", "text/plain; charset=utf-8"])
def test_a_feed_is_told_by_its_bytes(content_type: str | None) -> None:
    assert feed(rss("<title>é</title>"), content_type)["entries"][0]["title"] == "é"


def test_what_can_be_mended_is() -> None:
    body = rss(
        "<title>AT&T &eacute;</title><link>/x?a=1&b=2</link><media:thumbnail url='t.jpg'/><dc:creator>N</dc:creator>"
    )
    assert (feed(body)["bozo"], *entry(body, "title", "link", "media_thumbnail", "author")) == (
        False,
        "AT&T é",
        "http://h.example/x?a=1&b=2",
        [{"url": "http://h.example/a/t.jpg"}],
        "N",
    )


def test_what_is_broken_is_read_as_far_as_it_goes() -> None:
    body = '<rss version="2.0"><channel><title>T</title><item><title>1</title></item><item><title>2</title><link>/2'
    found = feed(body)
    assert (found["bozo"], [one["title"] for one in found["entries"]]) == (True, ["1", "2"])


def test_a_date_that_no_calendar_has_stays_as_text() -> None:
    assert entry(rss("<pubDate>soon</pubDate>"), "published", "published_parsed") == ["soon", None]


def test_an_empty_feed_is_an_empty_page() -> None:
    found = feed('<rss version="2.0"><channel><title>T</title></channel></rss>')
    assert (found["feed"]["title"], found["entries"]) == ("T", [])


@pytest.mark.parametrize(
    "body", ["<?xml version='1.0'?><urlset><url/></urlset>", "<?xml version='1.0'?><x><title>t</title></x>", "<rss "]
)
def test_xml_with_nothing_of_a_feed_is_of_the_wrong_shape(body: str) -> None:
    with pytest.raises(ShapeError, match="the page is no feed"):
        feed(body, "application/xml")


@pytest.mark.parametrize("body", ['{"items": []}', '{"version": "1", "items": []}', "[1]"])
def test_json_that_is_no_feed_is_of_the_wrong_type(body: str) -> None:
    with pytest.raises(TypeMismatchError, match="no JSON Feed"):
        feed(body, "application/json")


def test_a_page_of_html_is_of_the_wrong_type() -> None:
    with pytest.raises(TypeMismatchError, match="the page is not feed"):
        feed("<!doctype html><title>502</title>", "text/html")


# -- what is hostile ---------------------------------------------------------------------------------------


def test_no_name_of_a_file_or_host_is_opened(tmp_path: Any) -> None:
    secret = tmp_path / "secret"
    secret.write_text("opened")
    entities = f'<!ENTITY f SYSTEM "{secret.as_uri()}"><!ENTITY g "{"x" * 9999}"><!ENTITY h "{"&g;" * 999}">'
    found = feed(f"<!DOCTYPE rss [{entities}]>{rss('<title>&f;&h;&h;</title>')}")
    assert found["entries"][0]["title"] == "&f;&h;&h;"


@pytest.mark.parametrize("body", [b"/etc/hostname", b"http://127.0.0.1:9/feed", b"file:///etc/hostname"])
def test_a_body_is_never_taken_for_an_address(body: bytes) -> None:
    with pytest.raises(RequestError) as caught:
        feed(body)
    assert caught.value.ending == "failed:type"


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("<category>a</category>" * 1001, "an entry has more than 1,000 categories"),
        ("<CATEGORY>a</CATEGORY>" * 1001, "an entry has more than 1,000 categories"),
        (f"<itunes:keywords>{',' * 1001}</itunes:keywords>", "an entry has more than 1,000 categories"),
        (f"<author>{'a' * 20_000}</author>", "<author> has a word of 20000 characters, line 1"),
        ("<a>" * 10_000, "Excessive depth in document: 256"),
    ],
    ids=["categories", "in capitals", "keywords", "author", "depth"],
)
def test_what_would_take_hours_is_a_limit(item: str, message: str) -> None:
    with pytest.raises(LimitError) as caught:
        feed(rss(item))
    assert message in caught.value.message


def test_texts_are_clean() -> None:
    body = rss("<title>\ufdd0env:X&#xfdd1;</title><link>/%EF%B7%90</link>")
    assert entry(body, "title", "link") == ["\ufffdenv:X\ufffd", "http://h.example/%EF%BF%BD"]


PARTS = st.sampled_from(
    ["<item>", "</item>", "<title>", "</title>", "<link>/x</link>", "<category>", "a@b.c", "<author>", "&amp;lt;b&gt;",
     "<![CDATA[", "]]>", "<content type='xhtml'>", "<div>", "<pubDate>Tue, 02 Jan 2024", "<enclosure url='x'/>", "<!--",
     "\ufdd0", "<media:content url='", "'>", "&#0;", "xml:base='http://['", "<updated>2024-02-31"]
)  # fmt: skip


@given(st.lists(PARTS, max_size=16).map("".join))
def test_any_text_in_a_feed_is_read_or_refused_and_is_plain_data(text: str) -> None:
    try:
        found = feed(f'<rss version="2.0"><channel>{text}')
    except RequestError:
        return
    assert json.loads(json.dumps(found)) == found
    assert "\ufdd0" not in json.dumps(found, ensure_ascii=False)
