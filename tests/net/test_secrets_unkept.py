"""No secret is printed or kept, also where a server echoes it (JOBS.md, Secrets).

Each test lets a secret come back by another way and looks for it in every byte that the
run printed, logged, named or wrote; marks must come out as people read them, `{env:KEY}`.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from scraper import errors
from scraper.server import Raw, Request, Response, Server, Site

SECRET = "s3cr3t/0f+the job&"
FORMS = sorted(
    {SECRET, quote(SECRET), quote(SECRET, safe=""), quote_plus(SECRET), quote_plus(SECRET).lower(), "s3cr3t"}
)
RULE = {"item": {"t": "h1"}}


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KEY", SECRET)
    (tmp_path / "key.txt").write_text(SECRET + "\n")


@pytest.fixture
def server() -> Iterator[Server]:
    site = Site()
    site.route("/robots.txt")(lambda request: Response(404))
    with Server(site) as server:
        yield server


def job(server: Server, rule: dict[str, Any], path: str = "/start", **more: Any) -> dict[str, Any]:
    """A job whose one page is asked with the secret in its query."""
    rules = {"page": rule, **more.pop("rules", {})}
    entry = {"url": f"{server.url}{path}", "params": {"key": "{{ env('KEY') }}"}, "rule": "page"}
    return {"start": [entry], "rules": rules, **more}


def is_silent(ran: Any, *, out: str = "") -> bool:
    """Whether no spelling of the secret, and no mark as the program writes it, is to be seen."""
    told = ran.everything()
    assert [form for form in FORMS if form.encode() in told] == []
    names = "\n".join(str(path) for path in ran.dest.rglob("*"))
    shown = [ran.out, ran.err, names, json.dumps(ran.summary.as_dict(), ensure_ascii=False)]
    shown += [path.read_text() for path in ran.dest.rglob("*.json*")]
    shown += [str(row) for view in ("pages", "items", "files") for row in ran.rows(f"SELECT * FROM v_{view}")]
    assert [text for text in shown if any("\ufdd0" <= char <= "\ufdef" for char in text)] == []
    return True


def raw(head: str, body: str = "") -> Raw:
    text = f"HTTP/1.1 {head}\r\nContent-Length: {len(body.encode())}\r\nConnection: close\r\n\r\n{body}"
    return Raw(text.encode("utf-8"))


ECHOES = {
    "reason": f"403 no {SECRET} here",
    "retry reason": f"503 {SECRET}",
    "type": f"200 OK\r\nContent-Type: application/{SECRET}",
    "etag": f'200 OK\r\nETag: "{SECRET}"',
    "last modified": f"200 OK\r\nLast-Modified: {SECRET}",
    "encoding": f"200 OK\r\nContent-Encoding: {SECRET}",
    "length": f"200 OK\r\nContent-Length: {SECRET}",
    "disposition": f'200 OK\r\nContent-Disposition: attachment; filename="{SECRET}.png"',
    "location": f"302 Found\r\nLocation: gopher://{SECRET}",
    "location, not quoted": f"302 Found\r\nLocation: /else?k={SECRET}",
    "location, quoted": f"302 Found\r\nLocation: /else/{quote_plus(SECRET)}",
    "cookie": f"200 OK\r\nSet-Cookie: k={quote(SECRET)}",
    "garbage": f"garbage {SECRET}",
    "status line": f"99999 {SECRET}",
}


@pytest.mark.parametrize("read", ["page", "json", "file"])
@pytest.mark.parametrize("echo", ECHOES)
def test_a_head_that_echoes_it(echo: str, read: str, server: Server, run_job: Any) -> None:
    given = raw(ECHOES[echo], "<h1>x</h1>")
    if echo == "garbage":
        given = Raw(f"{SECRET}\r\n\r\n".encode())
    server.site.route("/echo")(lambda request: given)
    server.site.route("/start")(lambda request: '<a href="/echo">x</a>')
    server.site.route("/else")(lambda request: Response(404))
    rule = {"read": "json", **RULE} if read == "json" else RULE
    ran = run_job(job(server, {"files": "a"}) if read == "file" else job(server, rule, "/echo"))
    assert is_silent(ran)


def test_the_base64_of_a_password_that_is_echoed(server: Server, run_job: Any) -> None:
    """As servers for tests do; and a link that holds it is asked with it."""
    asked = []

    @server.site.route("/who")
    def who(request: Request) -> dict[str, str]:
        asked.append(request.query.get("a"))
        return {"sent": request.headers.get("Authorization"), "next": f"/who?a={request.query.get('a') + 'x'}"}

    @server.site.route("/first")
    def first(request: Request) -> dict[str, str]:
        return {"sent": request.headers.get("Authorization"), "next": f"/who?a={request.headers.get('Authorization')}"}

    rule = {"read": "json", "item": {"sent": "sent"}, "next": {"url": "next"}, "max_pages": 2}
    ran = run_job(
        {
            "http": {"auth": {"basic": ["user", "{{ env('KEY') }}"]}},
            "start": [{"url": f"{server.url}/first", "rule": "page"}],
            "rules": {"page": rule},
        }
    )
    records = [json.loads(line) for line in (ran.dest / "records.jsonl").read_text("utf-8").splitlines()]
    assert [item["sent"] for item in records] == ["Basic {basic:env:KEY}"] * 2
    written = b64encode(f"user:{SECRET}".encode()).decode()
    assert asked == [f"Basic {written}"]
    assert written.encode() not in ran.everything()
    assert is_silent(ran)


def test_the_base64_of_a_password_in_a_url_that_is_echoed(server: Server, run_job: Any) -> None:
    server.site.route("/in")(lambda request: {"sent": request.headers.get("Authorization")})
    start = server.url.replace("://", "://user:{{ env('KEY') }}@") + "/in"
    ran = run_job({"start": [start], "rules": {"page": {"read": "json", "item": {"sent": "sent"}}}})
    (item,) = map(json.loads, (ran.dest / "records.jsonl").read_text("utf-8").splitlines())
    assert item["sent"] == "Basic {basic:env:KEY}"
    assert b64encode(f"user:{SECRET}".encode()) not in ran.everything()


WRITTEN = {
    "as it is": SECRET,
    "quoted": quote(SECRET),
    "wholly quoted": quote(SECRET, safe=""),
    "as in a form": quote_plus(SECRET),
    "in lower case": quote(SECRET, safe="").replace("%2F", "%2f").replace("%2B", "%2b"),
    "every byte quoted": "".join(f"%{byte:02X}" for byte in SECRET.encode()),
}


@pytest.mark.parametrize("form", WRITTEN)
def test_a_page_that_echoes_it_keeps_its_links_working(form: str, server: Server, run_job: Any) -> None:
    """Neither kept nor lost: the next page, the linked page and the file are asked with the secret."""
    asked = []

    @server.site.route("/start")
    def start(request: Request) -> Response:
        asked.append(request.query.get("key"))
        page = len(asked)
        text = json.dumps(
            {
                "t": f"your key is {SECRET}",
                SECRET: 1,
                "next": f"/start?page={page + 1}&key={WRITTEN[form]}" if page < 3 else None,
            }
        )
        return Response(200, {"Content-Type": "application/json"}, text.encode())

    rule = {"read": "json", "item": {"t": "t", "all": "@"}, "next": {"url": "next"}}
    ran = run_job(job(server, rule))
    if form == "as it is":  # in a query, a + is a blank and & an end: what such a server writes is not its key
        asked = [SECRET if one else one for one in asked]
    assert (asked, is_silent(ran), ran.summary.items.total) == ([SECRET] * 3, True, 3)
    assert "your key is {env:KEY}" in (ran.dest / "records.jsonl").read_text()


def test_a_file_whose_name_is_the_secret(server: Server, run_job: Any) -> None:
    server.site.route("/start")(lambda request: f'<img src="/f/{quote(SECRET, safe="")}/{quote(SECRET, safe="")}.png">')
    server.site.route("/f/<path:rest>")(lambda request, rest: b"x")
    ran = run_job(job(server, {"files": "img"}, files={"path": "{{ dir }}/{{ filename }}"}))
    assert is_silent(ran)
    assert (ran.summary.files.saved, ran.summary.failures) == (1, [])


def test_an_item_key_and_a_path_that_are_the_secret(server: Server, run_job: Any) -> None:
    server.site.route("/start")(lambda request: f"<h1>{SECRET.replace('&', '&amp;')}</h1><img src=/x.png>")
    server.site.route("/x.png")(lambda request: b"x")
    rule = {**RULE, "key": "t", "files": {"select": "img", "path": "{{ item.t }}{{ ext }}", "key": "{{ item.t }}"}}
    ran = run_job(job(server, rule))
    assert is_silent(ran)
    assert (ran.summary.files.saved, ran.summary.items.total) == (1, 1)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/?k={{ env('KEY') }}",
        "http://nowhere.example/{{ env('KEY') }}",
        "http://user:{{ env('KEY') }}@127.0.0.1:1/",
        "http://{{ env('KEY') | urlencode }}@127.0.0.1:1/",
        "http://127.0.0.1:1/{{ secret_file('key.txt') }}",
    ],
)
def test_a_url_that_cannot_be_asked(url: str, run_job: Any) -> None:
    ran = run_job({"start": [url], "rules": {"page": RULE}})
    assert (is_silent(ran), ran.summary.pages.failed) == (True, 1)


def test_a_url_that_is_none(run_job: Any) -> None:
    with pytest.raises(errors.JobError) as told:
        run_job({"start": ["http://nowhere.example:99999/{{ env('KEY') }}"], "rules": {"page": RULE}})
    assert "'http://nowhere.example:99999/{env:KEY}' is not an http or https URL" in str(told.value)


@pytest.mark.parametrize(
    "http",
    [
        {"headers": {"X-Key": "{{ env('KEY') }}"}},
        {"cookies": {"k": "{{ env('KEY') }}"}},
        {"auth": {"bearer": "{{ env('KEY') }}"}},
        {"auth": {"basic": ["me", "{{ env('KEY') }}"]}},
        {"auth": {"digest": ["{{ env('KEY') }}", "{{ env('KEY') }}"]}},
        {"headers": {"{{ env('KEY') }}": "x"}},
    ],
)
@pytest.mark.parametrize("odd", ["\n", "\r\nX-Injected: 1", "\0", " \u2028", "é\u20ac"])
def test_a_secret_that_no_header_can_hold(
    http: dict[str, Any], odd: str, server: Server, run_job: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token with the newline of the file it came from; nothing is printed, and nothing is injected."""
    if odd != "\0":
        monkeypatch.setenv("KEY", SECRET + odd)
    server.site.route("/start")(lambda request: "<h1>x</h1>")
    ran = run_job({"http": http, "start": [f"{server.url}/start"], "rules": {"page": RULE}})
    assert is_silent(ran)
    assert [seen for seen in server.log if any(name == "X-Injected" for name, _ in seen.headers)] == []


