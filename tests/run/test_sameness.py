"""Files that are the same: as the server's (mtime, `existing: check`), and as one another (`files.duplicates`)."""

from __future__ import annotations

import errno
import fcntl
import os
import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from scraper.download import twins
from scraper.server import Request, Response, Site
from tests.run.test_crash import Dead, Death

PNG = {"Content-Type": "image/png"}
DATE, MOMENT = "Tue, 14 Nov 2023 22:13:20 GMT", 1_700_000_000
BOTH = pytest.mark.parametrize("transport", ["requests", "curl"])


# -- mtime -------------------------------------------------------------------------------------------------


@BOTH
def test_a_file_has_the_modification_time_that_the_server_says(
    transport: str, shelf: Any, run_job: Any, items_job: Any
) -> None:
    server = shelf({"/a.png": Response(200, {**PNG, "Last-Modified": DATE}, b"pixels")})
    ended = run_job(server, items_job(files={"transport": transport}))
    assert (ended.dest / "a.png").stat().st_mtime == MOMENT


def test_it_has_it_before_it_has_its_name(shelf: Any, run_job: Any, items_job: Any, monkeypatch: Any) -> None:
    from scraper.files import parts

    seen: list[float] = []
    named = parts._give_name

    def looked(folder: int, source: str, *more: Any) -> None:
        seen.append(os.stat(source, dir_fd=folder).st_mtime)
        named(folder, source, *more)

    monkeypatch.setattr(parts, "_give_name", looked)
    run_job(shelf({"/a.png": Response(200, {**PNG, "Last-Modified": DATE}, b"pixels")}), items_job())
    assert seen[0] == MOMENT


@pytest.mark.parametrize(
    ("said", "mtime"),
    [
        (DATE, "now"),
        ("no date", "server"),
        ("Thu, 01 Jan 1969 00:00:00 GMT", "server"),
        ("Fri, 31 Dec 9999 23:59:59 GMT", "server"),
        (None, "server"),
    ],
)
def test_else_it_has_the_time_of_the_download(
    said: str | None, mtime: str, shelf: Any, run_job: Any, items_job: Any, tmp_path: Path
) -> None:
    headers = PNG if said is None else {**PNG, "Last-Modified": said}
    (tmp_path / "before").touch()
    ended = run_job(shelf({"/a.png": Response(200, headers, b"pixels")}), items_job(files={"mtime": mtime}))
    before = (tmp_path / "before").stat().st_mtime
    assert before <= (ended.dest / "a.png").stat().st_mtime < before + 3600


def test_a_large_file_has_it_too(shelf: Any, run_job: Any, items_job: Any) -> None:
    server = shelf({"/a.png": Response(200, {**PNG, "Last-Modified": DATE}, b"x" * 6_000_000)})
    assert (run_job(server, items_job()).dest / "a.png").stat().st_mtime == MOMENT


# -- existing: check ---------------------------------------------------------------------------------------


class Versioned:
    """A file whose versions have validators, answered as RFC 9110 section 13.2.2 says."""

    def __init__(self, *validators: str) -> None:
        self.version = 1
        self.asked: list[dict[str, str]] = []
        self._validators = validators

    @property
    def body(self) -> bytes:
        return b"version %d" % self.version

    def __call__(self, request: Request) -> Response:
        asked = {name: request.headers.get(name, "") for name in ("if-none-match", "if-modified-since")}
        self.asked.append({name: value for name, value in asked.items() if value})
        known = {"ETag": f'"{self.version}"', "Last-Modified": f"Tue, 14 Nov 2023 22:13:{self.version:02} GMT"}
        given = {name: value for name, value in known.items() if name in self._validators}
        same = asked["if-none-match"] == given.get("ETag") or (
            not asked["if-none-match"] and asked["if-modified-since"] == given.get("Last-Modified")
        )
        return Response(304, given) if same and given else Response(200, {**PNG, **given}, self.body)


VALIDATORS = [("ETag",), ("Last-Modified",), ("ETag", "Last-Modified")]


@BOTH
@pytest.mark.parametrize("validators", VALIDATORS)
def test_check_leaves_what_is_the_same(
    transport: str, validators: tuple[str, ...], shelf: Any, run_job: Any, items_job: Any
) -> None:
    file = Versioned(*validators)
    server, job = shelf({"/a.png": file}), items_job(files={"existing": "check", "transport": transport})
    first = run_job(server, job)
    stood = (first.dest / "a.png").stat()
    second, third = run_job(server, job), run_job(server, job)
    assert [ended.summary.files.as_dict() for ended in (second, third)] == [
        {"saved": 0, "unchanged": 1, "skipped": 0, "failed": 0}
    ] * 2
    now = (first.dest / "a.png").stat()
    assert (now.st_ino, now.st_mtime_ns) == (stood.st_ino, stood.st_mtime_ns)
    assert [len(asked) for asked in file.asked] == [0, 1, 1]


