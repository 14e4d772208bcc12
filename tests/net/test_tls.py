"""TLS: certificates are checked, secrets keep to their scheme, client certificates stay home (trust: C5 to C8)."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from scraper.server import Response, Server, Site

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make certificates with")
RULE = {"page": {"item": {"t": "h1"}}}


@pytest.fixture(scope="module")
def certs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`server.pem` for 127.0.0.1, `other.pem` for another host, `client.pem`: each with a `.key`, and its own CA."""
    folder = tmp_path_factory.mktemp("certs")
    names = {"server": "IP:127.0.0.1", "other": "DNS:other.example", "client": "DNS:client.example"}
    for name, subject in names.items():
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
                *("-keyout", f"{name}.key", "-out", f"{name}.pem", "-days", "30", "-subj", f"/CN={name}"),
                *("-addext", f"subjectAltName={subject}"),
            ],
            cwd=folder,
            check=True,
            capture_output=True,
        )
    return folder


class TlsServer:
    """Answers each request with the next of `answers`; `heads` are the requests, `peers` the client certificates."""

    def __init__(self, certs: Path, name: str = "server", ask: bool = False) -> None:
        self.heads: list[str] = []
        self.peers: list[Any] = []
        self.answers: dict[str, str] = {}
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certs / f"{name}.pem", certs / f"{name}.key")
        if ask:
            context.verify_mode = ssl.CERT_OPTIONAL
            context.load_verify_locations(certs / "client.pem")
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> TlsServer:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()
            except OSError:
                return

    def _serve(self, client: socket.socket) -> None:
        try:
            with self._context.wrap_socket(client, server_side=True) as tls:
                head = tls.recv(65536).decode("latin-1")
                if head:
                    self.heads.append(head)
                    self.peers.append(tls.getpeercert())
                    path = head.split(" ")[1]
                    tls.sendall(self.answers.get(path, _ok("<h1>x</h1>")).encode())
        except OSError:
            return

    @property
    def asked(self) -> list[str]:
        return [head.split(" ")[1] for head in self.heads]


def _ok(body: str, status: str = "200 OK") -> str:
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\nConnection: close"
    return f"{head}\r\n\r\n{body}"


def job(url: str, **http: Any) -> dict[str, Any]:
    retry = {"attempts": 3, "first_wait": 0}
    return {"http": {"retry": retry, **http}, "start": [url], "rules": RULE}


@pytest.mark.parametrize(("name", "verify"), [("server", True), ("other", "other.pem"), ("server", "other.pem")])
def test_a_certificate_that_does_not_hold_is_final(name: str, verify: Any, certs: Path, run_job: Any) -> None:
    """Self-signed, for another host, or of another authority: nothing is sent, and nothing tried again."""
    with TlsServer(certs, name) as server:
        url = f"{server.url}/x"
        ran = run_job(job(url, verify=verify, headers={"X-Api-Key": "k"}), folder=certs)
        assert (ran.ending(url), server.heads) == ("failed:tls", [])
    assert ran.rows("SELECT attempts FROM v_pages") == [(1,)]


@pytest.mark.parametrize("verify", ["server.pem", False])
def test_a_certificate_that_holds_or_is_not_asked_for(verify: Any, certs: Path, run_job: Any) -> None:
    with TlsServer(certs) as server:
        url = f"{server.url}/x"
        assert run_job(job(url, verify=verify), folder=certs).ending(url) == "ok"


