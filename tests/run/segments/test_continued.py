"""A run that ends while a file is split, by a signal or by the disk: the next one goes on with what lacks."""

from __future__ import annotations

import errno
import os
import threading
from contextlib import suppress
from typing import Any

import pytest

from scraper.download.split import Split
from scraper.files import parts
from scraper.run.control import Control
from scraper.server import Line

KIB = 1024
TOTAL = 640 * KIB
LANES = 3
SIZES = {"same": TOTAL, "bigger": TOTAL + 1000, "smaller": TOTAL - 1000, "tiny": 20 * KIB}

pytestmark = pytest.mark.slow


def drips(large: Any, fetch: Any, control: Control) -> Any:
    """40 KiB of each answer; when enough is noted the run is stopped, and then little by little more comes.

    Notes of what is on the disk for sure may be some steps behind.
    """
    count = 40 * KIB

    def play(line: Line, ask: Any) -> None:
        large.head_206(line, ask) if ask.is_range else large.begun(line)
        large.body(line, ask, ask.begin, ask.begin + count)
        large.wait("all are under way", lambda: [each.sent >= count for each in large.asks] == [True] * (LANES + 1))
        enough = 1 if fetch.is_durable else (LANES + 1) * 32 * KIB
        while not control.stopping and count_of(fetch.noted()) < enough:
            line.hold(0.01)
        control.stop(130)
        at = ask.begin + count
        while at < (ask.end or TOTAL) and not line.hold(0.05):
            line.send(large.data[at : at + 4 * KIB])
            at += 4 * KIB

    return play


def count_of(noted: list[Any]) -> int:
    return sum(end - begin for ranges in noted for begin, end in ranges or ())


@pytest.mark.parametrize("durable", [False, True])
def test_a_run_that_is_stopped_is_continued_with_what_lacks(durable: bool, large: Any, fetch: Any) -> None:
    control = Control()
    large.range = large.whole = drips(large, fetch, control)
    stopped = fetch(control=control, durable=durable)
    (noted,) = fetch.noted()
    part = (stopped.dest / "big.bin.part").read_bytes()
    assert (stopped.code, stopped.view("v_files")[0]["ending"]) == (130, None)
    assert durable or len(noted) > 1
    assert all(part[begin:end] == large.data[begin:end] for begin, end in noted)

    large.asks.clear()
    large.range = large.right
    fetch(durable=durable)
    fetch.saved()
    assert [ask for ask in large.asks if not ask.is_range] == []
    for ask in large.ranges:
        assert [each for each in noted if each[0] < (ask.end or TOTAL) and ask.begin < each[1]] == []


@pytest.mark.parametrize("size", SIZES)
def test_a_file_that_changes_between_two_runs_is_the_new_one(size: str, large: Any, fetch: Any) -> None:
    control = Control()
    large.range = large.whole = drips(large, fetch, control)
    fetch(control=control)
    large.asks.clear()
    large.put(2, SIZES[size])
    large.range = large.right
    fetch()
    fetch.saved()
    assert (large.asks[0].is_range, large.asks[0].headers.get("if-range")) == (True, '"1"')
    assert {ask.headers["if-range"] for ask in large.ranges[1:]} <= {'"2"'}


@pytest.mark.parametrize("harm", ["shorter", "another file", "gone"])
def test_a_part_that_is_not_what_was_noted_starts_again(harm: str, large: Any, fetch: Any) -> None:
    control = Control()
    large.range = large.whole = drips(large, fetch, control)
    part = fetch(control=control).dest / "big.bin.part"
    large.asks.clear()
    if harm == "shorter":
        with part.open("r+b") as file:
            file.truncate(10 * KIB)
    else:
        part.rename(part.with_name("kept"))
        part.write_bytes(bytes(TOTAL)) if harm == "another file" else None
        (part.parent / "kept").rename(part.parent.parent / "kept")
    large.range, large.whole = large.right, large.plain
    fetch()
    assert large.asks[0].is_range is False
    if harm == "another file":
        assert fetch.ended.files["big.bin"] == large.data
    else:
        fetch.saved()


# -- the disk ------------------------------------------------------------------------------------------------


class Disk:
    """What is written to parts: the write `at` is refused after some of its bytes."""

    def __init__(self, code: int) -> None:
        self.writes = self.at = 0
        self._code = code
        self._lock = threading.Lock()
        self._really = parts._write_all

    def write(self, descriptor: int, offset: int, pieces: Any) -> int:
        with self._lock:
            self.writes += 1
            is_refused = self.writes == self.at
        if is_refused:
            self._really(descriptor, offset, [b"".join(pieces)[:1000]])
            raise OSError(self._code, os.strerror(self._code))
        return self._really(descriptor, offset, pieces)


@pytest.mark.parametrize("at", [1, 2, 3, 4])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_disk_that_is_full_stops_the_run_and_the_next_one_goes_on(
    at: int, code: int, large: Any, fetch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, large.wholes, large.whole = Disk(code), {1: large.broken}, large.plain
    with monkeypatch.context() as patch:
        patch.setattr(parts, "_write_all", disk.write)
        disk.at = at
        stopped = fetch()
    fetch.sound()
    assert (stopped.code, stopped.files.keys() - {"big.bin.part"}) == (5, set())
    for begin, end in [each for noted in fetch.noted() for each in noted or []]:
        assert (stopped.dest / "big.bin.part").read_bytes()[begin:end] == large.data[begin:end]
    large.asks.clear()
    fetch()
    fetch.saved()
    assert large.asks[0].is_range == (at > 1)


@pytest.mark.parametrize("at", [2, 5])
def test_a_part_that_cannot_be_written_is_that_files_failure(
    at: int, large: Any, fetch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the exchange that meets it: others may bring what it could not write. If none is left the file has failed."""
    disk, large.whole = Disk(errno.EIO), large.broken
    disk.at = at
    monkeypatch.setattr(parts, "_write_all", disk.write)
    fetch()
    fetch.sound()
    fetch.failed("failed:disk") if fetch.ended.code else fetch.saved()


def test_a_file_whose_exchanges_all_wait_is_closed_when_the_run_ends(
    large: Any, fetch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first hole of a part is filled; for the others the host asks to wait, longer than the run."""
    control = Control()
    large.range = large.whole = drips(large, fetch, control)
    fetch(control=control)
    large.asks.clear()
    control, really, over = Control(), Split.ended, list[Any]()

    def filled(line: Line, ask: Any) -> None:
        large.head_206(line, ask)
        large.wait("the others are refused", lambda: len(over) == LANES)
        large.body(line, ask, ask.begin, ask.end)

    def ended(self: Split, segment: Any, trouble: Any) -> None:
        really(self, segment, trouble)
        with large.changed:
            over.append(trouble)
            large.changed.notify_all()
        if len(over) > LANES:
            control.stop(130)

    monkeypatch.setattr(Split, "ended", ended)
    large.plays, large.range = {1: filled}, large.told(503, Retry_After="3000")
    fetch(control=control)
    assert (fetch.ended.code, open_parts()) == (130, [])
    large.plays, large.range = {}, large.right
    fetch()
    fetch.saved()


def open_parts() -> list[str]:
    found = []
    for each in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):
            found.append(os.readlink(f"/proc/self/fd/{each}"))
    return [path for path in found if path.endswith(".part")]
