"""Recording: what a run exchanges is on the tape, in order and whole, and no secret, cookie or token of it."""

from __future__ import annotations

import base64
import gzip
import json
import secrets
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus, unquote

import pytest

from scraper.errors import BusyError
from scraper.job.load import from_data
from scraper.run.control import Control
from scraper.run.events import Events
from scraper.run.kit import Options
from scraper.run.record import record
from scraper.run.replay import replay
from scraper.run.taping import job_for
from scraper.server import Response, Server, Site
from scraper.server.faults import read_faults
from scraper.tape.taken import Slice, Taken
from scraper.tape.warc import Tape

PASSWORD, KEY = 'pass & "word"/9\'ü', "k3y-0123456789"


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD", PASSWORD)
    monkeypatch.setenv("API_KEY", KEY)


class Recorded:
    """A run that was recorded, and its tape."""

    def __init__(self, summary: Any, tape: Path, dest: Path) -> None:
        self.summary, self.tape, self.dest = summary, tape, dest
        with Tape.open(tape) as read:
            self.info = read.info
            self.takes = list(read.takes)
            self.bodies = [_body(taken) for taken in self.takes]

    @property
    def raw(self) -> bytes:
        data = self.tape.read_bytes()
        return gzip.decompress(data) if self.tape.name.endswith(".gz") else data

    def told(self, base: str) -> list[tuple[str, str, int]]:
        """Method, URL and status of each exchange."""
        return [
            (one.asked.method, one.asked.url.removeprefix(base), one.answered.status if one.answered else 0)
            for one in self.takes
        ]

    def one(self, url: str) -> tuple[Taken, bytes]:
        """The exchange of a URL that ends so (percent-decoded), and the body of its answer."""
        pairs = zip(self.takes, self.bodies, strict=True)
        found = [(one, body) for one, body in pairs if unquote(one.asked.url).endswith(url)]
        assert len(found) == 1, [one.asked.url for one in self.takes]
        return found[0]


def _body(taken: Taken) -> bytes:
    if taken.answered is None:
        return b""
    body = taken.answered.body
    if isinstance(body, Slice):
        return body.path.read_bytes()[body.offset : body.offset + body.count]
    return body


@pytest.fixture
def recorded(tmp_path: Path) -> Callable[..., Recorded]:
    """`recorded(server, job, events=, control=, limit=)` records a run of a job."""

    def run_it(server: Server, job: dict[str, Any], **options: Any) -> Recorded:
        retry = {"first_wait": 0, "attempts": 2}
        http = {**job.get("http", {}), "retry": retry}
        data = {"name": "job", "vars": {"base": server.url}, "polite": {"robots": "ignore"}, **job, "http": http}
        tape, dest = tmp_path / "tapes" / "job.warc.gz", tmp_path / "out"
        summary = record(from_data(data, file="job.yaml", folder=tmp_path), tape, dest=dest, **options)
        return Recorded(summary, tape, dest)

    return run_it


def fields(pairs: Any, name: str) -> list[str]:
    return [value for key, value in pairs if key.lower() == name]


def test_pages_and_files_of_either_transport_are_on_the_tape(recorded: Any, shelf: Any, items_job: Any) -> None:
    big = bytes(range(256)) * 6000
    server = shelf({"/a.bin": b"A", "/b.bin": big})
    for transport in ("curl", "requests"):
        one = recorded(server, items_job(files={"transport": transport}))
        assert one.summary.exit_code == 0
        assert sorted(one.told(server.url)) == [("GET", "/", 200), ("GET", "/a.bin", 200), ("GET", "/b.bin", 200)]
        assert (one.one("/a.bin")[1], one.one("/b.bin")[1] == big) == (b"A", True)
        taken, _ = one.one("/b.bin")
        assert taken.answered is not None
        assert (taken.answered.address, taken.answered.whole) == ("127.0.0.1", True)
        assert fields(taken.asked.headers, "host") == [f"127.0.0.1:{server.port}"]


def test_the_tape_tells_its_run(recorded: Any, shelf: Any, items_job: Any) -> None:
    one = recorded(shelf({"/a.bin": b"A"}), items_job(), limit=3, variables={"base": "x", "n": "1"})
    info = {name: value for name, value in one.info.items() if name.startswith("scraper-")}
    assert json.loads(info.pop("scraper-vars")) == {"base": "x", "n": "1"}
    assert info.pop("scraper-date").startswith("20")
    assert info == {"scraper-job": "job", "scraper-run": one.summary.run, "scraper-limit": "3"}


