"""The workloads: what is served, what is asked, by which programs. Each yields its cases while its server runs."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench import crawling, resuming, serving, sites
from bench.faulty import fate
from bench.methods import Bench, Case, fetch
from bench.peers import CURL_MOST, Want
from bench.servers import CAP, Server, faulty, kept_open, nginx

ALL = ("scraper", "curl", "wget2", "aria2", "requests", "scrapy", "parfive", "gallery-dl", "img2dataset")
DELAYS = (20, 100)  # milliseconds
AT_ONCE = (16, 64, 256, 1000)
SECONDS = 6  # that a case with a delay is to last at its ideal
HOSTS, SLOTS, ZIPF_DELAY = 1000, 2, 20  # W3: hosts, requests at once to each, milliseconds
GIB = 1 << 30


def wanted(server: Server, files: Sequence[sites.File], path: str = "") -> list[Want]:
    """Files of a site as they are asked for."""
    return [Want(f"{server.base}/{path}{file.name}", file.name, file.sha256, file.size) for file in files]


def small_site(bench: Bench, count: int) -> tuple[Path, list[sites.File]]:
    """Small files and their folder."""
    root = bench.cache / "sites" / "small"
    return root, sites.small(root, count)


def many_small(bench: Bench) -> Iterator[Case]:
    """W1: small files of one host, kept alive."""
    yield from _many_small(bench, "W1", tls=False)


def many_small_tls(bench: Bench) -> Iterator[Case]:
    """W1s: the same over TLS."""
    yield from _many_small(bench, "W1s", tls=True)


def _many_small(bench: Bench, name: str, *, tls: bool) -> Iterator[Case]:
    count = bench.many(20_000)
    root, files = small_site(bench, min(count, kept_open()))
    mean = sum(file.size for file in files) / len(files) / 1000
    about = f"Log-normal sizes, {mean:.1f} KB in the mean, one host, keep-alive, {bench.jobs} at once."
    about += " Scrapy does not check certificates." if tls else ""
    if count > len(files):
        about += f" The last {count - len(files)} URLs give the first files again: nginx can keep no more open here."
    with bench.folder("nginx") as place, nginx(place / "server", root, tls=tls) as server:
        wants = [*wanted(server, files), *_again(server, files, count)]
        title = f"{count} small files{' over TLS' if tls else ''}"
        yield Case(
            name, title, wants, ALL, fetch, server, site=(root, files), about=about,
            settings={"ca": server.ca},
        )  # fmt: skip


def _again(server: Server, files: Sequence[sites.File], count: int) -> Iterator[Want]:
    """The first files under further URLs, so that there are so many in all."""
    for at in range(len(files), count):
        file = files[at - len(files)]
        yield Want(f"{server.base}/many/{at}_{file.name}", f"{at}_{file.name}", file.sha256, file.size)


def delayed(bench: Bench) -> Iterator[Case]:
    """W2: a server that takes its time."""
    root, files = small_site(bench, bench.many(20_000))
    with bench.folder("nginx") as place, nginx(place / "server", root, delays=DELAYS) as server:
        for delay in DELAYS:
            for jobs in AT_ONCE:
                bound = jobs * 1000 / delay
                some = files[: max(10, min(len(files), round(bound * SECONDS * bench.scale)))]
                yield Case(
                    "W2", f"{delay} ms of delay, {jobs} at once", wanted(server, some, f"d{delay}/"),
                    ("scraper", "curl", "wget2"), fetch, server, bound=bound, settings={"jobs": jobs},
                    site=(root, some),
                    about=f"{len(some)} small files. The ideal is {jobs} / {delay} ms, at most our own rate in W1."
                    + (f" curl -Z does {CURL_MOST} at once at most." if jobs > CURL_MOST else ""),
                )  # fmt: skip


def addresses(count: int, network: int) -> list[str]:
    """Addresses of 127/8, all on this machine."""
    return [f"127.{network}.{number // 250}.{1 + number % 250}" for number in range(count)]


def zipf(count: int, hosts: int) -> list[int]:
    """To which host each of COUNT files belongs: host N gets a share as 1 / (N + 1), in an order drawn once."""
    dice = random.Random(3)
    shares = [1 / (rank + 1) for rank in range(hosts)]
    return dice.choices(range(hosts), shares, k=count)


def many_hosts(bench: Bench) -> Iterator[Case]:
    """W3: many hosts, few of them with most of the files, two requests at once to each."""
    root, files = small_site(bench, bench.many(10_000))
    hosts = addresses(HOSTS, 1)
    with bench.folder("nginx") as place:
        made = nginx(place / "server", root, addresses=hosts, slots=SLOTS, delays=[ZIPF_DELAY])
        with made as server:
            chosen = zipf(len(files), HOSTS)
            wants = [
                Want(f"http://{hosts[host]}:{server.port}/d{ZIPF_DELAY}/{file.name}", file.name, file.sha256, file.size)
                for host, file in zip(chosen, files, strict=True)
            ]
            most = max(Counter(chosen).values())
            taken = server.latency(hosts[0], f"/d{ZIPF_DELAY}/{files[0].name}")
            least = -(-most // SLOTS) * taken
            seen = Seen(server, "beyond.log")
            yield Case(
                "W3", f"{len(wants)} files of {HOSTS} hosts, {SLOTS} at once to each", wants,
                ("scraper", "scrapy", "curl"), fetch, server, bound=len(wants) / least,
                settings={"jobs": 128, "per_host": SLOTS}, site=(root, files), before=seen.start,
                after=lambda dest: {"requests beyond the slots": float(len(seen.lines()))},
                about=f"Zipf: the largest host has {most} files, a request takes {taken * 1000:.1f} ms of which"
                f" the server waits {ZIPF_DELAY}, so no program that keeps to the slots is done before {least:.1f} s."
                " 128 at once. curl -Z cannot bound requests to a host.",
            )  # fmt: skip


class Seen:
    """The lines of a server's log since the run began."""

    def __init__(self, server: Server, name: str) -> None:
        self._server, self._name, self._before = server, name, 0

    def start(self) -> None:
        """A run begins."""
        self._before = len(self._server.logged(self._name))

    def lines(self) -> list[str]:
        """What was written since."""
        return self._server.logged(self._name)[self._before :]


