"""The servers: nginx of Debian with a configuration of our own, and the faulty server; both pinned to one core.

nginx runs as one process in the foreground (`daemon off; master_process off`), below a temporary folder, on
addresses of 127/8 only. Its locations:

    /NAME          the file
    /dN/NAME       the same after N milliseconds (`echo_sleep` of nginx's echo module, then the static handler)
    /many/N_NAME   the same under as many URLs as one likes
    /capped/NAME   at 60 MB/s a connection (`limit_rate`, which lets the first second's share go at once)
    /status        how many requests were answered so far

Where `slots` is given, nginx counts (without refusing: `limit_conn_dry_run`) every request that arrives while the
address it came to has that many under way. A request ends for nginx in the same step that hands its last byte to
the kernel, so a client that waits for the end of one file before it asks for the next is never counted.
"""

from __future__ import annotations

import http.client
import os
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.measure import Child, Command

CONNECTIONS = 4096  # at once, at most
CAP = 60_000_000  # bytes/s of a connection in /capped/
MODULE = "ngx_http_echo_module.so"
LONGEST = 6 * 3600.0  # seconds; a server ends by itself after that
DEBIAN_MODULES = Path("/usr/lib/nginx/modules")


class Unavailable(Exception):  # noqa: N818 - an answer, not a mistake
    """Why something cannot be had on this machine."""


@dataclass(frozen=True)
class Server:
    """A server under way.

    Attributes:
        base: The URL of its root, without a slash at the end.
        port: Its port, the same on all its addresses.
        pid: Its process.
        folder: Where its configuration and logs are.
        ca: The certificate of its authority, if it speaks TLS.
    """

    base: str
    port: int
    pid: int
    folder: Path
    ca: Path | None = None

    def answered(self) -> int:
        """How many requests nginx answered so far."""
        return int(self.ask("/status").split()[9])

    def logged(self, name: str) -> list[str]:
        """The lines of one of its logs so far."""
        path = self.folder / name
        return path.read_text("utf-8", "replace").splitlines() if path.exists() else []

    def latency(self, host: str, path: str, times: int = 50) -> float:
        """Seconds that one request takes on a connection that stands, one at a time: the median."""
        connection = http.client.HTTPConnection(host, self.port, timeout=10)
        taken = []
        try:
            for _ in range(times):
                began = time.perf_counter()
                connection.request("GET", path)
                connection.getresponse().read()
                taken.append(time.perf_counter() - began)
        finally:
            connection.close()
        return statistics.median(taken)

    def ask(self, path: str) -> bytes:
        """What the server answers to GET PATH."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            return connection.getresponse().read()
        finally:
            connection.close()


def core() -> list[int]:
    """The core that servers are pinned to: the last of ours, where there are two or more."""
    cores = sorted(os.sched_getaffinity(0))
    return cores[-1:] if len(cores) > 1 else []


def nginx_path() -> str:
    """Where nginx is.

    Raises:
        Unavailable: It is not installed.
    """
    path = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if path is None:
        raise Unavailable("nginx is not installed (Debian: apt-get install nginx-light)")
    return path


def kept_open() -> int:
    """How many files nginx keeps open between requests: it cannot raise the limit without a master process."""
    return max(100, min(40_000, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - CONNECTIONS - 100))


def echo_module() -> Path | None:
    """nginx's echo module, by which answers wait."""
    path = DEBIAN_MODULES / MODULE
    return path if path.exists() else None


def configuration(
    folder: Path,
    root: Path,
    addresses: Sequence[str],
    port: int,
    *,
    tls: bool = False,
    slots: int | None = None,
    log: bool = False,
    delays: Sequence[int] = (),
    module: Path | None = None,
) -> str:
    """The text of nginx.conf."""
    kind = " ssl" if tls else ""
    listen = "\n".join(f"        listen {address}:{port}{kind} backlog=4096;" for address in addresses)
    user = "user root;" if os.geteuid() == 0 else ""
    load = f"load_module {module};" if module and delays else ""
    logs = "access_log off;"
    count = ""
    if log:
        logs = f'log_format bytes "$status $body_bytes_sent $uri";\n    access_log {folder}/access.log bytes;'
    if slots is not None:
        logs = (
            "map $limit_conn_status $beyond { default 0; REJECTED_DRY_RUN 1; }\n"
            f'    log_format beyond "$server_addr $uri";\n    access_log {folder}/beyond.log beyond if=$beyond;\n'
            "    limit_conn_zone $server_addr zone=hosts:10m;"
        )
        count = f"limit_conn hosts {slots}; limit_conn_dry_run on; limit_conn_log_level info;"
    secret = f"ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.key;" if tls else ""
    waits = "\n".join(
        f"        location /d{ms}/ {{ rewrite ^/d{ms}(/.*)$ $1 break; echo_sleep {ms / 1000}; echo_exec @file; }}"
        for ms in delays
    )
    return f"""{load}
{user}
daemon off; master_process off; worker_processes 1;
pid {folder}/nginx.pid; error_log {folder}/error.log error;
events {{ worker_connections {CONNECTIONS}; use epoll; multi_accept on; accept_mutex off; }}
http {{
    {logs}
    types {{ image/png png; application/octet-stream bin; text/html html; application/json json; }}
    default_type application/octet-stream;
    sendfile on; tcp_nopush on; tcp_nodelay on; keepalive_timeout 120; keepalive_requests 10000000;
    open_file_cache max={kept_open()} inactive=600s; open_file_cache_valid 600s; open_file_cache_min_uses 1;
    reset_timedout_connection on; server_tokens off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{
{listen}
        server_name _; root {root}; {secret} {count}
        location = /status {{ stub_status; access_log off; }}
        location @file {{ }}
        location /many/ {{ rewrite ^/many/[0-9]+_(.*)$ /$1 break; }}
        location /capped/ {{ rewrite ^/capped(/.*)$ $1 break; limit_rate {CAP}; }}
{waits}
    }}
}}
"""


