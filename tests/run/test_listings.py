"""Start entries whose rows stand on a page: sitemaps and feeds."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from scraper.errors import JobError


def sitemap(base: str, *rows: str) -> str:
    urls = "".join(
        f"<url><loc>{base}{path}</loc>{more}</url>" for path, _, more in (row.partition("|") for row in rows)
    )
    return f'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{urls}</urlset>'


def index(base: str, *children: str) -> str:
    told = "".join(
        f"<sitemap><loc>{base}{path}</loc>{more}</sitemap>"
        for path, _, more in (each.partition("|") for each in children)
    )
    return f'<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{told}</sitemapindex>'


@pytest.fixture
def mapped(site: Any, serve: Any) -> Any:
    """`mapped({path: text, or function of the base})`: a server of sitemaps, and pages that say their path."""

    def make(maps: dict[str, Any]) -> Any:
        for path, text in maps.items():
            site.route(path)(lambda request, text=text: answer(text(request.base) if callable(text) else text))
        site.route("/p/<name>")(lambda request, name: f"<h1>{name}</h1>")
        site.route("/i/<name>")(lambda request, name: name.encode())
        return serve(site)

    def answer(text: Any) -> Any:
        return (200, [("Content-Type", "application/gzip")], text) if isinstance(text, bytes) else text

    return make


JOB = {"start": [{"sitemap": "{{ base }}/sitemap.xml"}], "rules": {"p": {"item": {"t": "h1"}}}}


def with_entry(**more: Any) -> dict[str, Any]:
    return {**JOB, "start": [{**JOB["start"][0], **more}]}  # type: ignore[index]


def test_each_page_of_a_sitemap_is_read_and_its_row_goes_down(mapped: Any, run_job: Any) -> None:
    server = mapped({"/sitemap.xml": lambda base: sitemap(base, "/p/a|<lastmod>2026-01-02</lastmod>", "/p/b")})
    rules = {"p": {"item": {"t": "h1", "day": "{{ row.lastmod }}", "n": "{{ row_index }}"}}}
    ended = run_job(server, {**JOB, "rules": rules})
    assert (ended.code, ended.fields("t", "day", "n")) == (0, [("a", "2026-01-02", 1), ("b", None, 2)])
    assert (f"{server.url}/sitemap.xml", "start[0]") in [(row["url"], row["rule"]) for row in ended.view("v_pages")]


def test_an_index_is_read_with_what_it_names_packed_or_not_each_once(mapped: Any, run_job: Any, asked: Any) -> None:
    server = mapped(
        {
            "/sitemap.xml": lambda base: index(base, "/one.xml", "/two.xml.gz", "/one.xml", "/sitemap.xml"),
            "/one.xml": lambda base: sitemap(base, "/p/a", "/p/b"),
            "/two.xml.gz": lambda base: gzip.compress(sitemap(base, "/p/b", "/p/c").encode()),
        }
    )
    ended = run_job(server, JOB)
    assert (ended.code, ended.fields("t")) == (0, ["a", "b", "c"])
    assert len(asked(server)) == len(set(asked(server))) == 6


def test_the_sitemaps_that_a_robots_txt_names_are_read(mapped: Any, run_job: Any) -> None:
    server = mapped(
        {
            "/robots.txt": lambda base: f"User-agent: *\nDisallow: /p/b\nSitemap: {base}/one.xml\n",
            "/one.xml": lambda base: sitemap(base, "/p/a", "/p/b"),
        }
    )
    ended = run_job(server, {**JOB, "start": [{"sitemap": "{{ base }}/robots.txt"}]})
    assert (ended.code, ended.fields("t")) == (0, ["a"])
    assert ended.endings("v_pages", server.url)["/p/b"] == "skipped:robots"


def test_match_and_when_choose_among_the_rows(mapped: Any, run_job: Any) -> None:
    server = mapped(
        {"/sitemap.xml": lambda base: sitemap(base, "/p/a1", "/i/a2", "/p/b3|<priority>0.1</priority>", "/p/b4")}
    )
    job = with_entry(match="/p/", when="{{ row.priority != '0.1' }}")
    job["rules"] = {"p": {"item": {"t": "h1", "n": "{{ row_index }}"}}}
    assert run_job(server, job).fields("t", "n") == [("a1", 1), ("b4", 4)]


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        ("2026-02-01", ["b", "c", "d"]),
        ("{{ last_run }}", ["a", "b", "c", "d"]),
        ("2026-02-02T12:00:00Z", ["b", "c", "d"]),
    ],
)
def test_since_leaves_out_what_is_older_and_keeps_what_does_not_say(
    since: str, expected: list[str], mapped: Any, run_job: Any
) -> None:
    days = {"a": "2026-01-31", "b": "2026-02-02", "c": "2026-02", "d": ""}
    server = mapped(
        {
            "/sitemap.xml": lambda base: index(base, "/new.xml", "/old.xml|<lastmod>2025-12-01</lastmod>"),
            "/new.xml": lambda base: sitemap(
                base, *(f"/p/{name}|<lastmod>{day}</lastmod>" for name, day in days.items())
            ),
            "/old.xml": lambda base: sitemap(base, *(["/p/a"] if "last_run" in since else ["/p/z"])),
        }
    )
    assert run_job(server, with_entry(since=since)).fields("t") == expected


def test_what_since_leaves_out_is_not_gone(mapped: Any, run_job: Any) -> None:
    days = {"a": "2026-01-31", "b": "2026-02-02"}
    rows = lambda base: sitemap(base, *(f"/p/{name}|<lastmod>{day}</lastmod>" for name, day in days.items()))  # noqa: E731
    server = mapped({"/sitemap.xml": rows})
    run_job(server, with_entry(since="2026-01-01"))
    ended = run_job(server, with_entry(since="2026-02-01"))
    assert (ended.fields("t"), ended.summary.items.as_dict()["gone"]) == (["a", "b"], 0)


def test_the_pictures_of_a_sitemap_are_files(mapped: Any, run_job: Any) -> None:
    image = "<image:image xmlns:image='http://www.google.com/schemas/sitemap-image/1.1'><image:loc>/i/x.bin</image:loc></image:image>"
    server = mapped({"/sitemap.xml": lambda base: sitemap(base, f"/p/a|{image}", "/p/b")})
    job = {"start": [{"sitemap": "{{ base }}/sitemap.xml", "as": "files", "rule": "r"}]}
    ended = run_job(server, {**job, "rules": {"r": {"read": "json", "item": {"page": "url"}, "files": "images[]"}}})
    assert (ended.code, ended.files) == (0, {"x.bin": b"x.bin"})
    assert [(record["page"], record["_files"]) for record in ended.records] == [
        (f"{server.url}/p/a", ["x.bin"]),
        (f"{server.url}/p/b", []),
    ]


def test_rows_can_be_asked_for_in_another_way(mapped: Any, run_job: Any, asked: Any) -> None:
    server = mapped({"/sitemap.xml": lambda base: sitemap(base, "/p/a")})
    ended = run_job(server, with_entry(url="{{ row.url }}", params={"print": 1}))
    assert (ended.code, asked(server)) == (0, ["/sitemap.xml", "/p/a?print=1"])


def test_a_sitemap_that_is_none_fails_and_says_what_came(mapped: Any, run_job: Any) -> None:
    server = mapped({"/sitemap.xml": "<!doctype html><html><h1>Not here</h1></html>"})
    ended = run_job(server, JOB)
    assert (ended.code, [one for one, _ in ended.failures]) == (4, ["type"])
    assert "no sitemap" in ended.failures[0][1]


def test_a_sitemap_that_was_cut_gives_what_stands_in_it_and_says_so(mapped: Any, run_job: Any, caplog: Any) -> None:
    server = mapped({"/sitemap.xml": lambda base: sitemap(base, "/p/a", "/p/b")[:-40]})
    assert run_job(server, JOB).fields("t") == ["a"]
    assert "not well-formed" in caplog.text


def test_one_sitemap_that_fails_costs_none_of_the_others(mapped: Any, run_job: Any) -> None:
    server = mapped(
        {
            "/sitemap.xml": lambda base: index(base, "/missing.xml", "/one.xml"),
            "/one.xml": lambda base: sitemap(base, "/p/a"),
        }
    )
    ended = run_job(server, JOB)
    assert (ended.code, ended.fields("t"), [one for one, _ in ended.failures]) == (4, ["a"], ["http:404"])


def test_a_run_that_was_cut_off_behind_the_sitemap_goes_on_with_its_pages(
    mapped: Any, run_job: Any, stop_after: Any, asked: Any
) -> None:
    server = mapped({"/sitemap.xml": lambda base: sitemap(base, "/p/a", "/p/b", "/p/c")})
    events, control = stop_after(1, "ok")
    run_job(server, JOB, events=events, control=control)
    ended = run_job(server, JOB)
    assert (ended.code, ended.fields("t")) == (0, ["a", "b", "c"])
    assert asked(server).count("/sitemap.xml") == 1


def test_a_second_run_of_a_sitemap_changes_nothing(fixture_server: Any, run_job: Any) -> None:
    job = {"start": [{"sitemap": "{{ base }}/sitemap_index.xml"}], "rules": {"p": {"item": {"title": "h1"}}}}
    first = run_job(fixture_server, job)
    records = first.records
    second = run_job(fixture_server, job)
    assert (first.code, second.code, second.records) == (0, 0, records)
    assert len(records) > 3
    assert second.summary.items.as_dict() == {**first.summary.items.as_dict(), "new": 0}


def test_each_entry_of_a_feed_is_a_page_and_the_entry_its_row(fixture_server: Any, run_job: Any) -> None:
    rules = {"p": {"item": {"title": "h1", "told": "{{ row.title }}", "at": "{{ row.updated | date }}"}}}
    ended = run_job(fixture_server, {"start": [{"feed": "{{ base }}/feeds/news.atom"}], "rules": rules})
    assert ended.code == 0
    assert [record["_url"].removeprefix(fixture_server.url) for record in ended.records] == [
        f"/feeds/news/{number}" for number in (1, 2, 3)
    ]
    assert all(record["told"] and record["at"] for record in ended.records)


def test_the_entries_of_a_feed_can_be_files(fixture_server: Any, run_job: Any) -> None:
    entry = {"feed": "{{ base }}/feeds/show.rss", "url": "{{ row.enclosures[0].href }}", "as": "files"}
    ended = run_job(fixture_server, {"start": [entry], "files": {"path": "{{ row.title | slug }}{{ ext }}"}})
    assert (ended.code, len(ended.files), ended.summary.files.saved) == (0, 3, 3)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"sitemap": "ftp://x/", "rule": "p"}, "start.0.sitemap"),
        ({"url": "http://x/", "match": "a", "rule": "p"}, "match goes with sitemap"),
        ({"url": "http://x/", "since": "2026-01-01", "rule": "p"}, "since goes with sitemap"),
        ({"sitemap": "http://x/", "match": "(", "rule": "p"}, "start.0.match: not a regex"),
        ({"sitemap": "http://x/", "since": "soon", "rule": "p"}, "start.0.since: 'soon' is not a date"),
        ({"sitemap": "http://x/", "feed": "http://x/", "rule": "p"}, "cannot stand together"),
    ],
)
def test_a_wrong_entry_is_told_before_anything_is_fetched(entry: Any, told: str, run_job: Any) -> None:
    with pytest.raises(JobError) as caught:
        run_job("http://127.0.0.1:9", {"start": [entry], "rules": {"p": {"item": {"t": "h1"}}}})
    assert told in str(caught.value)
