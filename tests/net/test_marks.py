"""Marks (scraper/secrets.py): no outside text becomes one, and no secret is printed or kept.

The attack: a page writes what our own templates write for a secret, in any spelling a
parser might undo, and is sent the secret. So in each test below a hostile server says
it at one door, and the servers' logs must not hold the value anywhere but in the header
that the job itself sends home.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from scraper import secrets
from scraper.server import Raw, Request, Response, Seen, Server, Site

SECRET = "s3cr3t/0f+the job"
MARK = secrets.mark("env", "KEY")
QUOTED = quote(MARK)
SPELLINGS = {
    "raw": MARK,
    "percent": QUOTED,
    "percent, bare colon": QUOTED.replace("%3A", ":"),
    "lower case": QUOTED.lower().replace("key", "KEY"),
    "tabs inside": QUOTED.replace("%B7%", "%B7\t%"),
    "newlines inside": QUOTED.replace("%B7%", "%B7\n%"),
    "shown": "{env:KEY}",
    "template": "{{ env('KEY') }}",
    "percent twice": QUOTED.replace("%", "%25"),
    "unclosed": MARK[:-1] + "x",
    "nested": secrets.mark("env", MARK),
    "unknown": secrets.mark("env", "OTHER") + quote(secrets.mark("saved", "token")),
}
IN_HTML = {
    **SPELLINGS,
    "hex reference": MARK.replace("\ufdd0", "&#xFDD0;").replace("\ufdd1", "&#xfdd1;"),
    "decimal reference": MARK.replace("\ufdd0", "&#64976;").replace("\ufdd1", "&#64977;"),
    "zeros": MARK.replace("\ufdd0", "&#x000FDD0;").replace("\ufdd1", "&#0064977;"),
    "no semicolon": MARK.replace("\ufdd0", "&#xFDD0").replace("\ufdd1", "&#xfdd1"),
    "percent sign referred to": QUOTED.replace("%", "&#37;"),
    "percent sign by name": QUOTED.replace("%", "&percnt;"),
    "amp": MARK.replace("\ufdd0", "&amp;#xFDD0;").replace("\ufdd1", "&amp;#xFDD1;"),
}
IN_JSON = {
    **{name: json.dumps(text, ensure_ascii=False) for name, text in SPELLINGS.items()},
    "escape": json.dumps(MARK),
    "escape in capitals": json.dumps(MARK).replace("fdd", "FDD"),
    "percent sign escaped": json.dumps(QUOTED).replace("%", "\\u0025"),
}


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", SECRET)


class Pair:
    """The job's own server and another one; `leaks` tells which requests to either held the secret."""

    def __init__(self, home: Server, away: Server) -> None:
        self.home, self.away = home, away
        for server in (home, away):
            server.site.route("/robots.txt")(lambda request: Response(404))
            server.site.route("/end/<path:rest>", methods=["GET", "POST"])(lambda request, rest: "<h1>end</h1>")

    def serve(self, answer: Any, path: str = "/start") -> None:
        self.home.site.route(path)(lambda request: answer)

    def job(self, rules: dict[str, Any], **more: Any) -> dict[str, Any]:
        """A job that gives the secret to its own server, so that the secret is known and used."""
        http = {"headers": {"X-Api-Key": "{{ env('KEY') }}"}, "allow_redirects": 5, **more.pop("http", {})}
        start = [{"url": f"{self.home.url}/start", "rule": next(iter(rules))}]
        end = {"end": {"item": {"t": "h1"}}} if any("follow" in rule for rule in rules.values()) else {}
        return {"http": http, "start": start, "rules": {**rules, **end}, **more}

    def leaks(self) -> list[str]:
        return [*_holding(self.home.log, besides="x-api-key"), *_holding(self.away.log)]

    @property
    def asked(self) -> list[str]:
        return [seen.target for seen in self.away.log if seen.target != "/robots.txt"]


def _holding(log: list[Seen], besides: str = "") -> list[str]:
    values = {SECRET, quote(SECRET, safe=""), quote(SECRET), SECRET.replace(" ", "+")}
    values |= {quote(SECRET, safe="").replace("%20", "+"), "s3cr3t"}
    found = []
    for seen in log:
        headers = [f"{name}: {value}" for name, value in seen.headers if name.lower() != besides]
        text = "\n".join([seen.target, *headers, seen.body.decode("utf-8", "replace")])
        found += [text] if any(value in text for value in values) else []
    return found


@pytest.fixture
def pair() -> Iterator[Pair]:
    with Server(Site()) as home, Server(Site()) as away:
        yield Pair(home, away)


