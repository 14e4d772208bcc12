"""tcp:// and udp://: what small services say, and whether it is what it should be."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.errors import UsageError
from scraper.probe import target_of
from scraper.probe.service import SERVICES
from scraper.run.events import printable
from scraper.server.services import Service, Services


def daytime(client: socket.socket) -> None:
    client.sendall(b"Saturday, November 21, 2026 12:00:00-UTC\r\n")


def echo(client: socket.socket) -> None:
    while data := client.recv(4096):
        client.sendall(data)


def upper(client: socket.socket) -> None:
    while data := client.recv(4096):
        client.sendall(data.upper())


Answer = Callable[[bytes], bytes]


@pytest.fixture
def datagrams() -> Iterator[Callable[[Answer], int]]:
    """`datagrams(answer)`: the port of a service over UDP."""
    socks: list[socket.socket] = []

    def start(answer: Answer) -> int:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        socks.append(sock)

        def loop() -> None:
            with suppress(OSError):
                while sock.fileno() >= 0:
                    data, address = sock.recvfrom(65535)
                    if address is not None and (reply := answer(data)):
                        sock.sendto(reply, address)

        threading.Thread(target=loop, daemon=True).start()
        return int(sock.getsockname()[1])

    yield start
    for sock in socks:
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
        sock.close()


def test_what_is_said_first_is_heard(listen: Any, ask: Any) -> None:
    told = ask(f"tcp://127.0.0.1:{listen(daytime).port}")
    assert told.report.service.said == "Saturday, November 21, 2026 12:00:00-UTC\r\n"
    assert (told.report.service.expected, told.report.exit_code) == (None, 0)


def test_a_line_is_sent_and_its_answer_heard(listen: Any, ask: Any) -> None:
    told = ask(f"tcp://127.0.0.1:{listen(upper).port}", send="hello", service="upper")
    assert (told.report.service.answer, told.report.service.expected) == ("HELLO\r\n", True)
    assert told.report.exit_code == 0


@pytest.mark.parametrize(
    ("serve", "service"), [(daytime, "daytime"), (echo, "echo"), (upper, "upper")], ids=lambda each: str(each)[:9]
)
def test_a_service_that_is_as_it_should_be(serve: Any, service: str, listen: Any, ask: Any) -> None:
    told = ask(f"tcp://127.0.0.1:{listen(serve).port}", service=service)
    assert (told.report.exit_code, told.report.service.expected) == (0, True)


@pytest.mark.parametrize(
    ("serve", "service"), [(echo, "upper"), (upper, "echo"), (daytime, "echo")], ids=lambda each: str(each)[:9]
)
def test_a_service_that_is_another(serve: Any, service: str, listen: Any, ask: Any) -> None:
    told = ask(f"tcp://127.0.0.1:{listen(serve).port}", service=service)
    assert told.failure[0] == "service"
    assert told.report.service.expected is False


def test_a_server_that_serves_but_one_is_asked_by_one_connection(ask: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            client, _ = listener.accept()
            with client:
                daytime(client)

        one = threading.Thread(target=serve)
        one.start()
        told = ask(f"tcp://127.0.0.1:{listener.getsockname()[1]}", service="daytime")
        one.join()
    assert (told.report.exit_code, told.report.connections) == (0, 1)


def test_a_service_that_says_nothing(listen: Any, ask: Any) -> None:
    def silent(client: socket.socket) -> None:
        while client.recv(4096):
            pass

    port = listen(silent).port
    told = ask(f"tcp://127.0.0.1:{port}", "http.timeout.read=0.1")
    assert told.report.exit_code == 0
    assert "--send TEXT sends a line" in told.text
    told = ask(f"tcp://127.0.0.1:{port}", "http.timeout.read=0.1", send="hello")
    assert told.failure == ("service", "ETIMEDOUT")
    told = ask(f"tcp://127.0.0.1:{port}", "http.timeout.read=0.1", service="daytime")
    assert told.failure == ("service", "ETIMEDOUT")


def test_a_service_that_talks_without_end_is_cut(listen: Any, ask: Any) -> None:
    def endless(client: socket.socket) -> None:
        while True:
            client.sendall(b"x" * 4096)

    told = ask(f"tcp://127.0.0.1:{listen(endless).port}")
    assert len(told.report.service.said) <= 4097


def test_a_port_on_which_nobody_listens(closed_port: int, ask: Any) -> None:
    assert ask(f"tcp://127.0.0.1:{closed_port}").failure == ("tcp", "ECONNREFUSED")
    assert ask(f"udp://127.0.0.1:{closed_port}", send="x").failure == ("service", "ECONNREFUSED")


@pytest.mark.parametrize(
    ("answer", "service"), [(lambda data: b"noon\r\n", "daytime"), (bytes, "echo"), (bytes.upper, "upper")],
    ids=["daytime", "echo", "upper"],
)  # fmt: skip
def test_datagrams_are_answered(answer: Answer, service: str, datagrams: Any, ask: Any) -> None:
    told = ask(f"udp://127.0.0.1:{datagrams(answer)}", service=service)
    assert (told.report.exit_code, told.report.service.expected) == (0, True)


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_the_services_of_the_bundled_server_are_as_they_should_be(kind: str, service: str, ask: Any) -> None:
    with Services([Service(service)]) as services:
        told = ask(f"{kind}://127.0.0.1:{services.port(service)}", send="Grüße, Straße", service=service)
    assert (told.report.exit_code, told.report.service.expected) == (0, True)


def test_a_datagram_that_is_not_answered(datagrams: Any, ask: Any) -> None:
    told = ask(f"udp://127.0.0.1:{datagrams(lambda data: b'')}", "http.timeout.connect=0.1")
    assert told.failure == ("service", "ETIMEDOUT")
    assert "an empty datagram" in told.text


def test_of_a_name_every_address_is_tried_by_datagram(datagrams: Any, ask: Any) -> None:
    told = ask(f"udp://localhost:{datagrams(bytes.upper)}", send="x")
    assert told.report.service.answer == "X"


@given(st.binary(max_size=300))
def test_whatever_is_said_is_printable_when_it_is_told(data: bytes) -> None:
    text = printable(data.decode("utf-8", "backslashreplace"))
    assert text.isprintable()
    assert "\x1b" not in text


@pytest.mark.parametrize(
    "url",
    ["example.org", "ftp://x/", "tcp://h", "tcp://:9", "udp://h:99999", "http:///x", "https://a b/", "tcp://[::1"],
)
def test_what_is_no_target_is_wrong_usage(url: str) -> None:
    with pytest.raises(UsageError):
        target_of(url)


def test_a_known_service_has_its_port() -> None:
    assert (target_of("tcp://h", None, "daytime").port, target_of("udp://h", None, "echo").port) == (13, 7)


def test_send_and_service_are_not_for_http() -> None:
    with pytest.raises(UsageError, match="tcp://"):
        target_of("http://h/", "x")
