"""The disk refuses: full at any moment, or one file at a time; nothing wrong stands under a final name."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from scraper.download import ground
from scraper.errors import DiskError, Exit, ScraperError
from scraper.files import parts
from scraper.report import make
from scraper.run.logfile import run_log
from scraper.server import Response, Site

CANARY = b"outside of the output folder"
COUNT = 5
JOB = """
start: ["{{ base }}/list"]
polite: {robots: ignore}
rules:
  list:
    each: img
    item: {name: "::attr(alt)"}
    files: {select: "::attr(src)", path: "PATH"}
    follow: {page: {select: "::attr(longdesc)", when: "::attr(longdesc)"}}
  page: {item: {title: h1}}
files: {existing: EXISTING, jobs: 1}
"""


def content(name: str) -> bytes:
    return sha256(name.encode()).digest() * 100


def job(existing: str = "skip", path: str = "sub/{{ filename }}") -> str:
    return JOB.replace("PATH", path).replace("EXISTING", existing)


@pytest.fixture
def gallery(site: Site, serve: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A server of five pictures on a page; `gallery.amid[name]` is called when the part of `name` is written."""
    (tmp_path / "canary").write_bytes(CANARY)

    @site.route("/list")
    def pictures(request: Any) -> str:
        return "".join(f'<img alt={at} src="/f/{at}.png">' for at in range(COUNT)) + '<img longdesc="/page">'

    @site.route("/page")
    def page(request: Any) -> str:
        return "<h1>page</h1>"

    @site.route("/f/<name>")
    def picture(request: Any, name: str) -> Response:
        return Response(200, {"Content-Type": "image/png"}, content(name))

    def written(descriptor: int, offset: int, pieces: Sequence[bytes]) -> int:
        count = really(descriptor, offset, pieces)
        amid.pop(Path(os.readlink(f"/proc/self/fd/{descriptor}")).stem, lambda: None)()
        return count

    really = parts._write_all
    monkeypatch.setattr(parts, "_write_all", written)
    amid: dict[str, Callable[[], None]] = {}
    server = serve(site)
    server.amid = amid
    return server


make_folder = os.mkdir


