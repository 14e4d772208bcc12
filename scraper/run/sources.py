"""The lists that start entries name: their files, and what is wrong with them before anything is fetched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scraper.job.fields import did_you_mean, is_template, setting_names
from scraper.lists import files, source

if TYPE_CHECKING:
    from scraper.job.model import Job, Rule
    from scraper.job.parts import StartEntry

Where = tuple[str | int, ...]
_OF_REQUESTS = ("data", "json_", "files", "cookies", "auth")
_UNREAD = ("next", "expect")


def paths_of(entry: StartEntry, folder: Path, variables: Mapping[str, Any]) -> tuple[Path, ...]:
    """The files of an entry's `list`, sorted by name.

    Raises:
        ListError: there is none, or it cannot be told which.
    """
    pattern = entry.list_ or ""
    if is_template(pattern):
        from scraper.job import template

        try:
            pattern = template.render_text(pattern, setting_names(variables))
        except template.TemplateError as error:
            raise files.ListError(f"{error}; a list is named by variables alone") from error
    return files.find(folder, pattern)


def mistakes(job: Job, folder: Path, variables: Mapping[str, Any]) -> Iterator[tuple[Where, str]]:
    """What is wrong with the start entries and can be told only where the run is: place and message."""
    for at in range(len(job.start)):
        entry, where = job.entry(at), ("start", at)
        if entry.list_ is not None:
            yield from ((where + key, message) for key, message in _of_list(entry, folder, variables))
        elif entry.when is not None and not is_template(entry.when):
            yield (*where, "when"), "a selector looks into rows, and there are none; write a template"
        if entry.as_ == "files":
            yield from ((where + key, message) for key, message in _of_files(entry, job.rules))


def _of_list(entry: StartEntry, folder: Path, variables: Mapping[str, Any]) -> Iterator[tuple[Where, str]]:
    try:
        paths = paths_of(entry, folder, variables)
    except files.ListError as error:
        yield ("list",), str(error)
        return
    for path in paths:
        try:
            known = source.columns(path)
        except files.ListError as error:
            yield ("list",), str(error)
        else:
            if entry.column is not None and known is not None and entry.column not in known:
                hint = did_you_mean(entry.column, known) or f"; it has {', '.join(known[:20])}"
                yield ("column",), f'{path.name} has no column "{entry.column}"{hint}'


def _of_files(entry: StartEntry, rules: Mapping[str, Rule]) -> Iterator[tuple[Where, str]]:
    """A file is asked for by GET, and a row has no page around it."""
    wrong = [name.rstrip("_") for name in _OF_REQUESTS if getattr(entry, name) is not None]
    if entry.method != "GET":
        wrong.insert(0, "method")
    yield from (((name,), f"files are fetched by GET; {name} cannot go with `as: files`") for name in wrong)
    rule = rules.get(entry.rule or "")
    for name in _UNREAD if rule is not None else ():
        if getattr(rule, name) is not None:
            yield ("rule",), f"rules.{entry.rule}.{name} is of pages; this rule reads the rows of `as: files`"
