"""The output folder. Owns it: nothing else opens, renames or removes anything below it.

Paths here are relative, with `/`, and made safe by files/naming.py. Each is walked
from the folder's own descriptor, component by component, with O_NOFOLLOW: a
symbolic link in the tree, or a folder swapped for one while we work, is refused and
never followed (rule R3, CVE-2014-4877). A part is created exclusively. A final name
appears by a rename that fails where something stands there already (renameat2), so a
file that came in between is never overwritten (R4); where the system has none, by a
hard link, or by a check and a rename. Only `replace` puts a file over another.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from scraper.files.naming import fold
from scraper.files.refusals import full_disk_told, refusal_told
from scraper.model import Stood

_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS, errno.EXDEV})
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_EXCLUSIVE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_AGAIN = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class Part:
    """A file that is being written. Close it.

    Attributes:
        path: below dest; bytes: how many stand in it, as far as it was written through here.
    """

    def __init__(self, descriptor: int, path: str) -> None:
        self.descriptor = descriptor
        self.path = path
        self.bytes = 0

    @property
    def inode(self) -> int:
        """By what the ledger knows it."""
        return os.fstat(self.descriptor).st_ino

    def append(self, pieces: Sequence[bytes]) -> None:
        """Writes behind what stands there.

        Raises:
            DiskError: the disk is full, over quota or read-only.
            OSError: any other refusal.
        """
        self.bytes += self.write_at(self.bytes, pieces)

    def write_at(self, offset: int, pieces: Sequence[bytes]) -> int:
        """Writes pieces one behind the other from an offset on; gives how many bytes that were. Raises as append."""
        with full_disk_told(self.path):
            return _write_all(self.descriptor, offset, pieces)

    def read_at(self, offset: int, size: int) -> bytes:
        """Bytes that stand in it."""
        return os.pread(self.descriptor, size, offset)

    def cut(self, size: int) -> None:
        """What stands behind `size` goes."""
        os.ftruncate(self.descriptor, size)

    def sync(self) -> None:
        """Its bytes are on the disk, also after power loss."""
        with full_disk_told(self.path):
            os.fdatasync(self.descriptor)

    def stamp(self, times: tuple[float, float]) -> None:
        """Gives it its times of access and modification; seconds since 1970."""
        os.utime(self.descriptor, times)

    def close(self) -> None:
        """Closes the file, once; errors of a late write are told here."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            with full_disk_told(self.path):
                os.close(descriptor)


def _fill(descriptor: int, data: bytes, times: tuple[float, float] | None) -> None:
    """Writes a whole file, and closes it: that may be what tells that the disk is full."""
    try:
        _write_all(descriptor, 0, (data,))
        if times is not None:
            os.utime(descriptor, times)
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)


_AT_ONCE = 512
"""Pieces of one writev; Linux takes 1024 (IOV_MAX)."""


def _write_all(descriptor: int, offset: int, pieces: Sequence[bytes]) -> int:
    if len(pieces) == 1 and os.pwrite(descriptor, pieces[0], offset) == len(pieces[0]):
        return len(pieces[0])
    begin = offset
    for at in range(0, len(pieces), _AT_ONCE):
        batch = pieces[at : at + _AT_ONCE]
        size, done = sum(map(len, batch)), os.pwritev(descriptor, batch, offset)
        if done < size:  # a signal, a full disk: the next write tells
            view = memoryview(b"".join(batch))
            while done < size:
                done += os.pwrite(descriptor, view[done:], offset + done)
        offset += size
    return offset - begin


