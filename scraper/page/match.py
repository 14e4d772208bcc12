"""A page under a rule, and one match in it: what items, files and links are read from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from scraper import secrets
from scraper.files.naming import Own
from scraper.job.model import FileSettings, Rule
from scraper.job.parts import LongSelector
from scraper.job.template import Fields
from scraper.model import Failure, Page, Place
from scraper.page.document import Document, page_names
from scraper.page.nodes import Scope
from scraper.page.selectors import Compiled, compile_selector, languages

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page under a rule.

    Attributes:
        names: those of the run and the page, for templates.
        rules: all rules of the job.
        settings: how files are named.
        records_name: our own files below dest, the records and others; no file may be called so.
        is_row: whether it is no page but a row of a list: what it leads to is named by the user, not found,
            and without `each` it is an item itself.
        conceal: puts marks for secrets that the page echoes, before anything is named after it; None: there are none.
        obeys_robots: whether the job obeys what sites say to robots.
        is_nofollow: whether the page says to robots that its links are not to be followed.
    """

    page: Page
    document: Document
    rule_name: str
    rule: Rule
    names: Mapping[str, Any]
    rules: Mapping[str, Rule]
    settings: FileSettings
    records_name: Own
    is_row: bool = False
    conceal: Callable[[str], str] | None = None
    obeys_robots: bool = False
    is_nofollow: bool = False

    def concealed(self, value: V) -> V:
        """What was found, with marks for secrets that the page echoes."""
        return value if self.conceal is None else secrets.each_text(value, self.conceal)

    @property
    def gives_items(self) -> bool:
        """Whether its matches are items."""
        return bool(self.rule.item) or (self.is_row and self.rule.each is None)

    @property
    def place(self) -> Place:
        """The page's own place."""
        return (*self.page.request.place, self.page.request.n)

    @property
    def scope(self) -> Scope:
        """What selectors of the page need."""
        return self.document.scope(self.names)

    def on_page(self, selector: str | LongSelector) -> Compiled:
        """A selector of the page's language."""
        return compile_selector(selector, self.rule.language, parser=self.rule.parser)

    def in_match(self, selector: str | LongSelector) -> Compiled:
        """A selector of the language of the matches."""
        on_page, inner = languages(self.rule)
        return compile_selector(selector, inner, parser=self.rule.parser, page_language=on_page)

    def failure(self, where: str, message: str, name: str = "shape") -> Failure:
        """What went wrong at a place of the rule, for people."""
        about = f"row {self.page.request.row_index}: " if self.is_row else f"rules.{self.rule_name}."
        return Failure(self.page.url, name, f"{about}{where}: {message}")


def sheet_names(page: Page, rule_name: str, names: Mapping[str, Any]) -> dict[str, Any]:
    """The names of the run with those of a page under a rule."""
    return {**names, **page_names(page), "rule": rule_name}


@dataclass(frozen=True, slots=True)
class Match:
    """One match of `each`, or the whole page.

    Attributes:
        fields: of its item, in the job's order; empty where the rule has no item.
    """

    sheet: Sheet
    node: Any
    place: Place
    fields: Mapping[str, Any]

    @property
    def names(self) -> dict[str, Any]:
        """What its templates may use."""
        return {**self.sheet.names, "item": Fields(self.fields, name="item")}

    @property
    def scope(self) -> Scope:
        """What its selectors need."""
        return self.sheet.document.scope(self.names)

    def holds(self, when: str | LongSelector | None, scope: Scope | None = None) -> bool:
        """Whether a `when` holds; True where there is none.

        Raises:
            TemplateError: it cannot be rendered.
        """
        return when is None or self.sheet.in_match(when).holds(self.node, scope or self.scope)
