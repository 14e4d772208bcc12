"""`follow`: the requests that a match leads to (JOBS.md, Pages).

Links that a page gives stay on its host unless `same` says else; what the job builds
goes to any host. A link that is left out by `same`, `allow`, `deny` or `depth` is
`outside`; one that is not http(s) is ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urldefrag

from scraper import urls
from scraper.job.model import FollowLinks, FollowRequest
from scraper.job.parts import LongSelector, RequestParts
from scraper.job.template import TemplateError, render, render_all
from scraper.model import Failure, Request
from scraper.page import links
from scraper.page.match import Match
from scraper.page.paginate import first_request

OUTSIDE = "outside"
Found = Request | tuple[Request, str] | Failure
"""A request, one that is skipped and why, or what went wrong."""


def follow(match: Match) -> Iterator[Found]:
    """What a match leads to, entry by entry, in the order of the page."""
    for at, (target, given) in enumerate(match.sheet.rule.follow.items()):
        try:
            yield from _entry(match, at, target, given)
        except TemplateError as error:
            yield match.sheet.failure(f"follow.{target}", f"{error} on {match.sheet.page.url}")


def _entry(match: Match, at: int, target: str, given: Any) -> Iterator[Found]:
    """One entry; `form:` will stand here beside the other kinds."""
    chosen = FollowLinks(select=given) if isinstance(given, (str, LongSelector)) else given
    if not match.holds(chosen.when):
        return
    found = _built(match, chosen) if isinstance(chosen, FollowRequest) else _linked(match, chosen)
    for position, made in enumerate(found):
        if made is None:
            continue
        if not urls.is_http(made.url):
            yield match.sheet.failure(f"follow.{target}", f"{made.url!r} is not an http or https URL")
            continue
        yield _judged(match, chosen, _placed(match, made, target, (at, position)))


def _linked(match: Match, given: FollowLinks) -> Iterator[Request | None]:
    """A request for each link; None for those that are ignored."""
    compiled, base = match.sheet.in_match(given.select), match.sheet.document.base
    for found in compiled.every(match.node, match.scope):
        link = links.source(found)
        if link is None:
            yield None
        elif compiled.is_built:
            yield Request("GET", urldefrag(urls.join(base, link)).url)
        else:
            url = links.resolve(base, link)
            yield Request("GET", url, found=not match.sheet.is_row) if url else None


def _built(match: Match, given: FollowRequest) -> Iterator[Request]:
    url = render(given.url, match.names)
    for one in url if isinstance(url, list) else [url]:
        if one is not None and one != "":
            joined = urldefrag(urls.join(match.sheet.document.base, urls.text(one))).url
            yield Request(given.method, joined, **request_parts(given, match.names))


def request_parts(given: RequestParts, names: Mapping[str, Any]) -> dict[str, Any]:
    """`params`, `data`, `json`, ... of a request that the job builds, rendered; what is null is left out.

    Raises:
        TemplateError: a template in them cannot be rendered.
    """
    written = {
        "params": given.params,
        "data": given.data,
        "json": given.json_,
        "headers": given.headers,
        "cookies": given.cookies,
        "files": getattr(given, "files", None),
    }
    parts = {name: render_all(value, names) for name, value in written.items() if value is not None}
    if given.auth is not None:
        auth = render_all(given.auth.model_dump(exclude_none=True), names)
        parts["auth"] = type(given.auth).model_validate(auth)
    return parts


def _placed(match: Match, made: Request, target: str, at: tuple[int, int]) -> Request:
    page = match.sheet.page
    placed = replace(
        made,
        rule=target,
        parent=match.fields if match.sheet.gives_items else None,
        row=page.request.row,
        row_index=page.request.row_index,
        place=(*match.place, *at),
        depth=page.request.depth + 1,
        via_public=not page.private,
    )
    return first_request(placed, match.sheet.rules.get(target))


def _judged(match: Match, given: FollowLinks | FollowRequest, made: Request) -> Found:
    is_outside = given.depth is not None and made.depth > given.depth
    if isinstance(given, FollowLinks):
        is_outside = is_outside or not _is_let_in(match.sheet.page.url, given, made)
    return (made, OUTSIDE) if is_outside else made


def _is_let_in(page_url: str, given: FollowLinks, made: Request) -> bool:
    if made.found and not urls.same_site(page_url, made.url, given.same):
        return False
    if given.allow is not None and not re.search(given.allow, made.url):
        return False
    return given.deny is None or not re.search(given.deny, made.url)
