"""Statuses and when to come back, redirects, and contents that are not what was promised."""

from __future__ import annotations

import time
from typing import Any

import pytest

from scraper.server import Server, Site
from scraper.server.fixture.pictures import picture

SIZE = 40_960


@pytest.fixture
def small(trial: Any, records: Any) -> Any:
    """A trial with one file."""
    trial.put("/a.bin", records(1, SIZE))
    return trial


@pytest.fixture
def photo(trial: Any) -> Any:
    """A trial with two pictures."""
    for kind in ("png", "jpg"):
        trial.put(f"/a.{kind}", picture(1, kind))
    return trial


# -- statuses ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [400, 401, 403, 404, 407, 410, 416, 429, 451, 500, 502, 503, 504, 599, 304, 206])
def test_a_status_that_stays(code: int, small: Any) -> None:
    small.spoil({"do": "status", "code": code, "body": "<h1>no</h1>"})
    small.fetch("/a.bin", attempts=2)
    small.ends({"/a.bin": "failed:protocol" if code == 206 else f"failed:http:{code}"})
    assert len(small.asked("/a.bin")) == (2 if code in (429, 500, 502, 503, 504, 206) else 1)


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
def test_a_status_that_passes(code: int, small: Any) -> None:
    small.spoil({"do": "status", "code": code, "times": 3})
    small.fetch("/a.bin", attempts=4)
    small.ends({"/a.bin": "saved"})


def times(trial: Any) -> list[float]:
    return [seen.when for seen in trial.server.log if seen.target == "/a.bin"]


@pytest.mark.parametrize("code", [429, 503])
def test_the_seconds_of_retry_after_are_waited(code: int, small: Any) -> None:
    small.spoil({"do": "status", "code": code, "retry_after": 1, "times": 1})
    small.fetch("/a.bin")
    small.ends({"/a.bin": "saved"})
    first, second = times(small)
    assert second - first >= 1


def test_the_date_of_retry_after_is_waited_for(small: Any) -> None:
    """The server's clock is ours; a second is the finest it can say, so it is at most a second away."""
    small.spoil({"do": "status", "retry_after": "date+1", "times": 1})
    told = int(time.time()) + 1
    small.fetch("/a.bin")
    small.ends({"/a.bin": "saved"})
    assert time.time() - (time.monotonic() - times(small)[1]) >= told


@pytest.mark.parametrize(
    "value",
    [
        "0",
        "date-60",
        "date-1000000000",
        "soon",
        "",
        "-5",
        "1.5",
        "1e9",
        "0x10",
        "²",
        "1, 2",
        "Wed, 99 Foo 2026 25:61:00",
    ],
)
def test_a_retry_after_that_asks_for_nothing(value: str, small: Any) -> None:
    small.spoil({"do": "status", "code": 429, "retry_after": value, "times": 1})
    small.fetch("/a.bin")
    small.ends({"/a.bin": "saved"})


@pytest.mark.parametrize("value", [10**9, "date+1000000000", "9" * 400, 6 * 3600 + 60])
@pytest.mark.parametrize("code", [429, 503])
def test_a_retry_after_beyond_six_hours(code: int, value: Any, small: Any) -> None:
    small.spoil({"do": "status", "code": code, "retry_after": value})
    small.fetch("/a.bin")
    small.ends({"/a.bin": "failed:busy"})
    assert len(small.asked("/a.bin")) == 1


# -- redirects ---------------------------------------------------------------------------------------------

NOWHERE = [
    "file:///etc/passwd",
    "ftp://127.0.0.1/a.bin",
    "data:application/octet-stream,evil",
    "javascript:alert(1)",
    "gopher://127.0.0.1/",
    "mailto:a@example.org",
]


@pytest.mark.parametrize("to", NOWHERE)
def test_a_redirect_that_leads_nowhere(to: str, small: Any) -> None:
    small.spoil({"do": "redirect", "to": to})
    small.fetch("/a.bin")
    small.ends({"/a.bin": "failed:redirect"})
    assert len(small.asked("/a.bin")) == 1


@pytest.mark.parametrize(
    "to", ["http://[::1", "http://127.0.0.1:99999/", "http://a:b:c/", "http://exa mple/", "http:", "http://"]
)
def test_a_redirect_to_what_is_no_url(to: str, small: Any) -> None:
    small.spoil({"do": "redirect", "to": to})
    small.fetch("/a.bin", attempts=1)
    small.ends({"/a.bin": ("failed:redirect", "failed:protocol", "failed:dns")})


def test_a_redirect_in_a_circle(small: Any) -> None:
    small.spoil({"do": "redirect"})
    small.fetch("/a.bin")
    small.ends({"/a.bin": "failed:redirect"})
    assert len(small.asked("/a.bin")) == 21


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_of_any_kind(code: int, small: Any) -> None:
    small.spoil({"do": "hops", "count": 2, "code": code})
    small.fetch("/a.bin")
    small.ends({"/a.bin": "saved"})