def test_what_went_wrong_and_was_tried_again_stands_in_order(recorded: Any, shelf: Any, items_job: Any) -> None:
    server = shelf({"/a.bin": b"A" * 1000})
    server.site.lay(read_faults([{"url": "*.bin", "do": "reset", "at": 100, "times": 1}]))
    one = recorded(server, items_job())
    first, second = (taken for taken in one.takes if taken.asked.url.endswith(".bin"))
    assert first.failure is not None
    assert first.answered is not None
    assert (first.failure.ending, first.answered.whole, first.answered.body) == ("failed:protocol", False, b"A" * 100)
    assert (second.failure, second.answered and second.answered.body) == (None, b"A" * 1000)


def test_a_job_that_reaches_nobody_leaves_the_failure(recorded: Any, unused_server: Any) -> None:
    one = recorded(unused_server, {"start": ["{{ base }}/"], "rules": {"r": {"item": {"t": "h1"}}}})
    assert one.summary.exit_code == 4
    assert [taken.failure.ending for taken in one.takes if taken.failure] == ["failed:connect"] * 2
    assert [taken.failure.sent for taken in one.takes if taken.failure] == [False] * 2


@pytest.fixture
def unused_server(serve: Any) -> Any:
    """A server that is gone."""
    server = Server(Site())
    with server:
        pass
    return server


# -- as a run from scratch ---------------------------------------------------------------------------------


def test_what_an_earlier_run_left_is_asked_for_whole_again(
    recorded: Any, run_job: Any, shelf: Any, items_job: Any, tmp_path: Path
) -> None:
    server = shelf({"/a.bin": lambda request: Response(200, {"ETag": '"1"'}, b"A")})
    job = items_job(files={"existing": "check"})
    run_job(server, job)
    before = len(server.log)
    one = recorded(server, job)
    asked = [(name.lower(), value) for seen in server.log[before:] for name, value in seen.headers]
    assert [name for name, _ in asked if name.startswith("if-")] == []
    assert [status for _, _, status in one.told(server.url)] == [200, 200]


def test_cookies_are_not_saved_by_a_recording(recorded: Any, shelf: Any, items_job: Any, tmp_path: Path) -> None:
    server = shelf({"/a.bin": lambda request: Response(200, {"Set-Cookie": "a=b"}, b"A")})
    recorded(server, items_job(http={"save_cookies": "cookies.txt"}))
    assert not (tmp_path / "cookies.txt").exists()


def test_a_run_that_was_stopped_leaves_the_tape_that_stood_there(
    recorded: Any, shelf: Any, items_job: Any, stop_after: Any, tmp_path: Path
) -> None:
    server = shelf({f"/{n}.bin": b"A" for n in range(5)})
    before = recorded(server, items_job()).raw
    events, control = stop_after(1)
    after = recorded(server, items_job(), events=events, control=control)
    assert after.summary.exit_code == 130
    assert after.raw == before
    assert [path.name for path in after.tape.parent.iterdir()] == ["job.warc.gz"]


def test_a_run_with_failures_has_a_tape(recorded: Any, shelf: Any, items_job: Any) -> None:
    one = recorded(shelf({"/a.bin": Response(404)}), items_job())
    assert (one.summary.exit_code, [status for _, _, status in one.takes and one.told("")]) == (4, [200, 404])


# -- secrets -----------------------------------------------------------------------------------------------


def spellings(secret: str) -> list[bytes]:
    """What must not be found, in whatever form it went out or came back."""
    texts = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), escape(secret)}
    texts |= {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], escape(secret, quote=False)}
    return [text.encode() for text in texts]


def assert_without(data: bytes, *values: str) -> None:
    for value in values:
        for text in spellings(value):
            assert text not in data, (value, data[max(0, data.index(text) - 200) : data.index(text) + 80])


