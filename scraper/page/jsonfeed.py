"""JSON Feed 1.0 and 1.1 (jsonfeed.org/version/1.1) under the names that feedparser gives to RSS and Atom.

Names that have no such counterpart (extensions, which begin with `_`, among them) stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC
from typing import Any

from scraper.errors import ShapeError, TypeMismatchError
from scraper.job.filters import moment
from scraper.page.charset import decode_json
from scraper.page.nodes import parse_json

_VERSIONS = {"https://jsonfeed.org/version/1": "json10", "https://jsonfeed.org/version/1.1": "json11"}
Json = dict[str, Any]


def read_json_feed(body: bytes, content_type: str | None, url: str) -> Json:
    """A JSON Feed by feedparser's names; URLs are not absolute yet.

    Raises:
        ShapeError: no JSON, or items that are no list.
        TypeMismatchError: JSON that is no feed.
    """
    try:
        given = parse_json(decode_json(body, content_type))
    except ValueError as error:
        raise ShapeError(url, f"the page is not whole JSON: {error}", final=True) from error
    version = given.get("version") if isinstance(given, dict) else None
    known = _VERSIONS.get(str(version).replace("http:", "https:", 1).rstrip("/"))
    if known is None:
        raise TypeMismatchError(url, "the page is JSON, but no JSON Feed: its `version` does not say so", final=True)
    items = given.get("items", [])
    if not isinstance(items, list):
        raise ShapeError(url, "the JSON Feed has no list of `items`", final=True)
    feed = _mapped({name: value for name, value in given.items() if name not in ("version", "items")}, _FEED)
    entries = [{"enclosures": [], **_mapped(item, _ENTRY)} for item in items if isinstance(item, dict)]
    return {"version": known, "bozo": False, "feed": feed, "entries": entries, "namespaces": {}}


def _mapped(given: Mapping[str, Any], table: Mapping[str, Callable[[Any], Json]]) -> Json:
    """The fields under feedparser's names; lists of several sources (`links`, `content`) grow."""
    made: Json = {}
    for name, value in given.items():
        for key, inner in (table[name](value) if name in table else {name: value}).items():
            if isinstance(made.get(key), list) and isinstance(inner, list):
                made[key] = made[key] + inner
            elif inner is not None:
                made[key] = inner
    return made


def _named(name: str) -> Callable[[Any], Json]:
    return lambda value: {name: value}


def _text(name: str) -> Callable[[Any], Json]:
    return lambda value: {name: value if value is None or isinstance(value, str) else str(value)}


def _link(rel: str, media: str | None = None, name: str | None = None) -> Callable[[Any], Json]:
    """A URL as a link of this relation and, where `name` is given, as a field too."""

    def make(value: Any) -> Json:
        if not isinstance(value, str):
            return {}
        link = {"rel": rel, **({"type": media} if media else {}), "href": value}
        return {"links": [link], **({name: value} if name else {})}

    return make


def _content(media: str) -> Callable[[Any], Json]:
    return lambda value: {"content": [{"type": media, "language": None, "base": "", "value": value}]}


def _date(name: str) -> Callable[[Any], Json]:
    def make(value: Any) -> Json:
        try:
            at = moment(value).astimezone(UTC).replace(tzinfo=None, microsecond=0)
        except (ValueError, OverflowError):  # no date; it stands as it is written
            return {name: value}
        return {name: value, f"{name}_parsed": f"{at.isoformat()}Z"}

    return make


def _authors(value: Any) -> Json:
    """The authors; one alone is `author` in 1.0."""
    people = [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]
    made = [
        {new: one[name] for name, new in (("name", "name"), ("url", "href"), ("avatar", "avatar")) if one.get(name)}
        for one in people
    ]
    return {"authors": made, "author": made[0].get("name"), "author_detail": made[0]} if made else {}


def _tags(value: Any) -> Json:
    terms = value if isinstance(value, list) else []
    return {"tags": [{"term": term, "scheme": None, "label": None} for term in terms]}


def _image(value: Any) -> Json:
    return {"image": {"href": value}, "media_thumbnail": [{"url": value}]} if isinstance(value, str) else {}


def _attachments(value: Any) -> Json:
    made = [_attachment(one) for one in value if isinstance(one, dict)] if isinstance(value, list) else []
    return {"links": [{**one, "rel": "enclosure"} for one in made], "enclosures": made}


def _attachment(given: Json) -> Json:
    """An enclosure; like RSS it says sizes and times as texts."""
    return dict(_enclosed(given))


def _enclosed(given: Json) -> Iterator[tuple[str, Any]]:
    for name, value in given.items():
        new = _ENCLOSED.get(name, name)
        yield new, str(value) if new in ("length", "duration") and value is not None else value


_ENCLOSED = {"url": "href", "mime_type": "type", "size_in_bytes": "length", "duration_in_seconds": "duration"}
_PEOPLE = {"author": _authors, "authors": _authors}
_FEED: dict[str, Callable[[Any], Json]] = {
    **_PEOPLE,
    "home_page_url": _link("alternate", "text/html", "link"),
    "feed_url": _link("self", "application/feed+json"),
    "next_url": _link("next", "application/feed+json"),
    "description": _named("subtitle"),
    "icon": _named("logo"),
    "favicon": _named("icon"),
}
_ENTRY: dict[str, Callable[[Any], Json]] = {
    **_PEOPLE,
    "id": _text("id"),
    "url": _link("alternate", "text/html", "link"),
    "external_url": _link("related"),
    "content_html": _content("text/html"),
    "content_text": _content("text/plain"),
    "date_published": _date("published"),
    "date_modified": _date("updated"),
    "tags": _tags,
    "image": _image,
    "attachments": _attachments,
}
