"""How many requests a host gets at once, and how fast (JOBS.md, polite), counted by the servers."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from scraper.job.load import from_data
from scraper.net.hosts import LocalGate, policy_for
from scraper.net.robots import Robots
from scraper.server import Request, Response, Server, Site

LEAF = {"item": {"t": "h1"}}


class Counted:
    """A server that counts what is in flight; each answer waits for company, or a moment if none comes."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.most = self.now = 0
        self.lock = threading.Lock()
        self.company = threading.Condition(self.lock)

    def __call__(self, answer: Any) -> Any:
        def handler(request: Request, **parts: str) -> Any:
            with self.company:
                self.now += 1
                self.most = max(self.most, self.now)
                self.company.notify_all()
                self.company.wait_for(lambda: self.now > 1 and self.now == self.most, 0.03)
                self.now -= 1
            return answer

        return handler


@pytest.fixture
def servers() -> Iterator[list[Counted]]:
    """Two hosts that count all they are asked, robots.txt included, and redirect to each other."""
    with ExitStack() as stack:
        counted = [Counted(stack.enter_context(Server(Site()))) for _ in range(2)]
        for one, other in (counted, counted[::-1]):
            site = one.server.site
            site.route("/robots.txt")(one(Response(302, {"Location": f"{other.server.url}/rules"})))
            site.route("/rules")(one(Response(404)))
            site.route("/p/<n>")(one("<h1>page</h1>"))
            site.route("/f/<n>")(one(b"file"))
            site.route("/away/<n>")(one(Response(302, {"Location": f"{other.server.url}/p/1"})))
        yield counted


@pytest.mark.parametrize("per_host", [1, 2, 3])
def test_never_more_than_per_host(per_host: int, servers: list[Counted], run_job: Any) -> None:
    """Pages, files, redirects from another host, and robots.txt, all together."""
    home, away = (one.server for one in servers)
    links = "".join(
        f'<a href="{host.url}/p/{n}">p</a><a href="{host.url}/away/{n}">r</a><img src="{host.url}/f/{n}">'
        for host in (home, away)
        for n in range(8)
    )
    home.site.route("/start")(lambda request: links)
    rules = {"index": {"follow": {"leaf": {"select": "a", "same": "any"}}, "files": "img"}, "leaf": LEAF}
    start = [{"url": f"{home.url}/start", "rule": "index"}]
    ran = run_job({"start": start, "rules": rules, "polite": {"per_host": per_host}})
    assert ran.summary.failures == []
    most = max(one.most for one in servers)
    assert min(2, per_host) <= most <= per_host


def test_a_host_may_have_a_bound_of_its_own(servers: list[Counted], run_job: Any) -> None:
    home, away = servers
    links = "".join(f'<img src="{one.server.url}/f/{n}">' for one in servers for n in range(12))
    home.server.site.route("/start")(lambda request: links)
    own = {f"127.0.0.1:{away.server.port}": {"per_host": 1}}
    polite = {"robots": "ignore", "per_host": 6, "hosts": own}
    run_job({"start": [f"{home.server.url}/start"], "rules": {"p": {"files": "img"}}, "polite": polite})
    assert (away.most, home.most > 1) == (1, True)


@pytest.mark.parametrize(
    ("pattern", "host", "fits"),
    [
        ("*.example.com", "img.example.com:443", True),
        ("*.example.com", "a.b.example.com:80", True),
        ("*.example.com", "example.com:80", False),
        ("*.example.com", "badexample.com:80", False),
        ("*.Example.COM", "img.example.com:443", True),
        ("example.com", "example.com:8080", True),
        ("example.com:8080", "example.com:8080", True),
        ("example.com:8080", "example.com:80", False),
        ("*.example.com:8080", "img.example.com:8080", True),
        ("::1", "[::1]:80", True),
        ("[::1]", "[::1]:80", True),
        ("127.0.0.*", "127.0.0.9:80", True),
        ("*", "any:1", True),
    ],
)
def test_patterns_of_hosts(pattern: str, host: str, fits: bool) -> None:
    rules = {"p": LEAF}
    polite = {"hosts": {pattern: {"per_host": 9}}}
    job = from_data({"name": "job", "start": ["http://h/"], "rules": rules, "polite": polite}).job
    assert (policy_for(host, job.polite).slots == 9) == fits


