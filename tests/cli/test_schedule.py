"""`scraper schedule`: what it shows, and the loop as a real process with real runs."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

JOB = 'name: {name}\nstart: [{{url: "{url}", as: files}}]\n'


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path_factory.mktemp("home")
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(home / name))
    monkeypatch.setenv("TZ", "America/New_York")
    return home


@pytest.fixture
def jobs(folder: Path) -> Any:
    """`jobs(name="schedule: ...")` writes jobs into the folder `jobs`."""
    place = folder / "jobs"
    place.mkdir()

    def write(url: str = "http://127.0.0.1:1/x", **tails: str) -> Path:
        for name, tail in tails.items():
            (place / f"{name}.yaml").write_text(JOB.format(name=name, url=url) + tail)
        return place

    return write


def test_show_prints_the_next_times_in_the_jobs_zone_and_here(scraper: Any, jobs: Any) -> None:
    told = scraper(
        "schedule", "show", jobs(a='schedule: "0 3 * * *"\ntimezone: Asia/Tokyo\n', b="", c='schedule: "0 3 * * *"')
    )
    lines = told.out.splitlines()
    assert (told.code, lines[0], lines[6], lines[7]) == (
        0, "a.yaml (a): 0 3 * * *, Asia/Tokyo", "b.yaml (b): no schedule", "c.yaml (c): 0 3 * * *",
    )  # fmt: skip
    assert all(" 03:00 JST  (here " in line for line in lines[1:6])
    assert len(lines[8:]) == 5
    assert not any("here" in line for line in lines[8:])


def test_show_tells_the_mistakes_of_what_is_broken_and_shows_the_rest(scraper: Any, jobs: Any) -> None:
    place = jobs(a='schedule: "0 3 * * *"', b='schedule: "0 25 * * *"', c='schedule: "0 0 3 * * *"')
    (place / "notes.yml").write_text("just: something else\n")
    (place / "torn.yml").write_text("name: [\n")
    told = scraper("schedule", "show", place, "--json")
    assert (told.code, [each["file"].rpartition("/")[2] for each in told.json]) == (
        3, ["a.yaml", "b.yaml", "c.yaml", "torn.yml"],
    )  # fmt: skip
    assert [len(each["next"]) for each in told.json] == [5, 0, 0, 0]
    assert "b.yaml:3:11: schedule:" in told.err
    assert "has six fields" in told.err
    assert "torn.yml:" in told.err


def test_show_takes_a_single_file(scraper: Any, jobs: Any) -> None:
    told = scraper("schedule", "show", jobs(a='schedule: "0 3 * * *"', b="") / "a.yaml")
    assert (told.code, len(told.lines)) == (0, 6)


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (["show", "nowhere"], 2, "there is no nowhere"),
        (["show", "."], 2, "has no job files"),
        (["run", "nowhere"], 2, "there is no nowhere"),
        (["run", ".", "--at-once", "0"], 2, "--at-once"),
        (["shwo", "."], 2, 'did you mean "show"?'),
        (["frobnicate"], 2, "there are show, run, install, uninstall"),
        ([], 2, "Usage"),
    ],
)
def test_wrong_usage_is_told(args: list[str], code: int, says: str, scraper: Any) -> None:
    told = scraper("schedule", *args)
    assert (told.code, says in told.out + told.err) == (code, True), told


def test_install_prints_what_it_would_write_and_writes_nothing(
    scraper: Any, jobs: Any, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    place = jobs(a='schedule: "0 3 * * *"\n', b="")
    told = scraper("schedule", "install", place, "--print")
    assert (told.code, told.out.count("OnCalendar="), told.err) == (0, 1, "b.yaml has no schedule\n")
    assert not (home / "XDG_CONFIG_HOME").exists()


def test_install_and_uninstall_tell_what_they_did(scraper: Any, jobs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    place = jobs(a='schedule: "0 3 * * *"\n')
    assert scraper("schedule", "install", place).code == 2
    told = scraper("schedule", "install", place, "--systemd")
    assert (told.code, told.err.count("wrote "), "when you log in" in told.err) == (0, 2, True)
    assert "nothing to do" in scraper("schedule", "install", place, "--systemd").err
    (place / "a.yaml").unlink()
    place.rmdir()
    assert scraper("schedule", "uninstall", place).err.count("removed ") == 2
    assert "nothing was installed" in scraper("schedule", "uninstall", place).err


def test_nothing_is_installed_while_a_job_is_broken(scraper: Any, jobs: Any, home: Path) -> None:
    told = scraper("schedule", "install", jobs(a='schedule: "0 3 * * *"', b="oops: 1\n"), "--systemd")
    assert (told.code, "b.yaml" in told.err, (home / "XDG_CONFIG_HOME").exists()) == (3, True, False)


def remember(home: Path, place: Path, *names: str) -> None:
    """As if the jobs had been due while no schedule was running."""
    from datetime import UTC, datetime

    from scraper.run.schedule.decide import Card
    from scraper.run.schedule.memory import Memory, digest_of

    where = home / "XDG_STATE_HOME" / "scraper" / "schedule" / digest_of(place)
    where.mkdir(parents=True)
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    Memory(where, place).save({f"{name}.yaml": Card("0 0 1 1 *", None, long_ago) for name in names})


@pytest.mark.slow
def test_a_real_schedule_makes_up_for_what_was_missed_tells_and_ends_what_runs(
    process: Any, scraper: Any, jobs: Any, home: Path, serve: Any, site: Any, gate: Any
) -> None:
    slow = gate()
    site.route("/slow")(slow)
    base = serve(site).url
    place = jobs(f"{base}/slow", slow='schedule: "0 0 1 1 *"\n')
    jobs(f"{base}/nothing", missing='schedule: "0 0 1 1 *"\n')
    remember(home, place, "slow", "missing")
    loop = process("schedule", "run", "jobs", "--json")
    slow.wait()
    loop.wait_for("missing.yaml: finished, but pages, items or files failed (exit 4)")
    second = scraper("schedule", "run", place)
    assert (second.code, "another scraper schedule run" in second.err) == (6, True)
    loop.signal(signal.SIGTERM)
    loop.wait_for("stopping")
    slow.open.set()
    told = loop.end()
    assert told.code == 143
    ended = {each["job"]: each for each in map(json.loads, told.out.splitlines())}
    assert (ended["missing"]["exit_code"], ended["missing"]["summary"]["files"]["failed"]) == (4, 1)
    assert ended["missing"]["late"] == "the schedule was not running"
    assert ended["slow"]["exit_code"] in (0, 143)
    assert "missing.yaml: " in told.err


@pytest.mark.parametrize("named", ["option", "variable", "nothing"])
def test_what_is_installed_has_the_config_file_that_was_named(
    named: str, scraper: Any, jobs: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "crontab").write_text("#!/bin/sh\nexit 1\n")
    (folder / "crontab").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("SCRAPER_CONFIG", "other.yaml")
    if named != "variable":
        monkeypatch.delenv("SCRAPER_CONFIG")
    (folder / "other.yaml").write_text("run: {jobs: 2}\n")
    place = jobs(a='schedule: "0 3 * * *"\n')
    given = ["--config", "other.yaml"] if named == "option" else []
    for keeper, said in (("--systemd", f'"--config" "{folder / "other.yaml"}" "run"'), ("--cron", " --config ")):
        told = scraper(*given, "schedule", "install", place, "--print", keeper)
        assert (told.code, said in told.out) == (0, named != "nothing"), told.err
