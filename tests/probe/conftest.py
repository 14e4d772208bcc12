"""What a probe meets: TLS servers with certificates of every kind, proxies, and servers that say a line."""

from __future__ import annotations

import datetime
import ipaddress
import json
import socket
import ssl
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from scraper.probe import Report, probe, target_of
from scraper.probe.lines import lines
from scraper.probe.patience import Patience
from scraper.run.probing import bare, settings_of
from scraper.server import Server, Site
from tests.listening import Listening

NOW = datetime.datetime.now(datetime.UTC)
LOCAL = ("127.0.0.1", "localhost")


@pytest.fixture(autouse=True)
def _quiet_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of this machine's CA settings counts."""
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)


# -- certificates ------------------------------------------------------------------------------------------


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _make(
    folder: Path, name: str, hosts: tuple[str, ...], *, days: int = 30, since: int = -400, issuer: Any = None
) -> Any:
    """`<name>.pem` and `<name>.key`; without an issuer its own."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(name)
    issuer_name, issuer_key = (subject, key) if issuer is None else issuer
    alternatives: list[x509.GeneralName] = [
        x509.IPAddress(ipaddress.ip_address(host)) if host[0].isdigit() else x509.DNSName(host) for host in hosts
    ]
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + datetime.timedelta(days=since))
        .not_valid_after(NOW + datetime.timedelta(days=days, hours=12))
        .add_extension(x509.BasicConstraints(ca=not hosts or issuer is None, path_length=None), critical=True)
    )
    if alternatives:
        made = made.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    certificate = made.sign(issuer_key, hashes.SHA256())
    (folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return subject, key


@pytest.fixture(scope="session")
def certs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder: `self` is its own authority; `ca` signed `server`, `expired`, `early`, `other` (another host)."""
    folder = tmp_path_factory.mktemp("certs")
    _make(folder, "self", LOCAL)
    ca = _make(folder, "ca", ())
    _make(folder, "server", LOCAL, issuer=ca)
    _make(folder, "expired", LOCAL, days=-3, issuer=ca)
    _make(folder, "early", LOCAL, since=2, issuer=ca)
    _make(folder, "other", ("other.example", "192.0.2.7"), issuer=ca)
    _make(folder, "client", ("client.example",))
    return folder


# -- servers -----------------------------------------------------------------------------------------------


class Listener(Listening):
    """Accepts, and hands each connection to `serve`; `port` is its port."""

    def __init__(self, serve: Callable[[socket.socket], None], host: str = "127.0.0.1") -> None:
        self._talk = serve
        self.listen(host)

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            self._talk(client)


def _tls_context(certs: Path, name: str, least: str | None, most: str | None, *, ask: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certs / f"{name}.pem", certs / f"{name}.key")
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion[least or "TLSv1_2"]
        context.maximum_version = ssl.TLSVersion[most or "TLSv1_3"]
    if ask:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(certs / "client.pem")
    return context


Listen = Callable[..., Listener]


@pytest.fixture
def listen() -> Iterator[Listen]:
    """`listen(serve)`: a listener until the test ends."""
    with ExitStack() as stack:

        def start(serve: Callable[[socket.socket], None], host: str = "127.0.0.1") -> Listener:
            listener = Listener(serve, host)
            stack.callback(listener.close)
            return listener

        yield start


@pytest.fixture
def tls(listen: Listen, certs: Path) -> Callable[..., str]:
    """`tls("server", least="TLSv1_2")`: the URL of a TLS server that answers every request with `hello`."""

    def start(name: str, least: str | None = None, most: str | None = None, *, ask: bool = False) -> str:
        context = _tls_context(certs, name, least, most, ask=ask)

        def serve(client: socket.socket) -> None:
            with context.wrap_socket(client, server_side=True) as secured:
                while secured.recv(65536):
                    secured.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")

        return f"https://127.0.0.1:{listen(serve).port}"

    return start


@pytest.fixture
def server() -> Iterator[Server]:
    """The bundled server, of which every request is noted."""
    with Server(Site()) as running:
        yield running


@pytest.fixture
def closed_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


# -- asking ------------------------------------------------------------------------------------------------


class Asked:
    """A probe that is over: its report, and what a person reads of it."""

    def __init__(self, report: Report, text: str) -> None:
        self.report = report
        self.text = text

    @property
    def failure(self) -> tuple[str, str]:
        """Stage and name of the one failure."""
        (one,) = self.report.failures
        return one.stage, one.name

    @property
    def all(self) -> str:
        """All that is told, as text and as JSON."""
        return f"{self.text}\n{json.dumps(self.report.as_dict())}"


Ask = Callable[..., Asked]


@pytest.fixture
def ask() -> Ask:
    """`ask(url)`: a probe without a job; `loaded`: with one."""

    def it(
        url: str, *overrides: str, loaded: Any = None, send: str | None = None, service: str | None = None,
        patience: Patience | None = None,
    ) -> Asked:  # fmt: skip
        given = bare(url, overrides) if loaded is None else loaded
        settings, own = settings_of(given, url, is_job=loaded is not None)
        report, stages = probe(target_of(url, send, service), settings, patience or own)
        text = "\n".join(f"{line.heading:<9}{line.text}" for stage in stages for line in lines(report, stage))
        return Asked(report, text)

    return it