def html(body: str) -> Response:
    return Response(200, {"Content-Type": "text/html; charset=utf-8"}, body.encode("utf-8", "surrogatepass"))


def in_json(text: str) -> Response:
    return Response(200, {"Content-Type": "application/json"}, text.encode())


ANY = {"select": "a", "same": "any"}
LINKS = {
    "query": '<a href="{away}/end/{at}?k={it}">x</a>',
    "path": '<a href="{away}/end/{at}/{it}">x</a>',
    "user": '<a href="http://{it}:{it}@{bare}/end/{at}">x</a>',
    "own user": '<a href="http://{it}:{it}@{own}/end/{at}">x</a>',
    "host": '<a href="http://{it}/end/{at}">x</a>',
    "relative": '<a href="end/{at}?k={it}">x</a>',
}


@pytest.mark.parametrize("where", LINKS)
def test_a_link_cannot_forge_a_mark(where: str, pair: Pair, run_job: Any) -> None:
    bare, own = pair.away.url.removeprefix("http://"), pair.home.url.removeprefix("http://")
    links = [
        LINKS[where].format(away=pair.away.url, bare=bare, own=own, at=at, it=it)
        for at, it in enumerate(IN_HTML.values())
    ]
    pair.serve(html(f"<title>x</title>{' '.join(links)}"))
    run_job(pair.job({"index": {"follow": {"end": ANY}}}))
    assert pair.leaks() == []
    assert len([*pair.asked, *pair.home.log]) > 2 or where == "host"


@pytest.mark.parametrize(
    "tag", ['<base href="{away}/end/{it}/"><a href="x">x</a>', '<base href="{it}"><a href="x">x</a>']
)
@pytest.mark.parametrize("spelling", IN_HTML)
def test_a_base_cannot_forge_a_mark(tag: str, spelling: str, pair: Pair, run_job: Any) -> None:
    pair.serve(html(tag.format(away=pair.away.url, it=IN_HTML[spelling])))
    run_job(pair.job({"index": {"follow": {"end": ANY}}}))
    assert pair.leaks() == []


@pytest.mark.parametrize(
    "tag",
    [
        '<img src="{url}">',
        '<img srcset="{url} 2x">',
        '<a href="{url}">x</a>',
        '<video src="{url}"></video>',
        '<object data="{url}"></object>',
    ],
)
def test_a_file_cannot_forge_a_mark(tag: str, pair: Pair, run_job: Any) -> None:
    urls = (f"{pair.away.url}/end/{at}/{it}?k={it}" for at, it in enumerate(IN_HTML.values()))
    pair.serve(html("".join(tag.format(url=url) for url in urls)))
    ran = run_job(pair.job({"index": {"files": "img, a, video, object"}}))
    assert pair.leaks() == []
    assert "s3cr3t" not in ran.everything().decode("utf-8", "replace")


BUILT = {
    "url": {"url": "{{ item.u }}"},
    "url in text": {"url": "AWAY/end/{{ item.u }}?x={{ item.u | urlencode }}"},
    "params": {"url": "AWAY/end/{{ item.n }}", "params": {"k": "{{ item.u }}", "{{ item.u }}": "v"}},
    "data": {"url": "AWAY/end/{{ item.n }}", "method": "POST", "data": {"k": "{{ item.u }}"}},
    "data as text": {
        "url": "AWAY/end/{{ item.n }}",
        "method": "POST",
        "data": "k={{ item.u }}&u={{ item.u | urlencode }}",
    },
    "json": {"url": "AWAY/end/{{ item.n }}", "method": "POST", "json": {"k": ["{{ item.u }}"], "whole": "{{ item }}"}},
    "headers": {"url": "HOME/end/{{ item.n }}", "headers": {"X-Item": "{{ item.u }}"}},
    "cookies": {"url": "HOME/end/{{ item.n }}", "cookies": {"c": "{{ item.u }}"}},
    "auth": {"url": "HOME/end/{{ item.n }}", "auth": {"bearer": "{{ item.u }}"}},
}


@pytest.mark.parametrize("part", BUILT)
def test_an_items_text_cannot_forge_a_mark_in_a_request(part: str, pair: Pair, run_job: Any) -> None:
    items = ",".join(f'{{"n": {n}, "u": {text}}}' for n, text in enumerate(IN_JSON.values()))
    pair.serve(in_json(f"[{items}]"))
    text = json.dumps(BUILT[part]).replace("AWAY", pair.away.url).replace("HOME", pair.home.url)
    rule = {"read": "json", "each": "[*]", "item": {"u": "u", "n": "n"}, "follow": {"end": json.loads(text)}}
    run_job(pair.job({"api": rule}))
    assert pair.leaks() == []
    assert part == "url" or len([*pair.asked, *pair.home.log]) > 10


