"""HTML and CSS by lexbor, through selectolax: many times faster. The only module that knows them.

Well-formed pages read as with the default parser: the same elements, texts, attributes,
in the same order. What differs:

- The tree is a browser's (HTML 13.2). `head`, and a `tbody` where a row has none, are
  there also where the page leaves them out: `table > tr` finds nothing, `table tr` does.
  `<div/>` opens a `div`; a `template` has no text.
- `[href]` finds `xlink:href` in SVG too.
- Inside `rt` and `rp` an element has the text that it shows.
- Namespaces and pseudo-classes as :lang, :checked, :default are mistakes when the job
  is loaded. `:lexbor-contains("a" i)` is lexbor's own: the element's own text, in any case.

An element keeps its page alive, by selectolax's reference to the tree. After parsing, the
tree is changed by marks alone (dialect.py), attributes that no page can have and none is
told of. One of a text stays for the next question, that of the scope is taken away at once;
so one page belongs to one thread, and pages of several threads have nothing in common.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from scraper.page.css import ForeignError, Query, Select, compile_query
from scraper.page.dialect import MARK, SCOPE, tags, translate
from scraper.page.links import base_of
from scraper.page.nodes import Element, clean
from scraper.page.words import APART, BLOCKS, words

_DOCTYPE = b"<!doctype html>"
"""Before every page, whose own one then says nothing: names of classes count letter by letter, as in soupsieve."""


class LexborElement(Element):
    """An element of lexbor's tree; equal to another one of the same element."""

    __slots__ = ("_attributes", "marks", "node")

    def __init__(self, node: LexborNode, marks: set[str]) -> None:
        self.node = node
        self.marks = marks
        self._attributes: Mapping[str, str] | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LexborElement) and self.node.mem_id == other.node.mem_id

    def __hash__(self) -> int:
        return self.node.mem_id

    def __repr__(self) -> str:
        return f"LexborElement(<{self.name}>)"

    @property
    def name(self) -> str:
        """The tag's name in lower case."""
        return "[document]" if self.node.is_document_node else (self.node.tag or "").lower()

    @property
    def text(self) -> str:
        """All text in it, white space folded; blocks and `br` part words."""
        inner = self.node.first_child
        if inner is not None and inner.is_text_node and inner.next is None:
            return words([inner.text_lexbor()])  # what most fields are
        return words(_pieces(self.node, " "))

    @property
    def data(self) -> str:
        """All text in it as it stands."""
        return clean("".join(_pieces(self.node, "")))

    @property
    def attributes(self) -> Mapping[str, str]:
        """Its attributes, as the text in the page."""
        if self._attributes is None:
            given = self.node.attributes.items()
            self._attributes = {clean(name.lower()): clean(value or "") for name, value in given if name[0] != MARK}
        return self._attributes

    def attribute(self, name: str) -> str | None:
        """One of its attributes, by its name in lower case; None where it has none such."""
        if self._attributes is None and name.isascii() and name.islower() and name[0] != MARK:
            attrs = self.node.attrs  # asked by itself, which is faster than all; the case of ASCII is nothing to lexbor
            return clean(attrs[name] or "") if name in attrs else None
        return self.attributes.get(name)

    @property
    def parent(self) -> Element | None:
        """The element around it."""
        around = self.node.parent
        return None if around is None else LexborElement(around, self.marks)

    def inside(self, *names: str) -> list[Element]:
        """The elements of these names in it, in the order of the page."""
        return [LexborElement(node, self.marks) for node in _below(self.node, tags(names))]


def parse_html(text: str) -> LexborElement:
    """The tree of an HTML page; whatever the text, there is one."""
    html = LexborHTMLParser(_DOCTYPE + text.encode("utf-8", "replace")).root
    page = html.parent if html is not None else None
    assert page is not None, "lexbor gives every page its html element"
    _leave_root_alone(page)
    return LexborElement(page, set())


def _leave_root_alone(page: LexborNode) -> None:
    """Takes away doctype and comments around the root element: lexbor would count them as its brothers."""
    node = page.first_child
    while node is not None:
        around, node = node, node.next
        if not around.is_element_node:
            around.decompose()


def base_url(root: LexborElement, url: str) -> str:
    """The URL against which the page's links are made absolute: the first `<base href>` (HTML 2.4.3)."""
    base = root.node.css_first("base[href]")
    return base_of(base.attributes["href"] or "", url) if base is not None else url


def _pieces(node: LexborNode, blank: str) -> Iterator[str]:
    """The texts that count in this element, and a blank where a block begins and ends."""
    inner = node.first_child
    left: list[tuple[LexborNode | None, str]] = [(None, "")]
    while left:
        if inner is None:
            inner, end = left.pop()
            yield end
        elif inner.is_text_node:
            yield inner.text_lexbor()
            inner = inner.next
        elif not inner.is_element_node or inner.tag in APART:
            inner = inner.next
        else:
            edge = blank if inner.tag in BLOCKS else ""
            yield edge
            left.append((inner.next, edge))
            inner = inner.first_child


# -- CSS ---------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def compile_css(text: str) -> Query:
    """A query of LexborElements: elements where a text is meant, texts where an attribute is.

    Raises:
        ForeignError: lexbor does not know it; another parser may.
        ValueError: not CSS.
    """
    return compile_query(text, _compiled)


def _compiled(css: str) -> Select:
    made = translate(css)
    asked = made.css.strip()
    try:
        LexborHTMLParser("").css(asked)
    except SelectolaxError as error:
        raise ForeignError(f'lexbor cannot read "{css}": mend it, or use parser: lxml') from error

    def select(element: LexborElement, many: bool) -> Sequence[Element]:
        for mark, texts in made.texts.items():
            _mark_texts(element, mark, texts)
        find = _in_scope if made.is_scoped else (_below if many else _first_below)
        found = find(element.node, asked)
        if made.is_list and many:
            found = list({node.mem_id: node for node in found}.values())
        return [LexborElement(node, element.marks) for node in (found if many else found[:1])]

    return select


def _below(node: LexborNode, css: str) -> list[LexborNode]:
    """The matches in an element, without itself, which lexbor counts in, as the first (of a list, more than once)."""
    found, itself, at = node.css(css), node.mem_id, 0
    while at < len(found) and found[at].mem_id == itself:
        at += 1
    return found[at:] if at else found


def _first_below(node: LexborNode, css: str) -> list[LexborNode]:
    found = node.css_first(css)
    if found is not None and found.mem_id == node.mem_id:
        return _below(node, css)[:1]
    return [] if found is None else [found]


def _in_scope(node: LexborNode, css: str) -> list[LexborNode]:
    """The matches where `:scope` is this element; of the page, it is its root element."""
    scope = node.parser.root if node.is_document_node else node
    assert scope is not None, "a page has a root element"
    scope.attrs[SCOPE] = ""
    try:
        return _below(node, css)
    finally:
        del scope.attrs[SCOPE]


def _mark_texts(element: LexborElement, mark: str, texts: tuple[str, ...]) -> None:
    """Marks every element of the page that holds one of the texts: it, and what is around it."""
    if mark in element.marks:
        return
    element.marks.add(mark)
    left = [element.node.parser.root]
    while left:
        node = left.pop()
        if node is not None and any(text in node.text_lexbor() for text in texts):
            node.attrs[mark] = ""
            left.extend(inner for inner in node.iter() if inner.is_element_node)
