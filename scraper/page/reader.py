"""A page under a rule -> a Reading: items, files, links, the next page. Values in, values out.

    open -> matches of `each` (else the page itself) -> for each: when, item, files, follow -> next

An item whose required field is empty fails alone: its files are not handed on, its
links still are, with the fields that were found as `parent`. Of two items with the same
key the first is kept; the files and links of both are handed on, as on two pages.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from scraper import secrets
from scraper.errors import ShapeError
from scraper.files.naming import RECORDS, Own
from scraper.job.model import FileSettings, FileSpec, NextOffset, NextPage, Rule
from scraper.job.template import TemplateError
from scraper.model import Download, Failure, Item, Page, Place, Reading, Request
from scraper.page import paginate
from scraper.page.about import canonical_url, is_nofollow
from scraper.page.document import Document, open_page
from scraper.page.downloads import Shelf, downloads
from scraper.page.follow import follow
from scraper.page.items import item_fields, item_key
from scraper.page.match import Match, Sheet, sheet_names
from scraper.page.nodes import is_empty
from scraper.page.paginate import first_request, page_digest

__all__ = ["first_request", "page_digest", "read", "read_row", "row_rule"]


@dataclass(slots=True)
class _Gathered:
    """What was found so far; shelves are by item key."""

    items: dict[str, Item] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    downloads: list[Download] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    skipped: list[tuple[Request, str]] = field(default_factory=list)
    shelves: defaultdict[str, Shelf] = field(default_factory=lambda: defaultdict(Shelf))
    has_fields: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all was found."""
        return not (self.has_fields or self.requests or self.downloads or self.skipped)

    def reading(self) -> Reading:
        """All of it, as a value."""
        return Reading(
            tuple(self.items.values()),
            tuple(self.requests),
            tuple(self.downloads),
            tuple(self.failures),
            tuple(self.skipped),
        )


def read(
    page: Page,
    rule_name: str,
    rule: Rule,
    names: Mapping[str, Any],
    files: FileSettings,
    rules: Mapping[str, Rule],
    *,
    records_name: Own = RECORDS,
    previous: str | None = None,
    conceal: Callable[[str], str] | None = None,
    agent: str | None = None,
) -> Reading:
    """What a rule finds on a page.

    Args:
        names: those of the run, for templates (template.base_names).
        rules: all rules of the job; a link begins the chain of the rule it goes to.
        records_name: our own files below dest: the records, and others.
        previous: page_digest of the page before in its chain; a page equal to it, where pages are
            counted, is the end and gives nothing.
        conceal: puts marks for secrets that the page echoes (secrets.py); None: there are none.
        agent: by what the page's directives for robots name us; None: they are not obeyed.

    Raises:
        TypeMismatchError: the page is of another type than the rule reads.
        ShapeError: JSON that does not parse, no such path for `each`, an empty page before the source's word.
    """
    if previous is not None and _is_counted(rule) and previous == page_digest(page):
        return Reading()
    document = open_page(page, rule.read, rule.parser)
    if conceal is not None:
        page = replace(page, headers=secrets.each_text(page.headers, conceal))
    if page.request.canonical and (other := canonical_url(page, document)) is not None:
        moved = replace(page.request, url=other, params=None, found=True, canonical=False)
        return Reading(requests=(moved,), duplicate_of=other)
    known = sheet_names(page, rule_name, names)
    sheet = Sheet(
        page, document, rule_name, rule, known, rules, files, records_name, conceal=conceal,
        obeys_robots=agent is not None, is_nofollow=bool(rule.follow) and is_nofollow(page, document, agent or ""),
    )  # fmt: skip
    nodes, found = _gathered(sheet)
    _turn(sheet, found, is_empty=not nodes if rule.each is not None else found.is_empty)
    return found.reading()


def row_rule(rule: Rule | None) -> Rule:
    """The rule by which rows are read as JSON (JOBS.md, Start); without `files` it gives the row's URL."""
    given = rule or Rule()
    files = FileSpec() if given.files is None else given.files
    return given.model_copy(update={"read": "json", "next": None, "expect": None, "files": files})


