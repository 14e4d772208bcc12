"""What is read first: a start entry -> its request."""

from __future__ import annotations

from scraper import urls
from scraper.errors import JobError
from scraper.job import template
from scraper.model import Request
from scraper.page import reader
from scraper.page.follow import request_parts
from scraper.run.kit import Kit


def request_of(kit: Kit, at: int) -> Request | None:
    """The request of start entry `at`; None where its `when` is not true.

    Raises:
        JobError: a template in it cannot be rendered with the values that this run has.
    """
    job, names, entry = kit.job, kit.names, kit.job.entry(at)
    rule_name = job.rule_of(entry)
    try:
        if entry.when is not None and not template.is_true(str(entry.when), names):
            return None
        url = urls.fixed(template.render_text(entry.url or "", names))
        request = Request(entry.method, url, rule=rule_name, place=(at,), **request_parts(entry, names))
    except template.TemplateError as error:
        raise JobError([kit.loaded.mistake(("start", at), str(error))]) from error
    return reader.first_request(request, job.rules[rule_name]) if rule_name else request
