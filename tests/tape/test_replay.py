"""A job that is run from a tape: the same records, files, names and endings, without a network and without waiting."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from scraper import errors
from scraper.errors import JobError, TapeError, UsageError
from scraper.job import yaml
from scraper.job.load import from_data, load
from scraper.model import Summary
from scraper.net import wire
from scraper.run.record import record
from scraper.run.replay import date_of, limit_of, replay, run_of, variables_of
from scraper.server import Request, Response, Server, Site
from scraper.server.fixture import fixture_site
from scraper.tape.taken import Answered, Asked, Failure, Taken
from scraper.tape.warc import Tape, TapeWriter

JOBS = Path(__file__).parents[2] / "jobs"
WHEN = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)
INFO = {"scraper-job": "job", "scraper-run": "20261121T123000Z-abcd", "scraper-date": WHEN.isoformat()}
HOST = "https://shop.example"


@dataclass(frozen=True)
class Ended:
    """A run that ended."""

    summary: Summary
    dest: Path
    missing: list[str] = field(default_factory=list)

    @property
    def code(self) -> int:
        return int(self.summary.exit_code)

    @property
    def counts(self) -> dict[str, Any]:
        """The summary, but for how long it took."""
        return {name: value for name, value in self.summary.as_dict().items() if name != "seconds"}

    @property
    def files(self) -> dict[str, bytes]:
        """All below dest, records among them."""
        found = (path for path in sorted(self.dest.rglob("*")) if path.is_file())
        within = ((path.relative_to(self.dest), path) for path in found)
        return {name.as_posix(): path.read_bytes() for name, path in within if ".scraper" not in name.parts}

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.files["records.jsonl"].splitlines()]


@pytest.fixture
def again(tmp_path: Path) -> Callable[..., Ended]:
    """`again(job, tape)` runs a job, as text or data, from a tape: a file, or exchanges."""

    def run_it(job: Any, tape: Any, *, dest: Path | None = None, info: Any = INFO, **options: Any) -> Ended:
        path = tape if isinstance(tape, Path) else written(tmp_path / "hand.warc.gz", tape, info)
        dest, missing = dest or tmp_path / "again", []  # type: ignore[var-annotated]
        loaded = from_data(data_of(job), folder=tmp_path) if isinstance(job, (str, dict)) else job
        return Ended(replay(loaded, path, dest=dest, missing=missing, **options), dest, missing)

    return run_it


def data_of(job: str | dict[str, Any]) -> dict[str, Any]:
    if isinstance(job, dict):
        return {"name": "job", **job}
    return {"name": "job", **yaml.read(textwrap.dedent(job).encode(), "job.yaml").data}


def written(path: Path, takes: list[Taken], info: dict[str, str]) -> Path:
    path.unlink(missing_ok=True)
    with TapeWriter(path, info) as writer:
        for taken in takes:
            writer.put(taken)
    return path


def took(url: str, body: str | bytes = "", *headers: tuple[str, str], status: int = 200, type_: str = "html") -> Taken:
    content = body.encode() if isinstance(body, str) else body
    told = (("Content-Type", f"text/{type_}"), ("Content-Length", str(len(content))), *headers)
    return Taken(Asked("GET", url), Answered(status, "OK", told, content, address="93.184.216.34"), None, WHEN)


def failed(url: str, ending: str) -> Taken:
    return Taken(Asked("GET", url), None, Failure(ending, "as it was", sent=ending != "connect"), WHEN)


NO_ROBOTS = took(f"{HOST}/robots.txt", status=404)
LISTED = """
    start: ["https://shop.example/list"]
    rules:
      page: {each: li, item: {name: a}, files: [{select: a}]}
