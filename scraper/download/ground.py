"""What all files of a run share on their way to the output folder: settings, ledger, and the last step, the name.

The last step, in this order (DESIGN 4.1, 4.2): the part gets its modification time; it may become a second name of a
file with the same content (twins.py); with `files.durable` its bytes are synced; where it replaces something, or its
old note is not true any more, its inode is noted (T2) and the ledger synced; it gets the final name; with
`files.durable` that is synced too, before anybody is told that the file is saved.

With `files.durable` and `files.duplicates` all of this is done by threads that may wait (finishers.py).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

from scraper import errors, secrets
from scraper.download.finishers import Finishers
from scraper.download.sums import Follower
from scraper.download.twins import Twins
from scraper.files import dates, decide, resume
from scraper.files.checks import Demand, demand
from scraper.files.naming import Own
from scraper.files.parts import OutputFolder, Part
from scraper.model import Download, Outcome, PartNote
from scraper.net.courier import Courier
from scraper.state.files import Named
from scraper.state.ledger import FileTask, Ledger

if TYPE_CHECKING:
    from scraper.job.model import FileSettings

HELD = 32 * 1024 * 1024
"""Bytes of all files in flight that may wait in memory."""
_LEAST, _MOST = 32 * 1024, 1024 * 1024


RENOTED = 64 * 1024 * 1024
"""Bytes by which a part grows until it is noted anew, where loss of power is minded."""

Then = Callable[[Exception | None], None]
"""What is called when something is done, with what went wrong."""


class Flying(Protocol):
    """A file on its way, for whoever shows progress."""

    task: FileTask

    @property
    def received(self) -> int:
        """Bytes of it that are there."""
        ...

    @property
    def size(self) -> int | None:
        """Bytes it will have, where that was declared."""
        ...

    def close(self) -> None:
        """The run is over: what nobody works on, and nobody will, is closed."""
        ...


class _Noting(NamedTuple):
    """A note on its way to the ledger, and how many bytes it claims."""

    future: Future[None]
    bytes: int


class Ground:
    """Where files of one run land. May be used from many threads.

    Attributes:
        flying: the landings on their way, by file, for whoever shows progress.
        buffer: bytes of one file that wait in memory.
        boot: identity of this boot of the machine, for notes of parts.
        segments: exchanges at once for one file.
        sends_home: whether a file that would be split is left to the process of the run, in which this is not.
        alone: files that are fetched by one exchange, since what several brought was of no use.
        agent: by what X-Robots-Tag names us; None: it is not asked.
        is_stopping: whether the run ends before its work does: what can be continued is cut off then.
    """

    def __init__(
        self, courier: Courier, folder: OutputFolder, ledger: Ledger, settings: FileSettings, records: Own,
        boot: str, failed: Callable[[BaseException], None], is_stopping: Callable[[], bool] = lambda: False,
    ) -> None:  # fmt: skip
        self.courier = courier
        self.folder = folder
        self.ledger = ledger
        self.existing = settings.existing
        self.records = records
        self.boot = boot
        self.buffer = max(_LEAST, min(_MOST, HELD // settings.jobs))
        self.segments = settings.segments
        self.sends_home = False
        self.alone: set[int] = set()
        self.agent: str | None = None
        self.is_stopping = is_stopping
        self.flying: dict[int, Flying] = {}
        self.follower = Follower(failed)
        self._demand = demand(settings.accept.asked())
        self._by_server = settings.mtime == "server"
        self._twins = None if settings.duplicates == "keep" else Twins(folder, ledger, settings.duplicates)
        self._finishers = Finishers(failed) if folder.is_durable or self._twins is not None else None
        self._named = 0  # commits of the ledger that a part must not be ahead of
        self._noting: dict[int, _Noting] = {}

    def close(self) -> None:
        """Waits until all files whose last byte came are finished."""
        self.follower.close()
        if self._finishers is not None:
            self._finishers.close()
        for each in list(self.flying.values()):
            each.close()

    def apart(self, file: int, then: Then) -> Then:
        """What follows the last byte of a file, by a thread that may wait for the disk where the job's wishes need it.

        It comes after what was noted of the part.
        """
        return then if self._finishers is None else partial(self._put, file, then)

    def _put(self, file: int, then: Then, trouble: Exception | None) -> None:
        assert self._finishers is not None, "asked before"
        self._finishers.put(partial(self._do, self._noting.pop(file, None), then, trouble))

    def _do(self, noting: _Noting | None, then: Then, trouble: Exception | None) -> None:
        if noting is not None and (error := noting.future.exception()) is not None:
            trouble = error if isinstance(error, Exception) else trouble
        then(trouble)

    def demand_of(self, download: Download) -> Demand | None:
        """What the file must be."""
        return self._demand if download.accept is None else demand(download.accept)

    def resume_of(self, task: FileTask) -> resume.Resume | None:
        """How the part of a file that stands on the disk is continued, if at all."""
        if task.noted is None or task.part is None or not task.complete:
            return None
        stood = self.folder.look(task.part)
        if stood is None or stood.inode != task.noted.inode or task.noted.boot not in (self.boot, decide.ANY_BOOT):
            return None
        if (claimed := _claimed(task.noted)) is not None:
            return resume.resumed(replace(task.noted, ranges=None), min(claimed, stood.size))
        return resume.resumed(task.noted, stood.size)

    def discard(self, task: FileTask) -> FileTask:
        """Removes the part of a file, and before it what the ledger knows of it."""
        if task.noted is not None:
            self.ledger.forget_part(task.id)
            if self.folder.is_durable:
                self.ledger.db.sync()
            task = replace(task, noted=None)
        if task.part is not None:
            self.folder.remove(task.part)
            self.folder.keep_name(task.part)
        return task

    # -- parts -------------------------------------------------------------------------------------------

    def complete_name(self, task: FileTask, path: str) -> Named:
        """T1b: the whole name of a file."""
        named = self.ledger.complete_name(task, path)
        self._named = self.ledger.db.commits
        return named

    def open_part(self, path: str) -> Part:
        """A new part; where loss of power is minded, the ledger surely knows it before it is there.

        Raises:
            FileExistsError: something stands there; DiskError, OSError: the disk refuses.
        """
        if self.folder.is_durable:
            self.ledger.db.sync(self._named)
        return self.folder.open_part(path)

    def note(self, task: FileTask, part: Part, note: PartNote) -> None:
        """T2 of a part that grows: it can be continued. Where loss of power is minded, of what is on the disk then."""
        if not self.folder.is_durable or self._finishers is None:
            self.ledger.note_part(task.id, note)
            return
        ranges = ((0, part.bytes),) if note.ranges is None else note.ranges
        claim = replace(note, ranges=ranges, boot=decide.ANY_BOOT)
        noting = self._finishers.begin(partial(self._note_synced, task, part, claim))
        if noting is not None:
            self._noting[task.id] = _Noting(noting, part.bytes)

    def grown(self, task: FileTask, part: Part) -> None:
        """A part that was noted has grown: where loss of power is minded the note follows, some steps behind."""
        if not self.folder.is_durable or task.noted is None:
            return
        last = self._noting.get(task.id)
        behind = part.bytes - (_claimed(task.noted) or 0 if last is None else last.bytes)
        if behind >= RENOTED and (last is None or (last.future.done() and last.future.exception() is None)):
            self.note(task, part, replace(task.noted, ranges=None))

    def note_ranges(self, task: FileTask, part: Part, note: PartNote) -> bool:
        """T2 of a part that is written in several places; False: the last note is not on the disk yet."""
        last = self._noting.get(task.id)
        if last is not None and not last.future.done():
            return False
        self.note(task, part, note)
        return True

    def _note_synced(self, task: FileTask, part: Part, note: PartNote) -> None:
        try:
            part.sync()
        except OSError as error:
            url = secrets.display(task.download.url)
            raise errors.WriteError(url, f"{part.path}: {error.strerror}") from error
        self.ledger.note_part(task.id, note)

    # -- the final name ----------------------------------------------------------------------------------

    def give_name(self, task: FileTask, part: Part, saved: Outcome) -> Outcome:
        """The whole part gets its final name, unless something that came meanwhile stands there.

        Raises:
            DiskError, OSError: the disk refuses; the part stands.
        """
        times = self._times(saved.last_modified)
        if times is not None:
            part.stamp(times)
        held: AbstractContextManager[None] = nullcontext() if self._twins is None else self._twins.held(saved)
        with held:
            is_twin = self._twins is not None and self._twins.share(part, saved)
            placed = self._place(task, part, saved, is_twin=is_twin)
            if self._twins is not None:
                self._twins.learn(placed)
        self.folder.keep_name(task.path)
        return placed

    def place(self, task: FileTask, data: bytes, saved: Outcome) -> Outcome | None:
        """A small file from memory to its final name in one go; None: there is more to be minded than that.

        Raises:
            FileExistsError: something stands where its part should.
            DiskError, OSError: the disk refuses.
        """
        if task.stood is not None or self._finishers is not None:
            return None
        assert task.part is not None, "a complete name has a part"
        if self.folder.place(task.part, task.path, data, self._times(saved.last_modified)):
            return saved
        return self._came_between(task, Part(-1, task.part), saved)

    def _times(self, last_modified: str | None) -> tuple[float, float] | None:
        """Of access and modification, where a file bears the server's."""
        if not self._by_server or last_modified is None:
            return None
        now = self.courier.seconds()
        modified = dates.believed(last_modified, now)
        return None if modified is None else (now, modified)

    def _place(self, task: FileTask, part: Part, saved: Outcome, *, is_twin: bool) -> Outcome:
        if self.folder.is_durable and not is_twin:
            part.sync()
        replacing = task.stood is not None and self.existing in decide.REPLACING
        if replacing or (is_twin and task.noted is not None):
            self._note(task, part, saved)
        part.close()
        try:
            self._finish(part, task, replace=replacing)
        except FileExistsError:
            return self._came_between(task, part, saved)
        return saved

    def _finish(self, part: Part, task: FileTask, *, replace: bool) -> None:
        self.folder.finish(part.path, task.path, replace=replace)
        if replace and self._twins is not None:
            # A rename onto another name of the same file does nothing (POSIX): then the part stands yet.
            self.folder.remove(part.path)

    def _note(self, task: FileTask, part: Part, saved: Outcome) -> None:
        """T2: from now on what bears the name and is this inode is ours and whole."""
        inode = part.inode if part.descriptor >= 0 else self.folder.inode(part.path)
        self.ledger.note_part(
            task.id, PartNote(inode, None, saved.etag, saved.last_modified, saved.bytes, None, self.boot)
        )
        if self.folder.is_durable:
            self.ledger.db.sync()

    def _came_between(self, task: FileTask, part: Part, saved: Outcome) -> Outcome:
        """Something appeared under the name while the file was on its way: `existing` decides."""
        stood = self.folder.look(task.path)
        is_file = stood is not None and not stood.is_folder
        ending = decide.at_reservation(stood, self.existing) if is_file else decide.NAME_TAKEN
        if ending is not None:
            self.discard(task)
            why = "something appeared under its name meanwhile"
            return replace(saved, ending=ending, bytes=0, sha256=None, why=why)
        self._note(task, part, saved)
        self._finish(part, task, replace=True)
        return saved


def _claimed(note: PartNote) -> int | None:
    """Bytes from the beginning that a note claims, and no more; None: it claims all that stands there, or pieces."""
    if note.ranges is None or len(note.ranges) != 1 or note.ranges[0][0] != 0:
        return None
    return note.ranges[0][1]
