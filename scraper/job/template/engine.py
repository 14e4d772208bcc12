"""Jinja in a sandbox: what names give, what a value is inside a text, and two ways to compile.

value   `{{ row.z }}` alone gives the value itself; with text around it, text, where null is ""
path    text in which a value's "/" becomes "_" (save in PathText), and null is an error
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date as calendar_date
from functools import lru_cache, partial, wraps
from types import GeneratorType
from typing import Any, cast

from jinja2 import ChainableUndefined, StrictUndefined, TemplateSyntaxError, Undefined, nodes
from jinja2.filters import FILTERS
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from scraper import secrets
from scraper.job import filters
from scraper.job.fields import MISSING, Fields, PathText, did_you_mean

_LONGEST = 1_000_000
_HIGHEST_POWER = 1000


class TemplateError(ValueError):
    """A template that cannot be compiled or rendered; the message tells what it is and how to mend it.

    Attributes:
        undefined: the name that is not known, or None.
    """

    def __init__(self, message: str, undefined: str | None = None) -> None:
        super().__init__(message)
        self.undefined = undefined


# -- what names give ---------------------------------------------------------------------------------------


class Empty(ChainableUndefined):
    """A missing field of a lenient name: false, "" in a text, null alone; takes `default`, equals null."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        name = self._undefined_name
        return f"the field {name!r} is missing; where it may be, write `| default(...)` or `or ...` after it"

    def __eq__(self, other: object) -> bool:
        return other is None or isinstance(other, Empty)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(None)


class _Unknown(StrictUndefined):
    """A name or field that is not there, where it has to be."""

    __slots__ = ()

    def __init__(self, hint: Any = None, obj: Any = Empty, name: Any = None, exc: Any = None) -> None:
        message = hint or f"{name!r} is not known here"
        if not hint and obj is None:
            message = f"null has no field {name!r}"
        elif not hint and obj is not Empty and isinstance(name, str):
            message = f"a value of type {type(obj).__name__} has no {name!r}"
        told = partial(TemplateError, undefined=None if name is None else str(name))
        super().__init__(message, name=name, exc=cast(Any, told))


def _missing(fields: Fields, name: str) -> Undefined:
    if fields.lenient:
        return Empty(name=name, exc=cast(Any, partial(TemplateError, undefined=name)))
    close = did_you_mean(name, map(str, fields))
    return _Unknown(f"{fields.name or 'this'} has no field {name!r}{close}", name=name)


def plain(value: Any) -> Any:
    """What a template gave, as JSON-like data with dates in it: Fields as dict, Empty as None.

    Raises:
        TemplateError: an undefined value.
    """
    if isinstance(value, Undefined):
        return None if isinstance(value, Empty) else str(value)
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, GeneratorType, range)):
        return [plain(inner) for inner in value]
    return str(value) if isinstance(value, str) and type(value) is not str else value


def text_of(value: Any) -> str:
    """A value inside a text: null as "", true and false in lower case, dates as ISO 8601, data as JSON."""
    value = plain(value)
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, (bool, dict, list)):
        return _json(value)
    return value.isoformat() if isinstance(value, calendar_date) else str(value)


def _json(value: Any, **_: Any) -> str:
    return json.dumps(plain(value), ensure_ascii=False, default=text_of)


def _path_text(value: Any) -> PathText:
    if value is None or isinstance(value, Empty):
        raise NullInPathError
    return value if isinstance(value, PathText) else PathText(text_of(value).replace("/", "_"))


class NullInPathError(Exception):
    """A value in a path is null; it becomes a TemplateError that names it."""


# -- the engine --------------------------------------------------------------------------------------------


class _Joins(NodeTransformer):
    """`a ~ b` by a filter of ours, so that null and dates in it are what they are in any text."""

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802 - as Jinja calls it
        self.generic_visit(node)
        return nodes.Filter(nodes.List(node.nodes), "~", [], [], None, None, lineno=node.lineno)


class _Sandbox(ImmutableSandboxedEnvironment):
    """The sandbox; data is reached by field, and no operator can fill the memory."""

    intercepted_binops = frozenset({"**", "*"})

    def _parse(self, *args: Any) -> nodes.Template:
        return cast(nodes.Template, _Joins().visit(super()._parse(*args)))

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, (Fields, Empty)):
            return self.getitem(obj, attribute)
        if isinstance(obj, dict) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Empty):
            return obj
        if not isinstance(obj, Fields):
            return super().getitem(obj, argument)
        found = obj.field(argument)
        return _missing(obj, str(argument)) if found is MISSING else found

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        sizes = [len(side) for side in (left, right) if isinstance(side, (str, list, tuple))]
        times = [side for side in (left, right) if isinstance(side, int)]
        if operator == "*" and sizes and times and sizes[0] * times[0] > _LONGEST:
            raise TemplateError(f"the result would be longer than {_LONGEST}")
        if operator == "**" and isinstance(right, (int, float)) and abs(right) > _HIGHEST_POWER:
            raise TemplateError(f"powers go up to {_HIGHEST_POWER}")
        return super().call_binop(context, operator, left, right)


