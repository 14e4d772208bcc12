"""Dates of HTTP, as files get them."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.files.dates import DAY, believed, seconds

MOMENT = 784_111_777  # RFC 9110 section 5.6.7: its example in three formats
NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 09:49:37 +0100",
        "Mon, 06 Nov 1994 08:49:37 GMT",  # the wrong day of the week
    ],
)
def test_the_three_formats_and_what_resembles_them(text: str) -> None:
    assert seconds(text) == MOMENT


@given(st.integers(0, 253_402_300_799))
def test_every_second_until_the_year_9999(moment: int) -> None:
    assert seconds(formatdate(moment, usegmt=True)) == moment


def test_a_leap_second_is_the_next_one() -> None:
    assert seconds("Sat, 31 Dec 2016 23:59:60 GMT") == 1_483_228_800


@pytest.mark.parametrize(
    "text",
    [
        "", "0", "now", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, 06 Now 1994 08:49:37 GMT",
        "Sun, ०६ Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT" * 9, "Sun, 06 Nov 99999999999 08:49:37 GMT",
    ],
)  # fmt: skip
def test_what_is_no_date(text: str) -> None:
    assert seconds(text) is None


@given(st.text(max_size=80))
def test_no_text_breaks_it(text: str) -> None:
    assert seconds(text) is None or isinstance(seconds(text), float)


@pytest.mark.parametrize("years", ["19", "69", "70", "94", "2400"])
@given(st.text("0123456789-+:, GMTSunNov", max_size=30))
def test_no_text_like_a_date_breaks_it(years: str, text: str) -> None:
    assert believed(f"Sun, {text}-{years} {text}", NOW) is None or isinstance(seconds(text), float | None)


@pytest.mark.parametrize(
    ("moment", "is_believed"),
    [(-1, False), (0, True), (NOW, True), (NOW + DAY, True), (NOW + DAY + 1, False), (253_402_300_799, False)],
)
def test_a_file_is_from_1970_to_tomorrow(moment: float, is_believed: bool) -> None:
    assert believed(formatdate(moment, usegmt=True), NOW) == (moment if is_believed else None)


def test_no_header_is_no_date() -> None:
    assert believed(None, NOW) is None
