"""What is read first: a start entry, or a row of its list -> its request, or what is found in the row itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from scraper import secrets, urls
from scraper.errors import JobError, RequestError
from scraper.job import template
from scraper.job.fields import Fields
from scraper.model import Place, Reading, Request
from scraper.page import reader
from scraper.page.follow import request_parts
from scraper.page.nodes import Scope
from scraper.page.selectors import compile_selector
from scraper.run.kit import Kit

if TYPE_CHECKING:
    from scraper.job.parts import StartEntry

Row = Mapping[str, Any]


class RowError(Exception):
    """A row from which nothing can be asked.

    Attributes:
        url: what stands where its URL should; name: the class of the failure.
    """

    def __init__(self, message: str, url: str = "", name: str = "protocol") -> None:
        super().__init__(message)
        self.url = url
        self.name = name


def request_of(kit: Kit, at: int) -> Request | None:
    """The request of start entry `at`, which has no rows; None where its `when` is not true.

    Raises:
        JobError: it cannot be made with the values that this run has.
    """
    with _told(kit, at):
        return Start(kit, at).request(0, {}, (at,))


def reading_of(kit: Kit, at: int) -> Reading | None:
    """The file of start entry `at`, which has no rows and is `as: files`; None where its `when` is not true.

    Raises:
        JobError: it cannot be made with the values that this run has.
    """
    with _told(kit, at):
        return Start(kit, at).reading(0, {}, (at,))


class _told:  # noqa: N801 - reads as a function
    """A mistake that only the values of this run show."""

    def __init__(self, kit: Kit, at: int) -> None:
        self._kit = kit
        self._at = at

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, RowError):
            raise JobError([self._kit.loaded.mistake(("start", self._at), str(error))]) from error


class Start:
    """A start entry, made ready for its rows.

    Args:
        at: its number.

    Attributes:
        is_files: whether its rows are files, read as JSON, and no pages.
    """

    def __init__(self, kit: Kit, at: int) -> None:
        self._kit = kit
        self.entry: StartEntry = kit.job.entry(at)
        self.is_files = self.entry.as_ == "files"
        rule = kit.job.rule_of(self.entry)
        self._rule_name = rule or kit.job.name
        self._rule = reader.row_rule(kit.job.rules.get(rule or "")) if self.is_files else kit.job.rules.get(rule or "")
        self._when = None if self.entry.when is None else compile_selector(self.entry.when, "jmespath")

    def request(self, number: int, row: Row, place: Place) -> Request | None:
        """The request of a row; None where the entry's `when` does not hold for it.

        Raises:
            RowError: it has no URL, or a template cannot be rendered with it.
        """
        made = self._made(number, row, place)
        return made if made is None or self._rule is None else reader.first_request(made, self._rule)

    def reading(self, number: int, row: Row, place: Place) -> Reading | None:
        """What is found in a row that is a file; None where the entry's `when` does not hold for it.

        Raises:
            RowError: it has no URL, or a template cannot be rendered with it.
        """
        made = self._made(number, row, place)
        if made is None or self._rule is None:
            return None
        job, names = self._kit.job, self._kit.names
        request = replace(made, url=made.full_url, params=None)
        try:
            found = reader.read_row(request, self._rule, names, job.files, job.rules, records_name=self._kit.own_names)
        except RequestError as error:
            raise RowError(error.message, request.url, error.name) from error
        return _with_headers(found, made.headers)

    def _made(self, number: int, row: Row, place: Place) -> Request | None:
        names = {
            **self._kit.names, "row": Fields(row, lenient=True, name="row"), "row_index": number,
            "rule": self._rule_name,
        }  # fmt: skip
        try:
            if self._when is not None and not self._when.holds(row, Scope(row, "", names)):
                return None
            url, parts = self._url(row, names), request_parts(self.entry, names)
        except template.TemplateError as error:
            raise RowError(str(error), name="shape") from error
        return Request(
            self.entry.method, url, rule=self._rule_name, row=row or None, row_index=number, place=place, **parts
        )

    def _url(self, row: Row, names: Mapping[str, Any]) -> str:
        column = self.entry.column
        if column is None and self.entry.url is None:
            column = "url"  # of what lists rows: a sitemap's page, the link of a feed's entry
        given = template.render(self.entry.url or "", names) if column is None else row.get(column)
        if given is None or given == "":
            raise RowError(f"{column or 'its URL'} is empty")
        return http_url(urls.text(given))


def http_url(text: str) -> str:
    """A URL with everything percent-encoded that has to be.

    Raises:
        RowError: it is not an http or https URL, or holds U+FFFD: a character that could not be read.
    """
    try:
        url = urls.fixed(text)
    except ValueError:
        url = ""
    if "\ufffd" in text or not urls.is_http(url):
        raise RowError(f"{_short(secrets.display(text))!r} is not an http or https URL", text)
    return url


def _short(text: str) -> str:
    return text if len(text) <= 100 else f"{text[:100]}..."


def _with_headers(found: Reading, headers: Mapping[str, Any] | None) -> Reading:
    """The headers of the entry go with its files; what `files.headers` says goes before."""
    if not headers:
        return found
    both = tuple(replace(each, headers={**headers, **(each.headers or {})}) for each in found.downloads)
    return replace(found, downloads=both)
