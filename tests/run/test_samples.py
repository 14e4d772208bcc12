"""The sample jobs against the fixture site: the files it serves, the records it holds, and nothing twice."""

from __future__ import annotations

import json
import sqlite3
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from scraper.job.load import load
from scraper.run.events import Events
from scraper.run.kit import Options
from scraper.run.runner import run
from scraper.server import Server
from scraper.server.fixture.feeds import audio_bytes
from scraper.server.fixture.members import DOCUMENTS, make_pdf
from scraper.server.fixture.oauth import content
from scraper.server.fixture.pictures import picture

JOBS = Path(__file__).parents[2] / "jobs"
NAMES = ("books", "club", "library", "members", "pictures", "podcast", "posts", "token")


@pytest.fixture
def sample(ran: Any, fixture_server: Server, tmp_path: Path) -> Callable[[str], Any]:
    """Runs a sample job against the fixture site."""

    def run_it(name: str) -> Any:
        loaded = load(JOBS / f"{name}.yaml", variables={"base": fixture_server.url})
        return ran(run(loaded, Options(dest=tmp_path), Events()), tmp_path)

    return run_it


def served(server: Server, target: str) -> bytes:
    with urllib.request.urlopen(server.url + target, timeout=10) as answer:
        body: bytes = answer.read()
        return body


def written(folder: Path) -> list[Any]:
    """The records as they stand: of lines the bytes, of a database the rows."""
    if (folder / "records.jsonl").exists():
        return [(folder / "records.jsonl").read_bytes()]
    with closing(sqlite3.connect(folder / "books.sqlite")) as db:
        return list(db.execute("SELECT * FROM records"))


def test_every_sample_is_tested() -> None:
    assert sorted([*NAMES, "notes"]) == sorted(path.stem for path in JOBS.glob("*.yaml"))


@pytest.mark.parametrize("name", NAMES)
def test_a_second_run_saves_nothing_and_writes_the_same_records(
    name: str, sample: Any, fixture_server: Server, tmp_path: Path
) -> None:
    first = sample(name)
    records = written(tmp_path)
    asked = len(fixture_server.log)
    second = sample(name)
    again = [seen.target for seen in fixture_server.log[asked:]]
    assert (first.code, second.code, second.summary.files.saved) == (0, 0, 0)
    assert written(tmp_path) == records
    assert second.summary.files.skipped == first.summary.files.saved
    assert [target for target in again if target.endswith((".png", ".jpg", ".pdf", ".mp3", ".bin"))] == []
    assert second.summary.items.as_dict() == {**first.summary.items.as_dict(), "new": 0}


def test_books_gives_each_book_of_the_catalogue_and_its_cover(sample: Any, fixture_server: Server) -> None:
    ended = sample("books")
    assert (ended.summary.pages.ok, ended.summary.items.new, ended.summary.files.saved) == (26, 23, 23)
    for record in ended.records:
        slug = record["_url"].rpartition("/")[2]
        cover = next(row["url"] for row in ended.view("v_files") if row["path"] == record["_files"][0])
        assert f"/covers/{slug}" in cover
        assert ended.files[record["_files"][0]] == served(fixture_server, cover.removeprefix(fixture_server.url))
    slugs = [url.rpartition("/")[2] for url in ended.fields("_url")]
    assert slugs == [link for page in (1, 2, 3) for link in book_links(fixture_server, page)]


def book_links(server: Server, page: int) -> list[str]:
    text = served(server, f"/catalogue/page-{page}.html").decode()
    return [piece.partition('"')[0] for piece in text.split('<h3><a href="/book/')[1:]]


def test_a_book_is_recorded_with_its_own_fields_first(sample: Any) -> None:
    record = sample("books").records[0]
    assert list(record) == ["title", "price", "tags", "_key", "_rule", "_url", "_files"]
    assert (type(record["title"]), type(record["price"]), type(record["tags"])) == (str, float, list)


