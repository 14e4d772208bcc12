"""Next pages: counted or linked, and where they end."""

from __future__ import annotations

from typing import Any

import pytest

from scraper.server import Site


def pages_of(site: Site, count: int, *, repeat: int = 0) -> None:
    """`/api?page=n`: two rows on each of `count` pages; beyond it the last `repeat` times, then empty ones."""

    @site.route("/api")
    def api(request: Any) -> dict[str, Any]:
        page = request.query.number("page", 0)
        page = min(page, count) if page <= count + repeat else page
        return {"rows": [{"n": 2 * page}, {"n": 2 * page + 1}] if page <= count else []}


API = {"read": "json", "each": "rows", "item": {"n": "n"}, "key": "n"}


@pytest.mark.parametrize(
    ("turn", "repeat", "targets"),
    [
        ({"page": "page"}, 0, ["/api?page=1", "/api?page=2", "/api?page=3", "/api?page=4"]),
        ({"page": "page"}, 9, ["/api?page=1", "/api?page=2", "/api?page=3", "/api?page=4"]),
        ({"page": "page", "first": 2, "last": 3}, 0, ["/api?page=2", "/api?page=3"]),
        ({"page": "page", "first": 0, "last": 2}, 0, ["/api?page=0", "/api?page=1", "/api?page=2"]),
        ({"page": "page", "last": 2}, 9, ["/api?page=1", "/api?page=2"]),
        ({"page": "page", "max_pages": 2}, 0, ["/api?page=1", "/api?page=2"]),
    ],
    ids=["ends at an empty page", "ends at an equal page", "first and last", "first is 0", "last", "max_pages"],
)
def test_page_numbers_are_counted(
    turn: Any, repeat: int, targets: list[str], site: Site, serve: Any, run_job: Any, asked: Any
) -> None:
    pages_of(site, 3, repeat=repeat)
    server = serve(site)
    ended = run_job(server, {"start": ["{{ base }}/api"], "rules": {"api": {**API, "next": turn}}})
    numbers = sorted({int(target.rpartition("=")[2]) for target in targets} & {0, 1, 2, 3})
    assert (ended.code, asked(server)) == (0, targets)
    assert ended.fields("n") == [2 * number + at for number in numbers for at in (0, 1)]


def test_an_empty_page_before_the_sources_own_last_is_a_failure(site: Site, serve: Any, run_job: Any) -> None:
    site.route("/api")(lambda request: {"pages": 3, "rows": [{"n": 1}] if request.query.get("page") == "1" else []})
    server = serve(site)
    ended = run_job(
        server, {"start": ["{{ base }}/api"], "rules": {"api": {**API, "next": {"page": "page", "last": "pages"}}}}
    )
    assert ended.code == 4
    assert ended.endings("v_pages", server.url) == {"/api?page=1": "ok", "/api?page=2": "failed:shape"}


def test_a_chain_of_links_ends_where_it_leads_back(
    site: Site, serve: Any, run_job: Any, asked: Any, html: Any, link_site: Any
) -> None:
    link_site(site, {"/1": html("/2", title="1"), "/2": html("/3", title="2"), "/3": html("/1", title="3")})
    server = serve(site)
    ended = run_job(server, {"start": ["{{ base }}/1"], "rules": {"p": {"item": {"t": "h1"}, "next": "a"}}})
    assert (ended.code, asked(server), ended.fields("t")) == (0, ["/1", "/2", "/3"], ["1", "2", "3"])


def test_records_of_long_chains_stand_in_the_order_of_pages(site: Site, serve: Any, run_job: Any) -> None:
    pages_of(site, 300)
    ended = run_job(serve(site), {"start": ["{{ base }}/api"], "rules": {"api": {**API, "next": {"page": "page"}}}})
    assert ended.fields("n") == list(range(2, 602))
