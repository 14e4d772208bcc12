"""`follow` with bounds and manners: max_pages, priority, nofollow, canonical; and what sites say to robots."""

from __future__ import annotations

from typing import Any

import pytest

from scraper.errors import JobError

RULE = {"item": {"t": "h1"}, "follow": {"p": {"select": "a"}}}


def job_of(**follow: Any) -> dict[str, Any]:
    rule = {**RULE, "follow": {"p": {"select": "a", **follow}}}
    return {"start": ["{{ base }}/"], "rules": {"p": rule}}


def test_max_pages_bounds_what_is_followed_and_the_rest_is_told(
    site: Any, serve: Any, run_job: Any, link_site: Any, html: Any
) -> None:
    pages = {f"/{at}": html("/", f"/{at + 1}", f"/{at + 2}", title=str(at)) for at in range(1, 9)}
    link_site(site, {"/": html("/1", "/2", "/3", title="0"), **pages})
    ended = run_job(serve(site), job_of(max_pages=4))
    endings = ended.view("v_pages")
    assert (ended.code, len(ended.records)) == (0, 4)
    assert {row["ending"] for row in endings} == {"ok", "skipped:limit"}


def test_a_link_that_a_page_gives_twice_counts_once_for_max_pages(
    site: Any, serve: Any, run_job: Any, link_site: Any, html: Any
) -> None:
    link_site(site, {"/": html("/1", "/1#part", "/2", title="0"), "/1": html(title="1"), "/2": html(title="2")})
    ended = run_job(serve(site), job_of(max_pages=3))
    assert (ended.fields("t"), {row["ending"] for row in ended.view("v_pages")}) == (["0", "1", "2"], {"ok"})


def test_what_has_priority_is_fetched_first(site: Any, serve: Any, run_job: Any, asked: Any, html: Any) -> None:
    dull = [f"/dull/{at}" for at in range(40)]
    site.route("/")(lambda request: html(*dull, "/hot/1", "/hot/2"))
    site.route("/<kind>/<at>")(lambda request, kind, at: html(title=f"{kind} {at}"))
    server = serve(site)
    links = {"select": "a[href*=dull]"}
    hot = {"select": "a[href*=hot]", "priority": 5}
    job = {
        "polite": {"per_host": 1, "robots": "ignore"},
        "start": ["{{ base }}/"],
        "rules": {
            "home": {"follow": {"dull": links, "hot": hot}},
            "dull": {"item": {"t": "h1"}},
            "hot": {"item": {"t": "h1"}},
        },
    }
    ended = run_job(server, job)
    assert (ended.code, asked(server)[1:3]) == (0, ["/hot/1", "/hot/2"])
    assert ended.fields("t")[:2] == ["dull 0", "dull 1"], "records keep their order"


PAGE = '<h1>0</h1><a href="/1">1</a><a rel="external nofollow" href="/2">2</a>'


@pytest.mark.parametrize(("follow", "read"), [({}, ["0", "1", "2"]), ({"nofollow": "obey"}, ["0", "1"])])
def test_a_link_that_says_nofollow_is_left_out_where_that_is_obeyed(
    follow: Any, read: list[str], site: Any, serve: Any, run_job: Any, link_site: Any, html: Any
) -> None:
    link_site(site, {"/": PAGE, "/1": html(title="1"), "/2": html(title="2")})
    server = serve(site)
    ended = run_job(server, job_of(**follow))
    assert (ended.code, ended.fields("t")) == (0, read)
    assert ended.endings("v_pages", server.url)["/2"] == ("ok" if "2" in read else "skipped:robots")


def test_a_link_that_another_page_gives_without_nofollow_is_followed(
    site: Any, serve: Any, run_job: Any, link_site: Any, html: Any
) -> None:
    link_site(site, {"/": PAGE, "/1": html("/2", title="1"), "/2": html(title="2")})
    assert run_job(serve(site), job_of(nofollow="obey")).fields("t") == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("head", "headers", "robots", "read"),
    [
        ('<meta name="robots" content="noindex, nofollow">', [], "obey", ["0"]),
        ('<meta name="ROBOTS" content="NONE">', [], "obey", ["0"]),
        ('<meta name="robots" content="noindex">', [], "obey", ["0", "1"]),
        ('<meta name="robots" content="nofollow">', [], "ignore", ["0", "1"]),
        ('<meta name="otherbot" content="nofollow">', [], "obey", ["0", "1"]),
        ('<meta name="scraper-jobs" content="nofollow">', [], "obey", ["0"]),
        ("", [("X-Robots-Tag", "nofollow")], "obey", ["0"]),
        ("", [("X-Robots-Tag", "otherbot: nofollow")], "obey", ["0", "1"]),
    ],
)
def test_a_page_may_ask_robots_to_follow_none_of_its_links(
    head: str, headers: Any, robots: str, read: list[str], site: Any, serve: Any, run_job: Any, html: Any
) -> None:
    body = f"<html><head>{head}</head><h1>0</h1><a href='/1'>1</a></html>".encode()
    site.route("/")(lambda request: (200, [("Content-Type", "text/html"), *headers], body))
    site.route("/1")(lambda request: html(title="1"))
    ended = run_job(serve(site), {**job_of(), "polite": {"robots": robots}})
    assert (ended.code, ended.fields("t")) == (0, read)


