"""WSGI applications on the bundled server (PEP 3333)."""

from __future__ import annotations

import gzip
import io
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from wsgiref.validate import validator

import pytest

from scraper.errors import UsageError
from scraper.server import Request, Server, Site
from scraper.server.faults import read_faults
from scraper.server.wsgi import read_mount

TEXT = [("Content-Type", "text/plain")]
GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"


def warned(caplog: pytest.LogCaptureFixture) -> list[int]:
    """The levels of what was logged from a warning on, whatever else a test before this one made loggers tell."""
    return [record.levelno for record in caplog.records if record.levelno >= logging.WARNING]


def show(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """Answers with the environ, a line for each variable."""
    shown = {**environ, "wsgi.input": environ["wsgi.input"].read(1000)}
    body = "\n".join(f"{key}={value!r}" for key, value in sorted(shown.items())).encode("latin-1")
    start_response("200 OK", [*TEXT, ("Content-Length", str(len(body)))])
    return [body]


def giving(*pieces: bytes, status: str = "200 OK", headers: list[tuple[str, str]] | None = None) -> Any:
    """An application whose answer comes in pieces."""

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
        start_response(status, TEXT + (headers or []))
        return iter(pieces)

    return app


class Body:
    """An iterable that tells whether it was closed; fails where a piece is an exception."""

    def __init__(self, *pieces: Any) -> None:
        self.pieces = pieces
        self.closed = threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece

    def close(self) -> None:
        self.closed.set()

    def app(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Body:
        start_response("200 OK", TEXT)
        return self


@pytest.fixture
def ask_app(wire: SimpleNamespace) -> Callable[..., Any]:
    """`ask_app(app, raw)`: what a server with the application at / answers to these bytes."""

    def ask(app: Any, raw: bytes) -> bytes:
        site = Site()
        site.mount("/", app)
        with Server(site) as server:
            return wire.talk(server.port, raw)

    return ask


@pytest.fixture
def variables(ask_app: Callable[..., Any], wire: SimpleNamespace) -> Callable[[bytes], dict[str, str]]:
    """The environ, as text, that an application gets for these bytes."""

    def ask(raw: bytes) -> dict[str, str]:
        body = wire.parse(ask_app(validator(show), raw)).body.decode("latin-1")
        return dict(line.split("=", 1) for line in body.split("\n"))

    return ask


def test_an_application_is_given_the_whole_request(variables: Any) -> None:
    seen = variables(
        b"POST /caf%C3%A9/a%2Fb?x=%20y HTTP/1.1\r\nHost: h:8\r\nX-One: a\r\nX-ONE: b\r\nCookie: a=1\r\nCookie: b=2\r\n"
        b"X_One: smuggled\r\nContent-Type: text/x\r\nContent-Length: 2\r\nConnection: close\r\nX-Raw: \xff\r\n\r\nhi"
    )

    told = {name: seen[name] for name in seen if not name.startswith("wsgi.")}
    assert told.pop("SERVER_PORT").strip("'").isdigit()
    assert told.pop("REMOTE_PORT").strip("'").isdigit()
    assert told == {
        "REQUEST_METHOD": "'POST'",
        "SCRIPT_NAME": "''",
        "PATH_INFO": repr("/cafÃ©/a/b"),
        "QUERY_STRING": "'x=%20y'",
        "REQUEST_URI": "'/caf%C3%A9/a%2Fb?x=%20y'",
        "RAW_URI": "'/caf%C3%A9/a%2Fb?x=%20y'",
        "SERVER_NAME": "'127.0.0.1'",
        "SERVER_PROTOCOL": "'HTTP/1.1'",
        "SERVER_SOFTWARE": "'scraper'",
        "REMOTE_ADDR": "'127.0.0.1'",
        "CONTENT_TYPE": "'text/x'",
        "CONTENT_LENGTH": "'2'",
        "HTTP_HOST": "'h:8'",
        "HTTP_X_ONE": "'a,b'",
        "HTTP_COOKIE": "'a=1; b=2'",
        "HTTP_CONNECTION": "'close'",
        "HTTP_X_RAW": repr("ÿ"),
    }
    assert (seen["wsgi.input"], seen["wsgi.multithread"], seen["wsgi.url_scheme"]) == ("b'hi'", "True", "'http'")


def test_a_chunked_body_ends_where_it_ends_and_its_length_is_told(variables: Any) -> None:
    seen = variables(
        b"POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    )

    assert (seen["wsgi.input"], seen["CONTENT_LENGTH"]) == ("b'abcde'", "'5'")
    assert "HTTP_TRANSFER_ENCODING" not in seen


def test_the_host_of_an_absolute_target_wins(variables: Any) -> None:
    assert variables(b"GET http://one/ HTTP/1.1\r\nHost: two\r\nConnection: close\r\n\r\n")["HTTP_HOST"] == "'one'"


def test_reading_beyond_the_body_gives_nothing_and_waits_for_nothing(ask_app: Any, wire: SimpleNamespace) -> None:
    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        start_response("200 OK", TEXT)
        body = environ["wsgi.input"]
        return [repr([body.readline(), body.read(100), body.read(100), body.readlines()]).encode()]

    raw = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\na\nbcd" + wire.get("/")
    assert b"[b'a\\n', b'bcd', b'', []]" in ask_app(app, raw)


@pytest.mark.parametrize(
    ("target", "where"),
    [
        ("/api", ("api", "/api", "")),
        ("/api/", ("api", "/api", "/")),
        ("/api/a/b", ("api", "/api", "/a/b")),
        ("/api/v2/x", ("v2", "/api/v2", "/x")),
        ("/apix", None),
        ("/api%2Fx", None),
        ("/api/route", "route"),
    ],
)
def test_an_application_has_what_is_below_its_prefix_and_no_route(
    visit: Any, target: str, where: tuple[str, str, str] | str | None
) -> None:
    def at(name: str) -> Any:
        def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
            start_response("200 OK", TEXT)
            return [repr((name, environ["SCRIPT_NAME"], environ["PATH_INFO"])).encode()]

        return app

    site = Site()
    site.mount("/api", at("api"))
    site.mount("/api/v2/", at("v2"))
    site.route("/api/route")(lambda request: "route")
    with Server(site) as server:
        reply = visit(server, target)

    expected = where if isinstance(where, str) else repr(where)
    assert (reply.status, reply.body.decode()) == (200, expected) if where else reply.status == 404


@pytest.mark.parametrize(
    ("method", "target", "status", "who"),
    [
        ("GET", "/ok.txt", 200, "file"),
        ("POST", "/ok.txt", 201, "app"),
        ("GET", "/", 201, "app"),
        ("GET", "/pages/", 200, "file"),
        ("GET", "/pages", 301, "file"),
        ("GET", "/sub", 201, "app"),
        ("GET", "/sub/", 201, "app"),
        ("GET", "/link.txt", 201, "app"),
        ("GET", "/.hidden", 201, "app"),
        ("GET", "/../x", 201, "app"),
        ("GET", "/nothing", 201, "app"),
        ("OPTIONS", "/ok.txt", 201, "app"),
        ("TRACE", "/ok.txt", 405, "server"),
    ],
)
def test_at_the_root_a_file_that_exists_goes_before_the_application(
    folder: Path, visit: Any, method: str, target: str, status: int, who: str
) -> None:
    site = Site(folder)
    site.mount("/", giving(b"app", status="201 Created", headers=[("X-Who", "app")]))
    with Server(site) as server:
        reply = visit(server, target, method=method)

    assert (reply.status, reply.headers.get("x-who") == "app") == (status, who == "app")


@pytest.mark.parametrize("prefix", ["api", "/a//b", "/api"])
def test_a_prefix_that_is_none_or_taken_is_refused(prefix: str) -> None:
    site = Site()
    site.mount("/api", show)

    with pytest.raises(ValueError, match=r"prefix of paths|already"):
        site.mount(prefix, show)


@pytest.mark.parametrize(
    ("app", "raw", "expected"),
    [
        (giving(b"ab", b"", b"c"), GET, (b"chunked", b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")),
        (giving(b"ab", b"c"), b"GET / HTTP/1.0\r\n\r\n", (b"Connection: close", b"abc")),
        (giving(b"abc", headers=[("Content-Length", "3")]), GET, (b"Length: 3", b"abc")),
        (giving(), GET, (b"Content-Length: 0", b"")),
        (lambda e, s: (s("200 OK", TEXT), [b"abc"])[1], GET, (b"Length: 3", b"abc")),
        (giving(b"x", headers=[("Content-Length", "9")]), GET.replace(b"GET", b"HEAD"), (b"Length: 9", b"")),
        (giving(b"", status="204 Gone Away", headers=[("Content-Length", "0")]), GET, (b"1.1 204 Gone Away\r\n", b"")),
        (giving(b"", status="304 Not Modified"), GET, (b"HTTP/1.1 304 ", b"")),
    ],
)  # fmt: skip
def test_an_answer_is_framed_by_what_the_application_tells(
    ask_app: Any, app: Any, raw: bytes, expected: tuple[bytes, bytes]
) -> None:
    head, _, body = ask_app(app, raw).partition(b"\r\n\r\n")

    assert expected[0] in head
    assert body == expected[1]
    assert b"204" not in head or b"Content-Length" not in head


def test_a_head_without_a_length_does_not_claim_an_empty_body(ask_app: Any) -> None:
    head = ask_app(giving(b"unseen"), b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n")

    assert b"Content-Length" not in head
    assert b"unseen" not in head


def test_each_piece_goes_out_before_the_next_is_asked_for(wire: SimpleNamespace) -> None:
    go = threading.Event()

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
        start_response("200 OK", TEXT)
        yield b"first"
        go.wait(20)
        yield b"second"

    site = Site()
    site.mount("/", app)
    with Server(site) as server, socket.create_connection(("127.0.0.1", server.port), timeout=20) as sock:
        sock.sendall(wire.get("/"))
        received = b""
        while b"first" not in received:
            received += sock.recv(1000)
        assert b"second" not in received
        go.set()

        assert b"second" in wire.read_all(sock)


def test_what_is_written_goes_out_while_the_application_runs(wire: SimpleNamespace) -> None:
    go = threading.Event()

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        write = start_response("200 OK", TEXT)
        write(b"first")
        go.wait(20)
        write(b"second")
        return [b"third"]

    site = Site()
    site.mount("/", app)
    with Server(site) as server, socket.create_connection(("127.0.0.1", server.port), timeout=20) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        received = b""
        while b"first" not in received:
            received += sock.recv(1000)
        go.set()
        sock.sendall(wire.get("/"))  # the connection stays for the next one
        received += wire.read_all(sock)

    assert received.count(b"5\r\nfirst\r\n6\r\nsecond\r\n5\r\nthird\r\n0\r\n\r\n") == 2


def test_written_with_a_length_or_for_a_head_is_framed_too(ask_app: Any) -> None:
    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        start_response("200 OK", [*TEXT, ("Content-Length", "4")])(b"ab")
        return [b"cd"]

    received = ask_app(app, b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n")

    assert received.count(b"Content-Length: 4") == 2
    assert received.endswith(b"\r\n\r\nabcd")
    assert received.count(b"ab") == 1


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_iterable_is_closed_also_when_nothing_of_it_is_sent(ask_app: Any, method: str) -> None:
    body = Body(b"a", b"b")

    ask_app(body.app, f"{method} / HTTP/1.1\r\nHost: h\r\n\r\n".encode())

    assert body.closed.is_set()


def test_the_iterable_is_closed_when_the_client_leaves() -> None:
    body = Body(*[b"x" * 100_000] * 1000)
    site = Site()
    site.mount("/", body.app)
    with Server(site) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            sock.recv(1000)

        assert body.closed.wait(20)


def failing(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    raise KeyError("the application's own")


def leaving(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    raise SystemExit(3)


def silent(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    return [b"no start"]


def twice(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    start_response("200 OK", TEXT)
    start_response("201 Created", TEXT)
    return [b""]


@pytest.mark.parametrize(
    ("app", "why"),
    [
        (failing, "the application's own"),
        (leaving, "sys.exit"),
        (silent, "did not call start_response"),
        (twice, "start_response was called twice"),
        (giving(b"", headers=[("Connection", "close")]), "the header Connection is the server's own"),
        (giving(b"", headers=[("Transfer-Encoding", "chunked")]), "Transfer-Encoding is the server's own"),
        (giving(b"", headers=[("X-Split", "a\r\nSet-Cookie: b")]), "is not fit"),
        (giving(b"", headers=[("X-Wide", "\u2603")]), "is not fit"),
        (giving(b"", headers=[("Content-Length", "many")]), "is not one number"),
        (giving(b"", status="100 Continue"), "is no status of an answer"),
        (giving("text"), "gave str, not bytes"),  # type: ignore[arg-type]
        (Body(b"", ValueError("before the first piece")).app, "before the first piece"),
    ],
)
def test_a_failure_before_the_first_piece_is_a_500_and_the_log_has_it(
    ask_app: Any, wire: SimpleNamespace, caplog: pytest.LogCaptureFixture, app: Any, why: str
) -> None:
    reply = wire.parse(ask_app(app, wire.get("/")))

    assert reply.status == 500
    assert why in caplog.text


@pytest.mark.parametrize(
    "app",
    [
        Body(b"begun", ValueError("in the middle")).app,
        giving(b"begun", headers=[("Content-Length", "9")]),
        lambda e, s: s("200 OK", TEXT)(b"begun") or 1 / 0,
        lambda e, s: s("200 OK", [("Content-Length", "9")])(b"begun") or [],
    ],
)
def test_a_failure_after_the_first_piece_ends_the_connection_without_the_end_of_the_answer(
    ask_app: Any, caplog: pytest.LogCaptureFixture, app: Any
) -> None:
    received = ask_app(app, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n" * 2)

    assert received.count(b"begun") == 1
    assert b"0\r\n\r\n" not in received
    assert warned(caplog) == [logging.ERROR]


def test_what_is_beyond_the_declared_length_is_cut_off(ask_app: Any, caplog: pytest.LogCaptureFixture) -> None:
    app = giving(b"ab", b"cdef", headers=[("Content-Length", "3")])

    received = ask_app(app, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")

    assert received.endswith(b"\r\n\r\nabc")
    assert "more than its Content-Length of 3" in caplog.text


def test_an_error_page_may_replace_what_was_started_until_something_was_sent(
    ask_app: Any, wire: SimpleNamespace
) -> None:
    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        start_response("200 OK", TEXT)
        try:
            raise ValueError("too late to be right")
        except ValueError as fault:
            start_response("503 Try Later", [], (type(fault), fault, fault.__traceback__))
        return [b"sorry"]

    reply = wire.parse(ask_app(app, wire.get("/")))

    assert (reply.status, reply.body) == (503, b"sorry")
    assert "content-type" not in reply.headers


def test_an_error_after_something_was_sent_is_raised_again(ask_app: Any, caplog: pytest.LogCaptureFixture) -> None:
    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
        start_response("200 OK", TEXT)
        yield b"begun"
        try:
            raise ValueError("in the middle")
        except ValueError as fault:
            start_response("500 No", [], (type(fault), fault, fault.__traceback__))
        yield b"not reached"

    received = ask_app(app, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")

    assert b"not reached" not in received
    assert "in the middle" in caplog.text


@pytest.mark.parametrize(("declared", "expected"), [(None, b"456789"), ("3", b"456")])
def test_a_wrapped_file_is_sent_from_where_it_stands_and_closed(
    ask_app: Any, folder: Path, declared: str | None, expected: bytes
) -> None:
    opened = []

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        file = (folder / "ok.txt").open("rb")
        file.read(4)
        opened.append(file)
        start_response("200 OK", [*TEXT, *([("Content-Length", declared)] if declared else [])])
        return environ["wsgi.file_wrapper"](file, 2)

    received = ask_app(app, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")

    assert received.endswith(b"\r\n\r\n" + expected)
    assert b"Content-Length: %d\r\n" % len(expected) in received
    assert opened[0].closed


def test_a_wrapped_file_whose_descriptor_says_something_else_is_read(ask_app: Any, tmp_path: Path) -> None:
    with gzip.open(tmp_path / "a.gz", "wb") as packed:
        packed.write(b"unpacked")

    for file in (gzip.GzipFile(tmp_path / "a.gz"), io.BytesIO(b"unpacked")):
        app: Any = lambda e, s, file=file: (s("200 OK", TEXT), e["wsgi.file_wrapper"](file, 5))[1]  # noqa: E731
        assert b"5\r\nunpac\r\n3\r\nked\r\n0\r\n\r\n" in ask_app(app, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert file.closed


def test_errors_go_to_the_standard_error(
    ask_app: Any, wire: SimpleNamespace, capfd: pytest.CaptureFixture[str]
) -> None:
    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        environ["wsgi.errors"].write("told by the application\n")
        environ["wsgi.errors"].flush()
        start_response("200 OK", TEXT)
        return [b""]

    ask_app(validator(app), wire.get("/"))

    assert "told by the application" in capfd.readouterr().err


def test_faults_strike_an_application_too(visit: Any) -> None:
    body = Body(b"abc", b"def")
    site = Site()
    site.mount("/", body.app)
    site.lay(read_faults([{"url": "*", "do": "cut", "at": 3, "times": 1}]))
    with Server(site) as server:
        struck, whole = visit(server, "/"), visit(server, "/")

    assert (struck.headers["content-length"], struck.body) == ("6", b"abc")
    assert whole.body == b"3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"
    assert body.closed.is_set()


def test_a_route_and_an_application_see_the_same_request(visit: Any) -> None:
    site = Site()
    site.route("/route")(lambda request: {"seen": isinstance(request, Request)})
    site.mount("/", show)
    with Server(site) as server:
        assert visit(server, "/route").status == visit(server, "/other").status == 200


# By name


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Write a module into the working folder; gives its name, which no other test has."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", list(__import__("sys").path))

    def write(text: str) -> str:
        name = f"wsgi_{abs(hash(request.node.nodeid))}"
        (tmp_path / f"{name}.py").write_text(text, "utf-8")
        return name

    return write


SAMPLE = """
class App:
    def __call__(self, environ, start_response):
        return []

app = App()
holder = App
holder.inner = app
x = 1

def made():
    return app
"""


@pytest.mark.parametrize(
    ("spec", "prefix"),
    [("{}:app", "/"), ("{}", "/"), ("/api={}:app", "/api"), ("{}:made()", "/"), ("/a/b={}:holder.inner", "/a/b")],
)
def test_an_application_is_found_in_the_working_folder(module: Any, spec: str, prefix: str) -> None:
    name = module(SAMPLE)

    found = read_mount(spec.format(name))

    assert (found[0], type(found[1]).__name__) == (prefix, "App")


@pytest.mark.parametrize(
    ("text", "spec", "words"),
    [
        (SAMPLE, "{}:nothing", "has no nothing; it has app"),
        (SAMPLE, "{}:x", "is of int, which cannot be called"),
        (SAMPLE, "{}.sub:app", "there is no module"),
        (SAMPLE, "api={}:app", "takes module:app or /prefix=module:app"),
        (SAMPLE, "{}:made(1)", "takes module:app"),
        ("import nowhere_to_be_found\n", "{}:app", "needs the module nowhere_to_be_found; install it first"),
        ("1 / 0\n", "{}:app", "ZeroDivisionError: division by zero"),
        ("def (\n", "{}:app", "invalid syntax"),
        ("import sys\nsys.exit(3)\n", "{}:app", "SystemExit: 3"),
        ("def app(): 1 / 0\n", "{}:app()", "the call failed: ZeroDivisionError"),
    ],
)
def test_what_cannot_be_imported_is_told_with_its_cure(module: Any, text: str, spec: str, words: str) -> None:
    name = module(text)

    with pytest.raises(UsageError) as told:
        read_mount(spec.format(name))

    assert words in str(told.value)
    assert "\n" not in str(told.value)
