"""The jobs of a folder as they stand on disk now: read again when a file has changed, and only then.

Every .yaml and .yml file right in the folder is looked at, but for hidden ones (an editor's lock, `.#books.yaml`). What
is read without a mistake is a job; what has mistakes is one that is broken, if it is not plainly something else (a
mapping without any of a job's own keys).
"""

from __future__ import annotations

import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scraper.errors import JobError, UsageError
from scraper.job import yaml
from scraper.job.load import load
from scraper.job.loaded import Loaded
from scraper.run.events import printable
from scraper.run.sources import dest_of

SUFFIXES = (".yaml", ".yml")
_OWN = frozenset({"start", "rules", "schedule"})
"""Keys that tell a job from other YAML, where it is not a right one."""


@dataclass(frozen=True)
class JobFile:
    """A job file.

    Attributes:
        path: of the file, absolute; key: its name, which is one of a kind in its folder.
        name: of the job; of a broken one the stem of its file.
        dest: the folder it writes to, absolute.
        mistakes: why it is broken, a line each, fit for a terminal.
    """

    path: Path
    name: str
    schedule: str | None = None
    timezone: str | None = None
    dest: Path | None = None
    mistakes: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The name of the file."""
        return self.path.name


def job_file(path: Path, read: Callable[[Path], Loaded] = load) -> JobFile | None:
    """A file as a job; None where it is something else."""
    try:
        loaded = read(path)
    except JobError as error:
        mistakes = tuple(map(printable, str(error).splitlines()))
        return JobFile(path, path.stem, mistakes=mistakes) if _may_be_job(path) else None
    job = loaded.job
    schedule = " ".join(job.schedule.split()) if job.schedule else None  # of one line, as units and crontabs have it
    return JobFile(path, job.name, schedule, job.timezone, dest_of(loaded, job).absolute())


def _may_be_job(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            data = yaml.read(file.read(yaml.LARGEST + 1), str(path)).data
    except (OSError, yaml.YamlError):
        return True
    return isinstance(data, dict) and not _OWN.isdisjoint(data)


Stamp = tuple[int, int, int]


def _may_be_read(path: Path) -> bool:
    """Whether reading it ends: no folder, no pipe, no device. What cannot be looked at is told when it is read."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return True


def _stamp(path: Path) -> Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


class Folder:
    """The jobs of a folder; a file stands for itself alone.

    Raises:
        UsageError: nothing is there.
    """

    def __init__(self, path: Path, read: Callable[[Path], Loaded] = load) -> None:
        self.path = path.absolute()
        self._read = read
        self._known: dict[Path, tuple[Stamp | None, JobFile | None]] = {}
        if not self.path.exists():
            raise UsageError(f"there is no {path}; name a folder with job files, or a job file")

    def look(self) -> tuple[JobFile, ...]:
        """The jobs as they stand there now, by name of file.

        Raises:
            OSError: the folder cannot be read, or the file is gone.
        """
        found = list(self._files())
        self._known = {path: self._at(path) for path in found}
        return tuple(job for _, job in self._known.values() if job is not None)

    def _files(self) -> list[Path]:
        if not self.path.is_dir():
            self.path.stat()
            return [self.path]
        found = (each for each in self.path.iterdir() if each.suffix in SUFFIXES and not each.name.startswith("."))
        return sorted(each for each in found if _may_be_read(each))

    def _at(self, path: Path) -> tuple[Stamp | None, JobFile | None]:
        stamp = _stamp(path)
        known = self._known.get(path)
        return known if known and known[0] == stamp and stamp else (stamp, job_file(path, self._read))
