"""XML as it comes from outside: decoded, mended where nothing is lost by it, parsed without asking anybody.

Theory. What is dangerous in XML stands in its DOCTYPE: entities that grow, entities that name files and hosts, other
documents that are loaded. So the DOCTYPE, and the declaration, whose encoding was looked at already, are taken out of
the text before a parser sees it (their lines stay empty, so that messages name the right ones), and the parser is
told besides to resolve nothing and to ask nobody. libxml2 holds the other caps: 256 elements deep, 10 million
characters in one text or attribute; the number of tags is ours.

Strict comes first. What is not well-formed is mended where that is sure to lose nothing (`mend`) and tried again:
a bare `&`, names of HTML's characters, control characters, prefixes that nothing declares. Elements that do not close
are not guessed at: what would stand where, nobody knows.
"""

from __future__ import annotations

import html.entities
import re
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from lxml import etree

from scraper.page.charset import decode_xml

_MOST_TAGS = 4_000_000
"""Of start and end tags, about 1 GB of tree; a page of 64 MiB can hold 16 million."""
SAFE: dict[str, Any] = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "dtd_validation": False,
    "attribute_defaults": False,
    "huge_tree": False,
    "encoding": "utf-8",
}
"""What a parser of lxml is told; it gets UTF-8 without a DOCTYPE (`xml_text`)."""
_LIMITS = frozenset((etree.ErrorTypes.ERR_RESOURCE_LIMIT, etree.ErrorTypes.ERR_CDATA_NOT_FINISHED))


class MarkupError(ValueError):
    """Text that is not well-formed; the message tells line and column."""


class MarkupLimitError(MarkupError):
    """Text beyond a cap: too deep, too many tags, or too long a text."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A parsed document.

    Attributes:
        root: its root, an element of lxml.
        spaces: prefix -> namespace; of two declarations of a prefix the first of the document.
        flaw: why it is not well-formed, where it was parsed as far as that goes; None: it is.
    """

    root: Any
    spaces: dict[str, str] = field(default_factory=dict)
    flaw: str | None = None


_MISC = r"(?:\s++|<\?(?s:.*?)\?>|<!--(?s:.*?)-->)*+"
_QUOTED = r"\"[^\"]*+\"|'[^']*+'"
_SUBSET = rf"(?:[^\]\"'<]++|{_QUOTED}|<!--(?s:.*?)-->|<\?(?s:.*?)\?>|<(?!!--|\?))*+"
_DOCTYPE = re.compile(rf"({_MISC})(<!DOCTYPE(?:[^\[\]\"'<>]++|{_QUOTED}|\[{_SUBSET}\])*+>)", re.IGNORECASE)
_DOCTYPES = re.compile(rf"{_MISC}<!DOCTYPE", re.IGNORECASE)
_DECLARATION = re.compile(r"\s*<\?xml\s[^>]*>")


def xml_text(body: bytes, content_type: str | None) -> str:
    """The text of an XML document without its declaration and DOCTYPE.

    Entities that the document declares itself are therefore unknown: they stay as they are written.

    Raises:
        MarkupError: a DOCTYPE that does not end.
    """
    text = decode_xml(body, content_type).lstrip("\ufeff")
    if found := _DECLARATION.match(text):
        text = _blank(found[0]) + text[found.end() :]
    if found := _DOCTYPE.match(text):
        text = found[1] + _blank(found[2]) + text[found.end() :]
    if _DOCTYPES.match(text):
        raise MarkupError("its DOCTYPE does not end, or it has two")
    return text


def _blank(text: str) -> str:
    return "\n" * text.count("\n")


def parse(text: str, *, recover: bool = False) -> Tree:
    """The tree of a document, of text as `xml_text` gives it.

    Args:
        recover: go on behind what is not well-formed, as far as the parser can; `flaw` tells.

    Raises:
        MarkupError: not well-formed, or, with `recover`, no element at all.
        MarkupLimitError: beyond a cap.
    """
    if text.count("<") > _MOST_TAGS:
        raise MarkupLimitError(f"the document has more than {_MOST_TAGS:,} tags")
    source = BytesIO(text.encode("utf-8", "replace"))
    events = etree.iterparse(source, events=("start-ns",), recover=recover, **SAFE)
    spaces: dict[str, str] = {}
    try:
        for _, (prefix, space) in events:
            if prefix:
                spaces.setdefault(prefix, space)
    except etree.XMLSyntaxError as error:
        raise _told(error) from error
    if events.root is None:
        raise MarkupError("no element found")
    return Tree(events.root, spaces, first_flaw(events.error_log) if recover else None)


