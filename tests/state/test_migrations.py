"""A ledger of an earlier version is brought up: nothing is lost, and an open run goes on."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from scraper import secrets
from scraper.files import naming
from scraper.files.parts import OutputFolder
from scraper.model import Download, Outcome, PartNote
from scraper.net.courier import wall_clock
from scraper.state import schema
from scraper.state.codec import encode_rank
from scraper.state.db import Database
from scraper.state.ledger import FileTask, Ledger
from scraper.state.recovery import settle_names
from scraper.state.runs import note_end, open_run, summary

VIEWS = ("v_runs", "v_pages", "v_items", "v_files")
OLD, NOW = "20260101T000000Z-0001", "20260102T000000Z-0002"
DIGEST = "ab" * 32
MARK = secrets.mark("env", "KEY")
RUNS = [
    (OLD, "job", "2026-01-01T00:00:00+00:00", "2026-01-01T00:01:00+00:00", 4, 1, 0, "same", None, 60.5),
    (NOW, "job", "2026-01-02T00:00:00+00:00", None, None, 0, 1, "same", None, 1.25),
]
# key, template, path, complete, run
NAMES = [
    ("http://h/a.jpg", "t", "a.jpg", 1, OLD),
    ("http://h/A.jpg", "t", "A~12345678.jpg", 1, OLD),
    ("http://h/open", "t", "open", 0, NOW),
    ("k", "t", "sub/k.png", 1, NOW),
    ("shared", "t", "far.png", 1, NOW),
    ("http://h/?k={env:KEY}", "t", "x.bin", 1, NOW),
]


def download(key: str, **given: Any) -> str:
    """A Download as version 1 wrote it: what is at its default left out, but for the digests."""
    said = {"url": key, "key": key, "digests": {}, **given}
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"))


def file(run: str, key: str, **given: Any) -> dict[str, Any]:
    place = given.pop("place", (0, 1))
    return {
        "run": run, "key": key, "template": "t", "url": key, "host": "h:80", "rank": encode_rank(place), "state": 0,
        "download": download(key, path=given.pop("path", "x.png"), template="t", place=place, **given.pop("said", {})),
        **given,
    }  # fmt: skip


SAVED = {"state": 1, "ending": "saved", "status": 200, "attempts": 2, "seconds": 0.125, "type": "image/jpeg"}
FILES = [
    file(OLD, "http://h/a.jpg", path="a.jpg", part="a.jpg.part", bytes=5, sha256=DIGEST, etag='"v1"', **SAVED),
    file(OLD, "http://h/A.jpg", path="A.jpg", part="A~12345678.jpg.part", state=1, ending="failed:http:404", why="no"),
    {**file(OLD, "no url", state=1, ending="failed:protocol", why="none"), "template": "", "host": "", "download": ""},
    {**file(OLD, "gone", state=1, ending="skipped:limit"), "template": "edited"},
    file(NOW, "http://h/a.jpg", path="a.jpg", part="a.jpg.part", state=1, ending="skipped:exists", stood=77),
    file(NOW, "http://h/A.jpg", path="A.jpg", part="mine.part", place=(0, 3), item_key="i", found_on="http://h/"),
    file(NOW, "http://h/open", path="open", place=(0, 2), said={"found": False, "keyed": True, "via_public": True}),
    file(
        NOW, "k", path="sub/k.png", part="sub/k.png.part", part_inode=99, etag='"v2"', last_modified="then", stood=5,
        place=(0, 4), said={"headers": {"Referer": "http://r/"}, "digests": {"md5": "00"}, "rule": "r"},
    ),
    file(
        NOW, "shared", path="far.png", part="far.png.part", bytes=4, sha256=DIGEST, better_path="near.png",
        better_template="t", better_rank=encode_rank((0,)), place=(0, 1, 0, 1), **SAVED,
    ),
    {
        **file(NOW, "http://h/?k={env:KEY}", path="x.bin", part="x.bin.part", place=(0, 5)),
        "download": download(
            "http://h/?k={env:KEY}", url=f"http://h/?k={MARK}", path="x.bin", template="t", place=(0, 5)
        ),
    },
]  # fmt: skip
CONTENTS = [
    ("a.jpg", OLD, 5, DIGEST, "image/jpeg", '"v1"', None),
    ("far.png", NOW, 4, DIGEST, "image/jpeg", None, None),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger as version 1 left it: a run that was closed, and one that is open."""
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path)) as db:
        db.executescript(f"{schema.MIGRATIONS[0]}; PRAGMA user_version = 1;")
        db.executemany(f"INSERT INTO runs VALUES ({', '.join('?' * 10)})", RUNS)
        db.executemany(
            "INSERT INTO names (fold, path, key, template, complete, run) VALUES (?, ?, ?, ?, ?, ?)",
            [(naming.fold(path), path, key, template, whole, run) for key, template, path, whole, run in NAMES],
        )
        db.executemany("INSERT INTO file_keys VALUES (?, ?)", [(key, template) for key, template, *_ in NAMES])
        db.execute("INSERT INTO folders VALUES ('sub')")
        for row in FILES:
            columns, marks = ", ".join(row), ", ".join("?" * len(row))
            db.execute(f"INSERT INTO files ({columns}) VALUES ({marks})", list(row.values()))
        db.executemany("INSERT INTO contents VALUES (?, ?, ?, ?, ?, ?, ?)", CONTENTS)
        db.execute("INSERT INTO moves VALUES ('shared', 't', 'older.png', 'far.png')")
        db.execute(
            "INSERT INTO pages (run, identity, method, url, host, rank, state, ending, attempts, seconds)"
            " VALUES (?, 'i', 'GET', 'http://h/', 'h:80', x'01', 1, 'ok', 1, 0.5)",
            [NOW],
        )
        db.execute(
            "INSERT INTO items (rule, key, fields, url, place, rank, first_run, last_run)"
            " VALUES ('r', 'i', '{}', 'http://h/', x'01', x'01', ?, ?)",
            [OLD, NOW],
        )
        db.execute("INSERT INTO item_files VALUES ('r', 'i', 0, 'http://h/a.jpg')")
        db.commit()
    return path


