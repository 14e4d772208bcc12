"""`scraper retry` (check 3 of its issue): exactly what failed last, of the classes that are meant, is asked again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scraper.cli.retry import patterns_of
from scraper.errors import UsageError
from scraper.run.errands.retry import Retry
from scraper.run.events import Events
from scraper.run.kit import Options
from scraper.run.runner import run
from scraper.server import Response, Site
from tests import endings

ASKED = {
    # What `--class` says, and by what it is called in tests/endings.py what is asked for again.
    "dns": ["dns"],
    "connect": ["connect"],
    "timeout": ["timeout"],
    "stalled": ["stalled"],
    "tls": ["tls"],
    "proxy": ["proxy"],
    "redirect": ["redirect"],
    "protocol": ["protocol"],
    "length": ["length"],
    "encoding": ["encoding"],
    "digest": ["digest"],
    "type": ["type", "page type"],
    "limit": ["limit"],
    "disk": ["disk"],
    "busy": ["busy"],
    "shape": ["page shape", "item"],
    "name": ["ok"],
    "http:404": ["http:404", "page http:404"],
    "http:5xx": ["http:500", "http:503"],
    "http:410,http:401": ["http:401", "http:410"],
}


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[endings.World]:
    """A world after its run, for all tests here: a retry changes nothing for another class."""
    with endings.world(tmp_path_factory.mktemp("world")) as world:
        world.run()
        yield world


def retried(world: endings.World, *classes: str, **more: Any) -> tuple[Any, list[str]]:
    """A retry, and what the world's own server was asked meanwhile."""
    before = len(world.server.log)
    errand = Retry(patterns_of(classes), said=list(classes), **more)
    summary = run(world.loaded(), Options(dest=world.dest, errand=errand), Events(), None)
    return summary, [seen.target for seen in world.server.log[before:] if seen.target != "/robots.txt"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ASKED)
def test_of_each_class_exactly_these_are_asked_again(name: str, ended: endings.World) -> None:
    names = {"item": f"{ended.server.url}{endings.SHAPELESS}"}
    wanted = {names.get(one) or ended.url(one) for one in ASKED[name]}
    here = {url.removeprefix(ended.server.url) for url in wanted if url.startswith(ended.server.url)}
    summary, asked = retried(ended, name)
    assert set(asked) == here
    # A file without a path is told by its page's URL.
    assert {one["url"] for one in summary.failures} == wanted


# -- against a server that gets better -----------------------------------------------------------------------------


class Sick:
    """A site whose paths in `broken` answer 500 (or as they say), until they are taken out of it."""

    def __init__(self, site: Site, pages: dict[str, str], files: tuple[str, ...] = ()) -> None:
        self.broken: dict[str, int] = {}
        for path, text in pages.items():
            site.route(path)(lambda request, path=path, text=text: self.answer(path, text))
        for path in files:
            site.route(path)(lambda request, path=path: self.answer(path, path.encode()))

    def answer(self, path: str, answer: Any) -> Any:
        return Response(self.broken[path], {}, b"") if path in self.broken else answer


PAGES = {
    "/": '<a class="b" href="/b/1"></a><a class="b" href="/b/2"></a><a class="b" href="/b/3"></a>',
    "/b/1": '<h1>one</h1><i>1</i><img src="/1.bin"><a class="b" href="/b/2"></a>',
    "/b/2": '<h1>two</h1><i>2</i><img src="/1.bin"><img src="/2.bin"><a class="b" href="/b/4"></a>',
    "/b/3": '<h1>three</h1><i>3</i><img src="/3.bin">',
    "/b/4": '<h1>four</h1><i>4</i><img src="/4.bin">',
}
FILES = ("/1.bin", "/2.bin", "/3.bin", "/4.bin")
BOOK = {"item": {"title": "h1", "n": {"css": "i", "required": True}}, "files": "img", "follow": {"book": "a.b"}}
JOB = {
    "start": ["{{ base }}/"],
    "rules": {"index": {"follow": {"book": "a.b"}}, "book": BOOK},
    "http": {"retry": {"attempts": 1}},
    "polite": {"robots": "ignore"},
}


@pytest.fixture
def sick(site: Site) -> Sick:
    return Sick(site, PAGES, FILES)


