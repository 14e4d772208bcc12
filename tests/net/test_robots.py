"""robots.txt on the wire (RFC 9309; JOBS.md, polite): what it governs, and how it is asked for."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.net.robots import Robots
from scraper.server import Raw, Response, Server, Site

DENY = "User-agent: *\nDisallow: /\n"
LEAF = {"item": {"t": "h1"}}


@pytest.fixture
def server() -> Iterator[Server]:
    site = Site()
    site.route("/p/<path:rest>")(lambda request, rest: "<h1>page</h1>")
    with Server(site) as server:
        yield server


def job(server: Server, *links: str, **more: Any) -> dict[str, Any]:
    """A page with these links, all of them followed."""
    text = "<h1>x</h1>" + "".join(f'<a href="{link}">x</a>' for link in links)
    server.site.route("/start")(lambda request: text)
    follow = {"leaf": {"select": "a", "same": "any"}}
    rules = {"index": {**LEAF, "follow": follow, **more.pop("index", {})}, "leaf": LEAF}
    return {"start": [{"url": f"{server.url}/start", "rule": "index"}], "rules": rules, **more}


def robots(server: Server, answer: Any) -> None:
    server.site.route("/robots.txt")(answer if callable(answer) else lambda request: answer)


def asked(server: Server) -> list[str]:
    return [seen.target for seen in server.log]


def leaves(ran: Any) -> set[str]:
    return {ending for url, ending in ran.endings().items() if not url.endswith("/start")}


ALLOW, ENTRY_DENIED = {"ok"}, {"skipped:robots"}
ANSWERS: dict[str, tuple[Any, set[str]]] = {
    "rules that allow": (DENY.replace("Disallow", "Allow"), ALLOW),
    "rules that deny": (Response(200, {"Content-Type": "text/plain"}, DENY.encode()), ENTRY_DENIED),
    "a byte order mark": (Response(200, {}, b"\xef\xbb\xbf" + DENY.encode()), ENTRY_DENIED),
    "gzip": (Response(200, {"Content-Encoding": "x-own"}, b"x"), ENTRY_DENIED),
    "nothing": (Response(200, {}, b""), ALLOW),
    "bytes": (Response(200, {}, bytes(range(256)) * 20), ALLOW),
    "404": (Response(404), ALLOW),
    "401": (Response(401), ALLOW),
    "403": (Response(403), ALLOW),
    "410": (Response(410), ALLOW),
    "429": (Response(429), ENTRY_DENIED),
    "500": (Response(500), ENTRY_DENIED),
    "503": (Response(503), ENTRY_DENIED),
    "garbage": (Raw(b"\0\0\0\r\n\r\n"), ENTRY_DENIED),
    "a redirect nowhere": (Response(302), ALLOW),
    "a redirect to another protocol": (Response(302, {"Location": "ftp://x/robots.txt"}), ALLOW),
    "a circle": (Response(302, {"Location": "/robots.txt"}), ALLOW),
    "a redirect": (Response(301, {"Location": "/other.txt"}), ENTRY_DENIED),
    "rules for others": ("User-agent: other\nDisallow: /\n", ALLOW),
    "rules for us": ("User-agent: Scraper-Jobs\nDisallow: /\n\nUser-agent: *\nAllow: /", ENTRY_DENIED),
    "rules at the end of what is read": (f"# {'x' * 500_000}\n{DENY}", ENTRY_DENIED),
    "a rule that is cut off": (f"# {'x' * (512 * 1024 - 29)}\nUser-agent: *\nDisallow: /private", ALLOW),
    "rules behind what is read": (f"# {'x' * 600_000}\n{DENY}", ALLOW),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_what_an_answer_means(answer: str, server: Server, run_job: Any) -> None:
    given, endings = ANSWERS[answer]
    robots(server, given)
    server.site.route("/other.txt")(lambda request: DENY)
    assert leaves(run_job(job(server, "/p/1"))) == endings


def test_a_huge_one_is_read_so_far_and_no_further(server: Server, run_job: Any) -> None:
    """Endless rules are no reason to leave a host alone (RFC 9309 section 2.5)."""
    sent = []

    def lines() -> Iterator[bytes]:
        for _ in range(2000):
            sent.append(64 * 1024)
            yield b"#" * (64 * 1024 - 1) + b"\n"

    robots(server, lambda request: Response(200, {}, stream=lines()))
    ran = run_job(job(server, "/p/1"))
    assert (leaves(ran), sum(sent) < 32 * 1024 * 1024) == ({"ok"}, True)


def test_it_governs_links_and_not_what_the_job_names_or_builds(server: Server, run_job: Any) -> None:
    robots(server, DENY)
    server.site.route("/turn/<n>")(
        lambda request, n: "<h1>t</h1>" + ("<a class=n href=/turn/2>n</a>" if n == "1" else "")
    )
    rule = {
        "follow": {
            "leaf": {"select": "a", "same": "any"},
            "built": {"url": "/p/built"},
            "turn": {"url": "/turn/1"},
        },
        "files": ["img", {"url": "/p/file"}],
    }
    more = {"built": LEAF, "turn": {**LEAF, "next": "a.n"}}
    data = job(server, "/p/link", index=rule)
    server.site.route("/start")(lambda request: "")
    text = '<h1>x</h1><a href="/p/link">x</a><img src="/p/image">'
    data["start"] = [{"url": f"{server.url}/home", "rule": "index"}]
    server.site.route("/home")(lambda request: text)
    data["rules"] |= more
    ran = run_job(data)
    endings = {url.removeprefix(server.url): ending for url, ending in ran.endings().items()}
    assert endings == {
        "/home": "ok",
        "/p/link": "skipped:robots",
        "/p/image": "skipped:robots",
        "/p/built": "ok",
        "/p/file": "saved",
        "/turn/1": "ok",
        "/turn/2": "ok",
    }


def test_ignored_it_is_not_even_asked_for(server: Server, run_job: Any) -> None:
    robots(server, DENY)
    ran = run_job(job(server, "/p/1", polite={"robots": "ignore"}))
    assert (leaves(ran), asked(server)) == ({"ok"}, ["/start", "/p/1"])


def test_it_is_asked_for_once_an_origin(server: Server, run_job: Any) -> None:
    robots(server, "User-agent: *\nDisallow: /p/9")
    with Server(server.site) as other:
        links = [f"{host}/p/{n}" for host in (server.url, other.url) for n in range(30)]
        ran = run_job(job(server, *links, polite={"per_host": 8}))
    assert [asked(one).count("/robots.txt") for one in (server, other)] == [1, 1]
    skipped = {url for url, ending in ran.endings().items() if ending == "skipped:robots"}
    assert skipped == {f"{host}/p/9" for host in (server.url, other.url)}


def test_without_links_nobody_asks_for_it(server: Server, run_job: Any) -> None:
    robots(server, DENY)
    run_job(job(server))
    assert asked(server) == ["/start"]


@pytest.mark.parametrize(
    "link", ["/p/a/../secret", "/p/%73ecret", "/p/%2e%2e/p/secret", "/p/./secret", "/p/secret?x#y", "//HOST/p/secret"]
)
def test_a_rule_holds_however_the_link_is_spelt(link: str, server: Server, run_job: Any) -> None:
    robots(server, "User-agent: *\nDisallow: /p/secret")
    ran = run_job(job(server, link.replace("HOST", server.url.removeprefix("http://"))))
    assert (leaves(ran), asked(server)) == ({"skipped:robots"}, ["/start", "/robots.txt"])


def test_where_a_link_is_redirected_the_rules_of_that_host_hold(server: Server, run_job: Any) -> None:
    robots(server, Response(404))
    with Server(Site()) as other:
        robots(other, DENY)
        server.site.route("/go")(lambda request: Response(302, {"Location": f"{other.url}/p/1"}))
        ran = run_job(job(server, "/go"))
    assert (leaves(ran), asked(other)) == ({"skipped:robots"}, ["/robots.txt"])


def test_one_that_fails_once_is_asked_for_again(server: Server, run_job: Any) -> None:
    """A moment's trouble must not leave a whole host out."""
    answers = itertools.chain(
        [Response(503), Raw(b"")], itertools.repeat(Response(200, {}, b"User-agent: *\nAllow: /"))
    )
    robots(server, lambda request: next(answers))
    retry = {"attempts": 3, "first_wait": 0}
    ran = run_job(job(server, "/p/1", http={"retry": retry}))
    assert (leaves(ran), asked(server)) == ({"ok"}, ["/start", *["/robots.txt"] * 3, "/p/1"])


def test_one_that_nobody_can_be_asked_for_leaves_it_to_the_link(server: Server, run_job: Any) -> None:
    ran = run_job(job(server, "http://nowhere.example/", "http://127.0.0.1:1/x"))
    assert leaves(ran) == {"failed:dns", "failed:connect"}


@given(st.one_of(st.text(max_size=300), st.lists(st.sampled_from(
    ["User-agent", "Disallow", "Allow", "Crawl-delay", "Sitemap", ":", " ", "\n", "\r", "*", "$", "/", "%", "%zz", "#",
     "\0", "\ufeff", "x", "é", "9" * 400, "1/0s", "12-"]), max_size=40).map("".join)))  # fmt: skip
def test_no_text_breaks_the_rules(text: str) -> None:
    rules = Robots("ours/1", obey=True)
    assert rules.begin("http://h/x") == "http://h/robots.txt"
    rules.learn("http://h/x", text)
    assert rules.verdict("http://h/x?y=%zz") in (True, False)
