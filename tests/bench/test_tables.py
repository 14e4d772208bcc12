"""What the bench makes of its figures: medians, ratios, tables, and the judgement of files. No server, no program."""

from __future__ import annotations

import hashlib
import json
import math
import re
import zlib
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from bench import crawling, results, sites, table, web, where
from bench.__main__ import arguments, rotated
from bench.faulty import SHARES, asked, fate
from bench.measure import Usage
from bench.peers import Want
from bench.results import Checked, Measured, Result, Spread, judge, ratio, spread
from bench.workloads import addresses, zipf


def ran(peer: str, turn: int, seconds: float, right: int = 100, wrong: int = 0) -> Result:
    """A run in which each file cost 100 microseconds and has 10,000 bytes."""
    usage = Usage(0, seconds, right * 60e-6, right * 40e-6, 20_000_000, cut=False)
    return Result(peer, turn, usage, Checked(right, wrong, 100 - right - wrong, right * 10_000))


def case(*runs: Result, workload: str = "W1", unit: str = "files/s", bound: float | None = None) -> Measured:
    return Measured(workload, "100 small files", unit, "About.", 100, 1_000_000, bound, list(runs))


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5, "0.50"), (12.34, "12.3"), (99.96, "100.0"), (1234.5, "1 234"), (7, "7"), (20000, "20 000"), (math.inf, "-")],
)
def test_a_number_has_three_digits_and_no_exponent(value: float, text: str) -> None:
    assert table.number(value) == text


def test_a_spread_is_the_median_with_its_range() -> None:
    assert spread([3.0, 1.0, 2.0, 9.0]) == Spread(2.5, 1.0, 9.0)


def test_a_ratio_is_taken_within_each_round() -> None:
    assert ratio([10, 20, 30], [10, 10, 60]) == Spread(1.0, 0.5, 2.0)


def test_a_ratio_to_nothing_is_infinite_and_of_nothing_unknown() -> None:
    assert (ratio([10], [0]), ratio([], [5])) == (Spread(math.inf, math.inf, math.inf), None)


def test_only_right_files_count() -> None:
    run = ran("curl", 0, 2.0, right=50, wrong=10)
    assert (run.rate("files/s"), run.rate("MB/s"), round(run.cost("files/s"))) == (25.0, 0.25, 100)


def test_a_table_shows_what_is_lost() -> None:
    text = table.table(case(ran("scraper", 0, 2.0), ran("scraper", 1, 4.0), ran("curl", 0, 1.0), ran("curl", 1, 1.0)))
    assert text.splitlines()[2:] == [
        "| program | files/s | ours / it | CPU us/file | peak MB | seconds | right | wrong |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        "| scraper get | 37.5 (25 to 50) | 1 | 100 | 20 | 3 | 100 of 100 | 0 |",
        "| curl -Z | 100 | 0.38 (0.25 to 0.50) | 100 | 20 | 1 | 100 of 100 | 0 |",
    ]


def test_several_programs_of_ours_are_each_compared_with_every_other() -> None:
    measured = case(ran("scraper-pages", 0, 2.0), ran("scraper-lexbor", 0, 1.0), ran("scrapy-pages", 0, 4.0))
    measured = replace(measured, unit="pages/s", ours=dict(crawling.OURS))
    assert [line.split(" | ")[:5] for line in table.table(measured).splitlines()[2:] if line[:3].lower() == "| s"] == [
        ["| scraper run", "50", "1", "2", "100"],
        ["| scraper run, parser: lexbor", "100", "0.50", "1", "100"],
        ["| Scrapy spider", "25", "2", "4", "100"],
    ]


def test_a_delay_cannot_be_expected_to_be_beaten_nor_our_own_rate_without_it() -> None:
    first = case(ran("scraper", 0, 0.01))
    slow = case(ran("scraper", 0, 1.0), workload="W2", bound=800)
    fast = case(ran("scraper", 0, 1.0), workload="W2", bound=50_000)
    assert [table.ideal(one, [first, slow, fast]) for one in (first, slow, fast)] == [None, 800, 10_000]


def test_what_was_left_out_is_told_with_its_reason() -> None:
    measured = case(ran("scraper", 0, 1.0))
    measured.left_out["wget2"] = "wget2 is not installed"
    assert table.table(measured).splitlines()[-1] == "- wget2 left out: wget2 is not installed."


def test_tables_replace_what_stands_between_the_markers() -> None:
    text = f"Before.\n{table.BEGIN}\nold\n{table.END}\nAfter.\n"
    assert table.placed(text, "new") == f"Before.\n{table.BEGIN}\n\nnew\n\n{table.END}\nAfter.\n"


def test_a_document_without_markers_is_left_alone() -> None:
    with pytest.raises(ValueError, match="bench: begin"):
        table.placed("Nothing here.", "new")


def test_raw_results_come_back_as_they_were_kept(tmp_path: Path) -> None:
    measured = case(ran("scraper", 0, 1.0), ran("curl", 0, 2.0), bound=5.0)
    results.save(tmp_path / "deep" / "raw.json", {"cases": [measured], "facts": ["two cores"]})
    assert results.load(tmp_path / "deep" / "raw.json") == {"cases": [measured], "facts": ["two cores"]}


def want(name: str, content: bytes | None) -> Want:
    digest = "" if content is None else hashlib.sha256(content).hexdigest()
    return Want(f"http://127.0.0.1/{name}", name, digest, len(content or b""))


