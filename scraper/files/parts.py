"""The output folder. Owns it: nothing else opens, renames or removes anything below it.

Paths here are relative, with `/`, and made safe by files/naming.py. Each is walked
from the folder's own descriptor, component by component, with O_NOFOLLOW: a
symbolic link in the tree, or a folder swapped for one while we work, is refused and
never followed (rule R3, CVE-2014-4877). A part is created exclusively. A final name
appears by a hard link, which fails where something stands there already, so a file
that came in between is never overwritten (R4); where the file system has no hard
links, by a check and a rename. Only `replace` puts a file over another.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from scraper.files.refusals import full_disk_told, refusal_told
from scraper.model import Stood

_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS, errno.EXDEV})
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_EXCLUSIVE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class Part:
    """A file that is being written; counts and hashes what goes into it."""

    def __init__(self, descriptor: int, path: str) -> None:
        self._descriptor = descriptor
        self._digests = {"sha256": hashlib.sha256()}
        self.path = path
        self.bytes = 0
        self.inode = os.fstat(descriptor).st_ino

    def also(self, algorithms: Iterator[str]) -> None:
        """Hashes with further algorithms too; call before the first write."""
        for algorithm in algorithms:
            self._digests.setdefault(algorithm, hashlib.new(algorithm, usedforsecurity=False))

    def write(self, piece: bytes) -> None:
        """Appends.

        Raises:
            DiskError: the disk is full, over quota or read-only.
            OSError: any other refusal.
        """
        view = memoryview(piece)
        with full_disk_told(self.path):
            while view:
                view = view[os.write(self._descriptor, view) :]
        self.bytes += len(piece)
        for digest in self._digests.values():
            digest.update(piece)

    def digest(self, algorithm: str = "sha256") -> str:
        """The hex digest of what was written."""
        return self._digests[algorithm].hexdigest()

    def close(self) -> None:
        """Closes the file, once; errors of a late write are told here."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            with full_disk_told(self.path):
                os.close(descriptor)


class OutputFolder:
    """The folder `dest`, held by its descriptor.

    Args:
        root: is made where it is missing, unless `create` is off (a dry run): then an absent folder is empty.
    """

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

    def open_part(self, path: str) -> Part:
        """A new, empty part; its folders are made.

        Raises:
            FileExistsError: something stands there.
            DiskError, OSError: the disk refuses.
        """
        with full_disk_told(path), self._folder_of(path, create=True) as (folder, name):
            return Part(os.open(name, _EXCLUSIVE, 0o666, dir_fd=folder), path)

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
                return
            _link(folder, source, name)

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
                _link(source, name, new, goal)

    def remove(self, path: str) -> None:
        """Removes a file; that it is not there is no mistake."""
        with full_disk_told(path), self._folder_of(path, create=False) as (folder, name):
            if folder is not None:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=folder)

    def sha256(self, path: str) -> tuple[str, int]:
        """Hex digest and size of a file."""
        with self._folder_of(path, create=False) as (folder, name):
            if folder is None:
                raise FileNotFoundError(errno.ENOENT, "no such folder", path)
            with os.fdopen(os.open(name, _READ, dir_fd=folder), "rb") as file:
                found = os.fstat(file.fileno())
                if not stat.S_ISREG(found.st_mode):
                    raise OSError(errno.EINVAL, "not a regular file", path)
                return hashlib.file_digest(file, "sha256").hexdigest(), found.st_size

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
                    new.write(line)
                new.close()
                self.finish(part, path, replace=True)
            except BaseException:
                new.close()
                self.remove(part)
                raise

    @contextlib.contextmanager
    def _folder_of(self, path: str, *, create: bool) -> Iterator[tuple[int | None, str]]:
        """The descriptor of the folder that holds `path`, or None where it is missing, and the last name."""
        *folders, name = path.split("/")
        opened: list[int] = []
        current = self._root
        try:
            for folder in folders:
                current = _enter(current, folder, create=create)
                if current is None:
                    break
                opened.append(current)
            yield current, name
        finally:
            for descriptor in opened:
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


def _look(folder: int, name: str) -> Stood | None:
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return Stood(found.st_ino, found.st_size, stat.S_ISDIR(found.st_mode))


def _link(folder: int, source: str, name: str, goal: int | None = None) -> None:
    goal = folder if goal is None else goal
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
