"""The lists that start entries name: their files, and what is wrong with them before anything is fetched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scraper.errors import JobError
from scraper.job.fields import did_you_mean, is_template, setting_names
from scraper.lists import files, source

if TYPE_CHECKING:
    from scraper.job.loaded import Loaded
    from scraper.job.model import Job, Rule
    from scraper.job.parts import StartEntry

Where = tuple[str | int, ...]
_OF_REQUESTS = ("data", "json_", "files", "cookies", "auth")
_UNREAD = ("next", "expect")


def dest_of(loaded: Loaded, job: Job) -> Path:
    """Where a job's files go: what it says (relative to its file), else output/<name>."""
    return loaded.folder_of(("dest",)) / job.dest if job.dest is not None else Path("output") / job.name


def paths_of(entry: StartEntry, folder: Path, variables: Mapping[str, Any]) -> tuple[Path, ...]:
    """The files of an entry's `list`, sorted by name; or the records that its `records` names.

    Raises:
        ListError: there is none, or it cannot be told which.
    """
    if entry.list_ is None:
        return (_records_of(_named("records", entry.records, variables), folder),)
    return files.find(folder, _named("a list", entry.list_, variables))


def _named(what: str, text: str | None, variables: Mapping[str, Any]) -> str:
    if not is_template(text):
        return text or ""
    from scraper.job import template

    try:
        return template.render_text(text or "", setting_names(variables))
    except template.TemplateError as error:
        raise files.ListError(f"{error}; {what} is named by variables alone") from error


# -- the records of another job ----------------------------------------------------------------------------


def _records_of(job: str, folder: Path) -> Path:
    """The records that a job left: as its file beside this one says, else in output/<job>."""
    written = next((path for path in _job_files(job, folder) if _name_in(path) == job), None)
    path = _written_records(written) if written is not None else Path("output") / job / "records.jsonl"
    if not path.is_file():
        raise files.ListError(f"{job} has left no records yet, there is no {path}; run it first")
    if files.format_of(path) not in _RECORDS:
        raise files.ListError(f"records are read as .jsonl, .csv or .parquet, and {job} writes {path.name}")
    return path


_RECORDS = ("jsonl", "csv", "parquet")


def _job_files(job: str, folder: Path) -> list[Path]:
    """Where the job may be written: the file of its name, then all others."""
    here = sorted(path for path in folder.glob("*.y*ml") if path.is_file())
    return sorted(here, key=lambda path: path.stem != job)


def _name_in(path: Path) -> Any:
    from scraper.job import yaml

    try:
        data = yaml.read(path.read_bytes(), str(path)).data
    except (OSError, yaml.YamlError):  # no job, or none that can be read: it is not the one that is named
        return None
    return data.get("name") if isinstance(data, dict) else None


def _written_records(path: Path) -> Path:
    from scraper.job.load import load

    try:
        loaded = load(path)
    except JobError as error:
        raise files.ListError(f"the job in {path.name} is not valid: {error}") from error
    return dest_of(loaded, loaded.job) / loaded.job.records.path


# -- what is wrong with them -------------------------------------------------------------------------------


def mistakes(job: Job, folder: Path, variables: Mapping[str, Any]) -> Iterator[tuple[Where, str]]:
    """What is wrong with the start entries and can be told only where the run is: place and message."""
    for at in range(len(job.start)):
        entry, where = job.entry(at), ("start", at)
        if entry.source("list", "records") is not None:
            yield from ((where + key, message) for key, message in _of_list(entry, folder, variables))
        elif entry.source() is None and entry.when is not None and not is_template(entry.when):
            yield (*where, "when"), "a selector looks into rows, and there are none; write a template"
        if entry.as_ == "files":
            yield from ((where + key, message) for key, message in _of_files(entry, job.rules))


def _of_list(entry: StartEntry, folder: Path, variables: Mapping[str, Any]) -> Iterator[tuple[Where, str]]:
    key = "list" if entry.list_ is not None else "records"
    try:
        paths = paths_of(entry, folder, variables)
    except files.ListError as error:
        yield (key,), str(error)
        return
    for path in paths:
        try:
            known = source.columns(path)
        except files.ListError as error:
            yield (key,), str(error)
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
