"""Where a redirect leads: values in, values out."""

from __future__ import annotations

import pytest

from scraper.errors import RedirectError
from scraper.net.redirect import Hop, as_utf8, budget, next_hop

START = Hop("GET", "http://h:8000/a/b?x=1")


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("c", "http://h:8000/a/c"),
        ("/c", "http://h:8000/c"),
        ("?y=2", "http://h:8000/a/b?y=2"),
        ("//other/c", "http://other/c"),
        ("https://h:8000/c#part", "https://h:8000/c"),
        ("http://user:secret@h:8000/c", "http://h:8000/c"),
        (" /c d ", "http://h:8000/c%20d"),
    ],
)
def test_location_is_resolved_as_browsers_do(location: str, url: str) -> None:
    assert next_hop(START, 302, location, 20).url == url


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://h/x", "data:text/html,x", "javascript:1", None, ""])
def test_only_http_and_https_are_followed(location: str | None) -> None:
    with pytest.raises(RedirectError):
        next_hop(START, 302, location, 20)


@pytest.mark.parametrize(
    ("method", "status", "then", "body"),
    [
        ("POST", 301, "GET", False),
        ("POST", 302, "GET", False),
        ("POST", 303, "GET", False),
        ("POST", 307, "POST", True),
        ("POST", 308, "POST", True),
        ("PUT", 302, "PUT", True),
        ("PUT", 303, "GET", False),
        ("HEAD", 303, "HEAD", True),
        ("GET", 301, "GET", True),
    ],
)
def test_method_and_body_change_as_rfc_9110_says(method: str, status: int, then: str, body: bool) -> None:
    hop = next_hop(Hop(method, "http://h/a"), status, "/b", 20)
    assert (hop.method, hop.body) == (then, body)


def test_the_budget_is_kept() -> None:
    hop = START
    for number in range(3):
        hop = next_hop(hop, 302, f"/{number}", 3)
    with pytest.raises(RedirectError, match="more than 3"):
        next_hop(hop, 302, "/again", 3)


def test_a_page_may_lead_to_itself_until_the_budget_is_spent() -> None:
    hop = next_hop(START, 302, START.url, 2)
    assert hop.url == START.url
    with pytest.raises(RedirectError):
        next_hop(next_hop(hop, 302, START.url, 2), 302, START.url, 2)


def test_leaving_the_origin_is_remembered() -> None:
    away = next_hop(START, 302, "http://other/x", 20)
    back = next_hop(away, 302, "http://h:8000/c", 20)
    assert [START.crossed, away.crossed, back.crossed] == [False, True, True]


@pytest.mark.parametrize(("setting", "allowed"), [(True, 20), (False, 0), (0, 0), (1, 1), (5, 5)])
def test_allow_redirects_is_true_false_or_a_number(setting: bool | int, allowed: int) -> None:
    assert budget(setting) == allowed


@pytest.mark.parametrize(
    ("header", "text"), [("/caf\u00c3\u00a9", "/caf\u00e9"), ("/caf\u00e9", "/caf\u00e9"), ("/a", "/a")]
)
def test_a_location_in_utf_8_is_read_as_such(header: str, text: str) -> None:
    assert as_utf8(header) == text
