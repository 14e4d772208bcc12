"""Sitemaps, in every form that sites offer them: what pages there are, and which other sitemaps.

    read_sitemap(body, url, content_type) -> Sitemap(rows, sitemaps)

What it is, its content tells: a `urlset` (sitemaps.org) with the extensions for images, videos, news and alternates, a
`sitemapindex`, an RSS or Atom feed, plain text with one URL a line, and, at a path that ends in /robots.txt, the
`Sitemap:` lines of that; each of them also as a gzip file. Sitemaps are written by hand and by plugins, so names are
compared without case and without namespace, a bare `&` is let pass, and what is not well-formed is read as far as it
goes (`flaw` says where it broke). XML is read as a stream: each entry is forgotten when it has become a row.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from lxml import etree

from scraper.errors import EncodingError, LimitError, ShapeError, TypeMismatchError
from scraper.files.types import page_kind
from scraper.job.filters import moment
from scraper.lists.plain import is_canonical
from scraper.page import markup
from scraper.page.charset import decode_text
from scraper.page.links import resolve
from scraper.page.nodes import clean, fold

MOST_BYTES = 64 * 1024 * 1024
"""Unpacked; sitemaps.org allows 50 MB."""
_MAGIC = b"\x1f\x8b"
_FIRST_BYTES = 4096

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sitemap:
    """What a sitemap lists, in its order; URLs are absolute http or https URLs, others are left out.

    Attributes:
        rows: pages: `url` and, where it says them, `lastmod`, `changefreq`, `priority`, `images` (each `url`, `title`,
            `caption`), `videos` and `news` (mappings by the names of Google's extensions), `alternates` (each
            `hreflang`, `href`). Values are texts as they are written.
        sitemaps: others that it names: `url` and `lastmod`.
        flaw: where and why it is not well-formed, if it is not.
    """

    rows: tuple[Row, ...] = ()
    sitemaps: tuple[Row, ...] = ()
    flaw: str | None = None


def read_sitemap(body: bytes, url: str, content_type: str | None) -> Sitemap:
    """What a sitemap at `url` lists.

    Raises:
        TypeMismatchError: it is none of the kinds.
        ShapeError: XML with no sitemap in it, or text without any URL.
        EncodingError: a gzip file that is cut or damaged.
        LimitError: more than 64 MiB unpacked, or nested too deeply.
    """
    if body.startswith(_MAGIC):
        body, content_type = _unpacked(body, url), None
    kind = page_kind(body[:_FIRST_BYTES])
    read = _KINDS.get(kind)
    if read is None:
        raise TypeMismatchError(url, f"the page is no sitemap: it is {_CAME.get(kind, kind)}", final=True)
    try:
        return read(body, url, content_type)
    except markup.MarkupLimitError as error:
        raise LimitError(url, f"the sitemap is beyond what is read: {error}", final=True) from error
    except markup.MarkupError as error:
        raise ShapeError(url, f"the page is no sitemap: {error}", final=True) from error


def lastmod_at(text: str) -> datetime | None:
    """The moment that a `lastmod` names, in UTC where it names no zone; None for what is no date.

    A W3C date (YYYY, YYYY-MM or more; a year or month is its first moment), or one as in RFC 5322, which feeds have.
    """
    text = text.strip()
    if found := _MONTH.fullmatch(text):
        text = f"{found[1]}-{found[2] or '01'}-01"
    try:
        return moment(text)
    except ValueError:  # sites write all sorts of things
        return None


_MONTH = re.compile(r"(\d{4})(?:-(\d\d))?", re.ASCII)


# -- gzip --------------------------------------------------------------------------------------------------


def _unpacked(body: bytes, url: str) -> bytes:
    """All members of a gzip file; what follows the last one and is none is let pass, as gzip does."""
    pieces: list[bytes] = []
    size = 0
    while body.startswith(_MAGIC):
        stream = zlib.decompressobj(wbits=31)
        try:
            piece = stream.decompress(body, MOST_BYTES - size + 1)
        except zlib.error as error:
            if pieces:
                break
            raise EncodingError(url, f"the sitemap is a damaged gzip file: {error}") from error
        size += len(piece)
        if size > MOST_BYTES:
            raise LimitError(url, f"the sitemap is more than {MOST_BYTES >> 20} MiB when unpacked", final=True)
        if not stream.eof:
            raise EncodingError(url, "the sitemap is a gzip file that ends too early")
        pieces.append(piece)
        body = stream.unused_data
    return b"".join(pieces)


# -- text --------------------------------------------------------------------------------------------------

_WORD = re.compile(r"https?://\S+", re.IGNORECASE)
_SITEMAP_LINE = re.compile(r"[ \t]*sitemap[ \t]*:[ \t]*(\S+)", re.IGNORECASE)


def _lines(body: bytes, url: str, content_type: str | None) -> Sitemap:
    lines = decode_text(body, content_type).splitlines()
    if urlsplit(url).path.endswith("/robots.txt"):
        named = [link for line in lines if (found := _SITEMAP_LINE.match(line)) and (link := _link(url, found[1]))]
        if not named:
            raise ShapeError(url, "the robots.txt names no sitemap", final=True)
        return Sitemap(sitemaps=tuple({"url": link} for link in dict.fromkeys(named)))
    rows = tuple({"url": link} for line in lines if _WORD.fullmatch(line.strip()) and (link := _link(url, line)))
    if not rows:
        raise ShapeError(url, "the page is no sitemap: text in which no line is a URL", final=True)
    return Sitemap(rows)


def _link(base: str, text: str) -> str:
    text = clean(text.strip())
    return text if not text or is_canonical(text) else resolve(base, text)


# -- XML ---------------------------------------------------------------------------------------------------


def _markup(body: bytes, url: str, content_type: str | None) -> Sitemap:
    text = markup.mend(markup.xml_text(body, content_type)).encode("utf-8", "replace")
    parser = etree.XMLPullParser(events=("end",), recover=True, **markup.SAFE)
    found: list[tuple[str, Row]] = []
    for at in range(0, len(text), _STEP):
        parser.feed(text[at : at + _STEP])
        found += _rows(parser.read_events(), url)
    root = _name(markup.closed(parser))
    flaw = markup.first_flaw(parser.feed_error_log)
    if flaw is None:  # else what ends only now was cut: half a URL is a wrong one
        found += _rows(parser.read_events(), url)
    if root not in _ROOTS and not found:
        raise markup.MarkupError(f"its root is <{clean(root)}>")
    pages, sitemaps = (tuple(row for kind, row in found if kind == each) for each in ("page", "sitemap"))
    return Sitemap(pages, sitemaps, flaw)


_STEP = 16 * 1024


def _rows(events: Iterable[tuple[str, Any]], url: str) -> Iterator[tuple[str, Row]]:
    for _, node in events:
        if (made := _ENTRIES.get(_name(node))) is None:
            continue
        kind, read = made
        row = read(node)
        if link := _link(url, row.get("url", "")):
            yield kind, _resolved({**row, "url": link}, url)
        _forget(node)


def _forget(node: Any) -> None:
    """Empties an element and takes away what stands before it: a stream that is kept is none."""
    node.clear()
    around = node.getparent()
    while around is not None and around[0] is not node:
        del around[0]


def _name(node: Any) -> str:
    """The name without prefix, in lower case; empty for what is no element."""
    tag = node.tag
    return tag.rpartition("}")[2].rpartition(":")[2].lower() if isinstance(tag, str) else ""


def _text(node: Any) -> str:
    text = node.text if len(node) == 0 else "".join(node.itertext())
    return clean(fold(text)) if text else ""


def _texts(node: Any) -> dict[str, str]:
    """The texts in an element by name; of a name the first."""
    found: dict[str, str] = {}
    for inner in node.iter("*"):
        if inner is not node and len(inner) == 0 and (text := _text(inner)):
            found.setdefault(_name(inner), text)
    return found


def _entry(node: Any) -> dict[str, Any]:
    """A `url` or `sitemap` of sitemaps.org."""
    row: dict[str, Any] = {}
    for inner in node:
        name = _name(inner)
        if name in _PLAIN and (text := _text(inner)):
            row.setdefault(_PLAIN[name], text)
        elif name in _LISTS:
            key, read = _LISTS[name]
            if made := read(inner):
                row.setdefault(key, []).append(made)
    return row


_PLAIN = {"loc": "url", "lastmod": "lastmod", "changefreq": "changefreq", "priority": "priority"}


def _image(node: Any) -> dict[str, str]:
    texts = _texts(node)
    return {
        new: texts[name] for name, new in (("loc", "url"), ("title", "title"), ("caption", "caption")) if name in texts
    }


def _alternate(node: Any) -> dict[str, str]:
    given = {name.lower(): clean(value.strip()) for name, value in node.attrib.items()}
    is_one = given.get("rel", "alternate").lower() == "alternate" and given.get("href")
    return {name: given[name] for name in ("hreflang", "href") if given.get(name)} if is_one else {}


_LISTS: dict[str, tuple[str, Callable[[Any], dict[str, str]]]] = {
    "image": ("images", _image),
    "video": ("videos", _texts),
    "news": ("news", _texts),
    "link": ("alternates", _alternate),
}


def _feed_entry(node: Any) -> dict[str, Any]:
    """An `item` of RSS or an `entry` of Atom: its link and when it changed."""
    row: dict[str, Any] = {}
    for inner in node:
        name = _name(inner)
        if name == "link":
            is_page = inner.get("rel", "alternate") == "alternate"
            link = _text(inner) or (inner.get("href", "") if is_page else "")
            row.update({"url": link} if link and "url" not in row else {})
        elif name in _CHANGED and (text := _text(inner)):
            row["lastmod"] = text if _CHANGED[name] else row.get("lastmod", text)
    return row


_CHANGED = {"updated": True, "modified": True, "pubdate": False, "published": False, "date": False}
"""Elements that say when an entry changed -> whether it counts before others."""
_ENTRIES: dict[str, tuple[str, Callable[[Any], dict[str, Any]]]] = {
    "url": ("page", _entry),
    "sitemap": ("sitemap", _entry),
    "item": ("page", _feed_entry),
    "entry": ("page", _feed_entry),
}
_ROOTS = ("urlset", "sitemapindex", "rss", "feed", "rdf")
_FURTHER = {
    "images": ("url",),
    "alternates": ("href",),
    "videos": ("thumbnail_loc", "content_loc", "player_loc"),
}


def _resolved(row: dict[str, Any], url: str) -> Row:
    """The row with the URLs of its lists absolute."""
    for key in _FURTHER.keys() & row.keys():
        row[key] = list(_absolute(row[key], _FURTHER[key], url))
    return row


def _absolute(given: Iterable[Mapping[str, str]], names: tuple[str, ...], url: str) -> Iterator[dict[str, str]]:
    for one in given:
        yield {name: (_link(url, value) or value) if name in names else value for name, value in one.items()}


_KINDS: dict[str, Callable[[bytes, str, str | None], Sitemap]] = {
    **dict.fromkeys(("xml", "feed", "markup"), _markup),
    **dict.fromkeys(("text", "scalar"), _lines),
}
_CAME = {
    "html": "an HTML page",
    "xhtml": "an HTML page",
    "json": "JSON",
    "empty": "empty",
    "svg": "an SVG picture",
    "binary": "no text",
}
