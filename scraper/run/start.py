"""What is read first: a start entry -> its request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scraper import urls
from scraper.job import template
from scraper.job.model import Job
from scraper.model import Request
from scraper.page import reader


def request_of(job: Job, at: int, names: Mapping[str, Any]) -> Request | None:
    """The request of start entry `at`; None where its `when` is not true."""
    entry = job.entry(at)
    if entry.when is not None and not template.is_true(str(entry.when), names):
        return None
    rule_name = job.rule_of(entry)
    request = Request(
        entry.method,
        urls.fixed(template.render_text(entry.url or "", names)),
        rule=rule_name,
        place=(at,),
        **parts_of(entry, names),
    )
    return reader.first_request(request, job.rules[rule_name]) if rule_name else request


def parts_of(entry: Any, names: Mapping[str, Any]) -> dict[str, Any]:
    """`params`, `data`, `json`, … of an entry or a step, rendered; what is null is left out."""
    given = {
        "params": entry.params, "data": entry.data, "json": entry.json_, "files": entry.files,
        "headers": entry.headers, "cookies": entry.cookies,
    }  # fmt: skip
    parts = {name: template.render_all(value, names) for name, value in given.items() if value is not None}
    if entry.auth is not None:
        rendered = template.render_all(entry.auth.model_dump(exclude_none=True), names)
        parts["auth"] = type(entry.auth).model_validate(rendered)
    return parts
