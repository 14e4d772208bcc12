"""The report in a real browser: a run of 200 pictures, 30 failures and hostile titles (issue 6, check 5).

Needs Chromium, and axe-core where the variable AXE says (the path of axe.min.js): `make browser AXE=...`. The
variable SHOTS names a folder for screenshots.
"""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from scraper.server import Response
from tests.report.browser import Browser, found

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("PIL") is None, reason="Pillow is not installed"),
    pytest.mark.timeout(300),
]

PICTURES = 200
FORMS = ("JPEG", "PNG", "GIF", "WEBP")


def rows_of(hostile: tuple[str, ...], picture: Callable[..., bytes]) -> Iterator[dict[str, Any]]:
    for at in range(PICTURES):
        form = FORMS[at % 4]
        body = picture(form, (640, 480) if at % 3 else (300, 500), at)
        yield row(at, hostile, answer(200, body, f"image/{form.lower()}"))
    for at in range(PICTURES, PICTURES + 30):
        status = (404, 500, 403, 200, 503)[at % 5]
        yield row(at, hostile, answer(status, b"<!doctype html><title>log in</title>", "text/html"))


def answer(status: int, body: bytes, media: str) -> Response:
    return Response(status, {"Content-Type": media}, body)


def row(at: int, hostile: tuple[str, ...], body: Any) -> dict[str, Any]:
    link = ("javascript:alert(1)", "data:text/html,<script>alert(1)</script>", "https://example.org/<b>")[at % 3]
    title = hostile[(at + 3) % len(hostile)]
    return {"n": f"{at} {hostile[at % len(hostile)]}", "t": title, "link": link, "f": f"/f/{at}.jpg", "body": body}


@pytest.fixture
def page(shop: Any, shop_job: Any, run_job: Any, hostile: tuple[str, ...], picture: Any) -> Path:
    """The report of the second run: what was there before changed, some of it is gone."""
    server, rows = shop
    rows += [row(at, hostile, b"before") for at in (*range(40), 900, 901)]
    job = shop_job(files={"path": "{{ index }}{{ ext }}", "existing": "check"}, expect={"items": ">= 1000"})
    first = run_job(server, job)
    assert first.summary.items.new == 42
    rows[:] = [{**each, "t": f"{each['t']}!"} for each in rows_of(hostile, picture)]
    second = run_job(server, job, day=1)
    assert second.summary.files.failed == 30, second.summary
    return Path(second.folder, "report.html")


needs_chromium = pytest.mark.skipif(found() is None, reason="Chromium is not installed, and CHROMIUM names none")

SERIOUS = """axe.run(document, {resultTypes: ['violations']}).then(found => found.violations
  .filter(each => ['serious', 'critical'].includes(each.impact))
  .map(each => each.id + ': ' + each.nodes.slice(0, 3).map(node => node.html.slice(0, 200)).join(' | ')))"""
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
NARROWEST = "Math.min(...[...document.querySelectorAll('tbody th')].map(each => each.clientWidth))"
LOOKS = [(width, dark) for width in (1280, 390) for dark in (False, True)]


@needs_chromium
def test_nothing_is_loaded_or_run_and_everybody_can_read_it(page: Path) -> None:
    assert page.stat().st_size < 2_000_000
    axe = os.environ.get("AXE")
    with Browser() as browser:
        for width, dark in LOOKS:
            tab = browser.open(page.as_uri(), width=width, dark=dark)
            assert tab.requests == [page.as_uri()]
            assert tab.complaints == []
            assert tab.evaluate(WIDER) == 0, f"it is wider than {width} pixels"
            assert tab.evaluate("document.images.length") == PICTURES
            assert tab.evaluate("[...document.images].every(image => image.naturalWidth > 0)") is True
            assert tab.evaluate("document.querySelectorAll('script, iframe, object, [style], [onerror]').length") == 0
            keep(tab, f"{width}-{'dark' if dark else 'light'}")
            if axe:
                tab.evaluate(Path(axe).read_text("utf-8") + ";0")
                assert json.dumps(tab.evaluate(SERIOUS)) == "[]"
    if not axe:
        pytest.skip("all but the check by axe-core was made: AXE names no axe.min.js")


@needs_chromium
def test_a_page_of_many_runs_is_as_good(page: Path) -> None:
    from scraper.report import make, overview
    from scraper.state.db import Database

    state = page.parents[2]
    goal = state / overview.NAME
    with Database.reading(state / "ledger.db") as db:
        make.write(goal, overview.page(overview.rows(db, state, goal, None)))
    axe = os.environ.get("AXE")
    with Browser() as browser:
        for width, dark in LOOKS:
            tab = browser.open(goal.as_uri(), width=width, dark=dark)
            assert (tab.requests, tab.complaints, tab.evaluate(WIDER)) == ([goal.as_uri()], [], 0)
            assert tab.evaluate(NARROWEST) > 100, "a column is too narrow to be read"
            keep(tab, f"many-{width}-{'dark' if dark else 'light'}")
            if axe:
                tab.evaluate(Path(axe).read_text("utf-8") + ";0")
                assert json.dumps(tab.evaluate(SERIOUS)) == "[]"


def keep(tab: Any, name: str) -> None:
    """Screenshots, where the variable SHOTS names a folder: by screens, for whoever looks at them, and as printed."""
    folder = os.environ.get("SHOTS")
    if not folder:
        return
    height = tab.evaluate("document.documentElement.scrollHeight")
    for at in range(0, min(height, 12_000), 1500):
        Path(folder, f"{name}-{at // 1500}.png").write_bytes(tab.screenshot(at, min(1500, height - at)))
    Path(folder, f"{name}.pdf").write_bytes(tab.pdf())
