"""Proxies: http, https through CONNECT, SOCKS; what they are told, what they must not be told, how they fail."""

from __future__ import annotations

import base64
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from scraper import secrets
from scraper.net.outgoing import Wire
from scraper.server import Server
from tests.listening import Listening

BASIC = "Basic " + base64.b64encode("us er:p@ss/wörd".encode()).decode()
QUOTED = "us%20er:p%40ss%2Fw%C3%B6rd@"


def via(port: int, user: str = "", scheme: str = "http", **more: str) -> dict[str, Any]:
    url = f"{scheme}://{user}127.0.0.1:{port}"
    return {"proxies": {"http": url, "https": url, **more}}


def fields(head: str) -> dict[str, str]:
    lines = [line.partition(": ") for line in head.split("\r\n")[1:] if line]
    names = [name.lower() for name, _, _ in lines]
    assert len(set(names)) == len(names), names
    return {name.lower(): value for name, _, value in lines}


@pytest.mark.parametrize("user", ["", QUOTED])
def test_what_a_forwarding_proxy_is_told(user: str, carry: Any, server: Server, proxy_of: Any, headers_of: Any) -> None:
    proxy = proxy_of()
    (one,) = carry(f"{server.url}/x?y", http=via(proxy.port, user))
    assert one.result == ("whole", 200, b"x")
    told = fields(proxy.heads[0])
    assert told.pop("proxy-authorization", None) == (BASIC if user else None)
    own = {"accept-encoding": "identity", "accept": "*/*", "host": f"127.0.0.1:{server.port}"}
    assert {**told, "user-agent": ""} == {**own, "user-agent": ""}
    assert (one.answer.is_proxied, one.answer.address) == (True, None)


@pytest.mark.parametrize(
    ("user", "header"),
    [("me@", "me:"), ("me:@", "me:"), ("me:p:w@", "me:p:w"), (":pw@", ":pw"), ("%E2%82%AC:x@", "\u20ac:x")],
)
def test_odd_users_of_a_proxy(user: str, header: str, carry: Any, proxy_of: Any) -> None:
    proxy = proxy_of()
    (one,) = carry("http://host.example/", http=via(proxy.port, user))
    assert one.ending == "whole", one.trouble
    given = fields(proxy.heads[0]).get("proxy-authorization", "").removeprefix("Basic ")
    assert base64.b64decode(given).decode() == header


def test_a_proxys_url_may_hold_a_mark_and_lack_its_scheme(carry: Any, proxy_of: Any) -> None:
    carry.known["env:PW"] = "p w"
    proxy = proxy_of()
    url = f"me:{secrets.quoted_mark('env', 'PW')}@127.0.0.1:{proxy.port}"
    carry("http://host.example/", http={"proxies": {"http": url}})
    assert fields(proxy.heads[0])["proxy-authorization"] == "Basic " + base64.b64encode(b"me:p w").decode()


def test_secrets_of_the_job_pass_a_forwarding_proxy_at_home_only(carry: Any, server: Server, proxy_of: Any) -> None:
    """Whoever forwards can read; that is what http through a proxy means. Elsewhere they do not go at all."""
    proxy = proxy_of()
    http = {**via(proxy.port), "headers": {"X-Api-Key": "k"}, "auth": {"bearer": "t"}, "cookies": {"c": "1"}}
    carry(f"{server.url}/x", f"http://localhost:{server.port}/x", http=http, home=[server.url])
    secret = {"x-api-key", "authorization", "cookie"}
    assert [secret & fields(head).keys() for head in proxy.heads] == [secret, set()]


def test_a_tunnel_is_told_the_host_and_its_own_password_alone(carry: Any, tls: Any, proxy_of: Any) -> None:
    proxy, home = proxy_of(), tls()
    http = {
        **via(proxy.port, QUOTED), "headers": {"X-Api-Key": "k", "User-Agent": "me"}, "auth": {"bearer": "t"},
        "cookies": {"c": "1"}, "verify": home.ca,
    }  # fmt: skip
    (one,) = carry(f"{home.url}/x", http=http, home=[home.url])
    assert one.result == ("whole", 200, b"hello")
    assert proxy.heads[0].split("\r\n")[0].split(" ")[:2] == ["CONNECT", home.url.removeprefix("https://")]
    told = fields(proxy.heads[0])
    assert told.pop("proxy-authorization") == BASIC
    assert told.keys() <= {"host"}
    assert fields(home.heads[0])["x-api-key"] == "k"
    assert "proxy" not in home.heads[0].lower()
    assert (one.answer.is_proxied, one.answer.address) == (True, None)


