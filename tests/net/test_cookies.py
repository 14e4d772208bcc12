"""Cookies: cookies.txt, sessions, and the borders they keep (JOBS.md, Secrets; RFC 6265; trust: R15)."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scraper.job.parts import Http
from scraper.net.cookies import read_cookies_txt
from scraper.net.outgoing import Outgoing, Wire
from scraper.net.session import Session
from scraper.server import Response, Server, Site

RULE = {"page": {"item": {"t": "h1"}}}


@pytest.fixture
def server() -> Iterator[Server]:
    site = Site()
    site.route("/robots.txt")(lambda request: Response(404))
    site.route("/<name>")(lambda request, name: "<h1>x</h1>")
    with Server(site) as server:
        yield server


def cookie_of(server: Server, path: str) -> str | None:
    headers = {name.lower(): value for seen in server.log if seen.target == path for name, value in seen.headers}
    return headers.get("cookie")


# -- cookies.txt -------------------------------------------------------------------------------------------

LATER = "4102444800"
FILES = {
    "with the header line": f"# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t{LATER}\tsid\tv\n",
    "without it": f"127.0.0.1\tFALSE\t/\tFALSE\t{LATER}\tsid\tv\n",
    "a session cookie": "127.0.0.1\tFALSE\t/\tFALSE\t0\tsid\tv\n",
    "HttpOnly": "#HttpOnly_127.0.0.1\tFALSE\t/\tFALSE\t0\tsid\tv\n",
    "CRLF, comments, blank lines": "# hello\r\n\r\n127.0.0.1\tFALSE\t/\tFALSE\t0\tsid\tv\r\n#end\r\n",
    "with parts of a second": "127.0.0.1\tFALSE\t/\tFALSE\t4102444800.25\tsid\tv\n",
    "a byte order mark": "\ufeff127.0.0.1\tFALSE\t/\tFALSE\t0\tsid\tv\n",
}


@pytest.mark.parametrize("kind", FILES)
def test_a_cookies_txt_is_sent(kind: str, server: Server, run_job: Any, tmp_path: Path) -> None:
    (tmp_path / "c.txt").write_text(FILES[kind], newline="")
    run_job({"http": {"cookies": "c.txt"}, "start": [f"{server.url}/x"], "rules": RULE})
    assert cookie_of(server, "/x") == "sid=v"


@pytest.mark.parametrize(
    "line",
    [
        "127.0.0.1\tFALSE\t/\tFALSE\t1\tsid\tv",  # expired
        "127.0.0.1\tFALSE\t/\tTRUE\t0\tsid\tv",  # for https
        "127.0.0.1\tFALSE\t/deep/\tFALSE\t0\tsid\tv",
        "127.0.0.2\tFALSE\t/\tFALSE\t0\tsid\tv",
        ".example.com\tTRUE\t/\tFALSE\t0\tsid\tv",
        "0.0.1\tTRUE\t/\tFALSE\t0\tsid\tv",
    ],
)
def test_a_cookie_of_another_place_or_time_is_not_sent(line: str, server: Server, run_job: Any, tmp_path: Path) -> None:
    (tmp_path / "c.txt").write_text(f"{line}\n")
    run_job({"http": {"cookies": "c.txt"}, "start": [f"{server.url}/x"], "rules": RULE})
    assert cookie_of(server, "/x") is None


@pytest.mark.parametrize(
    "line",
    ["no cookie", "a\tb\tc", "127.0.0.1\tFALSE\t/\tFALSE\tsoon\tsid\tv", "h\tFALSE\t/\tFALSE\tinf\tsid\tv"],
)
def test_a_line_that_is_no_cookie_is_told_with_its_number(line: str, tmp_path: Path) -> None:
    (tmp_path / "c.txt").write_text(f"# hello\n{line}\n")
    with pytest.raises(ValueError, match=r"c\.txt:2: "):
        read_cookies_txt(tmp_path / "c.txt")


@pytest.mark.parametrize("text", [None, "no cookie\n"])
def test_a_cookies_txt_that_cannot_be_read_is_a_mistake_of_the_job(
    text: str | None, server: Server, run_job: Any, tmp_path: Path
) -> None:
    from scraper.errors import JobError

    if text is not None:
        (tmp_path / "c.txt").write_text(text)
    with pytest.raises(JobError, match=r"c\.txt"):
        run_job({"http": {"cookies": "c.txt"}, "start": [f"{server.url}/x"], "rules": RULE})


# -- cookies that servers set ------------------------------------------------------------------------------


SET = {
    "plain": "sid=v",
    "root": "sid=v; Path=/",
    "domain": "sid=v; Domain=127.0.0.1; Path=/",
    "httponly": "sid=v; HttpOnly; SameSite=Strict",
    "long-lived": "sid=v; Max-Age=1000; Path=/",
}


@pytest.mark.parametrize("attributes", SET)
def test_a_cookie_stays_at_the_port_that_set_it(attributes: str, server: Server, run_job: Any) -> None:
    with Server(server.site) as other:
        links = f'<h1>x</h1><a href="/a">1</a><a href="{other.url}/b">2</a>'
        server.site.route("/start")(lambda request: Response(200, {"Set-Cookie": SET[attributes]}, links.encode()))
        follow = {"page": {"select": "a", "same": "any"}}
        start = [{"url": f"{server.url}/start", "rule": "index"}, {"url": f"{other.url}/home", "rule": "page"}]
        run_job({"start": start, "rules": {"index": {"follow": follow}, **RULE}, "polite": {"per_host": 1}})
        assert (cookie_of(server, "/a"), cookie_of(other, "/b"), cookie_of(other, "/home")) == ("sid=v", None, None)


def test_a_cookie_that_another_host_sets_is_not_sent_home(server: Server, run_job: Any) -> None:
    with Server(Site(), host="127.0.0.2") as other:
        other.site.route("/robots.txt")(lambda request: Response(404))
        home = f"{server.url}/back"
        headers = [("Location", home), ("Set-Cookie", "sid=evil; Path=/"), ("Set-Cookie", "b=1; Domain=127.0.0.1")]
        other.site.route("/b")(lambda request: Response(302, headers))
        server.site.route("/start")(lambda request: f'<a href="{other.url}/b">2</a>')
        follow = {"page": {"select": "a", "same": "any"}}
        start = [{"url": f"{server.url}/start", "rule": "index"}]
        run_job({"start": start, "rules": {"index": {"follow": follow}, **RULE}})
        assert [seen.target for seen in server.log][-1] == "/back"
        assert cookie_of(server, "/back") is None


def test_what_the_job_names_and_what_the_server_sets_go_together(server: Server, run_job: Any) -> None:
    server.site.route("/start")(lambda request: Response(200, {"Set-Cookie": "b=2; Path=/"}, b'<a href="/a">1</a>'))
    start = [{"url": f"{server.url}/start", "rule": "index"}]
    run_job({"http": {"cookies": {"a": "1"}}, "start": start, "rules": {"index": {"follow": {"page": "a"}}, **RULE}})
    assert (cookie_of(server, "/start"), cookie_of(server, "/a")) == ("a=1", "a=1; b=2")


def test_a_cookie_can_be_taken_back(server: Server, run_job: Any) -> None:
    headers = [("Location", "/gone"), ("Set-Cookie", "sid=v; Path=/")]
    server.site.route("/start")(lambda request: Response(302, headers))
    gone = [("Location", "/end"), ("Set-Cookie", "sid=; Path=/; Max-Age=0")]
    server.site.route("/gone")(lambda request: Response(302, gone))
    run_job({"start": [f"{server.url}/start"], "rules": RULE})
    assert (cookie_of(server, "/gone"), cookie_of(server, "/end")) == ("sid=v", None)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_a_session_works_on_any_address(host: str) -> None:
    with Server(Site(), host=host) as server:
        server.site.route("/set")(lambda request: Response(200, {"Set-Cookie": "sid=v; Path=/"}))
        session = Session(Outgoing(Http(), {}.__getitem__, set(), Path()))
        for path in ("/set", "/a"):
            session.exchange(Wire("GET", server.url + path)).drain()
        assert cookie_of(server, "/a") == "sid=v"


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> None:
    """All names of .example and .test stand on 127.0.0.1."""
    resolve = socket.getaddrinfo

    def lookup(host: Any, *args: Any, **options: Any) -> Any:
        return resolve("127.0.0.1" if str(host).endswith((".example", ".test")) else host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)


@pytest.mark.parametrize(
    ("attributes", "reached"),
    [
        ("", {"www.shop.example"}),
        ("; Domain=shop.example", {"www.shop.example", "img.shop.example", "shop.example"}),
        ("; Domain=.shop.example", {"www.shop.example", "img.shop.example", "shop.example"}),
        ("; Domain=www.shop.example", {"www.shop.example"}),
        ("; Domain=img.shop.example", set()),
        ("; Domain=other.example", set()),
        ("; Domain=.example", set()),
        ("; Domain=example", set()),
        ("; Secure", set()),
    ],
)
@pytest.mark.usefixtures("named")
def test_which_hosts_a_cookie_reaches(attributes: str, reached: set[str], server: Server) -> None:
    server.site.route("/set")(lambda request: Response(200, {"Set-Cookie": f"sid=v; Path=/{attributes}"}))
    session = Session(Outgoing(Http(), {}.__getitem__, set(), Path()))
    session.exchange(Wire("GET", f"http://www.shop.example:{server.port}/set")).drain()
    hosts = ("www.shop.example", "img.shop.example", "shop.example", "other.example", "notshop.example")
    for at, host in enumerate(hosts):
        session.exchange(Wire("GET", f"http://{host}:{server.port}/{at}")).drain()
    assert {host for at, host in enumerate(hosts) if cookie_of(server, f"/{at}")} == reached
