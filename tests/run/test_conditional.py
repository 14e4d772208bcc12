"""Pages that are asked for again under a condition: not modified is read as it was kept."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def shop(site: Any, serve: Any) -> Any:
    """A list and two books, each with an ETag of its text; `texts` may be changed between runs."""
    texts = {"/": '<a href="/a">a</a><a href="/b">b</a>', "/a": "<h1>Anna</h1>", "/b": "<h1>Ben</h1>"}

    def answer(request: Any, path: str) -> Any:
        etag = f'"{len(texts[path])}-{hash(texts[path]) & 0xFFFF:x}"'
        if request.headers.get("if-none-match") == etag:
            return 304, [("ETag", etag)], b""
        return 200, [("ETag", etag), ("Content-Type", "text/html")], texts[path].encode()

    for path in texts:
        site.route(path)(lambda request, path=path: answer(request, path))
    server = serve(site)
    server.texts = texts
    return server


JOB = {
    "start": ["{{ base }}/"],
    "rules": {"list": {"follow": {"book": "a"}}, "book": {"item": {"name": "h1"}}},
}


def statuses(server: Any, since: int = 0) -> list[tuple[str, int]]:
    return sorted((seen.target, seen.status) for seen in server.log[since:] if seen.target != "/robots.txt")


def test_what_is_not_modified_is_read_as_it_was_kept(shop: Any, run_job: Any) -> None:
    first = run_job(shop, JOB)
    asked = len(shop.log)
    second = run_job(shop, JOB)
    assert statuses(shop, asked) == [("/", 304), ("/a", 304), ("/b", 304)]
    assert (second.code, second.summary.pages.as_dict()) == (0, {"ok": 0, "unchanged": 3, "skipped": 0, "failed": 0})
    assert second.records == first.records
    assert second.summary.items.as_dict() == {"total": 2, "new": 0, "changed": 0, "gone": 0, "failed": 0}


def test_what_changed_comes_anew_and_is_kept_in_its_place(shop: Any, run_job: Any) -> None:
    run_job(shop, JOB)
    shop.texts["/a"] = "<h1>Anna Karenina</h1>"
    second, asked = run_job(shop, JOB), len(shop.log)
    third = run_job(shop, JOB)
    assert second.endings("v_pages", shop.url) == {"/": "unchanged", "/a": "ok", "/b": "unchanged"}
    assert second.fields("name") == third.fields("name") == ["Anna Karenina", "Ben"]
    assert statuses(shop, asked) == [("/", 304), ("/a", 304), ("/b", 304)]


def test_another_rule_reads_the_kept_page_anew(shop: Any, run_job: Any) -> None:
    run_job(shop, JOB)
    rules = {**JOB["rules"], "book": {"item": {"name": {"css": "h1", "match": "^..."}}}}
    assert run_job(shop, {**JOB, "rules": rules}).fields("name") == ["Ann", "Ben"]


def test_a_page_that_misses_what_is_expected_is_asked_for_whole(shop: Any, run_job: Any) -> None:
    run_job(shop, JOB)
    asked = len(shop.log)
    rules = {**JOB["rules"], "book": {"item": {"name": "h1"}, "expect": {"has": "h2"}}}
    job = {**JOB, "rules": rules, "http": {"retry": {"attempts": 2}}}
    assert run_job(shop, job).code == 4
    assert statuses(shop, asked) == [("/", 304), ("/a", 200), ("/a", 304), ("/b", 200), ("/b", 304)]


@pytest.mark.parametrize("name", ["Cache-Control", "if-none-match"])
def test_a_job_that_has_conditions_itself_is_asked_by_them(name: str, shop: Any, run_job: Any) -> None:
    job = {**JOB, "http": {"headers": {name: "no-cache"}}}
    run_job(shop, job)
    asked = len(shop.log)
    run_job(shop, job)
    assert statuses(shop, asked) == [("/", 200), ("/a", 200), ("/b", 200)]


def test_a_condition_is_not_sent_to_where_a_redirect_came_from(site: Any, serve: Any, run_job: Any) -> None:
    seen: list[tuple[str, Any]] = []

    @site.route("/old")
    def old(request: Any) -> Any:
        seen.append(("/old", request.headers.get("if-none-match")))
        return 302, [("Location", "/new")], b""

    @site.route("/new")
    def new(request: Any) -> Any:
        seen.append(("/new", request.headers.get("if-none-match")))
        return 200, [("ETag", '"1"'), ("Content-Type", "text/html")], b"<h1>new</h1>"

    server = serve(site)
    job = {"start": ["{{ base }}/old"], "rules": {"p": {"item": {"t": "h1"}}}}
    run_job(server, job)
    run_job(server, job)
    assert seen == [("/old", ""), ("/new", ""), ("/old", ""), ("/new", '"1"')]


def test_a_page_that_no_complete_run_meets_any_more_is_forgotten(shop: Any, run_job: Any, tmp_path: Any) -> None:
    run_job(shop, JOB)
    kept = set((tmp_path / "out" / ".scraper" / "pages").glob("*/*.z"))
    shop.texts["/"] = '<a href="/a">a</a>'
    run_job(shop, JOB)
    left = set((tmp_path / "out" / ".scraper" / "pages").glob("*/*.z"))
    assert (len(kept), len(left), left < kept) == (3, 2, True)
