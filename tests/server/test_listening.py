"""Where the server listens: addresses of both kinds, and what an option means."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from scraper.server import ServeError, Server, Site
from scraper.server.listening import bind_address, is_loopback, plain_peer


@pytest.mark.parametrize(
    ("bind", "ipv6", "host"),
    [
        (None, False, "127.0.0.1"),
        (None, True, "::1"),
        ("0.0.0.0", False, "0.0.0.0"),
        ("0.0.0.0", True, "::"),
        ("::", False, "::"),
        ("::", True, "::"),
        ("[::1]", True, "::1"),
        ("127.0.0.2", False, "127.0.0.2"),
        ("fe80::1%lo", False, "fe80::1%lo"),
        ("localhost", False, "localhost"),
    ],
)
def test_options_name_an_address(bind: str | None, ipv6: bool, host: str) -> None:
    assert bind_address(bind, ipv6) == host


@pytest.mark.parametrize(
    ("bind", "ipv6", "told"),
    [
        ("127.0.0.1", True, "127.0.0.1 is an IPv4 address; leave out --ipv6, or bind an IPv6 address"),
        ("nowhere.example", True, "nowhere.example has no IPv6 address"),
        ("", False, "'' is no address; every address of this machine is 0.0.0.0, or :: for IPv6 too"),
        ("*", False, "'*' is no address"),
    ],
)
def test_what_names_none_is_one_line(bind: str, ipv6: bool, told: str) -> None:
    with pytest.raises(ServeError, match=f"^{told.replace('*', '[*]')}"):
        bind_address(bind, ipv6)


def test_every_address_is_both_kinds() -> None:
    site = Site()
    site.route("/who")(lambda request: request.client[0])
    with Server(site, host="::") as server:
        assert server.url == f"http://[::1]:{server.port}"
        told = []
        for host in ("127.0.0.1", "::1"):
            with socket.create_connection((host, server.port)) as sock:
                sock.sendall(b"GET /who HTTP/1.0\r\n\r\n")
                told.append(sock.makefile("rb").read().rpartition(b"\r\n\r\n")[2])
    assert told == [b"127.0.0.1", b"::1"]


def test_a_server_tells_where_it_listens(tmp_path: Path) -> None:
    with Server(tmp_path, host="localhost") as server:
        assert server.address in [("127.0.0.1", server.port), ("::1", server.port)]


@pytest.mark.parametrize(
    ("host", "inside"),
    [
        ("127.0.0.1", True), ("127.255.0.1", True), ("::1", True), ("localhost", True), ("LOCALHOST.", True),
        ("a.localhost", True), ("::ffff:127.0.0.1", True), ("0.0.0.0", False), ("::", False), ("192.0.2.1", False),
        ("example.org", False), ("", False), ("localhost.example", False),
    ],
)  # fmt: skip
def test_what_only_this_machine_reaches(host: str, inside: bool) -> None:
    assert is_loopback(host) == inside


@pytest.mark.parametrize(
    ("peer", "plain"),
    [(("::ffff:127.0.0.1", 1), ("127.0.0.1", 1)), (("::1", 2), ("::1", 2)), (("127.0.0.1", 3), ("127.0.0.1", 3))],
)
def test_a_peer_is_called_by_its_own_kind_of_address(peer: tuple[str, int], plain: tuple[str, int]) -> None:
    assert plain_peer(peer) == plain
