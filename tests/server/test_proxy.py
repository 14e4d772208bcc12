"""The server as a proxy: what goes through, what never does, and that it is as if nothing stood between."""

from __future__ import annotations

import base64
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from hypothesis import example, given
from hypothesis import strategies as st

from scraper.server import BadRequest, Layer, Request, Response, Server, Site
from scraper.server.faults import make, read_faults
from scraper.server.http1 import Head, Limits, Reader
from scraper.server.listening import is_loopback
from scraper.server.proxy import Proxy

WAIT = 20  # seconds that a socket may take before a test fails
DATA = bytes(range(256)) * 8000  # 2 MiB


@pytest.fixture
def start() -> Iterator[Callable[..., Server]]:
    """`start(layer, tls=True, host="::1")`: a server of a small site."""
    with ExitStack() as stack:

        def make_server(*layers: Layer, tls: bool = False, host: str = "127.0.0.1") -> Server:
            site = Site()
            site.route("/data")(lambda request: DATA)
            site.route("/url")(lambda request: request.url)
            site.route("/said", ("GET", "POST", "PUT"))(
                lambda request: [request.method, request.target, [list(one) for one in request.head.fields],
                                 request.body.decode()]
            )  # fmt: skip
            for layer in layers:
                site.lay(layer)
            return stack.enter_context(Server(site, host=host, tls=tls))

        yield make_server


def through(proxy: Server, url: str, login: str = "", method: str = "GET", **options: Any) -> requests.Response:
    address = proxy.url.replace("://", f"://{login}@") if login else proxy.url
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, url, proxies={"http": address, "https": address}, timeout=WAIT, **options)


def ask(server: Server, raw: bytes) -> bytes:
    """What comes back until the connection ends; `reset` where it ends so."""
    with socket.create_connection((server.host, server.port), timeout=WAIT) as sock:
        sock.sendall(raw)
        received = b""
        try:
            while piece := sock.recv(65536):
                received += piece
        except ConnectionResetError:
            return received + b"<reset>"
        return received


def tunnelled(proxy: Server, server: Server, raw: bytes) -> bytes:
    """The same through a tunnel, asked before the tunnel stands; without the proxy's own word."""
    received = ask(proxy, b"CONNECT %b:%d HTTP/1.1\r\nHost: h\r\n\r\n" % (server.host.encode(), server.port) + raw)
    return received.removeprefix(b"HTTP/1.1 200 Connection established\r\n\r\n")


# -- what goes through -------------------------------------------------------------------------------------


def test_a_page_of_another_server(start: Any) -> None:
    proxy, server = start(Proxy()), start()
    assert through(proxy, f"{server.url}/data").content == DATA
    assert [seen.target for seen in proxy.log] == [f"{server.url}/data"]
    assert [seen.target for seen in server.log] == ["/data"]


@pytest.mark.parametrize("proxy_tls", [False, True])
def test_https_goes_through_a_tunnel(start: Any, proxy_tls: bool, tmp_path: Any) -> None:
    proxy, server = start(Proxy(), tls=proxy_tls), start(tls=True)
    trusted = tmp_path / "both.pem"
    trusted.write_bytes(b"".join(one.certificate.read_bytes() for one in (proxy, server) if one.certificate))
    assert through(proxy, f"{server.url}/data", verify=str(trusted)).content == DATA
    assert [(seen.method, seen.target) for seen in proxy.log] == [("CONNECT", f"127.0.0.1:{server.port}")]


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "a.localhost", "127.9.9.9"])
def test_this_machine_has_many_names(start: Any, name: str) -> None:
    server = start() if name != "127.9.9.9" else start(host="127.9.9.9")
    assert through(start(Proxy()), f"http://{name}:{server.port}/url").text == f"http://{name}:{server.port}/url"


def test_ipv6_goes_through_too(start: Any) -> None:
    proxy, server = start(Proxy(), host="::1"), start(host="::1")
    assert through(proxy, f"{server.url}/url").text == f"{server.url}/url"
    raw = ask(proxy, b"CONNECT [::1]:%d HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\n\r\n" % server.port)
    assert raw.count(b"HTTP/1.1 400 ") == 1


