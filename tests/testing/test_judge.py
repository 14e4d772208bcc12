"""What of a case is not met, in words: each aspect, and records against those that were."""

from __future__ import annotations

from typing import Any

import pytest

from scraper.job.cases import CaseExpect
from scraper.job.load import from_data
from scraper.model import FileCounts, ItemCounts, PageCounts, Summary
from scraper.testing import fields, golden, judge
from scraper.testing.facts import Facts, FailureFact, FileFact, PageFact
from scraper.testing.wording import clean, instead

JOB = {
    "name": "shop",
    "start": ["http://h/"],
    "rules": {
        "index": {"follow": {"book": "h3 a"}, "next": "li.next a"},
        "book": {
            "item": {"title": "h1", "price": {"css": "p.price", "required": True}, "about": {"item": {"by": "b"}}},
            "files": "#cover img",
        },
    },
}
PAGES = 4


def record(number: int, **changed: Any) -> dict[str, Any]:
    own = {"title": f"Book {number}", "price": float(number), "about": {"by": "A"}, "_files": [f"{number}.jpg"]}
    place = {"_key": f"k{number}", "_rule": "book", "_url": f"http://h/{number}"}
    return {**own, **changed, **place}


def failure(number: int, field: str = 'item.price: "p.price"') -> FailureFact:
    url = f"http://h/{number}"
    return FailureFact("item", url, "shape", f"rules.book.{field} found nothing on {url}")


def facts(*records: dict[str, Any], failures: tuple[FailureFact, ...] = (), **changed: Any) -> Facts:
    """A run of an index and four books, with these records and what failed."""
    loaded = from_data(JOB)
    pages = [PageFact("GET", "http://h/", "index", "ok")]
    pages += [PageFact("GET", f"http://h/{at}", "book", "ok") for at in range(1, PAGES + 1)]
    files = [
        FileFact(f"http://h/{at}.jpg", f"http://h/{at}.jpg", f"{at}.jpg", f"k{at}", "saved", 5, "aa")
        for at in range(1, len(records) + 1)
    ]
    summary = Summary("shop", "r", 4 if failures else 0)
    summary.pages = PageCounts(ok=len(pages))
    summary.items = ItemCounts(total=len(records), new=len(records), failed=len(failures))
    summary.files = FileCounts(saved=len(files))
    given = {
        "job": loaded.job, "summary": summary, "pages": tuple(pages), "files": tuple(files), "records": records,
        "failures": failures, "warnings": (), "items_of": {"book": len(records)}, "pages_of": {"index": 1, "book": 4},
    }  # fmt: skip
    return Facts(**{**given, **changed})


def told(given: Facts, **expect: Any) -> list[str]:
    wanted = CaseExpect.model_validate(expect)
    return [line for aspect in wanted.aspects for line in judge.judged(given, aspect, wanted)]


FOUR = tuple(record(at) for at in range(1, 5))
MET: dict[str, Any] = {
    "exit_code": 0, "pages": 5, "items": ">= 4", "files": "= 4", "failed": 0,
    "filled": {"price": ">= 100%", "_files": 4}, "records": [{"title": "Book 2", "about": {"by": "A"}}],
    "match": {"length(@)": ">= 4", "[0].title": "Book 1", "[].price | [:2]": [1.0, 2]}, "names": ["1.jpg", "*.jpg"],
    "endings": {"ok": 5, "saved": ">= 4", "*/1.jpg": "saved"}, "warnings": [],
}  # fmt: skip


def test_what_is_as_expected_is_not_told() -> None:
    assert told(facts(*FOUR), **MET) == []


def test_a_field_that_is_empty_is_told_with_rule_field_selector_and_page() -> None:
    empty = tuple(record(at, title=None) for at in range(1, 5))
    assert told(facts(*empty), filled={"title": ">= 95%"}) == [
        "title: 0 of 4 items (0 %) have it, not >= 95%",
        'book.title: selector "h1" found nothing on http://h/1 (and on 3 more pages of 4)',
    ]


def test_items_that_failed_because_of_a_field_lack_it_and_those_are_no_lack_of_another_field() -> None:
    given = facts(record(4), failures=tuple(failure(at) for at in (1, 2, 3)))
    assert told(given, filled={"price": ">= 95%"}) == [
        "price: 1 of 4 items (25 %) have it, not >= 95%",
        'book.price: selector "p.price" found nothing on http://h/1 (and on 2 more pages of 4)',
    ]
    assert told(given, filled={"title": ">= 95%", "_files": ">= 95%"}) == []
    assert told(facts(failures=(failure(1),)), filled={"title": ">= 95%"}) == []


def test_a_key_that_is_empty_is_a_field_that_lacks() -> None:
    assert told(facts(failures=(failure(1, "key: title"),)), filled={"title": "= 1"}) == [
        "title: 0 of 1 item (0 %) have it, not = 1",
        'book.title: selector "h1" found nothing on http://h/1',
    ]


