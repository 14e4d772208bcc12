"""HTML by BeautifulSoup over lxml, and CSS by soupsieve. The only module that knows them.

CSS is as in browsers (relative to a node: its descendants, `:scope` is the node);
its pseudo-elements are those of css.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

import soupsieve
from bs4 import BeautifulSoup, Tag
from bs4.builder._lxml import LXMLTreeBuilder
from bs4.element import PageElement
from soupsieve import SelectorSyntaxError

from scraper.page.css import Query, Select, compile_query
from scraper.page.links import base_of
from scraper.page.nodes import Element, clean
from scraper.page.words import BLOCKS, words


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
        return words(_pieces(self.tag))

    @property
    def data(self) -> str:
        """All text in it as it stands; the line break that opens a textarea is none of it (HTML 13.1.2.5)."""
        text = clean(self.tag.get_text())
        return re.sub(r"\A(?:\r\n|\n)", "", text) if self.tag.name == "textarea" else text

    @property
    def attributes(self) -> Mapping[str, str]:
        """Its attributes, as the text in the page."""
        return {clean(name): clean(str(value)) for name, value in self.tag.attrs.items()}

    def attribute(self, name: str) -> str | None:
        """One of its attributes, by its name in lower case; None where it has none such."""
        value = self.tag.attrs.get(name)
        return None if value is None else clean(str(value))

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
    wanted = (str, kinds) if isinstance(kinds, type) else (str, *(kinds or ()))  # str: a blank of ours
    left: list[str | PageElement] = [*reversed(tag.contents)]
    while left:
        node = left.pop()
        if isinstance(node, Tag):
            if node.name in BLOCKS:
                yield " "
                left.append(" ")
            left.extend(reversed(node.contents))
        elif isinstance(node, str) and type(node) in wanted:
            yield node


def base_url(root: Tag, url: str) -> str:
    """The URL against which the page's links are made absolute: the first `<base href>` (HTML 2.4.3)."""
    base = root.find("base", href=True)
    return base_of(str(base["href"]), url) if isinstance(base, Tag) else url


# -- CSS ---------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def compile_css(text: str) -> Query:
    """A query of HtmlElements: elements where a text is meant, texts where an attribute is.

    Raises:
        ValueError: not CSS.
    """
    return compile_query(text, _compiled)


def _compiled(css: str) -> Select:
    try:
        sieve = soupsieve.compile(css)
    except SelectorSyntaxError as error:
        raise ValueError(str(error).partition("\n")[0]) from error
    except NotImplementedError as error:
        raise ValueError(f"{error}; at the end of a selector stands ::text or ::attr(name)") from error
    return lambda node, many: [HtmlElement(tag) for tag in sieve.select(node.tag, limit=0 if many else 1)]
