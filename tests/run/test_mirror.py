"""A documentation tree mirrored by one rule that follows all links to itself: what its generator knows, and no more."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from scraper.job.load import from_data
from scraper.run.events import Events
from scraper.run.kit import Options
from scraper.run.runner import run
from scraper.server import Response, Server
from scraper.server.fixture.pictures import picture
from tests.run.conftest import Ran, job_data
from tests.run.manual import OUTSIDE_PAGES, Manual, norm

pytestmark = pytest.mark.slow

JOB = r"""
start: ["{{ base }}/"]
polite: {per_host: 8}
rules:
  page:
    item: {title: "h1", url: "{{ page.url }}"}
    follow: {page: {select: "a[href]", deny: "[.]png([?]|$)"}}
    files:
      - img
      - {css: "[style]::attr(style)", match: "url\\('?(.*?)'?\\)"}
      - "a[href*='.png']"
      - "link[rel~=icon]"
files: {path: "{{ dir }}/{{ filename }}"}
"""


LINKS = """
    start: ["{{ base }}/"]
    rules: {page: {item: {title: h1}, follow: {page: a}}}
"""
WAIT = 5  # seconds that an event may take before a test fails


@pytest.fixture
def mirror(serve: Any) -> Callable[..., tuple[Manual, Server]]:
    """`mirror()`: a manual that is served."""

    def make(**how: Any) -> tuple[Manual, Server]:
        manual = Manual(**how)
        server = serve(manual.site())
        return manual.grow(urlsplit(server.url).netloc), server

    return make


def bare(path: str) -> str:
    """Of files whose names collide any may bear the bare one."""
    return re.sub(r"~[0-9a-f]{8}", "", path)


def path_of(goal: str) -> str:
    return unquote(goal.partition("?")[0]).lstrip("/")


def asked_of(server: Server) -> Counter[str]:
    return Counter(norm(seen.target) for seen in server.log if seen.target != "/robots.txt")


def once(*groups: Any) -> Counter[str]:
    return Counter([each for group in groups for each in group])


def stands(ended: Any) -> Counter[Any]:
    return Counter((bare(path), content) for path, content in ended.files.items())


def inodes(ended: Any) -> dict[str, tuple[int, int]]:
    found = {path: (ended.dest / path).stat() for path in ended.files}
    return {path: (seen.st_ino, seen.st_mtime_ns) for path, seen in found.items()}


@dataclass(frozen=True)
class Seen:
    """What a run asked for and left."""

    code: int
    asked: Counter[str]
    records: list[dict[str, Any]]
    endings: Counter[tuple[str, str]]
    files: Counter[Any]
    inodes: dict[str, tuple[int, int]]
    summary: Any


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory: Any) -> Iterator[tuple[Manual, str, list[Seen]]]:
    """A manual, its base, and what each of two runs came to: it is large, so several tests look at the same runs."""
    manual, folder = Manual(), tmp_path_factory.mktemp("mirror")
    with Server(manual.site()) as server:
        manual.grow(urlsplit(server.url).netloc)
        loaded = from_data(job_data(JOB, server.url), folder=folder)
        yield manual, server.url, [seen(server, loaded, folder / "out") for _ in range(2)]


def seen(server: Server, loaded: Any, dest: Path) -> Seen:
    server.log.clear()
    ended = Ran(run(loaded, Options(dest=dest), Events()), dest)
    rows = Counter((whole(row["url"].removeprefix(server.url)), row["ending"]) for row in ended.view("v_pages"))
    asked, records = asked_of(server), ended.records
    return Seen(ended.code, asked, records, rows, stands(ended), inodes(ended), ended.summary)


def test_each_page_and_each_image_is_fetched_once_and_is_there(mirrored: Any) -> None:
    manual, base, (first, _) = mirrored
    assert (first.code, first.asked) == (0, once(manual.pages, manual.moved, manual.images))
    assert sorted(record["title"] for record in first.records) == sorted(manual.pages)
    assert {norm(record["url"].removeprefix(base)): record["title"] for record in first.records} == {
        goal: goal for goal in manual.pages
    }
    assert first.files == Counter((path_of(goal), content) for goal, content in manual.images.items())


def test_each_link_has_one_ending(mirrored: Any) -> None:
    manual, _, (first, _) = mirrored
    hops = {goal for status, goal in manual.moved.values()}
    behind = {goal for goal in manual.pages if goal.endswith("/moved/")}
    read = (manual.pages.keys() | manual.moved.keys()) - behind - hops
    left = manual.linked | OUTSIDE_PAGES
    assert first.endings == once(((goal, "ok") for goal in read), ((goal, "skipped:outside") for goal in left))


def whole(url: str) -> str:
    """A target, or a URL of another host, in normal form."""
    return "http://other.invalid/" if url.startswith("http://other.invalid") else norm(url)


def test_a_second_run_reads_the_pages_again_and_changes_nothing(mirrored: Any) -> None:
    manual, _, (first, second) = mirrored
    assert (second.code, second.asked) == (0, once(manual.pages, manual.moved))
    assert (second.records, second.inodes) == (first.records, first.inodes)
    items, files = second.summary.items, second.summary.files
    assert (items.new, items.changed, items.gone, files.saved, files.skipped) == (0, 0, 0, 0, len(manual.images))


PAGES_TOO = JOB.replace("  page:\n", "  page:\n    parser: lexbor\n").replace(
    "    files:\n",
    """    files:
      - {url: "{{ page.url }}", path: "pages{{ page.url | replace(base, '') | urlencode }}@.html"}
