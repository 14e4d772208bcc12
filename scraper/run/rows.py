"""Start entries queued: a request at once, a list a batch of rows at a time.

What only jobs need (templates, page readers) is imported where it is used: a plain
`scraper get` starts without them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from scraper import secrets, urls
from scraper.files import naming
from scraper.job.fields import Fields, PathText
from scraper.job.model import Job
from scraper.model import Download, Outcome
from scraper.run.kit import Kit

ROWS = 500
"""Rows of a list that are queued in one transaction."""
PLAIN = "{{ filename }}"
"""The path template that needs no rendering."""


def queue_entries(kit: Kit) -> Iterator[None]:
    """Queues what the start entries give, each once a run; stops after each batch, so that work goes on meanwhile."""
    for at in range(len(kit.job.start)):
        done, whole = kit.ledger.rows_done(at)
        entry = kit.job.entry(at)
        if whole:
            continue
        if entry.list_ is not None:
            yield from _queue_list(kit, at, kit.folder / entry.list_, done)
        else:
            _queue_request(kit, at)
            yield


def _queue_request(kit: Kit, at: int) -> None:
    from scraper.run.start import request_of

    with kit.ledger.db.transaction():
        request = request_of(kit, at)
        if request is not None:
            kit.ledger.add_requests([request])
        kit.ledger.note_rows(at, 1, whole=True)


def _queue_list(kit: Kit, at: int, path: Path, done: int) -> Iterator[None]:
    """One transaction a batch: its files, and the position behind it."""
    limit = kit.options.limit
    position = done
    for position, batch in _batches(path, done):
        with kit.ledger.db.transaction():
            room = len(batch) if limit is None else max(0, limit - kit.ledger.files_met())
            for number, line in batch[:room]:
                _queue_line(kit, at, number, line)
            kit.ledger.note_rows(at, position, whole=False)
        yield
    kit.ledger.note_rows(at, position, whole=True)


def _batches(path: Path, done: int) -> Iterator[tuple[int, list[tuple[int, str]]]]:
    """The lines of a list in batches, each with the position behind it; `done` lines are passed over.

    Blank lines and lines that begin with # are no rows. Rows count from 1.
    """
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        lines = (line.strip() for line in file)
        rows = islice(enumerate((line for line in lines if line and not line.startswith("#")), 1), done, None)
        while batch := list(islice(rows, ROWS)):
            yield batch[-1][0], batch


def _queue_line(kit: Kit, at: int, number: int, line: str) -> None:
    """The file of one line; a line that is no URL is a failure that the run tells."""
    try:
        url = urls.fixed(line)
    except ValueError:
        url = line
    if urls.is_http(url) and not secrets.names(url):  # nobody forges a mark to have our secret sent
        kit.ledger.add_download(_file_of(kit, at, number, line, url))
    else:
        why = f"row {number} is not an http or https URL"
        kit.ledger.add_failed(line, "failed:protocol", why, (at, number))
        kit.events.file_ended(Outcome("failed:protocol", url=line, why=why))


def _file_of(kit: Kit, at: int, number: int, line: str, url: str) -> Download:
    settings = kit.job.files
    path = naming.url_name(url).filename if settings.path == PLAIN else _rendered(kit, at, number, line, url)
    return Download(
        url,
        urls.canonical(url),
        naming.safe_path(path, records_name=kit.job.records.path),
        place=(at, number),
        found=False,
        template=naming.digest_of(settings.path),
    )


def _rendered(kit: Kit, at: int, number: int, line: str, url: str) -> str:
    """The path as the job's template gives it."""
    from scraper.job.template import render_path

    parts, row, nothing = naming.url_name(url), {"line": line}, Fields(None, lenient=True)
    names = {
        **kit.names, "row": Fields(row, lenient=True), "row_index": number, "index": 1, "url": url,
        "rule": kit.job.entry(at).rule or kit.job.name, "host": parts.host, "filename": parts.filename,
        "dir": PathText(parts.dir), "stem": parts.stem, "ext": parts.ext, "item": Fields(row),
        "file": nothing, "parent": nothing,
    }  # fmt: skip
    return render_path(kit.job.files.path, names)


def list_digests(job: Job, folder: Path) -> dict[str, str]:
    """By what the lists of a job are the same lists."""
    paths = [entry.list_ for entry in map(job.entry, range(len(job.start))) if entry.list_ is not None]
    return {path: _digest(folder / path) for path in paths}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
