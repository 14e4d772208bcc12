"""Long lists are fetched by several processes: nobody can tell by the result, and none outlives the run.

Real processes of the command line, since a process of several threads, as these tests are, does not fork.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from scraper.errors import Exit
from scraper.run.crews import WORTH
from scraper.server import Response, Server, Site, bytes_content, present
from scraper.server.faults import read_faults

WAIT = 30
COUNT = WORTH + 40
TOGETHER, ALONE = ("-j", "16"), ("-j", "8")
"""So many exchanges at once are worth two workers, or none."""
QUICK = ("-o", "http.retry.first_wait=0", "-v")
SAID = "processes fetch the files"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2, reason="a crew takes Linux and two cores"
    ),
]


def content(name: str) -> bytes:
    return name.encode() * (700_000 if name.startswith("large") else 50)


def file(request: Any, name: str) -> Response:
    return present(request, bytes_content("application/octet-stream", content(name), 1_700_000_000))


@pytest.fixture
def shop(site: Site, serve: Callable[..., Server], folder: Path) -> Server:
    """Files of all kinds, and a list of them."""
    busy = {"url": "*/busy-*", "do": "status", "code": 503, "retry_after": 0, "times": 1}
    cut = {"url": "*/large-*", "do": "cut", "at": "60%", "times": 1}
    site.lay(read_faults([busy, cut]))
    site.route("/file/<name>")(file)
    site.route("/from/<name>")(lambda request, name: Response(302, [("Location", f"/file/{name}")]))
    site.route("/named/<name>")(lambda request, name: Response(200, [("Content-Type", "text/css")], name.encode()))
    server = serve(site)
    paths = [f"file/small-{at}.bin" for at in range(COUNT)]
    paths += [f"from/other-{at}.bin" for at in range(9)] + [f"named/style-{at}" for at in range(9)]
    paths += [f"gone/{at}.bin" for at in range(9)] + [f"file/busy-{at}.bin" for at in range(9)]
    paths += [f"file/large-{at}.bin" for at in range(3)]
    (folder / "urls.txt").write_text("".join(f"{server.url}/{path}\n" for path in paths))
    return server


def endings(dest: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(dest / ".scraper" / "ledger.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("SELECT count(*) FROM parts").fetchone() == (0,)
        columns = "url, path, ending, bytes, sha256, type, etag, last_modified"
        return db.execute(f"SELECT {columns} FROM v_files ORDER BY url").fetchall()


def files(dest: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in dest.iterdir() if path.is_file()}


def header_names(seen: Any) -> set[str]:
    return {name.lower() for name, _ in seen.headers}


def workers(pid: int) -> list[int]:
    """The processes that a process has forked."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def await_end(pid: int) -> None:
    """Until a process that is not ours has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    with os.fdopen(descriptor):
        assert select.select([descriptor], [], [], WAIT)[0], f"{pid} lives on"


def test_what_several_processes_fetch_is_what_one_fetches(shop: Server, process: Any, folder: Path) -> None:
    told = {}
    for name, jobs in (("crew", TOGETHER), ("one", ALONE)):
        told[name] = process("get", "-i", "urls.txt", "-d", name, *jobs, *QUICK).end()
    assert (SAID in told["crew"].err, SAID in told["one"].err) == (True, False)
    assert told["crew"].code == told["one"].code == Exit.FAILURES
    assert endings(folder / "crew") == endings(folder / "one")
    assert files(folder / "crew") == files(folder / "one")
    found = Counter(ending for _, _, ending, *_ in endings(folder / "crew"))
    assert found == {"saved": COUNT + 30, "failed:http:404": 9}
    assert sorted(map(os.path.basename, told["crew"].lines)) == sorted(files(folder / "crew"))


def test_each_file_is_asked_for_once_and_what_was_cut_goes_on(shop: Server, process: Any, folder: Path) -> None:
    assert process("get", "-i", "urls.txt", "-d", "out", *TOGETHER, *QUICK).end().code == Exit.FAILURES
    asked = Counter(seen.target for seen in shop.log)
    again = {target for target, times in asked.items() if times > 1}
    assert again == {f"/file/{kind}-{at}.bin" for kind, most in (("busy", 9), ("large", 3)) for at in range(most)}
    assert {asked[target] for target in again} == {2}
    ranges = ["range" in header_names(seen) for seen in shop.log if "large" in seen.target]
    assert sum(ranges) == 3
    second = process("get", "-i", "urls.txt", "-d", "out", *TOGETHER, *QUICK).end()
    assert second.code == Exit.FAILURES
    assert len(shop.log) == asked.total() + 9, "only those that are gone are asked for again"


def test_no_more_exchanges_are_under_way_than_the_job_says(
    site: Site, serve: Callable[..., Server], process: Any, folder: Path
) -> None:
    lock, now, most = threading.Lock(), 0, 0
    met = threading.Barrier(16)

    @site.route("/<name>")
    def answer(request: Any, name: str) -> bytes:
        nonlocal now, most
        with lock:
            now, most = now + 1, max(most, now + 1)
        if int(name) < 16:
            met.wait(WAIT)  # as many do come at once
        with lock:
            now -= 1
        return name.encode()

    server = serve(site)
    (folder / "urls.txt").write_text("".join(f"{server.url}/{at}\n" for at in range(COUNT)))
    assert process("get", "-i", "urls.txt", "-d", "out", *TOGETHER).end().code == Exit.DONE
    assert most == 16


def test_a_cookie_that_one_process_gets_is_sent_by_all(
    site: Site, serve: Callable[..., Server], process: Any, folder: Path
) -> None:
    @site.route("/<name>")
    def answer(request: Any, name: str) -> Any:
        given = [] if "cookie" in request.headers else [("Set-Cookie", "session=1")]
        return Response(200, [("Content-Type", "application/octet-stream"), *given], name.encode())

    server = serve(site)
    (folder / "urls.txt").write_text("".join(f"{server.url}/{at}\n" for at in range(4 * COUNT)))
    assert process("get", "-i", "urls.txt", "-d", "out", *TOGETHER).end().code == Exit.DONE
    without = sum("cookie" not in header_names(seen) for seen in server.log)
    assert 0 < without < COUNT, "those that were on their way before the first answer was told"
    assert all("cookie" in header_names(seen) for seen in server.log[-COUNT:])


# -- deaths --------------------------------------------------------------------------------------------------


class Held:
    """A site whose files come, until one of them does not: it waits until the test lets go."""

    def __init__(self, site: Site, folder: Path) -> None:
        self.came, self.go, self.asked = threading.Event(), threading.Event(), 0
        self._folder = folder
        site.route("/<name>")(self.answer)

    def answer(self, request: Any, name: str) -> bytes:
        self.asked += 1
        if self.asked > WORTH // 2:
            self.came.set()
            assert self.go.wait(WAIT)
        return content(name)

    def list_of(self, server: Server) -> None:
        (self._folder / "urls.txt").write_text("".join(f"{server.url}/{at}.bin\n" for at in range(COUNT)))

    def assert_whole(self, process: Any) -> None:
        """Another run brings what is missing; all is right."""
        ended = process("get", "-i", "urls.txt", "-d", "out", *TOGETHER, "-v").end()
        assert (ended.code, "continuing" in ended.err) == (Exit.DONE, True)
        dest = self._folder / "out"
        assert files(dest) == {f"{at}.bin": content(f"{at}.bin") for at in range(COUNT)}
        assert {ending for _, _, ending, *_ in endings(dest)} == {"saved"}


@pytest.fixture
def held(site: Site, serve: Callable[..., Server], folder: Path) -> Held:
    found = Held(site, folder)
    found.list_of(serve(site))
    return found


def begun(held: Held, process: Any) -> tuple[Any, list[int]]:
    """A run whose workers wait for the server, and these."""
    one = process("get", "-i", "urls.txt", "-d", "out", *TOGETHER, "-v")
    assert held.came.wait(WAIT)
    pids = workers(one.popen.pid)
    assert len(pids) == 2
    return one, pids


def test_workers_end_with_the_run_that_is_killed(held: Held, process: Any) -> None:
    one, pids = begun(held, process)
    one.signal(signal.SIGKILL)
    for each in pids:
        await_end(each)
    held.go.set()
    held.assert_whole(process)


def test_a_run_whose_worker_is_killed_says_so_and_stays_open(held: Held, process: Any) -> None:
    one, pids = begun(held, process)
    os.kill(pids[0], signal.SIGKILL)
    ended = one.end()
    assert ended.code == Exit.BUG
    assert f"process {pids[0]}, which fetched files for this run, is gone" in ended.err
    assert "Traceback" not in ended.err
    await_end(pids[1])
    held.go.set()
    held.assert_whole(process)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, Exit.SIGINT), (signal.SIGTERM, Exit.SIGTERM)])
def test_a_signal_that_all_processes_get_ends_the_run_after_what_is_on_its_way(
    number: signal.Signals, code: Exit, held: Held, process: Any
) -> None:
    one, pids = begun(held, process)
    for each in (*pids, one.popen.pid):  # as a terminal does it
        os.kill(each, number)
    one.wait_for("stopping" if number == signal.SIGINT else "")
    held.go.set()
    assert one.end().code == code
    for each in pids:
        await_end(each)
    held.assert_whole(process)


def test_a_signal_cuts_off_what_can_be_continued_also_where_nothing_else_could_begin(
    site: Site, serve: Callable[..., Server], process: Any, folder: Path
) -> None:
    """As many long files as exchanges at once: nothing is asked for then, and the workers are to hear of it yet."""
    name, go, slow = "large.bin", threading.Event(), threading.Semaphore(0)
    whole, late = content(name), list[str]()

    def halves() -> Any:
        yield whole[: 2 << 20]
        slow.release()
        if not go.wait(WAIT):
            late.append(name)
        yield whole[2 << 20 :]

    @site.route("/large/<at>")
    def large(request: Any, at: str) -> Response:
        response = file(request, name)
        if "range" in request.headers:
            return response
        return Response(200, [*response.pairs(), ("Content-Length", str(len(whole)))], stream=halves())

    site.route("/<name>")(lambda request, name: content(name))
    server = serve(site)
    paths = [*(f"large/{at}.bin" for at in range(16)), *(f"{at}-small.bin" for at in range(COUNT))]
    (folder / "urls.txt").write_text("".join(f"{server.url}/{path}\n" for path in paths))
    one = process("get", "-i", "urls.txt", "-d", "out", *TOGETHER, "-v")
    for _ in range(16):
        assert slow.acquire(timeout=WAIT)
    one.signal(signal.SIGINT)
    assert one.end().code == Exit.SIGINT
    assert late == [], "it ended though the server did not go on"
    go.set()
    second = process("get", "-i", "urls.txt", "-d", "out", *TOGETHER, "-v").end()
    assert second.code == Exit.DONE, second.err
    found = files(folder / "out")
    assert {found[f"{at}.bin"] == whole for at in range(16)} == {True}
    assert len(found) == len(paths)
    assert sum("range" in header_names(seen) for seen in server.log) == 16, "all of them go on"


def test_nobody_needs_to_mind_its_children(shop: Server, folder: Path) -> None:
    ended = fetch(folder, lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
    assert (ended.returncode, SAID in ended.stderr, "Traceback" in ended.stderr) == (Exit.FAILURES, True, False)


def fetch(folder: Path, before: Callable[[], object]) -> subprocess.CompletedProcess[str]:
    """A whole run in a process that has done something before."""
    path = os.pathsep.join(each for each in sys.path if each)
    return subprocess.run(
        [sys.executable, "-m", "scraper", "get", "-i", "urls.txt", "-d", "out", *TOGETHER, *QUICK],
        cwd=folder, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=WAIT,
        preexec_fn=before,
    )  # fmt: skip


def test_a_disk_that_takes_no_more_stops_the_run(shop: Server, folder: Path, process: Any) -> None:
    ended = fetch(folder, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, 4 << 20)))
    assert ended.returncode == Exit.LIMIT, ended.stderr
    assert "Traceback" not in ended.stderr
    assert process("get", "-i", "urls.txt", "-d", "out", *TOGETHER, *QUICK).end().code == Exit.FAILURES
    found = Counter(ending for _, _, ending, *_ in endings(folder / "out"))
    assert found == {"saved": COUNT + 30, "failed:http:404": 9}