""",
)


def test_a_page_that_is_kept_as_a_file_too_is_asked_for_twice(mirror: Any, run_job: Any) -> None:
    """Once to be read, once to be kept: a file is fetched by itself (JOBS.md has no file that is the page at hand)."""
    manual, server = mirror()
    ended = run_job(server, PAGES_TOO)
    assert ended.code == 0
    assert asked_of(server) == once(manual.pages, manual.pages, manual.moved, manual.images)
    kept = [content.decode() for path, content in ended.files.items() if path.startswith("pages")]
    assert sorted(kept) == sorted(manual.page(goal) for goal in manual.pages)


@pytest.mark.parametrize("slow", ["/list-1", "/list-2"])
def test_a_page_has_the_url_of_its_first_finder_in_record_order_whoever_answers_first(
    slow: str, site: Any, serve: Any, run_job: Any, heard: Any, html: Any, link_site: Any
) -> None:
    pages = {"/": html("/list-1", "/list-2"), "/list-1": html("/~x"), "/list-2": html("/%7ex"), "/~x": html(title="X")}
    link_site(site, {path: text for path, text in pages.items() if path != slow})
    read = threading.Event()

    @site.route(slow)
    def last(request: Any) -> str:
        assert read.wait(WAIT)
        return pages[slow]

    server = serve(site)
    events = heard(lambda url, ending: read.set() if url.endswith("x") else None)
    ended = run_job(server, LINKS.replace("h1", '"{{ page.url }}"'), events=events)
    spelled = [url for url in ended.fields("_url") if url.endswith("x")]
    assert (ended.code, spelled) == (0, [f"{server.url}/~x"])


def test_empty_segments_of_a_relative_link_stay(
    site: Any, serve: Any, run_job: Any, asked: Any, html: Any, link_site: Any
) -> None:
    """RFC 3986 section 5.2.4; `web/2020/http://example.org/` is such a link."""
    link_site(site, {"/": html("a/b//c"), "/a/b//c": html()})
    server = serve(site)
    run_job(server, LINKS)
    assert asked(server) == ["/", "/a/b//c"]


def test_a_link_that_is_a_question_mark_leads_to_the_page_without_query(
    site: Any, serve: Any, run_job: Any, html: Any
) -> None:
    """RFC 3986 section 5.2.2: a query that is there, though empty, replaces the base's."""
    site.route("/")(lambda request: html("/list?page=2"))
    site.route("/list")(lambda request: html("?"))
    server = serve(site)
    run_job(server, LINKS)
    assert asked_of(server) == once(["/", "/list?page=2", "/list"])


def test_encoded_dots_of_a_url_are_no_folder(site: Any, serve: Any, run_job: Any, link_site: Any) -> None:
    """`%2e%2e` is `..` (WHATWG URL, double-dot segments)."""
    link_site(site, {"/": '<img src="/x/%2e%2E/a/b.png">'})
    site.route("/a/b.png")(lambda request: Response(200, {"Content-Type": "image/png"}, picture(1, "png")))
    ended = run_job(serve(site), """
        start: ["{{ base }}/"]
        rules: {page: {files: img}}
        files: {path: "{{ dir }}/{{ filename }}"}
    """)  # fmt: skip
    assert list(ended.files) == ["a/b.png"]


# -- what does not hold yet ----------------------------------------------------------------------------------


def test_a_page_found_directly_and_by_a_redirect_is_fetched_once(
    site: Any, serve: Any, run_job: Any, asked: Any, html: Any, link_site: Any
) -> None:
    """That it links its own top is enough."""
    link_site(site, {"/": html("/old"), "/new": html("#top", title="new")})
    site.route("/old")(lambda request: Response(301, {"Location": "/new"}, b""))
    server = serve(site)
    ended = run_job(server, LINKS)
    assert (sorted(asked(server)), ended.fields("title")) == (["/", "/new", "/old"], [None, "new"])
