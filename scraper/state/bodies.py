"""Bodies of pages that were read, kept until the run ends: a second rule, or a nearer finding, reads them again.

A cache, not the truth: a body that is missing is fetched again. It lies beside the
ledger, so that the ledger stays small.
"""

from __future__ import annotations

import json
import shutil
import zlib
from pathlib import Path

from scraper.files.refusals import refusal_told
from scraper.model import Page, Request


class Bodies:
    """The bodies of one run, below `folder`.

    Args:
        wanted: whether anything can be read again at all; if not, nothing is kept.
    """

    def __init__(self, folder: Path, *, wanted: bool) -> None:
        self._folder = folder
        self._wanted = wanted
        if wanted:
            with refusal_told(folder):
                folder.mkdir(parents=True, exist_ok=True)

    def keep(self, page_id: int, page: Page) -> None:
        """Keeps the body of a page.

        Raises:
            DiskError: the disk refuses.
        """
        if self._wanted:
            head = json.dumps([page.url, page.status, dict(page.headers), page.private]).encode()
            whole = zlib.compress(len(head).to_bytes(4, "big") + head + page.body, 1)
            part = self._path(page_id).with_suffix(".part")
            with refusal_told(part):
                part.write_bytes(whole)
                part.replace(self._path(page_id))

    def load(self, page_id: int, request: Request) -> Page | None:
        """The page as it was kept, now asked by `request`; None where it is not there, or damaged by a power cut."""
        try:
            whole = zlib.decompress(self._path(page_id).read_bytes())
        except (FileNotFoundError, zlib.error):
            return None
        end = 4 + int.from_bytes(whole[:4], "big")
        url, status, headers, private = json.loads(whole[4:end])
        return Page(request, url, status, headers, whole[end:], private)

    def clear_others(self) -> None:
        """Removes those of other runs, which nobody continues any more."""
        for folder in self._folder.parents[1].glob(f"*/{self._folder.name}"):
            if folder != self._folder:
                shutil.rmtree(folder, ignore_errors=True)

    def clear(self) -> None:
        """Removes them all."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, page_id: int) -> Path:
        return self._folder / f"{page_id}.z"
