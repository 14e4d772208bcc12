"""Pieces that pages are put together from: the frame, sections, tables and lists with an end. Pure."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from scraper.report.markup import EMPTY, NEWLINE, Safe, joined, tag
from scraper.report.style import STYLE
from scraper.values import dataclass

ROOM = 60_000
"""Characters of markup that a list may take: what was scraped is bounded whatever it is."""
POLICY = (
    "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; style-src 'sha256-"
    + b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    + "'"
)
"""Nothing is loaded and nothing runs; the one style sheet is allowed by what is in it."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page with a heading of its own; `id` is what the contents link to."""

    id: str
    title: str
    body: Safe


def document(title: str, head: Safe, sections: Sequence[Section], foot: str) -> str:
    """A whole page."""
    metas = (
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("meta", name="robots", content="noindex"),
        tag("title", title),
        Safe(f"<style>{STYLE}</style>"),
    )
    contents = joined(tag("li", tag("a", each.title, href=f"#{each.id}")) for each in sections)
    body = joined(
        (
            tag("header", head),
            tag("nav", tag("ul", contents), aria_label="Contents"),
            tag("main", joined(joined((NEWLINE, _section(each))) for each in sections)),
            tag("footer", tag("p", foot)),
        )
    )
    return f"<!doctype html>\n{tag('html', tag('head', joined(metas)), tag('body', body), lang='en')}\n"


def _section(section: Section) -> Safe:
    heading = f"{section.id}-title"
    return tag(
        "section", tag("h2", section.title, id=heading), section.body, id=section.id, aria_labelledby=heading
    )  # fmt: skip


def table(caption: str, heads: Sequence[tuple[str, str | None]], rows: Iterable[Sequence[str]], more: str = "") -> Safe:
    """A table whose first column names its rows.

    Args:
        heads: of each column its title and class.
        more: what stands below, where rows are missing.
    """
    head = joined(tag("th", title, scope="col", class_=kind) for title, kind in heads)
    kinds = [kind for _, kind in heads]
    made = (
        tag("tr", *(
            tag("td", cell, class_=kind) if at else tag("th", cell, scope="row", class_=kind)
            for at, (cell, kind) in enumerate(zip(row, kinds, strict=True))
        ))
        for row in rows
    )  # fmt: skip
    body = joined(within(made))
    below = tag("p", more, class_="soft") if more else EMPTY
    return joined((tag("table", tag("caption", caption), tag("thead", tag("tr", head)), tag("tbody", body)), below))


def within(pieces: Iterable[Safe], room: int = ROOM) -> list[Safe]:
    """As many pieces as there is room for, at least as a page stays small."""
    kept: list[Safe] = []
    for piece in pieces:
        room -= len(piece.encode())
        if room < 0:
            break
        kept.append(piece)
    return kept


def when(time: datetime) -> str:
    """A time for people, in UTC."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
