"""A plan as lines."""

from __future__ import annotations

from typing import Any

from scraper.run.plan.estimate import plan_of
from scraper.run.plan.facts import Facts, Group, HostFacts, RuleFacts, Sampled
from scraper.run.plan.lines import lines, table
from scraper.units import Delay


def name(path: str, **more: Any) -> dict[str, Any]:
    plain = {"path": path, "whole": True, "url": f"http://h/{path}", "rule": "r", "ending": None, "message": ""}
    return {**plain, "instead_of": None, "borne_by": None, **more}


def told(facts: Facts, *names: dict[str, Any], **how: Any) -> list[str]:
    return [str(line) for line in lines(plan_of(facts), names, **how)]


def test_a_whole_plan_is_one_screen() -> None:
    facts = Facts(
        "books", "output/books", is_new=True, limit=10, reached=True,
        rules=(RuleFacts("index", {"read": 1, "unread": 2}), RuleFacts("book", {"read": 10, "failed": 1}, 10, 1, 12)),
        left_out=(
            Group("page", "failed:http:500", 1, (("http://h/a", "the server said 500"),)),
            Group("page", "skipped:outside", 40, (("http://b/1", ""), ("http://b/2", ""))),
        ),
        files={"fetch": 1200, "skipped:exists": 2}, unfinished=1, collisions=1,
        hosts=(HostFacts("h:80", 12, 1200, 1, 4, Delay(1, 1), 0.0, 0.25),),
        sampled=(Sampled("h:80", 1000, by="h:80"), Sampled("h:80", 3000, by="cdn:80"), Sampled("h:80", why="http:405")),
        rate=1024,
    )  # fmt: skip
    names = [name("a.png"), name("b", whole=False), name("a~12345678.png", instead_of="a.png", borne_by="http://h/a")]
    assert told(facts, *names) == [
        "books: what a run would do now; nothing is written",
        "dest        output/books, which does not exist yet",
        "limit       --limit 10 was reached: what lies behind it is unknown, not nothing",
        "            2 pages known by then are not read",
        "pages       by rule  read  skipped  failed  unread  items  items failed  files",
        "            index       1        0       0       2      0             0      0",
        "            book       10        0       1       0     10             1     12",
        "            in all     11        0       1       2     10             1     12",
        "left out    1 page failed:http:500:",
        "              http://h/a (the server said 500)",
        "            40 pages skipped:outside:",
        "              http://b/1",
        "files       1,200 files to fetch, 2 skipped:exists",
        "            1 name without extension yet: the response tells it, and then only whether such a file exists",
        "names       a.png",
        "            b.?",
        "            a~12345678.png",
        "            … of 1,202 in all; -v tells all of them, --json with their URLs",
        "collisions  a~12345678.png for http://h/a~12345678.png",
        "              since a.png is of http://h/a",
        "sizes       about 2.3 MB in all (3.9 kB to 4.6 MB), 2.0 kB a file: an estimate from 2 of 1,200 files",
        "            1 of 3 asked did not say: 1 http:405",
        "            1 of 3 asked were answered by cdn:80, where a redirect led",
        "hosts       longest first  pages  files  requests  per_host  delay  answer     at least",
        "            h:80              12  1,200     1,213         4    1 s  250 ms  20 min 12 s",
        "time        at least 39 min 04 s: polite.rate is 1.0 kB/s",
    ]


def test_what_comes_from_outside_is_made_printable() -> None:
    group = Group("page", "failed:shape", 1, (("http://h/\x1b[2J", "a\nb"),))
    facts = Facts("j", "out", left_out=(group,), files={"fetch": 1})
    assert not any("\x1b" in line or "\n" in line for line in told(facts, name("\x1b]0;x\x07.png")))


def test_lines_are_cut_where_a_terminal_has_a_width() -> None:
    group = Group("page", "failed:shape", 1, ((f"http://h/{'x' * 200}", ""),))
    assert max(map(len, told(Facts("j", "out", left_out=(group,)), width=80))) == 80


def test_all_names_are_told_with_their_endings_where_the_whole_is_wanted() -> None:
    facts = Facts("j", "out", files={"fetch": 20, "skipped:exists": 1})
    names = [*(name(f"{at}.png") for at in range(20)), name("old.png", ending="skipped:exists")]
    shown = [line.removeprefix("names").strip() for line in told(facts, *names, whole=True)]
    assert shown[4:25] == [*(f"{at}.png" for at in range(20)), "old.png  skipped:exists"]


def test_names_are_read_no_further_than_they_are_told() -> None:
    read: list[int] = []

    def names() -> Any:
        for at in range(1000):
            read.append(at)
            yield name(f"{at}.png")

    lines(plan_of(Facts("j", "out", files={"fetch": 1000})), names())
    assert len(read) == 10


def test_sizes_are_said_not_to_be_asked_for_or_not_known() -> None:
    files = {"fetch": 3}
    hosts = (HostFacts("h", files=3),)
    assert "sizes       not asked for (--sample 0)" in told(Facts("j", "out", files=files))
    unknown = Facts("j", "out", files=files, hosts=hosts, sampled=(Sampled("h", why="http:405"),))
    assert "sizes       unknown: no server that was asked says them" in told(unknown)


def test_a_delay_of_robots_txt_is_named() -> None:
    hosts = (HostFacts("h", 1, delay=Delay(1, 3), crawl_delay=2.0), HostFacts("i", 1, crawl_delay=4.0))
    text = "\n".join(told(Facts("j", "out", hosts=hosts)))
    assert "1-3 s, 2 s (robots.txt)" in text
    assert "4 s (robots.txt)" in text


def test_columns_are_aligned() -> None:
    assert table(("a", "n"), [("long name", "1"), ("b", "1,000")]) == [
        "a              n",
        "long name      1",
        "b          1,000",
    ]
