"""Below HTTP: names, addresses, connections, proxies and their tunnels."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scraper.probe import sockets
from scraper.probe.patience import Patience
from scraper.server import Server


def test_a_name_that_does_not_exist(ask: Any) -> None:
    told = ask("http://nowhere.invalid/")
    assert told.failure == ("dns", "EAI_NONAME")
    assert [each.family for each in told.report.dns] == ["IPv4", "IPv6"]
    assert (told.report.tcp, told.report.hops) == ([], [])


def test_a_resolver_that_does_not_answer_is_not_waited_for(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: over.wait(20) and [])
    told = ask("http://slow.invalid/", "http.timeout.connect=0.05")
    over.set()
    assert told.failure == ("dns", "ETIMEDOUT")
    assert "the resolver did not answer in 0.05 s" in told.text


def test_a_port_on_which_nobody_listens(closed_port: int, ask: Any) -> None:
    told = ask(f"http://127.0.0.1:{closed_port}/")
    assert told.failure == ("tcp", "ECONNREFUSED")
    assert f"127.0.0.1:{closed_port}: refused" in told.text
    assert told.report.hops == []


def test_each_address_of_a_name_is_tried(server: Server, ask: Any) -> None:
    """localhost is 127.0.0.1 here, and ::1 where there is IPv6; the server listens on the former alone."""
    server.site.route("/x")(lambda request: b"hello")
    told = ask(f"{server.url.replace('127.0.0.1', 'localhost')}/x")
    reached = {each.address: each.error for each in told.report.tcp}
    assert reached["127.0.0.1"] is None
    assert all(error is not None for address, error in reached.items() if address != "127.0.0.1")
    assert told.report.exit_code == 0


def test_ipv6_is_asked_by_its_address(listen: Any, ask: Any) -> None:
    def serve(client: socket.socket) -> None:
        while client.recv(65536):
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    try:
        port = listen(serve, "::1").port
    except OSError:
        pytest.skip("no IPv6 here")
    told = ask(f"http://[::1]:{port}/")
    assert (told.report.exit_code, told.report.dns[0].family) == (0, "IPv6")
    assert f"[::1]:{port}  connected" in told.text


def test_a_host_that_could_not_be_one_is_no_bug(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask(f"tcp://{'a' * 70}.invalid:9").failure[0] == "dns"
    assert ask("tcp://[fe80::1%nowhere]:9").failure[0] == "dns"

    def too_long(*_: Any) -> Any:
        raise UnicodeError("label too long")

    monkeypatch.setattr(socket, "getaddrinfo", too_long)
    assert ask("tcp://odd.invalid:9").failure == ("dns", "EINVAL")


def test_of_many_addresses_some_are_tried() -> None:
    places = [sockets.Place(socket.AF_INET, ("127.0.0.1", 9))] * 20
    told, _ = sockets.reach(places, Patience())
    assert len(told) == sockets.MOST


# -- proxies -----------------------------------------------------------------------------------------------


def forward(refusal: bytes = b"", heads: list[bytes] | None = None) -> Callable[[socket.socket], None]:
    """A proxy that opens tunnels, and forwards nothing else: it answers itself."""

    def serve(client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            data = client.recv(65536)
            if not data:
                return
            head += data
        if heads is not None:
            heads.append(head)
        method, target, _ = head.split(b" ", 2)
        if refusal:
            client.sendall(refusal)
        elif method != b"CONNECT":
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        else:
            name, _, port = target.decode().rpartition(":")
            with socket.create_connection((name, int(port))) as upstream:
                client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
                pump(client, upstream)

    return serve


def pump(client: socket.socket, upstream: socket.socket) -> None:
    import threading
    from contextlib import suppress

    def copy(source: socket.socket, goal: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                goal.sendall(data)
            goal.shutdown(socket.SHUT_WR)

    back = threading.Thread(target=copy, args=(upstream, client), daemon=True)
    back.start()
    copy(client, upstream)
    back.join(5)


def test_a_proxy_of_the_job_is_asked_for_a_tunnel(listen: Any, tls: Any, certs: Path, ask: Any) -> None:
    heads: list[bytes] = []
    proxy = f"http://me:pr0xy-pass@127.0.0.1:{listen(forward(heads=heads)).port}"
    told = ask(f"{tls('server')}/x", f"http.proxies={{https: '{proxy}'}}", f"http.verify={certs / 'ca.pem'}")
    assert told.report.exit_code == 0
    assert (told.report.proxy.source, told.report.proxy.tunnel) == ("job", "200 Connected")
    assert told.report.proxy.url == proxy.replace("me:pr0xy-pass@", "")
    assert told.report.tls.verified
    assert b"Proxy-Authorization: Basic" in heads[0]
    assert "pr0xy-pass" not in told.all


def test_a_proxy_of_the_environment_needs_no_tunnel_for_http(
    listen: Any, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = listen(forward()).port
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
    told = ask("http://behind.invalid/x")
    assert told.report.exit_code == 0
    assert (told.report.proxy.source, told.report.proxy.tunnel) == ("environment", None)
    assert told.report.tcp[0].port == port


def test_proxies_that_are_not_for_this_url_are_told(server: Server, ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://me:pr0xy-pass@proxy.invalid:3128")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    told = ask(server.url)
    assert told.report.proxy is None
    assert "none of them is for this URL" in told.text


def test_a_list_of_proxies_gives_one(listen: Any, ask: Any) -> None:
    proxy = f"http://me:pr0xy-pass@127.0.0.1:{listen(forward()).port}"
    told = ask("http://behind.invalid/x", f"http.proxies=['{proxy}']")
    assert (told.report.exit_code, told.report.proxy.source) == (0, "job")
    assert "pr0xy-pass" not in told.all


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        (b"HTTP/1.1 403 Not for you\r\n\r\n", "403"),
        (b"HTTP/1.1 407 Who are you\r\n\r\n", "407"),
        (b"220 mail.example ESMTP\r\n\r\n", "PROTOCOL"),
    ],
)
def test_a_proxy_that_opens_no_way(answer: bytes, name: str, listen: Any, ask: Any) -> None:
    proxies = f"http.proxies={{https: 'http://127.0.0.1:{listen(forward(answer)).port}'}}"
    told = ask("https://behind.invalid/x", proxies)
    assert told.failure == ("proxy", name)
    assert told.report.hops == []


def test_a_proxy_that_is_not_there(closed_port: int, ask: Any) -> None:
    told = ask("https://behind.invalid/x", f"http.proxies={{https: 'http://127.0.0.1:{closed_port}'}}")
    assert told.failure == ("tcp", "ECONNREFUSED")
    assert "its tcp" in told.text


def socks(client: socket.socket) -> None:
    """SOCKS5 (RFC 1928) without a user, by name."""
    if not (greeting := client.recv(2)):
        return  # somebody only looked whether we are there
    client.recv(greeting[1])
    client.sendall(b"\x05\x00")
    _, _, _, kind = client.recv(4)
    host = client.recv(client.recv(1)[0]).decode() if kind == 3 else socket.inet_ntoa(client.recv(4))
    port = int.from_bytes(client.recv(2), "big")
    if host == "refused.invalid":
        client.sendall(b"\x05\x02\x00\x01\0\0\0\0\0\0")
        return
    with socket.create_connection((host, port)) as upstream:
        client.sendall(b"\x05\x00\x00\x01\0\0\0\0\0\0")
        pump(client, upstream)


def test_socks_is_a_tunnel_for_everything(listen: Any, server: Server, tls: Any, certs: Path, ask: Any) -> None:
    server.site.route("/x")(lambda request: b"hello")
    proxy = f"socks5h://127.0.0.1:{listen(socks).port}"
    told = ask(f"{server.url}/x", f"http.proxies={{all: '{proxy}'}}")
    assert (told.report.exit_code, told.report.proxy.tunnel) == (0, "socks5h: open")
    told = ask(f"{tls('server')}/x", f"http.proxies={{all: '{proxy}'}}", f"http.verify={certs / 'ca.pem'}")
    assert (told.report.exit_code, told.report.tls.verified) == (0, True)
    told = ask("http://refused.invalid/", f"http.proxies={{all: '{proxy}'}}")
    assert told.failure == ("proxy", "SOCKS")


def test_a_proxy_spoken_to_over_tls(listen: Any, tls: Any, certs: Path, ask: Any) -> None:
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certs / "server.pem", certs / "server.key")

    def serve(client: socket.socket) -> None:
        with context.wrap_socket(client, server_side=True) as secured:
            forward()(secured)

    proxy = f"https://127.0.0.1:{listen(serve).port}"
    url = f"{tls('server')}/x"
    told = ask(url, f"http.proxies={{https: '{proxy}'}}", f"http.verify={certs / 'ca.pem'}")
    assert (told.report.exit_code, told.report.tls.version) == (0, "TLSv1.3")
    told = ask(url, f"http.proxies={{https: '{proxy}'}}")
    assert told.failure == ("proxy", "CERTIFICATE_UNKNOWN_ISSUER")
    assert "TLS to the proxy" in told.text
