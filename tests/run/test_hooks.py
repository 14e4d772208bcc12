"""`on_failure` and `on_file`: commands of a run that failed, and of each file that was saved."""

from __future__ import annotations

import json
import signal
import sys
import threading
import types

import pytest

from scraper.model import Outcome
from scraper.run import hooks, runner
from scraper.run.control import Control
from scraper.run.events import Events
from scraper.run.on_file import FileCommands

SAVE = """import json, os, sys
ours = {name: value for name, value in os.environ.items() if name.startswith("SCRAPER_")}
with open(sys.argv[1], "a") as file:
    file.write(json.dumps([sys.argv[2:], ours]) + "\\n")
"""


@pytest.fixture
def noted(tmp_path):
    """`noted()`: arguments and environment of each command of `saying`, by the arguments."""
    path = tmp_path / "noted"
    return lambda: sorted(map(json.loads, path.read_text().splitlines()), key=str) if path.exists() else []


@pytest.fixture
def saying(tmp_path):
    """`saying(*args)`: a command that notes its arguments and its environment."""
    return lambda *args: [sys.executable, "-c", SAVE, str(tmp_path / "noted"), *args]


@pytest.fixture
def run_with(site, serve, run_job):
    """`run_with(files=, **job)` runs a job of so many files; the page links one more, which is not there."""

    server = serve(site)
    links: list[str] = []
    site.route("/")(lambda request: "<h1>t</h1>" + "".join(f'<a href="{link}">x</a>' for link in links))
    site.route("/f<name>.txt")(lambda request, name: name.encode())

    def run_it(files=1, missing=False, options=None, **job):
        links[:] = [*(f"/f{at}.txt" for at in range(files)), *(["/none.txt"] * missing)]
        rules = {"r": {"item": {"t": "h1"}, "files": "a"}}
        return run_job(server, {"start": ["{{ base }}/"], "rules": rules, **job}, **(options or {}))

    return run_it


def warnings(ran):
    return [line["message"] for line in ran.log if line["level"] == "warning" and "on_f" in line["message"]]


# -- on_failure --------------------------------------------------------------------------------------------


def test_on_failure_is_called_after_on_finish_where_the_exit_code_is_not_0(run_with, saying, noted, tmp_path):
    say = ["sh", "-c", 'echo "$0 $SCRAPER_EXIT_CODE $SCRAPER_FILES_FAILED" >> order']
    run_with(missing=True, on_failure=[*say, "failure"], on_finish=[*say, "finish"])
    assert (tmp_path / "order").read_text() == "finish 4 1\nfailure 4 1\n"


def test_on_failure_is_not_called_where_all_went_well(run_with, saying, noted):
    run_with(on_failure=saying("{{ summary.exit_code }}"))
    assert noted() == []


