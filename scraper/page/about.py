"""What a page says of itself: its canonical URL, and whether robots may follow its links."""

from __future__ import annotations

from scraper import urls
from scraper.model import Page
from scraper.page import links
from scraper.page.directives import HEADER, directives
from scraper.page.document import Document
from scraper.page.nodes import Element
from scraper.page.paginate import link_header


def canonical_url(page: Page, document: Document) -> str | None:
    """Another URL of the same host that the page names as its canonical one (RFC 6596); None: it names none, or itself.

    The Link header goes before the element, as the first of several elements goes before the others.
    """
    told = link_header(page.headers.get("link", ""), "canonical")
    if told is None and isinstance(document.root, Element):
        found = (one for one in document.root.inside("link") if links.has_relation(one, "canonical"))
        told = next((one.attribute("href") for one in found), None)
    url = links.resolve(document.base, told) if told else ""
    own = {urls.canonical(page.url), urls.canonical(page.request.full_url)}
    is_other = bool(url) and urls.canonical(url) not in own and urls.same_site(page.url, url, "host")
    return url if is_other else None


def is_nofollow(page: Page, document: Document, agent: str) -> bool:
    """Whether the page asks robots to follow none of its links, in a header or a meta element.

    Args:
        agent: by what they may name us.
    """
    if HEADER not in page.headers and not _has_meta(page, document, agent):
        return False
    metas = document.root.inside("meta") if isinstance(document.root, Element) else []
    told = [(one.attributes.get("name", ""), one.attributes.get("content", "")) for one in metas]
    return "nofollow" in directives(agent, page.headers, told)


def _has_meta(page: Page, document: Document, agent: str) -> bool:
    """Whether it is worth looking at all elements: most pages do not hold the words."""
    if not isinstance(document.root, Element):
        return False
    body = page.body.lower()
    return any(word in body for word in _FORBID) and (b"robots" in body or agent.lower().encode() in body)


_FORBID = (b"nofollow", b"none")