def test_files_are_right_wrong_or_missing(tmp_path: Path) -> None:
    (tmp_path / "right").write_bytes(b"right")
    (tmp_path / "cut").write_bytes(b"cu")
    (tmp_path / "gone").write_bytes(b"404 page")
    wants = [want("right", b"right"), want("cut", b"cut"), want("absent", b"x"), want("gone", None), want("well", None)]
    assert judge(tmp_path, wants) == Checked(right=1, wrong=2, missing=1, bytes=5)


def test_where_names_are_changed_content_counts_once(tmp_path: Path) -> None:
    for name, content in {"0.jpg": b"one", "again.jpg": b"one", "0.json": b"{}"}.items():
        (tmp_path / name).write_bytes(content)
    wants = [want("a", b"one"), want("b", b"two")]
    assert judge(tmp_path, wants, named=False) == Checked(right=1, wrong=0, missing=1, bytes=3)


def test_small_files_are_pictures_within_their_bounds(tmp_path: Path) -> None:
    for file in sites.small(tmp_path / "site", 30):
        content = (tmp_path / "site" / file.name).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file.size, file.sha256)
        assert sites.LEAST <= file.size <= sites.MOST
        assert png_chunks(content) == [b"IHDR", b"raNd", b"IDAT", b"IEND"]


def png_chunks(content: bytes) -> list[bytes]:
    """The kinds of a PNG's chunks, whose checks are right."""
    at, kinds = 8, []
    while at < len(content):
        length = int.from_bytes(content[at : at + 4])
        kind_and_data = content[at + 4 : at + 8 + length]
        assert zlib.crc32(kind_and_data) == int.from_bytes(content[at + 8 + length : at + 12 + length])
        kinds.append(kind_and_data[:4])
        at += 12 + length
    return kinds


def test_a_smaller_site_is_the_beginning_of_a_larger_one(tmp_path: Path) -> None:
    few = sites.small(tmp_path / "one", 5)
    assert sites.small(tmp_path / "one", 8)[:5] == few == sites.small(tmp_path / "two", 5)


def test_faults_have_their_shares() -> None:
    counts = Counter(fate(sites.small_name(number)) for number in range(20_000))
    assert all(abs(counts[word] / 20_000 - share) < 0.005 for word, share in SHARES)


@pytest.mark.parametrize(
    ("fields", "span"),
    [
        ([b"Range: bytes=10-19"], (10, 19)),
        ([b"range: bytes=90-"], (90, 99)),
        ([b"Range: bytes=90-500"], (90, 99)),
        ([b'Range: bytes=10-', b'If-Range: "tag"'], (10, 99)),
        ([b'Range: bytes=10-', b'If-Range: "other"'], (0, 99)),
        ([b"Range: bytes=100-"], (0, 99)),
        ([b"Range: lines=1-2"], (0, 99)),
        ([], (0, 99)),
    ],
)  # fmt: skip
def test_the_faulty_server_serves_a_range_that_fits_and_else_all(fields: list[bytes], span: tuple[int, int]) -> None:
    assert asked(fields, 100, b'"tag"') == span


@pytest.mark.parametrize("kind", web.KINDS)
def test_pages_have_their_links_and_are_all_found_from_the_first(kind: str, tmp_path: Path) -> None:
    files = web.pages(tmp_path, 40, kind)
    known, todo = {0}, [0]
    while todo:
        number = todo.pop()
        text = (tmp_path / f"{kind}-40" / web.name(number, kind)).read_text()
        found = [int(each) for each in re.findall(rf'"/(\d+)\.{kind}"', text)]
        assert (sorted(found), len(found)) == (sorted(web.links(number, 40)), web.LINKS)
        todo += set(found) - known
        known |= set(found)
    assert known == set(range(40))
    assert all(abs(file.size - web.SIZE) < 2000 for file in files)


def test_a_page_is_right_where_all_its_records_are_there(tmp_path: Path) -> None:
    wants = [want(web.name(at, "json"), b"page") for at in range(4)]
    records = [record for at in range(3) for record in web.records(at, 4, "json")]
    lines = [{**record, "_key": "ours"} for record in records[:-1]] + [records[0], {"title": "nobody's"}]
    (tmp_path / "records.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    checked = crawling.judge(tmp_path / "records.jsonl", wants)
    assert (checked.right, checked.wrong, checked.missing) == (2, 2, 2)


def test_a_stage_is_timed_without_the_stages_inside_it() -> None:
    timers, clock = where.Timers(), iter([0.0, 1.0, 3.0, 10.0])
    inner = timers.around("inner", lambda: None)
    outer = timers.around("outer", lambda: inner())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(where.time, "thread_time", lambda: next(clock))
        outer()
    assert timers.seconds == {"inner": 2.0, "outer": 8.0}


def test_each_round_begins_with_another_program() -> None:
    assert [rotated(["a", "b", "c"], turn) for turn in range(4)] == [
        ["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"], ["a", "b", "c"],
    ]  # fmt: skip


def test_hosts_are_distinct_and_all_on_this_machine() -> None:
    made = addresses(1000, 1)
    assert len(set(made)) == 1000
    assert all(address.startswith("127.1.") for address in made)


def test_the_first_host_has_most_files() -> None:
    counts = Counter(zipf(10_000, 1000))
    assert counts.most_common(1)[0][0] == 0
    assert 1200 < counts[0] < 1500  # 10,000 / H(1000) = 1336


@pytest.mark.parametrize("line", [["W99"], ["W1", "--peers", "wget9"]])
def test_an_unknown_workload_or_program_is_refused(line: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        arguments(line)
    assert "9" in capsys.readouterr().err
