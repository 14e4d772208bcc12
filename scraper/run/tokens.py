"""OAuth: the token step of a login, and its renewal while the run goes on (RFC 6749).

    fetch(kit, at, step)     the grant that the step says, client_credentials by default (section 4.4)
    renew(kit)               before it expires or when it was refused: by refresh_token (section 6), else by that grant

The access token goes as a bearer to home origins alone (net/outgoing.py), by whatever sends
pages and files, from the next attempt on. It and the refresh token are secrets: marks stand
for them. All of it happens in the main thread; who waits for a token waits in control.Tokens.
"""

from __future__ import annotations

import math
from typing import Any

from scraper import errors, secrets, urls
from scraper.job import template
from scraper.job.parts import Auth, LoginStep
from scraper.model import Page, Request
from scraper.page.document import open_page
from scraper.page.follow import request_parts
from scraper.run.exchanges import KIND, fetched
from scraper.run.kit import BEFORE, Kit

TOKEN, REFRESH = "token", "token.refresh"
_ANSWERS = (200, 201, 400, 401, 403)
"""Statuses whose body is read: a token, or in words why there is none (sections 5.1 and 5.2)."""
_MARGIN, _PART = 60.0, 0.1
"""Seconds before its end at which a token is renewed, or the part of its time if that is less."""
_REPEATED = frozenset({"client_credentials", "password", "refresh_token"})
"""Grants that may be asked for again where no answer came: nothing is used up by it."""
_LONGEST = 300


def fetch(kit: Kit, at: int, step: LoginStep) -> None:
    """A new token by the step's own grant; from now on it is the bearer of the run.

    Raises:
        RequestError: there is none.
        JobError: a template in the step cannot be rendered.
    """
    request = _request(kit, at, step)
    data = {"grant_type": "client_credentials", **(request["data"] or {})}
    _ask(kit, at, step, {**request, "data": data})


def renew(kit: Kit) -> None:
    """Another token in the place of the one that expires.

    Raises:
        RequestError: there is none.
    """
    at, step = kit.tokens.step
    if REFRESH in kit.state.saved:
        parts = _request(kit, at, step)
        kept = {name: value for name, value in (parts["data"] or {}).items() if name in ("client_id", "client_secret")}
        grant = {"grant_type": "refresh_token", "refresh_token": secrets.mark("saved", REFRESH)}
        try:
            _ask(kit, at, step, {**parts, "data": {**grant, **kept}})
            return
        except errors.StatusError as error:
            if error.status not in _ANSWERS:
                raise
            kit.state.saved.pop(REFRESH)  # it is spent or revoked: the first grant serves again
    fetch(kit, at, step)


def _request(kit: Kit, at: int, step: LoginStep) -> dict[str, Any]:
    """URL and parts of the request, rendered."""
    try:
        url = urls.fixed(template.render_text(step.token or "", kit.names))
        return {"url": url, "data": None, **request_parts(step, kit.names)}
    except template.TemplateError as error:
        raise errors.JobError([kit.loaded.mistake(("login", at), str(error))]) from error


def _ask(kit: Kit, at: int, step: LoginStep, parts: dict[str, Any]) -> None:
    parts["headers"] = {"Accept": "application/json", **(parts.get("headers") or {})}
    request = Request("POST", rule=KIND, place=(0, at), **parts)
    kit.courier.outgoing.token_endpoint = request.full_url
    page = fetched(kit, request, _ANSWERS, repeats=parts["data"]["grant_type"] in _REPEATED)
    answer = _answer(page)
    _save(kit, TOKEN, answer["access_token"])
    if isinstance(answer.get("refresh_token"), str):
        _save(kit, REFRESH, answer["refresh_token"])
    kit.courier.outgoing.bearer = Auth(bearer=secrets.mark("saved", TOKEN))
    kit.tokens.fetched((at, step), _due(kit, answer.get("expires_in")))


def _save(kit: Kit, name: str, value: str) -> None:
    """An answer that is still on its way may echo the one before: that one stays a secret too."""
    before = kit.state.saved.get(name)
    if before is not None and before != value:
        kit.courier.learn(f"saved:{name}{BEFORE}", before)
    kit.save(name, value)


def _due(kit: Kit, lasts: Any) -> float | None:
    """When it is to be renewed, by the clock of the run; None: only where it is refused (section 5.1)."""
    try:
        seconds = float(lasts)
    except (TypeError, ValueError):
        return None
    if not math.isfinite(seconds) or seconds <= 0:
        return None
    return kit.courier.clock() + seconds - min(_MARGIN, seconds * _PART)


def _answer(page: Page) -> dict[str, Any]:
    """The answer that holds a token.

    Raises:
        StatusError: an error of OAuth, in its own words.
        ShapeError: neither.
    """
    try:
        answer = open_page(page, "json").root
    except errors.RequestError as error:
        if page.status >= 400:
            raise errors.StatusError(page.url, page.status) from error
        raise
    if not isinstance(answer, dict):
        raise errors.ShapeError(page.url, "no token: the answer is no JSON object", final=True)
    if page.status >= 400 or "error" in answer:
        raise _refused(page, answer)
    if not isinstance(answer.get("access_token"), str) or not answer["access_token"]:
        raise errors.ShapeError(page.url, "no token: the answer has no access_token", final=True)
    kind = str(answer.get("token_type", "bearer"))
    if kind.lower() != "bearer":
        raise errors.ShapeError(page.url, f"no token: it is of type {kind[:40]!r}, and bearer is known", final=True)
    return answer


def _refused(page: Page, answer: dict[str, Any]) -> errors.StatusError:
    """RFC 6749 section 5.2; some tell their errors with status 200."""
    told = errors.StatusError(page.url, page.status if page.status >= 400 else 400)
    words = [str(answer[name])[:_LONGEST] for name in ("error", "error_description") if answer.get(name)]
    told.message = f"no token: {': '.join(words)}" if words else told.message
    return told
