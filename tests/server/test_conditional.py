"""Conditional requests, in the order of RFC 9110 section 13.2.2."""

from __future__ import annotations

import pytest

from scraper.server.conditional import Validators, Verdict, decide_answer, read_date, write_date

MODIFIED = 784111777  # Sun, 06 Nov 1994 08:49:37 GMT
THEN = "Sun, 06 Nov 1994 08:49:37 GMT"
EARLIER = "Sun, 06 Nov 1994 08:49:36 GMT"
KNOWN = Validators('"a"', MODIFIED)
WEAK = Validators('W/"a"', MODIFIED)
WHOLE, PART = Verdict(200, 0, 10), Verdict(206, 2, 8)
RANGE = {"range": "bytes=2-"}


def decide(headers: dict[str, str], known: Validators = KNOWN, method: str = "GET") -> Verdict:
    return decide_answer(method, headers, 10, known, now=MODIFIED + 3600)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, WHOLE),
        ({"if-none-match": '"a"'}, Verdict(304)),
        ({"if-none-match": 'W/"a"'}, Verdict(304)),
        ({"if-none-match": '"b", "a"'}, Verdict(304)),
        ({"if-none-match": '"b" ,"c,d"'}, WHOLE),
        ({"if-none-match": "*"}, Verdict(304)),
        ({"if-none-match": "a"}, WHOLE),
        ({"if-modified-since": THEN}, Verdict(304)),
        ({"if-modified-since": EARLIER}, WHOLE),
        ({"if-modified-since": "yesterday"}, WHOLE),
        ({"if-none-match": '"b"', "if-modified-since": THEN}, WHOLE),
        ({"if-match": '"a"'}, WHOLE),
        ({"if-match": "*"}, WHOLE),
        ({"if-match": 'W/"a"'}, Verdict(412)),
        ({"if-match": '"b"'}, Verdict(412)),
        ({"if-unmodified-since": THEN}, WHOLE),
        ({"if-unmodified-since": EARLIER}, Verdict(412)),
        ({"if-match": '"a"', "if-unmodified-since": EARLIER}, WHOLE),
        ({"if-match": '"b"', "if-none-match": '"a"'}, Verdict(412)),
        (RANGE, PART),
        ({"range": "bytes=10-"}, Verdict(416)),
        (RANGE | {"if-range": '"a"'}, PART),
        (RANGE | {"if-range": '"b"'}, WHOLE),
        (RANGE | {"if-range": 'W/"a"'}, WHOLE),
        (RANGE | {"if-range": THEN}, PART),
        (RANGE | {"if-range": EARLIER}, WHOLE),
        (RANGE | {"if-range": "nonsense"}, WHOLE),
        ({"range": "bytes=10-", "if-range": '"b"'}, WHOLE),
        (RANGE | {"if-none-match": '"a"'}, Verdict(304)),
    ],
)
def test_a_conditional_get(headers: dict[str, str], expected: Verdict) -> None:
    assert decide(headers) == expected


def test_a_weak_validator_never_allows_a_range() -> None:
    assert decide(RANGE | {"if-range": 'W/"a"'}, WEAK) == WHOLE


def test_a_date_of_this_second_never_allows_a_range() -> None:
    headers = RANGE | {"if-range": THEN}

    assert decide_answer("GET", headers, 10, KNOWN, now=MODIFIED + 0.5) == WHOLE


def test_head_has_no_ranges() -> None:
    assert decide(RANGE, method="HEAD") == WHOLE


def test_without_a_date_dates_are_ignored() -> None:
    assert decide({"if-modified-since": THEN, "if-unmodified-since": THEN}, Validators('"a"', None)) == WHOLE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (THEN, MODIFIED),
        ("Sunday, 06-Nov-94 08:49:37 GMT", MODIFIED),
        ("Sun Nov  6 08:49:37 1994", MODIFIED),
        ("Sun, 06 Nov 1994 08:49:37", None),
        ("Sun, 06 Nov 1994 08:49:37 UTC", None),
        ("Sun, 06 Non 1994 08:49:37 GMT", None),
        ("Sun, 32 Nov 1994 08:49:37 GMT", None),
        ("Sun, 06 Nov 1994 24:49:37 GMT", None),
        ("", None),
    ],
)
def test_http_dates_have_three_forms(text: str, expected: int | None) -> None:
    assert read_date(text) == expected


def test_dates_are_written_in_the_first_form() -> None:
    assert write_date(MODIFIED) == THEN