def test_the_head_of_a_tunnel_is_not_that_of_the_answer(carry: Any, tls: Any, proxy_of: Any) -> None:
    """Though the server takes its time behind it."""
    proxy, home = proxy_of(), tls(slow=0.3)
    (one,) = carry(f"{home.url}/x", http={**via(proxy.port), "verify": home.ca})
    assert (one.result, one.answer.headers["content-type"]) == (("whole", 200, b"hello"), "text/plain")


@pytest.mark.parametrize("listed", ["127.0.0.1", "127.0.0.0/8", "*", "other.example, 127.0.0.1:{port}"])
def test_no_proxy_holds(listed: str, carry: Any, server: Server, proxy_of: Any) -> None:
    proxy = proxy_of()
    given = via(proxy.port, no_proxy=listed.format(port=server.port))
    (one,) = carry(f"{server.url}/x", http=given)
    assert (one.result, proxy.heads) == (("whole", 200, b"x"), [])
    assert (one.answer.is_proxied, one.answer.address) == (False, "127.0.0.1")


@pytest.mark.parametrize("name", ["http_proxy", "all_proxy"])
def test_the_environments_proxy_is_taken(
    name: str, carry: Any, server: Server, proxy_of: Any, monkeypatch: Any
) -> None:
    proxy = proxy_of()
    monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    assert carry(f"{server.url}/x")[0].body == b"x"
    assert len(proxy.heads) == 1


def test_the_environments_exceptions_hold(carry: Any, server: Server, proxy_of: Any, monkeypatch: Any) -> None:
    proxy = proxy_of()
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert carry(f"{server.url}/x")[0].body == b"x"
    assert proxy.heads == []


def test_the_jobs_proxies_count_more_than_the_environments(
    carry: Any, server: Server, proxy_of: Any, monkeypatch: Any, unused_port: int
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{unused_port}")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    proxy = proxy_of()
    assert carry(f"{server.url}/x", http=via(proxy.port))[0].body == b"x"
    assert len(proxy.heads) == 1


def test_each_host_may_have_its_own_proxy(carry: Any, proxy_of: Any) -> None:
    one, other = proxy_of(), proxy_of()
    proxies = {"http://own.example": f"http://127.0.0.1:{one.port}", "all": f"http://127.0.0.1:{other.port}"}
    carry("http://own.example/", "http://any.example/", http={"proxies": proxies})
    assert [fields(head)["host"] for head in one.heads + other.heads] == ["own.example", "any.example"]


def test_names_are_left_to_the_proxy(carry: Any, proxy_of: Any) -> None:
    proxy = proxy_of()
    assert carry("http://nowhere.example/", http=via(proxy.port))[0].ending == "whole"


@pytest.fixture
def tls_proxy_of(proxy_of: Any, certs: Path) -> Callable[[str], Any]:
    """Makes proxies that are spoken to over TLS, with that certificate."""

    def make(name: str) -> Any:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certs / f"{name}.pem", certs / f"{name}.key")
        proxy = proxy_of()
        serve = proxy._serve

        def wrapped(client: socket.socket) -> None:
            try:
                serve(context.wrap_socket(client, server_side=True))
            except OSError:
                client.close()

        proxy._serve = wrapped
        return proxy

    return make


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_may_be_spoken_to_over_tls(
    scheme: str, carry: Any, server: Server, tls: Any, tls_proxy_of: Any
) -> None:
    proxy, home = tls_proxy_of("server"), tls()
    url = {"http": server.url, "https": home.url}[scheme]
    (one,) = carry(f"{url}/x", http={**via(proxy.port, QUOTED, "https"), "verify": home.ca})
    assert one.ending == "whole", one.trouble
    assert (one.body, len(proxy.heads)) == ({"http": b"x", "https": b"hello"}[scheme], 1)
    assert fields(proxy.heads[0])["proxy-authorization"] == BASIC


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("name", ["server", "other"])
def test_a_proxy_whom_we_do_not_believe(name: str, scheme: str, carry: Any, certs: Path, tls_proxy_of: Any) -> None:
    proxy = tls_proxy_of(name)
    verify = True if name == "server" else str(certs / "other.pem")
    (one,) = carry(f"{scheme}://127.0.0.1:1/x", http={**via(proxy.port, QUOTED, "https"), "verify": verify})
    assert (one.may_repeat, is_refused(one), proxy.heads) == (NEVER_SENT, False, [])


