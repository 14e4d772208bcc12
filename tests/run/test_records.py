"""The records file of a run, in each of its forms."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from contextlib import closing

import pytest

from scraper.errors import JobError
from scraper.records import parquet

OWN = ["_key", "_rule", "_url", "_files"]


def rule(item):
    return {"read": "json", "each": "rows[*]", "item": item, "key": next(iter(item))}


def job(records, **item):
    return {"start": ["{{ base }}/"], "rules": {"r": rule(item)}, "records": records}


@pytest.fixture
def api(site, serve):
    """`api(*rows)`: a server of these rows."""
    state = []

    def make(*rows):
        state[:] = rows
        if make.server is None:
            site.route("/")(lambda request: {"rows": list(state)})
            make.server = serve(site)
        return make.server

    make.server = None
    return make


def table(path):
    """Names and rows of a records file."""
    if path.suffix == ".csv":
        head, *rows = csv.reader(io.StringIO(path.read_bytes().decode(), newline=""))
        return head, rows
    if path.suffix == ".parquet":
        pq = pytest.importorskip("pyarrow.parquet")
        found = pq.read_table(path)
        return found.column_names, [list(row.values()) for row in found.to_pylist()]
    with closing(sqlite3.connect(path)) as db:
        cursor = db.execute("SELECT * FROM records")
        return [name for name, *_ in cursor.description], [list(row) for row in cursor]


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("records.csv", ["'=1+1", "-2.5", "", '["a", "b"]']),
        ("records.sqlite", ["=1+1", -2.5, None, '["a", "b"]']),
        ("out/all.db", ["=1+1", -2.5, None, '["a", "b"]']),
        ("records.parquet", ["=1+1", -2.5, None, ["a", "b"]]),
    ],
)
def test_records_are_written_in_the_form_that_their_name_tells(api, run_job, name, cells):
    server = api({"t": "=1+1", "p": -2.5, "l": ["a", "b"]})
    ran = run_job(server, job(name, t="t", p="p", none="none", l="l"))
    files = [] if name.endswith("parquet") else "[]"
    assert table(ran.dest / name) == (
        ["t", "p", "none", "l", *OWN],
        [[*cells, cells[0], "r", f"{server.url}/", files]],
    )
    assert list(ran.dest.rglob("records.part")) == []


@pytest.mark.parametrize("name", ["records.csv", "records.sqlite", "records.parquet"])
def test_columns_stay_whatever_the_items_at_hand_have(api, run_job, name):
    head = ["t", "p", *OWN]
    first = run_job(api({"t": "a", "p": 1}), job(name, t="t", p="p"))
    assert table(first.dest / name)[0] == head
    empty = run_job(api(), job(name, t="t", p="p"))
    assert table(empty.dest / name) == (head, [])


def test_fields_of_older_items_stand_behind_those_of_the_job(api, run_job):
    run_job(api({"t": "a", "z": 1, "b": 2}), job("records.csv", t="t", z="z", b="b"))
    ran = run_job(api({"t": "c", "n": 3}), job({"path": "records.csv", "gone": "keep"}, t="t", n="n"))
    head, rows = table(ran.dest / "records.csv")
    assert (head, [row[:4] for row in rows]) == (["t", "n", "b", "z", *OWN], [["a", "", "2", "1"], ["c", "3", "", ""]])


def test_several_rules_share_a_file_with_the_fields_of_each_in_order(site, serve, run_job):
    site.route("/")(lambda request: '<h1>t</h1><a href="/b">x</a>')
    site.route("/b")(lambda request: "<h1>u</h1><i>5</i>")
    rules = {"a": {"item": {"title": "h1"}, "follow": {"b": "a"}}, "b": {"item": {"price": "i", "title": "h1"}}}
    ran = run_job(serve(site), {"start": ["{{ base }}/"], "rules": rules, "records": "records.csv"})
    head, rows = table(ran.dest / "records.csv")
    assert (head, [row[:2] for row in rows]) == (["title", "price", *OWN], [["t", ""], ["u", "5"]])


def test_rows_as_items_have_the_fields_of_the_rows(site, serve, run_job, tmp_path):
    (tmp_path / "list.jsonl").write_text('{"url": "/a.png", "z": 1}\n{"a": 2, "url": "/b.png"}\n')
    site.route("/<name>")(lambda request, name: b"x")
    start = [{"list": "list.jsonl", "url": "{{ base }}{{ row.url }}", "as": "files"}]
    ran = run_job(serve(site), {"start": start, "records": "records.csv"})
    head, rows = table(ran.dest / "records.csv")
    assert (head, [row[-1] for row in rows]) == (["url", "z", "a", *OWN], ['["a.png"]', '["b.png"]'])


@pytest.mark.parametrize("name", ["records.csv", "records.sqlite", "records.sqlite-journal", "records.sqlite-wal"])
def test_no_file_takes_the_name_of_the_records_or_of_what_sqlite_plays_back(site, serve, run_job, name):
    site.route("/")(lambda request: f'<h1>t</h1><img src="/{name}">')
    site.route("/<name>")(lambda request, name: b"x")
    records = "records.csv" if name.endswith("csv") else "records.sqlite"
    rules = {"r": {"item": {"t": "h1"}, "files": {"select": "img", "path": "{{ filename }}"}}}
    ran = run_job(serve(site), {"start": ["{{ base }}/"], "rules": rules, "records": records})
    (path,) = json.loads(table(ran.dest / records)[1][0][-1])
    assert (ran.code, path != name, (ran.dest / path).read_bytes()) == (0, True, b"x")


def test_parquet_without_its_extra_is_a_mistake_of_the_job(run_job, monkeypatch):
    monkeypatch.setattr(parquet, "is_missing", lambda: True)
    with pytest.raises(JobError, match=r"records: records in parquet need pyarrow: pip install"):
        run_job("http://127.0.0.1:9", job("records.parquet", t="t"))


def test_any_other_name_is_a_mistake_of_the_job(run_job):
    with pytest.raises(JobError, match=r"records are written as \.jsonl, \.csv, \.sqlite, \.db or \.parquet"):
        run_job("http://127.0.0.1:9", job("records.xlsx", t="t"))


def test_a_place_for_the_database_that_cannot_be_written_stops_the_run_and_the_next_one_writes(api, run_job, tmp_path):
    given = job("records.sqlite", t="t")
    (tmp_path / "out" / ".scraper" / "records.part").mkdir(parents=True)
    refused = run_job(api({"t": "a"}), given)
    (tmp_path / "out" / ".scraper" / "records.part").rmdir()
    again = run_job(api({"t": "a"}), given)
    assert (refused.code, again.code, table(again.dest / "records.sqlite")[1][0][0]) == (5, 0, "a")