@pytest.fixture
def again(run_job: Any, asked: Any) -> Callable[..., tuple[Any, list[str]]]:
    """`again(server, "timeout", job=, since=, url=)`: a retry, and what was asked by it."""

    def retry(server: Any, *classes: str, job: Any = JOB, **more: Any) -> tuple[Any, list[str]]:
        before = len(asked(server))
        said = [list(classes), sorted(map(str, more.values()))]
        ran = run_job(server, job, errand=Retry(patterns_of(classes), said=said, **more))
        return ran, asked(server)[before:]

    return retry


def test_a_page_that_comes_back_is_read_as_ever_and_what_stands_is_not_asked_again(
    sick: Sick, site: Site, serve: Any, run_job: Any, again: Any
) -> None:
    server = serve(site)
    whole = run_job(server, JOB)
    sick.broken = {"/b/2": 500}
    assert run_job(server, JOB).code == 4
    sick.broken = {}
    mended, asked = again(server)
    assert (mended.code, asked) == (0, ["/b/2", "/b/4"])
    assert mended.records == whole.records
    assert mended.fields("title") == ["one", "two", "four", "three"]


def test_what_a_page_gives_that_is_new_is_fetched_and_stands_in_order(
    sick: Sick, site: Site, serve: Any, run_job: Any, again: Any
) -> None:
    sick.broken = {"/b/2": 500}
    server = serve(site)
    first = run_job(server, JOB)
    assert first.fields("title") == ["one", "three"]
    sick.broken = {}
    mended, asked = again(server)
    assert sorted(asked) == ["/2.bin", "/4.bin", "/b/2", "/b/4"]
    assert mended.fields("title", "_files") == [
        ("one", ["1.bin"]),
        ("two", ["1.bin", "2.bin"]),
        ("four", ["4.bin"]),
        ("three", ["3.bin"]),
    ]
    assert (mended.summary.items.total, mended.summary.items.gone) == (2, 0)
    assert [row["complete"] for row in mended.view("v_runs", whole=True)] == [0, 0]


def test_a_failed_item_has_its_page_read_again_by_its_rule_and_no_file_of_it_twice(
    site: Site, serve: Any, run_job: Any, again: Any
) -> None:
    texts = ["<h1>a</h1><img src='/a.bin'>", "<h1>a</h1><i>1</i><img src='/a.bin'>"]
    site.route("/")(lambda request: texts[0])
    site.route("/a.bin")(lambda request: b"a")
    job = {**JOB, "rules": {"book": {"item": BOOK["item"], "files": "img"}}}
    server = serve(site)
    first = run_job(server, job)
    assert (first.code, first.records) == (4, [])
    texts.pop(0)
    mended, asked = again(server, "shape", job=job)
    assert (mended.code, asked, mended.fields("n", "_files")) == (0, ["/", "/a.bin"], [("1", ["a.bin"])])
    assert again(server, job=job)[1] == []


def test_what_failed_otherwise_is_left_for_another_time(
    sick: Sick, site: Site, serve: Any, run_job: Any, again: Any
) -> None:
    sick.broken = {"/b/2": 500, "/1.bin": 404, "/3.bin": 503}
    server = serve(site)
    run_job(server, JOB)
    mended, asked = again(server, "http:404")
    assert (mended.code, asked) == (4, ["/1.bin"])
    sick.broken = {}
    mended, asked = again(server, "http:5xx")
    assert (mended.code, sorted(asked)) == (0, ["/2.bin", "/3.bin", "/4.bin", "/b/2", "/b/4"])  # which lists /1.bin
    mended, asked = again(server)
    assert (mended.code, asked) == (0, ["/1.bin"])
    assert again(server)[1] == []


def test_a_url_is_chosen_by_a_glob(sick: Sick, site: Site, serve: Any, run_job: Any, again: Any) -> None:
    sick.broken = {"/1.bin": 404, "/3.bin": 404}
    server = serve(site)
    run_job(server, JOB)
    assert again(server, url="*/3.*")[1] == ["/3.bin"]


def test_since_an_older_run_its_failures_count_that_no_later_run_mended(
    sick: Sick, site: Site, serve: Any, run_job: Any, again: Any
) -> None:
    sick.broken = {"/1.bin": 404, "/3.bin": 404}
    server = serve(site)
    first = run_job(server, JOB)
    sick.broken = {"/3.bin": 404}
    narrowed = {**JOB, "start": ["{{ base }}/b/1"], "rules": {"book": {**BOOK, "follow": {}}}}
    run_job(server, narrowed)
    job = {**narrowed, "rules": JOB["rules"]}
    assert again(server, job=job)[1] == []
    assert again(server, job=job, since=first.summary.run)[1] == ["/3.bin"]