class Full:
    """A disk without room: from the call `at` on (or at that call alone) whatever needs room is refused."""

    def __init__(self, at: int, *, lasting: bool) -> None:
        self.calls = 0
        self._at = at
        self._lasting = lasting
        self._lock = threading.Lock()

    def _refuses(self) -> bool:
        with self._lock:
            self.calls += 1
            return self.calls >= self._at if self._lasting else self.calls == self._at

    def check(self) -> None:
        if self._refuses():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def check_ledger(self) -> None:
        if self._refuses():
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error

    @contextmanager
    def felt(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            for owner, name in (
                (os, "link"),
                (parts, "_renameat2"),
                (os, "mkdir"),
                (os, "pwritev"),
                (Path, "write_bytes"),
                (Path, "write_text"),
            ):
                patch.setattr(owner, name, self._checked(getattr(owner, name)))
            patch.setenv("SCRAPER_SHARE", "0")  # its table lies on another disk, and a run does without
            page = make.write
            patch.setattr(make, "write", lambda *args: self._aside(page, *args))
            real, connect = os.open, sqlite3.connect
            patch.setattr(os, "open", lambda path, flags, *a, **k: self._opened(real, path, flags, *a, **k))
            patch.setattr(sqlite3, "connect", lambda *a, **k: _Ledger(connect(*a, **k), self))
            yield

    def _aside(self, page: Callable[..., None], *args: Any) -> None:
        """The report is refused what all are; a run without one is whole (tests/report)."""
        calls = self.calls
        try:
            page(*args)
        finally:
            self.calls = calls

    def _checked(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if not (real is make_folder and not kwargs and os.path.isdir(args[0])):  # that takes no room
                self.check()
            return real(*args, **kwargs)

        return call

    def _opened(self, real: Callable[..., int], path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
        if flags & os.O_CREAT:
            self.check()
        return real(path, flags, *args, **kwargs)


class _Ledger:
    """A connection that needs room to commit. A commit that fails leaves its transaction open, as SQLite does."""

    def __init__(self, real: sqlite3.Connection, full: Full) -> None:
        self.__dict__.update(_real=real, _full=full)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._real, name, value)

    def execute(self, sql: str, *values: Any) -> Any:
        sql = sql.replace("synchronous = NORMAL", "synchronous = OFF")  # no power is cut here
        word = sql.split(maxsplit=1)[0]
        if word == "COMMIT" or (word in ("INSERT", "UPDATE", "DELETE") and not self._real.in_transaction):
            self._full.check_ledger()
        return self._real.execute(sql, *values)


def code_of(run: Callable[[], Any]) -> int:
    """The exit code of the command line: a run's own, or that of the error it ended with."""
    try:
        return int(run().code)
    except ScraperError as error:
        return int(error.exit_code)


def assert_sound(dest: Path, existing: str) -> None:
    """The ledger is whole; what stands under a final name is the file, or what stood there before."""
    if (dest / ".scraper" / "ledger.db").exists():
        with closing(sqlite3.connect(dest / ".scraper" / "ledger.db")) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    for path in (dest / "sub").glob("*.png"):
        assert path.read_bytes() in (content(path.name), b"stood"), path.name
    assert (dest.parent / "canary").read_bytes() == CANARY


def state(ended: Any) -> Any:
    return ended.code, ended.files, ended.records, sorted(ended.endings("v_files").items())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("existing", "lasting"),
    [
        ("skip", True),
        ("overwrite", False),
        pytest.param("skip", False, marks=pytest.mark.slow),
        pytest.param("overwrite", True, marks=pytest.mark.slow),
    ],
)
def test_a_full_disk_stops_the_run_and_the_same_command_continues(
    existing: str, lasting: bool, gallery: Any, run_job: Any, tmp_path: Path
) -> None:
    def run_in(name: str, full: Full) -> Any:
        dest = tmp_path / name
        (dest / "sub").mkdir(parents=True, exist_ok=True)
        if not (dest / ".scraper").exists():
            (dest / "sub" / "3.png").write_bytes(b"stood")
        with full.felt():
            return run_job(gallery, job(existing), dest=dest)

    room = Full(0, lasting=False)
    expected = state(run_in("roomy", room))
    for at in range(1, room.calls + 1):
        full = Full(at, lasting=lasting)
        code = code_of(lambda full=full, at=at: run_in(f"full-{at}", full))
        assert code == (Exit.LIMIT if full.calls >= at else Exit.DONE), f"full at call {at}"
        assert_sound(tmp_path / f"full-{at}", existing)
        if code:
            continued = run_in(f"full-{at}", Full(0, lasting=False))
            assert state(continued) == expected, f"full at call {at}"
            assert sorted(continued.dest.rglob("*.part")) == []


# -- one file at a time ----------------------------------------------------------------------------------


def endings(ended: Any) -> list[str]:
    """Of the five pictures, in order."""
    told = ended.endings("v_files")
    return [next(ending for url, ending in told.items() if url.endswith(f"/{at}.png")) for at in range(COUNT)]


def others(ending: str, at: int = 2) -> list[str]:
    return ["saved"] * at + [ending] + ["saved"] * (COUNT - at - 1)


@contextmanager
def refused(name: str, call: str, code: int) -> Iterator[None]:
    """`os.<call>`, or renameat2, fails for what is named like this. Links are made where there is no renameat2."""
    owner = parts if call == "_renameat2" else os
    real = getattr(owner, call)

    def failing(*args: Any, **kwargs: Any) -> Any:
        if name in (args[0], os.fsdecode(args[1]) if len(args) > 1 and isinstance(args[1], bytes) else None):
            raise OSError(code, os.strerror(code), name)
        return real(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        if call in ("link", "unlink"):
            patch.setattr(parts, "_renameat2", None)
        patch.setattr(owner, call, failing)
        yield


@pytest.mark.parametrize("code", [errno.EACCES, errno.ENAMETOOLONG, errno.EIO, errno.EMFILE])
@pytest.mark.parametrize(("call", "name"), [(call, "2.png.part") for call in ("open", "link", "unlink", "_renameat2")])
def test_what_one_file_is_refused_is_that_files_failure(
    call: str, name: str, code: int, gallery: Any, run_job: Any, tmp_path: Path
) -> None:
    with refused(name, call, code):
        ended = run_job(gallery, job())
    assert (ended.code, endings(ended)) == (Exit.FAILURES, others("failed:disk"))
    assert_sound(tmp_path / "out", "skip")


@pytest.mark.parametrize(
    ("existing", "ending", "code", "stands"),
    [
        ("skip", "skipped:exists", Exit.DONE, b"stood"),
        ("fail", "failed:name", Exit.FAILURES, b"stood"),
        ("overwrite", "saved", Exit.DONE, content("2.png")),
        ("check", "saved", Exit.DONE, content("2.png")),
    ],
)
def test_a_file_that_appears_meanwhile_is_treated_as_existing_says(
    existing: str, ending: str, code: int, stands: bytes, gallery: Any, run_job: Any, tmp_path: Path
) -> None:
    goal = tmp_path / "out" / "sub" / "2.png"
    gallery.amid["2.png"] = lambda: goal.write_bytes(b"stood")
    ended = run_job(gallery, job(existing))
    assert (ended.code, endings(ended), goal.read_bytes()) == (code, others(ending), stands)
    assert sorted(ended.dest.rglob("*.part")) == []


@pytest.mark.parametrize("existing", ["skip", "fail", "overwrite", "check"])
def test_a_folder_that_appears_under_a_name_fails_that_file(
    existing: str, gallery: Any, run_job: Any, tmp_path: Path
) -> None:
    gallery.amid["2.png"] = (tmp_path / "out" / "sub" / "2.png").mkdir
    ended = run_job(gallery, job(existing))
    assert (ended.code, endings(ended)) == (Exit.FAILURES, others("failed:name"))
    assert ended.records[2]["_files"] == []


def test_a_folder_that_stands_there_makes_the_file_take_another_name(
    gallery: Any, run_job: Any, tmp_path: Path
) -> None:
    (tmp_path / "out" / "sub" / "2.png").mkdir(parents=True)
    ended = run_job(gallery, job())
    [path] = ended.records[2]["_files"]
    assert (ended.code, endings(ended), ended.files[path]) == (0, others("saved"), content("2.png"))
    assert path.startswith("sub/2~")


def test_a_link_out_of_the_folder_is_not_written_through(gallery: Any, run_job: Any, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sub").symlink_to(outside)
    ended = run_job(gallery, job())
    assert (ended.code, endings(ended), list(outside.iterdir())) == (Exit.FAILURES, ["failed:disk"] * COUNT, [])


@pytest.mark.parametrize("existing", ["skip", "overwrite"])
def test_a_folder_swapped_for_a_link_meanwhile_is_not_written_through(
    existing: str, gallery: Any, run_job: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside, sub = tmp_path / "outside", tmp_path / "out" / "sub"
    outside.mkdir()
    for bound in ("_LEAST", "_MOST"):  # every piece goes to the part, which is open for a while
        monkeypatch.setattr(ground, bound, 1)

    def swap() -> None:
        sub.rename(tmp_path / "out" / "was")
        sub.symlink_to(outside)

    gallery.amid["2.png"] = swap
    ended = run_job(gallery, job(existing))
    assert (ended.code, list(outside.iterdir())) == (Exit.FAILURES, [])
    assert endings(ended) == ["saved"] * 2 + ["failed:disk"] * 3


def test_a_link_under_a_final_name_is_replaced_and_its_target_stays(gallery: Any, run_job: Any, tmp_path: Path) -> None:
    link = tmp_path / "out" / "sub" / "2.png"
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "canary")
    ended = run_job(gallery, job("overwrite"))
    assert (ended.code, link.is_symlink(), link.read_bytes()) == (0, False, content("2.png"))
    assert (tmp_path / "canary").read_bytes() == CANARY


def test_parts_of_somebody_else_stay(gallery: Any, run_job: Any, tmp_path: Path) -> None:
    sub = tmp_path / "out" / "sub"
    sub.mkdir(parents=True)
    (sub / "2.png.part").write_bytes(b"theirs")
    ended = run_job(gallery, job())
    assert (ended.code, endings(ended)) == (0, others("saved"))
    assert [path.name for path in sub.glob("*.part")] == ["2.png.part"]
    assert (sub / "2.png.part").read_bytes() == b"theirs"


# -- what a run cannot do without ------------------------------------------------------------------------


def test_an_output_folder_that_is_removed_meanwhile_stops_the_run(gallery: Any, run_job: Any, tmp_path: Path) -> None:
    gallery.amid["2.png"] = lambda: shutil.rmtree(tmp_path / "out")
    assert code_of(lambda: run_job(gallery, job())) == Exit.LIMIT
    assert state(run_job(gallery, job()))[0] == Exit.DONE


def test_a_folder_under_the_name_of_the_records_stops_the_run_which_is_continued(
    gallery: Any, run_job: Any, tmp_path: Path, caplog: Any
) -> None:
    blocked = tmp_path / "out" / "records.jsonl"
    blocked.mkdir(parents=True)
    ended = run_job(gallery, job())
    assert (ended.code, endings(ended)) == (Exit.LIMIT, ["saved"] * COUNT)
    assert "records.jsonl: Is a directory" in caplog.text
    blocked.rmdir()
    continued = run_job(gallery, job())
    assert (continued.summary.run, continued.code) == (ended.summary.run, 0)
    assert [row["_files"] for row in continued.records[:COUNT]] == [[f"sub/{at}.png"] for at in range(COUNT)]


@pytest.mark.parametrize("path", ["file", "file/below"])
def test_an_output_folder_that_cannot_be_is_told(path: str, gallery: Any, run_job: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    with pytest.raises(DiskError, match="file"):
        run_job(gallery, job(), dest=tmp_path / path)
    assert (tmp_path / "file").read_bytes() == b"mine"


def test_a_dry_run_writes_nothing_though_a_state_folder_is_given(gallery: Any, run_job: Any, tmp_path: Path) -> None:
    run_job(gallery, job(), state=tmp_path / "state", dry=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["canary"]


def test_a_log_without_room_does_not_hide_how_the_run_ended(capsys: pytest.CaptureFixture[str]) -> None:
    reached = False
    with run_log(Path("/dev/full")):
        logging.getLogger("scraper").error("no room for this")
        reached = True
    assert (reached, capsys.readouterr().err) == (True, "")
