"""The names of templates and what they hold: data from outside, reached by field and in no other way. Pure.

`item.items` is the field `items` of the item, never a method of a dict, whatever a page calls its fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from scraper import secrets
from scraper.job.filters import moment
from scraper.model import State

_NAMES = """
    vars env secret_file saved rule item parent row row_index page file value index
    url host dir filename stem ext date last_run summary
"""
GLOBAL_NAMES = frozenset(_NAMES.split())
"""Every name of JOBS.md, Templates; the job's own variables come beside them."""

ALWAYS_LENIENT = ("row", "parent", "file")
"""Names that always exist and whose missing fields are empty."""

MISSING = object()
"""What `Fields.field` answers where there is no such field."""


def is_template(value: object) -> bool:
    """Whether a value is a text that holds a template."""
    return isinstance(value, str) and ("{{" in value or "{%" in value)


class PathText(str):
    """Text whose "/" part folders where it stands in a path."""

    __slots__ = ()


class Fields(Mapping[str, Any]):
    """A read-only view of a mapping; `Fields(None, lenient=True)` is a name without any field.

    Mappings within give Fields of the same leniency; a Fields within stays as it is.

    Attributes:
        lenient: whether a missing field is empty; else a template that reads it is wrong.
        fold_case: whether fields are found without regard to case (headers).
        name: what messages call it.
    """

    __slots__ = ("_data", "fold_case", "lenient", "name")

    def __init__(
        self,
        data: Mapping[Any, Any] | None,
        *,
        lenient: bool = False,
        fold_case: bool = False,
        name: str = "",
    ) -> None:
        given = data or {}
        self._data = {_lower(key): value for key, value in given.items()} if fold_case else given
        self.lenient, self.fold_case, self.name = lenient, fold_case, name

    def field(self, name: Any) -> Any:
        """The value of a field, or MISSING."""
        found = self._data.get(_lower(name) if self.fold_case else name, MISSING)
        return self._wrapped(found)

    def _wrapped(self, value: Any) -> Any:
        if isinstance(value, Mapping) and not isinstance(value, Fields):
            return Fields(value, lenient=self.lenient, name=self.name)
        if isinstance(value, (list, tuple)):
            return [self._wrapped(inner) for inner in value]
        return value

    def __getitem__(self, name: str) -> Any:
        if (found := self.field(name)) is MISSING:
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def __repr__(self) -> str:
        return f"Fields({dict(self._data)!r})"


def _lower(name: Any) -> Any:
    return name.lower() if isinstance(name, str) else name


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean "price"?`, or nothing where no known name is close."""
    import difflib

    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f'; did you mean "{close[0]}"?' if close else ""


def setting_names(variables: Mapping[str, Any]) -> dict[str, Any]:
    """The names that are known before a run: the variables, bare and as `vars.*`, and secrets."""
    return {
        **variables,
        "vars": Fields(variables, name="vars"),
        "env": partial(secrets.mark, "env"),
        "secret_file": partial(secrets.mark, "file"),
    }


def base_names(
    *,
    variables: Mapping[str, Any],
    date: datetime,
    last_run: datetime | None = None,
    state: State | None = None,
) -> dict[str, Any]:
    """The names that stand in every template of a run; `row`, `parent` and `file` as names without fields.

    Args:
        variables: the job's `vars`, rendered; they stand bare and as `vars.*`.
        date: start of the run.
        last_run: start of the last complete run.
        state: what the login saved; each value stands as its mark.
    """
    saved = {name: secrets.mark("saved", name) for name in (state.saved if state else ())}
    return {
        **setting_names(variables),
        **{name: Fields(None, lenient=True, name=name) for name in ALWAYS_LENIENT},
        "saved": Fields(saved, name="saved"),
        "date": moment(date),
        "last_run": None if last_run is None else moment(last_run),
    }
