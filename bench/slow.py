"""Whether slow clients slow a good one: `python -m bench.slow [--slow 200] [--requests 5000] [--rounds 7]`.

`scraper serve` is one process, the slow clients another: each of them sends a head byte by byte, one every so many
seconds, and begins again when it is turned away. The good client asks for a small file again and again on one
connection. Rounds with and without the slow ones take turns; told are, of both, the median and the range of requests
a second, of the slowest request, and of the server's CPU time for a request, which a busy machine disturbs least.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.results import spread
from bench.table import ranged

HEAD = b"GET /small HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: " + b"x" * 4000
ASKED = b"GET /small HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
BODY = b"x" * 1024
_READY = "dripping"


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.slow", description=__doc__.splitlines()[0])
    parser.add_argument("--slow", type=int, default=200, help="slow clients (200)")
    parser.add_argument("--every", type=float, default=1.0, help="seconds between two bytes of each (1)")
    parser.add_argument("--requests", type=int, default=5000, help="of the good client, in a round (5000)")
    parser.add_argument("--rounds", type=int, default=7, help="of each kind (7)")
    parser.add_argument("--drip", type=int, metavar="PORT", help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def drip(port: int, count: int, every: float) -> None:
    """Be `count` slow clients until the end of the process."""
    clients: dict[socket.socket, int] = {}
    told = False
    while True:
        begun = time.monotonic()
        while len(clients) < count:
            clients[socket.create_connection(("127.0.0.1", port))] = 0
        for sock, sent in list(clients.items()):
            try:
                sock.sendall(HEAD[sent : sent + 1])
                clients[sock] = sent + 1
            except OSError:  # its time was over
                sock.close()
                del clients[sock]
        _leave(clients)
        if not told:
            print(_READY, flush=True)
            told = True
        time.sleep(max(0.0, every - (time.monotonic() - begun)))


def _leave(clients: dict[socket.socket, int]) -> None:
    """Close those that were answered."""
    with selectors.DefaultSelector() as selector:
        for sock in clients:
            selector.register(sock, selectors.EVENT_READ)
        for key, _ in selector.select(0):
            assert isinstance(key.fileobj, socket.socket)
            key.fileobj.close()
            del clients[key.fileobj]


@contextlib.contextmanager
def child(*args: str) -> Iterator[subprocess.Popen[str]]:
    """A process that ends with the block."""
    process = subprocess.Popen([sys.executable, *args], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def first_line(process: subprocess.Popen[str]) -> str:
    """What it says first."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def ask(port: int, count: int) -> tuple[float, float]:
    """Requests a second of one client on one connection, and the slowest of them in milliseconds."""
    slowest = 0.0
    with socket.create_connection(("127.0.0.1", port), timeout=60) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        begun = before = time.perf_counter()
        for _ in range(count):
            sock.sendall(ASKED)
            answer = sock.recv(65536)
            while not answer.endswith(BODY):
                more = sock.recv(65536)
                if not more:
                    raise ConnectionError("the server ended the good client")
                answer += more
            now = time.perf_counter()
            slowest, before = max(slowest, now - before), now
        return count / (before - begun), 1000 * slowest


def measured(server: int, port: int, count: int) -> tuple[float, float, float]:
    """The same, once those that come and those that go have done so; and microseconds of CPU for a request."""
    ask(port, count // 2)
    before = cpu(server)
    rate, slowest = ask(port, count)
    return rate, slowest, 1e6 * (cpu(server) - before) / count


def cpu(process: int) -> float:
    """Seconds of CPU that a process has used, by proc(5)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main(argv: Sequence[str]) -> int:
    """Measure and print."""
    options = arguments(argv)
    if options.drip is not None:
        drip(options.drip, options.slow, options.every)
    found: dict[int, list[tuple[float, float, float]]] = {0: [], options.slow: []}
    with TemporaryDirectory() as folder:
        (Path(folder) / "small").write_bytes(BODY)
        with child("-m", "scraper", "serve", folder, "--port", "0") as server:
            port = int(first_line(server).rpartition(":")[2])
            ask(port, options.requests)
            for _ in range(options.rounds):
                found[0].append(measured(server.pid, port, options.requests))
                times = ("--slow", str(options.slow), "--every", str(options.every))
                with child("-m", "bench.slow", "--drip", str(port), *times) as clients:
                    if first_line(clients) != _READY:
                        raise RuntimeError("the slow clients did not begin")
                    found[options.slow].append(measured(server.pid, port, options.requests))
    for count, rounds in found.items():
        rate, worst, cost = (ranged(spread(list(values))) for values in zip(*rounds, strict=True))
        print(f"{count:4} slow clients: {rate} requests/s, the slowest {worst} ms, {cost} us of CPU each")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
