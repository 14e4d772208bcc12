"""XML pages, and XPath, by which they are read.

Names in an XPath are those that the document writes: an element of the root's default namespace has none, so it loses
it when the page is read, and `//entry/title` finds it; what has a prefix keeps it, and `//dc:creator` finds it by the
prefix of the document, wherever that is declared (of two declarations the first). A prefix that the document does not
have finds nothing. `re:test`, `re:match` and `re:replace` are those of EXSLT.

An XPath at the page begins at the root element, one in a match at the match; one that begins with `/` at the document.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from lxml import etree

from scraper import urls
from scraper.errors import LimitError, ShapeError
from scraper.page.markup import MarkupError, MarkupLimitError, Tree, mend, parse, xml_text
from scraper.page.nodes import Element, clean, fold

_EXSLT = {"re": "http://exslt.org/regular-expressions"}
_XML = "http://www.w3.org/XML/1998/namespace"
_STRING = etree.XPath("string()", smart_strings=False)


@dataclass(frozen=True, slots=True)
class Names:
    """The prefixes of one document.

    Attributes:
        spaces: prefix -> namespace, for XPath.
        prefixes: namespace -> prefix, to write names.
        paths: the XPaths that were asked of it, compiled with its prefixes.
    """

    spaces: dict[str, str]
    prefixes: dict[str, str]
    paths: dict[str, Callable[[Any], Any]] = field(default_factory=dict)

    def written(self, name: str) -> str:
        """A name of lxml, `{namespace}local`, as the document writes it."""
        space, _, local = name.rpartition("}")
        prefix = self.prefixes.get(space[1:])
        return f"{prefix}:{local}" if prefix else local


class XmlElement(Element):
    """An element of a document; equal to another one of the same element."""

    __slots__ = ("names", "node")

    is_xml = True

    def __init__(self, node: Any, names: Names) -> None:
        self.node = node
        self.names = names

    def __eq__(self, other: object) -> bool:
        return isinstance(other, XmlElement) and self.node is other.node

    def __hash__(self) -> int:
        return hash(self.node)

    def __repr__(self) -> str:
        return f"XmlElement(<{self.name}>)"

    @property
    def name(self) -> str:
        """Its name with its prefix, in lower case."""
        return clean(self.names.written(self.node.tag)).lower()

    @property
    def text(self) -> str:
        """All text in it, white space folded; as in XPath nothing parts the texts of two elements."""
        return fold(self.data)

    @property
    def data(self) -> str:
        """All text in it as it stands."""
        return clean(_STRING(self.node))

    @property
    def word(self) -> str | None:
        """The one word that it holds and nothing else."""
        words = self.data.split() if len(self.node) == 0 else []
        return words[0] if len(words) == 1 else None

    @property
    def attributes(self) -> Mapping[str, str]:
        """Its attributes, names as they are written, with their prefixes."""
        return {clean(self.names.written(name)): clean(value) for name, value in self.node.attrib.items()}

    def attribute(self, name: str) -> str | None:
        """One of its attributes, by its name as it is written."""
        return self.attributes.get(name)

    @property
    def parent(self) -> Element | None:
        """The element around it."""
        around = self.node.getparent()
        return XmlElement(around, self.names) if around is not None else None

    def inside(self, *names: str) -> list[Element]:
        """The elements of these names in it, in the order of the document."""
        found = (XmlElement(node, self.names) for node in self.node.iterdescendants("*"))
        return [element for element in found if element.name in names]


def open_xml(body: bytes, content_type: str | None, url: str) -> tuple[XmlElement, str]:
    """The root of a document, and the URL against which its links are made absolute (its xml:base).

    Raises:
        ShapeError: it is not well-formed, nor can it be mended; tells line and column.
        LimitError: nested too deeply, too many tags, or a text of more than 10 million characters.
    """
    try:
        tree = _parsed(xml_text(body, content_type))
    except MarkupLimitError as error:
        raise LimitError(url, f"the XML is beyond what is read: {error}", final=True) from error
    except MarkupError as error:
        raise ShapeError(url, f"the page is not well-formed XML: {error}", final=True) from error
    _undress(tree.root)
    prefixes = {space: prefix for prefix, space in reversed(tree.spaces.items())}
    root = XmlElement(tree.root, Names({**_EXSLT, **tree.spaces}, {**prefixes, _XML: "xml"}))
    base = urls.join(url, root.attribute("xml:base") or "")
    return root, base if urls.is_http(base) else url


def _parsed(text: str) -> Tree:
    try:
        return parse(text)
    except MarkupLimitError:
        raise
    except MarkupError as error:
        mended = mend(text)
        if mended == text:
            raise
        try:
            return parse(mended)
        except MarkupLimitError:
            raise
        except MarkupError as other:
            raise other from error


def _undress(root: Any) -> None:
    """Takes the root's default namespace from the elements that are written without a prefix."""
    space = root.nsmap.get(None)
    for node in root.iter(f"{{{space}}}*") if space else ():
        if node.prefix is None:
            node.tag = etree.QName(node).localname


