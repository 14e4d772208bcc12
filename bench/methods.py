"""How one run goes: prepare, start the clock, run the program, judge what it left, remove it."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import machine
from bench.measure import TIMEOUT, Child, Command, Usage, run
from bench.peers import PEERS, Task, Tools, Want
from bench.results import OURS, Checked, Result, judge
from bench.servers import Server
from bench.sites import File, warm

FILLING = 1800.0  # seconds for what prepares a run, and for a million URLs


@dataclass(frozen=True)
class Bench:
    """What all workloads share.

    Attributes:
        tools: Where programs are. cache: sites that are kept. work: outputs, removed after each run.
        scale: By which the number of files is multiplied (and the size of large ones).
        jobs: Transfers at once, where the workload does not say. timeout: seconds that a run may take.
    """

    tools: Tools
    cache: Path
    work: Path
    scale: float = 1.0
    jobs: int = 32
    timeout: float = TIMEOUT

    def many(self, count: int, least: int = 10) -> int:
        """A count at this scale."""
        return max(least, round(count * self.scale))

    @contextmanager
    def folder(self, name: str) -> Iterator[Path]:
        """A folder below `work`, removed afterwards."""
        path = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.work))
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)


Method = Callable[[Bench, "Case", str, int], Result]
Extra = Callable[[Path], dict[str, float]]


@dataclass(frozen=True)
class Case:
    """One table: the same files at the same settings for each program.

    Attributes:
        peers: The programs that make sense here. server: whose CPU is told from that of others.
        settings: What a Task gets beside the files. total: files that are to be right, if not those of `wants`.
        site: Files and their folder, read before each run, so that the server has them in memory each time.
        before: Called before each run. after: more figures, from the output folder of a run.
        ours: The headings under which programs of ours are compared with every other, and these programs.
    """

    workload: str
    title: str
    wants: Sequence[Want]
    peers: Sequence[str]
    method: Method
    server: Server | None = None
    unit: str = "files/s"
    about: str = ""
    bound: float | None = None
    total: int | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    site: tuple[Path, Sequence[File]] | None = None
    before: Callable[[], object] = lambda: None
    after: Extra = lambda dest: {}
    ours: Mapping[str, str] = field(default_factory=lambda: OURS)

    def prepare(self) -> None:
        """Before the clock of a run starts."""
        if self.site:
            warm(*self.site)
        self.before()


def fetch(bench: Bench, case: Case, peer: str, turn: int) -> Result:
    """The program fetches all files into a fresh folder."""
    with bench.folder(peer) as place:
        return measured(bench, case, peer, turn, place, fresh(place))


def measured(bench: Bench, case: Case, peer: str, turn: int, place: Path, dest: Path, **more: Any) -> Result:
    """One call of the program, judged."""
    command = PEERS[peer].call(task(bench, case, place, **more), dest, bench.tools)
    log = place / "log.txt"
    case.prepare()
    with Noise(case.server) as noise:
        usage = run(command, timeout=bench.timeout, log=log)
    return result(case, peer, turn, usage, noise, dest, log)


def result(case: Case, peer: str, turn: int, usage: Usage, noise: Noise, dest: Path, log: Path) -> Result:
    """A run that has ended, judged."""
    extra = case.after(dest)
    checked = judge(dest, case.wants, named=PEERS[peer].named)
    note = last_words(log) if usage.exit_code else ""
    return Result(peer, turn, usage, checked, noise.others(usage), noise.server(usage), extra, note)


def killed_at(half: Callable[[], bool]) -> Method:
    """The program is killed (-9) as soon as HALF says so, then called again to its end.

    Both calls count: seconds and CPU are sums, the peak is the larger one.
    """

    def method(bench: Bench, case: Case, peer: str, turn: int) -> Result:
        with bench.folder(peer) as place:
            dest, log = fresh(place), place / "log.txt"
            command = PEERS[peer].call(task(bench, case, place), dest, bench.tools)
            again = PEERS[peer].call(task(bench, case, place, again=True), dest, bench.tools)
            case.prepare()
            with Noise(case.server) as noise:
                first = killed(command, half, bench.timeout, log)
                usage = added(first, run(again, timeout=bench.timeout, log=log))
            return result(case, peer, turn, usage, noise, dest, log)

    return method


def killed(command: Command, half: Callable[[], bool], timeout: float, log: Path) -> Usage:
    """Runs a program until HALF is true, then kills it and its descendants."""
    with Child(command, timeout=timeout, log=log) as child:
        while not child.ended and not half():
            time.sleep(0.005)
        child.kill()
        return child.wait()


def added(first: Usage, second: Usage) -> Usage:
    """Two calls of one program as one."""
    return Usage(
        second.exit_code,
        first.seconds + second.seconds,
        first.user + second.user,
        first.system + second.system,
        max(first.peak, second.peak),
        first.cut or second.cut,
    )


def done_before(places: Path) -> Method:
    """The program is called on a folder in which it has fetched everything already (not measured, once a program)."""

    def method(bench: Bench, case: Case, peer: str, turn: int) -> Result:
        place = places / peer
        dest = place / "out"
        if not place.exists():
            dest.mkdir(parents=True)
            command = PEERS[peer].call(task(bench, case, place), dest, bench.tools)
            run(command, timeout=FILLING, log=place / "log.txt")
        return measured(bench, case, peer, turn, place, dest, again=True)

    return method


def queued(listed: Path, dest: Path, count: int) -> Method:
    """`scraper get` of a list whose files all stand there: every URL is queued, named and ended; nothing is sent.

    What counts as right is what the summary calls skipped; the ledger is new in each run.
    """

    def method(bench: Bench, case: Case, peer: str, turn: int) -> Result:
        with bench.folder(peer) as place:
            shutil.rmtree(dest / ".scraper", ignore_errors=True)
            command = PEERS[peer].call(Given((), place, bench.jobs, path=listed), dest, bench.tools)
            argv = [part for part in command.argv if part != "-q"]
            with Noise(None) as noise:
                out, log = place / "summary.json", place / "log.txt"
                usage = run(Command([*argv, "--json"]), timeout=FILLING, log=log, stdout=out)
            skipped = json.loads(out.read_text("utf-8"))["files"]["skipped"] if out.stat().st_size else 0
            size = sum(path.stat().st_size for path in (dest / ".scraper").glob("ledger.db*"))
            note = last_words(log) if usage.exit_code else ""
            checked = Checked(skipped, 0, count - skipped)
            extra = {"ledger bytes/URL": size / count}
            return Result(peer, turn, usage, checked, noise.others(usage), extra=extra, note=note)

    return method


@dataclass(frozen=True)
class Given(Task):
    """A Task whose list is written already."""

    path: Path = Path()

    def listed(self) -> Path:
        """That list."""
        return self.path


def task(bench: Bench, case: Case, folder: Path, **more: Any) -> Task:
    """What a program is asked in this case."""
    return Task(case.wants, folder, **{"jobs": bench.jobs, **case.settings, **more})


def fresh(place: Path) -> Path:
    """An empty folder for files: there already, as some programs want it."""
    dest = place / "out"
    dest.mkdir()
    return dest


class Noise:
    """What the server and the rest of the machine use meanwhile."""

    def __init__(self, server: Server | None) -> None:
        self._pid = server.pid if server else 0

    def _used(self) -> tuple[float, float]:
        return machine.busy(), machine.used(self._pid) if self._pid else 0.0

    def __enter__(self) -> Noise:
        self._before = self._used()
        return self

    def __exit__(self, *_: object) -> None:
        all_before, server_before = self._before
        all_after, server_after = self._used()
        self._all, self._server = all_after - all_before, server_after - server_before

    def server(self, usage: Usage) -> float:
        """Cores that the server used."""
        return self._server / usage.seconds

    def others(self, usage: Usage) -> float:
        """Cores that neither the program nor the server used; writing files back is among it."""
        return max(0.0, (self._all - self._server - usage.cpu) / usage.seconds)


def last_words(log: Path) -> str:
    """The last line that a program wrote to stderr, at most 200 characters of it."""
    lines = log.read_text("utf-8", "replace").strip().splitlines() if log.exists() else []
    return lines[-1].rpartition("\r")[2][-200:] if lines else "no word"
