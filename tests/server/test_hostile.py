"""Hostile requests over a real socket: each gets the status that the standard asks, and never the canary."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from types import SimpleNamespace

import pytest

from scraper.server import Deadlines, Server


def get(target: str) -> bytes:
    return f"GET {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode("latin-1")


def post(*fields: str, body: bytes = b"") -> bytes:
    head = "\r\n".join(["POST /ok.txt HTTP/1.1", "Host: h", *fields, "", ""])
    return head.encode("latin-1") + body


def head(*lines: str) -> bytes:
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


CHUNKED = "Transfer-Encoding: chunked"
SMUGGLED = get("/smuggled")

TRAVERSAL = [
    ("dots", get("/../canary.txt"), 403),
    ("dots below", get("/sub/../../canary.txt"), 403),
    ("dots deep", get("/sub/deep/../../../canary.txt"), 403),
    ("dot and dots", get("/./../canary.txt"), 403),
    ("dots that stay inside", get("/sub/../ok.txt"), 403),
    ("encoded dots", get("/%2e%2e/canary.txt"), 403),
    ("encoded dots, capitals", get("/%2E%2E/canary.txt"), 403),
    ("half encoded dots", get("/.%2e/canary.txt"), 403),
    ("encoded slash", get("/..%2fcanary.txt"), 400),
    ("all encoded", get("/%2e%2e%2fcanary.txt"), 400),
    ("encoded slashes below", get("/sub%2f..%2f..%2fcanary.txt"), 400),
    ("twice encoded dots", get("/%252e%252e/canary.txt"), 404),
    ("twice encoded slash", get("/..%252fcanary.txt"), 404),
    ("thrice encoded", get("/%25252e%25252e/canary.txt"), 404),
    ("backslash", get("/..\\canary.txt"), 400),
    ("encoded backslash", get("/..%5ccanary.txt"), 400),
    ("encoded backslash below", get("/sub%5c..%5c..%5ccanary.txt"), 400),
    ("NUL after a name", get("/ok.txt%00.html"), 400),
    ("NUL before dots", get("/%00../canary.txt"), 400),
    ("a raw NUL", get("/ok.txt\0/../../canary.txt"), 400),
    ("two slashes", get("//canary.txt"), 404),
    ("two slashes, dots", get("//../canary.txt"), 404),
    ("an absolute path", get("//etc/passwd"), 404),
    ("three slashes", get("///etc/passwd"), 404),
    ("slashes within", get("/sub//../../canary.txt"), 404),
    ("overlong UTF-8", get("/%c0%ae%c0%ae/canary.txt"), 404),
    ("overlong slash", get("/..%c0%afcanary.txt"), 404),
    ("full-width dots", get("/%ef%bc%8e%ef%bc%8e/canary.txt"), 404),
    ("percent u", get("/%u002e%u002e/canary.txt"), 400),
    ("parameters", get("/..;/canary.txt"), 404),
    ("many dots", get("/..../canary.txt"), 404),
    ("dots in an absolute target", get("http://h/../canary.txt"), 403),
    ("encoded dots in an absolute target", get("http://h/%2e%2e/canary.txt"), 403),
    ("a link out", get("/link.txt"), 403),
    ("a link to a folder", get("/sub/up/canary.txt"), 404),
    ("a link that stays inside", get("/inside-link.txt"), 403),
    ("a hidden file", get("/sub/.hidden"), 404),
    ("a file as a folder", get("/ok.txt/"), 404),
    ("below a file", get("/ok.txt/../ok.txt"), 403),
    ("a drive", get("/C:%5cWindows%5cwin.ini"), 400),
    ("a name too long", get("/" + "a" * 300), 404),
    ("a path very deep", get("/" + "a/" * 2000), 404),
    ("a redirect to a host", get("//evil.example/%2e%2e"), 404),
    ("an encoded redirect to a host", get("/%2fevil.example/%2e%2e/sub"), 400),
    ("a redirect by backslash", get("/%5cevil.example"), 400),
]
SMUGGLING = [
    ("both lengths", post("Content-Length: 4", CHUNKED, body=b"0\r\n\r\n" + SMUGGLED), 400),
    ("both lengths turned", post(CHUNKED, "Content-Length: 4", body=b"0\r\n\r\n" + SMUGGLED), 400),
    ("two lengths", post("Content-Length: 0", "Content-Length: 44", body=SMUGGLED), 400),
    ("two lengths in one", post("Content-Length: 0, 44", body=SMUGGLED), 400),
    ("a plus", post("Content-Length: +10", body=SMUGGLED), 400),
    ("a minus", post("Content-Length: -10", body=SMUGGLED), 400),
    ("hexadecimal", post("Content-Length: 0x10", body=SMUGGLED), 400),
    ("two numbers", post("Content-Length: 1 2", body=SMUGGLED), 400),
    ("no number", post("Content-Length: ten", body=SMUGGLED), 400),
    ("an underscore", post("Content-Length: 1_0", body=SMUGGLED), 400),
    ("a space before the colon", post("Content-Length : 10", body=SMUGGLED), 400),
    ("a tab before the colon", post("Transfer-Encoding\t: chunked", body=SMUGGLED), 400),
    ("a folded coding", post("Transfer-Encoding:\r\n chunked", body=SMUGGLED), 400),
    ("a folded field", post("X: 1\r\n\tContent-Length: 10", body=SMUGGLED), 400),
    ("chunked twice", post("Transfer-Encoding: chunked, chunked", body=SMUGGLED), 400),
    ("chunked first", post("Transfer-Encoding: chunked, identity", body=SMUGGLED), 400),
    ("vertical tab", post("Transfer-Encoding: \x0bchunked", body=SMUGGLED), 400),
    ("an unknown coding", post("Transfer-Encoding: xchunked", body=SMUGGLED), 501),
    ("identity", post("Transfer-Encoding: identity", body=SMUGGLED), 501),
    ("quoted chunked", post('Transfer-Encoding: "chunked"', body=SMUGGLED), 501),
    ("a coding in 1.0", head("POST / HTTP/1.0", "Host: h", CHUNKED) + SMUGGLED, 400),
    ("a bare LF in the head", b"GET / HTTP/1.1\r\nHost: h\nX: y\r\n\r\n", 400),
    ("bare LFs only", b"GET / HTTP/1.1\nHost: h\n\n", 400),
    ("a bare CR in the head", b"GET / HTTP/1.1\r\nHost: h\rX: y\r\n\r\n", 400),
    ("a NUL in a value", b"GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n", 400),
    ("a bad chunk size", post(CHUNKED, body=b"zz\r\n" + SMUGGLED), 400),
    ("a negative chunk size", post(CHUNKED, body=b"-1\r\n" + SMUGGLED), 400),
    ("an endless chunk size", post(CHUNKED, body=b"f" * 17 + b"\r\n" + SMUGGLED), 400),
    ("a chunk that is longer", post(CHUNKED, body=b"1\r\nab\r\n0\r\n\r\n" + SMUGGLED), 400),
    ("a bare LF after a chunk size", post(CHUNKED, body=b"1\na\r\n0\r\n\r\n" + SMUGGLED), 400),
    ("a bare LF after a chunk", post(CHUNKED, body=b"1\r\na\n0\r\n\r\n" + SMUGGLED), 400),
    ("a space after a chunk size", post(CHUNKED, body=b"1 \r\na\r\n0\r\n\r\n" + SMUGGLED), 400),
    ("no Host", head("GET / HTTP/1.1"), 400),
    ("two Hosts", head("GET / HTTP/1.1", "Host: h", "Host: h"), 400),
    ("a Host with a path", head("GET / HTTP/1.1", "Host: h/evil"), 400),
    ("a Host with a user", head("GET / HTTP/1.1", "Host: a@h"), 400),
    ("two Hosts in one", head("GET / HTTP/1.1", "Host: a b"), 400),
]
OVERSIZE = [
    ("a long target", get("/" + "a" * 9000), 414),
    ("an endless target", b"GET /" + b"a" * 300_000, 414),
    ("an endless method", b"A" * 300_000, 414),
    ("a long query", get("/ok.txt?" + "q" * 9000), 414),
    ("a long field", head("GET / HTTP/1.1", "Host: h", "X: " + "y" * 70_000), 431),
    ("an endless field", b"GET / HTTP/1.1\r\nX: " + b"y" * 300_000, 431),
    ("many fields", head("GET / HTTP/1.1", "Host: h", *["X: y"] * 101), 431),
    ("much in many fields", head("GET / HTTP/1.1", "Host: h", *["X: " + "y" * 4000] * 20), 431),
    ("a large body", post("Content-Length: 16777217"), 413),
    ("an absurd body", post("Content-Length: " + "9" * 400), 413),
    ("a large chunk", post(CHUNKED, body=b"fffffffff\r\n"), 413),
    ("a long chunk extension", post(CHUNKED, body=b"1;" + b"e" * 5000 + b"\r\n"), 400),
    (
        "many ranges",
        get("/ok.txt").replace(b"\r\n\r\n", b"\r\nRange: bytes=" + b"0-," * 1000 + b"\r\n\r\n"),
        200,
    ),
]
GARBAGE = [
    ("HTTP/0.9", b"GET /ok.txt\r\n\r\n", 400),
    ("HTTP/0.9, named", head("GET / HTTP/0.9", "Host: h"), 505),
    ("HTTP/2's preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ("HTTP/3.0", head("GET / HTTP/3.0", "Host: h"), 505),
    ("HTTP/1.1 in small letters", head("GET / http/1.1", "Host: h"), 400),
    ("another protocol", head("GET / HTCPCP/1.0", "Host: h"), 400),
    ("a version too long", head("GET / HTTP/1.11", "Host: h"), 400),
    ("a TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(64)), 400),
    ("an SSH hello", b"SSH-2.0-OpenSSH_9.0\r\n", 400),
    ("random bytes", bytes(range(256)) * 16, 400),
    ("empty lines", b"\r\n" * 10, 400),
    ("two spaces", b"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ("a space first", b" GET / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ("a space in the target", get("/a b"), 400),
    ("a tab between", b"GET\t/\tHTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ("no target", b"GET HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ("half a request", b"GET / HTTP/1.1\r\nHo", 400),
    ("half a body", post("Content-Length: 10", body=b"half"), 400),
    ("a raw byte in the target", get("/\xe9"), 400),
    ("a fragment", get("/ok.txt#part"), 400),
    ("angle brackets", get("/<script>alert(1)</script>"), 400),
    ("an asterisk", get("*"), 400),
    ("another scheme", get("file:///etc/passwd"), 400),
    ("a user in the target", get("http://user:pass@h/ok.txt"), 400),
    ("a field without a colon", head("GET / HTTP/1.1", "Host: h", "nonsense"), 400),
    ("a field without a name", head("GET / HTTP/1.1", "Host: h", ": nonsense"), 400),
    ("an unknown expectation", post("Expect: miracles", "Content-Length: 1", body=b"a"), 417),
]
METHODS = [
    ("a small get", head("get /ok.txt HTTP/1.1", "Host: h"), 501),
    ("an unknown method", head("BREW /ok.txt HTTP/1.1", "Host: h"), 501),
    ("a bad token", head("G(E)T /ok.txt HTTP/1.1", "Host: h"), 400),
    ("POST to a file", post("Content-Length: 1", body=b"a"), 405),
    ("DELETE of a file", head("DELETE /ok.txt HTTP/1.1", "Host: h"), 405),
    ("PUT of a new file", head("PUT /new.txt HTTP/1.1", "Host: h"), 405),
    ("TRACE", head("TRACE /ok.txt HTTP/1.1", "Host: h", "Cookie: secret"), 405),
    ("CONNECT", head("CONNECT example.org:443 HTTP/1.1", "Host: example.org:443"), 405),
    ("CONNECT without a port", head("CONNECT example.org HTTP/1.1", "Host: example.org"), 400),
]
HOSTILE = [*TRAVERSAL, *SMUGGLING, *OVERSIZE, *GARBAGE, *METHODS]


@pytest.mark.parametrize(
    ("raw", "status"), [row[1:] for row in HOSTILE], ids=[row[0].replace(" ", "-") for row in HOSTILE]
)
def test_a_hostile_request_is_answered_as_the_standard_asks(
    files: Server, wire: SimpleNamespace, raw: bytes, status: int
) -> None:
    """One answer, then the connection closes; nothing that was smuggled is answered; good requests go on."""
    received = wire.talk(files.port, raw)
    reply = wire.parse(received)

    assert reply.status == status
    assert wire.canary not in received
    assert "/smuggled" not in [seen.target for seen in files.log]
    assert len(re.findall(rb"HTTP/1\.1 \d{3} ", received)) == 1
    assert "//" not in reply.headers.get("location", "")
    assert status != 405 or "GET" in reply.headers["allow"]
    assert wire.parse(wire.talk(files.port, get("/ok.txt"))).body == b"0123456789"


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"G", 408),
        (b"GET / HTTP/1.1\r\nHost: h\r\n", 408),
        (b"GET / HTTP/1.1\r\nX", 408),
        (post("Content-Length: 10", body=b"slow"), 408),
        (post(CHUNKED, body=b"5\r\nslo"), 408),
    ],
)
def test_a_request_that_does_not_go_on_is_ended(
    folder: Path, quick: Deadlines, wire: SimpleNamespace, raw: bytes, status: int
) -> None:
    with (
        Server(folder, deadlines=quick) as server,
        socket.create_connection(("127.0.0.1", server.port)) as sock,
    ):
        sock.sendall(raw)

        assert wire.parse(wire.read_all(sock)).status == status


def test_a_connection_that_says_nothing_is_closed(folder: Path, quick: Deadlines, wire: SimpleNamespace) -> None:
    with (
        Server(folder, deadlines=quick) as server,
        socket.create_connection(("127.0.0.1", server.port)) as sock,
    ):
        assert wire.read_all(sock) == b""


def test_a_head_that_drips_is_ended_by_the_deadline_for_all_of_it(
    folder: Path, quick: Deadlines, wire: SimpleNamespace
) -> None:
    """Each byte comes in time for a deadline of one recv; the drip ends with the first answer."""
    with (
        Server(folder, deadlines=quick) as server,
        socket.create_connection(("127.0.0.1", server.port)) as sock,
    ):
        sock.sendall(b"GET / HTTP/1.1\r\nX: ")
        sock.settimeout(0.05)
        received = b""
        while not received:
            sock.sendall(b"y")
            try:
                received = sock.recv(65536)
            except TimeoutError:
                continue

    assert wire.parse(received).status == 408


def test_silent_connections_do_not_keep_others_out(folder: Path, wire: SimpleNamespace) -> None:
    with Server(folder) as server:
        silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(100)]
        for sock in silent:
            sock.sendall(b"GET / HTTP/1.1\r\nX: ")

        assert wire.parse(wire.talk(server.port, get("/ok.txt"))).status == 200
        for sock in silent:
            sock.close()


def test_too_many_connections_are_turned_away(folder: Path, wire: SimpleNamespace) -> None:
    with (
        Server(folder, max_connections=1) as server,
        socket.create_connection(("127.0.0.1", server.port)) as first,
    ):
        first.sendall(b"GET /ok.txt HTTP/1.1\r\nHost: h\r\n\r\n")
        first.recv(1)
        with socket.create_connection(("127.0.0.1", server.port)) as second:
            reply = wire.parse(wire.read_all(second))

    assert (reply.status, reply.headers["retry-after"]) == (503, "1")