def test_pictures_are_those_of_the_api_in_its_order(sample: Any) -> None:
    ended = sample("pictures")
    extensions = ["png" if number % 2 else "jpg" for number in range(1, 31)]
    expected = {f"{number}-picture-{number:02}.{ext}": picture(number, ext) for number, ext in enumerate(extensions, 1)}
    assert ended.files == expected
    assert ended.fields("id", "_files") == [(number, [path]) for number, path in enumerate(expected, 1)]


def test_posts_are_a_hundred_in_order_and_no_file(sample: Any) -> None:
    ended = sample("posts")
    assert ended.fields("id", "_key") == [(number, str(number)) for number in range(1, 101)]
    assert ended.files == {}
    assert ended.summary.pages.ok == 6  # five full pages and the empty one that ends them


def test_members_brings_what_only_members_see(sample: Any) -> None:
    ended = sample("members")
    expected = {f"{name}.pdf": make_pdf(title) for name, title in DOCUMENTS.items()}
    assert ended.files == {**expected, "photo.png": picture(150, "png")}
    assert ended.fields("heading", "_files") == [("Welcome, demo", [*expected, "photo.png"])]


def test_a_wrong_password_ends_the_run_before_its_start(fixture_server: Server, tmp_path: Path, ran: Any) -> None:
    loaded = load(JOBS / "members.yaml", variables={"base": fixture_server.url, "password": "wrong"})
    ended = ran(run(loaded, Options(dest=tmp_path), Events()), tmp_path)
    assert (ended.code, ended.summary.pages.failed, [name for name, _ in ended.failures]) == (4, 1, ["shape"])
    assert "login step 2" in ended.failures[0][1]
    assert [seen.target for seen in fixture_server.log if seen.target.startswith("/members")] == []


def test_library_finds_books_by_the_sitemap_and_by_links_each_once(sample: Any, tmp_path: Path) -> None:
    ended = sample("library")
    with closing(sqlite3.connect(tmp_path / "books.sqlite")) as db:
        rows = list(db.execute("SELECT title, changed, about FROM records"))
    assert (ended.code, len(rows), len(ended.files) - 1) == (0, 24, 24)  # the database stands there too
    assert {changed for _, changed, _ in rows} == {"2024-01-01"}
    assert all({"price", "tags"} == set(json.loads(about)) for _, _, about in rows)


def test_podcast_names_episodes_by_their_day(sample: Any) -> None:
    ended = sample("podcast")
    expected = {f"2024-01-0{number}-episode-{number}.mp3": audio_bytes(number, "mp3") for number in (3, 2, 1)}
    assert ended.files == dict(sorted(expected.items()))
    assert ended.fields("id", "_files") == [(f"show-{path[-5]}", [path]) for path in expected]


def test_club_logs_in_again_as_often_as_its_session_ends(sample: Any, fixture_server: Server) -> None:
    ended = sample("club")
    assert ended.fields("name") == [f"member {number}" for number in range(1, 37)]
    assert len([seen for seen in fixture_server.log if seen.method == "POST"]) == 3


def test_token_is_refreshed_as_often_as_it_ends(sample: Any, fixture_server: Server) -> None:
    ended = sample("token")
    assert ended.files == {f"{number}.bin": content(number) for number in range(1, 22)}
    assert len([seen for seen in fixture_server.log if seen.target == "/oauth/token"]) >= 3


def test_notes_reads_only_what_is_new(sample: Any, fixture_server: Server, tmp_path: Path) -> None:
    first = sample("notes")
    request = urllib.request.Request(f"{fixture_server.url}/api/notes", method="POST")
    urllib.request.urlopen(request, timeout=10).close()
    asked = len(fixture_server.log)
    second = sample("notes")
    lines = (tmp_path / "notes.csv").read_text("utf-8").splitlines()
    assert (first.code, second.code, second.summary.items.new) == (0, 0, 1)
    assert [seen.target for seen in fixture_server.log[asked:]] == ["/api/notes?size=20"]
    assert [line.split(",")[0] for line in lines] == ["id", *map(str, range(46, 0, -1))]
