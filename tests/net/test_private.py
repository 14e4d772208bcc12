"""From a public address no link or redirect leads to a private one (JOBS.md, Pages; trust: R13, D7).

All servers stand on loopback. In these tests 127.0.0.2 counts as public, and names resolve as a table says.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from scraper import urls
from scraper.net import wire
from scraper.server import Response, Server, Site

LEAF = {"item": {"t": "h1"}}
PUBLIC = "127.0.0.2"


@pytest.fixture(autouse=True)
def _public(monkeypatch: pytest.MonkeyPatch) -> None:
    is_private = urls.is_private
    monkeypatch.setattr(urls, "is_private", lambda address: address != PUBLIC and is_private(address))


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, list[str]]]:
    """Name -> what its look-ups give, one after another; the last one stays."""
    table: dict[str, list[str]] = {}
    resolve = socket.getaddrinfo

    def lookup(host: Any, *args: Any, **options: Any) -> Any:
        answers = table.get(host, [host])
        return resolve(answers.pop(0) if len(answers) > 1 else answers[0], *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    wire.addresses.cache_clear()
    yield table
    wire.addresses.cache_clear()


@pytest.fixture
def inside() -> Iterator[Server]:
    site = Site()
    site.route("/robots.txt")(lambda request: Response(404))
    site.route("/<name>")(lambda request, name: "<h1>inside</h1>")
    with Server(site) as server:
        yield server


@pytest.fixture
def outside() -> Iterator[Server]:
    site = Site()
    site.route("/robots.txt")(lambda request: Response(404))
    with Server(site, host=PUBLIC) as server:
        yield server


def job(server: Server, **more: Any) -> dict[str, Any]:
    rules = {"index": {"item": {"t": "h1"}, **more}, "leaf": LEAF}
    if "follow" not in more:
        del rules["leaf"]
    return {"start": [{"url": f"{server.url}/start", "rule": "index"}], "rules": rules}


WAYS: dict[str, Callable[[str], dict[str, Any]]] = {
    "link": lambda url: {"follow": {"leaf": {"select": "a", "same": "any"}}},
    "file": lambda url: {"files": "a"},
    "next": lambda url: {"next": "a"},
    "built from the page": lambda url: {"follow": {"leaf": {"url": "{{ item.t }}"}}},
    "file built from the page": lambda url: {"files": {"url": "{{ item.t }}"}},
}
SPELLINGS = [
    "http://127.0.0.1:PORT/x",
    "http://localhost:PORT/x",
    "http://LOCALHOST.:PORT/x",
    "http://[::ffff:127.0.0.1]:PORT/x",
    "http://[::FFFF:7f00:1]:PORT/x",
    "http://[64:ff9b::7f00:1]:PORT/x",
    "http://0.0.0.0:PORT/x",
    "http://[::]:PORT/x",
    "http://169.254.169.254/x",
    "http://10.1.2.3/x",
    "http://100.64.0.1/x",
    "http://①②⑦.⓪.⓪.①:PORT/x",
    "http://127。0。0。1:PORT/x",
    "//127.0.0.1:PORT/x",
    "http://me@127.0.0.1:PORT/x",
    "http://named.example:PORT/x",
]


@pytest.mark.parametrize("way", WAYS)
def test_a_public_page_leads_to_no_private_address(
    way: str, inside: Server, outside: Server, names: dict[str, list[str]], run_job: Any
) -> None:
    names["named.example"] = ["127.0.0.1"]
    for at, spelling in enumerate(SPELLINGS if way in ("link", "file") else SPELLINGS[:1]):
        url = spelling.replace("PORT", str(inside.port))
        outside.site.route(f"/start/{at}")(lambda request, url=url: f'<h1>{url}</h1><a href="{url}">x</a>')
    data = job(outside, **WAYS[way](inside.url))
    count = len(SPELLINGS) if way in ("link", "file") else 1
    data["start"] = [{"url": f"{outside.url}/start/{at}", "rule": "index"} for at in range(count)]
    ran = run_job(data)
    endings = [ending for url, ending in ran.endings().items() if not url.startswith(outside.url)]
    assert set(endings) == {"skipped:private"}
    assert inside.log == []


def test_a_private_page_may_lead_anywhere(inside: Server, outside: Server, run_job: Any) -> None:
    with Server(inside.site, host="127.0.0.3") as other:
        targets = [f"{host.url}/x" for host in (inside, other, outside)]
        outside.site.route("/x")(lambda request: "<h1>out</h1>")
        inside.site.route("/start")(lambda request: "".join(f'<a href="{url}">x</a>' for url in targets))
        ran = run_job(job(inside, **WAYS["link"]("")))
        assert {url: ran.ending(url) for url in targets} == dict.fromkeys(targets, "ok")


def test_what_the_job_names_is_fetched(inside: Server, outside: Server, run_job: Any) -> None:
    """A host literal in the job: a start URL, and what a public page only fills in (JOBS.md, Pages)."""
    outside.site.route("/start")(lambda request: "<h1>x</h1>")
    built = {
        "follow": {"leaf": {"url": f"{inside.url}/{{{{ item.t }}}}"}},
        "files": {"url": f"{inside.url}/f{{{{ item.t }}}}"},
    }
    data = job(outside, **built)
    data["start"].append({"url": f"{inside.url}/named", "rule": "leaf"})
    ran = run_job(data)
    endings = {url.removeprefix(inside.url): ending for url, ending in ran.endings().items()}
    assert endings == {f"{outside.url}/start": "ok", "/named": "ok", "/x": "ok", "/fx": "saved"}


@pytest.mark.parametrize("way", ["page", "file"])
@pytest.mark.parametrize("target", ["http://127.0.0.1:PORT/x", "http://named.example:PORT/x", "http://[::1]:PORT/x"])
def test_a_public_redirect_leads_to_no_private_address(
    target: str, way: str, inside: Server, outside: Server, names: dict[str, list[str]], run_job: Any
) -> None:
    names["named.example"] = ["127.0.0.1"]
    location = target.replace("PORT", str(inside.port))
    outside.site.route("/hop")(lambda request: Response(302, {"Location": location}))
    outside.site.route("/start")(lambda request: '<h1>x</h1><a href="/hop">x</a>')
    ran = run_job(job(outside, **WAYS["link" if way == "page" else "file"]("")))
    assert (ran.ending(f"{outside.url}/hop"), inside.log) == ("skipped:private", [])


def test_a_private_redirect_may_lead_inside(inside: Server, run_job: Any) -> None:
    inside.site.route("/start")(lambda request: Response(302, {"Location": f"http://localhost:{inside.port}/x"}))
    ran = run_job({"start": [f"{inside.url}/start"], "rules": {"leaf": LEAF}})
    assert ran.ending(f"{inside.url}/start") == "ok"


@pytest.mark.parametrize("head", ["Connection: close", "Content-Length: 0"])
def test_a_private_host_with_a_name_stays_private(
    head: str, inside: Server, names: dict[str, list[str]], run_job: Any
) -> None:
    """Also where the connection is gone before anybody asks whose it was."""
    names["intranet.example"] = ["127.0.0.1"]
    name, _, value = head.partition(": ")
    headers = {"Location": f"{inside.url}/x", name: value}
    inside.site.route("/start")(lambda request: Response(302, headers))
    url = f"http://intranet.example:{inside.port}/start"
    assert run_job({"start": [url], "rules": {"leaf": LEAF}}).ending(url) == "ok"


@pytest.mark.parametrize("way", ["link", "file", "redirect", "redirected file"])
def test_a_name_that_turns_private_after_it_was_looked_at(
    way: str, inside: Server, outside: Server, names: dict[str, list[str]], run_job: Any
) -> None:
    """DNS rebinding: what counts is the address that was connected to, and nothing is sent there."""
    # A file's host is not looked up before it is connected to.
    names["rebind.example"] = ["127.0.0.1"] if way == "file" else [PUBLIC, "127.0.0.1"]
    target = f"http://rebind.example:{inside.port}/x"
    outside.site.route("/hop")(lambda request: Response(302, {"Location": target}))
    link = "/hop" if way.startswith("redirect") else target
    outside.site.route("/start")(lambda request: f'<h1>x</h1><a href="{link}">x</a>')
    data = {**job(outside, **WAYS["file" if "file" in way else "link"]("")), "polite": {"robots": "ignore"}}
    # The names of these tests are known to Python's resolver only; tests/net/transport holds curl to the same.
    ran = run_job({**data, "files": {"transport": "requests"}})
    endings = [ending for url, ending in ran.endings().items() if "start" not in url]
    assert (endings, inside.log) == (["skipped:private"], [])


def test_a_kept_connection_inside_serves_no_public_page(
    inside: Server, outside: Server, names: dict[str, list[str]], run_job: Any
) -> None:
    """The job itself opened it; a rebound name would find it in the pool, and need not connect at all."""
    names["rebind.example"] = ["127.0.0.1"]
    url = f"http://rebind.example:{inside.port}"
    outside.site.route("/start")(lambda request: f'<h1>x</h1><a href="{url}/x">x</a>')
    data = job(outside, **WAYS["link"](""))
    data["start"].insert(0, {"url": f"{url}/named", "rule": "leaf"})
    data["polite"] = {"robots": "ignore", "delay": 0.2}
    monkey = pytest.MonkeyPatch()
    monkey.setattr(wire, "addresses", lambda host: (PUBLIC,))
    try:
        ran = run_job(data)
    finally:
        monkey.undo()
    assert ran.ending(f"{url}/x") == "skipped:private"
    assert [seen.target for seen in inside.log] == ["/named"]


@pytest.mark.parametrize(
    ("address", "is_private"),
    [
        ("8.8.8.8", False),
        ("2606:4700::1111", False),
        ("127.8.9.1", True),
        ("10.0.0.1", True),
        ("172.31.255.255", True),
        ("172.32.0.1", False),
        ("192.168.1.1", True),
        ("169.254.169.254", True),
        ("100.127.255.255", True),
        ("0.1.2.3", True),
        ("240.0.0.1", True),
        ("255.255.255.255", True),
        ("::", True),
        ("::1", True),
        ("fe80::1%eth0", True),
        ("fd00::1", True),
        ("::ffff:8.8.8.8", False),
        ("::ffff:10.0.0.1", True),
        ("64:ff9b::808:808", False),
        ("64:ff9b::a00:1", True),
        ("2002:a00:1::", True),
        ("2002:808:808::", False),
        ("no address", False),
    ],
)
def test_private_addresses(address: str, is_private: bool) -> None:
    assert urls.is_private(address) == is_private