def test_a_server_whom_we_do_not_believe_is_not_the_proxys_fault(
    carry: Any, tls: Any, tls_proxy_of: Any, proxy_of: Any, certs: Path
) -> None:
    home = tls("other")
    for proxy, kind in ((proxy_of(), "http"), (tls_proxy_of("server"), "https")):
        http = {**via(proxy.port, scheme=kind), "verify": str(certs / "server.pem")}
        assert carry(f"{home.url}/x", http=http)[0].ending == "failed:tls"


NEVER_SENT = ("failed:proxy", False, False)


def is_refused(one: Any) -> bool:
    """Whether the proxy is there and did not open the way; if not, it has failed itself."""
    return bool(one.trouble.refused)


# -- how proxies fail --------------------------------------------------------------------------------------

REFUSALS = {
    "407": b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n",
    "407 with a challenge": b'HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm="r"\r\nContent-Length: 2\r\n\r\nno',
}


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("user", ["", QUOTED])
def test_a_407_is_the_proxys(scheme: str, user: str, refusal: str, carry: Any, proxy_of: Any) -> None:
    proxy = proxy_of(REFUSALS[refusal])
    (one,) = carry(f"{scheme}://host.example/x", http=via(proxy.port, user))
    assert (one.may_repeat, is_refused(one)) == (NEVER_SENT, False)
    assert (one.answer, len(proxy.heads)) == (None, 1)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 No\r\nLocation: /x\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"",
    ],
)
def test_a_tunnel_that_does_not_come_to_be(answer: bytes, carry: Any, proxy_of: Any) -> None:
    proxy = proxy_of(answer or b"\r\n")
    (one,) = carry("https://host.example/x", http=via(proxy.port))
    assert one.may_repeat == NEVER_SENT
    assert one.answer is None


