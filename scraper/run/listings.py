"""Pages that list rows for a start entry: sitemaps and feeds (JOBS.md, Start).

A sitemap or feed is a page like any other: fetched politely, tried again, with an ending in the ledger. What reads
it is no rule but its start entry, so its rule is called `start[2]`. Each of its rows gives what a row of a list does: a
request, or with `as: files` an item with its files. An index of sitemaps gives further pages of the same kind; a
page is read once, so that indexes which name each other end.

The link of a row is what a site says of itself, so robots.txt and the rules for private addresses hold for it; a URL
that the entry builds from the row is the job's own.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

from scraper import secrets, urls
from scraper.errors import JobError, ShapeError
from scraper.job import template
from scraper.job.filters import moment
from scraper.model import Failure, Page, Place, Reading, Request
from scraper.page.document import open_page
from scraper.run.kit import Kit
from scraper.run.start import RowError, Start, http_url

log = logging.getLogger("scraper")
DEEPEST = 5
"""Indexes in indexes; sitemaps.org knows none at all."""
_RULE = re.compile(r"start\[(\d+)\]")


def entry_of(rule: str | None) -> int | None:
    """The start entry that reads pages under this name; None: a rule of the job does."""
    found = _RULE.fullmatch(rule or "")
    return int(found[1]) if found else None


def listing_of(kit: Kit, at: int) -> Request:
    """The request for the sitemap or feed of start entry `at`.

    Raises:
        JobError: its URL cannot be made with the values that this run has.
    """
    entry = kit.job.entry(at)
    key = "sitemap" if entry.sitemap is not None else "feed"
    try:
        url = http_url(template.render_text(entry.source(key), kit.names))
    except (RowError, template.TemplateError) as error:
        raise JobError([kit.loaded.mistake(("start", at, key), str(error))]) from error
    return Request("GET", url, rule=f"start[{at}]", place=(at,))


def read_listing(kit: Kit, at: int, page: Page) -> Reading:
    """What the rows of a page give.

    Raises:
        RequestError: the page is no sitemap, or no feed.
    """
    if kit.job.entry(at).feed is not None:
        return _Rows(kit, at, page).reading(_entries(page), [])
    from scraper.page.sitemap import read_sitemap

    found, since = read_sitemap(page.body, page.url, page.content_type), _since(kit, at)
    if found.flaw is not None:
        log.warning("%s: not well-formed, %s; what stands before is taken", secrets.display(page.url), found.flaw)
    pages = [_nested(page, one["url"], number) for number, one in enumerate(found.sitemaps) if _is_new(one, since)]
    return _Rows(kit, at, page, since).reading(found.rows, pages)


def _nested(page: Page, url: str, number: int) -> Request:
    """A sitemap that an index names."""
    above = page.request
    if above.depth >= DEEPEST:
        raise ShapeError(page.url, f"more than {DEEPEST} indexes of sitemaps lead here", final=True)
    return Request(
        "GET", url, rule=above.rule, place=(*above.place, above.n, number), depth=above.depth + 1, found=True,
        via_public=not page.private,
    )  # fmt: skip


def _entries(page: Page) -> list[dict[str, Any]]:
    """The entries of a feed; each is a row, and its link its URL."""
    return [{**entry, "url": entry.get("link")} for entry in open_page(page, "feed").root.get("entries", ())]


def _since(kit: Kit, at: int) -> datetime | None:
    """The moment of `since`; None: all rows."""
    given = kit.job.entry(at).since
    try:
        value = template.render(given, kit.names) if isinstance(given, str) else given
        return None if value is None or value == "" else moment(value)
    except (ValueError, template.TemplateError) as error:
        raise JobError([kit.loaded.mistake(("start", at, "since"), str(error))]) from error


def _is_new(row: Mapping[str, Any], since: datetime | None) -> bool:
    """Whether a row may have changed since; one that does not say when may. A day counts to its end."""
    if since is None or not (text := row.get("lastmod")):
        return True
    from scraper.page.sitemap import lastmod_at

    changed = lastmod_at(text)
    lasts = timedelta() if "T" in text else timedelta(days=_DAYS.get(len(text), 1))
    return changed is None or changed >= since or changed + lasts > since


_DAYS = {4: 366, 7: 31}
"""How long what a W3C date of so many characters names may last: a year, a month."""


class _Rows:
    """The rows of one page."""

    def __init__(self, kit: Kit, at: int, page: Page, since: datetime | None = None) -> None:
        self._start = Start(kit, at)
        self._page = page
        self._since = since
        match = kit.job.entry(at).match
        self._match = None if match is None else re.compile(match)
        self._is_found = self._start.entry.url is None

    def reading(self, rows: Iterable[Mapping[str, Any]], pages: list[Request]) -> Reading:
        """All that they give."""
        place = (*self._page.request.place, self._page.request.n)
        found = list(self._each(rows, place))
        readings = [one for one in found if isinstance(one, Reading)]
        return Reading(
            tuple(item for one in readings for item in one.items),
            (*pages, *(one for one in found if isinstance(one, Request)), *chain(*(one.requests for one in readings))),
            tuple(file for one in readings for file in one.downloads),
            (*(one for one in found if isinstance(one, Failure)), *(f for one in readings for f in one.failures)),
        )

    def _each(self, rows: Iterable[Mapping[str, Any]], place: Place) -> Iterator[Request | Reading | Failure]:
        for number, row in enumerate(rows, 1):
            if not self._is_wanted(row):
                continue
            try:
                made = self._made(number, row, (*place, number))
            except RowError as error:
                yield Failure(error.url or self._page.url, error.name, f"row {number}: {error}")
            else:
                if made is not None:
                    yield made

    def _is_wanted(self, row: Mapping[str, Any]) -> bool:
        url = urls.text(row.get("url") or "")
        return _is_new(row, self._since) and (self._match is None or bool(self._match.search(url)))

    def _made(self, number: int, row: Mapping[str, Any], place: Place) -> Request | Reading | None:
        is_public = not self._page.private
        if not self._start.is_files:
            request = self._start.request(number, row, place)
            return request and replace(request, found=self._is_found, via_public=is_public)
        reading = self._start.reading(number, row, place)
        return reading and replace(
            reading,
            downloads=tuple(
                replace(each, found=self._is_found, via_public=is_public, found_on=self._page.url)
                for each in reading.downloads
            ),
        )
