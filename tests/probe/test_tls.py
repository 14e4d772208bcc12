"""TLS: what is negotiated, which versions are taken, the certificate, and why it does not hold."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def test_a_certificate_that_holds_is_told_with_its_names_issuer_and_days(tls: Any, certs: Path, ask: Any) -> None:
    told = ask(tls("server"), f"http.verify={certs / 'ca.pem'}")
    found = told.report.tls
    assert (told.report.exit_code, found.verified, found.version) == (0, True, "TLSv1.3")
    certificate = found.certificate
    assert (certificate.subject, certificate.issuer) == ("CN=server", "CN=ca")
    assert (certificate.names, certificate.days) == (("localhost", "127.0.0.1"), 30)
    assert found.versions == {"1.0": "refused", "1.1": "refused", "1.2": "taken", "1.3": "taken"}
    assert "30 days left" in told.text


@pytest.mark.parametrize(
    ("name", "trusted", "why"),
    [
        ("self", None, "CERTIFICATE_SELF_SIGNED"),
        ("server", None, "CERTIFICATE_UNKNOWN_ISSUER"),
        ("expired", "ca", "CERTIFICATE_EXPIRED"),
        ("early", "ca", "CERTIFICATE_NOT_YET_VALID"),
        ("other", "ca", "CERTIFICATE_WRONG_NAME"),
    ],
)
def test_a_certificate_that_does_not_hold_is_read_all_the_same(
    name: str, trusted: str | None, why: str, tls: Any, certs: Path, ask: Any
) -> None:
    told = ask(tls(name), *([] if trusted is None else [f"http.verify={certs / trusted}.pem"]))
    assert (told.failure, told.report.exit_code) == (("tls", why), 4)
    assert told.report.tls.certificate.subject == f"CN={name}"
    assert told.report.hops == []
    assert "next     " in told.text


def test_an_expired_certificate_says_since_when(tls: Any, certs: Path, ask: Any) -> None:
    told = ask(tls("expired"), f"http.verify={certs / 'ca.pem'}")
    assert "expired 3 days ago" in told.text


def test_what_does_not_hold_is_no_failure_where_a_run_does_not_look(tls: Any, ask: Any) -> None:
    told = ask(tls("self"), "http.verify=false")
    assert (told.report.exit_code, told.report.tls.verified, told.report.tls.checked) == (0, False, False)
    assert told.report.answer.status == 200
    assert "self-signed; a run does not look" in told.text


@pytest.mark.parametrize(
    ("least", "most", "taken"),
    [("TLSv1_2", "TLSv1_2", ["1.2"]), ("TLSv1", "TLSv1_2", ["1.0", "1.1", "1.2"]), ("TLSv1_3", "TLSv1_3", ["1.3"])],
)
def test_each_version_is_asked_for(least: str, most: str, taken: list[str], tls: Any, certs: Path, ask: Any) -> None:
    told = ask(tls("server", least, most), f"http.verify={certs / 'ca.pem'}")
    assert [name for name, state in told.report.tls.versions.items() if state == "taken"] == taken


def test_a_server_of_old_versions_alone_is_told_as_such(tls: Any, certs: Path, ask: Any) -> None:
    told = ask(tls("server", "TLSv1", "TLSv1_1"), f"http.verify={certs / 'ca.pem'}")
    assert told.failure[0] == "tls"
    assert "taken: 1.0, 1.1" in told.text
    assert "turn on 1.2 or 1.3" in told.text


@pytest.mark.parametrize("most", ["TLSv1_2", "TLSv1_3"])
def test_a_server_that_wants_our_certificate_takes_its_versions(most: str, tls: Any, certs: Path, ask: Any) -> None:
    url = tls("server", "TLSv1_2", most, ask=True)
    told = ask(url, f"http.verify={certs / 'ca.pem'}")
    assert told.report.tls.versions["1.2"] == "taken"
    assert told.report.exit_code == 4
    shown = ask(url, f"http.verify={certs / 'ca.pem'}", f"http.cert=[{certs / 'client.pem'}, {certs / 'client.key'}]")
    assert shown.report.exit_code == 0
    assert "shows our certificate" in shown.text


def test_a_certificate_of_ours_that_is_none_is_told(tls: Any, certs: Path, ask: Any, tmp_path: Path) -> None:
    (tmp_path / "none.pem").write_text("no certificate")
    assert ask(tls("server"), f"http.cert={tmp_path / 'none.pem'}").failure == ("tls", "OUR_CERTIFICATE")
    assert ask(tls("server"), f"http.verify={tmp_path / 'none.pem'}").failure == ("tls", "OUR_CERTIFICATE")


def test_what_speaks_no_tls_is_told_with_the_cure(server: Any, ask: Any) -> None:
    told = ask(server.url.replace("http:", "https:"))
    assert told.failure[0] == "tls"
    assert "try http:// in place of https://" in told.text


def test_a_server_that_hangs_up_in_the_handshake(listen: Callable[..., Any], ask: Any) -> None:
    def serve(client: socket.socket) -> None:
        client.recv(65536)

    told = ask(f"https://127.0.0.1:{listen(serve).port}/")
    assert told.failure[0] == "tls"
    assert "hung up in the handshake" in told.text


def test_a_handshake_that_is_not_answered_ends_in_time(listen: Callable[..., Any], ask: Any) -> None:
    def serve(client: socket.socket) -> None:
        while client.recv(65536):
            pass

    told = ask(f"https://127.0.0.1:{listen(serve).port}/", "http.timeout.connect=0.1")
    assert told.failure == ("tls", "ETIMEDOUT")
    assert told.report.tls.versions == {}
