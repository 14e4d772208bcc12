"""Exit codes: what ends with which, and is told in a line (DESIGN section 2)."""

from __future__ import annotations

import io
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from scraper.server import Site

JOBS = Path(__file__).parents[2] / "jobs"


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (["--help"], 0, ""),
        (["run", "--help"], 0, ""),
        (["--version"], 0, ""),
        (["rum", "x"], 2, 'did you mean "run"?'),
        (["valdate", "x"], 2, 'did you mean "validate"?'),
        (["nothing-like-it"], 2, "no such command"),
        (["get", "--jsno", "http://x"], 2, "--json"),
        (["run"], 2, "JOB"),
        (["get"], 2, "give URLs"),
        (["get", "http://127.0.0.1/", "--var", "x"], 2, "NAME=VALUE"),
        (["get", "http://127.0.0.1/", "-j", "0"], 2, "-j"),
        (["get", "http://127.0.0.1/", "--limit", "0"], 2, "--limit"),
        (["get", "http://127.0.0.1/", "-o", "http.timeout.raed=1"], 3, 'did you mean "read"?'),
        (["get", "http://127.0.0.1/", "-o", "nonsense"], 3, "KEY=VALUE"),
        (["run", "missing.yaml"], 3, "missing.yaml"),
        (["run", "."], 3, "."),
        (["validate", "missing.yaml"], 3, "missing.yaml"),
        (["serve", "missing-folder"], 2, "missing-folder"),
        (["serve", "--port", "99999"], 2, "--port"),
    ],
)  # fmt: skip
def test_wrong_usage_is_told_in_a_line(args: list[str], code: int, says: str, scraper: Any) -> None:
    told = scraper(*args)
    assert (told.code, says in told.err, "Traceback" in told.err) == (code, True, False), told


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_a_list_that_is_not_there_is_told_and_leaves_nothing_behind(
    scraper: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cleaned: list[str] = []
    monkeypatch.setattr(tempfile.TemporaryDirectory, "cleanup", lambda spool: cleaned.append(spool.name))
    told = scraper("get", "-i", "missing.txt")
    assert (told.code, "missing.txt" in told.err) == (2, True)
    assert len(cleaned) == 1


def test_a_busy_port_is_told_in_a_line(scraper: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        told = scraper("serve", "--port", port)
    assert (told.code, told.out, len(told.err.splitlines())) == (2, "", 1)
    assert "in use" in told.err


BROKEN = """\
name: mine
start: ["http://127.0.0.1:9/"]
rules:
  book:
    item:
      title: h1
      pirce: {css: "p", typ: float}
"""


@pytest.mark.parametrize("command", ["run", "validate"])
def test_an_invalid_job_is_told_with_line_and_column(command: str, scraper: Any, job: Any, folder: Path) -> None:
    told = scraper(command, job(BROKEN))
    assert (told.code, told.out) == (3, "")
    assert 'job.yaml:7:25: rules.book.item.pirce.typ: unknown key; did you mean "type"?' in told.err
    assert [each.name for each in folder.iterdir()] == ["job.yaml"]


@pytest.mark.parametrize("path", ["../x.jsonl", "/tmp/x.jsonl", "a/../../x.jsonl", ".scraper/x.jsonl", "a//b.jsonl"])
def test_records_stay_below_dest(path: str, scraper: Any, job: Any) -> None:
    told = scraper(
        "validate",
        job(f'name: mine\nrecords: {path}\nstart: ["http://127.0.0.1:9/"]\nrules: {{r: {{item: {{a: h1}}}}}}\n'),
    )
    assert (told.code, "job.yaml:2:10" in told.err) == (3, True), told


def test_a_secret_that_is_not_set_is_a_warning_in_validate_and_stops_run(
    scraper: Any, job: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_SUCH_SECRET", raising=False)
    path = job("""name: mine
start: [{url: "http://127.0.0.1:9/", headers: {X-Key: "{{ env('NO_SUCH_SECRET') }}"}}]
rules: {r: {item: {a: h1}}}
""")
    checked, told = scraper("validate", path), scraper("run", path)
    assert (checked.code, "warning" in checked.err, "NO_SUCH_SECRET" in checked.err) == (0, True, True)
    assert (told.code, f"{path}:2:" in told.err, "NO_SUCH_SECRET" in told.err) == (3, True, True)


@pytest.mark.parametrize("dest", ["file", "file/below"])
def test_a_dest_that_cannot_be_made_is_told_in_a_line(
    dest: str,
    scraper: Any,
    job: Any,
    folder: Path,
    write_job: Any,
) -> None:
    (folder / "file").write_text("mine")
    told = scraper("run", write_job(job, "http://127.0.0.1:9", head=f"dest: {dest}\n"))
    assert (told.code in (2, 5), "Traceback" in told.err, "file" in told.err) == (True, False, True), told
    assert (folder / "file").read_text() == "mine"


@pytest.mark.parametrize(
    "setting", ["http: {cookies: missing.txt}", "http: {verify: missing.pem}", "http: {cert: missing.pem}"]
)
def test_a_file_that_the_job_names_and_is_not_there_is_told_by_its_name(
    setting: str, scraper: Any, job: Any, folder: Path
) -> None:
    text = f'name: mine\n{setting}\nstart: ["https://127.0.0.1:9/"]\nrules: {{r: {{item: {{a: h1}}}}}}\n'
    told = scraper("run", job(text), "-o", "http.retry.attempts=1")
    assert (told.code != 1, "Traceback" in told.err, "missing." in told.err) == (True, False, True), told


def test_a_failed_login_is_exit_4(scraper: Any, serve: Any) -> None:
    server = serve()
    told = scraper(
        "run", JOBS / "members.yaml", "--var", f"base={server.url}", "--var", "password=no", "-d", "out", "--json"
    )
    assert (told.code, told.json["failures"][0]["class"]) == (4, "shape")
    assert "login step 2" in told.json["failures"][0]["message"]


def test_a_second_run_at_once_is_exit_6(scraper: Any, process: Any, site: Site, serve: Any, gate: Any) -> None:
    late = gate()
    site.route("/a")(late)
    url = f"{serve(site).url}/a"
    one = process("get", url)
    late.wait()
    told = scraper("get", url)
    assert (told.code, told.out, "another run holds output/get" in told.err) == (6, "", True)
    late.open.set()
    assert one.end().code == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_drains_and_the_same_command_continues(
    number: Any, code: int, process: Any, scraper: Any, site: Site, serve: Any, gate: Any, folder: Path
) -> None:
    late = gate()
    site.route("/0")(late)
    site.route("/<name>")(lambda request, name: name.encode())
    server = serve(site)
    (folder / "urls.txt").write_text("".join(f"{server.url}/{at}\n" for at in range(40)))
    one = process("get", "-i", "urls.txt", "-j", "1")
    late.wait()
    one.signal(number)
    one.wait_for("stopping")
    late.open.set()
    told = one.end()
    assert (told.code, told.out) == (code, "output/get/0\n")
    assert "The same command continues" in told.err
    again = scraper("get", "-i", "urls.txt", "-j", "1", "--json")
    assert (again.code, again.json["files"]["saved"]) == (0, 40)
    assert sorted(seen.target for seen in server.log) == sorted(f"/{at}" for at in range(40))


def test_a_second_signal_stops_at_once_and_nothing_is_lost(
    process: Any,
    scraper: Any,
    site: Site,
    serve: Any,
    gate: Any,
    folder: Path,
    pixels: Any,
) -> None:
    late = gate()
    site.route("/late")(late)
    pixels(site, "a.png")
    server = serve(site)
    one = process("get", f"{server.url}/a.png", f"{server.url}/late")
    late.wait()
    one.signal(signal.SIGINT)
    one.wait_for("stopping")
    one.signal(signal.SIGINT)
    told = one.end()
    late.open.set()
    assert (told.code, "stopped at once" in told.err, "Traceback" in told.err) == (130, True, False)
    again = scraper("get", f"{server.url}/a.png", f"{server.url}/late", "--json")
    assert (again.code, again.json["files"]["saved"]) == (0, 2)
    assert {path.name for path in (folder / "output" / "get").iterdir()} == {"a.png", "late", ".scraper"}


def test_a_signal_in_the_middle_of_a_line_does_not_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    from scraper.cli.run import _signals
    from scraper.cli.show import Shown
    from scraper.run.control import Control

    class Interrupted(io.StringIO):
        times = 0

        def write(self, text: str) -> int:
            self.times += 1
            if self.times == 1:
                signal.raise_signal(signal.SIGINT)
            return super().write(text)

    err = Interrupted()
    monkeypatch.setattr(sys, "stderr", err)
    control, shown = Control(), Shown(quiet=False, verbose=False, paths=False)
    with shown, _signals(control, shown.note):
        signal.setitimer(signal.ITIMER_REAL, 5)
        previous = signal.signal(signal.SIGALRM, _too_late)
        try:
            shown.say("a line")
            shown.tick(0, {})
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, previous)
    first, second = err.getvalue().splitlines()
    assert (control.stop_code, first, second.startswith("stopping")) == (130, "a line", True)


def _too_late(number: int, frame: Any) -> None:
    raise TimeoutError("it hangs")


def test_a_reader_that_goes_away_is_no_bug(process: Any, site: Site, serve: Any, gate: Any) -> None:
    late = gate(b"x")
    site.route("/a")(late)
    one = process("get", f"{serve(site).url}/a")
    late.wait()
    one.popen.stdout.close()
    late.open.set()
    code = one.popen.wait(30)
    one.read_all()
    assert (code != 1, "bug" in one.err, "Traceback" in one.err) == (True, False, False), one.err


def test_a_disk_that_takes_no_words_ends_no_run(site: Site, serve: Any, tmp_path: Path) -> None:
    site.route("/a.txt")(lambda request: b"a")
    url = serve(site).url
    command = f"exec {shlex.quote(sys.executable)} -m scraper get {url}/a.txt {url}/none -d {tmp_path}/out 2> /dev/full"
    path = os.pathsep.join(each for each in sys.path if each)
    told = subprocess.run(
        ["bash", "-c", command], capture_output=True, timeout=30, check=False, env={**os.environ, "PYTHONPATH": path}
    )
    assert (told.returncode, (tmp_path / "out" / "a.txt").exists()) == (4, True)


@pytest.mark.parametrize(
    ("where", "code", "says"),
    [
        ("| true", 130, ""),
        ("> /dev/full", 5, "scraper: what takes our output is full: No space left on device"),
        (">&-", 0, ""),
        (">&- 2>&-", 0, ""),
    ],
)
def test_output_that_nobody_takes_is_no_bug(where: str, code: int, says: str) -> None:
    command = f"set -o pipefail; {shlex.quote(sys.executable)} -m scraper schema {where}"
    path = os.pathsep.join(each for each in sys.path if each)
    told = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, timeout=30, check=False,
        env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    assert (told.returncode, told.stderr.strip()) == (code, says)


def test_a_second_run_can_wait_for_the_first(scraper: Any, process: Any, site: Site, serve: Any, gate: Any) -> None:
    late = gate()
    site.route("/a")(late)
    url = f"{serve(site).url}/a"
    one = process("get", url)
    late.wait()
    told = scraper("get", url, "--wait=0.1s")
    assert (told.code, told.out, "waiting: another run holds" in told.err) == (6, "", True)
    late.open.set()
    assert (scraper("get", url, "--wait").code, one.end().code) == (0, 0)


def test_a_limit_that_is_reached_is_exit_5(scraper: Any, site: Site, serve: Any) -> None:
    site.route("/a")(lambda request: b"a")
    told = scraper("get", f"{serve(site).url}/a", "-o", "limits.deadline=0.000001")
    assert (told.code, told.out, "limits.deadline: " in told.err) == (5, "", True)
