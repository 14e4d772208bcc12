"""What is read first: start entries -> requests, or files where the job says `as: files`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from scraper import urls
from scraper.files import naming
from scraper.job import template
from scraper.job.model import Job
from scraper.model import Download, Outcome, Request
from scraper.page import reader
from scraper.run.control import Control
from scraper.run.kit import Kit

ROWS = 500
"""Rows of a list that are queued in one transaction."""


def request_of(job: Job, at: int, names: Mapping[str, Any]) -> Request | None:
    """The request of start entry `at`; None where its `when` is not true."""
    entry = job.entry(at)
    if entry.when is not None and not template.is_true(str(entry.when), names):
        return None
    rule_name = job.rule_of(entry)
    request = Request(
        entry.method,
        urls.fixed(template.render_text(entry.url or "", names)),
        rule=rule_name,
        place=(at,),
        **parts_of(entry, names),
    )
    return reader.first_request(request, job.rules[rule_name]) if rule_name else request


def parts_of(entry: Any, names: Mapping[str, Any]) -> dict[str, Any]:
    """`params`, `data`, `json`, … of an entry or a step, rendered; what is null is left out."""
    given = {
        "params": entry.params, "data": entry.data, "json": entry.json_, "files": entry.files,
        "headers": entry.headers, "cookies": entry.cookies,
    }  # fmt: skip
    parts = {name: template.render_all(value, names) for name, value in given.items() if value is not None}
    if entry.auth is not None:
        rendered = template.render_all(entry.auth.model_dump(exclude_none=True), names)
        parts["auth"] = type(entry.auth).model_validate(rendered)
    return parts


def queue_entry(kit: Kit, at: int, done: int, control: Control) -> None:
    """Queues what start entry `at` gives; of a list, what stands behind the first `done` rows."""
    entry = kit.job.entry(at)
    if entry.list_ is not None:
        _queue_list(kit, at, kit.folder / entry.list_, done, control)
        return
    with kit.ledger.db.transaction():
        request = request_of(kit.job, at, kit.names)
        if request is not None:
            kit.ledger.add_requests([request])
        kit.ledger.note_rows(at, 1, whole=True)


def _queue_list(kit: Kit, at: int, path: Path, done: int, control: Control) -> None:
    """One transaction a batch: its files, and the position behind it."""
    limit = kit.options.limit
    position = done
    for position, batch in _batches(path, done):
        with kit.ledger.db.transaction():
            room = len(batch) if limit is None else max(0, limit - kit.ledger.files_met())
            for number, line in batch[:room]:
                _queue_line(kit, at, number, line)
            kit.ledger.note_rows(at, position, whole=False)
        control.changed.set()
        if control.stopping:
            return
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
    if urls.is_http(url):
        kit.ledger.add_download(_file_of(kit, at, number, line, url))
    else:
        why = f"row {number} is not an http or https URL"
        kit.ledger.add_failed(line, "failed:protocol", why, (at, number))
        kit.events.file_ended(Outcome("failed:protocol", url=line, why=why))


def _file_of(kit: Kit, at: int, number: int, line: str, url: str) -> Download:
    parts, row, settings = naming.url_name(url), {"line": line}, kit.job.files
    nothing = template.Fields(None, lenient=True)
    names = {
        **kit.names, "row": template.Fields(row, lenient=True), "row_index": number, "index": 1, "url": url,
        "rule": kit.job.entry(at).rule or kit.job.name, "host": parts.host, "filename": parts.filename,
        "dir": template.PathText(parts.dir), "stem": parts.stem, "ext": parts.ext, "item": template.Fields(row),
        "file": nothing, "parent": nothing,
    }  # fmt: skip
    path = naming.safe_path(template.render_path(settings.path, names), records_name=kit.job.records.path)
    return Download(
        url,
        urls.canonical(url),
        path,
        place=(at, number),
        found=False,
        template=reader.digest_of(settings.path),
    )


def list_digests(job: Job, folder: Path) -> dict[str, str]:
    """By what the lists of a job are the same lists."""
    paths = [entry.list_ for entry in map(job.entry, range(len(job.start))) if entry.list_ is not None]
    return {path: _digest(folder / path) for path in paths}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
