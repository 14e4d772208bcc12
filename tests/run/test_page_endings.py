"""What is wrong with a page: told by class, at its place, while the run goes on."""

from __future__ import annotations

from typing import Any

import pytest

from scraper.server import Raw, Response, Site
from scraper.server.fixture.pictures import picture


def test_a_missing_required_field_fails_its_item_and_the_run_goes_on(
    site: Site, serve: Any, run_job: Any, link_site: Any
) -> None:
    rows = "<li><b>a</b><i>1</i></li><li><b>b</b><img src='/b.png'></li><li><b>c</b><i>3</i></li>"
    link_site(site, {"/": f"<ul>{rows}</ul>"})
    server = serve(site)
    job = """
        start: ["{{ base }}/"]
        rules:
          book: {each: li, item: {title: b, price: {css: i, required: true, type: int}}, files: img}
    """
    ended = run_job(server, job)
    assert (ended.code, ended.fields("title", "price")) == (4, [("a", 1), ("c", 3)])
    assert (ended.summary.items.total, ended.summary.items.failed, ended.summary.pages.ok) == (2, 1, 1)
    assert ended.failures == [("shape", f'rules.book.item.price: "i" found nothing on {server.url}/')]
    assert ended.view("v_files") == []


JSON_RULE = {"read": "json", "item": {"a": "a"}}
HTML_RULE = {"item": {"a": "h1"}}