@pytest.mark.parametrize("from_tls", [True, False])
def test_another_scheme_is_another_origin(from_tls: bool, certs: Path, run_job: Any) -> None:
    """Also from http to https, and by a link as by a redirect."""
    with TlsServer(certs) as tls, Server(Site()) as plain:
        plain.site.route("/robots.txt")(lambda request: Response(404))
        plain.site.route("/<name>")(lambda request, name: "<h1>x</h1>")
        home, away = (tls.url, plain.url) if from_tls else (plain.url, tls.url)
        links = f'<a href="{away}/link">1</a><a href="/hop">2</a>'
        tls.answers = {
            "/start": _ok(links),
            "/robots.txt": _ok("", "404 Not Found"),
            "/hop": _ok("", f"302 Found\r\nLocation: {plain.url}/redirect"),
        }
        plain.site.route("/start")(lambda request: links)
        plain.site.route("/hop")(lambda request: Response(302, {"Location": f"{tls.url}/redirect"}))
        rules = {"index": {"follow": {"page": {"select": "a", "same": "any"}}}, **RULE}
        start = [{"url": f"{home}/start", "rule": "index"}]
        http = {"verify": "server.pem", "headers": {"X-Api-Key": "k"}, "auth": {"bearer": "b"}}
        ran = run_job({"http": http, "start": start, "rules": rules}, folder=certs)
        heads = {True: tls.heads, False: [f"{one.target} {one.headers}" for one in plain.log]}
        told = {kind: [head for head in found if "api-key" in head.lower()] for kind, found in heads.items()}
    assert ran.summary.failures == []
    assert (len(told[from_tls]), told[not from_tls]) == (len(heads[from_tls]), [])
    assert len(heads[not from_tls]) == 3


def test_a_client_certificate_is_shown_at_home_and_nowhere_else(certs: Path, run_job: Any) -> None:
    with TlsServer(certs, ask=True) as home, TlsServer(certs, ask=True) as away:
        for server in (home, away):
            server.answers["/robots.txt"] = _ok("", "404 Not Found")
        home.answers["/start"] = _ok(f'<a href="{away.url}/x">1</a><a href="/y">2</a>')
        rules = {"index": {"follow": {"page": {"select": "a", "same": "any"}}}, **RULE}
        http = {"verify": "server.pem", "cert": ["client.pem", "client.key"]}
        start = [{"url": f"{home.url}/start", "rule": "index"}]
        ran = run_job({"http": http, "start": start, "rules": rules}, folder=certs)
    assert ran.summary.failures == []
    assert (all(home.peers), any(away.peers), len(away.peers)) == (True, False, 2)


def test_through_a_proxy_the_tunnel_is_checked_to_its_end(certs: Path, run_job: Any, proxy_of: Any) -> None:
    """The proxy's password is for the proxy, what the job sends is for the server, and neither sees the other's."""
    proxy = proxy_of()
    with TlsServer(certs) as server:
        proxies = {"https": f"http://user:pr0xy-pass@127.0.0.1:{proxy.port}"}
        url = f"{server.url}/x"
        ran = run_job(job(url, verify="server.pem", proxies=proxies, headers={"X-Api-Key": "k"}), folder=certs)
        assert (ran.ending(url), server.asked) == ("ok", ["/x"])
        assert "Proxy-Authorization: Basic" in proxy.heads[0]
        assert "Proxy-Authorization" not in server.heads[0]
        assert "X-Api-Key" not in proxy.heads[0]
        ran = run_job(job(f"{server.url}/y", verify=True, proxies=proxies), folder=certs)
        assert (ran.ending(f"{server.url}/y"), server.asked) == ("failed:tls", ["/x"])


def test_a_server_that_hangs_up_in_the_handshake(run_job: Any) -> None:
    with Server(Site()) as plain:
        url = plain.url.replace("http", "https") + "/x"
        assert run_job(job(url)).ending(url) in ("failed:tls", "failed:protocol")


@pytest.mark.parametrize("http", [{"verify": "nowhere.pem"}, {"cert": "nowhere.pem"}])
def test_a_certificate_file_that_is_not_there_is_a_mistake_of_the_job(http: Any, certs: Path, run_job: Any) -> None:
    from scraper.errors import JobError

    with TlsServer(certs) as server, pytest.raises(JobError, match=r"nowhere\.pem"):
        run_job(job(f"{server.url}/x", **http), folder=certs)