def test_a_nested_field_stands_behind_dots() -> None:
    given = facts(record(1, about={"by": None}), *FOUR[1:])
    assert told(given, filled={"about": 4}) == []
    assert told(given, filled={"about.by": 4}) == [
        "about.by: 3 of 4 items (75 %) have it, not 4",
        'book.about.by: selector "b" found nothing on http://h/1',
    ]


def test_a_share_of_no_items_at_all_is_missed() -> None:
    given = facts(pages_of={"index": 1}, items_of={})
    assert told(given, filled={"price": ">= 95%"}) == [
        'price: 0 items, not >= 1; rules.index.follow.book "h3 a" found nothing'
    ]


def test_files_of_items_are_told_by_the_selector_and_by_how_they_ended() -> None:
    without = tuple(record(at, _files=[]) for at in range(1, 5))
    failed = FileFact("k", "http://h/1.jpg", "1.jpg", "k1", "failed:http:404", None, None)
    assert told(facts(*without, files=(failed,)), filled={"_files": ">= 100%"}) == [
        "_files: 0 of 4 items (0 %) have it, not >= 100%",
        'book._files: selector "#cover img" found nothing on http://h/1 (and on 3 more pages of 4)',
        "http://h/1.jpg: failed:http:404",
    ]


@pytest.mark.parametrize(
    ("expect", "lines"),
    [
        ({"exit_code": 4}, ["the run ended with 0, not 4"]),
        ({"pages": ">= 9"}, [
            "5 pages, not >= 9 (4 of book, 1 of index)",
            'rules.index.next "li.next a" led to no page, from http://h/',
        ]),
        ({"items": 9}, ["4 items, not 9"]),
        ({"files": "> 4"}, ["4 files, not > 4"]),
        ({"failed": ">= 1"}, ["0 of 13 pages, items and files failed (0 %), not >= 1"]),
        ({"records": [{"title": "Book 2", "price": 3.5}]}, [
            'book.price on http://h/2 (selector "p.price"): 2.0 instead of 3.5, in {"title": "Book 2", "price": 3.5}',
        ]),
        ({"records": [{"title": "Book 2", "about": {"by": "B"}}]}, [
            'book.about.by on http://h/2 (selector "b"): "A" instead of "B", in'
            ' {"title": "Book 2", "about": {"by": "B"}}',
        ]),
        ({"records": [{"title": "No such"}]}, ['no record has {"title": "No such"}']),
        ({"match": {"length(@)": "> 4"}}, ["length(@): 4, not > 4 (4 records)"]),
        ({"match": {"[0].price": True}}, ["[0].price: 1.0 instead of true (4 records)"]),
        ({"match": {"[0].about": {}}}, ['[0].about: {"by": "A"} instead of {} (4 records)']),
        ({"match": {"[0].title": "> 4"}}, ['[0].title: "Book 1", not > 4 (4 records)']),
        ({"names": ["5.jpg"]}, ["no file 5.jpg; the nearest is 4.jpg"]),
        ({"endings": {"saved": 3}}, ["saved: 4, not 3 (5 ok, 4 saved)"]),
        ({"endings": {"*/1.jpg": "failed:http:404"}}, ["http://h/1.jpg: saved, not failed:http:404"]),
        ({"endings": {"*/no.jpg": "saved"}}, ["*/no.jpg: no page or file has such a URL"]),
        ({"warnings": ["robots"]}, ["no warning has robots; there is none"]),
    ],
)  # fmt: skip
def test_what_is_not_as_expected_is_told(expect: dict[str, Any], lines: list[str]) -> None:
    assert told(facts(*FOUR), **expect) == lines


def test_warnings_are_found_by_regexes_and_none_means_none() -> None:
    given = facts(*FOUR, warnings=("robots.txt is not asked",))
    assert told(given, warnings=["rob.ts"]) == []
    assert told(given, warnings=[]) == ["a warning where none is expected: robots.txt is not asked"]


def test_counts_that_are_missed_name_what_failed() -> None:
    given = facts(record(4), failures=tuple(failure(at) for at in (1, 2, 3)))
    assert told(given, items=4) == [
        "1 item, not 4",
        'book.price: selector "p.price" found nothing on http://h/1 (and on 2 more pages of 4);'
        " it is required, so 3 records less",
    ]
    assert told(given, exit_code=0)[1:] == told(given, items=4)[1:]  # as one, not page by page


# -- against the golden file -------------------------------------------------------------------------------


def against(given: Facts, before: Facts) -> list[str]:
    was = golden.golden_of(before)
    return [f"{aspect}: {line}" for aspect in was for line in golden.differs(given, aspect, was)]


def test_a_run_does_not_differ_from_itself() -> None:
    assert against(facts(*FOUR), facts(*FOUR)) == []


