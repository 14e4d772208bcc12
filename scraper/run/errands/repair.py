"""`scraper verify --repair`: files that are damaged are fetched again, and nothing else.

Each is looked at once more now that the folder is held, and queued as the run that asked for it last queued it, with
its name. What stands there stays until the new one is whole, and is replaced by it, whatever `files.existing` says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scraper.run.errand import Errand
from scraper.run.errands.retry import refuse_open
from scraper.run.verify.checking import looked_again
from scraper.state import expected, retries

if TYPE_CHECKING:
    from scraper.job.model import Job
    from scraper.model import Summary
    from scraper.run.verify.looking import Looked
    from scraper.state.db import Database

STEP = 200
"""Files that are queued in one transaction."""


class Repair(Errand):
    """A repair.

    Args:
        names: the numbers of the files' names in the ledger.

    Attributes:
        lost: those of which no run says where they came from; healed: those that are whole when they are looked at.
    """

    kind = "repair"

    def __init__(self, names: Sequence[int]) -> None:
        self._names = names
        self.lost: list[int] = []
        self.healed: set[int] = set()

    def job(self, job: Job) -> Job:
        """The job, with `files.existing: overwrite`."""
        return job.model_copy(update={"files": job.files.model_copy(update={"existing": "overwrite"})})

    def check(self, db: Database, job: str) -> None:
        """Looks whether it may be.

        Raises:
            UsageError: an ordinary run is open.
        """
        refuse_open(db, "a repair")

    def seed(self, kit: Any) -> Iterator[None]:
        """Queues what is damaged yet."""
        ledger = kit.ledger
        for at in range(0, len(self._names), STEP):
            names = self._names[at : at + STEP]
            damaged = looked_again(ledger.db, kit.disk, names)
            self.healed |= set(names) - {each.name for each in damaged}
            newest = expected.newest_files(ledger.db, [each.name for each in damaged])
            self.lost += [name for name, file in newest if file is None]
            for downloads in retries.downloads_of(ledger.db, [file for _, file in newest if file is not None]):
                ledger.add_downloads(downloads)
            yield


@dataclass(frozen=True)
class Mended:
    """What a repair came to.

    Attributes:
        restored: how many files are whole again; failed: how many are not.
        differs: paths of those whose content is another than the ledger knew.
        lost: paths of those of which no run says where they came from; they are among the failed.
        summary: of its run, None where it did not end; code: its exit code.
    """

    restored: int
    failed: int
    differs: tuple[str, ...]
    lost: tuple[str, ...]
    summary: Summary | None
    code: int

    @property
    def is_whole(self) -> bool:
        """Whether all came back."""
        return not self.failed

    def as_dict(self) -> dict[str, Any]:
        """As `verify --json` tells it."""
        told = None if self.summary is None else self.summary.as_dict()
        fetched = 0 if self.summary is None else self.summary.files.saved
        return {
            "fetched": fetched, "restored": self.restored, "differs": list(self.differs), "failed": self.failed,
            "lost": list(self.lost), "summary": told,
        }  # fmt: skip


def mended(db: Database, errand: Repair, damage: Sequence[Looked], summary: Summary | None, code: int) -> Mended:
    """What became of what was damaged.

    Args:
        damage: as it was found before; summary, code: of the run.
    """
    run = "" if summary is None else summary.run
    endings = expected.endings_of(db, run, [each.file.name for each in damage])
    whole = [each for each in damage if _is_whole(each, endings, errand)]
    differs = [each.file.path for each in whole if _differs(each, endings)]
    unknown = frozenset(errand.lost)
    lost = [each.file.path for each in damage if each.file.name in unknown]
    return Mended(len(whole), len(damage) - len(whole), tuple(differs), tuple(lost), summary, code)


def _is_whole(each: Looked, endings: dict[int, tuple[str, str | None]], errand: Repair) -> bool:
    """Whether it was fetched, or was whole already when the folder was held."""
    ending, _ = endings.get(each.file.name, ("", None))
    return ending == "saved" or each.file.name in errand.healed


def _differs(each: Looked, endings: dict[int, tuple[str, str | None]]) -> bool:
    _, digest = endings.get(each.file.name, ("", None))
    return digest is not None and digest != each.file.sha256
