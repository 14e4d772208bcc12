"""Pages: fetched once, read by each rule that finds them, in record order whatever the threads do."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from scraper.server import Response, Site
from scraper.server.fixture.pictures import picture

WAIT = 5  # seconds that an event may take before a test fails


def test_a_page_that_many_find_is_fetched_once(
    site: Site, serve: Any, run_job: Any, asked: Any, html: Any, link_site: Any
) -> None:
    link_site(site, {"/": html("/a", "/b", "/c#x"), "/a": html("/c", "/"), "/b": html("/c#y", "/c?"), "/c": html("/a")})
    server = serve(site)
    ended = run_job(
        server, {"start": ["{{ base }}/"], "rules": {"page": {"item": {"h": "h1"}, "follow": {"page": "a"}}}}
    )
    assert sorted(asked(server)) == ["/", "/a", "/b", "/c"]
    assert (ended.code, ended.endings("v_pages", server.url)) == (
        0,
        dict.fromkeys(["/", "/a", "/b", "/c"], "ok"),
    )


TWO_RULES = """
    start: ["{{ base }}/list"]
    rules:
      list: {follow: {shop: "a.shop", people: "a.people"}}
      shop: {item: {name: "h1"}}
      people: {item: {person: "h2"}}
"""


def test_two_rules_read_one_page_that_is_fetched_once(
    site: Site, serve: Any, run_job: Any, asked: Any, link_site: Any
) -> None:
    link_site(
        site,
        {"/list": '<a class="shop" href="/x">1</a><a class="people" href="/x">2</a>', "/x": "<h1>S</h1><h2>P</h2>"},
    )
    server = serve(site)
    ended = run_job(server, TWO_RULES)
    assert asked(server) == ["/list", "/x"]
    assert ended.fields("_rule", "_url") == [("shop", f"{server.url}/x"), ("people", f"{server.url}/x")]
    assert len(ended.view("v_pages")) == 2


def test_two_start_entries_of_one_page_fetch_it_once(
    site: Site, serve: Any, run_job: Any, asked: Any, link_site: Any
) -> None:
    link_site(site, {"/x": "<h1>S</h1><h2>P</h2>"})
    server = serve(site)
    ended = run_job(server, """
        start: ["{{ base }}/x", {url: "{{ base }}/x#there", rule: people}]
        rules:
          shop: {item: {name: "h1"}}
          people: {item: {person: "h2"}}
    """)  # fmt: skip
    assert (asked(server), ended.fields("_rule")) == (["/x"], ["shop", "people"])


FOUND_LATE = """
    start: ["{{ base }}/list"]
    rules:
      list: {follow: {first: "a.first", other: "a.other"}}
      first: {item: {name: "h1"}}
      other: {follow: {late: "a.late"}}
      late: {item: {second: "h2"}}