def test_fields_that_changed_are_told_once_each() -> None:
    given = facts(record(1, price=9.5), record(2, price=9.5), record(3, title=None), record(4, about={"by": "B"}))
    assert against(given, facts(*FOUR)) == [
        'records: book.price on http://h/1 (selector "p.price"; and on 1 more page of 4): 9.5 instead of 1.0',
        'records: book.title: selector "h1" found nothing on http://h/3; expected "Book 3"',
        'records: book.about.by on http://h/4 (selector "b"): "B" instead of "A"',
    ]


def test_records_that_failed_are_told_by_the_field_that_failed_them_and_not_as_missing() -> None:
    lines = against(facts(FOUR[3], failures=tuple(failure(at) for at in (1, 2, 3))), facts(*FOUR))
    of_records = [line for line in lines if line.startswith("records")]
    assert of_records == [
        'records: book.price: selector "p.price" found nothing on http://h/1 (and on 2 more pages of 4);'
        " it is required, so 3 records less"
    ]


def test_a_field_that_the_job_lost_and_a_file_that_failed_are_not_told_as_a_selector_that_found_nothing() -> None:
    before = facts(*({**each, "old": 1} for each in FOUR))
    assert against(facts(*FOUR), before) == [
        "records: book.old on http://h/1 (and on 3 more pages of 4): the job does not give this field; expected 1"
    ]
    lost = FileFact("http://h/4.jpg", "http://h/4.jpg", "4.jpg", "k4", "failed:type", None, None)
    given = facts(*FOUR[:3], {**record(4), "_key": "k4", "_files": []}, files=(lost,))
    assert [
        each for each in fields.against(given, [{**record(4), "_key": "k4", "_files": ["4.jpg"]}]) if "new" not in each
    ] == ['book._files on http://h/4: http://h/4.jpg: failed:type; expected ["4.jpg"]']


def test_a_field_that_no_record_has_is_told() -> None:
    none = facts(*(record(at, price=None) for at in (1, 2, 3, 4)))
    assert list(fields.never_filled(facts(record(1, price=None), *FOUR[1:]))) == []
    assert list(fields.never_filled(none)) == [
        'book.price: selector "p.price" found nothing on http://h/1 (and on 3 more pages of 4)'
    ]


def test_records_with_another_key_are_paired_by_their_page() -> None:
    changed = {**record(1, title="New"), "_key": "new"}
    assert list(fields.against(facts(changed, *FOUR[1:]), FOUR)) == [
        'book.title on http://h/1 (selector "h1"): "New" instead of "Book 1"'
    ]


def test_records_that_are_missing_new_or_in_another_order_are_told() -> None:
    new = {**record(9), "_url": "http://h/9"}
    assert [line.partition(":")[0] for line in fields.against(facts(*FOUR[:3], new), FOUR)] == [
        "a record is missing", "a record is new",
    ]  # fmt: skip
    assert list(fields.against(facts(*FOUR[::-1]), FOUR)) == ["the records are the same, in another order"]


def test_pages_and_files_that_changed_are_told() -> None:
    before = facts(*FOUR)
    pages = (*before.pages[:-1], PageFact("GET", "http://h/new", "book", "ok"))
    file = FileFact("http://h/4.jpg", "http://h/4.jpg", "four.jpg", "k4", "saved", 6, "bb")
    assert against(facts(*FOUR, pages=pages, files=(*before.files[:3], file)), before) == [
        'pages: rules.index.next "li.next a" led to no page, from http://h/',
        "pages: GET http://h/4 is missing (was ok)",
        "pages: GET http://h/new is new (ok)",
        "files: four.jpg instead of 4.jpg (http://h/4.jpg)",
        "files: four.jpg: other content, 6 bytes where it had 5 (http://h/4.jpg)",
    ]


def test_warnings_are_compared_one_by_one() -> None:
    before = facts(*FOUR, warnings=("a", "b"))
    assert against(facts(*FOUR, warnings=("b", "b")), before) == [
        "warnings: a new warning: b", "warnings: no warning any more: a",
    ]  # fmt: skip


# -- words -------------------------------------------------------------------------------------------------


def test_long_texts_are_told_as_a_small_diff() -> None:
    one, other = f"{'a' * 100}x{'b' * 300}", f"{'a' * 100}y{'b' * 300}"
    assert instead(other, one).split("\n") == [
        "differs", f'  - ...{"a" * 30}x{"b" * 129}...', f'  + ...{"a" * 30}y{"b" * 129}...',
    ]  # fmt: skip
    lines = [f"line {at}: {'z' * 20}" for at in range(9)]
    changed = [*lines[:4], "other", *lines[5:]]
    assert instead("\n".join(changed), "\n".join(lines)).split("\n") == [
        "differs", "  @@ -4,3 +4,3 @@", f"   {lines[3]}", f"  -{lines[4]}", "  +other", f"   {lines[5]}",
    ]  # fmt: skip


def test_nothing_of_a_page_is_an_escape_on_a_terminal() -> None:
    assert clean("a\x1b[31m\nb\x9b\u202e") == "a\\x1b[31m\nb\\x9b\\u202e"
