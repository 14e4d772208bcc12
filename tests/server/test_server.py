"""The server as a whole: connections, many clients, what is logged, how it ends."""

from __future__ import annotations

import http.client
import logging
import re
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scraper.server import Raw, Request, Response, ServeError, Server, Site

KEPT = b"GET /ok.txt HTTP/1.1\r\nHost: h\r\n\r\n"


def connect(server: Server) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)


def test_a_connection_is_kept_for_the_next_request(files: Server) -> None:
    connection = connect(files)
    ports = []
    for _ in range(3):
        connection.request("GET", "/ok.txt")
        assert connection.getresponse().read() == b"0123456789"
        ports.append(files.log[-1].port)
    connection.close()

    assert len(set(ports)) == 1


def test_pipelined_requests_are_answered_in_order(files: Server, wire: SimpleNamespace) -> None:
    targets = ["/ok.txt", "/nothing", "/pages/", "/ok.txt"]
    raw = b"".join(f"GET {target} HTTP/1.1\r\nHost: h\r\n\r\n".encode() for target in targets)

    received = wire.talk(files.port, raw)

    assert re.findall(rb"HTTP/1\.1 (\d{3}) ", received) == [b"200", b"404", b"200", b"200"]


@pytest.mark.parametrize(
    ("raw", "connection"),
    [
        (b"GET /ok.txt HTTP/1.0\r\n\r\n", "close"),
        (b"GET /ok.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "keep-alive"),
        (b"GET /ok.txt HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "close"),
        (KEPT, None),
    ],
)
def test_an_answer_tells_whether_the_connection_stays(
    files: Server, wire: SimpleNamespace, raw: bytes, connection: str | None
) -> None:
    assert wire.parse(wire.talk(files.port, raw)).headers.get("connection") == connection


def test_a_client_that_waits_for_100_gets_it_before_it_sends(visit: Any, wire: SimpleNamespace) -> None:
    site = Site()
    site.route("/", ("POST",))(lambda request: request.body)
    with Server(site) as server, socket.create_connection(("127.0.0.1", server.port)) as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert sock.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"ok")
        sock.shutdown(socket.SHUT_WR)

        assert wire.parse(wire.read_all(sock)).body == b"ok"


def test_fifty_clients_at_once_get_what_they_asked_for(files: Server, folder: Path) -> None:
    big = (folder / "big.bin").read_bytes()

    def client(number: int) -> bool:
        connection = connect(files)
        fine = True
        for at in range(10):
            first = (number * 7919 + at * 104729) % len(big)
            connection.request("GET", "/big.bin", headers={"Range": f"bytes={first}-{first + 999}"})
            fine &= connection.getresponse().read() == big[first : first + 1000]
        connection.close()
        return fine

    with ThreadPoolExecutor(50) as pool:
        assert list(pool.map(client, range(50))) == [True] * 50


def test_the_log_has_each_request(wire: SimpleNamespace) -> None:
    site = Site()
    site.route("/a", ("POST",))(lambda request: (201, {}, "made"))
    with Server(site) as server:
        wire.talk(server.port, b"POST /a?b HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nContent-Length: 2\r\n\r\nhi" + KEPT)
        first, second = server.log

    assert (first.method, first.target, first.body, first.status) == ("POST", "/a?b", b"hi", 201)
    assert first.headers == [("Host", "h"), ("X-A", "1"), ("Content-Length", "2")]
    assert (second.target, second.status, second.port) == ("/ok.txt", 404, first.port)
    assert second.when >= first.when


def test_a_server_that_runs_for_long_keeps_no_log(folder: Path, visit: Callable[..., Any]) -> None:
    with Server(folder, record=False) as server:
        visit(server, "/ok.txt")

        assert server.log == []


def test_it_serves_ipv6(folder: Path, visit: Callable[..., Any]) -> None:
    if not socket.has_ipv6:
        pytest.skip("this Python has no IPv6")
    try:
        server = Server(folder, host="::1")
        server.start()
    except ServeError as fault:
        pytest.skip(f"this machine has no IPv6: {fault}")
    with server:
        assert server.url == f"http://[::1]:{server.port}"
        assert visit(server, "/ok.txt").body == b"0123456789"


def test_a_port_in_use_is_one_line(files: Server, folder: Path) -> None:
    with pytest.raises(ServeError) as fault:
        Server(folder, port=files.port).start()

    assert str(fault.value) == f"port {files.port} of 127.0.0.1 is in use; choose another with --port"


@pytest.mark.parametrize(
    ("port", "host", "line"),
    [
        (99999, "127.0.0.1", "99999 is no port; choose one from 0 to 65535 with --port"),
        (-1, "127.0.0.1", "-1 is no port; choose one from 0 to 65535 with --port"),
        (0, "192.0.2.1", "192.0.2.1 is no address of this machine"),
        (0, "no..name", "no..name is no address of this machine"),
    ],
)
def test_a_wrong_port_or_host_is_one_line(folder: Path, port: int, host: str, line: str) -> None:
    with pytest.raises(ServeError) as fault:
        Server(folder, port=port, host=host).start()

    assert str(fault.value) == line


def test_close_ends_connections_and_threads_and_frees_the_port(folder: Path) -> None:
    before = set(threading.enumerate())
    server = Server(folder)
    server.start()
    idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(5)]
    for sock in idle:
        sock.sendall(KEPT)
        sock.recv(1)
    threads = set(threading.enumerate()) - before
    server.close()

    assert len(threads) == 6
    assert not any(thread.is_alive() for thread in threads)
    with Server(folder, port=server.port):
        pass
    for sock in idle:
        sock.close()


