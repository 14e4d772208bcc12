"""A large file that several exchanges bring at once: on the wire, by both transports.

    large.plays = {2: large.told(416)}         how the second range is answered
    large.whole = large.gated                  how the file is, where it is asked for whole
    fetch(segments=4)                          a run over it
    fetch.saved()                              the file is there, as the server has it, and nothing else

The server is `Large`: one file, of which every request is noted, and answered as a test says. What goes on at the same
time is ordered by what was asked, never by time: the answer to the first request sends its first bytes and waits until
the others have asked, and so on. The thresholds of splitting are small here, and so is the file.
"""

from __future__ import annotations

import json
import math
import random
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from scraper.download import ground, landing, split
from scraper.files import shares
from scraper.run.control import Control
from scraper.server import Line, Scripted, Site
from scraper.server.answers import render_head

KIB = 1024
TOTAL = 640 * KIB
FIRST = 48 * KIB
"""Bytes that the answer to the first request sends before it waits."""
PATIENCE = 20.0
"""Seconds after which what a test waits for is missed."""
LANES = 3
"""Exchanges beside the first one, by default."""
Play = Callable[[Line, "Ask"], None]


def content(version: int, size: int = TOTAL) -> bytes:
    return random.Random(version).randbytes(size)


@dataclass(eq=False)
class Ask:
    """A request for the file.

    Attributes:
        begin, end: the bytes that were asked for; end None: all from there on.
        is_range: whether it had a Range; sent: bytes of its body that went out.
        is_open: whether it is being answered, as far as the client can know.
    """

    target: str
    headers: dict[str, str]
    begin: int = 0
    end: int | None = None
    sent: int = 0
    is_range: bool = False
    is_open: bool = True