"""


def test_a_rule_that_finds_a_page_late_reads_it_without_fetching_it_again(
    site: Site, serve: Any, run_job: Any, heard: Any, asked: Any, link_site: Any
) -> None:
    read = threading.Event()
    link_site(
        site,
        {"/list": '<a class="first" href="/x">1</a><a class="other" href="/y">2</a>', "/x": "<h1>S</h1><h2>P</h2>"},
    )

    @site.route("/y")
    def late(request: Any) -> str:
        assert read.wait(WAIT)
        return '<a class="late" href="/x">late</a>'

    server = serve(site)
    events = heard(lambda url, ending: read.set() if url.endswith("/x") else None)
    ended = run_job(server, FOUND_LATE, events=events)
    assert sorted(asked(server)) == ["/list", "/x", "/y"]
    assert sorted(record["_rule"] for record in ended.records) == ["first", "late"]
    assert ended.code == 0


LATE_EXPECT = FOUND_LATE.replace("late: {item", 'late: {expect: {has: "h3"}, item')


def test_a_rule_that_finds_a_page_late_expects_of_it_what_it_says(
    site: Site, serve: Any, run_job: Any, heard: Any, link_site: Any
) -> None:
    read = threading.Event()
    link_site(
        site,
        {"/list": '<a class="first" href="/x">1</a><a class="other" href="/y">2</a>', "/x": "<h1>S</h1><h2>P</h2>"},
    )

    @site.route("/y")
    def late(request: Any) -> str:
        assert read.wait(WAIT)
        return '<a class="late" href="/x">late</a>'

    events = heard(lambda url, ending: read.set() if url.endswith("/x") else None)
    server = serve(site)
    ended = run_job(server, LATE_EXPECT, events=events)
    assert (ended.code, ended.endings("v_pages", server.url)["/x"]) == (4, "failed:shape")
    assert [name for name, _ in ended.failures] == ["shape"]
    assert (f"{server.url}/x", "failed:shape") in events.pages


@pytest.mark.parametrize("slow", ["/list-1", "/list-2"])
def test_the_first_finder_in_record_order_gives_the_parent_whoever_answers_first(
    slow: str, site: Site, serve: Any, run_job: Any, heard: Any, link_site: Any
) -> None:
    other = "/list-2" if slow == "/list-1" else "/list-1"
    detail_read = threading.Event()
    pages = {
        "/start": '<a href="/list-1">1</a><a href="/list-2">2</a>',
        "/list-1": '<li><b>one</b><a href="/x">x</a></li>',
        "/list-2": '<li><b>two</b><a href="/x">x</a></li>',
        "/x": "<h1>X</h1>",
    }
    link_site(site, {path: text for path, text in pages.items() if path != slow})

    @site.route(slow)
    def last(request: Any) -> str:
        assert detail_read.wait(WAIT)
        return pages[slow]

    job = """
        start: ["{{ base }}/start"]
        rules:
          start: {follow: {list: a}}
          list: {each: li, item: {n: b}, key: n, follow: {detail: a}}
          detail: {item: {name: h1, of: "{{ parent.n }}"}}
    """
    events = heard(lambda url, ending: detail_read.set() if url.endswith("/x") else None)
    ended = run_job(serve(site), job, events=events)
    assert ended.code == 0
    assert [record["of"] for record in ended.records if record["_rule"] == "detail"] == ["one"]
    assert [record.get("n", record.get("name")) for record in ended.records] == ["one", "X", "two"]
    assert (events.pages[-1][0].endswith(slow), other in str(events.pages)) == (True, True)


def test_a_reading_that_is_left_over_by_a_kill_is_done_by_the_next_run(
    site: Site, serve: Any, run_job: Any, heard: Any, asked: Any, link_site: Any
) -> None:
    """The page thread dies between T1 of the late finder and the second reading of the page it found."""
    read = threading.Event()
    link_site(
        site,
        {"/list": '<a class="first" href="/x">1</a><a class="other" href="/y">2</a>', "/x": "<h1>S</h1><h2>P</h2>"},
    )

    @site.route("/y")
    def late(request: Any) -> str:
        assert read.wait(WAIT)
        return '<a class="late" href="/x">late</a>'

    def die(url: str, ending: str) -> None:
        read.set() if url.endswith("/x") else None
        if url.endswith("/y"):
            raise RuntimeError("killed here")

    server = serve(site)
    with pytest.raises(RuntimeError, match="killed here"):
        run_job(server, FOUND_LATE, events=heard(die))
    ended = run_job(server, FOUND_LATE, events=(events := heard()))
    assert (ended.code, events.begun_with) == (0, [True])
    assert sorted(record["_rule"] for record in ended.records) == ["first", "late"]
    assert sorted(asked(server)) == ["/list", "/x", "/y"]
    assert [row["complete"] for row in ended.view("v_runs")] == [1]


def test_what_a_second_reading_finds_belongs_to_the_run(
    site: Site, serve: Any, run_job: Any, heard: Any, asked: Any, link_site: Any
) -> None:
    """The late finder's rule links a file and a page; nothing else is open when it reads."""
    read, idle = threading.Event(), threading.Event()
    link_site(site, {
        "/list": '<a class="first" href="/x">1</a><a class="other" href="/y">2</a>',
        "/x": '<h1>S</h1><h2>P</h2><img src="/i.png"><a class="late" href="/z">z</a>', "/z": "<h2>Z</h2>",
    })  # fmt: skip
    site.route("/i.png")(lambda request: picture(1, "png"))

    @site.route("/y")
    def late(request: Any) -> str:
        assert read.wait(WAIT)
        return '<a class="late" href="/x">late</a>'

    class Slow(heard):  # type: ignore[misc]
        """Holds the page thread before it reads again, until the main thread looked twice at what is open."""

        ticks = 0

        def page_ended(self, url: str, ending: str, why: str) -> None:
            super().page_ended(url, ending, why)
            if url.endswith("/x"):
                read.set()
            if url.endswith("/y"):
                self.ticks = 0
                assert idle.wait(WAIT)

        def tick(self, open_count: int, flying: Any) -> None:
            self.ticks += 1
            if self.ticks > 2 and any(url.endswith("/y") for url, _ in self.pages):
                idle.set()

    server = serve(site)
    job = FOUND_LATE.replace(
        'late: {item: {second: "h2"}}', 'late: {item: {second: "h2"}, files: img, follow: {late: "a.late"}}'
    )
    ended = run_job(server, job, events=Slow())
    assert sorted(asked(server)) == ["/i.png", "/list", "/x", "/y", "/z"]
    assert (ended.code, [row["complete"] for row in ended.view("v_runs")]) == (0, [1])