@pytest.fixture
def echoing(site: Site, serve: Any) -> Server:
    """A site that tells everything back: in texts, packed, in headers, in redirects, in binary files."""

    @site.route("/echo", ("GET", "POST"))
    def echo(request: Any) -> Response:
        told = {"url": request.head.target.raw, "headers": dict(request.head.fields), "body": request.body.decode()}
        key = request.query.get("key") or request.headers.get("x-key") or ""
        text = json.dumps({**told, "next": f"/last?key={key}", "file": f"/file.bin?key={key}"}).encode()
        headers = {"Content-Type": "application/json", "X-Echo": key, "Digest": "md5=abc", "Content-Encoding": "gzip"}
        return Response(200, headers, gzip.compress(text, mtime=0))

    @site.route("/file.bin")
    def file(request: Any) -> Response:
        return Response(200, {"Content-Type": "image/png"}, b"\x89PNG\0" + KEY.encode() + b"\0" * 8)

    @site.route("/go")
    def go(request: Any) -> Response:
        return Response(302, {"Location": f"/echo?key={request.query.get('key')}"}, KEY.encode())

    return serve(site)  # type: ignore[no-any-return]


def test_secrets_that_are_sent_and_echoed_are_not_on_the_tape(recorded: Any, echoing: Server, env: None) -> None:
    job = {
        "http": {"headers": {"X-Key": "{{ env('API_KEY') }}"}, "auth": {"basic": ["me", "{{ env('PASSWORD') }}"]}},
        "start": [
            {"url": "{{ base }}/go", "params": {"key": "{{ env('API_KEY') }}"}},
            {"url": "{{ base }}/echo", "method": "POST", "data": {"p": "{{ env('PASSWORD') }}"}},
            {"url": "{{ base }}/echo", "method": "POST", "json": {"p": "{{ env('PASSWORD') }}"}},
            {"url": "{{ base }}/echo", "params": {"p": "{{ env('PASSWORD') }}"}},
        ],
        "rules": {"r": {"read": "json", "item": {"url": "url"}, "files": "file"}},
    }
    one = recorded(echoing, job)
    basic = base64.b64encode(f"me:{PASSWORD}".encode()).decode()
    assert_without(one.raw, PASSWORD, KEY, basic)
    taken, body = one.one("/echo?key={env:API_KEY}")
    assert taken.answered is not None
    told, shown = json.loads(body), base64.b64encode(b"me:{env:PASSWORD}").decode()
    assert (told["headers"]["X-Key"], told["next"]) == ("{env:API_KEY}", "/last?key={env:API_KEY}")
    assert told["headers"]["Authorization"] == "Basic {basic:env:PASSWORD}"
    assert fields(taken.asked.headers, "authorization") == [f"Basic {shown}"]
    assert fields(taken.answered.headers, "content-encoding") == fields(taken.answered.headers, "digest") == []
    assert fields(taken.answered.headers, "content-length") == [str(len(body))]
    assert fields(taken.answered.headers, "x-echo") == ["{env:API_KEY}"]
    bodies = [taken.asked.body for taken in one.takes if taken.asked.method == "POST"]
    assert sorted(bodies) == [b"p=%7Benv%3APASSWORD%7D", b'{"p": "{env:PASSWORD}"}']
    _, file = one.one("/file.bin?key={env:API_KEY}")
    assert file == b"\x89PNG\0{env:API_KEY}~" + b"\0" * 8


def test_a_body_that_echoes_nothing_stays_as_it_came(recorded: Any, site: Site, serve: Any, env: None) -> None:
    packed = gzip.compress("<h1>ü</h1>".encode(), mtime=0)
    site.route("/")(lambda request: Response(200, {"Content-Encoding": "gzip", "Digest": "md5=abc"}, packed))
    job = {"http": {"headers": {"X-Key": "{{ env('API_KEY') }}"}}, "start": ["{{ base }}/"]}
    one = recorded(serve(site), {**job, "rules": {"r": {"item": {"t": "h1"}}}})
    (taken,) = one.takes
    assert one.bodies == [packed]
    assert taken.answered is not None
    assert fields(taken.answered.headers, "digest") == ["md5=abc"]


def test_values_of_cookies_are_not_on_the_tape(recorded: Any, site: Site, serve: Any, env: None) -> None:
    session = secrets.token_urlsafe(24)

    @site.route("/")
    def begin(request: Any) -> Response:
        cookies = [("Set-Cookie", f"sid={session}; Path=/; HttpOnly"), ("Set-Cookie", "old=; Max-Age=0")]
        return Response(200, [*cookies, ("Content-Type", "text/html")], b'<a href="/two">2</a>')

    site.route("/two")(lambda request: f"<h1>{request.headers.get('cookie')}</h1>")
    cookies = {"key": "{{ env('API_KEY') }}", "small": "1"}
    rules = {"r": {"follow": {"s": "a"}}, "s": {"item": {"t": "h1"}}}
    one = recorded(serve(site), {"http": {"cookies": cookies}, "start": ["{{ base }}/"], "rules": rules})
    assert_without(one.raw, session, KEY)
    (first, second), (_, body) = one.takes, one.bodies
    assert fields(first.answered.headers, "set-cookie") == ["sid={cookie:sid}; Path=/; HttpOnly", "old=; Max-Age=0"]
    assert fields(second.asked.headers, "cookie") == ["key={cookie:key}; small={cookie:small}; sid={cookie:sid}"]
    assert b"sid={cookie:sid}" in body