class OutputFolder:
    """The folder `dest`, held by its descriptor.

    Args:
        root: is made where it is missing, unless `create` is off (a dry run): then an absent folder is empty.
    """

    is_durable = False

    def __init__(self, root: Path, *, create: bool = True) -> None:
        self.root = root
        if create:
            with full_disk_told(str(root)):
                root.mkdir(parents=True, exist_ok=True)
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) if root.is_dir() else None

    def close(self) -> None:
        """Gives the descriptor back."""
        if self._root is not None:
            os.close(self._root)
            self._root = None

    def look(self, path: str) -> Stood | None:
        """What stands under `path`; a symbolic link stands as itself.

        None where nothing does, also where the way there is barred: whoever writes will be told why.
        """
        with contextlib.suppress(OSError), self._folder_of(path, create=False) as (folder, name):
            return _look(folder, name) if folder is not None else None
        return None

    def look_many(self, paths: Sequence[str]) -> list[Stood | None]:
        """What stands under each of many paths, as `look` tells it; each folder is opened once."""
        stand: list[Stood | None] = [None] * len(paths)
        for places in _by_folder(paths):
            with contextlib.suppress(OSError), self._folder_of(paths[places[0]], create=False) as (folder, _):
                if folder is not None:
                    for at, stood in zip(places, _look_at(folder, [paths[at] for at in places]), strict=True):
                        stand[at] = stood
        return stand

    def open_part(self, path: str, *, again: bool = False) -> Part:
        """A new, empty part, or with `again` the one that stands there; its folders are made.

        Raises:
            FileExistsError: something stands there; FileNotFoundError: nothing does.
            DiskError, OSError: the disk refuses.
        """
        with full_disk_told(path), self._folder_of(path, create=True) as (folder, name):
            descriptor = os.open(name, _AGAIN if again else _EXCLUSIVE, 0o666, dir_fd=folder)
            if again and not stat.S_ISREG(os.fstat(descriptor).st_mode):
                os.close(descriptor)
                raise OSError(errno.EINVAL, "not a regular file", path)
            return Part(descriptor, path)

    def place(self, part: str, path: str, data: bytes, times: tuple[float, float] | None) -> bool:
        """All of a small file: its part made, written and stamped, and the final name given, if nothing stands there.

        Args:
            part: lies in the folder of `path`.
            times: of access and modification, seconds since 1970; None: as they come.

        Returns:
            whether it has the name; if not, the part stands.

        Raises:
            FileExistsError: something stands where the part should; nothing was done.
            DiskError, OSError: the disk refuses; the part is gone.
        """
        name = path.rpartition("/")[2]
        with full_disk_told(path), self._folder_of(part, create=True) as (folder, source):
            assert folder is not None, "made or refused"
            descriptor = os.open(source, _EXCLUSIVE, 0o666, dir_fd=folder)
            try:
                _fill(descriptor, data, times)
                _give_name(folder, source, name)
            except FileExistsError:
                return False
            except OSError:
                os.unlink(source, dir_fd=folder)
                raise
        return True

    def finish(self, part: str, path: str, *, replace: bool = False) -> None:
        """Gives a whole part its final name.

        Raises:
            FileExistsError: something stands there and `replace` is off.
        """
        with full_disk_told(path), self._folder_of(path, create=True) as (folder, name):
            source = part.rpartition("/")[2]
            assert folder is not None, "made or refused"
            if replace:
                os.rename(source, name, src_dir_fd=folder, dst_dir_fd=folder)
            else:
                _give_name(folder, source, name)

    def move(self, path: str, to: str, *, replace: bool = False) -> None:
        """Gives a finished file another name, in any folder.

        Raises:
            FileExistsError: something stands there and `replace` is off.
            DiskError, OSError: the disk refuses.
        """
        with (
            full_disk_told(to),
            self._folder_of(path, create=False) as (source, name),
            self._folder_of(to, create=True) as (goal, new),
        ):
            if source is None:
                raise FileNotFoundError(errno.ENOENT, "no such folder", path)
            if replace:
                os.rename(name, new, src_dir_fd=source, dst_dir_fd=goal)
            else:
                _give_name(source, name, new, goal)

    def inode(self, path: str) -> int:
        """Of a file that stands.

        Raises:
            OSError: none does.
        """
        stood = self.look(path)
        if stood is None:
            raise FileNotFoundError(errno.ENOENT, "no such file", path)
        return stood.inode

    def remove(self, path: str) -> None:
        """Removes a file; that it is not there is no mistake."""
        with full_disk_told(path), self._folder_of(path, create=False) as (folder, name):
            if folder is not None:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=folder)

    def remove_folder(self, path: str) -> bool:
        """Removes a folder if it is there and empty; whether it did."""
        with contextlib.suppress(OSError), self._folder_of(path, create=False) as (folder, name):
            if folder is not None:
                os.rmdir(name, dir_fd=folder)
                return True
        return False

    def link(self, path: str, to: str, *, of: OutputFolder | None = None) -> None:
        """A second name for a file, in any folder; `of`: `path` is below that one.

        Raises:
            FileExistsError: something stands there; DiskError, OSError: the disk refuses.
        """
        with (
            full_disk_told(to),
            (of or self)._folder_of(path, create=False) as (source, name),
            self._folder_of(to, create=True) as (goal, new),
        ):
            if source is None:
                raise FileNotFoundError(errno.ENOENT, "no such folder", path)
            os.link(name, new, src_dir_fd=source, dst_dir_fd=goal, follow_symlinks=False)

    @contextlib.contextmanager
    def reading(self, path: str) -> Iterator[int]:
        """The descriptor of a regular file, to be read.

        Raises:
            OSError: there is none.
        """
        with self._folder_of(path, create=False) as (folder, name):
            if folder is None:
                raise FileNotFoundError(errno.ENOENT, "no such folder", path)
            with os.fdopen(os.open(name, _READ, dir_fd=folder), "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise OSError(errno.EINVAL, "not a regular file", path)
                yield file.fileno()

    def sha256(self, path: str) -> tuple[str, int]:
        """Hex digest and size of a file."""
        with self.reading(path) as descriptor, open(descriptor, "rb", closefd=False) as file:
            size = os.fstat(descriptor).st_size
            return hashlib.file_digest(file, "sha256").hexdigest(), size

    def walk(self) -> Iterator[tuple[str, int]]:
        """Paths and sizes of the regular files below, each folder in the order of its names; no link is followed.

        Raises:
            OSError: a folder cannot be read.
        """
        if self._root is not None:
            yield from _walked(self._root, "")

    def keep_file(self, path: str) -> None:
        """What stands under a name, and the name, survive loss of power, where that is minded (power.py)."""

    def keep_name(self, path: str) -> None:
        """That a name was given, or that it was removed, survives loss of power, where that is minded."""

    def write_whole(self, path: str, lines: Iterator[bytes]) -> None:
        """Writes a file of our own (the records) as a part and renames it over the old one.

        Raises:
            DiskError: the disk refuses; what stood there stands.
        """
        part = f"{path}.part"
        with refusal_told(path):
            self.remove(part)
            new = self.open_part(part)
            try:
                for line in lines:
                    new.append([line])
                if self.is_durable:
                    new.sync()
                new.close()
                self.finish(part, path, replace=True)
                self.keep_name(path)
            except BaseException:
                new.close()
                self.remove(part)
                raise

    def _folder_of(self, path: str, *, create: bool) -> _Way:
        """The descriptor of the folder that holds `path`, or None where it is missing, and the last name."""
        return _Way(self._root, path, create)


class _Way:
    """The way from the root to a file, its folders opened one in another."""

    __slots__ = ("_create", "_opened", "_path", "_root")

    def __init__(self, root: int | None, path: str, create: bool) -> None:
        self._root = root
        self._path = path
        self._create = create
        self._opened: list[int] = []

    def __enter__(self) -> tuple[int | None, str]:
        *folders, name = self._path.split("/")
        current = self._root
        try:
            for folder in folders:
                current = _enter(current, folder, create=self._create)
                if current is None:
                    break
                self._opened.append(current)
        except BaseException:
            self.__exit__()
            raise
        return current, name

    def __exit__(self, *_: object) -> None:
        for descriptor in self._opened:
            os.close(descriptor)


def _enter(parent: int | None, name: str, *, create: bool) -> int | None:
    if parent is None:
        return None
    try:
        return os.open(name, _DIRECTORY, dir_fd=parent)
    except FileNotFoundError:
        if not create:
            return None
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, dir_fd=parent)
    return os.open(name, _DIRECTORY, dir_fd=parent)


