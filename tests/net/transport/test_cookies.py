"""Cookies in both directions, over one jar (JOBS.md, Secrets; RFC 6265)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scraper.net.outgoing import Wire
from scraper.server import Request, Response, Server, Site

LATER = "4102444800"


@pytest.fixture
def cookies(carry: Any, server: Server, headers_of: Any) -> Any:
    """`cookies(set, *paths)`: the Cookie headers of requests to these paths, after /set has answered with `set`."""

    def ask(given: Any, *paths: str, **options: Any) -> list[str | None]:
        headers = [("Set-Cookie", one) for one in ([given] if isinstance(given, str) else given)]
        server.site.route("/set")(lambda request: Response(200, headers, b"set"))
        carry(f"{server.url}/set", *(path if "://" in path else f"{server.url}{path}" for path in paths), **options)
        return [headers_of(seen).get("cookie") for seen in server.log[1:]]

    return ask


def test_what_a_server_sets_comes_back(cookies: Any) -> None:
    assert cookies("sid=v", "/a", "/set/b") == ["sid=v", "sid=v"]


def test_several_at_once(cookies: Any) -> None:
    """Set-Cookie cannot be joined: a date holds a comma."""
    given = ["a=1; Expires=Fri, 31 Dec 2100 23:59:59 GMT", "b=2; Path=/", "c=3, and more"]
    assert sorted(cookies(given, "/x")[0].split("; ")) == ["a=1", "b=2", "c=3, and more"]


@pytest.mark.parametrize(
    ("given", "path", "comes"),
    [
        ("sid=v; Path=/deep", "/x", None),
        ("sid=v; Path=/deep", "/deep/x", "sid=v"),
        ("sid=v; Path=/", "/deep/x", "sid=v"),
        ("sid=v; Secure", "/x", None),
        ("sid=v; Max-Age=0", "/x", None),
        ("sid=v; Max-Age=1000", "/x", "sid=v"),
        ("sid=v; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "/x", None),
        ("sid=v; Domain=other.example", "/x", None),
        ("sid=v; Domain=0.0.1", "/x", None),
        ("sid=v; Domain=127.0.0.1", "/x", "sid=v"),
        ("sid=v; HttpOnly; SameSite=Strict", "/x", "sid=v"),
        ("sid=", "/x", "sid="),
        ("sid=a=b", "/x", "sid=a=b"),
        ('sid="a b"', "/x", 'sid="a b"'),
        ("sid=gr\xf6\xdfe", "/x", "sid=gr\xf6\xdfe"),
        ("", "/x", None),
        (";;=;=", "/x", None),
    ],
)
def test_the_policy_of_the_jar_holds(given: str, path: str, comes: str | None, cookies: Any) -> None:
    assert cookies(given, path) == [comes]


def test_a_cookie_stays_at_its_port(carry: Any, server: Server, headers_of: Any) -> None:
    with Server(Site()) as other:
        other.site.route("/x")(lambda request: b"x")
        server.site.route("/set")(lambda request: Response(200, {"Set-Cookie": "sid=v; Path=/"}))
        carry(f"{server.url}/set", f"{other.url}/x", f"{server.url}/x")
        assert headers_of(other.log[0]).get("cookie") is None
        assert headers_of(server.log[1]).get("cookie") == "sid=v"


def test_a_cookie_can_be_changed_and_taken_back(carry: Any, server: Server, headers_of: Any) -> None:
    given = iter(["sid=1; Path=/", "sid=2; Path=/", "sid=; Path=/; Max-Age=0", "other=1"])
    server.site.route("/x")(lambda request: Response(200, {"Set-Cookie": next(given)}))
    carry(*[f"{server.url}/x"] * 4)
    assert [headers_of(seen).get("cookie") for seen in server.log] == [None, "sid=1", "sid=2", None]


@pytest.mark.parametrize("status", [302, 404, 500])
def test_any_answer_may_set_one(status: int, carry: Any, server: Server, headers_of: Any) -> None:
    headers = {"Set-Cookie": "sid=v; Path=/", "Location": "/elsewhere"}
    server.site.route("/x")(lambda request: Response(status, headers, b"body"))
    carry(f"{server.url}/x", f"{server.url}/y")
    assert headers_of(server.log[1]).get("cookie") == "sid=v"


def test_an_answer_that_is_refused_sets_none(carry: Any, server: Server, headers_of: Any, raw: Any) -> None:
    server.site.route("/x")(lambda request: raw("Set-Cookie: sid=v; Path=/", "Content-Length: -1"))
    carry(f"{server.url}/x", f"{server.url}/y")
    assert [headers_of(seen).get("cookie") for seen in server.log] == [None, None]


def test_a_challenge_that_is_answered_may_set_one(carry: Any, server: Server, headers_of: Any) -> None:
    """It counts from the next exchange on; both transports send the answer to a challenge as they sent the request."""

    @server.site.route("/x")
    def ask(request: Request) -> Response:
        if "authorization" in request.headers:
            return Response(200, {}, b"in")
        challenge = 'Digest realm="r", nonce="n", qop="auth"'
        return Response(401, {"WWW-Authenticate": challenge, "Set-Cookie": "sid=v; Path=/"})

    http = {"auth": {"digest": ["u", "p"]}}
    first, _ = carry(f"{server.url}/x", f"{server.url}/y", http=http, home=[server.url])
    assert first.status == 200
    assert headers_of(server.log[-1]).get("cookie") == "sid=v"


def test_named_ones_and_those_of_the_server_go_together(cookies: Any, server: Server) -> None:
    http = {"cookies": {"a": "1"}}
    assert cookies("b=2; Path=/", "/x", http=http, home=[server.url]) == ["a=1; b=2"]


def test_a_cookies_txt_goes_home_and_nowhere_else(carry: Any, server: Server, headers_of: Any, tmp_path: Path) -> None:
    (tmp_path / "c.txt").write_text(f"127.0.0.1\tFALSE\t/\tFALSE\t{LATER}\tsid\tv\n")
    http = {"cookies": "c.txt"}
    with Server(Site()) as other:
        other.site.route("/x")(lambda request: b"x")
        carry(f"{server.url}/x", f"{other.url}/x", http=http, home=[server.url])
        assert headers_of(server.log[0]).get("cookie") == "sid=v"
        assert headers_of(other.log[0]).get("cookie") is None


def test_a_cookie_header_that_is_given_keeps_the_jar_out(carry: Any, server: Server, headers_of: Any) -> None:
    server.site.route("/set")(lambda request: Response(200, {"Set-Cookie": "sid=v; Path=/"}))
    own = Wire("GET", f"{server.url}/x", given={"cookie": "own=1"})
    carry(f"{server.url}/set", own, f"{server.url}/x")
    assert [headers_of(seen).get("cookie") for seen in server.log] == [None, "own=1", "sid=v"]


def test_a_proxys_answer_to_connect_sets_none(carry: Any, proxy_of: Any) -> None:
    """It is not the server's word."""
    proxy = proxy_of(b"HTTP/1.1 407 No\r\nSet-Cookie: sid=evil; Path=/\r\nContent-Length: 0\r\n\r\n")
    proxies = {"https": f"http://127.0.0.1:{proxy.port}"}
    (one,) = carry("https://host.example/x", http={"proxies": proxies})
    assert one.ending == "failed:proxy"
    assert list(carry.outgoing.cookies) == []
