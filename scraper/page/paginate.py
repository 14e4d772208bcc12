"""The next page of a chain (JOBS.md, Next pages). Pure: what was read in, a Request out.

    page, offset        count: parameters laid over the request the chain began with
    cursor              parameters found in the page, laid over the same
    select, url, link   a URL that takes the place of URL and parameters
    form                a form of the page, sent; it takes their place too

Counting ends at its bound, at an empty page, and at a page equal to the one before
(the reader sees to that). A bound that the source itself gave (`total`, a `last` that is
looked up) is its word: an empty page before it is an error. The others end when they
find nothing, or what they find was asked already (the caller knows all requests; a page
that names itself ends here).
"""

from __future__ import annotations

import copy
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote_plus, urlencode, urlsplit, urlunsplit

from scraper import urls
from scraper.errors import ShapeError
from scraper.job.model import NextCursor, NextForm, NextLink, NextModel, NextOffset, NextPage, NextSelect, NextUrl, Rule
from scraper.job.parts import LongSelector
from scraper.model import Page, Request
from scraper.page import forms, links
from scraper.page.convert import convert
from scraper.page.document import Document
from scraper.page.nodes import Scope, as_text
from scraper.page.selectors import Compiled, compile_selector


@dataclass(frozen=True, slots=True)
class Turn:
    """What is known where a page is turned.

    Attributes:
        language: that of the rule's selectors on the page.
        is_empty: whether the page gave nothing.
        parser: what parsed the page.
    """

    page: Page
    document: Document
    scope: Scope
    language: str
    is_empty: bool = False
    parser: str = "lxml"

    @property
    def request(self) -> Request:
        """The request of the page at hand."""
        return self.page.request

    @property
    def first(self) -> Request:
        """The request its chain began with."""
        return self.request.first or self.request

    def ask(self, selector: Any) -> Any:
        """The value of a selector or template on the page."""
        return self.compiled(selector).first(self.document.root, self.scope)

    def compiled(self, selector: Any) -> Compiled:
        """A selector of the page, ready to be asked."""
        return compile_selector(selector, self.language, parser=self.parser)


def page_digest(page: Page) -> str:
    """By what a page is equal to the one before it: SHA-256 of its body, in hex."""
    return hashlib.sha256(page.body).hexdigest()


def first_request(request: Request, rule: Rule | None) -> Request:
    """The request with the parameters that `page` and `offset` set from the first one on. Idempotent."""
    turn = rule.next if rule is not None else None
    if isinstance(turn, NextPage):
        return _laid_over(request, {turn.page: turn.first}, turn.in_)
    if isinstance(turn, NextOffset):
        return _laid_over(request, {turn.offset: turn.first}, turn.in_)
    return request


def next_request(turn: Turn, rule: Rule) -> Request | None:
    """The request of the next page of the chain, or None at its end.

    Raises:
        ShapeError: an empty page before the bound that the source gave; a cursor without name.
        TemplateError: a template in it cannot be rendered.
    """
    given = rule.next
    if given is None or turn.request.n >= most_pages(rule) or not _wanted(turn, given):
        return None
    builder = _BUILDERS.get(type(given), _by_selector)
    found = builder(turn, given)
    if found is None:
        return None
    made = replace(found, n=turn.request.n + 1, first=turn.first, found=False, via_public=not turn.page.private)
    return None if made.identity == turn.request.identity else made


def most_pages(rule: Rule) -> float:
    """How many pages a chain of this rule may have; infinite where nothing bounds it."""
    given = [rule.max_pages, getattr(rule.next, "max_pages", None)]
    return min((bound for bound in given if bound is not None), default=float("inf"))


def _wanted(turn: Turn, given: Any) -> bool:
    when = given.when if isinstance(given, NextModel) else None
    return when is None or turn.compiled(when).holds(turn.document.root, turn.scope)


# -- a URL -------------------------------------------------------------------------------------------------


def _by_selector(turn: Turn, given: str | LongSelector) -> Request | None:
    compiled = turn.compiled(given)
    link = links.source(compiled.match(turn.document.root, turn.scope))
    if link is None:
        return None
    url = urls.join(turn.scope.base, link) if compiled.is_built else links.resolve(turn.scope.base, link)
    return _at(turn, url)