def view(db: sqlite3.Connection | Database, name: str) -> list[tuple[Any, ...]]:
    return sorted((tuple(row) for row in db.execute(f"SELECT * FROM {name}")), key=repr)


@pytest.fixture
def desk(path: Path, tmp_path: Path) -> Iterator[tuple[Database, Ledger, OutputFolder]]:
    """The ledger brought up, and its open run continued."""
    disk = OutputFolder(tmp_path / "out")
    with closing(Database(path)) as db:
        ledger = Ledger(db, disk.look, "skip", frozenset({"t"}))
        ledger.begin(open_run(db, "job", "same", now=wall_clock()).id)
        yield db, ledger, disk
    disk.close()


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_tells_what_it_told_before(name: str, path: Path) -> None:
    with closing(sqlite3.connect(path)) as before:
        told = view(before, name)
        if name == "v_files":  # the validators of a part on its way were told before its file had an ending
            told = [(*row[:10], None, None, *row[12:]) if row[5] is None else row for row in told]
    with closing(Database(path)) as db:
        assert view(db, name) == sorted(told, key=repr)
        assert db.value("PRAGMA user_version") == schema.VERSION


def test_the_open_run_goes_on_with_its_files(desk: tuple[Database, Ledger, OutputFolder]) -> None:
    _, ledger, _ = desk
    assert (ledger.run, ledger.open_count, ledger.pending_hosts("file")) == (NOW, 4, [("h:80", 4)])
    tasks = {task.download.key: task for task in ledger.next_files("h:80", 9, set())}
    given = Download("http://h/open", "http://h/open", "open", template="t", place=(0, 2))
    assert list(tasks) == ["http://h/open", "http://h/A.jpg", "k", "http://h/?k={env:KEY}"]
    assert tasks["http://h/open"] == FileTask(
        tasks["http://h/open"].id,
        Download(given.url, given.key, "open", template="t", place=(0, 2), found=False, keyed=True, via_public=True),
        "open", False, None, None,
    )  # fmt: skip
    other = tasks["http://h/A.jpg"]
    assert (other.path, other.part, other.download.path) == ("A~12345678.jpg", "mine.part", "A.jpg")
    assert (other.download.item_key, other.download.found_on, other.download.found) == ("i", "http://h/", True)
    keyed = tasks["k"]
    assert (keyed.part, keyed.stood, keyed.noted) == (
        "sub/k.png.part",
        5,
        PartNote(99, etag='"v2"', last_modified="then"),
    )
    assert keyed.download == Download(
        "k", "k", "sub/k.png", rule="r", place=(0, 4), template="t", headers={"Referer": "http://r/"},
        digests={"md5": "00"},
    )  # fmt: skip
    assert tasks["http://h/?k={env:KEY}"].download.url == f"http://h/?k={MARK}"


