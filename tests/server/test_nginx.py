"""The bundled server and nginx, asked the same two hundred things about the same folder.

What differs must stand in docs/compared.md with the reason, and nothing stands there that does not differ.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scraper.server import Server
from tests.server.compared import Difference, compare, listed, rows, running
from tests.server.exchanges import Exchange, exchanges, make_folder, read, request, told, validators

NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
TYPES = Path("/etc/nginx/mime.types")
VERSION = "1.22."  # of the table; another one may differ elsewhere
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(NGINX is None or not TYPES.exists(), reason="nginx is not installed"),
]

Ask = Callable[[bytes, bool], bytes]


def configuration(folder: Path, root: Path) -> str:
    """nginx as it comes, but for where it stands, lists of folders, and UTF-8."""
    return f"""
{"user root;" if os.geteuid() == 0 else ""}
daemon off; master_process off; pid {folder}/pid; error_log stderr notice;
events {{ }}
http {{
    include {TYPES}; default_type application/octet-stream; charset utf-8; access_log off; sendfile on;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{ listen unix:{folder}/socket; server_name localhost; root {root}; autoindex on; }}
}}
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("site")
    make_folder(root)
    return root


@pytest.fixture(scope="module")
def nginx(site: Path) -> Iterator[Ask]:
    """Ask nginx; over a socket that is a file, for no other program can take its place."""
    told = subprocess.run([str(NGINX), "-v"], capture_output=True, text=True, check=True).stderr
    if f"nginx/{VERSION}" not in told:
        pytest.skip(f"the table is of nginx {VERSION}x, this is {told.strip()}")
    with tempfile.TemporaryDirectory(prefix="nginx-", dir="/tmp") as name:  # the path of a socket must be short
        folder = Path(name)
        (folder / "nginx.conf").write_text(configuration(folder, site), "utf-8")
        command = [str(NGINX), "-e", "stderr", "-p", name, "-c", str(folder / "nginx.conf")]
        with running(command, ready="epoll|kqueue|poll", stream="stderr"):
            yield lambda raw, whole: talk(socket.AF_UNIX, str(folder / "socket"), raw, whole)


@pytest.fixture(scope="module")
def ours(site: Path) -> Iterator[Ask]:
    """Ask the bundled server."""
    with Server(site) as server:
        yield lambda raw, whole: talk(socket.AF_INET, ("127.0.0.1", server.port), raw, whole)


def talk(family: int, address: object, raw: bytes, whole: bool) -> bytes:
    """Send bytes, say that there are no more where they are not whole; all that comes back."""
    received = b""
    with socket.socket(family) as sock:
        sock.settimeout(20)
        sock.connect(address)  # type: ignore[arg-type]
        try:
            sock.sendall(raw)
            if not whole:
                sock.shutdown(socket.SHUT_WR)
            while data := sock.recv(1 << 16):
                received += data
        except ConnectionError:
            pass  # refused before all of it was sent
    return received


def answers(ask: Ask) -> dict[str, dict[str, str]]:
    """What a server tells, by the names of the requests."""
    first = request("/ok.txt", "Connection: close", method="HEAD").encode("ascii")
    known = validators(read(ask(first, True), "HEAD"))

    def answer(one: Exchange) -> dict[str, str]:
        return told(read(ask(one.bytes(known), one.whole), one.method), known)

    return {one.name: answer(one) for one in exchanges()}


def test_there_are_two_hundred_requests_and_no_two_of_one_name() -> None:
    names = [one.name for one in exchanges()]

    assert len(names) >= 200
    assert len(set(names)) == len(names)
    assert not [name for name in names if ", " in name]


def test_ours_answers_as_nginx_but_for_what_the_document_tells(ours: Ask, nginx: Ask) -> None:
    here, there = answers(ours), answers(nginx)
    known = listed("Compared with nginx", here)

    found: set[Difference] = {one for name in here for one in compare(name, here[name], there[name])}

    assert not found - known, rows(found - known)
    assert not known - found, rows(known - found)
