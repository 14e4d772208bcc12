"""Where outputs are written. The file system must cost the first program what it costs the last.

ext4 without a journal (as virtual machines often have it) does not: it does not give out again the number of a file
deleted within the last minutes, and walks over all of them, one at a time, for each file that is made. A bench that
removes what it fetched makes each later run slower by the factor of ten and more, at random. So the folder is tried
first: files are made, removed, made again. `--image` makes a journaled ext4 in a file and mounts it for the time of
the bench, in a mount namespace of our own: however we end, the kernel takes all of it away. That needs root.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from bench.servers import Unavailable

TRIED, ROUNDS = 3000, 3
SLOW = 100e-6  # seconds for making a file; 5 to 30 us are usual
IMAGE = 16 << 30  # bytes, sparse
INODES = 3_000_000
ROOM = 8 << 30  # bytes that a file system in memory must have
MEMORY = Path("/dev/shm")
INSIDE = "BENCH_INSIDE_NAMESPACE"


def making(folder: Path) -> float:
    """Seconds for making one file where others were removed just now: the slowest of a few rounds."""
    slowest = 0.0
    for _ in range(ROUNDS):
        place = Path(tempfile.mkdtemp(prefix="scraper-bench-", dir=folder))
        began = time.perf_counter()
        for number in range(TRIED):
            os.close(os.open(place / str(number), os.O_CREAT | os.O_WRONLY, 0o644))
            if time.perf_counter() - began > 2 * SLOW * TRIED:
                break
        slowest = max(slowest, (time.perf_counter() - began) / (number + 1))
        shutil.rmtree(place)
    return slowest


def chosen(wish: Path | None) -> Path:
    """The folder that was asked for; else the usual one for temporary files, or memory where that is too slow."""
    usual = Path(tempfile.gettempdir())
    if wish or making(usual) <= SLOW:
        return wish or usual
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ROOM:
        print(
            f"{usual} makes files slowly once others were removed: outputs go to {MEMORY} (or use --image)", flush=True
        )
        return MEMORY
    return usual


def enter_namespace(argv: Sequence[str]) -> None:
    """Starts the bench anew in a mount namespace of its own, if it is not there yet; does not return then.

    Raises:
        Unavailable: We may not.
    """
    if os.environ.get(INSIDE):
        return
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        raise Unavailable("--image needs root and the unshare command")
    command = ["unshare", "--mount", "--propagation", "private", sys.executable, "-m", "bench", *argv]
    os.execvpe(command[0], command, {**os.environ, INSIDE: "1"})


@contextmanager
def output(wish: Path | None, *, image: bool = False) -> Iterator[Path]:
    """The folder for outputs, removed afterwards; with IMAGE on a file system of its own."""
    folder = (wish or Path(tempfile.gettempdir())) if image else chosen(wish)
    with (
        tempfile.TemporaryDirectory(prefix="scraper-bench-", dir=folder, ignore_cleanup_errors=True) as work,
        mounted(Path(work)) if image else nullcontext(Path(work)) as place,
    ):
        yield place


@contextmanager
def mounted(folder: Path) -> Iterator[Path]:
    """A fresh ext4 with a journal, in a file below FOLDER that has no name once it is mounted.

    Raises:
        Unavailable: It cannot be made or mounted here.
    """
    point, path = folder / "image", folder / "image.ext4"
    point.mkdir()
    with path.open("wb") as file:
        file.truncate(IMAGE)
    try:
        _do("mkfs.ext4", "-q", "-F", "-m", "0", "-N", str(INODES), "-E", "nodiscard", str(path))
        _do("mount", "-o", "loop,noatime,noinit_itable", str(path), str(point))
    finally:
        path.unlink()
    try:
        yield point
    finally:
        _do("umount", "--lazy", str(point))


def _do(*command: str) -> None:
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, "PATH": path})
    except FileNotFoundError:
        raise Unavailable(f"--image needs {command[0]}") from None
    except subprocess.CalledProcessError as error:
        raise Unavailable(f"{command[0]}: {error.stderr.strip()}") from error