@BOTH
@pytest.mark.parametrize("validators", VALIDATORS)
def test_check_replaces_what_has_changed_and_asks_for_the_new_version_then(
    transport: str, validators: tuple[str, ...], shelf: Any, run_job: Any, items_job: Any
) -> None:
    file = Versioned(*validators)
    server, job = shelf({"/a.png": file}), items_job(files={"existing": "check", "transport": transport})
    run_job(server, job)
    file.version = 2
    second, third = run_job(server, job), run_job(server, job)
    assert (second.files, second.summary.files.saved) == ({"a.png": b"version 2"}, 1)
    assert (third.files, third.summary.files.unchanged) == ({"a.png": b"version 2"}, 1)


@BOTH
def test_check_without_validators_fetches_again(transport: str, shelf: Any, run_job: Any, items_job: Any) -> None:
    file = Versioned()
    server, job = shelf({"/a.png": file}), items_job(files={"existing": "check", "transport": transport})
    run_job(server, job)
    file.version = 2
    assert run_job(server, job).files == {"a.png": b"version 2"}
    assert file.asked == [{}, {}]


@BOTH
def test_check_asks_without_conditions_where_the_file_is_gone(
    transport: str, shelf: Any, run_job: Any, items_job: Any
) -> None:
    file = Versioned("ETag")
    server, job = shelf({"/a.png": file}), items_job(files={"existing": "check", "transport": transport})
    (run_job(server, job).dest / "a.png").unlink()
    assert (run_job(server, job).summary.files.saved, file.asked) == (1, [{}, {}])


@BOTH
def test_a_version_that_fails_leaves_the_old_one(transport: str, shelf: Any, run_job: Any, items_job: Any) -> None:
    file = Versioned("ETag")
    server, job = shelf({"/a.png": lambda request: answer(request)}), items_job(
        files={"existing": "check", "transport": transport}, http={"retry": {"attempts": 1}}
    )  # fmt: skip
    answer: Callable[[Request], Response] = file
    run_job(server, job)
    answer = lambda request: Response(500, {}, b"")  # noqa: E731
    second = run_job(server, job)
    assert (second.code, second.files) == (4, {"a.png": b"version 1"})


# -- duplicates --------------------------------------------------------------------------------------------

SAME = {"/a.png": b"same", "/b.png": b"same", "/c.png": b"other", "/d.png": b"same"}


def inodes(ended: Any) -> list[int]:
    return [(ended.dest / name).stat().st_ino for name in ended.files]


def linked(**files: Any) -> dict[str, Any]:
    return {"duplicates": "link", **files}


@BOTH
def test_content_that_came_before_becomes_a_hard_link(transport: str, shelf: Any, run_job: Any, items_job: Any) -> None:
    server = shelf(SAME)
    ended = run_job(server, items_job(files=linked(transport=transport)))
    a, b, c, d = inodes(ended)
    assert (a == b == d != c, ended.files) == (True, {path.strip("/"): body for path, body in SAME.items()})
    assert (ended.summary.files.saved, ended.summary.bytes) == (4, 17)
    assert set(ended.endings("v_files").values()) == {"saved"}
    assert [*(ended.dest / ".scraper").glob("twin*"), *ended.dest.rglob("*.part")] == []


@pytest.mark.parametrize("how", ["keep", "copy"])
def test_else_each_has_its_own_bytes(how: str, shelf: Any, run_job: Any, items_job: Any) -> None:
    ended = run_job(shelf(SAME), items_job(files={"duplicates": how}))
    assert len(set(inodes(ended))) == 4


def test_keep_is_the_default(shelf: Any, run_job: Any, items_job: Any) -> None:
    assert len(set(inodes(run_job(shelf(SAME), items_job())))) == 4


def test_content_of_an_earlier_run_is_linked(site: Site, shelf: Any, run_job: Any, items_job: Any) -> None:
    server = shelf(SAME, ("a", "/a.png"))
    run_job(server, items_job())
    site.route("/more")(lambda request: '<li><b>z</b><img src="/d.png"></li>')
    ended = run_job(server, {**items_job(files=linked()), "start": ["{{ base }}/more"]})
    assert len(set(inodes(ended))) == 1


def test_large_files_are_linked_too(shelf: Any, run_job: Any, items_job: Any) -> None:
    body = random.Random(1).randbytes(6_000_000)
    ended = run_job(shelf({"/a.png": body, "/b.png": body}), items_job(files=linked()))
    assert (len(set(inodes(ended))), ended.files == {"a.png": body, "b.png": body}) == (1, True)


