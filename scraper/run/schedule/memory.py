"""What a schedule has done already, in a file, so that what was missed while it was down is made up for once.

One JSON file for each folder of jobs, below XDG_STATE_HOME: written as a part, synced, renamed. Beside it lies the
lock: one schedule a folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scraper.errors import BusyError
from scraper.run.schedule.decide import Card
from scraper.state.lock import hold

FORMAT = 1
_TIMES = ("until", "due", "begun")


def digest_of(folder: Path) -> str:
    """Eight hex digits that stand for a folder of jobs."""
    return hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:8]


def place_of(folder: Path) -> Path:
    """The folder where the memory of a folder of jobs lies."""
    base = os.environ.get("XDG_STATE_HOME", "")
    home = Path(base) if os.path.isabs(base) else Path.home() / ".local" / "state"
    return home / "scraper" / "schedule" / digest_of(folder)


@contextlib.contextmanager
def held(folder: Path) -> Iterator[Path]:
    """Holds the folder of jobs against a second schedule; gives the folder of its memory.

    Raises:
        BusyError: another one holds it.
        DiskError: the memory cannot be written.
    """
    try:
        with hold(place_of(folder)) as inner:
            yield inner.parent
    except BusyError:
        raise BusyError(f"another scraper schedule run has {folder}; end that one first") from None


class Memory:
    """The cards of a folder, by the names of its files."""

    def __init__(self, place: Path, folder: Path) -> None:
        self._path = place / "memory.json"
        self._folder = str(folder)
        self._last: dict[str, Card] | None = None

    def load(self) -> dict[str, Card]:
        """The cards as they were written last; none the first time.

        Raises:
            ValueError: the file is not ours, or damaged.
        """
        try:
            data = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        try:
            if data["format"] != FORMAT:
                raise ValueError(f"format {data['format']}")
            return {name: _card(card) for name, card in data["jobs"].items()}
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{self._path}: {error!r}") from error

    def save(self, cards: Mapping[str, Card]) -> None:
        """Writes the cards, where they have changed.

        Raises:
            OSError: the disk refuses.
        """
        if cards == self._last:
            return
        told = {"format": FORMAT, "folder": self._folder, "jobs": {name: _plain(cards[name]) for name in sorted(cards)}}
        part = self._path.with_suffix(".part")
        with part.open("wb") as file:
            file.write(json.dumps(told).encode())
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, self._path)
        self._last = dict(cards)


def _plain(card: Card) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in vars(card).items()}


def _card(data: Mapping[str, Any]) -> Card:
    known = {name: _time(data[name]) if data[name] else None for name in _TIMES}
    return Card(**{**data, **known, "why": tuple(data["why"])})


def _time(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"{text}: a time without its zone")
    return found.astimezone(UTC)
