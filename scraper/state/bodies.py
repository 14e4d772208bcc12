"""Bodies of pages that were read: for a second reading in the same run, and for a server that says "not modified".

    pages/ab/<identity>.z      of pages that came with a validator: kept from run to run (RFC 9110 section 13)
    runs/<run>/pages/<id>.z    of others, where a second rule or a nearer finding may read them again; gone with the run

A cache, not the truth: a body that is missing, or damaged by a power cut, is fetched again. It lies beside the ledger,
so that the ledger stays small. What must not lie about stays out: a page that says `no-store` or echoes a secret, and
the cookies that any of them sets.
"""

from __future__ import annotations

import json
import os
import shutil
import zlib
from collections.abc import Mapping
from pathlib import Path

from scraper.files.refusals import refusal_told
from scraper.model import Page, Request

VALIDATORS = ("etag", "last-modified")


class Bodies:
    """The bodies of one run.

    Args:
        state: the folder of the ledger.
        wanted: whether anything can be read again at all; if not, only what has a validator is kept.
        secrets: values that no page may hold that is kept from run to run, by name.
    """

    def __init__(self, state: Path, run: str, *, wanted: bool, secrets: Mapping[str, str]) -> None:
        self._folder = state / "runs" / run / "pages"
        self._kept = state / "pages"
        self._wanted = wanted
        self._secrets = secrets
        self._has_earlier = self._kept.is_dir()
        self._folders: set[Path] = set()
        for folder in (self._kept, *([self._folder] if wanted else ())):
            with refusal_told(folder):
                folder.mkdir(parents=True, exist_ok=True)

    def keep(self, page_id: int, page: Page) -> None:
        """Keeps the body of a page.

        Raises:
            DiskError: the disk refuses.
        """
        path = self._path_of(page.request)
        if page.unchanged:
            os.utime(path)
            return
        if self._may_stay(page):
            self._write_kept(path, page)
            return
        if self._has_earlier:
            path.unlink(missing_ok=True)
        if self._wanted:
            _write(self._folder / f"{page_id}.z", page)

    def load(self, page_id: int, request: Request) -> Page | None:
        """The page as this run kept it, now asked by `request`; None where it is not there."""
        return _read(self._folder / f"{page_id}.z", request) or _read(self._path_of(request), request)

    def earlier(self, request: Request) -> Page | None:
        """The page as an earlier run kept it; None where there is none."""
        return _read(self._path_of(request), request) if self._has_earlier else None

    def clear_others(self) -> None:
        """Removes those of other runs, which nobody continues any more."""
        for folder in self._folder.parents[1].glob(f"*/{self._folder.name}"):
            if folder != self._folder:
                shutil.rmtree(folder, ignore_errors=True)

    def clear(self) -> None:
        """Removes those that are for this run alone."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def prune(self, since: float) -> None:
        """Removes those of pages that no run has met since this time (seconds since 1970)."""
        for folder in os.scandir(self._kept):
            for file in os.scandir(folder):
                if file.stat().st_mtime < since:
                    os.unlink(file)

    def _write_kept(self, path: Path, page: Page) -> None:
        if path.parent not in self._folders:
            with refusal_told(path):
                path.parent.mkdir(exist_ok=True)
            self._folders.add(path.parent)
        _write(path, page)

    def _may_stay(self, page: Page) -> bool:
        """Whether a page may be kept from run to run, and can be asked for again under a condition."""
        headers = page.headers
        return (
            page.request.method == "GET"
            and page.status == 200
            and any(headers.get(name) for name in VALIDATORS)
            and "no-store" not in headers.get("cache-control", "").lower()
            and not any(value.encode() in page.body for value in self._secrets.values() if value)
        )

    def _path_of(self, request: Request) -> Path:
        identity = request.identity
        return self._kept / identity[:2] / f"{identity[2:]}.z"


def _write(path: Path, page: Page) -> None:
    headers = {name: value for name, value in page.headers.items() if name != "set-cookie"}
    head = json.dumps([page.url, page.status, headers, page.private]).encode()
    whole = zlib.compress(len(head).to_bytes(4, "big") + head + page.body, 1)
    part = path.with_suffix(".part")
    with refusal_told(part):
        part.write_bytes(whole)
        part.replace(path)


def _read(path: Path, request: Request) -> Page | None:
    try:
        whole = zlib.decompress(path.read_bytes())
    except (FileNotFoundError, zlib.error):
        return None
    end = 4 + int.from_bytes(whole[:4], "big")
    url, status, headers, private = json.loads(whole[4:end])
    return Page(request, url, status, headers, whole[end:], private)


def forget(state: Path, identity: str) -> None:
    """Removes what was kept of a page from run to run; that there is nothing is no mistake.

    Args:
        state: the folder of the ledger.
        identity: `Request.identity` of the page.

    Raises:
        DiskError: the disk refuses.
    """
    path = state / "pages" / identity[:2] / f"{identity[2:]}.z"
    with refusal_told(path):
        path.unlink(missing_ok=True)
