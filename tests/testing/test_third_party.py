"""A server that is not ours: httpbin under gunicorn. What was recorded there is replayed with the server gone."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from scraper.job.load import from_data
from scraper.model import Summary
from scraper.run.record import record
from scraper.run.replay import replay
from tests.server.compared import python, running

pytestmark = pytest.mark.slow

PASSWORD, KEY = "pass-word-7341", "key-90817263"
JOB: dict[str, Any] = {
    "name": "bin",
    "http": {
        "auth": {"basic": ["user", "{{ env('BIN_PASSWORD') }}"]},
        "headers": {"X-Key": "{{ env('BIN_KEY') }}"},
        "retry": {"attempts": 2, "first_wait": 0, "methods": ["GET", "HEAD", "POST"]},
    },
    "login": [{"get": "{{ base }}/cookies/set/session/f3a9c17be2d04a58"}],
    "start": [
        {"url": "{{ base }}/anything/list", "params": {"n": 1, "key": "{{ env('BIN_KEY') }}"}, "rule": "echo"},
        {"url": "{{ base }}/post", "method": "POST", "json": {"a": "{{ env('BIN_KEY') }}"}, "rule": "echo"},
        {"url": "{{ base }}/post", "method": "POST", "data": {"a": "caf\u00e9"}, "rule": "echo"},
        {"url": "{{ base }}/post", "method": "POST", "files": {"f": "note.txt"}, "rule": "echo"},
        {"url": "{{ base }}/redirect/3", "rule": "echo"},
        {"url": "{{ base }}/cookies", "rule": "cookies"},
        {"url": "{{ base }}/basic-auth/user/{{ env('BIN_PASSWORD') }}", "rule": "who"},
        {"url": "{{ base }}/gzip", "rule": "echo"},
        {"url": "{{ base }}/deflate", "rule": "echo"},
        {"url": "{{ base }}/uuid", "rule": "chance"},
        {"url": "{{ base }}/links/5/0", "rule": "links"},
        {"url": "{{ base }}/encoding/utf8", "rule": "text"},
        {"url": "{{ base }}/status/503", "rule": "echo"},
        {
            "for": {"path": ["image/png", "image/jpeg", "image/webp", "image/svg", "bytes/70000?seed=1", "range/3000",
                             "stream-bytes/50000?seed=2&chunk_size=700", "drip?duration=0.1&numbytes=20&delay=0",
                             "response-headers?ETag=%22one%22", "status/404", "encoding/utf8",
                             "redirect-to?url=/image/png"]},
            "url": "{{ base }}/{{ row.path }}", "as": "files",
        },
    ],
    "rules": {
        "echo": {"read": "json", "item": {"url": "url", "key": 'headers."X-Key"',
                                           "args": "args", "form": "form", "json": "json", "uploaded": "files",
                                            "authorization": "headers.Authorization"}},
        "cookies": {"read": "json", "item": {"names": "keys(cookies)"}},
        "who": {"read": "json", "item": {"user": "user", "is_in": "authenticated"}},
        "chance": {"read": "json", "item": {"id": "uuid"}},
        "links": {"each": "a", "item": {"to": "::attr(href)"}, "follow": {"link": "::attr(href)"}},
        "link": {"item": {"title": "title"}},
        "text": {"item": {"heading": "h1"}},
    },
    "files": {"path": "{{ dir | slug }}-{{ filename }}{{ ext }}"},
}  # fmt: skip


HTTPBIN = python("gunicorn", "-k", "gthread", "--threads", "8", "-b", "127.0.0.1:0", "httpbin:app")


def left(dest: Path, summary: Summary) -> dict[str, Any]:
    """Everything a run left: counts, records byte for byte, files by name and digest."""
    files = {
        path.relative_to(dest).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in dest.rglob("*")
        if path.is_file() and ".scraper" not in path.parts and path.name != "records.jsonl"
    }
    counts = {key: value for key, value in summary.as_dict().items() if key not in ("run", "seconds")}
    return {"records": (dest / "records.jsonl").read_text("utf-8"), "files": files, "counts": counts}


@pytest.mark.parametrize("transport", ["curl", "requests"])
def test_a_job_on_somebody_elses_server_is_replayed_with_the_server_gone(
    transport: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIN_PASSWORD", PASSWORD)
    monkeypatch.setenv("BIN_KEY", KEY)
    (tmp_path / "note.txt").write_text("a note", "utf-8")
    tape = tmp_path / "bin.warc.gz"
    with running(HTTPBIN, r"http://127\.0\.0\.1:\d+", "stderr") as base:
        job = {**JOB, "vars": {"base": base}, "files": {**JOB["files"], "transport": transport}}
        loaded = from_data(job, file="job.yaml", folder=tmp_path)
        live = left(tmp_path / "live", record(loaded, tape, dest=tmp_path / "live"))
    with pytest.raises(OSError, match="refused"):  # it is gone
        urlopen(base)
    for name in ("BIN_PASSWORD", "BIN_KEY"):
        monkeypatch.delenv(name)

    assert (live["counts"]["pages"]["ok"], live["counts"]["pages"]["failed"]) == (16, 1)
    assert (live["counts"]["files"]["saved"], live["counts"]["files"]["failed"]) == (11, 1)
    raw = gzip.decompress(tape.read_bytes())
    assert not any(secret.encode() in raw for secret in (KEY, PASSWORD))
    for other in ("curl", "requests"):
        again = {**job, "files": {**job["files"], "transport": other}}
        loaded = from_data(again, file="job.yaml", folder=tmp_path)
        assert left(tmp_path / other, replay(loaded, tape, dest=tmp_path / other)) == live
    echoed = [json.loads(line) for line in live["records"].splitlines()]
    assert [one["key"] for one in echoed if one.get("key")] == ["{env:BIN_KEY}"] * 7