@pytest.mark.parametrize("kind", ["http", "https", "socks5", "socks5h", "socks4", "socks4a"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_dead_proxy(kind: str, scheme: str, carry: Any, unused_port: int) -> None:
    (one,) = carry(f"{scheme}://127.0.0.1:1/x", http=via(unused_port, scheme=kind))
    assert (one.may_repeat, is_refused(one)) == (NEVER_SENT, False)


@pytest.mark.parametrize("scheme", ["http", "https", "socks5h"])
def test_a_proxy_without_an_address(scheme: str, carry: Any) -> None:
    (one,) = carry("http://127.0.0.1:1/x", http={"proxies": {"http": f"{scheme}://nowhere.invalid:3128"}})
    assert (one.may_repeat, is_refused(one)) == (NEVER_SENT, False)


class Silent:
    """Takes connections, and says nothing."""

    def __init__(self) -> None:
        self._taken: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def silent() -> Iterator[Silent]:
    silent = Silent()
    yield silent
    silent.close()


@pytest.mark.parametrize(("kind", "scheme"), [("http", "https"), ("socks5", "http"), ("socks5h", "https")])
def test_a_proxy_that_says_nothing(kind: str, scheme: str, carry: Any, silent: Silent) -> None:
    http = {**via(silent.port, scheme=kind), "timeout": {"connect": 0.3, "read": 0.3}}
    (one,) = carry(f"{scheme}://127.0.0.1:1/x", http=http)
    assert one.may_repeat == NEVER_SENT


def test_a_tunnel_that_does_not_come_in_time_moves_its_host_alone(carry: Any, silent: Silent) -> None:
    """It may be the server that nobody reaches."""
    http = {**via(silent.port), "timeout": {"connect": 0.3, "read": 0.3}}
    assert is_refused(carry("https://127.0.0.1:1/x", http=http)[0])


def test_the_time_of_an_attempt_may_pass_on_the_way_to_a_proxy(carry: Any, silent: Silent) -> None:
    http = {**via(silent.port), "timeout": {"connect": 5, "read": 5, "total": 0.3}}
    (one,) = carry("https://127.0.0.1:1/x", http=http)
    assert (one.may_repeat, is_refused(one)) == (NEVER_SENT, True)


@pytest.mark.parametrize("status", ["403 Forbidden", "502 Bad Gateway", "503 No"])
def test_a_refused_tunnel_says_as_much_of_the_server(status: str, carry: Any, proxy_of: Any) -> None:
    proxy = proxy_of(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())
    (one,) = carry("https://host.example/x", http=via(proxy.port))
    assert (one.may_repeat, is_refused(one)) == (NEVER_SENT, True)


def test_what_a_proxy_passes_on_is_an_answer(carry: Any, proxy_of: Any) -> None:
    """It speaks for the server: a gateway's 502 is a status, not a failure of the proxy."""
    proxy = proxy_of(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 3\r\n\r\nbad")
    (one,) = carry("http://host.example/x", http=via(proxy.port))
    assert one.result == ("whole", 502, b"bad")


@pytest.mark.parametrize("answer", [b"nonsense\r\n\r\n", b"\r\n", b"HTTP/1.1 200 OK\r\nContent-"])
def test_a_forwarding_proxy_that_breaks_off(answer: bytes, carry: Any, proxy_of: Any) -> None:
    """Whose fault it was cannot be told: the request may have reached the server."""
    (one,) = carry("http://host.example/x", http=via(proxy_of(answer).port))
    assert one.may_repeat == ("failed:protocol", True, False)


# -- SOCKS (RFC 1928, RFC 1929) ----------------------------------------------------------------------------


class Socks(Listening):
    """A SOCKS5 server; `asked` are the hosts as they were named, `users` who asked."""

    def __init__(self, user: str = "", refuse: int = 0) -> None:
        self.asked: list[str] = []
        self.users: list[str] = []
        self._user = user
        self._refuse = refuse
        self.listen()

    def _serve(self, client: socket.socket) -> None:
        with client, client.makefile("rb") as asked:
            try:
                if self._greet(client, asked):
                    self._connect(client, asked)
            except (OSError, struct.error):
                return

    def _greet(self, client: socket.socket, asked: Any) -> bool:
        _, count = struct.unpack("!BB", asked.read(2))
        methods = asked.read(count)
        if not self._user:
            client.sendall(b"\x05\x00" if 0 in methods else b"\x05\xff")
            return 0 in methods
        if 2 not in methods:
            client.sendall(b"\x05\xff")
            return False
        client.sendall(b"\x05\x02")
        user = asked.read(asked.read(2)[1]).decode()
        password = asked.read(asked.read(1)[0]).decode()
        self.users.append(f"{user}:{password}")
        client.sendall(b"\x01\x00" if self.users[-1] == self._user else b"\x01\x01")
        return self.users[-1] == self._user

    def _connect(self, client: socket.socket, asked: Any) -> None:
        _, _, _, kind = struct.unpack("!BBBB", asked.read(4))
        if kind == 3:
            host = asked.read(asked.read(1)[0]).decode()
        else:
            host = socket.inet_ntop(
                *((socket.AF_INET, asked.read(4)) if kind == 1 else (socket.AF_INET6, asked.read(16)))
            )
        (port,) = struct.unpack("!H", asked.read(2))
        self.asked.append(host)
        if self._refuse:
            client.sendall(bytes([5, self._refuse, 0, 1]) + bytes(6))
            return
        with socket.create_connection(("127.0.0.1", port)) as server:
            client.sendall(b"\x05\x00\x00\x01" + bytes(6))
            back = threading.Thread(target=_pump, args=(server, client), daemon=True)
            back.start()
            _pump(client, server)
            back.join(5)


def _pump(source: socket.socket, goal: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            goal.sendall(data)
        goal.shutdown(socket.SHUT_WR)
    except OSError:
        return


@pytest.fixture
def socks_of() -> Iterator[Callable[..., Socks]]:
    made: list[Socks] = []

    def make(**options: Any) -> Socks:
        made.append(Socks(**options))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize(("kind", "named"), [("socks5", {"127.0.0.1", "::1"}), ("socks5h", {"localhost"})])
def test_socks5_looks_names_up_here_and_socks5h_leaves_them_to_the_proxy(
    kind: str, named: set[str], carry: Any, server: Server, socks_of: Any, headers_of: Any
) -> None:
    socks = socks_of()
    (one,) = carry(f"http://localhost:{server.port}/x", http=via(socks.port, scheme=kind))
    assert one.result == ("whole", 200, b"x")
    assert set(socks.asked) < named or set(socks.asked) == named
    assert headers_of(server.log[0])["host"] == f"localhost:{server.port}"
    assert server.log[0].target == "/x"
    assert (one.answer.is_proxied, one.answer.address) == (True, None)


def test_a_name_that_only_the_proxy_knows(carry: Any, server: Server, socks_of: Any) -> None:
    socks = socks_of()
    (one,) = carry(f"http://hidden.example:{server.port}/x", http=via(socks.port, scheme="socks5h"))
    assert (one.body, socks.asked) == (b"x", ["hidden.example"])


@pytest.mark.parametrize("kind", ["socks5", "socks5h"])
def test_the_users_of_a_socks_proxy(kind: str, carry: Any, server: Server, socks_of: Any, headers_of: Any) -> None:
    socks = socks_of(user="us er:p@ss/wörd")
    (one,) = carry(f"{server.url}/x", http=via(socks.port, QUOTED, kind))
    assert (one.result, socks.users) == (("whole", 200, b"x"), ["us er:p@ss/wörd"])
    assert not {"proxy-authorization", "authorization"} & headers_of(server.log[0]).keys()


@pytest.mark.parametrize("user", ["", "me:wrong@"])
def test_a_socks_proxy_that_wants_another_user(user: str, carry: Any, server: Server, socks_of: Any) -> None:
    socks = socks_of(user="me:right")
    (one,) = carry(f"{server.url}/x", http=via(socks.port, user, "socks5h"))
    assert (one.may_repeat, server.log) == (NEVER_SENT, [])


@pytest.mark.parametrize("refuse", [1, 2, 4, 5])
def test_a_socks_proxy_that_does_not_get_through(refuse: int, carry: Any, server: Server, socks_of: Any) -> None:
    (one,) = carry(f"{server.url}/x", http=via(socks_of(refuse=refuse).port, scheme="socks5h"))
    assert (one.may_repeat, server.log) == (NEVER_SENT, [])


def test_tls_through_socks(carry: Any, tls: Any, socks_of: Any) -> None:
    socks, home = socks_of(), tls()
    (one,) = carry(f"{home.url}/x", http={**via(socks.port, scheme="socks5h"), "verify": home.ca})
    assert one.result == ("whole", 200, b"hello")


def test_what_is_guarded_is_the_proxys_concern_behind_it(carry: Any, server: Server, socks_of: Any) -> None:
    """Our side sees the proxy's address, which says nothing of the server's."""
    socks = socks_of()
    (one,) = carry(Wire("GET", f"{server.url}/x", guarded=True), http=via(socks.port, scheme="socks5h"))
    assert one.body == b"x"


@pytest.mark.parametrize("kind", ["socks5", "socks5h"])
def test_a_socks_proxy_that_refuses_its_user_has_failed(kind: str, carry: Any, socks_of: Any) -> None:
    (one,) = carry("http://127.0.0.1:1/x", http=via(socks_of(user="us er:other").port, QUOTED, kind))
    assert (one.may_repeat, is_refused(one)) == (NEVER_SENT, False)


@pytest.mark.parametrize("code", [1, 2, 4, 5])
def test_a_socks_proxy_that_does_not_reach_the_server(code: int, carry: Any, socks_of: Any) -> None:
    (one,) = carry("http://127.0.0.1:1/x", http=via(socks_of(refuse=code).port, scheme="socks5h"))
    assert (one.may_repeat, is_refused(one)) == (NEVER_SENT, True)


def test_a_name_that_nobody_has_is_not_the_fault_of_a_socks_proxy(carry: Any, socks_of: Any) -> None:
    (one,) = carry("http://nowhere.invalid/x", http=via(socks_of().port, scheme="socks5"))
    assert (one.may_repeat, is_refused(one)) == (NEVER_SENT, True)