def _walked(folder: int, above: str) -> Iterator[tuple[str, int]]:
    """What lies below an open folder; `above`: its path and a slash."""
    for name in sorted(os.listdir(folder)):
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if stat.S_ISREG(found.st_mode):
            yield above + name, found.st_size
        elif stat.S_ISDIR(found.st_mode):
            inner = os.open(name, _DIRECTORY, dir_fd=folder)
            try:
                yield from _walked(inner, f"{above}{name}/")
            finally:
                os.close(inner)


def _by_folder(paths: Sequence[str]) -> Iterator[list[int]]:
    """Positions of the paths that lie in the same folder."""
    places: dict[str, list[int]] = {}
    for at, path in enumerate(paths):
        places.setdefault(path.rpartition("/")[0], []).append(at)
    yield from places.values()


_CAN_ASK = os.access in os.supports_dir_fd and os.access in os.supports_follow_symlinks
_FEW = 128
"""Bytes of a folder (20 to 50 an entry, by the file system) up to which it is read whole, for each name asked."""


def _look_at(folder: int, paths: Sequence[str]) -> Iterator[Stood | None]:
    """What stands under the names of paths in one folder.

    A name under which nothing stands costs 3 us, which is more than the rest of its row in the ledger: so a folder
    that holds little is read instead. Its names are compared folded, as a file system that folds them would.
    """
    names = [path.rpartition("/")[2] for path in paths]
    if os.fstat(folder).st_size <= _FEW * len(paths):
        held = frozenset(map(fold, os.listdir(folder)))
        return (_look_safely(folder, name) if fold(name) in held else None for name in names)
    return _look_one_by_one(folder, names)


