"""Many files queued in one transaction: the same as one by one, whatever their paths, and whatever stands there."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scraper import secrets
from scraper.errors import DiskError
from scraper.files import naming
from scraper.model import Download, Outcome, Stood
from scraper.net.courier import wall_clock
from scraper.state import batch, marks
from scraper.state.db import Database
from scraper.state.ledger import Ledger
from scraper.state.runs import note_end, open_run

TEMPLATES = ("one", "two")
SEGMENTS = [
    "a",
    "A",
    "b",
    "a.jpg",
    "A.JPG",
    "a.jpg.part",
    "é.png",
    "e\u0301.png",
    "ß",
    "SS",
    "ﬁ.gif",
    "fi.gif",
    "x.tar.gz",
]
PATHS = st.lists(st.sampled_from(SEGMENTS), min_size=1, max_size=3).map("/".join)
KEYS = [f"http://h/{n}" for n in range(6)] + [f"http://h/?k={secrets.mark('env', 'K')}", "ключ"]


def download(
    path: str, end: str, url: str | None, key: str, *, is_plain: bool, said: dict[str, Any], **given: Any
) -> Download:
    """A Download as lists give it, or as pages do."""
    return Download(url or key, key, naming.safe_path(path + end), **given, **({} if is_plain else said))


def downloads() -> st.SearchStrategy[Download]:
    said = {
        "item_key": st.sampled_from([None, "i"]),
        "digests": st.sampled_from([{}, {"md5": "00"}]),
        "found": st.booleans(),
        "found_on": st.sampled_from([None, "http://h/"]),
    }
    return st.builds(
        download,
        PATHS,
        st.sampled_from(["", naming.UNKNOWN_EXT]),
        st.sampled_from([None, None, "http://h/1", "http://H:81/x", f"http://g/{secrets.mark('env', 'T')}"]),
        st.sampled_from(KEYS),
        is_plain=st.booleans(),
        place=st.lists(st.integers(0, 300), min_size=1, max_size=3).map(tuple),
        template=st.sampled_from([*TEMPLATES, "edited"]),
        said=st.fixed_dictionaries(said),
    )


class Shelf:
    """What stands on a disk that is none."""

    def __init__(self, standing: Sequence[str]) -> None:
        self.standing = {path: Stood(at + 1, 1, path.endswith("/")) for at, path in enumerate(standing)}
        self.standing |= {path.rstrip("/"): stood for path, stood in self.standing.items()}
        self.asked: list[Sequence[str]] = []

    def look(self, path: str) -> Stood | None:
        return self.standing.get(path)

    def look_many(self, paths: Sequence[str]) -> list[Stood | None]:
        self.asked.append(paths)
        return [self.standing.get(path) for path in paths]


class Ledgers:
    """A ledger in memory, and what it holds in the end."""

    def __init__(self, shelf: Shelf, existing: str) -> None:
        self.db = Database(":memory:")
        self.ledger = Ledger(self.db, shelf.look, existing, frozenset(TEMPLATES), look_many=shelf.look_many)
        self.begin()

    def begin(self) -> None:
        self.ledger.begin(open_run(self.db, "job", "same", now=wall_clock(), fresh=True).id)

    def end(self) -> None:
        """Everything is saved, and names are settled."""
        for host, _ in self.ledger.pending_hosts("file"):
            for task in sorted(self.ledger.next_files(host, 99, set()), key=lambda task: task.download.key):
                if not task.complete:
                    self.ledger.complete_name(task, naming.complete(task.download.path, ".jpg"))
                self.ledger.finish(task.id, Outcome("saved", bytes=1))
        self.ledger.plan_moves()
        note_end(self.db, self.ledger.run, now=wall_clock(), exit_code=0, closed=True, complete=True, seconds=1)

    @property
    def held(self) -> tuple[Any, ...]:
        ledger = self.ledger
        hosts = sorted(ledger.pending_hosts("file"))
        columns = "r.id, key, url, item_key, path, ending, status, bytes, found_on"
        tables = (
            f"SELECT {columns} FROM v_files JOIN runs r USING (run) ORDER BY r.id, key",
            "SELECT n.key, t.text, n.path, complete, newest, run FROM names n"
            " LEFT JOIN templates t ON t.id = n.template ORDER BY n.id",
            "SELECT file, path, rank FROM better ORDER BY file",
            "SELECT source, goal FROM moves ORDER BY rowid",
            "SELECT id, rank, flags, state, stood, path, part, more, why FROM files ORDER BY id",
        )
        rows = [self.db.tuples(table) for table in tables]
        return hosts, rows, [ledger.next_files(host, 99, set()) for host, _ in hosts], ledger.files_met()


def is_sound(db: Database) -> bool:
    """No two names share a fold, and none is the folder of another."""
    folds = [naming.fold(path) for (path,) in db.tuples("SELECT path FROM names WHERE path IS NOT NULL AND template")]
    folders = {folder for fold in folds for folder in marks.folders_of(fold)}
    return len(set(folds)) == len(folds) and not folders & set(folds)


@settings(deadline=None, max_examples=60)
@given(
    first=st.lists(downloads(), max_size=12),
    second=st.lists(downloads(), max_size=12),
    standing=st.lists(PATHS | PATHS.map(lambda path: path + "/") | PATHS.map(lambda path: path + ".part"), max_size=6),
    existing=st.sampled_from(["skip", "check", "overwrite", "fail"]),
)
def test_many_at_once_are_queued_as_one_by_one(
    first: list[Download], second: list[Download], standing: list[str], existing: str
) -> None:
    shelf = Shelf(standing)
    one, many = Ledgers(shelf, existing), Ledgers(shelf, existing)
    with closing(one.db), closing(many.db):
        for found in (first, second):
            many.ledger.add_downloads(found)
            for each in found:
                one.ledger.add_download(each)
            assert many.held == one.held
            assert is_sound(many.db)
            for each in (one, many):
                each.end()
                each.begin()


@settings(deadline=None, max_examples=50)
@given(
    found=st.lists(downloads(), max_size=12, unique_by=lambda each: each.key),
    standing=st.lists(PATHS, max_size=4),
    ends=st.lists(st.sampled_from(["", ".jpg"]), min_size=12, max_size=12),
)
def test_many_names_are_completed_at_once_as_one_by_one(
    found: list[Download], standing: list[str], ends: list[str]
) -> None:
    shelf = Shelf(standing)
    one, many = Ledgers(shelf, "skip"), Ledgers(shelf, "skip")
    with closing(one.db), closing(many.db):
        for each in (one, many):
            each.ledger.add_downloads(found)
        hosts = sorted(one.ledger.pending_hosts("file"))
        tasks = [task for host, _ in hosts for task in one.ledger.next_files(host, 99, set()) if not task.complete]
        told = [(task, naming.complete(task.download.path, end)) for task, end in zip(tasks, ends, strict=False)]
        assert many.ledger.complete_names(told) == [one.ledger.complete_name(*each) for each in told]
        assert many.held == one.held
        assert is_sound(many.db)


# -- one behaviour each ----------------------------------------------------------------------------------------


@pytest.fixture
def shelf() -> Shelf:
    return Shelf(["there.jpg", "mine.jpg.part"])


@pytest.fixture
def desk(shelf: Shelf) -> Any:
    made = Ledgers(shelf, "skip")
    yield made
    made.db.close()


def plain(path: str, number: int = 1, **given: Any) -> Download:
    url = f"http://h/{path}"
    return Download(url, given.pop("key", url), path, place=(0, number), found=False, template="one", **given)


def paths(desk: Ledgers) -> list[str]:
    return [task.path for task in desk.ledger.next_files("h:80", 99, set())]


def test_the_disk_is_asked_twice_however_many_files_there_are(desk: Ledgers, shelf: Shelf) -> None:
    desk.ledger.add_downloads([plain(f"{n}.jpg", n) for n in range(300)])
    assert [len(asked) for asked in shelf.asked] == [300, 300]


def test_a_plain_file_costs_few_bytes(desk: Ledgers) -> None:
    """What a row does not say, its name does: no path, no URL and no JSON are kept twice."""
    desk.ledger.add_downloads([plain("a.jpg")])
    [row] = desk.db.tuples("SELECT stood, url, path, part, more, item_key, found_on, ending, why FROM files")
    assert set(row) == {None}


def test_what_a_download_says_comes_back_whole(desk: Ledgers) -> None:
    mark = secrets.mark("env", "K")
    said = plain(
        "a.jpg", key="k", item_key=f"i{mark}", rule="r", keyed=True, headers={"Referer": mark}, accept={"min_bytes": 1},
        digests={"md5": "00"}, via_public=True, found_on=f"http://h/?{mark}", promised="image/*",
    )  # fmt: skip
    desk.ledger.add_downloads([said, plain("b.jpg", 2)])
    assert [task.download for task in desk.ledger.next_files("h:80", 9, set())] == [said, plain("b.jpg", 2)]
    [row] = desk.db.tuples("SELECT item_key, found_on FROM v_files WHERE key = 'k'")
    assert row == ("i{env:K}", "http://h/?{env:K}")


def test_a_file_that_is_there_ends_and_a_part_of_somebody_else_is_passed_by(desk: Ledgers) -> None:
    desk.ledger.add_downloads([plain("there.jpg"), plain("mine.jpg", 2)])
    [task] = desk.ledger.next_files("h:80", 9, set())
    assert (task.path, task.part != "mine.jpg.part") == ("mine.jpg", True)
    assert desk.db.tuples("SELECT path, ending FROM v_files ORDER BY path") == [
        ("mine.jpg", None),
        ("there.jpg", "skipped:exists"),
    ]


def test_a_file_that_is_there_ends_once_a_run_however_often_it_is_found(desk: Ledgers) -> None:
    for _ in range(2):
        for _ in range(2):
            desk.ledger.add_downloads([plain("there.jpg"), plain("there.jpg", 2)])
        desk.begin()
    told = desk.db.tuples("SELECT path, ending FROM v_files")
    assert told == [("there.jpg", "skipped:exists")] * 2


def test_a_name_of_a_template_that_is_no_more_does_not_hold_though_its_file_is_there(desk: Ledgers) -> None:
    there = plain("there.jpg")
    desk.ledger.add_downloads([replace(there, template="edited")])
    desk.begin()
    desk.ledger.add_downloads([there])
    [path] = paths(desk)
    assert path.startswith("there~")


def test_a_path_that_one_name_leaves_is_free_for_the_next(desk: Ledgers) -> None:
    desk.ledger.add_downloads([plain("pic", 1, key="first"), plain("pic", 2, key="second")])
    first, second = desk.ledger.next_files("h:80", 9, set())
    assert (first.path, second.path[:4]) == ("pic", "pic~")
    named = desk.ledger.complete_names([(first, "pic.png"), (second, "pic")])
    assert [each.path for each in named] == ["pic.png", "pic"]


def test_a_path_that_was_left_is_free_though_the_ledger_says_so_only_later(desk: Ledgers, shelf: Shelf) -> None:
    desk.ledger.add_downloads([plain("pic", 1)])
    with desk.db.transaction():
        names = desk.ledger._reservations(batch.Looks(shelf.look, shelf.look_many))
        [name] = desk.ledger._named([1])
        names.rename(name, name.template, "pic.png")
        names.ask_keys(("second",))
        assert names.new("second", name.template, "pic", complete=True).path == "pic"
        names.write()
    assert is_sound(desk.db)


def test_a_batch_that_fails_leaves_nothing_in_the_ledger_nor_in_memory(desk: Ledgers) -> None:
    def queue_and_fail() -> None:
        with desk.db.transaction():
            desk.ledger.add_downloads([plain("a.jpg"), plain("b.jpg", 2)])
            raise DiskError("full")

    with pytest.raises(DiskError):
        queue_and_fail()
    desk.ledger.add_downloads([plain("A.jpg", key="other"), plain("a.jpg", 2)])
    first, second = paths(desk)
    assert (first, second[:2], desk.ledger.files_met()) == ("A.jpg", "a~", 2)


# -- marks: a hint, never the truth ------------------------------------------------------------------------------


@pytest.mark.parametrize("shared", ["key_mark", "fold_mark"])
def test_files_that_share_a_mark_are_told_apart(shared: str, desk: Ledgers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"scraper.state.codec.{shared}", lambda text: 7)
    monkeypatch.setattr(f"scraper.state.marks.{shared}", lambda text: 7)
    for number in range(3):
        desk.ledger.add_downloads([plain(f"{letter}.jpg", number) for letter in "abc"])
    desk.ledger.add_downloads([plain("A.jpg", 4)])
    assert sorted(path[0] for path in paths(desk)) == ["A", "a", "b", "c"]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The marks go into their tree after every few names."""
    monkeypatch.setattr(marks, "WINDOW", 5)