def spoil(path: Path, content: bytes) -> None:
    """Another file of the same length, with the time of the old one."""
    stood = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(stood.st_atime_ns, stood.st_mtime_ns))


@pytest.mark.parametrize("change", ["content", "size", "link", "folder", "gone"])
def test_what_is_not_what_the_ledger_says_is_not_linked(
    change: str, site: Site, shelf: Any, run_job: Any, items_job: Any, tmp_path: Path
) -> None:
    server = shelf(SAME, ("a", "/a.png"))
    a = run_job(server, items_job()).dest / "a.png"
    if change == "content":
        spoil(a, b"SAME")
    elif change == "size":
        a.write_bytes(b"same and more")
    else:
        a.unlink()
    if change == "link":
        (tmp_path / "same").write_bytes(b"same")
        a.symlink_to(tmp_path / "same")
    elif change == "folder":
        a.mkdir()
    site.route("/more")(lambda request: '<li><b>z</b><img src="/d.png"></li>')
    ended = run_job(server, {**items_job(files=linked()), "start": ["{{ base }}/more"]})
    assert (ended.files["z.png"], (ended.dest / "z.png").stat().st_nlink) == (b"same", 1)
    assert (ended.code, ended.summary.files.saved) == (0, 1)


def test_a_file_that_is_swapped_while_it_is_linked_is_not_linked(
    site: Site, shelf: Any, run_job: Any, items_job: Any, monkeypatch: Any
) -> None:
    server = shelf(SAME, ("a", "/a.png"))
    a = run_job(server, items_job()).dest / "a.png"

    def compared(other: int, part: Any) -> bool:
        a.unlink()
        a.write_bytes(b"SAME")
        return is_same(other, part)

    is_same = twins._is_same
    monkeypatch.setattr(twins, "_is_same", compared)
    site.route("/more")(lambda request: '<li><b>z</b><img src="/d.png"></li>')
    ended = run_job(server, {**items_job(files=linked()), "start": ["{{ base }}/more"]})
    assert (ended.files["z.png"], (ended.dest / "z.png").stat().st_nlink) == (b"same", 1)
    assert [*(ended.dest / ".scraper").glob("twin*")] == []


@pytest.mark.parametrize("number", [errno.EMLINK, errno.EXDEV, errno.EPERM])
def test_where_no_link_can_be_made_the_bytes_are_kept_and_that_is_told_once(
    number: int, shelf: Any, run_job: Any, items_job: Any, monkeypatch: Any, caplog: Any
) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse)
    ended = run_job(shelf(SAME), items_job(files=linked()))
    assert (ended.code, len(set(inodes(ended))), len(ended.files)) == (0, 4, 4)
    told = [one.getMessage() for one in caplog.records if "cannot be linked" in one.getMessage()]
    assert len(told) == 1
    assert os.strerror(number) in told[0]


def test_overwriting_keeps_links_that_are_right(shelf: Any, run_job: Any, items_job: Any) -> None:
    server, job = shelf(SAME), items_job(files=linked(existing="overwrite"))
    first, second = run_job(server, job), run_job(server, job)
    assert (second.files, second.summary.files.saved, second.code) == (first.files, 4, 0)
    a, b, c, d = inodes(second)
    assert a == b == d != c
    assert [*second.dest.rglob("*.part")] == []


def test_overwriting_parts_what_is_not_the_same_any_more(shelf: Any, run_job: Any, items_job: Any) -> None:
    bodies = {"/a.png": b"same", "/b.png": b"same", "/c.png": b"same"}
    server = shelf({path: lambda request, path=path: bodies[path] for path in bodies})
    job = items_job(files=linked(existing="overwrite"))
    run_job(server, job)
    bodies |= {"/a.png": b"new", "/c.png": b"new"}
    ended = run_job(server, job)
    a, b, c = inodes(ended)
    assert (ended.files, a == c != b) == ({"a.png": b"new", "b.png": b"same", "c.png": b"new"}, True)


def test_a_linked_file_keeps_the_time_of_the_first(shelf: Any, run_job: Any, items_job: Any) -> None:
    later = "Tue, 14 Nov 2023 23:13:20 GMT"
    server = shelf(
        {
            "/a.png": Response(200, {**PNG, "Last-Modified": DATE}, b"same"),
            "/b.png": Response(200, {**PNG, "Last-Modified": later}, b"same"),
        }
    )
    ended = run_job(server, items_job(files=linked(jobs=1), polite={"per_host": 1, "robots": "ignore"}))
    assert [(ended.dest / name).stat().st_mtime for name in ended.files] == [MOMENT, MOMENT]


