"""A job that is right, as job/load.py gives it; by itself so that `scraper get` need not load the rest."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scraper.errors import Mistake
from scraper.job.places import HOOKS, Finding, Places
from scraper.job.places import Path as Where

if TYPE_CHECKING:
    from scraper.job.model import Job


@dataclass(frozen=True)
class Folders:
    """What relative paths are relative to: the file that says them; the working directory where no file does."""

    folder: Path
    places: Places

    def of(self, path: Where) -> Path:
        """The folder for a key, by its path as it was written."""
        file = self.places.spot(path).file
        if file is None:
            return self.folder
        return Path() if file.startswith(_NO_FILES) else Path(file).parent


_NO_FILES = ("-o ", "--var ", "SCRAPER_")


@dataclass(frozen=True)
class Loaded:
    """A job that is right.

    Attributes:
        job: with `http`, `polite` and `dest` rendered over variables and secrets' marks; the rest as written.
        file: as it is called in messages; folder: what relative paths of the job are relative to.
        variables: `vars`, rendered, `--var` over the job's own.
        warnings: secrets that are not set, and what looks like an oversight.
        data: the plain data of the file with what the command line laid over it.
        has_secrets: whether any may be used in it.
    """

    job: Job
    file: str
    folder: Path
    variables: dict[str, Any]
    warnings: tuple[Mistake, ...]
    data: dict[str, Any]
    has_secrets: bool = True
    places: Places = field(repr=False, compare=False, default_factory=lambda: Places(""))

    def folder_of(self, path: Where) -> Path:
        """What a relative path at a key is relative to: the file that it stands in, or the working directory."""
        return Folders(self.folder, self.places).of(as_written(Finding(tuple(path), ""), self.data).path)

    def mistake(self, path: Where, message: str) -> Mistake:
        """A mistake at a key or value of the job, for what is found out later."""
        return self.places.mistake(as_written(Finding(tuple(path), message), self.data))


def as_written(finding: Finding, data: dict[str, Any]) -> Finding:
    """The finding with its path in the file: the model makes lists of what may stand alone."""
    path = finding.path
    written = data.get(path[0]) if path[:1] and path[0] in HOOKS else None
    if isinstance(written, list) and all(isinstance(one, str) for one in written):
        path = (path[0], path[-1])
    from scraper.job import words

    return replace(finding, path=words.path_of(path, data))