def test_a_run_that_a_bug_ended_is_a_failure_too(run_with, saying, noted, monkeypatch, tmp_path):
    monkeypatch.setattr(runner.Runner, "_walked", lambda self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run_with(on_failure=saying("{{ summary.exit_code }}", "{{ summary.job }}"), on_finish=saying("finish"))
    ((args, environment),) = noted()
    assert (args, environment["SCRAPER_EXIT_CODE"]) == (["1", "job"], "1")
    assert "SCRAPER_SUMMARY" not in environment  # there is none


def test_a_login_that_fails_is_a_failure(run_with, saying, noted):
    run_with(login=[{"get": "{{ base }}/no-login"}], on_failure=saying("{{ summary.exit_code }}"))
    assert [args for args, _ in noted()] == [["4"]]


# -- on_file -----------------------------------------------------------------------------------------------


def test_on_file_is_called_for_each_file_that_was_saved(run_with, saying, noted, tmp_path):
    ran = run_with(3, missing=True, on_file=saying("{{ file.name }}", "{{ file.path }}", "{{ file.bytes }}"))
    out = tmp_path / "out"
    assert [args for args, _ in noted()] == [[f"f{at}.txt", f"{out}/f{at}.txt", "1"] for at in range(3)]
    first = noted()[0][1]
    told = {name: first[f"SCRAPER_{name}"] for name in ("FILE", "FILE_NAME", "ENDING", "STATUS", "BYTES", "RUN")}
    assert told == {
        "FILE": f"{out}/f0.txt",
        "FILE_NAME": "f0.txt",
        "ENDING": "saved",
        "STATUS": "200",
        "BYTES": "1",
        "RUN": ran.summary.run,
    }


def test_on_file_is_not_called_for_what_stood_there(run_with, saying, noted):
    job = {"on_file": {"run": saying("{{ file.name }}"), "when": "{{ file.name != 'f0.txt' }}"}}
    run_with(2, **job)
    run_with(3, **job)
    assert [args for args, _ in noted()] == [["f1.txt"], ["f2.txt"]]


def test_commands_of_on_file_that_fail_are_told_and_counted_and_change_nothing(run_with):
    ran = run_with(2, on_file=["sh", "-c", "exit 3"])
    assert (ran.code, sum("ended with 3" in line for line in warnings(ran))) == (0, 2)
    assert warnings(ran)[-1] == "on_file: 2 commands failed"


def test_a_name_from_outside_is_one_argument_and_no_shell_word(run_with, saying, noted, site):
    site.route("/$(touch x);&.txt")(lambda request: b"y")
    site.route("/odd")(lambda request: '<h1>t</h1><a href="/$(touch%20x);&amp;.txt">x</a>')
    run_with(0, start=["{{ base }}/odd"], on_file=saying("{{ file.name }}"))
    assert [args for args, _ in noted()] == [["$(touch x);&.txt"]]


def test_replays_and_dry_runs_call_nothing(run_with, saying, noted):
    run_with(options={"dry": True}, on_file=saying("x"), on_failure=saying("y"))
    assert noted() == []


class Slow:
    """Commands that wait until they may end, in the place of processes."""

    def __init__(self, monkeypatch):
        self.done: list[str] = []
        self.may_end = threading.Event()
        self.began = threading.Semaphore(0)
        monkeypatch.setattr(hooks, "calls", lambda kit, key, names, environment: [names["file"]["name"]])
        monkeypatch.setattr(hooks, "environment", lambda kit, **more: {})
        monkeypatch.setattr(hooks, "perform", self.perform)

    def perform(self, kit, call, is_stopped):
        self.began.release()
        while not (self.may_end.wait(0.01) or is_stopped()):
            pass
        self.done.append(call)
        return True


class Kit:
    """As much of one as on_file looks at."""

    names: dict = {}
    events = Events()

    def __init__(self):
        self.tended = 0
        self.scheduler = types.SimpleNamespace(tend=self.tend)
        self.ledger, self.engine = types.SimpleNamespace(open_count=0), types.SimpleNamespace(flying={})

    def tend(self):
        self.tended += 1

    class disk:  # noqa: N801
        from pathlib import Path

        root = Path("/out")


def saved(*names):
    return [Outcome("saved", name) for name in names]


def test_downloads_go_on_while_commands_run(monkeypatch):
    slow = Slow(monkeypatch)
    commands = FileCommands(Kit(), lambda: False)
    names = [f"f{at}" for at in range(100)]
    commands.put(saved(*names))  # and nobody waits
    slow.may_end.set()
    commands.close()
    assert sorted(slow.done) == sorted(names)


def test_what_waits_is_bounded_and_the_downloads_wait_then(monkeypatch, caplog):
    slow = Slow(monkeypatch)
    kit = Kit()
    commands = FileCommands(kit, lambda: False, room=1)
    names = [f"f{at}" for at in range(8)]
    putting = threading.Thread(target=commands.put, args=(saved(*names),))
    putting.start()
    for _ in range(4):
        slow.began.acquire()
    putting.join(0.3)
    assert (putting.is_alive(), "slower than the downloads" in caplog.text) == (True, True)
    assert kit.tended  # other runs get the slots that idle meanwhile
    slow.may_end.set()
    putting.join()
    commands.close()
    assert sorted(slow.done) == names


def test_after_a_stop_what_waits_is_left_and_told(monkeypatch, caplog):
    slow, control, now = Slow(monkeypatch), Control(), [0.0]
    commands = FileCommands(Kit(), lambda: control.stop_code is not None, clock=lambda: now[0])
    commands.put(saved(*(f"f{at}" for at in range(10))))
    for _ in range(4):
        slow.began.acquire()
    control.stop(int(signal.SIGTERM) + 128)
    closing = threading.Thread(target=commands.close)
    closing.start()
    commands._is_over()
    now[0] = 6.0
    closing.join()
    assert (len(slow.done), "the commands of 6 saved files were not run" in caplog.text) == (4, True)