@pytest.mark.parametrize(("count", "ending"), [(20, "saved"), (21, "failed:redirect")])
def test_so_many_redirects(count: int, ending: str, small: Any) -> None:
    small.spoil({"do": "hops", "count": count})
    small.fetch("/a.bin")
    small.ends({"/a.bin": ending})


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("form", ["http://{host}/b.bin", "//{host}/b.bin"])
def test_a_redirect_to_another_host_or_port(name: str, form: str, small: Any, records: Any) -> None:
    other = Site()
    data = records(7, SIZE)
    other.route("/b.bin")(lambda request: data)
    with Server(other) as server:
        small.spoil({"do": "redirect", "to": form.format(host=f"{name}:{server.port}")})
        small.fetch("/a.bin")
        small.ends({"/a.bin": "saved"}, {"/a.bin": data})
        assert [seen.target for seen in server.log] == ["/b.bin"]


def test_a_redirect_without_a_place(small: Any) -> None:
    small.spoil({"do": "no_location"})
    small.fetch("/a.bin")
    small.ends({"/a.bin": "failed:redirect"})


def test_a_redirect_with_two_places(small: Any, records: Any) -> None:
    """Neither of them: nobody can say which is meant."""
    small.put("/b.bin", records(2, SIZE))
    small.spoil({"url": "*/a.bin", "do": "two_locations", "to": "/b.bin", "other": "/c.bin"})
    small.fetch("/a.bin", attempts=1)
    small.ends({"/a.bin": ("failed:redirect", "failed:protocol")})


@pytest.mark.parametrize("to", ["/caf\xe9.bin", "/\xff\xfe", "/\xc3\x28"])
def test_a_redirect_to_what_is_no_utf8(to: str, small: Any) -> None:
    small.spoil({"url": "*/a.bin", "do": "redirect", "to": to})
    small.fetch("/a.bin", attempts=1)
    small.ends({"/a.bin": ("failed:redirect", "failed:protocol", "failed:http:404", "failed:http:400")})


def test_a_redirect_in_utf8(small: Any, records: Any) -> None:
    data = small.put("/café.bin", records(3, SIZE))
    small.spoil({"url": "*/a.bin", "do": "redirect", "to": "/café.bin".encode().decode("latin-1")})
    small.fetch("/a.bin")
    small.ends({"/a.bin": "saved"}, {"/a.bin": data})


# -- contents ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["png", "jpg"])
@pytest.mark.parametrize("typed", [True, False])
def test_a_page_where_a_picture_was_promised(typed: bool, kind: str, photo: Any) -> None:
    photo.spoil({"do": "html", "typed": typed})
    photo.fetch(f"/a.{kind}")
    photo.ends({f"/a.{kind}": "failed:type"})


@pytest.mark.parametrize("kind", ["png", "jpg"])
@pytest.mark.parametrize("at", ["30%", "90%", "99%"])
@pytest.mark.parametrize("fault", ["truncate", "no_length"])
def test_a_picture_without_its_end(fault: str, at: str, kind: str, photo: Any) -> None:
    """Under a length that fits, and under none at all."""
    photo.spoil({"do": fault, "at": at})
    photo.fetch(f"/a.{kind}", attempts=1)
    photo.ends({f"/a.{kind}": "failed:length"})


@pytest.mark.parametrize("kind", ["png", "jpg"])
def test_a_picture_whose_end_is_there_the_next_time(kind: str, photo: Any) -> None:
    photo.spoil({"do": "no_length", "at": "90%", "times": 1})
    photo.fetch(f"/a.{kind}")
    photo.ends({f"/a.{kind}": "saved"})


@pytest.mark.parametrize("field", ["Repr-Digest", "Content-Digest", "Digest", "Content-MD5"])
def test_a_digest_of_the_server_that_is_not_the_files(field: str, small: Any) -> None:
    small.spoil({"do": "wrong_digest", "field": field})
    small.fetch("/a.bin")
    small.ends({"/a.bin": "failed:digest"})


@pytest.mark.parametrize("type_", ["multipart/mixed; boundary=x", "message/rfc822", "x/y; charset=\xff", "garbage", ""])
def test_a_content_type_of_any_kind_is_a_file(type_: str, trial: Any, records: Any) -> None:
    trial.put("/a.bin", records(1, SIZE), type_ or " ")
    trial.fetch("/a.bin", attempts=1)
    trial.ends({"/a.bin": "saved"})


def test_no_bytes_are_a_file_too(small: Any) -> None:
    small.spoil({"do": "empty"})
    small.fetch("/a.bin")
    small.ends({"/a.bin": "saved"}, {"/a.bin": b""})


def test_no_bytes_are_not_of_the_type_that_is_asked(photo: Any) -> None:
    photo.spoil({"do": "empty"})
    photo.fetch("/a.png", files={"accept": {"types": ["image/*"]}})
    photo.ends({"/a.png": "failed:type"})


def test_a_file_of_another_type_than_is_asked(small: Any) -> None:
    small.fetch("/a.bin", files={"accept": {"types": ["image/*"]}})
    small.ends({"/a.bin": "failed:type"})
