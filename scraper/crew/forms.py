"""What of a file travels between processes. Most files are plain, and as plain tuples take a tenth of the time.

work_form(task, hop)      <-> work_of         what a worker is to fetch
result_form(result)       <-> result_of       how that ended
learnt(task, before)       -> with_learnt      what was learnt of the file by the way
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from scraper.model import Download, Outcome
from scraper.net.redirect import Hop
from scraper.state.ledger import FileTask

Form = tuple[Any, ...]


def work_form(task: FileTask, hop: Hop) -> Form:
    """A file to be fetched, and where."""
    asked = task.download
    is_plain = (
        task.complete
        and task.stood is None
        and task.noted is None
        and not hop.count
        and not hop.guarded
        and asked.headers is None
        and asked.accept is None
        and asked.promised is None
        and not asked.digests
    )
    return (task.id, asked.url, task.path, task.part) if is_plain else (task, hop)


def work_of(form: Form) -> tuple[FileTask, Hop]:
    """The same. Of a plain file the worker knows no more than it takes to fetch it."""
    if len(form) == 2:
        return form
    file, url, path, part = form
    return FileTask(file, Download(url, url, path), path, True, part, None), Hop("GET", url, body=False)


def result_form(result: Any) -> Any:
    """How an exchange ended (download.flight.Result)."""
    if result.__class__ is Outcome and result.ending == "saved":
        return (
            result.ending, result.path, result.url, result.status, result.bytes, result.sha256, result.type,
            result.etag, result.last_modified,
        )  # fmt: skip
    return result


def result_of(form: Any) -> Any:
    """The same."""
    return Outcome(*form) if form.__class__ is tuple else form


def learnt(task: FileTask, before: FileTask) -> Form | None:
    """What is known of a file now; None: nothing new."""
    return None if task is before else (task.path, task.complete, task.part, task.stood, task.noted)


def with_learnt(task: FileTask, form: Form | None) -> FileTask:
    """The file, with that."""
    if form is None:
        return task
    path, complete, part, stood, noted = form
    return replace(task, path=path, complete=complete, part=part, stood=stood, noted=noted)
