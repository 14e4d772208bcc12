"""The ledger without a network: who wins, what is reserved, what a killed run leaves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from scraper.files.parts import OutputFolder
from scraper.model import Download, Failure, Item, Outcome, PartNote, Reading, Request
from scraper.net.courier import wall_clock
from scraper.state.db import Database
from scraper.state.ledger import FileTask, Ledger
from scraper.state.recovery import recover, settle_names
from scraper.state.runs import note_end, open_run, summary

HOST = "h:80"


class Desk:
    """A ledger on a folder, and what tests do with it in one word."""

    def __init__(self, folder: Path, existing: str = "skip") -> None:
        self.disk = OutputFolder(folder)
        self.db = Database(folder.parent / "ledger.db")
        self.ledger = Ledger(self.db, self.disk.look, existing)
        self.begin()

    def begin(self, fingerprint: str = "same", *, fresh: bool = False) -> str:
        run = open_run(self.db, "job", fingerprint, now=wall_clock(), fresh=fresh)
        self.ledger.begin(run.id)
        return run.id

    def close_run(self) -> None:
        note_end(self.db, self.ledger.run, now=wall_clock(), exit_code=0, closed=True, complete=True, seconds=1)

    def page(self, url: str, rule: str = "r", place: tuple[int, ...] = (0,), **more: Any) -> None:
        self.ledger.add_requests([Request("GET", url, rule=rule, place=place, **more)])

    def reading(self, reading: Reading, *, place: tuple[int, ...] = (0,), url: str = "http://h/page") -> None:
        """The page at `url` is fetched and gives this."""
        request = Request("GET", url, rule="r", place=place)
        self.ledger.add_requests([request])
        page_id = self.db.value(
            "SELECT id FROM pages WHERE run = ? AND identity = ?", self.ledger.run, request.identity
        )
        for read_id, each in self.ledger.open_reads(page_id):
            self.ledger.commit_reading(read_id, each, reading, url)
        self.ledger.end_page(page_id, "ok", status=200)

    def task(self) -> FileTask:
        [task] = self.ledger.next_files(HOST, 10, set())
        return task

    def save(self, task: FileTask, content: bytes = b"bytes", *, told: bool = True) -> None:
        assert task.part is not None
        part = self.disk.open_part(task.part)
        part.append([content])
        part.close()
        self.disk.finish(task.part, task.path)
        if told:
            self.ledger.finish(
                task.id, Outcome("saved", task.path, bytes=part.bytes, sha256=sha256(content).hexdigest())
            )
            self.ledger.flush()

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.db.rows(sql)]


@pytest.fixture
def desk_for(tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    """Makes desks on one folder, and closes their ledgers."""
    with ExitStack() as stack:

        def make(existing: str = "skip") -> Desk:
            made = Desk(tmp_path / "out", existing)
            stack.callback(made.db.close)
            return made

        yield make


@pytest.fixture
def desk(desk_for: Callable[..., Desk]) -> Desk:
    return desk_for()


def download(
    url: str = "http://h/a.jpg", path: str = "a.jpg", place: tuple[int, ...] = (0, 1, 0), **more: Any
) -> Download:
    return Download(url, more.pop("key", url), path, place=place, **more)


def item(key: str, place: tuple[int, ...] = (0, 1, 0), **fields: Any) -> Item:
    return Item(json.dumps(key), "r", fields or {"id": key}, "http://h/page", place)


# -- pages ---------------------------------------------------------------------------------------------


def test_a_page_is_queued_once_a_run(desk: Desk) -> None:
    for url in ("http://h/a", "http://H:80/./a#part", "http://h/a"):
        desk.page(url)
    assert [task.request.url for task in desk.ledger.next_pages(HOST, 9, set())] == ["http://h/a"]


def test_the_nearest_pages_come_first(desk: Desk) -> None:
    for place in ((0, 1, 5, 1), (1,), (0, 1, 2, 1), (0,)):
        desk.page(f"http://h/{place}", place=place)
    places = [task.request.place for task in desk.ledger.next_pages(HOST, 9, set())]
    assert places == [(0,), (1,), (0, 1, 2, 1), (0, 1, 5, 1)]


def test_in_order_means_record_order(desk: Desk) -> None:
    for place in ((1,), (0, 1, 5, 1), (0,)):
        desk.page(f"http://h/{place}", place=place)
    tasks = desk.ledger.next_pages(HOST, 9, set(), in_order=True)
    assert [task.request.place for task in tasks] == [(0,), (0, 1, 5, 1), (1,)]


def test_a_page_found_by_two_rules_is_fetched_once_and_read_by_each(desk: Desk) -> None:
    desk.page("http://h/a", rule="one")
    desk.page("http://h/a", rule="two")
    [task] = desk.ledger.next_pages(HOST, 9, set())
    assert [request.rule for _, request in desk.ledger.open_reads(task.id)] == ["one", "two"]


def test_a_rule_that_finds_a_page_too_late_reads_it_again(desk: Desk) -> None:
    desk.reading(Reading(), url="http://h/a")
    desk.page("http://h/a", rule="late")
    claimed = desk.ledger.claim_reread()
    assert claimed is not None
    assert [request.rule for _, request in desk.ledger.open_reads(claimed[0])] == ["late"]
    assert desk.ledger.claim_reread() is None


def test_a_nearer_finding_is_read_again_with_its_own_parent(desk: Desk) -> None:
    desk.reading(Reading(), place=(0, 1, 7), url="http://h/a")
    desk.page("http://h/a", place=(0, 1, 9), parent={"name": "later"})
    assert desk.ledger.claim_reread() is None
    desk.page("http://h/a", place=(0, 1, 3), parent={"name": "nearer"})
    claimed = desk.ledger.claim_reread()
    assert claimed is not None
    assert [request.parent for _, request in desk.ledger.open_reads(claimed[0])] == [{"name": "nearer"}]


# -- items ---------------------------------------------------------------------------------------------


def test_of_two_items_with_one_key_the_first_in_record_order_wins(desk: Desk) -> None:
    desk.reading(Reading(items=(item("x", (1, 1, 0), word="second"),)), place=(1,), url="http://h/2")
    desk.reading(Reading(items=(item("x", (0, 1, 0), word="first"),)), place=(0,), url="http://h/1")
    desk.reading(Reading(items=(item("x", (2, 1, 0), word="third"),)), place=(2,), url="http://h/3")
    assert desk.rows("SELECT key, fields FROM v_items") == [('"x"', '{"word": "first"}')]


def test_a_run_tells_new_changed_and_gone(desk: Desk) -> None:
    first = desk.begin()
    desk.reading(Reading(items=(item("same"), item("other", word=1), item("lost"))))
    desk.close_run()
    second = desk.begin()
    desk.reading(Reading(items=(item("same"), item("other", word=2), item("fresh"))))
    desk.ledger.settle(())
    assert first != second
    counts = summary(desk.db, "job", second).items
    assert (counts.total, counts.new, counts.changed, counts.gone) == (3, 1, 1, 1)
    assert [json.loads(row["key"]) for row, _ in desk.ledger.records(keep_gone=False)] == ["same", "other", "fresh"]


def test_an_item_that_comes_back_is_not_gone(desk: Desk) -> None:
    for keys in (("a", "b"), ("a",), ("a", "b")):
        desk.begin()
        desk.reading(Reading(items=tuple(map(item, keys))))
        desk.ledger.settle(())
        desk.close_run()
    assert desk.rows("SELECT key, gone FROM v_items ORDER BY key") == [('"a"', 0), ('"b"', 0)]


def test_records_stand_in_record_order_whatever_came_first(desk: Desk) -> None:
    for place in ((1, 1, 0), (0, 2, 1), (0, 10, 0), (0, 2, 0), (0, 300, 0)):
        desk.reading(Reading(items=(item(str(place), place),)), url=f"http://h/{place}")
    keys = [json.loads(row["key"]) for row, _ in desk.ledger.records(keep_gone=False)]
    assert keys == [str(place) for place in ((0, 2, 0), (0, 2, 1), (0, 10, 0), (0, 300, 0), (1, 1, 0))]


def test_a_reading_done_again_forgets_what_it_gave_before(desk: Desk) -> None:
    desk.reading(Reading(items=(item("old"),)), place=(0, 1, 5), url="http://h/a")
    desk.reading(Reading(items=(item("new"),)), place=(0, 1, 2), url="http://h/a")
    assert desk.rows("SELECT key FROM v_items") == [('"new"',)]


# -- names ---------------------------------------------------------------------------------------------


def test_two_files_never_share_a_name_also_where_case_is_folded(desk: Desk) -> None:
    paths = ["A.jpg", "a.jpg", "a.JPG", "caf\u00e9.jpg", "cafe\u0301.jpg"]
    desk.reading(Reading(downloads=tuple(download(f"http://h/{at}", path) for at, path in enumerate(paths))))
    names = [path for (path,) in desk.rows("SELECT path FROM v_files ORDER BY url")]
    assert names[0] == "A.jpg"
    assert names[3] == "caf\u00e9.jpg"
    assert [len(name) for name in (names[1], names[2])] == [len("a~12345678.jpg")] * 2
    assert len({name.casefold() for name in names}) == 5


def test_a_file_is_not_named_as_a_folder_nor_a_folder_as_a_file(desk: Desk) -> None:
    downloads = [
        download("http://h/1", "x.txt"),
        download("http://h/2", "X.txt/y.jpg"),
        download("http://h/3", "b/c.jpg"),
    ]
    desk.reading(Reading(downloads=(*downloads, download("http://h/4", "B"), download("http://h/5", "x.txt/z.jpg"))))
    names = [path for (path,) in desk.rows("SELECT path FROM v_files ORDER BY url")]
    assert (names[0], names[2]) == ("x.txt", "b/c.jpg")
    assert names[1].rpartition("/")[0] != "X.txt"
    assert names[3] != "B"


def test_the_same_file_keeps_its_name_in_the_next_run(desk: Desk) -> None:
    desk.reading(Reading(downloads=(download(path="first title.jpg"),)))
    desk.save(desk.task())
    desk.close_run()
    desk.begin()
    desk.reading(Reading(downloads=(download(path="edited title.jpg"),)))
    told = desk.rows(f"SELECT path, ending FROM v_files WHERE run = '{desk.ledger.run}'")
    assert told == [("first title.jpg", "skipped:exists")]


def test_an_edited_template_names_anew(desk: Desk) -> None:
    desk.reading(Reading(downloads=(download(path="a.jpg", template="one"),)))
    desk.save(desk.task())
    desk.close_run()
    desk.begin()
    desk.reading(Reading(downloads=(download(path="b.jpg", template="two"),)))
    assert desk.task().path == "b.jpg"


def test_a_missing_extension_is_completed_once(desk: Desk) -> None:
    desk.reading(Reading(downloads=(download("http://h/1", "pic"), download("http://h/2", "pic.png"))))
    first, second = desk.ledger.next_files(HOST, 9, set())
    assert (first.path, first.complete, second.path) == ("pic", False, "pic.png")
    named = desk.ledger.complete_name(first, "pic.png")
    assert named.path.startswith("pic~")
    assert desk.ledger.next_files(HOST, 9, {second.id})[0].path == named.path


def test_a_part_of_somebody_else_makes_ours_take_another_name(desk: Desk) -> None:
    (desk.disk.root / "a.jpg.part").write_bytes(b"theirs")
    desk.reading(Reading(downloads=(download(),)))
    task = desk.task()
    assert task.path == "a.jpg"
    assert task.part not in (None, "a.jpg.part")
    desk.save(task)
    assert {path.name for path in desk.disk.root.iterdir()} == {"a.jpg", "a.jpg.part"}


@pytest.mark.parametrize(
    ("existing", "ending"), [("skip", "skipped:exists"), ("fail", "failed:name"), ("overwrite", None), ("check", None)]
)
def test_existing_decides_about_what_stands_there(
    desk_for: Callable[..., Desk], existing: str, ending: str | None
) -> None:
    desk = desk_for(existing)
    (desk.disk.root / "a.jpg").write_bytes(b"theirs")
    desk.reading(Reading(downloads=(download(),)))
    assert desk.rows("SELECT ending FROM v_files") == [(ending,)]


def test_the_first_item_in_record_order_names_a_file_that_two_share(desk: Desk) -> None:
    desk.reading(Reading(downloads=(download(path="second.jpg", place=(1, 1, 0)),)), place=(1,), url="http://h/2")
    desk.save(desk.task())
    desk.reading(Reading(downloads=(download(path="first.jpg", place=(0, 1, 0)),)), place=(0,), url="http://h/1")
    settle_names(desk.ledger, desk.disk)
    assert [path.name for path in desk.disk.root.iterdir()] == ["first.jpg"]
    assert desk.rows("SELECT path, ending FROM v_files") == [("first.jpg", "saved")]


def test_a_move_that_was_cut_off_is_finished(desk: Desk) -> None:
    desk.reading(Reading(downloads=(download(path="second.jpg", place=(1, 1, 0)),)), place=(1,), url="http://h/2")
    desk.save(desk.task())
    desk.reading(Reading(downloads=(download(path="first.jpg", place=(0, 1, 0)),)), place=(0,), url="http://h/1")
    desk.ledger.plan_moves()
    (desk.disk.root / "first.jpg").hardlink_to(desk.disk.root / "second.jpg")
    recover(desk.ledger, desk.disk)
    assert [path.name for path in desk.disk.root.iterdir()] == ["first.jpg"]


# -- what a killed run leaves --------------------------------------------------------------------------


def test_a_file_that_was_renamed_and_not_told_is_recorded(desk: Desk) -> None:
    desk.reading(Reading(downloads=(download(),)))
    desk.save(desk.task(), b"whole", told=False)
    assert recover(desk.ledger, desk.disk) == 1
    assert desk.rows("SELECT ending, bytes FROM v_files") == [("saved", 5)]


def test_a_part_is_removed_and_its_file_fetched_again(desk: Desk) -> None:
    desk.reading(Reading(downloads=(download(),)))
    desk.disk.open_part("a.jpg.part").close()
    assert recover(desk.ledger, desk.disk) == 0
    assert list(desk.disk.root.iterdir()) == []
    assert desk.task().path == "a.jpg"


def test_a_part_that_is_already_its_goal_is_unlinked(desk: Desk) -> None:
    desk.reading(Reading(downloads=(download(),)))
    part = desk.disk.open_part("a.jpg.part")
    part.append([b"whole"])
    part.close()
    (desk.disk.root / "a.jpg").hardlink_to(desk.disk.root / "a.jpg.part")
    assert recover(desk.ledger, desk.disk) == 1
    assert [path.name for path in desk.disk.root.iterdir()] == ["a.jpg"]


def test_what_stood_there_before_is_not_taken_for_ours(desk_for: Callable[..., Desk]) -> None:
    desk = desk_for("overwrite")
    (desk.disk.root / "a.jpg").write_bytes(b"theirs")
    desk.reading(Reading(downloads=(download(),)))
    assert recover(desk.ledger, desk.disk) == 0
    assert desk.task().path == "a.jpg"


def test_what_replaced_it_is_ours_by_the_inode_that_was_noted(desk_for: Callable[..., Desk]) -> None:
    desk = desk_for("overwrite")
    (desk.disk.root / "a.jpg").write_bytes(b"theirs")
    desk.reading(Reading(downloads=(download(),)))
    task = desk.task()
    part = desk.disk.open_part(str(task.part))
    part.append([b"ours"])
    desk.ledger.note_part(task.id, PartNote(part.inode, etag='"v1"'))
    part.close()
    desk.disk.finish(part.path, task.path, replace=True)
    assert recover(desk.ledger, desk.disk) == 1
    assert desk.rows("SELECT ending, bytes, etag FROM v_files") == [("saved", 4, '"v1"')]


def test_parts_the_ledger_does_not_know_are_left_alone(desk: Desk) -> None:
    (desk.disk.root / "theirs.part").write_bytes(b"")
    desk.reading(Reading(downloads=(download(),)))
    recover(desk.ledger, desk.disk)
    assert [path.name for path in desk.disk.root.iterdir()] == ["theirs.part"]


# -- runs ----------------------------------------------------------------------------------------------


def test_a_file_that_is_handed_back_while_another_is_handed_out_is_not_passed_over(desk: Desk) -> None:
    files = [download(f"http://h/{name}", f"{name}.bin", key=name, keyed=True) for name in "ab"]
    desk.reading(Reading(downloads=tuple(files)))
    first, second = (task.id for task in desk.ledger.next_files("h:80", 9, set()))
    fresh = [replace(each, url=f"{each.url}?new") for each in files]
    desk.ledger.renew(fresh, {first, second})
    # The window of the run still holds the first: whoever renewed it has not come to say so.
    assert [task.id for task in desk.ledger.next_files("h:80", 9, {first})] == [second]
    assert [task.id for task in desk.ledger.next_files("h:80", 9, {second})] == [first]


def test_an_open_run_is_continued_if_the_job_is_the_same(desk: Desk) -> None:
    first = desk.begin()
    assert desk.begin() == first
    edited = desk.begin("edited")
    assert edited != first
    assert desk.begin("edited", fresh=True) != edited


def test_a_closed_run_is_not_continued(desk: Desk) -> None:
    first = desk.begin()
    desk.close_run()
    assert desk.begin() != first


def test_what_a_dropped_run_left_is_not_taken_up(desk: Desk) -> None:
    desk.page("http://h/a")
    desk.begin("edited")
    assert desk.ledger.open_count == 0
    assert desk.ledger.next_pages(HOST, 9, set()) == []


def test_failures_are_told_pages_first(desk: Desk) -> None:
    desk.reading(Reading(failures=(Failure("http://h/page", "shape", "no price"),), downloads=(download(),)))
    desk.ledger.finish(desk.task().id, Outcome("failed:http:404", url="http://h/a.jpg", status=404, why="gone"))
    desk.ledger.flush()
    desk.page("http://h/b")
    [task] = desk.ledger.next_pages(HOST, 9, set())
    desk.ledger.end_page(task.id, "failed:timeout", why="too slow")
    told = summary(desk.db, "job", desk.ledger.run)
    assert [each["class"] for each in told.failures] == ["timeout", "shape", "http:404"]
    assert (told.pages.as_dict(), told.files.as_dict(), told.items.failed) == (
        {"ok": 1, "unchanged": 0, "skipped": 0, "failed": 1},
        {"saved": 0, "unchanged": 0, "skipped": 0, "failed": 1},
        1,
    )


@pytest.mark.parametrize("view", ["v_runs", "v_pages", "v_items", "v_files"])
def test_the_views_have_the_columns_of_the_contract(desk: Desk, view: str) -> None:
    columns = {
        "v_runs": "run job started ended exit_code complete",
        "v_pages": "run url method rule status ending attempts seconds found_on",
        "v_items": "key rule url fields first_run last_run gone",
        "v_files": "run url key item_key path ending status bytes sha256 type etag last_modified attempts seconds"
        " found_on",
    }
    found = [row["name"] for row in desk.db.rows(f"SELECT name FROM pragma_table_info('{view}')")]
    assert found == columns[view].split()
