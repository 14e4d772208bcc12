"""Runs through a list of proxies, some of which are dead or refuse us."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from scraper.run import crews
from scraper.server import Response, Server, Site

REFUSAL = b'HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm="r"\r\nContent-Length: 2\r\n\r\nno'
RULES = {"index": {"follow": {"page": "a"}}, "page": {"item": {"t": "h1"}, "files": "img"}}
PAGES = 4


@pytest.fixture
def dead() -> Iterator[Callable[[], str]]:
    """`dead()`: the URL of a proxy that is not there; its port is taken, and nobody listens."""
    with ExitStack() as stack:

        def make() -> str:
            sock = stack.enter_context(socket.socket())
            sock.bind(("127.0.0.1", 0))
            return f"http://127.0.0.1:{sock.getsockname()[1]}"

        yield make


@pytest.fixture
def server() -> Iterator[Server]:
    """Under each of its names a start page, some pages, and a file for each."""
    site = Site()
    site.route("/robots.txt")(lambda request: Response(200, body=b"User-agent: *\nDisallow: /secret"))
    site.route("/")(lambda request: "".join(f'<a href="/page/{at}">{at}</a>' for at in range(PAGES)))
    site.route("/page/<name>")(lambda request, name: f'<h1>{name}</h1><img src="/file/{name}">')
    site.route("/file/<name>")(lambda request, name: name.encode())
    with Server(site) as server:
        yield server


def url_of(proxy: Any, user: str = "") -> str:
    return f"http://{user}127.0.0.1:{proxy.port}"


def hosts(proxy: Any) -> set[str]:
    """Those that were asked for through it."""
    return {head.split(" ")[1].split("/")[2] for head in proxy.heads}


def job(urls: list[str], *starts: str, **more: Any) -> dict[str, Any]:
    http = {"proxies": urls, **more.pop("http", {})}
    files = {"path": "{{ host }}/{{ item.t }}", **more.pop("files", {})}
    return {"http": http, "start": [*starts], "rules": RULES, "files": files, **more}


@pytest.mark.parametrize("transport", ["curl", "requests"])
def test_all_arrives_though_one_is_dead_and_one_refuses_our_password(
    transport: str, server: Server, run_job: Any, proxy_of: Any, dead: Any
) -> None:
    refusing, good, other = proxy_of(REFUSAL), proxy_of(), proxy_of()
    names = [f"{name}:{server.port}" for name in ("127.0.0.1", "localhost", "127.0.0.2")]
    urls = [dead(), url_of(refusing, "me:hunter2-secret@"), url_of(good), url_of(other)]
    ran = run_job(job(urls, *(f"http://{name}/" for name in names[:2]), files={"transport": transport}))
    assert (ran.summary.exit_code, ran.summary.failures) == (0, [])
    assert (ran.summary.pages.ok, ran.summary.files.saved) == (2 + 2 * PAGES, 2 * PAGES)
    assert sorted([hosts(good), hosts(other)], key=sorted) == [{names[0]}, {names[1]}]
    assert b"hunter2" not in ran.everything()


def test_what_became_of_the_proxies_is_told_once(server: Server, run_job: Any, proxy_of: Any, dead: Any) -> None:
    refusing, good = proxy_of(REFUSAL), proxy_of()
    ran = run_job(job([dead(), url_of(refusing, "me:hunter2-secret@"), url_of(good)], f"{server.url}/"))
    told = [line for line in ran.err.splitlines() if "left alone" in line]
    assert [line.count(f"proxy {at} (http://127.0.0.1:") for at, line in enumerate(told, 1)] == [1, 1]
    assert f"(http://127.0.0.1:{refusing.port}): the proxy wants a user and password (407); left alone for" in told[1]


@pytest.mark.parametrize("transport", ["curl", "requests"])
def test_where_all_are_dead_everything_ends_so(transport: str, server: Server, run_job: Any, dead: Any) -> None:
    urls = [f"{server.url}/page/{at}" for at in range(PAGES)]
    start = [{"url": urls[0], "rule": "page"}, *({"url": url, "as": "files"} for url in urls[1:])]
    given = {**job([dead(), dead(), dead()]), "start": start, "files": {"transport": transport}}
    ran = run_job({**given, "rules": {"page": {"item": {"t": "h1"}}}})
    assert (ran.summary.exit_code, ran.endings()) == (4, dict.fromkeys(urls, "failed:proxy"))
    assert ran.rows("SELECT attempts FROM v_pages UNION ALL SELECT attempts FROM v_files") == [(3,)] * PAGES
    assert server.log == []


def test_attempts_bound_what_is_tried_while_all_are_dead(server: Server, run_job: Any, dead: Any) -> None:
    given = job([dead(), dead()], f"{server.url}/", http={"retry": {"attempts": 4, "first_wait": 0}})
    ran = run_job(given)
    assert ran.rows("SELECT ending, attempts FROM v_pages") == [("failed:proxy", 4)]


def test_the_attempts_for_a_server_begin_behind_its_proxies(
    server: Server, run_job: Any, proxy_of: Any, dead: Any
) -> None:
    """With one attempt alone the list is still tried to its end."""
    ran = run_job(job([dead(), dead(), url_of(proxy_of())], f"{server.url}/page/1"))
    assert ran.rows("SELECT ending, attempts FROM v_pages") == [("ok", 3)]


def test_a_post_goes_through_the_next_proxy(server: Server, run_job: Any, proxy_of: Any, dead: Any) -> None:
    """No byte of it was sent."""
    start = [{"url": f"{server.url}/post", "method": "POST", "rule": "page"}]
    server.site.route("/post", methods=("POST",))(lambda request: "<h1>x</h1>")
    ran = run_job({**job([dead(), url_of(proxy_of())]), "start": start, "rules": {"page": {"item": {"t": "h1"}}}})
    assert (ran.ending(f"{server.url}/post"), [seen.method for seen in server.log]) == ("ok", ["POST"])


def test_a_login_goes_through_the_next_proxy(server: Server, run_job: Any, proxy_of: Any, dead: Any) -> None:
    given = job([dead(), url_of(proxy_of())], f"{server.url}/page/1")
    ran = run_job({**given, "login": [{"get": f"{server.url}/", "expect": {"status": 200}}]})
    assert (ran.summary.exit_code, ran.ending(f"{server.url}/page/1")) == (0, "ok")


def linking(server: Server, path: str) -> str:
    """A start page under one name, which links a page under another one; gives the URL of that."""
    link = f"http://localhost:{server.port}{path}"
    server.site.route("/start")(lambda request: f'<a href="{link}">1</a>')
    return link


ANY = {"index": {"follow": {"page": {"select": "a", "same": "any"}}}, "page": {"item": {"t": "h1"}}}


def test_a_robots_txt_is_read_through_the_next_proxy(server: Server, run_job: Any, proxy_of: Any, dead: Any) -> None:
    link, good = linking(server, "/secret"), proxy_of()
    ran = run_job({**job([url_of(good), dead()], f"{server.url}/start"), "rules": ANY})
    assert (ran.summary.exit_code, ran.ending(link)) == (0, "skipped:robots")


def test_a_link_whose_robots_txt_no_proxy_brings_is_not_asked_without_it(
    server: Server, run_job: Any, proxy_of: Any, dead: Any
) -> None:
    link, good = linking(server, "/page/1"), proxy_of()
    forward = good._forward

    def refuse_others(client: socket.socket, method: bytes, target: bytes, rest: bytes) -> None:
        if b"localhost" in target and target.endswith(b"robots.txt"):
            client.sendall(REFUSAL)
        else:
            forward(client, method, target, rest)

    good._forward = refuse_others
    ran = run_job({**job([url_of(good), dead()], f"{server.url}/start"), "rules": ANY})
    assert ran.ending(link) == "failed:proxy"
    assert ran.rows(f"SELECT url FROM v_pages WHERE url = '{link}'") == [(link,)]
    assert not any(f"{link} " in head for head in good.heads)


def test_a_crew_is_not_hired_for_a_list(
    server: Server, run_job: Any, proxy_of: Any, dead: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its workers would each give a host a proxy of their own."""

    def fork() -> int:
        raise AssertionError("each process would have a list of its own")

    monkeypatch.setattr(os, "fork", fork)
    monkeypatch.setattr(crews, "_threads", lambda: 1)
    monkeypatch.setattr(crews, "_cores", lambda: 4)
    good = proxy_of()
    (tmp_path / "urls.txt").write_text("".join(f"{server.url}/file/{at}\n" for at in range(crews.WORTH)))
    start = [{"list": "urls.txt", "column": "line", "as": "files"}]
    given = {"http": {"proxies": [dead(), url_of(good)]}, "start": start, "files": {"transport": "curl"}}
    ran = run_job(given)
    assert (ran.summary.exit_code, ran.summary.files.saved) == (0, crews.WORTH)
