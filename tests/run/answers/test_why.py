"""`scraper why`: each way in which a URL can end, told in words; what is asked for in any spelling."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scraper.run.answers.unmet import unmet
from scraper.run.errands.adopt import Adopt
from scraper.run.errands.retry import Retry
from scraper.server import Response, Site
from scraper.state import called, story
from scraper.state.db import Database
from tests import endings

# What a person has to be told: what happened, and what to do (or that there is nothing to do).
WORDS: dict[str, tuple[str, str]] = {
    "saved": ("fetched whole", "leaves it as it is"),
    "exists": ("there from an earlier run", "files.existing: check"),
    "size": ("it has 100 bytes, at least 1024 are accepted", "files.accept"),
    "disallowed": ("robots.txt", "polite.robots: ignore"),
    "private": ("address of a private network", "name its URL in start"),
    "dns": ("has no address", "Check the name in the URL"),
    "connect": ("No connection", "whether the server is up"),
    "timeout": ("did not answer in time", "http.timeout.connect"),
    "stalled": ("came too slowly or stopped", "goes on where it stopped"),
    "tls": ("certificate", "http.verify"),
    "proxy": ("The proxy failed", "http.proxies"),
    "http:401": ("wants to know who asks", "http.auth or a login"),
    "http:403": ("The server refuses", "Log in"),
    "http:404": ("There is no such page or file", "Look at the page that links it"),
    "http:410": ("gone for good", "Nothing: the source took it away"),
    "http:429": ("too many requests", "Go slower (polite.delay"),
    "http:500": ("The server failed", "Retry later"),
    "http:503": ("overloaded or being mended", "Retry later"),
    "redirect": ("redirects lead in a circle", "Open the URL in a browser"),
    "protocol": ("not whole HTTP", "scraper probe"),
    "length": ("Fewer or more bytes came", "nothing that is cut is ever kept"),
    "encoding": ("compressed answer is corrupt", "Accept-Encoding: identity"),
    "digest": ("does not have the checksum", "the checksum or the file at the source is wrong"),
    "type": ("Something else came", "files.accept.types"),
    "limit": ("A cap was reached", "fetch it as a file"),
    "disk": ("The file system refused this file", "mend the rights of the folder"),
    "busy": ("longer than six hours", "Retry tomorrow"),
    "ok": ("fetched and read", "reads the page again"),
    "page robots": ("robots.txt", "polite.robots: ignore"),
    "outside": ("where the rule does not follow", "same, allow, deny or depth"),
    "page limit": ("a rule may read", "max_pages"),
    "duplicate": ("it leads to", "left for that one"),
    "page shape": ('expect.has: ".prices" found nothing', "The site may have changed"),
    "page type": ("the page is not html", "the rule's read"),
    "page http:404": ("There is no such page or file", "Look at the page that links it"),
}


def test_there_are_words_for_all_of_more_than_twenty_endings() -> None:
    assert set(WORDS) == set(endings.ENDINGS)
    assert len(set(endings.ENDINGS.values())) >= 20


# Where a retry may help without anything being changed; elsewhere it is not proposed.
RETRIED = {
    *("dns", "connect", "timeout", "stalled", "proxy", "http:429", "http:500", "http:503", "protocol", "length"),
    *("encoding", "digest", "disk", "busy"),
}


def test_each_way_to_end_is_produced_and_explained(world: endings.World, job_file: Path, tell: Any) -> None:
    for name, ending in endings.ENDINGS.items():
        told = tell("why", world.url(name), job_file)
        assert (told.code, told.err) == (0, ""), name
        assert f"ended {ending} " in told.flat, name
        for words in WORDS[name]:
            assert words in told.flat, (name, words, told.out)
        assert ("$ scraper retry" in told.out) == (name in RETRIED), name
        for heading in ("means", "again", "found on"):
            assert f"\n{heading}" in told.out, name
        assert f"start[{1 if name == 'private' else 0}]" in told.flat, name


def test_the_story_of_a_file_that_failed_is_told_whole(world: endings.World, job_file: Path, tell: Any) -> None:
    told = tell("why", world.url("timeout"), job_file)
    assert told.plain((world.server.url, "BASE"), (str(job_file), "JOB")) == textwrap.dedent(
        """\
        file      BASE/timeout.png
        ended     failed:timeout after 2 attempts, N s
                  at TIME, in run RUN
                  the message: no answer in time
        means     The server did not answer in time.
        to do     Retry when it is less busy; or give it more time (http.timeout.connect, read) or less work
                  (polite.per_host).
                  $ scraper probe BASE/timeout.png --job JOB
                  $ scraper retry JOB --class timeout
        again     The next run tries it again, if it is still found. So does scraper retry, now.
        found on  BASE/ (rule all)
                  which is named in start[0]: BASE/
        item      all (title: All of them)
        name      timeout.png
                  nothing came under this name
        attempts  1. at TIME (N s) failed:timeout: no answer in time
                  2. at TIME (N s) failed:timeout: no answer in time
        """
    )


def test_the_story_of_a_file_that_stands_is_told_whole(world: endings.World, job_file: Path, tell: Any) -> None:
    body = (world.dest / "saved.png").read_bytes()
    told = tell("why", "saved.png", "-d", world.dest)
    assert told.plain((world.server.url, "BASE")).split("name ")[0] == textwrap.dedent(
        """\
        file      BASE/saved.png
        ended     saved after 1 attempt, N s, status 200
                  at TIME, in run RUN
        means     The file was fetched whole and has its final name.
        again     The next run leaves it as it is while it stands there (files.existing: skip, which is the
                  default).
        found on  BASE/ (rule all)
                  which is named in start[0]
        item      all (title: All of them)
        """
    )
    assert f"({len(body):,} bytes), and that is there" in told.out
    assert "type image/png" in told.out


def test_an_item_that_failed_is_told_with_its_page(world: endings.World, job_file: Path, tell: Any) -> None:
    told = tell("why", f"{world.server.url}{endings.SHAPELESS}", job_file)
    assert 'failed shape: rules.page.item.price: "i" found nothing on' in told.flat
    assert "The item was left out, with its files" in told.flat


def test_a_file_that_got_no_name_is_told_with_the_template_that_failed(
    world: endings.World, job_file: Path, tell: Any
) -> None:
    told = tell("why", f"{world.server.url}{endings.NAMELESS}", job_file)
    assert (told.code, "row.nothing is null" in told.flat) == (4, True)
    assert "its path or key cannot be worked out" in told.flat


# -- what is asked for ---------------------------------------------------------------------------------------


def spellings(world: endings.World) -> list[str]:
    port = world.server.url.rpartition(":")[2]
    return [
        f"HTTP://127.0.0.1:{port}/./a/../saved.png#top",
        f"http://127.0.0.1:{port}/%73aved.png",
        "saved.png",
        "./saved.png",
        str(world.dest / "saved.png"),
        os.path.relpath(world.dest / "saved.png"),
        "aved.pn",
    ]


def test_a_file_is_found_by_any_spelling_and_by_any_path(world: endings.World, tell: Any) -> None:
    for text in spellings(world):
        told = tell("why", text, "-d", world.dest, "--json")
        assert [one["url"] for one in told.json["stories"]] == [world.url("saved")], text


def test_a_part_that_several_have_is_answered_with_them(world: endings.World, tell: Any) -> None:
    told = tell("why", "/few/", "-d", world.dest, "--json")
    assert (told.code, told.json["stories"]) == (4, [])
    assert sorted(told.json["near"]) == [f"{world.server.url}/few/1", f"{world.server.url}/few/2"]
    said = tell("why", "/few/", "-d", world.dest).flat
    assert ("No run has met it" in said, "Several hold it" in said) == (False, True)


def test_a_path_tells_its_folder_itself(world: endings.World, tell: Any) -> None:
    [path] = [each for each in world.dest.iterdir() if each.name.startswith("saved")]
    told = tell("why", path, "--json")
    assert [one["url"] for one in told.json["stories"]] == [world.url("saved")]


def test_what_no_run_met_is_told_with_the_nearest_and_why_that_may_be(world: endings.World, tell: Any) -> None:
    told = tell("why", f"{world.server.url}/timeuot.png", "-d", world.dest)
    assert (told.code, told.err) == (4, "")
    assert "No run has met it." in told.out
    assert f"nearest {world.url('timeout')}" in told.flat
    assert "3 pages of the newest run failed" in told.flat
    strange = tell("why", "http://strange.example/x", "-d", world.dest)
    assert "Nothing of strange.example:80 was met" in strange.flat


def test_a_link_that_is_read_as_another_page_tells_both(world: endings.World, tell: Any) -> None:
    told = tell("why", world.url("duplicate"), "-d", world.dest, "--json").json
    assert [one["ending"] for one in told["stories"]] == ["skipped:duplicate", "ok"]
    assert told["stories"][1]["redirected"] is True


def test_json_has_each_attempt_with_its_time_and_class(world: endings.World, tell: Any) -> None:
    (one,) = tell("why", world.url("http:503"), "-d", world.dest, "--json").json["stories"]
    assert [(each["n"], each["status"], each["ending"]) for each in one["attempts"]] == [
        (1, 503, "failed:http:503"), (2, 503, "failed:http:503"),
    ]  # fmt: skip
    assert one["attempts"][0]["ended"] <= one["attempts"][1]["ended"]
    assert one["again"] == {
        "next_run": True, "retry": True,
        "how": "The next run tries it again, if it is still found. So does scraper retry, now.",
    }  # fmt: skip


def test_a_run_that_there_is_not_is_told_with_those_there_are(world: endings.World, tell: Any) -> None:
    told = tell("why", world.url("ok"), "-d", world.dest, "--run", "none")
    assert (told.code, f"the newest are {world.runs[-1].run}" in told.err) == (2, True)


# -- over the runs -------------------------------------------------------------------------------------------


@pytest.fixture
def small(tmp_path: Path) -> Any:
    """A world in which the file `saved` alone was fetched."""
    with endings.world(tmp_path) as made:
        made.run_saved("skip")
        yield made


def test_a_file_is_told_in_each_run_that_met_it(small: endings.World, tell: Any) -> None:
    small.run_saved("check")
    small.run_saved("fail")
    (one,) = tell("why", "saved.png", "-d", small.dest, "--json").json["stories"]
    assert [each["ending"] for each in one["runs"]] == ["failed:name", "unchanged", "saved"]
    told = tell("why", "saved.png", "-d", small.dest, "--run", small.runs[1].run)
    assert "ended unchanged " in told.flat
    assert "still the same" in told.flat
    assert "stands under this name already" in tell("why", "saved.png", "-d", small.dest).flat


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (Path.unlink, "nothing is there any more"),
        (lambda path: path.write_bytes(b"other"), "what is there has 5 bytes"),
        (lambda path: (path.unlink(), path.mkdir()), "a folder stands there"),
    ],
)
def test_what_was_done_to_a_file_since_is_told(change: Any, told: str, small: endings.World, tell: Any) -> None:
    change(small.dest / "saved.png")
    answer = tell("why", "saved.png", "-d", small.dest)
    assert told in answer.flat


def test_an_item_that_is_gone_is_told_with_the_run_that_did_not_meet_it(
    site: Site, serve: Any, run_job: Any, rows_site: Any, numbered: Any, tell: Any, tmp_path: Path
) -> None:
    rows = rows_site(site, numbered(2))
    rule = {"read": "json", "each": "rows", "item": {"n": "n", "t": "t"}, "key": "n", "files": {"select": "u"}}
    job = {"start": ["{{ base }}/api"], "rules": {"api": rule}}
    server = serve(site)
    first = run_job(server, job)
    del rows[1:]
    second = run_job(server, job)
    told = tell("why", f"{server.url}/file/1.png", "-d", second.dest)
    assert f"gone: run {second.summary.run} did not meet it any more" in told.flat
    assert f"last met by {first.summary.run}" in told.flat
    assert [one["kind"] for one in tell("why", "1", "-d", second.dest, "--json").json["stories"]][-1] == "file"


def test_a_way_of_several_pages_is_told_back_to_the_row_that_began_it(
    site: Site, serve: Any, run_job: Any, link_site: Any, tell: Any, tmp_path: Path
) -> None:
    link_site(
        site, {"/a": '<a class=n href="/b">n</a>', "/b": '<a class=l href="/c">c</a>', "/c": '<img src="/d.png">'}
    )
    site.route("/d.png")(lambda request: b"d")
    (tmp_path / "terms.txt").write_text("a\n")
    server = serve(site)
    ended = run_job(server, """
        start: [{list: terms.txt, url: "{{ base }}/{{ row.line }}"}]
        rules: {list: {next: a.n, follow: {leaf: a.l}}, leaf: {files: img}}
    """)  # fmt: skip
    told = tell("why", "d.png", "-d", ended.dest)
    assert [line[10:] for line in told.out.replace(server.url, "").splitlines()][6:10] == [
        "/c (rule leaf)",
        "which is on /b (rule list, page 2 of its list)",
        "which is on /a (rule list)",
        'which is named in start[0], row 1 {"line": "a"}',
    ]


def test_a_redirect_is_told_with_where_it_led_and_found_by_that(
    site: Site, serve: Any, run_job: Any, tell: Any
) -> None:
    site.route("/")(lambda request: '<img src="/a.png"><img src="/b.png"><a href="/old">x</a>')
    site.route("/a.png")(lambda request: Response(302, headers={"Location": "/cdn/1.png"}))
    site.route("/b.png")(lambda request: Response(302, headers={"Location": "/cdn/2.png"}))
    site.route("/old")(lambda request: Response(302, headers={"Location": "/new"}))
    site.route("/cdn/1.png")(lambda request: b"a")
    site.route("/new")(lambda request: Response(404))
    server = serve(site)
    rules = {"r": {"files": "img", "follow": {"leaf": "a"}}, "leaf": {"item": {"t": "h1"}}}
    ended = run_job(server, {"start": ["{{ base }}/"], "rules": rules})
    for asked, final, ending in (
        ("/a.png", "/cdn/1.png", "saved"),
        ("/b.png", "/cdn/2.png", "failed:http:404"),
        ("/old", "/new", "failed:http:404"),
    ):
        for text in (asked, final):
            told = tell("why", server.url + text, "-d", ended.dest)
            assert f"{server.url}{asked} redirected to {server.url}{final} " in told.flat
            assert f"ended {ending} " in told.flat
        (one,) = tell("why", server.url + final, "-d", ended.dest, "--json").json["stories"]
        assert (one["url"], one["final"], one["redirected"]) == (server.url + asked, server.url + final, True)
    (one,) = tell("why", f"{server.url}/", "-d", ended.dest, "--json").json["stories"]
    assert (one["final"], one["redirected"]) == (None, False)


def test_where_a_redirect_led_is_kept_without_the_secret_that_it_echoes(
    site: Site, serve: Any, run_job: Any, tell: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEY", "s3cret-value")
    site.route("/a.png")(lambda request: Response(302, headers={"Location": "/b.png?k=s3cret-value"}))
    site.route("/x")(lambda request: Response(302, headers={"Location": "/y?k=s3cret-value"}))
    site.route("/b.png")(lambda request: b"a")
    site.route("/y")(lambda request: '<h1>y</h1><img src="/a.png">')
    server = serve(site)
    job = {"http": {"headers": {"X-Key": "{{ env('API_KEY') }}"}}, "start": ["{{ base }}/x"]}
    ended = run_job(server, {**job, "rules": {"r": {"item": {"t": "h1"}, "files": "img"}}})
    for asked, final in (("/x", "/y"), ("/a.png", "/b.png")):
        (one,) = tell("why", server.url + asked, "-d", ended.dest, "--json").json["stories"]
        assert one["final"] == f"{server.url}{final}?k={{env:API_KEY}}"
    assert b"s3cret" not in (ended.dest / ".scraper" / "ledger.db").read_bytes()


def test_what_a_run_of_its_own_met_is_told_in_words_of_its_own(
    site: Site, serve: Any, run_job: Any, tell: Any, tmp_path: Path
) -> None:
    site.route("/")(lambda request: '<a href="/1.txt">1</a><a href="/2.txt">2</a>')
    site.route("/2.txt")(lambda request: b"2")
    server, old = serve(site), tmp_path / "old"
    old.mkdir()
    (old / "1.txt").write_text("1")
    job = {"start": ["{{ base }}/"], "rules": {"r": {"files": "a"}}}
    ended = run_job(server, job, errand=Adopt(old))
    adopted = tell("why", "1.txt", "-d", ended.dest).flat
    assert "A file that lay there already was taken as this one; nothing was downloaded." in adopted
    assert "which adopted files" in adopted
    assert "after 0 attempts" not in adopted
    left = tell("why", f"{server.url}/2.txt", "-d", ended.dest)
    assert "the next scraper run fetches it" in left.flat
    assert "--limit" not in left.out
    assert "which adopted" in left.flat
    (ended.dest / "1.txt").unlink()
    run_job(server, job)
    (one,) = tell("why", "1.txt", "-d", ended.dest, "--json").json["stories"]
    assert (one["run_kind"], one["ending"]) == ("run", "failed:http:404")
    site.route("/1.txt")(lambda request: b"1")
    run_job(server, job, errand=Retry())
    told = tell("why", "1.txt", "-d", ended.dest).flat
    assert "A retry fetched the file whole" in told
    assert ", a retry means" in told


def test_what_waits_in_an_open_run_is_told_as_open(drained: Any, tell: Any) -> None:
    rule = {
        "read": "json",
        "each": "rows",
        "item": {"n": "n"},
        "key": "n",
        "files": {"select": "u"},
        "next": {"page": "page"},
    }
    _, ended = drained({"start": ["{{ base }}/api"], "rules": {"api": rule}})
    told = tell("why", "0.png", "-d", ended.dest)
    assert "ended open in run" in told.flat
    assert "the run is open, and goes on with it" in told.flat
    unmet = tell("why", "19.png", "-d", ended.dest)
    assert (unmet.code, "The newest run is open" in unmet.flat) == (4, True)


# -- safety --------------------------------------------------------------------------------------------------


def test_a_secret_in_a_url_is_shown_as_its_mark_and_asked_by_it(
    site: Site, serve: Any, run_job: Any, tell: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEY", "s3cret-value")
    site.route("/x")(lambda request: Response(404))
    server = serve(site)
    ended = run_job(server, {"start": ["{{ base }}/x?key={{ env('API_KEY') }}"], "rules": {"r": {"item": {"t": "h1"}}}})
    told = tell("why", f"{server.url}/x?key={{env:API_KEY}}", "-d", ended.dest)
    assert (told.code, "/x?key={env:API_KEY}" in told.out, "s3cret" in told.out + told.err) == (0, True, False)


def test_nothing_that_was_scraped_is_an_escape_on_a_terminal(site: Site, serve: Any, run_job: Any, tell: Any) -> None:
    site.route("/")(lambda request: '<h1>a\x9b1m\u202eb</h1><img src="/a.png">')
    site.route("/a.png")(lambda request: b"a")
    server = serve(site)
    ended = run_job(server, {"start": ["{{ base }}/"], "rules": {"r": {"item": {"t": "h1"}, "files": "img"}}})
    told = tell("why", "a.png", "-d", ended.dest)
    assert "a\\x9b1m\\u202eb" in told.out
    assert "\\u009b" in tell("why", "a.png", "-d", ended.dest, "--json").out


@pytest.fixture(scope="module")
def ledger(world: endings.World) -> Iterator[Database]:
    with Database.reading(world.dest / ".scraper" / "ledger.db") as db:
        yield db


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=30) | st.text(max_size=20).map(lambda rest: f"http://127.0.0.1{rest}"))
def test_whatever_is_asked_is_answered(ledger: Database, text: str) -> None:
    asked = text.encode("utf-8", "replace").decode()
    found = called.subjects(ledger, asked, [asked])
    assert [story.met(ledger, each) != [] for each in found] == [True] * len(found)
    assert asked == unmet(ledger, asked).asked


def test_bytes_that_are_no_text_call_nothing(world: endings.World, tell: Any) -> None:
    assert tell("why", "\udcff.png", "-d", world.dest).code == 4