@pytest.mark.parametrize(
    ("rule", "answer", "ending"),
    [
        (JSON_RULE, "<!doctype html><h1>sorry</h1>", "failed:type"),
        (JSON_RULE, Response(200, {"Content-Type": "application/json"}, b"<html><h1>503</h1>"), "failed:type"),
        (JSON_RULE, Response(200, {"Content-Type": "application/json"}, b""), "failed:type"),
        (JSON_RULE, Response(200, {"Content-Type": "application/json"}, b'{"a": 1'), "failed:shape"),
        (JSON_RULE, Response(200, {"Content-Type": "application/json"}, b'{"b": 1}'), "ok"),
        (JSON_RULE, Response(200, {"Content-Type": "text/html"}, b'{"a": 1}'), "ok"),
        ({**JSON_RULE, "each": "rows"}, {"a": 1}, "failed:shape"),
        ({**JSON_RULE, "each": "rows"}, {"rows": []}, "ok"),
        (HTML_RULE, Response(200, {"Content-Type": "text/html"}, picture(1, "png")), "failed:type"),
        (HTML_RULE, Response(200, {"Content-Type": "text/html"}, b'{"a": 1}'), "failed:type"),
        (
            HTML_RULE,
            Response(200, {"Content-Type": "text/html", "Content-Encoding": "gzip"}, b"no gzip"),
            "failed:encoding",
        ),
        (HTML_RULE, Response(404, {"Content-Type": "text/html"}, b"<h1>no</h1>"), "failed:http:404"),
        (HTML_RULE, Response(500, {}, b""), "failed:http:500"),
        (HTML_RULE, Response(301, {}, b""), "failed:redirect"),
        (HTML_RULE, Response(302, {"Location": "ftp://127.0.0.1/x"}, b""), "failed:redirect"),
        (HTML_RULE, Response(302, {"Location": "/"}, b""), "failed:redirect"),
        (
            HTML_RULE,
            Response(206, {"Content-Type": "text/html", "Content-Range": "bytes 0-3/9"}, b"<h1>"),
            "failed:protocol",
        ),
        (HTML_RULE, Raw(b"220 mail.example ESMTP\r\n"), "failed:protocol"),
        (HTML_RULE, Raw(b""), "failed:protocol"),
        (HTML_RULE, Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n<h1>"), "failed:length"),
    ],
)
def test_a_page_ends_by_what_is_wrong_with_it(
    rule: Any, answer: Any, ending: str, site: Site, serve: Any, run_job: Any
) -> None:
    site.route("/")(lambda request: answer)
    server = serve(site)
    ended = run_job(server, {"start": ["{{ base }}/"], "rules": {"r": rule}, "http": {"retry": {"attempts": 2}}})
    assert (ended.endings("v_pages", server.url), ended.code) == ({"/": ending}, 0 if ending == "ok" else 4)


@pytest.mark.parametrize(
    ("expect", "answer"),
    [
        ({"has": "a.logout"}, Response(200, {"Content-Type": "text/html"}, b"<h1>log in</h1>")),
        ({"status": 200}, Response(203, {"Content-Type": "text/html"}, b"<h1>x</h1>")),
        ({"status": [200, 404]}, Response(410, {"Content-Type": "text/html"}, b"<h1>x</h1>")),
        ({"status": 404}, Response(200, {"Content-Type": "text/html"}, b"<h1>x</h1>")),
    ],
    ids=["has", "another good status", "a bad status", "a good status where a bad one is wanted"],
)
def test_a_page_that_misses_its_expect_is_retried_then_it_is_of_the_wrong_shape(
    expect: Any, answer: Response, site: Site, serve: Any, run_job: Any, asked: Any
) -> None:
    site.route("/")(lambda request: answer)
    server = serve(site)
    job = {
        "start": ["{{ base }}/"],
        "rules": {"r": {**HTML_RULE, "expect": expect}},
        "http": {"retry": {"attempts": 3}},
    }
    ended = run_job(server, job)
    assert (asked(server), ended.endings("v_pages", server.url)) == (["/"] * 3, {"/": "failed:shape"})
    assert (ended.code, ended.view("v_pages")[0]["attempts"], ended.records) == (4, 3, [])


def test_a_page_that_fulfils_its_expect_at_the_second_try_is_read(site: Site, serve: Any, run_job: Any) -> None:
    answers = iter(["<h1>wait</h1>", "<h1>done</h1><a class=logout>out</a>"])
    site.route("/")(lambda request: next(answers))
    ended = run_job(
        serve(site), {"start": ["{{ base }}/"], "rules": {"r": {**HTML_RULE, "expect": {"has": "a.logout"}}}}
    )
    assert (ended.code, ended.fields("a")) == (0, ["done"])


def test_a_status_that_a_rule_expects_is_a_page(site: Site, serve: Any, run_job: Any) -> None:
    site.route("/")(lambda request: Response(404, {"Content-Type": "text/html"}, b"<h1>gone</h1>"))
    ended = run_job(serve(site), {"start": ["{{ base }}/"], "rules": {"r": {**HTML_RULE, "expect": {"status": 404}}}})
    assert (ended.code, ended.fields("a"), ended.view("v_pages")[0]["status"]) == (0, ["gone"], 404)


def test_what_one_rule_expects_is_not_asked_of_another(site: Site, serve: Any, run_job: Any, link_site: Any) -> None:
    """One page, two rules; only one of them wants a 404."""
    link_site(site, {"/list": '<a class="a" href="/x">1</a><a class="b" href="/x">2</a>'})
    site.route("/x")(lambda request: Response(200, {"Content-Type": "text/html"}, b"<h1>X</h1>"))
    ended = run_job(serve(site), """
        start: ["{{ base }}/list"]
        rules:
          list: {follow: {plain: "a.a", picky: "a.b"}}
          plain: {item: {name: h1}}
          picky: {item: {name: h1}, expect: {status: [200, 404]}}
    """)  # fmt: skip
    assert (ended.code, sorted(ended.fields("_rule"))) == (0, ["picky", "plain"])


RELOGIN = """
    login: [{post: "{{ base }}/login"}]
    start: ["{{ base }}/1"]
    rules:
      p: {item: {t: h1}, expect: {has: "a.logout"}, next: "a.next"}
"""


@pytest.mark.parametrize("per_host", [1, 4])
def test_a_page_that_shows_that_the_session_is_gone_is_logged_in_again_once(
    per_host: int, site: Site, serve: Any, run_job: Any, asked: Any
) -> None:
    state = {"in": False}

    @site.route("/login", ("POST",))
    def log_in(request: Any) -> str:
        state["in"] = True
        return "<h1>welcome</h1>"

    @site.route("/1")
    def first(request: Any) -> str:
        state["in"] = False  # the server forgets the session behind the first page
        return '<h1>1</h1><a class="logout">x</a><a class="next" href="/2">2</a>'

    @site.route("/2")
    def second(request: Any) -> str:
        return '<h1>2</h1><a class="logout">x</a>' if state["in"] else "<h1>log in</h1>"

    server = serve(site)
    ended = run_job(server, RELOGIN + f"    polite: {{per_host: {per_host}}}\n")
    assert asked(server) == ["/login", "/1", "/2", "/login", "/2"]
    assert (ended.code, ended.fields("t")) == (0, ["1", "2"])