@pytest.mark.parametrize("where", ["page", "next", "location", "error"])
def test_a_saved_value_is_a_secret_too(where: str, server: Server, run_job: Any) -> None:
    token = SECRET.replace("&", "-")
    server.site.route("/login")(lambda request: f'<input name=t value="{token}">')
    server.site.route("/in", methods=["POST"])(lambda request: "<p>hello</p>")
    answers = {
        "page": f"<h1>{token}</h1>",
        "next": f'<h1>x</h1><a class=n href="/end?t={quote_plus(token)}">n</a>',
        "location": Response(302, {"Location": f"/end?t={quote_plus(token)}"}),
        "error": raw(f"404 no {token}"),
    }
    server.site.route("/start")(lambda request: answers[where])
    server.site.route("/end")(lambda request: "<h1>x</h1>")
    login = [
        {"get": f"{server.url}/login", "save": {"token": "input::attr(value)"}},
        {"post": f"{server.url}/in", "data": {"t": "{{ saved.token }}"}},
    ]
    page = {"url": f"{server.url}/start", "headers": {"X-T": "{{ saved.token }}"}}
    ran = run_job({"login": login, "start": [page], "rules": {"page": {**RULE, "next": "a.n"}}})
    assert is_silent(ran)
    assert [seen.target for seen in server.log if seen.target.startswith("/end")] == (
        [f"/end?t={quote(token, safe='')}"] if where in ("next", "location") else []
    )


