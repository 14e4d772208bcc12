"""Feeds as data, by feedparser's names: RSS, Atom, and JSON Feed mapped to them. The only module that knows feedparser.

What comes out is plain JSON: `{"version", "bozo", "feed": {...}, "entries": [{...}], "namespaces": {...}}`. It is
feedparser's own, save that

- each entry has `enclosures`, a list, as feedparser gives it when asked;
- moments (`published_parsed`) are texts as in ISO 8601, in UTC; dates are also there as the feed writes them;
- URLs are absolute, also those of enclosures, of media and in the HTML of texts; ids are as the feed writes them;
- HTML is neither sanitised nor written anew: records are data, and nothing here shows them.

feedparser gets bytes that were decoded and mended before (markup.py), so its own guesses at encodings, its fetching
and opening, and the DOCTYPE never come into play. What is still not well-formed it reads loosely: `bozo` is true.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from io import BytesIO
from time import struct_time
from typing import Any

from scraper import urls
from scraper.errors import LimitError, ShapeError
from scraper.files.types import page_kind
from scraper.page.markup import MarkupError, MarkupLimitError, mend, parse, xml_text
from scraper.page.nodes import clean

_FIRST_BYTES = 4096
# feedparser's time grows with the square of these.
_MOST_TERMS = 1000
"""Categories of one entry."""
_LONG_WORD = re.compile(r"[\w.+-]{300,}")
"""In the name of an author; where it may be a mail address."""


def read_feed(body: bytes, content_type: str | None, url: str) -> dict[str, Any]:
    """A feed as plain data.

    Raises:
        TypeMismatchError: JSON that is no feed.
        ShapeError: nothing of a feed is found in it.
        LimitError: nested too deeply, too many tags, or what feedparser would take hours for.
    """
    if page_kind(body[:_FIRST_BYTES]) == "json":
        from scraper.page.jsonfeed import read_json_feed

        return _mapped(read_json_feed(body, content_type, url), url)
    try:
        text, is_broken = _readable(xml_text(body, content_type))
    except MarkupLimitError as error:
        raise LimitError(url, f"the feed is beyond what is read: {error}", final=True) from error
    except MarkupError as error:
        raise ShapeError(url, f"the page is no feed: {error}", final=True) from error
    found: dict[str, Any] = _plain(_parsed(text, is_broken))
    if not (found["version"] or found["entries"]):
        raise ShapeError(url, "the page is no feed: nothing of RSS or Atom is in it", final=True)
    return _mapped(found, url)


def _readable(text: str) -> tuple[str, bool]:
    """The text, mended if that helps, and whether it is still not well-formed; looks for what takes hours."""
    tree = parse(text, recover=True)
    if tree.flaw:
        text = mend(text)
        tree = parse(text, recover=True)
    _check_work(tree.root)
    return text, tree.flaw is not None


def _check_work(root: Any) -> None:
    terms: Counter[Any] = Counter()
    for node in root.iter("*"):
        name = node.tag.rpartition("}")[2].rpartition(":")[2].lower()
        if name in _TERMS:
            terms[node.getparent()] += 1 + "".join(node.itertext()).count(",")
        elif name in _PEOPLE and (word := _LONG_WORD.search("".join(node.itertext()))):
            raise MarkupLimitError(f"<{name}> has a word of {len(word[0])} characters, line {node.sourceline}")
    if terms and max(terms.values()) > _MOST_TERMS:
        raise MarkupLimitError(f"an entry has more than {_MOST_TERMS:,} categories")


_TERMS = frozenset(("category", "subject", "keywords", "tags"))
_PEOPLE = frozenset(
    ("author", "creator", "name", "email", "managingeditor", "webmaster", "publisher", "owner", "contributor")
)


def _parsed(text: str, is_broken: bool) -> Any:
    import feedparser

    found = feedparser.parse(
        BytesIO(text.encode("utf-8", "replace")),  # a text might be taken for a URL or the name of a file
        response_headers={"content-type": "application/xml; charset=utf-8"},
        resolve_relative_uris=False,
        sanitize_html=False,
    )
    for entry in found["entries"]:
        entry["enclosures"] = entry.get("enclosures", []) if "links" in entry else []
    names = ("feed", "entries", "namespaces")
    return {"version": found["version"] or "", "bozo": is_broken, **{name: found[name] for name in names}}


# -- plain data --------------------------------------------------------------------------------------------


def _plain(value: Any) -> Any:
    """A value of feedparser's as JSON, its texts clean."""
    for kind, make in _PLAIN:
        if isinstance(value, kind):
            return make(value)
    return clean(str(value))


