"""The login: its steps in order, before the start. Cookies stay in the session, saved values in the state.

A step that fails ends the run. Each exchange waits for its host like any other; only
the main thread is here, so nothing else waits with it.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

from scraper import errors, secrets, urls
from scraper.errors import Exit
from scraper.job import template
from scraper.job.parts import LoginStep, LongSelector
from scraper.model import Page, Request
from scraper.page import forms
from scraper.page.document import Document, check_expect, open_page, page_names
from scraper.page.follow import request_parts
from scraper.page.selectors import compile_selector
from scraper.run import tokens
from scraper.run.control import Control
from scraper.run.exchanges import KIND, StoppedError, fetched
from scraper.run.kit import Kit
from scraper.run.work import put_back

log = logging.getLogger("scraper")


def log_in(kit: Kit, control: Control) -> bool:
    """Performs the steps; False where one failed, or the run is to stop."""
    if control.is_over():
        return False
    page: Page | None = None
    for at, step in enumerate(kit.job.login):
        request = Request("POST", "", rule=KIND, place=(0, at))
        try:
            if step.token is not None:
                tokens.fetch(kit, at, step)
            elif page is not None and _is_done(kit, step, page):
                log.info("login step %d: its form is not there, and its page is: the session still stands", at + 1)
            else:
                request = _request(kit, at, step, page)
                page = fetched(kit, request, (step.expect.status if step.expect else None) or ())
                _learn(kit, at, step, page)
        except errors.RequestError as error:
            _tell(kit, at, request, error)
            return False
        except StoppedError:
            return False
        if control.is_over():
            return False
    return True


def keep_token(kit: Kit, control: Control) -> None:
    """A new token before the one in force ends, or for what was refused with it, which then goes first.

    Where there is none the run ends, and stays open.
    """
    if control.stopping:
        return
    if kit.tokens.is_due(kit.courier.clock()):
        at, _ = kit.tokens.step
        try:
            with kit.courier.outgoing.held():
                tokens.renew(kit)
        except errors.RequestError as error:
            _tell(kit, at, Request("POST", "", rule=KIND, place=(0, at)), error)
            control.stop(Exit.FAILURES)
            return
        except StoppedError:
            return
    for kind, work in kit.tokens.take():
        put_back(kit, kind, work, first=True)


def _tell(kit: Kit, at: int, request: Request, error: errors.RequestError) -> None:
    why = secrets.display(kit.courier.conceal(f"login step {at + 1}: {error.message}"))
    # By its body it is another than the page of that URL, which may have an ending of its own.
    told = replace(request, url=request.url or error.url, json={"login step": at + 1})
    kit.ledger.add_ended(told, error.ending, why)
    kit.events.page_ended(error.url, error.ending, why)


def _request(kit: Kit, at: int, step: LoginStep, page: Page | None) -> Request:
    """The request of a step; its templates see the page before it as `page`."""
    names = kit.names if page is None else {**kit.names, **page_names(page)}
    try:
        if step.form is not None:
            assert page is not None, "job/sessions.py: a form has a page before it"
            return _form_request(at, step, page, names)
        url = urls.fixed(template.render_text(getattr(step, step.verb), names))
        return Request(step.verb.upper(), url, rule=KIND, place=(0, at), **request_parts(step, names))
    except template.TemplateError as error:
        raise errors.JobError([kit.loaded.mistake(("login", at), str(error))]) from error


def _form_request(at: int, step: LoginStep, page: Page, names: Any) -> Request:
    """The form of the page before, sent.

    Raises:
        ShapeError: there is none.
    """
    document = open_page(page, "html")
    found = _form(document, step, names)
    if found is None:
        raise errors.ShapeError(page.url, f'login.{at}.form: "{step.form}" finds no form on {page.url}', final=True)
    parts = request_parts(step.model_copy(update={"data": None}), names)
    data = step.data if not isinstance(step.data, str) else None
    try:
        made = forms.form_request(found, page, document, forms.rendered(data or {}, names))
    except forms.FormError as error:
        raise errors.ShapeError(page.url, f'login.{at}.form: "{step.form}": {error}', final=True) from error
    parts["headers"] = forms.merged_headers(parts.get("headers"), made)
    return replace(made, rule=KIND, place=(0, at), **parts)


def _form(document: Document, step: LoginStep, names: Any) -> Any:
    return compile_selector(step.form or "", "css").match(document.root, document.scope(names))


def _is_done(kit: Kit, step: LoginStep, page: Page) -> bool:
    """Whether a form is gone because nobody needs it: a session that was kept shows what comes behind it."""
    if step.form is None or step.expect is None or step.expect.has is None:
        return False
    document = open_page(page, "html")
    if _form(document, step, kit.names) is not None:
        return False
    try:
        check_expect(page, document, step.expect, "css", kit.names)
    except errors.ShapeError:  # then the form is what is missing, and that is told
        return False
    return True


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


def _is_json(selector: str | LongSelector) -> bool:
    """Whether a selector reads an answer in JSON: it says `jmespath` and nothing that looks into HTML."""
    return isinstance(selector, LongSelector) and selector.jmespath is not None and selector.css is None
