"""Which files of a folder are jobs."""

from __future__ import annotations

from pathlib import Path

from scraper.run.schedule.jobs import Folder

JOB = 'name: a\nstart: [{url: "http://127.0.0.1:1/x", as: files}]\nschedule: "%s"\n'


def test_an_editors_lock_is_no_job(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(JOB % "0 3 * * *")
    (tmp_path / ".#a.yaml").symlink_to("user@host.4711:1")
    assert [job.key for job in Folder(tmp_path).look()] == ["a.yaml"]


def test_a_link_to_nothing_is_a_job_that_is_broken(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to("gone")
    (job,) = Folder(tmp_path).look()
    assert job.mistakes


def test_a_schedule_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(JOB % "0  3\\n* * *")
    assert [job.schedule for job in Folder(tmp_path).look()] == ["0 3 * * *"]