def closed(parser: Any) -> Any:
    """The root of what a parser was fed.

    Raises:
        MarkupError: no element at all, or not well-formed where the parser does not recover.
        MarkupLimitError: beyond a cap.
    """
    try:
        root = parser.close()
    except etree.XMLSyntaxError as error:
        raise _told(error) from error
    if root is None:
        raise MarkupError("no element found")
    return root


_ADVICE = re.compile(r", (?:try|use) XML_PARSE_HUGE(?: option)?\s*")


def _told(error: Any) -> MarkupError:
    return _refusal(error.msg or "no element found", error.code in _LIMITS)


def _refusal(message: str, is_limit: bool) -> MarkupError:
    return (MarkupLimitError if is_limit else MarkupError)(_ADVICE.sub("", message.strip()))


def first_flaw(log: Any) -> str | None:
    """The first error of a parser that went on behind it.

    Raises:
        MarkupLimitError: it did not, at a cap.
    """
    errors = [entry for entry in log if entry.level > etree.ErrorLevels.WARNING]
    told = [f"{entry.message.strip()}, line {entry.line}, column {entry.column}" for entry in errors]
    for entry, message in zip(errors, told, strict=True):
        if entry.type in _LIMITS:
            raise _refusal(message, is_limit=True)
    return told[0] if told else None


# -- mending -----------------------------------------------------------------------------------------------

_CONTROLS = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_REFERENCE = re.compile(
    r"<!\[CDATA\[(?s:.*?)(?:\]\]>|\Z)|<!--(?s:.*?)(?:-->|\Z)|<\?(?s:.*?)(?:\?>|\Z)"
    r"|&(?:(#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{0,40});)?"
)
_OF_XML = ("lt", "gt", "amp", "quot", "apos")
_PREFIXED = re.compile(r"<([^\W\d][\w.-]*+):[^\W\d]|\s([^\W\d][\w.-]*+):[^\W\d][\w.-]*+\s*+=\s*+[\"']")
_DECLARED = re.compile(r"\sxmlns:([^\W\d][\w.-]*+)\s*+=")
_ROOT = re.compile(rf"{_MISC}<[^\W\d][\w.:-]*+")
_MOST_PREFIXES = 50


def mend(text: str) -> str:
    """The text with those faults put right by which nothing is lost; its lines stay where they are."""
    text = _REFERENCE.sub(_reference, _CONTROLS.sub("", text))
    found = {one or other for one, other in _PREFIXED.findall(text)}
    missing = sorted(found - {*_DECLARED.findall(text), "xml", "xmlns"})[:_MOST_PREFIXES]
    root = _ROOT.match(text)
    if not missing or root is None:
        return text
    declared = "".join(f' xmlns:{prefix}="urn:prefix:{prefix}"' for prefix in missing)
    return text[: root.end()] + declared + text[root.end() :]


def _reference(found: re.Match[str]) -> str:
    """A reference that XML knows; what is none stands as it is written."""
    name = found[1]
    if found[0].startswith("<") or name in _OF_XML:
        return found[0]
    if name is None:
        return "&amp;"
    if name.startswith("#"):
        code = int(name[2:], 16) if name[1] == "x" else int(name[1:])
        return found[0] if _is_char(code) else "\ufffd"
    known = html.entities.html5.get(f"{name};")
    return f"&amp;{name};" if known is None else "".join(f"&#{ord(char)};" for char in known)


def _is_char(code: int) -> bool:
    """Whether XML has this character (XML 1.0 section 2.2)."""
    return code in (9, 10, 13) or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or 0x10000 <= code <= 0x10FFFF