@pytest.mark.parametrize("part", ["url", "headers", "path"])
def test_an_items_text_cannot_forge_a_mark_in_a_file(part: str, pair: Pair, run_job: Any) -> None:
    items = ",".join(f'{{"n": {n}, "u": {text}}}' for n, text in enumerate(IN_JSON.values()))
    pair.serve(in_json(f"[{items}]"))
    spec: dict[str, Any] = {"url": f"{pair.away.url}/end/{{{{ item.u }}}}"}
    if part == "headers":
        spec["headers"] = {"Referer": "{{ item.u | replace('\n', ' ') }}"}
    if part == "path":
        spec["path"] = "{{ item.u }}{{ ext }}"
    ran = run_job(pair.job({"api": {"read": "json", "each": "[*]", "item": {"u": "u", "n": "n"}, "files": spec}}))
    assert pair.leaks() == []
    assert "s3cr3t" not in ran.everything().decode("utf-8", "replace")


def test_json_within_a_text_cannot_forge_a_mark(pair: Pair, run_job: Any) -> None:
    inner = json.dumps({"u": f"{pair.away.url}/end/1?k={MARK}&q={QUOTED}"})
    pair.serve(html(f"<script id=d>{inner}</script><p>{inner}</p>"))
    item = {"u": {"css": "#d", "jmespath": "u"}, "v": {"css": "p", "jmespath": "u", "type": "url"}}
    follow = {"end": {"url": "{{ item.u }}"}}
    run_job(pair.job({"index": {"item": item, "follow": follow}}))
    assert (pair.leaks(), len(pair.asked)) == ([], 1)


HEADER_SPELLINGS = {
    **{name: text for name, text in SPELLINGS.items() if "\n" not in text},
    "tab in the raw bytes": MARK.replace(":", "\t:"),
}


def raw_redirect(location: str) -> Raw:
    head = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: "
    return Raw(head + location.encode() + b"\r\nConnection: close\r\n\r\n")


@pytest.mark.parametrize("way", ["page", "file"])
@pytest.mark.parametrize("spelling", HEADER_SPELLINGS)
def test_a_location_cannot_forge_a_mark(spelling: str, way: str, pair: Pair, run_job: Any) -> None:
    bare = pair.away.url.removeprefix("http://")
    targets = ("{away}/end/x?k={it}", "{away}/end/{it}", "http://{it}@{bare}/end/x", "/end/{it}", "?{it}")
    pair.serve(html("".join(f'<a href="/hop/{at}">x</a>' for at in range(len(targets)))))

    @pair.home.site.route("/hop/<at>")
    def hop(request: Request, at: str) -> Raw:
        return raw_redirect(targets[int(at)].format(away=pair.away.url, bare=bare, it=HEADER_SPELLINGS[spelling]))

    rule: dict[str, Any] = {"files": "a"} if way == "file" else {"follow": {"end": "a"}}
    run_job(pair.job({"index": rule}))
    assert pair.leaks() == []
    assert len(pair.asked) == 3


@pytest.mark.parametrize("name", ["ETag", "Last-Modified"])
@pytest.mark.parametrize("spelling", HEADER_SPELLINGS)
def test_a_validator_cannot_forge_a_mark(name: str, spelling: str, pair: Pair, run_job: Any) -> None:
    """It is sent back by the next run, to whatever host the file lies on."""
    head = f'HTTP/1.1 200 OK\r\n{name}: "{HEADER_SPELLINGS[spelling]}"\r\nContent-Length: 2\r\n\r\nok'.encode()
    pair.away.site.route("/pic.bin")(lambda request: Raw(head))
    pair.serve(html(f'<img src="{pair.away.url}/pic.bin">'))
    job = pair.job({"index": {"files": "img"}}, files={"existing": "check"})
    run_job(job)
    run_job(job)
    assert (pair.leaks(), pair.asked) == ([], ["/pic.bin", "/pic.bin"])


@pytest.mark.parametrize("spelling", HEADER_SPELLINGS)
def test_a_cookie_cannot_forge_a_mark(spelling: str, pair: Pair, run_job: Any) -> None:
    text = HEADER_SPELLINGS[spelling]
    head = f"HTTP/1.1 200 OK\r\nSet-Cookie: a={text}; Path=/\r\nSet-Cookie: {text}=b\r\n"
    head += "Content-Type: text/html\r\nConnection: close\r\n"
    body = b'<a href="/end/1">x</a>'
    pair.serve(Raw(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body))
    ran = run_job(pair.job({"index": {"follow": {"end": "a"}}}))
    assert ran.summary.failures == []
    assert (pair.leaks(), len(pair.home.log)) == ([], 3)


