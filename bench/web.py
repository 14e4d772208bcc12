"""The pages that W7 serves: HTML and JSON of some 10 KB, 50 links each, and the records that are to be had from them.

Number N of COUNT pages links its two children in a binary tree, so that every page is found, then others drawn with N
as the seed; 30 in 100 links repeat another one of the same page, as the picture and the title of a product in a shop
lead to one page. In a closed site of so many links nearly every link leads to a page that is known already: each costs
its reading, its identity and a look whether it is known, and only one in 50 a request.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from bench.sites import File, made, written

LINKS, REPEATED = 50, 15  # of a page; those that repeat another one
SIZE = 10_000  # bytes of a page, about
ROWS = 10  # records of a JSON page; each has its share of the links
WORDS = ("amber", "basin", "cedar", "delta", "ember", "fjord", "grove", "heath", "islet", "kelp", "larch", "moor")
KINDS = ("html", "json")


def name(number: int, kind: str) -> str:
    """The name of page NUMBER."""
    return f"{number:05}.{kind}"


def pages(folder: Path, count: int, kind: str) -> list[File]:
    """COUNT pages of a kind, made where they are missing; another count is another site."""
    return made(folder / f"{kind}-{count}", (name(at, kind) for at in range(count)), partial(_write, count=count))


def _write(path: Path, *, count: int) -> File:
    number, kind = int(path.stem), path.suffix[1:]
    text = {"html": _html, "json": _json}[kind](number, count)
    return written(path, text.encode("ascii"))


def links(number: int, count: int) -> list[int]:
    """The pages that a page links, in its order."""
    dice = random.Random(number)
    first = [child for child in (2 * number + 1, 2 * number + 2) if child < count]
    first += [dice.randrange(count) for _ in range(LINKS - REPEATED - len(first))]
    found = first + dice.choices(first, k=REPEATED)
    dice.shuffle(found)
    return found


def records(number: int, count: int, kind: str) -> list[dict[str, Any]]:
    """What is to be read from a page."""
    dice = random.Random(-1 - number)
    if kind == "html":
        return [{**_product(dice, number), "tags": dice.sample(WORDS, 4)}]
    return [_product(dice, ROWS * number + at) for at in range(ROWS)]


def _product(dice: random.Random, number: int) -> dict[str, Any]:
    about = " ".join(dice.choices(WORDS, k=12))
    return {"title": f"Product {number}", "price": dice.randrange(100, 99_999) / 100, "about": about}


def _html(number: int, count: int) -> str:
    (record,) = records(number, count, "html")
    tags = "".join(f"<li>{tag}</li>" for tag in record["tags"])
    cards = "\n".join(
        f'<article class="card" id="c{at}"><h3><a href="/{name(goal, "html")}" title="Product {goal}">'
        f"Product {goal}</a></h3></article>"
        for at, goal in enumerate(links(number, count))
    )
    head = (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{record["title"]} - shop</title></head>\n'
        f'<body><header><nav class="crumbs"><span>Home</span></nav></header>\n<main><h1>{record["title"]}</h1>\n'
        f'<p class="price">EUR {record["price"]:.2f}</p>\n<div class="about"><p>{record["about"]}</p></div>\n'
        f'<ul class="tags">{tags}</ul>\n</main>\n<section class="more">\n{cards}\n</section>\n'
    )
    dice = random.Random(count + number)
    return head + "".join(_prose(dice, SIZE - len(head))) + "</body></html>\n"


def _prose(dice: random.Random, size: int) -> Iterator[str]:
    """Paragraphs of about so many characters."""
    while size > 0:
        words = " ".join(dice.choices(WORDS, k=30))
        piece = f'<div class="text"><p>{words} <em>{dice.choice(WORDS)}</em> {dice.choice(WORDS)}.</p></div>\n'
        size -= len(piece)
        yield piece


def _json(number: int, count: int) -> str:
    leads = [f"/{name(goal, 'json')}" for goal in links(number, count)]
    share = LINKS // ROWS
    dice = random.Random(count + number)
    rows = [
        {**record, "links": leads[share * at : share * (at + 1)], "note": "".join(_prose(dice, 480))}
        for at, record in enumerate(records(number, count, "json"))
    ]
    return json.dumps({"page": number, "rows": rows}, indent=1)
