"""Download -> Outcome: one file, streamed to a part beside its goal, counted and hashed as it comes.

    Engine.attempt(task, hop) -> Outcome | Hop       raises RequestError

The order of things is the promise (DESIGN 4.1): the name is complete and written down
(T1b) before the part is opened; the part is whole, its length and digests compared,
before the name appears; what stood there before is replaced only after the ledger
knows our part's inode (T2).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace

from scraper import errors, secrets
from scraper.files import decide, naming
from scraper.files.disposition import extension_from
from scraper.files.parts import OutputFolder, Part
from scraper.files.types import media_type
from scraper.model import Outcome
from scraper.net.courier import Courier, check_status, decoded, redirected
from scraper.net.outgoing import Wire
from scraper.net.pace import Pace
from scraper.net.redirect import Hop
from scraper.net.session import Reply
from scraper.state.ledger import FileTask, Ledger

NO_LIMIT = 1 << 62
"""A file is bounded by the disk, not by us."""


def first_hop(task: FileTask) -> Hop:
    """Where the fetching of a file begins."""
    return Hop("GET", task.download.url, body=False)


class Engine:
    """Fetches files of one run into its output folder. May be used from many threads.

    `flying` are the files on their way: path, part and declared size, for whoever shows progress.
    """

    def __init__(self, courier: Courier, folder: OutputFolder, ledger: Ledger, existing: str, records: str) -> None:
        self._courier = courier
        self._folder = folder
        self._ledger = ledger
        self._existing = existing
        self._records = records
        self.flying: dict[int, tuple[str, Part, int | None]] = {}

    def attempt(self, task: FileTask, hop: Hop) -> Outcome | Hop:
        """One exchange for one file: how it ended, or the hop a redirect leads to.

        Raises:
            RequestError: the class of what went wrong; nothing stands under the final name.
            DiskError: the disk takes nothing more.
        """
        pace = Pace(self._courier.http.timeout, secrets.display(hop.url), self._courier.clock)
        reply = self._courier.session.exchange(self._wire(task, hop, pace))
        try:
            with reply.drained():
                following = redirected(self._courier, hop, reply)
            if following is not None:
                reply.drain()
                return following
            if reply.status == 304 and self._conditions(task):
                return Outcome("unchanged", task.path, reply.url, status=304, why="the server says it is the same")
            with reply.drained():
                check_status(self._courier, reply)
            with _disk_told(reply.url):
                return self._keep(task, reply, pace)
        finally:
            reply.close()

    def _wire(self, task: FileTask, hop: Hop, pace: Pace) -> Wire:
        given = {} if hop.crossed else task.download.headers or {}
        added = self._conditions(task)
        return Wire(
            hop.method, hop.url, given=given, added=added, encodings="identity", deadline=pace.left,
            guarded=hop.guarded,
        )  # fmt: skip

    def _conditions(self, task: FileTask) -> dict[str, str]:
        """The conditional headers; {} where nothing stands, and then a 304 would be no answer."""
        return decide.conditions(self._existing, task.etag, task.last_modified) if task.stood is not None else {}

    def _keep(self, task: FileTask, reply: Reply, pace: Pace) -> Outcome:
        """The file of a good answer."""
        if not task.complete:
            extension = extension_from(reply.headers.get("content-disposition"), reply.headers.get("content-type"))
            path = naming.complete(task.download.path, extension, records_name=self._records)
            named = self._ledger.complete_name(task, path)
            if named.ending is not None:
                reply.abort()
                return Outcome(named.ending, url=reply.url, status=reply.status, why="a file stands under its name")
            task = replace(task, path=named.path, complete=True, part=named.part, stood=named.stood)
        assert task.part is not None, "a complete name has a part"
        part = self._open(task.part)
        declared = reply.headers.get("content-length", "")
        self.flying[task.id] = (task.path, part, int(declared) if declared.isdigit() else None)
        try:
            self._stream(task, reply, part, pace)
            part.close()
            return self._finish(task, reply, part)
        except BaseException:
            part.close()
            self._folder.remove(task.part)
            raise
        finally:
            self.flying.pop(task.id, None)

    def _open(self, path: str) -> Part:
        """A part of ours that an earlier attempt left is removed; the ledger knows that it is ours."""
        self._folder.remove(path)
        return self._folder.open_part(path)

    def _stream(self, task: FileTask, reply: Reply, part: Part, pace: Pace) -> None:
        part.also(iter(task.download.digests))
        for piece in decoded(reply, pace, NO_LIMIT):
            part.write(piece)
        declared = reply.headers.get("content-length", "")
        if "content-encoding" not in reply.headers and declared.isdigit() and part.bytes != int(declared):
            raise errors.LengthError(reply.url, f"{part.bytes} bytes came, {declared} were declared")
        for algorithm, wanted in task.download.digests.items():
            if (found := part.digest(algorithm)) != wanted:
                raise errors.DigestError(reply.url, f"its {algorithm} is {found}, {wanted} was expected")

    def _finish(self, task: FileTask, reply: Reply, part: Part) -> Outcome:
        etag, modified = reply.headers.get("etag"), reply.headers.get("last-modified")
        saved = Outcome(
            "saved", task.path, reply.url, status=reply.status, bytes=part.bytes, sha256=part.digest(),
            type=media_type(reply.headers.get("content-type")), etag=etag, last_modified=modified,
        )  # fmt: skip
        replacing = task.stood is not None and self._existing in decide.REPLACING
        if replacing:
            self._ledger.note_part(task.id, part.inode, etag, modified)
        try:
            self._folder.finish(part.path, task.path, replace=replacing)
        except FileExistsError:
            return self._came_between(task, part, saved)
        return saved

    def _came_between(self, task: FileTask, part: Part, saved: Outcome) -> Outcome:
        """Something appeared under the name while the file was on its way: `existing` decides."""
        stood = self._folder.look(task.path)
        is_file = stood is not None and not stood.is_folder
        ending = decide.at_reservation(stood, self._existing) if is_file else decide.NAME_TAKEN
        if ending is not None:
            self._folder.remove(part.path)
            why = "something appeared under its name meanwhile"
            return replace(saved, ending=ending, bytes=0, sha256=None, why=why)
        self._ledger.note_part(task.id, part.inode, saved.etag, saved.last_modified)
        self._folder.finish(part.path, task.path, replace=True)
        return saved


@contextlib.contextmanager
def _disk_told(url: str) -> Iterator[None]:
    """What the file system refuses for one file is that file's failure; a full disk goes up (DiskError)."""
    try:
        yield
    except OSError as error:
        raise errors.WriteError(url, f"{error.filename or 'the file'}: {error.strerror}") from error
