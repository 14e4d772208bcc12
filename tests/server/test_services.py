"""daytime, echo and upper: what they answer, on TCP and UDP, and that nobody can make them work for long."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.server.listening import ServeError
from scraper.server.services import SERVICES, Bounds, Service, Services, daytime, parse_service, upper

NOW = datetime(1982, 2, 22, 17, 37, 43, tzinfo=UTC)
LINE = b"Monday, February 22, 1982 17:37:43-UTC\r\n"
WAIT = 20  # seconds that a socket may take before a test fails
ALL = [Service("daytime"), Service("echo"), Service("upper")]


@pytest.fixture(scope="module", params=["127.0.0.1", "::1"])
def services(request: pytest.FixtureRequest) -> Iterator[Services]:
    """All of them, at a moment that stands still."""
    with Services(ALL, request.param, clock=lambda: NOW) as made:
        yield made


def connect(services: Services, name: str) -> socket.socket:
    return socket.create_connection((services.host, services.port(name)), timeout=WAIT)


def talk(services: Services, name: str, *said: bytes) -> bytes:
    """What comes back until the connection ends; the pieces are said one by one, then the end."""
    with connect(services, name) as sock:
        for piece in said:
            sock.sendall(piece)
        sock.shutdown(socket.SHUT_WR)
        received = b""
        while piece := sock.recv(65536):
            received += piece
        return received


def send(services: Services, name: str, data: bytes) -> bytes:
    """What a datagram is answered with."""
    with socket.socket(socket.AF_INET6 if ":" in services.host else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(WAIT)
        sock.sendto(data, (services.host, services.port(name)))
        return sock.recv(65536)


def test_daytime_is_told_to_whoever_connects(services: Services) -> None:
    with connect(services, "daytime") as sock:
        assert sock.makefile("rb").read() == LINE


def test_daytime_does_not_care_what_is_said(services: Services) -> None:
    assert talk(services, "daytime", b"hello") == LINE


@pytest.mark.parametrize("data", [b"", b"what time is it?"])
def test_daytime_answers_a_datagram(services: Services, data: bytes) -> None:
    assert send(services, "daytime", data) == LINE


def test_echo_gives_back_what_it_gets(services: Services) -> None:
    data = bytes(range(256)) * 4000  # more than it keeps for one client
    with connect(services, "echo") as sock:
        received = b""
        for at in range(0, len(data), 16384):
            sock.sendall(data[at : at + 16384])
            received += sock.recv(65536)
        sock.shutdown(socket.SHUT_WR)
        while piece := sock.recv(65536):
            received += piece
    assert received == data


@pytest.mark.parametrize("data", [b"hello", b"\0\xff", b"x" * 9000])
def test_echo_gives_back_a_datagram(services: Services, data: bytes) -> None:
    assert send(services, "echo", data) == data


def test_upper_answers_line_by_line(services: Services) -> None:
    with connect(services, "upper") as sock:
        lines = sock.makefile("rb")
        heard = []
        for said in (b"hello\n", "grüße\r\n".encode()):
            sock.sendall(said)
            heard.append(lines.readline())
        sock.sendall(b"no end")
        sock.shutdown(socket.SHUT_WR)
        heard.append(lines.readline())
        lines.close()
    assert heard == [b"HELLO\n", "GRÜSSE\r\n".encode(), b"NO END"]


def test_upper_answers_a_datagram(services: Services) -> None:
    assert send(services, "upper", b"hello\n") == b"HELLO\n"


def test_a_line_without_end_ends_the_connection(services: Services) -> None:
    with connect(services, "upper") as sock:
        try:
            sock.sendall(b"x" * 100_000)
            assert sock.recv(1) == b""
        except ConnectionError:
            pass  # as quickly as that


def test_a_line_may_come_in_pieces(services: Services) -> None:
    assert talk(services, "upper", b"a\nb", b"c", b"\nd") == b"A\nBC\nD"


@given(st.text(), st.datetimes(timezones=st.just(UTC)))
def test_no_datagram_is_answered_by_a_longer_one(text: str, now: datetime) -> None:
    data = text.encode("utf-8", "surrogatepass")
    assert len(SERVICES["echo"](data, now)) == len(data)
    assert len(SERVICES["upper"](data, now)) <= len(data)
    assert len(SERVICES["daytime"](data, now)) <= 46


@given(st.binary())
def test_upper_takes_any_bytes(data: bytes) -> None:
    assert upper(upper(data)) == upper(data)


def test_daytime_is_told_in_utc() -> None:
    assert daytime(b"", datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=2)))).startswith(
        b"Wednesday, December 31, 2025 23:00:00-UTC"
    )


def test_a_service_does_not_answer_a_service() -> None:
    """Each of them would be a question to the other, for ever."""
    with Services([Service("echo"), Service("echo")]) as services:
        first, second = services.bound
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(WAIT)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("127.0.0.2", second.port))
            sock.sendto(b"from a service", ("127.0.0.1", first.port))
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
                other.settimeout(WAIT)
                other.sendto(b"from a client", ("127.0.0.1", first.port))
                assert other.recv(100) == b"from a client"
            sock.setblocking(False)
            with pytest.raises(BlockingIOError):
                sock.recv(100)


def test_a_silent_client_is_ended() -> None:
    with Services([Service("echo")], bounds=Bounds(idle=0.05)) as services, connect(services, "echo") as sock:
        assert sock.recv(1) == b""


def test_a_client_that_talks_for_ever_is_ended() -> None:
    with Services([Service("echo")], bounds=Bounds(whole=0.05)) as services, connect(services, "echo") as sock:
        try:
            while True:
                sock.sendall(b"x")
                if not sock.recv(1):
                    break
        except ConnectionError:
            pass  # ended while it was talking


def test_too_many_clients_are_turned_away() -> None:
    with Services([Service("echo")], bounds=Bounds(connections=1)) as services, connect(services, "echo") as first:
        first.sendall(b"x")
        assert first.recv(1) == b"x"
        with connect(services, "echo") as second:
            assert second.recv(1) == b""


def test_clients_that_read_nothing_do_not_keep_others_out() -> None:
    with Services(ALL) as services:
        rude = [connect(services, "echo") for _ in range(50)]
        for sock in rude:
            sock.setblocking(False)
            sock.send(b"x" * 65536)
        assert talk(services, "echo", b"hello") == b"hello"
        for sock in rude:
            sock.close()


def test_a_client_that_resets_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    with Services([Service("echo")]) as services:
        with connect(services, "echo") as sock:
            sock.sendall(b"x" * 1000)  # closed with an answer unread: a reset
        assert talk(services, "echo", b"hello") == b"hello"
    assert caplog.records == []


def test_closing_ends_connections_and_frees_the_ports() -> None:
    with Services(ALL) as services:
        sock = connect(services, "echo")
    with sock:
        assert sock.recv(1) == b""
    services.close()
    with Services([Service("echo", services.port("echo"))]) as again:
        assert again.port("echo") == services.port("echo")


def test_a_port_in_use_is_one_line() -> None:
    with Services(ALL) as services, pytest.raises(ServeError, match=r"in use; .* --service upper:"):
        Services([Service("echo"), Service("upper", services.port("echo"))]).start()


@pytest.mark.parametrize(
    ("text", "service"),
    [("daytime:6789", Service("daytime", 6789)), ("echo", Service("echo")), ("upper:0", Service("upper"))],
)
def test_a_service_is_a_name_and_a_port(text: str, service: Service) -> None:
    assert parse_service(text) == service


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("time:37", "there is no service 'time'; choose from daytime, echo, upper, as in daytime:6789"),
        ("echo:", "'' is no port; write echo:6789, or echo alone for a free one"),
        ("echo:65536", "'65536' is no port"),
        ("echo:-1", "'-1' is no port"),
        ("echo:٣", "'٣' is no port"),
    ],
)
def test_what_is_no_service_is_one_line(text: str, told: str) -> None:
    with pytest.raises(ServeError, match=f"^{told}"):
        parse_service(text)


def test_an_unknown_service_is_told_at_once() -> None:
    with pytest.raises(ServeError, match="there is no service 'chargen'"):
        Services([Service("chargen")])
