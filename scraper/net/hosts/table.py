"""The table in which processes of one user on one machine see what each other have at a host.

Theory. A file in memory (mmap) in a folder that is the user's alone. A process takes a *seat*, by a lock on one byte
that the kernel lets go when the process dies, however it dies; so whatever a dead one left in the table is void at
once, and nothing is ever to be cleaned up. The locks are those of open file descriptions (fcntl(2), OFD): two
gates of one process are two processes to each other.

A host has a *cell*: whose it is (a digest of `host:port`), the mark of the last change that others must see, the time
of the next request where there are delays, the end of a Retry-After, and an entry for each seat. Whoever takes
slots does so under the lock of the cell's bucket, tried and never waited for. Whoever gives back only writes its own
entry, a word, and needs no lock. A look at the mark, a word in memory, tells a process at work that nothing changed.

Cells are taken by hosts and left again. All 16 of a bucket in use at once: the 17th host waits.
Times are microseconds of CLOCK_MONOTONIC, which is one for all processes of a boot; another boot begins the table anew.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import mmap
import os
import stat
import struct
import time
from collections.abc import Iterator
from pathlib import Path

from scraper.net.hosts.fair import Claim

SEATS = 32
"""Processes at once; one more keeps to its own limits alone."""
BUCKETS, WAYS = 256, 16
CELLS = BUCKETS * WAYS
HEAD, ENTRY = 4, 5
"""Words of a cell before its entries, and of an entry."""
MARK, NEXT, PARKED, LATEST = range(HEAD)
HELD, WANT, SINCE, UNTIL, DELAY = range(0, ENTRY * SEATS, SEATS)
"""Where these words of all seats begin: one beside the other, so that one look shows who is there."""
CELL = HEAD + SEATS * ENTRY
_BOOT, _GENERATIONS, _TAGS = 0, 1, 1 + SEATS
_FIRST = _TAGS + CELLS
SIZE = 8 * (_FIRST + CELLS * CELL)
_EMPTY = bytes(8 * CELL)
VARIABLE = "SCRAPER_SHARE"
"""Of the environment: a folder for the table, absolute; 0: nothing is shared."""
LAYOUT = 1
"""In the file's name: programs with another layout have a table of their own."""
_LOCK = struct.Struct("@hhqqi4x")  # struct flock of 64-bit Linux
_SEAT_LOCKS, _BUCKET_LOCKS, _OPENING = 1 << 40, 1 << 41, 1 << 42
_PATIENCE, _NAP = 1.0, 0.002
_BITS = 20
_MOST = (1 << _BITS) - 1


class NoTableError(Exception):
    """There can be no table; the message says why."""


def folder() -> Path:
    """Where the table of this user lies: the same for all processes, whatever started them.

    What cron starts has no XDG_RUNTIME_DIR, and a shell's TMPDIR is not its own, so neither is asked.
    """
    named = os.environ.get(VARIABLE, "")
    return Path(named) if os.path.isabs(named) else Path("/tmp", f"scraper-{os.getuid()}")  # noqa: S108 - checked


