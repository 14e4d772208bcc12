"""The whole story of a URL or file: how it was found, each attempt, how it ended, what stands on the disk.

    text -> called.subjects -> story.met, in each run -> Story

A URL may stand several times (a page that is a file too; a link that is read as another page): a story each.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scraper.model import Stood
from scraper.run.advice import Advice, advice_for
from scraper.run.answers.again import Again, again
from scraper.state import story
from scraper.state.called import Subject
from scraper.state.db import Database
from scraper.state.story import Attempt, ItemOf, Lost, Met
from scraper.values import dataclass

ITEMS = 3
"""How many items of a page are told."""
LONGEST_WAY = 100
"""Links between the start and a page that are followed back."""
Look = Callable[[str], Stood | None]


@dataclass(frozen=True, slots=True)
class Disk:
    """What stands under a file's name now, and what the ledger knows of it.

    Attributes:
        path: below dest; size, sha256: as the ledger has them, None: nothing came under this name yet.
        found: bytes that stand there now; None: no file does. is_folder: whether a folder does.
    """

    path: str
    size: int | None
    sha256: str | None
    found: int | None
    is_folder: bool = False

    @property
    def word(self) -> str:
        """stands | changed | missing | folder | foreign (nothing of ours came, and something stands there) | none."""
        if self.is_folder:
            return "folder"
        if self.size is None:
            return "none" if self.found is None else "foreign"
        return "missing" if self.found is None else "stands" if self.found == self.size else "changed"


@dataclass(frozen=True, slots=True)
class Story:
    """One page or file.

    Attributes:
        kind: page or file; key: of a file.
        now: in the run that is told; runs: in each run, the newest first.
        advice: of its ending; again: whether it is tried again.
        attempts: those before the last one.
        way: the pages back to the start, the nearest first.
        items: the first of `item_count`; lost: what failed on the page.
        disk: of a file that has a name.
        redirected: whether a page has gone on to another URL, or another one led to it.
        run_kind: of the run that is told: run, retry, repair or adopt; job: its name.
    """

    kind: str
    key: str | None
    now: Met
    runs: tuple[Met, ...]
    advice: Advice
    again: Again
    attempts: tuple[Attempt, ...] = ()
    way: tuple[Met, ...] = ()
    items: tuple[ItemOf, ...] = ()
    item_count: int = 0
    lost: tuple[Lost, ...] = ()
    disk: Disk | None = None
    redirected: bool = False
    run_kind: str = "run"
    job: str = ""

    def as_dict(self) -> dict[str, Any]:
        """As `scraper why --json` prints it; times in ISO 8601."""
        now = self.now
        return {
            "kind": self.kind,
            "url": now.url,
            "method": now.method,
            "key": self.key,
            "run": now.run,
            "run_kind": self.run_kind,
            "ending": ending_of(now),
            "status": now.status,
            "message": now.why,
            "what": self.advice.what,
            "todo": self.advice.todo,
            "ended": iso(now.ended),
            "seconds": now.seconds,
            "attempts": [*map(_attempt, self.attempts), *_last_attempt(now)],
            "redirected": self.redirected or now.final is not None,
            "final": now.final,
            "rules": list(rules_of(now)),
            "found_on": now.found_on,
            "way": [_step(each) for each in self.way],
            "start": start_of(self.way[-1] if self.way else now),
            "items": [_item(each) for each in self.items],
            "item_count": self.item_count,
            "failures": [{"url": each.url, "class": each.name, "message": each.message} for each in self.lost],
            "file": None if self.disk is None else _file(self.disk, now.type),
            "again": {"next_run": self.again.next_run, "retry": self.again.retry, "how": self.again.told},
            "runs": [{"run": each.run, "ending": ending_of(each), "ended": iso(each.ended)} for each in self.runs],
        }


# -- telling -------------------------------------------------------------------------------------------------


def paths_of(text: str, dest: Path) -> Iterator[str]:
    """As what paths below dest a text may be read: as it is, or as a path of the file system."""
    yield os.path.normpath(text) if text else ""
    root = os.path.realpath(dest)
    for full in (os.path.abspath(text), os.path.realpath(text)):
        for folder in (os.path.abspath(dest), root):
            if full.startswith(folder + os.sep):
                yield full[len(folder) + 1 :]


def stories(db: Database, subjects: list[Subject], look: Look, run: str | None = None) -> list[Story]:
    """What there is to tell; without those that a run did not meet, where one is named."""
    found = (_story(db, subject, look, run) for subject in subjects)
    return sorted((each for each in found if each is not None), key=lambda each: each.kind == "file")


def _story(db: Database, subject: Subject, look: Look, run: str | None) -> Story | None:
    runs = story.met(db, subject)
    now = next((each for each in runs if run in (None, each.run)), None)
    if now is None:
        return None
    items, count = story.items_of(db, now, ITEMS)
    disk = _disk(db, subject, now, look) if subject.kind == "file" else None
    its_run = story.runs(db)[now.run]
    kind = its_run.kind if (now.kind, now.ending) != ("page", "skipped:limit") else "run"
    advice = advice_for(ending_of(now), kind)
    stands = disk is not None and disk.word in ("stands", "foreign")
    return Story(
        subject.kind,
        subject.id if subject.kind == "file" else None,
        now,
        tuple(runs),
        advice,
        again(now, advice, stands=stands, is_open=its_run.open, run=kind),
        tuple(story.attempts(db, now.kind, now.id)),
        tuple(_way(db, now)),
        tuple(items),
        count,
        tuple(story.lost_on(db, now.run, now)) if now.kind == "page" else (),
        disk,
        now.kind == "page" and story.was_redirected(db, now.id),
        its_run.kind,
        its_run.job,
    )


def _way(db: Database, now: Met) -> Iterator[Met]:
    """The pages that led to it, until one that the start names."""
    seen, at = {now.url}, now
    for _ in range(LONGEST_WAY):
        page = None if at.found_on is None else story.page_at(db, now.run, at.found_on)
        if page is None or page.url in seen:
            return
        yield page
        seen.add(page.url)
        at = page


def _disk(db: Database, subject: Subject, now: Met, look: Look) -> Disk | None:
    known = story.newest_content(db, subject.id)
    path = known[0] if known is not None else now.path if now.complete else None
    if path is None:
        return None
    stood = look(path)
    size, digest = (None, None) if known is None else known[1:]
    is_folder = stood is not None and stood.is_folder
    return Disk(path, size, digest, None if stood is None or is_folder else stood.size, is_folder)


# -- words that JSON and lines share -------------------------------------------------------------------------


def ending_of(one: Met) -> str:
    """Its ending; `open` where it has none yet, `dropped` where its run was given up before."""
    return one.ending or ("dropped" if one.state == 2 else "open")


def rules_of(one: Met) -> tuple[str, ...]:
    """The rules that read a page, or the one that gave a file."""
    return one.rules or ((one.rule,) if one.rule else ())


def start_of(first: Met) -> dict[str, Any] | None:
    """Where in `start` it begins: the entry, counted from 0, and the row of its list; None: another page gave it."""
    if first.found_on is not None or not first.place:
        return None
    return {"entry": first.place[0], "row_index": first.row_index or None, "row": first.row}


def iso(ms: int | None) -> str | None:
    """A moment of the ledger, in UTC."""
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")


def _attempt(one: Attempt) -> dict[str, Any]:
    return {
        "n": one.n, "ended": iso(one.ended), "url": one.url, "status": one.status, "ending": f"failed:{one.name}",
        "message": one.why,
    }  # fmt: skip


def _last_attempt(now: Met) -> list[dict[str, Any]]:
    if not now.attempts or now.state != 1:
        return []
    return [
        {
            "n": now.attempts, "ended": iso(now.ended), "url": now.final or now.url, "status": now.status,
            "ending": now.ending, "message": now.why,
        }
    ]  # fmt: skip


def _step(page: Met) -> dict[str, Any]:
    return {"url": page.url, "rules": list(rules_of(page)), "n": page.n, "ending": ending_of(page)}


def _item(one: ItemOf) -> dict[str, Any]:
    return {
        "rule": one.rule, "key": one.key, "url": one.url, "fields": one.fields, "first_run": one.first_run,
        "last_run": one.last_run, "gone": one.gone,
    }  # fmt: skip


def _file(disk: Disk, kind: str | None) -> dict[str, Any]:
    return {
        "path": disk.path, "on_disk": disk.word, "bytes": disk.size, "sha256": disk.sha256, "type": kind,
        "bytes_now": disk.found,
    }  # fmt: skip
