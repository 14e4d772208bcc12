"""From facts to a plan: shares of a sample, bytes with their spread, seconds of politeness."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.run.plan.estimate import RATE, apart, host_plan, places, plan_of, shares, sizes_of
from scraper.run.plan.facts import Facts, HostFacts, RuleFacts, Sampled
from scraper.units import Delay

COUNTS = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 10_000), max_size=8)


def known(host: str, *sizes: int) -> list[Sampled]:
    return [Sampled(host, size, by=host) for size in sizes]


def test_a_sample_is_shared_out_by_how_many_files_a_host_has_and_one_each_at_least() -> None:
    assert shares({"large": 90, "small": 9, "tiny": 1}, 10) == {"large": 8, "small": 1, "tiny": 1}


def test_where_there_are_more_hosts_than_samples_the_largest_are_asked() -> None:
    assert shares({"a": 1, "b": 5, "c": 3}, 2) == {"b": 1, "c": 1}


@given(COUNTS, st.integers(0, 200))
def test_shares_are_as_many_as_wanted_and_never_more_than_a_host_has(counts: dict[str, int], size: int) -> None:
    given_ = shares(counts, size)
    held = sum(counts[host] for host in given_)
    assert all(0 < given_[host] <= counts[host] for host in given_)
    assert sum(given_.values()) == min(size, held)
    assert len(given_) == min(size, sum(count > 0 for count in counts.values()))


@given(st.integers(1, 5_000), st.integers(1, 300))
def test_places_are_different_files_spread_over_all_of_them(count: int, size: int) -> None:
    size = min(size, count)
    chosen = sorted(places(count, size))
    assert len(chosen) == size
    assert chosen[0] >= 0
    assert chosen[-1] < count
    assert all(second - first <= count / size + 1 for first, second in pairwise(chosen))


def test_a_host_of_many_files_counts_as_many_times() -> None:
    found = sizes_of({"pictures": 99, "films": 1}, [*known("pictures", 10, 10), *known("films", 1000)])
    assert (found.total, found.mean, found.low, found.high) == (1990.0, 19.9, 1990.0, 1990.0)


def test_the_spread_is_two_standard_errors_for_a_finite_population() -> None:
    found = sizes_of({"h": 10}, known("h", 100, 200))
    # variance 5000; 10² · 5000 · (1/2 - 1/10) = 200,000, its root twice
    assert (found.total, found.high) == (1500.0, pytest.approx(1500 + 2 * 200_000**0.5))


def test_the_low_end_is_never_below_what_is_known() -> None:
    assert sizes_of({"h": 10}, known("h", 1, 1000)).low == 1001.0


def test_one_known_file_of_many_tells_no_spread() -> None:
    found = sizes_of({"h": 10}, known("h", 7))
    assert (found.total, found.low, found.high) == (70.0, None, None)


def test_a_host_of_which_nobody_knows_takes_the_mean_of_all() -> None:
    found = sizes_of({"a": 2, "b": 8}, [*known("a", 10, 30), Sampled("b", why="http:405")])
    assert (found.total, found.unknown, found.known, found.sampled) == (200.0, {"http:405": 1}, 2, 3)


def test_nothing_known_is_no_estimate() -> None:
    found = sizes_of({"a": 2}, [Sampled("a", why="timeout")])
    assert (found.mean, found.total, found.low) == (None, None, None)


def test_hosts_that_redirects_led_to_are_counted() -> None:
    asked = [Sampled("a", 5, by="cdn"), Sampled("a", 5, by="a"), Sampled("a", why="http:404", by="cdn")]
    assert sizes_of({"a": 3}, asked).led_to == {"cdn": 2}


@pytest.mark.parametrize(
    ("delay", "crawl", "seconds"),
    [
        (Delay(), 0.0, 0.0), (Delay(2, 2), 0.0, 2.0), (Delay(1, 3), 0.0, 2.0), (Delay(1, 3), 0.5, 2.0),
        (Delay(1, 3), 5.0, 5.0), (Delay(2, 2), 2.0, 2.0),
        (Delay(1, 3), 2.0, 2.25),  # half of the draws are 2, the others 2.5 on average
    ],
)  # fmt: skip
def test_two_requests_lie_apart_what_job_and_robots_want(delay: Delay, crawl: float, seconds: float) -> None:
    assert apart(delay, crawl) == pytest.approx(seconds)


def test_a_delay_counts_between_requests_however_many_slots_there_are() -> None:
    found = host_plan(HostFacts("h", pages=3, files=7, robots=1, per_host=4, delay=Delay(2, 2), answer=0.1))
    assert (found.requests, found.seconds) == (11, 20.0)


def test_slots_count_where_answers_take_longer_than_the_delay() -> None:
    found = host_plan(HostFacts("h", files=10, per_host=2, delay=Delay(0.1, 0.1), answer=3.0))
    assert found.seconds == 15.0


def test_the_longest_host_decides_and_stands_first() -> None:
    hosts = (HostFacts("quick", files=90), HostFacts("slow", files=3, delay=Delay(5, 5)))
    plan = plan_of(Facts("j", "out", hosts=hosts))
    assert ([each.facts.host for each in plan.hosts], plan.seconds, plan.bound_by) == (["slow", "quick"], 10.0, "slow")


def test_a_rate_decides_where_it_takes_longer_than_any_host() -> None:
    hosts = (HostFacts("h", files=10, delay=Delay(1, 1)),)
    plan = plan_of(Facts("j", "out", hosts=hosts, sampled=tuple(known("h", 100, 100)), rate=10))
    assert (plan.rate_seconds, plan.seconds, plan.bound_by) == (100.0, 100.0, RATE)


def test_without_anything_that_takes_time_nothing_bounds_the_run() -> None:
    plan = plan_of(Facts("j", "out", hosts=(HostFacts("h", files=10),)))
    assert (plan.seconds, plan.bound_by, plan.as_dict()["bound_by"]) == (0.0, "", None)


def test_the_total_adds_up_all_rules() -> None:
    rules = (RuleFacts("a", {"read": 2}, 1, 0, 4), RuleFacts("b", {"read": 1, "failed": 1}, 2, 1, 0))
    assert plan_of(Facts("j", "out", rules=rules)).total == RuleFacts("", {"read": 3, "failed": 1}, 3, 1, 4)
