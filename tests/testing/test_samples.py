"""The sample jobs test themselves: tapes meet them, and what breaks on the site fails the case that names it."""

from __future__ import annotations

import gzip
import re
import shutil
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from scraper.server import Server
from scraper.server.answers import Answer, Response
from scraper.server.fixture import fixture_site
from scraper.server.request import Request
from scraper.server.site import Answerer, Layer
from scraper.testing.cases import Replays, load_cases, record_job, run_case

ROOT = Path(__file__).parents[2]
JOBS = ROOT / "jobs"
NAMES = sorted(path.stem for path in JOBS.glob("*.yaml"))
GZIP = b"\x1f\x8b"


def unmet(job: Path) -> dict[str, str]:
    """The cases that are not met, and what is told of each."""
    replays = Replays()
    results = [run_case(case, replays=replays) for case in load_cases(job)]
    return {one.case.name: "\n".join(each.text for each in one.mismatches) for one in results if not one.ok}


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_gives_from_its_tape_what_its_tests_say(name: str) -> None:
    assert unmet(JOBS / f"{name}.yaml") == {}


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_has_cases_a_tape_and_a_golden_file_and_one_case_with_faults(name: str) -> None:
    cases = load_cases(JOBS / f"{name}.yaml")
    assert all(case.tape.is_file() for case in cases)
    assert (JOBS / "tapes" / f"{name}.expect.json").is_file()
    assert len([case for case in cases if case.given.faults]) == 1


def test_all_tapes_together_are_small() -> None:
    assert sum(path.stat().st_size for path in (JOBS / "tapes").iterdir()) < 1_500_000


def test_every_sample_travels_in_the_wheel_and_no_tape() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    given = [path.removeprefix("jobs/") for path in wheel["force-include"] if path.startswith("jobs/")]
    assert sorted(given) == sorted([*(f"{name}.yaml" for name in NAMES), "job.schema.json"])


# -- what breaks -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Break:
    """A change of the site: on these paths (a regex) this text (a regex) becomes another one.

    `fails` are the cases that name what it breaks, `told` stands in what is told of each.
    """

    job: str
    what: str
    path: str
    old: str
    new: str
    fails: frozenset[str]
    told: str

    def __str__(self) -> str:
        return f"{self.job}-{self.what}"


def breaks(job: str, *rows: tuple[str, str, str, str, str, str]) -> list[Break]:
    return [
        Break(job, what, path, old, new, frozenset(fails.split()), told) for what, path, old, new, fails, told in rows
    ]


