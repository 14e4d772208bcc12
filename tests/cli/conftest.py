"""The command line: in process, where output is captured, and as real processes, where signals count."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scraper.server import Response, Server, Site
from scraper.server.fixture import fixture_site
from scraper.server.fixture.pictures import picture

TIMEOUT = 30  # seconds after which a process that hangs fails its test


@dataclass(frozen=True)
class Told:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """stdout as the one JSON object it must be."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """`serve(site)`: a server until the test ends; without a site, of the fixture site."""
    with ExitStack() as stack:
        yield lambda site=None: stack.enter_context(Server(site or fixture_site()))


@pytest.fixture
def site() -> Site:
    """A site without routes, which a test fills."""
    return Site()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, empty."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    for name in [name for name in os.environ if name.startswith("SCRAPER_")]:
        monkeypatch.delenv(name)
    return here


@pytest.fixture
def scraper(folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Told]:
    """`scraper("get", url)`: a command line in process, in the folder."""
    from scraper.cli.main import cli

    def call(*args: Any) -> Told:
        code = cli([str(arg) for arg in args])
        captured = capsys.readouterr()
        return Told(int(code), captured.out, captured.err)

    return call


@pytest.fixture
def job(folder: Path) -> Callable[..., Path]:
    """`job(text, name=)` writes a job file; retries wait for nothing unless it says so."""

    def write(text: str, name: str = "job.yaml") -> Path:
        path = folder / name
        path.write_text(text)
        return path

    return write


class Process:
    """A real `scraper`, whose stderr can be waited for line by line."""

    def __init__(self, args: list[str], cwd: Path, **env: str) -> None:
        # The tests are run by whatever interpreter holds the package; it need not be installed.
        path = os.pathsep.join(each for each in sys.path if each)
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "scraper", *args], cwd=cwd, env={**os.environ, "PYTHONPATH": path, **env},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, encoding="utf-8",
        )  # fmt: skip
        self._lines: queue.Queue[str | None] = queue.Queue()
        self.err = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.popen.stderr is not None
        for line in self.popen.stderr:
            self._lines.put(line)
        self._lines.put(None)

    def wait_for(self, text: str) -> None:
        """Until stderr says so."""
        while text not in self.err:
            line = self._lines.get(timeout=TIMEOUT)
            assert line is not None, f"it ended without {text!r}: {self.err}"
            self.err += line

    def signal(self, number: signal.Signals) -> None:
        self.popen.send_signal(number)

    def end(self) -> Told:
        """How it ended."""
        assert self.popen.stdout is not None
        out = self.popen.stdout.read()
        code = self.popen.wait(TIMEOUT)
        self.read_all()
        return Told(code, out, self.err)

    def read_all(self) -> None:
        """Reads stderr to its end."""
        self._reader.join(TIMEOUT)
        while not self._lines.empty() and (line := self._lines.get()) is not None:
            self.err += line

    def close(self) -> None:
        """Ends it, where it has not ended."""
        self.popen.kill()
        self.popen.wait(TIMEOUT)
        self._reader.join(TIMEOUT)
        for stream in (self.popen.stdout, self.popen.stderr):
            if stream is not None:
                stream.close()


@pytest.fixture
def process(folder: Path) -> Iterator[Callable[..., Process]]:
    """`process("get", url, NAME="value")` starts a real one."""
    started: list[Process] = []

    def start(*args: Any, **env: str) -> Process:
        started.append(Process([str(arg) for arg in args], folder, **env))
        return started[-1]

    yield start
    for one in started:
        one.close()


class Gate:
    """A route that says when it was asked, and answers when it may."""

    def __init__(self, answer: Any = b"late") -> None:
        self.came, self.open, self._answer = threading.Event(), threading.Event(), answer

    def __call__(self, request: Any) -> Any:
        self.came.set()
        self.open.wait(TIMEOUT)
        return self._answer

    def wait(self) -> None:
        assert self.came.wait(TIMEOUT)


@pytest.fixture
def gate() -> type[Gate]:
    """The class of routes that wait."""
    return Gate


def pages(site: Site, **texts: str) -> None:
    for name, text in texts.items():
        site.route(f"/{name}")(lambda request, text=text: text)


def pixels(site: Site, *names: str) -> None:
    for name in names:
        site.route(f"/{name}")(lambda request: Response(200, {"Content-Type": "image/png"}, picture(1, "png")))


def write_job(job: Any, base: str, body: str = "", head: str = "") -> Path:
    """A job that reads `/page`; `body` stands in its rule, `head` before it."""
    rule = textwrap.indent(textwrap.dedent(body or "item: {title: h1}\nfiles: img\n"), "    ")
    text = f'name: mine\nvars: {{base: "{base}"}}\nhttp: {{retry: {{first_wait: 0}}}}\nstart: ["{{{{ base }}}}/page"]\n'
    path: Path = job(text + textwrap.dedent(head) + f"rules:\n  r:\n{rule}")
    return path


@pytest.fixture(name="pages")
def pages_fixture() -> Callable[..., Any]:
    """`pages(site, name=text)`: pages as they are."""
    return pages


@pytest.fixture(name="pixels")
def pixels_fixture() -> Callable[..., Any]:
    """`pixels(site, *names)`: pictures under these names."""
    return pixels


@pytest.fixture(name="write_job")
def write_job_fixture() -> Callable[..., Any]:
    """`write_job(job, base, body, head)`: a job that reads `/page`."""
    return write_job