class Clock:
    """Seconds that pass only when somebody waits."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_between_two_starts_lies_the_delay_also_across_kinds() -> None:
    """The gate knows no kinds: a page, a file, a login step and a robots.txt each take a turn."""
    clock = Clock()
    polite = from_data(
        {"name": "j", "start": ["http://h/"], "rules": {"p": LEAF}, "polite": {"delay": 3, "per_host": 9}}
    ).job.polite
    gate = LocalGate(lambda host: policy_for(host, polite), clock)
    starts = []
    while len(starts) < 4:
        wait = gate.acquire("h:80")
        if wait:
            clock.now += wait
        else:
            starts.append(clock.now)
    assert starts == [1000, 1003, 1006, 1009]


def test_the_delay_lies_between_requests_on_the_wire(run_job: Any) -> None:
    """Redirects and robots.txt are requests too. The servers' clocks can only show longer gaps, not shorter ones."""
    with Server(Site()) as server:
        server.site.route("/robots.txt")(lambda request: Response(404))
        server.site.route("/start")(lambda request: '<a href="/go">x</a><img src="/f">')
        server.site.route("/go")(lambda request: Response(302, {"Location": "/end"}))
        server.site.route("/end")(lambda request: "<h1>end</h1>")
        server.site.route("/f")(lambda request: b"f")
        rules = {"index": {"follow": {"leaf": "a"}, "files": "img"}, "leaf": LEAF}
        run_job({"start": [f"{server.url}/start"], "rules": rules, "polite": {"delay": 0.05}})
        starts = sorted(seen.when for seen in server.log)
    assert len(starts) == 5
    assert min(later - earlier for earlier, later in itertools.pairwise(starts)) > 0.03


# -- Crawl-delay -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("User-agent: *\nCrawl-delay: 3", 3.0),
        ("User-agent: *\nCrawl-delay: 0.5\nDisallow: /x", 0.5),
        ("User-agent: ours\nCrawl-delay: 7\n\nUser-agent: *\nCrawl-delay: 3", 7.0),
        ("User-agent: other\nCrawl-delay: 7", 0.0),
        ("User-agent: *\nCrawl-delay: soon", 0.0),
        ("User-agent: *\nCrawl-delay: -5", 0.0),
        ("User-agent: *\nCrawl-delay: inf", 0.0),
        ("User-agent: *\nCrawl-delay: nan", 0.0),
        ("User-agent: *\nDisallow: /", 0.0),
        (True, 0.0),
        (False, 0.0),
    ],
)
def test_what_a_robots_txt_wants_between_two_requests(text: str | bool, seconds: float) -> None:
    rules = Robots("ours/1", obey=True)
    rules.learn("http://h/x", text)
    assert (rules.delay("http://h/y"), rules.delay("http://other/")) == (seconds, 0.0)


def test_who_does_not_obey_keeps_no_delay() -> None:
    rules = Robots("ours/1", obey=False)
    rules.learn("http://h/x", "User-agent: *\nCrawl-delay: 3")
    assert rules.delay("http://h/x") == 0.0


