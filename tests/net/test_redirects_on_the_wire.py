"""Redirects on a real wire: where they lead, what they cost, what they carry (trust: D1 to D14)."""

from __future__ import annotations

import gzip
import itertools
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from scraper.job.parts import Http
from scraper.net.outgoing import Outgoing, Wire
from scraper.net.session import Session
from scraper.server import Raw, Request, Response, Server, Site

EMPTY = "Content-Length: 0\r\nConnection: close\r\n"
RULE = {"page": {"item": {"t": "h1"}}}


@pytest.fixture
def server() -> Iterator[Server]:
    site = Site()
    site.route("/robots.txt")(lambda request: Response(404))
    site.route("/end", methods=["GET", "POST", "PUT", "DELETE"])(lambda request: "<h1>end</h1>")
    site.route("/file.bin")(lambda request: b"file")
    with Server(site) as server:
        yield server


def page(server: Server, path: str = "/start", **entry: Any) -> dict[str, Any]:
    return {"start": [{"url": server.url + path, **entry}], "rules": RULE}


def hop(location: str, status: int = 302, body: bytes = b"", **headers: str) -> Response:
    return Response(status, {"Location": location, **headers}, body)


def targets(server: Server) -> list[str]:
    return [seen.target for seen in server.log if seen.target != "/robots.txt"]


# -- where it leads ----------------------------------------------------------------------------------------


def test_a_circle_ends_at_the_budget(server: Server, run_job: Any) -> None:
    server.site.route("/start")(lambda request: hop("/start"))
    ran = run_job(page(server))
    assert (ran.endings(), len(server.log)) == ({f"{server.url}/start": "failed:redirect"}, 21)


@pytest.mark.parametrize(
    ("allowed", "hops", "ending"),
    [
        (True, 20, "ok"),
        (True, 21, "failed:redirect"),
        (False, 1, "failed:redirect"),
        (0, 1, "failed:redirect"),
        (0, 0, "ok"),
        (3, 3, "ok"),
        (3, 4, "failed:redirect"),
    ],
)
def test_so_many_redirects_are_followed(allowed: Any, hops: int, ending: str, server: Server, run_job: Any) -> None:
    server.site.route("/hop/<left>")(
        lambda request, left: hop(f"/hop/{int(left) - 1}") if left != "0" else "<h1>x</h1>"
    )
    ran = run_job({**page(server, f"/hop/{hops}"), "http": {"allow_redirects": allowed}})
    assert ran.ending(f"{server.url}/hop/{hops}") == ending


@pytest.mark.parametrize("way", ["page", "file"])
@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "data:text/html,<h1>x</h1>",
        "gopher://127.0.0.1:70/_x",
        "javascript:alert(1)",
        "http://",
        "//",
        "http://[::1",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:x/",
        "http://exa mple/",
        "http://a\\@127.0.0.1\\b/",
        "//127.0.0.1\\.example/end",
        "http://%31%32%37.0.0.1/",
        "http://\x01/",
        "https:",
        "mailto:a@b",
    ],
)
def test_nothing_but_http_is_followed(location: str, way: str, server: Server, run_job: Any) -> None:
    head = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
    server.site.route("/hop")(lambda request: Raw(head))
    server.site.route("/start")(lambda request: '<a href="/hop">x</a>')
    job = page(server, "/hop") if way == "page" else {"start": [f"{server.url}/start"], "rules": {"p": {"files": "a"}}}
    ran = run_job(job)
    assert ran.ending(f"{server.url}/hop") in ("failed:redirect", "failed:protocol")
    assert targets(server)[-1] == "/hop"


@pytest.mark.parametrize("location", [None, "", "   "])
def test_a_redirect_without_a_location(location: str | None, server: Server, run_job: Any) -> None:
    server.site.route("/start")(lambda request: Response(302, {} if location is None else {"Location": location}))
    assert run_job(page(server)).ending(f"{server.url}/start") == "failed:redirect"


LOCATIONS = {
    "/end": "/end",
    "end": "/end",
    "./a/../end": "/end",
    "?x=1": "/start?x=1",
    "//HOST/end": "/end",
    "HTTP://HOST/end": "/end",
    "http://me:pass@HOST/end": "/end",
    "/end#there": "/end",
    "/größe ä": "/gr%C3%B6%C3%9Fe%20%C3%A4",
    "/100%": "/100%25",
    "/a%2Fb?c=%26": "/a%2Fb?c=%26",
    " /end ": "/end",
}


@pytest.mark.parametrize("location", LOCATIONS)
def test_a_location_is_read_as_browsers_read_it(location: str, server: Server, run_job: Any) -> None:
    """Userinfo is not taken over (D12), nor is a fragment sent (D13)."""
    host = server.url.removeprefix("http://")
    head = f"HTTP/1.1 302 Found\r\nLocation: {location.replace('HOST', host)}\r\n{EMPTY}\r\n"
    answers = itertools.chain([Raw(head.encode())], itertools.repeat("<h1>end</h1>"))
    server.site.route("/start")(lambda request: next(answers))
    run_job(page(server))
    assert targets(server) == ["/start", LOCATIONS[location]]
    assert [name for seen in server.log for name, _ in seen.headers if name.lower() == "authorization"] == []


def test_of_two_locations_none_is_guessed_into_a_third(server: Server, run_job: Any) -> None:
    """They are joined as any repeated header is; what comes of it is asked of the same server (H11)."""
    head = f"HTTP/1.1 302 Found\r\nLocation: /end\r\nLocation: http://other.example/\r\n{EMPTY}\r\n"
    server.site.route("/start")(lambda request: Raw(head.encode()))
    ran = run_job(page(server))
    assert ran.ending(f"{server.url}/start") != "ok"


