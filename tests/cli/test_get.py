"""`scraper get`: URLs and lists of them, good, gone and garbage."""

from __future__ import annotations

import io
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from scraper.server import Response, Site

INSTANT = ("-o", "http.retry.first_wait=0")


def test_get_saves_urls_below_output_get(
    scraper: Any,
    site: Site,
    serve: Any,
    folder: Path,
    pixels: Any,
) -> None:
    pixels(site, "a.png", "b.png")
    server = serve(site)
    told = scraper("get", f"{server.url}/a.png", f"{server.url}/b.png", f"{server.url}/a.png#again")
    assert (told.code, sorted(told.lines)) == (0, ["output/get/a.png", "output/get/b.png"])
    assert [seen.target for seen in server.log if "robots" in seen.target] == []
    assert not (folder / "output" / "get" / "records.jsonl").exists()


GARBAGE = [
    "no url at all",
    "ftp://127.0.0.1/x",
    "http://",
    "http:///path",
    "//127.0.0.1/x",
    "http://[::1",
    "http://a:b:c/",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "http://127.0.0.1:99999/x",
    "\x1b]0;title\x07\x9b31m",
    "http://%zz/",
    "{{ env('HOME') }}",
    "-",
    "http://\u202e/",
    "http://.../x",
    "http://127.0.0.1:0/x",
    "http://" + "a" * 300 + "/x",
    "http://x..y/z",
    "http://*/",
    "http://exa mple.com/",
    "?",
    "http://@/",
    "http://127.0.0.1:9/%EF%B7%90env%3AHOME%EF%B7%91",
    "http://127.0.0.1:9/\ufdd0env:HOME\ufdd1",
]


def test_get_saves_the_good_ones_of_a_list_and_names_each_failure(
    scraper: Any,
    site: Site,
    serve: Any,
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    pixels: Any,
) -> None:
    pixels(site, "a.png", "b.png")
    server = serve(site)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        refused = f"http://127.0.0.1:{closed.getsockname()[1]}/x"
    lines = [
        "# a comment",
        "",
        f"  {server.url}/a.png  ",
        f"{server.url}/missing",
        *GARBAGE,
        refused,
        f"{server.url}/b.png",
    ]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("\r\n".join(lines).encode()), encoding="utf-8"))
    told = scraper("get", "-i", "-", "--json", *INSTANT, "-o", "http.retry.attempts=2")
    assert told.code == 4
    assert told.json["files"] == {"saved": 2, "unchanged": 0, "skipped": 0, "failed": len(GARBAGE) + 2}
    assert sorted(each.name for each in (folder / "output" / "get").iterdir()) == [".scraper", "a.png", "b.png"]
    assert all(one["class"] and one["message"] for one in told.json["failures"])
    assert "\x1b" not in told.err
    assert "\x9b" not in told.err


def test_get_names_each_failure_with_its_class(scraper: Any, site: Site, serve: Any, folder: Path) -> None:
    server = serve(site)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        refused = f"http://127.0.0.1:{closed.getsockname()[1]}/x"
    site.route("/gone")(lambda request: Response(410, {}, b""))
    (folder / "urls.txt").write_text(f"{server.url}/missing\nftp://x/y\n{refused}\n{server.url}/gone\nnot a url")
    told = scraper("get", "-i", "urls.txt", "--json", *INSTANT)
    assert {one["url"]: one["class"] for one in told.json["failures"]} == {
        f"{server.url}/missing": "http:404",
        "ftp://x/y": "protocol",
        refused: "connect",
        f"{server.url}/gone": "http:410",
        "not a url": "protocol",
    }
    for url, name in ((f"{server.url}/missing", "http:404"), (refused, "connect"), ("not a url", "protocol")):
        assert any(url in line and name in line for line in told.err.splitlines()), told.err


def test_get_takes_lists_and_urls_together(
    scraper: Any,
    site: Site,
    serve: Any,
    folder: Path,
    pixels: Any,
) -> None:
    pixels(site, "a.png", "b.png", "c.png")
    server = serve(site)
    (folder / "one.txt").write_text(f"\ufeff{server.url}/a.png\n")
    (folder / "two.txt").write_text(f"{server.url}/b.png")
    assert len(scraper("get", "-i", "one.txt", "-i", "two.txt", f"{server.url}/c.png").lines) == 3


def test_get_takes_options_of_a_job(
    scraper: Any,
    site: Site,
    serve: Any,
    folder: Path,
    pixels: Any,
) -> None:
    pixels(site, "a.png", "b.png")
    server = serve(site)
    told = scraper(
        "get",
        f"{server.url}/a.png",
        f"{server.url}/b.png",
        "-o",
        'files.path="{{ row_index }}-{{ filename }}"',
        "-o",
        "http.headers.User-Agent=me/1",
    )
    assert sorted(told.lines) == ["output/get/1-a.png", "output/get/2-b.png"]
    assert {dict(seen.headers)["User-Agent"] for seen in server.log} == {"me/1"}


def test_get_takes_the_first_of_a_limit(
    scraper: Any,
    site: Site,
    serve: Any,
    pixels: Any,
) -> None:
    pixels(site, *(f"{at}.png" for at in range(5)))
    server = serve(site)
    told = scraper("get", *(f"{server.url}/{at}.png" for at in range(5)), "--limit", 2)
    assert sorted(told.lines) == ["output/get/0.png", "output/get/1.png"]


def test_a_dry_get_writes_nothing(scraper: Any, site: Site, serve: Any, folder: Path) -> None:
    server = serve(site)
    told = scraper("get", f"{server.url}/a.png", f"{server.url}/b", "-n", "--state", "state")
    assert (told.code, told.lines, list(folder.iterdir()), server.log) == (
        0,
        ["output/get/a.png", "output/get/b"],
        [],
        [],
    )


def test_a_failed_url_is_tried_again_and_a_saved_one_is_not(
    scraper: Any,
    site: Site,
    serve: Any,
    pixels: Any,
) -> None:
    answers = iter([Response(404, {}, b""), b"now"])
    site.route("/late")(lambda request: next(answers))
    pixels(site, "a.png")
    server = serve(site)
    urls = (f"{server.url}/a.png", f"{server.url}/late")
    first, second = scraper("get", *urls), scraper("get", *urls)
    assert (first.code, second.code, second.lines) == (4, 0, ["output/get/late"])
    assert sorted(seen.target for seen in server.log) == ["/a.png", "/late", "/late"]