@pytest.mark.parametrize("header", ['attachment; filename="{it}.png"', "attachment; filename*=UTF-8''{it}.png"])
@pytest.mark.parametrize("spelling", HEADER_SPELLINGS)
def test_a_file_name_from_the_server_cannot_forge_a_mark(header: str, spelling: str, pair: Pair, run_job: Any) -> None:
    text = header.format(it=HEADER_SPELLINGS[spelling])
    head = f"HTTP/1.1 200 OK\r\nContent-Disposition: {text}\r\nContent-Length: 2\r\n\r\nok".encode()
    pair.away.site.route("/get.php")(lambda request: Raw(head))
    pair.serve(html(f'<a href="{pair.away.url}/get.php">x</a>'))
    ran = run_job(pair.job({"index": {"files": "a"}}))
    assert pair.leaks() == []
    assert "s3cr3t" not in ran.everything().decode("utf-8", "replace")
    assert ran.summary.files.saved == 1


@pytest.mark.parametrize("spelling", HEADER_SPELLINGS)
def test_a_header_in_a_template_cannot_forge_a_mark(spelling: str, pair: Pair, run_job: Any) -> None:
    body = b"<p>x</p>"
    head = f"HTTP/1.1 200 OK\r\nX-Next: {HEADER_SPELLINGS[spelling]}\r\nContent-Type: text/html\r\n"
    pair.serve(Raw(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body))
    follow = {"end": {"url": f"{pair.away.url}/end/1?k={{{{ page.headers['X-Next'] }}}}"}}
    run_job(pair.job({"index": {"follow": follow}}))
    assert (pair.leaks(), len(pair.asked)) == ([], 1)


@pytest.mark.parametrize("spelling", IN_HTML)
def test_a_saved_value_cannot_forge_a_mark(spelling: str, pair: Pair, run_job: Any) -> None:
    pair.home.site.route("/login")(lambda request: html(f'<input name=csrf value="{IN_HTML[spelling]}">'))
    pair.home.site.route("/in", methods=["POST"])(lambda request: "<p>welcome</p>")
    pair.serve(html("<h1>x</h1>"))
    login = [
        {"get": f"{pair.home.url}/login", "save": {"token": "input::attr(value)"}},
        {"post": f"{pair.home.url}/in?t={{{{ saved.token }}}}", "data": {"csrf": "{{ saved.token }}"}},
    ]
    follow = {"end": {"url": f"{pair.away.url}/end/{{{{ saved.token }}}}"}}
    run_job(pair.job({"index": {"item": {"t": "h1"}, "follow": follow}}, login=login))
    assert pair.leaks() == []
    assert [seen.target for seen in pair.home.log][:1] == ["/login"]


def test_a_user_in_a_url_cannot_become_a_mark_when_it_is_decoded(pair: Pair, run_job: Any) -> None:
    """Sent home, it would hand one server the secret that is for another."""
    pair.serve(in_json(json.dumps({"a": QUOTED.replace("%B7", "%B7-")})))
    own = pair.home.url.removeprefix("http://")
    follow = {"end": {"url": f"http://{{{{ item.a | replace('-', '') }}}}:x@{own}/end/1"}}
    run_job(pair.job({"api": {"read": "json", "item": {"a": "a"}, "follow": follow}}))
    told = [base64.b64decode(value.split()[1]) for _, value in pair.home.log[-1].headers if value.startswith("Basic ")]
    assert told == ["\ufffdenv:KEY\ufffd:x".encode()]


@pytest.mark.parametrize(
    ("first", "second", "joined"),
    [
        (QUOTED[:7], QUOTED[7:], "{{ item.a }}{{ item.b }}"),
        (QUOTED.replace("%B7", "%B7-"), "", "{{ item.a | replace('-', '') }}"),
        (QUOTED.replace("%", "!"), "", "{{ item.a | replace('!', '%') }}"),
    ],
)
def test_a_mark_cannot_be_put_together_from_pieces(
    first: str, second: str, joined: str, pair: Pair, run_job: Any
) -> None:
    """Each piece is harmless; the job's template makes a mark of them."""
    pair.serve(in_json(json.dumps({"a": first, "b": second or "x"})))
    joined = joined if second else f"{joined}?x"
    follow = {"end": {"url": f"{pair.away.url}/end/{joined}"}}
    run_job(pair.job({"api": {"read": "json", "item": {"a": "a", "b": "b"}, "follow": follow}}))
    assert (pair.leaks(), len(pair.asked)) == ([], 1)
