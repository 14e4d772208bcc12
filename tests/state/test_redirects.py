"""Findings in the ledger: many at once, by redirects, and what becomes of them where a page is barred or led back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.model import Request
from scraper.net.courier import wall_clock
from scraper.state.db import Database
from scraper.state.ledger import Ledger, PageTask
from scraper.state.runs import note_end, open_run


class Desk:
    """A ledger in memory, and what tests do with it in one word."""

    def __init__(self, path: Path | str = ":memory:") -> None:
        self.db = Database(path)
        self.ledger = Ledger(self.db, lambda path: None)
        self.begin()

    def begin(self) -> None:
        self.ledger.begin(open_run(self.db, "job", "same", now=wall_clock(), fresh=True).id)

    def close_run(self) -> None:
        note_end(
            self.db, self.ledger.run, now=wall_clock(), exit_code=0, closed=True, complete=True, seconds=1
        )  # fmt: skip

    def find(self, path: str, **more: Any) -> Request:
        request = asked(path, **more)
        self.ledger.add_requests([request])
        return request

    def task(self, path: str) -> PageTask:
        page_id = self.id_of(path)
        [task] = [each for each in self.ledger.next_pages("h:80", 99, set()) if each.id == page_id]
        return task

    def id_of(self, path: str) -> int:
        return int(self.db.value("SELECT id FROM pages WHERE run = ? AND url = ?", self.ledger.run, url(path)))

    def lead(self, path: str, to: str, task: PageTask | None = None) -> str | None:
        task = task or self.task(path)
        return self.ledger.lead(task, url(to), lambda request: request.rule != "picky", is_public=False)

    def read(self, path: str) -> None:
        """The page is read, as it was found."""
        task = self.task(path)
        for read_id, _ in self.ledger.open_reads(task.id):
            self.db.execute("UPDATE reads SET state = 1 WHERE id = ?", read_id)
        self.ledger.end_page(task.id, "ok")

    @property
    def pages(self) -> dict[str, str | None]:
        """Path -> ending."""
        rows = self.db.tuples("SELECT url, ending FROM pages WHERE run = ? ORDER BY id", self.ledger.run)
        return {each.removeprefix("http://h"): ending for each, ending in rows}

    def reads(self, path: str) -> list[tuple[str | None, str]]:
        """Rule and URL of the readings that are to be done of a page."""
        found = self.ledger.open_reads(self.id_of(path))
        return [(each.rule, each.url.removeprefix("http://h")) for _, each in found]


def url(path: str) -> str:
    return f"http://h{path}"


def asked(path: str, **more: Any) -> Request:
    return Request("GET", url(path), **{"rule": "r", **more})


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.db.close()


# -- many at once --------------------------------------------------------------------------------------------

FINDINGS = st.lists(
    st.builds(
        asked,
        st.sampled_from(["/a", "/b", "/%62", "/c", "/moved", "/failed", "/outside", "/read"]),
        rule=st.sampled_from(["r", "s"]),
        place=st.lists(st.integers(0, 2), min_size=1, max_size=3).map(tuple),
        n=st.integers(1, 2),
        found=st.booleans(),
    ),
    max_size=9,
)


def prepared() -> Desk:
    """A ledger that knows some pages already, each in another way."""
    desk = Desk()
    for path in ("/old", "/failed", "/read"):
        desk.find(path, place=(1, 1))
    desk.lead("/old", "/moved")
    desk.ledger.end_page(desk.task("/failed").id, "failed:timeout")
    desk.read("/read")
    desk.ledger.add_ended(asked("/outside"), "skipped:outside", "")
    return desk


@given(FINDINGS)
def test_many_findings_at_once_are_as_one_by_one(findings: list[Request]) -> None:
    bulk, single = prepared(), prepared()
    bulk.ledger.add_requests(findings, "http://h/")
    for each in findings:
        single.ledger.add_requests([each], "http://h/")
    for table in ("pages", "reads", "aliases"):
        columns = ", ".join(
            name
            for (name,) in bulk.db.tuples("SELECT name FROM pragma_table_info(?)", table)
            if name not in ("run", "ended")
        )
        sql = f"SELECT {columns} FROM {table} ORDER BY 1"
        assert bulk.db.tuples(sql) == single.db.tuples(sql)
    assert bulk.ledger.pending == single.ledger.pending
    bulk.db.close()
    single.db.close()


@given(FINDINGS, st.sampled_from(["outside", "robots:nofollow"]))
def test_many_links_that_are_left_out_are_as_one_by_one(links: list[Request], why: str) -> None:
    bulk, single = prepared(), prepared()
    bulk.ledger.add_skipped([(each, why) for each in links], "http://h/")
    ending, _, more = why.partition(":")
    for each in links:
        single.ledger.add_ended(each, f"skipped:{ending}", more, "http://h/")
    assert bulk.pages == single.pages
    sql = "SELECT id, url, rule, rank, ending, why, found_on FROM pages ORDER BY id"
    assert bulk.db.tuples(sql) == single.db.tuples(sql)
    bulk.db.close()
    single.db.close()


# -- redirects -----------------------------------------------------------------------------------------------


def test_who_links_what_a_page_led_to_finds_that_page(desk: Desk) -> None:
    desk.find("/old", place=(5,))
    assert desk.lead("/old", "/new") is None
    new = desk.find("/new", rule="s", place=(1,))
    assert desk.pages == {"/old": None, "/new": "skipped:duplicate"}
    assert desk.reads("/old") == [("s", "/new"), ("r", "/old")]
    assert desk.ledger.is_known(new)


def test_such_a_page_is_still_asked_for_by_its_own_url(desk: Desk) -> None:
    old = desk.find("/old", place=(5,))
    desk.lead("/old", "/new")
    desk.find("/new", place=(1,))
    assert (desk.reads("/old"), desk.task("/old").request) == ([("r", "/new")], old)


def test_what_led_to_a_known_page_is_found_there_from_then_on(desk: Desk) -> None:
    desk.find("/new", place=(5,))
    desk.find("/old", place=(6,), params={"a": 1})
    assert desk.lead("/old?a=1", "/new") == "it leads to http://h/new"
    assert desk.reads("/new") == [("r", "/new")]
    desk.find("/old", place=(1,), params={"a": 1}, rule="s")
    assert desk.pages == {"/new": None, "/old?a=1": "skipped:duplicate"}
    assert desk.reads("/new") == [("s", "/new"), ("r", "/new")]


def test_a_page_that_was_read_is_read_again_for_what_is_led_to_it(desk: Desk) -> None:
    desk.find("/new", place=(5,))
    desk.find("/old", place=(1,))
    desk.read("/new")
    desk.lead("/old", "/new")
    assert (desk.ledger.claim_reread(), desk.reads("/new")) == ((1, url("/new")), [("r", "/new")])


def test_what_came_with_a_page_goes_with_it(desk: Desk) -> None:
    """/a leads to /b, which others link, and then to /c, which is known."""
    for path in ("/a", "/c"):
        desk.find(path, rule=path)
    desk.lead("/a", "/b")
    desk.find("/b", rule="/b")
    assert desk.lead("/a", "/c") == "it leads to http://h/c"
    desk.find("/b", rule="late")
    assert set(desk.reads("/c")) == {(rule, "/c") for rule in ("/c", "/a", "/b", "late")}
    assert desk.pages == {"/a": "skipped:duplicate", "/c": None, "/b": "skipped:duplicate"}


@pytest.mark.parametrize("ending", ["failed:timeout", "skipped:robots"])
def test_what_leads_to_a_page_that_failed_goes_on(ending: str, desk: Desk) -> None:
    desk.find("/new")
    desk.find("/old")
    desk.ledger.end_page(desk.task("/new").id, ending)
    assert (desk.lead("/old", "/new"), desk.reads("/old")) == (None, [("r", "/old")])


def test_what_leads_to_a_link_that_was_left_out_stands_for_it(desk: Desk) -> None:
    desk.ledger.add_ended(asked("/new"), "skipped:outside", "")
    desk.find("/old")
    assert (desk.lead("/old", "/new"), desk.pages) == (None, {"/new": "skipped:outside", "/old": None})
    desk.find("/new", rule="s")
    assert (desk.pages, desk.reads("/old")) == (
        {"/new": "skipped:duplicate", "/old": None}, [("r", "/old"), ("s", "/new")],
    )  # fmt: skip


@pytest.mark.parametrize("to", ["/known", "/unknown"])
def test_a_page_of_which_a_rule_expects_something_goes_on_and_stands_for_itself_alone(to: str, desk: Desk) -> None:
    desk.find("/known")
    desk.find("/old")
    desk.find("/old", rule="picky")
    assert desk.lead("/old", to) is None
    assert (desk.pages, desk.ledger.is_known(asked("/unknown"))) == ({"/known": None, "/old": None}, False)


def test_the_job_may_have_what_robots_barred_from_a_link_that_led_there(desk: Desk) -> None:
    old = desk.find("/old", found=True)
    desk.lead("/old", "/new")
    desk.ledger.end_page(desk.task("/old").id, "skipped:robots", asked=old)
    desk.find("/new", found=True)
    assert desk.pages == {"/old": "skipped:robots", "/new": "skipped:duplicate"}
    desk.find("/new", rule="s")
    assert (desk.pages, desk.reads("/new")) == ({"/old": "skipped:robots", "/new": None}, [("s", "/new")])


def test_what_is_led_to_a_page_that_is_barred_then_is_not_barred_with_it(desk: Desk) -> None:
    """A link that robots.txt forbids is in flight; what the job names is led to it."""
    link = desk.find("/new", found=True)
    desk.find("/old", rule="s")
    desk.lead("/old", "/new")
    desk.ledger.end_page(desk.task("/new").id, "skipped:robots", asked=link)
    assert (desk.pages["/new"], desk.reads("/new")) == (None, [("s", "/new")])
    [again] = desk.ledger.next_pages("h:80", 9, set())
    desk.ledger.end_page(again.id, "skipped:robots", asked=again.request)
    assert desk.pages == {"/new": "skipped:robots", "/old": "skipped:duplicate"}
    assert desk.ledger.open_count == 0


def test_what_only_set_a_cookie_on_the_way_back_is_forgotten_with_all_who_went_by_it(desk: Desk) -> None:
    """/b is led to the same /check while /a is there; each is to come back to itself."""
    a, b = desk.find("/a", place=(5,)), desk.find("/b", place=(1,))
    going = desk.task("/a")
    desk.lead("/a", "/check")
    desk.lead("/b", "/check")
    desk.find("/check", rule="s")
    assert (desk.pages["/b"], desk.ledger.open_count) == ("skipped:duplicate", 1)
    assert desk.lead("/a", "/a", task=going) is None
    assert desk.pages == {"/a": None, "/b": None, "/check": None}
    assert [desk.reads(path) for path in ("/a", "/b", "/check")] == [[("r", "/a")], [("r", "/b")], [("s", "/check")]]
    tasks = {task.request.url: task.request for task in desk.ledger.next_pages("h:80", 9, set())}
    assert (tasks[a.url], tasks[b.url], desk.ledger.open_count) == (a, b, 3)


def test_a_later_run_knows_that_a_page_was_read_by_whichever_url(desk: Desk) -> None:
    for path in ("/new", "/old", "/far"):
        desk.find(path)
    desk.lead("/old", "/new")
    desk.lead("/far", "/other")
    desk.read("/new")
    desk.read("/far")
    desk.close_run()
    desk.begin()
    assert [desk.ledger.was_read(asked(path)) for path in ("/new", "/old", "/far", "/other", "/else")] == [
        True, True, True, True, False,
    ]  # fmt: skip
