"""Selectors: compiled once, asked of each page (JOBS.md, Selectors).

A selector is a line of stages, each of which takes what the one before it found:

    own      the rule's language: elements, texts or JSON      (LANGUAGES; a new kind is a row)
    match    a regex over the text: group 1, or all of it
    data     JMESPath over the JSON that the text is
    type     int, float, bool, date, url, json
    template over `value`

What stands in a stage without finding anything is dropped. `each`, `follow` and
`files` take every match (`every`, `each`), `when` and `has` ask whether there is one
(`holds`), the others take the first one (`first`): the *first* match of the own
language, and nothing if a later stage drops that. JMESPath gives one value, which may
be a list; it is spread into matches where every match is taken, or all.
A text with `{{` is a template that builds the value (`is_built`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from scraper.job.fields import is_template
from scraper.job.parts import LongSelector
from scraper.job.template import Fields, is_true, render
from scraper.page.convert import convert
from scraper.page.css import ForeignError
from scraper.page.nodes import Scope, as_data, as_text, is_empty, parse_json, plain

if TYPE_CHECKING:
    from scraper.job.model import Rule

Query = Callable[[Any, bool], list[Any] | None]
"""From a node and whether every match is wanted to what is found; None: there is no such path."""


class SelectorError(ValueError):
    """A selector that cannot be compiled; the message is for the writer of the job."""


# -- languages ---------------------------------------------------------------------------------------------


def _css(text: str) -> Query:
    from scraper.page.html import compile_css

    return compile_css(text)


def _lexbor_css(text: str) -> Query:
    from scraper.page.lexbor import compile_css

    return compile_css(text)


def _jmespath(text: str) -> Query:
    from scraper.page.json_ import compile_search

    search = compile_search(text)

    def query(node: Any, many: bool) -> list[Any] | None:
        return _listed(search(node), many)

    return query


def _regex(text: str) -> Query:
    pattern = re.compile(text)

    def query(node: Any, many: bool) -> list[Any]:
        found = pattern.finditer(as_text(node))
        return [_group(match) for match in (found if many else islice(found, 1))]

    return query


def _xpath(text: str) -> Query:
    from scraper.page.xml import compile_xpath

    return compile_xpath(text)


LANGUAGES: dict[str, Callable[[str], Query]] = {
    "css": _css,
    "jmespath": _jmespath,
    "regex": _regex,
    "xpath": _xpath,
}
_OF_PARSER: dict[tuple[str, str], Callable[[str], Query]] = {("css", "lexbor"): _lexbor_css}
"""What a parser has of its own of a language."""
_SPOKEN = {"css": "CSS", "jmespath": "JMESPath", "regex": "regex", "xpath": "XPath"}
_OWN = ("css", "xpath", "regex")


def _listed(found: Any, many: bool) -> list[Any] | None:
    if found is None:
        return None
    return list(found) if many and isinstance(found, list) else [found]


def _group(match: re.Match[str]) -> str | None:
    return match[1] if match.re.groups else match[0]


@lru_cache(maxsize=4096)
def _query(text: str, language: str, parser: str) -> Query:
    if not text.strip():
        raise SelectorError("the selector is empty")
    try:
        return _OF_PARSER.get((language, parser), LANGUAGES[language])(text)
    except ForeignError as error:
        raise SelectorError(str(error)) from error
    except (ValueError, re.error) as error:
        message = str(error).partition("\n")[0]
        raise SelectorError(f"not {_SPOKEN[language]}: {message}") from error


# -- compiled selectors ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Compiled:
    """A selector that is ready to be asked.

    Attributes:
        written: what messages call it.
        parts: its long form.
        built: the template, where the selector is nothing but one.
    """

    written: str
    parts: LongSelector
    own: Query | None = None
    pattern: re.Pattern[str] | None = None
    data: Callable[[Any], Any] | None = None
    built: str | None = None

    @property
    def is_built(self) -> bool:
        """Whether a template makes the value, and nothing is looked for in the page."""
        return self.built is not None

    def each(self, node: Any, scope: Scope) -> list[Any] | None:
        """Every match: elements, texts or JSON; None where JMESPath finds no such path.

        Raises:
            TemplateError: a template in it cannot be rendered.
        """
        found = self._found(node, scope, every=True)
        return None if found is None else [one for one in found if not is_empty(one)]

    def every(self, node: Any, scope: Scope) -> list[Any]:
        """Every match: elements, texts or JSON."""
        return self.each(node, scope) or []

    def find(self, node: Any, scope: Scope) -> list[Any]:
        """The value of every match; an element's value is its text."""
        return [value for value in map(plain, self.every(node, scope)) if not is_empty(value)]

    def match(self, node: Any, scope: Scope) -> Any:
        """The first match, an element, a text or JSON; None where there is none or it is empty."""
        found = self._found(node, scope, every=False) or [None]
        return None if is_empty(found[0]) else found[0]

    def first(self, node: Any, scope: Scope) -> Any:
        """The value of the first match, or None."""
        value = plain(self.match(node, scope))
        return None if is_empty(value) else value

    def value(self, node: Any, scope: Scope) -> Any:
        """The value of a field: the first match, with `all` a list of them; where there is none, `default`."""
        if self.parts.all:
            found = [plain(one) for one in self._found(node, scope, every=False) or []]
            values = [value for value in found if not is_empty(value)]
            return values or ([] if self.parts.default is None else self.parts.default)
        value = self.first(node, scope)
        return self.parts.default if value is None else value

    def holds(self, node: Any, scope: Scope) -> bool:
        """Whether it finds something that is not false, or is a template that is true."""
        if self.built is not None:
            return is_true(self.built, self._names(node, scope))
        return any(value is not False for value in self.find(node, scope))

    def _found(self, node: Any, scope: Scope, *, every: bool) -> list[Any] | None:
        many = every or self.parts.all
        if self.built is not None:
            made = _spread([render(self.built, self._names(node, scope))], every)
            return self._typed(made, many, scope)
        start = scope.root if self.parts.root else node
        found = self.own(start, many) if self.own else [start]
        for stage in (self._matched, self._searched, self._typed):
            found = stage(found, many, scope) if found else found
        return _spread(self._rendered(found or [], scope), every) if self.parts.template else found

    def _matched(self, found: list[Any], many: bool, scope: Scope) -> list[Any]:
        if self.pattern is None:
            return found
        matches = (self.pattern.search(as_text(one)) for one in _scalars(found, many))
        groups = (_group(match) for match in matches if match)
        return [group for group in groups if not is_empty(group)]

    def _searched(self, found: list[Any], many: bool, scope: Scope) -> list[Any] | None:
        if self.data is None:
            return found
        documents = _documents(found)
        if self.parts.all:
            return _listed(self.data(documents), many) if documents else []
        results = [_listed(self.data(document), many) for document in documents]
        if results and all(result is None for result in results):
            return None
        return [one for result in results for one in result or ()]

    def _typed(self, found: list[Any], many: bool, scope: Scope) -> list[Any]:
        kind, form = self.parts.type, self.parts.format
        if kind is None:
            return found
        given = found if kind == "json" else _scalars(found, many)
        values = (convert(kind, one, form, scope.base) for one in given)
        return [value for value in values if value is not None]

    def _names(self, node: Any, scope: Scope) -> Mapping[str, Any]:
        """The names of a template that stands alone; its `value` is all of the node."""
        asked = "value" in (self.built or "")
        return {**scope.names, "value": _shown(node)} if asked else scope.names

    def _rendered(self, found: list[Any], scope: Scope) -> list[Any]:
        template = self.parts.template or ""
        given = (one for one in found if not is_empty(plain(one)))
        return [render(template, {**scope.names, "value": _shown(one)}) for one in given]


