"""HTTP: hop by hop with what is sent, the answer, ranges and resume, robots.txt, the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from scraper.job.load import from_data
from scraper.probe.patience import Patience
from scraper.server import Raw, Response, Server, Site

OLD = format_datetime(datetime(2020, 1, 1, tzinfo=UTC), usegmt=True)
RULES = {"page": {"item": {"t": "h1"}}}


def answers(server: Server, path: str, answer: Any) -> str:
    """A route that gives this; the URL."""
    server.site.route(path)(lambda request: answer)
    return f"{server.url}{path}"


def asked_of(server: Server) -> list[str]:
    return [f"{seen.method} {seen.target}" for seen in server.log]


def test_it_asks_head_one_byte_and_robots_and_nothing_else(server: Server, ask: Any) -> None:
    told = ask(answers(server, "/x", Response(200, {"ETag": '"a"'}, b"hello")))
    assert asked_of(server) == ["HEAD /x", "GET /x", "GET /robots.txt"]
    assert (told.report.requests, told.report.exit_code) == (3, 0)
    assert dict(server.log[1].headers)["Range"] == "bytes=0-0"


def test_the_head_of_the_answer_is_told(server: Server, ask: Any) -> None:
    headers = {
        "Content-Type": "image/png", "ETag": '"a"', "Last-Modified": OLD, "Cache-Control": "no-store",
        "Set-Cookie": "sid=0123456789abcdef; Path=/",
    }  # fmt: skip
    told = ask(answers(server, "/x", Response(200, headers, b"hello")))
    answer = told.report.answer
    assert (answer.status, answer.content_type, answer.content_length) == (200, "image/png", 5)
    assert (answer.etag, answer.validator, answer.last_modified) == ('"a"', "strong", OLD)
    assert (answer.cache_control, answer.set_cookie) == ("no-store", ("sid",))
    assert "0123456789abcdef" not in told.all


@pytest.mark.parametrize(
    ("headers", "validator"),
    [
        ({"ETag": 'W/"a"'}, "weak"),
        ({"Last-Modified": OLD}, "strong"),
        ({}, None),
        ({"ETag": 'W/"a"', "Last-Modified": OLD}, "weak"),
    ],
)
def test_validators_are_told_apart(headers: dict[str, str], validator: str, server: Server, ask: Any) -> None:
    assert ask(answers(server, "/x", Response(200, headers, b"hello"))).report.answer.validator == validator


# -- ranges ------------------------------------------------------------------------------------------------


def test_a_file_of_the_bundled_server_would_be_continued(tmp_path: Path, ask: Any) -> None:
    (tmp_path / "a.bin").write_bytes(b"x" * 5000)
    with Server(tmp_path) as files:
        told = ask(f"{files.url}/a.bin")
    assert (told.report.ranges.status, told.report.ranges.resume) == (206, True)
    assert "a part is continued, by If-Range" in told.text


def test_a_server_that_gives_the_whole_to_a_range(server: Server, ask: Any) -> None:
    told = ask(answers(server, "/x", Response(200, {"ETag": '"a"', "Accept-Ranges": "bytes"}, b"hello")))
    assert (told.report.ranges.served, told.report.ranges.resume) == (False, False)
    assert "the server answered 200 to a range" in told.text


def test_a_range_of_another_version_is_not_continued(server: Server, ask: Any) -> None:
    def answer(request: Any) -> Response:
        if request.method == "HEAD":
            return Response(200, {"ETag": '"a"', "Content-Length": "5"}, b"hello")
        return Response(206, {"ETag": '"b"', "Content-Range": "bytes 0-0/5"}, b"h")

    server.site.route("/x")(answer)
    told = ask(f"{server.url}/x")
    assert told.report.ranges.why == "a part starts again: the range is of another version"


def test_what_is_empty_is_not_asked_for_a_byte(server: Server, ask: Any) -> None:
    told = ask(answers(server, "/x", Response(200, {}, b"")))
    assert asked_of(server) == ["HEAD /x", "GET /robots.txt"]
    assert "it is empty" in told.text


def test_a_get_that_fails_where_head_did_not_is_a_failure(server: Server, ask: Any) -> None:
    server.site.route("/x")(lambda request: Response(200 if request.method == "HEAD" else 403, {}, b"hello"))
    assert ask(f"{server.url}/x").failure == ("http", "403")
    server.site.route("/y")(lambda request: b"hello" if request.method == "HEAD" else Raw(b"no HTTP"))
    assert ask(f"{server.url}/y").failure == ("http", "protocol")


def test_a_server_that_refuses_ranges_alone_is_no_failure(server: Server, ask: Any) -> None:
    def answer(request: Any) -> Response:
        ranged = "range" in request.headers
        return Response(400 if ranged else 200, {"ETag": '"a"'}, b"hello")

    server.site.route("/x")(answer)
    told = ask(f"{server.url}/x")
    assert asked_of(server) == ["HEAD /x", "GET /x", "GET /x", "GET /robots.txt"]
    assert (told.report.exit_code, told.report.ranges.why) == (
        0, "a part starts again: the server answered 400 to a range",
    )  # fmt: skip


# -- HEAD that is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [405, 501, 403, 404, 500])
def test_where_head_is_refused_get_is_asked_for_a_byte(status: int, server: Server, ask: Any) -> None:
    def answer(request: Any) -> Response:
        if request.method == "HEAD":
            return Response(status)
        return Response(206, {"ETag": '"a"', "Content-Range": "bytes 0-0/5000"}, b"h")

    server.site.route("/x", methods=["HEAD", "GET"])(answer)
    told = ask(f"{server.url}/x")
    assert asked_of(server) == ["HEAD /x", "GET /x", "GET /robots.txt"]
    assert (told.report.exit_code, told.report.answer.content_length, told.report.ranges.resume) == (0, 5000, True)


def test_a_server_that_hangs_up_on_head_is_asked_by_get(server: Server, ask: Any) -> None:
    server.site.route("/x")(lambda request: Raw(b"") if request.method == "HEAD" else b"hello")
    told = ask(f"{server.url}/x")
    assert ([hop.status for hop in told.report.hops], told.report.exit_code) == ([None, 200], 0)


@pytest.mark.parametrize(
    ("status", "step"),
    [(404, "check the URL"), (401, "http.auth"), (403, "User-Agent"), (429, "polite.delay"), (503, "later")],
)
def test_a_status_that_is_no_success_fails_with_a_next_step(status: int, step: str, server: Server, ask: Any) -> None:
    told = ask(answers(server, "/x", Response(status)))
    assert (told.report.exit_code, told.failure) == (4, ("http", str(status)))
    assert step in told.report.failures[0].next
    assert told.report.ranges is None


def test_retry_after_is_told(server: Server, ask: Any) -> None:
    assert "Retry-After 120" in ask(answers(server, "/x", Response(503, {"Retry-After": "120"}))).text


# -- redirects, and what is sent ---------------------------------------------------------------------------


def a_job(start: str, folder: Path, **http: Any) -> Any:
    settings = {"timeout": {"connect": 5, "read": 5}, **http}
    return from_data({"name": "job", "start": [start], "rules": RULES, "http": settings}, folder=folder)


def test_at_each_hop_it_is_told_what_is_sent_and_what_stays_home(
    server: Server, ask: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEY", "s3cr3t-of-the-job")
    with Server(Site()) as away:
        answers(away, "/z", "<h1>z</h1>")
        answers(server, "/x", Response(302, {"Location": "/y", "Set-Cookie": "sid=abc; Path=/"}))
        answers(server, "/y", Response(301, {"Location": f"{away.url}/z"}))
        job = a_job(
            f"{server.url}/x", tmp_path, headers={"X-Api-Key": "{{ env('API_KEY') }}", "X-Plain": "1"},
            auth={"basic": ["user", "{{ env('API_KEY') }}"]}, cookies={"lang": "en"},
        )  # fmt: skip
        told = ask(f"{server.url}/x", loaded=job)
        first, second, third = [hop.sent for hop in told.report.hops[:3]]
        last = {name.lower() for name, _ in away.log[0].headers}
    assert [(hop.status, hop.location) for hop in told.report.hops[:3]] == [
        (302, "/y"), (301, f"{away.url}/z"), (200, None),
    ]  # fmt: skip
    assert {"X-Api-Key: {env:API_KEY}", "X-Plain"} <= set(first.headers)
    assert (first.cookies, first.auth, first.withheld) == (("lang",), "basic as user", ())
    assert second.cookies == ("lang", "sid")
    assert (third.cookies, third.auth) == ((), None)
    assert third.withheld == ("X-Api-Key", "X-Plain", "cookies lang", "auth")
    assert not {"x-api-key", "x-plain", "authorization", "cookie"} & last
    assert "s3cr3t-of-the-job" not in told.all


def test_what_is_told_to_be_sent_is_what_comes_there(server: Server, ask: Any, tmp_path: Path) -> None:
    answers(server, "/x", b"hello")
    job = a_job(f"{server.url}/x", tmp_path, headers={"X-One": "1", "User-Agent": "me/1"}, cookies={"a": "1"})
    told = ask(f"{server.url}/x", loaded=job)
    came = [name.lower() for name, _ in server.log[0].headers]
    assert set(came) - {"host", "connection"} == {
        *(name.lower() for name in told.report.hops[0].sent.headers),
        "cookie",
    }


def test_a_url_that_is_not_of_the_job_gets_none_of_it(server: Server, ask: Any, tmp_path: Path) -> None:
    answers(server, "/x", Response(401))
    job = a_job("http://127.0.0.1:1/", tmp_path, headers={"X-Api-Key": "k"})
    told = ask(f"{server.url}/x", loaded=job)
    assert "none of the job's" in told.text
    assert "X-Api-Key" not in dict(server.log[0].headers)
    assert "http.origins names who may see it" in " ".join(told.report.notes)


def test_an_answer_that_echoes_a_secret_shows_its_mark(
    server: Server, ask: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEY", "s3cr3t-of-the-job")
    answers(
        server, "/x", Response(200, {"ETag": '"s3cr3t-of-the-job"', "Cache-Control": "s3cr3t-of-the-job"}, b"hello")
    )
    job = a_job(f"{server.url}/x", tmp_path, headers={"X-Api-Key": "{{ env('API_KEY') }}"})
    told = ask(f"{server.url}/x", loaded=job)
    assert told.report.answer.cache_control == "{env:API_KEY}"
    assert "s3cr3t-of-the-job" not in told.all


def test_the_password_of_the_url_is_sent_and_never_told(server: Server, ask: Any) -> None:
    answers(server, "/x", b"hello")
    told = ask(f"{server.url.replace('//', '//me:pass-word@')}/x")
    assert "Authorization" in dict(server.log[0].headers)
    assert told.report.hops[0].sent.auth == "basic as me"
    assert "pass-word" not in told.all


def test_a_circle_of_redirects_ends(server: Server, ask: Any) -> None:
    told = ask(answers(server, "/x", Response(302, {"Location": "/x"})), "http.allow_redirects=3")
    assert told.failure == ("http", "redirect")
    assert len(told.report.hops) == 4


def test_a_login_is_not_performed_and_that_is_said(server: Server, ask: Any, tmp_path: Path) -> None:
    answers(server, "/x", b"hello")
    data = {"name": "job", "start": [f"{server.url}/x"], "rules": RULES, "login": [{"get": f"{server.url}/in"}]}
    told = ask(f"{server.url}/x", loaded=from_data(data, folder=tmp_path))
    assert "its login is not performed" in told.text
    assert "GET /in" not in asked_of(server)


# -- robots.txt and the clock ------------------------------------------------------------------------------

RULES_TXT = (
    "# ours\nUser-agent: *\nDisallow: /\n\nUser-agent: scraper-jobs\nDisallow: /x\nAllow: /x/y\nCrawl-delay: 3\n"
)


@pytest.mark.parametrize(
    ("path", "allowed", "line", "text"),
    [("/x", False, 6, "Disallow: /x"), ("/x/y", True, 7, "Allow: /x/y"), ("/z", True, None, None)],
)
def test_robots_tells_the_line_that_decided(
    path: str, allowed: bool, line: int | None, text: str | None, server: Server, ask: Any
) -> None:
    answers(server, "/robots.txt", RULES_TXT)
    robots = ask(answers(server, path, b"hello")).report.robots
    assert (robots.allowed, robots.line, robots.text, robots.delay) == (allowed, line, text, 3.0)
    assert "the group of scraper-jobs" in robots.why


def test_robots_is_not_asked_for_where_the_job_ignores_it(server: Server, ask: Any) -> None:
    told = ask(answers(server, "/x", b"hello"), "polite.robots=ignore")
    assert "GET /robots.txt" not in asked_of(server)
    assert told.report.robots.asked is False


@pytest.mark.parametrize(("status", "allowed"), [(404, True), (403, True), (500, False), (429, False)])
def test_a_robots_txt_that_cannot_be_had(status: int, allowed: bool, server: Server, ask: Any) -> None:
    answers(server, "/robots.txt", Response(status))
    robots = ask(answers(server, "/x", b"hello")).report.robots
    assert (robots.allowed, robots.status) == (allowed, status)


def test_a_robots_txt_that_is_redirected_is_followed(server: Server, ask: Any) -> None:
    answers(server, "/robots.txt", Response(301, {"Location": "/r"}))
    answers(server, "/r", "User-agent: *\nDisallow: /x")
    assert ask(answers(server, "/x", b"hello")).report.robots.allowed is False


@pytest.mark.parametrize(("hours", "words"), [(2, "ahead of ours"), (-2, "behind ours")])
def test_a_clock_that_is_off_is_told(hours: int, words: str, server: Server, ask: Any) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(hours=hours), usegmt=True)
    told = ask(answers(server, "/x", Response(200, {"Date": date}, b"hello")))
    assert abs(told.report.clock.ahead - 3600 * hours) < 60
    assert words in told.text


# -- bounds ------------------------------------------------------------------------------------------------


def test_an_answer_that_does_not_come_is_not_waited_for(server: Server, ask: Any) -> None:
    import threading

    over = threading.Event()
    server.site.route("/x")(lambda request: over.wait(20) and b"")
    told = ask(f"{server.url}/x", "http.timeout.read=0.1")
    over.set()
    assert told.failure == ("http", "timeout")
    assert "http.timeout.read" in told.report.failures[0].next


def test_when_the_time_is_over_it_ends(server: Server, ask: Any) -> None:
    patience = Patience(total=30, clock=lambda: 31.0 if server.log else 0.0)
    told = ask(answers(server, "/x", Response(302, {"Location": "/y"})), patience=patience)
    assert (told.failure, asked_of(server)) == (("http", "timeout"), ["HEAD /x"])
    assert "were over" in told.text
    told = ask(f"{server.url}/x", patience=Patience(total=-1))
    assert (told.failure, told.report.hops) == (("tcp", "ETIMEDOUT"), [])


def test_a_header_as_long_as_a_book_is_cut(server: Server, ask: Any) -> None:
    told = ask(answers(server, "/x", Response(200, {"Cache-Control": "x" * 50_000}, b"hello")))
    assert len(told.report.answer.cache_control) == 1001
