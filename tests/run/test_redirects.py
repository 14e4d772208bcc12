"""A page is fetched once a run, also where it is linked and reached by redirects; whoever answers first."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from scraper.job.load import from_data
from scraper.run import runner
from scraper.run.events import Events
from scraper.run.kit import Options
from scraper.server import Request, Response, Server, Site
from tests.run.conftest import job_data
from tests.run.manual import Manual, norm
from tests.run.test_crash import Dead, Death
from tests.run.test_mirror import JOB as MIRROR

WAIT = 5  # seconds that an event may take before a test fails
JOB: dict[str, Any] = {
    "start": ["{{ base }}/"],
    "polite": {"robots": "ignore"},
    "rules": {"page": {"item": {"title": "h1", "by": "{{ parent.title | default('') }}"}, "follow": {"page": "a"}}},
}
Moved = Callable[[dict[str, str]], None]


def rows_of(*paths: str) -> dict[str, Any]:
    """A job whose start names these, read by a rule without links."""
    return {**JOB, "start": [f"{{{{ base }}}}{path}" for path in paths], "rules": {"page": {"item": {"title": "h1"}}}}


@pytest.fixture
def moved(site: Site) -> Moved:
    """`moved({path: target})`: redirects."""

    def make(hops: dict[str, str]) -> None:
        for path, target in hops.items():
            site.route(path)(lambda request, target=target: redirect(target))

    return make


def redirect(target: str, *more: tuple[str, str]) -> Response:
    return Response(301, [("Location", target), *more], b"moved")


def once(*targets: str) -> Counter[str]:
    return Counter(targets)


# -- in whichever order --------------------------------------------------------------------------------------

HELD: dict[str, dict[str, str]] = {
    "the target has ended": {"/old": "reached"},
    "the target is in flight": {"/old": "asked", "/new": "reached"},
    "the source has ended": {"/late": "reached"},
    "the source is in flight": {"/late": "asked", "/new": "late"},
}
"""When the second of a link and a redirect leads to a page; how: which answer waits for what."""


@pytest.mark.parametrize("when", HELD)
def test_a_page_found_directly_and_by_a_redirect_is_one_page_whatever_comes_first(
    when: str, site: Site, serve: Any, run_job: Any, heard: Any, asked: Any, html: Any
) -> None:
    events = {name: threading.Event() for name in ("asked", "reached", "late")}
    first = "/new" if "target" in when else "/late"
    pages = {
        "/": html("/old", first, title="top"),
        "/late": html("/new", title="late"),
        "/old": redirect("/new"),
        "/new": html("#top", title="new"),
    }

    @site.route("/<path:name>")
    def answer(request: Request, name: str) -> Any:
        if request.target == "/new":
            events["asked"].set()
        held = HELD[when].get(request.target)
        assert held is None or events[held].wait(WAIT)
        return pages[request.target]

    def told(url: str, ending: str) -> None:
        events["late" if url.endswith("/late") else "reached"].set() if not url.endswith("/") else None

    server = serve(site)
    ended = run_job(server, JOB, events=heard(told))
    linked = {"/", "/old", "/new", first}
    late = [] if first == "/new" else [("late", "top")]
    assert (ended.code, once(*asked(server))) == (0, once(*linked))
    assert Counter(ended.fields("title", "by")) == Counter([("top", None), ("new", "top"), *late])
    endings = ended.endings("v_pages", server.url)
    assert endings.keys() == linked
    assert Counter(endings.values()) == Counter({"ok": len(linked) - 1, "skipped:duplicate": 1})


@pytest.mark.parametrize("target_first", [True, False])
def test_each_rule_that_reached_a_page_reads_it(
    target_first: bool, site: Site, serve: Any, run_job: Any, asked: Any, html: Any, moved: Moved
) -> None:
    """One at a time, in record order: per_host is 1."""
    site.route("/new")(lambda request: html(title="new"))
    moved({"/old": "/new"})
    start = [{"url": "{{ base }}/old", "rule": "a"}, {"url": "{{ base }}/new", "rule": "b"}]
    job = {
        **JOB,
        "polite": {"robots": "ignore", "per_host": 1},
        "start": start[::-1] if target_first else start,
        "rules": {name: {"item": {"title": "h1", name: "{{ rule }}"}} for name in "ab"},
    }
    server = serve(site)
    ended = run_job(server, job)
    assert once(*asked(server)) == once("/old", "/new")
    assert sorted((row["_rule"], row["title"], row["_url"]) for row in ended.records) == [
        (name, "new", f"{server.url}/new") for name in "ab"
    ]


@pytest.mark.parametrize("order", [["/a", "/b", "/c", "/d"], ["/d", "/c", "/b", "/a"], ["/c", "/a", "/d", "/b"]])
def test_a_chain_of_redirects_is_walked_once_wherever_it_is_entered(
    order: list[str], site: Site, serve: Any, run_job: Any, asked: Any, html: Any, moved: Moved
) -> None:
    moved({"/a": "/b", "/b": "/c", "/c": "/d"})
    site.route("/d")(lambda request: html(title="d"))
    server = serve(site)
    ended = run_job(server, {**rows_of(*order), "polite": {"robots": "ignore", "per_host": 1}})
    assert (ended.fields("title", "_url"), once(*asked(server))) == ([("d", f"{server.url}/d")], once(*order))
    endings = ended.endings("v_pages", server.url)
    assert (endings.keys(), Counter(endings.values())) == (
        set(order), Counter({"ok": 1, "skipped:duplicate": 3}),
    )  # fmt: skip


@pytest.mark.parametrize("limit", [None, 5])
def test_two_ways_to_one_page_are_one_page_also_where_a_limit_counts(
    limit: int | None, site: Site, serve: Any, run_job: Any, asked: Any, html: Any, moved: Moved
) -> None:
    moved({"/a": "/x", "/b": "/x#part", "/c": "/%78"})
    site.route("/")(lambda request: html("/a", "/b", "/c", title="home"))
    site.route("/x")(lambda request: html(title="x"))
    server = serve(site)
    ended = run_job(server, JOB, limit=limit)
    read = once(*map(norm, asked(server)))  # as whichever redirect came first spells it
    assert (ended.code, read, len(ended.records)) == (0, once("/", "/a", "/b", "/c", "/x"), 2)


def test_a_redirect_to_another_host_is_one_page_too(serve: Any, run_job: Any, asked: Any, html: Any) -> None:
    near, far = Site(), Site()
    far.route("/x")(lambda request: html(title="far"))
    there = serve(far)
    near.route("/")(lambda request: html("/a", "/b", f"{there.url}/x", title="near"))
    near.route("/<name>")(lambda request, name: redirect(f"{there.url}/x"))
    server = serve(near)
    ended = run_job(server, JOB)
    assert (once(*asked(server)), asked(there)) == (once("/", "/a", "/b"), ["/x"])
    assert sorted(ended.fields("title")) == ["far", "near"]


def test_a_sitemap_that_redirects_is_read_once_for_each_entry(
    site: Site, serve: Any, run_job: Any, asked: Any, html: Any, moved: Moved
) -> None:
    moved({"/sitemap.xml": "/maps/all.xml"})
    name = "http://www.sitemaps.org/schemas/sitemap/0.9"

    @site.route("/maps/all.xml")
    def sitemap(request: Request) -> Response:
        url = f"http://{request.headers['host']}/p"
        text = f'<urlset xmlns="{name}"><url><loc>{url}</loc></url></urlset>'
        return Response(200, {"Content-Type": "application/xml"}, text.encode())

    site.route("/p")(lambda request: html(title="p"))
    server = serve(site)
    entries = [{"sitemap": f"{{{{ base }}}}{path}", "rule": "page"} for path in ("/sitemap.xml", "/maps/all.xml")]
    ended = run_job(server, {**rows_of(), "start": entries})
    assert once(*asked(server)) == once("/sitemap.xml", "/maps/all.xml", "/p")
    assert (ended.code, ended.fields("title")) == (0, ["p"])


def test_the_next_pages_are_asked_for_as_the_page_was_that_was_redirected(
    site: Site, serve: Any, run_job: Any, asked: Any, html: Any
) -> None:
    """What a page out of range leads to is known, and ends the chain."""

    @site.route("/list")
    def page(request: Request) -> Any:
        number = request.query.number("page", 0)
        return html(title=str(number)) if number in (1, 2) else redirect("/list?page=1")

    site.route("/old")(lambda request: redirect(f"/list?page={request.query.number('page', 1)}"))
    rules = {"page": {"item": {"title": "h1"}, "next": {"page": "page", "max_pages": 9}}}
    server = serve(site)
    ended = run_job(server, {**rows_of("/list?page=1", "/old"), "rules": rules, "polite": {"per_host": 1}})
    assert (ended.code, ended.fields("title")) == (0, ["1", "2"])
    assert max(once(*asked(server)).values()) == 1


# -- what goes on as if it were alone --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "endings"),
    [
        (["/a", "/b", "/gone"], {"/a": "skipped:duplicate", "/b": "skipped:duplicate", "/gone": "failed:http:404"}),
        (["/a", "/b"], {"/a": "failed:http:404", "/b": "skipped:duplicate"}),
    ],
)
def test_what_leads_to_a_page_that_fails_ends_once_with_it(
    start: list[str], endings: dict[str, str], site: Site, serve: Any, run_job: Any, asked: Any, moved: Moved
) -> None:
    moved({"/a": "/gone", "/b": "/gone"})
    server = serve(site)
    ended = run_job(server, {**rows_of(*start), "polite": {"robots": "ignore", "per_host": 1}})
    assert (ended.code, ended.endings("v_pages", server.url)) == (4, endings)
    assert (ended.summary.pages.failed, once(*asked(server))["/gone"]) == (1, 1)


def test_what_leads_to_a_page_that_has_failed_tries_it_again(
    site: Site, serve: Any, run_job: Any, html: Any, moved: Moved
) -> None:
    answers = iter([Response(404, {}, b""), html(title="new")])
    site.route("/new")(lambda request: next(answers))
    moved({"/old": "/step", "/step": "/new"})
    server = serve(site)
    ended = run_job(server, {**rows_of("/new", "/old"), "polite": {"robots": "ignore", "per_host": 1}})
    assert ended.endings("v_pages", server.url) == {"/new": "failed:http:404", "/old": "ok"}
    assert ended.fields("title", "_url") == [("new", f"{server.url}/new")]


def test_a_session_that_ends_and_leads_all_pages_to_the_login_loses_none(
    site: Site, serve: Any, run_job: Any, html: Any
) -> None:
    """It ends after each five of them."""
    served, alive = [0], set[str]()
    names = [f"/p/{at}" for at in range(20)]
    out = '<a class="logout" href="/login">x</a>'

    @site.route("/login", ("GET",))
    def form(request: Request) -> str:
        return "<h1>log in</h1>"

    @site.route("/login", ("POST",))
    def enter(request: Request) -> Response:
        alive.add(sid := f"s{len(alive) + served[0]}")
        return Response(200, [("Set-Cookie", f"sid={sid}; Path=/"), ("Content-Type", "text/html")], out.encode())

    def page(request: Request, *links: str) -> Any:
        if request.cookies.get("sid") not in alive:
            return redirect("/login")
        served[0] += 1
        if served[0] % 5 == 0:
            alive.clear()
        return html(*links, title=request.target, extra=out)

    site.route("/")(lambda request: page(request, *names))
    site.route("/p/<at>")(lambda request, at: page(request))
    job = {
        **JOB,
        "login": [{"post": "{{ base }}/login"}],
        "polite": {"per_host": 1},
        "rules": {"page": {"item": {"t": "h1"}, "expect": {"has": "a.logout"}, "follow": {"page": "a:not(.logout)"}}},
    }
    server = serve(site)
    ended = run_job(server, job)
    assert (ended.code, ended.failures) == (0, [])
    assert Counter(ended.fields("t")) == once("/", *names)
    assert set(ended.endings("v_pages", server.url).values()) == {"ok"}


@pytest.mark.parametrize("way", ["/", "/check"])
def test_a_page_that_sets_a_cookie_and_leads_to_itself_is_read(
    way: str, site: Site, serve: Any, run_job: Any, html: Any, asked: Any
) -> None:
    @site.route("/")
    def page(request: Request) -> Any:
        return html(title="in") if "seen" in request.cookies else redirect(way, ("Set-Cookie", "seen=1; Path=/"))

    site.route("/check")(lambda request: redirect("/"))
    server = serve(site)
    ended = run_job(server, JOB)
    assert (ended.code, ended.fields("title")) == (0, ["in"])
    assert asked(server) == ["/", *([way] if way != "/" else []), "/"]


# -- runs ------------------------------------------------------------------------------------------------------


def after(n: int) -> list[str]:
    """What page n links."""
    return [f"/old/{n % 5 + 1}", f"/{(n + 1) % 5 + 1}"]


@pytest.mark.slow
def test_a_tree_is_mirrored_whose_pages_are_linked_and_redirected_to(run_job: Any, serve: Any) -> None:
    manual, dice = Manual(), random.Random(3)
    server = serve(manual.site())
    manual.grow(urlsplit(server.url).netloc)
    behind = [goal for goal in manual.pages if goal.endswith("/moved/")]
    for page in list(manual.pages):
        for goal in dice.sample(behind, 2):
            manual._link(page, goal)
    ended = run_job(server, MIRROR)
    asked = Counter(norm(seen.target) for seen in server.log if seen.target != "/robots.txt")
    assert (ended.code, asked) == (0, once(*manual.pages, *manual.moved, *manual.images))
    assert Counter(ended.fields("title")) == once(*manual.pages)
    rows = [row for row in ended.view("v_pages") if row["url"].startswith(server.url)]
    endings = {norm(row["url"].removeprefix(server.url)): row["ending"] for row in rows}
    steps = {goal for _, goal in manual.moved.values()} - set(behind)
    assert (endings.keys() - manual.linked) == (manual.pages.keys() | manual.moved.keys()) - steps
    moved = [sorted((endings[goal], endings[goal.removesuffix("/")])) for goal in behind]
    assert moved == [["ok", "skipped:duplicate"]] * len(behind)


def library(site: Site, html: Any) -> Site:
    """Some pages, each linked by its own URL by one and by a redirect by others."""
    site.route("/")(lambda request: html("/old/1", "/2", "/old/3", "/far/4", title="top"))
    site.route("/<n>")(lambda request, n: html(*after(int(n)), title=n))
    site.route("/old/<n>")(lambda request, n: redirect(f"/{n}"))
    site.route("/far/<n>")(lambda request, n: redirect(f"/old/{n}"))
    return site


LIBRARY = ["/", *(f"/{at}" for at in range(1, 6))]


def test_a_second_run_changes_nothing(site: Site, serve: Any, run_job: Any, html: Any) -> None:
    server = serve(library(site, html))
    first, second = run_job(server, JOB), run_job(server, JOB)
    items = second.summary.items
    assert (first.code, second.code, second.records) == (0, 0, first.records)
    assert (items.total, items.new, items.changed, items.gone) == (len(LIBRARY), 0, 0, 0)


@pytest.mark.parametrize(("expect", "gone"), [(None, 0), ({"status": 200}, 1)])
def test_the_item_of_a_page_is_the_same_by_whichever_way_it_is_reached(
    expect: Any, gone: int, site: Site, serve: Any, run_job: Any, html: Any, moved: Moved
) -> None:
    """Unless its rule says what it must find: then it is the item of the page that was asked for."""
    site.route("/new")(lambda request: html(title="new"))
    moved({"/old": "/new"})
    server = serve(site)
    rules = {"page": {"item": {"title": "h1"}, **({"expect": expect} if expect else {})}}
    runs = [run_job(server, {**rows_of(path), "rules": rules}) for path in ("/old", "/new", "/old")]
    assert [len(ended.records) for ended in runs] == [1, 1, 1]
    assert [ended.summary.items.gone for ended in runs] == [0, gone, gone]


@pytest.mark.slow
def test_killed_at_any_commit_no_page_is_lost_and_none_is_there_twice(
    site: Site, serve: Any, ran: Any, html: Any, asked: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(runner, "PAGE_THREADS", 1)
    server: Server = serve(library(site, html))
    loaded = from_data(job_data({**JOB, "name": "library"}, server.url), folder=tmp_path)

    def run_it(name: str, death: Death) -> tuple[Any, Counter[str]]:
        before, summary = len(asked(server)), None
        with suppress(Dead), death.awaited():
            summary = runner.run(loaded, Options(dest=tmp_path / name), Events())
        return summary and ran(summary, tmp_path / name), once(*asked(server)[before:])

    life = Death()
    undisturbed, all_asked = run_it("undisturbed", life)
    assert (sorted(undisturbed.fields("_url")), max(all_asked.values())) == (
        [f"{server.url}{path}" for path in LIBRARY], 1,
    )  # fmt: skip
    commits = [at for at, step in enumerate(life.trace, 1) if step in ("before commit", "after commit")]
    assert len(commits) > 2 * len(all_asked)
    for at in commits[2:]:  # the first makes the ledger
        run_it(f"killed-{at}", Death(at))
        rows = ran(undisturbed.summary, tmp_path / f"killed-{at}").view("v_pages", whole=True)
        done = {row["url"].removeprefix(server.url) for row in rows if row["ending"] == "ok"}
        ended, second = run_it(f"killed-{at}", Death())
        endings = Counter(row["ending"] for row in ended.view("v_pages"))
        told = f"killed at step {at}"
        assert (ended.code, ended.records) == (0, undisturbed.records), told
        assert endings == Counter({"ok": len(LIBRARY), "skipped:duplicate": len(all_asked) - len(LIBRARY)}), told
        if len(ended.view("v_runs", whole=True)) == 1:  # the last commit of all closes the run
            assert not done & second.keys(), told