class Table:
    """The table, and a seat at it. Not locked between threads: the scheduler is.

    Args:
        place: the folder, made where it is missing; it must be this user's alone.

    Raises:
        NoTableError: it cannot be used here, or has no seat left.

    Attributes:
        words: all of it.
        seat: this process's.
    """

    def __init__(self, place: Path) -> None:
        if not hasattr(fcntl, "F_OFD_SETLK"):
            raise NoTableError("this system has no locks of open file descriptions")
        try:
            self._file = _opened(place)
            with self._opening():
                self._prepare()
                self._map = mmap.mmap(self._file, SIZE)
                self.words = memoryview(self._map).cast("q")
                self._begin_boot()
                self.seat = self._sit()
        except (OSError, NoTableError) as error:
            self.close()
            told = error.strerror or str(error) if isinstance(error, OSError) else str(error)
            raise NoTableError(f"{place}: {told}") from error
        self._generation = self.words[_GENERATIONS + self.seat]

    # -- the file --------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _opening(self) -> Iterator[None]:
        until = time.monotonic() + _PATIENCE
        while not self._set(fcntl.F_WRLCK, _OPENING):
            if time.monotonic() > until:
                raise NoTableError("another process does not finish opening it")
            time.sleep(_NAP)
        try:
            yield
        finally:
            self._set(fcntl.F_UNLCK, _OPENING)

    def _prepare(self) -> None:
        """Room for all of it: what is missing would be a SIGBUS later."""
        if os.fstat(self._file).st_size != SIZE:
            os.ftruncate(self._file, 0)
            os.posix_fallocate(self._file, 0, SIZE)

    def _begin_boot(self) -> None:
        boot = _boot()
        if self.words[_BOOT] != boot:
            self._map[:] = bytes(SIZE)
            self.words[_BOOT] = boot

    def _sit(self) -> int:
        for seat in range(SEATS):
            if self._set(fcntl.F_WRLCK, _SEAT_LOCKS + seat):
                self.words[_GENERATIONS + seat] += 1  # what the last one on it left counts no more
                return seat
        raise NoTableError(f"{SEATS} runs are at it already")

    def close(self) -> None:
        """Leaves the seat, and with it all that it held."""
        if hasattr(self, "words"):
            self.words.release()
        if hasattr(self, "_map"):
            self._map.close()
        if hasattr(self, "_file"):
            os.close(self._file)
            del self._file

    # -- locks -----------------------------------------------------------------------------------------

    def _set(self, kind: int, at: int) -> bool:
        try:
            fcntl.fcntl(self._file, fcntl.F_OFD_SETLK, _LOCK.pack(kind, os.SEEK_SET, at, 1, 0))
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EACCES):
                return False
            raise
        return True

    def _is_taken(self, seat: int) -> bool:
        asked = _LOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, _SEAT_LOCKS + seat, 1, 0)
        kind: int = _LOCK.unpack(fcntl.fcntl(self._file, fcntl.F_OFD_GETLK, asked))[0]
        return kind != fcntl.F_UNLCK

    def lock(self, bucket: int) -> bool:
        """Takes the lock of a bucket, if nobody has it."""
        return self._set(fcntl.F_WRLCK, _BUCKET_LOCKS + bucket)

    def unlock(self, bucket: int) -> None:
        """Lets it go."""
        self._set(fcntl.F_UNLCK, _BUCKET_LOCKS + bucket)

    # -- cells -----------------------------------------------------------------------------------------

    def is_of(self, cell: int, tag: int) -> bool:
        """Whether the cell is still the host's."""
        return cell >= 0 and self.words[_TAGS + cell] == tag

    def find(self, tag: int, now: int) -> int | None:
        """The number of the host's cell, taken where it has none yet; None: there is none. Its bucket is locked."""
        first = bucket_of(tag) * WAYS
        tags = self.words[_TAGS + first : _TAGS + first + WAYS].tolist()
        if tag in tags:
            return first + tags.index(tag)
        found = first + tags.index(0) if 0 in tags else self._free(first, now)
        if found is not None:
            start = 8 * start_of(found)
            self._map[start : start + 8 * CELL] = _EMPTY
            self.words[_TAGS + found] = tag
            self.words[start_of(found)] = now  # no mark that anybody has seen
        return found

    def _free(self, first: int, now: int) -> int | None:
        """The cell of a bucket that was left first, of those whose host nobody holds or waits for a slot of."""
        start = start_of(first) + LATEST
        latest = self.words[start : start + WAYS * CELL : CELL].tolist()
        for way in sorted(range(WAYS), key=latest.__getitem__):
            if not any(claim.held or claim.want for claim in self._present(first + way, now)):
                return first + way
        return None

    def others(self, cell: int, now: int) -> list[Claim]:
        """What the other processes that are at a host have and want there."""
        return list(self._present(cell, now, but=self.seat))

    def _present(self, cell: int, now: int, but: int = -1) -> Iterator[Claim]:
        """Who is there, but for one seat: it holds a slot, or was there a moment ago; and it lives."""
        start = start_of(cell)
        words, first = self.words, start + HEAD
        for seat, word in enumerate(words[first : first + SEATS].tolist()):
            if not word or seat == but:
                continue
            at = first + seat
            if (not word & _MOST and words[at + UNTIL] <= now) or word >> _BITS != words[_GENERATIONS + seat]:
                continue
            if seat != self.seat and not self._is_taken(seat):
                continue
            limits = words[at + WANT]
            yield Claim(seat, word & _MOST, limits & _MOST, limits >> _BITS, words[at + SINCE], words[at + DELAY])

    def put(self, cell: int, claim: Claim, until: int) -> None:
        """Writes this process's entry; what it holds last, so that nobody sees that without the rest."""
        start, words = start_of(cell), self.words
        at = start + HEAD + self.seat
        words[start + LATEST] = max(words[start + LATEST], until)
        words[at + WANT] = min(claim.limit, _MOST) << _BITS | min(claim.want, _MOST)
        words[at + SINCE], words[at + UNTIL], words[at + DELAY] = claim.since, until, claim.delay
        words[at] = self.held_word(claim.held)

    def held_word(self, held: int) -> int:
        """The word that says that this process holds so many."""
        return self._generation << _BITS | min(held, _MOST)


def start_of(cell: int) -> int:
    """The number of the first word of a cell."""
    return _FIRST + cell * CELL


def bucket_of(tag: int) -> int:
    """The bucket in which a host's cell is."""
    return (tag >> 8) % BUCKETS


def tag_of(host: str) -> int:
    """By what a host is known in the table; never 0."""
    return int.from_bytes(hashlib.blake2b(host.encode("utf-8", "surrogatepass"), digest_size=7).digest(), "big") | 1


def _boot() -> int:
    """This boot of the machine, as a number that is not 0."""
    with open("/proc/sys/kernel/random/boot_id", "rb") as file:
        return int.from_bytes(hashlib.blake2b(file.read(), digest_size=7).digest(), "big") | 1


def _opened(place: Path) -> int:
    """The file, in a folder that nobody else can write to, and which is no link."""
    with contextlib.suppress(FileExistsError):
        place.mkdir(mode=0o700)
    _check(os.lstat(place), stat.S_ISDIR)
    at = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _check(os.fstat(at), stat.S_ISDIR)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.open(f"hosts-{LAYOUT}", flags, 0o600, dir_fd=at)
    finally:
        os.close(at)
    try:
        _check(os.fstat(file), stat.S_ISREG)
    except NoTableError:
        os.close(file)
        raise
    return file


def _check(found: os.stat_result, is_kind: object) -> None:
    if not callable(is_kind) or not is_kind(found.st_mode):
        raise NoTableError("it is something else")
    if found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise NoTableError("others may write or read there")