@contextmanager
def nginx(
    folder: Path,
    root: Path,
    *,
    addresses: Sequence[str] = ("127.0.0.1",),
    tls: bool = False,
    slots: int | None = None,
    log: bool = False,
    delays: Sequence[int] = (),
) -> Iterator[Server]:
    """An nginx that serves ROOT.

    Args:
        folder: For its configuration and logs; made here.
        slots: How many requests at once an address may have; those beyond are in beyond.log.
        log: Whether access.log tells status, bytes and path of each answer.
        delays: Milliseconds for which there are locations /dN/.
    """
    program, module = nginx_path(), echo_module()
    if delays and module is None:
        raise Unavailable("nginx's echo module is missing (Debian: apt-get install libnginx-mod-http-echo)")
    folder.mkdir(parents=True)
    if tls:
        certificates(folder)
    port = free_port()
    text = configuration(
        folder, root, addresses, port, tls=tls, slots=slots, log=log, delays=delays, module=module
    )  # fmt: skip
    (folder / "nginx.conf").write_text(text, "utf-8")
    command = Command([program, "-e", str(folder / "error.log"), "-p", str(folder), "-c", str(folder / "nginx.conf")])
    with Child(command, timeout=LONGEST, cpus=core(), log=folder / "out.log") as child:
        until_listening(child, addresses[0], port, folder)
        ca = folder / "ca.pem" if tls else None
        yield Server(f"{'https' if tls else 'http'}://{addresses[0]}:{port}", port, child.pid, folder, ca)


@contextmanager
def faulty(folder: Path, root: Path, addresses: Sequence[str]) -> Iterator[Server]:
    """The server of `faulty.py`; 127.0.0.1 is one of its addresses, for control."""
    folder.mkdir(parents=True)
    port = free_port()
    command = Command(
        [sys.executable, "-m", "bench.faulty", str(root), str(port), "127.0.0.1", *addresses],
        env={"PYTHONPATH": str(Path(__file__).resolve().parents[1])},
    )
    with Child(command, timeout=LONGEST, cpus=core(), log=folder / "out.log") as child:
        until_listening(child, addresses[0], port, folder)
        yield Server(f"http://{addresses[0]}:{port}", port, child.pid, folder)


def until_listening(child: Child, address: str, port: int, folder: Path) -> None:
    """Until it listens.

    Raises:
        Unavailable: It ended instead; with its own words.
    """
    for _ in range(500):
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex((address, port)) == 0:
                return
        if child.ended:
            break
        time.sleep(0.02)
    words = " ".join(path.read_text("utf-8", "replace").strip() for path in sorted(folder.glob("*.log")))
    raise Unavailable(f"the server did not start: {words}")


def free_port() -> int:
    """A port below the range that the kernel gives to clients, free just now."""
    for port in range(20_000 + os.getpid() % 10_000, 32_000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise Unavailable("no port is free between 20000 and 32000")


def certificates(folder: Path) -> None:
    """An authority of our own (ca.pem) and a certificate of it for 127.0.0.1 and localhost (server.pem, server.key)."""
    if shutil.which("openssl") is None:
        raise Unavailable("the openssl command is not installed")
    (folder / "san.cnf").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth\n")
    for line in (
        "req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=bench-authority -keyout ca.key -out ca.pem"
        " -addext keyUsage=critical,keyCertSign,cRLSign",
        "req -newkey rsa:2048 -nodes -subj /CN=127.0.0.1 -keyout server.key -out server.csr",
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile san.cnf -out server.pem",
    ):
        subprocess.run(["openssl", *line.split()], cwd=folder, check=True, capture_output=True)