# -- what it costs -----------------------------------------------------------------------------------------


GZIP = {"Content-Encoding": "gzip"}
BOMB = gzip.compress(bytes(10 * 1024 * 1024), 9)


@pytest.mark.parametrize("way", ["page", "file"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_body_of_a_redirect_is_never_decoded(status: int, way: str, server: Server, run_job: Any) -> None:
    """requests itself would: a bomb fills the memory, a corrupt body ends the request."""
    server.site.route("/hop")(lambda request: hop("/file.bin" if way == "file" else "/end", status, b"no gzip", **GZIP))
    server.site.route("/start")(lambda request: '<a href="/hop">x</a>')
    job = page(server, "/hop") if way == "page" else {"start": [f"{server.url}/start"], "rules": {"p": {"files": "a"}}}
    ran = run_job(job)
    assert ran.ending(f"{server.url}/hop") == ("ok" if way == "page" else "saved")


def test_a_bomb_in_a_redirect_takes_no_memory(server: Server) -> None:
    server.site.route("/start")(lambda request: hop("/end", body=BOMB, **GZIP))
    session = Session(Outgoing(Http(), {}.__getitem__, set(), folder=None))  # type: ignore[arg-type]
    session.exchange(Wire("GET", f"{server.url}/end")).abort()
    tracemalloc.start()
    try:
        session.exchange(Wire("GET", f"{server.url}/start")).drain()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * 1024 * 1024


@pytest.mark.parametrize("status", [302, 404, 500])
def test_no_more_than_64_kib_of_an_unwanted_body_are_read(status: int, server: Server, run_job: Any) -> None:
    """Counted by the server: what a client does not read stays in buffers, which hold some hundred KiB."""
    sent = []

    def endless() -> Iterator[bytes]:
        for _ in range(10_000):
            sent.append(64 * 1024)
            yield bytes(64 * 1024)

    server.site.route("/start")(lambda request: Response(status, {"Location": "/end"}, stream=endless()))
    run_job(page(server))
    assert sum(sent) < 16 * 1024 * 1024


def test_a_drained_connection_serves_again(server: Server, run_job: Any) -> None:
    server.site.route("/start")(lambda request: hop("/end", body=bytes(60 * 1024)))
    run_job(page(server))
    assert targets(server) == ["/start", "/end"]
    assert len({seen.port for seen in server.log}) == 1


# -- what it carries ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "status", "after"),
    [
        ("POST", 301, "GET"),
        ("POST", 302, "GET"),
        ("POST", 303, "GET"),
        ("POST", 307, "POST"),
        ("POST", 308, "POST"),
        ("PUT", 301, "PUT"),
        ("PUT", 302, "PUT"),
        ("PUT", 303, "GET"),
        ("PUT", 307, "PUT"),
        ("DELETE", 303, "GET"),
        ("GET", 303, "GET"),
        ("HEAD", 302, "HEAD"),
        ("HEAD", 303, "HEAD"),
    ],
)
def test_method_and_body_after_a_redirect(method: str, status: int, after: str, server: Server, run_job: Any) -> None:
    server.site.route("/start", methods=[method, "GET"])(lambda request: hop("/end", status))
    body = {"data": {"a": "1"}} if method in ("POST", "PUT") else {}
    run_job(page(server, method=method, **body))
    last = server.log[-1]
    assert (last.method, last.target, last.body) == (after, "/end", b"a=1" if body and after == method else b"")


def test_params_are_not_sent_on(server: Server, run_job: Any) -> None:
    server.site.route("/start")(lambda request: hop("/end"))
    run_job(page(server, params={"q": "1"}))
    assert targets(server) == ["/start?q=1", "/end"]


def test_a_cookie_set_by_a_redirect_is_sent_from_then_on(server: Server, run_job: Any) -> None:
    """As logins do: the same URL answers otherwise once the cookie is there."""

    @server.site.route("/start")
    def start(request: Request) -> Any:
        if "sid" in request.cookies:
            return "<h1>in</h1>"
        return Response(302, [("Location", "/start"), ("Set-Cookie", "sid=1; Path=/")])

    ran = run_job(page(server))
    assert ran.rows("SELECT fields FROM v_items") == [('{"t": "in"}',)]


def test_a_redirected_page_keeps_its_own_url_in_the_ledger_and_the_new_one_for_links(
    server: Server, run_job: Any
) -> None:
    server.site.route("/start")(lambda request: hop("/deep/down/"))
    server.site.route("/deep/down/")(lambda request: '<a href="pic.bin">x</a>')
    server.site.route("/deep/down/pic.bin")(lambda request: b"x")
    ran = run_job({"start": [f"{server.url}/start"], "rules": {"p": {"files": "a"}}})
    assert ran.endings() == {f"{server.url}/start": "ok", f"{server.url}/deep/down/pic.bin": "saved"}


def test_an_expected_redirect_is_a_page_without_a_body(server: Server, run_job: Any) -> None:
    server.site.route("/start")(lambda request: hop("/end", body=b"no gzip", **GZIP))
    rule = {"expect": {"status": 302}, "item": {"to": "{{ page.headers['Location'] }}"}}
    ran = run_job({"start": [f"{server.url}/start"], "rules": {"p": rule}})
    assert ran.rows("SELECT fields FROM v_items") == [('{"to": "/end"}',)]
    assert targets(server) == ["/start"]
