"""`scraper record` and `scraper test`: what they write and say, and how they end."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scraper.server import Site

PAGE = '<h1>Title</h1><i>5</i><img src="/a.png">'
RULE = "item: {title: h1, price: {css: i, type: int}}\nfiles: img\n"
TESTS = 'tests: {titles: {expect: {filled: {title: ">= 100%"}}}, prices: {expect: {records: [{price: 5}]}}}\n'


@pytest.fixture
def recorded(
    scraper: Any, job: Any, site: Site, serve: Any, pages: Any, pixels: Any, write_job: Any
) -> Callable[..., Path]:
    """`recorded(page, tests)`: a job whose tape holds this page and a picture."""

    def make(page: str = PAGE, tests: str = "") -> Path:
        pages(site, page=page)
        pixels(site, "a.png")
        server = serve(site)
        path = write_job(job, server.url, RULE, tests)
        assert scraper("record", path, "-q").code == 0
        server.close()
        return Path(path.name)

    return make


def broken(path: Path) -> Path:
    """The job, whose price is looked for where none is."""
    path.write_text(path.read_text().replace("css: i", "css: em"))
    return path


def test_record_prints_what_it_wrote_and_says_what_comes_next(
    scraper: Any, job: Any, site: Site, serve: Any, pages: Any, pixels: Any, write_job: Any, folder: Path
) -> None:
    pages(site, page=PAGE)
    pixels(site, "a.png")
    told = scraper("record", write_job(job, serve(site).url, RULE).name)
    assert (told.code, told.lines) == (0, ["tapes/mine.warc.gz", "tapes/mine.expect.json"])
    assert all((folder / line).is_file() for line in told.lines)
    assert re.search(r"wrote tapes/mine\.warc\.gz \(.* kB\) and tapes/mine\.expect\.json", told.err)
    assert told.err.splitlines()[-1] == "next: scraper test job.yaml"
    assert not (folder / "output").exists()


def test_what_fails_while_it_is_recorded_is_on_the_tape_and_told(
    scraper: Any, job: Any, site: Site, serve: Any, pages: Any, write_job: Any
) -> None:
    pages(site, page=PAGE)
    told = scraper("record", write_job(job, serve(site).url, RULE).name)
    assert (told.code, "the run ended with exit code 4; the tape holds that" in told.err) == (0, True)
    assert "the replay differs" not in told.err
    assert scraper("test", "job.yaml").code == 0


def test_a_field_that_the_site_renamed_is_told_when_it_is_recorded_again(
    scraper: Any, job: Any, site: Site, serve: Any, pages: Any, pixels: Any, write_job: Any
) -> None:
    shown = [PAGE]
    site.route("/page")(lambda request: shown[0])
    pixels(site, "a.png")
    path = write_job(job, serve(site).url, RULE).name
    first = scraper("record", path)
    shown[0] = PAGE.replace("<i>5</i>", "<em>5</em>")
    second, third = scraper("record", path), scraper("record", path)
    lost = 'r.price: selector "i" found nothing on http://127.0.0.1/page'
    lines = [re.sub(r"(127\.0\.0\.1):\d+", r"\1", told.err).splitlines()[2:-1] for told in (first, second, third)]
    assert lines == [
        [],
        ["not as tapes/mine.expect.json had it before:", f"  records: {lost}; expected 5"],
        [f"empty everywhere: {lost}"],
    ]


def test_where_nothing_came_the_tape_that_stood_there_stays(scraper: Any, recorded: Any, folder: Path) -> None:
    path = recorded()
    before = {each.name: each.read_bytes() for each in (folder / "tapes").iterdir()}
    told = scraper("record", path, "-o", "http.retry.attempts=1")
    assert (told.code, told.lines) == (4, [])
    assert "Connection refused), so tapes/mine.warc.gz stays as it was; try: scraper probe http://" in told.err
    assert {each.name: each.read_bytes() for each in (folder / "tapes").iterdir()} == before


def test_a_job_that_is_met_by_its_tape_ends_with_0(scraper: Any, recorded: Any) -> None:
    told = scraper("test", recorded())
    assert (told.code, len(told.lines), told.err) == (0, 1, "1 met\n")
    assert re.fullmatch(r"ok    job\.yaml::tape \(\d+\.\d s\)", told.lines[0])


def test_what_broke_fails_the_case_that_names_it_and_is_told_below_it(scraper: Any, recorded: Any) -> None:
    told = scraper("test", broken(recorded(tests=TESTS)))
    lines = [re.sub(r" \(\d\.\d s\)|:\d{4,5}", "", line) for line in told.lines]
    assert (told.code, told.err) == (7, "1 met, 1 not met\n")
    assert lines == [
        "ok    job.yaml::titles",
        "FAIL  job.yaml::prices",
        '      records: r.price: selector "em" found nothing on http://127.0.0.1/page; expected 5, in {"price": 5}',
    ]


def test_json_is_one_object_of_all_cases(scraper: Any, recorded: Any) -> None:
    told = scraper("test", broken(recorded(tests=TESTS)), "--json")
    found = told.json
    assert (told.code, found["met"], found["unmet"], found["invalid"]) == (7, 1, 1, 0)
    assert [(case["id"], case["ok"]) for case in found["cases"]] == [
        ("job.yaml::titles", True),
        ("job.yaml::prices", False),
    ]
    assert [each["aspect"] for each in found["cases"][1]["mismatches"]] == ["records"]


@pytest.mark.parametrize("pattern", ["TITLES", "*::titles"])
def test_cases_are_chosen_by_their_names(scraper: Any, recorded: Any, pattern: str) -> None:
    told = scraper("test", broken(recorded(tests=TESTS)), "-k", pattern)
    assert (told.code, [line[:22] for line in told.lines]) == (0, ["ok    job.yaml::titles"])


def test_a_name_that_no_case_has_is_wrong_usage(scraper: Any, recorded: Any) -> None:
    told = scraper("test", recorded(), "-k", "nothing")
    assert (told.code, told.err) == (2, "scraper: no case has nothing in its name\n")


def test_a_job_without_tests_and_tape_is_wrong_usage_and_the_cure_is_told(
    scraper: Any, job: Any, write_job: Any
) -> None:
    told = scraper("test", write_job(job, "http://127.0.0.1:9").name)
    assert told.code == 2
    assert "job.yaml has no `tests:` and no tape; begin with: scraper record job.yaml" in told.err


def test_an_invalid_job_and_a_missing_tape_end_with_3_and_the_others_are_tested(
    scraper: Any, recorded: Any, job: Any
) -> None:
    good = recorded()
    bad = job("name: bad\nstart: [x]\n", "bad.yaml").name
    lost = job(good.read_text().replace("name: mine", "name: lost") + "tests: {a: {}}\n", "lost.yaml").name
    told = scraper("test", bad, lost, good)
    assert (told.code, told.err) == (3, "1 met, 2 invalid\n")
    assert [line.split()[0] for line in told.lines if not line.startswith(" ")] == ["ERROR", "ERROR", "ok"]
    assert "bad.yaml:2:9: start.0:" in told.out
    assert "tapes/lost.expect.json: it cannot be read" in told.out


def test_update_rewrites_the_golden_file_and_says_so(scraper: Any, recorded: Any) -> None:
    path = broken(recorded())
    unmet, updated, again = scraper("test", path), scraper("test", path, "--update"), scraper("test", path, "--update")
    assert (unmet.code, updated.code, again.code) == (7, 0, 0)
    assert unmet.err.splitlines()[1:] == ["next: mend the job; a change that is meant: scraper test job.yaml --update"]
    assert (updated.err, again.err) == ("wrote tapes/mine.expect.json\n1 met\n", "1 met\n")


def test_nothing_that_came_is_an_escape_on_the_terminal(scraper: Any, recorded: Any) -> None:
    path = recorded("<h1>\x9b31m\u202eTitle</h1><i>5</i>", "tests: {a: {expect: {records: [{title: x, price: 5}]}}}\n")
    told = scraper("test", path)
    assert (told.code, [char for char in told.out if not char.isprintable() and char != "\n"]) == (7, [])
    assert "\\u202eTitle" in told.out
