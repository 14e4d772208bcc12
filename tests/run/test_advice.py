"""What is said of each ending: every class and every skip has words."""

from __future__ import annotations

import re

import pytest

from scraper.errors import CLASSES
from scraper.run.advice import ADVICE, UNKNOWN, advice_for

SKIPS = ["exists", "robots", "outside", "private", "size", "duplicate", "limit"]


@pytest.mark.parametrize("name", [*CLASSES, "name", "http:404"])
def test_every_class_of_failures_has_words_and_something_to_do(name):
    found = advice_for(f"failed:{name}")
    assert found is not UNKNOWN
    assert found == advice_for(name)
    assert found.what.endswith(".")
    assert found.todo


@pytest.mark.parametrize("why", SKIPS)
def test_every_skip_has_words(why):
    assert advice_for(f"skipped:{why}") is not UNKNOWN


@pytest.mark.parametrize(
    ("status", "key"),
    [(401, "401"), (404, "404"), (429, "429"), (418, "4xx"), (500, "5xx"), (503, "503"), (304, "3xx")],
)
def test_a_status_has_its_own_words_or_those_of_its_kind(status, key):
    assert advice_for(f"failed:http:{status}") is ADVICE[f"failed:http:{key}"]


@pytest.mark.parametrize(
    "ending", ["", "failed", "failed:", "failed:http:", "failed:http:xyz", "skipped:x", "http:999"]
)
def test_an_ending_that_nobody_knows_has_words_too(ending):
    assert advice_for(ending).what


def test_the_words_are_short_and_printable():
    texts = [text for advice in ADVICE.values() for text in (advice.what, advice.todo)]
    assert [text for text in texts if len(text) > 160 or not text.isprintable() or re.search(r"\.\.$", text)] == []
