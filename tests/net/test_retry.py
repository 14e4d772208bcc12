"""Whether and when a failed request is tried again: no clock, no sleep."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from scraper import errors
from scraper.job.parts import Retry
from scraper.net.retry import Attempt, GiveUp, Wait, backoff, decide_retry, retry_after

URL = "http://host/file"
NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def status(code: int, asked: float | None = None) -> errors.StatusError:
    return errors.StatusError(URL, code, "", asked)


@pytest.mark.parametrize(
    "error",
    [
        errors.DnsError(URL, ""),
        errors.ConnectError(URL, ""),
        errors.TimeoutError(URL, ""),
        errors.StalledError(URL, ""),
        errors.ProtocolError(URL, ""),
        errors.LengthError(URL, ""),
        errors.EncodingError(URL, ""),
        *(status(code) for code in (429, 500, 502, 503, 504)),
    ],
    ids=lambda error: error.name,
)
def test_what_may_pass_is_tried_again(error: errors.RequestError) -> None:
    assert isinstance(decide_retry(Attempt(1, "GET", error), Retry()), Wait)


@pytest.mark.parametrize(
    "error",
    [
        errors.TlsError(URL, ""),
        errors.ProxyError(URL, ""),
        errors.RedirectError(URL, ""),
        errors.DigestError(URL, ""),
        errors.TypeMismatchError(URL, ""),
        errors.ShapeError(URL, ""),
        errors.LimitError(URL, ""),
        errors.WriteError(URL, ""),
        *(status(code) for code in (400, 401, 403, 404, 410, 501)),
    ],
    ids=lambda error: error.name,
)
def test_the_rest_is_final_at_once(error: errors.RequestError) -> None:
    assert decide_retry(Attempt(1, "GET", error), Retry()) == GiveUp(error)


def test_a_name_without_address_is_asked_for_twice() -> None:
    error = errors.DnsError(URL, "")
    assert decide_retry(Attempt(2, "GET", error), Retry()) == GiveUp(error)


def test_attempts_are_counted() -> None:
    error = errors.TimeoutError(URL, "")
    decisions = [decide_retry(Attempt(number, "GET", error), Retry(attempts=3)) for number in (1, 2, 3)]
    assert [type(decision) for decision in decisions] == [Wait, Wait, GiveUp]


def of_list(others: int, *, ready: bool) -> errors.ProxyError:
    error = errors.ProxyError(URL, "", sent=False)
    error.others, error.ready = others, ready
    return error


def test_what_a_proxy_of_a_list_did_not_do_is_tried_at_once_through_the_next() -> None:
    assert decide_retry(Attempt(1, "POST", of_list(1, ready=True)), Retry()) == Wait(0.0)


def test_where_no_other_proxy_works_it_waits_as_after_any_failure() -> None:
    decision = decide_retry(Attempt(2, "GET", of_list(1, ready=False)), Retry(first_wait=1))
    assert isinstance(decision, Wait)
    assert 2.0 <= decision.seconds <= 2.5


@pytest.mark.parametrize(("attempts", "others", "most"), [(1, 2, 3), (5, 2, 5), (2, 0, 1)])
def test_each_proxy_of_a_list_may_be_asked_once_whatever_attempts_says(attempts: int, others: int, most: int) -> None:
    error, policy = of_list(others, ready=True), Retry(attempts=attempts)
    decisions = [decide_retry(Attempt(number, "GET", error), policy) for number in range(1, most + 1)]
    assert decisions == [*[Wait(0.0)] * (most - 1), GiveUp(error)]


def test_a_post_is_repeated_only_if_no_byte_of_it_was_sent() -> None:
    sent, unsent = errors.TimeoutError(URL, "", sent=True), errors.ConnectError(URL, "", sent=False)
    assert decide_retry(Attempt(1, "POST", sent), Retry()) == GiveUp(sent)
    assert isinstance(decide_retry(Attempt(1, "POST", unsent), Retry()), Wait)
    assert isinstance(decide_retry(Attempt(1, "POST", sent), Retry(methods=("GET", "POST"))), Wait)


def test_waits_double_up_to_the_longest_with_jitter_of_half_the_first() -> None:
    policy = Retry(first_wait=1, max_wait=5)
    waits = [[backoff(number, policy) for _ in range(50)] for number in (1, 2, 3, 4, 9)]
    bounds = [(1, 1.5), (2, 2.5), (4, 4.5), (5, 5), (5, 5)]
    assert all(low <= wait <= high for each, (low, high) in zip(waits, bounds, strict=True) for wait in each)


def test_without_a_first_wait_nothing_is_waited_for() -> None:
    assert [backoff(number, Retry(first_wait=0)) for number in (1, 2, 3)] == [0, 0, 0]


def test_what_the_host_asks_parks_it_also_beyond_the_longest_wait() -> None:
    assert decide_retry(Attempt(1, "GET", status(429, 300)), Retry(max_wait=60)) == Wait(300, park=True)


def test_a_host_that_asks_for_more_than_six_hours_is_busy() -> None:
    decision = decide_retry(Attempt(1, "GET", status(503, 1e9)), Retry())
    assert isinstance(decision, GiveUp)
    assert decision.error.ending == "failed:busy"


def test_the_last_attempt_still_parks_the_host() -> None:
    error = status(429, 7)
    assert decide_retry(Attempt(5, "GET", error), Retry()) == GiveUp(error, park=7)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Thu, 01 Jan 2026 12:00:30 GMT", 30.0),
        ("Thu, 01 Jan 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds
