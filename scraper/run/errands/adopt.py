"""The errand `adopt`: files that are there already become files of the job, without being downloaded.

    the pages are read as ever, names reserved; when all are read, what lies in the folder is noted (state/shelf.py)
    each open file -> candidates: by its whole path, its last name, the end of its URL -> judged as a download would be
    -> a hard link, or a copy, as its part -> its name -> saved

Nothing of the folder is changed, unless files are to be moved: then each is removed when its new name stands. A file
that finds nothing ends as `skipped:limit`, and the next run fetches it; so does one whose candidate is not what it
should be. What stands under its name in the output folder ends as `skipped:exists`, as in any run; where the ledger
does not know it yet, it is judged and hashed, so that `verify` knows it.

A run that was killed goes on: what got its name is found whole (state/recovery.py), and a part is removed, which is
only a second name of what it is a part of.
"""

from __future__ import annotations

import logging
import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scraper import errors
from scraper.download.sums import STEP, Sums
from scraper.files import claims, naming
from scraper.files.carry import COPIED, carry
from scraper.files.checks import check_for
from scraper.files.parts import OutputFolder
from scraper.files.types import extension_for, type_for
from scraper.model import Download, Outcome
from scraper.run import rows
from scraper.run.errand import Errand
from scraper.run.errands.retry import refuse_open
from scraper.run.events import printable
from scraper.run.kit import Kit
from scraper.state import adopted
from scraper.state.ledger import FileTask
from scraper.state.shelf import REFUSED, TAKEN, Lying, Shelf

if TYPE_CHECKING:
    from scraper.job.model import Job
    from scraper.state.db import Database

log = logging.getLogger("scraper")
BY = ("any", "path", "name")
HOW = ("link", "copy", "move")
AT_ONCE = 500
"""Files that are ended in one go; then what they came to is written."""
NOT_FOUND = "skipped:limit"
"""The ending of what is left to the next run."""


@dataclass
class Adopted:
    """What it came to; sizes in bytes.

    Attributes:
        files, bytes: what was adopted; copied: of these, what no link could be made of.
        known: what stood under its name, and is known to the ledger now.
        refused: candidates that are not what they should be, by class.
        missing: files for which nothing was found; ambiguous: of these, those for which there was too much.
        unwanted: files of the folder that nothing of the job asks for.
    """

    files: int = 0
    bytes: int = 0
    copied: int = 0
    known: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    missing: int = 0
    ambiguous: int = 0
    unwanted: int = 0


class Adopt(Errand):
    """Adopts what lies in a folder.

    Args:
        folder: where; it may be the output folder, or hold it.
        by: how files are looked for: path, name, or any.
        how: link (else copy), copy, move.

    Attributes:
        result: what it came to, when the run has ended.
        unwanted: paths below the folder that nothing of the job asks for, at most `most`.
    """

    kind = "adopt"
    fetches = False
    ends_dry = True

    def __init__(self, folder: Path, by: str = "any", how: str = "link", most: int = 0) -> None:
        self._folder, self._by, self._how, self._most = folder, by, how, most
        self._work: _Work | None = None
        self.result = Adopted()
        self.unwanted: list[str] = []

    def job(self, job: Job) -> Job:
        """What stands under its name is left as it is."""
        return job.model_copy(update={"files": job.files.model_copy(update={"existing": "skip"})})

    def mark(self) -> Any:
        """The same folder, looked through in the same way."""
        return [str(self._folder.resolve()), self._by, self._how]

    def check(self, db: Database, job: str) -> None:
        """Looks whether it may be.

        Raises:
            UsageError: an ordinary run is open.
        """
        refuse_open(db, "an adoption")

    def seed(self, kit: Any) -> Iterator[None]:
        """As any run begins."""
        return rows.queue_entries(kit)

    def end_files(self, kit: Kit, *, seeded: bool) -> Sequence[Outcome]:
        """Waits until all is read: only then it is known how many files ask for the same one."""
        if not seeded or kit.ledger.pending["page"] or not kit.window.is_empty:
            return ()
        return self._begun(kit).go_on()

    def walked(self, kit: Kit) -> None:
        """What stands in the output folder already, and what is left over."""
        if not kit.engine.is_stopping():
            self.unwanted = self._begun(kit).end(self._most)
        if self._work is not None:
            self._work.close()

    def _begun(self, kit: Kit) -> _Work:
        if self._work is None:
            self._work = _Work(kit, self._folder, self._by, self._how, self.result)
        return self._work


