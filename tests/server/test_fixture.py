"""The fixture site keeps its word: what the demo and the other tests scrape is there."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from bs4 import BeautifulSoup
from requests.auth import HTTPDigestAuth

from scraper.server import Server
from scraper.server.fixture import fixture_site

KEY = {"key": "demo-key-000"}


@pytest.fixture
def web() -> Iterator[Any]:
    """A session against a fixture site of its own; `web(path, **requests' keywords)` is a GET."""
    with Server(fixture_site()) as server, requests.Session() as session:
        session.trust_env = False

        def call(path: str, method: str = "GET", **keywords: Any) -> requests.Response:
            return session.request(method, f"{server.url}{path}", timeout=20, **keywords)

        yield call


def soup(reply: requests.Response) -> BeautifulSoup:
    return BeautifulSoup(reply.content, "lxml")


def texts(reply: requests.Response, selector: str) -> list[str]:
    return [found.get_text() for found in soup(reply).select(selector)]


def test_the_picture_api_has_thirty_pictures_in_pages_of_ten(web: Any) -> None:
    pages = [web("/api/pictures", params={**KEY, "page": page}).json() for page in (1, 2, 3, 4)]

    assert [(page["code"], len(page["newslist"])) for page in pages] == [
        (200, 10),
        (200, 10),
        (200, 10),
        (250, 0),
    ]
    assert [row["id"] for page in pages for row in page["newslist"]] == list(range(1, 31))


def test_the_picture_api_wants_its_key(web: Any) -> None:
    reply = web("/api/pictures", params={"key": "wrong"})

    assert (reply.status_code, reply.json()["code"], "newslist" in reply.json()) == (200, 230, False)


def test_the_pictures_are_distinct_files_of_their_type(web: Any) -> None:
    rows = web("/api/pictures", params={**KEY, "num": 30}).json()["newslist"]
    paths = [re.sub("^http://[^/]+", "", row["picUrl"]) for row in rows]
    replies = [web(path) for path in paths]

    assert {reply.headers["content-type"] for reply in replies} == {"image/png", "image/jpeg"}
    assert len({reply.content for reply in replies}) == 30
    assert all(reply.content[:4] in (b"\x89PNG", b"\xff\xd8\xff\xe0") for reply in replies)


def test_pictures_have_validators_and_ranges(web: Any) -> None:
    whole = web("/pictures/2.jpg")
    etag = whole.headers["etag"]
    part = web("/pictures/2.jpg", headers={"Range": "bytes=10-", "If-Range": etag})

    assert (part.status_code, part.content) == (206, whole.content[10:])
    assert web("/pictures/2.jpg", headers={"If-None-Match": etag}).status_code == 304


def crawl(web: Any, start: str) -> list[str]:
    """The book links of a list and the pages after it."""
    links, folder = [], start
    place: str | None = start
    while place:
        page = soup(web(place))
        links += [str(link["href"]) for link in page.select("article h3 a")]
        after = page.select_one("li.next a")
        place = folder + str(after["href"]) if after else None
    return links


def test_the_catalogue_leads_to_twenty_three_books_with_a_price(web: Any) -> None:
    links = crawl(web, "/catalogue/")
    books = [web(link) for link in links]

    assert len(set(links)) == 23
    assert all(re.fullmatch(r"£\d+\.\d\d", texts(book, "p.price")[0]) for book in books)
    assert all(texts(book, "ul.tags li") for book in books)


def test_the_book_without_a_price_is_in_a_category_that_nothing_links(web: Any) -> None:
    links = crawl(web, "/catalogue/broken/")

    assert links == ["/book/no-price"]
    assert texts(web(links[0]), "p.price") == []
    assert "broken" not in texts(web("/catalogue/"), "ul.categories a")


def test_a_title_with_markup_in_it_is_text(web: Any) -> None:
    assert texts(web("/book/tags-and-quotes"), "h1") == ['Tags & "Quotes": <b> in 24 Hours']


def test_covers_are_relative_and_some_have_a_larger_source(web: Any) -> None:
    image = soup(web("/book/genji")).select_one("#cover img")
    assert image is not None

    assert image["src"] == "../covers/genji.png"
    assert image["srcset"] == "../covers/genji.png 48w, ../covers/genji-large.png 96w"
    assert web("/covers/genji.png").content != web("/covers/genji-large.png").content
    assert web("/covers/genji.jpg").status_code == 404


def test_the_book_api_has_the_same_books(web: Any) -> None:
    rows = [row for page in (1, 2, 3) for row in web("/api/books", params={"page": page}).json()["newslist"]]

    assert len(rows) == 24
    assert [row["title"] for row in rows if row["price"] is None] == ["A Book Without a Price"]
    assert rows[0] | {"picUrl": "", "url": "", "checksum": ""} == {
        "id": 1,
        "kind": "picture",
        "title": "Ὀδύσσεια",
        "author": "Ὅμηρος",
        "category": "classics",
        "price": 12.5,
        "tags": ["epic", "greek"],
        "url": "",
        "picUrl": "",
        "checksum": "",
    }


def test_posts_are_pages_with_links(web: Any) -> None:
    reply = web("/posts", params={"_page": 2, "_limit": 40})

    assert [post["id"] for post in reply.json()] == list(range(41, 81))
    assert reply.headers["x-total-count"] == "100"
    assert sorted(reply.links) == ["first", "last", "next", "prev"]
    assert "next" not in web("/posts", params={"_page": 3, "_limit": 40}).links
    assert len(web("/posts").json()) == 100
    assert len(web("/posts?userId=3").json()) == 10


def test_posts_are_written_and_read_back(web: Any) -> None:
    made = web("/posts", "POST", json={"title": "new"})
    assert (made.status_code, made.json()) == (201, {"title": "new", "id": 101})

    assert web("/posts/101", "PATCH", json={"body": "b"}).json() == {"title": "new", "id": 101, "body": "b"}
    assert web("/posts/101", "PUT", data={"title": "x"}).json() == {"title": "x", "id": 101}
    assert web("/posts/101").json() == {"title": "x", "id": 101}
    assert web("/posts/101", "DELETE").json() == {}
    assert web("/posts/101").status_code == 404


@pytest.mark.parametrize(("path", "json_"), [("/posts/1", [1]), ("/posts", "text")])
def test_a_post_is_an_object(web: Any, path: str, json_: Any) -> None:
    assert web(path, "PUT" if path.endswith("1") else "POST", json=json_).status_code == 400


def test_two_servers_of_one_site_share_nothing() -> None:
    site = fixture_site()
    with Server(site) as one, Server(site) as two:
        requests.delete(f"{one.url}/posts/1", timeout=20)

        assert requests.get(f"{two.url}/posts/1", timeout=20).status_code == 200


def log_in(web: Any, **changes: str) -> requests.Response:
    token = soup(web("/login")).select_one("form#login input[name=csrf]")
    assert token is not None
    data = {"user": "demo", "password": "demo-password", "csrf": str(token["value"])} | changes
    return web("/login", "POST", data=data)


def test_a_member_gets_in_and_out(web: Any) -> None:
    page = log_in(web)

    assert (page.history[0].status_code, page.url.rpartition("/members")[2]) == (303, "/")
    assert texts(page, "a.logout") == ["Log out"]
    assert len(texts(page, "ul.documents a")) == 3
    assert web("/members/budget.pdf").headers["content-type"] == "application/pdf"
    assert web("/members/photo.png").content.startswith(b"\x89PNG")
    web("/logout")
    assert web("/members/budget.pdf").status_code == 403


@pytest.mark.parametrize("change", [{"password": "wrong"}, {"csrf": "wrong"}, {"csrf": ""}, {"user": "other"}])
def test_a_wrong_login_stays_outside(web: Any, change: dict[str, str]) -> None:
    page = log_in(web, **change)

    assert (page.status_code, texts(page, "a.logout")) == (200, [])
    assert texts(page, "p.error") != []
    assert web("/members/", allow_redirects=False).headers["location"] == "/login"


@pytest.mark.parametrize("path", ["/members/annual-report.pdf", "/members/photo.png"])
def test_members_files_are_not_for_others(web: Any, path: str) -> None:
    assert web(path).status_code == 403


def test_the_login_gives_a_new_session(web: Any) -> None:
    before = web("/login").cookies["session"]
    page = log_in(web)

    assert page.history[0].cookies["session"] != before
    assert "HttpOnly" in page.history[0].headers["set-cookie"]


def test_documents_are_pdf_with_true_offsets(web: Any) -> None:
    log_in(web)
    data = web("/members/minutes.pdf").content
    table = int(re.findall(rb"startxref\n(\d+)", data)[0])
    offsets = [int(line[:10]) for line in data[table:].split(b"\n")[3:8]]

    assert data.startswith(b"%PDF-1.4\n")
    assert [data[at : at + 7] for at in offsets] == [b"%d 0 obj" % number for number in range(1, 6)]


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_digest_auth_is_asked_and_checked(web: Any, algorithm: str) -> None:
    path = f"/digest/x?algorithm={algorithm}"

    assert web(path, auth=HTTPDigestAuth("demo", "demo-password")).json()["authenticated"]
    assert web(path, auth=HTTPDigestAuth("demo", "wrong")).status_code == 401


def test_a_digest_is_good_once(web: Any) -> None:
    sent = web("/digest/", auth=HTTPDigestAuth("demo", "demo-password")).request.headers["authorization"]

    assert web("/digest/", headers={"Authorization": sent}).status_code == 401


BASIC = base64.b64encode(b"demo:demo-password").decode()


@pytest.mark.parametrize(
    ("path", "sent", "status"),
    [
        ("/basic/", f"Basic {BASIC}", 200),
        ("/basic/a/b", f"basic {BASIC}", 200),
        ("/basic/", "Basic !!", 401),
        ("/basic/", "", 401),
        ("/bearer/", "Bearer demo-token", 200),
        ("/bearer/", "Bearer other", 401),
        ("/digest/", "Digest nonsense", 401),
    ],
)
def test_credentials_are_checked(web: Any, path: str, sent: str, status: int) -> None:
    reply = web(path, headers={"Authorization": sent})

    assert (reply.status_code, "www-authenticate" in reply.headers) == (status, status == 401)


def test_echo_tells_what_came(web: Any) -> None:
    files = {"doc": ("n.txt", b"text", "text/plain")}
    reply = web("/echo?a=1&a=2", "PATCH", data={"b": "ü"}, files=files, cookies={"c": "d"}).json()

    assert (reply["method"], reply["args"], reply["form"]) == ("PATCH", {"a": ["1", "2"]}, {"b": "ü"})
    assert reply["files"] == {"doc": {"filename": "n.txt", "content_type": "text/plain", "data": "text"}}
    assert (reply["cookies"], reply["data"], reply["json"]) == ({"c": "d"}, "", None)
    assert "Host" in dict(reply["headers"])
    assert web("/echo", "PUT", json={"a": [1]}).json()["json"] == {"a": [1]}


@pytest.mark.parametrize("code", [200, 204, 304, 401, 404, 429, 503])
def test_any_status_can_be_had(web: Any, code: int) -> None:
    assert web(f"/status/{code}").status_code == code


def test_redirects_go_where_they_are_told(web: Any) -> None:
    reply = web("/redirect", params={"to": "/echo", "code": 307}, allow_redirects=False)

    assert (reply.status_code, reply.headers["location"]) == (307, "/echo")
    assert web("/redirect", params={"to": "/a\r\nX: y"}).status_code == 400


def test_cookies_are_set_and_told(web: Any) -> None:
    assert web("/cookies/set?a=b&c=d").json() == {"cookies": {"a": "b", "c": "d"}}


@pytest.mark.parametrize(
    ("charset", "declared", "codec"),
    [
        ("windows-1251", "text/html; charset=windows-1251", "cp1251"),
        ("shift_jis", "text/html; charset=Shift_JIS", "shift_jis"),
        ("utf-16", "text/html", "utf-16"),
        ("meta-only", "text/html", "koi8-r"),
    ],
)
def test_pages_come_in_charsets(web: Any, charset: str, declared: str, codec: str) -> None:
    reply = web(f"/encoding/{charset}")

    assert reply.headers["content-type"] == declared
    assert re.search("<h1>[Сс色]", reply.content.decode(codec))


def test_a_page_comes_as_gzip(web: Any) -> None:
    reply = web("/gzip", headers={"Accept-Encoding": "identity"})

    assert reply.headers["content-encoding"] == "gzip"
    assert "<h1>This page came as gzip</h1>" in reply.text


def test_an_attachment_has_the_name_it_was_given(web: Any) -> None:
    name = web("/disposition", params={"name": 'naïve "x".txt'}).headers["content-disposition"]

    assert name == "attachment; filename=\"na_ve _x_.txt\"; filename*=UTF-8''na%C3%AFve%20%22x%22.txt"
    assert web("/disposition", params={"raw": "inline"}).headers["content-disposition"] == "inline"


def test_a_flaky_page_is_there_after_so_many_tries(web: Any) -> None:
    replies = [web("/flaky/2/a?after=3") for _ in range(3)]

    assert [reply.status_code for reply in replies] == [503, 503, 200]
    assert replies[0].headers["retry-after"] == "3"
    assert web("/flaky/2/b").status_code == 503


def test_every_link_of_the_home_page_is_there(web: Any) -> None:
    links = [link["href"] for link in soup(web("/")).select("a")]

    assert {web(link).status_code for link in links} == {200}


def test_answers_are_json_where_json_is_said(web: Any) -> None:
    reply = web("/posts/1")

    assert reply.headers["content-type"] == "application/json; charset=utf-8"
    assert json.loads(reply.content)["id"] == 1