def read_row(
    request: Request,
    rule: Rule,
    names: Mapping[str, Any],
    files: FileSettings,
    rules: Mapping[str, Rule],
    *,
    records_name: Own = RECORDS,
) -> Reading:
    """What a rule finds in a row of a list: `request` holds it and its URL, and is never sent.

    Args:
        rule: as `row_rule` gives it; where it has neither `item` nor `each`, the row is the item.

    Raises:
        ShapeError: no such path for `each`.
    """
    page = Page(request, request.url, 0, {}, b"")
    document, rule_name = Document(request.row or {}, page.url), request.rule or ""
    known = sheet_names(page, rule_name, names)
    sheet = Sheet(page, document, rule_name, rule, known, rules, files, records_name, is_row=True)
    return _gathered(sheet)[1].reading()


def _gathered(sheet: Sheet) -> tuple[list[Any], _Gathered]:
    """The matches, and what was found in them."""
    nodes, found = _nodes(sheet), _Gathered()
    for position, node in enumerate(nodes):
        _read_match(sheet, node, (*sheet.place, position), found)
    return nodes, found


def _is_counted(rule: Rule) -> bool:
    return isinstance(rule.next, (NextPage, NextOffset))


def _nodes(sheet: Sheet) -> list[Any]:
    """The matches of `each`, or the page itself."""
    if sheet.rule.each is None:
        return [sheet.document.root]
    each = sheet.on_page(sheet.rule.each)
    url = sheet.page.url
    try:
        found = each.each(sheet.document.root, sheet.scope)
    except TemplateError as error:
        raise ShapeError(url, f"rules.{sheet.rule_name}.each: {error}", final=True) from error
    if found is None:
        message = f'rules.{sheet.rule_name}.each: "{each.written}" finds no such path on {url}'
        raise ShapeError(url, message, final=True)
    return found


def _turn(sheet: Sheet, found: _Gathered, *, is_empty: bool) -> None:
    """Adds the next page of the chain."""
    turn = paginate.Turn(sheet.page, sheet.document, sheet.scope, sheet.rule.language, is_empty, sheet.rule.parser)
    try:
        request = paginate.next_request(turn, sheet.rule)
    except TemplateError as error:
        found.failures.append(sheet.failure("next", f"{error} on {sheet.page.url}"))
        return
    if request is not None:
        found.requests.append(replace(request, before=page_digest(sheet.page)))


# -- one match ---------------------------------------------------------------------------------------------


def _read_match(sheet: Sheet, node: Any, place: Place, found: _Gathered) -> None:
    try:
        if not Match(sheet, node, place, {}).holds(sheet.rule.when):
            return
    except TemplateError as error:
        found.failures.append(sheet.failure("when", f"{error} on {sheet.page.url}"))
        return
    fields, failure = item_fields(sheet, node)
    match = Match(sheet, node, place, fields)
    key = None
    if sheet.gives_items:
        found.has_fields = found.has_fields or not all(map(is_empty, fields.values()))
        key, failure = (None, failure) if failure else item_key(sheet, fields)
    if failure is not None:
        found.failures.append(failure)
    elif key is not None:
        found.items.setdefault(key, Item(key, sheet.rule_name, fields, sheet.page.url, place))
    if failure is None:
        _add_downloads(match, key, found)
    _add_links(match, found)


def _add_downloads(match: Match, key: str | None, found: _Gathered) -> None:
    shelf = Shelf() if key is None else found.shelves[key]
    for one in downloads(match, key, shelf):
        if isinstance(one, Failure):
            found.failures.append(one)
        else:
            found.downloads.append(one)


def _add_links(match: Match, found: _Gathered) -> None:
    for one in follow(match):
        if isinstance(one, Failure):
            found.failures.append(one)
        elif isinstance(one, Request):
            found.requests.append(one)
        else:
            found.skipped.append(one)