def test_a_mark_in_the_path_of_a_page_holds_for_its_relative_links(server: Server, run_job: Any) -> None:
    """As with `https://api.example/bot<token>/getUpdates`."""
    server.site.route("/bot/<key>/start")(lambda request, key: '<a href="next?x=1">1</a><img src="pic.png">')
    server.site.route("/bot/<key>/next")(lambda request, key: "<h1>end</h1>")
    server.site.route("/bot/<key>/pic.png")(lambda request, key: b"png")
    start = [{"url": server.url + "/bot/{{ env('KEY') }}/start", "rule": "index"}]
    rules = {"index": {"follow": {"page": "a"}, "files": "img"}, "page": RULE}
    ran = run_job({"start": start, "rules": rules})
    key = quote(SECRET, safe="")
    asked = sorted(seen.target for seen in server.log if seen.target != "/robots.txt")
    assert asked == [f"/bot/{key}/next?x=1", f"/bot/{key}/pic.png", f"/bot/{key}/start"]
    assert is_silent(ran)


def test_a_header_that_echoes_it_holds_for_templates(server: Server, run_job: Any) -> None:
    head = f"200 OK\r\nContent-Type: text/html\r\nX-Next: /end?k={quote(SECRET, safe='')}"
    server.site.route("/start")(lambda request: raw(head, "<h1>x</h1>"))
    server.site.route("/end")(lambda request: "<h1>end</h1>")
    rule = {**RULE, "follow": {"end": {"url": "{{ page.headers['X-Next'] }}"}}}
    ran = run_job(job(server, rule, rules={"end": RULE}))
    assert server.log[-1].target == f"/end?k={quote(SECRET, safe='')}"
    assert is_silent(ran)
