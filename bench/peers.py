"""The programs that are measured: how each is called, at settings fair to it, and what it cannot do.

Fair means: the same list, as many transfers at once, no pause, no robots.txt, no waiting for anything but the file, raw
bytes, one file a URL, with keep-alive, quiet. What a program cannot take from its command line it gets from a script
in `clients/`, run by the interpreter of its own environment (`environments.py`). A list or configuration file is
written before the clock starts.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.environments import Environments
from bench.measure import Command
from bench.servers import Unavailable

LARGE = 32 << 20  # bytes
SPLITS = 8  # ranges at once by which aria2 and parfive do best where nothing is capped
CURL_MOST = 300  # transfers at once of curl -Z before 8.13; more is taken for its default
CLIENTS = Path(__file__).with_name("clients")


@dataclass(frozen=True)
class Want:
    """A file to be fetched, and how it is told to be right; an empty SHA-256 is one that the server does not have."""

    url: str
    name: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Task:
    """What every program is asked.

    Attributes:
        wants: The files. folder: where lists and configurations may be written.
        jobs: Transfers at once. per_host: of them to one host, where bounded.
        ca: The authority to trust. segments: ranges at once of one file; None: as the program does it by itself, or
            at its best for files as large as these.
        attempts: How often a file is tried. stall: seconds without a byte before an attempt is given up.
        again: What is there is not to be fetched again.
    """

    wants: Sequence[Want]
    folder: Path
    jobs: int = 32
    per_host: int | None = None
    ca: Path | None = None
    segments: int | None = None
    attempts: int = 1
    stall: float = 60.0
    again: bool = False

    @property
    def large(self) -> bool:
        """Whether files are so large that it pays to split them."""
        return min((want.size for want in self.wants), default=0) >= LARGE

    def listed(self) -> Path:
        """The URLs, one a line."""
        path = self.folder / "urls.txt"
        if not path.exists():
            path.write_text("".join(f"{want.url}\n" for want in self.wants), "ascii")
        return path


class Tools:
    """Where programs are: ours, those of the machine, those with an environment of their own."""

    def __init__(self, environments: Environments, scraper: str | None = None, options: Sequence[str] = ()) -> None:
        self._environments = environments
        self.scraper = scraper or str(Path(sys.executable).with_name("scraper"))
        self.options = tuple(options)

    def of_machine(self, name: str, package: str) -> str:
        """The path of a command.

        Raises:
            Unavailable: It is not installed.
        """
        path = shutil.which(name)
        if path is None:
            raise Unavailable(f"{name} is not installed (Debian: apt-get install {package})")
        return path

    def python(self, name: str) -> str:
        """The interpreter of an environment."""
        return str(self._environments.program(name, "python"))

    def script(self, name: str) -> str:
        """The command of the same name in an environment."""
        return str(self._environments.program(name, name))


Call = Callable[[Task, Path, Tools], Command]


def scraper(task: Task, dest: Path, tools: Tools) -> Command:
    """`scraper get`: with ledger, SHA-256, part and rename, as by default."""
    sets = []
    if task.per_host:
        sets.append(f"polite.per_host={task.per_host}")
    if task.ca:
        sets.append(f"http.verify={task.ca}")
    if task.segments:
        sets.append(f"files.segments={task.segments}")
    if task.attempts > 1:
        sets += [f"http.retry.attempts={task.attempts}", f"http.timeout.read={task.stall:g}"]
        sets += ["http.retry.first_wait=0.1"]
    jobs = max(task.jobs, task.segments or 0)  # a range takes one of the requests that a host may have in flight
    argv = [tools.scraper, "get", "-i", str(task.listed()), "-d", str(dest), "-j", str(jobs), "-q"]
    return Command([*argv, *(part for text in sets for part in ("-o", text)), *tools.options])


def scraper_requests(task: Task, dest: Path, tools: Tools) -> Command:
    """The same by its other transport."""
    command = scraper(task, dest, tools)
    return Command([*command.argv, "-o", "files.transport=requests"])


def curl(task: Task, dest: Path, tools: Tools) -> Command:
    """`curl -Z`; each URL with its output in a configuration file."""
    config = task.folder / "curl.conf"
    with config.open("w", encoding="ascii") as file:
        file.writelines(f'url = "{want.url}"\noutput = "{dest}/{want.name}"\n' for want in task.wants)
    argv = [tools.of_machine("curl", "curl"), "-q", "-Z", "--parallel-immediate"]
    argv += ["--parallel-max", str(min(CURL_MOST, task.jobs))]
    argv += ["--silent", "--no-progress-meter", "--fail", "-K", str(config)]
    if task.ca:
        argv += ["--cacert", str(task.ca)]
    if task.attempts > 1:
        argv += ["--retry", str(task.attempts - 1), "--retry-all-errors", "--retry-delay", "1"]
        argv += ["--speed-limit", "1", "--speed-time", f"{task.stall:g}"]
    return Command(argv)


def wget2(task: Task, dest: Path, tools: Tools) -> Command:
    """wget2."""
    if task.segments:
        raise Unavailable("its --chunk-size (1.99.1) uses one connection, and at times never ends")
    argv = [tools.of_machine("wget2", "wget2"), "--no-config", "-q", f"--max-threads={task.jobs}"]
    argv += ["-i", str(task.listed()), "-P", str(dest), "--no-robots", "--no-hsts", "--no-ocsp"]
    argv += [f"--tries={task.attempts}", f"--read-timeout={task.stall:g}", "--waitretry=1"]
    if task.ca:
        argv += [f"--ca-certificate={task.ca}", f"--ocsp-file={task.folder / 'ocsp'}"]
    if task.again:
        argv += ["--continue"]
    return Command(argv)


def aria2(task: Task, dest: Path, tools: Tools) -> Command:
    """aria2c."""
    argv = [tools.of_machine("aria2c", "aria2"), "--no-conf", "-q", f"-j{task.jobs}", "-i", str(task.listed())]
    argv += ["-d", str(dest), "--auto-file-renaming=false", "--allow-overwrite=true", "--summary-interval=0"]
    argv += [f"--max-tries={task.attempts}", f"--timeout={task.stall:g}", "--max-file-not-found=1"]
    if splits := task.segments or (SPLITS if task.large else 0):
        argv += [f"-x{splits}", f"-s{splits}", "-k1M", "--file-allocation=falloc", "--auto-save-interval=1"]
    else:
        argv += ["-x1", "-s1", "--file-allocation=none"]
    if task.ca:
        argv += [f"--ca-certificate={task.ca}"]
    if task.attempts > 1:
        argv += ["--retry-wait=1"]
    if task.again:
        argv += ["--continue", "--allow-overwrite=false"]
    return Command(argv)


def requests_pool(task: Task, dest: Path, tools: Tools) -> Command:
    """requests and ThreadPoolExecutor."""
    script = str(CLIENTS / "requests_pool.py")
    argv = [tools.python("requests"), script, str(task.listed()), str(dest), str(task.jobs)]
    env = {"REQUESTS_CA_BUNDLE": str(task.ca)} if task.ca else {}
    return Command([*argv, str(task.attempts), f"{task.stall:g}"], env=env)


def scrapy(task: Task, dest: Path, tools: Tools) -> Command:
    """Scrapy's FilesPipeline."""
    script = str(CLIENTS / "scrapy_files.py")
    argv = [tools.python("scrapy"), script, str(task.listed()), str(dest), str(task.jobs)]
    return Command([*argv, str(task.per_host or task.jobs), str(task.attempts), f"{task.stall:g}"])