def _by_select(turn: Turn, given: NextSelect) -> Request | None:
    return _by_selector(turn, given.select)


def _by_url(turn: Turn, given: NextUrl) -> Request | None:
    return _by_selector(turn, given.url)


def _by_link(turn: Turn, given: NextLink) -> Request | None:
    link = link_header(turn.page.headers.get("link", ""), given.link)
    return _at(turn, links.resolve(turn.page.url, link)) if link is not None else None


def _at(turn: Turn, url: str) -> Request | None:
    """The request at another URL: headers and auth stay, parameters and body go."""
    if not urls.is_http(url) or urls.canonical(url) == urls.canonical(turn.page.url):
        return None
    return replace(turn.first, method="GET", url=url, params=None, data=None, json=None, files=None, homebound=False)


_LINK = re.compile(r"<([^>]*)>((?:\s*;\s*[^\s=;,\"]+(?:\s*=\s*(?:\"(?:\\.|[^\"\\])*\"|[^\s;,\"]*))?)*)")
_RELATION = re.compile(r";\s*rel\s*=\s*(?:\"((?:\\.|[^\"\\])*)\"|([^\s;,\"]+))", re.IGNORECASE)


def link_header(header: str, relation: str) -> str | None:
    """The target of the first link of this relation in a Link header (RFC 8288 section 3), or None."""
    for target, parameters in _LINK.findall(header):
        found = _RELATION.search(parameters)
        if found and relation.lower() in (found[1] or found[2] or "").lower().split():
            return str(target)
    return None


# -- counting ----------------------------------------------------------------------------------------------


def _by_page(turn: Turn, given: NextPage) -> Request | None:
    number = given.first + (turn.request.n - 1) * given.step
    last, is_word = _bound(turn, given.last)
    left = None if last is None else (last - number) * (1 if given.step > 0 else -1)
    if not _goes_on(turn, (left, is_word)):
        return None
    return _laid_over(turn.first, {given.page: number + given.step}, given.in_)


def _by_offset(turn: Turn, given: NextOffset) -> Request | None:
    read = turn.request.n * given.step
    total, _ = _bound(turn, given.total)
    last, is_word = _bound(turn, given.last)
    # An empty page that begins before `total` breaks the source's word, also where it would be the last one.
    items = None if total is None else total - (read - given.step if turn.is_empty else read)
    pages = None if last is None else last - turn.request.n
    if not _goes_on(turn, (items, True), (pages, is_word)):
        return None
    return _laid_over(turn.first, {given.offset: given.first + read}, given.in_)


def _bound(turn: Turn, given: Any) -> tuple[int | None, bool]:
    """A bound, and whether it is the source's word; one that is not found bounds nothing."""
    if given is None or isinstance(given, int):
        return given, False
    return convert("int", turn.ask(given), None, turn.scope.base), True


def _goes_on(turn: Turn, *bounds: tuple[int | None, bool]) -> bool:
    """Whether counting goes on; a bound is what it leaves (None: there is none) and whether the source gave it."""
    known = [(left, is_word) for left, is_word in bounds if left is not None]
    if any(left <= 0 for left, _ in known):
        return False
    if turn.is_empty and any(is_word for _, is_word in known):
        message = f"{turn.page.url} is empty, but the source says that more follows"
        raise ShapeError(turn.page.url, message, final=True)
    return not turn.is_empty


# -- cursors -----------------------------------------------------------------------------------------------


def _by_cursor(turn: Turn, given: NextCursor) -> Request | None:
    if isinstance(given.cursor, dict):
        found = {name: turn.ask(selector) for name, selector in given.cursor.items()}
        return None if any(value is None for value in found.values()) else _laid_over(turn.first, found, given.in_)
    value = turn.ask(given.cursor)
    if value is None or value == {}:
        return None
    if not isinstance(value, Mapping):
        if given.param is None:
            raise ShapeError(turn.page.url, "next.cursor found a value; say its parameter in param:", final=True)
        value = {given.param: value}
    return _laid_over(turn.first, value, given.in_)


