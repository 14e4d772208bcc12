"""Routes: what they are given, and what becomes of what they return."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from scraper.server import BadRequest, Request, Response, Server, Site
from scraper.server.http1 import Head, Limits, Reader
from scraper.server.multipart import Part
from scraper.server.site import make_answer


def make_request(text: str, body: bytes = b"") -> Request:
    reader = Reader(Limits())
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    reader.feed(f"{text}\r\nHost: h:1\r\n{length}".encode("latin-1") + b"\r\n" + body)
    head = reader.next_event()
    assert isinstance(head, Head)
    return Request(head, body)


def answer(site: Site, line: str) -> Response:
    reply = site.answer(make_request(f"{line} HTTP/1.1"))
    assert isinstance(reply, Response)
    return reply


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site whose routes tell who they are, with a file beside them."""
    (tmp_path / "file.txt").write_text("file")
    (tmp_path / "both.txt").write_text("file")
    site = Site(tmp_path)
    site.route("/both.txt")(lambda request: "route")
    site.route("/book/best")(lambda request: "plain")
    site.route("/book/<slug>")(lambda request, slug: f"book {slug}")
    site.route("/book/<other>")(lambda request, other: f"later {other}")
    site.route("/tree/<path:rest>")(lambda request, rest: f"tree {rest}")
    site.route("/picture/<n>.<kind>")(lambda request, n, kind: f"picture {n} {kind}")
    site.route("/write", methods=("POST",))(lambda request: "written")
    return site


@pytest.mark.parametrize(
    ("target", "body"),
    [
        ("/both.txt", b"route"),
        ("/book/best", b"plain"),
        ("/book/a%20b", b"book a b"),
        ("/book/a%2Fb", b"book a/b"),
        ("/book/%E2%82%AC?x=/y", "book €".encode()),
        ("/tree/", b"tree "),
        ("/tree/a/b%2Fc/", b"tree a/b/c/"),
        ("/picture/1.png", b"picture 1 png"),
    ],
)
def test_a_route_gets_its_parameters_decoded(site: Site, target: str, body: bytes) -> None:
    assert answer(site, f"GET {target}").body == body


@pytest.mark.parametrize("target", ["/book/", "/book/a/b", "/picture/1", "/Book/best", "/tree"])
def test_what_no_pattern_fits_is_404(site: Site, target: str) -> None:
    with pytest.raises(BadRequest) as fault:
        answer(site, f"GET {target}")

    assert fault.value.status == 404


def test_a_file_is_behind_the_routes(site: Site) -> None:
    reply = answer(site, "GET /file.txt")

    assert reply.file is not None
    assert reply.file.file.read() == b"file"
    reply.file.file.close()


def test_a_wrong_method_is_405_with_those_that_are_right(site: Site) -> None:
    with pytest.raises(BadRequest) as fault:
        answer(site, "GET /write")

    assert (fault.value.status, fault.value.headers) == (405, (("Allow", "OPTIONS, POST"),))


@pytest.mark.parametrize(
    ("target", "allow"),
    [
        ("/book/best", "GET, HEAD, OPTIONS"),
        ("/write", "OPTIONS, POST"),
        ("*", "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"),
    ],
)
def test_options_tells_the_methods(site: Site, target: str, allow: str) -> None:
    assert answer(site, f"OPTIONS {target}") == Response(204, (("Allow", allow),))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a", Response(200, (("Content-Type", "text/html; charset=utf-8"),), b"a")),
        (b"a", Response(200, (("Content-Type", "application/octet-stream"),), b"a")),
        (
            {"ü": 1},
            Response(200, (("Content-Type", "application/json; charset=utf-8"),), '{"ü": 1}'.encode()),
        ),
        ([1], Response(200, (("Content-Type", "application/json; charset=utf-8"),), b"[1]")),
        (
            (404, {"X": "y"}, "a"),
            Response(404, [("X", "y"), ("Content-Type", "text/html; charset=utf-8")], b"a"),
        ),
        ((200, [("content-type", "text/x")], "a"), Response(200, [("content-type", "text/x")], b"a")),
        ((204, (), ""), Response(204, [], b"")),
        (Response(201), Response(201)),
    ],
)
def test_what_a_route_returns_becomes_an_answer(value: Any, expected: Response) -> None:
    assert make_answer(value) == expected


@pytest.mark.parametrize("value", [None, 1, {1, 2}])
def test_anything_else_is_a_bug(value: Any) -> None:
    with pytest.raises(TypeError):
        make_answer(value)


