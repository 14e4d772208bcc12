"""https: the certificate, what holds under TLS as it does without, and clients that shake no hands."""

from __future__ import annotations

import re
import socket
import ssl
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from cryptography import x509

from scraper.errors import UsageError
from scraper.server import (
    Certificate,
    Deadlines,
    Layer,
    Response,
    ServeError,
    Server,
    Site,
    bytes_content,
    present,
)
from scraper.server.certificate import self_signed
from scraper.server.faults import FAULTS, make

DATA = bytes(range(256)) * 1600  # 400 KiB: more than a socket's buffer takes at once
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
WAIT = 20  # seconds that a socket may take before a test fails
HEAD = b"GET %b HTTP/1.%d\r\nHost: h\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate and its key."""
    return self_signed(tmp_path_factory.mktemp("tls"), ["books.example", "192.0.2.1", "bücher.example"], NOW)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate that is good today."""
    return self_signed(tmp_path_factory.mktemp("today"))


@pytest.fixture
def serve(here: Certificate, tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """`serve(layer, tls=True)`: a server of `/file`, `/stream`, `/url` and the file `big.bin`, under a layer."""
    (tmp_path / "big.bin").write_bytes(DATA)
    with ExitStack() as stack:

        def make_server(*layers: Layer, tls: bool = True, **options: Any) -> Server:
            site = Site(tmp_path)
            site.route("/file")(
                lambda request: present(request, bytes_content("image/png", DATA[:40960], 1_700_000_000))
            )
            site.route("/stream")(
                lambda request: Response(stream=(DATA[at : at + 9999] for at in range(0, len(DATA), 9999)))
            )
            site.route("/url")(lambda request: request.url)
            for layer in layers:
                site.lay(layer)
            return stack.enter_context(Server(site, tls=here if tls else False, **options))

        yield make_server


@contextmanager
def connected(server: Server) -> Iterator[socket.socket]:
    """A connection that is ready to be asked; over TLS an end without close_notify raises."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=WAIT) as sock:
        if not server.url.startswith("https:"):
            yield sock
            return
        context = ssl.create_default_context(cafile=server.certificate)
        with context.wrap_socket(sock, server_hostname="localhost", suppress_ragged_eofs=False) as tls:
            yield tls


def heard(server: Server, path: str = "/file", minor: int = 1) -> tuple[bytes, str]:
    """All that comes until the connection ends, without its date, and how it ended."""
    raw = b""
    try:
        with connected(server) as sock:
            sock.sendall(HEAD % (path.encode(), minor))
            while piece := sock.recv(65536):
                raw += piece
    except (ConnectionError, ssl.SSLEOFError):  # of a reset, ssl says now the one, now the other
        return _undated(raw), "broken"
    return _undated(raw), "closed"


def _undated(raw: bytes) -> bytes:
    return re.sub(rb"(?m)^(Date|Server): .*\r\n", b"", raw)


# -- the certificate ---------------------------------------------------------------------------------------


def test_a_certificate_names_this_machine_and_what_it_was_made_for(made: Certificate) -> None:
    certificate = x509.load_pem_x509_certificate(made.cert.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "books.example", "xn--bcher-kva.example"]
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1", "192.0.2.1"]
    assert certificate.not_valid_before_utc < NOW < certificate.not_valid_after_utc
    assert (certificate.not_valid_after_utc - NOW).days == 365


def test_the_key_is_for_this_user_only(made: Certificate) -> None:
    assert stat.S_IMODE(made.key.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_a_strict_client_takes_it(serve: Any, name: str) -> None:
    server = serve()
    context = ssl.create_default_context(cafile=server.certificate)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=WAIT) as sock,
        context.wrap_socket(sock, server_hostname=name) as tls,
    ):
        assert (tls.version(), tls.selected_alpn_protocol()) == ("TLSv1.3", "http/1.1")


def test_a_client_that_does_not_know_it_refuses_it(serve: Any) -> None:
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(serve().url, timeout=WAIT)


def test_a_server_makes_its_own_and_takes_it_away(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("hello")
    with Server(tmp_path, tls=True) as server:
        assert server.certificate is not None
        assert requests.get(f"{server.url}/a", verify=str(server.certificate), timeout=WAIT).text == "hello"
        assert [one.name for one in server.certificate.parent.iterdir()] == ["cert.pem"]
    assert not server.certificate.parent.exists()


@pytest.mark.parametrize(
    ("cert", "key", "told"),
    [
        ("none.pem", "key.pem", "the certificate .*none.pem or its key .*key.pem cannot be read: No such file"),
        ("cert.pem", "other.pem", "the key .*other.pem is not that of the certificate .*cert.pem"),
        ("cert.pem", "cert.pem", "the key .*cert.pem is no PEM file that goes with the certificate .*cert.pem"),
        ("cert.pem", "locked.pem", "the key is locked with a password; give one without"),
    ],
)
def test_a_certificate_that_cannot_be_used_is_one_line(
    here: Certificate, made: Certificate, tmp_path: Path, cert: str, key: str, told: str
) -> None:
    from cryptography.hazmat.primitives import serialization as pem

    secret = pem.load_pem_private_key(here.key.read_bytes(), None)
    locked = secret.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.BestAvailableEncryption(b"x"))
    (tmp_path / "cert.pem").write_bytes(here.cert.read_bytes())
    (tmp_path / "key.pem").write_bytes(here.key.read_bytes())
    (tmp_path / "other.pem").write_bytes(made.key.read_bytes())
    (tmp_path / "locked.pem").write_bytes(locked)
    with pytest.raises(UsageError, match=f"^{told}"):
        Server(tmp_path, tls=Certificate(tmp_path / cert, tmp_path / key)).start()


