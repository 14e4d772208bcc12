"""Who fetches the files where libcurl is missing, and versions of HTTP: what cannot be had is told before anything."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scraper.errors import Exit, JobError
from scraper.job.load import load
from scraper.run.kit import settle
from scraper.server import Site

JOB = """\
name: job
start: ["http://127.0.0.1:1/"]
rules: {page: {files: a}}
http:
  version: "VERSION"
files:
  transport: TRANSPORT
"""
LACKING = "pycurl cannot be used (import of pycurl halted; None in sys.modules)"


@pytest.fixture
def mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], str]:
    """`mistake(transport, version)`: what a run of such a job says before it begins."""
    monkeypatch.chdir(tmp_path)

    def ask(transport: str, version: str) -> str:
        Path("job.yaml").write_text(JOB.replace("TRANSPORT", transport).replace("VERSION", version))
        with pytest.raises(JobError) as told:
            settle(load("job.yaml"))
        assert told.value.exit_code == Exit.JOB
        return str(told.value)

    return ask


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """The curl transport is looked for anew."""
    for name in [name for name in sys.modules if name.startswith("scraper.net.curl")]:
        monkeypatch.delitem(sys.modules, name)


@pytest.fixture
def without_pycurl(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if it were not installed."""
    forget(monkeypatch)
    monkeypatch.setitem(sys.modules, "pycurl", None)


@pytest.fixture
def libcurl(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], None]:
    """`libcurl(version, features)`: as if that one were at hand."""
    import pycurl

    def pretend(version: str, features: int) -> None:
        forget(monkeypatch)
        told = pycurl.version_info()
        monkeypatch.setattr(pycurl, "version_info", lambda: (told[0], version, *told[2:4], features, *told[5:]))

    return pretend


@pytest.fixture
def shelf(serve: Any) -> Any:
    """A server whose page leads to three files."""
    site = Site()
    site.route("/")(lambda request: "".join(f'<a href="/file/{at}.bin">{at}</a>' for at in range(3)))
    site.route("/file/<name>")(lambda request, name: name.encode())
    return serve(site)


FILES = {f"{at}.bin": f"{at}.bin".encode() for at in range(3)}


def job(**files: Any) -> dict[str, Any]:
    return {"start": ["{{ base }}/"], "rules": {"page": {"files": "a"}}, "files": files}


def warnings_of(ran: Any) -> list[str]:
    return [line["message"] for line in ran.log if line["level"] == "warning"]


@pytest.mark.usefixtures("without_pycurl")
def test_without_pycurl_requests_serves_with_one_warning(shelf: Any, run_job: Any) -> None:
    ran = run_job(shelf, job())
    assert (ran.code, ran.files) == (0, FILES)
    assert warnings_of(ran) == [f"{LACKING}: files are fetched through requests, several times slower"]


@pytest.mark.parametrize("transport", ["auto", "curl", "requests"])
def test_with_pycurl_nobody_is_warned(transport: str, shelf: Any, run_job: Any) -> None:
    ran = run_job(shelf, job(transport=transport))
    assert (ran.code, ran.files, warnings_of(ran)) == (0, FILES, [])


@pytest.mark.usefixtures("without_pycurl")
def test_without_pycurl_whoever_wants_requests_is_not_warned(shelf: Any, run_job: Any) -> None:
    ran = run_job(shelf, job(transport="requests"))
    assert (ran.code, ran.files, warnings_of(ran)) == (0, FILES, [])


@pytest.mark.usefixtures("without_pycurl")
def test_curl_demanded_without_pycurl_is_a_mistake_of_the_job(mistake: Any) -> None:
    assert mistake("curl", "1.1") == (
        f"job.yaml:7:14: files.transport: {LACKING}; install pycurl, or write `transport: auto`"
    )


@pytest.mark.usefixtures("without_pycurl")
def test_another_version_takes_pycurl(mistake: Any) -> None:
    assert mistake("auto", "2") == (
        f"job.yaml:5:12: http.version: HTTP/2 takes libcurl: {LACKING}; install pycurl, or leave `version` out"
    )


@pytest.mark.parametrize("version", ["2", "3"])
def test_requests_speaks_1_1_alone(version: str, mistake: Any) -> None:
    assert mistake("requests", version) == (
        "job.yaml:5:12: http.version: `files.transport: requests` speaks HTTP/1.1 alone; leave one of them out"
    )


@pytest.mark.parametrize("transport", ["auto", "curl"])
@pytest.mark.parametrize(("version", "features"), [("2", 0), ("2", 1 << 25), ("3", 1 << 16)])
def test_what_libcurl_does_not_speak_is_a_mistake(
    version: str, features: int, transport: str, mistake: Any, libcurl: Any
) -> None:
    libcurl("8.5.0", features)
    assert mistake(transport, version) == (
        f"job.yaml:5:12: http.version: libcurl 8.5.0 does not speak HTTP/{version}; leave `version` out, for 1.1"
    )


@pytest.mark.parametrize("version", ["7.79.1", "7.79.1-DEV"])
def test_a_libcurl_that_is_too_old_is_none(version: str, mistake: Any, libcurl: Any) -> None:
    libcurl(version, 1 << 16)
    told = mistake("curl", "1.1")
    assert f"pycurl cannot be used (libcurl {version} is older than 7.80.0)" in told


@pytest.mark.parametrize(("given", "meant"), [("2", "2"), ('"3"', "3"), ("1.1", "1.1"), ("3", "3")])
def test_a_version_may_stand_without_quotes(given: str, meant: str, tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(JOB.replace("TRANSPORT", "auto").replace('"VERSION"', given))
    assert load(path).job.http.version == meant


@pytest.mark.parametrize("given", ["yes", "1", "1.0", '"2.0"', "true", "[2]"])
def test_another_version_is_a_mistake(given: str, tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(JOB.replace("TRANSPORT", "auto").replace('"VERSION"', given))
    with pytest.raises(JobError, match=r":5:12: http\.version: expected one of 1\.1, 2, 3, found "):
        load(path)


def test_version_2_is_spoken_where_both_sides_know_it(shelf: Any, run_job: Any) -> None:
    """Not without TLS; pages are read over 1.1 in any case."""
    ran = run_job(shelf, {**job(), "http": {"version": "2"}})
    assert (ran.code, ran.files, warnings_of(ran)) == (0, FILES, [])