def test_a_form_that_sends_the_token_of_a_cookie_is_sent_with_its_stand_in(
    recorded: Any, site: Site, serve: Any
) -> None:
    token = secrets.token_hex(16)

    @site.route("/")
    def form(request: Any) -> Response:
        page = f'<form method="post" action="/in"><input name="csrf" value="{token}"></form>'
        return Response(200, {"Set-Cookie": f"csrf={token}", "Content-Type": "text/html"}, page.encode())

    site.route("/in", ("POST",))(lambda request: f"<h1>{request.form().get('csrf')}</h1>")
    rules = {"r": {"follow": {"s": {"form": "form"}}}, "s": {"item": {"t": "h1"}}}
    one = recorded(serve(site), {"start": ["{{ base }}/"], "rules": rules})
    assert_without(one.raw, token)
    assert one.takes[1].asked.body == b"csrf=%7Bcookie%3Acsrf%7D"


def test_what_a_login_saves_is_not_on_the_tape_not_even_in_the_answer_that_brought_it(
    recorded: Any, site: Site, serve: Any, env: None
) -> None:
    csrf = secrets.token_urlsafe(16)
    site.route("/login")(lambda request: f'<input name="csrf" value="{csrf}">')
    site.route("/login", ("POST",))(lambda request: f"<h1>{request.form().get('csrf')}</h1>")
    site.route("/")(lambda request: f"<h1>{csrf}</h1>")
    login = [
        {"get": "{{ base }}/login", "save": {"token": "input::attr(value)"}},
        {"post": "{{ base }}/login", "data": {"p": "{{ env('PASSWORD') }}", "csrf": "{{ saved.token }}"}},
    ]
    one = recorded(serve(site), {"login": login, "start": ["{{ base }}/"], "rules": {"r": {"item": {"t": "h1"}}}})
    assert_without(one.raw, csrf, PASSWORD)
    assert one.bodies[0] == b'<input name="csrf" value="{saved:token}">'
    assert one.takes[1].asked.body == b"p=%7Benv%3APASSWORD%7D&csrf=%7Bsaved%3Atoken%7D"
    assert one.bodies[1:] == [b"<h1>{saved:token}</h1>"] * 2


