"""The fixture site's feeds and sitemaps lead to what is really there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from scraper.files.types import sniff
from scraper.page.feed import read_feed
from scraper.page.sitemap import read_sitemap
from scraper.server import Server
from scraper.server.fixture import fixture_site


@pytest.fixture
def get() -> Iterator[Any]:
    """`get(path or URL)` from a fixture site of its own."""
    with Server(fixture_site()) as server, requests.Session() as session:
        session.trust_env = False
        yield lambda url: session.get(url if url.startswith("http") else f"{server.url}{url}", timeout=20)


@pytest.mark.parametrize("name", ["show.rss", "news.atom", "notes.json"])
def test_every_enclosure_and_link_of_a_feed_is_there(name: str, get: Any) -> None:
    reply = get(f"/feeds/{name}")
    entries = read_feed(reply.content, reply.headers["Content-Type"], reply.url)["entries"]
    files = [get(one["href"]) for entry in entries for one in entry["enclosures"]]
    assert {sniff(file.content) for file in files} <= {"audio/mpeg", "audio/wav"}
    assert [len(files), len(entries), *(get(entry["link"]).status_code for entry in entries)] == [3, 3, 200, 200, 200]


def test_robots_txt_names_the_index_and_that_its_sitemaps(get: Any) -> None:
    robots = get("/robots.txt")
    index = get(read_sitemap(robots.content, robots.url, None).sitemaps[0]["url"])
    children = [get(one["url"]) for one in read_sitemap(index.content, index.url, None).sitemaps]
    rows = [read_sitemap(child.content, child.url, child.headers["Content-Type"]).rows for child in children]
    assert ([len(one) for one in rows], {get(one[-1]["url"]).status_code for one in rows}) == ([3, 24], {200})
