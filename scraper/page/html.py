"""HTML by BeautifulSoup over lxml, and CSS by soupsieve. The only module that knows them.

CSS is as in browsers (relative to a node: its descendants, `:scope` is the node),
with a pseudo-element at the end: none or `::text` for the text, `::attr(name)` for an
attribute. It holds for all of a selector list, where its parts have none of their own:
`a::attr(href), img::attr(src)`. Alone it speaks of the node itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import soupsieve
from bs4 import BeautifulSoup, Tag
from bs4.builder._lxml import LXMLTreeBuilder
from bs4.element import NavigableString
from soupsieve import SelectorSyntaxError, SoupSieve

from scraper import urls
from scraper.page.nodes import Element, clean, fold

# Elements that a browser puts on lines or in cells of their own: the words beside them do not run together.
_BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "br",
        "button",
        "caption",
        "center",
        "dd",
        "details",
        "dialog",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "head",
        "header",
        "hr",
        "html",
        "legend",
        "li",
        "main",
        "nav",
        "ol",
        "optgroup",
        "option",
        "p",
        "pre",
        "section",
        "select",
        "summary",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "title",
        "tr",
        "ul",
    ]
)


class _Builder(LXMLTreeBuilder):
    """The builder without its guess that XML was not meant: what a page is, its rule says."""

    def _root_tag_encountered(self, name: str) -> None:
        pass


def parse_html(text: str) -> Tag:
    """The tree of an HTML page; whatever the text, there is one."""
    builder = _Builder(multi_valued_attributes=None)
    declared = re.sub(r"\A\s*<\?xml[^>]*>", "", text)
    return BeautifulSoup(declared + "\n", builder=builder)  # a text of one line might be taken for a file name


class HtmlElement(Element):
    """An element of BeautifulSoup's tree; equal to another one of the same element."""

    __slots__ = ("tag",)

    def __init__(self, tag: Tag) -> None:
        self.tag = tag

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HtmlElement) and self.tag is other.tag

    def __hash__(self) -> int:
        return id(self.tag)

    def __repr__(self) -> str:
        return f"HtmlElement(<{self.tag.name}>)"

    @property
    def name(self) -> str:
        """The tag's name in lower case."""
        return self.tag.name.lower()

    @property
    def text(self) -> str:
        """All text in it, white space folded; blocks and `br` part words."""
        return clean(fold("".join(_pieces(self.tag))))

    @property
    def data(self) -> str:
        """All text in it as it stands."""
        return clean(self.tag.get_text())

    @property
    def attributes(self) -> Mapping[str, str]:
        """Its attributes, as the text in the page."""
        return {clean(name): clean(str(value)) for name, value in self.tag.attrs.items()}

    @property
    def parent(self) -> Element | None:
        """The element around it."""
        return HtmlElement(self.tag.parent) if self.tag.parent is not None else None

    def inside(self, *names: str) -> list[Element]:
        """The elements of these names in it, in the order of the page."""
        return [HtmlElement(tag) for tag in self.tag.find_all(names)]


def _pieces(tag: Tag) -> Iterator[str]:
    """The strings that count as text in this element (in a script its code, else never code or comments)."""
    kinds = tag.interesting_string_types
    wanted = (kinds,) if isinstance(kinds, type) else tuple(kinds or ())
    for node in tag.descendants:
        if isinstance(node, Tag):
            if node.name in _BLOCKS:
                yield " "
        elif isinstance(node, NavigableString) and type(node) in wanted:
            before = node.previous_sibling
            yield f" {node}" if isinstance(before, Tag) and before.name in _BLOCKS else str(node)


def base_url(root: Tag, url: str) -> str:
    """The URL against which the page's links are made absolute: the first `<base href>` (HTML 2.4.3)."""
    base = root.find("base", href=True)
    joined = urls.join(url, clean(str(base["href"]))) if isinstance(base, Tag) else ""
    return joined if urls.is_http(joined) else url


# -- CSS ---------------------------------------------------------------------------------------------------

_PSEUDO = re.compile(
    r"(?P<css>.*?)\s*::\s*(?:text|attr\(\s*(?P<quote>[\"']?)(?P<name>[^\"'()\s]+)(?P=quote)\s*\))\s*", re.DOTALL
)
_PIECE = re.compile(r"\\.|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|[()\[\],]|[^\\\"'()\[\],]+|.", re.DOTALL)
_ITSELF = ("", ":scope")
Part = tuple[str, str | None]
"""A selector and the name of the attribute it takes; None: the text, or no pseudo-element."""


@lru_cache(maxsize=4096)
def compile_css(text: str) -> Callable[[Any, bool], list[Any]]:
    """A query of HtmlElements: elements where a text is meant, texts where an attribute is.

    Raises:
        ValueError: not CSS.
    """
    parts = _parts(text)
    attributes = {name for _, name in parts}
    sieves = [(_sieve(css), name) for css, name in parts]
    whole = _sieve(", ".join(css for css, _ in parts)) if len(parts) > 1 else sieves[0][0]

    def query(node: HtmlElement, many: bool) -> list[Any]:
        tags = _select(whole, node.tag, many)
        if len(attributes) == 1:
            return _picked((tag, parts[0][1]) for tag in tags)
        return _picked((tag, _attribute_for(tag, sieves, node.tag)) for tag in tags)

    return query


def _select(sieve: SoupSieve | None, tag: Tag, many: bool) -> list[Tag]:
    return [tag] if sieve is None else list(sieve.select(tag, limit=0 if many else 1))


def _picked(found: Iterable[tuple[Tag, str | None]]) -> list[Any]:
    pairs = list(found)
    texts = [clean(str(tag[name])) if name is not None and name in tag.attrs else None for tag, name in pairs]
    return [
        HtmlElement(tag) if name is None else text
        for (tag, name), text in zip(pairs, texts, strict=True)
        if name is None or text is not None
    ]


def _attribute_for(tag: Tag, sieves: list[tuple[SoupSieve | None, str | None]], node: Tag) -> str | None:
    return next(name for sieve, name in sieves if (tag is node if sieve is None else sieve.match(tag)))


def _sieve(css: str) -> SoupSieve | None:
    """The compiled selector; None for the node itself."""
    if css in _ITSELF:
        return None
    try:
        return soupsieve.compile(css)
    except SelectorSyntaxError as error:
        raise ValueError(str(error).partition("\n")[0]) from error
    except NotImplementedError as error:
        raise ValueError(f"{error}; at the end of a selector stands ::text or ::attr(name)") from error


def _parts(text: str) -> list[Part]:
    """The selectors of a list, each with its pseudo-element, else with the last one's."""
    split = [_part(piece.strip()) for piece in _split(text)]
    if len(split) > 1 and any(css in _ITSELF for css, _, _ in split):
        raise ValueError("a selector in a list is empty")
    last = split[-1][1]
    return [(css, name if given else last) for css, name, given in split]


def _part(css: str) -> tuple[str, str | None, bool]:
    found = _PSEUDO.fullmatch(css)
    if not found:
        return css, None, False
    return found["css"].strip(), found["name"].lower() if found["name"] else None, True


def _split(text: str) -> list[str]:
    """The selectors of a list: parted by commas that stand in no brackets and no quotes."""
    parts, depth = [""], 0
    for piece in _PIECE.findall(text):
        depth += (piece in "([") - (piece in ")]") if len(piece) == 1 else 0
        if piece == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += piece
    return parts