class Large:
    """A server of one file.

    Attributes:
        data, etag: what there is.
        fields: of its head, beside those of framing.
        plays: how the n-th range is answered, and how the n-th request for the whole; else as `range` and `whole` say.
        asks: what was asked, in order; peak: the most that were answered at once.
    """

    def __init__(self, site: Site) -> None:
        self.put(1)
        self.fields: dict[str, str | None] = {"Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
        self.range: Play = self.right
        self.whole: Play = self.exact
        self.plays: dict[int, Play] = {}
        self.wholes: dict[int, Play] = {}
        self.lanes = LANES
        self.asks: list[Ask] = []
        self.peak = 0
        self.missed: list[str] = []
        self.changed = threading.Condition()
        self.site = site
        site.route("/big.bin")(self.answer)

    def put(self, version: int, size: int = TOTAL) -> bytes:
        """Another version of the file."""
        self.data, self.etag = content(version, size), f'"{version}"'
        return self.data

    @property
    def total(self) -> int:
        return len(self.data)

    @property
    def ranges(self) -> list[Ask]:
        return [ask for ask in self.asks if ask.is_range]

    @property
    def sent(self) -> int:
        return sum(ask.sent for ask in self.asks)

    # -- answering -------------------------------------------------------------------------------------

    def answer(self, request: Any) -> Scripted:
        headers = {name.lower(): value for name, value in request.head.fields}
        ask = Ask(request.target, headers)
        if "range" in headers:
            first, _, last = headers["range"].removeprefix("bytes=").partition("-")
            ask = Ask(request.target, headers, int(first), int(last) + 1 if last else None, is_range=True)
        with self.changed:
            self.asks.append(ask)
            same = self.ranges if ask.is_range else [each for each in self.asks if not each.is_range]
            scripts, usual = (self.plays, self.range) if ask.is_range else (self.wholes, self.whole)
            play = scripts.get(len(same), usual)
            self.peak = max(self.peak, sum(each.is_open for each in self.asks))
            self.changed.notify_all()
        return Scripted(lambda line: play(line, ask), 206 if ask.is_range else 200)

    def head(self, line: Line, status: int, length: int, **fields: str | None) -> None:
        """A field of None is left out."""
        given: dict[str, str | None] = {"ETag": self.etag, "Connection": "close", "Content-Length": str(length)}
        given |= self.fields | {name.replace("_", "-"): value for name, value in fields.items()}
        line.send(render_head(status, [(name, value) for name, value in given.items() if value is not None]))

    def head_206(self, line: Line, ask: Ask, **fields: str | None) -> None:
        end = ask.end or self.total
        told = {"Content_Range": f"bytes {ask.begin}-{end - 1}/{self.total}", **fields}
        self.head(line, 206, end - ask.begin, **told)

    def body(self, line: Line, ask: Ask, begin: int, end: int) -> None:
        """These bytes of the file; the last ones that an exchange waits for end it."""
        with self.changed:
            ask.is_open = ask.is_open and end < (ask.end or self.total)
        line.send(self.data[begin:end])
        with self.changed:
            ask.sent += end - begin
            self.changed.notify_all()

    def wait(self, what: str, condition: Callable[[], object]) -> None:
        """Until it is so."""
        with self.changed:
            if not self.changed.wait_for(condition, PATIENCE):
                self.missed.append(what)

    # -- how a request is answered -----------------------------------------------------------------------

    def plain(self, line: Line, ask: Ask) -> None:
        """All of it."""
        self.head(line, 200, self.total)
        self.body(line, ask, 0, self.total)

    def gated(self, line: Line, ask: Ask) -> None:
        """The first bytes; all the others when the lanes have asked."""
        self.begun(line)
        self.body(line, ask, 0, FIRST)
        self.wait("all lanes ask", lambda: len(self.ranges) >= self.lanes)
        self.body(line, ask, FIRST, self.total)

    def exact(self, line: Line, ask: Ask) -> None:
        """As much of it as nobody else asks for, when all lanes have asked; then nothing."""
        self.begun(line)
        self.body(line, ask, 0, FIRST)
        self.wait("all lanes ask", lambda: len(self.ranges) >= self.lanes)
        ask.end = min((each.begin for each in self.ranges), default=self.total)
        self.body(line, ask, FIRST, ask.end)
        if ask.end < self.total and not line.hold(PATIENCE):
            self.missed.append("who has all its bytes goes")

    def broken(self, line: Line, ask: Ask) -> None:
        """The first bytes; nothing more, when all lanes have asked."""
        self.begun(line)
        self.body(line, ask, 0, FIRST)
        self.wait("all lanes ask", lambda: len(self.ranges) >= LANES)

    def begun(self, line: Line) -> None:
        self.head(line, 200, self.total)

    def right(self, line: Line, ask: Ask) -> None:
        """A range as RFC 9110 has it."""
        if ask.headers.get("if-range", self.etag) != self.etag:
            self.plain(line, ask)
            return
        self.head_206(line, ask)
        self.body(line, ask, ask.begin, ask.end or self.total)

    def told(self, status: int, **fields: str | None) -> Play:
        """A range is answered with another status, or other fields."""

        def play(line: Line, ask: Ask) -> None:
            if status == 206:
                self.head_206(line, ask, **fields)
                self.body(line, ask, ask.begin, ask.end or self.total)
            else:
                self.head(line, status, 4, **fields)
                line.send(b"no!\n")

        return play

    def cut(self, count: int, *, reset: bool = False) -> Play:
        """So many bytes of a range, and no more."""

        def play(line: Line, ask: Ask) -> None:
            self.head_206(line, ask)
            self.body(line, ask, ask.begin, ask.begin + count)
            line.settle()
            if reset:
                line.reset()

        return play


@pytest.fixture
def large(site: Site) -> Large:
    return Large(site)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of some hundred KiB are worth it; nothing is measured, and nothing taken over."""
    thresholds = {
        shares: {
            "WORTH": 128 * KIB, "PIECE": 64 * KIB, "LARGEST": 128 * KIB, "STOLEN": 1 << 40, "MOMENT": 0.0,
            "MEASURED": 0.0, "FAST": math.inf,
        },
        landing: {"NOTED": 16 * KIB, "SMALL": 0, "FOLLOWED": 0},
        ground: {"HELD": 0},
        split: {"NOTE_TIME": 0.0},
    }  # fmt: skip
    for module, values in thresholds.items():
        for name, value in values.items():
            monkeypatch.setattr(module, name, value)


@dataclass
class Fetch:
    """`fetch(**files)`: a run over the file, by one transport."""

    transport: str
    large: Large
    server: Any
    run_job: Any
    folder: Path
    ended: Any = None
    more: dict[str, Any] = field(default_factory=dict)
    is_durable: bool = False

    def __call__(self, *targets: str, control: Control | None = None, **files: Any) -> Any:
        self.is_durable = files.get("durable", False)
        (self.folder / "urls.txt").write_text("".join(f"{self.server.url}{each}\n" for each in targets or ["/big.bin"]))
        job = {
            "start": [{"list": "urls.txt", "column": "line", "as": "files"}],
            "polite": {"per_host": 8, "robots": "ignore", **self.more.get("polite", {})},
            "http": {"timeout": {"connect": 5, "read": PATIENCE + 10}, "retry": {"attempts": 8}},
            "files": {"transport": self.transport, **files},
        }
        self.ended = self.run_job(self.server, job, control=control)
        return self.ended

    def saved(self, data: bytes | None = None, name: str = "big.bin") -> None:
        """The file is there, as the server has it; nothing else is."""
        data = self.large.data if data is None else data
        assert self.large.missed == []
        (row,) = self.ended.view("v_files")
        assert (self.ended.code, row["ending"]) == (0, "saved"), self.ended.failures
        assert {path: sha256(found).hexdigest() for path, found in self.ended.files.items()} == {
            name: sha256(data).hexdigest()
        }
        assert (row["bytes"], row["sha256"]) == (len(data), sha256(data).hexdigest())
        assert self.noted() == []

    def failed(self, ending: str, code: int = 4) -> None:
        """The file ended so, and nothing is left of it."""
        (row,) = self.ended.view("v_files")
        assert (row["ending"], self.ended.code) == (ending, code)
        assert (self.ended.files, self.noted()) == ({}, [])

    def sound(self) -> None:
        """The ledger is whole."""
        with closing(sqlite3.connect(self.folder / "out" / ".scraper" / "ledger.db")) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)

    def noted(self) -> list[Any]:
        """The ranges that are noted of parts."""
        with closing(sqlite3.connect(self.folder / "out" / ".scraper" / "ledger.db")) as db:
            return [json.loads(ranges) for (ranges,) in db.execute("SELECT ranges FROM parts")]


@pytest.fixture(params=["curl", pytest.param("requests", marks=pytest.mark.slow)])
def fetch(request: pytest.FixtureRequest, large: Large, serve: Any, run_job: Any, tmp_path: Path) -> Fetch:
    return Fetch(request.param, large, serve(large.site), run_job, tmp_path)