# -- links that are left out ---------------------------------------------------------------------------------


def test_a_link_that_one_rule_leaves_out_is_followed_where_another_finds_it(
    site: Site, serve: Any, run_job: Any, asked: Any, html: Any, link_site: Any
) -> None:
    link_site(site, {"/": html("/far", "/b"), "/b": html("/far", "/c"), "/far": html(title="far"), "/c": html()})
    server = serve(site)
    job = """
        start: ["{{ base }}/"]
        rules:
          start: {follow: {no: {select: a, deny: far}}}
          no: {follow: {yes: {select: a, allow: far}}}
          yes: {item: {title: h1}}
    """
    ended = run_job(server, job)
    assert sorted(asked(server)) == ["/", "/b", "/far"]
    assert ended.fields("title") == ["far"]


def test_what_is_left_out_ends_as_outside(
    site: Site, serve: Any, run_job: Any, asked: Any, html: Any, link_site: Any
) -> None:
    other = serve(Site())
    link_site(
        site, {"/": html("/a", f"{other.url}/x", "mailto:a@b", "javascript:void(0)", "#top", "/deny"), "/a": html()}
    )
    server = serve(site)
    job = {
        "start": ["{{ base }}/"],
        "rules": {"p": {"follow": {"p": {"select": "a", "deny": "deny"}}, "item": {"t": "h1"}}},
    }
    ended = run_job(server, job)
    assert ended.endings("v_pages", server.url) == {
        "/": "ok", "/a": "ok", f"{other.url}/x": "skipped:outside", "/deny": "skipped:outside",
    }  # fmt: skip
    assert (ended.code, ended.summary.pages.skipped, other.log) == (0, 2, [])


def test_robots_txt_governs_links_not_what_the_job_names(
    site: Site, serve: Any, run_job: Any, asked: Any, html: Any, link_site: Any
) -> None:
    site.route("/robots.txt")(
        lambda request: Response(200, {"Content-Type": "text/plain"}, b"User-agent: *\nDisallow: /no\n")
    )
    link_site(site, {"/no/start": html("/no/link", "/yes"), "/yes": html(), "/no/next": html()})
    server = serve(site)
    ended = run_job(server, """
        start: ["{{ base }}/no/start"]
        rules:
          p: {follow: {q: a}, next: "{{ base }}/no/next", max_pages: 2}
          q: {item: {t: h1}}
    """)  # fmt: skip
    assert ended.endings("v_pages", server.url) == {
        "/no/start": "ok", "/no/next": "ok", "/yes": "ok", "/no/link": "skipped:robots",
    }  # fmt: skip
    assert [seen.target for seen in server.log].count("/robots.txt") == 1


def test_a_page_that_the_job_names_is_fetched_though_a_link_to_it_was_forbidden(
    site: Site, serve: Any, run_job: Any, html: Any, heard: Any, link_site: Any
) -> None:
    forbidden = threading.Event()
    site.route("/robots.txt")(
        lambda request: Response(200, {"Content-Type": "text/plain"}, b"User-agent: *\nDisallow: /no\n")
    )
    link_site(site, {"/": html("/no/x"), "/no/x": html(title="X")})

    @site.route("/second")
    def second(request: Any) -> str:
        assert forbidden.wait(WAIT)
        return html()

    events = heard(lambda url, ending: forbidden.set() if ending == "skipped:robots" else None)
    ended = run_job(serve(site), """
        start: ["{{ base }}/", {url: "{{ base }}/second", rule: second}]
        rules:
          start: {follow: {x: a}}
          second: {follow: {x: {url: "{{ base }}/no/x"}}}
          x: {item: {title: h1}}
    """, events=events)  # fmt: skip
    assert ended.fields("title") == ["X"]