def _look_one_by_one(folder: int, names: Sequence[str]) -> Iterator[Stood | None]:
    """`access` costs half of a `stat` that raises; it is asked where the name before was free too.

    And where it can be: some C libraries (musl) have no access that follows no link.
    """
    can_ask = _CAN_ASK and os.access(".", os.F_OK, dir_fd=folder, follow_symlinks=False)
    stood: Stood | None = None
    for name in names:
        if stood is None and can_ask and not os.access(name, os.F_OK, dir_fd=folder, follow_symlinks=False):
            yield None
        else:
            stood = _look_safely(folder, name)
            yield stood


def _look_safely(folder: int, name: str) -> Stood | None:
    with contextlib.suppress(OSError):
        return _look(folder, name)
    return None


def _look(folder: int, name: str) -> Stood | None:
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return Stood(found.st_ino, found.st_size, stat.S_ISDIR(found.st_mode))


def _give_name(folder: int, source: str, name: str, goal: int | None = None) -> None:
    """Renames without replacing: atomically where the system can (Linux), else by a hard link, else by a check.

    Raises:
        FileExistsError: something stands there.
    """
    goal = folder if goal is None else goal
    if _rename_alone(folder, source, goal, name):
        return
    try:
        os.link(source, name, src_dir_fd=folder, dst_dir_fd=goal, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if _look(goal, name) is not None:
            raise FileExistsError(errno.EEXIST, "something stands there", name) from error
        os.rename(source, name, src_dir_fd=folder, dst_dir_fd=goal)
        return
    os.unlink(source, dir_fd=folder)


def _find_renameat2() -> Callable[..., int] | None:
    """renameat2(2) of the C library, with which a rename fails where something stands."""
    try:
        found = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return None
    found.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
    return found


_renameat2 = _find_renameat2()
_NOREPLACE = 1
_CANNOT = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTSUP})
"""Of a kernel or file system that does not know RENAME_NOREPLACE."""


def _rename_alone(folder: int, source: str, goal: int, name: str) -> bool:
    """Whether renameat2 did it."""
    if _renameat2 is None:
        return False
    if _renameat2(folder, os.fsencode(source), goal, os.fsencode(name), _NOREPLACE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _CANNOT:
        return False
    raise OSError(number, os.strerror(number), source, None, name)
