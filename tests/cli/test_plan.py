"""`scraper plan`: what a run would do, and what the run does then."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from scraper.server import Response

KEYS = [
    "job", "dest", "dest_exists", "continues", "stopped", "limit", "pages", "items", "files", "rules", "left_out",
    "sizes", "rate", "hosts", "seconds", "bound_by", "exit_code", "names",
]  # fmt: skip
ROWS = "each: li\nitem: {title: b}\nkey: title\nfiles: img\n"


def tree(folder: Path) -> dict[str, Any]:
    """All that stands below a folder, with content and time of change."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else None)
        for path in folder.rglob("*")
    }


def rows(*links: str) -> str:
    return "".join(f"<li><b>{at}</b><img src='{link}'></li>" for at, link in enumerate(links))


def names(told: Any) -> dict[str, Any]:
    """Path -> ending."""
    return {name["path"]: name["ending"] for name in told.json["names"]}


def closed_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def plan(scraper: Any) -> Any:
    """`plan(job, *args)`: with `--json`."""
    return lambda *args: scraper("plan", *args, "--json")


@pytest.fixture
def shop(site: Any, serve: Any, job: Any, pages: Any, write_job: Any) -> Any:
    """`shop({"a.png": 100}, *links, body=, head=)`: a job whose page has rows with files, of so many bytes each."""

    def make(files: dict[str, Any], *links: str, body: str = ROWS, head: str = "") -> Any:
        for name, size in files.items():
            answer = size if callable(size) else lambda request, size=size: Response(200, {}, b"x" * size)
            site.route(f"/{name}")(answer)
        pages(site, page=rows(*(links or [f"/{name}" for name in files])))
        server = serve(site)
        return server, write_job(job, server.url, body, head)

    return make


def test_the_plan_is_what_the_run_then_does(shop: Any, plan: Any, scraper: Any, folder: Path) -> None:
    _, path = shop({"a.png": 100, "b.png": 300})
    told = plan(path)
    assert (told.code, list(told.json)) == (0, KEYS)
    assert names(told) == {"a.png": None, "b.png": None}
    ran = scraper("run", path, "-o", "files.accept.types=[]")
    assert sorted(ran.lines) == ["output/mine/a.png", "output/mine/b.png"]


def test_a_plan_counts_pages_items_and_files_by_rule(shop: Any, plan: Any) -> None:
    server, path = shop({"a.png": 100, "b.png": 300})
    told = plan(path).json
    counted = {"read": 1, "skipped": 0, "failed": 0, "unread": 0}
    items = {"total": 2, "failed": 0}
    assert told["rules"] == [{"rule": "r", "pages": counted, "items": items, "files": 2}]
    assert (told["pages"], told["items"]) == (counted, items)
    assert told["files"] == {"fetch": 2, "unfinished_names": 0, "collisions": 0}
    assert told["names"][0] == {
        "path": "a.png", "whole": True, "url": f"{server.url}/a.png", "rule": "r", "ending": None, "message": "",
        "instead_of": None, "borne_by": None,
    }  # fmt: skip


@pytest.mark.parametrize("args", [(), ("--json",), ("--limit", "1"), ("-d", "elsewhere", "--state", "state")])
def test_nothing_is_written(shop: Any, scraper: Any, folder: Path, args: tuple[str, ...]) -> None:
    server, path = shop({"a.png": 100})
    before = tree(folder)
    assert scraper("plan", path, *args).code == 0
    assert tree(folder) == before
    assert {seen.method for seen in server.log if seen.target == "/a.png"} == {"HEAD"}


def test_what_earlier_runs_wrote_stays_as_it_is(shop: Any, plan: Any, scraper: Any, folder: Path) -> None:
    _, path = shop({"a.png": 100})
    scraper("run", path, "-o", "files.accept.types=[]")
    before = tree(folder)
    plan(path)
    assert tree(folder) == before


