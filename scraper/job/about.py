"""What each key of a job file is for, in a sentence or two, and an example of each: for editors and docs/reference.md.

The texts stand in about.txt, beside the models and not in them, so that no run pays for them. A section is a model; it
may take the keys of other sections in:

    # StartEntry: Request

    key
      what it says
      > an example that the tests run against the fixture site
      ~ an example that they only load

An example is YAML whose top-level keys take the place of those of `EXAMPLE`. tests/job/test_about.py holds the texts
to the models, key by key.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources

EXAMPLE = """\
name: example
vars: {base: "http://127.0.0.1:8000"}
start: ["{{ base }}/catalogue/"]
rules:
  shelf: {follow: {book: {select: "article h3 a", max_pages: 2}}}
  book: {item: {title: h1}, files: "#cover img"}
"""
"""The job that an example is a part of."""


@dataclass(frozen=True, slots=True)
class About:
    """One key.

    Attributes:
        text: what it is for; example: YAML, a line or more.
        is_run: whether the fixture site has what the example asks for.
    """

    text: str
    example: str
    is_run: bool


@cache
def abouts() -> dict[str, dict[str, About]]:
    """By the name of each model: its keys, as they are written in a job."""
    text = resources.files("scraper.job").joinpath("about.txt").read_text("utf-8")
    own, others = {}, {}
    for section in f"\n{text}".split("\n# ")[1:]:
        head, _, body = section.partition("\n")
        name, _, taken = head.partition(":")
        own[name], others[name] = dict(_entries(body)), taken.split()
    whole = {name: {**keys, **_joined(own[each] for each in others[name])} for name, keys in own.items()}
    return {name: keys for name, keys in whole.items() if not any(name in taken for taken in others.values())}


def _joined(parts: Iterator[dict[str, About]]) -> dict[str, About]:
    return {key: about for part in parts for key, about in part.items()}


def _entries(body: str) -> Iterator[tuple[str, About]]:
    for name, *lines in (block.splitlines() for block in body.strip().split("\n\n")):
        told = [line.strip() for line in lines]
        words = " ".join(line for line in told if not line.startswith(("> ", "~ ")))
        example = [line.lstrip()[2:] for line in lines if line.lstrip().startswith(("> ", "~ "))]
        yield name.strip(), About(words, "\n".join(example), any(line.startswith("> ") for line in told))