# -- forms -------------------------------------------------------------------------------------------------


def _by_form(turn: Turn, given: NextForm) -> Request | None:
    """The form, sent; headers and auth stay. Its body is part of what tells it from a request made before."""
    found = turn.compiled(given.form).match(turn.document.root, turn.scope)
    cursor = {name: turn.ask(selector) for name, selector in given.cursor.items()}
    if found is None or any(value is None for value in cursor.values()):
        return None
    try:
        data = {**forms.rendered(given.data, turn.scope.names), **cursor}
        made = forms.form_request(found, turn.page, turn.document, data)
    except forms.FormError as error:
        raise ShapeError(turn.page.url, f'next.form: "{given.form}": {error}', final=True) from error
    return replace(
        turn.first, method=made.method, url=made.url, params=None, data=made.data, json=None, files=None,
        headers=forms.merged_headers(turn.first.headers, made), homebound=True,
    )  # fmt: skip


_BUILDERS: dict[type, Callable[[Turn, Any], Request | None]] = {
    NextSelect: _by_select,
    NextUrl: _by_url,
    NextPage: _by_page,
    NextOffset: _by_offset,
    NextCursor: _by_cursor,
    NextLink: _by_link,
    NextForm: _by_form,
}
"""The kinds of `next`; a selector stands for itself."""

# -- laying parameters over a request ----------------------------------------------------------------------


def _laid_over(request: Request, values: Mapping[str, Any], where: str) -> Request:
    return _OVERLAYS[where](request, values)


def _in_params(request: Request, values: Mapping[str, Any]) -> Request:
    """In the query; a name that stands in the URL is replaced there."""
    parts = urlsplit(request.url)
    there = {name: value for name, value in values.items() if name in _names_in(parts.query)}
    both = {**(request.params or {}), **values}
    params = {name: value for name, value in both.items() if name not in there}
    url = urlunsplit(parts._replace(query=_with_pairs(parts.query, there)))
    return replace(request, url=url, params=params or None)


def _in_data(request: Request, values: Mapping[str, Any]) -> Request:
    """In the form; also in one that is written as text."""
    if isinstance(request.data, str):
        if (request.headers or {}).get("Content-Type", "").startswith((forms.MULTIPART, forms.PLAIN)):
            raise ShapeError(request.url, "next.in: data: the body is no urlencoded form to lay over", final=True)
        return replace(request, data=_with_pairs(request.data, values))
    return replace(request, data={**(request.data or {}), **values})


def _in_json(request: Request, values: Mapping[str, Any]) -> Request:
    """In the JSON body; `a.b` goes deeper."""
    body = copy.deepcopy(request.json) if request.json is not None else {}
    for name, value in values.items():
        *path, last = name.split(".")
        place = body
        for step in path:
            place = _inside(place, step, request.url)
        if not isinstance(place, dict):
            raise ShapeError(request.url, f"the body is no object in which {name} could stand", final=True)
        place[last] = value
    return replace(request, json=body)


def _inside(place: Any, step: str, url: str) -> Any:
    if not isinstance(place, dict):
        raise ShapeError(url, f"the body is no object in which {step} could stand", final=True)
    return place.setdefault(step, {})


_OVERLAYS: dict[str, Callable[[Request, Mapping[str, Any]], Request]] = {
    "params": _in_params,
    "data": _in_data,
    "json": _in_json,
}


def _names_in(query: str) -> set[str]:
    return {unquote_plus(piece.partition("=")[0]) for piece in query.split("&") if piece}


def _with_pairs(query: str, values: Mapping[str, Any]) -> str:
    """The query with these values: in the place of the first of that name, the others of it gone, else behind."""
    pieces, left = [], dict(values)
    for piece in filter(None, query.split("&")):
        name = unquote_plus(piece.partition("=")[0])
        if name not in values:
            pieces.append(piece)
        elif name in left:
            pieces.append(_pair(name, left.pop(name)))
    return "&".join(pieces + [_pair(name, value) for name, value in left.items()])


def _pair(name: str, value: Any) -> str:
    values = value if isinstance(value, list) else [value]
    return urlencode([(name, as_text(one)) for one in values])
