"""What all files of a run share on their way to the output folder: settings, ledger, and the last step, the name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from scraper.download.sums import Follower
from scraper.files import decide, resume
from scraper.files.checks import Demand, demand
from scraper.files.parts import OutputFolder, Part
from scraper.job.model import FileSettings
from scraper.model import Download, Outcome, PartNote
from scraper.net.courier import Courier
from scraper.state.ledger import FileTask, Ledger

HELD = 32 * 1024 * 1024
"""Bytes of all files in flight that may wait in memory."""
_LEAST, _MOST = 32 * 1024, 1024 * 1024


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


class Ground:
    """Where files of one run land. May be used from many threads.

    Attributes:
        flying: the landings on their way, by file, for whoever shows progress.
        buffer: bytes of one file that wait in memory.
        boot: identity of this boot of the machine, for notes of parts.
    """

    def __init__(
        self, courier: Courier, folder: OutputFolder, ledger: Ledger, settings: FileSettings, records: str,
        boot: str, failed: Callable[[BaseException], None],
    ) -> None:  # fmt: skip
        self.courier = courier
        self.folder = folder
        self.ledger = ledger
        self.existing = settings.existing
        self.records = records
        self.boot = boot
        self.buffer = max(_LEAST, min(_MOST, HELD // settings.jobs))
        self.flying: dict[int, Flying] = {}
        self.follower = Follower(failed)
        self._demand = demand(settings.accept.model_dump(exclude_none=True))

    def demand_of(self, download: Download) -> Demand | None:
        """What the file must be."""
        return self._demand if download.accept is None else demand(download.accept)

    def resume_of(self, task: FileTask) -> resume.Resume | None:
        """How the part of a file that stands on the disk is continued, if at all."""
        if task.noted is None or task.part is None or not task.complete:
            return None
        stood = self.folder.look(task.part)
        if stood is None or stood.inode != task.noted.inode or task.noted.boot != self.boot:
            return None
        return resume.resumed(task.noted, stood.size)

    def discard(self, task: FileTask) -> FileTask:
        """Removes the part of a file, and before it what the ledger knows of it."""
        if task.noted is not None:
            self.ledger.forget_part(task.id)
            task = replace(task, noted=None)
        if task.part is not None:
            self.folder.remove(task.part)
        return task

    # -- the final name --------------------------------------------------------------------------------

    def give_name(self, task: FileTask, part: Part, saved: Outcome) -> Outcome:
        """The whole part gets its final name, unless something that came meanwhile stands there.

        Raises:
            DiskError, OSError: the disk refuses; the part stands.
        """
        replacing = task.stood is not None and self.existing in decide.REPLACING
        if replacing:
            self._note(task, part, saved)
        part.close()
        try:
            self.folder.finish(part.path, task.path, replace=replacing)
        except FileExistsError:
            return self._came_between(task, part, saved)
        return saved

    def _note(self, task: FileTask, part: Part, saved: Outcome) -> None:
        """T2: from now on what bears the name and is this inode is ours and whole."""
        inode = part.inode if part.descriptor >= 0 else self.folder.inode(part.path)
        self.ledger.note_part(
            task.id, PartNote(inode, None, saved.etag, saved.last_modified, saved.bytes, None, self.boot)
        )

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
        self.folder.finish(part.path, task.path, replace=True)
        return saved
