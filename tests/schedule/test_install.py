"""Units and crontab lines: what is written, that systemd and cron take it, and that nothing else is touched."""

from __future__ import annotations

import os
import shlex
import shutil
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scraper.errors import UsageError
from scraper.run.schedule import crontab, install, systemd
from scraper.run.schedule.calendar import UnsayableError
from scraper.run.schedule.jobs import Folder, JobFile
from tests.schedule.simulated import job

NOW = datetime(2027, 1, 1, tzinfo=UTC)
FOLDER = Path("/srv/my jobs")
HERE = Path('/srv/a $b 50% "c"')


def jobs(folder: Path = FOLDER) -> list[JobFile]:
    lines = {"a": ("30 2 * * *", "Europe/Berlin"), "b 50%-$x": ("0 12 1,15 * FRI", None), "c": (None, None)}
    made = (job(name, *when) for name, when in lines.items())
    return [JobFile(folder / each.path.name, "name", each.schedule, each.timezone) for each in made]


@pytest.fixture
def cron(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `crontab` that keeps its table in a file, and says that it is cronie where `cronie` stands beside it."""
    table, command = tmp_path / "table", tmp_path / "bin" / "crontab"
    command.parent.mkdir()
    command.write_text(
        f"#!/bin/sh\ncd {shlex.quote(str(tmp_path))}\n"
        'case "$1" in\n-l) [ -f table ] || { echo "no crontab for you" >&2; exit 1; }; exec /bin/cat table;;\n'
        "-r) exec /bin/rm table;;\n-V) [ -f cronie ] && echo 'cronie 1.7' >&2; exit 1;;\n"
        "-) exec /bin/cat > table;;\nesac\n"
    )
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(command.parent))
    monkeypatch.setenv("TZ", "UTC")
    return table


# -- systemd ---------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_keepers")
def test_each_job_with_a_schedule_has_a_service_and_a_timer_that_are_enabled(home: Path) -> None:
    assert len(install.install("systemd", FOLDER, jobs(), HERE, NOW).lines) == 4
    place = home / "config" / "systemd" / "user"
    names = sorted(path.name for path in place.iterdir() if path.is_file())
    assert [name.split("-", 2)[2] for name in names] == [
        "a.yaml.service", "a.yaml.timer", r"b\x2050\x25\x2d\x24x.yaml.service", r"b\x2050\x25\x2d\x24x.yaml.timer",
    ]  # fmt: skip
    wants = sorted((place / "timers.target.wants").iterdir())
    assert [path.name for path in wants] == [name for name in names if name.endswith(".timer")]
    assert all(path.resolve().is_file() for path in wants)


@pytest.mark.usefixtures("no_keepers")
def test_units_are_written_once_changed_where_a_job_changed_and_removed_with_its_schedule(home: Path) -> None:
    place = home / "config" / "systemd" / "user"
    install.install("systemd", FOLDER, jobs(), HERE, NOW)
    stranger = place / f"scraper-{systemd.digest_of(FOLDER)}-other.timer"
    stranger.write_text("[Timer]\nOnCalendar=daily\n")
    assert install.install("systemd", FOLDER, jobs(), HERE, NOW).nothing
    first, second, third = jobs()
    edited = [JobFile(first.path, "name", "0 4 * * *", "UTC"), JobFile(second.path, "name"), third]
    assert sorted(line.split()[0] for line in install.install("systemd", FOLDER, edited, HERE, NOW).lines) == [
        "removed", "removed", "wrote",
    ]  # fmt: skip
    assert install.uninstall(FOLDER).lines
    assert install.uninstall(FOLDER).nothing
    assert [path for path in place.rglob("*") if not path.is_dir()] == [stranger]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_takes_the_units(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / 'my "jobs" 50% $HOME'
    folder.mkdir()
    systemd.write(folder, systemd.units(folder, jobs(folder), folder, NOW))
    units = [path for path in sorted(systemd.unit_folder().iterdir()) if path.is_file()]
    done = subprocess.run(["systemd-analyze", "--user", "verify", *units], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    broken = tmp_path / "broken.timer"
    broken.write_text("[Timer]\nOnCalendar=nonsense 99\n")
    assert subprocess.run(["systemd-analyze", "--user", "verify", broken], capture_output=True).returncode


@pytest.mark.usefixtures("no_keepers")
def test_without_systemd_and_cron_install_says_what_helps() -> None:
    with pytest.raises(UsageError, match="--print"):
        install.chosen()


# -- cron ------------------------------------------------------------------------------------------------


def local_jobs() -> list[JobFile]:
    return [JobFile(each.path, each.name, each.schedule) for each in jobs()]


def test_the_block_stands_among_other_lines_which_are_kept(cron: Path) -> None:
    cron.write_text("# mine\n0 1 * * * true 50\\%\n")
    install.install("cron", FOLDER, local_jobs(), HERE, NOW)
    cron.write_text(cron.read_text() + "0 2 * * * false\n")
    assert install.install("cron", FOLDER, local_jobs(), HERE, NOW).nothing
    install.install("cron", FOLDER, local_jobs()[:1], HERE, NOW)
    lines = cron.read_text().splitlines()
    assert (lines[:2], lines[-1]) == (["# mine", "0 1 * * * true 50\\%"], "0 2 * * * false")
    assert [line[:11] for line in lines[2:-1]] == ["# scraper s", "30 2 * * * ", "# scraper s"]
    install.uninstall(FOLDER)
    assert cron.read_text() == "# mine\n0 1 * * * true 50\\%\n0 2 * * * false\n"


def test_a_crontab_of_ours_alone_is_removed_with_our_lines(cron: Path) -> None:
    install.install("cron", FOLDER, local_jobs(), HERE, NOW)
    assert cron.exists()
    install.uninstall(FOLDER)
    assert not cron.exists()


def test_a_block_whose_marks_were_edited_is_left_alone(cron: Path) -> None:
    install.install("cron", FOLDER, local_jobs(), HERE, NOW)
    cron.write_text(cron.read_text().rsplit("# scraper", 1)[0])
    before = cron.read_text()
    with pytest.raises(UsageError, match="marks"):
        install.uninstall(FOLDER)
    assert cron.read_text() == before


def test_a_folder_is_with_systemd_or_with_cron_never_with_both(cron: Path) -> None:
    install.install("systemd", FOLDER, local_jobs(), HERE, NOW)
    install.install("cron", FOLDER, local_jobs(), HERE, NOW)
    assert (bool(systemd.ours(FOLDER)), cron.exists()) == (False, True)
    install.install("systemd", FOLDER, local_jobs(), HERE, NOW)
    assert (bool(systemd.ours(FOLDER)), cron.exists()) == (True, False)


def test_a_zone_of_its_own_is_refused_by_a_cron_that_knows_none(cron: Path) -> None:
    with pytest.raises(UsageError, match=r"a\.yaml: this cron starts jobs by the machine's time only"):
        install.install("cron", FOLDER, jobs(), HERE, NOW)
    assert not cron.exists()


def test_cronie_is_told_the_zone_and_then_the_machines_own(cron: Path) -> None:
    (cron.parent / "cronie").touch()
    install.install("cron", FOLDER, jobs(), HERE, NOW)
    lines = cron.read_text().splitlines()
    assert [line[:11] for line in lines[1:-1]] == ["0 12 1,15 *", "CRON_TZ=Eur", "30 2 * * * ", "CRON_TZ=UTC"]


@pytest.mark.usefixtures("cron")
def test_a_zone_whose_clock_is_the_machines_is_no_zone_of_its_own() -> None:
    assert crontab.is_local("Etc/UTC", NOW)
    assert not crontab.is_local("Europe/London", NOW)  # the same in January


def test_paths_that_cron_would_misread_are_refused() -> None:
    for here in (Path("/a\\b"), Path("/" + "long/" * 200)):
        with pytest.raises(UnsayableError):
            crontab.line_of(JobFile(FOLDER / "a.yaml", "a", "0 3 * * *"), here)
    with pytest.raises(UsageError, match="rename"):
        install.text_of("cron", Path("/a\nb"), local_jobs(), HERE, NOW)


@pytest.mark.parametrize(("code", "mailed", "exits"), [(0, "", 0), (6, "", 0), (4, "said\n", 4)])
def test_a_line_says_nothing_unless_its_run_failed(
    code: int, mailed: str, exits: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "py 50%"
    python.write_text(f'#!/bin/sh\necho path; echo said >&2; echo "$@" >> args; pwd >> args; exit {code}\n')
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(sys, "executable", str(python))
    here = tmp_path / "it's here 100%"
    here.mkdir()
    line = crontab.line_of(JobFile(FOLDER / "b 50%.yaml", "b", "0 3 * * *"), here)
    command = line.split(" ", 5)[5].replace("\\%", "%")  # as cron reads it
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True)
    assert (done.stdout, done.stderr, done.returncode) == (mailed, "", exits)
    assert (here / "args").read_text() == f"-P -m scraper run /srv/my jobs/b 50%.yaml\n{here}\n"


# -- names that would be read as something else ------------------------------------------------------------


@pytest.mark.usefixtures("no_keepers")
@pytest.mark.parametrize("keeper", ["systemd", "cron"])
@pytest.mark.parametrize(
    ("name", "here"),
    [
        ("x\nExecStartPre=touch pwned\n#.yaml", "/srv"),
        ("x\u2028.yaml", "/srv"),
        ("a.yaml", "/srv/a\\"),
        ("a.yaml", "/b "),
    ],
)
def test_a_path_that_would_be_more_than_a_path_is_refused(keeper: str, name: str, here: str) -> None:
    found = [JobFile(FOLDER / name, "name", "0 3 * * *")]
    with pytest.raises(UsageError, match="stand in no unit and no crontab"):
        install.text_of(keeper, FOLDER, found, Path(here), NOW)


def test_lines_of_others_are_kept_to_the_byte(cron: Path) -> None:
    before = "MAILTO=me\n# a form feed \x0c, \u2028 rm -rf and \x85 are no end of a line\n0 1 * * * x\r\n\n"
    cron.write_bytes(before.encode())
    assert not install.install("cron", FOLDER, jobs()[1:], HERE, NOW).nothing
    assert cron.read_bytes().startswith(before.encode())
    assert not install.uninstall(FOLDER).nothing
    assert cron.read_bytes() == before.encode()


def test_what_is_no_file_is_no_job_of_a_folder(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "zero.yaml").symlink_to("/dev/zero")
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    (tmp_path / "folder.yaml").mkdir()
    assert [(each.key, bool(each.mistakes)) for each in Folder(tmp_path).look()] == [("loop.yaml", True)]
