"""`follow`: the requests that a match leads to (JOBS.md, Pages).

Links that a page gives stay on its host unless `same` says else; what the job builds
goes to any host. A form goes where the page says, to any host too, since the job names it;
robots.txt and private addresses are judged as for a link, and secrets in its `data` go to
home origins alone. A link that is left out by `same`, `allow`, `deny` or `depth` is
`outside`; one that the page asks robots not to follow ends for `robots`, where they are obeyed;
one that is not http(s) is ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from scraper import urls
from scraper.job.model import FollowForm, FollowLinks, FollowRequest
from scraper.job.parts import LongSelector, RequestParts
from scraper.job.template import TemplateError, render, render_all
from scraper.model import Failure, Place, Request
from scraper.page import forms, links
from scraper.page.match import Match
from scraper.page.paginate import first_request

OUTSIDE = "outside"
NOFOLLOW = "robots:nofollow"
Found = Request | tuple[Request, str] | Failure
"""A request, one that is skipped and why, or what went wrong."""


def follow(match: Match) -> Iterator[Found]:
    """What a match leads to, entry by entry, in the order of the page."""
    for at, (target, given) in enumerate(match.sheet.rule.follow.items()):
        try:
            yield from _entry(match, at, target, given)
        except (TemplateError, forms.FormError) as error:
            yield match.sheet.failure(f"follow.{target}", f"{error} on {match.sheet.page.url}")


def _entry(match: Match, at: int, target: str, given: Any) -> Iterator[Found]:
    """One entry."""
    chosen = FollowLinks(select=given) if isinstance(given, (str, LongSelector)) else given
    if not match.holds(chosen.when):
        return
    rule, common = match.sheet.rules.get(target), _common(match, chosen, target)
    for made, asked in _found(match, chosen, (*match.place, at), common):
        if made.found or urls.is_http(made.url):  # what a page gave was judged when it was made absolute
            yield _judged(match, chosen, first_request(made, rule), asked)
        else:
            yield match.sheet.failure(f"follow.{target}", f"{made.url!r} is not an http or https URL")


Followed = FollowLinks | FollowRequest | FollowForm
Linked = tuple[Request, bool]
"""A request, and whether robots are asked not to follow this link."""


def _common(match: Match, given: Followed, target: str) -> dict[str, Any]:
    """What all requests of an entry have in common."""
    page = match.sheet.page
    return {
        "rule": target,
        "parent": match.fields if match.sheet.gives_items else None,
        "row": page.request.row,
        "row_index": page.request.row_index,
        "depth": page.request.depth + 1,
        "via_public": not page.private,
        "priority": 0 if isinstance(given, FollowForm) else given.priority,
        "canonical": isinstance(given, FollowLinks) and given.canonical == "obey",
    }


def _found(match: Match, given: Followed, place: Place, common: Mapping[str, Any]) -> Iterator[Linked]:
    """A request for each thing it leads to; behind `place` stands its position among them."""
    if isinstance(given, FollowForm):
        return ((made, False) for made in _submitted(match, given, place, common))
    if isinstance(given, FollowRequest):
        return ((made, False) for made in _built(match, given, place, common))
    return _linked(match, given, place, common)


def _submitted(match: Match, given: FollowForm, place: Place, common: Mapping[str, Any]) -> Iterator[Request]:
    """The form that the selector finds first, sent."""
    found = match.sheet.in_match(given.form).match(match.node, match.scope)
    if found is None:
        raise forms.FormError(f'"{given.form}" finds no form')
    made = forms.form_request(found, match.sheet.page, match.sheet.document, forms.rendered(given.data, match.names))
    yield replace(made, found=True, place=(*place, 0), **common)


def _linked(match: Match, given: FollowLinks, place: Place, common: Mapping[str, Any]) -> Iterator[Linked]:
    """A request for each link; one that came before is not made again, since its first place counts."""
    compiled, base = match.sheet.in_match(given.select), match.sheet.document.base
    is_found, obeys = not match.sheet.is_row, given.nofollow == "obey"
    met = set[tuple[str, bool]]()
    for position, found in enumerate(compiled.every(match.node, match.scope)):
        link = links.source(found)
        if link is None:
            continue
        if compiled.is_built:
            url = urls.without_fragment(urls.join(base, link))
            yield Request("GET", url, place=(*place, position), **common), False
            continue
        url, asked = links.resolve(base, link), obeys and links.has_relation(found, "nofollow")
        if url and (url, asked) not in met:
            met.add((url, asked))
            yield Request("GET", url, found=is_found, place=(*place, position), **common), asked


def _built(match: Match, given: FollowRequest, place: Place, common: Mapping[str, Any]) -> Iterator[Request]:
    names = match.names
    url = render(given.url, names)
    asked = [one for one in (url if isinstance(url, list) else [url]) if one is not None and one != ""]
    for position, one in enumerate(asked):
        joined = urls.without_fragment(urls.join(match.sheet.document.base, urls.text(one)))
        parts = request_parts(given, names)
        yield Request(given.method, joined, place=(*place, position), **common, **parts)


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


def _judged(match: Match, given: Followed, made: Request, asked: bool) -> Found:
    """The request, or what keeps it from being made; `asked`: the link itself says nofollow."""
    if isinstance(given, FollowLinks) and not _is_let_in(match.sheet.page.url, given, made):
        return made, OUTSIDE
    if not isinstance(given, FollowForm) and given.depth is not None and made.depth > given.depth:
        return made, OUTSIDE
    obeys = match.sheet.obeys_robots or (isinstance(given, FollowLinks) and given.nofollow == "obey")
    is_barred = asked or (made.found and match.sheet.is_nofollow and obeys)
    return (made, NOFOLLOW) if is_barred else made


def _is_let_in(page_url: str, given: FollowLinks, made: Request) -> bool:
    if made.found and not urls.same_site(page_url, made.url, given.same):
        return False
    if given.allow is not None and not re.search(given.allow, made.url):
        return False
    return given.deny is None or not re.search(given.deny, made.url)
