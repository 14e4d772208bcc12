"""Which recorded request is the same, and which is nearest."""

from __future__ import annotations

import pytest

from scraper.tape.matching import Nearest, differences, key_of
from scraper.tape.taken import Asked

FORM = (("Content-Type", "application/x-www-form-urlencoded"),)
JSON = (("content-type", "application/json; charset=utf-8"),)
URL = "http://h.example/a/list?page=2"


def form(body: str, url: str = URL) -> Asked:
    return Asked("POST", url, FORM, body.encode())


def multipart(boundary: str, text: str = "1") -> Asked:
    body = f'--{boundary}\r\nContent-Disposition: form-data; name="a"\r\n\r\n{text}\r\n--{boundary}--\r\n'
    return Asked("POST", URL, (("Content-Type", f'multipart/form-data; boundary="{boundary}"'),), body.encode())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Asked("GET", "http://H.example:80/%7ea#b"), Asked("GET", "http://h.example/~a")),
        (Asked("GET", URL, (("Accept", "*/*"),)), Asked("get", URL, (("Accept", "text/html"),))),
        (form("a=b+c&d=%41"), form("a=b%20c&d=A")),
        (Asked("POST", URL, JSON, b'{"a": 1, "b": [2]}'), Asked("POST", URL, JSON, b'{"b":[2],"a":1}')),
        (multipart("xyz"), multipart("abc-123")),
        (
            Asked("GET", "http://h/%7Bfile:a/b%7D?k=%7Benv:K%7D"),
            Asked("GET", "http://h/%7Bfile%3Aa%2Fb%7d?k=%7benv%3AK%7D"),
        ),
    ],
)
def test_requests_that_mean_the_same_are_the_same(one: Asked, other: Asked) -> None:
    assert key_of(one) == key_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Asked("GET", URL), Asked("HEAD", URL)),
        (Asked("GET", URL), Asked("GET", "https://h.example/a/list?page=2")),
        (Asked("GET", URL, JSON, b"{}"), Asked("GET", URL)),
        (form("a=1&b=2"), form("b=2&a=1")),
        (form("a=1"), Asked("POST", URL, JSON, b'{"a": "1"}')),
        (multipart("xyz"), multipart("xyz", "2")),
    ],
)
def test_requests_that_differ_in_more_than_their_spelling_are_others(one: Asked, other: Asked) -> None:
    assert key_of(one) != key_of(other)


@pytest.mark.parametrize(
    ("asked", "recorded", "words"),
    [
        (Asked("GET", URL), Asked("POST", URL), ["the method differs: GET instead of POST"]),
        (
            Asked("GET", "http://h.example/b?x=1&y=2&page=3"),
            Asked("GET", "https://g.example/c?page=2&z=4"),
            [
                "the scheme differs: http instead of https",
                "the host differs: h.example instead of g.example",
                "the path differs: /b instead of /c",
                "the query differs: x=1 more, y=2 more, page=3 instead of page=2, z=4 missing",
            ],
        ),
        (Asked("GET", "http://h/?a=1&b=2"), Asked("GET", "http://h/?b=2&a=1"), ["the query differs: the order"]),
        (form("q=blue&n=1"), form("q=red&n=1"), ["the body differs: q=blue instead of q=red"]),
        (
            Asked("POST", URL, JSON, b'{"a": [1], "b": 2}'),
            Asked("POST", URL, JSON, b'{"a": [2], "c": "x"}'),
            ["the body differs: a=[1] instead of a=[2], b=2 more, c=x missing"],
        ),
        (Asked("PUT", URL, (), b"blue"), Asked("PUT", URL), ["the body differs: 'blue' instead of none"]),
        (Asked("GET", URL), Asked("GET", URL), []),
    ],
)
def test_what_differs_is_told_in_words(asked: Asked, recorded: Asked, words: list[str]) -> None:
    assert differences(asked, recorded) == words


def test_the_nearest_is_of_the_same_path_before_the_same_host() -> None:
    known = [Asked("GET", url) for url in ("http://h.example/", "http://h.example/a/list?page=1", "http://g.example/a")]
    assert Nearest(known).told(Asked("GET", "http://h.example/a/list?page=3")) == (
        "the tape has no GET http://h.example/a/list?page=3; nearest: http://h.example/a/list?page=1,"
        " where the query differs: page=3 instead of page=1"
    )


def test_the_nearest_of_another_method_says_its_method() -> None:
    assert Nearest([form("a=1")]).told(Asked("GET", URL)) == (
        f"the tape has no GET {URL}; nearest: POST {URL}, where the method differs: GET instead of POST"
        " and the body differs: none instead of 'a=1'"
    )


def test_stand_ins_of_secrets_are_readable() -> None:
    asked, known = (Asked("GET", f"http://h/?key=%7Benv:API_KEY%7D&page={page}") for page in (1, 2))
    assert Nearest([known]).told(asked) == (
        "the tape has no GET http://h/?key={env:API_KEY}&page=1; nearest: http://h/?key={env:API_KEY}&page=2,"
        " where the query differs: page=1 instead of page=2"
    )


def test_an_empty_tape_says_so() -> None:
    assert Nearest([]).told(Asked("GET", URL)) == f"the tape has no GET {URL}; it holds nothing"


def test_a_very_long_url_is_cut() -> None:
    told = Nearest([Asked("GET", URL)]).told(Asked("GET", "http://h.example/" + "x" * 10_000))
    assert len(told) < 1500
