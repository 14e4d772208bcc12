"""One suite, two transports: a script of exchanges, performed by one of them, and what became of each.

    told = carry(f"{server.url}/a", f"{server.url}/b", http={"headers": {"X": "1"}})
    assert [one.body for one in told] == [b"a", b"b"]

`carry` is there once for each transport, and hands them exchanges directly, without scheduler, ledger or disk. With
`jobs=1`, as by default, one exchange begins when the one before it is done.
"""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from scraper import errors
from scraper.job.parts import Http
from scraper.net.answer import Answer
from scraper.net.curl import CurlTransport
from scraper.net.outgoing import Outgoing, Wire
from scraper.net.rate import Rate
from scraper.net.session import Session
from scraper.net.session.threads import RequestsTransport
from scraper.net.transport import Transport
from scraper.server import Raw, Seen, Server, Site
from tests.listening import Listening

PATIENCE = {"timeout": {"connect": 5, "read": 5}}
JOIN = 60.0


class Order:
    """An exchange (net/transport.py) that notes what it is told.

    Attributes:
        told: the names of the methods that were called, in order, pieces counted once.
        trouble: what `done` was given.
    """

    def __init__(
        self, asked: str | Wire, *, wanted: bool = True, at_head: Callable[[Answer], Any] | None = None,
        at_piece: Callable[[bytes], Any] | None = None, at_done: Callable[[], Any] | None = None,
    ) -> None:  # fmt: skip
        self.wire = Wire("GET", asked, encodings="identity") if isinstance(asked, str) else asked
        self.wanted = wanted
        self.unwanted: Exception | None = None
        self.answer: Answer | None = None
        self.pieces: list[bytes] = []
        self.trouble: Exception | None = None
        self.told: list[str] = []
        self._at_head, self._at_piece, self._at_done = at_head, at_piece, at_done

    def head(self, answer: Answer) -> bool:
        self.told.append("head")
        self.answer = answer
        if self._at_head is not None:
            self._at_head(answer)
        return self.wanted

    def piece(self, piece: bytes) -> None:
        if self.told[-1] != "piece":
            self.told.append("piece")
        self.pieces.append(piece)
        if self._at_piece is not None:
            self._at_piece(piece)

    def done(self, trouble: Exception | None) -> None:
        self.told.append("done")
        self.trouble = trouble
        if self._at_done is not None:
            self._at_done()

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def status(self) -> int | None:
        return None if self.answer is None else self.answer.status

    @property
    def ending(self) -> str:
        """`whole`, `failed:<class>`, `skipped:<why>`, or the name of a bug."""
        if self.trouble is None:
            return "whole"
        return self.trouble.ending if isinstance(self.trouble, errors.RequestError) else type(self.trouble).__name__

    @property
    def result(self) -> tuple[str, int | None, bytes]:
        """The ending, the status and the body."""
        return self.ending, self.status, self.body

    @property
    def may_repeat(self) -> tuple[str, bool, bool]:
        """The ending, whether bytes of the request may have reached the server, and whether it is final."""
        assert isinstance(self.trouble, errors.RequestError), self.trouble
        return self.ending, self.trouble.sent, self.trouble.final


class Script:
    """A source (net/transport.py) that hands out its exchanges in order, and then says that this was all.

    Attributes:
        asked: how many exchanges each `take` was allowed; None for a `wait`.
        bugs: what `failed_with` was given.
    """

    def __init__(self, orders: Iterable[Order]) -> None:
        self._left = list(orders)
        self._lock = threading.Lock()
        self.asked: list[int | None] = []
        self.bugs: list[BaseException] = []

    def take(self, most: int) -> Sequence[Order] | None:
        with self._lock:
            self.asked.append(most)
            given, self._left = self._left[:most], self._left[most:]
            return given or None

    def wait(self) -> Sequence[Order] | None:
        with self._lock:
            self.asked.append(None)
            return [self._left.pop(0)] if self._left else None

    def pause(self) -> float | None:
        return None

    def wake_by(self, wake: Callable[[], None]) -> None:
        self.wake = wake

    def failed_with(self, bug: BaseException) -> None:
        self.bugs.append(bug)


def make_curl(outgoing: Outgoing, jobs: int, rate: Rate) -> Transport:
    return CurlTransport(outgoing, jobs, rate=rate)


def make_requests(outgoing: Outgoing, jobs: int, rate: Rate) -> Transport:
    return RequestsTransport(outgoing, Session(outgoing, jobs, rate), jobs)


MAKERS = {"curl": make_curl, "requests": make_requests}


class Carry:
    """See the top of this file. `name` is the transport's; `outgoing` that of the last call; `known` the secrets.

    Attributes:
        tap: who listens in on all of it; detour: where all of it goes.
    """

    tap: Any = None
    detour: Any = None

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self.known: dict[str, str] = {}
        self.outgoing: Outgoing | None = None

    def __call__(
        self, *asked: str | Wire | Order, http: Mapping[str, Any] | None = None, home: Iterable[str] = (),
        jobs: int = 1, rate: Rate | None = None,
    ) -> list[Order]:  # fmt: skip
        """Performs exchanges, and gives them back when all are done. `home` are the origins that secrets may go to."""
        orders = [one if isinstance(one, Order) else Order(one) for one in asked]
        script = Script(orders)
        self.drive(script, http=http, home=home, jobs=jobs, rate=rate)
        assert script.bugs == []
        assert [one.told.count("done") for one in orders] == [1] * len(orders)
        assert [one.told[-1] for one in orders] == ["done"] * len(orders)
        return orders

    def drive(
        self, source: Any, *, http: Mapping[str, Any] | None = None, home: Iterable[str] = (), jobs: int = 1,
        rate: Rate | None = None,
    ) -> None:  # fmt: skip
        """Lets the transport work until the source gives no more."""
        settings = Http.model_validate({**PATIENCE, **(http or {})})
        self.outgoing = Outgoing(settings, self.known.__getitem__, home, self.folder)
        self.outgoing.tap, self.outgoing.detour = self.tap, self.detour
        threads = MAKERS[self.name](self.outgoing, jobs, rate or Rate(None)).threads(source)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(JOIN)
        assert not any(thread.is_alive() for thread in threads)


@pytest.fixture(params=sorted(MAKERS))
def carry(request: pytest.FixtureRequest, tmp_path: Path) -> Carry:
    """Each transport."""
    return Carry(str(request.param), tmp_path)


@pytest.fixture
def server() -> Iterator[Server]:
    """The bundled server; `/<anything>` answers with its own path."""
    site = Site()
    site.route("/<path:path>")(lambda request, path: path.encode())
    with Server(site) as server:
        yield server


@pytest.fixture
def answered(carry: Carry, server: Server) -> Callable[..., Order]:
    """What becomes of an exchange that gets this answer, a Raw, a Response, bytes, or a route."""

    def ask(answer: Any, **options: Any) -> Order:
        given = Raw(answer) if isinstance(answer, bytes) else answer
        server.site.route("/x")(given if callable(given) else lambda request: given)
        return carry(f"{server.url}/x", **options)[0]

    return ask


@pytest.fixture
def unused_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def headers_of(seen: Seen) -> dict[str, str]:
    """The headers of a request, names in lower case; one that came twice fails the test."""
    names = [name.lower() for name, _ in seen.headers]
    assert len(set(names)) == len(names), names
    return {name.lower(): value for name, value in seen.headers}


@pytest.fixture
def sent(carry: Carry, server: Server) -> Callable[..., dict[str, str]]:
    """The headers that came at the server for one exchange, Host left out."""

    def ask(asked: str | Wire = "", **options: Any) -> dict[str, str]:
        (one,) = carry(asked or f"{server.url}/x", **options)
        assert one.ending == "whole", one.trouble
        found = headers_of(server.log[-1])
        assert found.pop("host") == f"127.0.0.1:{server.port}"
        return found

    return ask


@pytest.fixture(name="headers_of")
def headers_of_fixture() -> Callable[[Seen], dict[str, str]]:
    """See `headers_of`."""
    return headers_of


@pytest.fixture(name="order")
def order_fixture() -> type[Order]:
    """The class `Order`, as conftest cannot be imported."""
    return Order


@pytest.fixture(name="script")
def script_fixture() -> type[Script]:
    """The class `Script`."""
    return Script


