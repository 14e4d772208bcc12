"""The bench on a real wire, at a scale of a few files; what is not installed is skipped with its reason."""

from __future__ import annotations

import http.client
import os
import select
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from bench import crawling, disk, results, servers, sites
from bench.__main__ import main
from bench.faulty import fate
from bench.measure import Child, Command, run
from bench.servers import Server, Unavailable

pytestmark = pytest.mark.slow

SLOW = 60.0  # seconds; far beyond what anything here takes


@pytest.fixture
def nginx() -> None:
    """Skips where nginx is not installed."""
    try:
        servers.nginx_path()
    except Unavailable as error:
        pytest.skip(str(error))


def python(code: str, *, tree: bool = False) -> Command:
    return Command([sys.executable, "-I", "-S", "-c", code], tree=tree)


def get(host: str, port: int, path: str, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(host, port, timeout=SLOW)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


@pytest.mark.usefixtures("nginx")
@pytest.mark.parametrize("workload", ["W1", "W1s"])
def test_small_files_are_fetched_by_all_and_judged(
    workload: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if not (installed := [name for name in ("curl", "wget2") if shutil.which(name)]):
        pytest.skip("neither curl nor wget2 is installed")
    document = tmp_path / "speed.md"
    document.write_text("<!-- bench: begin --><!-- bench: end -->")
    raw = tmp_path / "raw.json"
    options = ["--runs", "2", "--scale", "0.001", "--peers", ",".join(installed), "--write", str(document)]
    code = main([workload, *options, "--cache", str(tmp_path / "c"), "--tmp", str(tmp_path), "--results", str(raw)])
    (case,) = results.load(raw)["cases"]
    assert code == 0
    assert {(one.peer, one.checked.right, one.checked.wrong) for one in case.results} == {
        (name, 20, 0) for name in ["scraper", *installed]
    }
    assert f"**{workload}: 20 small files" in document.read_text()
    assert f"**{workload}: 20 small files" in capsys.readouterr().out
    assert list(tmp_path.glob("scraper-bench-*")) == []


@pytest.mark.usefixtures("nginx")
@pytest.mark.parametrize("kind", ["html", "json"])
def test_pages_are_read_and_judged_and_where_the_time_goes_is_told(kind: str, tmp_path: Path) -> None:
    raw = tmp_path / "raw.json"
    options = ["--runs", "1", "--scale", "0.004", "--peers", "scrapy-pages", "--cases", f"pages of {kind.upper()}"]
    code = main(["W7", *options, "--cache", str(tmp_path / "c"), "--tmp", str(tmp_path), "--results", str(raw)])
    (case,) = results.load(raw)["cases"]
    programs = [name for name in crawling.PROGRAMS[kind] if name.startswith("scraper")]
    assert code == 0
    assert [(one.peer, one.checked.right, one.checked.wrong) for one in case.results] == [
        (name, 20, 0) for name in programs
    ]
    for one in case.results:
        assert list(one.extra) == [f"{stage} %" for stage in ("fetch", "parse", "select", "follow", "ledger", "rest")]
        assert min(one.extra.values()) > 0
    assert list(case.left_out) == ["scrapy-pages"]


@pytest.fixture
def slots(tmp_path: Path) -> Iterator[Server]:
    """An nginx with two slots a host, whose answers take half a second."""
    try:
        with servers.nginx(
            tmp_path / "nginx", tmp_path / "site", addresses=["127.1.0.1"], slots=2, delays=[500]
        ) as server:
            yield server
    except Unavailable as error:
        pytest.skip(str(error))


@pytest.mark.parametrize(("clients", "beyond"), [(2, 0), (3, 2)])
def test_requests_beyond_the_slots_are_counted_and_no_others(
    clients: int, beyond: int, slots: Server, tmp_path: Path
) -> None:
    (file,) = sites.small(tmp_path / "site", 1)
    together = Barrier(clients)

    def two_requests(_: int) -> set[tuple[int, int]]:
        answers = set()
        for _ in range(2):
            together.wait(SLOW)  # all under way at once, each time
            status, body = get("127.1.0.1", slots.port, f"/d500/{file.name}")
            answers.add((status, len(body)))
        return answers

    with ThreadPoolExecutor(clients) as pool:
        answers = set().union(*pool.map(two_requests, range(clients)))
    assert answers == {(200, file.size)}
    assert len(slots.logged("beyond.log")) == beyond


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, dict[str, sites.File]]]:
    """The faulty server, and for each fate a file that meets it."""
    place = tmp_path_factory.mktemp("faulty")
    files = {fate(file.name): file for file in sites.small(place / "site", 400)}
    with servers.faulty(place / "server", place / "site", ["127.2.0.1"]) as server:
        yield server, files