"""
LIST = took(f"{HOST}/list", "<ul><li><a href='/1.txt'>one</a><li><a href='/2.txt'>two</a></ul>")
FILES = [took(f"{HOST}/{at}.txt", f"content of {at}", ("ETag", f'"{at}"'), type_="plain") for at in (1, 2)]


# -- what was recorded from a server comes again, with the server gone -------------------------------------


@pytest.mark.parametrize(("name", "transport"), [("books", "requests"), ("club", "curl"), ("token", "curl")])
def test_a_sample_job_replays_to_the_same_records_files_and_names(
    name: str, transport: str, tmp_path: Path, again: Any
) -> None:
    tape, how = tmp_path / "tape.warc.gz", [f"files.transport={transport}"]
    with Server(fixture_site()) as server:
        given = {"base": server.url}
        loaded = load(JOBS / f"{name}.yaml", variables=given, overrides=how)
        live = Ended(record(loaded, tape, dest=tmp_path / "live", variables=given), tmp_path / "live")
    with Tape.open(tape) as opened:
        loaded = load(JOBS / f"{name}.yaml", variables=variables_of(opened), overrides=how, secrets=False)
        ended = again(loaded, tape)
    assert ended.missing == []
    assert ended.counts == live.counts
    assert ended.files == live.files


SECRET_JOB = """
    http:
      headers: {X-Key: "{{ env('SHOP_KEY') }}"}
      auth: {basic: ["{{ env('SHOP_USER') }}", "{{ secret_file('password.txt') }}"]}
    login:
      - {get: "{{ base }}/login", save: {csrf: "input::attr(value)"}}
      - {post: "{{ base }}/login", data: {csrf: "{{ saved.csrf }}", key: "{{ env('SHOP_KEY') }}"}}
    start: ["{{ base }}/list?key={{ env('SHOP_KEY') }}"]
    rules:
      page: {each: li, item: {name: a}, files: [{select: a}]}
