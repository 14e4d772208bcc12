"""A whole run in this process, against servers on loopback; nothing of it leaves this machine."""

from __future__ import annotations

import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scraper.cli.show import Shown
from scraper.job.load import from_data
from scraper.model import Summary
from scraper.run.kit import Options
from scraper.run.runner import run
from tests.listening import Listening

QUICK = {"retry": {"attempts": 1, "first_wait": 0}, "timeout": {"connect": 5, "read": 5}}


@dataclass(frozen=True)
class Ran:
    """What a run left: its summary, its folder, and what a person saw of it."""

    summary: Summary
    dest: Path
    out: str
    err: str

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of the ledger."""
        with sqlite3.connect(self.dest / ".scraper" / "ledger.db") as db:
            found = db.execute(sql).fetchall()
        db.close()
        return found

    def endings(self) -> dict[str, str]:
        """How each page and file ended, by its URL."""
        rows = self.rows("SELECT url, ending FROM v_pages UNION ALL SELECT url, ending FROM v_files")
        return dict(rows)

    def ending(self, url: str) -> str:
        """How one page or file ended."""
        return self.endings()[url]

    def everything(self) -> bytes:
        """All bytes that the run printed, kept or wrote, names of files included."""
        files = [path for path in self.dest.rglob("*") if path.is_file()]
        names = "\n".join(str(path.relative_to(self.dest)) for path in self.dest.rglob("*")).encode()
        printed = f"{self.out}\n{self.err}\n{self.summary.as_dict()}".encode("utf-8", "surrogatepass")
        return b"\n".join([names, printed, *(path.read_bytes() for path in files)])


RunJob = Callable[..., Ran]


@pytest.fixture
def run_job(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> RunJob:
    """Runs a job given as data; `http` gets no retries and short timeouts unless it says."""

    def run_it(data: dict[str, Any], *, dest: Path | None = None, folder: Path = tmp_path) -> Ran:
        http = {**QUICK, **data.get("http", {})}
        loaded = from_data({"name": "job", **data, "http": http}, folder=folder)
        dest = dest or tmp_path / "out"
        capsys.readouterr()
        with Shown(quiet=False, verbose=True, paths=True) as shown:
            summary = run(loaded, Options(dest=dest), shown)
            shown.summary(summary)
        out, err = capsys.readouterr()
        return Ran(summary, dest, out, err)

    return run_it


class Proxy(Listening):
    """A forward proxy that speaks CONNECT too, as small as can be; `heads` are what it was told."""

    def __init__(self, refusal: bytes = b"") -> None:
        self.heads: list[str] = []
        self.refusal = refusal
        self.listen()

    def _serve(self, client: socket.socket) -> None:
        with client:
            head = b""
            while b"\r\n\r\n" not in head:
                if not (data := client.recv(65536)):
                    return
                head += data
            self.heads.append(head.decode("latin-1"))
            if self.refusal:
                client.sendall(self.refusal)
                return
            method, target, rest = head.split(b" ", 2)
            if method == b"CONNECT":
                self._tunnel(client, target.decode())
            else:
                self._forward(client, method, target, rest)

    def _forward(self, client: socket.socket, method: bytes, target: bytes, rest: bytes) -> None:
        host, _, path = target.removeprefix(b"http://").partition(b"/")
        name, _, port = host.decode().rpartition(":")
        if name == "":
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\n<h1>x</h1>")
            return
        with socket.create_connection((name, int(port))) as server:
            rest = rest.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
            server.sendall(b"%b /%b %b" % (method, path, rest))
            while data := server.recv(65536):
                client.sendall(data)

    def _tunnel(self, client: socket.socket, target: str) -> None:
        name, _, port = target.rpartition(":")
        with socket.create_connection((name, int(port))) as server:
            client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
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
def proxy_of() -> Iterator[Callable[..., Proxy]]:
    """Makes proxies, which end with the test."""
    proxies: list[Proxy] = []

    def make(refusal: bytes = b"") -> Proxy:
        proxies.append(Proxy(refusal))
        return proxies[-1]

    yield make
    for proxy in proxies:
        proxy.close()
