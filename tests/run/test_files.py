"""Files: what stands there already, and names given once and for all."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import Any

import pytest

from scraper.server import Raw, Response, Site

WAIT = 5  # seconds that an event may take before a test fails
PNG = {"Content-Type": "image/png"}


@pytest.mark.parametrize(
    ("existing", "content", "ending", "code"),
    [
        ("skip", b"mine", "skipped:exists", 0),
        ("fail", b"mine", "failed:name", 4),
        ("overwrite", b"theirs", "saved", 0),
        ("check", b"theirs", "saved", 0),
    ],
)
def test_existing_decides_about_a_file_that_stands_there(
    existing: str,
    content: bytes,
    ending: str,
    code: int,
    shelf: Any,
    run_job: Any,
    tmp_path: Path,
    asked: Any,
    items_job: Any,
) -> None:
    server = shelf({"/a.png": b"theirs"})
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.png").write_bytes(b"mine")
    ended = run_job(server, items_job(files={"existing": existing}))
    assert (ended.files, ended.endings("v_files", server.url), ended.code) == (
        {"a.png": content}, {"/a.png": ending}, code,
    )  # fmt: skip
    assert ("/a.png" in asked(server)) == (ending == "saved")


@pytest.mark.parametrize("validator", [{"ETag": '"1"'}, {"Last-Modified": "Tue, 14 Nov 2023 22:13:20 GMT"}])
def test_check_asks_with_the_validators_of_the_last_time(
    validator: Any, shelf: Any, run_job: Any, items_job: Any
) -> None:
    def answer(request: Any) -> Response:
        asked = request.headers.get("if-none-match") or request.headers.get("if-modified-since")
        return (
            Response(304, validator) if asked in validator.values() else Response(200, {**PNG, **validator}, b"pixels")
        )

    server = shelf({"/a.png": answer})
    job = items_job(files={"existing": "check"})
    first, second = run_job(server, job), run_job(server, job)
    assert [ended.endings("v_files", server.url) for ended in (first, second)] == [
        {"/a.png": "saved"},
        {"/a.png": "unchanged"},
    ]
    assert (second.summary.files.unchanged, second.files) == (1, {"a.png": b"pixels"})
    row = second.view("v_files")[0]
    assert (row["bytes"], row["sha256"]) == (6, hashlib.sha256(b"pixels").hexdigest())


def test_check_fetches_what_changed(shelf: Any, run_job: Any, items_job: Any) -> None:
    versions = iter([b"one", b"two"])

    def answer(request: Any) -> Response:
        body = next(versions)
        return Response(200, {**PNG, "ETag": f'"{body.decode()}"'}, body)

    server, job = shelf({"/a.png": answer}), items_job(files={"existing": "check"})
    run_job(server, job)
    assert run_job(server, job).files == {"a.png": b"two"}


def test_overwrite_fetches_each_time_and_leaves_no_part(shelf: Any, run_job: Any, items_job: Any) -> None:
    versions = iter([b"one", b"two"])
    server, job = shelf({"/a.png": lambda request: next(versions)}), items_job(files={"existing": "overwrite"})
    assert run_job(server, job).files == {"a.png": b"one"}
    assert run_job(server, job).files == {"a.png": b"two"}


def test_what_fails_leaves_the_file_that_stood_there(shelf: Any, run_job: Any, items_job: Any) -> None:
    answers = iter([b"one", Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort")])
    server = shelf({"/a.png": lambda request: next(answers)})
    job = items_job(files={"existing": "overwrite"}, http={"retry": {"attempts": 1}})
    run_job(server, job)
    second = run_job(server, job)
    assert (second.files, second.code) == ({"a.png": b"one"}, 4)
    assert second.fields("_files") == [["a.png"]]


def test_a_file_that_was_deleted_is_fetched_again_under_its_name(shelf: Any, run_job: Any, items_job: Any) -> None:
    server = shelf({"/a.png": b"pixels"})
    first = run_job(server, items_job())
    (first.dest / "a.png").unlink()
    second = run_job(server, items_job())
    assert (second.files, second.summary.files.saved) == ({"a.png": b"pixels"}, 1)


# -- names ---------------------------------------------------------------------------------------------------


def test_a_file_of_two_items_is_named_by_the_first_and_belongs_to_both(
    shelf: Any, run_job: Any, asked: Any, items_job: Any
) -> None:
    server = shelf({"/a.png": b"pixels"}, ("one", "/a.png"), ("two", "/a.png"))
    ended = run_job(server, items_job())
    assert (ended.files, asked(server)) == ({"one.png": b"pixels"}, ["/", "/a.png"])
    assert ended.fields("title", "_files") == [("one", ["one.png"]), ("two", ["one.png"])]


def two_lists(site: Site, first: str, second: str, gate: threading.Event) -> None:
    """`/` links two lists; the first answers only when the gate is open."""
    site.route("/")(lambda request: '<a href="/first">1</a><a href="/second">2</a>')
    site.route("/second")(lambda request: second)

    @site.route("/first")
    def late(request: Any) -> str:
        assert gate.wait(WAIT)
        return first


TWO_LISTS = {
    "start": ["{{ base }}/"],
    "rules": {
        "start": {"follow": {"r": "a"}},
        "r": {"each": "li", "item": {"title": "b"}, "key": "title", "files": "img"},
    },
    "files": {"path": "{{ item.title }}{{ ext }}"},
}


def test_the_first_item_in_record_order_names_a_file_that_was_saved_before_it_came(
    site: Site, serve: Any, run_job: Any, heard: Any, items_page: Any
) -> None:
    saved = threading.Event()
    two_lists(site, items_page(("one", "/a.png")), items_page(("two", "/a.png")), saved)
    site.route("/a.png")(lambda request: b"pixels")
    events = heard(lambda url, ending: saved.set() if url.endswith(".png") else None)
    server = serve(site)
    ended = run_job(server, TWO_LISTS, events=events)
    assert ended.files == {"one.png": b"pixels"}
    assert ended.fields("title", "_files") == [("one", ["one.png"]), ("two", ["one.png"])]
    assert [(row["path"], row["item_key"]) for row in ended.view("v_files")] == [("one.png", "one")]
    assert run_job(server, TWO_LISTS).summary.files.as_dict() == {"saved": 0, "unchanged": 0, "skipped": 1, "failed": 0}


def test_a_name_of_somebody_else_is_not_taken_by_a_file_that_moves(
    site: Site, serve: Any, run_job: Any, heard: Any, tmp_path: Path, items_page: Any
) -> None:
    saved = threading.Event()
    two_lists(site, items_page(("one", "/a.png")), items_page(("two", "/a.png")), saved)
    site.route("/a.png")(lambda request: b"pixels")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "one.png").write_bytes(b"mine")
    events = heard(lambda url, ending: saved.set() if url.endswith(".png") else None)
    ended = run_job(serve(site), TWO_LISTS, events=events)
    assert ended.files["one.png"] == b"mine"
    path = ended.fields("_files")[0][0]
    assert (ended.files[path], ended.view("v_files")[0]["path"]) == (b"pixels", path)


def test_names_stay_though_titles_change(site: Site, serve: Any, run_job: Any, items_page: Any, items_job: Any) -> None:
    title = {"now": "old"}
    site.route("/")(lambda request: items_page((title["now"], "/a.png")))
    site.route("/a.png")(lambda request: b"pixels")
    server = serve(site)
    first = run_job(server, items_job(rule={"key": []}))
    title["now"] = "new"
    second = run_job(server, items_job(rule={"key": []}))
    assert (first.files, second.files) == ({"old.png": b"pixels"}, {"old.png": b"pixels"})
    assert second.fields("title", "_files") == [("new", ["old.png"])]


def test_an_edited_path_gives_new_names(shelf: Any, run_job: Any, items_job: Any) -> None:
    server = shelf({"/a.png": b"pixels"})
    run_job(server, items_job())
    second = run_job(server, items_job("new-{{ item.title }}{{ ext }}"))
    assert second.files == {"a.png": b"pixels", "new-a.png": b"pixels"}
    assert second.fields("_files") == [["new-a.png"]]


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ({"Content-Type": "image/png"}, "a.png"),
        ({"Content-Type": "image/png", "Content-Disposition": 'attachment; filename="x.JPG"'}, "a.jpg"),
        ({"Content-Type": "image/jpeg; charset=x", "Content-Disposition": "attachment; filename=unknown"}, "a.jpg"),
        ({"Content-Type": "application/octet-stream"}, "a"),
        ({}, "a"),
    ],
)
def test_a_missing_extension_is_completed_once(
    headers: Any, name: str, shelf: Any, run_job: Any, asked: Any, items_job: Any
) -> None:
    server = shelf({"/a": lambda request: Response(200, headers, b"pixels")})
    first, second = run_job(server, items_job()), run_job(server, items_job())
    assert (first.files, second.files) == ({name: b"pixels"}, {name: b"pixels"})
    assert (second.summary.files.saved, second.fields("_files")) == (0, [[name]])
    assert asked(server) == ["/", "/a", "/"]


def test_a_missing_extension_stays_though_the_server_changes_its_mind(shelf: Any, run_job: Any, items_job: Any) -> None:
    types = iter(["image/png", "image/gif"])
    server = shelf({"/a": lambda request: Response(200, {"Content-Type": next(types)}, b"pixels")})
    first = run_job(server, items_job())
    (first.dest / "a.png").unlink()
    assert run_job(server, items_job()).files == {"a.png": b"pixels"}


def test_a_completed_name_that_somebody_has_is_left_alone(
    shelf: Any, run_job: Any, tmp_path: Path, items_job: Any
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.png").write_bytes(b"mine")
    server = shelf({"/a": Response(200, PNG, b"pixels")})
    ended = run_job(server, items_job())
    assert (ended.files, ended.endings("v_files", server.url)) == ({"a.png": b"mine"}, {"/a": "skipped:exists"})


COLLIDING = {"/1/a.png": b"1", "/2/A.PNG": b"2", "/3/a.png": b"3"}


def test_files_of_one_name_each_have_their_own(shelf: Any, run_job: Any, items_job: Any) -> None:
    server = shelf(COLLIDING, *((str(number), path) for number, path in enumerate(COLLIDING)))
    first, second = (run_job(server, items_job("{{ filename }}")) for _ in range(2))
    assert sorted(first.files.values()) == [b"1", b"2", b"3"]
    assert len({name.lower() for name in first.files}) == 3
    assert first.files["a.png"] == b"1"
    assert (second.files, second.summary.files.saved) == (first.files, 0)
    assert [first.files[paths[0]] for paths in first.fields("_files")] == [b"1", b"2", b"3"]


def test_a_file_and_a_folder_of_one_name_do_not_meet(shelf: Any, run_job: Any, items_job: Any) -> None:
    files = {"/a": b"file", "/a/b": b"below"}
    server = shelf({path: Response(200, {}, body) for path, body in files.items()}, ("1", "/a"), ("2", "/a/b"))
    ended = run_job(server, items_job("{{ dir }}/{{ filename }}"))
    assert (ended.code, sorted(ended.files.values())) == (0, [b"below", b"file"])


@pytest.mark.parametrize("name", ["records.jsonl", "x.part", ".scraper", "ledger.db"])
def test_no_file_takes_a_name_of_ours(name: str, shelf: Any, run_job: Any, items_job: Any) -> None:
    server = shelf({f"/{name}": Response(200, {}, b"evil")}, ("1", f"/{name}"))
    ended = run_job(server, items_job("{{ filename }}"))
    assert (ended.code, list(ended.files.values())) == (0, [b"evil"])
    assert ended.fields("title") == ["1"]
    assert not any(path.endswith(".part") for path in ended.files)


HOSTILE = [
    "/%2e%2e/%2e%2e/evil.png",
    "/..%2f..%2fevil.png",
    "/%5c..%5cevil.png",
    "/a%00b.png",
    "/%ff%fe.png",
    "/CON.png",
    "/.bashrc",
    "/-rf",
    "/" + "x" * 400 + ".png",
    "/%e2%80%ae%67%6e%70.exe",
    "/a%0d%0ab.png",
    "/~",
    "/%20",
    "/%1b[31m.png",
]
PATHS = [
    "{{ filename }}",
    "{{ dir }}/{{ filename }}",
    "{{ item.title }}/x{{ ext }}",
    "{{ item.title | path }}{{ ext }}",
]


@pytest.mark.parametrize("path", PATHS)
def test_nothing_leaves_the_folder_whatever_urls_and_titles_say(
    path: str, site: Site, serve: Any, run_job: Any, tmp_path: Path, items_page: Any, items_job: Any
) -> None:
    titles = ["../../evil", "/etc/evil", "..", "a/../../../evil", "C:\\evil", "~/evil", "\u202eevil", "a\nb"]
    rows = [(titles[at % len(titles)], url) for at, url in enumerate(HOSTILE)]
    site.route("/")(lambda request: items_page(*rows))
    site.route("/<path:rest>")(
        lambda request, rest: Response(200, {"Content-Disposition": 'attachment; filename="../../evil.sh"'}, b"x")
    )
    canary = tmp_path / "canary.txt"
    canary.write_text("untouched")
    before = sorted(each.name for each in tmp_path.iterdir())
    ended = run_job(serve(site), items_job(path, rule={"key": []}), dest=tmp_path / "deep" / "er" / "out")
    assert {one["class"] for one in ended.summary.failures} <= {"http:400"}  # our server refuses some of them
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted([*before, "deep"])
    assert [each.name for each in (tmp_path / "deep").rglob("*") if each.parent.name in ("deep", "er")] == ["er", "out"]
    assert canary.read_text() == "untouched"
    for name in ended.files:
        assert all(char.isprintable() for char in name), name
        assert all(len(part.encode()) <= 250 for part in name.split("/"))
    assert len(ended.files) == ended.summary.files.saved > len(HOSTILE) // 2


def test_no_file_is_written_through_a_link(shelf: Any, run_job: Any, tmp_path: Path, items_job: Any) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept.png").write_bytes(b"kept")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sub").symlink_to(outside)
    (tmp_path / "out" / "link.png").symlink_to(outside / "kept.png")
    server = shelf({"/sub/new.png": b"new", "/link.png": b"new"}, ("1", "/sub/new.png"), ("2", "/link.png"))
    ended = run_job(server, items_job("{{ dir }}/{{ filename }}", files={"existing": "overwrite"}))
    assert {path.name: path.read_bytes() for path in outside.iterdir()} == {"kept.png": b"kept"}
    assert ended.endings("v_files", server.url)["/sub/new.png"] == "failed:disk"
    assert ended.code == 4
