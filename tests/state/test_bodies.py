"""Bodies kept for a second reading: a cache that is missed rather than trusted."""

from __future__ import annotations

from pathlib import Path

from scraper.model import Page, Request
from scraper.state.bodies import Bodies

PAGE = Page(Request("GET", "http://h/a", rule="one"), "http://h/b", 200, {"content-type": "text/html"}, b"<p>", False)
OTHER = Request("GET", "http://h/a", rule="two")


def bodies(folder: Path, run: str, *, wanted: bool = True) -> Bodies:
    return Bodies(folder / run / "pages", wanted=wanted)


def test_a_body_comes_back_as_it_was_kept_for_whoever_asks(tmp_path: Path) -> None:
    kept = bodies(tmp_path, "r1")
    kept.keep(1, PAGE)
    assert kept.load(1, OTHER) == Page(OTHER, PAGE.url, 200, PAGE.headers, b"<p>", False)
    assert kept.load(2, OTHER) is None


def test_nothing_is_kept_where_nothing_can_be_read_again(tmp_path: Path) -> None:
    unwanted = bodies(tmp_path, "r1", wanted=False)
    unwanted.keep(1, PAGE)
    assert (unwanted.load(1, OTHER), list(tmp_path.iterdir())) == (None, [])


def test_the_bodies_of_other_runs_are_removed_and_ours_stay(tmp_path: Path) -> None:
    old, new = bodies(tmp_path, "r1"), bodies(tmp_path, "r2")
    old.keep(1, PAGE)
    new.keep(1, PAGE)
    (tmp_path / "r1" / "summary.json").write_text("{}")
    new.clear_others()
    assert old.load(1, OTHER) is None
    assert new.load(1, OTHER) is not None
    assert (tmp_path / "r1" / "summary.json").exists()