class _Work:
    """What is done when the pages are read."""

    def __init__(self, kit: Kit, folder: Path, by: str, how: str, result: Adopted) -> None:
        self._kit, self._by, self._how, self._result = kit, by, how, result
        self._dir = OutputFolder(folder, create=False)
        self._root = folder
        self._run = kit.ledger.db.value("SELECT id FROM runs WHERE run = ?", kit.run.id)
        self._met = -1
        self._shelf = Shelf(kit.ledger.db)
        goal, own = kit.disk.root.resolve(), folder.resolve()
        self._inside = own.relative_to(goal).as_posix() if own.is_relative_to(goal) else None
        self._above = goal.relative_to(own).as_posix() if goal.is_relative_to(own) and goal != own else None
        self._shelf.note(each for each in self._dir.walk() if self._may_be_taken(each[0]))
        self._shelf.bar(None if self._inside == "." else self._inside)

    def _may_be_taken(self, path: str) -> bool:
        """Whether it is neither ours, nor in the output folder below, nor called what no ledger can say."""
        is_ours = ".scraper" in path.split("/") or path.endswith(".part")
        is_ours = is_ours or path in self._kit.own_names
        is_below = self._above is not None and path.startswith(f"{self._above}/")
        return not is_ours and not is_below and _is_text(path)

    # -- open files ------------------------------------------------------------------------------------------

    def go_on(self) -> Sequence[Outcome]:
        """Ends some of the open files; gives how."""
        ledger = self._kit.ledger
        if ledger.files_met() != self._met:
            self._met = ledger.files_met()
            self._shelf.want(self._run)
        room, ended = AT_ONCE, list[Outcome]()
        for host, _ in ledger.pending_hosts("file"):
            for task in ledger.next_files(host, room, set()):
                if self._kit.engine.is_stopping():
                    break
                outcome = self._end(task)
                ledger.finish(task.id, outcome)
                ended.append(outcome)
            room = AT_ONCE - len(ended)
            if room <= 0 or self._kit.engine.is_stopping():
                break
        self._kit.events.files_ended(ended)
        return ended

    def _end(self, task: FileTask) -> Outcome:
        found, why = self._found(task)
        if found is None:
            self._result.missing += 1
            return Outcome(NOT_FOUND, task.path, task.download.url, attempts=0, why=why)
        lying, judged = found
        if self._kit.options.dry:
            self._kit.events.planned(judged.path)
            outcome = Outcome("skipped:dry run", judged.path, task.download.url, attempts=0)
        else:
            outcome = self._taken(task, lying, judged)
        self._shelf.end(lying, TAKEN)
        if outcome.ending in ("saved", "skipped:dry run"):
            self._result.files += 1
            self._result.bytes += judged.outcome.bytes
        return outcome

    def _found(self, task: FileTask) -> tuple[tuple[Lying, _Judged] | None, str]:
        """The candidate that is as it should be; else why there is none."""
        why, is_unclear = f"not found in {self._root}", False
        for lying, is_sure in self._candidates(task):
            if not is_sure and not task.download.digests:
                is_unclear = True
                continue
            path = self._path_for(task, lying)
            try:
                return (lying, self._judged(self._dir, lying.path, task.download, path)), ""
            except errors.RequestError as error:
                why = f"{lying.path} is there, but {error.message}"
                if is_sure:
                    self._refuse(self._root / lying.path, error)
                    self._shelf.end(lying, REFUSED)
        if is_unclear:
            self._result.ambiguous += 1
            why = f"several files of {self._root}, or of the job, bear its last name, and nothing tells which it is"
        return None, why

    def _candidates(self, task: FileTask) -> Iterator[tuple[Lying, bool]]:
        """What may be the file, the surest first, and whether it is sure enough without a digest."""
        path, complete = task.path, task.complete
        if self._by != "name":
            lying = self._shelf.by_path(path, complete=complete)
            if lying is not None:
                yield lying, True
        if self._by != "path":
            for found in self._shelf.by_name(path, task.download.url, complete=complete):
                yield from ((each, len(found) == 1 and each.wanted == 1) for each in found)

    def _path_for(self, task: FileTask, lying: Lying) -> str:
        """The path that the file would have with what this candidate tells of its ending."""
        if task.complete:
            return task.path
        ext = naming.known_ext(lying.path.rpartition("/")[2]) or self._ext_by_bytes(lying.path)
        return naming.complete(task.download.path, ext, records_name=self._kit.own_names)

    def _ext_by_bytes(self, path: str) -> str:
        try:
            with self._dir.reading(path) as descriptor:
                return extension_for(claims.shown(os.pread(descriptor, claims.SNIFFED, 0)) or "")
        except OSError:
            return ""

    def _refuse(self, path: Path, error: errors.RequestError) -> None:
        self._result.refused[error.ending.partition(":")[2]] += 1
        log.warning("%s: not adopted: %s", path, error.message)

    # -- judged ----------------------------------------------------------------------------------------------

    def _judged(self, folder: OutputFolder, path: str, download: Download, goal: str) -> _Judged:
        """What a file is, hashed.

        Raises:
            RequestError: it is not what it should be, or cannot be read.
        """
        try:
            with folder.reading(path) as descriptor:
                return _judge(descriptor, path, download, goal, self._kit)
        except OSError as error:
            raise errors.WriteError(download.url, f"it cannot be read: {error.strerror}") from error

    # -- taken -----------------------------------------------------------------------------------------------

    def _taken(self, task: FileTask, lying: Lying, judged: _Judged) -> Outcome:
        """The file with its part and its name; the outcome that this comes to."""
        if not task.complete:
            named = self._kit.ledger.complete_name(task, judged.path)
            if named.ending is not None:
                return Outcome(named.ending, named.path, task.download.url, why="a file stands under its name")
            task = replace(task, path=named.path, complete=True, part=named.part, stood=named.stood)
        try:
            return self._placed(task, lying, judged)
        except OSError as error:
            return Outcome(NOT_FOUND, task.path, task.download.url, attempts=0, why=f"{lying.path}: {error.strerror}")

    def _placed(self, task: FileTask, lying: Lying, judged: _Judged) -> Outcome:
        disk, part = self._kit.disk, task.part
        assert part is not None, "a complete name has a part"
        if disk.is_durable:
            self._kit.ledger.db.sync()
        disk.remove(part)  # one of ours: the ledger gave it a name that nothing bore
        how = carry(self._dir, lying.path, disk, part, may_link=self._how != "copy")
        if not judged.is_still(disk, part, is_copy=how == COPIED):
            disk.remove(part)
            return Outcome(NOT_FOUND, task.path, task.download.url, attempts=0, why=f"{lying.path} changes meanwhile")
        try:
            disk.finish(part, task.path)
        except FileExistsError:
            disk.remove(part)
            why = "something appeared under its name meanwhile"
            return Outcome("skipped:exists", task.path, task.download.url, attempts=0, why=why)
        disk.keep_file(task.path)
        disk.keep_name(task.path)
        if self._how == "move":
            self._dir.remove(lying.path)
        self._result.copied += how == COPIED
        return replace(judged.outcome, path=task.path, why=f"adopted from {printable(str(self._root / lying.path))}")

    # -- the end ---------------------------------------------------------------------------------------------

    def end(self, most: int) -> list[str]:
        """What stands in the output folder is known; gives some of what nothing asked for."""
        self._kit.ledger.flush()
        if not self._kit.options.dry:
            self._know_there()
        self._shelf.want(self._run, ended=True)
        self._result.unwanted = self._shelf.unwanted_count()
        return [path for path, _ in zip(self._shelf.unwanted(), range(most), strict=False)]

    def _know_there(self) -> None:
        """Has the ledger know what stands under the names of this run, and is not known to it."""
        for there in adopted.unknown(self._kit.ledger.db, self._run):
            try:
                found = self._judged(self._kit.disk, there.path, there.download, there.path)
            except errors.RequestError as error:
                self._refuse(self._kit.disk.root / there.path, error)
            else:
                adopted.note(self._kit.ledger.db, there, found.outcome)
                self._result.known += 1

    def close(self) -> None:
        """Closes the folder."""
        self._dir.close()