def _shown(found: Any) -> Any:
    value = plain(found)
    return Fields(value, name="value") if isinstance(value, dict) else value


def _spread(found: Iterable[Any], every: bool) -> list[Any]:
    """A list that a template gave counts as matches where every match is taken."""
    if not every:
        return list(found)
    return [one for value in found for one in (value if isinstance(value, list) else [value])]


def _scalars(found: list[Any], many: bool) -> list[Any]:
    """What a stage for single values works on: a list that JMESPath gave stands for its first element."""
    lists = (one if isinstance(one, list) else [one] for one in found)
    return [one for inner in lists for one in (inner if many else inner[:1])]


def _documents(found: Iterable[Any]) -> list[Any]:
    documents = []
    for one in found:
        try:
            documents.append(parse_json(as_data(one)))
        except ValueError:  # text that is no JSON finds nothing
            continue
    return documents


# -- compiling ---------------------------------------------------------------------------------------------


def compile_selector(
    selector: str | LongSelector,
    language: str,
    *,
    parser: str = "lxml",
    page_language: str | None = None,
) -> Compiled:
    """A selector, ready to be asked of nodes.

    Args:
        language: css, jmespath, regex or xpath: the rule's, or that of its matches.
        parser: what parses the rule's html; lexbor knows less CSS.
        page_language: the language for `root: true`; default `language`.

    Raises:
        SelectorError: not of that language, or of what the parser knows of it.
    """
    if isinstance(selector, str):
        return _compile_text(selector, language, parser)
    return _compile_long(selector, page_language or language if selector.root else language, parser)


@lru_cache(maxsize=4096)
def _compile_text(selector: str, language: str, parser: str) -> Compiled:
    """Kept, since it is asked for at every match."""
    if is_template(selector):
        return Compiled(selector, LongSelector(template=selector), built=selector)
    return Compiled(selector, LongSelector.model_validate({language: selector}), _query(selector, language, parser))


def _compile_long(selector: LongSelector, language: str, parser: str) -> Compiled:
    own = getattr(selector, language)
    for other in _OWN:
        if other != language and getattr(selector, other) is not None:
            raise SelectorError(f"the language here is {_SPOKEN[language]}, not {_SPOKEN[other]}")
    data = selector.jmespath if language != "jmespath" else None
    looks = any(part is not None for part in (own, selector.match, data))
    return Compiled(
        _written(selector),
        selector,
        None if own is None else _query(own, language, parser),
        None if selector.match is None else _pattern(selector.match),
        None if data is None else _search(data),
        None if looks else selector.template,
    )


def _written(selector: LongSelector) -> str:
    names = (*_OWN, "jmespath", "match", "template")
    given = [text for name in names if (text := getattr(selector, name)) is not None]
    return given[0] if len(given) == 1 or selector.template is None else " | ".join(given[:-1])


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise SelectorError(f"not a regex: {error}") from error


def _search(text: str) -> Callable[[Any], Any]:
    query = _query(text, "jmespath", "")

    def search(document: Any) -> Any:
        found = query(document, False)
        return found[0] if found else None

    return search


def languages(rule: Rule) -> tuple[str, str]:
    """The languages of a rule: its page's, and its matches' (JMESPath where `each` ends in it)."""
    own = rule.language
    ends_in_data = isinstance(rule.each, LongSelector) and rule.each.jmespath is not None
    return own, "jmespath" if ends_in_data or is_template(rule.each) else own
