"""What breaks on the wire, and the class it ends with (DESIGN section 3; trust: C, B, H)."""

from __future__ import annotations

import gzip
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scraper import errors
from scraper.job.parts import Http
from scraper.net.outgoing import Outgoing, Wire
from scraper.net.session import Session
from scraper.server import Raw, Request, Response, Server, Site

PAGE = {"page": {"item": {"t": "h1"}}}
SHORT = {"timeout": {"connect": 0.2, "read": 0.2}}


@pytest.fixture
def server() -> Iterator[Server]:
    site = Site()
    site.route("/robots.txt")(lambda request: Response(404))
    with Server(site) as server:
        yield server


@pytest.fixture(params=["page", "file"])
def ended(request: pytest.FixtureRequest, server: Server, run_job: Any) -> Callable[..., str]:
    """How /x ends, fetched as a page and as a file; no file stands then."""

    def fetch(answer: Any, **http: Any) -> str:
        server.site.route("/x")(answer if callable(answer) else lambda request: answer)
        if request.param == "page":
            job = {"start": [f"{server.url}/x"], "rules": PAGE}
        else:
            server.site.route("/start")(lambda request: '<a href="/x">x</a>')
            job = {"start": [f"{server.url}/start"], "rules": {"p": {"files": "a"}}}
        ran = run_job({**job, "http": http})
        files = [path.name for path in ran.dest.iterdir() if path.is_file()]
        ending = ran.ending(f"{server.url}/x")
        assert ending in ("ok", "saved") or [name for name in files if name != "records.jsonl"] == []
        return str(ending)

    return fetch