# -- XPath -------------------------------------------------------------------------------------------------

# Texts in quotes say nothing; a name before `(` is a function, one before `:` a prefix, one behind `$` a variable.
_TOKEN = re.compile(
    r"\"[^\"]*\"|'[^']*'|(?P<variable>\$)"
    r"|(?:(?P<prefix>[^\W\d][\w.-]*+):(?!:))?(?P<name>[^\W\d][\w.-]*+|\*)(?:\s*(?P<call>\()|\s*(?P<axis>::))?"
)
_CORE = """
    last position count id local-name namespace-uri name string concat starts-with contains substring-before
    substring-after substring string-length normalize-space translate boolean not true false lang number sum floor
    ceiling round
"""
_NODE_TYPES = "comment text processing-instruction node"
_OPERATORS = "and or div mod"
_CALLS = frozenset(f"{_CORE} {_NODE_TYPES} {_OPERATORS} re:test re:match re:replace".split())
_UNDECLARED = "urn:undeclared:"
"""A namespace for prefixes that a document does not have: nothing is in it."""


@lru_cache(maxsize=4096)
def compile_xpath(text: str) -> Callable[[Any, bool], list[Any]]:
    """A query of XmlElements: elements, texts, numbers, true and false; an error on data finds nothing.

    Raises:
        ValueError: not XPath 1.0, or a function or variable that is not there.
    """
    spaces = {prefix: _UNDECLARED + prefix for prefix in _checked(text)} | _EXSLT
    _compiled(text, spaces)

    def query(node: Any, many: bool) -> list[Any]:
        if not isinstance(node, XmlElement):
            return [node] if text.strip() == "." else []
        names = node.names
        path = names.paths.get(text) or names.paths.setdefault(text, _compiled(text, spaces | names.spaces))
        try:
            found = path(node.node)
        except etree.XPathError:
            return []
        listed = found if isinstance(found, list) else [found]
        return [_value(one, names) for one in (listed if many else listed[:1])]

    return query


def _compiled(text: str, spaces: Mapping[str, str]) -> Callable[[Any], Any]:
    try:
        made: Callable[[Any], Any] = etree.XPath(text, namespaces=spaces, smart_strings=False)
    except etree.XPathError as error:
        raise ValueError(str(error)) from error
    return made


def _checked(text: str) -> set[str]:
    """The prefixes of an XPath, whose functions are looked at too: libxml2 itself would when data comes."""
    prefixes = set()
    for found in _TOKEN.finditer(text):
        prefix, name = found["prefix"], found["name"]
        if found["variable"]:
            raise ValueError("there are no variables ($); write the value, or a template")
        if found["call"] and (called := f"{prefix}:{name}" if prefix else name) not in _CALLS:
            raise ValueError(f"there is no function {called}()")
        if prefix:
            prefixes.add(prefix)
    return prefixes


def _value(found: Any, names: Names) -> Any:
    """What an XPath found, as a node or a value."""
    if isinstance(found, str):
        return clean(found)
    if isinstance(found, float):
        return None if not math.isfinite(found) else int(found) if found.is_integer() else found
    if isinstance(found, tuple):  # of the axis `namespace`: prefix and namespace
        return clean(found[1])
    if isinstance(found, bool):
        return found
    return XmlElement(found, names) if isinstance(found.tag, str) else clean(found.text or "")
