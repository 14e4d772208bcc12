"""curl and wget, as people use them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from scraper.server import Server

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
needs_wget = pytest.mark.skipif(shutil.which("wget") is None, reason="wget is not installed")


def run(tool: str, *arguments: str, cwd: Path) -> str:
    """Run a client without the user's settings and proxies; what it wrote."""
    own = {"curl": ["-q", "-sS", "--noproxy", "*"], "wget": ["--no-config", "--no-proxy", "-q"]}[tool]
    done = subprocess.run([tool, *own, *arguments], cwd=cwd, capture_output=True, text=True, timeout=30, check=True)
    return done.stdout


@needs_curl
def test_curl_gets_a_file(files: Server, tmp_path: Path) -> None:
    assert run("curl", f"{files.url}/ok.txt", cwd=tmp_path) == "0123456789"


@needs_curl
def test_curl_asks_for_the_head(files: Server, tmp_path: Path) -> None:
    assert run("curl", "-I", f"{files.url}/ok.txt", cwd=tmp_path).startswith("HTTP/1.1 200 OK\n")


@needs_curl
def test_curl_resumes(files: Server, folder: Path, tmp_path: Path) -> None:
    whole = (folder / "big.bin").read_bytes()
    (tmp_path / "big.bin").write_bytes(whole[:300_000])

    run("curl", "-C", "-", "-O", f"{files.url}/big.bin", cwd=tmp_path)

    assert (tmp_path / "big.bin").read_bytes() == whole
    assert [seen.status for seen in files.log][-1] == 206


@needs_curl
def test_curl_gets_nothing_twice(files: Server, tmp_path: Path) -> None:
    ask = (
        "--etag-save",
        "etag",
        "--etag-compare",
        "etag",
        "-o",
        "out",
        "-w",
        "%{http_code}",
        f"{files.url}/ok.txt",
    )

    assert [run("curl", *ask, cwd=tmp_path) for _ in range(2)] == ["200", "304"]


@needs_curl
def test_curl_follows_a_folder_and_keeps_its_connection(files: Server, tmp_path: Path) -> None:
    show = ("-w", "%{http_code} %{num_connects}\n", "-o", "out")

    assert run("curl", "-L", *show, f"{files.url}/pages", cwd=tmp_path) == "200 1\n"


@needs_curl
def test_curl_posts_forms_and_large_bodies(fixture_server: Server, tmp_path: Path) -> None:
    """A large body makes curl wait for 100 Continue."""
    (tmp_path / "large").write_bytes(b"x" * 2_000_000)
    url = f"{fixture_server.url}/echo"

    assert '"form": {"a": "1"}' in run("curl", "-F", "a=1", "-F", "f=@large", url, cwd=tmp_path)
    assert len(run("curl", "--data-binary", "@large", "-H", "Content-Type: a/b", url, cwd=tmp_path)) > 2_000_000
    assert len(run("curl", "-T", "large", "-H", "Transfer-Encoding: chunked", url, cwd=tmp_path)) > 2_000_000


@needs_wget
def test_wget_gets_and_resumes(files: Server, folder: Path, tmp_path: Path) -> None:
    whole = (folder / "big.bin").read_bytes()
    (tmp_path / "big.bin").write_bytes(whole[:400_000])

    run("wget", "-c", f"{files.url}/big.bin", cwd=tmp_path)

    assert (tmp_path / "big.bin").read_bytes() == whole
    assert [seen.status for seen in files.log][-1] == 206


@needs_wget
def test_wget_gets_what_is_newer_only(files: Server, tmp_path: Path) -> None:
    for _ in range(2):
        run("wget", "-N", f"{files.url}/ok.txt", cwd=tmp_path)

    assert (tmp_path / "ok.txt").read_bytes() == b"0123456789"
    assert [seen.status for seen in files.log][-2:] == [200, 304]


@needs_wget
def test_wget_walks_the_lists(files: Server, tmp_path: Path) -> None:
    run("wget", "-r", "-np", "-nH", "-e", "robots=off", f"{files.url}/sub/", cwd=tmp_path)

    assert (tmp_path / "sub" / 'a "b" <c>&ü.txt').read_text() == "odd"