PAGE_JOB = "job.yaml"
PAGE_RULES: dict[str, dict[str, Any]] = {
    "html": {
        "item": {
            "title": "h1",
            "price": {"css": "p.price", "match": "[0-9.]+", "type": "float"},
            "about": "div.about p",
            "tags": {"css": "ul.tags li", "all": True},
        },
        "follow": {"page": "article.card h3 a"},
    },
    "json": {
        "read": "json",
        "each": "rows",
        "item": {"title": "title", "price": "price", "about": "about"},
        "key": "title",
        "follow": {"page": "links"},
    },
}
"""How a page of W7 is read; clients/scrapy_pages.py does the same."""


def scraper_pages(task: Task, dest: Path, tools: Tools, **more: Any) -> Command:
    """`scraper run` of a job that follows all links; JSON is YAML."""
    first = task.wants[0]
    job = {
        "name": "bench",
        "polite": {"robots": "ignore", "per_host": task.jobs},
        "start": [first.url],
        "rules": {"page": PAGE_RULES[first.name.rpartition(".")[2]] | more},
    }
    path = task.folder / PAGE_JOB
    path.write_text(json.dumps(job), "ascii")
    return Command([tools.scraper, "run", str(path), "-d", str(dest), "-q", *tools.options])


def scraper_lexbor(task: Task, dest: Path, tools: Tools) -> Command:
    """The same by the other parser."""
    return scraper_pages(task, dest, tools, parser="lexbor")


