"""Files that are queued in one transaction: what is decided of each, and the rows that come of it.

What the ledger knows of all their keys and paths, and what stands on the disk under their names and beside them, is
asked at once; then each file is decided in order, as if it had come alone. For most nothing is known and nothing
stands there: for those the short way is taken, which differs from the long one only in what it need not ask.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from typing import Any

from scraper import urls
from scraper.files import decide, naming
from scraper.model import Download, Stood
from scraper.state import codec
from scraper.state.book import Look, LookMany
from scraper.state.codec import shown
from scraper.state.names import Name, Reservations
from scraper.state.schema import NAME_BITS

Row = tuple[Any, ...]


class Looks:
    """What stands on the disk, asked for many paths at once and remembered for one transaction."""

    def __init__(self, look: Look, look_many: LookMany) -> None:
        self._look = look
        self._look_many = look_many
        self._known: dict[str, Stood | None] = {}

    def ask(self, paths: Sequence[str]) -> list[Stood | None]:
        """What stands under each of them."""
        stand = self._look_many(paths)
        self._known.update(zip(paths, stand, strict=True))
        return stand

    def __call__(self, path: str) -> Stood | None:
        if path not in self._known:
            self._known[path] = self._look(path)
        return self._known[path]

    def is_folder(self, path: str) -> bool:
        """Whether a folder stands there."""
        stood = self(path)
        return stood is not None and stood.is_folder


@dataclass(slots=True)
class Asked:
    """A file that is to be queued.

    Attributes:
        key: as the ledger keeps it; path: without what only the response can tell.
        host: its number; host_key: for whom politeness counts.
        name: the one it has, or gets; stood, ending, part: what is found and decided of it.
    """

    download: Download
    key: str
    path: str
    complete: bool
    rank: bytes
    host: int
    host_key: str
    name: Name
    stood: Stood | None = None
    ending: str | None = None
    part: str | None = None


class Batch:
    """The files of one transaction.

    Args:
        templates: numbers of all templates that may come; lasting: of those that the job has.
        numbers: gives hosts their numbers.

    Attributes:
        plain: rows of files of which nothing is to be said but id, host, rank, flags.
        there: the same, and the inode of what stands under their name, and the ending that it brings.
        other: whole rows.
        opened: host, rank and id of those that are to be fetched.
        again: the files that the run had met already, each with its name.
    """

    def __init__(
        self, names: Reservations, looks: Looks, existing: str, run: int, templates: Mapping[str, int],
        lasting: set[int], numbers: Callable[[list[str]], Mapping[str, int]],
    ) -> None:  # fmt: skip
        self._names = names
        self._looks = looks
        self._ends_there = decide.at_reservation(Stood(0, 0), existing)
        self._base = run << NAME_BITS
        self._templates = templates
        self._lasting = lasting
        self._numbers = numbers
        self.plain: list[Row] = []
        self.there: list[Row] = []
        self.other: list[Row] = []
        self.opened: list[tuple[str, bytes, int]] = []
        self.again: list[tuple[Download, Name, bytes]] = []

    def take(self, downloads: Sequence[Download]) -> None:
        """Decides all of them."""
        keys = [shown(each.key) for each in downloads]
        whole = [not naming.is_open(each.path) for each in downloads]
        paths = [
            each.path if is_whole else naming.without_mark(each.path)
            for each, is_whole in zip(downloads, whole, strict=True)
        ]
        folds = list(map(naming.fold, paths))
        self._names.ask_keys(keys)
        self._names.ask_folds(fold for key, fold in zip(keys, folds, strict=True) if not self._names.knows(key))
        stand, clear = self._look(downloads, keys, paths, whole)
        hosts = [host_key(each.url) for each in downloads]
        numbers = self._numbers(hosts)
        for download, key, fold, path, is_whole, stood, is_clear, host in zip(
            downloads, keys, folds, paths, whole, stand, clear, hosts, strict=True
        ):
            rank = codec.encode_rank(download.place)
            if is_clear and self._put_plain(download, key, fold, path, rank, numbers[host], host):
                continue
            if stood is not None and self._put_there(download, key, rank, numbers[host], stood):
                continue
            self._put(download, key, path, is_whole, rank, numbers[host], host)

    def _look(
        self, downloads: Sequence[Download], keys: list[str], paths: list[str], whole: list[bool]
    ) -> tuple[list[Stood | None], list[bool]]:
        """What stands where each file will probably stand, and whether nothing is in its way, nor beside it."""
        guessed = list(map(self._guess, downloads, keys, paths))
        stand = self._looks.ask(guessed)
        free = [is_whole and stood is None for is_whole, stood in zip(whole, stand, strict=True)]
        parts = [naming.part_name(path) for path, is_free in zip(guessed, free, strict=True) if is_free]
        beside = iter(self._looks.ask(parts))
        return stand, [is_free and next(beside) is None for is_free in free]

    def _guess(self, download: Download, key: str, path: str) -> str:
        if not self._names.knows(key):
            return path
        kept = self._kept(download, self._names.of(key))[1]
        return kept.path if kept is not None and kept.path is not None else path

    def _kept(self, download: Download, of_key: list[Name]) -> tuple[int, Name | None]:
        """A name of its template. Where an earlier run named it by another one that the job still has, that holds."""
        template, kept = self._templates[download.template], None
        for each in of_key:
            if each.newest and each.template in self._lasting:
                return each.template, each
            if each.template == template:
                kept = each
        return template, kept

    def _put_plain(
        self, download: Download, key: str, fold: str, path: str, rank: bytes, host: int, host_key: str
    ) -> bool:
        """A file that is new, and that nothing stands in the way of."""
        name = self._names.new_plain(key, fold, self._templates[download.template], path, rank)
        if name is None:
            return False
        file = self._base | name
        flags = codec.flags_of(download)
        if download.url == key and codec.is_plain(download):
            self.plain.append((file, host, rank, flags))
        else:
            self.other.append((file, host, rank, flags, 0, None, *_said(download, key), None, None, None, None))
        self.opened.append((host_key, rank, file))
        return True

    def _put_there(self, download: Download, key: str, rank: bytes, host: int, stood: Stood) -> bool:
        """A file that an earlier run named, and that needs nothing more than that something stands under its name."""
        of_key = self._names.of(key)
        if self._ends_there != decide.SKIPPED or len(of_key) != 1:
            return False
        name = of_key[0]
        is_kept = name.template == self._templates[download.template] or name.template in self._lasting
        is_said = download.url == key and download.path == name.path and codec.is_plain(download)
        if name.rank is not None or not (name.complete and name.newest and is_kept and is_said):
            return False
        name.rank = rank
        flags = codec.flags_of(download)
        self.there.append((self._base | name.id, host, rank, flags, stood.inode, self._ends_there))
        return True

    def _put(
        self, download: Download, key: str, path: str, is_whole: bool, rank: bytes, host: int, host_key: str
    ) -> None:
        of_key = self._names.of(key)
        known = next((each for each in of_key if each.rank is not None), None)
        if known is not None:
            self.again.append((download, known, rank))
            return
        template, kept = self._kept(download, of_key)
        name = kept or self._names.new(key, template, path, complete=is_whole)
        name.rank = rank
        self._names.use(name)
        stood, ending, part = self._found(key, name)
        file = self._base | name.id
        asked = None if name.complete and name.path == download.path else download.path
        why = "a file stands under its name" if ending == decide.NAME_TAKEN else None
        self.other.append(
            (
                file, host, rank, codec.flags_of(download), 0 if ending is None else 1, stood and stood.inode,
                *_said(download, key), asked, part, ending, why,
            )
        )  # fmt: skip
        if ending is None:
            self.opened.append((host_key, rank, file))

    def _found(self, key: str, name: Name) -> tuple[Stood | None, str | None, str | None]:
        """What stands under a name, the ending that this brings, and the part beside it if there is none."""
        if not name.complete or name.path is None:
            return None, None, None
        stood = self._looks(name.path)
        ending = self._ends_there if stood is not None else None
        return stood, ending, None if ending is not None else free_part(key, name.path, self._looks)


def _said(download: Download, key: str) -> tuple[str | None, str | None, str | None, str | None]:
    """What a row says of a Download: url, more, item_key, found_on."""
    item_key, found_on = download.item_key, download.found_on
    return (
        None if download.url == key else shown(download.url),
        codec.dump_more(download),
        None if item_key is None else shown(item_key),
        None if found_on is None else shown(found_on),
    )


def free_part(key: str, path: str, look: Look) -> str | None:
    """The part beside a name, None for the plain one; where somebody else's stands there, ours has another name."""
    if look(naming.part_name(path)) is None:
        return None
    others = (naming.part_name(path, f"{key}\n{n}" if n else key) for n in count())
    return next(part for part in others if look(part) is None)


def host_key(url: str) -> str:
    """`urls.host_key`, which the rows of a list ask for the same few hosts."""
    end = url.find("/", 8)
    head = url[:end]
    return _of_head(head) if end > 0 and _HEAD.fullmatch(head) else urls.host_key(url)


_HEAD = re.compile(r"https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?")
_of_head = lru_cache(maxsize=4096)(urls.host_key)