def _null_through(apply: Callable[..., Any]) -> Callable[..., Any]:
    """Null and Empty pass a filter of text unchanged: "None" in a URL or a name is never meant."""
    at = int(hasattr(apply, "jinja_pass_arg"))  # such filters take Jinja's context before the value

    @wraps(apply)
    def filtered(*args: Any, **options: Any) -> Any:
        value = args[at]
        return value if value is None or isinstance(value, Empty) else apply(*args, **options)

    return filtered


def _urlencode(value: Any) -> str:
    """Jinja's own, around marks."""
    encode: Callable[[Any], str] = FILTERS["urlencode"]
    return secrets.around(value, encode) if isinstance(value, str) else encode(value)


_OWN_FILTERS: dict[str, Callable[..., Any]] = {
    "slug": filters.slug,
    "number": filters.number,
    "date": filters.date_text,
    "shift": filters.shift,
    "path": lambda value: PathText(text_of(value)),
    "urlencode": lambda value: _urlencode(value),
}
_TEXT_FILTERS = "capitalize center lower replace string striptags title trim truncate upper urlencode"


def _environment(finalize: Callable[[Any], str]) -> _Sandbox:
    made = _Sandbox(undefined=_Unknown, finalize=finalize, keep_trailing_newline=True, autoescape=False)
    made.globals = {name: made.globals[name] for name in ("range", "dict", "namespace")}
    ours = {name: FILTERS[name] for name in _TEXT_FILTERS.split()} | _OWN_FILTERS
    made.filters.update({name: _null_through(apply) for name, apply in ours.items()})
    made.tests["none"] = lambda value: value is None or isinstance(value, Empty)
    made.filters["~"] = lambda parts: PathText("".join(map(finalize, parts)))
    made.policies["json.dumps_function"] = _json
    return made


VALUES = _environment(text_of)
_PATHS = _environment(_path_text)
_Run = Callable[[Mapping[str, Any]], Any]


def parsed(text: str) -> nodes.Template:
    """The syntax tree of a template.

    Raises:
        TemplateError: it is none, or uses a filter or test that is not there.
    """
    try:
        tree = VALUES.parse(text)
        _tried(text)
    except TemplateSyntaxError as error:
        raise TemplateError(_syntax(error)) from error
    if next(tree.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)), None):
        raise TemplateError("a job's template includes no other file")
    return tree


@lru_cache(maxsize=4096)
def _tried(text: str) -> None:
    """Finds filters and tests that are not there. A tree of its own, since compiling changes it; once for a text."""
    VALUES.compile(VALUES.parse(text))


def _syntax(error: TemplateSyntaxError) -> str:
    message = (error.message or "").rstrip(".")
    for kind, known in (("filter", VALUES.filters), ("test", VALUES.tests)):
        if message.startswith(f"No {kind} named"):
            name = message.split("'")[1]
            return f"there is no {kind} {name!r}{did_you_mean(name, known)}"
    for jinja, ours in (("'end of print statement'", "}}"), ("'end of statement block'", "%}")):
        message = message.replace(jinja, ours)
    return f"not a template: {message}"


@lru_cache(maxsize=4096)
def _compiled(text: str, path: bool) -> _Run:
    tree = parsed(text if path else text.strip())
    if path:
        return _PATHS.from_string(text).render
    if (alone := _alone(tree)) is None:
        return VALUES.from_string(text).render
    return _native(alone)


def _alone(tree: nodes.Template) -> nodes.Expr | None:
    """The expression of a text that is one `{{ }}` and nothing else."""
    if len(tree.body) != 1 or not isinstance(output := tree.body[0], nodes.Output):
        return None
    alone = len(output.nodes) == 1 and not isinstance(output.nodes[0], nodes.TemplateData)
    return output.nodes[0] if alone else None


def _native(expression: nodes.Expr) -> _Run:
    """Renders to the value itself: the expression is assigned to a name, and that name is read."""
    assigned = nodes.Assign(nodes.Name("result", "store"), expression, lineno=1)
    template = VALUES.from_string(nodes.Template([assigned], lineno=1))

    def run(names: Mapping[str, Any]) -> Any:
        context = template.new_context(dict(names))
        for _ in template.root_render_func(context):
            pass
        return plain(context.vars["result"])

    return run


def evaluate(text: str, names: Mapping[str, Any], *, path: bool = False) -> Any:
    """What a template gives: a value, or with `path` the text of a path.

    Raises:
        TemplateError: it cannot be compiled or rendered.
        NullInPathError: with `path`, a value in it is null.
    """
    run = _compiled(text, path)
    try:
        return run(names)
    except (NullInPathError, TemplateError):
        raise
    except Exception as error:  # an expression can raise anything; its cause goes along
        raise TemplateError(f"the template cannot be worked out: {error}") from error
