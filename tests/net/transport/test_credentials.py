"""Who asks: basic, digest, bearer, netrc, and user and password of a URL; at home only (JOBS.md, Secrets)."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from scraper import secrets
from scraper.job.parts import Auth
from scraper.net.outgoing import Wire
from scraper.server import Request, Response, Server, Site


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def authorizations(server: Server, headers_of: Any) -> list[str | None]:
    return [headers_of(seen).get("authorization") for seen in server.log]


AUTHS = {
    "basic": ({"basic": ["me", "pw"]}, basic("me", "pw")),
    "basic beyond ASCII": ({"basic": ["mé", "päss:wörd"]}, basic("mé", "päss:wörd")),
    "basic without a password": ({"basic": ["me", ""]}, basic("me", "")),
    "bearer": ({"bearer": "tok.en-1"}, "Bearer tok.en-1"),
    "a mark": ({"bearer": secrets.mark("env", "TOKEN")}, "Bearer t0ken"),
}


@pytest.mark.parametrize("kind", AUTHS)
def test_credentials_go_home_and_nowhere_else(kind: str, carry: Any, server: Server, headers_of: Any) -> None:
    """`localhost` is the same server, and another origin."""
    carry.known["env:TOKEN"] = "t0ken"
    auth, header = AUTHS[kind]
    away = f"http://localhost:{server.port}/x"
    carry(f"{server.url}/x", away, f"{server.url}/x", http={"auth": auth}, home=[server.url])
    assert authorizations(server, headers_of) == [header, None, header]


def test_an_exchange_may_have_its_own(carry: Any, server: Server, headers_of: Any) -> None:
    url = f"{server.url}/x"
    own = Wire("GET", url, auth=Auth(basic=("own", "pw")))
    carry(own, url, http={"auth": {"bearer": "job"}, "headers": {"authorization": "given"}}, home=[server.url])
    assert authorizations(server, headers_of) == [basic("own", "pw"), "Bearer job"]


def test_the_user_of_a_url(carry: Any, server: Server, headers_of: Any) -> None:
    """Percent-decoded, at home; what is written elsewhere is no credential of the job."""
    rest = f"me%40x:p%2Fw%C3%A9@127.0.0.1:{server.port}"
    away = f"http://me:pw@localhost:{server.port}/away"
    carry(f"http://{rest}/x", away, http={}, home=[server.url])
    assert authorizations(server, headers_of) == [basic("me@x", "p/wé"), None]
    assert [seen.target for seen in server.log] == ["/x", "/away"]


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("machine 127.0.0.1 login me password pw", basic("me", "pw")),
        ("machine other login a password b\ndefault login me password pw", basic("me", "pw")),
        ("machine other login me password pw", None),
    ],
)
def test_a_netrc_where_the_job_asks_for_it(
    text: str, header: str | None, carry: Any, server: Server, headers_of: Any, monkeypatch: Any, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text(f"{text}\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    http = {"auth": {"netrc": True}}
    carry(f"{server.url}/x", f"http://localhost:{server.port}/x", http=http, home=[server.url])
    assert authorizations(server, headers_of) == [header, None]


def test_a_netrc_that_cannot_be_read_sends_nothing(
    carry: Any, server: Server, monkeypatch: Any, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    (one,) = carry(f"{server.url}/x", http={"auth": {"netrc": True}}, home=[server.url])
    assert one.may_repeat == ("failed:protocol", False, True)
    assert server.log == []


# -- digest (RFC 7616) -------------------------------------------------------------------------------------


class Digested:
    """A route that lets in who answers its challenge rightly."""

    def __init__(self, algorithm: str = "MD5", password: str = "pässword", stale: bool = False) -> None:
        self.algorithm = algorithm
        self.password = password
        self.nonces = iter(["n0", "n1", "n2", "n3"] if stale else ["n0"] * 20)
        self.nonce = next(self.nonces)
        self.asked: list[dict[str, str]] = []

    def __call__(self, request: Request, **_: str) -> Response:
        given = dict(re.findall(r'(\w+)="?([^",]*)"?', request.headers.get("authorization") or ""))
        self.asked.append(given)
        if given.get("nonce") == self.nonce and given["response"] == self._right(request, given):
            self.nonce = next(self.nonces)
            return Response(200, {}, b"in")
        stale = "true" if given and given["nonce"] != self.nonce else "false"
        fields = f'realm="r", nonce="{self.nonce}", qop="auth", algorithm={self.algorithm}, stale={stale}, opaque="o"'
        return Response(401, {"WWW-Authenticate": f"Digest {fields}"}, b"the body of a challenge")

    def _right(self, request: Request, given: dict[str, str]) -> str:
        def hashed(text: str) -> str:
            return hashlib.new(self.algorithm.replace("-", ""), text.encode()).hexdigest()

        assert given["uri"] == request.target
        first = hashed(f"üser:r:{self.password}")
        second = hashed(f"{request.method}:{given['uri']}")
        return hashed(f"{first}:{given['nonce']}:{given['nc']}:{given['cnonce']}:{given['qop']}:{second}")


@pytest.fixture
def digested(carry: Any) -> Iterator[Callable[..., Any]]:
    """Exchanges with a server that wants digest authentication everywhere."""
    server = Server(Site())

    def ask(*targets: str, password: str = "pässword", **options: Any) -> tuple[Digested, list[Any]]:
        route = Digested(**options)
        server.site.route("/<path:rest>")(route)
        http = {"auth": {"digest": ["üser", password]}}
        return route, carry(*(f"{server.url}{target}" for target in targets), http=http, home=[server.url])

    with server:
        yield ask


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_a_challenge_is_answered(algorithm: str, digested: Any) -> None:
    """What is hashed is what is sent; libcurl hashes percent-encoding in capitals, so both send it so."""
    route, (one,) = digested("/d/a%2fb?x=%c3%a4", algorithm=algorithm)
    assert (one.result, one.told) == (("whole", 200, b"in"), ["head", "piece", "done"])
    assert [given.get("uri") for given in route.asked] == [None, "/d/a%2Fb?x=%C3%A4"]


def test_a_nonce_serves_again(digested: Any) -> None:
    route, told = digested("/d/1", "/d/2", "/d/3")
    assert [one.result for one in told] == [("whole", 200, b"in")] * 3
    assert [given.get("nc") for given in route.asked] == [None, "00000001", "00000002", "00000003"]


def test_a_stale_nonce_is_replaced(digested: Any) -> None:
    _, told = digested("/d/1", "/d/2", "/d/3", stale=True)
    assert [one.result for one in told] == [("whole", 200, b"in")] * 3


def test_a_wrong_password_is_a_401(digested: Any) -> None:
    route, (one,) = digested("/d/1", password="wrong")
    assert (one.result, one.told) == (("whole", 401, b"the body of a challenge"), ["head", "piece", "done"])
    assert len(route.asked) == 2


def test_a_challenge_is_answered_at_home_only(carry: Any, server: Server) -> None:
    route = Digested()
    server.site.route("/d")(route)
    http = {"auth": {"digest": ["üser", "pässword"]}}
    url = f"http://localhost:{server.port}/d"
    (one,) = carry(url, http=http, home=[server.url])
    assert (one.status, route.asked) == (401, [{}])


@pytest.mark.parametrize(
    "challenge",
    [
        "Digest",
        'Digest realm="r"',
        'Digest nonce="n"',
        "Digest realm, nonce",
        'Digest realm="r", nonce="n", algorithm="x"',
        'Digest realm="r", nonce="n", qop="auth-int"',
        'Basic realm="digest "',
        "Bearer",
    ],
)
def test_a_challenge_that_cannot_be_answered_is_a_401(challenge: str, carry: Any, server: Server) -> None:
    server.site.route("/x")(lambda request: Response(401, {"WWW-Authenticate": challenge}, b"no"))
    (one,) = carry(f"{server.url}/x", http={"auth": {"digest": ["u", "p"]}}, home=[server.url])
    assert one.result == ("whole", 401, b"no")


@pytest.mark.parametrize("size", [0, 30_000, 300_000])
def test_the_body_of_a_challenge_is_nobodys(size: int, carry: Any, server: Server) -> None:
    @server.site.route("/x")
    def ask(request: Request) -> Response:
        if "authorization" in request.headers:
            return Response(200, {}, b"in")
        return Response(401, {"WWW-Authenticate": 'Digest realm="r", nonce="n", qop="auth"'}, bytes(size))

    (one,) = carry(f"{server.url}/x", http={"auth": {"digest": ["u", "p"]}}, home=[server.url])
    assert one.result == ("whole", 200, b"in")
