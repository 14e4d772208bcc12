"""Killed at every step of the protocol: the next run ends as if nothing had happened (DESIGN 4.2).

A process that dies is played in process. `Death(at)` lets so many steps happen and no more: a step is what
changes the disk or the ledger (a link, a rename, an unlink, a folder or file made, bytes written, a commit,
before it and after it). The step it dies at raises Dead, of bytes a half still arrives, and whatever cleans up
afterwards finds that nothing works any more: a killed process cleans up nothing either.
"""

from __future__ import annotations

import json
import os
import random
import re
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import yaml

from scraper.files import parts
from scraper.job.load import from_data
from scraper.job.loaded import Loaded
from scraper.run import runner
from scraper.run.events import Events
from scraper.run.kit import Options
from scraper.server import Response, Site

pytestmark = pytest.mark.slow

_CALLS = ("link", "unlink", "rename", "replace", "mkdir", "rmdir")


class Dead(BaseException):
    """The process is no more."""


class Death:
    """Counts steps; from step `at` on nothing works. None: never. `trace` names the steps.

    Without `renames` names are given by hard links, as where the system has no renameat2.
    """

    def __init__(self, at: int | None = None, *, renames: bool = True) -> None:
        self._renames = renames
        self.trace: list[str] = []
        self._at = at
        self._lock = threading.Lock()
        self._ledgers: list[sqlite3.Connection] = []

    @property
    def happened(self) -> bool:
        return self._at is not None and len(self.trace) >= self._at

    def step(self, name: str) -> None:
        with self._lock:
            self.alive()
            self.trace.append(name)
            self.alive()

    def alive(self) -> None:
        if self.happened:
            raise Dead

    @contextmanager
    def awaited(self) -> Iterator[Death]:
        """Everything that happens inside may die."""
        with pytest.MonkeyPatch.context() as patch:
            for name in _CALLS:
                patch.setattr(os, name, self._before(name, getattr(os, name)))
            patch.setattr(os, "open", self._opening(os.open))
            patch.setattr(parts, "_renameat2", self._before("renameat2", parts._renameat2) if self._renames else None)
            patch.setattr(os, "pwritev", self._halving_pieces(os.pwritev))
            patch.setattr(Path, "write_bytes", self._halving("write_bytes", Path.write_bytes))
            patch.setattr(Path, "write_text", self._halving("write_text", Path.write_text))
            patch.setattr(sqlite3, "connect", self._connecting(sqlite3.connect))
            try:
                yield self
            finally:
                for ledger in self._ledgers:
                    ledger.close()

    def _before(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.step(name)
            return real(*args, **kwargs)

        return call

    def _opening(self, real: Callable[..., int]) -> Callable[..., int]:
        def call(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
            if flags & os.O_CREAT:
                self.step("open")
            return real(path, flags, *args, **kwargs)

        return call

    def _halving(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(to: Any, content: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                self.step(name)
            except Dead:
                if self.trace[-1] == name:
                    real(to, content[: len(content) // 2], *args, **kwargs)
                raise
            return real(to, content, *args, **kwargs)

        return call

    def _halving_pieces(self, real: Callable[..., int]) -> Callable[..., int]:
        def write(to: int, content: bytes, at: int) -> int:
            return real(to, [content], at)

        halving = self._halving("pwritev", write)
        return lambda to, pieces, at: halving(to, b"".join(pieces), at)  # type: ignore[no-any-return]

    def _connecting(self, real: Callable[..., sqlite3.Connection]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> _Ledger:
            connection = real(*args, **kwargs)
            self._ledgers.append(connection)
            return _Ledger(connection, self)

        return call


class _Ledger:
    """A connection whose commits are steps; a statement outside of a transaction is a commit too."""

    def __init__(self, real: sqlite3.Connection, death: Death) -> None:
        self.__dict__.update(_real=real, _death=death)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._real, name, value)

    def execute(self, sql: str, *values: Any) -> Any:
        sql = sql.replace("synchronous = NORMAL", "synchronous = OFF")  # no power is cut here
        word = sql.split(maxsplit=1)[0]
        commits = word == "COMMIT" or (word in ("INSERT", "UPDATE", "DELETE") and not self._real.in_transaction)
        return self._do(commits, self._real.execute, sql, *values)

    def executescript(self, sql: str) -> Any:
        return self._do(True, self._real.executescript, sql)

    def executemany(self, sql: str, rows: Any) -> Any:
        return self._do(False, self._real.executemany, sql, rows)

    def _do(self, commits: bool, real: Callable[..., Any], *args: Any) -> Any:
        if not commits:
            self._death.alive()
            return real(*args)
        self._death.step("before commit")
        result = real(*args)
        self._death.step("after commit")
        return result


# -- the job ---------------------------------------------------------------------------------------------

JOB = """
name: library
vars: {base: BASE}
start: ["{{ base }}/list/1"]
polite: {per_host: 1, robots: ignore}
rules:
  list:
    each: "div.card"
    item: {name: "b"}
    files: {select: "img", path: "direct/{{ filename }}"}
    follow: {book: "a.book"}
    next: {css: "a.next::attr(href)", root: true}
  book:
    item: {title: "h1", by: "{{ parent.name | default(parent.title) }}"}
    files: ["img", {select: "a.doc", path: "docs/{{ filename }}"}]
    follow: {book: "a.more"}
files: {path: "pictures/{{ filename }}", jobs: 1}
"""
LISTS = {
    1: '<div class=card><b>one</b><a class=book href="/book/1">1</a></div><a class=next href="/list/2">next</a>',
    2: '<div class=card><b>two</b><img src="/f/direct.png"></div><a class=next href="/list/3">next</a>',
    # What the books found before is found here again, nearer to the start: another name, another parent.
    3: '<div class=card><b>three</b><img src="/f/shared.png"></div><a class=next href="/list/4">next</a>',
    4: '<div class=card><b>four</b><a class=book href="/book/deep">deep</a></div>',
}
BOOKS = {
    "1": '<img src="/f/shared.png"><img src="/f/1/same.png"><img src="/f/2/same.png">'
    '<a class=doc href="/d/paper">paper</a><a class=more href="/book/deep">more</a>',
    "deep": '<img src="/f/deep.png"><a class=doc href="/d/paper?again">again</a><a class=doc href="/d/notes">notes</a>',
}
TARGETS = re.findall(r'"(/[df]/[^"]+)"', "".join([*LISTS.values(), *BOOKS.values()]))
STOOD = {"pictures/deep.png": b"theirs", "direct/direct.png": b"theirs too", "docs/notes.pdf": b"mine"}


def content(target: str) -> bytes:
    return sha256(target.encode()).digest() * 40


def answer(request: Any, media_type: str) -> Response:
    etag = f'"{request.target}"'
    status = 304 if request.headers.get("if-none-match") == etag else 200
    return Response(
        status, {"Content-Type": media_type, "ETag": etag}, b"" if status == 304 else content(request.target)
    )


@pytest.fixture
def library(site: Site) -> Site:
    @site.route("/list/<number>")
    def lists(request: Any, number: str) -> str:
        return LISTS[int(number)]

    @site.route("/book/<name>")
    def book(request: Any, name: str) -> str:
        return f"<h1>{name}</h1>{BOOKS[name]}"

    @site.route("/d/<name>")
    def document(request: Any, name: str) -> Any:
        return answer(request, "application/pdf")

    @site.route("/f/<path:name>")
    def file(request: Any, name: str) -> Any:
        return answer(request, "image/png")

    return site


@dataclass(frozen=True)
class Result:
    """What is there in the end. Of two files with one name, either may bear it: `~` and its digits are left out."""

    code: int
    files: list[tuple[str, str]]
    records: list[Any]
    endings: list[tuple[str, str]]
    pages: list[tuple[str, str]]
    untrue: list[str]
    parts: list[str]


def result(ended: Any) -> Result:
    files, pages = ended.view("v_files"), ended.view("v_pages")
    return Result(
        ended.code,
        sorted((_bare(path), digest(content)[:8]) for path, content in ended.files.items()),
        [json.loads(_bare(json.dumps(record))) for record in ended.records],
        sorted((_path(row), row["ending"]) for row in files),
        sorted((_path(row), row["ending"]) for row in pages),
        [row["path"] for row in files if row["ending"] == "saved" and not _as_told(ended, row)],
        [path.name for path in ended.dest.rglob("*.part")],
    )


def digest(content: bytes) -> str:
    return sha256(content).hexdigest()


def _path(row: Any) -> str:
    return str(row["url"]).partition("//")[2].partition("/")[2]


def _bare(text: str) -> str:
    return re.sub(r"~[0-9a-f]{8}", "", text)


def _as_told(ended: Any, row: Any) -> bool:
    """Whether a saved file is on the disk as the ledger says."""
    stands = ended.files.get(row["path"], b"")
    return (len(stands), digest(stands)) == (row["bytes"], row["sha256"])


@pytest.fixture
def book_run(library: Site, serve: Any, ran: Any, tmp_path: Path, monkeypatch: Any) -> Callable[..., Any]:
    """Runs the job in a folder of its own by name, with one thread for each kind of work."""
    monkeypatch.setattr(runner, "PAGE_THREADS", 1)
    job = yaml.safe_load(JOB)
    server = serve(library)
    job["vars"]["base"] = server.url

    @cache
    def loaded(existing: str) -> Loaded:
        return from_data({**job, "files": {**job["files"], "existing": existing}}, folder=tmp_path)

    def run_it(name: str, existing: str, death: Death | None = None) -> Any:
        dest = tmp_path / name
        if not dest.exists():
            for path, bytes_ in STOOD.items():
                (dest / path).parent.mkdir(parents=True, exist_ok=True)
                (dest / path).write_bytes(bytes_)
        with (death or Death()).awaited():
            return ran(runner.run(loaded(existing), Options(dest=dest), Events()), dest)

    run_it.log = server.log  # type: ignore[attr-defined]
    return run_it


def whole_files(dest: Path) -> set[str]:
    """The files, by their targets, that stand there as they are served."""
    stands = {path.read_bytes() for path in dest.rglob("*") if path.suffix in (".png", ".pdf")}
    return {target for target in TARGETS if content(target) in stands}


POLICIES = ("skip", "overwrite", "check")
STRIDE = 2
"""Into so many tests, which several processes may share, the steps are dealt."""


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    ("existing", "first"),
    [("overwrite", 1), *(pytest.param(*each, marks=SLOW) for each in [("overwrite", 2), ("skip", 1), ("skip", 2)])],
)
def test_killed_at_any_step_the_next_run_ends_as_if_nothing_had_happened(
    book_run: Any, existing: str, first: int, tmp_path: Path
) -> None:
    life = Death()
    expected = {1: result(book_run("undisturbed", existing, life)), 2: result(book_run("undisturbed", existing))}
    for at in range(first, len(life.trace) + 1, STRIDE):
        death = Death(at)
        with suppress(Dead):  # threads do not always take the same number of steps
            book_run(f"killed-{at}", existing, death)
        whole, asked = whole_files(tmp_path / f"killed-{at}"), len(book_run.log)
        ended = book_run(f"killed-{at}", existing)
        runs = len(ended.view("v_runs", whole=True))  # the last step of all closes the run
        assert result(ended) == expected[runs], f"killed at step {at}: {death.trace[-4:]}"
        again = {seen.target for seen in book_run.log[asked:] if seen.target.startswith(("/f/", "/d/"))} & whole
        assert again == set() or runs == 2, f"killed at step {at}: {death.trace[-4:]}"


@pytest.mark.parametrize("existing", ["skip", *(pytest.param(each, marks=SLOW) for each in POLICIES if each != "skip")])
def test_killed_again_while_it_recovers_the_third_run_ends_so_too(book_run: Callable[..., Any], existing: str) -> None:
    life = Death()
    expected = {1: result(book_run("undisturbed", existing, life)), 2: result(book_run("undisturbed", existing))}
    chance = random.Random(existing)
    for at in chance.sample(range(1, len(life.trace)), 10):
        name, again = f"killed-{at}", chance.randrange(1, 30)
        for death in (Death(at), Death(again)):
            with suppress(Dead):
                book_run(name, existing, death)
        ended = book_run(name, existing)
        runs = len(ended.view("v_runs", whole=True))
        assert result(ended) == expected.get(runs, expected[2]), f"killed at step {at}, and then at {again}"


@pytest.mark.parametrize("existing", ["skip", "check"])
def test_a_second_run_asks_for_no_file_and_changes_nothing(book_run: Callable[..., Any], existing: str) -> None:
    first, second = book_run("twice", existing), book_run("twice", existing)
    assert (second.files, second.records) == (first.files, first.records)
    assert (second.code, second.summary.files.saved) == (0, 0)
