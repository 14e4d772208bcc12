"""Set-Cookie lines and the jar they go into, on cases of our own (RFC 6265; trust: R15)."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.net.cookies import LONGEST, MOST, MOST_OF_DOMAIN, Cookie, Jar
from scraper.net.setcookie import SetCookie, date, parse

NOW = 1_800_000_000.0
PAGE = "https://www.shop.example/shelf/page"


# -- a line ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("a=b", SetCookie("a", "b")),
        (" a = b c ;", SetCookie("a", "b c")),
        ('a="b; c"', SetCookie("a", '"b')),
        ("a=b=c", SetCookie("a", "b=c")),
        ("a=", SetCookie("a", "")),
        ("a=b; Domain=.Shop.Example; Path=/x; Secure", SetCookie("a", "b", "shop.example", "/x", True)),
        ("a=b; domain=; path=x; secure=no", SetCookie("a", "b", is_secure=True)),
        ("a=b; path=/x; PATH = /y", SetCookie("a", "b", path="/y")),
        ("a=b; path=/x; path", SetCookie("a", "b")),
        ("a=b; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT", SetCookie("a", "b", expires=NOW + 60)),
        ("a=b; Expires=Thu, 01 Jan 1970 00:00:10 GMT", SetCookie("a", "b", expires=10.0)),
        ("a=b; Max-Age=0", SetCookie("a", "b", expires=0.0)),
        ("a=b; Max-Age=-5", SetCookie("a", "b", expires=0.0)),
        (f"a=b; Max-Age={'9' * 5000}", SetCookie("a", "b", expires=NOW + 999_999_999_999)),
        ("a=b; Max-Age=1.5; Expires=soon", SetCookie("a", "b")),
        ("a=b; HttpOnly; SameSite=Lax; what=ever", SetCookie("a", "b", is_http_only=True)),
    ],
)
def test_a_line_is_cut_at_its_semicolons(line: str, found: SetCookie) -> None:
    assert parse(line, NOW) == found


@pytest.mark.parametrize(
    "line", ["", ";", "a", "=", "=b", " =b; Path=/", "a; b=c", "a=b\0c", "a=b\rc", "a=b; Path=/\x7f"]
)
def test_a_line_without_name_or_with_control_characters_is_none(line: str) -> None:
    assert parse(line, NOW) is None


@given(
    st.text(max_size=80) | st.lists(st.sampled_from('a=;, \t"Path/Domain.ExpiresMax-Age01:é'), max_size=60).map("".join)
)
def test_any_line_gives_a_cookie_that_can_be_sent_or_none(line: str) -> None:
    found = parse(line, NOW)
    if found is not None:
        assert parse(f"{found.name}={found.value}", NOW) == SetCookie(found.name, found.value)


# -- dates -------------------------------------------------------------------------------------------------

SECONDS = 784_111_777.0  # the date of RFC 9110's examples


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "8:49:37 1994/November/6",
        "nov-06-94,08:49:37",
        "Mon, 06 Nov 1994 08:49:37 +0200 (whatever it says)",
        "6th Nov 1994 08:49:37",
    ],
)
def test_a_date_is_read_in_any_order(text: str) -> None:
    assert date(text) == SECONDS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "06 Nov 1994",
        "08:49:37 Nov 1994",
        "06 08:49:37 1994",
        "32 Nov 1994 08:49:37",
        "31 Nov 1994 08:49:37",
        "06 Nov 1994 24:00:00",
        "06 Nov 1600 08:49:37",
        "06 Nov 19940 08:49:37",
        "06 Nov 1994 08:49",
    ],
)
def test_what_is_no_date(text: str) -> None:
    assert date(text) is None


@pytest.mark.parametrize(("year", "whole"), [("69", 2069), ("70", 1970), ("99", 1999), ("00", 2000)])
def test_a_year_of_two_digits(year: str, whole: int) -> None:
    assert date(f"01 Jan {year} 00:00:00") == datetime(whole, 1, 1, tzinfo=UTC).timestamp()


@given(
    st.datetimes(datetime(1601, 1, 1), datetime(9999, 1, 1)).map(lambda when: when.replace(microsecond=0, tzinfo=UTC))
)
def test_a_date_as_http_writes_it(when: datetime) -> None:
    assert date(format_datetime(when, usegmt=True)) == when.timestamp()


# -- the jar -----------------------------------------------------------------------------------------------


def jar(*lines: str, url: str = PAGE, **options: Any) -> Jar:
    """A jar after one answer."""
    made = Jar(options.get("is_home", lambda url: False), lambda: NOW)
    made.take(url, lines)
    return made


@pytest.mark.parametrize(
    ("lines", "sent"),
    [
        (["a=1", "b=2"], "a=1; b=2"),
        (["a=1", "b=2", "a=3"], "a=3; b=2"),
        (["a=1; Path=/", "b=2; Path=/shelf", "c=3; Path=/"], "b=2; a=1; c=3"),
        (["a=1; Path=/", "a=2; Path=/shelf"], "a=2; a=1"),
        (["a=1", "b=2", "a=; Max-Age=0"], "b=2"),
        (["a=1; Path=/", "a=; Max-Age=0"], "a=1"),
        (["a=1", "a=; Domain=shop.example; Max-Age=0"], "a=1"),
    ],
)
def test_longer_paths_go_first_and_then_older_cookies(lines: list[str], sent: str) -> None:
    assert jar(*lines).header_for(PAGE) == sent


@pytest.mark.parametrize(
    ("line", "reached"),
    [
        ("a=1", ["/shelf", "/shelf/", "/shelf/x/y"]),
        ("a=1; Path=/shelf/", ["/shelf/", "/shelf/x/y"]),
        ("a=1; Path=/", ["/", "/shelf", "/shelf/", "/shelf/x/y", "/shelfs"]),
        ("a=1; Path=/shelf/x", ["/shelf/x/y"]),
    ],
)
def test_which_paths_a_cookie_reaches(line: str, reached: list[str]) -> None:
    found = jar(line)
    paths = ["/", "/shelf", "/shelf/", "/shelf/x/y", "/shelfs"]
    assert [path for path in paths if found.header_for(f"https://www.shop.example{path}?q")] == reached


def test_a_cookie_ends_with_its_time() -> None:
    now = [NOW]
    made = Jar(lambda url: False, lambda: now[0])
    made.take(PAGE, ["a=1; Max-Age=60", "b=2"])
    before = made.header_for(PAGE)
    now[0] += 60
    assert (before, made.header_for(PAGE)) == ("a=1; b=2", "b=2")


@pytest.mark.parametrize(
    ("line", "sent"),
    [
        ("a=1; Secure", ""),
        ("__Secure-a=1", ""),
        ("__Host-a=1; Path=/", ""),
    ],
)
def test_what_is_secure_is_not_set_without_tls(line: str, sent: str) -> None:
    assert jar(line, url="http://www.shop.example/").header_for(PAGE) == sent


@pytest.mark.parametrize(
    ("line", "is_kept"),
    [
        ("a=1; Secure", True),
        ("__Secure-a=1", False),
        ("__Secure-a=1; Secure; Domain=shop.example", True),
        ("__Host-a=1; Secure; Path=/", True),
        ("__Host-a=1; Secure", False),
        ("__host-a=1; Secure; Path=/; Domain=www.shop.example", False),
    ],
)
def test_names_that_promise_something_keep_it(line: str, is_kept: bool) -> None:
    found = jar(line)
    assert (found.header_for(PAGE) != "", found.header_for(PAGE.replace("https", "http"))) == (is_kept, "")


def test_a_secure_cookie_is_not_replaced_without_tls() -> None:
    found = jar("a=1; Secure; Path=/")
    found.take("http://www.shop.example/", ["a=evil; Path=/"])
    assert found.header_for(PAGE) == "a=1"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_a_host_without_a_domain_above_it_has_its_own(host: str) -> None:
    name = host.strip("[]")
    lines = ["a=1", f"b=2; Domain={name}", "c=3; Domain=0.0.1"]
    assert jar(*lines, url=f"http://{host}:81/").header_for(f"http://{host}:81/x") == "a=1; b=2"


def test_two_services_of_one_host_keep_a_cookie_each() -> None:
    found = jar("sid=1", url="http://127.0.0.1:8001/")
    found.take("http://127.0.0.1:8002/", ["sid=2"])
    assert [found.header_for(f"http://127.0.0.1:{port}/") for port in (8001, 8002, 8003)] == ["sid=1", "sid=2", ""]


def test_a_web_servers_two_ports_count_as_one() -> None:
    assert jar("a=1", url="http://h.example/").header_for("https://h.example/") == "a=1"


def home(url: str) -> bool:
    return url.startswith("https://www.shop.example/")


def test_what_the_job_brings_can_be_changed_at_home_alone() -> None:
    found = jar(is_home=home)
    found.fill([Cookie("sid", "own", "www.shop.example")])
    found.take("https://www.shop.example:444/", ["sid=other"])
    before = found.header_for(PAGE)
    found.take("https://www.shop.example/", ["sid=new"])
    assert (before, found.header_for(PAGE), found.header_for("https://www.shop.example:444/")) == (
        "sid=own",
        "sid=new",
        "sid=other",
    )


def test_what_the_job_brings_can_be_taken_back_at_home() -> None:
    found = jar(is_home=home)
    found.fill([Cookie("sid", "own", "shop.example", reaches_below=True)])
    found.take(PAGE, ["sid=; Path=/; Domain=shop.example; Max-Age=0"])
    assert found.header_for(PAGE) == ""


def test_a_cookie_without_measure_is_not_kept() -> None:
    lines = [f"a={'x' * (LONGEST - 1)}", f"b={'x' * LONGEST}"]
    assert [cookie.name for cookie in jar(*lines)] == ["a"]


def test_of_too_many_cookies_of_one_domain_the_oldest_go() -> None:
    found = jar("old=1", *(f"n{at}={at}" for at in range(MOST_OF_DOMAIN)))
    assert [cookie.name for cookie in found] == [f"n{at}" for at in range(MOST_OF_DOMAIN)]


def test_of_too_many_cookies_in_all_the_oldest_go() -> None:
    found = jar(is_home=home)
    found.fill([Cookie("own", "x", "www.shop.example")])
    for at in range(MOST + 5):
        found.take(f"http://h{at // 100}.example/", [f"n{at}=1"])
    names = [cookie.name for cookie in found]
    assert (names[:2], len(names), names[-1]) == (["own", "n5"], MOST + 1, f"n{MOST + 4}")


def test_a_cookies_value_does_not_show() -> None:
    assert "hush" not in repr(list(jar("sid=hush")))