def large(bench: Bench) -> Iterator[Case]:
    """W4: large files, as fast as may be and at 60 MB/s a connection."""
    root = bench.cache / "sites" / "large"
    size = bench.many(2 * GIB, least=1 << 20)
    one, four = sites.large(root, size, 1), sites.large(root, size // 4, 4)
    programs = ("scraper", "curl", "wget2", "aria2", "requests", "parfive")
    with bench.folder("nginx") as place, nginx(place / "server", root) as server:
        for files in (one, four):
            yield Case(
                "W4", f"{len(files)} x {mebibytes(files[0].size)}", wanted(server, files), programs, fetch, server,
                unit="MB/s", settings={"jobs": len(files)}, site=(root, files),
                about="aria2c and parfive with 8 ranges a file, the others as they do by themselves.",
            )  # fmt: skip
        for segments in (4, 8):
            yield Case(
                "W4", f"1 x {mebibytes(size)} at 60 MB/s a connection, {segments} ranges",
                wanted(server, one, "capped/"), ("scraper", "aria2", "wget2", "curl"), fetch, server,
                unit="MB/s", bound=segments * CAP / 1e6, settings={"jobs": 1, "segments": segments}, site=(root, one),
                about="nginx lets a connection have its first second's share at once, so a little more is possible."
                " curl -Z uses one connection a file.",
            )  # fmt: skip


def mebibytes(size: int) -> str:
    """A size for a title."""
    return f"{size / GIB:g} GiB" if size >= GIB else f"{size / (1 << 20):g} MiB"


def faults(bench: Bench) -> Iterator[Case]:
    """W5: a server that fails."""
    root, files = small_site(bench, bench.many(4_000))
    hosts = addresses(20, 2)
    with bench.folder("faulty") as place, faulty(place / "server", root, hosts) as server:
        wants = [
            Want(
                f"http://{hosts[number % len(hosts)]}:{server.port}/{file.name}", file.name,
                "" if fate(file.name) == "gone" else file.sha256, file.size,
            )
            for number, file in enumerate(files)
        ]  # fmt: skip
        yield Case(
            "W5", f"{len(files)} small files of {len(hosts)} hosts, with faults", wants,
            ("scraper", "curl", "wget2", "aria2", "requests", "scrapy"), fetch, server,
            settings={"attempts": 5, "stall": 2.0}, before=lambda: server.ask("/-/reset"),
            after=lambda dest: {"asked too early": float(json.loads(server.ask("/-/status"))["early"])},
            about="First attempts: 5 % 503 with Retry-After of 1 s, 2 % reset, 1 % stall, 1 % cut short; 2 % are 404"
            " for good. Five attempts, a stall is given up after 2 s. Asked too early: requests to a host that had"
            " asked for a pause.",
        )  # fmt: skip


WORKLOADS: dict[str, Callable[[Bench], Iterator[Case]]] = {
    "W1": many_small,
    "W1s": many_small_tls,
    "W2": delayed,
    "W3": many_hosts,
    "W4": large,
    "W5": faults,
    "W6": resuming.killed_and_done,
    "W7": crawling.many_pages,
    "W8": resuming.queued_only,
    "W9": serving.served,
}
