"""What is wrong with a login, a form or the cookies of a job, beyond keys and types. Pure: a job in, findings out.

A form says itself where and how it is sent, and a token step is one POST of fields, so
only some keys of a request stand beside them (`_BESIDE`). A form stands in html, on a page
that was read before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from scraper.job.fields import is_template
from scraper.job.model import FollowForm, Job, NextForm, Rule
from scraper.job.parts import LoginStep
from scraper.job.places import Finding, Path
from scraper.page.selectors import languages

Names = Mapping[str, Any]
_BESIDE = {
    "form": ("data", "headers", "cookies", "auth", "save", "expect"),
    "token": ("data", "params", "headers", "cookies", "auth"),
}
TOKEN = "token"  # noqa: S105 - the name under which a token is saved
_TEMPLATE = "a form is found by CSS, and a template finds no element"
_NO_HTML = "a form stands in html, and this rule reads {}"


def login(job: Job, names: Names) -> Iterator[Finding]:
    """Steps whose keys do not go together, or that come too early or twice."""
    has_page = has_token = False
    tokens = any(step.token is not None for step in job.login)
    for at, step in enumerate(job.login):
        path: Path = ("login", at)
        yield from _kept_to_itself(path, step)
        if step.form is not None:
            yield from _form_step(path, step.form, has_page)
        if step.token is not None and has_token:
            yield Finding((*path, "token"), "a login has one token, and a step before this one fetches it")
        if tokens and TOKEN in step.save:
            yield Finding((*path, "save", TOKEN), "the token step saves under this name; take another one", True)
        has_page, has_token = has_page or step.token is None, has_token or step.token is not None


def _kept_to_itself(path: Path, step: LoginStep) -> Iterator[Finding]:
    allowed = _BESIDE.get(step.verb)
    if allowed is None:
        return
    for key in step.model_dump(by_alias=True, exclude_unset=True):
        if key not in (step.verb, *allowed):
            told = f"{key} does not go with {step.verb}; beside it stand {', '.join(allowed)}"
            yield Finding((*path, key), told, True)
    if isinstance(step.data, str):
        yield Finding((*path, "data"), f"{step.verb} takes its data as a mapping, field by field")


def _form_step(path: Path, form: str, has_page: bool) -> Iterator[Finding]:
    if not has_page:
        yield Finding((*path, "form"), "there is no page before it; begin with a step as {get: URL}")
    if is_template(form):
        yield Finding((*path, "form"), _TEMPLATE)


def forms(job: Job, names: Names) -> Iterator[Finding]:
    """Forms that no page can have."""
    for name, rule in job.rules.items():
        for key, follow in rule.follow.items():
            if isinstance(follow, FollowForm):
                inner = languages(rule)[1] == "css"
                yield from _form(rule, ("rules", name, "follow", key, "form"), follow.form, inner)
        if isinstance(rule.next, NextForm):
            yield from _form(rule, ("rules", name, "next", "form"), rule.next.form, True)


def _form(rule: Rule, path: Path, form: str, in_elements: bool) -> Iterator[Finding]:
    if rule.read != "html":
        yield Finding(path, _NO_HTML.format(rule.read))
    elif not in_elements:
        yield Finding(path, "the matches of `each` are JSON, in which no form stands")
    if is_template(form):
        yield Finding(path, _TEMPLATE)


def cookies(job: Job, names: Names) -> Iterator[Finding]:
    """A file of cookies that is no file."""
    saved = job.http.save_cookies
    if saved is not None and (not saved.strip() or saved.endswith("/")):
        yield Finding(("http", "save_cookies"), f'"{saved}" is no name of a file; write one such as cookies.txt')


JUDGES = (login, forms, cookies)
"""For job/checks.py."""
