"""Robots directives of headers and metas: which hold for us."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.page.directives import directives


def of_header(text: str) -> set[str]:
    """What a header says to the agent `ours`."""
    return set(directives("ours", {"x-robots-tag": text}))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("noindex", {"noindex"}),
        ("NoIndex,  noAI ,noimageai,", {"noindex", "noai", "noimageai"}),
        ("none", {"none", "noindex", "nofollow"}),
        ("", set()),
        (" , ,, ", set()),
        ("all", {"all"}),
    ],
)
def test_what_is_said_to_all_holds(text: str, found: set[str]) -> None:
    assert of_header(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("other: noindex", set()),
        ("other: noindex, nofollow", set()),
        ("noai, other: noindex, nofollow", {"noai"}),
        ("other: noindex, ours: noai, nofollow", {"noai", "nofollow"}),
        ("OURS : noindex", {"noindex"}),
        ("ours:none", {"none", "noindex", "nofollow"}),
        ("other: none, robots: noai", {"noai"}),
        ("other: none, *: noai", {"noai"}),
        ("other.bot/2: none", set()),
        ("ours:", set()),
        ("oursnot: noindex", set()),
    ],
)
def test_a_name_before_a_directive_addresses_one_agent(text: str, found: set[str]) -> None:
    assert of_header(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "unavailable_after: 25 Jun 2027 15:00:00 PST, noai",
            {"unavailable_after: 25 jun 2027 15:00:00 pst", "noai"},
        ),
        (
            "unavailable_after: Fri, 25 Jun 2027 15:00:00 GMT, noai",
            {"unavailable_after: fri, 25 jun 2027 15:00:00 gmt", "noai"},
        ),
        (
            "noai, unavailable_after: Friday, 25-Jun-27 15:00:00 GMT",
            {"noai", "unavailable_after: friday, 25-jun-27 15:00:00 gmt"},
        ),
        ("unavailable_after: June 25, 2027, noai", {"unavailable_after: june 25, 2027", "noai"}),
        ("other: unavailable_after: Fri, 25 Jun 2027 15:00:00 GMT, noai", set()),
        (
            "ours: unavailable_after: Fri, 25 Jun 2027 15:00:00 GMT",
            {"unavailable_after: fri, 25 jun 2027 15:00:00 gmt"},
        ),
        (
            "max-snippet:20, max-image-preview:  Large, max-video-preview: -1",
            {"max-snippet: 20", "max-image-preview: large", "max-video-preview: -1"},
        ),
    ],
)
def test_a_value_is_no_agent_and_a_date_stays_whole(text: str, found: set[str]) -> None:
    assert of_header(text) == found


def test_a_meta_counts_by_its_name() -> None:
    metas = [("Robots", "NOINDEX, noai"), ("ours", "nofollow"), ("other", "noarchive"), ("description", "nosnippet")]
    assert directives("Ours", {}, metas) == {"noindex", "noai", "nofollow"}


def test_headers_and_metas_hold_together() -> None:
    headers = {"x-robots-tag": "noai", "content-type": "text/html"}
    assert directives("ours", headers, [("robots", "index, noimageai")]) == {"noai", "index", "noimageai"}


@given(st.text(st.sampled_from("abn:, 1-\t\0é*_"), max_size=60) | st.text(max_size=60))
def test_any_text_gives_neat_directives(text: str) -> None:
    found = directives("ours", {"x-robots-tag": text}, [("robots", text)])
    assert [one for one in found if not one or one != re.sub(r"\s+", " ", one).strip()] == []


@given(st.lists(st.sampled_from(["noindex", "nofollow", "noai", "noimageai", "noarchive"])))
def test_order_and_repetition_say_nothing(names: list[str]) -> None:
    assert of_header(", ".join(names)) == set(names)