@pytest.mark.parametrize("word", ["busy", "reset", "cut"])
def test_a_file_fails_once_and_then_is_served(word: str, faulty: tuple[Server, dict[str, sites.File]]) -> None:
    server, files = faulty
    server.ask("/-/reset")
    file = files[word]
    if word == "busy":
        assert get("127.2.0.1", server.port, f"/{file.name}") == (503, b"")
    else:
        with pytest.raises((ConnectionResetError, http.client.IncompleteRead)):
            get("127.2.0.1", server.port, f"/{file.name}")
    status, body = get("127.2.0.1", server.port, f"/{file.name}")
    assert (status, len(body)) == (200, file.size)


def test_a_file_that_is_gone_stays_so(faulty: tuple[Server, dict[str, sites.File]]) -> None:
    server, files = faulty
    assert [get("127.2.0.1", server.port, f"/{files['gone'].name}")[0] for _ in range(2)] == [404, 404]


def test_the_faulty_server_serves_ranges(faulty: tuple[Server, dict[str, sites.File]]) -> None:
    server, files = faulty
    whole = get("127.2.0.1", server.port, f"/{files['well'].name}")[1]
    assert get("127.2.0.1", server.port, f"/{files['well'].name}", Range="bytes=5-9") == (206, whole[5:10])


def test_usage_is_that_of_the_program_and_its_children() -> None:
    code = (
        "import os\nif not os.fork():\n x = bytearray(b'x') * 80_000_000; os._exit(0)\nos.wait(); raise SystemExit(3)"
    )
    usage = run(python(code))
    assert (usage.exit_code, usage.cut) == (3, False)
    assert usage.peak > 80_000_000
    assert usage.cpu > 0


def test_a_program_that_takes_too_long_is_cut_off() -> None:
    usage = run(python("import signal; signal.pause()"), timeout=0.2)
    assert (usage.cut, usage.exit_code) == (True, -15)


def test_leaving_ends_a_program_and_its_descendants(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    os.mkfifo(told)
    code = f"import os, signal\nchild = os.fork()\nif child: open({str(told)!r}, 'w').write(str(child))\nsignal.pause()"
    with Child(python(code)) as child:
        watched = [os.pidfd_open(child.pid), os.pidfd_open(int(told.read_text()))]
    ended = [select.select([one], [], [], SLOW)[0] == [one] for one in watched]
    for one in watched:
        os.close(one)
    assert ended == [True, True]


def test_a_killed_program_is_told_from_one_that_ended() -> None:
    with Child(python("import signal; signal.pause()")) as child:
        child.kill()
        assert child.wait().exit_code == -9


def test_servers_listen_on_loopback_alone(tmp_path: Path) -> None:
    text = servers.configuration(tmp_path, tmp_path, ["127.0.0.1", "127.1.0.1"], 20_000)
    lines = [line.split()[1] for line in text.splitlines() if line.strip().startswith("listen")]
    assert lines == ["127.0.0.1:20000", "127.1.0.1:20000"]


def test_outputs_go_where_they_are_wanted_and_are_removed(tmp_path: Path) -> None:
    with disk.output(tmp_path) as place:
        (place / "file").touch()
        assert place.parent == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_a_file_system_is_tried_and_left_as_it_was(tmp_path: Path) -> None:
    assert disk.making(tmp_path) > 0
    assert list(tmp_path.iterdir()) == []
