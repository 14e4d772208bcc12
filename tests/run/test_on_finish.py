"""`on_finish`: commands that a run starts when all of it is written."""

from __future__ import annotations

import json
import os
import signal
import sys
import time

import pytest

from scraper.errors import JobError
from scraper.run import hooks
from scraper.run.control import Control

SAVE = """import json, os, sys
ours = {name: value for name, value in os.environ.items() if name.startswith("SCRAPER_") and name != "SCRAPER_SHARE"}
told = {"args": sys.argv[2:], "env": ours, "cwd": os.getcwd(), "stdin": sys.stdin.read()}
with open(sys.argv[1], "a") as file:
    file.write(json.dumps(told) + "\\n")
"""


@pytest.fixture
def noted(tmp_path):
    """`noted()`: what the commands of `saying` noted of themselves, in order."""
    path = tmp_path / "noted"
    return lambda: [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def saying(tmp_path):
    """`saying(*args)`: a command that notes its arguments and where it runs."""
    return lambda *args: [sys.executable, "-c", SAVE, str(tmp_path / "noted"), *args]


@pytest.fixture
def run_with(site, serve, run_job):
    """`run_with(on_finish, **job)` runs a job of one item."""
    site.route("/")(lambda request: "<h1>t</h1>")
    server = serve(site)

    def run_it(on_finish, options=None, **more):
        given = {"start": ["{{ base }}/"], "rules": {"r": {"item": {"t": "h1"}}}, "on_finish": on_finish}
        return run_job(server, {**given, **more}, **(options or {}))

    return run_it


def warnings(ran):
    return [line["message"] for line in ran.log if line["level"] == "warning" and "on_finish" in line["message"]]


def test_a_command_gets_its_arguments_and_what_the_run_was(run_with, saying, noted, tmp_path):
    ran = run_with(saying("{{ summary.items.new }} new; $HOME", "{{ summary.job }}"))
    assert noted() == [
        {
            "args": ["1 new; $HOME", "job"],
            "env": {
                "SCRAPER_JOB": "job",
                "SCRAPER_RUN": ran.summary.run,
                "SCRAPER_EXIT_CODE": "0",
                "SCRAPER_DEST": str(tmp_path / "out"),
                "SCRAPER_SUMMARY": str(tmp_path / "out/.scraper/runs" / ran.summary.run / "summary.json"),
                **counts(pages_ok=1, items_total=1, items_new=1),
                "SCRAPER_SECONDS": noted()[0]["env"]["SCRAPER_SECONDS"],
            },
            "cwd": str(tmp_path),
            "stdin": "",
        }
    ]


def counts(**given):
    """The variables that hold the counts of a summary: 0 but for those given."""
    names = [f"pages_{name}" for name in ("ok", "unchanged", "skipped", "failed")]
    names += [f"items_{name}" for name in ("total", "new", "changed", "gone", "failed")]
    names += [f"files_{name}" for name in ("saved", "unchanged", "skipped", "failed")]
    return {f"SCRAPER_{name.upper()}": str(given.get(name, 0)) for name in (*names, "bytes")}


def test_it_runs_when_records_and_summary_stand_and_the_folder_is_free(run_with, tmp_path):
    look = "import os, sys; sys.exit(not all(map(os.path.exists, sys.argv[1:])))"
    state = tmp_path / "out" / ".scraper" / "runs"
    command = [
        sys.executable,
        "-c",
        look,
        str(tmp_path / "out/records.jsonl"),
        f"{state}/{{{{ summary.run }}}}/summary.json",
    ]
    assert warnings(run_with(command)) == []


def test_several_commands_run_one_after_the_other_those_whose_when_holds(run_with, saying, noted):
    when = "{{ summary.exit_code != 0 }}"
    run_with([{"run": saying("failed"), "when": when}, saying("one"), {"run": saying("two"), "when": "{{ 1 == 1 }}"}])
    assert [each["args"] for each in noted()] == [["one"], ["two"]]


def test_an_argument_that_is_null_is_left_out(run_with, saying, noted):
    run_with(saying("a", "{{ last_run }}", "b"))
    assert [each["args"] for each in noted()] == [["a", "b"]]


def test_a_secret_is_given_as_its_value_and_told_as_its_mark(run_with, saying, noted, monkeypatch, caplog):
    caplog.set_level("INFO", "scraper")
    monkeypatch.setenv("HOOK_KEY", "hush hush")
    ran = run_with(saying("key={{ env('HOOK_KEY') }}", "{{ env('HOOK_KEY') | urlencode }}"))
    log = (ran.dest / ".scraper" / "runs" / ran.summary.run / "log.jsonl").read_text()
    assert [each["args"] for each in noted()] == [["key=hush hush", "hush%20hush"]]
    assert ("{env:HOOK_KEY}" in log, "hush hush" in log, "hush%20hush" in log) == (True, False, False)


def test_what_it_prints_becomes_lines_of_the_log_escaped_and_without_secrets(run_with, capfd, monkeypatch, caplog):
    caplog.set_level("INFO", "scraper")
    monkeypatch.setenv("HOOK_KEY", "hush hush")
    first = "import sys; print('from \\x1b[31mthe', sys.argv[1]);"
    code = f"{first} print('e' * 2001, file=sys.stderr); print('half', end='')"
    ran = run_with([sys.executable, "-uc", code, "{{ env('HOOK_KEY') }}"])
    log = (ran.dest / ".scraper" / "runs" / ran.summary.run / "log.jsonl").read_text().splitlines()
    said = [each["message"] for each in map(json.loads, log) if each["logger"] == "scraper.commands"]
    assert ("\x1b" in "".join(log), capfd.readouterr()) == (False, ("", ""))
    assert said == [
        f"on_finish[0]: {line}" for line in ("from \x1b[31mthe {env:HOOK_KEY}", "e" * 2000, "e", "half")
    ]  # fmt: skip


def test_a_command_that_prints_without_end_is_ended_after_its_time(run_with, caplog):
    run_with({"run": [sys.executable, "-c", "while True: print('y' * 100)"], "timeout": 0.3})
    assert "was ended after 0.3 s" in caplog.text


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ([sys.executable, "-c", "raise SystemExit(3)"], "ended with 3"),
        ([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"], "was ended by signal 9"),
        (["./no-such-command"], "cannot be started: No such file or directory"),
        (["true", "a\0b"], "cannot be started: embedded null byte"),
        (["true", "{{ summary.failures[0].url }}"], "was not run:"),
    ],
)
def test_what_fails_of_it_is_a_warning_and_nothing_more(run_with, command, told):
    ran = run_with(command)
    (warning,) = warnings(ran)
    assert (ran.code, told in warning) == (0, True), warning


def test_a_command_that_takes_too_long_is_ended_with_all_it_started(run_with, tmp_path):
    started = tmp_path / "pid"
    started.touch()  # on a busy machine it may be ended before it has begun
    command = ["sh", "-c", 'sleep 100 & echo $! >"$0"; wait', str(started)]
    ran = run_with({"run": command, "timeout": 0.3})
    (warning,) = warnings(ran)
    assert "was ended after 0.3 s" in warning
    assert is_gone(int(started.read_text() or 0))


def test_what_a_command_started_is_ended_too_if_it_will_not_hear(run_with, tmp_path, monkeypatch):
    monkeypatch.setattr(hooks, "GRACE", 0.1)
    started = tmp_path / "pid"
    started.touch()
    command = ["sh", "-c", '(trap "" TERM; sleep 100) & echo $! >"$0"; wait', str(started)]
    run_with({"run": command, "timeout": 0.3})
    assert is_gone(int(started.read_text() or 0))


def test_a_command_that_may_not_be_ended_is_told_and_no_more(run_with, monkeypatch):
    def refused(*_):
        raise PermissionError(1, "Operation not permitted")  # it runs as another user

    monkeypatch.setattr(os, "killpg", refused)
    ran = run_with({"run": ["sleep", "0.5"], "timeout": 0.1})
    (warning,) = warnings(ran)
    assert (ran.code, "was ended after 0.1 s" in warning) == (0, True)


def is_gone(pid):
    """Whether a process has ended, soon; pid 0: it never began."""
    until = time.monotonic() + 10
    while pid and time.monotonic() < until:
        try:
            os.kill(pid, 0)
            with open(f"/proc/{pid}/stat") as stat:
                if stat.read().rpartition(")")[2].split()[0] == "Z":
                    return True
        except (ProcessLookupError, FileNotFoundError):
            return True
    return not pid


def test_a_run_that_is_stopped_calls_it_too(saying, noted, site, serve, run_job, rows_site, numbered, stop_after):
    rows_site(site, numbered(20))
    events, control = stop_after(1, "ok")
    rules = {"r": {"read": "json", "each": "rows[*]", "item": {"t": "t"}, "next": {"page": "page"}}}
    given = {"start": ["{{ base }}/api"], "rules": rules, "on_finish": saying("{{ summary.exit_code }}")}
    run_job(serve(site), given, events=events, control=control)
    assert [each["args"] for each in noted()] == [["130"]]


def test_a_stop_that_comes_while_it_runs_ends_it(run_with):
    control = Control()
    before = signal.signal(signal.SIGUSR1, lambda *_: control.stop(130))
    try:
        ran = run_with(
            [sys.executable, "-c", "import os, signal; os.kill(os.getppid(), signal.SIGUSR1); signal.pause()"],
            {"control": control},
        )
    finally:
        signal.signal(signal.SIGUSR1, before)
    (warning,) = warnings(ran)
    assert (ran.code, "was ended: the run was stopped" in warning) == (0, True)


def test_a_dry_run_calls_nothing(run_with, saying, noted):
    run_with(saying("a"), {"dry": True})
    assert noted() == []


def test_a_selector_in_when_is_a_mistake_of_the_job(run_with):
    with pytest.raises(JobError, match=r"on_finish\.when: a selector has no page here; write a template"):
        run_with({"run": ["true"], "when": "summary.failed"})
