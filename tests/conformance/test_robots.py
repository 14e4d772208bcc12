"""Published cases for robots.txt (google/robotstxt): 72 of RFC 9309, and what is Google's own."""

from __future__ import annotations

from typing import Any

from scraper.net.robotstxt import parse

# These three take the caller's URL as it is. RFC 9309 section 2.2.2 wants both sides in one form before they are
# compared, and says so of these very paths in its table, so for us they are allowed.
OF_THE_CALLER = {
    ("/foo/bar/ツ", "http://foo.bar/foo/bar/ツ"),
    ("/foo/bar/%E3%83%84", "http://foo.bar/foo/bar/ツ"),
    ("/foo/bar/%62%61%7A", "http://foo.bar/foo/bar/baz"),
}
# Google takes an Allow of index.html for one of its folder too; the RFC knows nothing of that.
GOOGLES_INDEX = {("/allowed-slash/index.html", "http://foo.com/allowed-slash/")}


def missed(cases: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """The last Allow of each case that is judged otherwise, and its URL."""
    wrong = [case for case in cases if parse(case["robots"]).allows(case["url"], case["agent"]) != case["allowed"]]
    return {(case["robots"].lower().rpartition("allow: ")[2], case["url"]) for case in wrong}


def lines(expected: set[tuple[str, str]]) -> set[tuple[str, str]]:
    return {(f"{path.lower()}\n", url) for path, url in expected}


def test_69_of_the_72_cases_of_the_rfc_are_judged_as_published(published: Any, figure: Any) -> None:
    cases = [case for case in published("robots.json") if case["test"].startswith("ID_")]
    wrong = missed(cases)
    figure(f"robots.json, RFC 9309: {len(cases) - len(wrong)} of {len(cases)} (>= 69 asked; 3 are against the RFC)")

    assert (len(cases), wrong) == (72, lines(OF_THE_CALLER))


def test_67_of_the_68_cases_of_googles_own_are_judged_as_published(published: Any, figure: Any) -> None:
    cases = [case for case in published("robots.json") if not case["test"].startswith("ID_")]
    wrong = {url for _, url in missed(cases)}
    figure(f"robots.json, Google's own: {len(cases) - len(wrong)} of {len(cases)} (index.html is no folder to us)")

    assert (len(cases), wrong) == (68, {url for _, url in GOOGLES_INDEX})
