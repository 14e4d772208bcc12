"""Files on their way: handed out once, in record order; ended in batches, by one thread, and counted at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from scraper.errors import DiskError
from scraper.model import Download, Outcome, PartNote, Request, Stood
from scraper.net.courier import wall_clock
from scraper.state import endings
from scraper.state.db import Database
from scraper.state.ledger import Ledger
from scraper.state.runs import open_run

HOST = "h:80"
SAVED = Outcome("saved", bytes=3, sha256="ab" * 32, type="image/png", etag='"v"', attempts=2, seconds=0.0314)


class Desk:
    """A ledger for one run, and what tests do with it in one word."""

    def __init__(self, path: Path) -> None:
        self.woken = 0
        self.ids: dict[int, int] = {}
        self.db = Database(path)
        self.ledger = Ledger(self.db, lambda path: None, wake=self._wake)
        self.ledger.begin(open_run(self.db, "job", "same", now=wall_clock()).id)

    def _wake(self) -> None:
        self.woken += 1

    def queue(self, *numbers: int, host: str = "h") -> None:
        self.ledger.add_downloads(
            [Download(f"http://{host}/{n}.png", f"{host}{n}", f"{host}{n}.png", place=(0, n)) for n in numbers]
        )

    def give(self, limit: int, *held: int, host: str = HOST) -> list[int]:
        """The numbers of the next files, where those of `held` are on their way."""
        tasks = self.ledger.next_files(host, limit, {self.ids[number] for number in held})
        self.ids.update((task.download.place[1], task.id) for task in tasks)
        return [task.download.place[1] for task in tasks]

    def end(self, *numbers: int, outcome: Outcome = SAVED) -> None:
        for number in numbers:
            self.ledger.finish(self.ids[number], outcome)

    @property
    def written(self) -> list[str | None]:
        """Endings as they stand in the ledger."""
        return [ending for (ending,) in self.db.tuples("SELECT ending FROM v_files ORDER BY key")]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "ledger.db")
    with closing(made.db):
        yield made


# -- handed out ------------------------------------------------------------------------------------------------


def test_files_come_in_record_order_and_each_once_while_it_is_held(desk: Desk) -> None:
    desk.queue(5, 3, 1, 4, 2)
    assert desk.give(2) == [1, 2]
    assert desk.give(2, 1, 2) == [3, 4]
    assert desk.give(9, 1, 2, 3, 4) == [5]
    assert desk.give(9, 1, 2, 3, 4, 5) == []


def test_a_file_that_nobody_holds_any_more_comes_again(desk: Desk) -> None:
    desk.queue(1, 2, 3)
    assert desk.give(2) == [1, 2]
    assert desk.give(2, 2) == [1, 3]
    assert desk.give(9) == [1, 2, 3]


def test_a_nearer_file_that_is_queued_later_comes_next(desk: Desk) -> None:
    desk.queue(5, 6, 7)
    assert desk.give(2) == [5, 6]
    desk.queue(1)
    assert desk.give(1, 5, 6) == [1]
    assert desk.give(9, 1, 5, 6) == [7]


def test_a_file_that_ended_is_not_given_again_though_nothing_is_written_yet(desk: Desk) -> None:
    desk.queue(1, 2, 3, 4)
    assert desk.give(3) == [1, 2, 3]
    desk.end(2, 3)
    assert desk.give(9, 1) == [4]
    assert desk.written == [None] * 4
    desk.queue(0)
    assert desk.give(9, 1, 4) == [0]


def test_what_was_held_from_further_on_is_not_given_twice(desk: Desk) -> None:
    """A reading that began anew passes by what is on its way already."""
    desk.queue(3, 4)
    assert desk.give(9) == [3, 4]
    desk.queue(1, 2, 5)
    assert desk.give(1, 3, 4) == [1]
    assert desk.give(9, 1, 3, 4) == [2, 5]


def test_files_of_one_place_all_come(desk: Desk) -> None:
    downloads = [Download(f"http://h/{n}", f"k{n}", f"{n}.png", place=(0, 1)) for n in range(5)]
    desk.ledger.add_downloads(downloads)
    held: set[int] = set()
    given = []
    while tasks := desk.ledger.next_files(HOST, 2, held):
        held |= {task.id for task in tasks}
        given += [task.path for task in tasks]
    assert given == [f"{n}.png" for n in range(5)]


def test_a_host_gives_its_own(desk: Desk) -> None:
    desk.queue(1, 2)
    desk.queue(3, host="g")
    assert desk.give(9, host="g:80") == [3]
    assert desk.give(9, host="unknown:80") == []
    assert desk.give(9) == [1, 2]


# -- ended -----------------------------------------------------------------------------------------------------


def test_finish_writes_nothing_and_flush_all_of_it(desk: Desk) -> None:
    desk.queue(1, 2, 3)
    desk.give(9)
    desk.end(1)
    desk.end(2, outcome=Outcome("failed:http:404", status=404, why="gone", seconds=1.5))
    assert desk.written == [None, None, None]
    desk.ledger.flush()
    assert desk.db.tuples("SELECT key, ending, status, bytes, sha256, etag, attempts, seconds FROM v_files") == [
        ("h1", "saved", None, 3, "ab" * 32, '"v"', 2, 0.031),
        ("h2", "failed:http:404", 404, None, None, None, 1, 1.5),
        ("h3", None, None, None, None, None, None, None),
    ]


def test_what_ended_counts_at_once(desk: Desk) -> None:
    desk.queue(1, 2)
    desk.queue(3, host="g")
    desk.give(9)
    assert (desk.ledger.open_count, sorted(desk.ledger.pending_hosts("file"))) == (3, [("g:80", 1), (HOST, 2)])
    desk.end(1)
    assert (desk.ledger.open_count, sorted(desk.ledger.pending_hosts("file"))) == (2, [("g:80", 1), (HOST, 1)])
    desk.end(2)
    assert (desk.ledger.open_count, desk.ledger.pending_hosts("file")) == (1, [("g:80", 1)])
    desk.ledger.flush()
    assert desk.ledger.open_count == 1


def test_a_file_that_was_not_handed_out_counts_when_it_is_written(desk: Desk) -> None:
    desk.queue(1, 2)
    [file] = desk.db.tuples("SELECT id FROM files WHERE id & 0xFF = 1")
    desk.ledger.finish(file[0], SAVED)
    desk.ledger.flush()
    assert (desk.ledger.open_count, desk.written) == (1, ["saved", None])


def test_somebody_is_woken_each_time_that_many_wait(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endings, "WAITING", 3)
    desk.queue(*range(8))
    desk.give(9)
    desk.end(0, 1)
    assert desk.woken == 0
    desk.end(2, 3, 4, 5, 6)
    assert (desk.woken, desk.written) == (2, [None] * 8)


def test_where_the_disk_refuses_outcomes_wait_on(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise DiskError("full")

    desk.queue(1, 2)
    desk.give(9)
    desk.end(1)
    with monkeypatch.context() as patch:
        patch.setattr(desk.db, "many", refuse)
        with pytest.raises(DiskError):
            desk.ledger.flush()
    desk.end(2)
    assert desk.written == [None, None]
    desk.ledger.flush()
    assert desk.written == ["saved", "saved"]


def test_threads_end_files_while_others_are_handed_out(desk: Desk) -> None:
    desk.queue(*range(400))
    lock, given = threading.Lock(), []

    def work() -> None:
        while True:
            with lock:
                tasks = desk.ledger.next_files(HOST, 3, set(held))
                held.update(task.id for task in tasks)
                given.extend(task.download.place[1] for task in tasks)
            if not tasks:
                return
            for task in tasks:
                desk.ledger.finish(task.id, SAVED)
                with lock:
                    held.discard(task.id)

    held: set[int] = set()
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    desk.ledger.flush()
    assert given == list(range(400))
    assert (desk.ledger.open_count, set(desk.written)) == (0, {"saved"})


def test_everything_open_may_end_at_once(desk: Desk) -> None:
    desk.queue(1, 2, 3)
    desk.give(1)
    desk.end(1)
    desk.ledger.end_all("file", "skipped:limit")
    assert (desk.ledger.open_count, desk.written) == (0, ["saved", "skipped:limit", "skipped:limit"])


# -- what is told of hosts -------------------------------------------------------------------------------------


def test_what_has_grown_is_told_once(desk: Desk) -> None:
    desk.queue(1, 2)
    desk.ledger.add_requests([Request("GET", "http://p/", rule="r")])
    assert desk.ledger.take_grown() == {("file", HOST), ("page", "p:80")}
    assert desk.ledger.take_grown() == set()
    desk.give(9)
    desk.end(1)
    assert desk.ledger.take_grown() == set()
    desk.queue(2, 3)
    assert desk.ledger.take_grown() == {("file", HOST)}


def test_a_run_that_is_continued_tells_all_that_is_open(desk: Desk) -> None:
    desk.queue(1, 2)
    desk.queue(3, host="g")
    anew = Ledger(desk.db, lambda path: None)
    anew.begin(desk.ledger.run)
    assert anew.take_grown() == {("file", HOST), ("file", "g:80")}
    assert (anew.open_count, sorted(anew.pending_hosts("file"))) == (3, [("g:80", 1), (HOST, 2)])


# -- contents ----------------------------------------------------------------------------------------------------


def test_what_stands_is_what_was_saved_last_and_older_runs_keep_theirs(tmp_path: Path) -> None:
    with closing(Database(tmp_path / "ledger.db")) as db:
        for number in range(3):
            ledger = Ledger(db, {"a.png": Stood(9, 1)}.get if number else lambda path: None, "check")
            ledger.begin(open_run(db, "job", "same", now=wall_clock(), fresh=True).id)
            ledger.add_download(Download("http://h/a.png", "k", "a.png"))
            [task] = ledger.next_files(HOST, 9, set())
            assert task.etag == (f'"{number - 1}"' if number else None)
            if number < 2:
                ledger.finish(task.id, Outcome("saved", bytes=number, sha256="00", etag=f'"{number}"'))
            else:
                ledger.finish(task.id, Outcome("unchanged", status=304))
            ledger.flush()
        assert db.tuples("SELECT ending, bytes, etag FROM v_files JOIN runs USING (run) ORDER BY id") == [
            ("saved", 0, '"0"'),
            ("saved", 1, '"1"'),
            ("unchanged", 1, '"1"'),
        ]


# -- notes of parts (T2) -------------------------------------------------------------------------------------------

NOTES = [
    PartNote(7),
    PartNote(7, '"v"', '"v"', "then", 100, ((0, 10), (20, 30)), "boot"),
    PartNote(1 << 62, validator="then", total=0, ranges=(), boot="b"),
]


@pytest.mark.parametrize("note", NOTES)
def test_a_note_comes_with_the_task_also_in_another_process(note: PartNote, desk: Desk) -> None:
    desk.queue(1)
    [task] = desk.ledger.next_files(HOST, 9, set())
    assert task.noted is None
    desk.ledger.note_part(task.id, PartNote(1))
    desk.ledger.note_part(task.id, note)
    anew = Ledger(desk.db, lambda path: None)
    anew.begin(desk.ledger.run)
    for ledger in (desk.ledger, anew):
        [again] = ledger.next_files(HOST, 9, set())
        assert again.noted == note
    anew.forget_part(task.id)
    assert desk.db.value("SELECT count(*) FROM parts") == 0


def test_the_note_of_a_file_that_ended_is_gone(desk: Desk) -> None:
    desk.queue(1, 2)
    desk.give(9)
    for number in (1, 2):
        desk.ledger.note_part(desk.ids[number], PartNote(number))
    desk.end(1)
    desk.ledger.flush()
    assert desk.db.tuples("SELECT inode FROM parts") == [(2,)]