def _moment(value: struct_time) -> str | None:
    try:
        return f"{datetime(*value[:6]).isoformat()}Z"
    except ValueError:  # a date that no calendar has
        return None


_PLAIN: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (str, clean),
    ((bool, int, type(None)), lambda value: value),
    (float, lambda value: value if math.isfinite(value) else None),
    (struct_time, _moment),
    (Mapping, lambda value: {clean(str(name)): _plain(inner) for name, inner in value.items()}),
    ((list, tuple, set), lambda value: [_plain(inner) for inner in value]),
    (datetime, lambda value: value.isoformat()),
    (timedelta, lambda value: value.total_seconds()),
)

# -- URLs --------------------------------------------------------------------------------------------------

_URLS = frozenset(("href", "url", "link", "icon", "logo", "comments", "docs", "banner_image"))
_HTML = ("text/html", "application/xhtml+xml")
_TAG = re.compile(r"<[A-Za-z][^<>]*>")
_LINK = re.compile(r"(\s(?:href|src|poster|cite|data-src)\s*=\s*)(\"[^\"]*\"|'[^']*'|[^\s\"'=<>`]+)", re.IGNORECASE)


def _absolute(value: Any, url: str) -> Any:
    """The data with its URLs absolute."""
    if isinstance(value, list):
        return [_absolute(inner, url) for inner in value]
    return _mapped(value, url) if isinstance(value, dict) else value


def _mapped(value: Mapping[str, Any], url: str) -> dict[str, Any]:
    made = {name: _joined(name, inner, url) for name, inner in value.items()}
    if _is_html(made):
        made["value"] = _html(made["value"], urls.join(url, made.get("base") or "") or url)
    shown = _texts(value, made)
    return {name: shown.get(inner, inner) if isinstance(inner, str) else inner for name, inner in made.items()}


def _is_html(value: Any) -> bool:
    return isinstance(value, dict) and value.get("type") in _HTML and isinstance(value.get("value"), str)


def _texts(value: Mapping[str, Any], made: Mapping[str, Any]) -> dict[str, str]:
    """Each text of HTML in an entry as it came -> with absolute links: `summary` repeats that of its detail."""
    pairs = ((value[name], made[name]) for name in value if name.endswith("_detail") or name == "content")
    ones = (zip(*pair, strict=True) if isinstance(pair[0], list) else [pair] for pair in pairs)
    return {one["value"]: other["value"] for pair in ones for one, other in pair if _is_html(one)}


def _joined(name: str, value: Any, url: str) -> Any:
    if name in _URLS and isinstance(value, str):
        return (urls.join(url, value) or value) if len(value.split()) == 1 else value
    return value if name == "namespaces" else _absolute(value, url)


def _html(text: str, base: str) -> str:
    """HTML with absolute links, else letter by letter as it was."""
    return _TAG.sub(lambda tag: _LINK.sub(lambda link: _link(link, base), tag[0]), text)


def _link(found: re.Match[str], base: str) -> str:
    given = found[2]
    quote = given[0] if given[0] in "\"'" else ""
    link = given[1:-1] if quote else given
    plain = link.replace("&amp;", "&")
    if not plain.strip() or re.match(r"\s*(?:#|[A-Za-z][A-Za-z0-9+.-]*:)", plain):
        return found[0]
    joined = urls.join(base, plain).replace("&", "&amp;" if plain != link else "&")
    return f"{found[1]}{quote}{joined}{quote}" if joined else found[0]
