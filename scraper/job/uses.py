"""Every place of a job where a template, a selector or a pattern stands, and what it may use there. Pure.

This is the table of JOBS.md, Templates ("Names") spread over the job: the login knows
what its earlier steps saved, an item's field the fields before it, a file's path the
parts of the file's URL. checks.py compiles what is found here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from scraper.job.model import (
    FileSpec,
    Follow,
    FollowForm,
    FollowLinks,
    FollowRequest,
    ItemField,
    Job,
    Nested,
    NextForm,
    NextModel,
    Rule,
)
from scraper.job.parts import Expect, LongSelector, Model, RequestParts
from scraper.job.places import HOOKS, Path
from scraper.model import Summary
from scraper.page.selectors import languages

EVERYWHERE = frozenset(
    ["vars", "env", "secret_file", "saved", "date", "last_run", "row", "row_index", "parent", "file"]
)
SETTINGS = frozenset(["vars", "env", "secret_file"])
OF_PAGE = frozenset(["rule", "page"])
OF_FILE = frozenset(["rule", "page", "index", "url", "host", "dir", "filename", "stem", "ext"])
PAGE_FIELDS = frozenset(["url", "n", "status", "headers"])
SUMMARY_FIELDS = frozenset(one.name for one in fields(Summary))
FILE_FIELDS = frozenset(["path", "name", "url", "ending", "status", "bytes", "sha256", "type", "seconds"])
"""Of a file that was saved, in `on_file`."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a template may use.

    Attributes:
        names: the names that exist; the job's variables are among them.
        known: for some names the fields that exist; for the others any field may.
    """

    names: frozenset[str]
    known: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def plus(self, *names: str, **known: Iterable[str]) -> Scope:
        """A scope with more names; those given with their fields have these and no others."""
        more = {name: frozenset(given) for name, given in known.items()}
        return Scope(self.names | set(names) | set(more), {**self.known, **more})


@dataclass(frozen=True, slots=True)
class Use:
    """One template, selector or pattern.

    Attributes:
        kind: `text` (a template if it looks like one), `select`, or `pattern` (a regex).
        language: of a selector.
        on_page: a selector's language with `root: true`.
    """

    path: Path
    kind: str
    value: Any
    scope: Scope = Scope(frozenset())
    language: str = "css"
    on_page: str = "css"
    parser: str = "lxml"


def settings_scope(variables: Iterable[str]) -> Scope:
    """What `http`, `polite`, `dest` may use; they are rendered when the job is loaded."""
    variables = frozenset(variables)
    return Scope(SETTINGS | variables, {"vars": variables})


def uses(job: Job) -> Iterator[Use]:
    """Every use in start, login, rules, files, the commands and notify."""
    variables = frozenset(job.vars)
    scope = Scope(EVERYWHERE | variables, {"vars": variables, "page": PAGE_FIELDS, "saved": frozenset()})
    saved: set[str] = set()
    for at, step in enumerate(job.login):
        yield from _login(("login", at), step, scope.plus("page", saved=saved))
        saved |= set(step.save) | ({"token"} if step.token is not None else set())
    scope = scope.plus(saved=saved)
    for at in range(len(job.start)):
        yield from _start(("start", at), job.start[at], scope.plus("rule"))
    for name, rule in job.rules.items():
        yield from _Rule(("rules", name), rule, scope.plus(*OF_PAGE), _row_is_item(job, name)).uses()
    yield Use(("files", "path"), "text", job.files.path, _any_item(job, scope.plus(*OF_FILE)))
    finish, saved_file = scope.plus(summary=SUMMARY_FIELDS), scope.plus(file=FILE_FIELDS)
    for key in (*HOOKS, "notify"):
        for at, one in enumerate(getattr(job, key)):
            yield from texts((key, at), one.model_dump(), saved_file if key == "on_file" else finish)


def texts(path: Path, value: Any, scope: Scope) -> Iterator[Use]:
    """Every text in a JSON-like value, keys included."""
    if isinstance(value, str):
        yield Use(path, "text", value, scope)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from texts((*path, key), key, scope)
            yield from texts((*path, key), inner, scope)
    elif isinstance(value, (list, tuple)):
        for at, inner in enumerate(value):
            yield from texts((*path, at), inner, scope)


def _given(model: Model, *without: str) -> dict[str, Any]:
    """What was written of a model, by the names of the job file."""
    dumped = model.model_dump(by_alias=True, exclude_unset=True)
    return {name: value for name, value in dumped.items() if name not in without}


def _login(path: Path, step: Any, scope: Scope) -> Iterator[Use]:
    yield from texts(path, _given(step, "save", "expect", "form"), scope)
    if step.form is not None:
        yield Use((*path, "form"), "select", step.form, scope)
    yield from _expect(path, step.expect, scope)
    for name, selector in step.save.items():
        yield Use((*path, "save", name), "select", selector, scope)


def _expect(path: Path, expect: Expect | None, scope: Scope, **more: str) -> Iterator[Use]:
    if expect is not None and expect.has is not None:
        yield Use((*path, "expect", "has"), "select", expect.has, scope, **more)


def _start(path: Path, entry: Any, scope: Scope) -> Iterator[Use]:
    if isinstance(entry, str):
        yield Use(path, "text", entry, scope)
        return
    axes = entry.for_ or {}
    for at, (name, axis) in enumerate(axes.items()):
        given = axis.model_dump(by_alias=True) if isinstance(axis, Model) else axis
        yield from texts((*path, "for", name), given, scope.plus(row=list(axes)[:at]))
    scope = scope.plus(row=axes) if axes else scope
    yield from texts(path, _given(entry, "when", "match", "rule", "method", "as", "for", "records"), scope)
    if entry.when is not None:  # over the row, which is data
        yield Use((*path, "when"), "select", entry.when, scope, "jmespath", "jmespath")
    if entry.match is not None:
        yield Use((*path, "match"), "pattern", entry.match)


def _row_is_item(job: Job, name: str) -> bool:
    """Whether a start entry gives its rows to this rule as items."""
    entries = [job.entry(at) for at in range(len(job.start))]
    return any(entry.as_ == "files" and entry.rule == name for entry in entries)


def _any_item(job: Job, scope: Scope) -> Scope:
    """For the path of all files: the fields that any rule gives; any field where rows are items."""
    entries = [job.entry(at) for at in range(len(job.start))]
    if any(entry.as_ == "files" for entry in entries):
        return scope.plus("item")
    given = [rule.item for rule in job.rules.values()]
    return scope.plus(item=frozenset().union(*given)) if any(given) else scope


class _Rule:
    """The uses of one rule."""

    def __init__(self, path: Path, rule: Rule, scope: Scope, rows: bool) -> None:
        self.path, self.rule, self.base = path, rule, scope
        self.page, self.inner = ("jmespath", "jmespath") if rows else languages(rule)
        if rule.item:
            self.scope = scope.plus(item=rule.item)
        else:
            self.scope = scope.plus("item") if rows else scope

    def uses(self) -> Iterator[Use]:
        rule = self.rule
        yield from _expect(self.path, rule.expect, self.base, **self.of_page())
        yield from self.selects(("each",), rule.each, self.base, on_page=True)
        yield from self.selects(("when",), rule.when, self.scope)
        yield from self.items()
        yield from self.files()
        for name, follow in rule.follow.items():
            yield from self.follows(("follow", name), follow)
        if rule.next is not None:
            yield from self.nexts(rule.next)

    def of_page(self) -> dict[str, str]:
        return {"language": self.page, "on_page": self.page, "parser": self.rule.parser}

    def selects(self, path: Path, selector: Any, scope: Scope | None = None, *, on_page: bool = False) -> Iterator[Use]:
        if selector is not None:
            use = Use((*self.path, *path), "select", selector, scope or self.scope, **self.of_page())
            yield use if on_page else replace(use, language=self.inner)

    def texts(self, path: Path, value: Any, scope: Scope | None = None) -> Iterator[Use]:
        return texts((*self.path, *path), value, scope or self.scope)

    def items(self) -> Iterator[Use]:
        before: list[str] = []
        for name, given in self.rule.item.items():
            yield from self.field(("item", name), given, self.base.plus(item=before))
            before.append(name)

    def field(self, path: Path, given: ItemField, scope: Scope) -> Iterator[Use]:
        if not isinstance(given, Nested):
            yield from self.selects(path, given, scope)
            return
        yield from self.selects((*path, "each"), given.each, scope)
        for name, inner in given.item.items():
            yield from self.field((*path, "item", name), inner, scope)

    def files(self) -> Iterator[Use]:
        listed = isinstance(self.rule.files, tuple)
        for at, spec in enumerate(self.rule.file_specs):
            path: Path = ("files", at) if listed else ("files",)
            given = self.rule.files[at] if isinstance(self.rule.files, tuple) else self.rule.files
            if isinstance(given, FileSpec):
                yield from self.file(path, spec)
            else:
                yield from self.selects(path, given)

    def file(self, path: Path, spec: FileSpec) -> Iterator[Use]:
        yield from self.selects((*path, "select"), spec.select)
        yield from self.texts(path, _given(spec, *_SPEC_SELECTORS, "accept", "path", "key", "headers"))
        scope = self.scope.plus(*OF_FILE)
        for name in ("path", "key", "headers"):
            yield from texts((*self.path, *path, name), getattr(spec, name), scope)
        for name in _SPEC_SELECTORS[1:]:
            yield from self.selects((*path, name), getattr(spec, name), scope)

    def follows(self, path: Path, follow: Follow) -> Iterator[Use]:
        if isinstance(follow, (str, LongSelector)):
            yield from self.selects(path, follow)
            return
        yield from self.selects((*path, "when"), follow.when)
        if isinstance(follow, FollowLinks):
            yield from self.selects((*path, "select"), follow.select)
            for name in ("allow", "deny"):
                if (pattern := getattr(follow, name)) is not None:
                    yield Use((*self.path, *path, name), "pattern", pattern)
        else:
            yield from self.request(path, follow, self.scope)

    def request(self, path: Path, given: FollowRequest | FollowForm | NextForm, scope: Scope) -> Iterator[Use]:
        yield from self.texts(path, _given(given, "when", "form", "cursor", "method", "max_pages", "until"), scope)
        if not isinstance(given, RequestParts):
            yield Use((*self.path, *path, "form"), "select", given.form, scope)

    def nexts(self, given: Any) -> Iterator[Use]:
        if not isinstance(given, NextModel):
            yield from self.selects(("next",), given, on_page=True)
            return
        for name in ("when", "select", "url", "cursor", "last", "total"):
            yield from self.counted(("next", name), getattr(given, name, None))
        if isinstance(given, NextForm):
            yield from self.request(("next",), given, self.base)

    def counted(self, path: Path, value: Any) -> Iterator[Use]:
        """A selector, a mapping of them, or a number."""
        if isinstance(value, Mapping):
            for name, selector in value.items():
                yield from self.selects((*path, name), selector, on_page=True)
        elif not isinstance(value, int):
            yield from self.selects(path, value, on_page=True)


_SPEC_SELECTORS = ("select", "when", "md5", "sha1", "sha256", "sha512")