def test_close_does_not_wait_for_a_route_that_waits() -> None:
    entered = threading.Event()
    waited = []

    def wait(request: Request) -> str:
        entered.set()
        waited.append(request.wait(60))
        return "done"

    site = Site()
    site.route("/wait")(wait)
    with Server(site) as server, socket.create_connection(("127.0.0.1", server.port)) as sock:
        sock.sendall(b"GET /wait HTTP/1.1\r\nHost: h\r\n\r\n")
        assert entered.wait(20)

    assert waited == [True]


def test_closing_twice_is_allowed(folder: Path) -> None:
    with Server(folder) as server:
        server.close()
        server.close()
    with Server(folder, port=server.port) as again:
        assert again.port == server.port


def test_serve_forever_returns_when_the_server_is_closed(folder: Path) -> None:
    with Server(folder) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
    thread.join(20)

    assert not thread.is_alive()


def drain(sock: socket.socket) -> None:
    while sock.recv(1000):
        pass


def reset(sock: socket.socket) -> None:
    """Close with a reset instead of an end."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def test_a_client_that_resets_while_it_is_served_is_no_error(
    folder: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    sent = threading.Event()

    def endless() -> Iterator[bytes]:
        try:
            while True:
                yield b"x" * 65536
        finally:
            sent.set()

    site = Site()
    site.route("/endless")(lambda request: Response(stream=endless()))
    with caplog.at_level(logging.INFO, "scraper.server"), Server(site) as server:
        sock = socket.create_connection(("127.0.0.1", server.port))
        sock.sendall(b"GET /endless HTTP/1.1\r\nHost: h\r\n\r\n")
        sock.recv(1000)
        reset(sock)
        assert sent.wait(20)

    assert [record for record in caplog.records if record.levelno > logging.INFO] == []
    assert capfd.readouterr().err == ""


def test_a_file_that_shrinks_while_it_is_sent_closes_the_connection(tmp_path: Path, wire: SimpleNamespace) -> None:
    """The head has promised more than there is: only the end of the connection tells."""
    (tmp_path / "a").write_bytes(b"x" * 50_000_000)
    with Server(tmp_path) as server, socket.create_connection(("127.0.0.1", server.port)) as sock:
        sock.sendall(b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n" * 2)
        received = sock.recv(1000)
        (tmp_path / "a").write_bytes(b"")
        received += wire.read_all(sock)

    reply = wire.parse(received)
    assert reply.headers["content-length"] == "50000000"
    assert len(reply.body) < 50_000_000
    assert reply.body.count(b"HTTP/1.1") == 0


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (Raw(b"HTTP/1.1 200 OK\r\n\r\n"), b"HTTP/1.1 200 OK\r\n\r\n"),
        (Raw([b"not", b" http"]), b"not http"),
        (Raw(b"a", hook=lambda sock: sock.sendall(b"b")), b"ab"),
        (Raw(b"a", hook=lambda sock: sock.close()), b"a"),
        (Raw(), b""),
    ],
)
def test_a_raw_answer_is_written_as_it_is(wire: SimpleNamespace, raw: Raw, expected: bytes) -> None:
    site = Site()
    site.route("/raw")(lambda request: raw)
    with Server(site) as server:
        assert wire.talk(server.port, b"GET /raw HTTP/1.1\r\nHost: h\r\n\r\n") == expected


def test_a_raw_answer_may_keep_the_connection(wire: SimpleNamespace) -> None:
    site = Site()
    site.route("/raw")(lambda request: Raw(b"raw ", close=False))
    with Server(site) as server:
        assert wire.talk(server.port, b"GET /raw HTTP/1.1\r\nHost: h\r\n\r\n" * 2) == b"raw raw "


def test_a_raw_answer_may_reset_the_connection() -> None:
    site = Site()
    site.route("/raw")(lambda request: Raw(b"a", hook=reset))
    with Server(site) as server, socket.create_connection(("127.0.0.1", server.port), timeout=20) as sock:
        sock.sendall(b"GET /raw HTTP/1.1\r\nHost: h\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            drain(sock)


def test_importing_the_server_imports_little() -> None:
    code = "import sys, scraper.server, scraper.server.fixture; print(*sys.modules)"
    names = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert {"requests", "bs4", "pydantic", "jinja2", "yaml", "click", "lxml"} & set(names) == set()
