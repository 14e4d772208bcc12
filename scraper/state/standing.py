"""What stands on the disk under a name, beside what the ledger knows to stand there.

The newest row of `contents` that has a size says what a run put under a name. `let_go` takes the sizes away: then
nothing is known to stand there any more, and what earlier runs saved is still told by its digest.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from scraper.errors import UsageError
from scraper.model import Stood
from scraper.state.db import Database
from scraper.state.runs import goes_on

MISSING = "it is not there"
"""What `changed` says of a file that is gone from the disk."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A file that the ledger knows to stand.

    Attributes:
        name: its number in `names`; key: by what it is the same file.
        bytes, sha256: size and hex digest of what was saved; None: not known.
    """

    name: int
    key: str
    path: str
    bytes: int
    sha256: str | None


class Disk(Protocol):
    """What is asked of the output folder."""

    def look(self, path: str) -> Stood | None:
        """What stands under a path."""
        ...

    def sha256(self, path: str) -> tuple[str, int]:
        """Digest and size of a regular file."""
        ...


def changed(disk: Disk, known: Standing) -> str | None:
    """In what a file differs from what the ledger knows of it; None: in nothing. A link is not followed."""
    stood = disk.look(known.path)
    if stood is None:
        return MISSING
    if known.sha256 is None:
        return "the ledger knows no digest of it"
    if not stood.is_folder and stood.size != known.bytes:
        return f"it has {stood.size} bytes, {known.bytes} were saved"
    try:
        digest, _ = disk.sha256(known.path)
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    return None if digest == known.sha256 else "it was changed since it was saved"


def let_go(db: Database, names: Iterable[int]) -> None:
    """Nothing is known to stand under these names any more; they stay reserved."""
    db.many("UPDATE contents SET bytes = NULL WHERE name = ? AND bytes IS NOT NULL", [(name,) for name in names])


def refuse_open(db: Database) -> None:
    """What the ledger knows is not to be changed while a run has to be finished.

    Raises:
        UsageError: one has.
    """
    found = db.row("SELECT run, job, kind FROM runs WHERE open ORDER BY id DESC LIMIT 1")
    if found is not None:
        by = goes_on(found["job"], found["kind"])
        anew = ", or begins anew with --fresh" if found["kind"] == "run" else "; a new scraper run drops it"
        raise UsageError(f"the run {found['run']} is not finished; {by} goes on with it{anew}")