def raw(*lines: str, body: bytes = b"", status: str = "200 OK") -> Raw:
    return Raw("\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode("latin-1") + body)


CHUNKED = "Transfer-Encoding: chunked"
GZIPPED = gzip.compress(b"<h1>x</h1>" * 100)
ANSWERS: dict[str, tuple[Raw | Response, str]] = {
    # what is not HTTP
    "nothing": (Raw(b""), "protocol"),
    "garbage": (Raw(b"\x00\xff\x13garbage\r\n\r\n"), "protocol"),
    "HTTP/0.9": (Raw(b"<h1>old</h1>"), "protocol"),
    "HTTP/2 preface": (Raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"), "protocol"),
    "another protocol": (Raw(b"SSH-2.0-OpenSSH_9.2\r\n"), "protocol"),
    "status 99": (raw(status="99 Low"), "protocol"),
    "status 1000": (raw(status="1000 High"), "protocol"),
    "status of letters": (raw(status="OK 200"), "protocol"),
    "cut in the status line": (Raw(b"HTTP/1.1 20"), "protocol"),
    "cut in a header": (Raw(b"HTTP/1.1 200 OK\r\nContent-Ty"), "protocol"),
    "a switch of protocols": (raw("Upgrade: x", status="101 Switching Protocols"), "protocol"),
    # heads that leave the length open
    "line without a colon": (raw("no colon here", "Content-Length: 100", body=b"<h1>x</h1>"), "protocol"),
    "NUL in a header": (raw("X-A: a\0b", "Content-Length: 2", body=b"ok"), "protocol"),
    "name with a blank": (raw("Content-Length : 100", body=b"<h1>x</h1>"), "protocol"),
    "negative length": (raw("Content-Length: -5", body=b"<h1>x</h1>"), "protocol"),
    "length with a sign": (raw("Content-Length: +10", body=b"<h1>x</h1>"), "protocol"),
    "length with a low line": (raw("Content-Length: 1_0", body=b"<h1>x</h1>"), "protocol"),
    "length in hex": (raw("Content-Length: 0xA", body=b"<h1>x</h1>"), "protocol"),
    "length of letters": (raw("Content-Length: ten", body=b"<h1>x</h1>"), "protocol"),
    "empty length": (raw("Content-Length: ", body=b"<h1>x</h1>"), "protocol"),
    "two lengths": (raw("Content-Length: 10", "Content-Length: 11", body=b"<h1>x</h1>1"), "protocol"),
    "coding after chunked": (raw("Transfer-Encoding: chunked, gzip", body=b"a\r\n<h1>x</h1>\r\n0\r\n\r\n"), "protocol"),
    "coding before chunked": (
        raw("Transfer-Encoding: gzip, chunked", body=b"a\r\n<h1>x</h1>\r\n0\r\n\r\n"),
        "protocol",
    ),
    "coding with a tab": (raw("Transfer-Encoding: \x0bchunked", body=b"a\r\n<h1>x</h1>\r\n0\r\n\r\n"), "protocol"),
    # bodies
    "short": (raw("Content-Length: 100", body=b"<h1>x</h1>"), "length"),
    "none of it": (raw("Content-Length: 100"), "length"),
    "negative chunk": (raw(CHUNKED, body=b"-5\r\n<h1>x</h1>\r\n0\r\n\r\n"), "protocol"),
    "chunk of letters": (raw(CHUNKED, body=b"xyz\r\n<h1>x</h1>\r\n0\r\n\r\n"), "protocol"),
    "empty chunk size": (raw(CHUNKED, body=b"\r\n<h1>x</h1>\r\n0\r\n\r\n"), "protocol"),
    "huge chunk": (raw(CHUNKED, body=b"ffffffffffffffffffff\r\n<h1>x</h1>"), "protocol"),
    "endless chunk size": (raw(CHUNKED, body=b"0" * 70_000), "protocol"),
    "cut in a chunk": (raw(CHUNKED, body=b"64\r\n<h1>x</h1>"), "protocol"),
    "cut between chunks": (raw(CHUNKED, body=b"a\r\n<h1>x</h1>\r\n"), "protocol"),
    "no last line break": (raw(CHUNKED, body=b"a\r\n<h1>x</h1>\r\n0\r\n"), "protocol"),
    "206 nobody asked for": (raw("Content-Range: bytes 0-9/100", "Content-Length: 10", status="206 Part"), "protocol"),
    # encodings
    "not gzip": (Response(200, {"Content-Encoding": "gzip"}, b"<h1>x</h1>"), "encoding"),
    "cut gzip": (Response(200, {"Content-Encoding": "gzip"}, GZIPPED[:-9]), "encoding"),
    "gzip and more": (Response(200, {"Content-Encoding": "gzip"}, GZIPPED + b"more"), "encoding"),
    "unknown encoding": (Response(200, {"Content-Encoding": "x-own"}, b"<h1>x</h1>"), "encoding"),
    "six encodings": (Response(200, {"Content-Encoding": "gzip, " * 6 + "gzip"}, GZIPPED), "encoding"),
    # caps
    "20 000 headers": (raw(*(f"X-{n}: 1" for n in range(20_000))), "limit"),
    "a line of 70 kB": (raw("X: " + "x" * 70_000), "limit"),
    "6 MB of headers": (raw(*(f"X-{n}: {'x' * 60_000}" for n in range(98))), "limit"),
    "an endless status line": (Raw(b"HTTP/1.1 200 " + b"x" * 300_000), "limit"),
    "interim answers without end": (Raw(b"HTTP/1.1 100 Continue\r\n\r\n" * 5000), "limit"),
    "early hints without end": (Raw(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 5000), "limit"),
    # statuses
    "404": (Response(404), "http:404"),
    "407 without a proxy": (Response(407), "http:407"),
    "999": (raw(status="999 Denied"), "http:999"),
}


@pytest.mark.parametrize("fault", ANSWERS)
def test_an_answer_and_its_class(fault: str, ended: Callable[..., str]) -> None:
    answer, name = ANSWERS[fault]
    assert ended(answer) == f"failed:{name}"


def test_a_304_nobody_asked_for(ended: Callable[..., str]) -> None:
    """Nothing stands there that could be unchanged."""
    assert ended(Response(304)) == "failed:http:304"


WHOLE: dict[str, Raw | Response] = {
    "length twice the same": raw("Content-Length: 10", "Content-Length: 10", body=b"<h1>x</h1>"),
    "until the end": raw(body=b"<h1>x</h1>"),
    "chunked, in capitals": raw("Transfer-Encoding: Chunked", body=b"a;ext=1\r\n<h1>x</h1>\r\n0\r\nX-T: 1\r\n\r\n"),
    "chunked and a length": raw(CHUNKED, "Content-Length: 10", body=b"A\r\n<h1>x</h1>\r\n0\r\n\r\n"),
    "HTTP/1.0": Raw(b"HTTP/1.0 200 OK\r\n\r\n<h1>x</h1>"),
    "bare newlines": Raw(b"HTTP/1.1 200 OK\nContent-Length: 10\n\n<h1>x</h1>"),
    "early hints": Raw(
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n<h1>x</h1>"
    ),
    "continue": Raw(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n<h1>x</h1>"),
    "obs-fold": raw("X-A: a", " b", "Content-Length: 10", body=b"<h1>x</h1>"),
    "latin-1 header": raw("X-A: gr\xf6\xdfe", "Content-Length: 10", body=b"<h1>x</h1>"),
    "gzip nobody asked for": Response(200, {"Content-Encoding": "gzip"}, gzip.compress(b"<h1>x</h1>")),
    "gzip twice": Response(200, {"Content-Encoding": "gzip, gzip"}, gzip.compress(gzip.compress(b"<h1>x</h1>"))),
}


@pytest.mark.parametrize("answer", WHOLE)
def test_an_odd_answer_that_is_whole(answer: str, ended: Callable[..., str]) -> None:
    assert ended(WHOLE[answer]) in ("ok", "saved")


@pytest.mark.parametrize("encoding", [None, "gzip"])
def test_a_page_larger_than_memory_should_hold(
    encoding: str | None, server: Server, run_job: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted in decoded bytes; final, for another attempt would bring the same (trust: B18, B19)."""
    from scraper import fetch

    monkeypatch.setattr(fetch, "PAGE_LIMIT", 1024 * 1024)
    body = bytes(2 * 1024 * 1024)
    answer = (
        Response(200, {}, body)
        if encoding is None
        else Response(200, {"Content-Encoding": "gzip"}, gzip.compress(body))
    )
    server.site.route("/x")(lambda request: answer)
    url = f"{server.url}/x"
    ran = run_job({"start": [url], "rules": PAGE, "http": {"retry": {"attempts": 3, "first_wait": 0}}})
    assert (ran.ending(url), len(server.log)) == ("failed:limit", 1)


def reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@pytest.mark.parametrize(
    ("sent", "classes"),
    [
        (b"", ("protocol",)),
        (b"HTTP/1.1 200 OK\r\n", ("protocol",)),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n<h1>", ("protocol", "length")),
    ],
)
def test_a_reset(sent: bytes, classes: tuple[str, ...], ended: Callable[..., str]) -> None:
    assert ended(Raw(sent, hook=reset)).removeprefix("failed:") in classes


# -- time --------------------------------------------------------------------------------------------------


class Held:
    """A hook that holds the connection until the test is over."""

    def __init__(self) -> None:
        self.over = threading.Event()

    def __call__(self, sock: socket.socket) -> None:
        self.over.wait(30)


@pytest.fixture
def held(server: Server) -> Iterator[Held]:
    held = Held()
    yield held
    held.over.set()


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        (b"", "timeout"),
        (b"HTTP/1.1 200 OK\r\nContent-", "timeout"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", "stalled"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n<h1>x</h1>", "stalled"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n<h1>x</h1>\r\n", "stalled"),
    ],
)
def test_a_server_that_falls_silent(sent: bytes, name: str, held: Held, ended: Callable[..., str]) -> None:
    assert ended(Raw(sent, hook=held), **SHORT) == f"failed:{name}"


DROPS = 200


def dripping(head: bytes, drop: bytes, sent: list[int] | None = None) -> Callable[[Request], Raw]:
    """Head, then a drop now and then, each sooner than a timeout of 0.2 s; at most 10 s of it."""

    def answer(request: Request) -> Raw:
        def hook(sock: socket.socket) -> None:
            for at in range(DROPS):
                sock.sendall(drop)
                if sent is not None:
                    sent.append(at)
                if request.memory.stopping.wait(0.05):
                    return

        return Raw(head, hook=hook)

    return answer


def test_a_head_that_drips_in_does_not_hold_a_worker(ended: Callable[..., str]) -> None:
    """Each header line comes in time, the head as a whole never does."""
    assert ended(dripping(b"HTTP/1.1 200 OK\r\n", b"X"), **SHORT) == "failed:timeout"


def test_interim_answers_that_drip_in_do_not_hold_a_worker(ended: Callable[..., str]) -> None:
    assert ended(dripping(b"", b"HTTP/1.1 102 Processing\r\n\r\n"), **SHORT) == "failed:timeout"


def test_a_body_that_drips_in_is_stalled(ended: Callable[..., str]) -> None:
    timeout = {"timeout": {"connect": 0.2, "read": 0.2, "slowest": 1000}}
    assert ended(dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b"x"), **timeout) == "failed:stalled"


def test_a_body_that_takes_longer_than_total(ended: Callable[..., str]) -> None:
    timeout = {"timeout": {"connect": 5, "read": 5, "total": 0.3, "slowest": 0}}
    assert ended(dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b"x"), **timeout) == "failed:timeout"


def test_a_silence_that_takes_longer_than_total(held: Held, ended: Callable[..., str]) -> None:
    """It ends when `total` is over, not when `read` is."""
    timeout = {"timeout": {"connect": 25, "read": 25, "total": 0.3}}
    answer = Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n<h1>x</h1>", hook=held)
    assert ended(answer, **timeout) == "failed:timeout"


def test_a_redirect_and_an_error_that_drip_do_not_hold_a_worker(server: Server, run_job: Any) -> None:
    sent: list[int] = []
    for path, status in (("/a", b"302 Found\r\nLocation: /end"), ("/b", b"404 Gone")):
        head = b"HTTP/1.1 %b\r\nContent-Length: 9999\r\n\r\n" % status
        server.site.route(path)(dripping(head, b"x", sent))
    server.site.route("/end")(lambda request: "<h1>end</h1>")
    start = [f"{server.url}/a", f"{server.url}/b"]
    ran = run_job({"start": start, "rules": PAGE, "http": SHORT})
    assert ran.endings() == {f"{server.url}/a": "ok", f"{server.url}/b": "failed:http:404"}
    assert len(sent) < DROPS


# -- no connection -----------------------------------------------------------------------------------------


def test_a_refused_port(run_job: Any, unused_port: int) -> None:
    url = f"http://127.0.0.1:{unused_port}/"
    assert run_job({"start": [url], "rules": PAGE}).ending(url) == "failed:connect"


def test_a_name_without_an_address(run_job: Any) -> None:
    url = "http://nowhere.example/"
    assert run_job({"start": [url], "rules": PAGE}).ending(url) == "failed:dns"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:99999/",
        "http://exa mple/",
        "http://[::1/",
        "http://.example/",
        "http://*.example/",
        f"http://{'a' * 64}.example/",
        f"http://{'a.' * 200}example/",
        "http://xn--a/",
        "http://%zz/",
        "http://127.0.0.1:80:80/",
    ],
)
def test_a_url_that_names_no_host(url: str, server: Server, run_job: Any) -> None:
    """As a link: it is ignored, or fails; the run goes on."""
    server.site.route("/start")(lambda request: f'<h1>x</h1><a href="{url}">x</a><img src="{url}">')
    follow = {"page": {"select": "a", "same": "any"}}
    rules = {"index": {"item": {"t": "h1"}, "follow": follow, "files": "img"}, "page": {"item": {"t": "h1"}}}
    ran = run_job({"start": [{"url": f"{server.url}/start", "rule": "index"}], "rules": rules})
    assert ran.ending(f"{server.url}/start") == "ok"
    assert {ending for page, ending in ran.endings().items() if "start" not in page} <= {
        "failed:protocol",
        "failed:dns",
    }


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


# -- a bug is what escapes ---------------------------------------------------------------------------------


TOKENS = st.sampled_from(
    [
        b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 302 Found\r\n", b"HTTP/1.1 401 No\r\n", b"HTTP/1.1 503 Busy\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n", b"\r\n", b"\r\n\r\n", b"\n", b"\r", b"\0", b": ", b"\xff\xfe",
        b"Content-Length: 5\r\n", b"Content-Length: -1\r\n", b"Content-Length: 99999999999999999999\r\n",
        b"Transfer-Encoding: chunked\r\n", b"Content-Encoding: gzip\r\n", b"Content-Encoding: deflate\r\n",
        b"Connection: close\r\n", b"Connection: keep-alive\r\n", b"Keep-Alive: timeout=x\r\n",
        b"Location: http://[::\r\n", b"Location: //:0/\r\n", b"Location: http://a:b:c/\r\n", b"Location: \xc3\x28\r\n",
        b"Set-Cookie: a=b; Expires=Foo, 99-Bar-99999 99:99:99 GMT; Max-Age=-x; Domain=.; Path=\r\n",
        b"Set-Cookie: ;;=;=\r\n", b"Set-Cookie: a=b; Max-Age=99999999999999999999\r\n",
        b"Set-Cookie2: a=b; Version=x\r\n",
        b"Set-Cookie: a=b; expires=Thu, 01 Jan 99999999999 00:00:00 GMT; Version=\xff\r\n",
        b"Retry-After: Wed, 21 Oct 99999999999 07:28:00 GMT\r\n",
        b"Retry-After: Wed, 21 Oct 2015 07:28:00 +99999999\r\n",
        b"Retry-After: \xb2\r\n", b"Retry-After: 9" + b"9" * 400 + b"\r\n",
        b"WWW-Authenticate: Digest\r\n", b"WWW-Authenticate: Digest realm=\r\n",
        b'WWW-Authenticate: Digest realm="a", nonce="b", qop="auth", algorithm=x\r\n',
        b'WWW-Authenticate: digest realm="\xff", nonce="\xfe", opaque="\r\n',
        b"5\r\nhello\r\n0\r\n\r\n", b"-5\r\nhello\r\n", b"\x1f\x8b\x08\x00", GZIPPED, b"hello",
    ]
)  # fmt: skip
BYTES = st.lists(st.one_of(TOKENS, TOKENS, TOKENS, st.binary(max_size=12)), max_size=14).map(b"".join)


class Hostile:
    """A server that says what it was told to, and a session that asks it."""

    def __init__(self, folder: Path) -> None:
        self.answer = b""
        self.site = Site()
        self.site.route("/x")(lambda request: Raw(self.answer))
        self.http = Http.model_validate({"auth": {"digest": ["u", "p"]}, "timeout": {"connect": 2, "read": 2}})
        self.folder = folder


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Hostile, Server]]:
    hostile = Hostile(tmp_path_factory.mktemp("hostile"))
    with Server(hostile.site, record=False) as server:
        yield hostile, server


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answer=st.one_of(BYTES, BYTES.map(lambda rest: b"HTTP/1.1 200 OK\r\n" + rest)))
def test_no_bytes_bring_anything_but_a_request_error(answer: bytes, hostile: tuple[Hostile, Server]) -> None:
    """Whatever else goes up would end the whole run as a bug."""
    from scraper.fetch import Courier, exchange, first_hop
    from scraper.model import Page
    from scraper.model import Request as Asked
    from scraper.net.redirect import Hop

    told, server = hostile
    told.answer = answer
    courier = Courier(Outgoing(told.http, {}.__getitem__, {server.url}, told.folder))
    asked = Asked("GET", f"{server.url}/x")
    try:
        found: object = exchange(courier, asked, first_hop(asked))
    except errors.RequestError as error:
        found = error
    assert isinstance(found, (Page, Hop, errors.RequestError))


@pytest.mark.parametrize(
    "challenge",
    [
        "Digest",
        'Digest realm="r"',
        'Digest nonce="n"',
        "Digest realm, nonce",
        'Digest realm="r", nonce="n", algorithm="x"',
        'Digest realm="r", nonce="n", qop="auth-int"',
        'Basic realm="digest "',
    ],
)
def test_a_challenge_that_cannot_be_answered_is_a_401(challenge: str, server: Server, run_job: Any) -> None:
    server.site.route("/x")(lambda request: Response(401, {"WWW-Authenticate": challenge}, b"no"))
    url = f"{server.url}/x"
    ran = run_job({"start": [url], "rules": PAGE, "http": {"auth": {"digest": ["u", "p"]}}})
    assert ran.ending(url) == "failed:http:401"


def test_the_body_of_a_challenge_is_not_decoded(server: Server) -> None:
    import tracemalloc

    bomb = gzip.compress(bytes(10 * 1024 * 1024), 9)
    headers = {"WWW-Authenticate": 'Digest realm="r", nonce="n", qop="auth"', "Content-Encoding": "gzip"}

    @server.site.route("/x")
    def answer(request: Request) -> Response:
        return Response(200, {}, b"in") if "authorization" in request.headers else Response(401, headers, bomb)

    http = Http.model_validate({"auth": {"digest": ["u", "p"]}})
    session = Session(Outgoing(http, {}.__getitem__, {server.url}, Path()))
    tracemalloc.start()
    try:
        reply = session.exchange(Wire("GET", f"{server.url}/x"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (reply.status, b"".join(reply.pieces()), peak < 4 * 1024 * 1024) == (200, b"in", True)
