"""`scraper_server` and `scraper_job`: what tests in Python are written with, used as users use them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
import responses

from scraper.errors import JobError, UsageError
from scraper.testing.job_runner import JobResult, JobRunner
from scraper.testing.local_server import LocalServer

BOOKS = """
name: books
vars: {base: "http://127.0.0.1:1"}
http: {retry: {first_wait: 0}}
start: ["{{ base }}/"]
rules:
  index: {follow: {book: a}}
  book: {item: {title: h1}, files: img}
"""
PNG = b"\x89PNG\r\n\x1a\n" + bytes(25)
Shop = Callable[[], LocalServer]


@pytest.fixture
def shop(scraper_server: LocalServer) -> LocalServer:
    """Two books, each with a cover."""
    scraper_server.route("/", '<a href="/book/emma">Emma</a> <a href="/book/dune">Dune</a>')
    scraper_server.route("/cover/<name>", PNG)

    @scraper_server.route("/book/<slug>")
    def book(request: Any, slug: str) -> str:
        return f'<h1>{slug.title()}</h1><img src="/cover/{slug}.png">'

    return scraper_server


def titles(result: JobResult) -> list[str]:
    return [record["title"] for record in result.records]


# -- scraper_server ----------------------------------------------------------------------------------------


def test_the_server_answers_by_functions_and_by_what_is_always_the_same(shop: LocalServer) -> None:
    assert requests.get(f"{shop.url}/book/emma", timeout=5).text == '<h1>Emma</h1><img src="/cover/emma.png">'
    assert requests.get(f"{shop.url}/cover/any.png", timeout=5).content == PNG
    assert requests.post(f"{shop.url}/", timeout=5).status_code == 405
    assert shop.targets == ["/book/emma", "/cover/any.png", "/"]
    assert [seen.method for seen in shop.log] == ["GET", "GET", "POST"]


def test_the_server_serves_a_folder_behind_its_routes(scraper_server: LocalServer, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("of the folder")
    (tmp_path / "b.txt").write_text("of the folder")
    scraper_server.folder(tmp_path)
    scraper_server.route("/b.txt", (200, {"Content-Type": "text/plain"}, b"of the route"))
    told = [requests.get(f"{scraper_server.url}/{name}", timeout=5).text for name in ("a.txt", "b.txt")]
    assert told == ["of the folder", "of the route"]


def test_faults_spoil_what_the_server_answers(shop: LocalServer, scraper_job: JobRunner) -> None:
    faults = shop.faults([{"url": "*/emma.png", "do": "reset", "at": "50%", "times": 1}])
    result = scraper_job(BOOKS, vars={"base": shop.url})
    assert (result.exit_code, result.files) == (0, {"emma.png": PNG, "dune.png": PNG})
    assert [strike.faults for strike in faults.strikes] == [("reset",)]


def test_an_unknown_fault_is_told_with_the_cure(scraper_server: LocalServer) -> None:
    with pytest.raises(ValueError, match="did you mean 'reset'"):
        scraper_server.faults([{"do": "rest"}])


# -- scraper_job -------------------------------------------------------------------------------------------


def test_a_job_runs_and_tells_what_came_of_it(shop: LocalServer, scraper_job: JobRunner, tmp_path: Path) -> None:
    result = scraper_job(BOOKS, vars={"base": shop.url})
    assert (result.exit_code, result.summary.files.saved, result.warnings) == (0, 2, [])
    assert titles(result) == ["Emma", "Dune"]
    assert result.files == {"emma.png": PNG, "dune.png": PNG}
    assert result.endings == {
        f"{shop.url}/": "ok",
        f"{shop.url}/book/emma": "ok",
        f"{shop.url}/book/dune": "ok",
        f"{shop.url}/cover/emma.png": "saved",
        f"{shop.url}/cover/dune.png": "saved",
    }
    assert result.dest == tmp_path / "output" / "books"


def test_a_job_is_a_text_a_mapping_or_a_path(shop: LocalServer, scraper_job: JobRunner, tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(BOOKS)
    data = {"name": "one", "start": [f"{shop.url}/book/emma"], "rules": {"book": {"item": {"title": "h1"}}}}
    assert titles(scraper_job(BOOKS, vars={"base": shop.url}, dest="a")) == ["Emma", "Dune"]
    assert titles(scraper_job(tmp_path / "shop.yaml", vars={"base": shop.url}, dest="b")) == ["Emma", "Dune"]
    assert titles(scraper_job(data)) == ["Emma"]


def test_a_relative_path_is_looked_for_beside_the_test_and_then_at_the_root(tmp_path: Path, shop: LocalServer) -> None:
    beside, root = tmp_path / "tests", tmp_path
    beside.mkdir()
    (root / "shop.yaml").write_text(BOOKS)
    run = JobRunner(tmp_path, (beside, root))
    assert run("shop.yaml", vars={"base": shop.url}).summary.job == "books"
    (beside / "shop.yaml").write_text(BOOKS.replace("name: books", "name: nearer"))
    assert run("shop.yaml", vars={"base": shop.url}).summary.job == "nearer"


def test_a_second_run_finds_what_the_first_one_left(shop: LocalServer, scraper_job: JobRunner) -> None:
    first, second = (scraper_job(BOOKS, vars={"base": shop.url}) for _ in range(2))
    assert [one.summary.items.new for one in (first, second)] == [2, 0]
    assert set(second.endings.values()) == {"ok", "skipped:exists"}


def test_records_are_read_whatever_form_their_file_has(shop: LocalServer, scraper_job: JobRunner) -> None:
    result = scraper_job(BOOKS + "records: books.csv\n", vars={"base": shop.url})
    assert titles(result) == ["Emma", "Dune"]
    assert list(result.files) == ["dune.png", "emma.png"]


def test_a_failure_is_no_exception(shop: LocalServer, scraper_job: JobRunner) -> None:
    result = scraper_job(BOOKS, vars={"base": f"{shop.url}/nowhere"})
    assert (result.exit_code, result.endings) == (4, {f"{shop.url}/nowhere/": "failed:http:404"})


def test_mistakes_of_the_job_are_told_with_line_and_column(scraper_job: JobRunner) -> None:
    with pytest.raises(JobError, match=r'job\.yaml:8:29: .*"files"'):
        scraper_job(BOOKS.replace("files:", "fils:"))


def test_commands_of_on_finish_are_not_called(shop: LocalServer, scraper_job: JobRunner, tmp_path: Path) -> None:
    scraper_job(BOOKS + f'on_finish: [touch, "{tmp_path}/called"]\n', vars={"base": shop.url})
    assert not (tmp_path / "called").exists()


def test_proxies_of_the_environment_are_not_asked(
    shop: LocalServer, scraper_job: JobRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://192.0.2.1:3128")
    assert scraper_job(BOOKS, vars={"base": shop.url}).exit_code == 0


def test_faults_and_time_without_a_tape_are_told_with_the_cure(scraper_job: JobRunner) -> None:
    with pytest.raises(UsageError, match=r"scraper_server\.faults"):
        scraper_job(BOOKS, faults=[{"do": "reset"}])


@pytest.mark.parametrize("transport", ["requests", "curl"])
def test_a_job_that_reaches_beyond_this_machine_fails_the_test(scraper_job: JobRunner, transport: str) -> None:
    job = {"name": "far", "files": {"transport": transport}, "start": [{"url": "http://192.0.2.1/a", "as": "files"}]}
    with pytest.raises(pytest.fail.Exception, match=r"reaching 192\.0\.2\.1(:80)? is blocked"):
        scraper_job(job)


@pytest.mark.parametrize("transport", ["requests", "curl"])
def test_a_name_that_never_has_an_address_ends_as_it_would_without_the_guard(
    scraper_job: JobRunner, transport: str
) -> None:
    files, retry = {"transport": transport}, {"retry": {"first_wait": 0}}
    job = {"name": "far", "http": retry, "files": files, "start": [{"url": "http://a.invalid/b", "as": "files"}]}
    assert scraper_job(job).endings == {"http://a.invalid/b": "failed:dns"}


def test_a_page_beyond_this_machine_fails_the_test(scraper_job: JobRunner) -> None:
    with pytest.raises(pytest.fail.Exception, match=r"reaching example\.org:443 is blocked.*scraper record"):
        scraper_job({"name": "far", "start": ["https://example.org/"], "rules": {"page": {"item": {"title": "h1"}}}})


# -- the library `responses` -------------------------------------------------------------------------------

FAR = "https://books.example.org"


def mock_books() -> None:
    responses.get(f"{FAR}/", body='<a href="/book/emma">Emma</a>', content_type="text/html")
    responses.get(f"{FAR}/robots.txt", status=404)
    responses.get(f"{FAR}/book/emma", body='<h1>Emma</h1><img src="/emma.png">', content_type="text/html")
    responses.get(f"{FAR}/emma.png", body=PNG, content_type="image/png")


@responses.activate
def test_who_mocks_requests_gets_pages_and_files_through_it(scraper_job: JobRunner) -> None:
    mock_books()
    result = scraper_job(BOOKS, vars={"base": FAR}, overrides=["files.transport=requests"])
    assert (result.exit_code, titles(result), result.files) == (0, ["Emma"], {"emma.png": PNG})
    assert [call.request.url for call in responses.calls] == [
        f"{FAR}/", f"{FAR}/robots.txt", f"{FAR}/book/emma", f"{FAR}/emma.png",
    ]  # fmt: skip


@responses.activate
def test_files_through_libcurl_are_not_mocked_and_the_message_says_the_cure(scraper_job: JobRunner) -> None:
    mock_books()
    with pytest.raises(pytest.fail.Exception, match=r"books\.example\.org.*files: \{transport: requests\}"):
        scraper_job(BOOKS, vars={"base": FAR})


@responses.activate
def test_a_mocked_answer_is_judged_like_any_other(scraper_job: JobRunner) -> None:
    responses.get(f"{FAR}/api", body=json.dumps({"rows": [1]}), content_type="application/json")
    job = {"name": "api", "start": [f"{FAR}/api"], "rules": {"row": {"read": "json", "each": "gone[*]", "item": {}}}}
    result = scraper_job(job)
    assert result.endings == {f"{FAR}/api": "failed:shape"}
