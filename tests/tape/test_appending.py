"""A tape is appended to by each run, and whatever a run was killed in the middle of is cut off first."""

from __future__ import annotations

import errno
import gzip
import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scraper.errors import BusyError
from scraper.tape import writing
from scraper.tape.taken import Failure
from scraper.tape.warc import Tape, TapeError, TapeWriter
from tests.tape.warcs import check, kinds, read, record, starts, took

NAMES = ["t.warc", "t.warc.gz"]
OLD = [took(f"http://h.test/{at}", os.urandom(40)) for at in range(3)]
NEW = took("http://h.test/new")


def written(path: Path) -> bytes:
    """A tape of OLD, as bytes."""
    with TapeWriter(path, {"scraper-run": "1"}) as writer:
        for one in OLD:
            writer.put(one)
    return path.read_bytes()


def append(path: Path) -> None:
    """What the next run does."""
    with TapeWriter(path, {"scraper-run": "2"}) as writer:
        writer.put(NEW)


@pytest.mark.parametrize("name", NAMES)
def test_a_run_appends_to_what_stands_there(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    before = written(path)
    append(path)
    assert path.read_bytes().startswith(before)
    assert (read(path), check(path)) == ([*OLD, NEW], [])
    with Tape.open(path) as tape:
        assert tape.info == {"scraper-run": "1"}


def cut_and_append(path: Path, whole: bytes, ends: list[int], cuts: range) -> None:
    """For each cut: what is whole before it stands, what is not is gone, and the new run follows."""
    for cut in cuts:
        path.write_bytes(whole[:cut])
        append(path)
        kept = max(end for end in ends if end <= cut)
        now = path.read_bytes()
        assert now.startswith(whole[:kept])
        exchanges = [one for one, end in zip(OLD, ends[2::2], strict=True) if end <= cut]
        assert (read(path), check(path), kinds(path)[-3:]) == (
            [*exchanges, NEW],
            [],
            ["warcinfo", "request", "response"],
        )


@pytest.mark.parametrize("name", NAMES)
def test_a_tail_that_is_cut_anywhere_goes_and_what_is_whole_stays(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    whole = written(path)
    ends = [*starts(path)[1:], len(whole)]
    cut_and_append(path, whole, ends, range(ends[-3] - 2, len(whole) + 1, 7))
    cut_and_append(path, whole, ends, range(len(whole) - 10, len(whole) + 1))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_tail_that_is_cut_at_each_byte_goes_and_what_is_whole_stays(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    whole = written(path)
    ends = [*starts(path)[1:], len(whole)]
    cut_and_append(path, whole, ends, range(ends[0], len(whole) + 1))


@pytest.mark.parametrize("name", NAMES)
def test_a_tape_whose_first_record_was_cut_begins_anew(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    whole = written(path)
    for cut in range(1, starts(path)[1], 5):
        path.write_bytes(whole[:cut])
        append(path)
        assert (read(path), check(path)) == ([NEW], [])


@pytest.mark.parametrize("name", NAMES)
def test_zeros_that_a_power_loss_left_go(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    whole = written(path)
    ends = [*starts(path)[1:], len(whole)]
    for cut in (ends[-1], ends[-2], ends[-2] + 100, ends[-1] - 5):
        path.write_bytes(whole[:cut] + bytes(300_000))
        append(path)
        assert read(path)[-1] == NEW
        assert path.read_bytes().startswith(whole[: max(end for end in ends if end <= cut)])
        assert (check(path), b"\0" * 20 in path.read_bytes()) == ([], False)


def test_what_is_cut_off_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "t.warc"
    path.write_bytes(written(path)[:-5])
    last = path.stat().st_size - starts(path)[-1]
    with caplog.at_level(logging.WARNING):
        append(path)
    assert caplog.messages == [f"{path}: its last {last} bytes are no whole record, and are cut off"]


def test_an_answer_that_was_cut_leaves_no_exchange_and_its_failure_does(tmp_path: Path) -> None:
    path = tmp_path / "t.warc"
    failed = replace(took(method="POST"), failure=Failure("length", "cut"))
    for one, left in ((took(method="POST"), []), (failed, [replace(failed, answered=None)])):
        path.unlink(missing_ok=True)
        with TapeWriter(path, {}) as writer:
            writer.put(one)
        path.write_bytes(path.read_bytes()[:-5])
        append(path)
        assert read(path) == [*left, NEW]


@pytest.mark.parametrize("name", NAMES)
def test_damage_in_the_middle_is_not_cut_off(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    whole = written(path)
    at = starts(path)[2]
    path.write_bytes(whole[:at] + b"\xff" * 30 + whole[at + 30 :])
    damaged = path.read_bytes()
    with pytest.raises(TapeError, match=r"nothing can be appended to it .*; move it away"):
        append(path)
    assert path.read_bytes() == damaged


@pytest.mark.parametrize(
    "data",
    [
        b"my notes",
        b"WARC/ is a format",
        b"WARC/1.1 is",
        b"WARC/1.1\r\nmy notes\r\n\r\n",
        gzip.compress(b"my notes", mtime=0),
        b"\0" * 10,
    ],
)
def test_what_is_no_warc_stays_as_it_is(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "t.warc.gz"
    path.write_bytes(data)
    with pytest.raises(TapeError):
        append(path)
    assert path.read_bytes() == data


def test_a_file_goes_on_as_it_began_whatever_its_name_says(tmp_path: Path) -> None:
    for made, named in ((0, 1), (1, 0)):
        path = tmp_path / NAMES[made]
        written(path)
        path = path.rename(tmp_path / NAMES[named])
        append(path)
        assert (read(path), check(path)) == ([*OLD, NEW], [])
        path.unlink()


def test_one_gzip_member_that_was_cut_is_not_thrown_away(tmp_path: Path) -> None:
    path = tmp_path / "t.warc"
    path.write_bytes(gzip.compress(written(path)))
    append(path)
    assert read(path) == [*OLD, NEW]
    path.write_bytes(gzip.compress(b"".join([record("warcinfo", b"a: b"), record("request", os.urandom(999))]))[:-400])
    with pytest.raises(TapeError, match="`warcio recompress` mends that"):
        append(path)


@pytest.mark.parametrize("name", NAMES)
def test_one_writer_at_a_time_has_a_tape(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    with TapeWriter(path, {}):
        for anew in (False, True):
            with pytest.raises(BusyError, match=f"another run writes {path}"):
                TapeWriter(path, {}, anew=anew)
    with TapeWriter(path, {"scraper-run": "2"}, anew=True):
        pass
    with Tape.open(path) as tape:
        assert tape.info == {"scraper-run": "2"}


def test_a_tape_that_could_not_be_begun_is_not_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: Any, data: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(writing, "_write_all", full)
    with pytest.raises(OSError, match="No space left"):
        TapeWriter(tmp_path / "t.warc", {})
    assert list(tmp_path.iterdir()) == []


def test_no_symbolic_link_is_written_through_and_nothing_but_a_file_is_written_to(tmp_path: Path) -> None:
    path = tmp_path / "t.warc"
    path.symlink_to(tmp_path / "other")
    os.mkfifo(tmp_path / "fifo")
    for name, why in (
        ("t.warc", "symbolic link"),
        ("fifo", "no ordinary file"),
        ("a/b", "No such file"),
        ("", "direct"),
    ):
        with pytest.raises(TapeError, match=why):
            TapeWriter(tmp_path / name, {})
    assert not (tmp_path / "other").exists()
