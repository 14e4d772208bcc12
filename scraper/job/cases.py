"""`tests:` of a job file as types: cases that are replayed from a tape, and what each expects (docs/jobs.md)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from scraper import units
from scraper.job.parts import Bound, Count, Int, Json, Model, Texts, by_kind, no_bool, tag

_NAME = re.compile(r"\w[\w .-]*")
_COMPARISON = re.compile(r"\s*[<>=]{1,2}\s*[\d.]")
TAPES = (".warc.gz", ".warc")
"""How the name of a tape ends."""


class CaseFault(Model):
    """A fault of a replay: where it strikes and how often; what else its fault takes stands beside it."""

    model_config = ConfigDict(extra="allow")

    do: str
    url: str = "*"
    host: str = "*"
    times: Annotated[Int, Field(ge=0)] | None = None
    after: Annotated[Int, Field(ge=0)] = 0

    def given(self) -> dict[str, Any]:
        """The entry as it was written, for scraper.server.faults."""
        return self.model_dump(exclude_unset=True)


class CaseExpect(Model):
    """What a replay must give. Counts are a number or a condition such as `">= 5"`.

    Attributes:
        pages: that were read; items: met; files: that stand there; failed: pages, items and files.
        filled: field (nested ones behind dots, or `_files`) -> of the items of rules that give it, those where it is
            not empty.
        records: mappings, each a part of one record.
        match: JMESPath over the list of all records -> its value, or a comparison as text.
        names: file names or globs, each of at least one file that stands there.
        endings: an ending -> how many pages and files have it; or a pattern of URLs -> the ending that all have.
        warnings: regexes, each found in a warning; an empty list: nothing is warned of.
    """

    exit_code: Int | None = None
    pages: Bound | None = None
    items: Bound | None = None
    files: Bound | None = None
    failed: Bound | None = None
    filled: Annotated[dict[str, Bound], Field(min_length=1)] | None = None
    records: Annotated[tuple[dict[str, Json], ...], Field(min_length=1)] | None = None
    match: Annotated[dict[str, Json], Field(min_length=1)] | None = None
    names: Annotated[Texts, Field(min_length=1)] | None = None
    endings: Annotated[dict[str, Annotated[str | int, BeforeValidator(no_bool)]], Field(min_length=1)] | None = None
    warnings: Texts | None = None

    @model_validator(mode="after")
    def _any(self) -> CaseExpect:
        if not self.aspects:
            raise ValueError("nothing is expected; without `expect` the case is held to the golden file of its tape")
        return self

    @property
    def aspects(self) -> tuple[str, ...]:
        """What is expected, in the order of this class."""
        return tuple(name for name in type(self).model_fields if getattr(self, name) is not None)


def _moment(value: Any) -> str:
    text = str(value)
    try:
        datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f'{text!r} is no time; write one as in "2026-11-21T12:00:00Z"') from error
    return text


def _tape(value: str) -> str:
    if not value.endswith(TAPES):
        raise ValueError(f"{value!r}: a tape is a WARC file; its name ends in {' or '.join(TAPES)}")
    return value


class TestCase(Model):
    """One case: what is replayed, and what it must give."""

    __test__ = False  # pytest takes classes by their name

    tape: Annotated[str, AfterValidator(_tape)] | None = None
    vars: dict[str, Json] = {}
    time: Annotated[str, AfterValidator(_moment)] | None = None
    limit: Count | None = None
    faults: tuple[CaseFault, ...] = ()
    expect: CaseExpect | None = None

    @property
    def moment(self) -> datetime | None:
        """`time`, aware; UTC where it does not say."""
        if self.time is None:
            return None
        found = datetime.fromisoformat(self.time)
        return found if found.tzinfo else found.replace(tzinfo=UTC)


def _case_name(value: str) -> str:
    if not _NAME.fullmatch(value) or "::" in value:
        raise ValueError(f"{value!r}: the name of a case is made of letters, digits, spaces and _ . -")
    return value


CaseName = Annotated[str, AfterValidator(_case_name)]


class NamedCase(TestCase):
    """A case in a list."""

    name: CaseName


Cases = Annotated[
    Annotated[dict[CaseName, TestCase], tag("mapping")] | Annotated[tuple[NamedCase, ...], tag("list")],
    by_kind((dict, "mapping"), ((list, tuple), "list")),
]


def by_name(cases: Mapping[str, TestCase] | tuple[NamedCase, ...]) -> dict[str, TestCase]:
    """The cases by their names, in the job's order."""
    return {one.name: one for one in cases} if isinstance(cases, tuple) else dict(cases)


def default_tape(job: str) -> str:
    """Where the tape of a job is, relative to its file."""
    return f"tapes/{job}{TAPES[0]}"


def golden_of(tape: str) -> str:
    """The name of the golden file of a tape: `tapes/books.expect.json`."""
    suffix = next((one for one in TAPES if tape.endswith(one)), "")
    return f"{tape.removesuffix(suffix)}.expect.json"


def comparison(value: Any) -> units.Bound | None:
    """The condition that a text such as `">= 3"` is; None: it is a value like any other.

    Raises:
        ValueError: it begins as a condition and is none.
    """
    if not isinstance(value, str) or not _COMPARISON.match(value):
        return None
    found = units.bound(value)
    if found.percent:
        raise ValueError(f"{value}: of what? write a number")
    return found
