"""`tests:` of a job file: what it may say, and what is wrong told with line, column and cure."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from scraper.errors import JobError
from scraper.job.cases import TestCase, by_name, comparison, default_tape, golden_of
from scraper.job.load import load
from scraper.server.faults import FAULTS, read_faults

HEAD = """\
name: books
vars: {base: "http://127.0.0.1:8000"}
start: ["{{ base }}/"]
rules: {book: {item: {title: h1, price: p}}}
"""


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`job(text)`: the job with these `tests:`; a text without line ends is the one case `c`."""
    monkeypatch.chdir(tmp_path)

    def written(text: str) -> Any:
        lines = text if "\n" in text else f"tests:\n  c: {text}\n"
        Path("job.yaml").write_text(HEAD + lines, "utf-8")
        return load("job.yaml")

    return written


@pytest.fixture
def told(job: Any) -> Any:
    """`told(text)`: what is wrong, a line each, without the file's name."""

    def tell(text: str) -> list[str]:
        with pytest.raises(JobError) as error:
            job(text)
        return str(error.value).replace("job.yaml:", "").splitlines()

    return tell


def test_cases_stand_in_a_mapping_or_in_a_list_with_names(job: Any) -> None:
    mapping = job("tests:\n  a: {limit: 3}\n  b: {}\n").job.tests
    listed = job("tests:\n  - {name: a, limit: 3}\n  - {name: b}\n").job.tests
    assert [(name, case.limit) for name, case in by_name(mapping).items()] == [("a", 3), ("b", None)]
    assert [(name, case.limit) for name, case in by_name(listed).items()] == [("a", 3), ("b", None)]


def test_a_case_says_when_it_is_and_without_a_zone_that_is_utc(job: Any) -> None:
    tests = job('tests:\n  a: {time: "2026-11-21T12:00:00+01:00"}\n  b: {time: 2026-11-21}\n').job.tests
    assert tests["a"].moment == datetime(2026, 11, 21, 11, tzinfo=UTC)
    assert tests["b"].moment == datetime(2026, 11, 21, tzinfo=UTC)
    assert TestCase().moment is None


def test_the_aspects_of_a_case_are_what_it_expects_in_the_order_of_the_document(job: Any) -> None:
    case = job("{expect: {warnings: [], names: x.jpg, pages: 3, exit_code: 0}}").job.tests["c"]
    assert case.expect.aspects == ("exit_code", "pages", "names", "warnings")


def test_every_fault_of_the_catalogue_may_stand_in_a_case_as_the_server_takes_it(job: Any) -> None:
    lines = "".join(f'      - {{url: "*", do: {name}, times: 1}}\n' for name in FAULTS)
    case = job(f"tests:\n  c:\n    faults:\n{lines}").job.tests["c"]
    assert [rule.fault.name for rule in read_faults(each.given() for each in case.faults).rules] == list(FAULTS)


def test_the_golden_file_stands_beside_its_tape() -> None:
    assert (default_tape("books"), golden_of("tapes/books.warc.gz"), golden_of("x.warc")) == (
        "tapes/books.warc.gz", "tapes/books.expect.json", "x.expect.json",
    )  # fmt: skip


@pytest.mark.parametrize(("text", "holds"), [(">= 3", True), ("<3", False), ("= 5", True), ("> 4.5", True)])
def test_a_text_that_is_a_comparison_compares(text: str, holds: bool) -> None:
    bound = comparison(text)
    assert bound is not None
    assert bound.holds(5) is holds


@pytest.mark.parametrize("value", ["Blue", "5", "-> next", 5, None, ["> 3"]])
def test_other_values_are_values(value: Any) -> None:
    assert comparison(value) is None


