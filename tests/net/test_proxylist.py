"""The proxies of a list: which host gets which, and which are left alone."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scraper.errors import ProxyError
from scraper.net import proxylist
from scraper.net.proxies import Proxies, Way
from scraper.net.proxylist import LONGEST, PAUSE, REFUSALS, Choice, Pool

HOSTS = [f"{name}.example:443" for name in "abcdef"]


def places(pool: Pool, *hosts: str, now: float = 0.0) -> list[int]:
    return [pool.choose(host, now).at for host in hosts]


def fail(pool: Pool, host: str, now: float = 0.0) -> float | None:
    return pool.failed(pool.choose(host, now), now)


def test_hosts_are_spread_over_the_proxies_in_their_order() -> None:
    assert places(Pool(3), "a", "b", "c", "d") == [0, 1, 2, 0]


def test_a_host_keeps_its_proxy() -> None:
    assert places(Pool(3), "a", "b", "a", "c", "b", "a") == [0, 1, 0, 2, 1, 0]


def test_the_hosts_of_a_proxy_that_failed_move_to_those_that_have_the_fewest() -> None:
    pool = Pool(3)
    places(pool, "a", "b", "c", "d")
    fail(pool, "a")
    assert places(pool, "a", "d", "b", "c") == [1, 2, 1, 2]


def test_a_host_that_moved_stays_where_it_is_when_its_proxy_is_back() -> None:
    pool = Pool(2)
    fail(pool, "a")
    assert places(pool, "a") + places(pool, "a", now=PAUSE) == [1, 1]


def test_a_new_host_tries_a_proxy_whose_time_is_over() -> None:
    pool = Pool(2)
    fail(pool, "a")
    assert places(pool, "a", "b", now=PAUSE - 1) + places(pool, "c", now=PAUSE) == [1, 1, 0]


def test_the_time_doubles_up_to_a_quarter_of_an_hour() -> None:
    pool, now, told = Pool(1), 0.0, []
    for _ in range(7):
        told.append(pause := fail(pool, "a", now))
        now += pause or 0.0
    assert told == [30.0, 60.0, 120.0, 240.0, 480.0, LONGEST, LONGEST]


def test_what_works_makes_its_failures_forgotten() -> None:
    pool = Pool(1)
    fail(pool, "a")
    assert pool.worked(pool.choose("a", PAUSE)) is True
    assert pool.worked(pool.choose("a", PAUSE)) is False
    assert fail(pool, "a", PAUSE) == PAUSE


def test_exchanges_that_fail_together_are_one_failure() -> None:
    pool = Pool(1)
    together = [pool.choose(host, 0.0) for host in HOSTS]
    assert [pool.failed(each, 1.0) for each in together] == [PAUSE, *[None] * 5]


def test_an_answer_to_what_was_asked_before_the_failure_heals_nothing() -> None:
    pool = Pool(2)
    early = pool.choose("a", 0.0)
    fail(pool, "a")
    assert (pool.worked(early), places(pool, "a")) == (False, [1])


def test_where_all_failed_the_one_is_asked_whose_time_ends_first() -> None:
    pool = Pool(3)
    for now, host in enumerate(["a", "b", "c"]):
        fail(pool, host, float(now))
    assert [fail(pool, "a", 3.0), *places(pool, "a", now=3.0)] == [2 * PAUSE, 1]


def test_a_refused_tunnel_moves_its_host_alone() -> None:
    pool = Pool(2)
    places(pool, "a", "b", "c")
    assert pool.refused(pool.choose("a", 0.0), 0.0) is None
    assert places(pool, "a", "c") == [1, 0]


def test_a_host_that_no_proxy_reaches_stays_where_it_was_last() -> None:
    pool = Pool(2)
    for _ in range(2):
        pool.refused(pool.choose("a", 0.0), 0.0)
    assert (pool.has_for("a", 0.0), pool.has_for("b", 0.0), places(pool, "a", "a")) == (False, True, [1, 1])


def test_a_proxy_that_refuses_many_hosts_in_a_row_counts_as_failed() -> None:
    pool = Pool(1)
    told = [pool.refused(pool.choose(f"{at}", 0.0), 0.0) for at in range(REFUSALS)]
    assert told == [*[None] * (REFUSALS - 1), PAUSE]


def test_the_same_host_refused_many_times_is_one_host() -> None:
    pool = Pool(1)
    assert {pool.refused(pool.choose("a", 0.0), 0.0) for _ in range(2 * REFUSALS)} == {None}


def test_hosts_that_are_reached_between_show_that_the_proxy_works() -> None:
    pool, told = Pool(1), []
    for at in range(2 * REFUSALS):
        told.append(pool.refused(pool.choose(f"dead {at}", 0.0), 0.0))
        if at % 4 == 0:
            pool.worked(pool.choose("alive", 0.0))
    assert set(told) == {None}


def test_of_very_many_hosts_those_are_forgotten_that_were_asked_longest_ago() -> None:
    pool = Pool(2, kept=2)
    assert places(pool, "a", "b", "a", "c", "a", "b") == [0, 1, 0, 0, 0, 1]


# -- whatever happens --------------------------------------------------------------------------------------

STEADY = settings(deadline=None, database=None)
STEPS = st.lists(
    st.tuples(st.sampled_from(HOSTS), st.sampled_from(["worked", "failed", "refused"]), st.integers(0, 40)),
    max_size=60,
)


@STEADY
@given(st.integers(1, 4), STEPS)
def test_a_host_moves_only_where_it_must_and_no_proxy_is_asked_within_its_time(
    count: int, steps: list[tuple[str, str, int]]
) -> None:
    pool, now, had = Pool(count), 0.0, dict[str, int]()
    until, refused = [0.0] * count, [set[str]() for _ in range(count)]
    for host, becomes, seconds in steps:
        now += seconds
        chosen = pool.choose(host, now)
        good = {at for at in range(count) if until[at] <= now and host not in refused[at]}
        assert pool.has_for(host, now) == bool(good)
        if had.get(host) in good:
            assert chosen.at == had[host], "its proxy is healthy"
        assert chosen.at in good or not good, "another one is healthy"
        if not good:
            assert until[chosen.at] <= max(now, min(until)), "the time of another one ends first"
        had[host] = chosen.at
        if becomes == "refused":
            refused[chosen.at].add(host)
            assert pool.refused(chosen, now) is None, "there are fewer hosts than it takes"
            continue
        refused[chosen.at].clear()
        pause = 0.0 if becomes == "worked" else pool.failed(chosen, now)
        if becomes == "worked":
            assert pool.worked(chosen) == (until[chosen.at] > 0)
        assert pause is not None
        until[chosen.at] = now + pause if pause else 0.0


@STEADY
@given(st.integers(1, 5), st.lists(st.sampled_from(HOSTS), max_size=30))
def test_while_all_work_every_host_has_one_proxy_and_they_are_spread_evenly(count: int, asked: list[str]) -> None:
    pool = Pool(count)
    found = {(host, pool.choose(host, float(at)).at) for at, host in enumerate(asked)}
    assert len(found) == len(set(asked))
    loads = [sum(at == one for _, at in found) for one in range(count)]
    assert max(loads) - min(loads) <= 1


# -- with a clock and a log --------------------------------------------------------------------------------


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def listed(*urls: str, reveal: Any = str) -> tuple[Proxies, Clock]:
    clock = Clock()
    return Proxies(tuple(urls), reveal, clock), clock


def broken(refused: bool = False) -> ProxyError:
    return ProxyError("http://a.example/", "the proxy failed: no connection", sent=False, refused=refused)


def test_a_host_is_a_name_and_a_port() -> None:
    proxies, _ = listed("one:1", "http://two:2")
    asked = ["http://a.example/x", "http://a.example:80/y", "https://a.example/", "https://a.example/z"]
    found = [way.proxy for way in map(proxies.way, asked) if way]
    assert found == ["http://one:1", "http://one:1", "http://two:2", "http://two:2"]


def test_a_list_is_for_every_url_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    proxies, _ = listed("one:1")
    assert (bool(proxies), proxies.is_for("http://localhost/")) == (True, True)
    assert proxies.way("http://localhost/") == Way("http://one:1", Choice(0, "localhost:80", 0))


def test_an_error_says_whether_another_proxy_is_there() -> None:
    proxies, _ = listed("one:1", "two:2", "three:3")
    told = []
    for _ in range(3):
        error = broken()
        proxies.failed(proxies.way("http://a.example/"), error)
        told.append((error.others, error.ready))
    assert told == [(2, True), (2, True), (2, False)]


def test_with_a_mapping_there_is_no_other(caplog: pytest.LogCaptureFixture) -> None:
    proxies, error = Proxies({"http": "one:1"}, str), broken()
    proxies.failed(proxies.way("http://a.example/"), error)
    assert (error.others, error.ready, caplog.messages) == (0, False, [])


def test_what_becomes_of_a_proxy_is_logged_once_and_without_its_password(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    proxies, clock = listed("http://me:s3cret@one.example:1", "me:s3cret@two.example:2")
    ways = [proxies.way("http://a.example/") for _ in range(3)]
    for way in ways:
        proxies.failed(way, broken())
    clock.now = 31.0
    for host in "bcd":
        proxies.worked(proxies.way(f"http://{host}.example/"))
    assert caplog.messages == [
        "proxy 1 (http://one.example:1): the proxy failed: no connection; left alone for 30.0 s",
        "proxy 1 (http://one.example:1) works again",
    ]


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://me:p@w://x@host:1", "http://host:1"),
        ("me:p://w@host", "host"),
        ("socks5h://host:1080", "socks5h://host:1080"),
        ("host:1", "host:1"),
    ],
)
def test_how_a_proxy_is_shown(url: str, told: str) -> None:
    assert proxylist.shown(url) == told


@pytest.mark.parametrize(
    "url", ["", "direct", "http://", "ftp://x", "http://x:99999", "http://x:y", "a b", "http://[::1"]
)
def test_what_is_no_proxy(url: str) -> None:
    assert proxylist.mistake(url) is not None


@pytest.mark.parametrize(
    "url", ["x", "x:3128", "u:p@x:1", "http://u:p%40@x", "HTTPS://[::1]:3128", "socks5h://u@x:1080"]
)
def test_what_is_one(url: str) -> None:
    assert proxylist.mistake(url) is None
