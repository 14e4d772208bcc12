"""What the job tells its own servers reaches no other origin (issue 2, acceptance 6; JOBS.md, Secrets).

One run for each carrier of a secret takes every way that leads to another origin at once:

    home /start   -> links, files, a redirect of each, a built request, `next`
    away /<way>   another port of the same address, under the name of the way that led there

The servers' logs tell what arrived. `localhost` and another scheme stand in a table below.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from scraper.server import Request, Response, Seen, Server, Site

WAYS = ("page-redirect", "file-redirect", "link", "file-host", "built", "next", "robots.txt", "round-trip")
SECRET = "s3cr3t-0f-the-job"
BASIC = base64.b64encode(f"me:{SECRET}".encode()).decode()


def header(name: str, value: str = SECRET) -> dict[str, Any]:
    return {"http": {"headers": {name: value}}}


def entry(**parts: Any) -> dict[str, Any]:
    return {"entry": parts}


# What the job says -> what arrives at home.
CARRIERS: dict[str, tuple[dict[str, Any], str]] = {
    "basic auth": ({"http": {"auth": {"basic": ["me", SECRET]}}}, BASIC),
    "digest auth": ({"http": {"auth": {"digest": ["me-" + SECRET, "x"]}}}, "me-" + SECRET),
    "bearer": ({"http": {"auth": {"bearer": SECRET}}}, SECRET),
    "user and password in the URL": ({"userinfo": f"me:{SECRET}@"}, BASIC),
    "Authorization header": (header("Authorization", f"Token {SECRET}"), SECRET),
    "authorization in lower case": (header("authorization", f"Token {SECRET}"), SECRET),
    "Proxy-Authorization header": (header("Proxy-Authorization", SECRET), SECRET),
    "Cookie header": (header("Cookie", f"sid={SECRET}"), SECRET),
    "cookies mapping": ({"http": {"cookies": {"sid": SECRET}}}, SECRET),
    "cookies.txt": ({"http": {"cookies": "cookies.txt"}}, SECRET),
    "X-Api-Key": (header("X-Api-Key"), SECRET),
    "Referer": (header("Referer", f"http://home.example/{SECRET}"), SECRET),
    "entry's headers": (entry(headers={"X-Token": SECRET}), SECRET),
    "entry's cookies": (entry(cookies={"sid": SECRET}), SECRET),
    "entry's auth": (entry(auth={"bearer": SECRET}), SECRET),
    "login session cookie": ({"login": True}, SECRET),
    "login session cookie with a Domain": ({"login": "; Domain=127.0.0.1"}, SECRET),
}


def picture() -> Response:
    return Response(200, {"Content-Type": "image/png"}, b"\x89PNG\r\n\x1a\n")


class Sites:
    """A home and an away origin that lead to each other."""

    def __init__(self, stack: ExitStack) -> None:
        self.session, self.more = "", ""
        home, away = Site(), Site()
        self.home = stack.enter_context(Server(home))
        self.away = stack.enter_context(Server(away))
        home.route("/start")(self.start)
        home.route("/login")(self.login)
        home.route("/robots.txt")(lambda request: Response(404))
        home.route("/to/<name>")(lambda request, name: Response(302, {"Location": f"{self.away.url}/{name}"}))
        home.route("/back")(lambda request: "<h1>back</h1>")
        home.route("/digest")(self.digest)
        away.route("/robots.txt")(lambda request: Response(404))
        away.route("/round-trip")(lambda request: Response(302, {"Location": f"{self.home.url}/back"}))
        away.route("/<name>")(lambda request, name: picture() if name.startswith("file") else "<h1>away</h1>")

    def login(self, request: Request) -> Response:
        return Response(200, {"Set-Cookie": f"sid={SECRET}; Path=/{self.session}"}, b"<p>welcome</p>")

    def digest(self, request: Request) -> Response:
        if "authorization" in request.headers:
            return Response(200, {}, b"<h1>in</h1>")
        return Response(401, {"WWW-Authenticate": 'Digest realm="r", nonce="n", qop="auth"'})

    def start(self, request: Request) -> str:
        away, home = self.away.url, self.home.url
        return f"""<title>start</title>
            <a class=page href="{away}/link">1</a> <a class=page href="{home}/to/page-redirect">2</a>
            <a class=page href="{home}/to/round-trip">3</a> {self.more}
            <img src="{away}/file-host"> <img src="{home}/to/file-redirect">
            <a class=next href="{away}/next">next</a>"""

    def job(self, given: dict[str, Any], **http: Any) -> dict[str, Any]:
        url = self.home.url.replace("://", "://" + given.get("userinfo", "")) + "/start"
        built = {"url": f"{self.away.url}/built", "headers": given.get("entry", {}).get("headers", {})}
        job: dict[str, Any] = {
            "http": {**given.get("http", {}), **http},
            "start": [{"url": url, "rule": "index", **given.get("entry", {})}],
            "rules": {
                "index": {
                    "item": {"title": "title"},
                    "follow": {"page": {"select": "a.page", "same": "any"}, "api": built},
                    "files": "img",
                    "next": "a.next",
                },
                "page": {"item": {"title": "h1"}},
                "api": {"item": {"title": "h1"}},
            },
        }
        if "digest" in job["http"].get("auth", {}):
            self.more = f'<a class=page href="{self.home.url}/digest">4</a>'
        if "login" in given:
            self.session = given["login"] if isinstance(given["login"], str) else ""
            job["login"] = [{"get": f"{self.home.url}/login"}]
        return job


@pytest.fixture
def sites(tmp_path: Path) -> Iterator[Sites]:
    line = f"#HttpOnly_127.0.0.1\tFALSE\t/\tFALSE\t0\tsid\t{SECRET}\n"
    (tmp_path / "cookies.txt").write_text(line)
    with ExitStack() as stack:
        yield Sites(stack)


def carriers(log: list[Seen], what: str) -> set[str]:
    """The paths of the requests that carried it."""
    found = {seen.target for seen in log if any(what in f"{name}: {value}" for name, value in seen.headers)}
    return {target.lstrip("/") for target in found}


def asked(log: list[Seen]) -> set[str]:
    return {seen.target.lstrip("/") for seen in log}


@pytest.mark.parametrize("carrier", CARRIERS)
def test_it_arrives_at_home_and_at_no_other_origin(carrier: str, sites: Sites, run_job: Any) -> None:
    given, what = CARRIERS[carrier]
    ran = run_job(sites.job(given))
    assert carriers(sites.home.log, what) >= ({"digest"} if carrier == "digest auth" else {"start"})
    assert asked(sites.away.log) == set(WAYS)
    assert carriers(sites.away.log, what) == set()
    assert carriers(sites.away.log, SECRET) == set()
    failed = [failure["url"] for failure in ran.summary.failures if not failure["url"].endswith("/digest")]
    assert failed == []


@pytest.mark.parametrize("carrier", [name for name in CARRIERS if not name.startswith(("login", "digest"))])
def test_origins_named_in_the_job_may_see_it(carrier: str, sites: Sites, run_job: Any) -> None:
    """What an entry gives goes with what its page leads to only along `next`: JOBS.md, Next pages."""
    given, what = CARRIERS[carrier]
    run_job(sites.job(given, origins=[sites.away.url]))
    reached = {"next"} if "entry" in given else set(WAYS) - {"robots.txt"}
    if carrier == "entry's headers":
        reached |= {"built"}
    if carrier == "user and password in the URL":  # they are the URL's, not the job's
        reached = set()
    assert carriers(sites.away.log, what) - {"robots.txt"} == reached


def test_a_start_url_makes_its_origin_a_home(sites: Sites, run_job: Any) -> None:
    job = sites.job(header("X-Api-Key"))
    job["start"].append({"url": f"{sites.away.url}/link", "rule": "page"})
    run_job(job)
    assert carriers(sites.away.log, SECRET) >= {"link", "file-host"}


def test_a_row_of_a_list_makes_no_origin_a_home(sites: Sites, run_job: Any, tmp_path: Path) -> None:
    """Rows are data: JOBS.md, Secrets."""
    from scraper.job.load import from_data
    from scraper.run.kit import home_origins

    (tmp_path / "urls.txt").write_text(f"{sites.away.url}/link\n")
    start = [{"list": "urls.txt", "url": "{{ row.line }}", "rule": "page"}, f"{sites.home.url}/start"]
    rules = {"page": {"item": {"title": "h1"}}}
    loaded = from_data({"name": "job", "start": [start[0], {"url": start[1], "rule": "page"}], "rules": rules})
    assert home_origins(loaded.job, {}) == {sites.home.url}


@pytest.mark.parametrize("way", ["file-host", "file-redirect"])
def test_headers_of_files_go_to_their_host_and_not_beyond_a_redirect(way: str, sites: Sites, run_job: Any) -> None:
    job = sites.job({})
    job["rules"]["index"]["files"] = {"select": "img", "headers": {"Referer": SECRET, "X-Hotlink": SECRET}}
    run_job(job)
    assert "to/file-redirect" in carriers(sites.home.log, SECRET)
    assert carriers(sites.away.log, SECRET) == {"file-host"}


def test_the_open_headers_go_everywhere(sites: Sites, run_job: Any) -> None:
    opened = {"User-Agent": "ours/1", "Accept": "text/x", "Accept-Language": "de"}
    run_job(sites.job({"http": {"headers": opened}}))
    for what in opened.values():
        assert carriers(sites.away.log, what) == set(WAYS)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.2", "[::1]"])
def test_another_name_of_this_machine_is_another_origin(host: str, run_job: Any) -> None:
    site = Site()
    site.route("/robots.txt")(lambda request: Response(404))
    site.route("/page")(lambda request: "<h1>there</h1>")
    with Server(site, host=host.strip("[]")) as away:
        target = f"http://{host}:{away.port}/page"
        site.route("/start")(lambda request: f'<a href="{target}">there</a>')
        with Server(site, port=away.port if host == "127.0.0.2" else 0) as home:
            follow = {"page": {"select": "a", "same": "any"}}
            rules = {"index": {"follow": follow}, "page": {"item": {"title": "h1"}}}
            start = [{"url": f"{home.url}/start", "rule": "index"}]
            run_job({**header("X-Api-Key"), "start": start, "rules": rules})
            assert carriers(home.log, SECRET) == {"start"}
            assert (asked(away.log), carriers(away.log, SECRET)) == ({"robots.txt", "page"}, set())


@pytest.mark.parametrize("status", [307, 308])
def test_a_body_with_a_secret_is_not_sent_on_to_another_origin(
    status: int, sites: Sites, run_job: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A login that is redirected elsewhere would hand over the password (DESIGN 4.8)."""
    monkeypatch.setenv("PASSWORD", SECRET)
    sites.home.site.route("/form", methods=["POST"])(
        lambda request: Response(status, {"Location": f"{sites.away.url}/taken"})
    )
    sites.away.site.route("/taken", methods=["POST"])(lambda request: "<h1>thanks</h1>")
    job = {
        "start": [{"url": f"{sites.home.url}/form", "method": "POST", "data": {"password": "{{ env('PASSWORD') }}"}}],
        "rules": {"page": {"item": {"title": "h1"}}},
    }
    ran = run_job(job)
    assert sites.home.log[0].body == f"password={SECRET}".encode()
    assert [seen.body for seen in sites.away.log] == []
    assert ran.ending(f"{sites.home.url}/form") == "failed:redirect"


@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_redirect_that_drops_the_body_drops_what_describes_it(status: int, sites: Sites, run_job: Any) -> None:
    site = sites.home.site
    site.route("/form", methods=["POST"])(lambda request: Response(status, {"Location": "/back"}))
    start = {"url": f"{sites.home.url}/form", "method": "POST", "json": {"a": 1}}
    start["headers"] = {"Content-Type": "application/vnd.own+json", "Content-Language": "de", "X-Own": "1"}
    run_job({"start": [start], "rules": {"page": {"item": {"title": "h1"}}}})
    last = sites.home.log[-1]
    names = {name.lower() for name, _ in last.headers}
    assert (last.method, last.target, last.body) == ("GET", "/back", b"")
    assert (names & {"content-type", "content-length", "content-language"}, "x-own" in names) == (set(), True)