def test_names_and_folders_hold(desk: tuple[Database, Ledger, OutputFolder]) -> None:
    db, ledger, disk = desk
    ledger.end_all("file", "skipped:limit")
    note_end(db, ledger.run, now=wall_clock(), exit_code=0, closed=True, complete=True, seconds=1)
    ledger.begin(open_run(db, "job", "same", now=wall_clock()).id)
    (disk.root / "a.jpg").write_bytes(b"saved")
    for key, path in (("http://h/A.jpg", "a.jpg"), ("new", "A.JPG"), ("other", "SUB"), ("http://h/a.jpg", "b.jpg")):
        ledger.add_download(Download(f"http://h/{key}", key, path, template="t"))
    told = {row["key"]: row for row in db.rows("SELECT * FROM v_files WHERE run = ?", ledger.run)}
    assert told["http://h/A.jpg"]["path"] == "A~12345678.jpg"
    assert re.fullmatch("A~[0-9a-f]{8}.JPG", told["new"]["path"])
    assert re.fullmatch("SUB~[0-9a-f]{8}", told["other"]["path"])
    assert tuple(told["http://h/a.jpg"])[4:11] == ("a.jpg", "skipped:exists", None, 5, DIGEST, "image/jpeg", '"v1"')


def test_a_better_name_that_was_noted_is_given(desk: tuple[Database, Ledger, OutputFolder]) -> None:
    db, ledger, disk = desk
    (disk.root / "older.png").write_bytes(b"ours")
    settle_names(ledger, disk)
    assert [path.name for path in disk.root.iterdir()] == ["near.png"]
    assert db.value("SELECT path FROM v_files WHERE key = 'shared'") == "near.png"


def test_the_counts_and_the_records_are_of_the_whole_run(desk: tuple[Database, Ledger, OutputFolder]) -> None:
    db, ledger, disk = desk
    (disk.root / "a.jpg").write_bytes(b"saved")
    for task in ledger.next_files("h:80", 9, set()):
        ledger.finish(task.id, Outcome("failed:connect", why="no"))
    ledger.flush()
    told = summary(db, "job", NOW)
    assert (told.files.as_dict(), told.bytes) == ({"saved": 1, "unchanged": 0, "skipped": 1, "failed": 4}, 4)
    assert [paths for _, paths in ledger.records(keep_gone=True)] == [["a.jpg"]]


def test_a_ledger_that_begins_has_the_tables_to_which_the_steps_come(path: Path, tmp_path: Path) -> None:
    def tables(of: Path) -> list[tuple[str, ...]]:
        with closing(Database(of)) as db:
            rows = db.rows("SELECT type, name, tbl_name, sql FROM sqlite_master")
            return sorted((*row[:3], re.sub(r'[\s"]+', " ", row[3] or "").strip()) for row in rows)

    assert tables(tmp_path / "new.db") == tables(path)
