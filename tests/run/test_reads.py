"""Pages of XML, text and feeds in a run: items, links, files and next pages from each."""

from __future__ import annotations

from typing import Any

from scraper.server import Server, Site
from scraper.server.fixture.feeds import audio_bytes

CATALOG = """<?xml version="1.0"?>
<catalog xmlns="urn:c" xmlns:dc="urn:dc" xmlns:xlink="http://www.w3.org/1999/xlink">
  <book id="1"><dc:title>One</dc:title><price>2.50</price><file xlink:href="/f/1.bin"/><more>/more/1</more></book>
  <book id="2"><dc:title>Two &amp; a half</dc:title><file xlink:href="/f/2.bin"/></book>
  {next}
</catalog>"""


def test_a_run_reads_xml_by_xpath(site: Site, serve: Any, run_job: Any) -> None:
    pages = {"1": '<next href="?page=2"/>', "2": ""}
    site.route("/list")(
        lambda request: (
            200,
            [("Content-Type", "application/xml")],
            CATALOG.format(next=pages[request.query.get("page", "1")]).replace("id=", f'n="{len(request.query)}" id='),
        )
    )
    site.route("/more/1")(lambda request: "<h1>More</h1>")
    site.route("/f/<name>")(lambda request, name: name.encode())
    rule = {
        "read": "xml",
        "each": "//book",
        "item": {"id": "concat(@n, '-', @id)", "title": "dc:title", "price": {"xpath": "price", "type": "float"}},
        "files": {"select": "file", "path": "{{ item.id }}{{ ext }}"},
        "follow": {"more": "more"},
        "next": "//next",
    }
    job = {"start": ["{{ base }}/list"], "rules": {"list": rule, "more": {"item": {"title": "h1"}}}}
    ended = run_job(serve(site), job)
    assert (ended.code, ended.failures) == (0, [])
    assert [(one.get("id"), one["title"], one.get("price")) for one in ended.records] == [
        ("0-1", "One", 2.5),
        (None, "More", None),
        ("0-2", "Two & a half", None),
        ("1-1", "One", 2.5),
        ("1-2", "Two & a half", None),
    ]
    assert ended.files == {"0-1.bin": b"1.bin", "0-2.bin": b"2.bin"}


def test_a_run_reads_text_by_regexes(site: Site, serve: Any, run_job: Any) -> None:
    text = "a.bin 10\nb.bin 20\n# c.bin\n"
    site.route("/SUMS")(lambda request: (200, [("Content-Type", "text/plain")], text.encode()))
    site.route("/<name>")(lambda request, name: name.encode())
    rule = {
        "read": "text",
        "each": r"(?m)^\w+\.bin \d+$",
        "item": {"name": r"^\S+", "size": {"regex": r"\d+$", "type": "int"}},
        "files": r"^\S+",
    }
    ended = run_job(serve(site), {"start": ["{{ base }}/SUMS"], "rules": {"sums": rule}})
    assert (ended.code, ended.fields("name", "size")) == (0, [("a.bin", 10), ("b.bin", 20)])
    assert ended.files == {"a.bin": b"a.bin", "b.bin": b"b.bin"}


def feed_job(path: str, select: str = "enclosures[].href") -> dict[str, Any]:
    rule = {
        "read": "feed",
        "each": "entries[*]",
        "item": {"id": "id", "title": "title", "at": {"jmespath": "published || updated", "type": "date"}},
        "key": "id",
        "files": {"select": select, "path": "{{ item.at | date('%Y-%m-%d') }}{{ ext }}"},
    }
    return {"start": [f"{{{{ base }}}}/feeds/{path}"], "rules": {"show": rule}}


def test_a_run_reads_a_podcast_and_its_files(fixture_server: Server, run_job: Any) -> None:
    ended = run_job(fixture_server, feed_job("show.rss", "enclosures[?starts_with(type, 'audio/')].href"))
    assert (ended.code, ended.fields("id", "title")) == (
        0,
        [(f"show-{number}", f"Episode {number}") for number in (3, 2, 1)],
    )
    assert ended.files == {f"2024-01-0{number}.mp3": audio_bytes(number, "mp3") for number in (1, 2, 3)}


def test_a_run_reads_atom_and_json_feed_by_the_same_names(fixture_server: Server, run_job: Any, tmp_path: Any) -> None:
    atom = run_job(fixture_server, feed_job("news.atom"), dest=tmp_path / "atom")
    notes = run_job(fixture_server, feed_job("notes.json"), dest=tmp_path / "notes")
    assert (atom.fields("title"), notes.fields("title")) == (
        ["News 1", "News 2", "News 3"],
        ["Note 1", "Note 2", "Note 3"],
    )
    assert [list(ended.files) for ended in (atom, notes)] == [
        [f"2024-01-0{number}{ext}" for number in (1, 2, 3)] for ext in (".wav", ".mp3")
    ]


def test_a_page_that_is_not_what_its_rule_reads_fails_alone(site: Site, serve: Any, run_job: Any) -> None:
    site.route("/broken")(lambda request: (200, [("Content-Type", "text/xml")], b"<r>\n<i>1</i>\n<i>2</r>"))
    site.route("/html")(lambda request: "<!doctype html><h1>Sorry</h1>")
    site.route("/deep")(lambda request: (200, [("Content-Type", "text/xml")], b"<r>" * 9999))
    paths = ["/broken", "/html", "/deep"]
    server = serve(site)
    job = {"start": [f"{{{{ base }}}}{path}" for path in paths], "rules": {"r": {"read": "xml", "item": {"i": "i"}}}}
    ended = run_job(server, job)
    assert (ended.code, ended.endings("v_pages", server.url)) == (
        4,
        dict(zip(paths, ["failed:shape", "failed:type", "failed:limit"], strict=True)),
    )
