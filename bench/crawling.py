"""W7: pages read and followed. What is measured is the work on a page, so what counts as right is a page whose
records are all there, in the one JSON Lines file that each program writes, with the values that the site's maker knows.

Where our own time goes is told by one more run of each of our programs, in one process with timers around its stages
(where.py); it is not among the rounds.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench import web
from bench.environments import ROOT
from bench.measure import Command, run
from bench.methods import Bench, Case, Noise, fresh, last_words, task
from bench.peers import PAGE_JOB, PEERS, Want
from bench.results import Checked, Result
from bench.servers import nginx

COUNT = 5_000
AT_ONCE = 8  # our page threads; the other side gets as many
PROGRAMS = {
    "html": ("scraper-pages", "scraper-lexbor", "scrapy-pages"),
    "json": ("scraper-pages", "scrapy-pages"),
}
OURS = {"ours / it": "scraper-pages", "lexbor / it": "scraper-lexbor"}


def many_pages(bench: Bench) -> Iterator[Case]:
    """W7: pages of a closed site, from its first one on."""
    count = bench.many(COUNT)
    for kind in web.KINDS:
        root = bench.cache / "sites" / "pages"
        files = web.pages(root, count, kind)
        folder = root / f"{kind}-{count}"
        size = sum(file.size for file in files) / count / 1000
        with bench.folder("nginx") as place, nginx(place / "server", folder) as server:
            wants = [Want(f"{server.base}/{file.name}", file.name, file.sha256, file.size) for file in files]
            programs = PROGRAMS[kind]
            yield Case(
                "W7", f"{count} pages of {kind.upper()}", wants, programs, crawl, server, unit="pages/s",
                settings={"jobs": AT_ONCE}, site=(folder, files), ours=_ours(programs),
                about=f"{size:.1f} KB in the mean, {web.LINKS} links each of which {web.REPEATED} repeat another one of"
                f" the page; found by following links from the first page, {AT_ONCE} requests at once,"
                f" {'a record' if kind == 'html' else f'{web.ROWS} records'} of each page written as a line of JSON."
                " Shares of CPU time: one more run of ours, with timers around its stages.",
            )  # fmt: skip


def _ours(programs: Sequence[str]) -> dict[str, str]:
    return {heading: name for heading, name in OURS.items() if name in programs}


def crawl(bench: Bench, case: Case, peer: str, turn: int) -> Result:
    """The program crawls the site into a fresh folder; one of ours tells in its first round where its time goes."""
    with bench.folder(peer) as place:
        dest, log = fresh(place), place / "log.txt"
        command = PEERS[peer].call(task(bench, case, place), dest, bench.tools)
        case.prepare()
        with Noise(case.server) as noise:
            usage = run(command, timeout=bench.timeout, log=log)
        checked = judge(dest / "records.jsonl", case.wants)
        note = last_words(log) if usage.exit_code else ""
        extra = shares(bench, place) if turn == 0 and not usage.exit_code and (place / PAGE_JOB).exists() else {}
        return Result(peer, turn, usage, checked, noise.others(usage), noise.server(usage), extra, note)


def judge(written: Path, wants: Sequence[Want]) -> Checked:
    """Compares the records with those that the pages hold; a page is right where all of its own are there."""
    kind, count = wants[0].name.rpartition(".")[2], len(wants)
    found = Counter(_lines(written))
    right = 0
    for number in range(count):
        own = Counter(_text(record) for record in web.records(number, count, kind))
        right += own <= found
        found -= own
    return Checked(right, found.total(), count - right, sum(want.size for want in wants) if right == count else 0)


def _lines(written: Path) -> Iterator[str]:
    if written.exists():
        with written.open(encoding="utf-8") as lines:
            for line in lines:
                yield _text({key: value for key, value in json.loads(line).items() if not key.startswith("_")})


def _text(record: dict[str, Any]) -> str:
    return json.dumps(record, sort_keys=True)


def shares(bench: Bench, place: Path) -> dict[str, float]:
    """Of the CPU time of the run whose job lies at PLACE, in percent."""
    told, dest = place / "shares.json", place / "again"
    job = str(place / PAGE_JOB)
    argv = [str(Path(bench.tools.scraper).with_name("python")), "-m", "bench.where", job, str(dest), str(told)]
    usage = run(Command(argv, env={"PYTHONPATH": str(ROOT)}), timeout=bench.timeout, log=place / "where.txt")
    if usage.exit_code:
        return {}
    found: dict[str, float] = json.loads(told.read_text("utf-8"))
    found["rest"] = usage.cpu - sum(found.values())
    return {f"{stage} %": 100 * seconds / usage.cpu for stage, seconds in found.items()}
