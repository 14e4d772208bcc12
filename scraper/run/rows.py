"""Start entries queued: a request at once, rows (of a list, of `for`) a batch at a time.

    lists -> rows -> what each gives -> one transaction: all of it, and the position behind the batch

A killed run continues behind the position, which counts rows over all files of the entry.
Rows are what the user wrote down: what they lead to is named, not found in a page. A row
that cannot be read or gives no URL is a failure that the run tells, and the next one goes on.

What only jobs need (templates, page readers) is imported where it is used: a plain
`scraper get` starts without them, and `Plain` is all that its rows go through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING

from scraper import secrets, urls
from scraper.files import naming
from scraper.lists import files as listed
from scraper.lists import plain, source
from scraper.model import Download, Failure, Outcome, Place, Reading, Request
from scraper.run.kit import Kit
from scraper.run.sources import paths_of

if TYPE_CHECKING:
    from scraper.job.loaded import Loaded

ROWS = 500
"""Rows of a list that are queued in one transaction."""
PLAIN = "{{ filename }}"
"""The path template that needs no rendering."""
_SHOWN = 2000
"""Characters of a line that is told as a URL that failed."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A row that gives nothing: what stands where its URL should, the class of the failure, and why."""

    place: Place
    url: str
    name: str
    why: str


@dataclass(slots=True)
class Batch:
    """What some rows give."""

    downloads: list[Download] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)


Add = Callable[[Batch, int, listed.Row], None]
"""Adds to a batch what a row of this number gives."""


def queue_entries(kit: Kit) -> Iterator[None]:
    """Queues what the start entries give, each once a run; stops after each batch, so that work goes on meanwhile."""
    for at in range(len(kit.job.start)):
        done, whole = kit.ledger.rows_done(at)
        if whole:
            continue
        if kit.job.entry(at).source("list", "records", "for") is not None:
            yield from _queue_rows(kit, at, done)
        else:
            _queue_entry(kit, at)
            yield


def _queue_entry(kit: Kit, at: int) -> None:
    """An entry that is its own only row, or whose rows stand on a page."""
    from scraper.run import start

    batch = Batch()
    if kit.job.entry(at).source("sitemap", "feed") is not None:
        from scraper.run.listings import listing_of

        batch.requests.append(listing_of(kit, at))
    elif kit.job.entry(at).as_ == "files":
        if (reading := start.reading_of(kit, at)) is not None:
            batch.readings.append(reading)
    elif (request := start.request_of(kit, at)) is not None:
        batch.requests.append(request)
    with kit.ledger.db.transaction():
        _keep(kit, at, batch)
        kit.ledger.note_rows(at, 1, whole=True)


def _queue_rows(kit: Kit, at: int, done: int) -> Iterator[None]:
    """One transaction a batch: what its rows give, and the position behind it."""
    add = _adder(kit, at)
    rows = enumerate(_rows(kit, at, done), done + 1)
    while taken := list(islice(rows, _room(kit, at))):
        batch = Batch()
        for number, row in taken:
            add(batch, number, row)
        done = taken[-1][0]
        with kit.ledger.db.transaction():
            _keep(kit, at, batch)
            kit.ledger.note_rows(at, done, whole=False)
        _tell(kit, at, batch)
        yield
    kit.ledger.note_rows(at, done, whole=True)


def _rows(kit: Kit, at: int, done: int) -> Iterator[listed.Row]:
    """The rows of an entry behind the first `done`."""
    entry = kit.job.entry(at)
    if entry.for_ is None:
        paths = paths_of(entry, kit.folder, kit.loaded.variables)
        rows = source.rows(paths, done)
        return map(_as_recorded, rows) if entry.records is not None and paths[0].suffix == ".csv" else rows
    from scraper.lists import axes

    return islice(axes.rows(entry.for_, kit.names), done, None)


def _as_recorded(row: listed.Row) -> listed.Row:
    """A row of records that were written as csv, without what guards its texts from being formulas."""
    from scraper.records.csv_ import unguarded

    return row if isinstance(row, listed.Broken) else {name: unguarded(urls.text(row[name])) for name in row}


def _room(kit: Kit, at: int) -> int:
    """How many rows may be queued at once: with `--limit` no more than may still be met."""
    limit = kit.options.limit
    if limit is None:
        return ROWS
    left = limit - kit.met
    is_exact = kit.job.entry(at).as_ == "files"  # pages may give nothing, so more than one batch may be needed
    return min(ROWS, max(0, left)) if is_exact or left <= 0 else ROWS


