"""The imitations of public sources answer who asks wrongly as the originals do, and page as they do."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from bs4 import BeautifulSoup

from scraper.server import Server
from scraper.server.fixture import fixture_site, sources
from scraper.server.fixture.sources import aspnet, elastic, forum, gallery, github, podcast, tiles


@pytest.fixture
def web() -> Iterator[Any]:
    """`web(path, method, **requests' keywords)`: one request below `/sources/`, in one session."""
    with Server(fixture_site()) as server, requests.Session() as session:
        session.trust_env = False

        def call(path: str, method: str = "GET", **keywords: Any) -> requests.Response:
            url = path if path.startswith("http") else f"{server.url}/sources/{path}"
            return session.request(method, url, timeout=20, **keywords)

        yield call


def soup(reply: requests.Response) -> BeautifulSoup:
    return BeautifulSoup(reply.content, "lxml")


def test_there_are_eighteen_and_no_other(web: Any) -> None:
    assert (len(sources.NAMES), web("other/").status_code) == (18, 404)


REFUSED = {
    "a wrong address": ("github/nothing", {}, 404),
    "tiles: outside": ("tiles/1/2/0.png", {}, 404),
    "tiles: no name": ("tiles/1/1/0.png", {"headers": {"User-Agent": ""}}, 403),
    "commons: no name": ("commons/w/api.php", {"headers": {"User-Agent": ""}}, 403),
    "arxiv: bad start": ("arxiv/api/query", {"params": {"start": "x"}}, 400),
    "arxiv: too many": ("arxiv/api/query", {"params": {"max_results": 30001}}, 400),
    "arxiv: bad order": ("arxiv/api/query", {"params": {"sortBy": "date"}}, 400),
    "apod: wrong key": ("apod/planetary/apod", {"params": {"api_key": "x"}}, 403),
    "apod: no day": ("apod/planetary/apod", {"params": {"api_key": "nasa-key", "start_date": "2024-02-30"}}, 400),
    "apod: too early": ("apod/planetary/apod", {"params": {"api_key": "nasa-key", "start_date": "1995-06-15"}}, 400),
    "apod: to come": ("apod/planetary/apod", {"params": {"api_key": "nasa-key", "end_date": "2999-01-01"}}, 400),
    "apod: backwards": (
        "apod/planetary/apod",
        {"params": {"api_key": "nasa-key", "start_date": "2024-02-02", "end_date": "2024-02-01"}},
        400,
    ),
    "wordpress: beyond": ("wordpress/wp-json/wp/v2/media", {"params": {"page": 3}}, 400),
    "wordpress: too many": ("wordpress/wp-json/wp/v2/media", {"params": {"per_page": 101}}, 400),
    "wordpress: bad order": ("wordpress/wp-json/wp/v2/media", {"params": {"orderby": "size"}}, 400),
    "github: no token": (f"github/repos/{github.REPO}/releases", {}, 404),
    "github: wrong token": (f"github/repos/{github.REPO}/releases", {"headers": {"Authorization": "Bearer x"}}, 401),
    "github: unsigned": ("github/store/tool-1.7.tar.gz", {}, 403),
    "github: two ways": ("github/store/tool-1.7.tar.gz", {"headers": {"Authorization": "Bearer x"}}, 400),
    "forum: no session": ("forum/forums/photos.12/", {}, 403),
    "forum: a file": ("forum/attachments/file-jpg.1020/", {}, 403),
    "forum: no token": ("forum/login/login", {"method": "POST", "data": {"login": "me"}}, 403),
    "gallery: unsigned": ("gallery/i/1001?expires=99999999999&sig=x", {}, 403),
    "gallery: beyond": (f"gallery/album/{gallery.ALBUM}?page=9", {}, 404),
    "elastic: no JSON": ("elastic/_search", {"method": "POST", "data": {"a": 1}}, 406),
    "elastic: no point": ("elastic/_search", {"method": "POST", "json": {}}, 400),
    "aspnet: no state": ("aspnet/Search.aspx", {"method": "POST", "data": {"x": 1}}, 500),
    "terms: no term": ("terms/search", {}, 400),
    "laion: gone": ("laion/host-2/img%205.png", {}, 410),
    "books: beyond": ("books/catalogue/category/books/travel_2/page-4.html", {}, 404),
}


@pytest.mark.parametrize(("path", "asked", "status"), REFUSED.values(), ids=REFUSED)
def test_who_asks_wrongly_is_refused(web: Any, path: str, asked: dict[str, Any], status: int) -> None:
    assert web(path, **asked).status_code == status


TOLD = {
    "tianapi: wrong key": ("tianapi/meinv/index", {"key": "x"}, {"code": 230, "msg": "key is wrong or empty"}),
    "tianapi: beyond": ("tianapi/meinv/index", {"key": "tian-key-000", "page": 9}, {"code": 250, "msg": "no data"}),
    "archive: unknown": ("archive/metadata/unknown", {}, {}),
}


@pytest.mark.parametrize(("path", "params", "body"), TOLD.values(), ids=TOLD)
def test_what_is_wrong_may_be_told_with_status_200(web: Any, path: str, params: Any, body: Any) -> None:
    reply = web(path, params=params)
    assert (reply.status_code, reply.json()) == (200, body)


CATEGORY = {
    "action": "query", "format": "json", "formatversion": "2", "generator": "categorymembers",
    "gcmtitle": "Category:Featured pictures of landscapes",
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"gcmcontinue": "file|00|1"}, "badcontinue"),
        ({"maxlag": "-1"}, "maxlag"),
        ({"formatversion": "1"}, "badvalue"),
    ],
)
def test_mediawiki_tells_errors_with_status_200(web: Any, change: dict[str, str], code: str) -> None:
    reply = web("commons/w/api.php", params={**CATEGORY, **change})
    assert (reply.status_code, reply.json()["error"]["code"]) == (200, code)


def test_an_api_that_is_asked_too_fast_says_so_once(web: Any) -> None:
    asked = {"key": "tian-key-000", "page": 2}
    assert [web("tianapi/meinv/index", params=asked).json()["code"] for _ in range(3)] == [130, 200, 200]


def test_an_asset_is_told_or_sent_as_the_accept_says(web: Any) -> None:
    headers = {"Authorization": f"Bearer {github.TOKEN}"}
    told = web(f"github/repos/{github.REPO}/releases/assets/700", headers=headers)
    sent = web(told.json()["url"], headers={**headers, "Accept": "application/octet-stream"})
    assert told.json()["name"] == "tool-1.7.tar.gz"
    assert sent.content == github.asset_bytes("tool-1.7.tar.gz")
    assert sent.history[0].headers["location"].startswith("http://localhost:")


def test_a_point_in_time_is_known_by_its_latest_name(web: Any) -> None:
    point = web("elastic/images/_pit?keep_alive=5m", "POST").json()["id"]
    asked = {"size": 3, "pit": {"id": point}, "query": {"term": {"licence": "cc0"}}, "sort": [{"taken": "asc"}]}
    first = web("elastic/_search", "POST", json=asked)
    stale = web("elastic/_search", "POST", json=asked)
    asked = {**asked, "pit": {"id": first.json()["pit_id"]}, "search_after": first.json()["hits"]["hits"][-1]["sort"]}
    second = web("elastic/_search", "POST", json=asked)
    assert stale.status_code == 404
    hits = [hit["_id"] for page in (first, second) for hit in page.json()["hits"]["hits"]]
    assert hits == [hit["_id"] for hit in elastic.find("", {"licence": "cc0"})][:6]


@pytest.mark.parametrize("after", [[1], [1, 2, 3], "x", ["1", "2"]])
def test_a_cursor_of_another_shape_is_refused(web: Any, after: Any) -> None:
    point = web("elastic/images/_pit", "POST").json()["id"]
    asked = {"pit": {"id": point}, "query": {"term": {}}, "sort": [{"taken": "asc"}], "search_after": after}
    assert web("elastic/_search", "POST", json=asked).status_code == 400


def log_in(web: Any, **changes: str) -> requests.Response:
    form = soup(web("forum/login/")).select_one("form[action*=login]")
    assert form is not None
    fields = {str(one["name"]): str(one.get("value", "")) for one in form.select("input[type=hidden]")}
    data = {**fields, "login": forum.USER, "password": forum.PASSWORD, **changes}
    return web("forum/login/login", "POST", data=data)


def is_in(reply: requests.Response) -> bool:
    return soup(reply).select_one("a[href*='/logout/']") is not None


@pytest.mark.parametrize(
    ("changes", "status", "inside"), [({}, 200, True), ({"password": "x"}, 200, False), ({"_xfToken": "x"}, 403, False)]
)
def test_the_forum_lets_members_in(web: Any, changes: dict[str, str], status: int, inside: bool) -> None:
    reply = log_in(web, **changes)
    assert (reply.status_code, is_in(reply)) == (status, inside)


def test_the_forum_loses_its_sessions_once(web: Any) -> None:
    log_in(web)
    pages = [web("forum/forums/photos.12/") for _ in range(forum.SHOWN)]
    assert [(reply.status_code, is_in(reply)) for reply in pages] == [*[(200, True)] * (forum.SHOWN - 1), (200, False)]
    log_in(web)
    assert all(is_in(web("forum/forums/photos.12/")) for _ in range(2 * forum.SHOWN))


def test_beyond_its_end_the_forum_shows_the_last_page(web: Any) -> None:
    log_in(web)
    assert web("forum/forums/photos.12/page-9").url.endswith("/page-2")


def post_back(web: Any, reply: requests.Response, **changes: str) -> requests.Response:
    fields = {str(one["name"]): str(one.get("value", "")) for one in soup(reply).select("input[type=hidden]")}
    return web("aspnet/Search.aspx", "POST", data={**fields, **changes})


def permits(reply: requests.Response) -> list[str]:
    return [cell.get_text() for cell in soup(reply).select("td.permit")]


SEARCH = {"ctl00$Main$txtQuery": "garage", "ctl00$Main$btnSearch": "Search"}


def test_a_web_form_pages_by_the_state_of_its_page(web: Any) -> None:
    first = post_back(web, web("aspnet/Search.aspx"), **SEARCH)
    turn = {"__EVENTTARGET": "ctl00$Main$grid", "__EVENTARGUMENT": "Page$2"}
    second = post_back(web, first, **turn)
    assert permits(first) + permits(second) == [permit.number for permit in aspnet.find("garage")][:6]


@pytest.mark.parametrize(
    "changes",
    [
        {"__EVENTTARGET": "ctl00$Main$grid", "__EVENTARGUMENT": "Page$9"},
        {"__EVENTTARGET": "", "__EVENTARGUMENT": "Page$2"},
        {"__EVENTTARGET": "ctl00$Main$grid", "__EVENTARGUMENT": "Page$2", "__EVENTVALIDATION": ""},
        {"__EVENTTARGET": "ctl00$Main$grid", "__EVENTARGUMENT": "Page$2", "__VIEWSTATE": "forged"},
    ],
)
def test_a_web_form_refuses_what_its_page_does_not_offer(web: Any, changes: dict[str, str]) -> None:
    first = post_back(web, web("aspnet/Search.aspx"), **SEARCH)
    assert post_back(web, first, **changes).status_code == 500


def test_a_web_form_with_every_button_pressed_finds_nothing(web: Any) -> None:
    found = post_back(web, web("aspnet/Search.aspx"), **SEARCH, **{"ctl00$Main$btnClear": "Clear"})
    assert (found.status_code, permits(found)) == (200, [])


def source_of(reply: requests.Response) -> str:
    image = soup(reply).select_one("img#full")
    assert image is not None
    return str(image["src"])


def test_a_signed_picture_wants_its_page_as_referer(web: Any) -> None:
    shown = web("gallery/p/1001")
    url = source_of(shown)
    assert [web(url, headers={"Referer": referer}).status_code for referer in (shown.url, "http://x/", "")] == [
        200, 403, 403,
    ]  # fmt: skip
    assert web(url.replace("expires=", "expires=9"), headers={"Referer": shown.url}).status_code == 403


def test_a_signature_is_late_once(web: Any) -> None:
    pages = [web("gallery/p/1003") for _ in range(2)]
    statuses = [web(source_of(shown), headers={"Referer": shown.url}).status_code for shown in pages]
    assert statuses == [403, 200]


def test_a_sitemap_is_a_gzip_file(web: Any) -> None:
    reply = web("shop/sitemaps/products-2.xml.gz")
    assert reply.headers["content-type"] == "application/gzip"
    assert re.findall(r"<loc>[^<]*/product/([^<]*)/</loc>", gzip.decompress(reply.content).decode()) == [
        "hat-7", "hat-8", "bag-1",
    ]  # fmt: skip


def test_an_episode_is_a_tag_and_whole_frames() -> None:
    data = podcast.audio(1)
    tag = 10 + sum(byte << 7 * at for at, byte in enumerate(reversed(data[6:10])))
    assert (data[:3], len(data) > 100 * 1024, (len(data) - tag) % 417) == (b"ID3", True, 0)
    assert {data[at : at + 4] for at in range(tag, len(data), 417)} == {b"\xff\xfb\x90\x00"}


def test_tiles_are_distinct_down_to_zoom_four() -> None:
    found = [tiles.tile_bytes(z, x, y) for z in range(5) for x in range(2**z) for y in range(2**z)]
    assert len(set(found)) == len(found) == 341
