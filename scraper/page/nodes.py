"""What a selector can find: an element, a text, or JSON. Floor 1; knows no parser.

Elements are wrapped (`Element`), so that selectors, links and files are the same for
every parser; a new parser is a new subclass. Text that comes out of a page passes
`clean`: no noncharacter that could forge a mark, no lone surrogate that no file
could hold.
"""

from __future__ import annotations

import json
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar

from scraper.page.charset import defuse

_SURROGATES = re.compile("[\ud800-\udfff]")
_DEEPEST = 200
"""Levels of JSON; beyond, Python's own recursion would break somewhere later (its limit is 1000)."""


class Element(ABC):
    """An element of a page. Texts are clean.

    Attributes:
        is_xml: whether it is of a document whose names mean what its author likes, not of HTML.
    """

    __slots__ = ()

    is_xml: ClassVar[bool] = False

    @property
    @abstractmethod
    def name(self) -> str:
        """The tag's name in lower case, in XML with its prefix."""

    @property
    @abstractmethod
    def text(self) -> str:
        """All text in it, white space folded; script and style only where they are the element itself."""

    @property
    @abstractmethod
    def data(self) -> str:
        """All text in it as it stands: what a script holds."""

    @property
    @abstractmethod
    def attributes(self) -> Mapping[str, str]:
        """Its attributes, names in lower case; in XML as they are written, with their prefixes."""

    @abstractmethod
    def attribute(self, name: str) -> str | None:
        """One of its attributes, by its name as `attributes` has it; None where it has none such."""

    @property
    def word(self) -> str | None:
        """In XML the one word that it holds and nothing else, as in `<loc>`; None of any other, and in HTML."""
        return None

    @property
    @abstractmethod
    def parent(self) -> Element | None:
        """The element around it."""

    @abstractmethod
    def inside(self, *names: str) -> list[Element]:
        """The elements of these names in it, in the order of the page."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a selector may need beside the node it looks into.

    Attributes:
        root: the page, for `root: true`.
        base: the URL against which a link is made absolute.
        names: what templates may use.
    """

    root: Any
    base: str
    names: Mapping[str, Any]


def clean(text: str) -> str:
    """Text from outside without the noncharacters of marks and without lone surrogates (U+FFFD instead)."""
    return defuse(text) if text.isascii() else _SURROGATES.sub("\ufffd", defuse(text))


def fold(text: str) -> str:
    """The text with each run of white space as one blank, and none around it."""
    return " ".join(text.split())


def as_text(found: Any) -> str:
    """What was found, as text: an element's text, dates as ISO 8601, all else as JSON writes it."""
    if isinstance(found, Element):
        return found.text
    if isinstance(found, str):
        return found
    if isinstance(found, date):
        return found.isoformat()
    return "" if found is None else json.dumps(found, ensure_ascii=False, default=as_text)


def as_data(found: Any) -> str:
    """What was found, as text that may be JSON: white space in it stands."""
    return found.data if isinstance(found, Element) else as_text(found)


def plain(found: Any) -> Any:
    """What was found, as a value: an element's text, anything else as it is."""
    return found.text if isinstance(found, Element) else found


def is_empty(found: Any) -> bool:
    """Null and empty text are "found nothing" (JOBS.md, Selectors)."""
    return found is None or (isinstance(found, str) and not found)


def parse_json(text: str) -> Any:
    """The value of a JSON text, its texts clean; NaN and infinite numbers, which JSON has not, are null.

    Raises:
        ValueError: not JSON, a number of thousands of digits, or nested deeper than 200 levels.
    """
    try:
        value = json.loads(text.removeprefix("\ufeff"), strict=False, parse_constant=lambda _: None)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return _cleaned(value, _DEEPEST)


def _cleaned(value: Any, levels: int) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if not isinstance(value, (dict, list)):
        return value
    if levels == 0:
        raise ValueError("nested too deeply")
    if isinstance(value, list):
        return [_cleaned(inner, levels - 1) for inner in value]
    return {clean(key): _cleaned(inner, levels - 1) for key, inner in value.items()}
