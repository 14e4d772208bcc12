"""Templates of the job file: Jinja2 in a sandbox (JOBS.md, Templates). The only package that knows Jinja.

A text with `{{` or `{%` is a template; any other text stands for itself. Names that hold
data from outside are `Fields`: a dot or brackets reach their fields and nothing else, so
`item.items` is the field `items`. A field that is missing is an error (`item`, `vars`,
`saved`) or, where `lenient`, empty. `engine` compiles and evaluates, `reads` tells what a
template reads; here is what the rest of the program calls.

Secrets never come in here: `env('X')` gives a mark (scraper/secrets.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from scraper.job.fields import GLOBAL_NAMES, Fields, PathText, base_names, is_template
from scraper.job.template.engine import VALUES, Empty, NullInPathError, TemplateError, evaluate, text_of
from scraper.job.template.reads import env_names, used_names

__all__ = [
    "GLOBAL_NAMES",
    "Fields",
    "PathText",
    "TemplateError",
    "base_names",
    "env_names",
    "is_true",
    "render",
    "render_all",
    "render_path",
    "render_text",
    "used_names",
]


def render(text: str, names: Mapping[str, Any]) -> Any:
    """The value of a text: any value where one `{{ }}` stands alone, else text; itself without a template.

    Raises:
        TemplateError: it cannot be compiled or rendered.
    """
    return evaluate(text, names) if is_template(text) else text


def render_all(value: Any, names: Mapping[str, Any]) -> Any:
    """A JSON-like value with its texts and keys rendered.

    An entry or element that a template makes null is left out; a null that was written stays.

    Raises:
        TemplateError: a text in it cannot be compiled or rendered.
    """
    if isinstance(value, str):
        return render(value, names)
    if isinstance(value, Mapping):
        pairs = ((key, inner, render_all(inner, names)) for key, inner in value.items())
        return {_key(key, names): new for key, inner, new in pairs if new is not None or inner is None}
    if isinstance(value, (list, tuple)):
        both = ((inner, render_all(inner, names)) for inner in value)
        return [new for inner, new in both if new is not None or inner is None]
    return value


def _key(key: Any, names: Mapping[str, Any]) -> Any:
    return render_text(key, names) if is_template(key) else key


def render_text(text: str, names: Mapping[str, Any]) -> str:
    """The text of a template: dates as ISO 8601, true and false in lower case, lists and mappings as JSON.

    Raises:
        TemplateError: it gives null, or cannot be compiled or rendered.
    """
    value = render(text, names)
    if value is None:
        raise TemplateError(f"{_null_names(text, names)} null, where a text is needed")
    return text_of(value)


def render_path(text: str, names: Mapping[str, Any]) -> str:
    """A path, not yet made safe; only "/" of the template itself and of PathText values part folders.

    Raises:
        TemplateError: a value in it is null, or it cannot be compiled or rendered.
    """
    try:
        return cast(str, evaluate(text, names, path=True)) if is_template(text) else text
    except NullInPathError as error:
        raise TemplateError(f"{_null_names(text, names)} null, which a path cannot hold") from error


def _null_names(text: str, names: Mapping[str, Any]) -> str:
    null = sorted(".".join(used) for used in used_names(text) if _looked_up(used, names) is None)
    return f"{' and '.join(null)} {'are' if len(null) > 1 else 'is'}" if null else "a value is"


def _looked_up(used: tuple[str, ...], names: Mapping[str, Any]) -> Any:
    value = names.get(used[0], "")
    for name in used[1:]:
        value = VALUES.getattr(value, name)
    return None if isinstance(value, Empty) else value


def is_true(text: str, names: Mapping[str, Any]) -> bool:
    """Whether a `when:` template holds: not null, false, 0, empty, nor the texts `false` and `none`.

    Raises:
        TemplateError: it cannot be compiled or rendered.
    """
    value = render(text, names)
    return value.strip().lower() not in ("", "false", "none") if isinstance(value, str) else bool(value)
