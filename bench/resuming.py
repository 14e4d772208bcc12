"""The workloads of what a program remembers: W6, killed or done, and called again; W8, a queue alone."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench import sites
from bench.methods import Bench, Case, done_before, killed_at, queued
from bench.peers import Want
from bench.servers import CAP, Server, free_port, nginx

DONE = 200_000
TINY = 1000  # distinct tiny files, each served under many URLs
SEGMENTS = 4
QUEUES = (10_000, 100_000, 1_000_000)


def killed_and_done(bench: Bench) -> Iterator[Case]:
    """W6: `kill -9` at half and called again; called again where nothing is left to do."""
    yield from _killed_small(bench)
    yield from _killed_large(bench)
    yield from _done(bench)


def _killed_small(bench: Bench) -> Iterator[Case]:
    root = bench.cache / "sites" / "small"
    files = sites.small(root, bench.many(20_000))
    with bench.folder("nginx") as place, nginx(place / "server", root, log=True) as server:
        wants = [Want(f"{server.base}/{file.name}", file.name, file.sha256, file.size) for file in files]
        sent = Sent(server, wants)
        yield Case(
            "W6", f"{len(wants)} small files, killed at half and called again", wants,
            ("scraper", "wget2", "aria2", "curl"), killed_at(lambda: sent.requests() >= len(wants) / 2), server,
            site=(root, files), before=sent.start, after=sent.figures,
            about="kill -9 when the server has answered half; then the same command again (wget2 -c, aria2c -c; this"
            " curl has no way to skip what is there). Seconds and CPU of both calls. Sent again: body bytes that the"
            " server sent, beyond those of the files.",
        )  # fmt: skip


def _killed_large(bench: Bench) -> Iterator[Case]:
    root = bench.cache / "sites" / "large"
    size = bench.many(2 << 30, least=1 << 20)
    files = sites.large(root, size, 1)
    with bench.folder("nginx") as place, nginx(place / "server", root, log=True) as server:
        wants = [Want(f"{server.base}/capped/{file.name}", file.name, file.sha256, file.size) for file in files]
        sent, half = Sent(server, wants), size / (SEGMENTS * CAP) / 2
        yield Case(
            "W6", f"1 x {size >> 20} MiB in {SEGMENTS} ranges, killed at half and called again", wants,
            ("scraper", "aria2"), killed_at(lambda: sent.seconds() >= half), server, unit="MB/s",
            site=(root, files), before=sent.start, after=sent.figures, bound=SEGMENTS * CAP / 1e6,
            settings={"jobs": 1, "segments": SEGMENTS},
            about=f"At 60 MB/s a connection; kill -9 after {half:.1f} s.",
        )  # fmt: skip


class Sent:
    """What nginx answered and sent since a run began."""

    def __init__(self, server: Server, wants: Sequence[Want]) -> None:
        self._server, self._wants = server, wants

    def start(self) -> None:
        """A run begins."""
        self._before, self._lines = self._server.answered(), len(self._server.logged("access.log"))
        self._began, self._asked = time.monotonic(), 0

    def seconds(self) -> float:
        """Since the run began."""
        return time.monotonic() - self._began

    def requests(self) -> int:
        """Requests so far, without our own."""
        self._asked += 1
        return self._server.answered() - self._before - self._asked

    def figures(self, dest: Path) -> dict[str, float]:
        """Bytes sent again in percent, and files that nobody wanted."""
        time.sleep(0.2)  # until nginx has noted what the killed program left open
        sent = sum(int(line.split()[1]) for line in self._server.logged("access.log")[self._lines :] if line[:1] == "2")
        size = sum(want.size for want in self._wants)
        return {"sent again, %": max(0.0, 100 * (sent / size - 1)), "left over": float(left_over(dest, self._wants))}


def left_over(dest: Path, wants: Sequence[Want]) -> int:
    """Files below the folder that were not wanted, a program's own state folder aside."""
    names = {want.name for want in wants}
    found = (path.relative_to(dest) for path in dest.rglob("*") if path.is_file())
    return sum(str(path) not in names and path.parts[0] != ".scraper" for path in found)


def _done(bench: Bench) -> Iterator[Case]:
    root = bench.cache / "sites" / "tiny"
    files = sites.tiny(root, TINY)
    with bench.folder("nginx") as place, nginx(place / "server", root) as server:
        wants = []
        for number in range(bench.many(DONE)):
            file = files[number % TINY]
            name = f"{number:07}_{file.name}"
            wants.append(Want(f"{server.base}/many/{name}", name, file.sha256, file.size))
        requests = Requests(server)
        yield Case(
            "W6", f"{len(wants)} files, all done, called again", wants, ("scraper", "wget2"),
            done_before(place / "done"), server, before=requests.start, after=requests.figures,
            about="The second call with nothing left to do (wget2 -c asks the server for what follows each"
            " file's end).",
        )  # fmt: skip


class Requests:
    """How many requests a run made."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def start(self) -> None:
        """A run begins."""
        self._before = self._server.answered()

    def figures(self, _: Path) -> dict[str, float]:
        """Requests since, without our own."""
        return {"requests": float(self._server.answered() - self._before - 1)}


def queued_only(bench: Bench) -> Iterator[Case]:
    """W8: URLs queued, named and ended, with no network."""
    for most in QUEUES:
        count = bench.many(most)
        with bench.folder("queue") as place:
            listed, dest = place / "urls.txt", place / "out"
            _stand(listed, dest, count)
            yield Case(
                "W8", f"{count} URLs queued and finished without network", (), ("scraper",),
                queued(listed, dest, count), unit="URLs/s", total=count,
                about="A file of each URL's name stands in the output folder, so each URL is read from the list,"
                " queued, given its name, found there and ended as skipped:exists in the ledger; nothing listens at"
                " its port.",
            )  # fmt: skip


def _stand(listed: Path, dest: Path, count: int) -> None:
    """The list, and an empty file for each of its URLs."""
    dest.mkdir(parents=True)
    shutil.rmtree(dest / ".scraper", ignore_errors=True)
    folder, port = os.open(dest, os.O_DIRECTORY), free_port()
    try:
        with listed.open("w", encoding="ascii") as lines:
            for number in range(count):
                name = f"{number:07}.png"
                lines.write(f"http://127.0.0.1:{port}/{name}\n")
                os.close(os.open(name, os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=folder))
    finally:
        os.close(folder)
