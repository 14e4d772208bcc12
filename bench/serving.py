"""W9: our own server, asked by ApacheBench over connections that stay; nginx beside it is what the machine can do.

What is measured is the server: a rate is that of its answers, CPU and memory are its own. The client (`ab -k`, one
process written in C) asks for one small file so many times, and counts what came otherwise than it should.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import machine, sites
from bench.measure import Child, Command, Usage, run
from bench.methods import Bench, Case, Noise, last_words
from bench.results import Checked, Result
from bench.servers import LONGEST, Server, core, free_port, nginx, until_listening

CONNECTIONS = (1, 16, 64)
REQUESTS = 40_000
SIZE = 1000  # bytes of the file
PROGRAMS = ("serve", "nginx")
_COUNT = re.compile(r"^(Complete requests|Failed requests|Non-2xx responses|Keep-Alive requests): +(\d+)", re.MULTILINE)
_SECONDS = re.compile(r"^Time taken for tests: +([\d.]+) seconds", re.MULTILINE)


def served(bench: Bench) -> Iterator[Case]:
    """W9: a small file from `scraper serve`, one process."""
    root = bench.cache / "sites" / "served"
    files = sites.large(root, SIZE, 1)
    count = bench.many(REQUESTS, least=100)
    for at_once in CONNECTIONS:
        yield Case(
            "W9", f"{count} requests for a file of {SIZE} bytes, {at_once} connections", [], PROGRAMS, asked,
            total=count, settings={"jobs": at_once}, site=(root, files), ours={"ours / it": "serve"},
            about="The programs are servers, one process on one core each; `ab -k` asks. CPU and memory are theirs.",
        )  # fmt: skip


def asked(bench: Bench, case: Case, peer: str, turn: int) -> Result:
    """One run: the server is started, asked, and ended."""
    ab = bench.tools.of_machine("ab", "apache2-utils")
    assert case.site is not None
    root, (file,) = case.site
    with bench.folder(peer) as place, _server(bench, peer, place / "server", root) as server:
        case.prepare()
        out, log = place / "ab.txt", place / "log.txt"
        options = ["-k", "-q", "-n", str(case.total), "-c", str(case.settings["jobs"])]
        before = machine.used(server.pid)
        with Noise(server) as noise:
            client = run(
                Command([ab, *options, f"{server.base}/{file.name}"]), timeout=bench.timeout, log=log, stdout=out
            )
        cpu, peak = machine.used(server.pid) - before, machine.peak(server.pid)
        text = out.read_text("utf-8", "replace")
        seconds = _SECONDS.search(text)
        taken = float(seconds[1]) if seconds else client.seconds
        usage = Usage(client.exit_code, taken, cpu, 0.0, peak, client.cut)
        note = last_words(log) if client.exit_code else ""
        return Result(peer, turn, usage, judged(text, case.total or 0), noise.others(client), note=note)


def judged(text: str, total: int) -> Checked:
    """What ab says of the answers; one that did not keep the connection is wrong."""
    counts = {name: int(number) for name, number in _COUNT.findall(text)}
    came = counts.get("Complete requests", 0)
    right = min(came - counts.get("Failed requests", 0), counts.get("Keep-Alive requests", 0))
    right = max(0, right - counts.get("Non-2xx responses", 0))
    return Checked(right, came - right, total - came, right * SIZE)


@contextmanager
def _server(bench: Bench, peer: str, folder: Path, root: Path) -> Iterator[Server]:
    """The server that is measured, on the core of servers."""
    if peer == "nginx":
        with nginx(folder, root) as server:
            yield server
        return
    folder.mkdir()
    port = free_port()
    command = Command([bench.tools.scraper, "serve", str(root), "--port", str(port)])
    with Child(command, timeout=LONGEST, cpus=core(), log=folder / "out.log") as child:
        until_listening(child, "127.0.0.1", port, folder)
        yield Server(f"http://127.0.0.1:{port}", port, child.pid, folder)
