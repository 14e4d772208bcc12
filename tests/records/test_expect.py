"""What a run is expected to bring, judged by what it brought."""

from __future__ import annotations

import pytest

from scraper.job.model import Job
from scraper.records.expect import Facts, Filled, misses

RULES = {
    "index": {"follow": {"book": "h3 a"}},
    "book": {"each": {"css": "li"}, "item": {"title": "h1", "price": {"css": "p.price", "match": "[0-9]+"}}},
    "shelf": {"item": {"place": "b"}, "files": {"select": "img.cover"}},
}


def told(expect, **facts):
    job = Job.model_validate({"name": "j", "start": ["http://h/"], "rules": RULES, "expect": expect})
    brought = {
        "items": 40, "files": 20, "failed": 0, "tried": 100, "filled": {}, "before": None,
        "items_of": {"book": 30, "shelf": 10}, "pages_of": {"index": 2, "book": 30, "shelf": 10}, "is_fileless": False,
    }  # fmt: skip
    return list(misses(job, Facts(**{**brought, **facts})))


@pytest.mark.parametrize(
    ("expect", "facts"),
    [
        ({}, {"items": 0, "files": 0, "failed": 100}),
        ({"items": ">= 40", "files": "== 20", "failed": "<= 0"}, {}),
        ({"items": 40}, {}),
        ({"failed": "<= 1%"}, {"failed": 1}),
        ({"failed": "<= 1%"}, {"tried": 0}),
        ({"filled": {"price": ">= 95%"}}, {"filled": {"price": Filled(38, 40)}}),
        ({"filled": {"price": ">= 95%"}}, {"filled": {"price": Filled(0, 0)}}),
        ({"drop": "<= 20%"}, {"before": 50}),
        ({"drop": "<= 20%"}, {"before": None, "items": 0}),
        ({"drop": 0}, {"before": 12}),
    ],
)
def test_what_is_met_is_not_told(expect, facts):
    assert told(expect, **facts) == []


def test_too_few_items_are_told_with_the_each_that_went_empty():
    assert told({"items": ">= 20"}, items=10, items_of={"shelf": 10}) == [
        'expect.items: 10 items, not >= 20; rules.book.each "li" found nothing'
    ]


def test_too_few_items_are_told_with_the_follow_that_leads_nowhere():
    assert told({"items": ">= 20"}, items=10, items_of={"shelf": 10}, pages_of={"index": 2, "shelf": 10}) == [
        'expect.items: 10 items, not >= 20; rules.index.follow.book "h3 a" found nothing'
    ]


def test_too_few_files_are_told_with_their_selector_where_there_are_none_at_all():
    assert (told({"files": ">= 5"}, files=1), told({"files": ">= 5"}, files=0, is_fileless=True)) == (
        ["expect.files: 1 file, not >= 5"],
        ['expect.files: 0 files, not >= 5; rules.shelf.files "img.cover" found nothing'],
    )


def test_too_much_that_failed_is_told_with_its_share():
    assert told({"failed": "<= 1%"}, failed=7) == [
        "expect.failed: 7 of 100 pages, items and files failed (7 %), not <= 1%"
    ]


def test_a_field_that_is_empty_too_often_is_told_with_its_selector_and_the_first_page():
    found = Filled(12, 40, "book", "http://h/2")
    assert told({"filled": {"price": ">= 95%"}}, filled={"price": found}) == [
        'expect.filled.price: 12 of 40 items (30 %) have it, not >= 95%; book.price: selector "p.price" found nothing'
        " on http://h/2 (and for 27 more items of 40)"
    ]


def test_a_field_of_rows_is_told_with_the_first_row():
    found = Filled(0, 1, "j", "http://h/a.png")
    assert told({"filled": {"width": ">= 1"}}, filled={"width": found}) == [
        "expect.filled.width: 0 of 1 item (0 %) have it, not >= 1; first empty for http://h/a.png"
    ]


def test_fewer_items_than_the_last_complete_run_are_told_with_both():
    assert told({"drop": "<= 20%"}, before=60) == [
        "expect.drop: 40 items where the last complete run met 60, 20 fewer (33.3 %), not <= 20%"
    ]


def test_a_share_is_never_rounded_up_to_what_was_asked():
    (miss,) = told({"filled": {"price": ">= 100%"}}, filled={"price": Filled(9999, 10000)})
    assert "(99.9 %)" in miss


def test_all_that_is_missed_is_told():
    assert len(told({"items": 41, "files": 21, "failed": "< 0", "drop": "< 1%"}, before=50)) == 4
