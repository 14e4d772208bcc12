"""Lists as sources: rows as pages, as files, as items; where they fail, and where a run goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scraper.errors import JobError
from scraper.run import rows as run_rows
from scraper.server import Response, Site


@pytest.fixture
def files(site: Site, serve: Any) -> Any:
    """A server whose `/f/<name>` is a file that says its name."""
    site.route("/f/<name>")(lambda request, name: Response(200, {"Content-Type": "image/png"}, name.encode()))
    return serve(site)


@pytest.fixture
def write(tmp_path: Path) -> Any:
    """`write(name, *lines)` writes a list beside the job."""

    def lines(name: str, *lines: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in lines))
        return path

    return lines


def told(run_job: Any, job: Any) -> list[str]:
    with pytest.raises(JobError) as error:
        run_job("http://127.0.0.1:9", job)
    return [f"{one.where}: {one.message}" for one in error.value.mistakes]


# -- rows as pages -----------------------------------------------------------------------------------------


def test_each_row_is_a_page_and_goes_down_with_all_that_is_found(
    site: Site, serve: Any, run_job: Any, asked: Any, write: Any
) -> None:
    """The shape of a list of search terms: pages of results, records and files named by the term."""

    @site.route("/search")
    def search(request: Any) -> str:
        term, page = request.query.get("q"), request.query.number("p", 1)
        hits = range(2 * page - 1, 2 * page + 1) if page < 3 and term != "nothing" else ()
        return "".join(
            f'<li class=hit><h3><a href="/{term}/{n}">{term} {n}</a></h3><img src="/i/{n}.png">' for n in hits
        )

    site.route("/i/<name>")(lambda request, name: name.encode())
    write("terms.txt", "# what is sought", "red shoes", "", "nothing", "Größe & mehr")
    job = {
        "start": [{"list": "terms.txt", "url": "{{ base }}/search", "params": {"q": "{{ row.line }}"}}],
        "rules": {
            "results": {
                "each": "li.hit",
                "item": {"term": "{{ row.line }}", "n": "{{ row_index }}", "title": "h3"},
                "key": ["term", "title"],
                "files": {"select": "img", "path": "{{ row.line | slug }}/{{ filename }}", "key": "{{ item.title }}"},
                "next": {"page": "p", "last": 5},
            }
        },
    }  # fmt: skip
    ended = run_job(serve(site), job)
    assert (ended.code, ended.fields("term", "n", "title")) == (
        0,
        [(term, n, f"{term} {hit}") for term, n in (("red shoes", 1), ("Größe & mehr", 3)) for hit in (1, 2, 3, 4)],
    )
    assert sorted(ended.files) == [f"{slug}/{n}.png" for slug in ("größe-mehr", "red-shoes") for n in (1, 2, 3, 4)]


def test_a_row_builds_the_request_of_an_api_and_the_url_of_its_files(
    site: Site, serve: Any, run_job: Any, asked: Any, write: Any
) -> None:
    """The shape of an archive: identifiers, the metadata of each, its original files with their digests."""
    import hashlib

    def metadata(request: Any, name: str) -> dict[str, Any]:
        md5 = hashlib.md5(f"{name}/a b.pdf".encode()).hexdigest()
        original = {"name": "a b.pdf", "source": "original", "size": "12", "md5": md5}
        return {"metadata": {"identifier": name}, "files": [original, {"name": "t.jpg", "source": "derivative"}]}

    site.route("/metadata/<name>")(metadata)
    site.route("/download/<book>/<name>")(lambda request, book, name: f"{book}/{name}".encode())
    write("identifiers.txt", "book-1", "book-2")
    job = {
        "start": [{"list": "identifiers.txt", "url": "{{ base }}/metadata/{{ row.line | urlencode }}", "rule": "meta"}],
        "rules": {
            "meta": {
                "read": "json",
                "expect": {"has": "metadata.identifier"},
                "each": "files[?source=='original']",
                "item": {"name": "name", "size": {"jmespath": "size", "type": "int"}, "id": "{{ row.line }}"},
                "key": ["id", "name"],
                "files": {
                    "url": "{{ base }}/download/{{ item.id }}/{{ item.name | urlencode }}",
                    "md5": "md5",
                    "path": "{{ item.id }}/{{ item.name | path }}",
                },
            }
        },
    }
    ended = run_job(serve(site), job)
    assert (ended.code, ended.fields("id", "name", "size")) == (
        0,
        [("book-1", "a b.pdf", 12), ("book-2", "a b.pdf", 12)],
    )
    assert ended.files == {f"book-{n}/a b.pdf": f"book-{n}/a b.pdf".encode() for n in (1, 2)}


def test_rows_are_sent_as_the_entry_says(site: Site, serve: Any, run_job: Any, write: Any) -> None:
    seen: list[Any] = []

    @site.route("/api", methods=["POST"])
    def api(request: Any) -> dict[str, Any]:
        seen.append((json.loads(request.body), dict(request.headers).get("X-Row"), request.query.get("n")))
        return {"ok": True}

    write("a.csv", "id,note", "1,x", "2")
    entry = {
        "list": "a.csv", "url": "{{ base }}/api", "method": "POST", "params": {"n": "{{ row_index }}"},
        "json": {"id": "{{ row.id | int }}", "note": "{{ row.note }}", "rule": "{{ rule }}"},
        "headers": {"X-Row": "{{ row.note }}"},
    }  # fmt: skip
    job = {"start": [entry], "rules": {"r": {"read": "json", "item": {"ok": "ok", "id": "{{ row.id }}"}}}}
    ended = run_job(serve(site), job)
    assert (ended.code, ended.fields("id")) == (0, ["1", "2"])
    assert sorted(seen, key=lambda one: one[2]) == [
        ({"id": 1, "note": "x", "rule": "r"}, "x", "1"),
        ({"id": 2, "rule": "r"}, None, "2"),
    ]


@pytest.mark.parametrize(
    "when", ["{{ row.width | int > 200 }}", "to_number(width) > `200`", {"jmespath": "width", "match": "^[3-9]"}]
)
def test_when_is_a_template_or_a_selector_over_the_row(
    when: Any, site: Site, serve: Any, run_job: Any, asked: Any, write: Any
) -> None:
    site.route("/<n>")(lambda request, n: f"<h1>{n}</h1>")
    server = serve(site)
    write("a.csv", "url,width", *(f"{server.url}/{n},{n}00" for n in (1, 3, 2, 4)), f"{server.url}/5")
    start = [{"list": "a.csv", "column": "url", "when": when}]
    ended = run_job(server, {"start": start, "rules": {"r": {"item": {"h": "h1", "n": "{{ row_index }}"}}}})
    assert (ended.code, ended.fields("h", "n")) == (0, [("3", 2), ("4", 4)])


def test_files_of_a_glob_are_read_by_name_and_rows_count_over_them(files: Any, run_job: Any, write: Any) -> None:
    base = f"{files.url}/f"
    write("lists/urls2.csv", "url,x", f"{base}/c.png,3")
    write("lists/urls1.csv", "x,url", f"1,{base}/a.png", f"2,{base}/b.png")
    write("lists/urls3.jsonl", json.dumps({"url": f"{base}/d.png", "x": 4}))
    start = [{"list": "lists/urls*", "column": "url", "as": "files"}]
    ended = run_job(files, {"start": start, "files": {"path": "{{ row_index }}-{{ row.x }}-{{ filename }}"}})
    assert (ended.code, list(ended.files)) == (0, ["1-1-a.png", "2-2-b.png", "3-3-c.png", "4-4-d.png"])


# -- rows as files -----------------------------------------------------------------------------------------


def test_a_row_that_is_a_file_is_an_item(files: Any, run_job: Any, write: Any) -> None:
    base = f"{files.url}/f"
    write("a.csv", "url,title,empty", f"{base}/1.png?b#c,One,", f"{base}/2.png,Two/2", f"{base}/1.png?b,again")
    path = "{{ rule }}/{{ item.title }}-{{ row.title | slug }}-{{ index }}{{ ext }}"
    start = [{"list": "a.csv", "column": "url", "as": "files"}]
    ended = run_job(files, {"start": start, "files": {"path": path}})
    assert (ended.code, list(ended.files)) == (0, ["job/One-one-1.png", "job/Two_2-two-2-1.png"])
    assert ended.records == [
        {"url": f"{base}/1.png?b#c", "title": "One", "empty": "", "_key": f"{base}/1.png?b#c", "_rule": "job",
         "_url": f"{base}/1.png?b#c", "_files": ["job/One-one-1.png"]},
        {"url": f"{base}/2.png", "title": "Two/2", "_key": f"{base}/2.png", "_rule": "job", "_url": f"{base}/2.png",
         "_files": ["job/Two_2-two-2-1.png"]},
        {"url": f"{base}/1.png?b", "title": "again", "_key": f"{base}/1.png?b", "_rule": "job",
         "_url": f"{base}/1.png?b", "_files": ["job/One-one-1.png"]},
    ]  # fmt: skip
    assert {row["found_on"] for row in ended.view("v_files")} == {None}
    assert ended.summary.items.total == 3


def test_a_rule_reads_the_row_as_json(site: Site, serve: Any, run_job: Any, asked: Any, tmp_path: Path) -> None:
    """The shape of a table of pictures: a column of URLs, a template that skips, names by number."""
    pa = pytest.importorskip("pyarrow", reason="lists in parquet need pyarrow")
    from pyarrow import parquet

    site.route("/f/<name>")(lambda request, name: name.encode())
    server = serve(site)
    (tmp_path / "laion").mkdir()
    for part in (1, 2):
        urls = [f"{server.url}/f/{part}{n}.jpg" for n in range(3)]
        table = {"URL": urls, "TEXT": [f"text {part}{n}" for n in range(3)], "LICENSE": ["?", None, "cc"]}
        similarity = pa.array([0.5, None, 0.2 * part], pa.float64())
        parquet.write_table(pa.table({**table, "similarity": similarity}), tmp_path / "laion" / f"{part}.parquet")
    entry = {
        "list": "laion/*.parquet", "column": "URL", "as": "files", "rule": "image",
        "when": "{{ (row.similarity or 0) > 0.3 }}",
    }  # fmt: skip
    rule = {
        "read": "json",
        "item": {"n": "{{ row_index }}", "caption": "TEXT", "licence": "LICENSE"},
        "key": "n",
        "files": {"path": "{{ '%05d' | format(row_index // 10000) }}/{{ '%09d' | format(row_index) }}{{ ext }}"},
    }
    ended = run_job(server, {"start": [entry], "rules": {"image": rule}})
    assert (ended.code, ended.fields("n", "caption", "licence", "_key", "_files")) == (
        0,
        [
            (1, "text 10", "?", "1", ["00000/000000001.jpg"]),
            (4, "text 20", "?", "4", ["00000/000000004.jpg"]),
            (6, "text 22", "cc", "6", ["00000/000000006.jpg"]),
        ],
    )
    assert ended.view("v_pages") == []
    assert sorted(asked(server)) == ["/f/10.jpg", "/f/20.jpg", "/f/22.jpg"]


def test_what_the_user_lists_is_named_and_robots_are_not_asked(
    site: Site, serve: Any, run_job: Any, write: Any
) -> None:
    site.route("/robots.txt")(lambda request: "User-agent: *\nDisallow: /")
    site.route("/f/<name>")(lambda request, name: name.encode())
    server = serve(site)
    row = {
        "page": f"{server.url}/x",
        "images": [{"url": f"{server.url}/f/1.png", "t": "a"}, {"url": "/f/2.png", "t": "b"}],
    }
    write("a.jsonl", json.dumps(row))
    rule = {
        "item": {"p": "page"},
        "when": "page",
        "files": {"select": "images", "path": "{{ file.t }}-{{ index }}{{ ext }}"},
    }
    start = [{"list": "a.jsonl", "column": "page", "as": "files", "rule": "r"}]
    ended = run_job(server, {"start": start, "rules": {"r": rule}})
    assert (ended.code, ended.files) == (0, {"a-1.png": b"1.png", "b-2.png": b"2.png"})


def test_headers_and_params_of_an_entry_go_with_its_files(site: Site, serve: Any, run_job: Any, write: Any) -> None:
    site.route("/f")(lambda request: str((request.query.get("size"), dict(request.headers).get("Referer"))).encode())
    server = serve(site)
    write("a.txt", f"{server.url}/f")
    entry = {
        "list": "a.txt", "column": "line", "as": "files", "params": {"size": "{{ row_index }}"},
        "headers": {"Referer": "{{ row.line }}"},
    }  # fmt: skip
    ended = run_job(server, {"start": [entry], "files": {"path": "x.txt"}})
    assert (ended.code, ended.files) == (0, {"x.txt": str(("1", f"{server.url}/f")).encode()})


def test_an_entry_without_a_list_can_be_a_file(files: Any, run_job: Any) -> None:
    ended = run_job(files, {"start": [{"url": "{{ base }}/f/a.png", "as": "files"}]})
    assert (ended.code, ended.files, ended.fields("_key")) == (0, {"a.png": b"a.png"}, [f"{files.url}/f/a.png"])


def test_a_row_that_is_no_longer_listed_is_gone(files: Any, run_job: Any, write: Any) -> None:
    job = {"start": [{"list": "a.txt", "column": "line", "as": "files"}]}
    for names in (("a.png", "b.png"), ("b.png", "c.png")):
        write("a.txt", *(f"{files.url}/f/{name}" for name in names))
        ended = run_job(files, job)
    assert (ended.fields("_files"), ended.summary.items.gone) == ([["b.png"], ["c.png"]], 1)
    assert list(ended.files) == ["a.png", "b.png", "c.png"]


# -- what is wrong -----------------------------------------------------------------------------------------


def test_what_is_wrong_with_a_list_is_told_before_anything_is_fetched(run_job: Any, write: Any, tmp_path: Path) -> None:
    write("a.csv", "URL,title", "x,y")
    write("a.txt", "x")
    (tmp_path / "bad.csv.gz").write_text("no gzip")
    (tmp_path / "folder").mkdir()
    rules = {"r": {"item": {"a": "h1"}, "next": "a"}}
    start = [
        {"list": "none.txt", "column": "line"},
        {"list": "none*.txt", "column": "line"},
        {"list": "a.csv", "column": "url"},
        {"list": "a.txt", "column": "url"},
        {"list": "bad.csv.gz", "column": "url"},
        {"list": "folder", "column": "url"},
        {"list": "{{ date }}.txt", "column": "line"},
        {"url": "http://127.0.0.1:9/", "when": "x"},
        {"list": "a.txt", "column": "line", "as": "files", "method": "POST", "data": {"a": 1}, "rule": "r"},
    ]
    assert told(run_job, {"start": start, "rules": rules}) == [
        "start.0.list: there is no file none.txt",
        "start.1.list: no file matches none*.txt",
        'start.2.column: a.csv has no column "url"; it has URL, title',
        'start.3.column: a.txt has no column "url"; it has line',
        "start.4.list: bad.csv.gz cannot be read: Not a gzipped file (b'no')",
        "start.5.list: folder is a folder; write folder/*.txt for the lists in it",
        "start.6.list: 'date' is not known here; a list is named by variables alone",
        "start.7.when: a selector looks into rows, and there are none; write a template",
        "start.8.data: files are fetched by GET; data cannot go with `as: files`",
        "start.8.method: files are fetched by GET; method cannot go with `as: files`",
        "start.8.rule: rules.r.next is of pages; this rule reads the rows of `as: files`",
    ]


def test_a_list_may_be_named_by_a_variable(files: Any, run_job: Any, write: Any) -> None:
    write("day/a.txt", f"{files.url}/f/a.png")
    job = {"vars": {"day": "day"}, "start": [{"list": "{{ day }}/*.txt", "column": "line", "as": "files"}]}
    assert list(run_job(files, job).files) == ["a.png"]


def test_rows_of_files_that_give_nothing_are_failures_and_the_run_goes_on(
    files: Any, run_job: Any, write: Any, heard: Any
) -> None:
    good = f"{files.url}/f/a.png"
    rows = [
        {"u": good, "t": "x"},
        {"u": None},
        {},
        {"u": "ftp://h/x"},
        {"u": 5},
        {"u": "http://127.0.0.1:9/\ufdd0env:HOME\ufdd1"},
    ]
    write("a.jsonl", *map(json.dumps, rows), "{", json.dumps({"u": f"{good}?2"}))
    events = heard()
    rule = {"item": {"u": "u"}, "files": {"path": "{{ row.t }}{{ ext }}"}}
    start = [{"list": "a.jsonl", "column": "u", "as": "files", "rule": "r"}]
    ended = run_job(files, {"start": start, "rules": {"r": rule}}, events=events)
    assert (ended.code, list(ended.files), ended.summary.files.failed, ended.summary.items.failed) == (
        4,
        ["x.png"],
        6,
        1,
    )
    says = {one["url"]: (one["class"], one["message"]) for one in ended.summary.failures}
    assert says == {
        "row 2": ("protocol", "row 2: u is empty"),
        "row 3": ("protocol", "row 3: u is empty"),
        "ftp://h/x": ("protocol", "row 4: 'ftp://h/x' is not an http or https URL"),
        "5": ("protocol", "row 5: '5' is not an http or https URL"),
        "http://127.0.0.1:9/\ufffdenv:HOME\ufffd": (
            "protocol", "row 6: 'http://127.0.0.1:9/\ufffdenv:HOME\ufffd' is not an http or https URL"
        ),
        "row 7": (
            "protocol",
            "row 7: it is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        ),
        f"{good}?2": (
            "name",
            f'row 8: files.path: "{{{{ row.t }}}}{{{{ ext }}}}": row.t is null, which a path cannot hold, for {good}?2',
        ),
    }  # fmt: skip
    assert sorted(one.url for one in events.outcomes if one.kind == "failed") == sorted(set(says) - {f"{good}?2"})


def test_rows_of_pages_that_give_nothing_are_failures_and_the_run_goes_on(
    site: Site, serve: Any, run_job: Any, write: Any, heard: Any
) -> None:
    site.route("/<n>")(lambda request, n: f"<h1>{n}</h1>")
    server = serve(site)
    write("a.csv", "url,n", f"{server.url}/1,1", "mailto:x,2", ",3", f"{server.url}/4,x", f"{server.url}/5,5")
    events = heard()
    start = [{"list": "a.csv", "column": "url", "params": {"n": "{{ 10 / (row.n | int) }}"}}]
    ended = run_job(server, {"start": start, "rules": {"r": {"item": {"h": "h1"}}}}, events=events)
    assert (ended.code, ended.fields("h"), len(ended.failures)) == (4, ["1", "5"], 3)
    assert ended.failures == [
        ("protocol", "row 2: 'mailto:x' is not an http or https URL"),
        ("protocol", "row 3: url is empty"),
        ("shape", "row 4: the template cannot be worked out: division by zero"),
    ]
    assert [url for url, ending in events.pages if ending != "ok"] == ["mailto:x", "row 3", "row 4"]


# -- where a run goes on -----------------------------------------------------------------------------------


class KilledError(Exception):
    """Ends a run as a kill does: what is not committed is lost."""


@pytest.mark.parametrize("batches", [0, 1, 3])
def test_a_run_that_was_killed_continues_behind_the_rows_that_it_queued(
    batches: int, files: Any, run_job: Any, write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"{n:02}.png" for n in range(20)]
    write("a.txt", *(f"{files.url}/f/{name}" for name in names[:9]), "garbage")
    write("b.txt", *(f"{files.url}/f/{name}" for name in names[9:]))
    monkeypatch.setattr(run_rows, "ROWS", 4)
    job = {"start": [{"list": "?.txt", "column": "line", "as": "files"}], "files": {"path": "{{ row_index }}{{ ext }}"}}
    read, first = run_rows.source.rows, []

    def rows(paths: Any, done: int = 0) -> Any:
        first.append(done)
        for at, row in enumerate(read(paths, done)):
            if len(first) == 1 and at == 4 * batches:
                raise KilledError
            yield row

    monkeypatch.setattr(run_rows.source, "rows", rows)
    with pytest.raises(KilledError):
        run_job(files, job)
    ended = run_job(files, job)
    assert (first, ended.code) == ([0, 4 * batches], 4)
    assert sorted(ended.files) == sorted(f"{n}.png" for n in range(1, 22) if n != 10)
    assert [record["_key"].rpartition("/")[2] for record in ended.records] == names
    assert ended.summary.files.failed == 1


def test_an_open_run_is_another_where_a_list_has_changed(files: Any, run_job: Any, write: Any, stop_after: Any) -> None:
    job = {"start": [{"list": "*.txt", "column": "line", "as": "files"}], "files": {"jobs": 1}}
    write("a.txt", *(f"{files.url}/f/{n}.png" for n in range(500)))  # more than are told at once
    events, control = stop_after(1)
    first = run_job(files, job, events=events, control=control)
    events, control = stop_after(1)
    second = run_job(files, job, events=events, control=control)
    write("b.txt", f"{files.url}/f/x.png")
    third = run_job(files, job)
    assert (first.code, second.code, third.code) == (130, 130, 0)
    assert (first.summary.run == second.summary.run, second.summary.run == third.summary.run) == (True, False)
    assert len(third.files) == 501


@pytest.mark.parametrize("limit", [1, 3, 7])
def test_a_limit_takes_the_first_items_of_a_list(limit: int, files: Any, run_job: Any, write: Any) -> None:
    write("a.csv", "url,n", *(f"{files.url}/f/{n}.png,{n}" for n in range(9)))
    start = [{"list": "a.csv", "column": "url", "as": "files", "when": "{{ row.n | int != 1 }}"}]
    ended = run_job(files, {"start": start}, limit=limit)
    assert (ended.code, ended.fields("n")) == (0, [str(n) for n in range(9) if n != 1][:limit])


def test_a_limit_takes_the_first_items_of_listed_pages(
    site: Site, serve: Any, run_job: Any, write: Any, asked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_rows, "ROWS", 3)
    site.route("/<n>")(lambda request, n: f"<h1>{n}</h1>" if n != "1" else "<p>nothing</p>")
    server = serve(site)
    write("a.txt", *(f"{server.url}/{n}" for n in range(30)))
    rule = {"item": {"n": {"css": "h1", "required": True}}}
    ended = run_job(server, {"start": [{"list": "a.txt", "column": "line"}], "rules": {"r": rule}}, limit=2)
    assert (ended.code, ended.fields("n"), asked(server)) == (4, ["0", "2"], ["/0", "/1", "/2"])


def test_rows_are_no_home_of_secrets(
    site: Site, serve: Any, run_job: Any, write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIST_TOKEN", "secret-token-1")
    seen: list[Any] = []
    site.route("/<n>")(lambda request, n: seen.append(dict(request.headers).get("Authorization")) or f"<h1>{n}</h1>")
    server = serve(site)
    write("a.txt", f"{server.url}/1", "{{ env('LIST_TOKEN') }}")
    job = {
        "http": {"auth": {"bearer": "{{ env('LIST_TOKEN') }}"}},
        "start": [{"list": "a.txt", "column": "line"}],
        "rules": {"r": {"item": {"h": "h1"}}},
    }
    ended = run_job(server, job)
    assert (ended.code, ended.fields("h"), seen) == (4, ["1"], [None])
    assert ended.failures == [("protocol", "row 2: \"{{ env('LIST_TOKEN') }}\" is not an http or https URL")]