_PICTURES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp", "image/bmp"})
"""Types that always show in the first bytes."""


@dataclass(frozen=True)
class _Judged:
    """A file that is what it should be.

    Attributes:
        path: its name, also where only the candidate told its ending.
        stood: what the system said of it when it was read.
    """

    path: str
    outcome: Outcome
    stood: os.stat_result

    def is_still(self, disk: OutputFolder, part: str, *, is_copy: bool) -> bool:
        """Whether a part holds what was judged."""
        if is_copy:
            return disk.sha256(part)[0] == self.outcome.sha256
        with disk.reading(part) as descriptor:
            now = os.fstat(descriptor)
        return (now.st_ino, now.st_size, now.st_mtime_ns) == (
            self.stood.st_ino, self.stood.st_size, self.stood.st_mtime_ns,
        )  # fmt: skip


def _judge(descriptor: int, path: str, download: Download, goal: str, kit: Kit) -> _Judged:
    stood = os.fstat(descriptor)
    assert stat.S_ISREG(stood.st_mode), "only files are read"
    check = check_for(download, download.url, goal, {}, kit.engine.demand_of(download))
    sums = Sums(check.algorithms)
    while data := os.pread(descriptor, STEP, sums.bytes):
        sums.add((data,))
    check.end(sums.bytes, lambda offset, count: os.pread(descriptor, count, offset), sums.hex)
    start = os.pread(descriptor, claims.SNIFFED, 0)
    if claims.promised_by_name(goal) in _PICTURES and not (claims.shown(start) or "").startswith("image/"):
        # A server's answer may lie a little and is kept; a file of unknown making has nothing but its bytes.
        raise errors.TypeMismatchError(download.url, "its name is that of a picture, and its bytes are none")
    media = claims.names(start, None, type_for(goal.rpartition(".")[2]))[0]
    outcome = Outcome(
        "saved", goal, download.url, bytes=sums.bytes, sha256=sums.hex(), type=media, attempts=0,
        why=f"adopted from {printable(path)}",
    )  # fmt: skip
    return _Judged(goal, outcome, stood)


def _is_text(path: str) -> bool:
    """Whether the bytes of a name are UTF-8."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
