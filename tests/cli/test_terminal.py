"""What a terminal and the disk may see: no escapes, no secrets."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from scraper.server import Response, Site

BROKEN = """\
name: mine
start: ["http://127.0.0.1:9/"]
rules:
  book:
    item:
      title: h1
      pirce: {css: "p", typ: float}
"""


def test_nothing_is_coloured_where_there_is_no_terminal_or_no_wish(
    scraper: Any, job: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    for args in (["run", job(BROKEN)], ["get", "x"], ["nothing"], ["--help"]):
        told = scraper(*args)
        assert "\x1b" not in told.out + told.err


HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202eevil"


def test_nothing_scraped_is_an_escape_on_a_terminal(
    scraper: Any,
    job: Any,
    site: Site,
    serve: Any,
    pages: Any,
    write_job: Any,
) -> None:
    hostile = HOSTILE.replace("\x1b", "&#27;").replace("\x07", "&#7;")
    pages(
        site,
        page=f'<h1>{hostile}</h1><img src="/{HOSTILE.encode("unicode_escape").decode()}.png">'
        '<a href="/x\x1b[31m">x</a>',
    )
    site.route("/<path:rest>")(lambda request, rest: Response(404, {}, b""))
    body = """
        item: {title: h1, missing: {css: "b", required: true}}
        follow: {r: a}
        files: {select: img, path: "{{ item.title }}/{{ filename }}"}
    """
    path = write_job(job, serve(site).url, body)
    for args in (["-v"], ["--json", "--fresh"], ["-n"]):
        told = scraper("run", path, *args)
        assert [char for char in told.out + told.err if not char.isprintable() and char != "\n"] == [], args


def test_json_for_a_terminal_holds_no_escapes(scraper: Any, folder: Path) -> None:
    (folder / "urls.txt").write_text(HOSTILE + "\n")
    told = scraper("get", "-i", "urls.txt", "--json")
    assert [char for char in told.out if not char.isprintable() and char != "\n"] == []
    assert told.json["failures"][0]["url"] == HOSTILE


# -- secrets --------------------------------------------------------------------------------------------------


SECRET = "tr0ub4dor&3/secret"


def test_a_secret_is_nowhere_but_on_the_wire(
    scraper: Any, job: Any, site: Site, serve: Any, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setenv("API_KEY", SECRET)
    seen: list[str] = []

    @site.route("/api")
    def api(request: Any) -> dict[str, Any]:
        key = request.query.get("key")
        seen.append(key)
        quoted = quote(key, safe="")
        more = f"{request.base}/api?key={quoted}&page=2" if "page" not in request.query else None
        return {
            "you": key,
            "in": f"<{key}>",
            "next": more,
            "file": f"/file?key={quoted}",
            "none": f"/none?key={quoted}",
        }

    site.route("/file")(lambda request: Response(200, {"Content-Type": "text/plain"}, b"the file"))
    server = serve(site)
    path = job(f"""name: mine
http: {{retry: {{first_wait: 0}}, headers: {{X-Key: "{{{{ env('API_KEY') }}}}"}}}}
start: [{{url: "{server.url}/api", params: {{key: "{{{{ env('API_KEY') }}}}"}}}}]
rules:
  api:
    read: json
    item: {{you: you, in: in}}
    next: next
    files: [file, none, {{url: "{server.url}/file?token={{{{ env('API_KEY') }}}}", path: "{{{{ item.you }}}}.txt"}}]
""")
    told = scraper("run", path, "--json", "-v")
    assert told.code == 4
    assert (set(seen), len(seen)) == ({SECRET}, 2)
    assert {dict(one.headers)["X-Key"] for one in server.log} == {SECRET}
    for text in (told.out, told.err):
        assert SECRET not in text
        assert "{env:API_KEY}" in text
    found = [each for each in folder.rglob("*") if each.is_file() and _holds(each.read_bytes(), SECRET)]
    assert [each for each in folder.rglob("*") if SECRET in each.name] + found == []
    record = json.loads((folder / "output" / "mine" / "records.jsonl").read_text().splitlines()[0])
    assert (record["you"], record["in"]) == ("{env:API_KEY}", "<{env:API_KEY}>")


def _holds(data: bytes, secret: str) -> bool:
    return any(form.encode() in data for form in (secret, quote(secret, safe=""), quote_plus(secret), quote(secret)))


def test_views_show_a_secret_as_its_mark(
    scraper: Any,
    job: Any,
    site: Site,
    serve: Any,
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    pages: Any,
    pixels: Any,
) -> None:
    import sqlite3
    from contextlib import closing

    monkeypatch.setenv("API_KEY", SECRET)
    pages(site, page='<h1>x</h1><img src="/a.png">')
    pixels(site, "a.png")
    server = serve(site)
    path = job(f"""name: mine
start: [{{url: "{server.url}/page", params: {{key: "{{{{ env('API_KEY') }}}}"}}}}]
rules:
  r:
    item: {{title: h1}}
    files: [img, {{url: "{server.url}/a.png?token={{{{ env('API_KEY') }}}}"}}]
""")
    assert scraper("run", path).code == 0
    with closing(sqlite3.connect(folder / "output" / "mine" / ".scraper" / "ledger.db")) as db:
        rows = [row for view in ("v_pages", "v_items", "v_files") for row in db.execute(f"SELECT * FROM {view}")]
    texts = [value for row in rows for value in row if isinstance(value, str)]
    assert [text for text in texts if "\ufdd0" in text or "%EF%B7%90" in text.upper()] == []
    assert [text for text in texts if "{env:API_KEY}" in text] != []


@pytest.mark.parametrize(
    "secret",
    ["with a newline\n", " leading-blank", "snow\u2603man"],
    ids=["newline", "blank", "snowman"],
)
def test_a_secret_that_cannot_be_sent_is_not_told_either(
    secret: str,
    scraper: Any,
    job: Any,
    site: Site,
    serve: Any,
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    pages: Any,
) -> None:
    monkeypatch.setenv("API_KEY", secret)
    pages(site, page="<h1>x</h1>")
    path = job(f"""name: mine
http: {{headers: {{X-Key: "{{{{ env('API_KEY') }}}}"}}}}
start: ["{serve(site).url}/page"]
rules: {{r: {{item: {{title: h1}}}}}}
""")
    told = scraper("run", path, "--json")
    word = secret.strip()
    assert word not in told.out + told.err
    assert [each for each in folder.rglob("*") if each.is_file() and word.encode() in each.read_bytes()] == []


def test_the_working_directory_is_the_only_one_that_is_written(scraper: Any, serve: Any, tmp_path: Path) -> None:
    scraper("demo")
    assert os.listdir(tmp_path) == ["here"]
