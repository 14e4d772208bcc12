"""URLs that expire (JOBS.md, Files): a keyed file that is refused has its page read again, once, for a new URL."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scraper.run.control import Control
from scraper.server import Raw, Request, Response, Site

MIB = 1 << 20
FILES = {"select": "u", "key": "{{ item.n }}", "path": "{{ item.n }}.bin"}
RULE = {"read": "json", "each": "rows", "item": {"n": "n"}, "key": "n", "files": FILES}
JOB = {"start": ["{{ base }}/list"], "rules": {"r": RULE}, "polite": {"robots": "ignore"}}
LARGE = bytes(range(256)) * (3 * MIB // 256)


class Signed:
    """A site whose list signs the URLs of its files anew each time; only the newest signature is served.

    Attributes:
        expires: of the list's first answers so many give signatures that are refused.
        status: how they are refused.
    """

    def __init__(self, site: Site, names: tuple[str, ...] = ("1",), expires: int = 1, status: int = 403) -> None:
        self.names = names
        self.expires = expires
        self.status = status
        self.given = 0
        self.answer: Callable[[Request, str], Any] = lambda request, name: name.encode()
        self.link = "/f/{name}?sig={number}"
        site.route("/list", methods=["GET", "POST"])(self.list)
        site.route("/f/<name>")(self.file)

    def list(self, request: Request) -> Any:
        self.given += 1
        return {"rows": [{"n": name, "u": self.link.format(name=name, number=self.given)} for name in self.names]}

    def file(self, request: Request, name: str) -> Any:
        if int(request.query.get("sig", "0")) <= self.expires:
            return Response(self.status, {}, b"expired")
        return self.answer(request, name)


@pytest.fixture
def signed(site: Site) -> Signed:
    return Signed(site)


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_refused_file_gets_the_url_that_its_page_has_now(
    status: int, signed: Signed, site: Site, serve: Any, run_job: Any, asked: Any
) -> None:
    signed.status = status
    server = serve(site)
    ended = run_job(server, JOB)
    assert (ended.code, ended.files) == (0, {"1.bin": b"1"})
    assert asked(server) == ["/list", "/f/1?sig=1", "/list", "/f/1?sig=2"]
    row = ended.view("v_files")[0]
    assert (row["url"], row["key"], row["ending"]) == (f"{server.url}/f/1?sig=2", "1", "saved")
    assert [(page["ending"], page["attempts"]) for page in ended.view("v_pages")] == [("ok", 1)]


def test_it_is_read_again_once_and_then_the_failure_stands(
    signed: Signed, site: Site, serve: Any, run_job: Any, asked: Any
) -> None:
    signed.expires = 9
    server = serve(site)
    ended = run_job(server, JOB)
    assert (ended.code, ended.endings("v_files", server.url)) == (4, {"/f/1?sig=2": "failed:http:403"})
    assert asked(server) == ["/list", "/f/1?sig=1", "/list", "/f/1?sig=2"]


def test_another_status_is_a_failure_at_once(signed: Signed, site: Site, serve: Any, run_job: Any, asked: Any) -> None:
    signed.status = 451
    server = serve(site)
    assert run_job(server, JOB).failures[0][0] == "http:451"
    assert asked(server) == ["/list", "/f/1?sig=1"]


def test_a_file_without_a_key_of_the_job_fails_at_once(
    signed: Signed, site: Site, serve: Any, run_job: Any, asked: Any
) -> None:
    server = serve(site)
    job = {**JOB, "rules": {"r": {**RULE, "files": {"select": "u", "path": "{{ item.n }}.bin"}}}}
    assert run_job(server, job).failures[0][0] == "http:403"
    assert asked(server) == ["/list", "/f/1?sig=1"]


def test_a_page_that_has_the_same_url_yet_leaves_the_failure(
    signed: Signed, site: Site, serve: Any, run_job: Any, asked: Any
) -> None:
    signed.link = "/f/{name}?sig=1"
    server = serve(site)
    ended = run_job(server, JOB)
    assert ended.failures == [("http:403", "the server answered 403 Forbidden; its page has no other URL for it")]
    assert asked(server) == ["/list", "/f/1?sig=1", "/list"]


def test_a_page_that_has_the_key_no_more_leaves_the_failure_and_the_item(
    signed: Signed, site: Site, serve: Any, run_job: Any
) -> None:
    def refuse(request: Request, name: str) -> Response:
        signed.names = ("2",)
        return Response(404, {}, b"")

    signed.expires, signed.answer = 0, refuse
    ended = run_job(serve(site), JOB)
    assert ended.failures == [("http:404", "the server answered 404 Not Found; its page has no other URL for it")]
    assert (ended.fields("n"), ended.summary.items.total) == (["1"], 1)


@pytest.mark.parametrize(
    ("second", "told"),
    [
        (Response(500, {}, b""), "failed:http:500"),
        (Response(200, {"Content-Type": "application/json"}, b"{"), "failed:shape"),
        (Response(200, {"Content-Type": "text/html"}, b"<html><p>log in"), "failed:type"),
    ],
)
def test_a_page_that_cannot_be_read_again_leaves_the_failure(
    second: Response, told: str, signed: Signed, site: Site, serve: Any, run_job: Any
) -> None:
    def answer(request: Request) -> Any:
        return signed.list(request) if signed.given == 0 else second

    site.route("/second")(answer)
    job = {**JOB, "start": ["{{ base }}/second"], "http": {"retry": {"attempts": 2}}}
    ended = run_job(serve(site), job)
    [(name, message)] = ended.failures
    assert name == "http:403"
    assert f"its page, read again for a new URL: {told}" in message
    assert [page["ending"] for page in ended.view("v_pages")] == ["ok"]


def test_one_reading_serves_all_files_of_a_page(
    signed: Signed, site: Site, serve: Any, run_job: Any, asked: Any
) -> None:
    signed.names = tuple(map(str, range(40)))
    server = serve(site)
    ended = run_job(server, JOB)
    assert (ended.code, len(ended.files), ended.summary.files.saved) == (0, 40, 40)
    assert signed.given == 2
    refused = [target for target in asked(server) if target.endswith("sig=1")]
    assert len(refused) == len(set(refused))


def test_files_that_nobody_fetches_yet_get_their_new_urls_too(
    signed: Signed, site: Site, serve: Any, run_job: Any, asked: Any
) -> None:
    signed.names = tuple(map(str, range(100)))
    server = serve(site)
    ended = run_job(server, {**JOB, "polite": {"robots": "ignore", "per_host": 1}, "files": {"jobs": 1}})
    refused = [target for target in asked(server) if target.endswith("sig=1")]
    assert (ended.summary.files.saved, len(refused) < 100) == (100, True)


def test_a_file_of_several_is_told_by_its_numbered_key(signed: Signed, site: Site, serve: Any, run_job: Any) -> None:
    files = {"select": "us[*]", "key": "{{ item.n }}", "path": "{{ item.n }}-{{ index }}.bin"}

    @site.route("/several")
    def rows(request: Request) -> Any:
        signed.given += 1
        return {"rows": [{"n": "1", "us": [f"/f/1-{one}?sig={signed.given}" for one in "ab"]}]}

    job = {**JOB, "start": ["{{ base }}/several"], "rules": {"r": {**RULE, "files": files}}}
    ended = run_job(serve(site), job)
    assert (ended.code, ended.files) == (0, {"1-1.bin": b"1-a", "1-2.bin": b"1-b"})


def test_a_new_url_on_another_host_is_fetched_there(
    signed: Signed, site: Site, serve: Any, run_job: Any, asked: Any
) -> None:
    cdn = Site()
    cdn.route("/<name>")(lambda request, name: b"there")
    second = serve(cdn)
    links = iter(["/f/1?sig=1", f"{second.url}/1"])
    site.route("/hosts")(lambda request: {"rows": [{"n": "1", "u": next(links)}]})
    ended = run_job(serve(site), {**JOB, "start": ["{{ base }}/hosts"]})
    assert (ended.code, ended.files, asked(second)) == (0, {"1.bin": b"there"}, ["/1"])


def test_headers_and_digests_come_with_the_new_url(site: Site, serve: Any, run_job: Any) -> None:
    sums = iter(["0" * 32, "b2f5ff47436671b6e533d8dc3614845d"])  # of "g", the second

    @site.route("/list")
    def rows(request: Request) -> Any:
        digest = next(sums)
        return {"rows": [{"n": "1", "u": f"/f/{digest}", "sum": digest, "token": digest[:4]}]}

    @site.route("/f/<name>")
    def file(request: Request, name: str) -> Any:
        return b"g" if request.headers.get("x-token") == "b2f5" else Response(401, {}, b"")

    headers = {"X-Token": "{{ file.token }}"}
    files = {**FILES, "select": "{url: u, token: token}", "md5": "sum", "headers": headers}
    ended = run_job(serve(site), {**JOB, "rules": {"r": {**RULE, "files": files}}})
    assert (ended.code, ended.files) == (0, {"1.bin": b"g"})


@pytest.mark.parametrize("methods", [["GET", "HEAD"], ["GET", "HEAD", "POST"]])
def test_a_page_that_was_posted_is_sent_again_only_where_the_job_says_so(
    methods: list[str], signed: Signed, site: Site, serve: Any, run_job: Any
) -> None:
    start = [{"url": "{{ base }}/list", "method": "POST", "data": {"q": "x"}}]
    ended = run_job(serve(site), {**JOB, "start": start, "http": {"retry": {"methods": methods}}})
    assert (ended.summary.files.saved, signed.given) == ((1, 2) if "POST" in methods else (0, 1))


def test_a_row_that_is_a_file_has_no_page(site: Site, serve: Any, run_job: Any, tmp_path: Path) -> None:
    site.route("/f")(lambda request: Response(404, {}, b""))
    server = serve(site)
    (tmp_path / "list.jsonl").write_text(json.dumps({"n": "1", "u": f"{server.url}/f"}))
    start = [{"list": "list.jsonl", "column": "u", "as": "files", "rule": "r"}]
    rule = {**RULE, "each": None}
    job = {**JOB, "start": start, "rules": {"r": {key: value for key, value in rule.items() if value is not None}}}
    assert run_job(server, job).failures == [("http:404", "the server answered 404 Not Found")]
    assert len(server.log) == 1


def test_a_limited_run_reads_the_page_again_and_meets_no_more_items(
    signed: Signed, site: Site, serve: Any, run_job: Any
) -> None:
    signed.names = ("1", "2", "3")
    ended = run_job(serve(site), JOB, limit=1)
    assert (ended.code, ended.files, ended.summary.items.total) == (0, {"1.bin": b"1"}, 1)


def test_a_page_that_several_others_link_is_found_yet(
    signed: Signed, site: Site, serve: Any, run_job: Any, link_site: Any
) -> None:
    """It is read again for each finding that is nearer; the file is of the nearest."""
    link_site(site, {"/": '<a href="/a"></a><a href="/b"></a>', "/a": '<a href="/c"></a>',
                     "/b": '<a href="/list"></a>', "/c": '<a href="/list"></a>'})  # fmt: skip
    rules = {"walk": {"follow": {"walk": "a:not([href='/list'])", "r": "a[href='/list']"}}, "r": RULE}
    ended = run_job(serve(site), {**JOB, "start": ["{{ base }}/"], "rules": rules})
    assert (ended.code, ended.files, signed.given) == (0, {"1.bin": b"1"}, 2)


# -- the part ----------------------------------------------------------------------------------------------


def ranged(request: Request) -> Response:
    """LARGE, or what is asked of it."""
    headers = {"ETag": '"one"', "Accept-Ranges": "bytes"}
    asked = request.headers.get("range")
    if asked is None or request.headers.get("if-range") != '"one"':
        return Response(200, headers, LARGE)
    begin = int(asked.removeprefix("bytes=").partition("-")[0])
    headers["Content-Range"] = f"bytes {begin}-{len(LARGE) - 1}/{len(LARGE)}"
    return Response(206, headers, LARGE[begin:])


def cut(request: Request) -> Raw:
    head = f'HTTP/1.1 200 OK\r\nETag: "one"\r\nAccept-Ranges: bytes\r\nContent-Length: {len(LARGE)}\r\n\r\n'
    return Raw(head.encode() + LARGE[: 2 * MIB])


def test_its_part_goes_on_at_the_new_url(signed: Signed, site: Site, serve: Any, run_job: Any) -> None:
    """The first answer is cut, the resumption is refused because the signature has expired meanwhile."""
    signed.expires = 0
    answers = iter([cut, lambda request: Response(403, {}, b""), ranged])
    signed.answer = lambda request, name: next(answers)(request)
    server = serve(site)
    ended = run_job(server, {**JOB, "files": {"segments": 1}})
    assert (ended.code, ended.files == {"1.bin": LARGE}) == (0, True)
    last = {name.lower(): value for name, value in server.log[-1].headers}
    assert (server.log[-1].target, last["range"], last["if-range"]) == ("/f/1?sig=2", f"bytes={2 * MIB}-", '"one"')


def test_a_failure_that_stands_leaves_no_part(signed: Signed, site: Site, serve: Any, run_job: Any) -> None:
    signed.link = "/f/{name}?sig=9"
    answers = iter([cut, lambda request: Response(403, {}, b"")])
    signed.answer = lambda request, name: next(answers)(request)
    ended = run_job(serve(site), {**JOB, "files": {"segments": 1}})
    assert (ended.failures[0][0], [*ended.dest.rglob("*.part")]) == ("http:403", [])


# -- cut off -----------------------------------------------------------------------------------------------


def test_a_run_that_stops_while_the_page_is_read_again_goes_on_with_it(
    signed: Signed, site: Site, serve: Any, run_job: Any
) -> None:
    control = Control()

    @site.route("/stopping")
    def rows(request: Request) -> Any:
        if signed.given == 1:
            control.stop(130)
        return signed.list(request)

    server, job = serve(site), {**JOB, "start": ["{{ base }}/stopping"]}
    stopped = run_job(server, job, control=control)
    ended = run_job(server, job)
    assert (stopped.code, ended.code, ended.files) == (130, 0, {"1.bin": b"1"})
    assert ended.summary.run == stopped.summary.run


def test_the_next_run_may_read_its_page_again_too(signed: Signed, site: Site, serve: Any, run_job: Any) -> None:
    server = serve(site)
    run_job(server, JOB)
    (run_job(server, JOB).dest / "1.bin").unlink()
    signed.expires = signed.given + 1
    ended = run_job(server, JOB)
    assert (ended.code, ended.files) == (0, {"1.bin": b"1"})
