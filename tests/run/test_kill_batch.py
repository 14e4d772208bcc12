"""`kill -9`, again and again, over a batch of 2,000 files of which some come in segments; then one clean run.

The promise (DESIGN 4.2) with figures: every file right, no part left, none fetched twice, and what came before a kill
is not asked for again, but for what was in flight. The server counts what it sends. It kills at the n-th byte or
request; other kills come after a moment, so that starting and recovering processes die too.

The thresholds of splitting are a sixteenth or less of the real ones, so that a few MiB are split as gigabytes are.
"""

from __future__ import annotations

import json
import math
import random
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from scraper.server import Layer, Line, Response, Scripted, Server, Site, bytes_content, present
from scraper.server.faults.told import take_apart

KIB, MIB = 1 << 10, 1 << 20
FILES, EVERY = 2000, 80
JOBS, SEGMENTS = 16, 4
NOTED = 64 * KIB
"""Bytes of a file that are written before they are noted."""
BUFFER = 32 * KIB
"""Bytes that the child keeps of one exchange before they are written."""
SOCKET = 64 * KIB
"""Bytes that sockets keep of one: large answers come more slowly than they are read."""
IN_FLIGHT = SOCKET + BUFFER + NOTED
"""Bytes of one answer that are lost at most: on their way, in memory, or written and not noted."""
SLOW, DRIP = 128 * KIB, 0.006
"""Answers of more bytes come at 2.7 MB/s at most: so much, of seconds, lies between two pieces of 16 KiB."""
THRESHOLDS = {
    "scraper.files.shares": {"WORTH": MIB, "PIECE": 256 * KIB, "LARGEST": MIB, "STOLEN": 32 * KIB, "MEASURED": 0.0,
                             "MOMENT": 0.0, "FAST": math.inf},
    "scraper.download.landing": {"NOTED": BUFFER, "SMALL": BUFFER, "FOLLOWED": 64 * KIB},
    "scraper.download.split": {"NOTE_BYTES": NOTED},
    "scraper.download.ground": {"HELD": 0},
}  # fmt: skip
CHILD = """
import importlib, math, sys
for module, values in {THRESHOLDS}.items():
    for name, value in values.items():
        assert hasattr(importlib.import_module(module), name), name
        setattr(importlib.import_module(module), name, value)
from scraper.__main__ import main
sys.argv[0] = "scraper"
main()
""".replace("{THRESHOLDS}", repr(THRESHOLDS).replace("inf", "math.inf"))
JOB = f"""
name: batch
start: [{{list: urls.txt, column: line, as: files}}]
polite: {{per_host: {JOBS}, robots: ignore}}
http: {{retry: {{first_wait: 0}}}}
files: {{path: "{{{{ filename }}}}", jobs: {JOBS}, segments: {SEGMENTS}, transport: TRANSPORT}}
"""


def large(name: str) -> bytes:
    """Of 2 to 6 MiB."""
    return random.Random(name).randbytes(random.Random(name).randint(2 * MIB, 6 * MIB))


def small(name: str) -> bytes:
    """Of sizes that are log-normal around 10 KB."""
    chance = random.Random(name)
    return chance.randbytes(min(100_000, int(chance.lognormvariate(9.2, 1.0))))


