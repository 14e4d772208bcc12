"""A disk that is really full (a small tmpfs), or a process that may write no larger files (RLIMIT_FSIZE).

At many sizes the run ends with 5; then the ledger is whole, what stands under a final name is right, and with room the
same command ends as if nothing had happened. One file is large enough to come in segments.
"""

from __future__ import annotations

import math
import random
import resource
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from scraper.download import ground, landing, split
from scraper.errors import Exit, ScraperError
from scraper.files import shares
from scraper.server import Response, Site, bytes_content, present

pytestmark = pytest.mark.slow

KIB = 1024
COUNT = 60
LARGE = "30.bin"
CONTENTS = {
    f"{at}.bin": random.Random(at).randbytes(640 * KIB if f"{at}.bin" == LARGE else 500 * at % (16 * KIB))
    for at in range(COUNT)
}


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The large file is worth to be split."""
    thresholds: dict[Any, dict[str, Any]] = {
        shares: {"WORTH": 128 * KIB, "PIECE": 64 * KIB, "LARGEST": 128 * KIB, "STOLEN": 16 * KIB, "MOMENT": 0.0,
                 "MEASURED": 0.0, "FAST": math.inf},
        landing: {"NOTED": 16 * KIB, "SMALL": 0, "FOLLOWED": 32 * KIB},
        ground: {"HELD": 0},
        split: {"NOTE_BYTES": 64 * KIB},
    }  # fmt: skip
    for module, values in thresholds.items():
        for name, value in values.items():
            monkeypatch.setattr(module, name, value)


class Shelf:
    """Files on a server, and a job that fetches them into `dest`; the large one waits in its middle for ranges."""

    def __init__(self, site: Site, serve: Any, run_job: Any, folder: Path, transport: str) -> None:
        self.dest, self._run_job = folder / "out", run_job
        self._folder, self._transport = folder, transport
        self.ranges = threading.Event()
        site.route("/<name>")(self.answer)
        self.server = serve(site)

    def answer(self, request: Any, name: str) -> Response:
        response = present(request, bytes_content("application/octet-stream", CONTENTS[name]))
        if name != LARGE or "range" in request.headers:
            self.ranges.set()
            return response
        self.ranges.clear()
        return Response(200, [*response.pairs(), ("Content-Length", str(len(response.body)))], stream=self.halves(name))

    def halves(self, name: str) -> Iterator[bytes]:
        yield CONTENTS[name][: 48 * KIB]
        self.ranges.wait(5)
        yield CONTENTS[name][48 * KIB :]

    def run(self) -> Any:
        (self._folder / "urls.txt").write_text("".join(f"{self.server.url}/{name}\n" for name in CONTENTS))
        job = {
            "start": [{"list": "urls.txt", "column": "line", "as": "files"}],
            "polite": {"per_host": 8, "robots": "ignore"},
            "files": {"transport": self._transport},
        }
        return self._run_job(self.server, job, dest=self.dest)

    def code(self) -> int:
        """As the command line has it."""
        try:
            return int(self.run().code)
        except ScraperError as error:
            return int(error.exit_code)

    def assert_sound(self) -> None:
        ledger = self.dest / ".scraper" / "ledger.db"
        if ledger.exists():
            with closing(sqlite3.connect(ledger)) as db:
                assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        for path in self.dest.glob("*.bin"):
            assert path.read_bytes() == CONTENTS[path.name], path.name

    def assert_whole(self) -> None:
        ended = self.run()
        assert ended.code == Exit.DONE
        assert ended.files == CONTENTS
        assert sorted(ended.endings("v_files").values()) == ["saved"] * COUNT
        assert [record["_files"] for record in ended.records] == [[name] for name in CONTENTS]


@pytest.fixture(params=["curl", "requests"])
def shelf(request: pytest.FixtureRequest, site: Site, serve: Any, run_job: Any, tmp_path: Path) -> Shelf:
    return Shelf(site, serve, run_job, tmp_path, request.param)


@contextmanager
def at_most(size: int) -> Iterator[None]:
    """No file may become larger."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def some_slow(sizes: Sequence[int], every: int) -> list[Any]:
    """Most of many are for `make slow`."""
    return [size if at % every == 0 else pytest.param(size, marks=pytest.mark.slow) for at, size in enumerate(sizes)]


@pytest.mark.parametrize("size", some_slow([32, 48, 64, 100, 200, 256, 333, 400, 512, 580, 600, 639], 3))
def test_no_file_may_become_as_large_as_it_must(size: int, shelf: Shelf) -> None:
    with at_most(size * KIB):
        code = shelf.code()
    shelf.assert_sound()
    assert code == Exit.LIMIT
    shelf.assert_whole()


Mount = Callable[[int], None]


@pytest.fixture
def sized(shelf: Shelf) -> Iterator[Mount]:
    """`sized(n)`: the disk of the output folder has so many KiB from now on."""
    shelf.dest.mkdir()
    told = mount("-t", "tmpfs", "-o", "size=32k", "tmpfs", str(shelf.dest))
    if told is not None:
        pytest.skip(f"no tmpfs can be mounted: {told}")
    try:
        yield lambda size: _remount(shelf.dest, size)
    finally:
        subprocess.run(["umount", "--lazy", str(shelf.dest)], check=True)


def mount(*words: str) -> str | None:
    """What speaks against it."""
    if shutil.which("mount") is None:
        return "there is no mount"
    done = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
    return (done.stderr.strip() or "refused") if done.returncode else None


def _remount(dest: Path, size: int) -> None:
    told = mount("-o", f"remount,size={size}k", str(dest))
    assert told is None, told


@pytest.mark.parametrize("size", some_slow([4, 16, *range(48, 1300, 24)], 9))
def test_a_disk_that_is_full_at_any_size(size: int, shelf: Shelf, sized: Mount) -> None:
    sized(size)
    code = shelf.code()
    left = shutil.disk_usage(shelf.dest).free
    sized(16 * KIB)
    shelf.assert_sound()
    assert code == Exit.LIMIT, f"{left} bytes were left"
    shelf.assert_whole()


def test_a_disk_that_grows_little_by_little(shelf: Shelf, sized: Mount) -> None:
    """Each run goes on where the one before it had no room any more."""
    codes = []
    for size in range(32, 1000, 120):
        sized(size)
        codes.append(shelf.code())
    sized(16 * KIB)
    shelf.assert_sound()
    assert codes == [Exit.LIMIT] * len(codes)
    shelf.assert_whole()