@pytest.mark.usefixtures("small")
def test_names_are_found_in_the_tree_in_memory_and_by_another_process(desk: Ledgers, shelf: Shelf) -> None:
    for number in range(20):
        desk.ledger.add_downloads([plain(f"f{number % 3}/{number}.jpg", number)])
    assert desk.db.value("SELECT count(*) FROM marks") > 0
    assert desk.db.value("SELECT upto FROM marked") < 20
    anew = Ledger(desk.db, shelf.look, "skip", frozenset(TEMPLATES))
    anew.begin(desk.ledger.run)
    for ledger in (desk.ledger, anew):
        ledger.add_downloads([plain(f"f{number % 3}/{number}.jpg", number) for number in range(20)])
        assert ledger.files_met() == 20
    for number in range(20):
        anew.add_download(plain(f"F{number % 3}/{number}.JPG", number, key=f"other {number}"))
    assert is_sound(desk.db)
    assert anew.files_met() == 40


def test_a_name_that_was_completed_is_found_by_its_new_path_and_leaves_its_old_one(
    desk: Ledgers, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marks, "WINDOW", 5)
    desk.ledger.add_downloads([plain(f"{number}", number) for number in range(9)])
    assert desk.db.value("SELECT upto FROM marked") == 9
    monkeypatch.setattr(marks, "WINDOW", 500)
    tasks = desk.ledger.next_files("h:80", 99, set())
    desk.ledger.complete_names([(task, f"{task.path}.png") for task in tasks])
    anew = Ledger(desk.db, shelf.look, "skip", frozenset(TEMPLATES))
    anew.begin(desk.ledger.run)
    anew.add_downloads([plain(f"{number}.png", number, key=f"k{number}") for number in range(9)])
    anew.add_downloads([plain(f"{number}.PNG/x.txt", number, key=f"f{number}") for number in range(9)])
    anew.add_downloads([plain(f"{number}", number, key=f"old {number}") for number in range(9)])
    assert is_sound(desk.db)
    told = desk.db.tuples("SELECT path FROM v_files WHERE key LIKE 'old%' ORDER BY path")
    assert told == [(f"{number}",) for number in range(9)]


