"""Where elements lead: the link of an `a`, the best source of an `img`, the URL in a JSON object.

The best source of an image: the widest candidate of its srcset (of the `picture` around
it too), else the densest, else what a lazy loader put aside, else `src`. Lazy loaders
come before `src` because `src` is then their placeholder.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from scraper import urls
from scraper.page.nodes import Element, clean
from scraper.page.srcset import Candidate, best, pick, srcset

__all__ = ["Candidate", "base_of", "best", "file_fields", "pick", "promised", "resolve", "source", "srcset"]

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

    A text is one itself, a JSON object says it in `url`, an element in the attribute for its kind; in XML, where names
    mean what their author likes, else in `href`, `xlink:href`, `src` or `url`, or in its text, if that is one word.
    """
    if isinstance(found, Element):
        link = _SOURCES.get(found.name, _attribute)(found)
        return _of_xml(found) if found.is_xml and link is None else link
    if isinstance(found, Mapping):
        found = found.get("url")
    return found if isinstance(found, str) and found.strip() else None


def resolve(base: str, link: str) -> str:
    """The absolute http or https URL of a link that a page gave, without fragment; "" for any other."""
    url = urls.join(base, clean(link))  # the base may hold marks of ours
    return urls.without_fragment(url) if urls.is_http(url) else ""


def base_of(href: str, url: str) -> str:
    """The base of a page at `url` that says it in `<base href>` (HTML 2.4.3); of no use, it is the page's URL."""
    joined = urls.join(url, clean(href))
    return joined if urls.is_http(joined) else url


def file_fields(found: Any) -> dict[str, Any]:
    """What `file.*` holds: an object's fields, or an element's attributes and its `text`."""
    if isinstance(found, Element):
        return {**found.attributes, "text": found.text}
    return dict(found) if isinstance(found, Mapping) else {}


def has_relation(found: Any, relation: str) -> bool:
    """Whether an element says so in `rel` (HTML 4.6.6): `nofollow`, `canonical`."""
    return isinstance(found, Element) and relation in (found.attribute("rel") or "").lower().split()


_PROMISES = {"img": "image/*", "picture": "image/*", "image": "image/*", "audio": "audio/*", "video": "video/*"}


def promised(found: Any) -> str | None:
    """The media type that a page promises of the file behind a match: of an `img` an image; None for most."""
    return _PROMISES.get(found.name) if isinstance(found, Element) and not found.is_xml else None


def _attribute(element: Element) -> str | None:
    """Of what is no image: its link, else what a lazy loader put aside for its background, else its background."""
    names = _ATTRIBUTES.get(element.name)
    link = _first(element.attribute, names or _OTHERS)
    if link is not None or names is not None:
        return link
    attributes = element.attributes
    put_aside = _first(attributes.get, _BACKGROUNDS) or ""
    return css_url(put_aside) or put_aside or css_url(attributes.get("style", ""))


def _first(get: Callable[[str], str | None], names: Iterable[str]) -> str | None:
    """The first of these attributes that is not blank."""
    for name in names:
        value = get(name)
        if value and not value.isspace():
            return value
    return None


_BACKGROUNDS = ("data-bg", "data-background", "data-background-image", "data-src")
_ESCAPED = r"\\(?:[0-9a-f]{1,6}\s?|.)"
_CSS_URL = re.compile(
    rf"\burl\(\s*(?:\"((?:[^\"\\]|{_ESCAPED})*)\"|'((?:[^'\\]|{_ESCAPED})*)'|((?:[^)\"'\s\\]|{_ESCAPED})*))\s*\)",
    re.IGNORECASE | re.DOTALL,
)
_CSS_ESCAPE = re.compile(r"\\(?:([0-9a-f]{1,6})\s?|(.))", re.IGNORECASE | re.DOTALL)


def css_url(text: str) -> str | None:
    """The first `url()` in a declaration of CSS that is no inlined picture (CSS Values 4, section 4.5)."""
    found = (_unescaped(next(filter(None, match.groups()), "")) for match in _CSS_URL.finditer(text))
    return next((url.strip() for url in found if _is_url(url)), None)


def _unescaped(text: str) -> str:
    def char(found: re.Match[str]) -> str:
        code = int(found[1], 16) if found[1] else 0
        return found[2] or (chr(code) if 0 < code < 0x110000 else "\ufffd")

    return _CSS_ESCAPE.sub(char, text) if "\\" in text else text


_OF_XML = ("href", "xlink:href", "src", "url")


def _of_xml(element: Element) -> str | None:
    return _first(element.attributes.get, _OF_XML) or element.word


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