class Meter(Layer):
    """Counts what is sent, and kills.

    Attributes:
        bytes: of bodies; requests, ranges: so many; lost: what was in flight at the kills.
    """

    def __init__(self) -> None:
        self.bytes = self.requests = self.ranges = self.lost = 0
        self._flying: dict[Line, int] = {}
        self._at = (math.inf, math.inf)
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def aim(self, process: subprocess.Popen[bytes], size: float = math.inf, requests: float = math.inf) -> None:
        """The process dies after so many bytes or requests."""
        with self._lock:
            self._process, self._at = process, (self.bytes + size, self.requests + requests)

    def kill(self) -> None:
        """It dies now, if it was aimed at and lives."""
        with self._lock:
            self._kill()

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process = None
            self.lost += sum(min(sent, IN_FLIGHT) for sent in self._flying.values())
            self._flying.clear()

    def _asked(self, request: Any, line: Line) -> None:
        """Whoever asks for more on a connection has what came before."""
        with self._lock:
            self.requests += 1
            self.ranges += "range" in request.headers
            self._flying[line] = 0
            if self.requests >= self._at[1]:
                self._kill()

    def _sent(self, line: Line, size: int) -> None:
        with self._lock:
            self.bytes += size
            self._flying[line] = self._flying.get(line, 0) + size
            if self.bytes >= self._at[0]:
                self._kill()

    def answer(self, request: Any, inner: Any) -> Scripted:
        told = take_apart(inner(request))

        def play(line: Line) -> None:
            self._asked(request, line)
            line.narrow(SOCKET // 2)
            line.send(told.sized())
            for piece in told.pieces():
                line.send(piece)
                self._sent(line, len(piece))
                if told.size > SLOW and line.hold(DRIP):
                    break

        return Scripted(play, told.status, close=False)


@dataclass
class Batch:
    """The batch on two servers, small files and large ones, and processes that fetch it."""

    folder: Path
    meter: Meter
    contents: dict[str, bytes]

    def start(self, dest: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", CHILD, "run", str(self.folder / "job.yaml"), "-d", str(self.folder / dest)]
        return subprocess.Popen([*command, "--json", "-q"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def finished(self, dest: str) -> dict[str, Any]:
        """A run that nobody disturbs; its summary."""
        process = self.start(dest)
        out, err = process.communicate(timeout=100)
        assert process.returncode == 0, err.decode()
        return dict(json.loads(out))


@pytest.fixture(params=["curl", "requests"])
def batch(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Batch]:
    meter, sites = Meter(), (Site(), Site())
    contents = {f"{at}.bin": (large if at % EVERY == EVERY // 2 else small)(f"{at}.bin") for at in range(FILES)}

    def file(request: Any, name: str) -> Response:
        return present(request, bytes_content("application/octet-stream", contents[name]))

    for site in sites:
        site.route("/<name>")(file)
        site.lay(meter)
    with Server(sites[0], record=False) as servers, Server(sites[1], record=False) as of_large:
        urls = [(of_large if at % EVERY == EVERY // 2 else servers).url + f"/{at}.bin" for at in range(FILES)]
        (tmp_path / "urls.txt").write_text("".join(f"{url}\n" for url in urls))
        (tmp_path / "job.yaml").write_text(JOB.replace("TRANSPORT", request.param))
        yield Batch(tmp_path, meter, contents)


def kills(batch: Batch, count: int) -> Counter[int]:
    """Kills so many runs, after some bytes, after some requests, or after a moment; how each ended."""
    chance, total = random.Random(count), sum(map(len, batch.contents.values()))
    codes: Counter[int] = Counter()
    for _ in range(count):
        process, how = batch.start("killed"), chance.choice(["bytes", "bytes", "requests", "moment"])
        if how == "moment":
            batch.meter.aim(process)
            with suppress(subprocess.TimeoutExpired):
                process.wait(chance.uniform(0.05, 0.45))
            batch.meter.kill()
        elif how == "bytes":
            batch.meter.aim(process, size=1 + chance.random() * 0.8 * total / count)
        else:
            batch.meter.aim(process, requests=1 + chance.random() * 0.8 * FILES / count)
        process.communicate(timeout=60)
        codes[process.returncode] += 1
    return codes


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("count", [20, pytest.param(200, marks=pytest.mark.kill)])
def test_killed_again_and_again_every_file_is_right_and_little_is_fetched_again(
    count: int, batch: Batch, capsys: pytest.CaptureFixture[str]
) -> None:
    codes = kills(batch, count)
    summary, dest = batch.finished("killed"), batch.folder / "killed"
    total, sent, lost = sum(map(len, batch.contents.values())), batch.meter.bytes, batch.meter.lost
    with capsys.disabled():
        print(f"\n{codes[-9]} kills of {count} runs; {summary['files']['saved']} files, {batch.meter.ranges} ranges")
        print(f"sent {sent / total:.2%} of {total} bytes; in flight {lost / total:.2%}, {lost // count} a kill")
    stands = {path.name: sha256(path.read_bytes()).hexdigest() for path in dest.glob("*.bin*")}
    assert stands == {name: sha256(content).hexdigest() for name, content in batch.contents.items()}
    with closing(sqlite3.connect(dest / ".scraper" / "ledger.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("SELECT count(*) FROM parts").fetchone() == (0,)
        rows = db.execute("SELECT path, ending, sha256 FROM v_files").fetchall()
    assert sorted(rows) == sorted((name, "saved", digest) for name, digest in stands.items())
    records = [json.loads(line)["_files"] for line in (dest / "records.jsonl").read_text().splitlines()]
    assert records == [[name] for name in batch.contents]
    assert set(codes) <= {-9, 0}
    assert codes[-9] > count * 0.9, "nearly all were killed before they had done their work"
    assert sent - total <= 0.05 * total + lost
