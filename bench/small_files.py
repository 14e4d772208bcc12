"""Small files from the bundled server: `scraper get` against a plain requests pool, interleaved.

    make bench        or        python bench/small_files.py [FILES] [ROUNDS]

Both fetch the same list from the same server process; each round runs both, and only
files that are right by SHA-256 count. Printed are files/s of each and their ratio,
as the median of the rounds with the range.
"""

from __future__ import annotations

import hashlib
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

THREADS = 16


def make_files(folder: Path, count: int) -> dict[str, str]:
    """Files of log-normal size around 20 KB; name -> SHA-256."""
    dice = random.Random(1)
    folder.mkdir()
    digests = {}
    for number in range(count):
        content = dice.randbytes(min(200_000, int(dice.lognormvariate(9.6, 0.8))))
        (folder / f"{number}.bin").write_bytes(content)
        digests[f"{number}.bin"] = hashlib.sha256(content).hexdigest()
    return digests


def ours(urls: list[str], dest: Path) -> None:
    """The command, start-up counted."""
    command = [sys.executable, "-m", "scraper", "get", "-i", "-", "-d", str(dest), "-j", str(THREADS), "-q"]
    subprocess.run(command, input="\n".join(urls), text=True, check=True, stdout=subprocess.DEVNULL)


POOL = f"""
import sys, threading, pathlib, requests
from concurrent.futures import ThreadPoolExecutor
local, dest = threading.local(), pathlib.Path(sys.argv[1])
def fetch(url):
    session = getattr(local, "session", None) or setattr(local, "session", requests.Session()) or local.session
    with session.get(url, stream=True) as response:
        with open(dest / url.rpartition("/")[2], "wb") as file:
            for piece in response.iter_content(65536):
                file.write(piece)
with ThreadPoolExecutor({THREADS}) as pool:
    list(pool.map(fetch, sys.stdin.read().split()))
"""


def plain_pool(urls: list[str], dest: Path) -> None:
    """requests and ThreadPoolExecutor as most people write it, start-up counted."""
    dest.mkdir()
    subprocess.run([sys.executable, "-c", POOL, str(dest)], input="\n".join(urls), text=True, check=True)


def measure(fetch: Callable[[list[str], Path], None], urls: list[str], digests: dict[str, str]) -> float:
    """Right files a second."""
    with tempfile.TemporaryDirectory() as folder:
        dest = Path(folder) / "out"
        began = time.perf_counter()
        fetch(urls, dest)
        seconds = time.perf_counter() - began
        with ThreadPoolExecutor(2) as pool:
            right = sum(pool.map(lambda name: _digest(dest / name) == digests[name], digests))
    return right / seconds


def _digest(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None


def main(count: int = 2000, rounds: int = 5) -> None:
    """Measures and prints a table."""
    with tempfile.TemporaryDirectory() as folder:
        digests = make_files(Path(folder) / "site", count)
        command = [sys.executable, "-m", "scraper", "serve", str(Path(folder) / "site"), "--port", "0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
            assert server.stdout is not None
            base = server.stdout.readline().strip()
            urls = [f"{base}/{name}" for name in digests]
            pairs = [(measure(ours, urls, digests), measure(plain_pool, urls, digests)) for _ in range(rounds)]
            server.terminate()
    rows = {
        "scraper get, files/s": [pair[0] for pair in pairs],
        "requests pool, files/s": [pair[1] for pair in pairs],
        "ratio": [a / b for a, b in pairs],
    }
    print(f"{count} files, {THREADS} threads, {rounds} rounds; both clients and the server share the machine's cores")
    for name, values in rows.items():
        print(f"{name:24} median {statistics.median(values):8.2f}   {min(values):.2f} to {max(values):.2f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