def _keep(kit: Kit, at: int, batch: Batch) -> None:
    """Part of a transaction."""
    ledger = kit.ledger
    ledger.add_downloads(batch.downloads)
    ledger.add_requests(batch.requests)
    for reading in batch.readings:
        ledger.commit_row(reading)
    for failed in batch.failed:
        if kit.job.entry(at).as_ == "files":
            ledger.add_failed(failed.url, f"failed:{failed.name}", failed.why, failed.place)
        else:
            ledger.add_failure(Failure(failed.url, failed.name, failed.why))


def _tell(kit: Kit, at: int, batch: Batch) -> None:
    for failed in batch.failed:
        ending = f"failed:{failed.name}"
        if kit.job.entry(at).as_ == "files":
            kit.events.file_ended(Outcome(ending, url=failed.url, why=failed.why))
        else:
            kit.events.page_ended(failed.url, ending, failed.why)


# -- what a row gives --------------------------------------------------------------------------------------


def _adder(kit: Kit, at: int) -> Add:
    entry = kit.job.entry(at)
    if kit.options.bare and entry.column is not None and kit.job.files.path == PLAIN:
        return Plain(at, entry.column, kit.own_names).add
    return Read(kit, at).add


def _broken(batch: Batch, at: int, number: int, row: listed.Broken) -> None:
    batch.failed.append(Failed((at, number), f"row {number}", "protocol", f"row {number}: {row.why}"))


class Plain:
    """Rows of a `get` whose files are called as their URLs: a file each, and nothing to be rendered.

    Args:
        at: number of the start entry.
        column: where the URL stands.
    """

    def __init__(self, at: int, column: str, records_name: naming.Own) -> None:
        self._at = at
        self._column = column
        self._records_name = records_name
        self._name_of = plain.namer(records_name)
        self._template = naming.digest_of(PLAIN)

    def add(self, batch: Batch, number: int, row: listed.Row) -> None:
        """The file of a row."""
        if isinstance(row, listed.Broken):
            _broken(batch, self._at, number, row)
            return
        text = row.get(self._column)
        place = (self._at, number)
        if isinstance(text, str) and (path := self._name_of(text)) is not None:
            batch.downloads.append(Download(text, text, path, place=place, template=self._template, found=False))
        else:
            self._add_long(batch, place, "" if text is None else urls.text(text))

    def _add_long(self, batch: Batch, place: Place, text: str) -> None:
        """The long way; a line that is no URL is a failure."""
        url = text if (is_canonical := plain.is_canonical(text)) else _fixed(text)
        if url is None:
            why = f"row {place[1]} is not an http or https URL" if text else f"row {place[1]}: {self._column} is empty"
            batch.failed.append(Failed(place, text[:_SHOWN] or f"row {place[1]}", "protocol", why))
            return
        key = url if is_canonical else urls.canonical_of(url)
        path = naming.safe_path(naming.url_name(url).filename, records_name=self._records_name)
        batch.downloads.append(Download(url, key, path, place=place, template=self._template, found=False))


def _fixed(text: str) -> str | None:
    """The URL of a text, or None. U+FFFD is a character that could not be read; a mark is nobody's to write."""
    try:
        url = urls.fixed(text)
    except ValueError:
        return None
    return url if "\ufffd" not in text and urls.is_http(url) and not secrets.names(url) else None


class Read:
    """Rows of a job: each a page, or with `as: files` an item with its files.

    Args:
        at: number of the start entry.
    """

    def __init__(self, kit: Kit, at: int) -> None:
        from scraper.run.start import RowError, Start

        self._error = RowError
        self._start = Start(kit, at)
        self._at = at
        self._bare = kit.options.bare

    def add(self, batch: Batch, number: int, row: listed.Row) -> None:
        """What a row gives."""
        place = (self._at, number)
        if isinstance(row, listed.Broken):
            _broken(batch, self._at, number, row)
            return
        try:
            if self._start.is_files:
                self._add_reading(batch, place, self._start.reading(number, row, place))
            elif (request := self._start.request(number, row, place)) is not None:
                batch.requests.append(request)
        except self._error as error:
            url = error.url[:_SHOWN] or f"row {number}"
            batch.failed.append(Failed(place, url, error.name, f"row {number}: {error}"))

    def _add_reading(self, batch: Batch, place: Place, reading: Reading | None) -> None:
        if reading is None:
            return
        if not self._bare:
            batch.readings.append(reading)
            return
        batch.downloads += [replace(each, item_key=None) for each in reading.downloads]
        batch.failed += [Failed(place, each.url, each.name, each.message) for each in reading.failures]


def list_digests(loaded: Loaded) -> dict[str, str]:
    """By what the lists of a job are the same lists: what `list:` or `records:` says -> the digest of its files."""
    entries = map(loaded.job.entry, range(len(loaded.job.start)))
    return {
        named: listed.digest(paths_of(entry, loaded.folder, loaded.variables))
        for entry in entries
        if (named := entry.source("list", "records")) is not None
    }
