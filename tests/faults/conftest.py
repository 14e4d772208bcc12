"""A trial: files on a server, faults over it, a whole run by one transport, and the oracle that judges what is left.

    trial.put("/a.bin", records(1, 40_960))
    trial.spoil({"do": "cut", "at": "50%", "times": 1})
    trial.fetch("/a.bin")
    trial.ends({"/a.bin": SAVED})

The oracle (`ends`) holds for every fault. Each URL has one ending in the ledger: `saved`, and then the file is to the
byte what the server has; or what the test expects, and then nothing stands under its name. No part is left,
nothing lies in the output folder that the ledger does not know, nothing outside of it changed, and exit code
and counts agree. Files are made of records of 8 bytes that say version and place, so that a splice of two
versions, or of two places of one, shows itself.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from array import array
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from scraper.errors import JobError
from scraper.job.load import from_data
from scraper.model import Summary
from scraper.run.events import Events
from scraper.run.kit import Options
from scraper.run.runner import run
from scraper.server import Server, Site, bytes_content, present
from scraper.server.faults import Faults, read_faults
from scraper.server.mediatypes import media_type

SAVED = "saved"
CANARY = b"the canary lies beside the output folder"
OURS = {"records.jsonl", ".scraper"}  # what a run may make beside its files
KNOWN = {"ledger.db", "ledger.db-wal", "ledger.db-shm", "lock", "runs"}  # and below .scraper
MODIFIED = 1_700_000_000  # seconds since 1970; old enough to be a strong validator (RFC 9110 section 8.8.2.2)
Ending = str | tuple[str, ...]


@lru_cache(maxsize=8)
def records(version: int, size: int) -> bytes:
    """A file of `size` bytes: 16 bits of version and 48 of place, again and again."""
    places = array("Q", range(version << 48, (version << 48) + size // 8 + 1))
    places.byteswap()
    return places.tobytes()[:size]


def tell(data: bytes) -> str:
    """What a file of records is made of: which version, and by how many records it is out of place."""

    def made(at: int) -> tuple[int, int]:
        value = int.from_bytes(data[8 * at : 8 * at + 8], "big")
        value = value ^ 0xFFFF_FFFF_FFFF_FFFF if value >> 63 else value  # turned over by `changed`
        return value >> 48, (value & 0xFFFF_FFFF_FFFF) - at

    runs = [(key, len(list(group))) for key, group in groupby(range(len(data) // 8), made)]
    told = [f"{count} records of version {version} {shift:+}" for (version, shift), count in runs[:9]]
    return f"{len(data)} bytes: " + ", ".join(told)


class Trial:
    """See the top of this file."""

    def __init__(self, transport: str, folder: Path) -> None:
        self.transport = transport
        self.folder = folder
        self.dest = folder / "out"
        self.layer = Faults()
        self.summary: Summary | None = None
        self.targets: tuple[str, ...] = ()
        self._files: dict[str, bytes] = {}
        self.site = Site()
        self.site.lay(self.layer)
        self.server = Server(self.site)
        self.server.start()
        (folder / "canary").write_bytes(CANARY)

    # -- arranging ------------------------------------------------------------------------------------------

    def put(self, path: str, data: bytes, type_: str = "") -> bytes:
        """A file of the server, with a strong ETag and an old Last-Modified; ranges are answered rightly."""
        self._files[path] = data
        content = bytes_content(type_ or media_type(path), data, MODIFIED)
        self.site.route(path)(lambda request: present(request, content))
        return data

    def spoil(self, *entries: Mapping[str, Any]) -> None:
        """Lay faults over the files."""
        self.layer.rules += read_faults(entries).rules

    # -- acting ---------------------------------------------------------------------------------------------

    def fetch(self, *targets: str, attempts: int = 3, files: Any = None, **timeout: float) -> None:
        """A run over a list of these paths (or URLs), one file each."""
        self.targets = targets or self.targets
        urls = [self.url(target) for target in self.targets]
        (self.folder / "urls.txt").write_text("".join(f"{url}\n" for url in urls), "utf-8")
        job = {
            "name": "trial",
            "start": [{"list": "urls.txt", "column": "line", "as": "files"}],
            "files": {"transport": self.transport, **(files or {})},
            "http": {
                "retry": {"attempts": attempts, "first_wait": 0},
                "timeout": {"connect": 5, "read": 5, **timeout},
            },
        }
        loaded = from_data(job, file="job.yaml", folder=self.folder)
        self.summary = run(loaded, Options(dest=self.dest), Events())

    def url(self, target: str) -> str:
        """The URL of a path."""
        return self.server.url + target if target.startswith("/") else target

    # -- looking --------------------------------------------------------------------------------------------

    def ends(self, wants: Mapping[str, Ending], present: Mapping[str, bytes] | None = None) -> None:
        """Asserts that the run went as it must, and that these are the endings of its files.

        Args:
            wants: the ending of each path, or the endings that are allowed.
            present: what the server has there now, where it is not what was put.
        """
        assert self.summary is not None
        rows = self.rows()
        assert sorted(row["url"] for row in rows) == sorted(self.url(target) for target in wants)
        endings = {row["url"]: row["ending"] for row in rows}
        for target, want in wants.items():
            allowed = (want,) if isinstance(want, str) else want
            assert endings[self.url(target)] in allowed, (target, self.summary.failures)
        whole = {**self._files, **(present or {})}
        self._judge_files(rows, {self.url(target): whole.get(target, b"") for target in wants})
        self._judge_folder({row["path"] for row in rows if row["ending"] == SAVED})
        self._judge_summary(list(endings.values()))

    def _judge_files(self, rows: list[dict[str, Any]], whole: Mapping[str, bytes]) -> None:
        for row in rows:
            if row["ending"] != SAVED:
                assert row["path"] is None or not (self.dest / row["path"]).exists(), row
                continue
            found, right = (self.dest / row["path"]).read_bytes(), whole[row["url"]]
            same = found == right  # on its own: pytest takes minutes to write the difference of two large files out
            assert same, f"{tell(found)}; the server has {tell(right)}"
            assert (row["bytes"], row["sha256"]) == (len(right), hashlib.sha256(right).hexdigest())

    def _judge_folder(self, saved: set[str]) -> None:
        """Nothing there that the ledger does not know, no part, and nothing elsewhere."""
        found = {path.relative_to(self.dest).as_posix() for path in self.dest.rglob("*") if not path.is_dir()}
        below = {path for path in found if path.partition("/")[0] == ".scraper"}
        assert found - below - OURS == saved
        assert {path.split("/")[1] for path in below} <= KNOWN
        assert [path for path in found if path.endswith(".part")] == []
        assert {path.name for path in self.folder.iterdir()} == {"canary", "urls.txt", "out"}
        assert (self.folder / "canary").read_bytes() == CANARY

    def _judge_summary(self, endings: list[str]) -> None:
        assert self.summary is not None
        counted = {
            kind: sum(one.partition(":")[0] == kind for one in endings) for kind in ("saved", "skipped", "failed")
        }
        assert self.summary.as_dict()["files"] == {**counted, "unchanged": 0}
        assert int(self.summary.exit_code) == (4 if counted["failed"] else 0)

    def rows(self) -> list[dict[str, Any]]:
        """The files of this run in the ledger."""
        assert self.summary is not None
        with closing(sqlite3.connect(self.dest / ".scraper" / "ledger.db")) as db:
            db.row_factory = sqlite3.Row
            found = db.execute("SELECT * FROM v_files WHERE run = ?", (self.summary.run,))
            return [dict(row) for row in found]

    def asked(self, target: str = "") -> list[dict[str, str]]:
        """The headers, names in lower case, of the requests for a target, in order; of all without one."""
        seen = [one for one in self.server.log if target in ("", one.target)]
        return [{name.lower(): value for name, value in one.headers} for one in seen]

    def sent(self) -> int:
        """How many bytes went out in answers that faults spoke themselves; the server is closed by then."""
        self.server.close()
        return sum(strike.sent or 0 for strike in self.layer.strikes)

    @property
    def log(self) -> list[dict[str, Any]]:
        """The lines of the run's log."""
        assert self.summary is not None
        path = self.dest / ".scraper" / "runs" / self.summary.run / "log.jsonl"
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.fixture(scope="session")
def refusals(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str | None]:
    """`refusals(transport)`: why the program does not do it here; it is asked once, by a run of one file."""
    known: dict[str, str | None] = {}

    def ask(transport: str) -> str | None:
        if transport not in known:
            known[transport] = _refusal(transport, tmp_path_factory.mktemp(transport))
        return known[transport]

    return ask


def _refusal(transport: str, folder: Path) -> str | None:
    trial = Trial(transport, folder)
    trial.put("/tiny.bin", b"tiny")
    try:
        trial.fetch("/tiny.bin")
    except (JobError, ImportError) as error:
        return str(error)
    finally:
        trial.server.close()
    return None


@pytest.fixture(params=["curl", pytest.param("requests", marks=pytest.mark.slow)])
def transport(request: pytest.FixtureRequest, refusals: Callable[[str], str | None]) -> str:
    """Each transport; skipped where the program refuses it."""
    name = str(request.param)
    why = refusals(name)
    if why is not None:
        pytest.skip(f"no transport {name}: {why}")
    return name


@pytest.fixture
def trial(transport: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[Trial]:
    """A trial by each transport. A bug in the server or in a fault fails the test."""
    trial = Trial(transport, tmp_path)
    yield trial
    trial.server.close()
    bugs = [one.getMessage() for one in caplog.records if one.name == "scraper.server" and one.levelname == "ERROR"]
    assert bugs == []


@pytest.fixture(name="records")
def records_fixture() -> Callable[[int, int], bytes]:
    """`records(version, size)` makes a file that tells what it is."""
    return records