"""


def secret_site() -> Site:
    """A shop that lets nobody in without key, password, token of the form and session."""
    site, key = Site(), "s3cret-key-of-the-shop"

    @site.route("/login")
    def form(request: Request) -> Response:
        body = b'<form><input name="csrf" value="tok-0123456789"></form>'
        return Response(200, [("Content-Type", "text/html"), ("Set-Cookie", "visit=12345678; Path=/")], body)

    @site.route("/login", methods=["POST"])
    def enter(request: Request) -> Response:
        given = request.form()
        is_right = given.get("csrf") == "tok-0123456789" and given.get("key") == key and "visit" in request.cookies
        return Response(200 if is_right else 403, [("Set-Cookie", "session=abcdefgh; Path=/")], b"in")

    def is_in(request: Request) -> bool:
        return request.headers.get("x-key") == key and request.cookies.get("session") == "abcdefgh"

    @site.route("/list")
    def listed(request: Request) -> Any:
        links = "".join(f'<li><a href="/{at}.txt?key={request.query.get("key")}">{at}</a>' for at in (1, 2))
        return f"<ul>{links}</ul>" if is_in(request) and request.query.get("key") == key else (403, [], "no")

    @site.route("/<at>.txt")
    def file(request: Request, at: str) -> Any:
        return at * 10 if is_in(request) and request.query.get("key") == key else (403, [], "no")

    return site


@pytest.mark.parametrize("transport", ["curl", "requests"])
def test_a_job_with_secrets_replays_where_none_of_them_is_set(
    transport: str, tmp_path: Path, again: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, tape = data_of(SECRET_JOB), tmp_path / "tape.warc"
    job["files"] = {"transport": transport}
    (tmp_path / "password.txt").write_text("p4ssw0rd-of-the-shop\n")
    for name, value in {"SHOP_KEY": "s3cret-key-of-the-shop", "SHOP_USER": "somebody-who-buys"}.items():
        monkeypatch.setenv(name, value)
    with Server(secret_site()) as server:
        job["vars"] = {"base": server.url}
        live = Ended(record(from_data(job, folder=tmp_path), tape, dest=tmp_path / "live"), tmp_path / "live")
    for name in ("SHOP_KEY", "SHOP_USER"):
        monkeypatch.delenv(name)
    (tmp_path / "password.txt").unlink()
    ended = again(job, tape)
    assert (live.code, live.counts["files"]["saved"]) == (0, 2)
    assert ended.missing == []
    assert ended.counts == live.counts
    assert ended.files == live.files
    for leaked in (b"s3cret-key", b"somebody-who", b"p4ssw0rd", b"tok-0123456789", b"abcdefgh"):
        assert leaked not in tape.read_bytes()


# -- what a tape says --------------------------------------------------------------------------------------


def test_clock_and_run_id_are_those_of_the_tape(again: Any) -> None:
    job = """
        start: ["https://shop.example/list"]
        rules: {page: {each: li, item: {name: a, day: "{{ date | date('%Y-%m-%d %H:%M') }}"}}}
    """
    ended = again(job, [NO_ROBOTS, LIST])
    assert ended.summary.run == INFO["scraper-run"]
    assert [one["day"] for one in ended.records] == ["2026-11-21 12:30"] * 2


def test_the_time_of_a_case_wins(again: Any) -> None:
    job = """
        start: ["https://shop.example/list"]
        rules: {page: {each: li, item: {name: a, day: "{{ date | date('%Y') }}"}}}
    """
    ended = again(job, [NO_ROBOTS, LIST], time=datetime(2031, 1, 1, tzinfo=UTC))
    assert [one["day"] for one in ended.records] == ["2031"] * 2


def test_a_second_replay_into_the_same_folder_is_a_run_of_its_own(again: Any) -> None:
    first, second = (again(LISTED, [NO_ROBOTS, LIST, *FILES]) for _ in range(2))
    assert first.summary.run == INFO["scraper-run"] != second.summary.run
    assert second.counts["files"] == {"saved": 0, "unchanged": 0, "skipped": 2, "failed": 0}


def test_the_limit_is_that_of_the_recording_unless_one_is_given(again: Any, tmp_path: Path) -> None:
    limited = {**INFO, "scraper-limit": "1"}
    counts = [
        again(LISTED, [NO_ROBOTS, LIST, *FILES], info=limited, dest=tmp_path / str(given), limit=given).counts
        for given in (None, 2, 0)
    ]
    assert [one["items"]["total"] for one in counts] == [1, 2, 2]


def test_the_tape_tells_variables_limit_and_date(tmp_path: Path) -> None:
    told = {
        "scraper-vars": '{"base": "http://h", "pages": 3}',
        "scraper-limit": "7",
        "scraper-date": "2026-11-21T12:00",
    }
    with Tape.open(written(tmp_path / "a.warc", [LIST], told)) as tape:
        assert variables_of(tape) == {"base": "http://h", "pages": "3"}
        assert (limit_of(tape), date_of(tape)) == (7, datetime(2026, 11, 21, 12, tzinfo=UTC))
    with Tape.open(written(tmp_path / "b.warc", [LIST], {})) as tape:
        assert (variables_of(tape), limit_of(tape), date_of(tape)) == ({}, None, WHEN)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("vars", "[1]"), ("vars", "{"), ("vars", "[" * 100_000), ("date", "yesterday"), ("run", "../../away"),
        ("run", "/tmp/away"), ("run", ".."), ("run", "a" * 101),
    ],
    ids=lambda text: text[:20],
)  # fmt: skip
def test_a_tape_that_tells_nonsense_is_refused(tmp_path: Path, name: str, value: str) -> None:
    path = written(tmp_path / "a.warc", [LIST], {f"scraper-{name}": value})
    with Tape.open(path) as tape, pytest.raises(TapeError, match=f"{path}: its scraper-{name} is no"):
        variables_of(tape), date_of(tape), run_of(tape)


def test_a_run_id_that_is_a_path_writes_nothing_outside_the_folder(again: Any, tmp_path: Path) -> None:
    away = tmp_path / "away"
    for run in (str(away), "../../../away"):
        with pytest.raises(TapeError, match="is no id of a run"):
            again(LISTED, [NO_ROBOTS, LIST], info={"scraper-run": run}, dest=tmp_path / "dest")
    assert not away.exists()


def test_a_limit_beyond_all_numbers_is_none(again: Any) -> None:
    counts = again(LISTED, [NO_ROBOTS, LIST, *FILES], info={"scraper-limit": "9" * 30}).counts
    assert counts["items"]["total"] == 2


def test_what_is_no_tape_is_refused(again: Any, tmp_path: Path) -> None:
    (tmp_path / "no.warc").write_text("hello\n")
    with pytest.raises(TapeError) as told:
        again(LISTED, tmp_path / "no.warc")
    assert told.value.exit_code == errors.Exit.JOB


# -- nobody waits ------------------------------------------------------------------------------------------


def test_no_delay_retry_after_crawl_delay_backoff_or_rate_holds_a_replay_up(again: Any) -> None:
    robots = took(f"{HOST}/robots.txt", "User-agent: *\nCrawl-delay: 50\n", type_="plain")
    busy = [took(f"{HOST}/list", status=503), took(f"{HOST}/list", "", ("Retry-After", "9000"), status=429)]
    slow = [failed(f"{HOST}/1.txt", ending) for ending in ("timeout", "stalled", "protocol")]
    job = data_of(LISTED)
    job["polite"] = {"delay": 1000, "rate": 1, "hosts": {"shop.example": {"delay": "500-900"}}}
    job["http"] = {"retry": {"first_wait": 5000, "max_wait": 9000}}
    ended = again(job, [robots, *busy, LIST, *slow, *FILES])
    assert (ended.code, ended.counts["files"]["saved"], ended.missing) == (0, 2, [])


def test_a_host_that_was_silent_is_given_up_without_pauses(again: Any) -> None:
    urls = [f"{HOST}/{at}" for at in range(30)]
    job = {"start": urls, "rules": {"page": {"item": {"x": "h1"}}}, "http": {"retry": {"attempts": 2}}}
    ended = again(job, [NO_ROBOTS, *(failed(url, "connect") for url in urls)])
    assert (ended.code, ended.counts["pages"]["failed"], ended.missing) == (4, 30, [])


def test_a_retry_after_of_more_than_six_hours_is_as_busy_as_then(again: Any) -> None:
    busy = took(f"{HOST}/list", "", ("Retry-After", "Sun, 22 Nov 2026 12:30:00 GMT"), status=503)
    ended = again(LISTED, [NO_ROBOTS, busy, LIST])
    assert [one["class"] for one in ended.summary.failures] == ["busy"]


# -- what the tape lacks -----------------------------------------------------------------------------------


def test_what_the_tape_lacks_fails_at_once_and_names_the_nearest(again: Any) -> None:
    ended = again(LISTED, [NO_ROBOTS, LIST, FILES[0]])
    why = f"the tape has no GET {HOST}/2.txt; nearest: {HOST}/1.txt, where the path differs: /2.txt instead of /1.txt"
    assert ended.code == 4
    assert ended.summary.failures == [{"url": f"{HOST}/2.txt", "class": "connect", "message": why}]
    assert ended.missing == [why]


def test_each_of_many_that_the_tape_lacks_is_told_with_its_nearest(again: Any) -> None:
    urls = [f"{HOST}/p?n={at}" for at in range(30)]
    ended = again({"start": urls, "rules": {"page": {"item": {"x": "h1"}}}}, [NO_ROBOTS, took(f"{HOST}/p?n=x", "<h1>")])
    assert sorted(why.partition(";")[2] for why in ended.missing) == sorted(
        f" nearest: {HOST}/p?n=x, where the query differs: n={at} instead of n=x" for at in range(30)
    )
    assert {one["message"] for one in ended.summary.failures} <= set(ended.missing)


# -- this machine has no say -------------------------------------------------------------------------------


def test_no_file_cookie_certificate_proxy_or_name_of_this_machine_is_needed(
    again: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    job = data_of(LISTED)
    job["http"] = {
        "cookies": "nowhere/cookies.txt", "save_cookies": "nowhere/cookies.txt", "cookies_from_browser": "firefox",
        "verify": "nowhere.crt", "cert": ["nowhere.pem", "nowhere.key"], "auth": {"netrc": True},
        "proxies": ["http://{{ env('PROXY_USER') }}@proxy.invalid:1"], "version": "3",
    }  # fmt: skip
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.invalid:3128")
    monkeypatch.setenv("NETRC", str(tmp_path / "nowhere"))
    monkeypatch.setattr(wire, "addresses", lambda host: pytest.fail(f"{host} is looked up"))
    ended = again(job, [NO_ROBOTS, LIST, *FILES])
    assert (ended.code, ended.counts["files"]["saved"]) == (0, 2)
    assert not (tmp_path / "nowhere").exists()


def test_a_link_to_a_private_address_is_left_out_as_it_was(again: Any) -> None:
    page = took(f"{HOST}/list", "<li><a href='http://10.0.0.1/1.txt'>1</a><li><a href='https://in.example/2.txt'>2</a>")
    inside = Taken(Asked("GET", "https://in.example/2.txt"), None, Failure("skipped:private", "inside"), WHEN)
    robots = took("https://in.example/robots.txt", status=404)
    ended = again(LISTED, [NO_ROBOTS, robots, page, inside])
    assert ended.counts["files"] == {"saved": 0, "unchanged": 0, "skipped": 2, "failed": 0}


def test_commands_at_the_end_are_not_run(again: Any, tmp_path: Path) -> None:
    job = {**data_of(LISTED), "on_finish": [["touch", str(tmp_path / "ran")]]}
    assert again(job, [NO_ROBOTS, LIST, *FILES]).code == 0
    assert not (tmp_path / "ran").exists()


def test_a_warning_of_a_secret_that_is_not_set_is_not_given(tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text("name: a\nstart: ['http://h/']\nhttp: {headers: {X: \"{{ env('NOWHERE') }}\"}}\nrules: {}\n")
    with pytest.raises(JobError):  # no rules: it is a mistake either way
        load(path, secrets=False)
    path.write_text(path.read_text().replace("rules: {}", "rules: {p: {item: {x: h1}}}"))
    assert [one.message for one in load(path).warnings if "NOWHERE" in one.message] != []
    assert [one.message for one in load(path, secrets=False).warnings if "NOWHERE" in one.message] == []


# -- faults ------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("transport", ["curl", "requests"])
@pytest.mark.parametrize(
    "fault",
    [
        {"do": "reset", "at": "50%"}, {"do": "cut"}, {"do": "status", "code": 429, "retry_after": 7200},
        {"do": "length"}, {"do": "bad_chunk"}, {"do": "hang_up"}, {"do": "gzip_cut"}, {"do": "two_lengths"},
    ],
)  # fmt: skip
def test_a_job_that_is_disturbed_comes_to_the_same(
    transport: str, fault: dict[str, Any], again: Any, tmp_path: Path
) -> None:
    job = {**data_of(LISTED), "files": {"transport": transport}}
    takes = [NO_ROBOTS, LIST, *FILES]
    calm = again(job, takes, dest=tmp_path / "calm")
    disturbed = again(job, takes, dest=tmp_path / "disturbed", faults=[{"url": f"{HOST}/*", "times": 1, **fault}])
    assert disturbed.files == calm.files
    assert disturbed.counts == calm.counts


def test_a_fault_that_cannot_be_is_wrong_usage(again: Any) -> None:
    with pytest.raises(UsageError, match="there is no fault"):
        again(LISTED, [LIST], faults=[{"do": "explode"}])


def test_a_large_file_is_continued_after_a_cut(again: Any) -> None:
    body = bytes(range(256)) * 16_384
    big = took(f"{HOST}/1.txt", body, ("ETag", '"b"'), type_="plain")
    ended = again(
        LISTED, [NO_ROBOTS, LIST, big, FILES[1]], faults=[{"url": "*/1.txt", "do": "cut", "at": "75%", "times": 1}]
    )
    assert ended.code == 0
    assert ended.files["1.txt"] == body


# -- the command line --------------------------------------------------------------------------------------


def test_the_command_line_runs_a_job_from_a_tape_and_says_so(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from scraper.cli.main import cli

    shutil.copy(JOBS / "posts.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    with Server(fixture_site()) as server:
        given = {"base": server.url}
        live = record(
            load("posts.yaml", variables=given), Path("t.warc.gz"), dest=Path("live"), limit=2, variables=given
        )
    assert cli(["run", "posts.yaml", "--tape", "t.warc.gz", "-d", "out", "--json"]) == 0
    told = capfd.readouterr()
    assert told.err.count("this is a replay: t.warc.gz answers") == 1
    replayed = json.loads(told.out)
    assert (replayed["run"], replayed["items"]["total"]) == (live.run, 2)
    job = Path("posts.yaml").read_text().replace("base", "source")  # has no variable of that name any more
    Path("posts.yaml").write_text(job)
    given = f"source={server.url}"
    assert cli(["run", "posts.yaml", "--tape", "t.warc.gz", "-d", "renamed", "--json", "--var", given]) == 0
    assert json.loads(capfd.readouterr().out)["items"]["total"] == 2
    (tmp_path / "x.warc").write_text("no")
    assert cli(["run", "posts.yaml", "--tape", "x.warc", "-d", "out"]) == 3
    assert "x.warc" in capfd.readouterr().err