def test_a_file_keeps_its_name_and_its_headers(site: Site, serve: Any, run_job: Any, again: Any) -> None:
    came: list[Any] = []

    def answer(request: Any) -> Any:
        came.append(request.headers.get("referer"))
        return Response(503, {}, b"") if len(came) == 1 else b"a"

    site.route("/")(lambda request: "<h1>First title</h1><img src='/a.bin'>")
    site.route("/a.bin")(answer)
    files = {"select": "img", "path": "{{ item.t }}.bin", "headers": {"Referer": "{{ page.url }}"}}
    job = {**JOB, "rules": {"r": {"item": {"t": "h1"}, "files": files}}}
    server = serve(site)
    run_job(server, job)
    mended, asked = again(server, job=job)
    assert (asked, list(mended.files), came) == (["/a.bin"], ["First title.bin"], [f"{server.url}/"] * 2)


def test_a_signed_url_that_failed_and_expired_is_had_anew_from_its_page(
    site: Site, serve: Any, run_job: Any, again: Any
) -> None:
    given, is_sick = [0], [True]

    def page(request: Any) -> Any:
        given[0] += 1
        return {"rows": [{"n": "1", "u": f"/f?sig={given[0]}"}]}

    def file(request: Any) -> Any:
        if is_sick[0]:
            return Response(500, {}, b"")
        return b"whole" if request.query.get("sig") == str(given[0]) else Response(403, {}, b"expired")

    site.route("/list")(page)
    site.route("/f")(file)
    files = {"select": "u", "key": "{{ item.n }}", "path": "{{ item.n }}.bin"}
    rule = {"read": "json", "each": "rows", "item": {"n": "n"}, "key": "n", "files": files}
    job = {**JOB, "start": ["{{ base }}/list"], "rules": {"r": rule}}
    server = serve(site)
    run_job(server, job)
    is_sick[0], given[0] = False, 7
    mended, asked = again(server, job=job)
    assert (mended.code, asked, mended.files) == (0, ["/f?sig=1", "/list", "/f?sig=8"], {"1.bin": b"whole"})


def test_a_next_page_that_failed_goes_on_to_those_behind_it(site: Site, serve: Any, run_job: Any, again: Any) -> None:
    sick = Sick(site, {f"/{n}": f'<h1>{n}</h1><a class="next" href="/{n + 1}"></a>' for n in range(1, 4)})
    sick.broken = {"/2": 500, "/4": 404}
    job = {**JOB, "start": ["{{ base }}/1"], "rules": {"r": {"item": {"t": "h1"}, "next": {"select": "a.next"}}}}
    server = serve(site)
    run_job(server, job)
    sick.broken = {}
    site.route("/4")(lambda request: "<h1>4</h1>")
    mended, asked = again(server, job=job)
    assert (mended.code, asked, mended.fields("t")) == (0, ["/2", "/3", "/4"], ["1", "2", "3", "4"])


def test_a_retry_that_is_stopped_is_continued_and_an_ordinary_run_begins_anew(
    sick: Sick, site: Site, serve: Any, run_job: Any, stop_after: Any, again: Any
) -> None:
    sick.broken = dict.fromkeys(("/b/1", "/b/2", "/b/3"), 500)
    server = serve(site)
    run_job(server, JOB)
    sick.broken = {}
    events, control = stop_after(1, "ok")
    stopped = run_job(server, JOB, errand=Retry(said=[[], []]), events=events, control=control)
    assert stopped.code == 130
    mended, _ = again(server)
    assert (mended.summary.run, mended.code) == (stopped.summary.run, 0)
    assert mended.fields("title") == ["one", "two", "four", "three"]
    assert len([seen for seen in server.log if seen.target == "/b/1"]) == 2
    assert run_job(server, JOB).summary.run != mended.summary.run


def test_a_page_whose_rule_is_gone_is_left_and_told(sick: Sick, site: Site, serve: Any, run_job: Any) -> None:
    sick.broken = {"/b/2": 500}
    server = serve(site)
    run_job(server, JOB)
    errand = Retry()
    other = {**JOB, "rules": {"index": {"follow": {}}}}
    assert run_job(server, other, errand=errand).code == 0
    assert (errand.taken.total, errand.taken.left) == (0, {"rule": 1})


