"""Proxies: what they are told, what they must not be told, and how they fail (trust: R8, C9, C10)."""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from scraper.server import Response, Server, Site

RULE = {"page": {"item": {"t": "h1"}}}
PASSWORD = "pr0xy/pass word@1"
BASIC = base64.b64encode(f"user:{PASSWORD}".encode()).decode()


@pytest.fixture
def proxy(proxy_of: Any) -> Any:
    return proxy_of()


@pytest.fixture
def server() -> Iterator[Server]:
    site = Site()
    site.route("/robots.txt")(lambda request: Response(404))
    site.route("/<name>")(lambda request, name: "<h1>x</h1>")
    site.route("/b")(lambda request: b"a picture")
    with Server(site) as server:
        yield server


def http(proxy: Any, user: str = "", **more: Any) -> dict[str, Any]:
    return {"proxies": {"http": f"http://{user}127.0.0.1:{proxy.port}"}, **more}


def test_the_proxys_password_goes_to_the_proxy_and_nowhere_else(
    proxy: Any, server: Server, run_job: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROXY_PASSWORD", PASSWORD)
    given = http(proxy, "user:{{ env('PROXY_PASSWORD') | urlencode }}@", headers={"X-Api-Key": "k"})
    with Server(Site()) as other:
        other.site.route("/robots.txt")(lambda request: Response(404))
        other.site.route("/<name>")(lambda request, name: "<h1>y</h1>")
        server.site.route("/start")(lambda request: f'<a href="{other.url}/a">1</a><img src="/b">')
        rules = {"index": {"follow": {"page": {"select": "a", "same": "any"}}, "files": "img"}, **RULE}
        ran = run_job({"http": given, "start": [{"url": f"{server.url}/start", "rule": "index"}], "rules": rules})
        logs = [*server.log, *other.log]
    assert ran.summary.failures == []
    assert len(logs) == len(proxy.heads) == 5
    assert all(f"Proxy-Authorization: Basic {BASIC}\r\n" in head for head in proxy.heads)
    told = "\n".join(f"{seen.target} {seen.headers}" for seen in logs)
    forwarded = "\n".join(f"{name}: {value}" for seen in other.log for name, value in seen.headers)
    assert "x-api-key" not in forwarded.lower()
    assert PASSWORD.encode() not in ran.everything()
    assert BASIC.encode() not in ran.everything()
    assert "pr0xy" not in told


def test_no_proxy_holds(proxy: Any, server: Server, run_job: Any) -> None:
    given = http(proxy)
    given["proxies"]["no_proxy"] = "127.0.0.1"
    ran = run_job({"http": given, "start": [f"{server.url}/x"], "rules": RULE})
    assert (ran.ending(f"{server.url}/x"), proxy.heads) == ("ok", [])


def test_the_environments_proxy_is_taken(
    proxy: Any, server: Server, run_job: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
    run_job({"start": [f"{server.url}/x"], "rules": RULE})
    assert [head.split("\r\n")[0] for head in proxy.heads] == [f"GET {server.url}/x HTTP/1.1"]


@pytest.mark.parametrize(
    "refusal",
    [
        b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 407 No\r\nContent-Length: 5\r\nProxy-Authenticate: Basic\r\n\r\nhello",
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_407_is_the_proxys(refusal: bytes, scheme: str, run_job: Any, proxy_of: Any) -> None:
    proxy = proxy_of(refusal)
    url = f"{scheme}://127.0.0.1:1/x"
    given = {"proxies": {scheme: f"http://127.0.0.1:{proxy.port}"}, "retry": {"attempts": 3, "first_wait": 0}}
    ran = run_job({"http": given, "start": [url], "rules": RULE})
    assert (ran.ending(url), len(proxy.heads)) == ("failed:proxy", 1)


@pytest.mark.parametrize("kind", ["http", "socks5", "socks5h"])
def test_a_proxy_that_refuses(kind: str, run_job: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    url = "http://127.0.0.1:1/x"
    given = {"proxies": {"http": f"{kind}://127.0.0.1:{port}"}}
    assert run_job({"http": given, "start": [url], "rules": RULE}).ending(url) == "failed:proxy"


def test_a_proxy_that_talks_nonsense(run_job: Any, proxy_of: Any) -> None:
    url = "http://127.0.0.1:1/x"
    ran = run_job({"http": http(proxy_of(b"nonsense\r\n\r\n")), "start": [url], "rules": RULE})
    assert ran.ending(url) in ("failed:protocol", "failed:proxy")


def test_behind_a_private_proxy_a_public_page_is_still_public(
    proxy: Any, server: Server, run_job: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address that answers is the proxy's; it says nothing about the page."""
    from scraper import urls

    is_private = urls.is_private
    monkeypatch.setattr(urls, "is_private", lambda address: address != "127.0.0.2" and is_private(address))
    with Server(Site(), host="127.0.0.2") as outside:
        outside.site.route("/robots.txt")(lambda request: Response(404))
        outside.site.route("/start")(lambda request: f'<a href="{server.url}/x">1</a><a href="/hop">2</a>')
        outside.site.route("/hop")(lambda request: Response(302, {"Location": f"{server.url}/y"}))
        rules = {"index": {"follow": {"page": {"select": "a", "same": "any"}}}, **RULE}
        start = [{"url": f"{outside.url}/start", "rule": "index"}]
        ran = run_job({"http": http(proxy), "start": start, "rules": rules})
        assert ran.ending(f"{server.url}/x") == "skipped:private"
        assert ran.ending(f"{outside.url}/hop") == "skipped:private"
    assert server.log == []


def test_names_are_left_to_the_proxy(proxy: Any, server: Server, run_job: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking them up here would tell the resolver what the proxy was to hide."""
    from scraper.net import wire

    asked: list[str] = []
    monkeypatch.setattr(wire, "addresses", lambda host: asked.append(host) or ())  # type: ignore[func-returns-value]
    links = '<a href="http://hidden.example/x">1</a><a href="/hop">2</a>'
    server.site.route("/start")(lambda request: links)
    server.site.route("/hop")(lambda request: Response(302, {"Location": "http://hidden.example/y"}))
    rules = {"index": {"follow": {"page": {"select": "a", "same": "any"}}}, **RULE}
    run_job({"http": http(proxy), "start": [{"url": f"{server.url}/start", "rule": "index"}], "rules": rules})
    assert asked == []
    assert any("http://hidden.example/x" in head for head in proxy.heads)