def test_what_is_forwarded_is_the_request_without_what_was_for_the_proxy(start: Any) -> None:
    server = start()
    fields = {"Proxy-Connection": "keep-alive", "X-Mine": "yes", "Connection": "x-hop", "X-Hop": "no", "TE": "gzip"}
    method, target, said, body = through(
        start(Proxy("u:p")), f"{server.url}/said?a=1", "u:p", "POST", data="x=y", headers=fields
    ).json()
    told = {name.lower(): value for name, value in said}
    assert (method, target, body) == ("POST", "/said?a=1", "x=y")
    assert {"proxy-authorization", "proxy-connection", "x-hop", "te"} & set(told) == set()
    assert (told["host"], told["x-mine"], told["via"], told["connection"], told["content-length"]) == (
        f"127.0.0.1:{server.port}", "yes", "1.1 scraper", "close", "3",
    )  # fmt: skip


@pytest.mark.parametrize(("url", "target"), [("", "/"), ("?a=b/c", "/?a=b/c"), ("/x/y?z", "/x/y?z")])
def test_the_target_is_made_a_path(start: Any, url: str, target: str) -> None:
    server = start()
    ask(start(Proxy()), f"GET {server.url}{url} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())
    assert [seen.target for seen in server.log] == [target]


def test_a_url_of_its_own_is_answered_by_its_site(start: Any) -> None:
    proxy = start(Proxy("u:p"))
    assert through(proxy, f"{proxy.url}/url", "u:p").text == f"{proxy.url}/url"
    assert through(proxy, f"{proxy.url}/url").status_code == 407


def test_plain_paths_need_no_password(start: Any) -> None:
    assert requests.get(f"{start(Proxy('u:p')).url}/data", timeout=WAIT).content == DATA


# -- faults are seen as they are ---------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["cut", "reset", "length", "bad_chunk", "http09", "status_line", "hang_up"])
@pytest.mark.parametrize("way", ["forwarded", "tunnelled"])
def test_a_fault_of_the_far_side_goes_through(start: Any, fault: str, way: str) -> None:
    server, proxy = start(make(fault)), start(Proxy())
    head = b"HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    direct = ask(server, b"GET /data " + head)
    if way == "tunnelled":
        heard = tunnelled(proxy, server, b"GET /data " + head)
    else:
        heard = ask(proxy, f"GET {server.url}/data ".encode() + head)
    assert heard.partition(b"\r\n\r\n")[2] == direct.partition(b"\r\n\r\n")[2]
    assert heard.endswith(b"<reset>") == (fault == "reset")


def test_faults_of_the_proxy_strike_what_goes_through(start: Any) -> None:
    faults = read_faults([{"url": "*/data", "do": "status", "code": 502, "times": 1}])
    proxy, server = start(Proxy(), faults), start()
    assert [through(proxy, f"{server.url}/data").status_code for _ in range(2)] == [502, 200]


@pytest.mark.parametrize("tls", [False, True])
def test_a_tunnel_ends_with_the_server(start: Any, tls: bool) -> None:
    proxy, server = start(Proxy(), tls=tls), start()
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=WAIT) as plain, ExitStack() as stack:
        sock: socket.socket = plain
        if tls:
            context = ssl.create_default_context(cafile=proxy.certificate)
            sock = stack.enter_context(context.wrap_socket(plain, server_hostname="localhost"))
        sock.sendall(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: h\r\n\r\n" % server.port)
        assert sock.recv(12) == b"HTTP/1.1 200"
        proxy.close()
        while sock.recv(1000):
            pass


def test_a_client_that_leaves_its_tunnel_frees_the_far_side(start: Any, wire: SimpleNamespace) -> None:
    with socket.create_server(("127.0.0.1", 0)) as far:
        proxy = start(Proxy())
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=WAIT) as sock:
            sock.sendall(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: h\r\n\r\nhello" % far.getsockname()[1])
            other, _ = far.accept()
            other.settimeout(WAIT)
        with other:
            assert wire.read_all(other) == b"hello"


# -- what never goes through -------------------------------------------------------------------------------


@pytest.mark.parametrize("login", ["", "u:wrong", "v:p", "u"])
@pytest.mark.parametrize("form", ["GET http://127.0.0.1:9/", "CONNECT 127.0.0.1:9"])
def test_without_the_password_nothing_is_done(start: Any, wire: SimpleNamespace, login: str, form: str) -> None:
    field = f"Proxy-Authorization: Basic {base64.b64encode(login.encode()).decode()}\r\n" if login else ""
    raw = f"{form} HTTP/1.1\r\nHost: h\r\n{field}Connection: close\r\n\r\n"
    reply = wire.parse(ask(start(Proxy("u:p")), raw.encode()))
    assert (reply.status, reply.headers["proxy-authenticate"]) == (407, 'Basic realm="scraper", charset="UTF-8"')


@pytest.mark.parametrize("value", ["Basic", "Basic !!!", "Bearer dTpw", "Basic dTpw=x", "\xff"])
def test_garbage_is_no_password(start: Any, wire: SimpleNamespace, value: str) -> None:
    raw = f"CONNECT 127.0.0.1:9 HTTP/1.1\r\nHost: h\r\nProxy-Authorization: {value}\r\nConnection: close\r\n\r\n"
    assert wire.parse(ask(start(Proxy("u:p")), raw.encode("latin-1"))).status == 407


ELSEWHERE = [
    "192.0.2.1", "10.0.0.1", "0.0.0.0", "169.254.169.254", "example.org", "localhost.example.org", "[2001:db8::1]",
    "[::]", "[::ffff:10.0.0.1]", "2130706433", "0x7f000001", "127.1", "notlocalhost", "127.0.0.1.example.org",
]  # fmt: skip


@pytest.mark.parametrize("host", ELSEWHERE)
@pytest.mark.parametrize("form", ["GET http://{}:9/", "CONNECT {}:9"])
def test_it_leads_nowhere_else(start: Any, wire: SimpleNamespace, host: str, form: str) -> None:
    raw = f"{form.format(host)} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    assert wire.parse(ask(start(Proxy()), raw.encode())).status == 403


def test_it_serves_nobody_else() -> None:
    reader = Reader(Limits())
    reader.feed(b"CONNECT 127.0.0.1:9 HTTP/1.1\r\nHost: h\r\n\r\n")
    head = reader.next_event()
    assert isinstance(head, Head)
    with pytest.raises(BadRequest) as caught:
        Proxy().answer(Request(head, client=("192.0.2.7", 1)), lambda request: Response())
    assert (caught.value.status, caught.value.reason) == (403, "this proxy is for clients on its own machine")


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ("GET https://127.0.0.1:9/", 400),
        ("CONNECT 127.0.0.1:0", 400),
        ("CONNECT 127.0.0.1:99999", 400),
        ("CONNECT 127.0.0.1", 400),
        ("GET http://127.0.0.1:1/", 502),
        ("CONNECT localhost:1", 502),
    ],
)
def test_what_cannot_be_done_is_told(start: Any, wire: SimpleNamespace, form: str, status: int) -> None:
    raw = f"{form} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    assert wire.parse(ask(start(Proxy()), raw.encode())).status == status


def test_without_the_layer_it_is_no_proxy(start: Any, wire: SimpleNamespace) -> None:
    raw = b"CONNECT 127.0.0.1:9 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    assert wire.parse(ask(start(), raw)).status == 405


def test_a_login_has_a_colon() -> None:
    with pytest.raises(ValueError, match="USER:PASSWORD"):
        Proxy("user")


@given(st.ip_addresses())
@example("::ffff:127.0.0.1")
def test_only_loopback_is_loopback(address: Any) -> None:
    mapped = getattr(address, "ipv4_mapped", None)
    inside = str(mapped or address).startswith("127.") or str(address) in ("::1", "::ffff:127.0.0.1")
    assert is_loopback(str(address)) == inside