def test_what_a_window_missed_stands_where_it_would_have_stood(
    site: Site, serve: Any, run_job: Any, again: Any
) -> None:
    broken = ["2"]

    def rows(request: Any) -> Any:
        page = request.query.get("page", "1")
        return Response(500, {}, b"") if page in broken else {"rows": {"1": [4, 3], "2": [2, 1]}.get(page, [])}

    site.route("/api")(rows)
    rule = {
        "read": "json", "each": "rows", "item": {"n": "@"}, "key": "n", "next": {"page": "page", "until": "seen"},
    }  # fmt: skip
    job = {**JOB, "start": ["{{ base }}/api"], "rules": {"r": rule}}
    server = serve(site)
    run_job(server, job)
    broken.clear()
    assert again(server, job=job)[0].fields("n") == [4, 3, 2, 1]


def test_a_file_that_the_run_saved_does_not_stand_in_the_way_of_its_page(
    site: Site, serve: Any, run_job: Any, again: Any
) -> None:
    texts = ["<h1></h1><img src='/a.bin'>", "<h1>a</h1><img src='/a.bin'>"]
    site.route("/")(lambda request: texts[0])
    site.route("/a.bin")(lambda request: b"a")
    rule = {"each": "body", "item": {"t": {"css": "h1", "required": True}}}
    job = {**JOB, "rules": {"r": rule, "f": {"files": "img"}}, "files": {"existing": "fail"}}
    job["start"] = ["{{ base }}/", {"url": "{{ base }}/", "rule": "f"}]
    server = serve(site)
    assert run_job(server, job).code == 4
    texts.pop(0)
    mended, asked = again(server, job=job)
    assert (mended.code, asked, mended.fields("t")) == (0, ["/"], ["a"])


def test_a_rules_most_pages_count_with_those_of_the_run_that_is_mended(
    site: Site, serve: Any, run_job: Any, again: Any
) -> None:
    sick = Sick(site, {"/": '<a href="/1"></a><a href="/2"></a><a href="/3"></a>', "/1": "", "/2": "", "/3": ""})
    sick.broken = {"/2": 500}
    bounded = {"index": {"follow": {"leaf": {"select": "a", "max_pages": 2}}}, "leaf": {"follow": {"leaf": "a"}}}
    job = {**JOB, "rules": bounded}
    server = serve(site)
    assert run_job(server, job).endings("v_pages", server.url)["/3"] == "skipped:limit"
    sick.broken = {}
    assert again(server, job=job)[1] == ["/2"]


def test_since_a_moment_all_runs_begun_since_then_count(
    sick: Sick, site: Site, serve: Any, run_job: Any, again: Any
) -> None:
    sick.broken = {"/1.bin": 404}
    server = serve(site)
    run_job(server, JOB)
    now = datetime.now(UTC)
    assert again(server, since=now + timedelta(hours=1))[1] == []
    assert again(server, since=now - timedelta(hours=1))[1] == ["/1.bin"]


@pytest.mark.parametrize("where", ["page", "file"])
def test_a_secret_that_the_job_has_no_more_is_told_in_words(
    where: str, site: Site, serve: Any, run_job: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEY", "s3cret-value")
    site.route("/")(lambda request: '<img src="/a.png">')
    server, key = serve(site), "{{ env('API_KEY') }}"
    files: Any = {"select": "img", "headers": {"X-Key": key}} if where == "file" else "img"
    path = "/" if where == "file" else f"/x?key={key}"
    run_job(server, {"start": ["{{ base }}" + path], "rules": {"r": {"files": files}}})
    ran = run_job(server, {"start": ["{{ base }}/"], "rules": {"r": {"files": "img"}}}, errand=Retry())
    told = "the request cannot be sent: it needs {env:API_KEY}, which the job does not name any more"
    assert [(name, message.partition(";")[0]) for name, message in ran.failures] == [("protocol", told)]


def test_while_an_ordinary_run_is_open_there_is_no_retry(drained: Any, run_job: Any) -> None:
    rule = {"read": "json", "each": "rows", "item": {"t": "t"}, "next": {"page": "page"}, "files": "u"}
    job = {"start": ["{{ base }}/api"], "rules": {"r": rule}, "polite": {"robots": "ignore"}}
    server, ran = drained(job)
    with pytest.raises(UsageError, match="`scraper run JOB` continues it"):
        run_job(server, job, errand=Retry())
    assert run_job(server, job).summary.run == ran.summary.run