@pytest.mark.parametrize("transport", ["curl", "requests"])
@pytest.mark.parametrize(
    ("tag", "robots", "ending"),
    [
        ("noai", "obey", "skipped:robots"),
        ("noindex, nofollow", "obey", "skipped:robots"),
        ("otherbot: noai", "obey", "saved"),
        ("nofollow", "obey", "saved"),
        ("noai", "ignore", "saved"),
    ],
)
def test_a_file_may_ask_robots_not_to_take_it(
    tag: str, robots: str, ending: str, transport: str, shelf: Any, run_job: Any, items_job: Any
) -> None:
    server = shelf({"/a.bin": lambda request: (200, [("X-Robots-Tag", tag)], b"bytes")})
    job = items_job(polite={"robots": robots}, files={"transport": transport})
    ended = run_job(server, job)
    assert (ended.code, ended.endings("v_files", server.url)) == (0, {"/a.bin": ending})
    assert (ended.files == {}) == (ending != "saved")


def test_a_file_that_the_job_names_is_taken_whatever_it_asks(site: Any, serve: Any, run_job: Any) -> None:
    site.route("/a.bin")(lambda request: (200, [("X-Robots-Tag", "noai")], b"bytes"))
    job = {"start": [{"for": {"n": [1]}, "url": "{{ base }}/a.bin", "as": "files"}]}
    assert run_job(serve(site), job).summary.files.saved == 1


def canonical(url: str, title: str, *links: str) -> str:
    anchors = "".join(f'<a href="{link}">l</a>' for link in links)
    return f'<link rel="canonical" href="{url}"><h1>{title}</h1>{anchors}'


@pytest.fixture
def copies(site: Any, serve: Any, link_site: Any) -> Any:
    """A list of three links, two of them to copies of one page, which names itself."""
    link_site(
        site,
        {
            "/": canonical("/", "0", "/a?from=1", "/a?from=2", "/b"),
            "/a": canonical("/a", "a"),
            "/b": canonical("http://elsewhere.test/b", "b"),
        },
    )
    return serve(site)


def test_a_page_is_left_for_its_canonical_one_where_that_is_obeyed(copies: Any, run_job: Any) -> None:
    ended = run_job(copies, job_of(canonical="obey"))
    assert (ended.code, ended.fields("t")) == (0, ["0", "a", "b"])
    assert ended.endings("v_pages", copies.url) == {
        "/": "ok", "/a": "ok", "/b": "ok", "/a?from=1": "skipped:duplicate", "/a?from=2": "skipped:duplicate",
    }  # fmt: skip


def test_copies_are_pages_of_their_own_where_it_is_not(copies: Any, run_job: Any) -> None:
    assert run_job(copies, job_of()).fields("t") == ["0", "a", "a", "b"]


def test_canonical_urls_that_name_each_other_end(site: Any, serve: Any, run_job: Any, link_site: Any) -> None:
    link_site(site, {"/": canonical("/", "0", "/a"), "/a": canonical("/b", "a"), "/b": canonical("/a", "b")})
    ended = run_job(serve(site), job_of(canonical="obey"))
    assert (ended.code, ended.fields("t")) == (0, ["0", "b"])


@pytest.mark.parametrize(
    ("follow", "told"),
    [
        ({"nofollow": "yes"}, "rules.p.follow.p.nofollow"),
        ({"canonical": True}, "rules.p.follow.p.canonical"),
        ({"priority": "high"}, "rules.p.follow.p.priority"),
        ({"max_pages": 0}, "rules.p.follow.p.max_pages"),
    ],
)
def test_a_wrong_option_is_told_before_anything_is_fetched(follow: Any, told: str, run_job: Any) -> None:
    with pytest.raises(JobError) as caught:
        run_job("http://127.0.0.1:9", job_of(**follow))
    assert told in str(caught.value)
