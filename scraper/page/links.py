"""Where elements lead: the link of an `a`, the best source of an `img`, the URL in a JSON object.

The best source of an image: the widest candidate of its srcset (of the `picture` around
it too), else the densest, else what a lazy loader put aside, else `src`. Lazy loaders
come before `src` because `src` is then their placeholder.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urldefrag

from scraper import urls
from scraper.page.nodes import Element, clean
from scraper.page.srcset import Candidate, best, pick, srcset

__all__ = ["Candidate", "best", "file_fields", "pick", "promised", "resolve", "source", "srcset"]

_SRCSETS = ("srcset", "data-srcset", "data-lazy-srcset")
_LAZY = ("data-src", "data-original", "data-lazy-src")
_NO_URL = re.compile(r"\A\s*(?:data:|blob:|about:|javascript:|#|[\[{]|\Z)", re.IGNORECASE)
_ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "object": ("data",),
    "meta": ("content",),
    "image": ("href", "xlink:href"),  # of SVG
    "use": ("href", "xlink:href"),
}
_OTHERS = ("href", "src")


def source(found: Any) -> str | None:
    """The URL, as written, that a match of `files`, `follow` or `next` leads to; None where it has none.

    A text is one itself, a JSON object says it in `url`, an element in the attribute for its kind.
    """
    if isinstance(found, Element):
        return _SOURCES.get(found.name, _attribute)(found)
    if isinstance(found, Mapping):
        found = found.get("url")
    return found if isinstance(found, str) and found.strip() else None


def resolve(base: str, link: str) -> str:
    """The absolute http or https URL of a link that a page gave, without fragment; "" for any other."""
    url = urls.join(base, clean(link))  # the base may hold marks of ours
    return urldefrag(url).url if urls.is_http(url) else ""


def file_fields(found: Any) -> dict[str, Any]:
    """What `file.*` holds: an object's fields, or an element's attributes and its `text`."""
    if isinstance(found, Element):
        return {**found.attributes, "text": found.text}
    return dict(found) if isinstance(found, Mapping) else {}


_PROMISES = {"img": "image/*", "picture": "image/*", "image": "image/*", "audio": "audio/*", "video": "video/*"}


def promised(found: Any) -> str | None:
    """The media type that a page promises of the file behind a match: of an `img` an image; None for most."""
    return _PROMISES.get(found.name) if isinstance(found, Element) else None


def _attribute(element: Element) -> str | None:
    attributes = element.attributes
    names = _ATTRIBUTES.get(element.name, _OTHERS)
    return next((attributes[name] for name in names if attributes.get(name, "").strip()), None)


def _image(element: Element) -> str | None:
    """Of an `img`: the best of its own candidates and, where it stands in one, its picture's."""
    around = element.parent
    while around is not None and around.name == "source":  # libxml2 takes what follows a source to be in it
        around = around.parent
    sources = around.inside("source") if around is not None and around.name == "picture" else []
    found = best([*_candidates([element]), *_candidates(sources)])
    return found.url if found is not None else None


def _picture(element: Element) -> str | None:
    images = element.inside("img")
    if images:
        return _image(images[0])
    found = best(_candidates(element.inside("source")))
    return found.url if found is not None else None


def _source_element(element: Element) -> str | None:
    found = best(_candidates([element]))
    return found.url if found is not None else None


def _media(element: Element) -> str | None:
    """Of `video` and `audio`: the source, else the poster."""
    inside = (_source_element(one) for one in element.inside("source"))
    poster = element.attributes.get("poster") or None
    return _source_element(element) or next(filter(None, inside), None) or poster


def _candidates(elements: Iterable[Element]) -> list[Candidate]:
    return [candidate for element in elements for candidate in _own_candidates(element.attributes)]


def _own_candidates(attributes: Mapping[str, str]) -> list[Candidate]:
    """The candidates of one element; `src` is the one of density 1 unless widths are said (HTML 4.8.4.3.10)."""
    given = (srcset(attributes.get(name, "")) for name in _SRCSETS)
    listed = next(filter(None, ([one for one in each if _is_url(one.url)] for each in given)), [])
    plain = next((attributes[name] for name in (*_LAZY, "src") if _is_url(attributes.get(name, ""))), None)
    if plain is None or any(one.width is not None for one in listed):
        return listed
    return [*listed, Candidate(plain.strip())]


def _is_url(text: str) -> bool:
    return not _NO_URL.search(text)


_SOURCES: dict[str, Callable[[Element], str | None]] = {
    "img": _image,
    "picture": _picture,
    "source": _source_element,
    "video": _media,
    "audio": _media,
}
