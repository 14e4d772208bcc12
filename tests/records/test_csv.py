"""records.csv: what Python's csv and spreadsheets read back."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.records import csv_
from scraper.records.sheet import cleaned

TEXTS = st.text(st.characters() | st.sampled_from("'=+-@\t\r\n ,;\"\0\ud800＝−")) | st.from_regex(
    r"'{0,3}\s{0,2}[=+\-@＝＋]?[0-9.e]{0,4}", fullmatch=True
)


def written(names, *records):
    return b"".join(csv_.lines(names, records))


def read(data):
    return list(csv.reader(io.StringIO(data.decode(), newline="")))


def test_a_header_and_a_row_for_each_record():
    data = written(("title", "price", "_key"), {"title": "A", "price": 2.5, "_key": "k"}, {"_key": "l"})
    assert data == b"title,price,_key\r\nA,2.5,k\r\n,,l\r\n"


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""),
        (True, "true"),
        (False, "false"),
        (-5, "-5"),
        (-2.5e-7, "-2.5e-07"),
        (float("-inf"), "'-Infinity"),
        (["a", "ü"], '["a", "ü"]'),
        ({"a": None}, '{"a": null}'),
        ("a\0b\ud800c", "a\ufffdb\ufffdc"),
    ],
)
def test_a_value_is_this_cell(value, cell):
    assert csv_.cell(value) == cell


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\tx", "\rx", "\nx", "  =1", "\xa0=1", "\ufeff=1", "＝1", "＋1",
     "－1", "＠x", "﹦1", "+", "-", "-5 €", "+1 2", "'=1", "''@x"],
)  # fmt: skip
def test_a_text_that_begins_as_a_formula_gets_an_apostrophe(text):
    assert csv_.cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "-5", "+1.5e3", "-.5", "1=1", "a@b.c", "'tis", "'-5", "(=1)", "[-]", "٣-", "→"])
def test_any_other_text_stays_as_it_is(text):
    assert csv_.cell(text) == text


def test_the_name_of_a_column_is_no_formula_either():
    assert read(written(["=x", "_key"])) == [["'=x", "_key"]]


def test_a_file_never_begins_with_the_letters_by_which_excel_takes_it_for_sylk():
    assert written(["ID", "a"]) == b'"ID","a"\r\n'


@given(st.lists(st.lists(TEXTS, min_size=2, max_size=2), max_size=5))
def test_pythons_csv_reads_every_text_back(rows):
    data = written(("a", "_key"), *({"a": a, "_key": b} for a, b in rows))
    assert [[csv_.unguarded(cell) for cell in row] for row in read(data)[1:]] == [
        [cleaned(cell) for cell in row] for row in rows
    ]


@given(TEXTS)
def test_no_cell_begins_as_a_formula(text):
    cell = csv_.cell(text)
    begin = cell.lstrip(" \xa0\ufeff")[:1]
    try:
        is_number = float(cell) is not None
    except ValueError:
        is_number = False
    assert is_number or begin not in tuple("=+-@＝＋－＠")
