"""The digests of a file: counted as it comes, or by a thread that follows it through the part on disk."""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from scraper.files.parts import Part

STEP = 1024 * 1024
"""Bytes that the follower reads at once."""


def digest_of(algorithm: str, data: bytes) -> str:
    """The hex digest of a whole file."""
    return hashlib.new(algorithm, data, usedforsecurity=False).hexdigest()


class Sums:
    """sha256 and whatever else is asked, of bytes in order."""

    __slots__ = ("_found", "bytes")

    def __init__(self, algorithms: Iterable[str] = ()) -> None:
        self.bytes = 0
        self._found: dict[str, Any] = {"sha256": hashlib.sha256()}
        for algorithm in algorithms:
            self._found.setdefault(algorithm, hashlib.new(algorithm, usedforsecurity=False))

    def add(self, pieces: Iterable[bytes]) -> None:
        """The next bytes."""
        for piece in pieces:
            self.bytes += len(piece)
            for each in self._found.values():
                each.update(piece)

    def hex(self, algorithm: str = "sha256") -> str:
        """The hex digest of what came so far."""
        return str(self._found[algorithm].hexdigest())


class Followed:
    """A part that the follower hashes behind its writer.

    Attributes:
        target: bytes from the beginning that stand on the disk; only the writer sets it.
    """

    __slots__ = ("is_queued", "part", "sums", "target", "then")

    def __init__(self, part: Part, sums: Sums) -> None:
        self.part = part
        self.sums = sums
        self.target = sums.bytes
        self.then: Callable[[Exception | None], None] | None = None
        self.is_queued = False


class Follower:
    """One thread that hashes large files while others write them; it also does what follows the last byte.

    Theory. A large file is bound by hashing and receiving at once, each about half a core for a gigabyte a
    second. What was just written is in the page cache, so reading it again costs a copy; in return the
    receiving thread never hashes, resumed parts and segments need no other way, and no piece is queued in memory.
    """

    def __init__(self, failed: Callable[[BaseException], None]) -> None:
        self._failed = failed
        self._queue: deque[Followed] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    def grown(self, followed: Followed, target: int) -> None:
        """So many bytes from the beginning stand in the part now."""
        with self._changed:
            followed.target = target
            self._put(followed)

    def end(self, followed: Followed, then: Callable[[Exception | None], None]) -> None:
        """Nothing more will come: when all is hashed, `then(None)` is called by the follower's thread.

        It gets the error instead, where the part cannot be read.
        """
        with self._changed:
            followed.then = then
            self._put(followed)

    def _put(self, followed: Followed) -> None:
        if not followed.is_queued:
            followed.is_queued = True
            self._queue.append(followed)
            self._changed.notify()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Waits until all that was ended is done."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            while (followed := self._next()) is not None:
                self._follow(followed)
        except BaseException as bug:  # handed to the main thread, which raises it
            self._failed(bug)

    def _next(self) -> Followed | None:
        with self._changed:
            while not self._queue:
                if self._closed:
                    return None
                self._changed.wait()
            return self._queue.popleft()

    def _follow(self, followed: Followed) -> None:
        """One step of one part; several parts take turns."""
        trouble: Exception | None = None
        try:
            room = min(STEP, followed.target - followed.sums.bytes)
            if room > 0:
                read = followed.part.read_at(followed.sums.bytes, room)
                followed.sums.add([read])
                if not read:
                    raise OSError(5, "the part is shorter than what was written", followed.part.path)
        except (OSError, ValueError) as error:
            trouble = error if isinstance(error, OSError) else OSError(9, str(error), followed.part.path)
        with self._changed:
            is_left = trouble is None and followed.sums.bytes < followed.target
            followed.is_queued = is_left
            if is_left:
                self._queue.append(followed)
            then = None if is_left else followed.then
        if then is not None:
            then(trouble)
