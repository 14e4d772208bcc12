"""Files of a folder, asked for as well-meaning clients do."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scraper.server import Server
from scraper.server.conditional import write_date

Ask = Callable[..., Any]


def test_a_file_comes_whole_with_what_is_known_of_it(ask: Ask, folder: Path) -> None:
    reply = ask("/ok.txt")

    assert (reply.status, reply.body) == (200, b"0123456789")
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"
    assert reply.headers["content-length"] == "10"
    assert reply.headers["last-modified"] == write_date(int((folder / "ok.txt").stat().st_mtime))
    assert reply.headers["accept-ranges"] == "bytes"
    assert reply.headers["etag"].startswith('"')


def test_head_has_the_same_headers_and_no_body(ask: Ask) -> None:
    whole, head = ask("/big.bin"), ask("/big.bin", method="HEAD")

    assert head.body == b""
    assert head.headers | {"date": ""} == whole.headers | {"date": ""}


def test_a_large_file_comes_whole(ask: Ask, folder: Path) -> None:
    assert ask("/big.bin").body == (folder / "big.bin").read_bytes()


@pytest.mark.parametrize(
    ("asked", "told", "body"),
    [
        ("bytes=2-4", "bytes 2-4/10", b"234"),
        ("bytes=7-", "bytes 7-9/10", b"789"),
        ("bytes=-2", "bytes 8-9/10", b"89"),
    ],
)
def test_a_range_comes_with_206(ask: Ask, asked: str, told: str, body: bytes) -> None:
    reply = ask("/ok.txt", f"Range: {asked}")

    assert (reply.status, reply.headers["content-range"], reply.body) == (206, told, body)
    assert reply.headers["content-length"] == str(len(body))


def test_a_range_of_a_large_file_comes_from_its_place(ask: Ask, folder: Path) -> None:
    reply = ask("/big.bin", "Range: bytes=100000-300000")

    assert reply.body == (folder / "big.bin").read_bytes()[100000:300001]


def test_a_range_beyond_the_end_is_416_and_tells_the_size(ask: Ask) -> None:
    reply = ask("/ok.txt", "Range: bytes=10-")

    assert (reply.status, reply.headers["content-range"]) == (416, "bytes */10")


def test_several_ranges_are_answered_with_the_whole(ask: Ask) -> None:
    assert (ask("/ok.txt", "Range: bytes=0-1,5-6").status) == 200


def test_if_range_holds_a_range_to_the_same_file(ask: Ask) -> None:
    etag = ask("/ok.txt").headers["etag"]

    assert ask("/ok.txt", "Range: bytes=2-4", f"If-Range: {etag}").status == 206
    assert ask("/ok.txt", "Range: bytes=2-4", 'If-Range: "other"').status == 200


@pytest.mark.parametrize(("condition", "name"), [("If-None-Match", "etag"), ("If-Modified-Since", "last-modified")])
def test_what_is_known_already_is_304_without_a_body(ask: Ask, condition: str, name: str) -> None:
    known = ask("/ok.txt").headers

    reply = ask("/ok.txt", f"{condition}: {known[name]}")

    assert (reply.status, reply.body) == (304, b"")
    assert reply.headers["etag"] == known["etag"]
    assert "content-length" not in reply.headers


def test_a_condition_that_fails_is_412(ask: Ask) -> None:
    assert ask("/ok.txt", 'If-Match: "other"').status == 412


def test_an_empty_file_is_a_file(ask: Ask) -> None:
    reply = ask("/empty")

    assert (reply.status, reply.headers["content-length"], reply.body) == (200, "0", b"")
    assert reply.headers["content-type"] == "application/octet-stream"


def test_a_folder_is_its_index(ask: Ask) -> None:
    reply = ask("/pages/")

    assert (reply.headers["content-type"], reply.body) == ("text/html; charset=utf-8", b"<h1>index</h1>")


def test_a_folder_without_a_slash_is_a_redirect_to_a_path(ask: Ask) -> None:
    reply = ask("/sub/deep?a=b")

    assert (reply.status, reply.headers["location"]) == (301, "/sub/deep/?a=b")


def test_a_folder_without_an_index_is_listed_sorted_and_escaped(ask: Ask) -> None:
    page = ask("/sub/").body.decode()

    assert [line for line in page.splitlines() if line.startswith("<li>")] == [
        '<li><a href="../">../</a></li>',
        '<li><a href="a%20%22b%22%20%3Cc%3E%26%C3%BC.txt">a &quot;b&quot; &lt;c&gt;&amp;ü.txt</a></li>',
        '<li><a href="deep/">deep/</a></li>',
    ]


def test_the_root_is_listed_without_links(ask: Ask) -> None:
    page = ask("/").body.decode()

    assert 'href="ok.txt"' in page
    assert "link.txt" not in page
    assert "../" not in page


def test_what_is_listed_can_be_asked_for(ask: Ask) -> None:
    assert ask("/sub/a%20%22b%22%20%3Cc%3E%26%C3%BC.txt").body == b"odd"


def test_an_absolute_target_names_the_same_file(ask: Ask) -> None:
    assert ask("http://localhost/ok.txt").body == b"0123456789"


def test_options_tells_what_can_be_done(ask: Ask) -> None:
    reply = ask("/ok.txt", method="OPTIONS")

    assert (reply.status, reply.headers["allow"]) == (204, "GET, HEAD, OPTIONS")


def test_a_name_that_is_not_utf_8_is_served(tmp_path: Path, visit: Ask) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_text("latin")
    with Server(tmp_path) as server:
        assert b'href="caf%E9.txt"' in visit(server, "/").body
        assert visit(server, "/caf%E9.txt").body == b"latin"


def test_a_pipe_is_not_a_file(tmp_path: Path, visit: Ask) -> None:
    os.mkfifo(tmp_path / "pipe")
    with Server(tmp_path) as server:
        assert visit(server, "/pipe").status == 403


def test_hidden_names_are_neither_listed_nor_served_but_well_known_ones_are(tmp_path: Path, visit: Ask) -> None:
    for name in (".well-known", ".scraper"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file.txt").write_text("content")
    with Server(tmp_path) as server:
        assert visit(server, "/.scraper/file.txt").status == 404
        assert visit(server, "/.well-known/file.txt").status == 200
        assert b".scraper" not in visit(server, "/").body


def test_a_file_that_is_replaced_has_another_tag(tmp_path: Path, visit: Ask) -> None:
    (tmp_path / "a").write_text("one")
    with Server(tmp_path) as server:
        before = visit(server, "/a").headers["etag"]
        (tmp_path / "b").write_text("two")
        (tmp_path / "b").rename(tmp_path / "a")

        assert visit(server, "/a", f"If-None-Match: {before}").body == b"two"


def test_a_root_that_is_gone_is_404(tmp_path: Path, visit: Ask) -> None:
    with Server(tmp_path / "nothing") as server:
        assert visit(server, "/a").status == 404


def test_conditions_in_two_fields_are_one_list_and_two_ranges_are_none(ask: Callable[..., Any]) -> None:
    etag = ask("/ok.txt").headers["etag"]

    assert ask("/ok.txt", f"If-None-Match: {etag}", 'If-None-Match: "other"').status == 304
    assert ask("/ok.txt", 'If-Match: "other"', f"If-Match: {etag}").status == 200
    assert ask("/ok.txt", "Range: bytes=0-1", "Range: bytes=2-3").body == b"0123456789"


def test_a_folder_called_index_html_is_no_index(tmp_path: Path, visit: Callable[..., Any]) -> None:
    (tmp_path / "sub" / "index.html").mkdir(parents=True)
    with Server(tmp_path) as server:
        reply = visit(server, "/sub/")

    assert (reply.status, b'<a href="index.html/">' in reply.body) == (200, True)
