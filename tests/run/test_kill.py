"""`kill -9` at random moments, with real processes: a clean run then ends as if nothing had happened.

The server is in this process and pulls the trigger itself, at its n-th request or at the n-th piece of a body,
so that no test waits for a moment to come.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from scraper.server import Response, Site

KILLS = 10
LISTS, CARDS, BOOKS = 30, 6, 2
FILES = LISTS * (CARDS + BOOKS * 2)

JOB = """
name: library
vars: {base: "BASE"}
http: {retry: {first_wait: 0}}
polite: {per_host: 8}
start: ["{{ base }}/list/1"]
rules:
  list:
    each: "div.card"
    item: {name: "b"}
    files: "img"
    follow: {book: "a.book"}
    next: {css: "a.next::attr(href)", root: true}
  book:
    item: {title: "h1", by: "{{ parent.name }}"}
    files:
      - {select: "img.cover", path: "covers/{{ item.title }}{{ ext }}"}
      - {select: "img.also", path: "also/{{ item.title }}/{{ filename }}"}
      - {select: "a", path: "texts/{{ item.title }}"}
files: {path: "photos/{{ filename }}", existing: EXISTING}
"""


def content(target: str) -> bytes:
    seed = sha256(target.encode()).digest()
    return seed * (40 + seed[0] * 20)


class Trigger:
    """Kills a process once the server has done something so many times."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left = {"request": 0, "piece": 0}
        self._process: subprocess.Popen[bytes] | None = None

    def aim(self, start: Callable[[], subprocess.Popen[bytes]], what: str, times: int) -> subprocess.Popen[bytes]:
        with self._lock:
            self._left = {"request": 0, "piece": 0, what: times}
            self._process = start()
            return self._process

    def pull(self, what: str) -> None:
        with self._lock:
            self._left[what] -= 1
            if self._left[what] == 0 and self._process is not None:
                self._process.kill()


def library(trigger: Trigger) -> Site:
    """30 pages of six photos and two books; a book has a cover, a text, and the cover of the book before it."""
    site = Site()

    @site.route("/list/<number>")
    def lists(request: Any, number: str) -> str:
        trigger.pull("request")
        page = int(number)
        photos = "".join(card(page, at) for at in range(CARDS))
        after = f'<a class=next href="/list/{page + 1}">next</a>' if page < LISTS else ""
        return photos + after

    def card(page: int, at: int) -> str:
        name = "photo.png" if at == 0 else f"{page}-{at}.jpg"  # one name for thirty photos
        book = f'<a class=book href="/book/{page * BOOKS + at}">book</a>' if at < BOOKS else ""
        return f'<div class=card><b>{page}.{at}</b><img src="/photo/{page}/{name}">{book}</div>'

    @site.route("/book/<number>")
    def book(request: Any, number: str) -> str:
        trigger.pull("request")
        before = f'<img class=also src="/cover/{int(number) - 1}.png">' if int(number) > BOOKS else ""
        return f'<h1>{number}</h1>{before}<img class=cover src="/cover/{number}.png"><a href="/text/{number}">text</a>'

    @site.route("/photo/<path:name>")
    def photo(request: Any, name: str) -> Response:
        trigger.pull("request")
        return Response(200, {"Content-Type": "image/png", "ETag": f'"{name}"'}, content(request.target))

    @site.route("/<kind>/<name>")
    def streamed(request: Any, kind: str, name: str) -> Response:
        trigger.pull("request")
        types = {"cover": "image/png", "text": "application/pdf"}
        return Response(200, {"Content-Type": types[kind]}, stream=pieces(content(request.target)))

    def pieces(whole: bytes) -> Iterator[bytes]:
        for at in range(0, len(whole), 16_384):
            trigger.pull("piece")
            yield whole[at : at + 16_384]

    return site


@dataclass(frozen=True)
class Result:
    """What is there in the end. Of colliding files any may bear the bare name, so `~` and its digits are left out."""

    files: Counter[tuple[str, str]]
    records: list[Any]
    endings: Counter[tuple[str, str]]
    parts: list[str]


def result(ended: Any) -> Result:
    rows = ended.view("v_files") + ended.view("v_pages")
    return Result(
        Counter((bare(path), sha256(content).hexdigest()) for path, content in ended.files.items()),
        [json.loads(bare(json.dumps(record))) for record in ended.records],
        Counter((row["url"], row["ending"]) for row in rows),
        [path.name for path in ended.dest.rglob("*.part")],
    )


def bare(text: str) -> str:
    return re.sub(r"~[0-9a-f]{8}", "", text)


@dataclass(frozen=True)
class Told:
    """Of a run in another process, what `Ran` reads of a Summary."""

    run: str
    exit_code: int


@pytest.mark.slow
@pytest.mark.parametrize(("existing", "seed"), [("skip", 1), ("skip", 2), ("overwrite", 3)])
def test_killed_ten_times_a_clean_run_ends_as_an_undisturbed_one(
    existing: str, seed: int, serve: Any, ran: Any, tmp_path: Path
) -> None:
    trigger, chance = Trigger(), random.Random(seed)
    server = serve(library(trigger), record=False)
    job = tmp_path / "job.yaml"
    job.write_text(JOB.replace("BASE", server.url).replace("EXISTING", existing))
    dests = [tmp_path / "undisturbed", tmp_path / "killed"]
    for dest in dests if existing == "overwrite" else []:
        (dest / "covers").mkdir(parents=True)
        for number in range(10, 40):
            (dest / "covers" / f"{number}.png").write_bytes(b"it stood there")

    def start(dest: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "scraper", "run", str(job), "-d", str(dest), "--json", "-q"]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def finished(dest: Path) -> Any:
        process = start(dest)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err.decode()
        return ran(Told(json.loads(out)["run"], process.returncode), dest)

    undisturbed = finished(dests[0])
    codes = []
    for _ in range(KILLS):
        what, times = chance.choice([("request", 50), ("piece", 100)])
        process = trigger.aim(lambda: start(dests[1]), what, chance.randint(3, times))
        process.communicate(timeout=60)
        codes.append(process.returncode)
    ended = finished(dests[1])

    assert codes == [-9] * KILLS
    assert result(ended) == result(undisturbed)
    assert result(ended).parts == []
    assert len(ended.files) == FILES
    assert max(result(ended).endings.values()) == 1
    rows = ended.view("v_files")
    assert {(row["url"], row["sha256"]) for row in rows} == {(row["url"], hash_of(row["url"])) for row in rows}
    assert {row["path"]: row["sha256"] for row in rows} == {
        path: sha256(content).hexdigest() for path, content in ended.files.items()
    }


def hash_of(url: str) -> str:
    return sha256(content("/" + url.partition("//")[2].partition("/")[2])).hexdigest()