# -- the same as without -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/file", "/big.bin", "/stream", "/nothing"])
@pytest.mark.parametrize("minor", [0, 1])
def test_what_is_served_is_the_same_and_ends_rightly(serve: Any, path: str, minor: int) -> None:
    secure, plain = heard(serve(), path, minor), heard(serve(tls=False), path, minor)
    assert secure == plain
    assert secure[1] == "closed"


def test_urls_are_https(serve: Any) -> None:
    server = serve()
    assert server.url == f"https://127.0.0.1:{server.port}"
    assert heard(server, "/url")[0].endswith(b"https://h/url")


def test_a_connection_is_kept_for_the_next_request(serve: Any) -> None:
    server = serve()
    with requests.Session() as session:
        session.verify = str(server.certificate)
        bodies = [session.get(f"{server.url}/big.bin", timeout=WAIT).content for _ in range(3)]
    assert bodies == [DATA] * 3
    assert len({seen.port for seen in server.log}) == 1


SMALL = {
    "big_head": {"size": "200k"},
    "bomb": {"size": "1M"},
    "silence": {"seconds": 0},
    "stall": {"seconds": 0},
    "drip": {"rate": "4M"},
    "endless": {"most": "100k"},
    "interim": {"count": 3},
}


@pytest.mark.parametrize("fault", [name for name in FAULTS if name not in ("refuse", "drip_head")])
def test_a_fault_is_the_same_under_tls(serve: Any, fault: str) -> None:
    layer = make(fault, **SMALL.get(fault, {}))
    assert heard(serve(layer)) == heard(serve(layer, tls=False))


def test_a_reset_comes_on_the_wire_after_what_came_before_it(serve: Any) -> None:
    server = serve(make("reset", at="50%"))
    coming, going = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = ssl.create_default_context(cafile=server.certificate).wrap_bio(coming, going, server_hostname="localhost")
    raw, said = b"", 0
    with socket.create_connection(("127.0.0.1", server.port), timeout=WAIT) as sock:

        def go_on() -> bytes:
            nonlocal said
            try:
                tls.do_handshake()
                said = said or tls.write(HEAD % (b"/file", 1))
                return tls.read(65536)
            except ssl.SSLWantReadError:
                sock.sendall(going.read())
                coming.write(sock.recv(65536))
                return b""

        with suppress(ConnectionResetError):
            while True:
                raw += go_on()
    assert raw.partition(b"\r\n\r\n")[2] == DATA[:20480]


def test_a_refused_connection_gets_no_handshake(serve: Any) -> None:
    assert heard(serve(make("refuse")))[0] == b""


def test_a_slow_reader_gets_everything(serve: Any) -> None:
    """The server has to wait for the socket again and again, with the file and with the end of it."""
    with connected(serve()) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
        sock.sendall(HEAD % (b"/big.bin", 0))
        raw = b""
        while piece := sock.recv(5000):
            raw += piece
    assert raw.partition(b"\r\n\r\n")[2] == DATA


# -- clients that do not shake hands -----------------------------------------------------------------------


def test_plain_http_is_told_what_to_write(serve: Any, wire: SimpleNamespace) -> None:
    server = serve()
    reply = wire.parse(wire.talk(server.port, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"))
    assert reply.status == 400
    assert b"this port speaks https" in reply.body
    assert server.log == []


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01", b"\x16\x03\x01\x02\x00\x01"])
def test_a_handshake_that_does_not_go_on_is_ended(serve: Any, wire: SimpleNamespace, said: bytes) -> None:
    server = serve(deadlines=Deadlines(handshake=0.1))
    with socket.create_connection(("127.0.0.1", server.port), timeout=WAIT) as sock:
        sock.sendall(said)
        assert wire.read_all(sock) == b""


def test_noise_is_no_handshake(serve: Any, wire: SimpleNamespace, caplog: pytest.LogCaptureFixture) -> None:
    server = serve()
    assert b"HTTP" not in wire.talk(server.port, b"\0\1\2\3" * 100)
    server.close()
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


def test_silent_handshakes_do_not_keep_others_out(serve: Any) -> None:
    server = serve()
    silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(100)]
    for sock in silent:
        sock.sendall(b"\x16\x03\x01")
    assert heard(server)[1] == "closed"
    for sock in silent:
        sock.close()


def test_too_many_connections_are_closed(serve: Any, wire: SimpleNamespace) -> None:
    server = serve(max_connections=1)
    with connected(server), socket.create_connection(("127.0.0.1", server.port), timeout=WAIT) as second:
        assert wire.read_all(second) == b""


def test_close_ends_handshakes_and_answers_under_way(serve: Any) -> None:
    server = serve(make("stall", at=1))
    with connected(server) as sock, socket.create_connection(("127.0.0.1", server.port), timeout=WAIT) as silent:
        sock.sendall(HEAD % (b"/file", 1))
        sock.recv(10)
        server.close()
        assert silent.recv(10) == b""


def test_a_port_in_use_is_told_as_ever(serve: Any, tmp_path: Path) -> None:
    with pytest.raises(ServeError, match="in use"):
        Server(tmp_path, port=serve().port, tls=True).start()
