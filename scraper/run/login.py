"""The login: its steps in order, before the start. Cookies stay in the session, saved values in the state.

A step that fails ends the run. Each exchange waits for its host like any other; only
the main thread is here, so nothing else waits with it.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

from scraper import errors, secrets, urls
from scraper.fetch import exchange, first_hop
from scraper.job import template
from scraper.job.parts import LoginStep, LongSelector
from scraper.model import Page, Request
from scraper.net import retry
from scraper.net.redirect import Hop
from scraper.page.document import check_expect, open_page
from scraper.page.follow import request_parts
from scraper.page.selectors import compile_selector
from scraper.run.control import Control
from scraper.run.kit import Kit

log = logging.getLogger("scraper")
KIND = "login"


def log_in(kit: Kit, control: Control) -> bool:
    """Performs the steps; False where one failed, or the run is to stop."""
    for at, step in enumerate(kit.job.login):
        request = _request(kit, at, step)
        try:
            page = _fetch(kit, request, step)
            _learn(kit, at, step, page)
        except errors.RequestError as error:
            why = secrets.display(kit.courier.conceal(f"login step {at + 1}: {error.message}"))
            # By its body it is another than the page of that URL, which may have an ending of its own.
            told = replace(request, json={"login step": at + 1})
            kit.ledger.add_ended(told, error.ending, why)
            kit.events.page_ended(error.url, error.ending, why)
            return False
        if control.stopping:
            return False
    return True


def _request(kit: Kit, at: int, step: LoginStep) -> Request:
    try:
        url = urls.fixed(template.render_text(getattr(step, step.verb), kit.names))
        return Request(step.verb.upper(), url, rule=KIND, place=(0, at), **request_parts(step, kit.names))
    except template.TemplateError as error:
        raise errors.JobError([kit.loaded.mistake(("login", at), str(error))]) from error


def _fetch(kit: Kit, request: Request, step: LoginStep) -> Page:
    """The page of a step, with the retries and redirects of any other."""
    expected = (step.expect.status if step.expect else None) or ()
    hop, attempt, wait = first_hop(request), 1, 0.0
    while True:
        kit.scheduler.put(KIND, urls.host_key(hop.url), hop, wait)
        taken = kit.scheduler.take(KIND)
        assert taken is not None, "nobody closes the scheduler before the login is done"
        try:
            found = exchange(kit.courier, request, hop, expected)
        except errors.RequestError as error:
            decision = retry.decide_retry(retry.Attempt(attempt, hop.method, error), kit.courier.http.retry)
            if isinstance(decision, retry.GiveUp):
                raise decision.error from error
            hop, attempt, wait = first_hop(request), attempt + 1, decision.seconds
            continue
        finally:
            kit.scheduler.release(KIND, taken[0])
        if not isinstance(found, Hop):
            return found
        hop, wait = found, 0.0


def _learn(kit: Kit, at: int, step: LoginStep, page: Page) -> None:
    """Checks what the step expects, and keeps what it saves.

    Raises:
        ShapeError: the page is another one, or a value to be saved is not on it.
    """
    has = step.expect.has if step.expect else None
    if not step.save and has is None:
        return
    read = "json" if all(map(_is_json, [*step.save.values(), *([has] if has is not None else [])])) else "html"
    language = "jmespath" if read == "json" else "css"
    document = open_page(page, read)
    check_expect(page, document, step.expect, language, kit.names)
    for name, selector in step.save.items():
        value: Any = compile_selector(selector, language).value(document.root, document.scope(kit.names))
        if value in (None, ""):
            raise errors.ShapeError(page.url, f"login.{at}.save.{name} found nothing on {page.url}", final=True)
        kit.save(name, urls.text(value))
        kit.courier.learn(f"saved:{name}", urls.text(value))


def _is_json(selector: str | LongSelector) -> bool:
    """Whether a selector reads an answer in JSON: it says `jmespath` and nothing that looks into HTML."""
    return isinstance(selector, LongSelector) and selector.jmespath is not None and selector.css is None