WRONG = {
    "unknown key": ("{expct: 4}", '6:7: tests.c.expct: unknown key; did you mean "expect"?'),
    "no WARC": (
        "{tape: x.gz}",
        "6:13: tests.c.tape: 'x.gz': a tape is a WARC file; its name ends in .warc.gz or .warc",
    ),
    "absolute tape": (
        "{tape: /x.warc}",
        "6:13: tests.c.tape: a tape lies beside the job; write its path relative to the job file",
    ),
    "no time": (
        "{time: noon}",
        "6:13: tests.c.time: 'noon' is no time; write one as in \"2026-11-21T12:00:00Z\"",
    ),
    "unknown variable": (
        "{vars: {bse: x}}",
        '6:14: tests.c.vars.bse: the job has no variable "bse"; did you mean "base"?',
    ),
    "unknown fault": (
        "{faults: [{do: rset}]}",
        "6:21: tests.c.faults.0.do: there is no fault 'rset'; did you mean 'reset'?",
    ),
    "no fault": ('{faults: [{url: "*"}]}', "6:16: tests.c.faults.0.do: missing"),
    "unknown parameter": (
        "{faults: [{do: reset, att: 5}]}",
        "6:28: tests.c.faults.0.att: reset does not take 'att'; did you mean 'at'?",
    ),
    "parameter of nothing": (
        "{faults: [{do: refuse, colour: 5}]}",
        "6:29: tests.c.faults.0.colour: refuse does not take 'colour'; it takes no parameter",
    ),
    "a rule's key": (
        "{faults: [{do: reset, tims: 5}]}",
        "6:28: tests.c.faults.0.tims: reset does not take 'tims'; did you mean 'times'?",
    ),
    "bad value": ("{faults: [{do: reset, at: []}]}", "6:32: tests.c.faults.0.at: reset: at cannot be []"),
    "bad count": (
        "{faults: [{do: reset, times: -1}]}",
        "6:35: tests.c.faults.0.times: expected at least 0, found number -1",
    ),
    "nothing expected": (
        "{expect: {}}",
        "6:15: tests.c.expect: nothing is expected; without `expect` the case is held to the golden file of its tape",
    ),
    "bad comparison": (
        '{expect: {items: "=> 5"}}',
        '6:23: tests.c.expect.items: \'=> 5\' is not a condition; write for example ">= 20" or "<= 1%"',
    ),
    "a share of nothing": ('{expect: {pages: ">= 5%"}}', "6:23: tests.c.expect.pages: >= 5%: of what? write a number"),
    "unknown field": (
        "{expect: {filled: {prize: 3}}}",
        '6:25: tests.c.expect.filled.prize: no rule gives a field "prize"; did you mean "price"?',
    ),
    "bad JMESPath": (
        '{expect: {match: {"a[": 3}}}',
        "6:24: tests.c.expect.match.a[: not JMESPath: Invalid jmespath expression: Incomplete expression:",
    ),
    "bad comparison of a match": (
        '{expect: {match: {"a": "=> 3"}}}',
        '6:29: tests.c.expect.match.a: \'=> 3\' is not a condition; write for example ">= 20" or "<= 1%"',
    ),
    "a share in a match": (
        '{expect: {match: {"a": ">= 3%"}}}',
        "6:29: tests.c.expect.match.a: >= 3%: of what? write a number",
    ),
    "unknown class": (
        '{expect: {endings: {"failed:timout": 1}}}',
        '6:26: tests.c.expect.endings.failed:timout: "failed:timout" is no ending; did you mean "failed:timeout"?',
    ),
    "no such ending": (
        '{expect: {endings: {"*/x.jpg": gone}}}',
        '6:37: tests.c.expect.endings.*/x.jpg: "*/x.jpg" is a pattern of URLs, and these have an ending such as saved'
        " or failed:http:404",
    ),
    "bad regex": (
        '{expect: {warnings: ["("]}}',
        "6:27: tests.c.expect.warnings.0: not a regex: missing ), unterminated subpattern at position 0",
    ),
    "bad name": (
        "tests:\n  a::b: {}\n",
        "6:9: tests.a::b: 'a::b': the name of a case is made of letters, digits, spaces and _ . -",
    ),
    "twice the same name": (
        "tests:\n  - {name: a}\n  - {name: a}\n",
        '7:12: tests.1.name: two cases are called "a"',
    ),
    "no name": ("tests:\n  - {limit: 3}\n", "6:5: tests.0.name: missing"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_mistake_is_told_with_its_place_and_cure(what: str, told: Any) -> None:
    text, expected = WRONG[what]
    assert told(text)[0] == expected


def test_files_of_items_may_be_expected_filled_and_rows_have_any_field(job: Any) -> None:
    assert job('{expect: {filled: {_files: ">= 100%"}}}').job.tests["c"].expect.filled == {"_files": ">= 100%"}
    rows = 'name: a\nstart: [{list: l.csv, column: url, as: files}]\ntests: {c: {expect: {filled: {width: "> 1"}}}}\n'
    Path("rows.yaml").write_text(rows)
    assert load("rows.yaml").job.tests["c"].expect.filled == {"width": "> 1"}