# -- copies that share blocks ------------------------------------------------------------------------------


def sharing(calls: list[tuple[int, int, int]], status: int = 0) -> Callable[[int, int, bytearray], int]:
    """An ioctl of a file system that can: it notes source offset, length and goal offset."""

    def ioctl(source: int, request: int, asked: bytearray) -> int:
        assert request == 0xC0189436
        at, length, count, _, _, goal, to, _, _, _ = twins._DEDUPE.unpack(asked)
        assert (count, os.fstat(goal).st_size) == (1, os.fstat(source).st_size)
        calls.append((at, length, to))
        asked[:] = twins._DEDUPE.pack(at, length, 1, 0, 0, goal, to, length, status, 0)
        return 0

    return ioctl


def test_a_copy_shares_its_blocks_where_the_file_system_can(
    shelf: Any, run_job: Any, items_job: Any, monkeypatch: Any
) -> None:
    calls: list[tuple[int, int, int]] = []
    monkeypatch.setattr(fcntl, "ioctl", sharing(calls))
    monkeypatch.setattr(twins, "AT_ONCE", 1_000_000)
    body = bytes(2_500_000)
    ended = run_job(shelf({"/a.png": body, "/b.png": body}), items_job(files={"duplicates": "copy"}))
    assert (calls, len(set(inodes(ended)))) == (
        [(0, 1_000_000, 0), (1_000_000, 1_000_000, 1_000_000), (2_000_000, 500_000, 2_000_000)], 2,
    )  # fmt: skip


def test_a_copy_whose_other_is_not_the_same_is_left(shelf: Any, run_job: Any, items_job: Any, monkeypatch: Any) -> None:
    calls: list[tuple[int, int, int]] = []
    monkeypatch.setattr(fcntl, "ioctl", sharing(calls, status=1))  # FILE_DEDUPE_RANGE_DIFFERS
    ended = run_job(shelf(SAME), items_job(files={"duplicates": "copy"}))
    assert (ended.code, len(calls) >= 2, ended.files["d.png"]) == (0, True, b"same")


def test_a_file_system_that_cannot_is_asked_once(shelf: Any, run_job: Any, items_job: Any, monkeypatch: Any) -> None:
    calls: list[int] = []

    def refuse(*args: Any) -> None:
        calls.append(1)
        raise OSError(errno.EOPNOTSUPP, "no")

    monkeypatch.setattr(fcntl, "ioctl", refuse)
    ended = run_job(shelf(SAME), items_job(files={"duplicates": "copy", "jobs": 1}, polite={"per_host": 1}))
    assert (ended.code, len(calls), len(ended.files)) == (0, 1, 4)


# -- killed ------------------------------------------------------------------------------------------------

TWINS = {"/a.png": b"same" * 9, "/b.png": b"same" * 9, "/c.png": b"same" * 9}


@pytest.mark.slow
@pytest.mark.parametrize("existing", ["skip", pytest.param("overwrite", marks=pytest.mark.slow)])
def test_killed_at_any_step_of_a_link_the_next_run_ends_as_if_nothing_had_happened(
    existing: str, shelf: Any, run_job: Any, items_job: Any, tmp_path: Path
) -> None:
    server = shelf(TWINS)
    job = items_job(files=linked(existing=existing, jobs=1), polite={"per_host": 1, "robots": "ignore"})

    def play(name: str, death: Death) -> Any:
        dest = tmp_path / name
        if existing == "overwrite" and not dest.exists():
            dest.mkdir()
            (dest / "b.png").write_bytes(b"stood")
            (dest / "a.png").write_bytes(b"stood too")
            os.link(dest / "a.png", dest / "c.png")
        with death.awaited():
            return run_job(server, job, dest=dest)

    life = Death()
    play("undisturbed", life)
    begin = life.trace.index("link")
    assert life.trace.count("link") == 2
    for at in range(max(1, begin - 12), len(life.trace) + 1):
        with suppress(Dead):
            play(f"killed-{at}", Death(at))
        ended = play(f"killed-{at}", Death())
        assert ended.files == {path.strip("/"): body for path, body in TWINS.items()}, f"killed at {at}"
        assert (ended.code, [*ended.dest.rglob("*.part"), *ended.dest.rglob("twin*")]) == (0, []), f"killed at {at}"
        rows = {row["path"]: (row["ending"], row["bytes"]) for row in ended.view("v_files")}
        runs = len(ended.view("v_runs", whole=True))
        endings = {"saved"} if runs == 1 or existing == "overwrite" else {"skipped:exists"}
        assert {ending for ending, _ in rows.values()} <= endings, f"killed at {at}"
