"""The guard: what reaches beyond this machine while cases and jobs of tests run, and what does not."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress

import pytest

from scraper.net import wire
from scraper.testing.loopback import BlockedError, is_loopback, only_loopback

PUBLIC = ("192.0.2.1", 80)  # RFC 5737: an address of nobody


def udp() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def tcp() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM)


def _with(sock: socket.socket, act: Callable[[socket.socket], object]) -> None:
    with sock:
        act(sock)


REACHING: dict[str, Callable[[], object]] = {
    "connect": lambda: _with(tcp(), lambda sock: sock.connect(PUBLIC)),
    "connect_ex": lambda: _with(tcp(), lambda sock: sock.connect_ex(PUBLIC)),
    "sendto": lambda: _with(udp(), lambda sock: sock.sendto(b"x", PUBLIC)),
    "sendto with flags": lambda: _with(udp(), lambda sock: sock.sendto(b"x", 0, PUBLIC)),
    "sendmsg": lambda: _with(udp(), lambda sock: sock.sendmsg([b"x"], [], 0, PUBLIC)),
    "create_connection": lambda: socket.create_connection(PUBLIC, timeout=1),
    "getaddrinfo": lambda: socket.getaddrinfo("example.org", 443),
    "getaddrinfo of bytes": lambda: socket.getaddrinfo(b"example.org", 443),
    "gethostbyname": lambda: socket.gethostbyname("example.org"),
    "a transfer of libcurl": lambda: wire.check_reach("https://example.org/a.jpg"),
}


@pytest.mark.parametrize("way", REACHING)
def test_what_reaches_beyond_this_machine_is_refused_with_the_address_and_the_cure(way: str) -> None:
    with only_loopback(), pytest.raises(BlockedError, match=r"(192\.0\.2\.1:80|example\.org).*scraper record"):
        REACHING[way]()


def test_this_machine_is_reached_as_ever(tmp_path: object) -> None:
    with only_loopback(), socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(("localhost", server.getsockname()[1])) as sock:
            assert is_loopback(sock.getpeername()[0])
        with udp() as sock:
            assert sock.sendto(b"x", server.getsockname()) == 1
        ours, theirs = socket.socketpair()
        with ours, theirs:
            assert ours.send(b"x") == 1


def test_a_name_that_never_has_an_address_has_none() -> None:
    with only_loopback():
        for look in (lambda: socket.getaddrinfo("a.invalid", 80), lambda: wire.check_reach("http://a.invalid/")):
            with pytest.raises(socket.gaierror):
                look()


def test_where_names_fail_they_have_no_address_and_libcurl_is_left_alone() -> None:
    with only_loopback(names_fail=True):
        wire.check_reach("http://example.org/")
        with pytest.raises(socket.gaierror):
            socket.getaddrinfo("example.org", 80)


def test_what_was_there_before_is_there_again_also_after_a_failure() -> None:
    def held() -> tuple[object, ...]:
        return socket.socket.connect, socket.socket.sendto, socket.getaddrinfo

    before = held()
    with suppress(ZeroDivisionError), only_loopback():
        assert held() != before
        raise ZeroDivisionError
    assert held() == before
    wire.check_reach("http://example.org/")


def test_a_guard_within_a_guard_leaves_the_outer_one_standing() -> None:
    with only_loopback():
        with only_loopback():
            pass
        with pytest.raises(BlockedError):
            wire.check_reach("http://example.org/")


def test_no_name_is_looked_up_only_to_see_where_a_link_leads() -> None:
    with only_loopback():
        assert not wire.leads_inside("http://example.org/")
        assert wire.leads_inside("http://localhost/")


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("::ffff:127.0.0.1", True), ("localhost", True),
        ("0.0.0.0", True), ("::", True), ("", True), ("10.0.0.1", False), ("fe80::1%lo", False),
        ("::ffff:8.8.8.8", False), ("localhost.example.org", False),
    ],
)  # fmt: skip
def test_which_addresses_are_of_this_machine(host: str, own: bool) -> None:
    assert is_loopback(host) == own