BOOK = "/book/"
BREAKS = [
    *breaks(
        "books",
        ("title", BOOK, "<h1>", "<h2>", "titles", 'book.title: selector "h1" found nothing on {base}/book/'),
        ("price", BOOK, 'class="price"', "", "prices", 'book.price: selector "p.price" found nothing on {base}/book/'),
        ("tags", BOOK, 'class="tags"', "", "tags", 'book.tags: selector "ul.tags li" found nothing on {base}/book/'),
        ("cover", BOOK, 'id="cover"', "", "covers", 'book._files: selector "#cover img" found nothing on {base}/book/'),
        ("next", "/catalogue/", 'class="next"', "", "catalogue", 'rules.index.next "li.next a" led to no page'),
    ),
    *breaks(
        "club",
        ("name", "/club/", "<li>[^<]*</li>", "<li></li>", "members", "[].name | [0]: null"),
        ("next", "/club/", 'class="next"', "", "pages", 'rules.page.next "a.next" led to no page, from {base}/club/1'),
    ),
    *breaks(
        "library",
        ("title", BOOK, "<h1>", "<h2>", "titles", 'book.title: selector "h1" found nothing on {base}/book/'),
        ("lastmod", "/sitemaps/", "lastmod>", "seen>", "dates",
         'book.changed: selector "{{{{ row.lastmod }}}}" found nothing on {base}/book/'),
        ("price", BOOK, 'class="price"', "", "prices",
         'book.about.price: selector "p.price" found nothing on {base}/book/'),
        ("tags", BOOK, 'class="tags"', "", "tags",
         'book.about.tags: selector "ul.tags li" found nothing on {base}/book/'),
        ("cover", BOOK, 'id="cover"', "", "covers", 'book._files: selector "#cover img" found nothing on {base}/book/'),
        ("next", "/catalogue/", 'class="next"', "", "crawl",
         'rules.shelf.next "li.next a" led to no page, from {base}/catalogue/'),
    ),
    *breaks(
        "members",
        ("heading", "/members/", "<h1>", "<h2>", "greeting",
         'page.heading: selector "h1" found nothing on {base}/members/; expected "Welcome, demo"'),
        ("documents", "/members/$", r"\.pdf", ".txt", "documents", "no file annual-report.pdf"),
        ("photo", "/members/$", "<img", "<span", "photo", "no file photo.png"),
    ),
    *breaks(
        "notes",
        ("id", "/api/notes", '"id"', '"nr"', "ids", 'note.id: selector "id" found nothing on {base}/api/notes?size=20'),
        ("text", "/api/notes", '"text"', '"words"', "texts", 'note.text: selector "text" found nothing on {base}/api/'),
        ("next", "/api/notes", '"next"', '"nxt"', "pages", 'rules.note.next "next" led to no page, from {base}/api/'),
    ),
    *breaks(
        "pictures",
        ("id", "/api/", '"id"', '"nr"', "ids", 'api.id: selector "id" found nothing on {base}/api/pictures'),
        # Two cases name this one: the field, and the path of the files, which has the title in it.
        ("title", "/api/", '"title"', '"name"', "titles files", 'api.title: selector "title" found nothing on {base}/'),
        # And this one: the field, and what is fetched from it.
        ("picUrl", "/api/", '"picUrl"', '"src"', "sources files", 'selector "picUrl" found nothing on {base}/api/'),
    ),
    *breaks(
        "podcast",
        ("title", ".rss", "<title>Episode [^/]*</title>", "", "titles",
         'show.title: selector "title" found nothing on {base}/feeds/show.rss'),
        ("date", ".rss", "<pubDate>.*?</pubDate>", "", "dates episodes", "found nothing on {base}/feeds/show.rss"),
        ("duration", ".rss", "<itunes:duration>.*?</itunes:duration>", "", "lengths",
         'show.seconds: selector "itunes_duration" found nothing on {base}/feeds/show.rss'),
        ("id", ".rss", "<guid.*?</guid>", "", "ids", 'show.id: selector "id" found nothing on {base}/feeds/show.rss'),
        ("enclosure", ".rss", "<enclosure[^>]*>|<media:content[^>]*>", "", "episodes",
         'show._files: selector "enclosures'),
    ),
    *breaks(
        "posts",
        ("id", "/posts", '"id"', '"nr"', "ids", 'post.id: selector "id" found nothing on {base}/posts?_limit=20'),
        ("author", "/posts", '"userId"', '"by"', "authors", 'post.author: selector "userId" found nothing on {base}/'),
        ("title", "/posts", '"title"', '"head"', "titles", 'post.title: selector "title" found nothing on {base}/'),
        ("text", "/posts", '"body"', '"words"', "texts", 'post.text: selector "body" found nothing on {base}/posts?'),
    ),
    *breaks(
        "token",
        ("id", "/oauth/items", '"id"', '"nr"', "ids", 'items.id: selector "id" found nothing on {base}/oauth/items'),
        ("file", "/oauth/items", '"file"', '"at"', "files", 'items._files: selector "file" found nothing on {base}/'),
    ),
]  # fmt: skip
QUICK = ("books-price", "posts-author")


class Rewritten(Layer):
    """Answers of some paths with a text replaced, also in a gzip file."""

    def __init__(self, given: Break) -> None:
        self._given = given
        self.count = 0

    def answer(self, request: Request, inner: Answerer) -> Answer:
        answer = inner(request)
        if not isinstance(answer, Response) or not re.search(self._given.path, request.head.target.path):
            return answer
        is_gzip = answer.body.startswith(GZIP)
        body = gzip.decompress(answer.body) if is_gzip else answer.body
        changed, count = re.subn(self._given.old.encode(), self._given.new.encode(), body)
        self.count += count
        return replace(answer, body=gzip.compress(changed, mtime=0) if is_gzip else changed)


@pytest.fixture
def broken(tmp_path: Path) -> Callable[[Break], tuple[dict[str, str], str]]:
    """`broken(change)`: a sample recorded anew from a site that changed: the cases not met, and the site's URL."""

    def record(given: Break) -> tuple[dict[str, str], str]:
        site, layer = fixture_site(), Rewritten(given)
        site.lay(layer)
        job = tmp_path / f"{given.job}.yaml"
        shutil.copy(JOBS / job.name, job)
        with Server(site) as server:
            record_job(job, variables={"base": server.url})
            url = server.url
        assert layer.count > 0, f"nothing of {given.old} is on the site any more"
        return unmet(job), url

    return record


@pytest.mark.parametrize(
    "given", [pytest.param(each, id=str(each), marks=() if str(each) in QUICK else pytest.mark.slow) for each in BREAKS]
)
def test_what_breaks_on_the_site_fails_exactly_the_cases_that_name_it(given: Break, broken: Any) -> None:
    found, base = broken(given)
    assert found.keys() == given.fails
    assert any(given.told.format(base=base) in text for text in found.values()), found
