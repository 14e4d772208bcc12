"""Content seen before: the whole part becomes a second name of the file that has it, or shares its blocks.

Theory. A digest and a size say where to look: in what this process saved lately, then in the ledger, which knows all
runs of this output folder. Neither says what stands there now, so the bytes are compared, both files open, before
anything is done; a file that changed is not taken.

A link is made under a name of our own in `.scraper`, looked at (it must be the file that was compared), and put over
the part by a rename; from there on it goes the way of any part to its final name (ground.py). So at each step either
the bytes that came stand in the part or a link does, a kill leaves nothing but what recovery knows, and nobody writes
to a part that is a link: it is noted without a validator, so it is never continued.

A copy that came over the network is a copy already. Where the file system can share blocks (btrfs, XFS) the kernel is
asked to: FIDEDUPERANGE compares under its own lock and shares what is the same, so nothing can be lost by it.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from struct import Struct

from scraper.errors import DiskError
from scraper.files.parts import OutputFolder, Part
from scraper.model import Outcome
from scraper.state.ledger import Ledger

log = logging.getLogger("scraper")
RECENT = 1024
"""Files of a stripe that this process saved lately and the ledger may not know yet."""
STEP = 1024 * 1024
"""Bytes that are compared at once."""
AT_ONCE = 16 * 1024 * 1024
"""Bytes that one call may share; btrfs takes no more."""
_NO_LINKS = frozenset(
    {errno.EMLINK, errno.EXDEV, errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}
)
_FIDEDUPERANGE = 0xC0189436  # linux/fs.h: _IOWR(0x94, 54, struct file_dedupe_range)
_DEDUPE = Struct("=QQHHIqQQiI")
"""struct file_dedupe_range with one file_dedupe_range_info; the last but one of its numbers is the status."""
_SAME = 0


class _Stripe:
    """Of all contents those whose digest begins alike: one lock, one name of our own, and what was saved lately."""

    def __init__(self, digit: str) -> None:
        self.ours = f".scraper/twin-{digit}"
        self.lock = threading.Lock()
        self.recent: dict[str, str] = {}


class Twins:
    """The contents of one output folder. May be used from many threads.

    Args:
        how: `link` or `copy`.
    """

    def __init__(self, folder: OutputFolder, ledger: Ledger, how: str) -> None:
        self._folder = folder
        self._ledger = ledger
        self._share: Callable[[str, int, Part, _Stripe], bool] = {"link": self._link, "copy": self._dedupe}[how]
        self._can = True
        self._has_warned = False
        self._stripes = {digit: _Stripe(digit) for digit in "0123456789abcdef"}
        ledger.index_contents()
        for stripe in self._stripes.values():
            folder.remove(stripe.ours)  # of a run that was killed

    @contextmanager
    def held(self, saved: Outcome) -> Iterator[None]:
        """Of files with the same content one is placed after the other, so that the second finds the first."""
        with self._stripe(saved).lock:
            yield

    def _stripe(self, saved: Outcome) -> _Stripe:
        assert saved.sha256 is not None, "a whole file"
        return self._stripes[saved.sha256[0]]

    def learn(self, saved: Outcome) -> None:
        """How a file ended. Only while it is held."""
        if saved.ending == "saved" and saved.sha256 is not None:
            recent = self._stripe(saved).recent
            recent.pop(saved.sha256, None)  # the newest one is the last
            recent[saved.sha256] = saved.path
            if len(recent) > RECENT:
                del recent[next(iter(recent))]

    def share(self, part: Part, saved: Outcome) -> bool:
        """Whether the part is now another name of a file that has its content; it is closed then.

        Only while it is held.

        Raises:
            DiskError: the disk takes nothing more; the part stands.
        """
        return self._can and any(self._is_shared(path, part, saved) for path in self._candidates(saved))

    def _candidates(self, saved: Outcome) -> Iterator[str]:
        assert saved.sha256 is not None, "a whole file"
        recent = self._stripe(saved).recent.get(saved.sha256)
        if recent is not None:
            yield recent
        yield from (path for path in self._ledger.known_contents(saved.sha256, saved.bytes) if path != recent)

    def _is_shared(self, path: str, part: Part, saved: Outcome) -> bool:
        try:
            with self._folder.reading(path) as other:
                if os.fstat(other).st_size != saved.bytes:
                    return False
                return self._share(path, other, part, self._stripe(saved))
        except OSError as error:
            if error.errno in _NO_LINKS and not self._has_warned:
                self._has_warned = True
                log.warning("%s cannot be linked (%s): the bytes that came are kept", path, error.strerror)
            return False

    def _link(self, path: str, other: int, part: Part, stripe: _Stripe) -> bool:
        if not _is_same(other, part):
            return False
        self._folder.link(path, stripe.ours)
        try:
            stood = self._folder.look(stripe.ours)
            if stood is None or stood.inode != os.fstat(other).st_ino:
                return False  # somebody put another file there meanwhile
            if self._folder.is_durable:
                os.fsync(other)
            self._folder.move(stripe.ours, part.path, replace=True)
        finally:
            self._folder.remove(stripe.ours)
        with suppress(OSError, DiskError):  # its bytes are gone, and nobody minds what became of them
            part.close()
        return True

    def _dedupe(self, path: str, other: int, part: Part, stripe: _Stripe) -> bool:
        """False, for the part keeps its own inode; whether blocks are shared now is the file system's affair."""
        size = os.fstat(other).st_size
        for at in range(0, size, AT_ONCE):
            asked = bytearray(_DEDUPE.pack(at, min(AT_ONCE, size - at), 1, 0, 0, part.descriptor, at, 0, 0, 0))
            try:
                fcntl.ioctl(other, _FIDEDUPERANGE, asked)
            except OSError:  # most file systems share nothing
                self._can = False
                return False
            if _DEDUPE.unpack(asked)[-2] != _SAME:
                return False
        return False


def _is_same(other: int, part: Part) -> bool:
    """Whether both hold the same bytes; they have the same size."""
    at = 0
    while piece := os.pread(other, STEP, at):
        if piece != part.read_at(at, len(piece)):
            return False
        at += len(piece)
    return at == part.bytes
