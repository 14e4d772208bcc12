"""TLS: whom we believe, whom we show our certificate to (JOBS.md, http)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scraper.net.outgoing import Wire

UNBELIEVED = ("failed:tls", False, False)


@pytest.mark.parametrize("verify", ["file", "folder", False])
def test_a_certificate_that_holds_or_is_not_asked_for(verify: Any, carry: Any, tls: Any) -> None:
    server = tls()
    given = {"file": server.ca, "folder": str(Path(server.ca).parent / "hashed")}.get(verify, verify)
    (one,) = carry(f"{server.url}/x", http={"verify": given})
    assert one.result == ("whole", 200, b"hello")
    assert (one.answer.address, one.answer.is_proxied) == ("127.0.0.1", False)


@pytest.mark.parametrize(
    ("name", "verify"),
    [
        ("server", True),
        ("server", "other.pem"),
        ("server", "empty"),
        ("other", "other.pem"),
        ("expired", "expired.pem"),
        ("expired", True),
    ],
)
def test_a_certificate_that_does_not_hold(name: str, verify: Any, carry: Any, tls: Any) -> None:
    """Unknown, of another authority, for another host, too old: no byte of the request is sent."""
    server = tls(name)
    given = str(Path(server.ca).parent / verify) if isinstance(verify, str) else verify
    (one,) = carry(f"{server.url}/x", http={"verify": given, "headers": {"X-Api-Key": "k"}}, home=[server.url])
    assert (one.may_repeat, one.answer, server.heads) == (UNBELIEVED, None, [])


def test_a_certificate_of_another_host_holds_where_nobody_asks(carry: Any, tls: Any) -> None:
    assert carry(f"{tls('other').url}/x", http={"verify": False})[0].body == b"hello"


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_bundle_of_the_environment(variable: str, carry: Any, tls: Any, monkeypatch: Any) -> None:
    server = tls()
    monkeypatch.setenv(variable, server.ca)
    assert carry(f"{server.url}/x")[0].body == b"hello"
    assert carry(f"{server.url}/x", http={"verify": False})[0].body == b"hello"


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_variables_of_openssl_are_not_asked(variable: str, carry: Any, tls: Any, monkeypatch: Any) -> None:
    server = tls()
    given = server.ca if variable.endswith("FILE") else str(Path(server.ca).parent / "hashed")
    monkeypatch.setenv(variable, given)
    assert carry(f"{server.url}/x")[0].may_repeat == UNBELIEVED


@pytest.mark.parametrize("cert", [["client.pem", "client.key"], "both.pem"])
def test_our_certificate_is_shown_at_home_and_nowhere_else(cert: Any, carry: Any, tls: Any) -> None:
    home, away = tls(ask=True), tls(ask=True)
    folder = Path(home.ca).parent
    given = [str(folder / one) for one in cert] if isinstance(cert, list) else str(folder / cert)
    http = {"verify": home.ca, "cert": given}
    asked = [f"{home.url}/1", f"{away.url}/2", f"{home.url}/3", f"{away.url}/4"]
    assert [one.ending for one in carry(*asked, http=http, home=[home.url])] == ["whole"] * 4
    assert ([bool(peer) for peer in home.peers], [bool(peer) for peer in away.peers]) == ([True] * 2, [False] * 2)


def test_a_server_that_wants_a_certificate_we_do_not_have(carry: Any, tls: Any) -> None:
    server = tls(ask="must")
    (one,) = carry(f"{server.url}/x", http={"verify": server.ca})
    assert (one.may_repeat, one.answer) == (UNBELIEVED, None)


def test_another_protocol_at_the_port(carry: Any, server: Any, tls: Any) -> None:
    """TLS to a server that speaks none, and none to one that does."""
    (one,) = carry(f"https://127.0.0.1:{server.port}/x")
    assert one.may_repeat == UNBELIEVED
    (one,) = carry(tls().url.replace("https:", "http:") + "/x")
    assert one.ending == "failed:protocol"


def test_a_tls_that_is_too_old(carry: Any, tls: Any) -> None:
    server = tls(version="TLSv1_1")
    assert carry(f"{server.url}/x", http={"verify": server.ca})[0].may_repeat == UNBELIEVED


def test_a_connection_that_is_kept_belongs_to_those_who_may_use_it(carry: Any, tls: Any) -> None:
    """One that showed our certificate serves nobody else."""
    server = tls(ask=True, keep=True)
    folder = Path(server.ca).parent
    http = {"verify": server.ca, "cert": [str(folder / "client.pem"), str(folder / "client.key")]}
    asked = [f"{server.url}/1", f"https://localhost:{server.port}/2", f"{server.url}/3"]
    assert [one.ending for one in carry(*asked, http=http, home=[server.url])] == ["whole"] * 3
    assert sorted(bool(peer) for peer in server.peers) == [False, True, True]
    assert server.connections == 2


def test_a_guarded_exchange_tells_a_private_server_not_even_its_name(carry: Any, tls: Any) -> None:
    server = tls()
    (one,) = carry(Wire("GET", f"{server.url}/x", guarded=True), http={"verify": server.ca})
    assert (one.ending, server.heads, server.handshakes) == ("skipped:private", [], 0)
