"""Settings settled at the door: `vars`, `http`, `polite` and `dest` rendered, secrets looked up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path as FilePath
from typing import Any

from scraper.job.checks import check_text
from scraper.job.fields import is_template, setting_names
from scraper.job.places import Finding, Path
from scraper.job.template import TemplateError, env_names, render
from scraper.job.uses import Scope, Use, settings_scope, texts

SECTIONS = ("http", "polite", "dest", "metrics")


class Settling:
    """Renders values piece by piece, so that every template that is wrong is found.

    Attributes:
        variables: the job's, as far as they are rendered.
        findings: what is wrong.
    """

    def __init__(self) -> None:
        self.variables: dict[str, Any] = {}
        self.findings: list[Finding] = []

    def vars(self, given: Mapping[str, Any]) -> None:
        """Renders the variables, each over those before it."""
        for name, value in given.items():
            self.variables[name] = self.rendered(("vars", name), value)

    def sections(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """The job's data with `SECTIONS` rendered over the variables."""
        rendered = {name: self.rendered((name,), data[name]) for name in SECTIONS if name in data}
        return {**data, **rendered}

    def rendered(self, path: Path, value: Any) -> Any:
        """The value; an entry whose template gives null is left out, a text that is wrong stays."""
        if isinstance(value, dict):
            pairs = ((key, inner, self.rendered((*path, key), inner)) for key, inner in value.items())
            return {key: new for key, inner, new in pairs if new is not None or inner is None}
        if isinstance(value, list):
            both = [(inner, self.rendered((*path, at), inner)) for at, inner in enumerate(value)]
            return [new for inner, new in both if new is not None or inner is None]
        return self._text(path, value) if is_template(value) else value

    def _text(self, path: Path, text: str) -> Any:
        wrong = list(check_text(Use(path, "text", text, settings_scope(self.variables))))
        try:
            return text if wrong else render(text, setting_names(self.variables))
        except TemplateError as error:
            wrong.append(Finding(path, str(error)))
            return text
        finally:
            self.findings += [Finding(one.path, one.message, stops=True) for one in wrong]


def secrets_used(data: Any) -> dict[str, Path]:
    """The secrets of a job by the names of their marks (`env:API_KEY`), and where each is used first."""
    used: dict[str, Path] = {}
    for use in texts((), data, Scope(frozenset())):
        for kind, name in _env_names(use.value):
            used.setdefault(f"{kind}:{name}", use.path)
    return used


def _env_names(text: str) -> Iterator[tuple[str, str]]:
    try:
        yield from env_names(text) if is_template(text) else ()
    except TemplateError:
        return  # told where it is checked as a template


def secret(mark: str, folder: FilePath, environ: Mapping[str, str]) -> str:
    """The value of a secret; a file is relative to `folder`, and the newline at its end is not part of it.

    Raises:
        LookupError: it is not set, or its file cannot be read.
    """
    kind, _, name = mark.partition(":")
    if kind == "env":
        if name not in environ:
            raise LookupError(f"the environment variable {name} is not set")
        return environ[name]
    try:
        return (folder / FilePath(name).expanduser()).read_text("utf-8").removesuffix("\n").removesuffix("\r")
    except (OSError, UnicodeDecodeError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise LookupError(f"the secret file {name} cannot be read: {why}") from error