def test_a_crawl_delay_lies_between_requests_on_the_wire(run_job: Any) -> None:
    """From the robots.txt itself on; the page before it, which the user named, did not know yet."""
    with Server(Site()) as server:
        server.site.route("/robots.txt")(lambda request: "User-agent: *\nCrawl-delay: 0.05")
        server.site.route("/start")(lambda request: "".join(f'<a href="/p/{n}">x</a>' for n in range(4)))
        server.site.route("/p/<n>")(lambda request, n: "<h1>page</h1>")
        rules = {"index": {"follow": {"leaf": "a"}}, "leaf": LEAF}
        ran = run_job({"start": [f"{server.url}/start"], "rules": rules, "polite": {"per_host": 8}})
        starts = sorted(seen.when for seen in server.log if seen.target != "/start")
    assert (ran.summary.failures, len(starts)) == ([], 5)
    assert min(later - earlier for earlier, later in itertools.pairwise(starts)) > 0.03


# -- Retry-After -------------------------------------------------------------------------------------------


def test_a_page_that_asks_to_wait_parks_the_files_of_its_host_too(run_job: Any) -> None:
    """And no other host's; nobody is in the way of the others meanwhile, with one page thread and one download."""
    with Server(Site()) as server, Server(Site()) as other:
        order: list[str] = []
        busy = iter([Response(503, {"Retry-After": "1"})])

        def noted(name: str, answer: Any) -> Any:
            return lambda request: order.append(name) or answer  # type: ignore[func-returns-value]

        @server.site.route("/busy")
        def page(request: Request) -> Any:
            order.append("busy")
            return next(busy, "<h1>x</h1>")

        for n in range(3):
            server.site.route(f"/f/{n}")(noted("file", b"f"))
            other.site.route(f"/f/{n}")(noted("other", b"f"))
        images = "".join(f'<img src="{other.url}/f/{n}"><img src="{server.url}/f/{n}">' for n in range(3))
        links = '<a href="/busy">x</a>'
        server.site.route("/start")(lambda request: links)
        server.site.route("/more")(lambda request: images)
        rules = {"index": {"follow": {"leaf": "a", "more": {"url": "/more"}}}, "leaf": LEAF, "more": {"files": "img"}}
        polite = {"robots": "ignore", "per_host": 1}
        http = {"retry": {"attempts": 3, "first_wait": 0}}
        start = [{"url": f"{server.url}/start", "rule": "index"}]
        ran = run_job({"start": start, "rules": rules, "polite": polite, "http": http, "files": {"jobs": 1}})
        first, again = (seen.when for seen in server.log if seen.target == "/busy")
        between = [seen.target for seen in server.log if first < seen.when < first + 1]
    assert ran.summary.failures == []
    assert between == []
    assert again - first >= 1
    assert sorted(order) == ["busy"] * 2 + ["file"] * 3 + ["other"] * 3


def test_a_host_that_asks_to_wait_for_a_day_is_busy(run_job: Any) -> None:
    with Server(Site()) as server:
        server.site.route("/x")(lambda request: Response(429, {"Retry-After": "86400"}))
        ran = run_job({"start": [f"{server.url}/x"], "rules": {"p": LEAF}})
    assert ran.ending(f"{server.url}/x") == "failed:busy"


@pytest.mark.parametrize(
    "header",
    [
        "soon",
        "-1",
        "1.5",
        "",
        "\xb2",
        "0",
        "Wed, 21 Oct 2015 07:28:00 GMT",
        "Wed, 21 Oct 99999999999 07:28:00 GMT",
        "Wed, 21 Oct 2015 07:28:00 +99999999",
        "Wed, 99 Foo 2015 99:99:99 GMT",
        "21 Oct 2015",
    ],
)
def test_a_retry_after_that_says_nothing_does_not_hold_the_run(header: str, run_job: Any) -> None:
    """Waits come from our own backoff then, which is 0 here."""
    with Server(Site()) as server:
        answers = iter([Response(503, {"Retry-After": header})])
        server.site.route("/x")(lambda request: next(answers, "<h1>x</h1>"))
        ran = run_job(
            {"start": [f"{server.url}/x"], "rules": {"p": LEAF}, "http": {"retry": {"attempts": 2, "first_wait": 0}}}
        )
        assert (ran.ending(f"{server.url}/x"), len(server.log)) == ("ok", 2)
