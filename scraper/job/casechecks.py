"""What is wrong in the cases of `tests:` although every key and type is right. Pure: a job in, findings out.

What a fault takes is known by the bundled server alone, so faults.py judges them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from scraper import errors, units
from scraper.job.cases import CaseExpect, NamedCase, TestCase, comparison
from scraper.job.fields import did_you_mean
from scraper.job.model import ItemField, Job, Nested
from scraper.job.places import Finding, Path
from scraper.page.selectors import SelectorError, compile_selector

Names = Mapping[str, Any]
FILES = "_files"
"""Under this name `filled` asks for the files of an item."""
CLASSES = (*errors.CLASSES, "name")
"""Classes of failures (DESIGN section 3); beside them stands `http:<status>`."""
_ENDINGS = ("ok", "saved", "unchanged")
_ENDING = re.compile(r"ok|saved|unchanged|skipped:.+|failed:(?:http:\d{3}|\w+)")


def each_case(job: Job) -> Iterator[tuple[Path, TestCase]]:
    """Every case, and where it stands."""
    if isinstance(job.tests, tuple):
        yield from ((("tests", at), case) for at, case in enumerate(job.tests))
    else:
        yield from ((("tests", name), case) for name, case in job.tests.items())


def is_ending(key: str) -> bool:
    """Whether a key of `endings` is an ending; else it is a pattern of URLs."""
    return key in _ENDINGS or key.startswith(("skipped:", "failed:"))


def _cases(job: Job, names: Names) -> Iterator[Finding]:
    seen: set[str] = set()
    for path, case in each_case(job):
        if isinstance(case, NamedCase):
            if case.name in seen:
                yield Finding((*path, "name"), f'two cases are called "{case.name}"')
            seen.add(case.name)
        if case.tape is not None and PurePosixPath(case.tape).is_absolute():
            yield Finding((*path, "tape"), "a tape lies beside the job; write its path relative to the job file")
        for name in case.vars:
            if name not in job.vars:
                told = f'the job has no variable "{name}"{did_you_mean(name, job.vars)}'
                yield Finding((*path, "vars", name), told, True)


def _expected(job: Job, names: Names) -> Iterator[Finding]:
    for path, case in each_case(job):
        if case.expect is not None:
            for judge in (_counts, _filled, _match, _endings, _warnings):
                yield from judge(job, (*path, "expect"), case.expect)


def _counts(job: Job, path: Path, expect: CaseExpect) -> Iterator[Finding]:
    for name in ("pages", "items", "files"):
        asked = getattr(expect, name)
        if asked is not None and units.bound(asked).percent:
            yield Finding((*path, name), f"{asked}: of what? write a number")


def field_names(fields: Mapping[str, ItemField]) -> Iterator[str]:
    """The fields of an item, nested ones behind dots: `about`, `about.price`."""
    for name, given in fields.items():
        yield name
        if isinstance(given, Nested):
            yield from (f"{name}.{inner}" for inner in field_names(given.item))


def _filled(job: Job, path: Path, expect: CaseExpect) -> Iterator[Finding]:
    known = {field for rule in job.rules.values() for field in field_names(rule.item)}
    of_rows = any(entry.as_ == "files" for entry in map(job.entry, range(len(job.start))))
    for field in expect.filled or ():
        if field not in known and field != FILES and not of_rows:  # a row has whatever fields it came with
            told = f'no rule gives a field "{field}"{did_you_mean(field, known)}'
            yield Finding((*path, "filled", field), told, True)


def _match(job: Job, path: Path, expect: CaseExpect) -> Iterator[Finding]:
    for text, value in (expect.match or {}).items():
        try:
            compile_selector(text, "jmespath")
        except SelectorError as error:
            yield Finding((*path, "match", text), str(error), True)
        try:
            comparison(value)
        except ValueError as error:
            yield Finding((*path, "match", text), str(error))


def _endings(job: Job, path: Path, expect: CaseExpect) -> Iterator[Finding]:
    for key, value in (expect.endings or {}).items():
        where: Path = (*path, "endings", key)
        if is_ending(key):
            yield from _ending(where, key, on_key=True)
            try:
                if units.bound(value).percent:
                    yield Finding(where, f"{value}: of what? write a number")
            except ValueError as error:
                yield Finding(where, str(error))
        elif isinstance(value, int) or not is_ending(value):
            told = f'"{key}" is a pattern of URLs, and these have an ending such as saved or failed:http:404'
            yield Finding(where, told + did_you_mean(key, (*_ENDINGS, *_failures())))
        else:
            yield from _ending(where, value)


def _ending(where: Path, text: str, *, on_key: bool = False) -> Iterator[Finding]:
    name = text.removeprefix("failed:")
    known = not text.startswith("failed:") or name in CLASSES or name.startswith("http:")
    if not _ENDING.fullmatch(text) or not known:
        yield Finding(where, f'"{text}" is no ending{did_you_mean(text, _failures())}', on_key)


def _failures() -> tuple[str, ...]:
    return (*(f"failed:{name}" for name in CLASSES), "failed:http:404")


def _warnings(job: Job, path: Path, expect: CaseExpect) -> Iterator[Finding]:
    for at, pattern in enumerate(expect.warnings or ()):
        try:
            re.compile(pattern)
        except re.error as error:
            yield Finding((*path, "warnings", at), f"not a regex: {error}")


JUDGES = (_cases, _expected)