def scrapy_pages(task: Task, dest: Path, tools: Tools) -> Command:
    """A Scrapy spider."""
    first, script = task.wants[0], str(CLIENTS / "scrapy_pages.py")
    argv = [tools.python("scrapy"), script, first.url, str(dest), str(task.jobs)]
    return Command([*argv, first.name.rpartition(".")[2]])


def parfive(task: Task, dest: Path, tools: Tools) -> Command:
    """parfive's Downloader."""
    script = str(CLIENTS / "parfive_files.py")
    argv = [tools.python("parfive"), script, str(task.listed()), str(dest), str(task.jobs)]
    argv += [str(task.segments or (SPLITS if task.large else 1))]
    env = {"SSL_CERT_FILE": str(task.ca)} if task.ca else {}
    return Command(argv, env={**env, "PARFIVE_HIDE_PROGRESS": "1"})


def gallery_dl(task: Task, dest: Path, tools: Tools) -> Command:
    """gallery-dl, its extractor of direct links; one file at a time is how it works."""
    argv = [tools.script("gallery-dl"), "--config-ignore", "-q", "-i", str(task.listed()), "-D", str(dest)]
    env = {"REQUESTS_CA_BUNDLE": str(task.ca)} if task.ca else {}
    return Command([*argv, "-f", "{filename}.{extension}", "-R", str(task.attempts - 1)], env=env)


def img2dataset(task: Task, dest: Path, tools: Tools) -> Command:
    """img2dataset without decoding, on two processes; files are named by it and found by their content."""
    argv = [tools.script("img2dataset"), f"--url_list={task.listed()}", f"--output_folder={dest}"]
    argv += ["--input_format=txt", "--output_format=files", "--disable_all_reencoding=True", "--compute_hash=None"]
    argv += ["--extract_exif=False", "--disallowed_header_directives=[]", "--processes_count=2"]
    argv += [f"--thread_count={max(1, task.jobs // 2)}", f"--retries={task.attempts - 1}"]
    argv += [f"--number_sample_per_shard={max(1, min(10_000, len(task.wants) // 4))}", f"--timeout={int(task.stall)}"]
    env = {"SSL_CERT_FILE": str(task.ca)} if task.ca else {}
    return Command(argv, env={**env, "NO_ALBUMENTATIONS_UPDATE": "1"}, tree=True)


def a_server(task: Task, dest: Path, tools: Tools) -> Command:
    """Raises Unavailable: it is asked (`serving.py`), it fetches nothing."""
    raise Unavailable("a server; see W9")


@dataclass(frozen=True)
class Peer:
    """A program.

    Attributes:
        title: As the table has it. call: how it is called.
        named: Whether it keeps to the names of the URLs; else its files are found by what they hold.
        note: What the reader of a table must know.
    """

    title: str
    call: Call
    named: bool = True
    note: str = ""


PEERS: dict[str, Peer] = {
    "scraper": Peer("scraper get", scraper),
    "scraper-requests": Peer("scraper get, transport: requests", scraper_requests),
    "curl": Peer("curl -Z", curl),
    "wget2": Peer("wget2", wget2),
    "aria2": Peer("aria2c", aria2),
    "scrapy": Peer("Scrapy FilesPipeline", scrapy),
    "scraper-pages": Peer("scraper run", scraper_pages),
    "scraper-lexbor": Peer("scraper run, parser: lexbor", scraper_lexbor),
    "scrapy-pages": Peer("Scrapy spider", scrapy_pages, note="its log is off; it keeps no ledger"),
    "parfive": Peer("parfive", parfive),
    "gallery-dl": Peer("gallery-dl", gallery_dl, note="one file at a time"),
    "img2dataset": Peer(
        "img2dataset",
        img2dataset,
        named=False,
        note="memory is that of all its processes (PSS); each file has a .json beside it",
    ),
    "requests": Peer("requests + ThreadPoolExecutor", requests_pool),
    "serve": Peer("scraper serve", a_server),
    "nginx": Peer("nginx", a_server),
}