def test_no_scratch_is_left_behind(
    shop: Any, plan: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    plan(shop({"a.png": 100})[1])
    assert list(scratch.iterdir()) == []


# -- names ---------------------------------------------------------------------------------------------------


def test_a_name_that_was_taken_is_told_with_who_has_it(shop: Any, plan: Any, scraper: Any) -> None:
    server, path = shop({"x/a.png": 10, "y/A.png": 20})
    told = plan(path)
    first, second = told.json["names"]
    assert (first["path"], first["instead_of"], told.json["files"]["collisions"]) == ("a.png", None, 1)
    assert second["path"].startswith("A~")
    assert (second["instead_of"], second["borne_by"]) == ("A.png", f"{server.url}/x/a.png")
    text = scraper("plan", path).out
    assert f"{second['path']} for {server.url}/y/A.png" in text
    assert f"since A.png is of {server.url}/x/a.png" in text


def test_a_name_that_only_the_response_completes_is_told(shop: Any, plan: Any, scraper: Any) -> None:
    _, path = shop({"download": 10, "b.png": 10})
    told = plan(path).json
    assert [(name["path"], name["whole"]) for name in told["names"]] == [("download", False), ("b.png", True)]
    assert told["files"]["unfinished_names"] == 1
    assert "1 name without extension yet" in scraper("plan", path).out


def test_a_file_that_is_there_is_not_fetched_nor_asked_for(shop: Any, plan: Any, folder: Path) -> None:
    server, path = shop({"a.png": 100, "b.png": 100})
    (folder / "output/mine").mkdir(parents=True)
    (folder / "output/mine/a.png").write_bytes(b"mine")
    told = plan(path)
    assert (names(told), told.code) == ({"a.png": "skipped:exists", "b.png": None}, 0)
    assert told.json["files"] == {"fetch": 1, "skipped:exists": 1, "unfinished_names": 0, "collisions": 0}
    assert [seen.target for seen in server.log if seen.method == "HEAD"] == ["/b.png"]
    assert told.json["hosts"][0]["files"] == 1


def test_an_open_run_is_continued_and_what_it_asked_is_not_counted(
    shop: Any, plan: Any, process: Any, gate: Any, folder: Path
) -> None:
    slow = gate()
    _, path = shop({"slow.png": slow})
    running = process("run", path)
    slow.wait()
    running.signal(signal.SIGKILL)
    running.end()
    slow.open.set()
    told = plan(path).json
    assert (told["continues"], told["hosts"][0]["pages"], told["hosts"][0]["files"]) == (True, 0, 1)
    fresh = plan(path, "--fresh").json
    assert (fresh["continues"], fresh["hosts"][0]["pages"]) == (False, 1)


# -- what is left out ----------------------------------------------------------------------------------------


def test_pages_that_are_left_out_are_told_with_the_reason(
    site: Any, serve: Any, job: Any, pages: Any, write_job: Any, plan: Any
) -> None:
    pages(site, page='<h1>T</h1><a href="http://elsewhere.example/">o</a><a href="/private">p</a><a href="/no">n</a>')
    site.route("/robots.txt")(lambda request: "User-agent: *\nDisallow: /private")
    base = serve(site).url
    told = plan(write_job(job, base, "item: {title: h1}\nfollow: {r: a}\n"))
    groups = {(each["ending"], each["examples"][0]["url"], each["count"]) for each in told.json["left_out"]}
    assert groups == {
        ("failed:http:404", f"{base}/no", 1),
        ("skipped:outside", "http://elsewhere.example/", 1),
        ("skipped:robots", f"{base}/private", 1),
    }
    assert (told.code, told.json["exit_code"]) == (4, 4)
    assert told.json["pages"] == {"read": 1, "skipped": 2, "failed": 1, "unread": 0}


def test_what_is_only_skipped_is_no_failure(
    site: Any, serve: Any, job: Any, pages: Any, write_job: Any, plan: Any
) -> None:
    pages(site, page='<h1>T</h1><a href="http://elsewhere.example/">o</a>')
    assert plan(write_job(job, serve(site).url, "item: {title: h1}\nfollow: {r: a}\n")).code == 0


def test_files_that_robots_txt_forbids_are_told_and_not_asked_for(shop: Any, site: Any, plan: Any) -> None:
    site.route("/robots.txt")(lambda request: "User-agent: *\nDisallow: /no/")
    server, path = shop({"no/a.png": 10, "b.png": 10, "no/c.png": 10})
    told = plan(path)
    assert names(told) == {"a.png": "skipped:robots", "b.png": None, "c.png": "skipped:robots"}
    group = next(each for each in told.json["left_out"] if each["kind"] == "file")
    assert (group["ending"], group["count"]) == ("skipped:robots", 2)
    assert [seen.target for seen in server.log if seen.method == "HEAD"] == ["/b.png"]


def test_an_item_that_fails_is_told_with_its_message(shop: Any, plan: Any, scraper: Any) -> None:
    _, path = shop({"a.png": 10}, body="each: li\nitem: {n: {css: i, required: true}}\n")
    told = plan(path)
    group = told.json["left_out"][0]
    assert (told.code, group["kind"], group["count"]) == (4, "item", 1)
    assert group["examples"][0]["message"] in scraper("plan", path).out


def test_a_login_that_fails_ends_the_plan_with_its_reason(shop: Any, plan: Any) -> None:
    _, path = shop({"a.png": 10}, head='login: [{get: "{{ base }}/nowhere"}]\n')
    told = plan(path)
    assert (told.code, told.json["names"], told.json["left_out"][0]["ending"]) == (4, [], "failed:http:404")


def test_a_row_that_gives_no_url_is_told(job: Any, folder: Path, plan: Any, serve: Any, site: Any) -> None:
    site.route("/a.png")(lambda request: Response(200, {}, b"12345"))
    (folder / "urls.txt").write_text(f"{serve(site).url}/a.png\nnonsense\n")
    told = plan(job("name: mine\nstart: [{list: urls.txt, as: files, url: '{{ row.line }}'}]\n"))
    ends = {name["url"].rpartition("/")[2]: name["ending"] for name in told.json["names"]}
    assert (told.code, ends) == (4, {"a.png": None, "nonsense": "failed:protocol"})


# -- limit ---------------------------------------------------------------------------------------------------


def test_a_limit_ends_the_walk_and_says_that_the_rest_is_unknown(
    site: Any, serve: Any, job: Any, pages: Any, write_job: Any, plan: Any, scraper: Any
) -> None:
    links = "".join(f'<a href="/p{at}">x</a>' for at in range(5))
    pages(site, page=links, **{f"p{at}": f"<h1>{at}</h1>" for at in range(5)})
    path = write_job(job, serve(site).url, "follow: {item: a}\n")
    path.write_text(path.read_text() + "  item: {item: {t: h1}}\n")
    told = plan(path, "--limit", "2").json
    assert told["limit"] == {"asked": 2, "reached": True}
    assert (told["items"]["total"], told["pages"]) == (2, {"read": 3, "skipped": 0, "failed": 0, "unread": 3})
    text = scraper("plan", path, "--limit", "2").out
    assert "limit       --limit 2 was reached: what lies behind it is unknown, not nothing\n" in text
    assert "3 pages known by then are not read" in text
    assert "--limit 9 was not reached: this is all there is" in scraper("plan", path, "--limit", "9").out


# -- sizes ---------------------------------------------------------------------------------------------------


def test_sizes_are_what_servers_say_to_head(shop: Any, plan: Any, scraper: Any) -> None:
    _, path = shop({"a.png": 1000, "b.png": 3000})
    assert plan(path).json["sizes"] == {
        "files": 2, "sampled": 2, "known": 2, "unknown": {}, "mean": 2000, "total": 4000, "low": 4000, "high": 4000,
        "estimate": True, "led_to": {},
    }  # fmt: skip
    assert "sizes       3.9 kB in all, 2.0 kB a file, as the servers say" in scraper("plan", path).out


def test_a_sample_is_an_estimate_and_says_so(shop: Any, plan: Any, scraper: Any) -> None:
    server, path = shop({f"{at}.png": 1000 for at in range(9)})
    told = plan(path, "--sample", "3").json["sizes"]
    assert (told["sampled"], told["known"], told["files"], told["total"]) == (3, 3, 9, 9000)
    assert sorted(seen.target for seen in server.log if seen.method == "HEAD") == ["/1.png", "/4.png", "/7.png"]
    assert "an estimate from 3 of 9 files" in scraper("plan", path, "--sample", "3").out


def test_without_a_sample_nobody_is_asked(shop: Any, plan: Any, scraper: Any) -> None:
    server, path = shop({"a.png": 10})
    assert plan(path, "--sample", "0").json["sizes"] is None
    assert [seen.method for seen in server.log if seen.target == "/a.png"] == []
    assert "not asked for (--sample 0)" in scraper("plan", path, "--sample", "0").out


def test_a_server_that_does_not_know_head_is_told_and_no_failure(shop: Any, plan: Any, scraper: Any) -> None:
    _, path = shop({"a.png": lambda request: Response(405 if request.method == "HEAD" else 200, {}, b"x")})
    told = plan(path)
    assert (told.code, told.json["sizes"]["unknown"], told.json["sizes"]["total"]) == (0, {"http:405": 1}, None)
    text = scraper("plan", path).out
    assert "unknown: no server that was asked says them" in text
    assert "1 of 1 asked did not say: 1 http:405" in text


def test_a_host_that_is_down_is_told_and_no_failure(shop: Any, plan: Any) -> None:
    down = f"http://127.0.0.1:{closed_port()}"
    head = "polite: {robots: ignore}\n"
    _, path = shop({"a.png": 10}, "/a.png", f"{down}/b.png", f"{down}/c.png", head=head)
    told = plan(path)
    assert (told.code, told.json["sizes"]["known"], sum(told.json["sizes"]["unknown"].values())) == (0, 1, 2)
    assert all("connect" in why for why in told.json["sizes"]["unknown"])


def test_a_host_that_is_busy_is_asked_for_no_further_file(shop: Any, plan: Any) -> None:
    busy = {f"{at}.png": lambda request: Response(503, {"Retry-After": "3600"}, b"") for at in range(5)}
    server, path = shop(busy, head="polite: {robots: ignore, per_host: 1}\n")
    told = plan(path)
    assert told.json["sizes"]["unknown"] == {"http:503": 1, "its host: http:503": 4}
    assert len([seen for seen in server.log if seen.method == "HEAD"]) == 1


def test_a_redirect_is_followed_and_its_host_named(shop: Any, site: Any, serve: Any, plan: Any) -> None:
    other = serve()
    _, path = shop({"a.png": lambda request: Response(302, {"Location": f"{other.url}/favicon.ico"}, b"")})
    host = other.url.removeprefix("http://")
    assert plan(path).json["sizes"]["led_to"] == {host: 1}


def test_a_file_is_asked_with_the_headers_that_the_job_gives_it(shop: Any, plan: Any) -> None:
    body = "each: li\nitem: {title: b}\nfiles: {select: img, headers: {Referer: 'http://me/'}}\n"
    server, path = shop({"a.png": 10}, body=body)
    plan(path)
    asked = next(seen for seen in server.log if seen.method == "HEAD")
    headers = dict(asked.headers)
    assert (headers["Referer"], headers["Accept-Encoding"]) == ("http://me/", "identity")


# -- time ----------------------------------------------------------------------------------------------------


def test_the_time_is_that_of_delays_between_requests(shop: Any, plan: Any, scraper: Any) -> None:
    head = "polite: {robots: ignore, per_host: 2, delay: 0.01}\n"
    _, path = shop({f"{at}.png": 10 for at in range(4)}, head=head)
    host = plan(path, "--sample", "0").json["hosts"][0]
    assert (host["pages"], host["files"], host["robots"], host["requests"]) == (1, 4, 0, 5)
    assert (host["per_host"], host["delay"], host["crawl_delay"]) == (2, [0.01, 0.01], 0.0)
    assert host["seconds"] >= 0.04


def test_a_crawl_delay_counts(shop: Any, site: Any, plan: Any) -> None:
    site.route("/robots.txt")(lambda request: "User-agent: *\nCrawl-delay: 0.05")
    server, path = shop({"a.png": 10, "b.png": 10})
    told = plan(path, "--sample", "0").json
    host = told["hosts"][0]
    assert (host["robots"], host["crawl_delay"], host["requests"]) == (1, 0.05, 4)
    assert told["seconds"] >= 0.15
    assert told["bound_by"] == server.url.removeprefix("http://")


def test_a_rate_makes_the_bytes_take_their_time(shop: Any, plan: Any, scraper: Any) -> None:
    _, path = shop({"a.png": 100 * 1024}, head="polite: {rate: 1k}\n")
    told = plan(path).json
    assert (told["rate"], told["seconds"], told["bound_by"]) == (1024, 100.0, "polite.rate")
    assert "at least 1 min 40 s: polite.rate is 1.0 kB/s" in scraper("plan", path).out


# -- the command ---------------------------------------------------------------------------------------------


def test_stdout_carries_the_plan_and_nothing_else(shop: Any, scraper: Any) -> None:
    _, path = shop({"a.png": 100})
    told = scraper("plan", path)
    assert told.lines[0] == "mine: what a run would do now; nothing is written"
    assert "dest        output/mine, which does not exist yet" in told.lines
    assert "names       a.png" in told.lines
    assert (told.code, told.err, "\x1b" in told.out) == (0, "", False)


def test_nothing_that_pages_say_reaches_the_terminal_as_an_escape(shop: Any, scraper: Any) -> None:
    _, path = shop({}, "/%1b%5b2J\x1b[2J.png", body=ROWS)
    for args in ((), ("-v",), ("--json",)):
        assert "\x1b" not in scraper("plan", path, "--sample", "0", *args).out


def test_a_mistake_in_the_job_is_told_with_its_place(job: Any, scraper: Any) -> None:
    told = scraper("plan", job("name: mine\nstart: []\nrulse: {}\n"))
    assert (told.code, told.out, "job.yaml:3:1" in told.err) == (3, "", True)


def test_a_secret_that_is_not_set_is_told_before_anything_is_asked(shop: Any, scraper: Any) -> None:
    server, path = shop({"a.png": 1}, head="http: {auth: {bearer: \"{{ env('NO_SUCH_TOKEN') }}\"}}\n")
    path.write_text(path.read_text().replace("http: {retry: {first_wait: 0}}\n", ""))
    told = scraper("plan", path)
    assert (told.code, told.out, server.log) == (3, "", [])


def test_a_plan_may_be_made_while_a_run_is_under_way(shop: Any, plan: Any, process: Any, gate: Any) -> None:
    slow = gate(Response(200, {}, b"x"))
    _, path = shop({"slow.png": slow})
    running = process("run", path, "-o", "files.accept.types=[]")
    slow.wait()
    told = plan(path, "--sample", "0")
    slow.open.set()
    assert (told.code, names(told), running.end().code) == (0, {"slow.png": None}, 0)


def test_a_signal_ends_the_walk_and_what_was_seen_is_told(
    site: Any, serve: Any, job: Any, pages: Any, write_job: Any, process: Any, gate: Any, folder: Path, tmp_path: Path
) -> None:
    slow = gate("<h1>late</h1>")
    pages(site, page='<h1>T</h1><img src="/a.png"><a href="/slow">s</a>')
    site.route("/slow")(slow)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    body = "item: {title: h1}\nfiles: img\nfollow: {r: a}\n"
    running = process("plan", write_job(job, serve(site).url, body), "--json", TMPDIR=str(scratch))
    slow.wait()
    running.signal(signal.SIGINT)
    running.wait_for("stopping")
    slow.open.set()
    told = running.end()
    assert (told.code, told.json["stopped"], names(told)) == (130, True, {"a.png": None})
    assert os.listdir(scratch) == []
    assert not (folder / "output").exists()
