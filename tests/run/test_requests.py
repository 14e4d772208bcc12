"""Requests in the words of requests, and where redirects lead."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from scraper.server import Response, Server, Site

WAIT = 5  # seconds that an event may take before a test fails


HTML_RULE = {"item": {"a": "h1"}}


def echo_job(entry: dict[str, Any], item: dict[str, Any], **more: Any) -> dict[str, Any]:
    start = {"url": "{{ base }}/echo", **entry}
    return {"start": [start], "rules": {"echo": {"read": "json", "item": item}}, **more}


@pytest.mark.parametrize("method", ["get", "post", "PUT", "patch", "delete"])
def test_every_method_with_a_body_in_its_answer_is_reachable(method: str, fixture_server: Server, run_job: Any) -> None:
    ended = run_job(fixture_server, echo_job({"method": method}, {"method": "method"}))
    assert (ended.code, ended.fields("method")) == (0, [method.upper()])


def test_head_and_options_are_reachable(fixture_server: Server, run_job: Any) -> None:
    ended = run_job(fixture_server, """
        start:
          - {url: "{{ base }}/", method: head}
          - {url: "{{ base }}/posts/1", method: options}
        rules: {r: {item: {status: "{{ page.status }}", allow: "{{ page.headers.Allow }}"}}}
    """)  # fmt: skip
    assert sorted((seen.method, seen.target) for seen in fixture_server.log) == [
        ("HEAD", "/"), ("OPTIONS", "/posts/1"),
    ]  # fmt: skip
    assert (ended.code, ended.fields("status", "allow")[0]) == (0, (200, None))
    assert "GET" in ended.records[1]["allow"]


@pytest.mark.parametrize(
    ("entry", "select", "seen"),
    [
        (
            {"params": {"q": "a b", "n": 3, "none": None, "l": ["x", "y"]}},
            "args",
            {"q": "a b", "n": "3", "l": ["x", "y"]},
        ),
        ({"method": "POST", "data": {"a": "1", "b": "ü"}}, "form", {"a": "1", "b": "ü"}),
        ({"method": "POST", "data": "raw text ü"}, "data", "raw text ü"),
        ({"method": "POST", "json": {"a": [1, {"b": None}]}}, "json", {"a": [1, {"b": None}]}),
        ({"method": "PUT", "json": []}, "json", []),
        ({"headers": {"X-One": "1"}}, "headers[?[0] == 'X-One'] | [0][1]", "1"),
        ({"cookies": {"session_id": "123456"}}, "cookies", {"session_id": "123456"}),
        (
            {"auth": {"basic": ["me", "pass:word"]}},
            "headers[?[0] == 'Authorization'] | [0][1]",
            "Basic bWU6cGFzczp3b3Jk",
        ),
        ({"auth": {"bearer": "tok"}}, "headers[?[0] == 'Authorization'] | [0][1]", "Bearer tok"),
        (
            {"method": "POST", "files": {"doc": "notes.txt"}, "data": {"about": "x"}},
            "[files, form]",
            [{"doc": {"filename": "notes.txt", "content_type": "", "data": "the notes"}}, {"about": "x"}],
        ),
        (
            {"method": "POST", "files": {"doc": ["notes.txt", "n.md", "text/markdown"]}},
            "files",
            {"doc": {"filename": "n.md", "content_type": "text/markdown", "data": "the notes"}},
        ),
    ],
)
def test_the_server_sees_what_the_entry_says(
    entry: Any, select: str, seen: Any, fixture_server: Server, run_job: Any, tmp_path: Any
) -> None:
    (tmp_path / "notes.txt").write_text("the notes")
    ended = run_job(fixture_server, echo_job(entry, {"seen": select}))
    found = ended.fields("seen")[0]
    if isinstance(found, dict) and "doc" in found and seen["doc"]["content_type"] == "":
        found["doc"]["content_type"] = ""
    assert (ended.code, _without_guessed_type(found)) == (0, _without_guessed_type(seen))


def _without_guessed_type(found: Any) -> Any:
    """A plain upload's type is whatever urllib3 guesses, text/plain."""
    if isinstance(found, list) and len(found) == 2 and isinstance(found[0], dict) and "doc" in found[0]:
        return [{"doc": {**found[0]["doc"], "content_type": ""}}, found[1]]
    return found


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_digest_auth_answers_the_challenge(algorithm: str, fixture_server: Server, run_job: Any) -> None:
    url = "{{ base }}/digest/x?algorithm=" + algorithm
    job = echo_job({"url": url, "auth": {"digest": ["demo", "demo-password"]}}, {"user": "user"})
    ended = run_job(fixture_server, job)
    assert (ended.code, ended.fields("user")) == (0, ["demo"])


def test_http_settings_reach_pages_and_files(fixture_server: Server, run_job: Any) -> None:
    http = {"headers": {"User-Agent": "me/1", "X-Key": "k"}, "cookies": {"c": "1"}, "auth": {"bearer": "demo-token"}}
    job = {
        "start": ["{{ base }}/bearer/a"], "http": http,
        "rules": {"r": {"read": "json", "item": {"p": "path"}, "files": {"url": "{{ base }}/bearer/file"}}},
    }  # fmt: skip
    assert run_job(fixture_server, job).code == 0
    for seen in fixture_server.log:
        headers = {name.lower(): value for name, value in seen.headers}
        assert [headers[name] for name in ("user-agent", "x-key", "cookie", "authorization")] == [
            "me/1", "k", "c=1", "Bearer demo-token",
        ]  # fmt: skip


