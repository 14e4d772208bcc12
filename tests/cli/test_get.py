"""`scraper get`: URLs and lists of them, good, gone and garbage."""

from __future__ import annotations

import gzip
import io
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scraper.server import Response, Site
from scraper.server.fixture.pictures import picture

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


# -- lists -------------------------------------------------------------------------------------------------


def write_list(path: Path, urls: list[str], column: str = "url") -> None:
    """A list of the format that its suffix says; those of several columns hold a title too."""
    name = path.name.removesuffix(".gz")
    if name.endswith(".parquet"):
        pa = pytest.importorskip("pyarrow", reason="lists in parquet need pyarrow")
        from pyarrow import parquet

        parquet.write_table(pa.table({"title": ["x"] * len(urls), column: urls}), path)
        return
    if name.endswith("jsonl"):
        text = "".join(json.dumps({"title": "x", column: url}) + "\n" for url in urls)
    else:
        head = [] if name.endswith(".txt") else [f"title,{column}"]
        text = "\n".join([*head, *(f"x,{url}" if head else url for url in urls)])
    path.write_bytes(gzip.compress(text.encode()) if path.name.endswith(".gz") else text.encode())


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.csv.gz", "a.jsonl", "a.parquet", "a[1]*.csv"])
@pytest.mark.parametrize("column", ["url", "URL"])
def test_get_takes_lists_of_every_format(
    name: str, column: str, scraper: Any, site: Site, serve: Any, folder: Path, pixels: Any
) -> None:
    pixels(site, "a.png", "b.png")
    server = serve(site)
    write_list(folder / name, [f"{server.url}/a.png", f"{server.url}/b.png"], column)
    told = scraper("get", "-i", name)
    assert (told.code, sorted(told.lines)) == (0, ["output/get/a.png", "output/get/b.png"])
    assert not (folder / "output" / "get" / "records.jsonl").exists()


def test_get_takes_the_only_column_of_a_list(scraper: Any, site: Site, serve: Any, folder: Path, pixels: Any) -> None:
    pixels(site, "a.png")
    server = serve(site)
    (folder / "a.csv").write_text(f'address\n"{server.url}/a.png"\nhttp://h/a,b.png\n')
    told = scraper("get", "-i", "a.csv", "-o", "files.path='{{ item.address | length }}-{{ filename }}'", "--json")
    assert (told.code, told.json["files"]["saved"], told.json["items"]["failed"]) == (4, 1, 0)
    assert [one["message"] for one in told.json["failures"]] == [
        "row 2: it has 2 cells and the head 1; is a delimiter not in quotes?"
    ]
    assert len(list((folder / "output" / "get").glob("*-a.png"))) == 1


def test_get_tells_the_rows_whose_names_cannot_be_made(
    scraper: Any, site: Site, serve: Any, folder: Path, pixels: Any
) -> None:
    pixels(site, "a.png", "b.png")
    server = serve(site)
    (folder / "a.csv").write_text(f"url,n\n{server.url}/a.png,1\n{server.url}/b.png\n")
    told = scraper("get", "-i", "a.csv", "-o", "files.path='{{ row.n }}{{ ext }}'", "--json")
    assert (told.code, told.json["files"]["saved"], told.json["files"]["failed"]) == (4, 1, 1)
    assert [(one["url"], one["class"]) for one in told.json["failures"]] == [(f"{server.url}/b.png", "name")]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.csv", "x,y\n1,2\n", "a.csv: which column holds the URLs? its columns are x, y; call one of them url"),
        ("a.jsonl", '{"x": 1, "y": 2}', "a.jsonl: which column holds the URLs? its columns are x, y"),
        ("a.csv", "", "a.csv is empty; its first line names the columns"),
        ("a.txt", "PK\x03\x04", "a.txt is a zip or a spreadsheet, not text; save it as .csv"),
        ("a.parquet", "x", "parquet"),
    ],
)
def test_a_list_that_get_cannot_read_is_wrong_usage(
    name: str, text: str, says: str, scraper: Any, folder: Path
) -> None:
    (folder / name).write_text(text)
    told = scraper("get", "-i", name)
    assert (told.code, told.out, says in told.err, [each.name for each in folder.iterdir()]) == (2, "", True, [name])


def test_an_empty_list_is_done_at_once(scraper: Any, folder: Path) -> None:
    (folder / "a.txt").write_text("# nothing\n\n")
    (folder / "a.jsonl").write_text("\n")
    assert scraper("get", "-i", "a.txt", "-i", "a.jsonl", "--json").json["exit_code"] == 0


def test_a_pipe_is_read_as_a_list(scraper: Any, site: Site, serve: Any, folder: Path, pixels: Any) -> None:
    pixels(site, "a.png", "b.png")
    server = serve(site)
    ends = os.pipe()
    try:
        os.write(ends[1], f"{server.url}/a.png\n".encode())
        os.close(ends[1])
        told = scraper("get", "-i", f"/dev/fd/{ends[0]}", f"{server.url}/b.png")
    finally:
        os.close(ends[0])
    assert (told.code, sorted(told.lines)) == (0, ["output/get/a.png", "output/get/b.png"])


def test_an_interrupted_get_of_the_same_list_continues_wherever_it_comes_from(
    scraper: Any, site: Site, serve: Any, folder: Path, process: Any, gate: Any
) -> None:
    late = gate(Response(200, {"Content-Type": "image/png"}, picture(1, "png")))
    site.route("/late.png")(late)
    site.route("/<n>.png")(lambda request, n: Response(200, {"Content-Type": "image/png"}, picture(1, "png")))
    server = serve(site)
    write_list(folder / "a.csv", [f"{server.url}/{name}.png" for name in ("1", "2", "late")])
    killed = process("get", "-i", "a.csv", "-j", "1", "-v")
    late.wait()
    killed.popen.kill()
    killed.end()
    late.open.set()
    (folder / "a.csv").rename(folder / "b.csv")
    told = scraper("get", "-i", "b.csv", "-j", "1", "--json")
    assert ("continuing the open run" in told.err, told.code, told.json["files"]["saved"]) == (True, 0, 3)
    assert [seen.target for seen in server.log].count("/1.png") == 1


LAZY = ("jinja2", "yaml", "jmespath", "lxml", "bs4", "pyarrow", "scraper.page.reader", "scraper.lists.table")


def test_a_plain_get_loads_nothing_of_what_only_jobs_and_other_lists_need(folder: Path) -> None:
    (folder / "a.txt").write_text("# nothing\n")
    code = (
        "import sys; from scraper.cli.main import cli; assert cli(['get', '-i', 'a.txt']) == 0;"
        f"print(*[name for name in {LAZY!r} if name in sys.modules])"
    )
    path = os.pathsep.join(each for each in sys.path if each)
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True
    )
    assert (ended.returncode, ended.stdout.strip()) == (0, ""), ended.stderr
