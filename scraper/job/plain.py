"""The job of a `scraper get` that says nothing but its URLs: the values of job/model.py, unchecked. Pure.

Loading pydantic and building its models takes as long as fetching a thousand files, for values that are all known.
tests/job/test_plain.py holds each of them to the models' own.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any


class _Accept(SimpleNamespace):
    def asked(self) -> dict[str, Any]:
        """What a file must be: nothing."""
        return {}


class _Entry(SimpleNamespace):
    def source(self, *names: str) -> Any:
        """The value of the first of these parts.SOURCES (of all, without names) that is given, or None."""
        return self.list_ if "list" in names or not names else None


class _Job(SimpleNamespace):
    def entry(self, index: int) -> Any:
        """The start entry at `index`."""
        return self.start[index]

    def rule_of(self, entry: Any) -> None:
        """Files without a page have no rule."""


def plain_job(lists: Iterable[tuple[str, str]], jobs: int) -> Any:
    """A job (model.Job) that fetches the files of lists.

    Args:
        lists: path and column of each.
        jobs: files at once, of one host too.
    """
    return _Job(
        name="get", about="", dest=None, vars={}, http=_http(), login=(), rules={}, schedule=None, timezone=None,
        on_finish=(), on_failure=(), on_file=(), notify=(), archive=None, tests={},
        start=tuple(_entry(path, column) for path, column in lists),
        polite=SimpleNamespace(robots="obey", per_host=jobs, delay=0, rate=None, hosts={}),
        files=_files(jobs), records=SimpleNamespace(path="records.jsonl", gone="drop"),
        limits=SimpleNamespace(min_free=None, deadline=None, quota=None, failures=None),
        metrics=SimpleNamespace(textfile=None, statsd=None),
        expect=SimpleNamespace(items=None, files=None, failed=None, filled={}, drop=None, model_fields_set=frozenset()),
    )  # fmt: skip


def _http() -> SimpleNamespace:
    return SimpleNamespace(
        headers={}, cookies={}, save_cookies=None, cookies_from_browser=None,
        auth=None, proxies=None, verify=True, cert=None, allow_redirects=True, version="1.1",
        origins=(),
        timeout=SimpleNamespace(connect=10, read=30, total=None, slowest=1),
        retry=SimpleNamespace(
            attempts=5, first_wait=1, max_wait=60, statuses=(429, 500, 502, 503, 504), methods=("GET", "HEAD")
        ),
    )  # fmt: skip


def _files(jobs: int) -> SimpleNamespace:
    accept = _Accept(
        types=None, min_bytes=None, max_bytes=None, min_width=None, max_width=None, min_height=None, max_height=None
    )
    return SimpleNamespace(
        path="{{ filename }}", jobs=jobs, existing="skip", accept=accept, segments=4, transport="auto",
        mtime="server", duplicates="keep", durable=False,
    )  # fmt: skip


def _entry(path: str, column: str) -> _Entry:
    return _Entry(
        list_=path, column=column, as_="files", url=None, method="GET", files=None, rule=None, when=None, for_=None,
        sitemap=None, match=None, since=None, feed=None, records=None, params=None, data=None, json_=None, headers=None,
        cookies=None, auth=None,
    )  # fmt: skip