def test_an_upload_that_is_not_there_is_told_by_its_name(fixture_server: Server, run_job: Any) -> None:
    ended = run_job(fixture_server, echo_job({"method": "POST", "files": {"doc": "missing.txt"}}, {"m": "method"}))
    assert (ended.code, len(ended.failures), fixture_server.log) == (4, 1, [])
    assert "missing.txt" in ended.failures[0][1]


@pytest.mark.parametrize(
    ("charset", "text"),
    [
        ("utf-8", "Съешь же ещё этих мягких французских булок 色は匂へど散りぬるを"),
        ("windows-1251", "Съешь же ещё этих мягких французских булок"),
        ("shift_jis", "色は匂へど散りぬるを"),
        ("utf-16", "Съешь же ещё этих мягких французских булок 色は匂へど散りぬるを"),
        ("meta-only", "Съешь же ещё этих мягких французских булок"),
    ],
)
def test_pages_are_read_in_their_charset(charset: str, text: str, fixture_server: Server, run_job: Any) -> None:
    ended = run_job(
        fixture_server, {"start": ["{{ base }}/encoding/" + charset], "rules": {"r": {"item": {"h": "h1"}}}}
    )
    assert ended.fields("h") == [text]


def test_a_server_that_does_not_answer_is_a_timeout(site: Site, serve: Any, run_job: Any, asked: Any) -> None:
    done = threading.Event()
    site.route("/")(lambda request: str(done.wait(WAIT)))
    server = serve(site)
    ended = run_job(server, {
        "start": ["{{ base }}/"], "rules": {"r": HTML_RULE},
        "http": {"timeout": {"connect": 5, "read": 0.05}, "retry": {"attempts": 2}},
    })  # fmt: skip
    done.set()
    assert (ended.code, ended.endings("v_pages", server.url)) == (4, {"/": "failed:timeout"})
    assert ended.view("v_pages")[0]["attempts"] == 2


def test_a_post_is_not_repeated_once_it_was_sent(site: Site, serve: Any, run_job: Any, asked: Any) -> None:
    site.route("/", ("POST",))(lambda request: Response(503, {}, b""))
    server = serve(site)
    ended = run_job(server, {"start": [{"url": "{{ base }}/", "method": "POST"}], "rules": {"r": HTML_RULE}})
    assert (asked(server), ended.endings("v_pages", server.url)) == (["/"], {"/": "failed:http:503"})


def test_a_post_that_only_reads_is_repeated(site: Site, serve: Any, run_job: Any, asked: Any) -> None:
    answers = iter([Response(503, {}, b""), "<h1>x</h1>"])
    site.route("/", ("POST",))(lambda request: next(answers))
    server = serve(site)
    job = {
        "start": [{"url": "{{ base }}/", "method": "POST", "json": {"q": 1}}], "rules": {"r": HTML_RULE},
        "http": {"retry": {"methods": ["GET", "POST"]}},
    }  # fmt: skip
    assert run_job(server, job).fields("a") == ["x"]
    assert [seen.body for seen in server.log] == [b'{"q": 1}'] * 2


# -- redirects -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("allowed", "ending"),
    [(True, "ok"), (False, "failed:redirect"), (2, "ok"), (1, "failed:redirect"), (0, "failed:redirect")],
)
def test_allow_redirects_is_a_budget(allowed: Any, ending: str, site: Site, serve: Any, run_job: Any) -> None:
    for at in range(2):
        site.route(f"/{at}")(lambda request, at=at: Response(302, {"Location": f"/{at + 1}"}))
    site.route("/2")(lambda request: "<h1>there</h1>")
    server = serve(site)
    job = {"start": ["{{ base }}/0"], "rules": {"r": {"item": {"a": "h1"}}}, "http": {"allow_redirects": allowed}}
    ended = run_job(server, job)
    assert ended.endings("v_pages", server.url) == {"/0": ending}
    assert ended.fields("_url") == ([f"{server.url}/2"] if ending == "ok" else [])


def test_a_redirect_to_another_host_waits_for_that_host(site: Site, serve: Any, run_job: Any) -> None:
    """The other host takes one request at a time; a redirect to it waits for the one in flight."""
    busy, most = threading.Semaphore(1), []
    other = Site()

    @other.route("/<name>")
    def one_at_a_time(request: Any, name: str) -> str:
        alone = busy.acquire(blocking=False)
        most.append(alone)
        request.wait(0.02)
        if alone:
            busy.release()
        return "<h1>x</h1>"

    far = serve(other)
    site.route("/<name>")(lambda request, name: Response(302, {"Location": f"{far.url}/{name}"}))
    near = serve(site)
    ended = run_job(near, {
        "start": [f"{{{{ base }}}}/{at}" for at in range(8)], "rules": {"r": {"item": {"a": "h1"}}},
        "polite": {"per_host": 8, "hosts": {f"127.0.0.1:{far.port}": {"per_host": 1}}},
    })  # fmt: skip
    assert (ended.code, most) == (0, [True] * 8)


@pytest.mark.parametrize(("code", "method", "body"), [(303, "GET", b""), (302, "GET", b""), (307, "POST", b"a=1")])
def test_a_redirected_post_keeps_or_drops_its_body(
    code: int, method: str, body: bytes, fixture_server: Server, run_job: Any
) -> None:
    entry = {"url": "{{ base }}/redirect", "params": {"to": "/echo", "code": code}, "method": "POST", "data": {"a": 1}}
    ended = run_job(fixture_server, echo_job(entry, {"method": "method"}))
    last = fixture_server.log[-1]
    assert (ended.code, last.method, last.body) == (0, method, body)