def test_a_request_tells_its_parameters_headers_and_cookies() -> None:
    request = make_request("GET /a?b=1&b=2&c=%20&d HTTP/1.1\r\nX-A: 1\r\nCookie: e=f; g=h=i; e=late")

    assert (request.query.get("b"), request.query.all("b"), request.query["c"], request.query.get("d")) == (
        "1",
        ["1", "2"],
        " ",
        "",
    )
    assert (request.query.get("none", "x"), "none" in request.query, len(request.query)) == ("x", False, 4)
    assert (request.headers.get("x-a"), request.headers["X-A"]) == ("1", "1")
    assert request.cookies == {"e": "f", "g": "h=i"}
    assert (request.base, request.url) == ("http://h:1", "http://h:1/a?b=1&b=2&c=%20&d")


def test_a_parameter_that_is_no_number_is_400() -> None:
    with pytest.raises(BadRequest):
        make_request("GET /?page=x HTTP/1.1").query.number("page", 1)


def test_an_urlencoded_form_is_read() -> None:
    type_ = "Content-Type: application/x-www-form-urlencoded; charset=utf-8"
    request = make_request(f"POST / HTTP/1.1\r\n{type_}", b"a=%C3%BC&b=&a=+2")

    assert request.form().pairs == (("a", "ü"), ("b", ""), ("a", " 2"))


MULTIPART = (
    b"preamble\r\n--b--x\r\n"
    b'Content-Disposition: form-data; name="a"\r\n\r\n1\r\n2'
    b"\r\n--b--x\r\n"
    b'content-disposition: form-data; name="f"; filename="say \\"hi\\".txt"\r\n'
    b"Content-Type: text/plain\r\n\r\n"
    b"\r\n--b-\r\n"
    b"\r\n--b--x--\r\nepilogue"
)


def test_a_multipart_form_is_read() -> None:
    request = make_request('POST / HTTP/1.1\r\nContent-Type: multipart/form-data; boundary="b--x"', MULTIPART)

    assert request.form().pairs == (("a", "1\r\n2"),)
    assert request.files() == [Part("f", 'say "hi".txt', "text/plain", b"\r\n--b-\r\n")]


@pytest.mark.parametrize(
    ("type_", "body"),
    [
        ("multipart/form-data", b"--b--"),
        ("multipart/form-data; boundary=b", b"--b\r\n"),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--"),
    ],
)
def test_a_broken_multipart_form_is_400(type_: str, body: bytes) -> None:
    with pytest.raises(BadRequest) as fault:
        make_request(f"POST / HTTP/1.1\r\nContent-Type: {type_}", body).form()

    assert fault.value.status == 400


def test_a_body_that_is_not_json_is_400() -> None:
    with pytest.raises(BadRequest) as fault:
        make_request("POST / HTTP/1.1", b"{").json()

    assert fault.value.status == 400


def test_a_bug_in_a_route_is_500_and_in_the_log(caplog: pytest.LogCaptureFixture, visit: Callable[..., Any]) -> None:
    site = Site()
    site.route("/bug")(lambda request: 1 / 0)
    site.route("/fine")(lambda request: "fine")
    with caplog.at_level(logging.ERROR, "scraper.server"), Server(site) as server:
        assert visit(server, "/bug").status == 500
        assert visit(server, "/fine").body == b"fine"

    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [ZeroDivisionError]


def test_a_header_that_would_break_out_of_its_line_is_a_bug(
    caplog: pytest.LogCaptureFixture, visit: Callable[..., Any]
) -> None:
    site = Site()
    site.route("/split")(lambda request: (200, {"X": "a\r\nSet-Cookie: b=c"}, ""))
    with caplog.at_level(logging.ERROR, "scraper.server"), Server(site) as server:
        assert visit(server, "/split").status == 500

    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [ValueError]


def test_a_stream_is_sent_in_chunks(visit: Callable[..., Any]) -> None:
    def pieces() -> Iterator[bytes]:
        yield from (b"one", b"", b"two")

    site = Site()
    site.route("/stream")(lambda request: Response(stream=pieces()))
    with Server(site) as server:
        reply = visit(server, "/stream")

    assert reply.headers["transfer-encoding"] == "chunked"
    assert reply.body == b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"


def test_a_stream_of_known_length_is_sent_as_it_is(visit: Callable[..., Any]) -> None:
    site = Site()
    site.route("/stream")(lambda request: Response(headers={"Content-Length": "6"}, stream=[b"one", b"two"]))
    with Server(site) as server:
        assert visit(server, "/stream").body == b"onetwo"
