"""Bodies kept for a second reading, and for servers that say "not modified": a cache that is missed, not trusted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scraper.model import Page, Request
from scraper.state.bodies import Bodies

PAGE = Page(Request("GET", "http://h/a", rule="one"), "http://h/b", 200, {"content-type": "text/html"}, b"<p>", False)
LASTING = Page(PAGE.request, PAGE.url, 200, {"etag": '"1"', "set-cookie": "s=1"}, b"<p>kept", False)
OTHER = Request("GET", "http://h/a", rule="two")


def bodies(state: Path, run: str, *, wanted: bool = True, **secrets: str) -> Bodies:
    return Bodies(state, run, wanted=wanted, secrets=secrets)


def test_a_body_comes_back_as_it_was_kept_for_whoever_asks(tmp_path: Path) -> None:
    kept = bodies(tmp_path, "r1")
    kept.keep(1, PAGE)
    assert kept.load(1, OTHER) == Page(OTHER, PAGE.url, 200, PAGE.headers, b"<p>", False)
    assert kept.load(2, OTHER) is None


def test_nothing_is_kept_where_nothing_can_be_read_again(tmp_path: Path) -> None:
    unwanted = bodies(tmp_path, "r1", wanted=False)
    unwanted.keep(1, PAGE)
    assert (unwanted.load(1, OTHER), list((tmp_path / "pages").iterdir())) == (None, [])


def test_the_bodies_of_other_runs_are_removed_and_ours_stay(tmp_path: Path) -> None:
    old, new = bodies(tmp_path, "r1"), bodies(tmp_path, "r2")
    old.keep(1, PAGE)
    new.keep(1, PAGE)
    (tmp_path / "runs" / "r1" / "summary.json").write_text("{}")
    new.clear_others()
    assert old.load(1, OTHER) is None
    assert new.load(1, OTHER) is not None
    assert (tmp_path / "runs" / "r1" / "summary.json").exists()


def test_a_page_with_a_validator_is_kept_for_later_runs_without_its_cookies(tmp_path: Path) -> None:
    first = bodies(tmp_path, "r1", wanted=False)
    first.keep(1, LASTING)
    first.clear()
    later = bodies(tmp_path, "r2")
    assert later.earlier(OTHER) == Page(OTHER, PAGE.url, 200, {"etag": '"1"'}, b"<p>kept", False)
    assert first.earlier(OTHER) is None, "what this run itself kept is not of an earlier one"


@pytest.mark.parametrize(
    ("change", "secret"),
    [
        ({"headers": {"content-type": "text/html"}}, ""),
        ({"headers": {"etag": '"1"', "cache-control": "private, No-Store"}}, ""),
        ({"status": 203}, ""),
        ({"request": Request("POST", "http://h/a")}, ""),
        ({"body": b"your key is hunter22"}, "hunter22"),
    ],
    ids=["no validator", "no-store", "another status", "another method", "a secret in it"],
)
def test_what_must_not_lie_about_is_kept_for_this_run_alone(
    change: dict[str, object], secret: str, tmp_path: Path
) -> None:
    page = Page(**{**{name: getattr(LASTING, name) for name in LASTING.__slots__}, **change})
    first = bodies(tmp_path, "r1", key=secret)
    first.keep(1, page)
    assert first.load(1, page.request) is not None
    first.clear()
    assert bodies(tmp_path, "r2").earlier(page.request) is None


def test_a_page_that_lost_its_validator_is_not_taken_for_what_it_was(tmp_path: Path) -> None:
    bodies(tmp_path, "r1").keep(1, LASTING)
    second = bodies(tmp_path, "r2", wanted=False)
    second.keep(1, PAGE)
    assert (second.load(1, OTHER), second.earlier(OTHER)) == (None, None)


def test_a_damaged_body_is_missed(tmp_path: Path) -> None:
    bodies(tmp_path, "r1").keep(1, LASTING)
    for path in (tmp_path / "pages").glob("*/*.z"):
        path.write_bytes(path.read_bytes()[:9])
    assert bodies(tmp_path, "r2").earlier(OTHER) is None


def test_what_no_run_has_met_since_is_removed(tmp_path: Path) -> None:
    kept = bodies(tmp_path, "r1")
    kept.keep(1, LASTING)
    other = Page(Request("GET", "http://h/c"), "http://h/c", 200, {"etag": '"2"'}, b"c")
    kept.keep(2, other)
    for path in (tmp_path / "pages").glob("*/*.z"):
        os.utime(path, (1000, 1000))
    later = bodies(tmp_path, "r2")
    found = later.earlier(OTHER)
    assert found is not None
    later.keep(1, Page(found.request, found.url, 200, found.headers, found.body, unchanged=True))
    later.prune(2000)
    assert (later.earlier(OTHER) is None, later.earlier(other.request) is None) == (False, True)