def test_names_are_found_after_a_transaction_that_was_undone_put_them_into_the_tree(
    desk: Ledgers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def queue_and_fail() -> None:
        with desk.db.transaction():
            desk.ledger.add_downloads([plain("b.jpg", 2)])
            assert desk.db.value("SELECT count(*) FROM marks") > 0
            raise DiskError("full")

    desk.ledger.add_downloads([plain("a.jpg")])
    monkeypatch.setattr(marks, "WINDOW", 3)
    with pytest.raises(DiskError):
        queue_and_fail()
    desk.ledger.add_downloads([plain("A.jpg", 3, key="other")])
    assert is_sound(desk.db)


def test_the_first_finding_names_a_file_in_whatever_order_they_come(desk: Ledgers) -> None:
    for path, place in (("far.jpg", (0, 1, 2)), ("near.jpg", (5,)), ("middle.jpg", (0, 9))):
        desk.ledger.add_download(Download("http://h/", "k", path, place=place))
    desk.end()
    assert desk.db.tuples("SELECT path FROM v_files") == [("near.jpg",)]


@pytest.mark.parametrize(
    "url",
    ["http://h/x", "https://H:443/", "http://u:p@h:81/a", "http://h?a/b", "http://h#/", "http://[::1]:80/", "http://é/",
     "http://h", "http://h\\@g/", "http://h:000080/", "http://1.2.3.4/"],
)  # fmt: skip
def test_a_host_is_told_the_short_way_as_the_long_way(url: str) -> None:
    assert batch.host_key(url) == batch.urls.host_key(url)


def test_a_line_that_is_no_url_ends_once_a_run(desk: Ledgers) -> None:
    for _ in range(2):
        for _ in range(2):
            desk.ledger.add_failed("no url", "failed:protocol", "it is none", (0, 1))
        assert desk.ledger.files_met() == 1
        desk.begin()
    assert (
        desk.db.tuples("SELECT url, key, path, ending FROM v_files")
        == [("no url", "no url", None, "failed:protocol")] * 2
    )
    assert desk.db.value("SELECT count(*) FROM names") == 1
