"""A page, opened: its type told, its charset decoded, parsed, ready for selectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from scraper.errors import ScraperError, ShapeError, TypeMismatchError
from scraper.files.types import readable_as
from scraper.job.parts import Expect
from scraper.job.template import Fields, TemplateError
from scraper.model import Page
from scraper.page.charset import decode_html, decode_json, decode_text
from scraper.page.nodes import Scope, parse_json
from scraper.page.selectors import Compiled, compile_selector

_FIRST_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Document:
    """A page that selectors can look into.

    Attributes:
        root: the page as a node: an Element, JSON, or a text.
        base: the URL against which its links are made absolute.
    """

    root: Any
    base: str

    def scope(self, names: Mapping[str, Any]) -> Scope:
        """What selectors need beside a node of this page."""
        return Scope(self.root, self.base, names)


def _open_html(page: Page) -> Document:
    from scraper.page.html import HtmlElement, base_url, parse_html

    root = parse_html(decode_html(page.body, page.content_type)[0])
    return Document(HtmlElement(root), base_url(root, page.url))


def _open_lexbor(page: Page) -> Document:
    from scraper.page.lexbor import base_url, parse_html

    root = parse_html(decode_html(page.body, page.content_type)[0])
    return Document(root, base_url(root, page.url))


def _open_json(page: Page) -> Document:
    try:
        return Document(parse_json(decode_json(page.body, page.content_type)), page.url)
    except ValueError as error:
        raise ShapeError(page.url, f"the page is not whole JSON: {error}", final=True) from error


def _open_xml(page: Page) -> Document:
    from scraper.page.xml import open_xml

    return Document(*open_xml(page.body, page.content_type, page.url))


def _open_feed(page: Page) -> Document:
    from scraper.page.feed import read_feed

    return Document(read_feed(page.body, page.content_type, page.url), page.url)


def _open_text(page: Page) -> Document:
    return Document(decode_text(page.body, page.content_type), page.url)


Opener = Callable[[Page], Document]
PARSERS: dict[str, Opener] = {"lxml": _open_html, "lexbor": _open_lexbor}
"""`parser:` -> how it opens a page of html; only html has several."""
READERS: dict[str, Opener] = {"json": _open_json, "xml": _open_xml, "feed": _open_feed, "text": _open_text}
"""`read:` -> how another page is opened; a new kind is a row."""


def open_page(page: Page, read: str, parser: str = "lxml") -> Document:
    """The page as a document.

    Raises:
        TypeMismatchError: it is of another type than `read` (by its first bytes, then its header).
        ShapeError: JSON, XML or a feed that does not parse.
        LimitError: XML or a feed beyond a cap.
        ScraperError: a kind that is not built yet; such jobs are refused before they run.
    """
    opener = PARSERS.get(parser) if read == "html" else READERS.get(read)
    if opener is None:
        raise ScraperError(f"pages are not read yet with read: {read}, parser: {parser}")
    if not readable_as(read, page.body[:_FIRST_BYTES], page.content_type):
        said = f" (its header says {page.content_type})" if page.content_type else ""
        raise TypeMismatchError(page.url, f"the page is not {read}{said}", final=True)
    return opener(page)


def page_names(page: Page) -> dict[str, Any]:
    """The names that a page gives to templates: `page`, `parent`, `row`, `row_index`."""
    about = {
        "url": page.url,
        "n": page.request.n,
        "status": page.status,
        "headers": Fields(page.headers, lenient=True, fold_case=True, name="page.headers"),
    }
    return {
        "page": Fields(about, name="page"),
        "parent": Fields(page.request.parent, lenient=True, name="parent"),
        "row": Fields(page.request.row, lenient=True, name="row"),
        "row_index": page.request.row_index,
    }


def check_expect(
    page: Page,
    document: Document,
    expect: Expect | None,
    language: str,
    names: Mapping[str, Any],
    parser: str = "lxml",
) -> None:
    """Checks the `expect` of a rule or a login step; `names` are those of the run.

    Raises:
        ShapeError: the page misses it; asking again may help (`final` is False).
    """
    if expect is None:
        return
    if expect.status is not None and page.status not in expect.status:
        wanted = " or ".join(map(str, expect.status))
        raise ShapeError(page.url, f"expect.status: the page came with {page.status}, not {wanted}")
    if expect.has is not None:
        has = compile_selector(expect.has, language, parser=parser)
        _check_has(page, document, has, {**names, **page_names(page)})


def _check_has(page: Page, document: Document, has: Compiled, names: Mapping[str, Any]) -> None:
    try:
        holds = has.holds(document.root, document.scope(names))
    except TemplateError as error:
        raise ShapeError(page.url, f"expect.has: {error}") from error
    if not holds:
        raise ShapeError(page.url, f'expect.has: "{has.written}" found nothing on {page.url}')