def raw(*lines: str, body: bytes = b"", status: str = "200 OK") -> Raw:
    """An answer, byte for byte."""
    return Raw("\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode("latin-1") + body)


@pytest.fixture(name="raw")
def raw_fixture() -> Callable[..., Raw]:
    """See `raw`."""
    return raw


# -- TLS ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def certs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of certificates, each its own authority, with keys.

    `server` for 127.0.0.1 and localhost, `other` for another host, `expired`, `client` (also as `both.pem`); `hashed/`
    is a folder of authorities that knows `server`, `empty/` one that knows nobody.
    """
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make certificates with")
    folder = tmp_path_factory.mktemp("certs")
    local = "IP:127.0.0.1,DNS:localhost"
    names = {"server": local, "other": "DNS:other.example", "client": "DNS:client.example", "expired": local}
    for name, subject in names.items():
        _make_certificate(folder, name, subject)
    (folder / "both.pem").write_bytes((folder / "client.key").read_bytes() + (folder / "client.pem").read_bytes())
    (folder / "hashed").mkdir()
    (folder / "empty").mkdir()
    hashed = _openssl(folder, "x509", "-noout", "-subject_hash", "-in", "server.pem").decode().strip()
    (folder / "hashed" / f"{hashed}.0").write_bytes((folder / "server.pem").read_bytes())
    return folder


def _openssl(folder: Path, *args: str) -> bytes:
    return subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True).stdout


def _make_certificate(folder: Path, name: str, subject: str) -> None:
    made = (
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"),
        *(
            "-keyout",
            f"{name}.key",
            "-out",
            f"{name}.pem",
            "-subj",
            f"/CN={name}",
            "-addext",
            f"subjectAltName={subject}",
        ),
    )
    _openssl(folder, *made)
    if name == "expired":
        (folder / "index.txt").write_text("")
        (folder / "ca.cnf").write_text(
            "[ca]\ndefault_ca=own\n[own]\ndatabase=index.txt\nnew_certs_dir=.\nserial=serial\ndefault_md=sha256\n"
            f"policy=any\nx509_extensions=ext\n[any]\ncommonName=supplied\n[ext]\nsubjectAltName={subject}\n"
            "basicConstraints=CA:TRUE\n"
        )
        _openssl(folder, "req", "-new", "-key", "expired.key", "-subj", "/CN=expired", "-out", "expired.csr")
        times = ("-startdate", "20200101000000Z", "-enddate", "20210101000000Z")
        signed = ("-selfsign", "-keyfile", "expired.key", "-in", "expired.csr", "-out", "expired.pem", "-rand_serial")
        _openssl(folder, "ca", "-batch", "-notext", "-config", "ca.cnf", *signed, *times)


class TlsServer(Listening):
    """Answers each request with `hello`.

    Attributes:
        heads: the requests; peers: the client certificate of each; connections, handshakes: how many began, and how
            many said something.
        ca: the file of the authority that its certificate is of.
    """

    def __init__(self, certs: Path, name: str, *, ask: Any, slow: float, keep: bool, version: str | None) -> None:
        self.heads: list[str] = []
        self.peers: list[Any] = []
        self.connections = self.handshakes = 0
        self.ca = str(certs / f"{name}.pem")
        self._slow, self._keep = slow, keep
        self._over = threading.Event()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certs / f"{name}.pem", certs / f"{name}.key")
        if version is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                self._context.minimum_version = self._context.maximum_version = ssl.TLSVersion[version]
            self._context.set_ciphers("ALL:@SECLEVEL=0")
        if ask:
            self._context.verify_mode = ssl.CERT_REQUIRED if ask == "must" else ssl.CERT_OPTIONAL
            self._context.load_verify_locations(certs / "client.pem")
        self.listen()
        self.url = f"https://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._over.set()
        super().close()

    def _serve(self, client: socket.socket) -> None:
        self.connections += 1
        try:
            self.handshakes += bool(client.recv(1, socket.MSG_PEEK))
            self._over.wait(self._slow)
            with self._context.wrap_socket(client, server_side=True, do_handshake_on_connect=False) as tls:
                self._shake(tls)
                while (head := tls.recv(65536).decode("latin-1")) and self._answer(tls, head):
                    pass
        except OSError:
            client.close()

    def _shake(self, tls: ssl.SSLSocket) -> None:
        """A handshake that fails is told by its alert, which a reset must not overtake."""
        try:
            tls.do_handshake()
        except ssl.SSLError:
            tls.settimeout(0.2)
            while socket.socket.recv(tls, 65536):
                pass
            raise

    def _answer(self, tls: ssl.SSLSocket, head: str) -> bool:
        self.heads.append(head)
        self.peers.append(tls.getpeercert())
        self._over.wait(self._slow)
        kept = "" if self._keep else "Connection: close\r\n"
        tls.sendall(f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n{kept}\r\nhello".encode())
        return self._keep


@pytest.fixture
def tls(certs: Path) -> Iterator[Callable[..., TlsServer]]:
    """Makes TLS servers, which end with the test.

    `ask` for a client certificate (True or "must"), be `slow` by so many seconds in handshake and answer, `keep`
    connections, speak that `version` only.
    """
    made: list[TlsServer] = []

    def make(
        name: str = "server", *, ask: Any = False, slow: float = 0.0, keep: bool = False, version: str | None = None
    ) -> TlsServer:
        made.append(TlsServer(certs, name, ask=ask, slow=slow, keep=keep, version=version))
        return made[-1]

    yield make
    for one in made:
        one.close()