def test_tokens_of_oauth_are_not_on_the_tape_however_often_they_are_renewed(
    recorded: Any, fixture_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[str] = []
    make = secrets.token_urlsafe

    def token(count: int) -> str:
        given.append(make(count))
        return given[-1]

    monkeypatch.setattr(secrets, "token_urlsafe", token)
    monkeypatch.setenv("API_SECRET", "demo-secret")
    auth = {"basic": ["demo-client", "{{ env('API_SECRET') }}"]}
    rule = {"read": "json", "each": "items[*]", "item": {"id": "id"}, "files": {"select": "file"}}
    job = {
        "login": [{"token": "{{ base }}/oauth/token", "auth": auth}],
        "start": ["{{ base }}/oauth/items"],
        "rules": {"item": {**rule, "next": {"page": "page", "last": "pages"}}},
    }
    one = recorded(fixture_server, job)
    assert (one.summary.exit_code, one.summary.files.saved, len(given) >= 4) == (0, 21, True)
    assert_without(one.raw, *given, "demo-secret", base64.b64encode(b"demo-client:demo-secret").decode())
    answers = [json.loads(body) for taken, body in zip(one.takes, one.bodies, strict=True) if taken.asked.body]
    assert {(one["access_token"], one["refresh_token"]) for one in answers} == {
        ("{saved:token}", "{saved:token.refresh}")
    }


def test_a_password_of_netrc_is_not_on_the_tape(
    recorded: Any, echoing: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password netrc-word-1\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    rules = {"r": {"read": "json", "item": {"u": "url"}}}
    one = recorded(echoing, {"http": {"auth": {"netrc": True}}, "start": ["{{ base }}/echo"], "rules": rules})
    assert fields(echoing.log[-1].headers, "authorization") != []
    assert_without(one.raw, "netrc-word-1", base64.b64encode(b"me:netrc-word-1").decode())
    assert json.loads(one.bodies[0])["headers"]["Authorization"] == "Basic {netrc}"


def test_nothing_of_the_recording_is_left_over(recorded: Any, shelf: Any, items_job: Any) -> None:
    one = recorded(shelf({"/b.bin": bytes(3_000_000)}), items_job())
    assert not (one.dest / ".scraper" / "tape").exists()
    assert len(one.one("/b.bin")[1]) == 3_000_000


def test_a_job_is_recorded_by_one_at_a_time_and_the_second_hurts_nothing(
    recorded: Any, site: Site, serve: Any, tmp_path: Path
) -> None:
    refused: list[str] = []
    job = {"start": ["{{ base }}/a"], "rules": {"r": {"item": {"title": "b"}}}}

    @site.route("/a")
    def meanwhile(request: Any) -> str:
        data = {"name": "job", "vars": {"base": "http://127.0.0.1:9"}, **job}
        with pytest.raises(BusyError) as busy:
            record(from_data(data, folder=tmp_path), tmp_path / "tapes" / "job.warc.gz", dest=tmp_path / "second")
        refused.append(str(busy.value))
        return "<b>one</b>"

    one = recorded(serve(site), job)
    assert refused == [f"another run writes {tmp_path}/tapes/.part-job.warc.gz; wait for its end"]
    assert one.one("/a")[1] == b"<b>one</b>"
    assert [path.name for path in (tmp_path / "tapes").iterdir()] == ["job.warc.gz"]


def test_a_tape_that_cannot_be_written_stops_the_run(
    shelf: Any, items_job: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    from scraper.tape.warc import TapeWriter

    def full(self: Any, taken: Taken) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(TapeWriter, "put", full)
    server = shelf({"/a.bin": b"A"})
    loaded = from_data({"name": "job", "vars": {"base": server.url}, **items_job()}, folder=tmp_path)
    summary = record(loaded, tmp_path / "a.warc.gz", dest=tmp_path / "out", events=Events(), control=Control())
    assert summary.exit_code == 5
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_tape_with_stand_ins_is_replayed_without_the_secrets(
    recorded: Any, echoing: Server, env: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    job = {
        "http": {"headers": {"X-Key": "{{ env('API_KEY') }}"}, "auth": {"basic": ["me", "{{ env('PASSWORD') }}"]}},
        "start": [
            {"url": "{{ base }}/go", "params": {"key": "{{ env('API_KEY') }}"}},
            {"url": "{{ base }}/echo", "method": "POST", "data": {"p": "{{ env('PASSWORD') }}"}},
            {"url": "{{ base }}/echo", "params": {"p": "{{ env('PASSWORD') }}"}},
        ],
        "rules": {
            "r": {"read": "json", "item": {"body": "body", "next": "next"}, "files": "file", "follow": {"s": "next"}},
            "s": {"read": "json", "item": {"u": "url"}},
        },
    }
    echoing.site.route("/last")(lambda request: {"url": request.query.get("key")})
    one = recorded(echoing, job)
    for name in ("PASSWORD", "API_KEY"):
        monkeypatch.delenv(name)
    data = {"name": "job", "vars": {"base": echoing.url}, "polite": {"robots": "ignore"}, **job}
    missing: list[str] = []
    again = replay(from_data(data, file="job.yaml"), one.tape, dest=tmp_path / "again", missing=missing)
    assert missing == []
    assert {**again.as_dict(), "seconds": 0} == {**one.summary.as_dict(), "seconds": 0}
    records = [(folder / "records.jsonl").read_bytes() for folder in (one.dest, tmp_path / "again")]
    assert records[0] == records[1]


def test_while_it_is_recorded_a_file_comes_as_one_and_anew(tmp_path: Path) -> None:
    start = [{"list": "urls.txt", "column": "line", "as": "files"}]
    job = from_data({"name": "job", "start": start, "files": {"segments": 8}}, file="job.yaml").job
    assert job_for(job, Options()) is job
    changed = job_for(job, Options(tape_to=tmp_path)).files
    assert (changed.segments, changed.existing) == (1, "overwrite")
